"""Invocable actions: those of every org, and those that people declare and write."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceResourceNotFound

from harness.org import OrgHandle
from mock_server import actions, api
from mock_server.control.client import OrgInfo
from mock_server.documents import Problem, parse
from tests.conftest import Rest


@pytest.fixture
def handle(server: api.Server, org: OrgInfo) -> OrgHandle:
    return OrgHandle(org, server)


SCORE = parse(
    """
name: Score_Lead
label: Score a lead
inputs:
  company: {type: STRING, required: true}
  points: INTEGER
  tags: {type: STRING, many: true}
outputs: {accountId: ID, text: STRING}
steps:
  - {if: "{input.points}", save: insert, object: Account, records: {Name: "{input.company}"}, as: made}
  - {unless: "{made}", raise: {message: "no points"}}
values: {accountId: "{made[0].id}", text: "{input.company} has {input.points}"}
""",
    "score.yaml",
).data


def test_the_lists_lead_to_each_action(handle: OrgHandle, rest: Rest) -> None:
    handle.declare("actions", SCORE)
    root = rest.get("/actions").json()
    assert {name: url.rpartition("/actions/")[2] for name, url in root.items()} == {
        "standard": "standard", "custom": "custom",
    }  # fmt: skip
    assert [one["name"] for one in rest.get("/actions/standard").json()["actions"]] == [
        "chatterPost", "emailSimple", "submit",
    ]  # fmt: skip
    assert set(rest.get("/actions/custom").json()) == {"apex", "emailAlert", "flow", "quickAction", "sendNotification"}
    assert rest.get("/actions/custom/apex").json() == {"actions": []}
    (listed,) = rest.get("/actions/custom/flow").json()["actions"]
    assert (listed["label"], listed["name"], listed["type"]) == ("Score a lead", "Score_Lead", "FLOW")
    described = rest.get(listed["url"]).json()
    assert list(described) == [
        "description", "inputs", "label", "name", "outputs", "standard", "targetEntityName", "type",
    ]  # fmt: skip
    assert described["inputs"][0] == {
        "byteLength": 0, "description": None, "label": "company", "maxOccurs": 1, "name": "company",
        "picklistValues": None, "required": True, "sobjectType": None, "type": "STRING",
    }  # fmt: skip
    for path in ("/actions/standard/nope", "/actions/custom/flow/Nope", "/actions/custom/nope", "/actions/nope"):
        assert rest.get(path).status_code == 404


def test_an_unmodified_client_calls_an_action(server: api.Server, handle: OrgHandle) -> None:
    handle.declare("actions", SCORE)
    with requests.Session() as http:
        http.verify, http.trust_env = str(server.ca_bundle), False
        client = Salesforce(instance_url=server.https_url, session_id=handle.access_token, session=http)
        body = {"inputs": [{"company": "Acme", "points": 3}, {"company": "Bolt", "points": 4, "tags": ["a"]}]}
        results = client.restful("actions/custom/flow/Score_Lead", method="POST", json=body)
        assert [one["outputValues"]["text"] for one in results] == ["Acme has 3", "Bolt has 4"]
        assert results[0] == {
            "actionName": "Score_Lead", "errors": None, "invocationId": None, "isSuccess": True,
            "outputValues": {
                "accountId": results[0]["outputValues"]["accountId"], "text": "Acme has 3",
                "Flow__InterviewStatus": "Finished",
            },
            "sortOrder": -1, "version": 1,
        }  # fmt: skip
        assert list(results[0]) == sorted(results[0])
        with pytest.raises(SalesforceMalformedRequest) as refused:
            client.restful("actions/custom/flow/Score_Lead", method="POST", json={"inputs": [{"points": 1}]})
        ((failed),) = refused.value.content
        assert (failed["isSuccess"], failed["outputValues"]) == (False, None)
        assert failed["errors"] == [
            {"statusCode": "INVALID_API_INPUT", "message": "Missing required input parameter: company", "fields": []}
        ]
        with pytest.raises(SalesforceResourceNotFound):
            client.restful("actions/custom/flow/Nope", method="POST", json=body)
    assert {row["Name"] for row in handle.records.query("SELECT Name FROM Account")} == {"Acme", "Bolt"}


def test_one_input_that_fails_leaves_the_others(handle: OrgHandle, rest: Rest) -> None:
    handle.declare("actions", SCORE)
    inputs = [{"company": "A", "points": 1}, {"company": "B"}, {"company": "C", "points": 1}]
    answer = rest.post("/actions/custom/flow/Score_Lead", json={"inputs": inputs})
    assert answer.status_code == 400
    assert [one["isSuccess"] for one in answer.json()] == [True, False, True]
    assert answer.json()[1]["errors"] == [
        {
            "statusCode": "UNKNOWN_EXCEPTION",
            "message": "An error occurred when executing a flow interview.",
            "fields": [],
        }
    ]
    assert len(handle.records.query("SELECT Id FROM Account")) == 2


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "The request needs a list of inputs"),
        ([], "The request needs a list of inputs"),
        ({"inputs": {}}, "The request needs a list of inputs"),
        ({"inputs": []}, "The request needs a list of inputs"),
        ({"inputs": [{}] * 201}, "The number of inputs must not exceed 200"),
        ({"inputs": [7]}, "An input must be an object of parameters"),
        ({"inputs": [{"company": "x", "points": "three"}]}, "Incorrect data type for the input parameter: points"),
        ({"inputs": [{"company": "x", "tags": "a"}]}, "Incorrect data type for the input parameter: tags"),
        ({"inputs": [{"company": ["x"]}]}, "Incorrect data type for the input parameter: company"),
        ({"inputs": [{"company": "x", "poins": 1}]}, "Unknown input parameter: poins"),
    ],
)
def test_inputs_that_are_wrong(handle: OrgHandle, rest: Rest, body: Any, said: str) -> None:
    handle.declare("actions", SCORE)
    answer = rest.post("/actions/custom/flow/Score_Lead", json=body)
    assert answer.status_code == 400
    (first,) = answer.json()
    assert said == (first["message"] if "message" in first else first["errors"][0]["message"])


def test_a_function_is_an_action(handle: OrgHandle, rest: Rest, caplog: pytest.LogCaptureFixture) -> None:
    @handle.invocable("Close", inputs={"id": {"type": "ID", "required": True}}, outputs={"count": "INTEGER"})
    def close(call: Any) -> Any:
        if call.number == 1:
            raise call.fail("too late", "FIELD_CUSTOM_VALIDATION_EXCEPTION", ["Id"])
        if call.number == 2:
            raise ValueError("boom")
        if call.number == 3:
            return {"nope": 1}
        return {"count": call.org.count("SELECT COUNT() FROM User")}

    (account,) = handle.records.seed("Account", [{"Name": "A"}])
    results = rest.post("/actions/custom/apex/close", json={"inputs": [{"id": account}] * 4}).json()
    assert results[0]["outputValues"]["count"] >= 1
    assert results[1]["errors"] == [
        {"statusCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION", "message": "too late", "fields": ["Id"]}
    ]
    assert results[2]["errors"][0]["message"].startswith(
        "An Apex error occurred: ValueError: boom\n\nClass.Close: line "
    )
    assert "TypeError: Close has no output nope" in results[3]["errors"][0]["message"]
    assert "the action Close failed" in caplog.text
    with pytest.raises(ValueError, match="there is no type 'IDD'"):
        handle.invocable("Again", inputs={"id": "IDD"})(close)
    with pytest.raises(ValueError, match="the apex action Close is there already"):
        handle.invocable("Close")(close)


def test_rows_of_an_action_meet_faults(handle: OrgHandle, rest: Rest) -> None:
    handle.declare("actions", {**SCORE, "type": "apex"})
    handle.faults.add(
        name="lock", on="rest.actions.invoke", records={"first": 1}, when={"times": 1}, error="UNABLE_TO_LOCK_ROW"
    )
    inputs = {"inputs": [{"company": "A", "points": 1}, {"company": "B", "points": 1}]}
    results = rest.post("/actions/custom/apex/Score_Lead", json=inputs).json()
    assert "UNABLE_TO_LOCK_ROW" in results[0]["errors"][0]["message"]
    assert handle.faults.fired("lock") == 1


@pytest.mark.parametrize("all_or_none", [False, True])
def test_an_action_is_one_of_the_requests_of_a_composite_one(handle: OrgHandle, rest: Rest, all_or_none: bool) -> None:
    handle.declare("actions", SCORE)
    root = f"/services/data/v{rest.version}"
    score = {"company": "@{first.id}", "points": 1}
    body = {
        "allOrNone": all_or_none,
        "compositeRequest": [
            {"method": "POST", "url": f"{root}/sobjects/Account", "referenceId": "first", "body": {"Name": "A"}},
            {
                "method": "POST", "url": f"{root}/actions/custom/flow/Score_Lead", "referenceId": "score",
                "body": {"inputs": [score, {"company": "B"}]},
            },
        ],
    }  # fmt: skip
    first, second = rest.post("/composite", json=body).json()["compositeResponse"]
    if all_or_none:
        assert (first["httpStatusCode"], second["httpStatusCode"]) == (400, 400)
        assert handle.records.query("SELECT Id FROM Account") == []
        return
    assert (first["httpStatusCode"], second["httpStatusCode"]) == (201, 400)
    names = {row["Name"] for row in handle.records.query("SELECT Name FROM Account")}
    assert names == {"A", first["body"]["id"]}
    (entry,) = handle.journal()
    assert [row["success"] for row in entry["rows"]] == [True, True]


def test_a_post_and_a_mail_are_kept(handle: OrgHandle, rest: Rest) -> None:
    (account,) = handle.records.seed("Account", [{"Name": "A"}])
    inputs = [
        {"subjectNameOrId": account, "text": "hello"},
        {"subjectNameOrId": handle.username, "type": "User", "text": "hi"},
        {"subjectNameOrId": "nobody' OR Name != '", "text": "hi"},
        {"subjectNameOrId": "001000000000001AAA", "text": "hi"},
    ]
    results = rest.post("/actions/standard/chatterPost", json={"inputs": inputs}).json()
    assert [one["isSuccess"] for one in results] == [True, True, False, False]
    posts = handle.records.query("SELECT Id, Body FROM FeedItem ORDER BY Body DESC")
    assert [post["Body"] for post in posts] == ["hi", "hello"]
    assert results[0]["outputValues"] == {"feedItemId": posts[1]["Id"]}
    mail = {"emailAddresses": "a@b.test, c@d.test", "emailSubject": "S", "emailBody": "B"}
    (sent,) = rest.post("/actions/standard/emailSimple", json={"inputs": [mail]}).json()
    assert (sent["isSuccess"], sent["outputValues"]) == (True, None)
    (kept,) = handle.records.query("SELECT ToAddress, Subject, TextBody, Status FROM EmailMessage")
    assert [kept[key] for key in ("ToAddress", "Subject", "TextBody", "Status")] == ["a@b.test;c@d.test", "S", "B", "3"]
    wrong = rest.post("/actions/standard/emailSimple", json={"inputs": [{**mail, "emailAddresses": "nobody"}]})
    assert wrong.json()[0]["errors"][0]["statusCode"] == "INVALID_EMAIL_ADDRESS"


WRONG = [
    ("[{label: x}]", "1:2: an action needs name"),
    ("[{name: A, typ: apex}]", "1:12: an action has no key 'typ'; did you mean 'type'?"),
    ("[{name: A, type: aepx}]", "1:18: type must be one of apex, flow, not 'aepx'"),
    ("[{name: A, inputs: {x: STRNG}}]", "1:24: there is no type 'STRNG'; did you mean 'STRING'?"),
    ("[{name: A, inputs: {x: {type: 7}}}]", "1:31: there is no type 7"),
    ("[{name: A, inputs: {x: {requird: true}}}]", "1:25: it has no key 'requird'; did you mean 'required'?"),
    ("[{name: A, outputs: {text: STRING}, values: {txt: 1}}]", "1:51: the action has no output 'txt'; did you mean 'text'?"),
    ("[{name: A, values: {x: '{inpt.y}'}}]", "1:24: there is no inpt to take a value from; did you mean 'input'?"),
    ("{name: A}", "1:1: actions must be a list of actions"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_is_wrong_with_a_declaration_is_said_with_its_place(text: str, said: str) -> None:
    document = parse(text, "actions.yaml")
    problems: list[Problem] = []
    actions.read(document.data, (), problems)
    assert str(document.error(problems)).startswith(f"actions.yaml:{said}")
