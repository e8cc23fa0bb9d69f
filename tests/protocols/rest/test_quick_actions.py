"""Quick actions: listed, described, with defaults of a record, and done."""

from __future__ import annotations

import pytest

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
