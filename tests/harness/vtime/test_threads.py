"""Threads, pools, locks and queues in virtual time: exact, and in the same order on every run."""

from __future__ import annotations

import asyncio
import queue
import sched
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.harness.vtime.conftest import World

POOL = ThreadPoolExecutor(4)
"""As modules of an integration have them: made before any trial."""
LOCK = threading.Lock()
INBOX: queue.Queue[int] = queue.Queue()


def started(targets: list[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=target) for target in targets]
    for thread in threads:
        thread.start()
    return threads


def fifty_threads(world: World) -> list[tuple[int, float]]:
    woken: list[tuple[int, float]] = []

    def work(number: int) -> None:
        time.sleep(number * 7 % 10)
        requests.get(world.url, headers=world.headers, timeout=10).raise_for_status()
        woken.append((number, time.monotonic()))

    began = time.monotonic()
    for thread in started([lambda number=number: work(number) for number in range(50)]):  # type: ignore[misc]
        thread.join()
    return [(number, moment - began) for number, moment in woken]


def test_fifty_threads_wake_in_the_same_order_on_every_run(world: World) -> None:
    runs: list[Any] = []
    for _ in range(3):
        world(lambda: runs.append(fifty_threads(world)))
    assert runs[0] == runs[1] == runs[2]
    assert runs[0] == [(number, float(number * 7 % 10)) for number in sorted(range(50), key=lambda n: (n * 7 % 10, n))]


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0, 1.5, 3.0, 60.0]), min_size=1, max_size=4), max_size=8))
def test_sleepers_wake_by_their_time_and_then_by_their_start(world: World, naps: list[list[float]]) -> None:
    woken: list[tuple[float, int]] = []
    expected: list[tuple[float, int]] = []

    def work(number: int, began: float) -> None:
        for nap in naps[number]:
            time.sleep(nap)
            woken.append((time.monotonic() - began, number))

    def subject() -> None:
        began = time.monotonic()
        for thread in started([lambda number=number: work(number, began) for number in range(len(naps))]):  # type: ignore[misc]
            thread.join()

    # The rule itself, without threads: the first due goes first; of those due at once, who began to wait first.
    waiting = [(naps[number][0], number, number, 0) for number in range(len(naps))]
    order = len(naps)
    while waiting:
        waiting.sort(key=lambda one: (one[0], one[1]))
        moment, _, number, nap = waiting.pop(0)
        expected.append((moment, number))
        if nap + 1 < len(naps[number]):
            waiting.append((moment + naps[number][nap + 1], order, number, nap + 1))
            order += 1
    world(subject)
    assert woken == expected


def test_a_sleeper_that_holds_a_lock_holds_up_the_others(world: World) -> None:
    entered: list[float] = []

    def subject() -> None:
        began, lock = time.monotonic(), threading.Lock()

        def work() -> None:
            with lock:
                entered.append(time.monotonic() - began)
                time.sleep(30)

        for thread in started([work] * 4):
            thread.join()

    world(subject)
    assert entered == [0, 30, 60, 90]


def test_waits_with_a_time_out_end_on_time(world: World) -> None:
    def subject() -> list[float]:
        began, taken = time.monotonic(), []

        def note() -> None:
            nonlocal began
            taken.append(time.monotonic() - began)
            began = time.monotonic()

        lock = threading.Lock()
        lock.acquire()
        assert not lock.acquire(timeout=5)
        note()
        assert not threading.Event().wait(10)
        note()
        with pytest.raises(queue.Empty):
            queue.Queue().get(timeout=15)
        note()
        with pytest.raises(TimeoutError):
            Future().result(timeout=20)
        note()
        with pytest.raises(threading.BrokenBarrierError):
            threading.Barrier(2).wait(25)
        note()
        assert not threading.Semaphore(0).acquire(timeout=30)
        note()
        condition = threading.Condition()
        with condition:
            assert not condition.wait_for(lambda: False, 35)
        note()
        sleeper = threading.Thread(target=time.sleep, args=(100,))
        sleeper.start()
        sleeper.join(40)
        assert sleeper.is_alive()
        note()
        sleeper.join()
        assert not sleeper.is_alive()
        note()
        plan = sched.scheduler()
        plan.enter(45, 1, note)
        plan.run()
        threading.Timer(50, note).start()
        time.sleep(51)
        return taken

    seen: list[float] = []
    world(lambda: seen.extend(subject()))
    assert seen == [5, 10, 15, 20, 25, 30, 35, 40, 60, 45, 50]


@pytest.mark.parametrize("kind", ["Queue", "SimpleQueue", "LifoQueue", "PriorityQueue", "the C one"])
def test_a_queue_hands_over_in_virtual_time(kind: str, world: World) -> None:
    real = queue.SimpleQueue
    got: list[tuple[int, float]] = []

    def subject() -> None:
        began, line = time.monotonic(), real() if kind == "the C one" else getattr(queue, kind)()

        def consume() -> None:
            got.extend((line.get(), time.monotonic() - began) for _ in range(3))

        (consumer,) = started([consume])
        for number in range(3):
            time.sleep(10)
            line.put(number)
        consumer.join()

    world(subject)
    assert got == [(0, 10), (1, 20), (2, 30)]


def test_a_queue_made_before_the_trial_works_in_it(world: World) -> None:
    def subject() -> None:
        (sender,) = started([lambda: (time.sleep(60), INBOX.put(1))])
        assert INBOX.get() == 1
        sender.join()

    assert world(subject).seconds == 60


def test_a_lock_older_than_the_trial_is_waited_for(world: World) -> None:
    entered: list[float] = []

    def subject() -> None:
        began = time.monotonic()

        def work() -> None:
            with LOCK:
                entered.append(time.monotonic() - began)
                time.sleep(30)

        for thread in started([work] * 3):
            thread.join()

    world(subject)
    assert entered == [0, 30, 60]


def test_a_pool_runs_as_many_at_a_time_as_it_has_workers(world: World) -> None:
    def subject() -> None:
        began = time.monotonic()
        with ThreadPoolExecutor(5) as pool:
            done = list(pool.map(lambda number: (time.sleep(10), number, time.monotonic() - began), range(20)))
        assert [(number, moment) for _, number, moment in done] == [(n, 10.0 * (n // 5 + 1)) for n in range(20)]

    assert world(subject).seconds == 40


def test_a_pool_made_before_the_trial_serves_it_and_what_comes_after(world: World) -> None:
    assert POOL.submit(threading.current_thread).result(5).name.startswith("ThreadPool")

    def subject() -> None:
        wait([POOL.submit(time.sleep, 100) for _ in range(8)])

    assert world(subject).seconds == 200
    assert world(subject).seconds == 200
    assert POOL.submit(lambda: 7).result(5) == 7


def test_threads_and_tasks_together(world: World) -> None:
    order: list[str] = []

    async def napping(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    def dozing(name: str, seconds: float) -> None:
        time.sleep(seconds)
        order.append(name)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        heard: asyncio.Queue[str] = asyncio.Queue()

        def tell() -> None:
            time.sleep(25)
            loop.call_soon_threadsafe(heard.put_nowait, "told")

        threading.Thread(target=tell).start()
        await asyncio.gather(
            napping("task 10", 10),
            asyncio.to_thread(dozing, "thread 20", 20),
            napping("task 30", 30),
            asyncio.to_thread(dozing, "thread 40", 40),
            asyncio.wait_for(heard.get(), 26),
        )

    assert world(lambda: asyncio.run(main())).seconds == 40
    assert order == ["task 10", "thread 20", "task 30", "thread 40"]


def test_a_thread_outside_the_trial_stays_in_real_time(world: World) -> None:
    stop, taken = threading.Event(), []

    def outside() -> None:
        while not stop.is_set():
            began = time.perf_counter()
            time.sleep(0.01)
            taken.append(time.perf_counter() - began)

    other = threading.Thread(target=outside)
    other.start()
    world(lambda: [time.sleep(100) for _ in range(20)])
    time.sleep(0.05)
    stop.set()
    other.join()
    assert taken
    assert min(taken) >= 0.009
