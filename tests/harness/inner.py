"""A pytest within a test: a folder with a scenario and two integrations, and ways to run tests there."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SCENARIO = """
title: Row locks clear after a few tries
story: Two jobs update contacts of the same accounts at once.
org:
  fields: {Contact: {External_Id__c: {type: text, length: 64, externalId: true, unique: true}}}
inputs:
  - {sobject: Contact, count: 30, key: External_Id__c, fields: {LastName: last_name, Email: email}}
faults:
  - {name: locks, on: rest.collections.*, records: {every: 7}, when: {times: 1, per: key}, error: UNABLE_TO_LOCK_ROW}
expect:
  bulk.row_results_read: {}
"""

SYNC = '''
import json, requests

def upsert(credentials, rows):
    """Send rows in one collection; return those that were not saved."""
    records = [{"attributes": {"type": row.sobject}, row.key_field: row.key, **row.record} for row in rows]
    answer = requests.patch(
        f"{credentials.instance_url}/services/data/v60.0/composite/sobjects/Contact/External_Id__c",
        json={"records": records}, headers={"Authorization": f"Bearer {credentials.access_token}"}, timeout=30,
    )
    return [row for row, result in zip(rows, answer.json(), strict=True) if not result["success"]]

def good(run):
    rows = run.inputs
    while rows:
        rows = upsert(run.credentials, rows)

def bad(run):
    upsert(run.credentials, run.inputs)
'''


def run(outer: pytest.Pytester, test: str, *options: str) -> pytest.RunResult:
    outer.makepyfile(test_it=test)
    return pytest_run(outer, *options)


OPTIONS_OF_ALL = ("-p", "harness.plugin", "-p", "no:cacheprovider", "--strict-markers")


def pytest_run(outer: pytest.Pytester, *options: str) -> pytest.RunResult:
    return outer.runpytest_subprocess(*OPTIONS_OF_ALL, *options)


SEVERAL = """
import contextlib, io, json, pytest, sys

told = []
for options in json.loads(sys.argv[1]):
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        told.append([int(pytest.main(options)), out.getvalue()])
print(json.dumps(told))
"""


def pytest_runs(outer: pytest.Pytester, runs: list[list[str]]) -> list[tuple[int, str]]:
    """Run pytest several times in one process, which imports everything once; return each exit status and output."""
    options = json.dumps([[*OPTIONS_OF_ALL, *run] for run in runs])
    done = outer.run(sys.executable, "-c", SEVERAL, options)
    return [(status, text) for status, text in json.loads(done.stdout.lines[-1])]
