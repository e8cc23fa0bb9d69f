"""A subject that is stopped in the middle of its work has lost what it had under way; it has misjudged nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.evidence import Leg, Process
from harness.judge import judge
from tests.harness.builders import World, letter
from tests.harness.properties.scenes import verdict_of

LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def _locked(world: World) -> None:
    world.send({1: LOCK, 2: None})


def _refused_for_good_and_stopped_at_once(world: World) -> None:
    world.send({1: RULE, 2: None})


def _a_saved_row_with_a_letter_of_old(world: World) -> None:
    world.send({1: None, 2: LOCK})
    world.letters = [letter(1, LOCK)]


def _misleading(world: World) -> None:
    world.inputs = 2
    world.exchange(status=503, fingerprint="body [1]")
    world.send({1: None})
    world.send({2: LOCK}, "rest.sobject.upsert", status=400)


def _read_failed(world: World) -> None:
    world.exchange("rest.query.run", 503, query="SELECT Id FROM Contact")


def _write_with_unknown_rows_failed(world: World) -> None:
    world.exchange(status=503)


CASES: list[tuple[str, Callable[[World], None]]] = [
    ("retry.transient_retried", _locked),
    ("retry.transient_retried", _read_failed),
    ("retry.transient_retried", _write_with_unknown_rows_failed),
    ("retry.classified_by_error_code", _misleading),
    ("bulk.row_results_read", _locked),
    ("bulk.row_results_read", _refused_for_good_and_stopped_at_once),
    ("bulk.errors_matched_to_rows", _a_saved_row_with_a_letter_of_old),
    ("dead_letter.complete", _locked),
    ("dead_letter.complete", _refused_for_good_and_stopped_at_once),
]


def _run(world: World, *, ended: float = 9.0, **how: Any) -> dict[str, Any]:
    """Return the options for one run that spans the world."""
    process = Process(None if how else 0, ended, **how)
    letters = len(world.letters or ())
    return {"process": process, "legs": [Leg("faults", process, 1, len(world.entries), 0.0, ended, letters)]}


@pytest.mark.parametrize(("name", "build"), CASES)
def test_what_was_cut_off_was_not_given_up(name: str, build: Callable[[World], None]) -> None:
    world = World()
    build(world)
    assert verdict_of(name, world, **_run(world)).status == "violated"
    assert verdict_of(name, world, **_run(world, timed_out=True)).status in ("held", "not exercised")
    assert verdict_of(name, world, **_run(world, crashed=True)).status in ("held", "not exercised")


def test_the_time_limit_is_named_and_nothing_else() -> None:
    world = World(inputs=3)
    world.send({1: LOCK, 2: None})
    judgement = judge(world.evidence(**_run(world, timed_out=True)))
    assert [verdict.property for verdict in judgement.violated] == ["delivery.nothing_lost"]
    assert "time limit" in judgement.violated[0].reason


def test_a_letter_says_that_a_record_was_given_up_before_the_end() -> None:
    world = World()
    _locked(world)
    world.letters = [letter(1, LOCK)]
    assert verdict_of("retry.transient_retried", world, **_run(world, timed_out=True)).status == "violated"


def test_a_refusal_for_good_that_was_passed_over_is_not_cut_off() -> None:
    world = World(inputs=3)
    world.send({1: RULE, 2: None})
    world.send({3: None})
    for name in ("dead_letter.complete", "bulk.row_results_read"):
        assert verdict_of(name, world, **_run(world, timed_out=True)).status == "violated"


def test_what_a_later_run_gave_up_was_cut_off_before_all_the_same() -> None:
    world = World()
    _misleading(world)
    first = _run(world, crashed=True)["legs"]
    start = len(world.entries) + 1
    for _ in range(2):
        world.send({2: LOCK}, "rest.sobject.upsert", status=400)
    world.letters = [letter(2, LOCK, attempts=2)]
    legs = [*first, Leg("restart", Process(0, 1.0), start, len(world.entries), 9.0, 19.0, 1)]
    assert verdict_of("retry.classified_by_error_code", world, legs=legs).status == "held"


def _healed(world: World, ended: float, *, within: float) -> str:
    options = _run(world, ended=ended, timed_out=True)
    verdict = verdict_of("retry.recovers_after_heal", world, {"within": within}, healed=1.8, **options)
    return verdict.status


def test_recovery_is_not_judged_by_what_the_time_limit_cut_off() -> None:
    world = World(inputs=3)
    world.send({1: LOCK, 2: LOCK})
    world.send({1: None})
    world.send({2: LOCK})
    assert _healed(world, 9.0, within=30.0) == "held"


def test_a_standstill_until_the_time_limit_is_no_recovery() -> None:
    world = World(inputs=3)
    world.send({1: LOCK, 2: LOCK})
    assert _healed(world, 40.0, within=30.0) == "violated"
    assert _healed(world, 20.0, within=30.0) == "not exercised"
    world.send({1: None})
    assert _healed(world, 60.0, within=30.0) == "violated"
