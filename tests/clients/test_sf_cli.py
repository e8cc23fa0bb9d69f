"""The `sf` command line tool, unmodified, against a running server.

It is installed once, from the lock file within its own package (a resolution of today needs a newer Node), into a folder
of the user's cache, or that which SFMOCK_CLIENTS names.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import python_clients

pytestmark = pytest.mark.heavy

PACKAGE, VERSION = "@salesforce/cli", "2.130.9"
INSTALL_SECONDS, COMMAND_SECONDS = 600, 180
OBJECTS = {"Rental__c": {"label": "Rental", "fields": {"Code__c": {"type": "text", "length": 30}}}}


def _cache() -> Path:
    return python_clients.kept() / f"sf-{VERSION}"


def _npm(*arguments: str, cwd: Path) -> None:
    command = ["npm", *arguments, "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm did not deliver {PACKAGE} within {INSTALL_SECONDS} s")
    if done.returncode:
        pytest.skip(f"npm could not deliver {PACKAGE}: {done.stderr.strip()[-300:]}")


@pytest.fixture(scope="module")
def tool() -> Path:
    """The tool's entry script. Skips where there is no node, or npm cannot deliver it."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are needed")
    home = _cache()
    script = home / "package" / "bin" / "run.js"
    whole = home / "installed"
    if not whole.exists():
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        _npm("pack", f"{PACKAGE}@{VERSION}", cwd=home)
        with tarfile.open(next(home.glob("*.tgz"))) as archive:
            archive.extractall(home, filter="data")
        # What its developers need is not wanted, and newer npm refuses a lock file that lacks some of it.
        for name in ("package.json", "npm-shrinkwrap.json"):
            path = home / "package" / name
            said = json.loads(path.read_text())
            if name == "package.json":
                said.pop("scripts", None)
                said.pop("devDependencies", None)
            else:
                said["packages"][""].pop("devDependencies", None)
                said["packages"] = {key: one for key, one in said["packages"].items() if not one.get("dev")}
            path.write_text(json.dumps(said))
        _npm("install", "--no-save", "--omit=dev", "--ignore-scripts", cwd=home / "package")
        whole.touch()
    return script


@pytest.fixture(scope="module")
def target(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=OBJECTS)
    yield made
    server.control.delete_org(made.id)


@dataclass
class Sf:
    """The tool with a home of its own. `variables` are added to the environment of each call."""

    script: Path
    home: Path

    def text(self, *arguments: str, **variables: str) -> str:
        done = self._run(*arguments, **variables)
        assert done.returncode == 0, f"sf {' '.join(arguments)}:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def json(self, *arguments: str, **variables: str) -> Any:
        """Return the result that the tool tells with --json."""
        return json.loads(self.text(*arguments, "--json", **variables))["result"]

    def refused(self, *arguments: str) -> dict[str, Any]:
        done = self._run(*arguments, "--json")
        assert done.returncode != 0, done.stdout[-3000:]
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    def _run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        quiet = {
            "HOME": str(self.home), "SF_DISABLE_TELEMETRY": "true", "SF_AUTOUPDATE_DISABLE": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true", "SF_USE_GENERIC_UNIX_KEYCHAIN": "true", "NO_COLOR": "1",
        }  # fmt: skip
        return subprocess.run(
            ["node", str(self.script), *arguments],
            cwd=self.home,
            env={**kept, **quiet, **variables},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )


@pytest.fixture(scope="module")
def sf(tool: Path, server: api.Server, target: OrgInfo, tmp_path_factory: pytest.TempPathFactory) -> Sf:
    """The tool, logged in by access token; that login is checked here."""
    made = Sf(tool, tmp_path_factory.mktemp("sf"))
    told = made.json(
        "org", "login", "access-token", "--instance-url", server.url, "--no-prompt", "--set-default",
        SF_ACCESS_TOKEN=target.access_token,
    )  # fmt: skip
    assert (told["username"], told["orgId"]) == (target.username, target.id)
    return made


def test_a_jwt_logs_in(
    tool: Path, server: api.Server, target: OrgInfo, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = Sf(tool, tmp_path_factory.mktemp("jwt"))
    told = own.json(
        "org", "login", "jwt", "--instance-url", server.url, "--username", target.username,
        "--client-id", target.client_id, "--jwt-key-file", str(server.jwt_key_file), "--set-default",
    )  # fmt: skip
    assert told["orgId"] == target.id
    assert own.json("data", "query", "-q", "SELECT Username FROM User WHERE IsActive = true LIMIT 1")["totalSize"] == 1


BROWSER = """#!/bin/sh
# Stands for a browser that comes up and stays: the tool waits for this script, not for what it starts.
for address in "$@"; do :; done
({python} -m tests.clients.jobs.browser "$address" {username} {password} >browser.log 2>&1 &)
"""


def test_a_browser_logs_in_with_the_tools_own_app(
    tool: Path, server: api.Server, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No app is registered for this: every org knows the tool's. Its callback has a port of its own, 1717."""
    own = Sf(tool, tmp_path_factory.mktemp("web"))
    known = server.world.default.directory.default_user
    browser = own.home / "firefox"
    browser.write_text(BROWSER.format(python=sys.executable, username=known.username, password=known.password))
    browser.chmod(0o755)
    told = own.json(
        "org", "login", "web", "--instance-url", server.url, "--browser", "firefox", "--set-default",
        PATH=f"{own.home}{os.pathsep}{os.environ['PATH']}", PYTHONPATH=str(Path(__file__).parents[2]),
    )  # fmt: skip
    assert (told["username"], told["clientId"]) == (known.username, "PlatformCLI")
    server.control.expire_tokens()
    assert own.json("data", "query", "-q", "SELECT Id FROM User LIMIT 1")["totalSize"] == 1, "it refreshes its session"


def test_records_are_made_read_changed_and_deleted(sf: Sf) -> None:
    made = sf.json("data", "create", "record", "-s", "Account", "-v", "Name='Acme Corp' NumberOfEmployees=12")
    key = made["id"]
    assert sf.json("data", "get", "record", "-s", "Account", "-i", key)["NumberOfEmployees"] == 12
    sf.json("data", "update", "record", "-s", "Account", "-i", key, "-v", "Name=Renamed Industry=Energy")
    read = sf.json("data", "get", "record", "-s", "Account", "-w", "Name=Renamed")
    assert (read["Id"], read["Industry"]) == (key, "Energy")
    assert sf.json("data", "delete", "record", "-s", "Account", "-i", key)["success"] is True
    assert sf.refused("data", "get", "record", "-s", "Account", "-i", key)["status"] == 1


def test_queries_are_shown_in_each_form(sf: Sf) -> None:
    account = sf.json("data", "create", "record", "-s", "Account", "-v", "Name=Shown Industry=Banking")["id"]
    sf.json("data", "create", "record", "-s", "Contact", "-v", f"LastName=Roe AccountId={account}")
    where = f"WHERE Id = '{account}'"
    table = sf.text(
        "data", "query", "-q", f"SELECT id, name, owner.name, (SELECT LastName FROM Contacts) FROM account {where}"
    )
    for text in ("OWNER.NAME", "CONTACTS.LASTNAME", "Shown", "Roe", "Total number of records retrieved: 1."):
        assert text in table
    csv = sf.text(
        "data", "query", "-r", "csv", "-q", "SELECT LastName, Account.Name FROM Contact WHERE LastName = 'Roe'"
    )
    assert csv.splitlines() == ["LastName,Account.Name", "Roe,Shown"]
    groups = sf.text("data", "query", "-q", f"SELECT Industry, COUNT(Id) FROM Account {where} GROUP BY Industry")
    assert "COUNT(ID)" in groups
    assert "Banking" in groups
    found = sf.json("data", "query", "-q", f"SELECT Name FROM Account {where}")
    assert (found["totalSize"], found["records"][0]["Name"]) == (1, "Shown")
    wrong = sf.refused("data", "query", "-q", "SELECT Wrong FROM Account")
    assert wrong["name"] == "INVALID_FIELD"
    assert "Row:1:Column:8" in wrong["message"]


def test_the_schema_is_queried_by_the_tooling_api(sf: Sf) -> None:
    soql = "SELECT QualifiedApiName, DataType, EntityDefinition.Label FROM FieldDefinition WHERE EntityDefinitionId = 'Rental__c'"
    found = sf.json("data", "query", "-t", "-q", soql)["records"]
    assert {"QualifiedApiName": "Code__c", "DataType": "Text(30)"}.items() <= {
        key: value for one in found if one["QualifiedApiName"] == "Code__c" for key, value in one.items()
    }.items()
    assert "ENTITYDEFINITION.LABEL" in sf.text("data", "query", "-t", "-q", soql)


def test_trees_are_imported_and_exported(sf: Sf) -> None:
    folder = sf.home / "tree"
    folder.mkdir()
    accounts = [{"attributes": {"type": "Account", "referenceId": f"Acc{n}"}, "Name": f"Tree {n}"} for n in (1, 2)]
    contact = {"attributes": {"type": "Contact", "referenceId": "Con1"}, "LastName": "Leaf", "AccountId": "@Acc2"}
    (folder / "Accounts.json").write_text(json.dumps({"records": accounts}))
    (folder / "Contacts.json").write_text(json.dumps({"records": [contact]}))
    plan = [
        {"sobject": "Account", "files": ["Accounts.json"]},
        {"sobject": "Contact", "files": ["Contacts.json"]},
    ]
    (folder / "plan.json").write_text(json.dumps(plan))
    made = sf.json("data", "import", "tree", "--plan", str(folder / "plan.json"))
    assert [one["type"] for one in made] == ["Account", "Account", "Contact"]
    soql = "SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name LIKE 'Tree %' ORDER BY Name"
    tree = sf.json("data", "export", "tree", "-q", soql, "-d", str(sf.home / "out"))
    first, second = tree["records"]
    assert first["Name"] == "Tree 1"
    assert second["Contacts"]["records"][0]["LastName"] == "Leaf"


def _csv(path: Path, lines: list[str]) -> str:
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_bulk_jobs_load_change_and_remove_records(sf: Sf) -> None:
    people = [f"B{number},Person {number}" for number in range(30)]
    file = _csv(sf.home / "insert.csv", ["Title,LastName", *people])
    told = sf.json("data", "import", "bulk", "-f", file, "-s", "Contact", "-w", "5", "--line-ending", "LF")
    assert (told["processedRecords"], told["successfulRecords"], told["failedRecords"]) == (30, 30, 0)
    found = sf.json("data", "query", "-q", "SELECT Id, Title FROM Contact WHERE Title LIKE 'B%'")["records"]
    assert len(found) == 30
    file = _csv(sf.home / "upsert.csv", ["Id,Department", *(f"{one['Id']},Sales" for one in found)])
    told = sf.json("data", "upsert", "bulk", "-f", file, "-s", "Contact", "-i", "Id", "-w", "5", "--line-ending", "LF")
    assert told["records"]["successfulResults"][0]["sf__Created"] == "false"
    assert told["jobInfo"]["numberRecordsProcessed"] == 30
    file = _csv(sf.home / "delete.csv", ["Id", *(one["Id"] for one in found)])
    told = sf.json("data", "delete", "bulk", "-f", file, "-s", "Contact", "-w", "5", "--line-ending", "LF")
    assert told["jobInfo"]["state"] == "JobComplete"
    assert sf.json("data", "query", "-q", "SELECT Id FROM Contact WHERE Title LIKE 'B%'")["totalSize"] == 0


def test_rows_that_fail_in_a_bulk_job_are_told(sf: Sf) -> None:
    file = _csv(sf.home / "bad.csv", ["Title,LastName", "F1,Good", "F2,"])
    told = sf.refused("data", "import", "bulk", "-f", file, "-s", "Contact", "-w", "5", "--line-ending", "LF")
    assert "1" in told["message"], told
    job = told["data"]["jobId"] if "data" in told else told["context"]
    results = sf.json("data", "bulk", "results", "--job-id", job)
    assert (results["processedRecords"], results["failedRecords"]) == (2, 1)
    lines = (sf.home / results["failedFilePath"]).read_text().splitlines()
    assert "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --" in lines[1]


def test_records_are_exported_in_bulk(sf: Sf) -> None:
    file = _csv(sf.home / "export.csv", ["Title,LastName", *(f"E{number},Exported" for number in range(20))])
    sf.json("data", "import", "bulk", "-f", file, "-s", "Contact", "-w", "5", "--line-ending", "LF")
    soql = "SELECT Title, LastName FROM Contact WHERE LastName = 'Exported'"
    out = sf.home / "out.csv"
    told = sf.json("data", "export", "bulk", "-q", soql, "--output-file", str(out), "-r", "csv", "-w", "5")
    assert told["totalSize"] == 20
    assert len(out.read_text().splitlines()) == 21


def test_objects_are_listed_and_described(sf: Sf) -> None:
    assert "Rental__c" in sf.json("sobject", "list", "--sobject", "custom")
    described = sf.json("sobject", "describe", "-s", "Rental__c")
    assert "Code__c" in [field["name"] for field in described["fields"]]
    assert sf.json("sobject", "describe", "-s", "TraceFlag", "-t")["name"] == "TraceFlag"


def test_the_org_is_shown(sf: Sf, target: OrgInfo) -> None:
    shown = sf.json("org", "display")
    assert (shown["id"], shown["username"], shown["connectedStatus"]) == (target.id, target.username, "Connected")
    assert sf.json("org", "display", "user")["profileName"] == "System Administrator"
    assert target.username in [one["username"] for one in sf.json("org", "list")["nonScratchOrgs"]]
    limits = {one["name"]: one for one in sf.json("org", "list", "limits")}
    assert limits["DailyApiRequests"]["remaining"] < limits["DailyApiRequests"]["max"]


def test_a_browser_is_let_in(sf: Sf) -> None:
    told = sf.json("org", "open", "--url-only", "--path", "/lightning")
    browser = requests.Session()
    browser.trust_env = False
    page = browser.get(told["url"], timeout=20)
    assert page.status_code == 200, page.text
    assert "/lightning" in page.url
    assert "sid" in browser.cookies


def test_records_are_counted(sf: Sf) -> None:
    counted = sf.json("org", "list", "sobject", "record-counts", "-s", "User")
    assert [one["name"] for one in counted] == ["User"]
    assert counted[0]["count"] >= 1


def test_plain_requests_are_sent(sf: Sf) -> None:
    told = json.loads(sf.text("api", "request", "rest", "/services/data/v60.0/limits"))
    assert "DailyApiRequests" in told


def test_what_is_not_there_is_said(sf: Sf) -> None:
    tests = sf.refused("apex", "run", "test")
    assert (tests["name"], "not run" in tests["message"]) == ("INVALID_INPUT", True)
    code = sf.home / "some.apex"
    code.write_text("System.debug('x');")
    ran = sf.refused("apex", "run", "-f", str(code))
    assert "not run" in json.dumps(ran)
    assert sf.json("apex", "list", "log") == []
    assert sf.refused("org", "list", "metadata-types")["status"] == 1
