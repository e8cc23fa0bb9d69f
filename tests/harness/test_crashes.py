"""Crash points against a real server: the subject dies where the rule says, and is started again."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from harness.result import TrialResult
from harness.scenario import load
from harness.subjects import CallableSubject, CommandSubject
from harness.trial import Trial
from mock_server import api
from mock_server.documents import DocumentError

TEXT = """
title: Contacts
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
inputs:
  - {sobject: Contact, count: 30, key: External_Id__c, fields: {LastName: last_name}}
faults:
  - {name: crash, on: rest.collections.*, when: {times: 1}, %s}
"""
SUBJECT = """
import json, os, signal, sys, requests
print("started", flush=True)
signal.signal(signal.SIGTERM, lambda *_: print("asked to stop", flush=True))
rows = [json.loads(line) for line in open(os.environ["SFMOCK_INPUTS"])]
requests.patch(
    os.environ["SF_INSTANCE_URL"] + "/services/data/v60.0/composite/sobjects/Contact/External_Id__c",
    json={"records": [{"attributes": {"type": "Contact"}, **row["record"]} for row in rows]},
    headers={"Authorization": "Bearer " + os.environ["SF_ACCESS_TOKEN"]}, timeout=30,
).json()
print("ended", flush=True)
"""


def crashed(server: api.Server, folder: Path, effect: str, program: str = SUBJECT, start: str = "") -> TrialResult:
    (folder / "case.yaml").write_text(TEXT % effect)
    (folder / "subject.py").write_text(program)
    subject = CommandSubject(f"{start}{sys.executable} {folder / 'subject.py'}")
    return Trial(server, load(folder / "case.yaml"), timeout=60).run(subject)


@pytest.mark.parametrize(
    ("at", "outcome", "created"), [("before", "reset", [0, 30]), ("after", "lost", [30, 0])], ids=["before", "after"]
)
def test_a_killed_subject_is_started_again(
    server: api.Server, tmp_path: Path, at: str, outcome: str, created: list[int]
) -> None:
    result = crashed(server, tmp_path, f"subject: kill, at: {at}")
    evidence = result.evidence
    assert result.ok
    assert evidence is not None
    assert [(leg.name, leg.process.crashed, leg.process.signal) for leg in evidence.legs] == [
        ("faults", True, "SIGKILL"), ("restart", False, None),
    ]  # fmt: skip
    assert [leg.process.output for leg in evidence.legs] == ["started\n", "started\nended\n"]
    assert [exchange.outcome for exchange in evidence.exchanges] == [outcome, "answered"]
    made = [
        sum(row.verb == "create" and row.exchange == leg.first for row in evidence.commits) for leg in evidence.legs
    ]
    assert made == created


def test_a_subject_that_is_asked_to_stop_gets_its_answer(server: api.Server, tmp_path: Path) -> None:
    result = crashed(server, tmp_path, "subject: stop")
    assert result.ok
    assert result.evidence is not None
    first, second = result.evidence.legs
    assert (first.process.output, first.process.crashed) == ("started\nasked to stop\nended\n", True)
    assert (second.name, second.process.crashed) == ("restart", False)


def test_a_subject_that_will_not_stop_is_killed(
    server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.subjects.GRACE", 0.3)
    program = SUBJECT + "import time; marker = os.environ['SFMOCK_WORKDIR'] + '/stopped'\n"
    program += "if not os.path.exists(marker) and len(rows) == 30:\n    open(marker, 'w'); time.sleep(86400)\n"
    result = crashed(server, tmp_path, "subject: stop", program, start="exec ")
    assert result.evidence is not None
    assert [leg.process.signal for leg in result.evidence.legs] == ["SIGKILL", None]


def test_the_work_folder_survives_a_restart_unless_the_subject_deletes_it(server: api.Server, tmp_path: Path) -> None:
    program = "import os, shutil\nfolder = os.environ['SFMOCK_WORKDIR']\nprint(os.path.exists(folder + '/mark'))\n"
    keeps = crashed(server, tmp_path, "subject: kill", f"{program}open(folder + '/mark', 'w').close()\n{SUBJECT}")
    deletes = crashed(server, tmp_path, "subject: kill", f"{program}shutil.rmtree(folder)\n{SUBJECT}")
    for result, seen in ((keeps, ["False", "True"]), (deletes, ["False", "False"])):
        assert result.ok
        assert result.evidence is not None
        assert [leg.process.output.partition("\n")[0] for leg in result.evidence.legs] == seen


def test_a_crash_point_strikes_while_the_queue_is_broken_too(server: api.Server, tmp_path: Path) -> None:
    claim = "expect: {dead_letter.sink_failure_survived: {}}"
    result = crashed(server, tmp_path, f"subject: kill}}\n{claim}\n# {{")
    assert result.evidence is not None
    broken = result.evidence.broken_queue
    assert broken is not None
    assert [(leg.name, leg.process.crashed, leg.process.timed_out) for leg in broken.legs] == [
        ("faults", True, False), ("restart", False, False),
    ]  # fmt: skip


def test_a_function_has_no_process_to_kill(server: api.Server, tmp_path: Path) -> None:
    (tmp_path / "case.yaml").write_text(TEXT % "subject: kill")
    ran: list[object] = []
    with pytest.raises(DocumentError, match=r"case.yaml:8:.*a crash point needs a subject with a process"):
        Trial(server, load(tmp_path / "case.yaml")).run(CallableSubject(ran.append))
    assert not ran
