"""How often judging looks at things, counted: the count grows as a trial does, on any machine and however busy."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from harness.evidence import Evidence, Leg, Process
from harness.properties import read_parameters, registry
from tests.harness.builders import World


class Looked(tuple[Any, ...]):
    """A tuple that counts how many of its members were looked at one after the other."""

    looks = 0

    def __iter__(self) -> Iterator[Any]:
        for one in super().__iter__():
            Looked.looks += 1
            yield one


def looks(name: str, evidence: Evidence) -> int:
    """Return at how many legs, exchanges and unlinked requests a property looks."""
    claim = registry()[name]
    evidence = replace(
        evidence,
        legs=Looked(evidence.legs),
        exchanges=Looked(evidence.exchanges),
        unlinked=Looked(evidence.unlinked),
    )
    Looked.looks = 0
    claim.judge(evidence, read_parameters(claim, None))
    return Looked.looks


def many_runs(size: int) -> Evidence:
    """A subject that crashes again and again: a run for each input, which is sent twice."""
    world = World(inputs=size)
    legs = []
    for row in range(1, size + 1):
        first = world.refuse("INVALID_SESSION_ID", 401, fingerprint=f"body [{row}]")
        world.log_in()
        world.send({row: "UNABLE_TO_LOCK_ROW"})
        last = world.send({row: "FIELD_CUSTOM_VALIDATION_EXCEPTION" if row % 2 else None})
        process = Process(0, 1.0, crashed=row < size)
        legs.append(Leg("restart" if legs else "faults", process, first, last, float(first), last + 0.5, 0))
    return world.evidence(legs=legs, deadline=60.0)


def unread_batches(size: int) -> Evidence:
    """Rows given up after one failure, beside as many batches that failed before they were read."""
    world = World(inputs=size)
    for row in range(1, size + 1):
        world.send({row: "UNABLE_TO_LOCK_ROW"})
        world.exchange(status=503)
    return world.evidence(attempts=5)


def lost_locators(size: int) -> Evidence:
    """A query begun anew each time that its second page fails, whose locator is gone every other time."""
    world = World(inputs=1)
    for number in range(size):
        locator = f"01g{number:015d}"
        world.query("SELECT Id FROM Contact", 2000, 3000, f"{locator}-2000")
        if number % 2:
            world.more(f"{locator}-2000", status=404, codes=["INVALID_QUERY_LOCATOR"])
        else:
            world.more(f"{locator}-2000", status=503)
    return world.evidence(legs=[Leg("faults", Process(0, 1.0), 1, len(world.entries), 0.0, 1.0, 0)])


@pytest.mark.parametrize("build", [many_runs, unread_batches, lost_locators], ids=lambda build: build.__name__)
@pytest.mark.parametrize("name", list(registry()))
def test_a_property_looks_at_four_times_as_much_four_times_as_often(name: str, build: Callable[[int], Any]) -> None:
    small, large = looks(name, build(20)), looks(name, build(80))
    assert large <= 6 * max(small, 100)
