"""The unmodified CumulusCI: an org by JSON Web Token, records, a composite, a data set written and read back."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import python_clients

pytestmark = pytest.mark.heavy

PROJECT = """\
minimum_cumulusci_version: '4.10.1'
project:
  name: Job
  package:
    name: Job
    api_version: '62.0'
  git:
    default_branch: main
"""
MAPPING = """\
Accounts:
  sf_object: Account
  api: rest
  fields: [Name, Industry]
Contacts:
  sf_object: Contact
  api: rest
  action: etl_upsert
  update_key: External_Id__c
  fields: [LastName, Email, External_Id__c]
  lookups:
    AccountId:
      table: Account
"""
ROWS = """\
BEGIN TRANSACTION;
CREATE TABLE "Account" (id VARCHAR(255) NOT NULL, "Name" VARCHAR(255), "Industry" VARCHAR(255), PRIMARY KEY (id));
INSERT INTO "Account" VALUES('Account-1','Acme','Energy');
CREATE TABLE "Contact" (
  id VARCHAR(255) NOT NULL, "LastName" VARCHAR(255), "Email" VARCHAR(255), "External_Id__c" VARCHAR(255),
  "AccountId" VARCHAR(255), PRIMARY KEY (id)
);
INSERT INTO "Contact" VALUES('Contact-1','Lovelace','ada@example.com','X-1','Account-1');
INSERT INTO "Contact" VALUES('Contact-2','Hopper','grace@example.com','X-2','Account-1');
COMMIT;
"""


class Cci:
    """A project whose org `dev` is one of the mock."""

    def __init__(self, server: api.Server, org: OrgInfo, folder: Path) -> None:
        self._command = python_clients.installed("cumulusci") / "cci"
        self._folder = folder / "project"
        (folder / "home").mkdir()
        self._folder.mkdir()
        for name, text in (("cumulusci.yml", PROJECT), ("mapping.yml", MAPPING), ("rows.sql", ROWS)):
            (self._folder / name).write_text(text)
        for command in (["init", "-q"], ["remote", "add", "origin", "https://github.com/acme/job.git"]):
            subprocess.run(["git", *command], cwd=self._folder, check=True, capture_output=True)
        dev = {
            "username": org.username,
            "instance_url": "https://acme.my.salesforce.com",
            "id": f"https://login.salesforce.com/id/{org.id}/005000000000000AAA",
        }
        self._variables = {
            **python_clients.environment(server, org),
            "HOME": str(folder / "home"),
            "SFDX_CLIENT_ID": org.client_id,
            "SFDX_HUB_KEY": server.ca_file.with_name("jwt.key").read_text(),
            "CUMULUSCI_ORG_dev": json.dumps(dev),
            "CUMULUSCI_SYSTEM_CERTS": "True",
        }

    def __call__(self, *command: str) -> str:
        return python_clients.run([self._command, *command], self._variables, self._folder)

    def task(self, name: str, **options: str) -> str:
        given = [word for option, value in options.items() for word in (f"--{option}", value)]
        return self("task", "run", name, "--org", "dev", *given)

    def file(self, name: str) -> Path:
        return self._folder / name


@pytest.fixture
def cci(server: api.Server, org: OrgInfo, tmp_path: Path) -> Cci:
    return Cci(server, org, tmp_path)


def test_the_org_by_an_assertion_that_expires_as_it_is_made(cci: Cci, org: OrgInfo) -> None:
    said = json.loads(cci("org", "info", "dev", "--json").partition("{")[2].join(["{", ""]))
    assert (said["is_sandbox"], said["namespace"]) == (False, None)
    assert said["userinfo"]["organization_id"] == org.id


def test_records_and_a_composite(cci: Cci, server: api.Server, org: OrgInfo) -> None:
    assert "record inserted: 001" in cci.task("insert_record", object="Account", values="Name:Inserted")
    url = "/services/data/v62.0/sobjects"
    steps = [
        {"method": "POST", "url": f"{url}/Account", "referenceId": "a", "body": {"Name": "Composed"}},
        {
            "method": "POST", "url": f"{url}/Contact", "referenceId": "c",
            "body": {"LastName": "Child", "AccountId": "@{a.id}"},
        },
    ]  # fmt: skip
    cci.file("composite.json").write_text(json.dumps({"compositeRequest": steps}))
    cci.task("composite_request", data_files="composite.json")
    (child,) = server.control.for_org(org.id).records("SELECT Account.Name FROM Contact")
    assert child["Account"]["Name"] == "Composed"


def test_a_data_set_written_twice_and_read_back(cci: Cci, server: api.Server, org: OrgInfo) -> None:
    for _ in range(2):
        cci.task("load_dataset", mapping="mapping.yml", sql_path="rows.sql")
    control = server.control.for_org(org.id)
    assert len(control.records("SELECT Id FROM Account")) == 2
    contacts = control.records("SELECT LastName, External_Id__c FROM Contact ORDER BY External_Id__c")
    assert [(one["LastName"], one["External_Id__c"]) for one in contacts] == [("Lovelace", "X-1"), ("Hopper", "X-2")]
    cci.task("extract_dataset", mapping="mapping.yml", sql_path="read.sql")
    read = cci.file("read.sql").read_text()
    assert "'Lovelace','ada@example.com','X-1','Account-2'" in read
    assert read.count('INSERT INTO "Account"') == 2
