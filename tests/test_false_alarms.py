"""Nothing is said against correct integrations, whatever the seed: in virtual time, in this process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

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

ONE_BY_ONE = frozenset({"bulk.calls_per_record", "bulk.batches_filled"})
"""What is no false alarm: it is the style of this integration."""
STYLES: dict[str, frozenset[str]] = {
    "correct.py": frozenset(),
    "with_tenacity.py": frozenset(),
    "checkpointed.py": frozenset(),
    "one_by_one_async.py": ONE_BY_ONE,
}
"""Correct integrations in four styles, and what may be said against each."""
FEW_A_CALL = frozenset({"bulk.calls_per_record"})
COMPOSITE: dict[str, frozenset[str]] = {
    "by_composite.py": FEW_A_CALL,
    "by_composite_all_or_none.py": FEW_A_CALL,
    "by_graph.py": FEW_A_CALL,
    "by_tree.py": FEW_A_CALL,
}
"""Those that send several requests, or trees, in one call; 25 records a call are more calls than 200."""
SMALL = 40
"""Inputs for the style that needs a call for each."""


def scenarios() -> list[Scenario]:
    """Return the bundled scenarios of those who write record by record, that need no process to kill."""
    found = find([one.name for one in catalogue() if correct_in(one.name) == "correct.py"])
    return [one for one in found if not any(is_crash(rule) for _, rule in fault_rules(one))]


ALL = scenarios()


def pairs(seeds: int) -> Iterator[tuple[str, Scenario, int]]:
    """Yield each style with one scenario a seed: every scenario in its turn."""
    for seed in range(1, seeds + 1):
        for place, style in enumerate(STYLES):
            yield style, ALL[(seed + place * 7) % len(ALL)], seed


def alarms(server: api.Server, style: str, scenario: Scenario, seed: int) -> list[Verdict]:
    virtual = replace(scenario, time="virtual")
    allowed = STYLES.get(style) or COMPOSITE.get(style, frozenset())
    if STYLES.get(style):
        virtual = replace(virtual, inputs=tuple(_few(plan) for plan in virtual.inputs))
    trial = Trial(server, virtual, seed=seed, timeout=120, resumable=style == "checkpointed.py")
    result = trial.run(CallableSubject(function_of(style)))
    assert result.judgement is not None, result.baseline
    return [verdict for verdict in result.violated if verdict.property not in allowed]


def _few(plan: object) -> object:
    return replace(plan, count=min(plan.count, SMALL)) if hasattr(plan, "count") else plan  # type: ignore[type-var]


def _ids(cases: Iterator[tuple[str, Scenario, int]]) -> list[object]:
    return [pytest.param(*case, id=f"{case[0]}-{case[1].name}-{case[2]}") for case in cases]


# Two styles a seed: each is tried with ten seeds.
QUICK = (case for place, case in enumerate(pairs(20)) if (place // len(STYLES) + place) % 2)


@pytest.mark.parametrize(("style", "scenario", "seed"), _ids(QUICK))
def test_no_false_alarm_in_twenty_seeds(server: api.Server, style: str, scenario: Scenario, seed: int) -> None:
    assert alarms(server, style, scenario, seed) == []


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("by_composite.py", "partial/row-locks"),
        ("by_graph.py", "partial/all-or-none-culprit"),
        ("by_tree.py", "idempotency/lost-reply"),
    ],
)
def test_no_false_alarm_where_calls_hold_several_requests(server: api.Server, style: str, name: str) -> None:
    (scenario,) = find([name])
    assert alarms(server, style, scenario, 1) == []


READERS = [
    ("with_simple_salesforce.py", str(Path(__file__).parent / "subjects/extracts.yaml")),
    ("pages_in_parallel.py", "read/query-job"),
] + [
    (correct_in(one.name), one.name)
    for one in catalogue()
    if one.name.startswith("read/") or one.name == "bulk/ten-times-the-results"
]
"""Those that read, each with what it must go through."""


def _reading(server: api.Server, style: str, name: str, seed: int) -> list[Verdict]:
    (scenario,) = find([name])
    # The memory of a function cannot be told from that of its caller.
    expect = {claim: given for claim, given in scenario.expect.items() if claim != "bulk.memory_bounded"}
    virtual = replace(scenario, time="virtual", expect=expect)
    result = Trial(server, virtual, seed=seed, timeout=120).run(CallableSubject(function_of(style)))
    assert result.judgement is not None, result.baseline
    return [*result.violated, *result.judgement.missing]


@pytest.mark.parametrize(
    ("style", "name"),
    [pytest.param(*one, marks=pytest.mark.heavy if one[1].startswith("bulk/") else ()) for one in READERS],
)
def test_no_false_alarm_about_those_who_read(server: api.Server, style: str, name: str) -> None:
    assert _reading(server, style, name, 1) == []


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(2, 21))
@pytest.mark.parametrize(("style", "name"), READERS)
def test_no_false_alarm_about_those_who_read_in_twenty_seeds(
    server: api.Server, style: str, name: str, seed: int
) -> None:
    assert _reading(server, style, name, seed) == []


@pytest.mark.heavy
@pytest.mark.parametrize("style", COMPOSITE)
@pytest.mark.parametrize("scenario", [pytest.param(one, id=one.name) for one in ALL])
def test_no_false_alarm_where_calls_hold_several_requests_in_any_scenario(
    server: api.Server, style: str, scenario: Scenario
) -> None:
    assert alarms(server, style, scenario, 2) == []


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(21, 201))
def test_no_false_alarm_in_two_hundred_seeds(server: api.Server, seed: int) -> None:
    for style, scenario, _ in [case for case in pairs(200) if case[2] == seed]:
        assert alarms(server, style, scenario, seed) == [], (style, scenario.name)


@pytest.mark.heavy
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("scenario", ALL, ids=[one.name for one in ALL])
def test_no_false_alarm_of_any_style_in_any_scenario(server: api.Server, style: str, scenario: Scenario) -> None:
    assert alarms(server, style, scenario, 0) == []
