"""The limits family, scene by scene."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence import Process
from tests.harness.builders import World, letter
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add
DAILY, CONCURRENT = "TotalRequests Limit exceeded.", "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
CUT_SHORT = {"process": Process(None, 1.0, timed_out=True)}


def _used(world: World, used: int, **changes: Any) -> int:
    return world.exchange("rest.query.run", limit_info=f"api-usage={used}/1000", **changes)


def _refused(world: World, message: str, rows: tuple[int, ...] = (), **changes: Any) -> int:
    said = {"fingerprint": f"body {rows}", "codes": ["REQUEST_LIMIT_EXCEEDED"], "message": message}
    number = world.send({}, status=403, **said, **changes)
    for row in rows:
        world.entries[-1]["rows"].append(
            {
                "verb": "upsert",
                "sobject": "Contact",
                "key_field": "External_Id__c",
                "key": f"K{row}",
                "id": None,
                "success": None,
                "created": None,
                "codes": [],
                "values": {},
                "fingerprint": "",
            }
        )
    return number


def _at(second: float, length: float = 0.5) -> dict[str, float]:
    return {"at": second, "end": second + length}


# -- the daily calls


@scene("limits.quota_watched", "held")
def stopped_at_its_ceiling(world: World) -> None:
    for used in (948, 949, 950, 951):
        _used(world, used)


@scene("limits.quota_watched", "violated")
def went_on(world: World) -> None:
    for used in range(950, 965):
        _used(world, used)


@scene("limits.quota_watched", "held")
def slowed_down(world: World) -> None:
    for place, used in enumerate(range(950, 980)):
        _used(world, used, **_at(40.0 * place))


@scene("limits.quota_watched", "not exercised")
@scene("limits.daily_paused", "not exercised")
@scene("limits.concurrent_eased", "not exercised")
@scene("limits.own_ceiling", "not exercised")
def plenty_left(world: World) -> None:
    for used in range(30):
        _used(world, used)


@scene("limits.daily_paused", "held")
def looked_again_twice(world: World) -> None:
    for _ in range(3):
        _refused(world, DAILY)


@scene("limits.daily_paused", "violated")
def tried_again_six_times(world: World) -> None:
    for _ in range(6):
        _refused(world, DAILY)


@scene("limits.daily_paused", "held")
def looked_again_every_minute(world: World) -> None:
    for minute in range(10):
        _refused(world, DAILY, **_at(60.0 * minute))


@scene("limits.daily_paused", "held")
def ten_workers_learn_of_it(world: World) -> None:
    for number in range(10):
        _refused(world, DAILY, (number,), **_at(1.0 + number / 100, 0.0))


@scene("limits.daily_paused", "violated")
def batch_after_batch(world: World) -> None:
    for number in range(40):
        _refused(world, DAILY, (number,))


@scene("limits.daily_paused", "violated")
def the_same_rows_in_other_batches(world: World) -> None:
    world.inputs = 9
    for rows in ((1, 2, 3, 4), (1, 2), (3, 4), (4, 9)):
        _refused(world, DAILY, rows)


@scene("limits.daily_paused", "not exercised")
def too_many_at_once_is_another_limit(world: World) -> None:
    for _ in range(6):
        _refused(world, CONCURRENT)


# -- calls at once


def _side_by_side(world: World, at: float, count: int) -> None:
    for _ in range(count):
        _used(world, 1, **_at(at, 1.0))


@scene("limits.concurrent_eased", "held")
def fewer_at_once(world: World) -> None:
    _side_by_side(world, 0.0, 3)
    _refused(world, CONCURRENT, **_at(0.0))
    _side_by_side(world, 2.0, 2)
    _side_by_side(world, 4.0, 2)
    _side_by_side(world, 9.0, 4)


@scene("limits.concurrent_eased", "violated")
def as_many_as_before(world: World) -> None:
    _side_by_side(world, 0.0, 3)
    _refused(world, CONCURRENT, **_at(0.0))
    _side_by_side(world, 2.0, 4)


@scene("limits.concurrent_eased", "held")
def one_by_one_all_along(world: World) -> None:
    _refused(world, CONCURRENT, (1, 2))
    world.send({1: None, 2: None})


@scene("limits.concurrent_eased", "violated")
def stopped_for_the_day(world: World) -> None:
    _refused(world, CONCURRENT, (1, 2))
    world.letters = [letter(1, "REQUEST_LIMIT_EXCEEDED"), letter(2, "REQUEST_LIMIT_EXCEEDED")]


@scene("limits.concurrent_eased", "violated")
def dead_lettered_at_the_first_refusal(world: World) -> None:
    _refused(world, CONCURRENT, (1,))
    world.letters = [letter(1, "REQUEST_LIMIT_EXCEEDED")]
    world.send({2: None})


@scene("limits.concurrent_eased", "not exercised")
def stopped_by_the_time_limit(world: World) -> dict[str, Any]:
    _refused(world, CONCURRENT, (1, 2))
    return CUT_SHORT


@scene("limits.own_ceiling", "held")
def ten_at_once(world: World) -> None:
    _side_by_side(world, 0.0, 10)


@scene("limits.own_ceiling", "violated")
def a_hundred_and_one_at_once(world: World) -> None:
    _side_by_side(world, 0.0, 101)


@scene("limits.own_ceiling", "not exercised")
def one_after_the_other_without_a_gap(world: World) -> None:
    for second in range(4):
        _used(world, 1, **_at(float(second), 1.0))


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


def test_calls_that_took_no_time_were_beside_none() -> None:
    world = World()
    for second in range(9):
        _used(world, 1, **_at(float(second), 0.0))
    beside = [_used(world, 1, **_at(20.0, 1.0)) for _ in range(2)]
    verdict = verdict_of("limits.own_ceiling", world, {"max": 1})
    assert (verdict.status, list(verdict.evidence)) == ("violated", beside)


@pytest.mark.parametrize(
    ("build", "name", "words"),
    [
        (went_on, "limits.quota_watched", "14 calls in haste after being told of 950 of 1000"),
        (
            tried_again_six_times,
            "limits.daily_paused",
            "5 calls sent again within a minute of the first refusal (2 allowed)",
        ),
        (as_many_as_before, "limits.concurrent_eased", "4 calls under way at once before the refusal, 4 after"),
        (a_hundred_and_one_at_once, "limits.own_ceiling", "101 calls"),
    ],
)
def test_a_violation_says_what_was_seen(build: Scene, name: str, words: str) -> None:
    world = World()
    build(world)
    verdict = verdict_of(name, world)
    assert words in verdict.reason
    assert verdict.evidence
