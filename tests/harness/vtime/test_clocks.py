"""What a subject's clocks show, and how long its sleeps take."""

from __future__ import annotations

import datetime
import pickle
import time
from datetime import UTC
from datetime import datetime as imported_datetime
from time import monotonic as imported_monotonic
from time import sleep as imported_sleep
from typing import Any

import orjson
import pytest

from harness.trial import EPOCH
from tests.harness.vtime.conftest import World


class Client:
    pause = time.sleep


def test_fifteen_minutes_take_a_moment(world: World) -> None:
    began = time.perf_counter()
    outcome = world(lambda: time.sleep(900))
    assert outcome.seconds == 900
    assert time.perf_counter() - began < 450


@pytest.mark.parametrize("seconds", [0, 0.001, 0.1, 1 / 3, 7, 86_400, 10_000_000])
def test_a_sleep_takes_exactly_its_time(seconds: float, world: World) -> None:
    seen: list[int] = []

    def subject() -> None:
        before = time.monotonic_ns(), time.time_ns()
        time.sleep(seconds)
        seen.extend((time.monotonic_ns() - before[0], time.time_ns() - before[1]))

    world(subject)
    assert seen == [round(seconds * 1e9)] * 2


def test_every_clock_begins_at_the_same_moment(world: World) -> None:
    def subject() -> dict[str, Any]:
        time.sleep(3661)
        return {
            "time": time.time(),
            "time_ns": time.time_ns() / 1e9,
            "now": datetime.datetime.now().timestamp(),
            "now with a zone": datetime.datetime.now(UTC).timestamp(),
            "imported": imported_datetime.now(UTC).timestamp(),
            "utcnow": datetime.datetime.utcnow().replace(tzinfo=UTC).timestamp(),
            "today": datetime.datetime.today().timestamp(),
            "mktime": time.mktime(time.localtime()),
            "localtime of None": time.mktime(time.localtime(None)),
            "gmtime": datetime.datetime(*time.gmtime()[:6], tzinfo=UTC).timestamp(),
            "ctime": datetime.datetime.strptime(time.ctime(), "%a %b %d %H:%M:%S %Y").timestamp(),
            "asctime": datetime.datetime.strptime(time.asctime(), "%a %b %d %H:%M:%S %Y").timestamp(),
            "strftime": datetime.datetime.strptime(time.strftime("%Y-%m-%d %H:%M:%S"), "%Y-%m-%d %H:%M:%S").timestamp(),
            "clock_gettime": time.clock_gettime(time.CLOCK_REALTIME),
            "org": world.org.clock.now(),
        }

    seen: dict[str, Any] = {}
    world(lambda: seen.update(subject()))
    assert seen == dict.fromkeys(seen, EPOCH + 3661.0)


def test_dates_are_the_real_types(world: World) -> None:
    def subject() -> None:
        now = datetime.datetime.now(UTC)
        assert type(now) is datetime.datetime
        assert pickle.loads(pickle.dumps(now)) == now
        assert orjson.dumps(now) == b'"2026-03-01T00:00:00+00:00"'
        assert datetime.date.today() == datetime.date.fromtimestamp(EPOCH)  # the day of the zone that the tests run in
        match now:
            case datetime.datetime(year=2026):
                pass
            case _:
                raise AssertionError

        class Own(datetime.datetime):
            pass

        assert type(Own.now()) is Own

    world(subject)
    assert abs(datetime.datetime.now().timestamp() - time.time()) < 60


def test_names_imported_before_follow(world: World) -> None:
    def subject() -> None:
        began = imported_monotonic()
        imported_sleep(50)
        Client.pause(10)
        assert imported_monotonic() - began == 60

    assert world(subject).seconds == 60


@pytest.mark.parametrize("wrong, error", [(-1, ValueError), ("1", TypeError), (float("nan"), ValueError)])
def test_what_cannot_be_slept_is_refused(wrong: Any, error: type[Exception], world: World) -> None:
    assert isinstance(world.ended(lambda: time.sleep(wrong)).error, error)


def test_the_org_and_the_subject_share_one_time(world: World) -> None:
    def subject() -> None:
        time.sleep(100)
        assert world.org.clock.now() == time.time()
        world.org.clock.advance(3600)
        assert time.time() == EPOCH + 3700

    assert world(subject).seconds == 3700


def test_spinning_for_a_moment_ends(world: World) -> None:
    def subject() -> None:
        until = time.monotonic() + 0.05
        while time.monotonic() < until:
            time.sleep(0)

    assert world(subject).seconds >= 0.05
