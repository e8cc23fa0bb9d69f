"""The pytest plugin, in a pytest of its own."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest

from harness.pytest_options import OPTIONS
from mock_server import api
from tests.harness.inner import ROOT, SCENARIO, pytest_run, pytest_runs, run

pytest_plugins = ["pytester"]


def test_a_fresh_org_a_test(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import requests

        seen = []

        def create(org):
            headers = {"Authorization": f"Bearer {org.access_token}"}
            url = f"{org.instance_url}/services/data/v60.0/sobjects/Account"
            return requests.post(url, json={"Name": "Acme"}, headers=headers, timeout=30)

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

        def test_built_in_hosts_lead_to_it(salesforce):
            from simple_salesforce import Salesforce
            import httpx
            client = Salesforce(username=salesforce.username, password=salesforce.password, security_token="sfmock-token")
            assert client.Account.create({"Name": "Acme"})["success"]
            assert salesforce.records.query("SELECT Name FROM Account")[0]["Name"] == "Acme"
            with salesforce.respx() as router:
                assert httpx.get("https://login.salesforce.com/services/data").status_code == 200
                assert router.calls.call_count == 1
        """,
    )
    result.assert_outcomes(passed=3)


def test_a_scenario_judges_functions_and_blocks(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import pytest
        from sync import bad, good

        @pytest.mark.scenario("locks.yaml")
        def test_function(trial):
            assert trial.run(good).ok

        @pytest.mark.scenario("locks.yaml")
        def test_bad_function(trial):
            trial.run(bad)

        @pytest.mark.scenario("locks.yaml")
        def test_idle_function(trial):
            trial.run(lambda run: print("doing nothing"))

        @pytest.mark.scenario("locks.yaml")
        def test_block(trial):
            with trial() as run:
                good(run)

        @pytest.mark.scenario("locks.yaml")
        def test_bad_block(trial):
            with trial() as run:
                bad(run)

        @pytest.mark.scenario("locks.yaml")
        def test_rows_of_ones_own(trial):
            rows = [{"External_Id__c": f"E{n}", "LastName": "L"} for n in range(10)]
            with trial(inputs=rows, key="External_Id__c") as run:
                good(run)

        @pytest.mark.scenario("locks.yaml")
        def test_an_exception_is_the_tests_own(trial):
            with trial() as run:
                raise LookupError("my own mistake")

        def test_unmarked(trial):
            pass
        """,
    )
    result.assert_outcomes(passed=3, failed=4, errors=1)
    result.stdout.fnmatch_lines(["*test_unmarked*", "*needs @pytest.mark.scenario*"])
    result.stdout.fnmatch_lines(["*violated: bulk.row_results_read*"])
    result.stdout.fnmatch_lines(["*no baseline*"])
    result.stdout.fnmatch_lines(["*LookupError: my own mistake"])
    result.stdout.fnmatch_lines(
        ["locks.yaml (seed 0): steady state not met", "steady state not met: *nothing_lost was violated*",
         "*Contact C-000001*", "  likely bug: *", "  | doing nothing", "replay: pytest *"]
    )  # fmt: skip


def test_a_trial_that_tries_nothing_fails(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import pytest

        @pytest.mark.scenario("locks.yaml")
        def test_forgetful(trial):
            pass

        @pytest.mark.scenario("locks.yaml")
        def test_with_a_reason(trial):
            pytest.skip("not today")
        """,
    )
    result.assert_outcomes(passed=1, errors=1, skipped=1)
    result.stdout.fnmatch_lines(["nothing was tried: call trial.run(function)*"])


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


# -- markers


MARKERS = {
    "unknown": ('"retry/transiet-503"', "did you mean 'retry/transient-503'?"),
    "unknown_glob": ('"retri/*"', "there is no bundled scenario of this name"),
    "no_file": ('"nowhere.yaml"', "nowhere.yaml: there is no such file"),
    "nothing": ("", "name a scenario, a glob"),
    "a_number": ("7", "'7' is no scenario"),
    "wrong_argument": ('"row-locks", seed=3', "there is no argument 'seed'; did you mean 'seeds'?"),
    "no_seeds": ('"row-locks", seeds=0', "seeds: '0' is not a number of seeds: a whole number from 1 to 10000"),
    "negative_seed": ('"row-locks", seeds=[1, -5]', "seeds: '-5' is not a seed: a whole number from 0 to"),
    "large_seed": ('"row-locks", seeds=[2**53]', "seeds: '9007199254740992' is not a seed"),
    "many_seeds": ('"row-locks", seeds=10**9', "seeds: '1000000000' is not a number of seeds"),
    "no_list": ('"row-locks", seeds=[]', "a list of seeds has 1 to 10000 of them"),
    "true": ('"row-locks", seeds=True', "'True' is neither a number of seeds nor a list of them"),
    "text": ('"row-locks", seeds="3"', "'3' is neither a number of seeds nor a list of them"),
    "impossible_cap": ('"cap.yaml"', "cap.yaml:3:*cap (0.1s) is less than base (1s)"),
    "impossible_attempts": ('"attempts.yaml"', "attempts.yaml:2:*attempts*"),
}


def test_a_wrong_marker_is_told_before_anything_runs(outer: pytest.Pytester) -> None:
    outer.makefile(
        ".yaml",
        cap="title: x\npolicy:\n  cap: 100ms\n  base: 1s\n",
        attempts="title: x\npolicy: {attempts: 0}\n",
    )
    for name, (arguments, _) in MARKERS.items():
        text = f"import pytest\n\n@pytest.mark.scenario({arguments})\ndef test_{name}(trial): pass\n"
        outer.path.joinpath(f"test_{name}.py").write_text(text)
    mark = "@pytest.mark.scenario('row-locks')\n"
    outer.makepyfile(
        test_without=f"import pytest\n{mark}def test_it(): pass",
        test_twice=f"import pytest\n{mark}{mark}def test_it(trial): pass",
        test_fine="def test_it(): open('ran', 'w')",
    )
    result = pytest_run(outer)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert not (outer.path / "ran").exists()
    text = result.stdout.str()
    assert "Traceback" not in text and "harness/" not in text
    for name, (_, told) in MARKERS.items():
        result.stdout.fnmatch_lines([f"*test_{name}.py:3: test_{name}: @pytest.mark.scenario: *"])
        result.stdout.fnmatch_lines([f"*{told.replace('[', '[[]')}*"])
    result.stdout.fnmatch_lines(["*test_without.py:2: *does not take the `trial` fixture*"])
    result.stdout.fnmatch_lines(["*test_twice.py:2: *the test is marked twice*"])


IDS = """
import pytest

@pytest.mark.scenario("*-503", "locks.yaml")
def test_plain(trial): pass

@pytest.mark.scenario("locks.yaml", seeds=2)
def test_seeds(trial): pass

@pytest.mark.scenario("sub/*.yaml", seeds=[5, 9])
class TestListed:
    def test_one(self, trial): pass
    def test_other(self): pass
"""
PLAIN = ["test_plain[retry/transient-503]", "test_plain[locks.yaml]"]


CASES = [
    (
        [],
        [*PLAIN, "test_seeds[locks.yaml-seed0]", "test_seeds[locks.yaml-seed1]",
         "[sub/a.yaml-seed5]", "[sub/a.yaml-seed9]"],
    ),
    (["--sfmock-seed", "7"], [*PLAIN, "test_seeds[locks.yaml-seed7]", "[sub/a.yaml-seed7]"]),
    (
        ["--sfmock-seeds", "2", "-k", "plain or Listed"],
        ["test_plain[retry/transient-503-seed0]", "test_plain[retry/transient-503-seed1]",
         "test_plain[locks.yaml-seed0]", "test_plain[locks.yaml-seed1]", "[sub/a.yaml-seed0]", "[sub/a.yaml-seed1]"],
    ),
    (
        ["--sfmock-seed", "7", "--sfmock-seeds", "1", "-k", "plain"],
        ["test_plain[retry/transient-503-seed7]", "test_plain[locks.yaml-seed7]"],
    ),
    (["-o", "sfmock_seed=3", "-k", "seeds"], ["test_seeds[locks.yaml-seed3]", "test_seeds[locks.yaml-seed4]"]),
]  # fmt: skip


def test_which_cases_a_test_has(outer: pytest.Pytester) -> None:
    (outer.path / "sub").mkdir()
    (outer.path / "sub" / "a.yaml").write_text(SCENARIO)
    outer.makepyfile(test_it=IDS)
    told = pytest_runs(outer, [["--collect-only", "-q", *options] for options, _ in CASES])
    for (options, ids), (_, text) in zip(CASES, told, strict=True):
        found = [line for line in text.splitlines() if "::" in line and "test_other" not in line]
        assert len(found) == len(ids), (options, found)
        assert all(line.endswith(end) for line, end in zip(found, ids, strict=True)), (options, found)


# -- options


def test_all_options_stand_in_the_help_in_one_group(outer: pytest.Pytester) -> None:
    ((_, help_text),) = pytest_runs(outer, [["--help"]])
    group = help_text.partition("sfmock: a Salesforce org for tests")[2].partition("\n\n")[0]
    ini = help_text.partition("configuration options")[2]
    for option in OPTIONS:
        assert f"{option.flag}={option.metavar}" in group
        assert option.name in ini
    assert group.count("--sfmock") == len(OPTIONS)


WRONG = [
    (["--sfmock-seed", "-1"], "--sfmock-seed: '-1' is not a seed: a whole number from 0 to 9007199254740991"),
    (["--sfmock-seed", "9" * 25], "is not a seed"),
    (["--sfmock-seed", "1e3"], "'1e3' is not a seed"),
    (["--sfmock-seeds", "0"], "--sfmock-seeds: '0' is not a number of seeds"),
    (["--sfmock-time", "virtaul"], "did you mean 'virtual'?"),
    (["--sfmock-timeout", "0"], "--sfmock-timeout: '0' is no time-out"),
    (["--sfmock-url", "localhost:8080"], "write it like http://127.0.0.1:8080"),
    (["--sfmock-ca", "nowhere.pem"], "--sfmock-ca: there is no file"),
    (["--sfmock-report", "sync.py/reports"], "--sfmock-report: cannot make"),
    (["-o", "sfmock_seed=many"], "sfmock_seed: 'many' is not a seed"),
]


def test_wrong_options_are_usage_errors(outer: pytest.Pytester) -> None:
    outer.makepyfile(test_it="def test_it(): open('ran', 'w')")
    runs = pytest_runs(outer, [options for options, _ in WRONG])
    for (options, told), (status, text) in zip(WRONG, runs, strict=True):
        assert (status, told in text, "Traceback" in text) == (pytest.ExitCode.USAGE_ERROR, True, False), (
            options,
            text,
        )
    assert not (outer.path / "ran").exists()


def test_a_running_mock_is_used_where_one_is_named(outer: pytest.Pytester, server: api.Server) -> None:
    test = """
        import requests

        def test_it(salesforce, salesforce_server):
            assert salesforce_server.url == URL
            assert requests.get("https://login.salesforce.com/services/data", timeout=30).ok
            salesforce.records.seed("Account", [{"Name": "Acme"}])
        """.replace("URL", repr(server.url))
    before = len(server.control.orgs())
    options = ["--sfmock-url", server.url, "--sfmock-ca", str(server.ca_file)]
    run(outer, test, *options).assert_outcomes(passed=1)
    assert len(server.control.orgs()) == before
    nobody = run(outer, test, "--sfmock-url", "http://127.0.0.1:9", "--sfmock-ca", str(server.ca_file))
    nobody.assert_outcomes(errors=1)
    nobody.stdout.fnmatch_lines(["*--sfmock-url: no mock can be used at http://127.0.0.1:9*"])


# -- a failure


def test_the_failure_text_tells_all_and_its_replay_line_works(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import pytest
        from sync import bad

        @pytest.mark.scenario("locks.yaml", seeds=[3, 7])
        def test_bad(trial):
            trial.run(bad)
        """,
        "--sfmock-report",
        "reports",
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "locks.yaml (seed 7): bulk.row_results_read violated, and 3 more",
            "violated: bulk.row_results_read",
            "  the claim:  *",
            "  but:        *Contact C-000007*",
            "    Contact C-000007: *lost*",
            "     *s*#1 *rest.collections.upsert*UNABLE_TO_LOCK_ROW*fault 'locks'*",
            "  likely bug: *",
            "violated: delivery.nothing_lost (follows from bulk.row_results_read)*",
            "report: *test_bad[[]locks.yaml-seed7[]].html*",
            "replay: pytest 'test_it.py::test_bad[[]locks.yaml-seed7[]]' --sfmock-seed 7",
            "FAILED test_it.py::test_bad[[]locks.yaml-seed3[]]*",
        ]
    )
    reports = outer.path / "reports"
    assert sorted(file.name for file in reports.iterdir()) == [
        f"test_it.py-test_bad[locks.yaml-seed{seed}].{kind}" for seed in (3, 7) for kind in ("html", "json")
    ]
    assert json.loads((reports / "test_it.py-test_bad[locks.yaml-seed7].json").read_text())["ok"] is False
    # Where CI is set, pytest tells a failure once more in its summary.
    replay = next(line for line in result.stdout.lines if line.startswith("replay: ") and "seed7" in line)
    again = pytest_run(outer, *shlex.split(replay.removeprefix("replay: pytest ")))
    again.assert_outcomes(failed=1)
    again.stdout.fnmatch_lines(
        [
            "locks.yaml (seed 7): bulk.row_results_read violated, and 3 more",
            replay.replace("[", "[[]").replace("]'", "[]]'"),
        ]
    )


# -- override points


def test_fixtures_that_users_redefine(outer: pytest.Pytester) -> None:
    outer.makeconftest(
        """
        import pytest

        @pytest.fixture(scope="session")
        def salesforce_schema():
            return {"objects": {"Order__c": {}}, "fields": {"Order__c": {"Key__c": {"type": "text", "length": 20}}}}

        @pytest.fixture
        def salesforce_records():
            return {"Account": [{"Name": "Acme"}, {"Name": "Globex"}], "Lead": {"count": 3, "fields": {
                "LastName": "last_name", "Company": "company"}}}

        @pytest.fixture
        def salesforce_credentials():
            return {"username": "sync@acme.example", "password": "s3cret", "security_token": "T0K"}

        @pytest.fixture
        def salesforce_dead_letters(tmp_path):
            return tmp_path / "letters.csv"
        """
    )
    outer.makepyfile(
        test_wrong="""
        import pytest

        @pytest.fixture
        def salesforce_schema(): return {"object": {}}

        def test_schema(salesforce): pass

        class TestRecords:
            @pytest.fixture
            def salesforce_schema(self): return None
            @pytest.fixture
            def salesforce_records(self): return {"Account": [{"Nam": "x"}]}
            def test_records(self, salesforce): pass

        class TestCredentials:
            @pytest.fixture
            def salesforce_schema(self): return None
            @pytest.fixture
            def salesforce_credentials(self): return {"user_name": "x"}
            def test_credentials(self, salesforce): pass
        """
    )
    result = run(
        outer,
        """
        import csv, pytest, sync
        from simple_salesforce import Salesforce

        def login():
            return Salesforce(username="sync@acme.example", password="s3cret", security_token="T0K")

        def test_org(salesforce):
            client = login()
            assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 2
            assert client.query("SELECT COUNT() FROM Lead")["totalSize"] == 3
            assert client.Order__c.create({"Key__c": "K1"})["success"]
            assert salesforce.credentials["SF_USERNAME"] == "sync@acme.example"

        @pytest.mark.scenario("locks.yaml")
        def test_trial(trial, tmp_path):
            with trial() as run:
                client = login()
                assert client.query("SELECT COUNT() FROM Account")["totalSize"] == 2
                sync.good(run)

        @pytest.mark.scenario("locks.yaml")
        def test_letters(trial, tmp_path):
            with trial() as run:
                rest = sync.upsert(run.credentials, run.inputs)
                assert rest
                with open(tmp_path / "letters.csv", "w") as file:
                    out = csv.writer(file)
                    out.writerow(["key", "code", "message", "attempts", "failed_at", "record"])
                    for row in rest:
                        out.writerow([row.key, "UNABLE_TO_LOCK_ROW", "x", 1, "2026-01-01T00:00:00Z", ""])
        """,
    )
    result.assert_outcomes(passed=2, failed=1, errors=3)
    # The letters are read where the fixture says: nothing is lost, though it was given up too early.
    result.stdout.fnmatch_lines(["*retry.transient_retried*"])
    assert "delivery.nothing_lost" not in result.stdout.str()
    for told in (
        "fixture salesforce_schema: there is no key 'object'; did you mean 'objects'?",
        "fixture salesforce_schema:*Nam*",
        "fixture salesforce_credentials: there is no 'user_name'*did you mean 'username'?",
    ):
        result.stdout.fnmatch_lines([f"*{told}*"])


# -- other plugins


def test_async_tests_and_coroutine_functions(outer: pytest.Pytester) -> None:
    outer.makeini("[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function")
    result = run(
        outer,
        """
        import aiohttp, httpx, pytest

        async def deliver(run):
            records = [{"attributes": {"type": "Contact"}, **row.record} for row in run.inputs]
            url = "https://acme.my.salesforce.com/services/data/v60.0/composite/sobjects/Contact/External_Id__c"
            token = {"Authorization": f"Bearer {run.credentials.access_token}"}
            async with httpx.AsyncClient(headers=token) as client:
                while records:
                    results = (await client.patch(url, json={"records": records})).json()
                    records = [row for row, result in zip(records, results) if not result["success"]]

        async def test_org(salesforce):
            async with aiohttp.ClientSession() as client:
                async with client.get("https://login.salesforce.com/services/data") as answer:
                    assert answer.ok

        @pytest.mark.scenario("locks.yaml")
        async def test_block(trial):
            with trial() as run:
                await deliver(run)

        @pytest.mark.scenario("locks.yaml")
        def test_function(trial):
            assert trial.run(deliver).ok

        @pytest.mark.scenario("locks.yaml")
        async def test_function_of_an_async_test(trial):
            assert trial.run(deliver).ok
        """,
        "-p",
        "pytest_asyncio.plugin",
    )
    result.assert_outcomes(passed=4)


def test_virtual_time_with_built_in_hosts(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import asyncio, time
        import httpx, pytest
        from simple_salesforce import Salesforce

        PATH = "composite/sobjects/Contact/External_Id__c"

        def bodies(rows):
            return {"records": [{"attributes": {"type": "Contact"}, **row.record} for row in rows]}

        def failed(rows, results):
            return [row for row, result in zip(rows, results, strict=True) if not result["success"]]

        def sync(run):
            client = Salesforce(username=run.credentials.username, password="sfmock-password", security_token="")
            rows = run.inputs
            while rows := failed(rows, client.restful(PATH, method="PATCH", json=bodies(rows), timeout=30)):
                time.sleep(900)

        async def asynchronous(run):
            url = f"https://acme.my.salesforce.com/services/data/v60.0/{PATH}"
            token = {"Authorization": f"Bearer {run.credentials.access_token}"}
            rows = run.inputs
            async with httpx.AsyncClient(headers=token, timeout=30) as client:
                while rows := failed(rows, (await client.patch(url, json=bodies(rows))).json()):
                    await asyncio.sleep(900)

        @pytest.mark.parametrize("subject", [sync, asynchronous])
        @pytest.mark.scenario("locks.yaml")
        def test_function(trial, subject):
            result = trial.run(subject)
            first, *_, last = [one for one in result.evidence.exchanges if one.is_write]
            assert 900 <= last.at - first.at < 901
            assert result.seconds < 450  # half of the shortest wait

        @pytest.mark.scenario("locks.yaml")
        def test_block(trial):
            with trial() as run:
                sync(run)

        def test_real_again(salesforce):
            before = time.monotonic()
            time.sleep(0.01)
            assert 0.01 <= time.monotonic() - before < 60
        """,
        "--sfmock-time",
        "virtual",
    )
    result.assert_outcomes(passed=4)


def test_each_worker_has_its_server_and_all_have_the_same_cases(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import os, pathlib, pytest, sync

        @pytest.mark.scenario("locks.yaml", seeds=6)
        def test_it(trial, salesforce_server, worker_id):
            with trial() as run:
                sync.good(run)
            pathlib.Path(f"{worker_id}-{trial.seed}").write_text(salesforce_server.url)
        """,
        "-p",
        "xdist.plugin",
        "-n",
        "2",
    )
    result.assert_outcomes(passed=6)
    files = {file.name: file.read_text() for file in outer.path.glob("gw*-*")}
    assert sorted(name.partition("-")[2] for name in files) == list("012345")
    urls: dict[str, set[str]] = {}
    for name, url in files.items():
        urls.setdefault(name.partition("-")[0], set()).add(url)
    assert all(len(own) == 1 for own in urls.values())
    assert len(set.union(*urls.values())) == len(urls)


# -- what it costs


def test_the_plugin_costs_nothing_until_it_is_used() -> None:
    code = (
        "import sys, time, pytest; before = set(sys.modules); began = time.process_time(); import harness.plugin; "
        "print((time.process_time() - began) * 1000); print(*sorted(set(sys.modules) - before))"
    )

    def once() -> tuple[float, list[str]]:
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        took, modules = done.stdout.strip().split("\n")
        return float(took), modules.split()

    runs = [once() for _ in range(3)]
    assert runs[0][1] == ["harness", "harness.plugin", "harness.pytest_options"]
    assert min(took for took, _ in runs) < 50


def test_a_session_that_does_not_use_it_loads_nothing(outer: pytest.Pytester) -> None:
    result = run(
        outer,
        """
        import sys

        def test_it():
            heavy = {"aiohttp", "yaml", "orjson", "mock_server", "mock_server.server", "harness.trial", "harness.scenario"}
            assert not heavy & set(sys.modules)
        """,
    )
    result.assert_outcomes(passed=1)
