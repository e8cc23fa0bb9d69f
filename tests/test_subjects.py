"""The harness judges right: correct code is clean, and each planted defect is named first."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.properties import registry
from harness.result import TrialResult
from harness.scenario import catalogue, find
from harness.subjects import CommandSubject
from harness.trial import Trial
from mock_server import api
from tests.subjects import CORRECT, PLANTED

HERE = Path(__file__).parent / "subjects"


def judged(server: api.Server, subject: str, scenario: str) -> TrialResult:
    (found,) = find([str(HERE.parents[1] / scenario) if scenario.endswith(".yaml") else scenario])
    return Trial(server, found, timeout=120).run(CommandSubject(f"{sys.executable} {HERE / subject}"))


def explained(name: str) -> set[str]:
    """Return the properties that a violation of one drags along, at any distance."""
    claims, found, open_ = registry(), set(), [name]
    while open_:
        for consequence in claims[open_.pop()].consequences - found:
            found.add(consequence)
            open_.append(consequence)
    return found


@pytest.mark.parametrize("subject", sorted(PLANTED))
def test_a_planted_defect_is_named_first(server: api.Server, subject: str) -> None:
    name, scenario = PLANTED[subject]
    result = judged(server, subject, scenario)
    violated = [verdict.property for verdict in result.violated]
    assert violated[:1] == [name], result
    assert set(violated[1:]) <= explained(name)
    assert result.violated[0].evidence or name == "security.no_secrets_leaked"


@pytest.mark.parametrize("scenario", [scenario.name for scenario in catalogue()])
def test_a_correct_integration_is_clean(server: api.Server, scenario: str) -> None:
    result = judged(server, "correct.py", scenario)
    assert result.ok, [*result.violated, *(result.judgement.missing if result.judgement else [result.baseline])]


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


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(1, 21))
@pytest.mark.parametrize("scenario", [scenario.name for scenario in catalogue()])
def test_a_correct_integration_is_clean_for_every_seed(server: api.Server, scenario: str, seed: int) -> None:
    (found,) = find([scenario])
    result = Trial(server, found, seed=seed, timeout=120).run(CommandSubject(f"{sys.executable} {HERE / 'correct.py'}"))
    assert result.ok, [*result.violated, *(result.judgement.missing if result.judgement else [result.baseline])]
