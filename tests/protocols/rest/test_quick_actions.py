"""Quick actions: listed, described, with defaults of a record, and done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mock_server.api import Server
from mock_server.org.schema import Schema
from mock_server.org.schema.metadata import read
from mock_server.org.standard.quick_actions import checked
from tests.conftest import Rest

DESCRIBED = {
    "accessLevelRequired", "actionEnumOrId", "canvasApplicationId", "canvasApplicationName", "colors",
    "contextSobjectType", "defaultValues", "flowDevName", "flowRecordIdVar", "height", "iconName", "iconUrl", "icons",
    "label", "layout", "lightningComponentBundleId", "lightningComponentBundleName",
    "lightningComponentQualifiedName", "miniIconUrl", "mobileExtensionDisplayMode", "mobileExtensionId", "name",
    "showQuickActionLcHeader", "showQuickActionVfHeader", "targetParentField", "targetRecordTypeId",
    "targetSobjectType", "type", "visualforcePageName", "visualforcePageUrl", "width",
}  # fmt: skip


@pytest.mark.parametrize("base", ["/quickActions", "/sobjects/Account/quickActions"])
def test_every_action_that_is_listed_answers_by_its_urls(rest: Rest, base: str) -> None:
    listed = rest.get(base).json()
    assert {"LogACall", "NewEvent", "NewTask"} <= {one["name"] for one in listed}
    for one in listed:
        assert list(one) == ["actionEnumOrId", "label", "name", "type", "urls"]
        assert rest.get(one["urls"]["quickAction"]).json() == one
        described = rest.get(one["urls"]["describe"]).json()
        assert set(described) == DESCRIBED
        assert list(described) == sorted(described)
        assert rest.get(one["urls"]["defaultValues"]).json()["attributes"] == {"type": described["targetSobjectType"]}
        shown = [item["layoutComponents"] for row in described["layout"]["layoutRows"] for item in row["layoutItems"]]
        assert all(shown)


def test_a_call_is_logged_at_a_record_as_a_task_that_is_done(rest: Rest) -> None:
    account = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    template = rest.get("/sobjects/Account/quickActions/LogACall").json()["urls"]["defaultValuesTemplate"]
    assert rest.get(template.replace("{ID}", account)).json()["WhatId"] == account
    body = {"contextId": account, "record": {"Description": "Talked"}}
    done = rest.post("/sobjects/Account/quickActions/LogACall", json=body)
    assert done.status_code == 201
    answer = done.json()
    assert (answer["success"], answer["created"], answer["contextId"], answer["errors"]) == (True, True, account, [])
    task = rest.get(f"/sobjects/Task/{answer['id']}").json()
    assert (task["WhatId"], task["Subject"], task["Status"], task["Description"]) == (
        account, "Call", "Completed", "Talked",
    )  # fmt: skip


def test_a_person_is_whom_a_task_is_with(rest: Rest) -> None:
    contact = rest.post("/sobjects/Contact", json={"LastName": "Doe"}).json()["id"]
    made = rest.post("/quickActions/NewTask", json={"contextId": contact, "record": {"Subject": "Ring"}}).json()
    assert rest.get(f"/sobjects/Task/{made['id']}").json()["WhoId"] == contact


def test_a_record_that_cannot_be_made_is_told_by_its_errors(rest: Rest) -> None:
    refused = rest.post("/quickActions/NewContact", json={"record": {"FirstName": "Jo"}})
    body = refused.json()
    assert (refused.status_code, body["success"], body["id"]) == (400, False, None)
    assert [one["errorCode"] for one in body["errors"]] == ["REQUIRED_FIELD_MISSING"]
    assert rest.post("/quickActions/NewContact", json={}).json()[0]["errorCode"] == "MISSING_ARGUMENT"


@pytest.mark.parametrize(
    "path",
    [
        "/quickActions/Nothing", "/quickActions/Nothing/describe", "/sobjects/Nothing/quickActions/NewTask",
        "/quickActions/NewTask/defaultValues/001000000000001AAA", "/quickActions/NewTask/defaultValues/x",
        "/sobjects/Attachment/quickActions/NewTask",
    ],
)  # fmt: skip
def test_actions_and_records_that_are_not_there(rest: Rest, path: str) -> None:
    assert rest.get(path).status_code == 404


ACTION = """<?xml version="1.0" encoding="UTF-8"?>
<QuickAction xmlns="http://soap.sforce.com/2006/04/metadata">
    <fieldOverrides><field>Department</field><literalValue>Sales</literalValue></fieldOverrides>
    <label>Add a person</label>
    <optionsCreateFeedItem>false</optionsCreateFeedItem>
    <quickActionLayout>
        <layoutSectionStyle>TwoColumnsLeftToRight</layoutSectionStyle>
        <quickActionLayoutColumns>
            <quickActionLayoutItems><emptySpace>false</emptySpace><field>LastName</field></quickActionLayoutItems>
        </quickActionLayoutColumns>
    </quickActionLayout>
    <targetObject>Contact</targetObject>
    <targetParentField>AccountId</targetParentField>
    <type>Create</type>
</QuickAction>
"""
UPDATE = """<?xml version="1.0" encoding="UTF-8"?>
<QuickAction xmlns="http://soap.sforce.com/2006/04/metadata">
    <fieldOverrides><field>Industry</field><literalValue>Banking</literalValue></fieldOverrides>
    <label>Make it a bank</label>
    <optionsCreateFeedItem>false</optionsCreateFeedItem>
    <type>Update</type>
</QuickAction>
"""
FLOW = """<?xml version="1.0" encoding="UTF-8"?>
<QuickAction xmlns="http://soap.sforce.com/2006/04/metadata"><label>Go</label><type>Flow</type></QuickAction>
"""


def test_actions_of_metadata_are_an_objects_own(server: Server, tmp_path: Path) -> None:
    folder = tmp_path / "quickActions"
    folder.mkdir()
    for name, text in (("Add_Person", ACTION), ("Bank", UPDATE), ("Go", FLOW)):
        (folder / f"Account.{name}.quickAction-meta.xml").write_text(text)
    definitions = read(tmp_path)
    (left,) = [note.text for note in definitions.notes if note.verdict == "warning"]
    assert left == "actions of type Flow do nothing here; Go is left out"
    org = server.control.create_org(schema=definitions.data)
    rest = Rest(server.url, org.access_token, org)
    listed = {one["name"]: one for one in rest.get("/sobjects/Account/quickActions").json()}
    assert {"Add_Person", "Bank", "LogACall"} <= set(listed)
    assert "Go" not in listed
    assert listed["Add_Person"]["actionEnumOrId"].startswith("09D")
    described = rest.get("/sobjects/Account/quickActions/Add_Person/describe").json()
    assert (described["targetParentField"], described["contextSobjectType"]) == ("AccountId", "Account")
    assert described["defaultValues"] == [{"defaultValue": "Sales", "field": "Department"}]
    account = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    body = {"contextId": account, "record": {"LastName": "Doe"}}
    made = rest.post("/sobjects/Account/quickActions/Account.Add_Person", json=body).json()["id"]
    contact = rest.get(f"/sobjects/Contact/{made}").json()
    assert (contact["AccountId"], contact["Department"]) == (account, "Sales")
    changed = rest.post("/sobjects/Account/quickActions/Bank", json={"contextId": account, "record": {}})
    assert (changed.status_code, changed.json()["created"], changed.json()["id"]) == (200, False, account)
    assert rest.get(f"/sobjects/Account/{account}").json()["Industry"] == "Banking"
    assert rest.post("/sobjects/Account/quickActions/Bank", json={"record": {}}).status_code == 400
    assert rest.get("/sobjects/Contact/quickActions/Add_Person").status_code == 404
    assert "Add_Person" not in {one["name"] for one in rest.get("/quickActions").json()}
    rest.http.close()
    server.control.delete_org(org.id)


def test_actions_of_what_an_org_has_not_are_left_out_with_a_note() -> None:
    actions: dict[str, Any] = {
        "Account.A": {"target": "Nothing__c"}, "B": 5,
        "C": {"target": "Contact", "fields": ["LastName", "Nope"], "preset": {"Nope": "1"}, "parent": "Nope"},
    }  # fmt: skip
    kept, notes = checked(Schema(), actions)
    assert [path for path, _ in notes] == [("quickActions", name) for name in ("Account.A", "B", "C")]
    assert (kept["C"].fields, kept["C"].preset, kept["C"].parent) == (("LastName",), {}, None)
