"""Declared callouts: what is sent, what follows the answer, what Apex's limits make of them."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from mock_server.control.client import ControlError
from tests.outbound.conftest import Make, World
from tests.outbound.receivers import Receiver
from tests.waiting import PATIENCE, until

FIELDS = {"Account": {"Ext__c": {"type": "text", "length": 40}}}
JSON = {"Content-Type": "application/json"}


def callout(receiver: Receiver, **more: Any) -> dict[str, Any]:
    request = {"url": f"{receiver.url}/accounts", "body": {"id": "{record.Id}", "name": "{record.Name}"}}
    return {"name": "Push", "object": "Account", "on": "create", "request": request, **more}


def job_of(org: World) -> dict[str, Any]:
    """Return the one job, once it is over."""
    (job,) = until(
        lambda: [one for one in org.control.outbound()["callouts"] if one["state"] in ("delivered", "failed")]
    )
    return dict(job)


def value(org: World, account: str, name: str) -> Any:
    return org.rest.get(f"/sobjects/Account/{account}").json()[name]


def test_a_saved_record_is_pushed_and_the_answer_kept(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (201, JSON, b'{"id": "X-1"}')
    org = world(fields=FIELDS, callouts=[callout(receiver, then={"set": {"Ext__c": "{response.body.id}"}})])
    account = org.account(Name="Acme")
    (got,) = receiver.wait(1)
    assert (got.method, got.path, json.loads(got.body)) == ("POST", "/accounts", {"id": account, "name": "Acme"})
    assert got.headers["Content-Type"].startswith("application/json")
    job = job_of(org)
    assert (job["state"], job["status"], job["attempts"]) == ("delivered", 201, 1)
    assert value(org, account, "Ext__c") == "X-1"
    (entry,) = org.sent()
    assert (entry["operation"], entry["status"], entry["call"]["acknowledged"]) == ("outbound.callout", 201, True)
    assert entry["call"]["message"] == job["callouts"][0]["id"]
    assert [(row["sobject"], row["id"], row["success"]) for row in entry["rows"]] == [("Account", account, True)]
    (commit,) = [one for one in org.control.commits() if one.verb == "update"]
    assert commit.exchange == entry["number"]


def test_steps_follow_an_answer_and_see_why_there_is_none(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (404, JSON, b'{"why": "unknown"}')
    then = [
        {
            "unless": "{response.ok}",
            "save": "insert",
            "object": "Task",
            "records": {"Subject": "{callout.name} {response.status} {response.body.why}", "WhatId": "{record.Id}"},
        }
    ]
    org = world(callouts=[callout(receiver, then=then)])
    account = org.account()
    job = job_of(org)
    assert (job["state"], job["status"]) == ("failed", 404)
    (task,) = org.control.records("SELECT Subject, WhatId FROM Task")
    assert (task["Subject"], task["WhatId"]) == ("Push 404 unknown", account)


def test_places_of_a_url_stay_in_their_segment(world: Make, receiver: Receiver) -> None:
    request = {
        "method": "PUT",
        "url": f"{receiver.url}/a/{{record.Name}}?x={{old.Name}}",
        "headers": {"X-Id": "{callout.id}"},
    }
    org = world(callouts=[callout(receiver, on="update", request=request)])
    account = org.account(Name="first")
    org.rest.patch(f"/sobjects/Account/{account}", json={"Name": "../_mock/é?&#"})
    (got,) = receiver.wait(1)
    assert got.path == "/a/..%2F_mock%2F%C3%A9%3F%26%23?x=first"
    assert got.headers["X-Id"].startswith("707")


def test_a_header_cannot_be_split(world: Make, receiver: Receiver) -> None:
    request = {"url": receiver.url, "headers": {"X-Name": "{record.Description}"}}
    org = world(callouts=[callout(receiver, request=request)])
    org.account(Description="a\r\nX-Evil: 1")
    job = job_of(org)
    assert "X-Name" in job["error"]
    assert receiver.got == []


def test_a_deletion_tells_of_the_record_as_it_was(world: Make, receiver: Receiver) -> None:
    org = world(callouts=[callout(receiver, on="delete", when='Name = "gone"')])
    gone, other = org.account(Name="gone"), org.account(Name="other")
    for one in (other, gone):
        org.rest.delete(f"/sobjects/Account/{one}")
    (got,) = receiver.wait(1)
    assert json.loads(got.body) == {"id": gone, "name": "gone"}
    assert job_of(org)["callouts"][0]["event"] == "delete"


def test_what_is_rolled_back_calls_nobody(world: Make, receiver: Receiver) -> None:
    org = world(callouts=[callout(receiver)])
    rows = [{"attributes": {"type": "Account"}, "Name": name} for name in ("gone", None)]
    org.rest.post("/composite/sobjects", json={"allOrNone": True, "records": rows})
    org.account(Name="stays")
    assert json.loads(receiver.wait(1)[0].body)["name"] == "stays"
    job_of(org)
    assert len(receiver.got) == 1


@pytest.mark.parametrize(("timeout", "given"), [(10.0, {}), (2.0, {"timeout": "2s"}), (120.0, {"timeout": "120s"})])
def test_a_slow_answer_times_out(world: Make, receiver: Receiver, timeout: float, given: dict[str, Any]) -> None:
    go = threading.Event()
    receiver.answer = lambda got: go.wait(PATIENCE) and (200, JSON, b"{}")
    then = {"steps": [{"save": "insert", "object": "Task", "records": {"Subject": "{response.error}"}}]}
    org = world(callouts=[callout(receiver, then=then, **given)], clock="virtual")
    org.account()
    receiver.wait(1)
    org.control.advance(timeout - 0.1)
    assert not org.sent()
    org.control.advance(0.2)
    job = job_of(org)
    go.set()
    assert job["error"] == "System.CalloutException: Read timed out"
    assert [one["Subject"] for one in org.control.records("SELECT Subject FROM Task")] == [job["error"]]
    (entry,) = org.sent()
    assert (entry["call"]["timeout"], entry["call"]["error"], entry["status"]) == (timeout, "Read timed out", None)


def test_an_answer_that_comes_late_is_followed_by_a_second_call_of_the_same_id(world: Make, receiver: Receiver) -> None:
    go, answered = threading.Event(), threading.Event()

    def late(got: Any) -> Any:
        if len(receiver.got) == 1:
            go.wait(PATIENCE)
            answered.set()
        return 201, JSON, b'{"id": "X-%d"}' % len(receiver.got)

    receiver.answer = late
    request = {"url": receiver.url, "headers": {"Idempotency-Key": "{callout.id}"}, "body": "{record.Name}"}
    then = {"set": {"Ext__c": "{response.body.id}"}}
    one = callout(receiver, request=request, then=then, retry={"attempts": 2, "wait": "30s"})
    org = world(fields=FIELDS, callouts=[one], clock="virtual")
    account = org.account()
    receiver.wait(1)
    org.control.advance(10.1)
    until(org.sent)
    go.set()
    assert answered.wait(PATIENCE)
    assert value(org, account, "Ext__c") is None
    org.control.advance(30)
    first, second = receiver.wait(2)
    assert (second.headers["Idempotency-Key"], second.body) == (first.headers["Idempotency-Key"], first.body)
    job = job_of(org)
    assert (job["state"], job["attempts"], value(org, account, "Ext__c")) == ("delivered", 2, "X-2")


def test_all_callouts_of_a_job_have_120_seconds(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (200, JSON, b"{}")
    org = world(callouts=[callout(receiver, timeout="100s")], clock="virtual")
    org.control.add_fault({"on": "outbound.callout", "latency": "70s"})
    rows = [{"attributes": {"type": "Account"}, "Name": f"a{number}"} for number in range(3)]
    org.rest.post("/composite/sobjects", json={"records": rows})
    for seconds, count in ((70, 1), (50, 2)):
        until(lambda count=count: org.control.faults()[0].fired == count)
        org.control.advance(seconds)
        until(lambda count=count: len(org.sent()) == count)
    job = job_of(org)
    errors = [one["error"] for one in job["callouts"]]
    assert errors == [
        None,
        "System.CalloutException: Read timed out",
        "System.CalloutException: Exceeded maximum time allotted for callout (120000 ms)",
    ]
    assert [one["call"]["timeout"] for one in org.sent()] == [100.0, 50.0]


def test_the_101st_callout_ends_the_job_with_nothing_saved(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (200, JSON, b'{"id": "X"}')
    org = world(fields=FIELDS, callouts=[callout(receiver, then={"set": {"Ext__c": "{response.body.id}"}})])
    rows = [{"attributes": {"type": "Account"}, "Name": f"a{number}"} for number in range(101)]
    org.rest.post("/composite/sobjects", json={"records": rows})
    job = job_of(org)
    assert (job["state"], job["error"]) == ("failed", "System.LimitException: Too many callouts: 101")
    assert len(receiver.got) == 100
    assert org.control.records("SELECT Id FROM Account WHERE Ext__c != null") == []


def test_one_callout_can_be_about_all_records_of_a_transaction(world: Make, receiver: Receiver) -> None:
    request = {"url": receiver.url, "body": {"all": "{records}"}}
    org = world(callouts=[callout(receiver, each="transaction", request=request)])
    rows = [{"attributes": {"type": "Account"}, "Name": f"a{number}"} for number in range(150)]
    org.rest.post("/composite/sobjects", json={"records": rows})
    (got,) = receiver.wait(1)
    assert [one["Name"] for one in json.loads(got.body)["all"]] == [f"a{number}" for number in range(150)]
    job_of(org)
    assert len(receiver.got) == 1
    assert len(org.sent()[0]["call"]["records"]) == 150


def test_it_is_tried_again_only_where_that_is_declared(world: Make, receiver: Receiver) -> None:
    answers: list[Any] = [(503, {}, b""), None, (200, JSON, b'{"id": "X-3"}')]
    receiver.answer = lambda got: answers.pop(0)
    retry = {"attempts": 3, "wait": "10s", "factor": 3}
    request = {"url": receiver.url, "headers": {"Idempotency-Key": "{callout.id}", "X-Attempt": "{callout.attempt}"}}
    request["body"] = "{record.Name}"
    org = world(
        fields=FIELDS, clock="virtual",
        callouts=[callout(receiver, request=request, retry=retry, then={"set": {"Ext__c": "{response.body.id}"}})],
    )  # fmt: skip
    account = org.account()
    until(lambda: len(org.sent()) == 1)
    org.rest.patch(f"/sobjects/Account/{account}", json={"Name": "changed"})
    for wait, count in ((10, 2), (30, 3)):
        org.control.advance(wait - 1)
        assert len(receiver.got) == count - 1
        org.control.advance(1)
        receiver.wait(count)
        until(lambda count=count: len(org.sent()) == count)
    job = job_of(org)
    assert (job["state"], job["attempts"], value(org, account, "Ext__c")) == ("delivered", 3, "X-3")
    assert [got.headers["X-Attempt"] for got in receiver.got] == ["1", "2", "3"]
    assert len({got.headers["Idempotency-Key"] for got in receiver.got}) == 1
    assert len({one["call"]["message"] for one in org.sent()}) == 1
    # What is sent is what the save left, however late it is sent.
    assert {got.body for got in receiver.got} == {b"Acme"}


def test_what_follows_an_answer_calls_out_no_more(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (200, JSON, b'{"id": "again"}')
    org = world(
        fields=FIELDS,
        callouts=[callout(receiver, on=["create", "update"], then={"set": {"Ext__c": "{response.body.id}"}})],
    )
    account = org.account()
    assert job_of(org)["state"] == "delivered"
    assert value(org, account, "Ext__c") == "again"
    assert len(receiver.got) == 1


def test_an_exception_behind_the_answer_saves_nothing(world: Make, receiver: Receiver) -> None:
    then = [
        {"save": "insert", "object": "Task", "records": {"Subject": "half"}},
        {"raise": {"exception": "SyncException", "message": "no {record.Name}"}},
    ]
    org = world(callouts=[callout(receiver, then=then)])
    org.account()
    assert job_of(org)["error"] == "SyncException: no Acme"
    assert org.control.records("SELECT Id FROM Task") == []


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (None, "Unexpected end of file from server"),
        ((200, {"Content-Length": "99"}, b"half"), "Unexpected end of file from server"),
        ((200, {"Content-Length": "12000001"}, b""), "Exceeded max size limit of 12000000 with response size 12000001"),
    ],
)
def test_broken_and_huge_answers_are_exceptions(world: Make, receiver: Receiver, answer: Any, error: str) -> None:
    receiver.answer = lambda got: answer
    org = world(callouts=[callout(receiver)])
    org.account()
    assert job_of(org)["error"] == f"System.CalloutException: {error}"


@pytest.mark.parametrize("headers", [{"Content-Length": "-5"}, {"Content-Length": "0", "X-Long": "a" * 100_000}])
def test_what_is_no_http_is_told_in_one_line_without_the_client_that_met_it(
    world: Make, receiver: Receiver, headers: dict[str, str]
) -> None:
    receiver.answer = lambda got: (200, headers, b"")
    org = world(callouts=[callout(receiver)])
    org.account()
    error = job_of(org)["error"]
    assert error.startswith("System.CalloutException: Invalid Http response: ")
    assert "\n" not in error and "message=" not in error and "http://" not in error


def test_a_port_that_nobody_listens_at_is_an_exception(world: Make, receiver: Receiver) -> None:
    org = world(callouts=[callout(receiver)])
    receiver.close()
    org.account()
    assert job_of(org)["error"] == "System.CalloutException: Connection refused"


def test_a_redirect_is_an_answer_and_not_followed(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (302, {"Location": f"{receiver.url}/elsewhere"}, b"")
    org = world(callouts=[callout(receiver)])
    org.account()
    assert (job_of(org)["status"], len(receiver.got)) == (302, 1)


def soap_reply(inner: str, status: int = 200) -> tuple[int, dict[str, str], bytes]:
    text = f'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{inner}</s:Body></s:Envelope>'
    return status, {"Content-Type": "text/xml"}, text.encode()


def soap(receiver: Receiver) -> dict[str, Any]:
    return {
        "url": f"{receiver.url}/soap",
        "operation": "CreateOrder",
        "namespace": "urn:acme",
        "action": "urn:acme#CreateOrder",
        "fields": {"account": {"id": "{record.Id}", "name": "{record.Name}"}, "line": ["a", "b"]},
    }


def soap_callout(receiver: Receiver, **more: Any) -> dict[str, Any]:
    given = callout(receiver, soap=soap(receiver), **more)
    del given["request"]
    return given


def test_a_soap_service_is_called_and_its_answer_read(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: soap_reply("<r><number>7</number><line>a</line><line>b</line></r>")
    org = world(fields=FIELDS, callouts=[soap_callout(receiver, then={"set": {"Ext__c": "{response.body.line[1]}"}})])
    account = org.account(Name="<&>")
    (got,) = receiver.wait(1)
    assert (got.headers["SOAPAction"], got.headers["Content-Type"]) == (
        '"urn:acme#CreateOrder"',
        "text/xml;charset=UTF-8",
    )
    (order,) = got.xml.iter("{urn:acme}CreateOrder")
    assert [one.text for one in order.iter("{urn:acme}name")] == ["<&>"]
    assert [one.text for one in order.iter("{urn:acme}line")] == ["a", "b"]
    assert (job_of(org)["state"], value(org, account, "Ext__c")) == ("delivered", "b")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (soap_reply("<s:Fault><faultcode>s:Server</faultcode><faultstring>no</faultstring></s:Fault>", 500),
         "WebService returned a SOAP Fault: no faultcode=s:Server faultactor="),
        ((200, {}, b"<html/>"), "Unexpected element."),
        ((200, {}, b"oops"), "Unable to parse callout response."),
    ],
)  # fmt: skip
def test_soap_faults_are_exceptions(world: Make, receiver: Receiver, answer: Any, error: str) -> None:
    receiver.answer = lambda got: answer
    org = world(callouts=[soap_callout(receiver)])
    org.account()
    assert job_of(org)["error"].startswith(f"System.CalloutException: Web service callout failed: {error}")


def test_other_machines_are_called_only_where_they_are_named(receiver: Receiver) -> None:
    from mock_server import api

    host = "sfmock-outbound.invalid"
    declared = [callout(receiver, request={"url": f"http://{host}/"})]
    with api.start(port=0, callout_hosts=(host,)) as server:
        org = World(server, server.control.create_org(journal="whole", declared={"callouts": declared}))
        org.account()
        assert job_of(org)["error"].startswith("System.CalloutException: Unknown host")
        (entry,) = org.sent()
        assert (entry["address"], entry["status"]) == (f"http://{host}", None)
        for url in (f"http://x.{host}/", "http://169.254.169.254/"):
            with pytest.raises(ControlError, match="name it in callout_hosts"):
                org.control.declare("callouts", callout(receiver, name="Other", request={"url": url}))


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ({"timeout": "121s"}, "timeout"),
        ({"timeout": 0}, "timeout"),
        ({"credential": "Nobody", "request": {"path": "/x"}}, "credential"),
        ({"credential": "Nobody"}, "request.url"),
        ({"request": {"url": "http://{record.Name}/"}}, "url"),
        ({"request": {"url": "{service}{record.Name}"}}, "url"),
        ({"request": {"url": "http://[::1"}}, "request.url"),
        ({"request": {"url": "{service}/{recrd.Name}"}}, "request.url"),
        ({"request": {"url": "{service}/{record.Nam}"}}, "request.url"),
        ({"request": {"url": "{service}/", "body": {"a": [{"b": "{old.nme}"}]}}}, "request.body.a[0].b"),
        ({"request": {"url": "{service}/", "headers": {"X-Of": "{records[0].Nme}"}}}, "request.headers.X-Of"),
        ({"request": {"method": "PURGE", "url": "{service}/"}}, "request.method"),
        ({"request": {"url": "{service}/", "headers": {"a b": "c"}}}, "request.headers.a b"),
        ({"request": None}, ""),
        ({"then": {"set": {"Nam": "x"}}}, "then.set.Nam"),
        ({"then": [{"save": "insert", "object": "Tsk", "records": {}}]}, "steps[0].object"),
        ({"then": [{"save": "insrt", "object": "Task", "records": {}}]}, "then[0].save"),
        ({"on": "delete", "then": {"set": {"Name": "x"}}}, "then.set"),
        ({"retry": {"attempts": 0}}, "retry.attempts"),
        ({"retry": {"factor": 0.5}}, "retry.factor"),
        ({"each": "chunk"}, "each"),
        ({"tmeout": "1s"}, "tmeout"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(
    world: Make, receiver: Receiver, given: dict[str, Any], path: str
) -> None:
    with pytest.raises(ControlError) as refused:
        world(callouts=[callout(receiver, **given)])
    assert refused.value.path == f"callouts[0]{'.' + path if path else ''}"


def test_tls_is_verified_against_the_systems_roots_and_the_mocks_own(world: Make, server: Any) -> None:
    import ssl
    from http.server import BaseHTTPRequestHandler, HTTPServer

    import trustme

    strange = trustme.CA().issue_cert("localhost", "127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    strange.configure_cert(context)
    other = HTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    other.socket = context.wrap_socket(other.socket, server_side=True)
    thread = threading.Thread(target=other.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        org = world(
            callouts=[
                {"name": "Own", "object": "Account", "request": {"url": f"{server.https_url}/services/data"}},
                {"name": "Strange", "object": "Account", "request": {"url": f"https://127.0.0.1:{other.server_port}/"}},
            ]
        )
        org.account()
        until(lambda: not org.control.outbound()["waiting"])
        own, strange_job = sorted(org.control.outbound()["callouts"], key=lambda one: one["name"])
        assert (own["state"], own["status"]) == ("delivered", 200)
        assert strange_job["error"].startswith("System.CalloutException: PKIX path building failed")
    finally:
        other.shutdown()
        other.server_close()
        thread.join(PATIENCE)


def test_steps_may_call_again_before_they_save(world: Make, receiver: Receiver) -> None:
    receiver.answer = lambda got: (200, JSON, b'{"n": "%d"}' % len(receiver.got))
    further = {"url": f"{receiver.url}/second/{{response.body.n}}", "method": "PUT", "body": {"name": "{record.Name}"}}
    save = {"save": "update", "object": "Account", "records": {"Id": "{record.Id}", "Ext__c": "{second.body.n}"}}
    org = world(fields=FIELDS, callouts=[callout(receiver, then=[{"callout": further, "as": "second"}, save])])
    account = org.account()
    assert job_of(org)["state"] == "delivered"
    second = receiver.got[1]
    assert (second.method, second.path, json.loads(second.body)) == ("PUT", "/second/1", {"name": "Acme"})
    assert value(org, account, "Ext__c") == "2"
    assert len({one["call"]["message"] for one in org.sent()}) == 2


def test_a_callout_behind_a_save_meets_uncommitted_work(world: Make, receiver: Receiver) -> None:
    steps = [
        {"save": "insert", "object": "Task", "records": {"Subject": "saved"}},
        {"callout": {"url": f"{receiver.url}/late"}},
    ]
    org = world(callouts=[callout(receiver, then=steps)])
    org.account()
    assert job_of(org)["error"] == (
        "System.CalloutException: You have uncommitted work pending. Please commit or rollback before calling out"
    )
    assert [got.path for got in receiver.got] == ["/accounts"]
    assert org.control.records("SELECT Id FROM Task") == []


def test_steps_elsewhere_call_nobody(world: Make, receiver: Receiver) -> None:
    with pytest.raises(ControlError, match="a step is one of query, save, raise and answer"):
        world(apexrest=[{"path": "/x", "steps": [{"callout": {"url": receiver.url}}]}])
    with pytest.raises(ControlError) as refused:
        world(callouts=[callout(receiver, then=[{"callout": {"url": "http://api.example.com/"}}])])
    assert refused.value.path == "callouts[0].then"
