"""Nothing is said against correct integrations by jobs, whatever befalls them: in virtual time, in this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from harness.crashes import is_crash
from harness.properties.property import Verdict
from harness.scenario import Scenario, catalogue, find
from harness.stage import fault_rules
from harness.subjects import CallableSubject
from harness.trial import Trial
from mock_server import api
from tests.subjects import correct_in
from tests.subjects.calling import function_of

STYLES = ("bulk_sync.py", "bulk_parallel.py", "bulk2_library.py", "bulk_classic.py")
"""Bulk 2.0 in plain HTTP, in jobs side by side, by simple-salesforce; Bulk 1.0."""
ROWS = ["bulk2.ingest.upload", "bulk1.batch.create"]
STEPS = [
    *("bulk2.ingest.create", "bulk2.ingest.upload", "bulk2.ingest.close", "bulk2.ingest.poll"),
    *("bulk2.ingest.results.*", "bulk2.ingest.abort", "bulk1.*"),
]
BULK = [
    one
    for one in find([one.name for one in catalogue()])
    if one.name.startswith("bulk/") and correct_in(one.name).startswith("bulk_")
]


def moved(rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a rule about single records and collections as one about jobs."""
    rule = dict(rule)
    names = [rule["on"]] if isinstance(rule["on"], str) else rule["on"]
    if not any(name.startswith("rest.") for name in names):
        return rule
    of_rows = "records" in rule or "lock" in rule or ("error" in rule and rule.get("level") != "request")
    if not of_rows:
        rule.pop("where", None)
    return {**rule, "on": ROWS if of_rows else STEPS}


def by_jobs(scenario: Scenario) -> Scenario:
    """Return a scenario in which what befalls records befalls the steps of jobs."""
    phases = tuple(replace(phase, faults=tuple(map(moved, phase.faults))) for phase in scenario.phases)
    return replace(scenario, faults=tuple(map(moved, scenario.faults)), phases=phases)


ELSEWHERE = [
    by_jobs(one)
    for one in find([one.name for one in catalogue() if correct_in(one.name) == "correct.py"])
    if not any(is_crash(rule) for _, rule in fault_rules(one))
]


def alarms(server: api.Server, style: str, scenario: Scenario, seed: int) -> list[Verdict]:
    trial = Trial(server, replace(scenario, time="virtual"), seed=seed, timeout=120)
    result = trial.run(CallableSubject(function_of(style)))
    assert result.judgement is not None, result.baseline
    return list(result.violated)


EVERY = [(style, scenario) for style in STYLES for scenario in (*BULK, *ELSEWHERE)]
SPREAD = 11
"""Of so many cases the quick suite tries one."""


def _id(case: tuple[str, Scenario]) -> str:
    return f"{case[0]}-{case[1].name}"


@pytest.mark.parametrize("case", EVERY[::SPREAD], ids=_id)
def test_no_false_alarm_about_jobs(server: api.Server, case: tuple[str, Scenario]) -> None:
    assert alarms(server, *case, 1) == []


@pytest.mark.heavy
@pytest.mark.parametrize("seed", [2, 3, 4])
@pytest.mark.parametrize("case", EVERY, ids=_id)
def test_no_false_alarm_about_jobs_in_any_scenario(server: api.Server, case: tuple[str, Scenario], seed: int) -> None:
    style, scenario = case
    if style == "bulk_parallel.py" and scenario.name == "session/expired-session":
        pytest.skip("two sessions end one after the other: its workers give up at the second, as they may")
    assert alarms(server, style, scenario, seed) == []
