"""Trials against a real server: what is run, what is judged, and what is left behind."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.evidence import Outcome
from harness.letters import JsonlQueue, QueueError
from harness.scenario import Scenario, load
from harness.subjects import CallableSubject, CommandSubject, Run, SubjectError
from harness.trial import Trial, run_trial
from mock_server import api
from mock_server.documents import DocumentError

TEXT = """
title: Contacts
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
  records: {Account: {count: 3}}
inputs:
  - {sobject: Contact, count: 30, key: External_Id__c, fields: {LastName: last_name}}
"""
LOCKS = "faults: [{name: locks, on: rest.collections.*, records: {every: 10}, error: UNABLE_TO_LOCK_ROW, when: {times: 1, per: key}}]"


def scenario(folder: Path, *more: str) -> Scenario:
    file = folder / "case.yaml"
    file.write_text("\n".join((TEXT, *more)))
    return load(file, name="case")


def upsert(run: Run, rows: Any) -> list[Any]:
    """Send rows in one collection; return those that were not saved."""
    credentials = run.credentials
    answer = requests.patch(
        f"{credentials.instance_url}/services/data/v60.0/composite/sobjects/Contact/External_Id__c",
        json={"records": [{"attributes": {"type": "Contact"}, **row.record} for row in rows]},
        headers={"Authorization": f"Bearer {credentials.access_token}"},
        timeout=30,
    )
    if answer.status_code != 200:
        return list(rows)
    return [row for row, result in zip(rows, answer.json(), strict=True) if not result["success"]]


def deliver(run: Run) -> None:
    rows = list(run.inputs)
    while rows:
        rows = upsert(run, rows)


def test_a_function_passes(server: api.Server, tmp_path: Path) -> None:
    result = run_trial(scenario(tmp_path, LOCKS), deliver, server=server)
    assert result.ok
    assert result.baseline is not None
    assert len(result.baseline.evidence.inputs) == 20
    assert [fault.fired for fault in result.faults] == [1]


def test_a_function_reaches_built_in_hosts_without_any_environment(server: api.Server, tmp_path: Path) -> None:
    def with_hosts(run: Run) -> None:
        url = "https://acme.my.salesforce.com/services/data/v60.0/composite/sobjects/Contact/External_Id__c"
        records = [{"attributes": {"type": "Contact"}, **row.record} for row in run.inputs]
        headers = {"Authorization": f"Bearer {run.credentials.access_token}"}
        assert requests.patch(url, json={"records": records}, headers=headers, timeout=30).ok

    assert run_trial(scenario(tmp_path), with_hosts, server=server).ok


def test_the_same_seed_gives_the_same_inputs(server: api.Server, tmp_path: Path) -> None:
    def inputs(seed: int) -> list[Any]:
        evidence = run_trial(scenario(tmp_path), deliver, server=server, seed=seed).evidence
        assert evidence is not None
        return [one.record for one in evidence.inputs]

    assert inputs(1) == inputs(1)
    assert inputs(1) != inputs(2)


def test_nothing_is_left_behind(server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    before = {org.id for org in server.control.orgs()}
    run_trial(scenario(tmp_path, LOCKS), deliver, server=server)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert {org.id for org in server.control.orgs()} == before
    kept = run_trial(scenario(tmp_path), deliver, server=server, keep=True).kept
    assert kept is not None
    assert (kept / "faults" / "inputs.jsonl").read_text().count("\n") == 30


def test_without_a_steady_state_nothing_else_is_judged(server: api.Server, tmp_path: Path) -> None:
    runs: list[Run] = []
    result = run_trial(scenario(tmp_path, LOCKS), runs.append, server=server)
    assert len(runs) == 1
    assert result.baseline is not None
    assert "delivery.nothing_lost was violated" in result.baseline.reason
    assert (result.ok, result.judgement, result.verdicts) == (False, None, ())


def test_a_hang_ends_at_the_deadline(server: api.Server, tmp_path: Path) -> None:
    result = run_trial(scenario(tmp_path, "deadline: 200ms"), CommandSubject("sleep 86400"), server=server)
    assert result.baseline is not None
    assert result.baseline.evidence.process.timed_out


def test_inputs_left_out_on_purpose_are_not_lost(server: api.Server, tmp_path: Path) -> None:
    def partly(run: Run) -> None:
        first, *others = run.inputs
        run.skip(first.key)
        upsert(run, others)

    evidence = run_trial(scenario(tmp_path), partly, server=server).evidence
    assert evidence is not None
    assert evidence.outcomes[0] is Outcome.SKIPPED
    assert set(evidence.outcomes[1:]) == {Outcome.LANDED}


def test_letters_that_were_in_the_queue_before_do_not_count(server: api.Server, tmp_path: Path) -> None:
    queue = tmp_path / "queue.jsonl"
    queue.write_text('{"key": "C-000001", "error": {"code": "OLD"}}\n')
    assert run_trial(scenario(tmp_path, LOCKS), deliver, server=server, dead_letters=JsonlQueue(queue)).ok


def test_a_fault_that_never_fired_is_told_after_healing_and_a_rerun(server: api.Server, tmp_path: Path) -> None:
    idle = "faults: [{name: idle, on: soap.*, status: 503}]"
    case = scenario(tmp_path, idle, "expect: {idempotency.rerun_is_noop: {}}")
    result = run_trial(case, deliver, server=server, resumable=True)
    assert result.evidence is not None
    assert [leg.name for leg in result.evidence.legs] == ["faults", "heal"]
    assert list(result.evidence.after) == ["rerun"]
    assert [(fault.name, fault.fired) for fault in result.faults] == [("idle", 0)]


def test_phases_have_faults_of_their_own(server: api.Server, tmp_path: Path) -> None:
    phases = """
phases:
  - {name: outage, lasts: 100ms, faults: [{name: down, on: "*", status: 503}]}
  - {name: heal}
"""
    result = run_trial(
        scenario(tmp_path, phases, "expect: {retry.transient_retried: {}}"), deliver, server=server, timeout=20
    )
    assert [fault.name for fault in result.faults] == ["down"]
    statuses = {exchange.status for exchange in result.evidence.exchanges} if result.evidence else set()
    assert statuses == {200, 503}


def test_a_command_that_cannot_start_is_no_verdict(server: api.Server, tmp_path: Path) -> None:
    with pytest.raises(SubjectError):
        run_trial(scenario(tmp_path), CommandSubject("/no/such/program"), server=server)


def test_what_cannot_be_run_is_refused_before_anything_runs(server: api.Server, tmp_path: Path) -> None:
    file = tmp_path / "case.yaml"
    file.write_text("title: T\norg: {schema: [.]}\n")
    runs: list[Run] = []
    with pytest.raises(DocumentError):
        run_trial(load(file), runs.append, server=server)
    assert not runs


def test_a_server_is_started_where_none_is_given(tmp_path: Path) -> None:
    assert run_trial(scenario(tmp_path), deliver).ok


def test_a_resumable_subject_is_run_again_once_the_faults_have_stopped(server: api.Server, tmp_path: Path) -> None:
    away = "faults: [{name: away, on: rest.collections.*, status: 503}]"
    result = run_trial(scenario(tmp_path, away), lambda run: upsert(run, run.inputs), server=server, resumable=True)
    evidence = result.evidence
    assert evidence is not None
    assert [(leg.name, leg.first, leg.last) for leg in evidence.legs] == [("faults", 1, 1), ("heal", 2, 2)]
    assert [fault.fired for fault in result.faults] == [1]
    assert not evidence.with_outcome(Outcome.LOST)


def test_a_run_after_delivery_has_evidence_of_its_own(server: api.Server, tmp_path: Path) -> None:
    case = scenario(tmp_path, LOCKS)
    trial = Trial(server, case)
    with trial.stage(tmp_path / "stage", trial.inputs()) as stage:
        subject = CallableSubject(deliver)
        stage.deliver(subject)
        rerun = stage.follow("rerun", lambda: subject.run(stage.run))
        evidence = stage.evidence()
    assert evidence.after["rerun"] is rerun
    assert [exchange.number for exchange in evidence.exchanges] == [1, 2]
    assert [exchange.number for exchange in rerun.exchanges] == [3]
    assert {len(chain) for chain in rerun.chains} == {1}
    assert {commit.exchange for commit in rerun.commits} == {3}
    assert len(rerun.with_outcome(Outcome.LANDED)) == 30


def test_what_a_function_takes_in_is_evidence_and_a_broken_line_a_note(server: api.Server, tmp_path: Path) -> None:
    def read(run: Run) -> None:
        deliver(run)
        with Path(run.environment["SFMOCK_EFFECTS"]).open("a") as effects:
            effects.write('{"sobject": "Account", "key": 1}\n{"sobject": "Acc')

    result = run_trial(scenario(tmp_path), read, server=server)
    assert result.evidence is not None
    assert [one.identity for one in result.evidence.effects.taken] == ["key 1"]
    assert [note for note in result.notes if "SFMOCK_EFFECTS, line 2: not JSON" in note]


def test_the_baseline_is_evidence_of_the_run_with_faults(server: api.Server, tmp_path: Path) -> None:
    evidence = run_trial(scenario(tmp_path, LOCKS), deliver, server=server).evidence
    assert evidence is not None
    assert evidence.baseline is not None
    assert len(evidence.baseline.inputs) == 20


def test_a_subject_that_removes_its_folders_is_told_so(server: api.Server, tmp_path: Path) -> None:
    def rampage(run: Run) -> None:
        upsert(run, run.inputs)
        if len(run.inputs) > 20:
            shutil.rmtree(run.dlq_path.parent)

    result = run_trial(scenario(tmp_path), rampage, server=server)
    assert [(verdict.property, "its folder is gone" in verdict.reason) for verdict in result.violated] == [
        ("dead_letter.complete", True)
    ]


def test_a_queue_of_any_kind_serves_a_trial(server: api.Server, tmp_path: Path) -> None:
    kept: list[dict[str, object]] = [{"key": "C-000001", "from": "before"}]

    def deliver_and_keep(run: Run) -> None:
        deliver(run)
        if run.dlq_path.exists():
            kept.extend(map(json.loads, run.dlq_path.read_text().splitlines()))

    assert run_trial(scenario(tmp_path, LOCKS), deliver_and_keep, server=server, dead_letters=lambda: kept).ok
    with pytest.raises(QueueError, match="does not exist"):
        run_trial(scenario(tmp_path), deliver, server=server, dead_letters=f"{tmp_path}/none/q.csv")
