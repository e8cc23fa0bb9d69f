"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
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
        json={"records": records}, headers={"Authorization": f"Bearer {credentials.access_token}"}, timeout=10,
    )
    return [row for row, result in zip(rows, answer.json(), strict=True) if not result["success"]]

def good(run):
    rows = run.inputs
    while rows:
        rows = upsert(run.credentials, rows)

def bad(run):
    upsert(run.credentials, run.inputs)
'''


@pytest.fixture
def outer(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makefile(".yaml", locks=SCENARIO)
    pytester.makepyfile(sync=SYNC)
    return pytester


def run(outer: pytest.Pytester, test: str) -> pytest.RunResult:
    outer.makepyfile(test_it=test)
    return outer.runpytest_subprocess("-p", "harness.plugin", "-p", "no:cacheprovider", "--strict-markers")


def test_a_fresh_org_a_test(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import requests

        seen = []

        def create(org):
            headers = {"Authorization": f"Bearer {org.access_token}"}
            url = f"{org.instance_url}/services/data/v60.0/sobjects/Account"
            return requests.post(url, json={"Name": "Acme"}, headers=headers, timeout=10)

        def test_one(salesforce):
            seen.append(salesforce.id)
            salesforce.faults.add(on="rest.sobject.create", error="STORAGE_LIMIT_EXCEEDED", when={"times": 1})
            assert create(salesforce).json()[0]["errorCode"] == "STORAGE_LIMIT_EXCEEDED"
            assert create(salesforce).status_code == 201
            assert salesforce.records.query("SELECT Name FROM Account")[0]["Name"] == "Acme"
            assert [entry["status"] for entry in salesforce.journal()] == [400, 201]
            assert len(salesforce.commits()) == 1

        def test_two(salesforce):
            assert salesforce.id not in seen
            assert salesforce.records.query("SELECT Name FROM Account") == []
            assert len(salesforce.records.seed("Account", [{"Name": "A"}, {"Name": "B"}])) == 2
            salesforce.limits.set("DailyApiRequests", remaining=0)
            assert create(salesforce).json()[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"
            before = salesforce.clock.now()
            assert salesforce.clock.advance(3600) >= before + 3600
            assert "sfmock-password" not in repr(salesforce.credentials)
            assert salesforce.credentials["SF_USERNAME"] == salesforce.username
        """,
    )
    result.assert_outcomes(passed=2)


def test_a_scenario_judges_a_function(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import pytest
        from sync import bad, good

        @pytest.mark.scenario("locks.yaml")
        def test_good(trial):
            assert trial.run(good).ok

        @pytest.mark.scenario("locks.yaml")
        def test_bad(trial):
            trial.run(bad)
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*bulk.row_results_read*violated*"])


def test_a_scenario_judges_a_block(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import pytest
        from sync import bad, good

        @pytest.mark.scenario("locks.yaml")
        def test_good(trial):
            with trial() as run:
                good(run)

        @pytest.mark.scenario("locks.yaml")
        def test_bad(trial):
            with trial() as run:
                bad(run)

        @pytest.mark.scenario("locks.yaml")
        def test_rows_of_ones_own(trial):
            with trial(inputs=[{"External_Id__c": f"E{n}", "LastName": "L"} for n in range(10)], key="External_Id__c") as run:
                good(run)
        """,
    )
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*no baseline*"])


def test_a_trial_needs_its_marker(outer: pytest.Pytester) -> None:
    result = run(outer, "def test_it(trial): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*needs @pytest.mark.scenario*"])


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, pytest; before = set(sys.modules); import harness.plugin; "
        "print(sorted(name for name in set(sys.modules) - before))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['harness', 'harness.plugin']"


def test_dead_letters_that_cannot_be_read_are_a_usage_error(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import pytest, sync

        @pytest.mark.scenario("locks.yaml")
        def test_function(trial):
            trial.run(sync.good, dead_letters="no/such/folder/letters.csv")

        @pytest.mark.scenario("locks.yaml")
        def test_block(trial):
            with trial(dead_letters=lambda: 1 / 0) as run:
                raise AssertionError("the block was entered")
        """,
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*UsageError: dead-letter queue *no/such/folder does not exist*"])
    result.stdout.fnmatch_lines(["*UsageError: dead-letter queue *ZeroDivisionError*"])
