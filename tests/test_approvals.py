"""Approval processes: submitted, locked, decided, and what is left to be queried."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from harness.org import OrgHandle
from mock_server import api, approvals
from mock_server.control.client import ControlError, OrgInfo
from mock_server.documents import Problem, parse
from tests.conftest import Rest

ALL = ["read", "create", "edit", "delete"]


@pytest.fixture
def handle(server: api.Server, org: OrgInfo) -> OrgHandle:
    return OrgHandle(org, server)


class Person:
    """A user who may work with opportunities, and his HTTP client."""

    def __init__(self, handle: OrgHandle, rest: Rest, username: str) -> None:
        self.user = handle.user(username=username, objects={"Opportunity": ALL, "Account": ALL})
        self._rest = rest

    def __call__(self, method: str, path: str, **options: Any) -> requests.Response:
        return self._rest(method, path, headers={"Authorization": f"Bearer {self.user.access_token}"}, **options)

    def act(self, **request: Any) -> Any:
        answer = self("POST", "/process/approvals", json={"requests": [request]})
        (result,) = answer.json()
        assert answer.status_code == (200 if result["success"] else 400)
        return result


@pytest.fixture
def clerk(handle: OrgHandle, rest: Rest) -> Person:
    return Person(handle, rest, f"clerk.{handle.id.lower()}@acme.test")


@pytest.fixture
def boss(handle: OrgHandle, rest: Rest) -> Person:
    return Person(handle, rest, f"boss.{handle.id.lower()}@acme.test")


@pytest.fixture
def process(handle: OrgHandle, boss: Person, clerk: Person) -> dict[str, Any]:
    return handle.declare(
        "approvals",
        name="Big_Deal",
        label="Big deals",
        object="opportunity",
        entryCriteria="Amount > 1000",
        steps=[
            {"name": "Manager", "approvers": boss.user.username},
            {"name": "Board", "criteria": "Amount > 9000"},
        ],
        onSubmit={"NextStep": "waits"},
        onApprove={"NextStep": "approved"},
        onReject={"NextStep": "rejected"},
    )


def deal(amount: float, owner: Person) -> str:
    row = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2030-01-01", "Amount": amount}
    made = owner("POST", "/sobjects/Opportunity", json=row)
    return str(made.json()["id"])


def code(result: Any) -> str:
    assert result["success"] is False
    return str(result["errors"][0]["statusCode"])


def test_an_org_without_any_says_so(rest: Rest) -> None:
    assert rest.get("/process/approvals").json() == {"approvals": {}}
    assert rest.get("/process/rules").json() == {"rules": {}}
    assert rest.get("/process/rules/Account").json() == {"rules": {}}
    assert rest.get("/process/rules/Account/01Q000000000001AAA").status_code == 404
    made = rest.post("/sobjects/Account", json={"Name": "A"}).json()["id"]
    assert rest.post("/process/rules", json={"contextIds": [made]}).json() == {"errors": None, "success": True}
    assert rest.post("/process/rules", json={"contextIds": ["x"]}).status_code == 400
    request = {"actionType": "Submit", "contextId": made}
    answer = rest.post("/process/approvals", json={"requests": [request]})
    assert answer.status_code == 400
    assert answer.json() == [
        {
            "actorIds": None, "entityId": None,
            "errors": [{"statusCode": "NO_APPLICABLE_PROCESS", "message": "No applicable approval process was found.", "fields": []}],
            "instanceId": None, "instanceStatus": None, "newWorkitemIds": None, "success": False,
        }
    ]  # fmt: skip
    assert rest.post("/process/approvals", json={}).status_code == 400


def test_a_record_waits_locked_and_is_approved(
    handle: OrgHandle, rest: Rest, process: dict[str, Any], clerk: Person, boss: Person
) -> None:
    (listed,) = rest.get("/process/approvals").json()["approvals"]["Opportunity"]
    assert (listed["id"], listed["name"], listed["sortOrder"]) == (process["id"], "Big deals", 1)
    target = deal(5000, clerk)
    submitted = clerk.act(actionType="Submit", contextId=target, comments="please")
    assert (submitted["entityId"], submitted["instanceStatus"], submitted["errors"]) == (target, "Pending", None)
    (item,) = submitted["newWorkitemIds"]
    refused = clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 1})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "ENTITY_IS_LOCKED")
    assert clerk("DELETE", f"/sobjects/Opportunity/{target}").json()[0]["errorCode"] == "ENTITY_IS_LOCKED"
    assert rest.patch(f"/sobjects/Opportunity/{target}", json={"Description": "admin"}).status_code == 204
    assert code(clerk.act(actionType="Submit", contextId=target)) == "ALREADY_IN_PROCESS"
    assert code(clerk.act(actionType="Approve", contextId=item)) == "INSUFFICIENT_ACCESS_OR_READONLY"
    approved = boss.act(actionType="Approve", contextId=item, comments="fine")
    assert (approved["instanceStatus"], approved["newWorkitemIds"]) == ("Approved", [])
    (instance,) = handle.records.query(
        "SELECT Status, TargetObjectId, ProcessDefinition.DeveloperName FROM ProcessInstance"
    )
    assert (instance["Status"], instance["ProcessDefinition"]["DeveloperName"]) == ("Approved", "Big_Deal")
    steps = handle.records.query("SELECT StepStatus, Comments FROM ProcessInstanceStep ORDER BY Id")
    assert [(one["StepStatus"], one["Comments"]) for one in steps] == [("Started", "please"), ("Approved", "fine")]
    assert handle.records.query("SELECT Id FROM ProcessInstanceWorkitem") == []
    assert handle.records.query("SELECT NextStep FROM Opportunity")[0]["NextStep"] == "approved"
    assert clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 1}).status_code == 400
    assert code(boss.act(actionType="Approve", contextId=item)) == "INVALID_CROSS_REFERENCE_KEY"


def test_a_rejected_record_is_free_again_and_may_be_submitted_again(
    handle: OrgHandle, process: dict[str, Any], clerk: Person, boss: Person
) -> None:
    target = deal(5000, clerk)
    (item,) = clerk.act(actionType="submit", contextId=target)["newWorkitemIds"]
    assert boss.act(actionType="Reject", contextId=item)["instanceStatus"] == "Rejected"
    assert clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 6000}).status_code == 204
    (again,) = clerk.act(actionType="Submit", contextId=target)["newWorkitemIds"]
    assert clerk.act(actionType="Removed", contextId=again)["instanceStatus"] == "Removed"
    assert clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 10}).status_code == 204
    assert code(clerk.act(actionType="Submit", contextId=target)) == "NO_APPLICABLE_PROCESS"
    named = {"processDefinitionNameOrId": process["id"], "skipEntryCriteria": True}
    assert clerk.act(actionType="Submit", contextId=target, **named)["success"]


def test_a_later_step_asks_whom_the_approver_names(
    handle: OrgHandle, process: dict[str, Any], clerk: Person, boss: Person
) -> None:
    target = deal(10_000, clerk)
    (item,) = clerk.act(actionType="Submit", contextId=target)["newWorkitemIds"]
    missing = boss.act(actionType="Approve", contextId=item)
    assert code(missing) == "REQUIRED_FIELD_MISSING"
    assert missing["errors"][0]["message"] == "missing required field: [nextApproverIds]"
    assert len(handle.records.query("SELECT Id FROM ProcessInstanceWorkitem")) == 1  # nothing of it stayed
    user = handle.records.query(f"SELECT Id FROM User WHERE Username = '{clerk.user.username}'")[0]["Id"]
    onward = boss.act(actionType="Approve", contextId=item, nextApproverIds=[user])
    assert (onward["instanceStatus"], onward["actorIds"]) == ("Pending", [user])
    done = clerk.act(actionType="Approve", contextId=onward["newWorkitemIds"][0])
    assert done["instanceStatus"] == "Approved"


def test_all_must_agree_where_a_step_is_unanimous(handle: OrgHandle, clerk: Person, boss: Person) -> None:
    both = [clerk.user.username, boss.user.username]
    handle.declare(
        "approvals",
        name="Both",
        object="Opportunity",
        recordEditability="AdminOrCurrentApprover",
        finalApprovalRecordLock=False,
        steps=[{"approvers": both, "unanimous": True}],
    )
    target = deal(1, clerk)
    first, second = clerk.act(actionType="Submit", contextId=target)["newWorkitemIds"]
    assert clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 2}).status_code == 204  # an approver
    assert clerk.act(actionType="Approve", contextId=first)["instanceStatus"] == "Pending"
    assert clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 3}).status_code == 400
    assert boss.act(actionType="Approve", contextId=second)["instanceStatus"] == "Approved"
    assert clerk("PATCH", f"/sobjects/Opportunity/{target}", json={"Amount": 3}).status_code == 204


def test_a_trigger_that_refuses_what_a_process_sets_refuses_the_request(
    handle: OrgHandle, process: dict[str, Any], clerk: Person
) -> None:
    target = deal(5000, clerk)
    handle.automation(object="Opportunity", on="update", cost={"soql": 101})
    failed = clerk.act(actionType="Submit", contextId=target)
    assert code(failed) == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert "Too many SOQL queries: 101" in failed["errors"][0]["message"]
    assert handle.records.query("SELECT Id FROM ProcessInstance") == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({}, "INVALID_INPUT"),
        (7, "INVALID_INPUT"),
        ({"actionType": "Sbmit"}, "INVALID_INPUT"),
        ({"actionType": "Submit"}, "REQUIRED_FIELD_MISSING"),
        ({"actionType": "Submit", "contextId": "x"}, "MALFORMED_ID"),
        ({"actionType": "Submit", "contextId": 7}, "MALFORMED_ID"),
        ({"actionType": "Submit", "contextId": "006000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"actionType": "Approve", "contextId": "04i000000000001AAA"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"actionType": "Submit", "contextId": "006000000000001AAA", "x": 1}, "INVALID_INPUT"),
    ],
)
def test_requests_that_are_wrong(rest: Rest, process: dict[str, Any], request_: Any, said: str) -> None:
    answer = rest.post("/process/approvals", json={"requests": [request_]})
    assert answer.status_code == 400
    assert code(answer.json()[0]) == said


def test_the_standard_action_submits(
    handle: OrgHandle, rest: Rest, process: dict[str, Any], clerk: Person, boss: Person
) -> None:
    target = deal(5000, clerk)
    (result,) = clerk("POST", "/actions/standard/submit", json={"inputs": [{"objectId": target}]}).json()
    assert result["outputValues"]["instanceStatus"] == "Pending"
    again = clerk("POST", "/actions/standard/submit", json={"inputs": [{"objectId": target}]})
    assert (again.status_code, again.json()[0]["errors"][0]["statusCode"]) == (400, "ALREADY_IN_PROCESS")


def test_an_org_that_lacks_what_a_process_names(handle: OrgHandle) -> None:
    right = {"name": "P", "object": "Account", "steps": [{"approvers": handle.username}]}
    for wrong, said in [
        ({"object": "Acount"}, "object: this org has no object Acount .did you mean Account"),
        ({"entryCriteria": "Amont > 1"}, "entryCriteria: 'Amont > 1' is no condition of Account: "),
        ({"onApprove": {"Nam": 1}}, "onApprove.Nam: Account has no field Nam .did you mean Name"),
        ({"onSubmit": {"CreatedDate": None}}, "onSubmit.CreatedDate: Account.CreatedDate cannot be changed"),
        ({"onSubmit": {"AnnualRevenue": [1]}}, r"onSubmit.AnnualRevenue: \[1\] is no value of Account.AnnualRevenue"),
        ({"steps": [{"approvers": "nobody@x.test"}]}, r"steps\[0\].approvers: there is no user nobody@x.test"),
    ]:
        with pytest.raises(ControlError, match=said):
            handle.declare("approvals", {**right, **wrong})
    handle.declare("approvals", right)
    assert [one["name"] for one in handle.control.declared("approvals")] == ["P"]
    handle.control.reset()
    assert handle.control.declared("approvals") == []


def test_an_org_is_made_with_its_processes_and_their_approvers(server: api.Server) -> None:
    users = [{"username": "approver@acme.test", "objects": {"Account": ["read"]}}]
    step = {"approvers": "approver@acme.test"}
    info = server.control.create_org(
        users=users, declared={"approvals": [{"name": "P", "object": "Account", "steps": [step]}]}
    )
    control = server.control.for_org(info.id)
    for _ in range(2):
        (known,) = control.records("SELECT DeveloperName, TableEnumOrId FROM ProcessDefinition")
        assert (known["DeveloperName"], known["TableEnumOrId"]) == ("P", "Account")
        control.reset()
    clone = control.clone()
    assert [one["name"] for one in server.control.for_org(clone.id).declared("approvals")] == ["P"]
    for one in (info, clone):
        server.control.delete_org(one.id)


WRONG = [
    ("[{object: A, steps: [{}]}]", "1:2: a process needs name"),
    ("[{name: A, object: B, steps: []}]", "1:30: steps must be a list of at least one"),
    ("[{name: A, object: B, steps: [{aprovers: x}]}]", "1:32: a step of a process has no key 'aprovers'; did you mean 'approvers'?"),
    ("[{name: A, object: B, steps: [{}], onAprove: {}}]", "1:36: a process has no key 'onAprove'; did you mean 'onApprove'?"),
    ("[{name: A, object: B, steps: [{}], recordEditability: Admin}]", "1:55: recordEditability must be one of AdminOnly"),
    ("{name: A}", "1:1: approvals must be a list of processes"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_with_a_declaration_is_said_with_its_place(text: str, said: str) -> None:
    document = parse(text, "approvals.yaml")
    problems: list[Problem] = []
    approvals.read(document.data, (), problems)
    assert str(document.error(problems)).startswith(f"approvals.yaml:{said}")
