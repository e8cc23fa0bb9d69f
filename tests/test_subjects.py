"""The harness judges right: correct code is clean, and each planted defect is named first."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.properties import registry
from harness.result import TrialResult
from harness.scenario import Scenario, catalogue, find
from harness.subjects import CallableSubject, CommandSubject
from harness.trial import Trial
from mock_server import api
from tests.subjects import CORRECT, PLANTED, correct_in
from tests.subjects.calling import function_of

ELSEWHERE = {
    "bulk.memory_bounded",
    "security.no_secrets_leaked",
    "security.tls_verified",
    "dead_letter.sink_failure_survived",
}
"""Properties whose evidence is not in the journal of the trial."""
HERE = Path(__file__).parent / "subjects"


def judged(server: api.Server, subject: str, scenario: str) -> TrialResult:
    return trial(server, found(scenario), subject).run(command(subject))


def found(scenario: str) -> Scenario:
    (one,) = find([str(HERE.parents[1] / scenario) if scenario.endswith(".yaml") else scenario])
    return one


def command(subject: str, *words: str) -> CommandSubject:
    return CommandSubject(" ".join((sys.executable, str(HERE / subject), *words)))


def trial(server: api.Server, scenario: Scenario, subject: str, **options: Any) -> Trial:
    wants_redrive = any("redrive" in registry()[name].needs for name in scenario.expect)
    # Letters of one form can be redriven by one program.
    redrive = command(subject if subject in PLANTED else "correct.py", "redrive") if wants_redrive else None
    return Trial(server, scenario, timeout=120, redrive=redrive, **options)


def explained(name: str) -> set[str]:
    """Return the properties that a violation of one drags along, at any distance."""
    claims, found, open_ = registry(), set(), [name]
    while open_:
        for consequence in claims[open_.pop()].consequences - found:
            found.add(consequence)
            open_.append(consequence)
    return found


SERVICES = frozenset(subject for subject in PLANTED if subject.startswith("services/"))
"""Those that run until they are ended, in real time: `test_service_subjects.py` is about them."""

NEED_A_PROCESS = frozenset(
    {
        "ignores_the_crowd.py",
        "letters_at_the_end.py",
        "silent_letters.py",
        "swallows_queue_errors.py",
        "redrive_leaves_letters.py",
        "redrive_creates.py",
        "redrive_overwrites.py",
        "redrive_forgets_attempts.py",
        "forgets_on_sigterm.py",
        "acknowledges_what_it_fetched.py",
        "restarts_after_expiry.py",
        "stamps_each_run.py",
        "marks_done_first.py",
        "posts_again.py",
    }
)
"""Broken subjects that show their defect only as a command of their own: they are killed, redriven, or have threads."""

MEASURED = frozenset({"loads_everything.py", "bulk_collects_results.py"})
"""Broken subjects whose memory is measured: as commands too, and with very many rows."""


@pytest.mark.parametrize("subject", sorted(set(PLANTED) - NEED_A_PROCESS - MEASURED - SERVICES))
def test_a_planted_defect_is_named_first_in_virtual_time(server: api.Server, subject: str) -> None:
    name, scenario = PLANTED[subject]
    virtual = replace(found(scenario), time="virtual")
    result = Trial(server, virtual, timeout=120).run(CallableSubject(function_of(subject)))
    assert [verdict.property for verdict in result.violated][:1] == [name], result


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(one, marks=() if one in NEED_A_PROCESS else pytest.mark.heavy)
        for one in sorted(set(PLANTED) - SERVICES)
    ],
)
def test_a_planted_defect_is_named_first(server: api.Server, subject: str) -> None:
    name, scenario = PLANTED[subject]
    result = judged(server, subject, scenario)
    violated = [verdict.property for verdict in result.violated]
    assert violated[:1] == [name], result
    assert set(violated[1:]) <= explained(name)
    assert result.violated[0].evidence or name in ELSEWHERE


def told(result: TrialResult) -> list[object]:
    """Return what a failed assertion should show of a trial."""
    if result.judgement is None:
        return [result.baseline]
    return [*result.violated, *result.judgement.missing, *result.judgement.unfired]


IN_REAL_TIME = ("retry/retry-after-seconds", "partial/row-locks", "idempotency/crash-after-commit", "network/resets")
"""Bundled scenarios that the quick suite runs with a process and a clock of their own; `make test-all` runs all."""


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario.name, marks=() if scenario.name in IN_REAL_TIME else pytest.mark.heavy)
        for scenario in catalogue()
        if not scenario.name.startswith(("events/", "callouts/"))
    ],
)
def test_a_correct_integration_is_clean(server: api.Server, scenario: str) -> None:
    result = judged(server, correct_in(scenario), scenario)
    assert result.ok, told(result)


OF_WORKERS = [
    scenario
    for name, scenario in PLANTED.values()
    if name.startswith(("session.", "idempotency.", "security.")) and scenario.startswith("tests/")
]
"""What befalls several workers otherwise than one."""


@pytest.mark.parametrize("subject", ["correct.py", "threaded.py"])
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(scenario, marks=() if "shared-session" in scenario else pytest.mark.heavy)
        for scenario in sorted(set(OF_WORKERS))
    ],
)
def test_a_correct_integration_is_clean_where_another_is_caught(
    server: api.Server, subject: str, scenario: str
) -> None:
    result = judged(server, subject, scenario)
    assert not result.violated, told(result)


@pytest.mark.heavy
def test_a_load_from_a_file_holds_one_row_at_a_time(server: api.Server) -> None:
    result = judged(server, "bulk_streaming.py", "bulk/ten-times-the-rows")
    assert result.ok, told(result)


@pytest.mark.parametrize(
    ("subject", "scenario"), [(subject, scenario) for subject, found in CORRECT.items() for scenario in found]
)
def test_a_correct_integration_of_another_kind_is_clean(server: api.Server, subject: str, scenario: str) -> None:
    result = judged(server, subject, scenario)
    assert result.ok, [*result.violated, *(result.judgement.missing if result.judgement else [result.baseline])]


def test_every_property_but_the_laws_has_a_subject_that_breaks_it() -> None:
    shown = {name for name, _ in PLANTED.values()}
    laws = {name for name in registry() if name.startswith("delivery.")}
    assert set(registry()) - laws == shown
