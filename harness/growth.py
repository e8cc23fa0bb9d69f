"""Measures the memory of a subject twice, with so many rows and with ten times as many: each on an org of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from harness.evidence import Evidence, Footprint, Outcome
from harness.plans import InputPlan, Scenario
from harness.properties.bulk.memory import Growth, grown
from mock_server.seeding.plans import MadeRecords

if TYPE_CHECKING:
    from harness.subjects import Subject
    from harness.trial import Trial

T = TypeVar("T")
_DONE = (Outcome.LANDED, Outcome.DEAD_LETTERED)


def measured(trial: Trial, subject: Subject, folder: Path, wanted: Growth) -> tuple[Footprint, ...]:
    """Run the subject, without faults, with few rows and with many; return what each run took.

    Where memory grew by more than is allowed, a third run has twice as many again, to see whether that goes on.
    """

    def take(name: str, times: int) -> Footprint:
        trial.progress(f"{trial.scenario.name}: memory with {name} rows")
        own = replace(
            trial,
            scenario=scaled(trial.scenario, wanted, times),
            rows=None if trial.rows is None else share(trial.rows, wanted, times),
        )
        return _footprint(own, subject, folder / name)

    few, many = take("few", 1), take("many", wanted.times)
    if not grown(few, many, wanted):
        return few, many
    return few, many, take("twice as many", 2 * wanted.times)


def _footprint(trial: Trial, subject: Subject, folder: Path) -> Footprint:
    with trial.stage(folder, trial.inputs()) as stage:
        stage.run = replace(stage.run, weighed=True)
        stage.deliver(subject, faults=False)
        evidence = stage.evidence()
        size = Path(stage.run.environment["SFMOCK_INPUTS"]).stat().st_size
    rows = len(evidence.inputs)
    if not rows:
        seeded = [commit.values for commit in evidence.commits if not commit.exchange]
        rows = len(seeded)
        size = sum(len(str(value)) for values in seeded for value in values.values())
    return Footprint(rows, evidence.process.peak or 0, size, _handled(evidence))


def _handled(evidence: Evidence) -> int:
    """Return how many rows a subject has dealt with: those that have ended well, or those that it read."""
    if evidence.inputs:
        return sum(outcome in _DONE for outcome in evidence.outcomes)
    taken = {(one.sobject.lower(), one.identity) for one in evidence.effects.taken}
    return len(taken) or sum(one.page.rows for one in evidence.exchanges if one.page and one.heard)


def scaled(scenario: Scenario, wanted: Growth, times: int) -> Scenario:
    """Return the scenario with the rows of one run: inputs, or records to read where there are none.

    It has no faults, and nothing hurries it.
    """
    quiet = replace(scenario, faults=(), phases=(), time="real", deadline=None)
    rows = wanted.rows * times
    if scenario.inputs:
        made = sum(plan.count for plan in scenario.inputs if isinstance(plan, InputPlan))
        return replace(
            quiet,
            inputs=tuple(
                replace(plan, count=max(1, rows * plan.count // made))
                if isinstance(plan, InputPlan)
                else replace(plan, rows=tuple(share(plan.rows, wanted, times)))
                for plan in scenario.inputs
            ),
        )
    made = sum(source.count for source in scenario.org.records if isinstance(source, MadeRecords))
    records = tuple(
        replace(source, count=max(1, rows * source.count // made)) if isinstance(source, MadeRecords) else source
        for source in scenario.org.records
    )
    return replace(quiet, org=replace(scenario.org, records=records))


def share(rows: Sequence[T], wanted: Growth, times: int) -> list[T]:
    """Return all of the rows that are given for the large run, and the first of them for the small one."""
    return list(rows[: max(1, len(rows) * times // max(1, wanted.times))])
