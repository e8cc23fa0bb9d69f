"""Outbound messages: when they are sent, what they say, when they are tried again and when no more."""

from __future__ import annotations

import threading
from itertools import pairwise
from typing import Any

import pytest
import requests

from mock_server.control.client import ControlError
from mock_server.org.outbound.backoff import FIRST, LIFE, LONGEST
from tests.outbound.conftest import Make
from tests.outbound.receivers import ACK, Receiver
from tests.waiting import PATIENCE, until


def message(receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"name": "Saved", "object": "Account", "fields": ["Name", "Industry"], "endpoint": receiver.url, **more}


def test_a_record_is_sent_once_it_is_committed_and_acknowledged(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver, endpoint=f"{receiver.url}/om?secret=1")])
    account = org.account(Name="A & <B>")
    (got,) = receiver.wait(1)
    assert (got.method, got.path) == ("POST", "/om?secret=1")
    assert got.headers["Content-Type"] == "text/xml; charset=utf-8"
    assert got.records == [{"Id": account, "Name": "A & <B>"}]
    assert got.head("OrganizationId") == org.info.id
    (entry,) = until(org.sent)
    assert (entry["path"], entry["status"], entry["outcome"]) == ("/om", 200, "answered")
    told = entry["call"]
    assert (told["attempt"], told["acknowledged"], told["records"]) == (1, True, [account])
    assert told["notifications"] == got.notifications == [told["message"]]
    (creation,) = [one for one in org.control.journal() if one["operation"] == "rest.sobject.create"]
    assert told["cause"] == creation["number"]
    (queued,) = org.control.outbound()["messages"]
    assert (queued["state"], queued["attempts"], queued["error"]) == ("delivered", 1, None)


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"on": "create"}, ["first"]),
        ({"on": "update"}, ["second", "third"]),
        ({"on": ["create", "update"]}, ["first", "second", "third"]),
        ({}, ["first", "second", "third"]),
        ({"when": 'Name <> "second"'}, ["first", "third"]),
        ({"on": "become", "when": 'Name <> "first"'}, ["second"]),
        ({"criteria": [{"field": "Name", "operator": "startsWith", "value": "s, t"}]}, ["second", "third"]),
        ({"on": "update", "when": "ISCHANGED(Industry)"}, ["third"]),
    ],
)
def test_events_and_conditions_decide_what_is_sent(
    world: Make, receiver: Receiver, given: dict[str, Any], names: list[str]
) -> None:
    org = world(outboundMessages=[message(receiver, **given), message(receiver, name="Last", when='Name = "last"')])
    account = org.account(Name="first")
    until(lambda: not org.control.outbound()["waiting"])
    # The data is that of the moment of sending: each has left before the next change.
    org.rest.patch(f"/sobjects/Account/{account}", json={"Name": "second"})
    until(lambda: not org.control.outbound()["waiting"])
    org.rest.patch(f"/sobjects/Account/{account}", json={"Name": "third", "Industry": "Energy"})
    until(lambda: not org.control.outbound()["waiting"])
    assert [got.records[0]["Name"] for got in receiver.got] == names


def test_what_is_rolled_back_sends_nothing(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    batch = [
        {
            "method": "POST",
            "url": "/services/data/v60.0/sobjects/Account",
            "referenceId": "a",
            "body": {"Name": "gone"},
        },
        {"method": "POST", "url": "/services/data/v60.0/sobjects/Contact", "referenceId": "b", "body": {}},
    ]
    org.rest.post("/composite", json={"allOrNone": True, "compositeRequest": batch})
    rows = [{"attributes": {"type": "Account"}, "Name": name} for name in ("gone", None)]
    org.rest.post("/composite/sobjects", json={"allOrNone": True, "records": rows})
    org.account(Name="stays")
    assert [got.records[0]["Name"] for got in receiver.wait(1)] == ["stays"]
    assert [one["state"] for one in until(lambda: org.control.outbound()["messages"])] != []
    assert len(org.control.outbound()["messages"]) == 1


def test_a_transaction_is_sent_in_messages_of_up_to_100_notifications(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    rows = [{"attributes": {"type": "Account"}, "Name": f"a{number}"} for number in range(150)]
    answer = org.rest.post("/composite/sobjects", json={"records": rows}).json()
    parts = receiver.wait(2)
    assert sorted(len(part.notifications) for part in parts) == [50, 100]
    ids = [one for part in parts for one in part.notifications]
    assert len(set(ids)) == 150
    assert {record["Id"] for part in parts for record in part.records} == {row["id"] for row in answer}


def test_bulk_rows_are_sent_too(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    job = org.rest.post("/jobs/ingest", json={"object": "Account", "operation": "insert", "lineEnding": "LF"}).json()
    rows = "Name\n" + "\n".join(f"bulk{number}" for number in range(250)) + "\n"
    url = f"/jobs/ingest/{job['id']}"
    org.rest("PUT", f"{url}/batches", data=rows, headers={"Content-Type": "text/csv"})
    org.rest.patch(url, json={"state": "UploadComplete"})
    until(lambda: sum(len(got.notifications) for got in list(receiver.got)) == 250)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((200, {}, ACK.format("false").encode()), "SOAP response was a nack"),
        ((200, {}, b"ok"), "SAXParseException"),
        ((200, {}, b""), "SAXParseException"),
        ((200, {"Content-Type": "text/html"}, b"<html><body/></html>"), "Bad envelope tag"),
        ((200, {}, ACK.replace("notificationsResponse", "notifications").format("true").encode()), "notificationsResp"),
        ((200, {}, ACK.replace("Ack", "Nothing").format("true").encode()), "no <Ack>"),
        ((500, {}, ACK.format("true").encode()), "(500)Internal Server Error"),
        ((302, {"Location": "http://127.0.0.1:1/"}, b""), "(302)Found"),
        (None, "Unexpected end of file from server"),
        ((200, {"Content-Length": "99"}, b"<soapenv"), "Unexpected end of file from server"),
        ((200, {}, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "SAXParseException"),
        ((200, {}, b"x" * 12_000_001), "Exceeded max size limit"),
    ],
)
def test_any_other_answer_is_no_acknowledgment(world: Make, receiver: Receiver, answer: Any, error: str) -> None:
    receiver.answer = lambda got: answer
    org = world(outboundMessages=[message(receiver)], clock="virtual")
    org.account()
    (entry,) = until(org.sent)
    assert error in entry["call"]["error"]
    assert entry["call"]["acknowledged"] is False
    (queued,) = org.control.outbound()["messages"]
    assert queued["state"] == "queued"
    assert queued["due"] == pytest.approx(queued["tried"] + FIRST)


def test_it_is_tried_again_ever_more_rarely_for_24_hours_and_then_dropped(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (503, {}, b"")
    org = world(outboundMessages=[message(receiver)], clock="virtual", clock_start=1_800_000_000)
    account = org.account()
    times = []
    for attempt in range(1, 100):
        until(lambda attempt=attempt: len(org.sent()) == attempt)
        (queued,) = org.control.outbound()["messages"]
        times.append(queued["tried"])
        if queued["state"] != "queued":
            break
        org.control.advance(queued["due"] - org.control.clock().now)
    waits = [later - earlier for earlier, later in pairwise(times)]
    assert waits[:9] == [FIRST * 2**n if FIRST * 2**n < LONGEST else LONGEST for n in range(9)]
    assert set(waits[8:]) == {LONGEST}
    assert LIFE - LONGEST <= times[-1] - times[0] < LIFE
    assert (queued["state"], queued["error"]) == ("failed", "(503)Service Unavailable")
    assert {got.notifications[0] for got in receiver.got} == {queued["id"]}
    assert {got.records[0]["Id"] for got in receiver.got} == {account}
    org.control.advance(2 * LIFE)
    assert len(org.sent()) == len(times)


def test_a_receiver_that_is_slow_is_waited_for_60_seconds(world: Make, receiver: Receiver) -> None:
    go = threading.Event()
    receiver.answer = lambda got: go.wait(PATIENCE) and (200, {}, ACK.format("true").encode())
    org = world(outboundMessages=[message(receiver)], clock="virtual")
    org.account()
    receiver.wait(1)
    org.control.advance(59.9)
    assert not org.sent()
    org.control.advance(0.2)
    (entry,) = until(org.sent)
    assert (entry["call"]["error"], entry["status"], entry["outcome"]) == ("Read timed out", None, "abandoned")
    assert entry["call"]["seconds"] == pytest.approx(60.1)
    go.set()


def test_what_is_sent_later_is_what_the_record_is_by_then(world: Make, receiver: Receiver) -> None:
    answers = [(503, {}, b""), (200, {}, ACK.format("true").encode())]
    receiver.answer = lambda got: answers.pop(0)
    org = world(outboundMessages=[message(receiver, on="create")], clock="virtual")
    account = org.account(Name="before")
    until(org.sent)
    org.rest.patch(f"/sobjects/Account/{account}", json={"Name": "after"})
    org.control.advance(FIRST)
    first, second = receiver.wait(2)
    assert (first.records[0]["Name"], second.records[0]["Name"]) == ("before", "after")
    assert first.notifications == second.notifications
    assert [one["call"]["attempt"] for one in until(lambda: org.sent()[1:] and org.sent())] == [1, 2]


def test_a_record_that_is_gone_is_a_notification_without_data(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (503, {}, b"")
    org = world(outboundMessages=[message(receiver)], clock="virtual")
    account = org.account()
    until(org.sent)
    org.rest.delete(f"/sobjects/Account/{account}")
    org.control.advance(FIRST)
    later = receiver.wait(2)[1]
    (data,) = later.xml.iter("{http://soap.sforce.com/2005/09/outbound}sObject")
    assert (len(data), data.attrib["{http://www.w3.org/2001/XMLSchema-instance}nil"]) == (0, "true")


def test_the_session_calls_back_in_the_name_of_the_user(world: Make, receiver: Receiver) -> None:
    users = [
        {"username": "sync@acme.test", "objects": {"Account": ["read"]}, "fields": {"Account": {"Industry": "none"}}}
    ]
    org = world(
        users=users,
        outboundMessages=[message(receiver, includeSessionId=True, integrationUser="sync@acme.test")],
    )
    account = org.account(Industry="Energy")
    (got,) = receiver.wait(1)
    assert got.records == [{"Id": account, "Name": "Acme"}]
    partner = got.head("PartnerUrl") or ""
    base = partner.partition("/services/")[0]
    assert partner == f"{base}/services/Soap/u/66.0/{org.info.id[:15]}"
    headers = {"Authorization": f"Bearer {got.head('SessionId')}"}
    found = requests.get(f"{base}/services/data/v60.0/sobjects/Account/{account}", headers=headers, timeout=30)
    assert found.json()["Name"] == "Acme"
    assert "Industry" not in found.json()
    text = str(org.control.journal())
    assert str(got.head("SessionId")) not in text


def test_a_user_who_is_deactivated_sends_no_session_but_the_message(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (503, {}, b"")
    rights = {"objects": {"Account": ["read"]}, "fields": {"Account": {"Industry": "none"}}}
    org = world(
        users=[{"username": "boss@acme.test"}, {"username": "sync@acme.test", **rights}],
        outboundMessages=[message(receiver, includeSessionId=True, integrationUser="sync@acme.test")],
        clock="virtual",
    )
    account = org.account(Industry="Energy")
    (user,) = org.control.records("SELECT Id FROM User WHERE Username = 'sync@acme.test'")

    def attempt(number: int) -> Any:
        until(lambda: len(org.sent()) == number)
        return receiver.got[-1]

    def status(session: str | None) -> int:
        url = f"{org.rest.url}/services/data/v60.0/sobjects/Account/{account}"
        return requests.get(url, headers={"Authorization": f"Bearer {session}"}, timeout=30).status_code

    first = attempt(1).head("SessionId")
    assert status(first) == 200
    org.control.change("update", "User", [{"Id": user["Id"], "IsActive": False}])
    org.control.advance(FIRST)
    # Tried again all the same, and still with his eyes; with nothing to call back with.
    without = attempt(2)
    assert without.head("SessionId") is None
    assert without.records == [{"Id": account, "Name": "Acme"}]
    assert without.notifications == receiver.got[0].notifications
    assert status(first) == 401
    org.control.change("update", "User", [{"Id": user["Id"], "IsActive": True}])
    org.control.advance(2 * FIRST)
    again = attempt(3).head("SessionId")
    assert again not in (None, first)
    assert (status(again), status(first)) == (200, 401)


def test_an_acknowledgment_that_comes_late_is_heard_by_nobody(world: Make, receiver: Receiver) -> None:
    go = threading.Event()
    answer, answered = receiver.answer, threading.Event()

    def late(got: Any) -> Any:
        if len(receiver.got) == 1:
            go.wait(PATIENCE)
            answered.set()
        return answer(got)

    receiver.answer = late
    org = world(outboundMessages=[message(receiver)], clock="virtual")
    org.account()
    receiver.wait(1)
    org.control.advance(60.1)
    until(org.sent)
    go.set()
    assert answered.wait(PATIENCE)
    (queued,) = org.control.outbound()["messages"]
    assert (queued["state"], queued["attempts"], queued["error"]) == ("queued", 1, "Read timed out")
    # So it comes a second time, though the receiver has done its work: by the ids it is known as the same.
    org.control.advance(FIRST)
    first, second = receiver.wait(2)
    assert (second.notifications, second.body) == (first.notifications, first.body)
    until(lambda: not org.control.outbound()["waiting"])
    assert [one["call"]["acknowledged"] for one in org.sent()] == [False, True]
    org.control.advance(LIFE)
    assert len(receiver.got) == 2


def test_without_a_session_its_element_is_nil(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    org.account()
    (got,) = receiver.wait(1)
    (session,) = got.xml.iter("{http://soap.sforce.com/2005/09/outbound}SessionId")
    assert session.attrib == {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}


def test_the_queue_can_be_hurried_and_emptied(world: Make, receiver: Receiver) -> None:
    answers: list[Any] = [(503, {}, b"")] * 2
    receiver.answer = lambda got: answers.pop() if answers else (200, {}, ACK.format("true").encode())
    org = world(outboundMessages=[message(receiver)], clock="virtual")
    org.account(Name="one"), org.account(Name="two")
    until(lambda: len(org.sent()) == 2)
    first, second = org.control.outbound()["messages"]
    org.control.remove_outbound(first["id"])
    org.control.retry_outbound(second["id"])
    until(lambda: not org.control.outbound()["waiting"])
    assert receiver.got[-1].notifications == [second["id"]]
    assert sorted(one["state"] for one in org.control.outbound()["messages"]) == ["delivered", "removed"]
    with pytest.raises(ControlError, match="nothing of the id"):
        org.control.retry_outbound(second["id"])


def test_the_service_is_named_while_the_org_runs(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver, endpoint="{service}/om")], clock="virtual")
    org.account()
    (queued,) = until(lambda: [one for one in org.control.outbound()["messages"] if one["attempts"]])
    assert queued["error"] == "the address of {service} is not known yet"
    org.control.send_to(f"{receiver.url}/base/")
    org.control.retry_outbound(queued["id"])
    assert receiver.wait(1)[0].path == "/base/om"
    org.control.send_to(endpoints={"Saved": f"{receiver.url}/other"})
    org.account()
    assert receiver.wait(2)[1].path == "/other"


@pytest.mark.parametrize(
    ("given", "path", "near"),
    [
        ({"object": "Acount"}, "outboundMessages[0].object", "Account"),
        ({"fields": ["Nam"]}, "outboundMessages[0].fields[0]", "Name"),
        ({"fields": ["BillingAddress"]}, "outboundMessages[0].fields[0]", None),
        ({"endpoint": "https://api.example.com/om"}, "outboundMessages[0].endpoint", None),
        ({"endpoint": "http://localhost.example.com/"}, "outboundMessages[0].endpoint", None),
        ({"endpoint": "ftp://localhost/"}, "outboundMessages[0].endpoint", None),
        ({"endpoint": "http://u:p@localhost/"}, "outboundMessages[0].endpoint", None),
        ({"when": "Nam = 1"}, "outboundMessages[0].when", None),
        ({"criteria": [{"field": "Nam"}]}, "outboundMessages[0].criteria[0].field", "Name"),
        ({"on": "delete"}, "outboundMessages[0].on", None),
        ({"integrationUser": "nobody"}, "outboundMessages[0].integrationUser", None),
        ({"includeSession": True}, "outboundMessages[0].includeSession", "includeSessionId"),
        ({"apiVersion": "66"}, "outboundMessages[0].apiVersion", None),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    world: Make, receiver: Receiver, given: dict[str, Any], path: str, near: str | None
) -> None:
    with pytest.raises(ControlError) as refused:
        world(outboundMessages=[message(receiver, **given)])
    assert (refused.value.path, refused.value.nearest) == (path, near)


def test_reset_and_clone_know_them(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver)])
    clone = org.server.control.for_org(org.info.id).clone()
    control = org.server.control.for_org(clone.id)
    assert [one["name"] for one in control.declared("outboundMessages")] == ["Saved"]
    org.server.control.delete_org(clone.id)
    org.control.declare("outboundMessages", message(receiver, name="Another"))
    org.control.reset()
    assert [one["name"] for one in org.control.declared("outboundMessages")] == ["Saved"]
    assert org.control.outbound()["messages"] == []


def test_nothing_is_sent_of_an_org_that_is_removed(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (503, {}, b"")
    org = world(outboundMessages=[message(receiver)])
    org.account()
    until(org.sent)
    org.control.reset()
    assert (org.control.outbound()["waiting"], org.control.outbound()["next"]) == (0, None)


def test_the_tooling_api_shows_them(world: Make, receiver: Receiver) -> None:
    org = world(outboundMessages=[message(receiver, includeSessionId=True)])
    soql = "SELECT Id, Name, FullName, EndpointUrl, IncludeSessionId, EntityDefinitionId, ApiVersion FROM WorkflowOutboundMessage"

    def found() -> list[dict[str, Any]]:
        answer = org.rest.get("/tooling/query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])

    (row,) = found()
    assert (row["Name"], row["FullName"], row["EndpointUrl"]) == ("Saved", "Account.Saved", receiver.url)
    assert (row["IncludeSessionId"], row["EntityDefinitionId"], row["ApiVersion"]) == (True, "Account", 66.0)
    org.account()
    assert receiver.wait(1)[0].head("ActionId") == row["Id"]
    org.control.remove_declared("outboundMessages", "Saved")
    assert found() == []
    org.control.reset()
    assert [one["Name"] for one in found()] == ["Saved"]
