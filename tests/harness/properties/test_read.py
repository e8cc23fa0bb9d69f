"""The read family, scene by scene."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.effects import Taken
from harness.evidence import Leg, Process
from tests.harness.builders import World, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add
ALL = "SELECT Id FROM Contact"
LOCATOR = "01gXX0000000001AAA"
GONE = "INVALID_QUERY_LOCATOR"
BROKEN_OFF = {"process": Process(1, 1.0)}
CUT_SHORT = {"process": Process(None, 1.0, timed_out=True)}
LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}


def _first(world: World, locator: str = LOCATOR, soql: str = ALL, total: int = 5, **changes: Any) -> int:
    return world.query(soql, 2, total, f"{locator}-2", **changes)


def _second(world: World, locator: str = LOCATOR) -> int:
    return world.more(f"{locator}-2", 2, 5, f"{locator}-4")


def _third(world: World, locator: str = LOCATOR) -> int:
    return world.more(f"{locator}-4", 1, 5)


def _failing(world: World, start: int, **changes: Any) -> int:
    return world.more(f"{LOCATOR}-{start}", **{"status": 503, **changes})


# -- all pages


@scene("read.all_pages", "held")
@scene("read.stable_under_drift", "held")
@scene("read.resumed_not_restarted", "not exercised")
@scene("read.cursor_expiry_survived", "not exercised")
def to_the_end(world: World) -> None:
    _first(world)
    _second(world)
    _third(world)
    world.take(1, 2, 3, 4, 5)


@scene("read.all_pages", "violated")
def the_first_page_only(world: World) -> None:
    _first(world)
    world.take(1, 2)


@scene("read.all_pages", "violated")
def the_first_page_only_and_nothing_recorded(world: World) -> None:
    _first(world)


@scene("read.all_pages", "violated")
def all_pages_read_and_some_records_dropped(world: World) -> None:
    to_the_end(world)
    world.effects = replace(world.effects, taken=world.effects.taken[:3])


@scene("read.all_pages", "held")
def records_known_by_their_keys(world: World) -> None:
    to_the_end(world)
    lines = [Taken("contact", None, f"K{number}", None, number) for number in range(1, 6)]
    world.effects = replace(world.effects, taken=tuple(lines))


@scene("read.all_pages", "held")
def a_page_asked_for_twice(world: World) -> None:
    _first(world)
    _second(world)
    _second(world)
    _third(world)
    world.take(1, 2, 3, 3, 4, 4, 5)


@scene("read.all_pages", "held")
def followed_by_key(world: World) -> None:
    _first(world)
    world.query(f"{ALL} WHERE Id > 'x' ORDER BY Id", 3)


@scene("read.all_pages", "not exercised")
def a_result_of_one_page(world: World) -> None:
    world.query(ALL, 2)
    world.take(1)


@scene("read.all_pages", "not exercised")
def broken_off_aloud(world: World) -> dict[str, Any]:
    _first(world)
    world.take(1, 2)
    _failing(world, 2)
    return BROKEN_OFF


@scene("read.all_pages", "violated")
def broken_off_in_silence(world: World) -> None:
    _first(world)
    world.take(1, 2)
    _failing(world, 2)


@scene("read.all_pages", "not exercised")
def stopped_by_the_time_limit(world: World) -> dict[str, Any]:
    _first(world)
    return CUT_SHORT


# -- resumed


@scene("read.resumed_not_restarted", "held")
def the_failed_page_again(world: World) -> None:
    _first(world)
    _second(world)
    _failing(world, 4)
    _third(world)


@scene("read.resumed_not_restarted", "held")
def a_lost_page_again(world: World) -> None:
    _first(world)
    world.more(f"{LOCATOR}-2", 2, 5, f"{LOCATOR}-4", **LOST)
    _second(world)
    _third(world)


@scene("read.resumed_not_restarted", "violated")
def from_the_start_after_two_pages(world: World) -> None:
    _first(world)
    _second(world)
    _failing(world, 4)
    other = "01gXX0000000002AAA"
    _first(world, other)
    _second(world, other)
    _third(world, other)


@scene("read.resumed_not_restarted", "held")
def one_page_again(world: World) -> None:
    _first(world)
    _failing(world, 2)
    other = "01gXX0000000002AAA"
    _first(world, other)
    _second(world, other)
    _third(world, other)


@scene("read.resumed_not_restarted", "held")
def read_a_second_time_after_the_first_was_done(world: World) -> None:
    the_failed_page_again(world)
    other = "01gXX0000000002AAA"
    _first(world, other)
    _second(world, other)
    _third(world, other)


@scene("read.resumed_not_restarted", "not exercised")
def another_process_begins_anew(world: World) -> dict[str, Any]:
    from_the_start_after_two_pages(world)
    killed = Process(None, 1.0, crashed=True, signal="SIGKILL")
    return {"legs": [Leg("faults", killed, 1, 3, 0.0, 1.0, 0), Leg("restart", Process(0, 1.0), 4, 6, 1.0, 2.0, 0)]}


@scene("read.resumed_not_restarted", "not exercised")
def given_up(world: World) -> dict[str, Any]:
    _first(world)
    _failing(world, 2)
    return BROKEN_OFF


# -- locators that are gone


def _gone(world: World) -> None:
    world.more(f"{LOCATOR}-2", status=400, codes=[GONE])


@scene("read.cursor_expiry_survived", "held")
def from_the_last_key(world: World) -> None:
    _first(world)
    _gone(world)
    world.query(f"{ALL} WHERE Id > 'x' ORDER BY Id", 3)
    world.take(1, 2, 3, 4, 5)


@scene("read.cursor_expiry_survived", "held")
def from_the_start_without_taking_twice(world: World) -> None:
    _first(world)
    _gone(world)
    to_the_end(world)


@scene("read.cursor_expiry_survived", "violated")
def everything_taken_in_again(world: World) -> None:
    from_the_start_without_taking_twice(world)
    world.take(1, 2)


@scene("read.cursor_expiry_survived", "violated")
def a_gap(world: World) -> None:
    from_the_last_key(world)
    world.effects = replace(world.effects, taken=world.effects.taken[:4])


@scene("read.cursor_expiry_survived", "violated")
def crashed(world: World) -> dict[str, Any]:
    _first(world)
    _gone(world)
    return BROKEN_OFF


@scene("read.cursor_expiry_survived", "violated")
def the_dead_locator_again(world: World) -> None:
    _first(world)
    _gone(world)
    _second(world)
    _third(world)


@scene("read.cursor_expiry_survived", "violated")
def the_new_query_left_open(world: World) -> None:
    _first(world)
    _gone(world)
    _first(world, "01gXX0000000002AAA")


@scene("read.cursor_expiry_survived", "not exercised")
def stopped_before_it_could_go_on(world: World) -> dict[str, Any]:
    _first(world)
    _gone(world)
    return CUT_SHORT


# -- drift


@scene("read.stable_under_drift", "violated")
def by_offset(world: World) -> None:
    for start in (0, 200, 400):
        world.query(f"{ALL} ORDER BY Name LIMIT 200 OFFSET {start}", 200)


@scene("read.stable_under_drift", "not exercised")
def one_slice(world: World) -> None:
    world.query(f"{ALL} LIMIT 1 OFFSET 5", 1)


@scene("read.stable_under_drift", "not exercised")
def by_key(world: World) -> None:
    for key in "abc":
        world.query(f"{ALL} WHERE Id > '{key}' ORDER BY Id LIMIT 200", 200)


def _meanwhile(world: World, verb: str, row: int) -> None:
    world.ids[row] = f"003{row:012d}AAA"
    world.commit(row, verb, {}, 0)


def _drifting(world: World) -> dict[str, Any]:
    """Five are there; the second goes, a sixth comes, before the second page."""
    for row in range(1, 6):
        _meanwhile(world, "create", row)
    _first(world)
    _meanwhile(world, "delete", 2)
    _meanwhile(world, "create", 6)
    world.more(f"{LOCATOR}-2", 2, 5, f"{LOCATOR}-4", strikes=[strike(effect="meanwhile")])
    _third(world)
    return {"seeded": 5}


@scene("read.stable_under_drift", "held")
def all_that_lasted(world: World) -> dict[str, Any]:
    world.take(1, 3, 4, 5, 6)
    return _drifting(world)


@scene("read.stable_under_drift", "held")
def what_was_deleted_too(world: World) -> dict[str, Any]:
    world.take(1, 2, 3, 4, 5)
    return _drifting(world)


@scene("read.stable_under_drift", "violated")
def one_that_lasted_is_left_out(world: World) -> dict[str, Any]:
    world.take(1, 2, 3, 4, 6)
    return _drifting(world)


@scene("read.stable_under_drift", "violated")
def one_comes_twice(world: World) -> dict[str, Any]:
    world.take(1, 2, 3, 3, 4, 5)
    return _drifting(world)


@scene("read.stable_under_drift", "violated")
def fewer_than_without_faults(world: World) -> dict[str, Any]:
    """By slices of its own, so that no total tells how many there are."""
    before = World()
    before.take(1, 2, 3, 4, 5)
    options = _drifting(world)
    world.entries = [entry for entry in world.entries if entry["operation"] == "rest.query.run"]
    world.entries[0]["page"] = {"total": 2, "rows": 2, "next": None}
    world.take(1, 3, 4)
    return {**options, "baseline": before}


@scene("read.stable_under_drift", "held")
def stopped_before_its_end(world: World) -> dict[str, Any]:
    world.take(1)
    return _drifting(world) | CUT_SHORT


@scene("read.stable_under_drift", "held")
def a_changed_row_may_have_left_the_result(world: World) -> dict[str, Any]:
    options = _drifting(world)
    _meanwhile(world, "update", 3)
    world.take(1, 4, 5)
    return options


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("build", "name", "words"),
    [
        (the_first_page_only, "read.all_pages", f"2 of 5 Contact records taken in; {LOCATOR}-2 was not read"),
        (from_the_start_after_two_pages, "read.resumed_not_restarted", "4 Contact records read again"),
        (everything_taken_in_again, "read.cursor_expiry_survived", "2 records of Contact taken in twice"),
        (by_offset, "read.stable_under_drift", "3 slices"),
        (one_comes_twice, "read.stable_under_drift", "1 Contact record taken in twice"),
        (one_that_lasted_is_left_out, "read.stable_under_drift", "1 of 5 Contact records never taken in, while others"),
    ],
)
def test_a_violation_says_what_was_seen(build: Scene, name: str, words: str) -> None:
    world = World()
    verdict = verdict_of(name, world, **(build(world) or {}))
    assert words in verdict.reason
    assert verdict.evidence
