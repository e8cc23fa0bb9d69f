"""How a run ends that does not end well: with a clear word, no hang, and the next test unharmed."""

from __future__ import annotations

import asyncio
import datetime
import multiprocessing
import os
import queue
import select
import selectors
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from os import fork as imported_fork
from typing import Any

import pytest
import requests

from harness.vtime import run
from harness.vtime.actors import Deadlock
from harness.vtime.engine import AlreadyRunning
from harness.vtime.processes import NotInVirtualTime
from harness.vtime.run import Stuck
from harness.vtime.side import LocalSide
from tests.harness.vtime.conftest import World

REPLACED = [
    (time, "time"),
    (time, "sleep"),
    (time, "monotonic"),
    (time, "perf_counter_ns"),
    (threading, "Lock"),
    (threading, "RLock"),
    (threading, "_allocate_lock"),
    (threading.Thread, "start"),
    (threading.Thread, "join"),
    (queue, "SimpleQueue"),
    (queue, "time"),
    (select, "select"),
    (select, "poll"),
    (selectors.DefaultSelector, "select"),
    (socket.socket, "connect"),
    (socket.socket, "recv_into"),
    (socket.socket, "sendall"),
    (ssl.SSLSocket, "read"),
    (os, "fork"),
    (subprocess.Popen, "wait"),
    (ThreadPoolExecutor, "submit"),
    (datetime.datetime, "now"),
]


def state() -> list[Any]:
    return [vars(owner).get(name, getattr(owner, name)) for owner, name in REPLACED]


@pytest.fixture(autouse=True)
def untouched() -> Any:
    """Whatever a subject does, the next test finds everything as it was."""
    before = state()
    yield
    assert [name for (_, name), one, two in zip(REPLACED, before, state(), strict=True) if one is not two] == []
    began = time.perf_counter()
    time.sleep(0.01)
    assert 0.01 <= time.perf_counter() - began < 60
    assert threading.Lock().acquire(timeout=60)
    assert ThreadPoolExecutor(1).submit(lambda: 1).result(60) == 1


def test_a_dead_lock_says_who_waits_for_what(world: World) -> None:
    def subject() -> None:
        one, two = threading.Lock(), threading.Lock()

        def work(first: Any, second: Any) -> None:
            with first:
                time.sleep(10)
                with second:
                    pass

        left = threading.Thread(target=work, args=(one, two), name="left")
        right = threading.Thread(target=work, args=(two, one), name="right")
        left.start()
        right.start()
        left.join()

    with _quiet_threads():
        outcome = world.ended(subject)
    assert isinstance(outcome.error, Deadlock)
    assert isinstance(outcome.failure, Deadlock)
    text = str(outcome.failure)
    assert "dead-lock after 10 s of virtual time" in text
    assert "left waits for a lock held by right, at " in text
    assert "right waits for a lock held by left, at " in text
    assert "the subject waits for the end of left, at " in text
    assert "test_ends.py:" in text
    assert "in work" in text


class _quiet_threads:
    """Keeps the tracebacks of a subject's threads out of the test's warnings."""

    def __enter__(self) -> None:
        self._hook, threading.excepthook = threading.excepthook, lambda args: None

    def __exit__(self, *_: object) -> None:
        threading.excepthook = self._hook


@pytest.mark.parametrize(
    "subject, call",
    [
        (lambda: queue.Queue().get(), "queue.Queue.get"),
        (lambda: threading.Event().wait(), "threading.Event.wait"),
        (lambda: asyncio.run(asyncio.Event().wait()), "asyncio.runners.run"),  # type: ignore[arg-type]
    ],
)
def test_a_dead_lock_names_the_call(subject: Callable[[], object], call: str, world: World) -> None:
    failure = world.ended(subject).failure
    assert isinstance(failure, Deadlock)
    assert call in str(failure)


def test_a_swallowed_dead_lock_ends_the_run_all_the_same(world: World) -> None:
    def subject() -> None:
        while True:
            try:
                queue.Queue().get()
            except Exception:
                continue

    assert isinstance(world.ended(subject).failure, Deadlock)


def test_the_deadline_is_virtual(world: World) -> None:
    naps: list[int] = []

    def subject() -> None:
        while True:
            time.sleep(60)
            naps.append(1)

    outcome = world.ended(subject, deadline=3590)
    assert (outcome.timed_out, outcome.seconds, outcome.error) == (True, 3590, None)
    assert len(naps) == 59


def test_the_wall_clock_has_a_limit_too(world: World) -> None:
    def subject() -> None:
        while True:
            time.sleep(1)

    outcome = world.ended(subject, wall=0.3)
    assert outcome.timed_out
    assert "0.3 s of real time" in str(outcome.failure)
    assert outcome.seconds > 10


def test_a_thread_that_never_waits_is_shown_with_its_stack(world: World) -> None:
    def spin() -> None:
        while True:
            pass

    outcome = world.ended(spin, stuck=0.3)
    assert isinstance(outcome.failure, Stuck)
    assert "the subject has run for" in str(outcome.failure)
    assert "in spin" in str(outcome.failure)


def test_a_wait_that_virtual_time_cannot_see_is_no_hang(world: World) -> None:
    reader, writer = os.pipe()
    try:
        outcome = world.ended(lambda: os.read(reader, 1), stuck=0.3)
        assert isinstance(outcome.failure, Stuck)
        assert "a place that virtual time does not reach" in str(outcome.failure)
    finally:
        os.write(writer, b"x")
        os.close(writer)
        time.sleep(0.05)
        os.close(reader)


@pytest.mark.parametrize(
    "start, name",
    [
        (lambda: os.fork(), "os.fork"),  # noqa: PLW0108
        (lambda: imported_fork(), "os.fork"),  # noqa: PLW0108
        (lambda: multiprocessing.get_context("fork").Process(target=print).start(), "multiprocessing.Process"),
        (lambda: multiprocessing.get_context("spawn").Process(target=print).start(), "multiprocessing.Process"),
    ],
)
def test_processes_of_its_own_are_refused(start: Callable[[], Any], name: str, world: World) -> None:
    def subject() -> None:
        try:
            start()
        except Exception:
            time.sleep(1)

    failure = world.ended(subject).failure
    assert isinstance(failure, NotInVirtualTime)
    assert name in str(failure)
    assert "time: real" in str(failure)


def test_a_program_that_is_waited_for_takes_no_virtual_time(world: World) -> None:
    def subject() -> None:
        done = subprocess.run([sys.executable, "-c", "print(7)"], capture_output=True, timeout=30, check=True)
        assert done.stdout.strip() == b"7"

    assert world(subject).seconds == 0


def test_uvloop_is_refused(world: World) -> None:
    uvloop = pytest.importorskip("uvloop")

    failure = world.ended(lambda: asyncio.Runner(loop_factory=uvloop.new_event_loop).get_loop()).failure
    assert isinstance(failure, NotInVirtualTime)
    assert "uvloop" in str(failure)


def test_a_block_on_uvloop_is_refused(world: World) -> None:
    uvloop = pytest.importorskip("uvloop")

    async def main() -> None:
        with run.block(LocalSide(world.server, world.org.id)):
            pass

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner, pytest.raises(NotInVirtualTime, match="uvloop"):
        runner.run(main())


def test_threads_that_outlive_the_subject_are_told_and_named(world: World) -> None:
    cleaned: list[str] = []

    def work(name: str) -> None:
        try:
            time.sleep(3600)
        finally:
            cleaned.append(name)

    def subject() -> None:
        for name in ("first", "second"):
            threading.Thread(target=work, args=(name,), name=name).start()
        time.sleep(1)

    outcome = world(subject)
    assert cleaned == ["first", "second"]
    assert outcome.seconds == 1
    assert [line.split(",")[0] for line in outcome.leftover] == [
        "first waits for time.sleep(3600)",
        "second waits for time.sleep(3600)",
    ]


def test_a_thread_that_swallows_everything_does_not_run_on(world: World) -> None:
    rounds: list[int] = []

    def stubborn() -> None:
        while True:
            try:
                time.sleep(1)
            except BaseException:
                rounds.append(1)

    outcome = world(lambda: (threading.Thread(target=stubborn, name="stubborn").start(), time.sleep(5)))
    assert outcome.leftover[0].startswith("stubborn waits for time.sleep(1)")
    seen = len(rounds)
    time.sleep(0.05)
    assert len(rounds) == seen


def test_idle_workers_of_a_pool_make_no_noise(world: World, caplog: pytest.LogCaptureFixture) -> None:
    def subject() -> None:
        pool = ThreadPoolExecutor(3)
        assert pool.submit(lambda: 7).result() == 7

    world(subject)
    assert caplog.records == []


def test_a_subject_that_replaces_time_itself_is_put_right(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def subject() -> None:
        monkeypatch.setattr(time, "sleep", lambda _: None)
        time.time = lambda: 0.0  # type: ignore[assignment]
        time.sleep(900)
        assert time.time() == 0

    assert world(subject).seconds == 0
    monkeypatch.undo()
    # What the test's own undoing has put back is a stand-in for the actors of another time; the next run ends that.
    time.sleep(0)
    world(lambda: None)


def test_a_subject_that_closes_its_loop_ends_with_its_own_error(world: World) -> None:
    async def main() -> None:
        asyncio.get_running_loop().close()

    assert isinstance(world.ended(lambda: asyncio.run(main())).error, RuntimeError)


def test_a_subject_that_closes_the_socket_it_reads_from(world: World) -> None:
    world.stall("60s")

    def subject() -> None:
        with socket.create_connection(("127.0.0.1", int(world.server.url.rsplit(":", 1)[1]))) as sock:
            sock.sendall(b"GET /services/data HTTP/1.1\r\nHost: localhost\r\n\r\n")
            threading.Timer(10, sock.close).start()
            with pytest.raises(OSError):
                while sock.recv(4096):
                    pass

    assert world(subject).seconds <= 60


def test_an_interrupt_reaches_the_user(world: World) -> None:
    def subject() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while True:
            time.sleep(1)

    with pytest.raises(KeyboardInterrupt):
        world.ended(subject)


def test_a_trial_within_a_trial_is_refused(world: World) -> None:
    def subject() -> None:
        with pytest.raises(AlreadyRunning):
            world.ended(lambda: None)

    world(subject)


def test_a_block_runs_in_virtual_time(world: World) -> None:
    with run.block(LocalSide(world.server, world.org.id)) as outcomes:
        began = time.monotonic()
        time.sleep(100)
        assert time.monotonic() - began == 100
        assert requests.get(world.url, headers=world.headers, timeout=5).status_code == 200
    assert outcomes[0].seconds == 100


async def test_a_block_in_a_running_loop(world: World) -> None:
    with run.block(LocalSide(world.server, world.org.id)) as outcomes:
        await asyncio.gather(*(asyncio.sleep(number) for number in range(50)))
    assert outcomes[0].seconds == 49
    began = time.perf_counter()
    await asyncio.sleep(0.01)
    assert time.perf_counter() - began < 60


def test_an_error_leaves_a_block_as_it_is(world: World) -> None:
    with pytest.raises(ZeroDivisionError), run.block(LocalSide(world.server, world.org.id)):
        time.sleep(1)
        raise ZeroDivisionError


def test_a_dead_lock_leaves_a_block_as_its_error(world: World) -> None:
    with pytest.raises(Deadlock, match="dead-lock"), run.block(LocalSide(world.server, world.org.id)):
        queue.Queue().get()


def test_a_block_that_never_waits_is_ended(world: World) -> None:
    with pytest.raises(Stuck), run.block(LocalSide(world.server, world.org.id), stuck=0.3):
        while True:
            pass
