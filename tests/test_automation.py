"""Hooks as people declare and write them: in settings, in scenarios, through the control plane and in tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce

from harness.org import OrgHandle
from harness.scenario import load
from harness.scenario_schema import scenario_schema
from harness.trial import Trial
from mock_server import api
from mock_server.automation import read
from mock_server.config import ConfigError, resolve
from mock_server.control.client import ControlError, OrgInfo
from mock_server.documents import DocumentError, Problem, parse
from mock_server.server import App
from tests.conftest import Rest

SOQL_A_RECORD = {"object": "Contact", "on": ["insert", "update"], "cost": {"soql": "1 per record"}}


def contacts(count: int) -> list[dict[str, Any]]:
    return [{"attributes": {"type": "Contact"}, "LastName": f"L{number}"} for number in range(count)]


@pytest.fixture
def handle(server: api.Server, org: OrgInfo) -> OrgHandle:
    return OrgHandle(org, server)


def test_an_over_large_batch_meets_the_limit_through_every_path(handle: OrgHandle, rest: Rest) -> None:
    assert handle.automation(SOQL_A_RECORD) == "ContactTrigger"
    refused = rest.post("/composite/sobjects", json={"records": contacts(101)}).json()
    assert refused[100] == {
        "success": False,
        "errors": [
            {
                "statusCode": "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
                "message": "ContactTrigger: System.LimitException: Too many SOQL queries: 101",
                "fields": [],
            }
        ],
    }
    made = rest.post("/composite/sobjects", json={"records": contacts(100)}).json()
    assert all(row["success"] for row in made)
    again = [{"attributes": {"type": "Contact"}, "id": row["id"], "Title": "x"} for row in made]
    assert all(row["success"] for row in rest.patch("/composite/sobjects", json={"records": again}).json())
    with pytest.raises(ControlError, match="Too many SOQL queries: 101"):
        handle.records.seed("Contact", [{"LastName": "x"}] * 101)


def test_code_of_the_test_runs_in_the_org(server: api.Server, handle: OrgHandle, rest: Rest) -> None:
    @handle.before("Contact", "insert", "update")
    def check(trigger: Any) -> None:
        for record in trigger.new:
            if record["LastName"] == "Nobody":
                record.add_error("Who is that?", "LastName")

    with requests.Session() as http:
        http.verify, http.trust_env = str(server.ca_bundle), False
        client = Salesforce(instance_url=server.https_url, session_id=handle.access_token, session=http)
        assert client.Contact.create({"LastName": "Somebody"})["success"]
    answer = rest.post("/sobjects/Contact", json={"LastName": "Nobody"})
    assert answer.status_code == 400
    assert answer.json() == [
        {"message": "Who is that?", "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "fields": ["LastName"]}
    ]
    assert [hook["code"] for hook in handle.control.automation()] == [True]
    with pytest.raises(ValueError, match="there is no event 'save'"):
        handle.before("Contact", "save")(check)


def test_a_hook_that_breaks_is_salesforces_error_and_no_status_500(handle: OrgHandle, rest: Rest) -> None:
    @handle.after("Contact", "insert", name="ContactTrigger")
    def broken(trigger: Any) -> None:
        raise KeyError("Rating__c")

    answer = rest.post("/sobjects/Contact", json={"LastName": "x"})
    assert answer.status_code == 400
    (error,) = answer.json()
    assert error["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert error["message"].startswith("ContactTrigger: execution of AfterInsert\n\ncaused by: KeyError: 'Rating__c'")
    assert rest.query("SELECT Id FROM Contact").json()["totalSize"] == 0


def test_the_control_plane_adds_lists_and_removes(handle: OrgHandle) -> None:
    control = handle.control
    control.add_automation({**SOQL_A_RECORD, "name": "A", "at": "after"})
    control.add_automation({"object": "account", "on": "delete", "cost": {"dml": 2, "cpu": "3 per chunk"}})
    assert control.automation() == [
        {"name": "A", "object": "Contact", "on": ["insert", "update"], "at": "after", "cost": {"soql": "1 per record"}, "code": False},
        {"name": "accountTrigger", "object": "Account", "on": ["delete"], "at": "before", "cost": {"dml": "2 per chunk", "cpu": "3 per chunk"}, "code": False},
    ]  # fmt: skip
    with pytest.raises(ControlError, match="there is no hook B") as refused:
        control.remove_automation("B")
    assert refused.value.status == 404
    control.remove_automation("A")
    control.clear_automation()
    assert control.automation() == []


def test_a_reset_leaves_what_was_declared_with_the_org_and_a_clone_takes_it_along(server: api.Server) -> None:
    info = server.control.create_org(automation=[SOQL_A_RECORD])
    control = server.control.for_org(info.id)
    control.add_automation({**SOQL_A_RECORD, "name": "Later"})
    clone = control.clone()
    assert [hook["name"] for hook in server.control.for_org(clone.id).automation()] == ["ContactTrigger", "Later"]
    control.reset()
    assert [hook["name"] for hook in control.automation()] == ["ContactTrigger"]
    for org in (info, clone):
        server.control.delete_org(org.id)


WRONG = [
    ("[{on: insert, cost: {soql: 1}}]", "1:2: a hook needs object"),
    ("[{object: Contact, cost: {soql: 1}}]", "1:2: a hook needs on"),
    ("[{object: Contact, on: insert}]", "1:2: a hook needs cost"),
    ("[{object: Contact, on: insert, cost: {}}]", "1:38: an empty cost spends nothing (allowed: soql, dml, "),
    ("[{object: Contact, on: inserts, cost: {soql: 1}}]", "1:24: there is no event 'inserts'; did you mean 'insert'?"),
    ("[{object: Contact, on: [insert, up], cost: {soql: 1}}]", "1:33: there is no event 'up'"),
    ("[{object: Contact, on: insert, cots: {soql: 1}, cost: {soql: 1}}]", "1:32: a hook has no key 'cots'; did you mean 'cost'?"),
    ("[{object: Contact, on: insert, cost: {sqol: 1}}]", "1:39: a cost has no key 'sqol'; did you mean 'soql'?"),
    ("[{object: Contact, on: insert, cost: {soql: 1 per row}}]", "1:45: soql must be a whole number, alone or followed by"),
    ("[{object: Contact, on: insert, cost: {cpu: -1}}]", "1:44: cpu must be a whole number"),
    ("[{object: Contact, on: insert, at: now, cost: {cpu: 1}}]", "1:36: at must be one of before, after, not 'now'"),
    ("[Contact]", "1:2: a hook must be a mapping, not 'Contact'"),
    ("{object: Contact}", "1:1: automation must be a list of hooks"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_with_a_declaration_is_said_with_its_place(text: str, said: str) -> None:
    document = parse(text, "automation.yaml")
    problems: list[Problem] = []
    read(document.data, (), problems)
    assert str(document.error(problems)).startswith(f"automation.yaml:{said}")


def test_the_settings_file_declares_hooks(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text("port: 0\nautomation:\n  - {object: Contact, on: [insert], cost: {soql: 1 per record}}\n")
    settings = resolve({}, environment={}, file=str(file))
    with api.start(settings) as server:
        assert [hook["name"] for hook in server.control.automation()] == ["ContactTrigger"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("automation:\n  - {object: Contact, on: [insert], cost: {sqol: 1}}\n", "2:44: a cost has no key 'sqol'"),
        ("automation: yes\n", "1:13: automation must be a list of hooks"),
    ],
)
def test_a_wrong_hook_of_the_settings_is_refused_before_anything_is_served(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as error:
        resolve({}, environment={}, file=str(file))
    assert str(error.value).startswith(f"{file}:{said}")


def test_a_hook_of_an_object_that_the_org_lacks_is_named_in_the_settings(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text("automation:\n  - object: Kontact\n    on: [insert]\n    cost: {soql: 1}\n")
    with pytest.raises(DocumentError) as error:
        App(resolve({}, environment={}, file=str(file)))
    assert str(error.value) == f"{file}:2:13: this org has no object Kontact; did you mean 'Contact'?"
    with pytest.raises(ConfigError, match="unknown setting 'automation'"):
        resolve({}, environment={"SFMOCK_CFG_AUTOMATION": "x"})


def test_a_scenario_declares_hooks(server: api.Server, tmp_path: Path) -> None:
    file = tmp_path / "scenario.yaml"
    file.write_text(
        "title: A trigger that queries for each record\norg:\n  automation:\n"
        "    - {object: Contact, on: insert, cost: {soql: 1 per record}}\n"
    )
    with Trial(server, load(file)).org() as org:
        assert [hook["cost"] for hook in org.control.automation()] == [{"soql": "1 per record"}]
    file.write_text(file.read_text().replace("Contact", "Kontact"))
    with pytest.raises(DocumentError) as error:
        Trial(server, load(file)).rehearse()
    assert str(error.value).startswith(f"{file}:4:16: this org has no object Kontact; did you mean 'Contact'?")
    file.write_text(file.read_text().replace("soql", "sqol"))
    with pytest.raises(DocumentError, match=r"scenario.yaml:4:44: a cost has no key 'sqol'"):
        load(file)


def test_editors_know_the_grammar() -> None:
    import jsonschema

    schema = {**scenario_schema(), "$id": "https://sfmock.invalid/test"}
    for cost, right in [
        ({"soql": 1}, True),
        ({"cpu": "4 per record"}, True),
        ({"soql": "1 per row"}, False),
        ({"sqol": 1}, False),
    ]:
        value = {"title": "x", "org": {"automation": [{"object": "Contact", "on": "insert", "cost": cost}]}}
        assert jsonschema.Draft202012Validator(schema).is_valid(value) is right
