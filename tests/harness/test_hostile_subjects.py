"""Commands that misbehave in a whole trial: the verdict names the cause, nothing hangs, nothing is left behind."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from harness.result import TrialResult
from harness.scenario import load
from harness.subjects import CommandSubject
from harness.trial import MOST_SEED, Trial
from mock_server import api
from tests.harness.test_subjects import gone
from tests.waiting import until

TEXT = """
title: Contacts
org: {fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}}
inputs: [{sobject: Contact, count: 25, key: External_Id__c, fields: {LastName: last_name}}]
faults: [{name: rule, on: rest.collections.*, records: {keys: [C-000024]}, error: FIELD_CUSTOM_VALIDATION_EXCEPTION}]
"""
PROGRAM = """
import json, os, subprocess, sys, requests
rows = [json.loads(line) for line in open(os.environ["SFMOCK_INPUTS"])]
answer = requests.patch(
    os.environ["SF_INSTANCE_URL"] + "/services/data/v60.0/composite/sobjects/Contact/External_Id__c",
    json={"records": [{"attributes": {"type": "Contact"}, **row["record"]} for row in rows]},
    headers={"Authorization": "Bearer " + os.environ["SF_ACCESS_TOKEN"]}, timeout=30,
).json()
failed = [(row, got["errors"][0]) for row, got in zip(rows, answer) if not got["success"]]
letters = [
    json.dumps({"record": row["record"], "key": row["key"], "attempts": 1, "failed_at": "2026-03-01T00:00:00Z",
                "error": {"code": error["statusCode"], "message": error["message"]}})
    for row, error in failed
]
"""
HONEST = """
open(os.environ["SFMOCK_DLQ"], "a").writelines(letter + "\\n" for letter in letters)
if letters:
    print("ERROR:", len(letters), "dead-lettered", file=sys.stderr)
"""


def tried(server: api.Server, folder: Path, *parts: str) -> TrialResult:
    (folder / "case.yaml").write_text(TEXT)
    (folder / "subject.py").write_text(PROGRAM + "".join(parts))
    subject = CommandSubject(f"{sys.executable} {folder / 'subject.py'}")
    return Trial(server, load(folder / "case.yaml"), timeout=60).run(subject)


def reason(result: TrialResult, name: str) -> str:
    return next(verdict.reason for verdict in result.violated if verdict.property == name)


def test_half_a_line_in_the_queue(server: api.Server, tmp_path: Path) -> None:
    result = tried(server, tmp_path, "open(os.environ['SFMOCK_DLQ'], 'a').writelines(x[:40] for x in letters)\n")
    assert "delivery.nothing_lost" in {verdict.property for verdict in result.violated}
    assert "line 1 " in reason(result, "dead_letter.informative")


def test_children_in_a_session_of_their_own(server: api.Server, tmp_path: Path) -> None:
    child = "import subprocess\nsubprocess.Popen(['sleep', '86400'], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
    result = tried(server, tmp_path, HONEST, child)
    assert result.evidence is not None
    told = re.search(r"sfmock: ended what outlived the command: sleep \((\d+)\)", result.evidence.process.output)
    assert told is not None
    until(lambda: gone(int(told[1])))


def test_a_work_folder_that_is_deleted(server: api.Server, tmp_path: Path) -> None:
    result = tried(server, tmp_path, HONEST, "import shutil; shutil.rmtree(os.environ['SFMOCK_WORKDIR'])\n")
    assert not result.violated


@pytest.mark.heavy
def test_a_hundred_megabytes_of_output(server: api.Server, tmp_path: Path) -> None:
    result = tried(server, tmp_path, HONEST, "for _ in range(100): sys.stdout.write('x' * 999_999 + '\\n')\n")
    assert not result.violated
    assert result.evidence is not None
    assert len(result.evidence.process.output) < 20_000


@pytest.mark.parametrize("seed", [-1, MOST_SEED + 1, 1.5, "7", True])
def test_a_seed_out_of_range_is_refused(server: api.Server, tmp_path: Path, seed: object) -> None:
    (tmp_path / "case.yaml").write_text(TEXT)
    with pytest.raises(ValueError, match="a seed is a whole number from 0 to 9007199254740991"):
        Trial(server, load(tmp_path / "case.yaml"), seed=seed)  # type: ignore[arg-type]
