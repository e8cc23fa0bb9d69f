"""Scenarios with `time: virtual`: functions, blocks, phases, deadlines, the pytest fixture."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from harness.scenario import Scenario, load
from harness.subjects import Run, SubjectError
from harness.trial import EPOCH, run_trial
from mock_server import api
from tests.harness.test_trial import TEXT, deliver, upsert

ROOT = Path(__file__).parents[3]
SKIP = "skip: [{property: retry.backoff_capped, reason: waits of many minutes are what is tried here}]"


def scenario(folder: Path, *more: str) -> Scenario:
    file = folder / "case.yaml"
    file.write_text("\n".join((TEXT, "time: virtual", SKIP, *more)))
    return load(file, name="case")


def patiently(run: Run) -> None:
    rows, wait = list(run.inputs), 60
    while rows:
        rows = upsert(run, rows)
        if rows:
            time.sleep(wait)
            wait *= 2


def test_a_function_runs_in_virtual_time(server: api.Server, tmp_path: Path) -> None:
    locks = "faults: [{name: locks, on: rest.collections.*, records: {every: 10}, error: UNABLE_TO_LOCK_ROW, when: {times: 4, per: key}}]"
    began = time.perf_counter()
    result = run_trial(scenario(tmp_path, locks), patiently, server=server)
    assert result.ok
    assert result.evidence is not None
    assert result.evidence.process.virtual == 60 + 120 + 240 + 480
    moments = [exchange.at for exchange in result.evidence.exchanges]
    assert [moment - EPOCH for moment in moments] == [0, 60, 180, 420, 900]
    assert time.perf_counter() - began < 450


def test_two_runs_leave_the_same_evidence(server: api.Server, tmp_path: Path) -> None:
    faults = "faults: [{name: slow, on: rest.*, latency: {distribution: lognormal, p50: 5s, p99: 40s}}, {name: down, on: rest.*, status: 503, when: {chance: 0.5}}]"

    def seen(seed: int) -> Any:
        evidence = run_trial(scenario(tmp_path, faults), patiently, server=server, seed=seed).evidence
        assert evidence is not None
        return [(exchange.at, exchange.status, exchange.end) for exchange in evidence.exchanges]

    assert seen(3) == seen(3)
    assert seen(3) != seen(4)


def test_phases_change_on_the_virtual_clock(server: api.Server, tmp_path: Path) -> None:
    phases = """
phases:
  - {name: fine, lasts: 30s}
  - {name: outage, lasts: 10m, faults: [{name: down, on: "*", status: 503}]}
  - {name: heal}
"""

    def late(run: Run) -> None:
        time.sleep(31)
        patiently(run)

    result = run_trial(scenario(tmp_path, phases), late, server=server)
    assert result.ok
    assert result.evidence is not None
    assert [(e.at - EPOCH, e.status) for e in result.evidence.exchanges] == [
        (31, 503),
        (91, 503),
        (211, 503),
        (451, 503),
        (931, 200),
    ]


def test_the_deadline_is_in_virtual_time(server: api.Server, tmp_path: Path) -> None:
    def endless(run: Run) -> None:
        while True:
            time.sleep(10)

    result = run_trial(scenario(tmp_path, "deadline: 1h"), endless, server=server)
    assert result.baseline is not None
    process = result.baseline.evidence.process
    assert (process.timed_out, process.virtual, process.error) == (True, 3600, None)


def test_a_dead_lock_is_evidence(server: api.Server, tmp_path: Path) -> None:
    import threading

    def stuck(run: Run) -> None:
        deliver(run)
        threading.Event().wait()

    result = run_trial(scenario(tmp_path), stuck, server=server)
    assert result.baseline is not None
    assert "threading.Event.wait" in result.baseline.evidence.process.output


def test_what_cannot_run_in_virtual_time_is_no_verdict(server: api.Server, tmp_path: Path) -> None:
    def spin(run: Run) -> None:
        while True:
            pass

    with pytest.raises(SubjectError, match="real time"):
        run_trial(scenario(tmp_path), spin, server=server, timeout=0.5)
    assert run_trial(scenario(tmp_path), deliver, server=server).ok


def test_an_exchange_that_outlives_the_subject_is_in_the_evidence(server: api.Server, tmp_path: Path) -> None:
    faults = "faults: [{name: late, on: rest.collections.*, latency: 1h}]"

    def impatient(run: Run) -> None:
        try:
            upsert(run, run.inputs)
        except requests.Timeout:
            return

    evidence = run_trial(scenario(tmp_path, faults), impatient, server=server).evidence
    assert evidence is not None
    assert evidence.process.virtual == 30
    # The client left after half a minute; the work that it did not wait for was done all the same.
    assert [exchange.end - exchange.at for exchange in evidence.exchanges] == [30]
    assert [commit.at - EPOCH for commit in evidence.commits if commit.sobject == "Contact"] == [3600] * 30
    assert len(evidence.outcomes) == 30
    assert {outcome.value for outcome in evidence.outcomes} == {"landed"}


def test_the_pytest_fixture_in_virtual_time(tmp_path: Path) -> None:
    scenario(
        tmp_path,
        "faults: [{name: down, on: rest.*, status: 503, when: {times: 3}}]",
        "policy: {attempts: 9, base: 60s, factor: 2}",
    )
    (tmp_path / "test_it.py").write_text(
        """
import asyncio, time
import httpx, pytest
from tests.harness.vtime.test_trials import patiently

async def send(run):
    credentials, wait = run.credentials, 60
    rows = [{"attributes": {"type": "Contact"}, **row.record} for row in run.inputs]
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {credentials.access_token}"}) as client:
        url = f"{credentials.instance_url}/services/data/v60.0/composite/sobjects/Contact/External_Id__c"
        while (await client.patch(url, json={"records": rows})).status_code != 200:
            await asyncio.sleep(wait)
            wait *= 2

@pytest.mark.scenario("case.yaml")
def test_run(trial):
    assert trial.run(patiently).evidence.process.virtual == 420

@pytest.mark.scenario("case.yaml")
def test_block(trial):
    with trial() as run:
        began = time.monotonic()
        patiently(run)
        assert time.monotonic() - began == 420

@pytest.mark.scenario("case.yaml")
async def test_async_block(trial):
    with trial() as run:
        began = time.monotonic()
        await send(run)
        assert time.monotonic() - began == 420
    began = time.perf_counter()
    await asyncio.sleep(0.01)
    assert time.perf_counter() - began < 60

@pytest.mark.scenario("case.yaml")
def test_block_dead_lock(trial):
    with trial() as run:
        patiently(run)
        __import__("queue").Queue().get()
"""
    )
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-p",
            "harness.plugin",
            "-p",
            "pytest_asyncio.plugin",
            "-p",
            "no:cacheprovider",
            "-o",
            "asyncio_mode=auto",
            "-q",
            "--rootdir=.",
        ],
        cwd=tmp_path,
        env={
            "PYTHONPATH": str(ROOT),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "1 failed, 3 passed" in done.stdout, done.stdout + done.stderr
    assert "dead-lock after 420 s of virtual time" in done.stdout
    assert "queue.Queue.get" in done.stdout
