"""Python commands in virtual time, and other commands refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.result import TrialResult
from harness.scenario import Scenario, load
from harness.subjects import CommandSubject, SubjectError
from harness.trial import Trial, check
from harness.vtime.commands import refusal
from mock_server import api
from mock_server.documents import DocumentError

ROOT = Path(__file__).parents[3]
TEXT = """
title: Contacts
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
inputs:
  - {sobject: Contact, count: 30, key: External_Id__c, fields: {LastName: last_name}}
time: virtual
"""
SYNC = """
import json, os, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from time import sleep
import requests

rows = [json.loads(line) for line in open(os.environ["SFMOCK_INPUTS"])]
url = os.environ["SF_INSTANCE_URL"] + "/services/data/v60.0/composite/sobjects/Contact/External_Id__c"
session = requests.Session()
session.headers["Authorization"] = "Bearer " + os.environ["SF_ACCESS_TOKEN"]

def upsert(part):
    records = [{"attributes": {"type": "Contact"}, **row["record"]} for row in part]
    wait = 60
    while True:
        try:
            answer = session.patch(url, json={"records": records}, timeout=30)
            if answer.status_code == 200:
                return
        except requests.Timeout:
            pass
        sleep(wait)
        wait *= 2

with ThreadPoolExecutor(3) as pool:
    list(pool.map(upsert, [rows[n::3] for n in range(3)]))
print("began", os.environ.get("PYTHONPATH", ""), "took", time.time() - 1772323200)
"""


def scenario(folder: Path, *more: str) -> Scenario:
    file = folder / "case.yaml"
    file.write_text("\n".join((TEXT, *more)))
    return load(file, name="case")


def prove(folder: Path, server: api.Server, code: str, *more: str, **options: Any) -> TrialResult:
    (folder / "sync.py").write_text(code)
    subject = CommandSubject(f"{sys.executable} sync.py", cwd=folder)
    return Trial(server, scenario(folder, *more), timeout=200, **options).run(subject)


def test_a_python_command_runs_in_virtual_time(server: api.Server, tmp_path: Path) -> None:
    faults = "faults: [{name: slow, on: rest.collections.*, latency: 45s, when: {times: 4}}]"
    result = prove(tmp_path, server, SYNC, faults)
    assert result.ok, result
    assert result.evidence is not None
    process = result.evidence.process
    assert process.exit_code == 0
    assert process.virtual == 30 + 60 + 30 + 120
    assert "took 240" in process.output
    assert process.seconds < 120


def test_threads_that_are_no_daemons_are_waited_for(server: api.Server, tmp_path: Path) -> None:
    code = (
        SYNC + "\nthreading.Thread(target=lambda: (time.sleep(3600), print('late', time.time() - 1772323200))).start()"
    )
    result = prove(tmp_path, server, code)
    assert result.evidence is not None
    assert "late 3600" in result.evidence.process.output
    assert result.evidence.process.virtual == 3600


def test_phases_follow_virtual_time(server: api.Server, tmp_path: Path) -> None:
    phases = """
phases:
  - {name: outage, lasts: 100s, faults: [{name: down, on: "*", status: 503}]}
  - {name: heal}
"""
    result = prove(tmp_path, server, SYNC, phases)
    assert result.ok
    assert result.evidence is not None
    assert result.evidence.process.virtual == 60 + 120
    assert [fault.fired for fault in result.faults] == [6]


def test_a_dead_lock_in_a_command_is_evidence(server: api.Server, tmp_path: Path) -> None:
    result = prove(tmp_path, server, "import queue\nqueue.Queue().get()")
    assert result.baseline is not None
    process = result.baseline.evidence.process
    assert process.exit_code == 1
    assert "the main thread waits for a lock in queue.Queue.get, at " in (process.error or "")
    assert "sync.py:2" in process.output


def test_the_deadline_of_a_command_is_virtual(server: api.Server, tmp_path: Path) -> None:
    result = prove(tmp_path, server, "import time\nwhile True: time.sleep(60)", "deadline: 1h")
    assert result.baseline is not None
    process = result.baseline.evidence.process
    assert process.timed_out
    assert process.virtual == 3600


def test_a_fork_in_a_command_is_no_verdict(server: api.Server, tmp_path: Path) -> None:
    with pytest.raises(SubjectError, match=r"os\.fork"):
        prove(tmp_path, server, "import os\nos.fork()")


def test_a_command_that_takes_no_hook_is_no_verdict(server: api.Server, tmp_path: Path) -> None:
    tool = tmp_path / "python9"
    tool.write_text("#!/bin/sh\nexit 0\n")
    tool.chmod(0o755)
    with pytest.raises(SubjectError, match="without joining virtual time"):
        Trial(server, scenario(tmp_path), timeout=200).run(CommandSubject(f"{tool} sync.py"))


def test_a_sitecustomize_of_the_commands_own_still_runs(
    server: api.Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "sitecustomize.py").write_text("import builtins; builtins.OWN = 7")
    monkeypatch.setenv("PYTHONPATH", str(own))
    result = prove(tmp_path, server, SYNC + "\nprint('own', OWN)")
    assert result.evidence is not None
    assert f"began {own}" in result.evidence.process.output
    assert "own 7" in result.evidence.process.output


@pytest.mark.parametrize(
    "command",
    [
        "python sync.py",
        "python3.12 -u -m sync",
        "A=1 exec python -X dev sync.py",
        f"'{sys.executable}' -c 'a; b'",
        "pytest",
    ],
)
def test_python_programs_are_taken(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    assert refusal(command) is None


@pytest.mark.parametrize(
    "command, why",
    [
        ("node sync.js", "'node' is no Python program"),
        ("./sync.sh", "no Python program"),
        ("python a.py && python b.py", "more than one command"),
        ("python a.py | tee log", "more than one command"),
        ("python a.py &", "more than one command"),
        ("python $(which a.py)", "more than one command"),
        ("python 'a.py", "cannot be read"),
        ("", "there is no command"),
        ("python -I a.py", "-I takes no start-up hook"),
        ("python -uE a.py", "-uE takes no start-up hook"),
    ],
)
def test_other_commands_are_refused(command: str, why: str, tmp_path: Path) -> None:
    assert why in (refusal(command) or "")
    with pytest.raises(DocumentError) as caught:
        check(scenario(tmp_path), CommandSubject(command))
    assert f"{tmp_path}/case.yaml:7:7: " in str(caught.value)


def test_the_command_line_refuses_before_anything_runs(tmp_path: Path) -> None:
    scenario(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "mock_server.cli", "prove", str(tmp_path / "case.yaml"), "--run", "touch ran"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "case.yaml:7:7: " in done.stderr
    assert "'touch' is no Python program" in done.stderr
    assert not (tmp_path / "ran").exists()
