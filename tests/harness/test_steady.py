"""What a run without faults must have done to be a steady state: here, of services that Salesforce calls."""

from __future__ import annotations

from typing import Any

import pytest

from harness.steady import unmet
from tests.harness.builders import World
from tests.harness.properties.streams import Stream

NACK = {"status": 200, "acknowledged": False}


def _said(*calls: dict[str, Any]) -> str:
    world = World(inputs=0)
    stream = Stream(world)
    for number, changes in enumerate(calls, 1):
        stream.call(f"m{number}", number, **changes)
    return unmet(world.evidence(**stream.options()))


def test_a_service_that_acknowledges_nothing_is_no_steady_state() -> None:
    said = _said(NACK, NACK)
    assert said.startswith("none of 2 calls of the org was acknowledged: Orders was answered 200")
    assert "<Ack>true</Ack>" in said


def test_what_is_said_of_a_single_callout() -> None:
    said = _said({"kind": "callout", "status": 500, "acknowledged": False})
    assert said == "the org's one call was not acknowledged: Orders was answered 500"


@pytest.mark.parametrize(
    "calls",
    [
        ({},),
        (NACK, {}),  # it may put off some of them
        ({"status": None, "acknowledged": False, "seconds": 10.0},),  # `callout.answers_in_time` asks
        ({"status": None, "acknowledged": False, "seconds": 0.0},),
    ],
)
def test_a_service_that_acknowledges_some_or_answers_late_is_judged(calls: tuple[dict[str, Any], ...]) -> None:
    assert not _said(*calls)
