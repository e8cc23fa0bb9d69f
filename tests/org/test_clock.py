"""The clock: real time plus an offset, or time that only `advance` moves."""

from __future__ import annotations

import asyncio

import pytest

from mock_server.org.clock import Clock, stamp


def test_a_virtual_clock_stands_still_until_it_is_advanced() -> None:
    clock = Clock("virtual", start=1_000.0)
    assert clock.now() == 1_000.0
    clock.advance(60)
    assert clock.now() == 1_060.0


async def test_sleepers_wake_in_the_order_they_are_due() -> None:
    clock = Clock("virtual", start=0.0)
    woken: list[str] = []

    async def sleep(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(name)

    tasks = [asyncio.create_task(sleep(name, seconds)) for name, seconds in (("c", 30), ("a", 10), ("b", 10))]
    await asyncio.sleep(0)
    clock.advance(10)
    await asyncio.sleep(0)
    assert woken == ["a", "b"]
    clock.advance(3600)
    await asyncio.gather(*tasks)
    assert woken == ["a", "b", "c"]


async def test_advancing_a_real_clock_ends_a_long_sleep_at_once() -> None:
    clock = Clock()
    sleep = asyncio.create_task(clock.sleep(3600))
    await asyncio.sleep(0)
    clock.advance(3601)
    await asyncio.wait_for(sleep, 60)


async def test_a_cancelled_sleeper_does_not_hold_up_the_others() -> None:
    clock = Clock()
    first, second = asyncio.create_task(clock.sleep(0.01)), asyncio.create_task(clock.sleep(0.02))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait_for(second, 60)


async def test_sleepers_that_give_up_are_forgotten_before_they_are_due() -> None:
    clock = Clock("virtual", start=0.0)
    lasting = asyncio.create_task(clock.sleep(50))
    for number in range(1000):
        early = asyncio.create_task(clock.sleep(100 + number))
        await asyncio.sleep(0)
        early.cancel()
        await asyncio.gather(early, return_exceptions=True)
    assert len(clock._sleepers) < 100
    assert clock.next_due() == 50.0
    clock.advance(50)
    await asyncio.wait_for(lasting, 60)


def test_a_sleeper_of_an_event_loop_that_is_over_does_not_keep_the_next_one_waiting() -> None:
    clock = Clock()

    async def give_up() -> None:
        sleeping = asyncio.create_task(clock.sleep(0.01))
        await asyncio.sleep(0)
        sleeping.cancel()

    asyncio.run(give_up())
    asyncio.run(asyncio.wait_for(clock.sleep(0.02), 60))


@pytest.mark.parametrize("step", [-1.0, float("inf"), float("nan"), 1e11])
def test_time_never_runs_backwards_or_away(step: float) -> None:
    with pytest.raises(ValueError, match="forward"):
        Clock().advance(step)


@pytest.mark.parametrize(
    ("moment", "text"),
    [(0.0, "1970-01-01T00:00:00.000+0000"), (1_772_359_200.25, "2026-03-01T10:00:00.250+0000")],
)
def test_a_time_is_written_as_salesforce_does(moment: float, text: str) -> None:
    assert stamp(moment) == text
