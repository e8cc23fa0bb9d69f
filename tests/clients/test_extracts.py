"""Extracts by unmodified clients, judged by the harness while somebody else changes records."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.plans import Scenario
from harness.result import TrialResult
from harness.scenario import load
from harness.subjects import CommandSubject
from harness.trial import Trial
from mock_server import api
from tests.clients import node_clients

SUBJECTS = Path(__file__).parents[1] / "subjects"


def statuses(result: TrialResult) -> dict[str, str]:
    assert result.judgement is not None, result.baseline
    return {verdict.property: verdict.status for verdict in result.judgement.verdicts}


def jsforce(server: api.Server, scenario: Scenario) -> TrialResult:
    node_clients.install()
    script = node_clients.FOLDER / "jsforce/extract.mjs"
    return Trial(server, scenario, timeout=60).run(CommandSubject(f"node {script}"))


@pytest.fixture
def extracts() -> Scenario:
    return load(SUBJECTS / "extracts.yaml")


@pytest.mark.heavy
def test_jsforce_reads_a_result_of_one_page(server: api.Server, extracts: Scenario) -> None:
    slow, others = extracts.faults
    whole = replace(
        extracts,
        org=replace(extracts.org, settings={}),
        faults=(slow, {**others, "when": {"times": 1}}),
        expect={"read.all_pages": {}},
    )
    result = jsforce(server, whole)
    assert result.ok, result.violated
    assert statuses(result)["read.all_pages"] == "held"


@pytest.mark.heavy
def test_jsforce_cannot_read_a_second_page_and_says_so(server: api.Server, extracts: Scenario) -> None:
    """It ends its own stream after the first page, and dies writing into it: loud, so that nothing is lost unseen."""
    result = jsforce(server, extracts)
    assert result.evidence is not None and result.evidence.process.exit_code == 1
    assert not result.violated
    assert statuses(result)["read.all_pages"] == "not exercised"
