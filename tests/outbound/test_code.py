"""Callouts that Python code asks for: in triggers, in Apex REST, and what it does with the answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from harness.org import OrgHandle
from mock_server import api
from tests.outbound.receivers import Receiver
from tests.waiting import until

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def salesforce(server: api.Server) -> Iterator[OrgHandle]:
    made = server.control.create_org(journal="whole")
    yield OrgHandle(made, server)
    server.control.delete_org(made.id)


def create(org: OrgHandle, name: str) -> requests.Response:
    headers = {"Authorization": f"Bearer {org.access_token}"}
    url = f"{org.instance_url}/services/data/v60.0/sobjects/Account"
    return requests.post(url, headers=headers, json={"Name": name}, timeout=30)


def jobs(org: OrgHandle) -> list[dict[str, Any]]:
    return list(org.control.outbound()["callouts"])


def test_a_trigger_calls_out_after_the_commit_and_goes_on_with_the_answer(
    salesforce: OrgHandle, receiver: Receiver
) -> None:
    receiver.answer = lambda got: (200, JSON, b'{"ext": "X-9"}')

    def push(trigger: Any) -> None:
        for record in trigger.new:
            if record["Description"] is None:
                trigger.org.call_out(
                    url=f"{receiver.url}/in", record=record.id, headers={"X-Name": record["Name"]},
                    body={"id": record.id, "text": "{no place}"}, then=keep,
                )  # fmt: skip

    def keep(answer: Any, org: Any) -> None:
        found = org.query("SELECT Id FROM Account WHERE Name = 'one'")
        org.update("Account", {"Id": found[0]["Id"], "Description": f"{answer.status} {answer.body['ext']}"})

    salesforce.after("Account", "insert", "update")(push)
    account = create(salesforce, "one").json()["id"]
    (got,) = receiver.wait(1)
    assert (got.path, got.headers["X-Name"]) == ("/in", "one")
    assert json.loads(got.body) == {"id": account, "text": "{no place}"}
    until(lambda: [job for job in jobs(salesforce) if job["state"] == "delivered"])
    (row,) = salesforce.control.records("SELECT Description FROM Account")
    assert row["Description"] == "200 X-9"
    (entry,) = [one for one in salesforce.journal() if one["operation"] == "outbound.callout"]
    assert entry["call"]["records"] == [account]


def test_a_transaction_that_is_rolled_back_calls_nobody(salesforce: OrgHandle, receiver: Receiver) -> None:
    def push(trigger: Any) -> None:
        trigger.org.call_out(url=receiver.url)
        if trigger.new[0]["Name"] == "bad":
            raise ValueError("no")

    salesforce.before("Account", "insert")(push)
    assert create(salesforce, "bad").status_code == 400
    assert create(salesforce, "good").status_code == 201
    receiver.wait(1)
    until(lambda: [job for job in jobs(salesforce) if job["state"] == "delivered"])
    assert (len(jobs(salesforce)), len(receiver.got)) == (1, 1)


def test_a_declared_callout_is_asked_for_by_its_name(salesforce: OrgHandle, receiver: Receiver) -> None:
    request = {"url": f"{receiver.url}/x/{{given.path}}", "body": "{record.Name}"}
    salesforce.declare("callouts", name="Push", object="Account", on="delete", request=request)

    @salesforce.apex_rest("/push/{id}", "POST")
    def push(request: Any) -> Any:
        request.org.call_out("push", record=request.path["id"], given={"path": "a b"})
        return {"asked": True}

    account = create(salesforce, "one").json()["id"]
    headers = {"Authorization": f"Bearer {salesforce.access_token}"}
    answer = requests.post(f"{salesforce.instance_url}/services/apexrest/push/{account}", headers=headers, timeout=30)
    assert answer.json() == {"asked": True}
    (got,) = receiver.wait(1)
    assert (got.path, got.body) == ("/x/a%20b", b"one")


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"url": "ftp://localhost/"}, "is no URL that begins with http://"),
        ({"url": "http://localhost/", "timeout": 121}, "timeout must be between"),
        ({"url": "http://localhost/", "method": "PURGE"}, "Invalid HTTP method"),
        ({"url": "/x", "credential": "Nobody"}, "there is no named credential Nobody"),
    ],
)
def test_what_can_never_be_sent_fails_the_save(salesforce: OrgHandle, wanted: dict[str, Any], text: str) -> None:
    salesforce.before("Account", "insert")(lambda trigger: trigger.org.call_out(**wanted))
    (error,) = create(salesforce, "one").json()
    assert (error["errorCode"], text in error["message"]) == ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", True)
    assert "System.CalloutException" in error["message"]


def test_an_exception_of_the_code_behind_ends_the_job_alone(salesforce: OrgHandle, receiver: Receiver) -> None:
    def fail(answer: Any, org: Any) -> None:
        org.insert("Task", {"Subject": "half"})
        raise ValueError("oops")

    salesforce.after("Account", "insert")(lambda trigger: trigger.org.call_out(url=receiver.url, then=fail))
    create(salesforce, "one")
    (job,) = until(lambda: [job for job in jobs(salesforce) if job["state"] == "failed"])
    assert job["error"] == "ValueError: oops"
    assert salesforce.control.records("SELECT Id FROM Task") == []
    assert create(salesforce, "two").status_code == 201
