"""A client that knows every route and nothing else: whatever it sends, it gets one of Salesforce's answers."""

from __future__ import annotations

import json
import logging
import random
import re
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from xml.etree.ElementTree import fromstring
from xml.sax.saxutils import escape

import pytest

from mock_server import api
from mock_server.operations import Call, Operation
from tests.conftest import Rest

ROUTES = [route.operation for route in api.operations().routes if route.operation.name.startswith(("rest.", "oauth."))]
FIELDS = [
    "LastName", "Name", "Id", "AccountId", "Account", "Legacy__c", "External_Id__c", "Email", "Birthdate",
    "MailingAddress", "MailingLatitude", "HasOptedOutOfEmail", "CreatedDate", "attributes", "OwnerId", "Owner",
    "ReportsTo", "CloseDate", "StageName", "Amount", "", "'", "a" * 300,
]  # fmt: skip
OBJECTS = [
    "Contact",
    "Account",
    "Nope",
    "Task",
    "Opportunity",
    "ContactHistory",
    "User",
    "Order",
    "Organization",
    "Lead",
]
INPUTS = [
    "company", "points", "subjectNameOrId", "text", "emailAddresses", "emailSubject", "emailBody", "objectId",
    "actionType", "contextId", "comments", "nextApproverIds",
]  # fmt: skip
DECLARED: dict[str, dict[str, Any]] = {
    "apexrest": {
        "path": "/orders/{number}",
        "method": ["GET", "POST", "PUT", "PATCH", "DELETE"],
        "steps": [
            {"query": "SELECT Id, Name FROM Account WHERE Name = {path.number} OR Name = '{query.q}'", "as": "found"},
            {"if": "{body.records}", "save": "insert", "object": "Contact", "records": "{body.records}",
             "allOrNone": False, "as": "saved"},
        ],
        "body": {"found": "{found}", "saved": "{saved}", "body": "{body}", "text": "{body.x} {query.fields}"},
    },
    "actions": {
        "name": "Score", "inputs": {"company": "STRING", "points": "NUMBER"}, "outputs": {"text": "STRING"},
        "steps": [{"query": "SELECT Id FROM Account WHERE Name = {input.company}"}],
        "values": {"text": "{input.company}{input.points}"},
    },
    "approvals": {"name": "All", "object": "Contact", "steps": [{}]},
}  # fmt: skip
QUERIES = [
    *(f"SELECT Id FROM {name}" for name in [*OBJECTS, "Group", "RecentlyViewed", "Name", "EntityDefinition"]),
    "SELECT Who.Name, What.Type, Owner.Name FROM Task WHERE What.Name LIKE 'a%'",
    "SELECT FIELDS(STANDARD) FROM Task",
    "SELECT count(Id) FROM Contact",
    "SELECT Id, (SELECT Id FROM Tasks), (SELECT Id FROM Opportunities) FROM Account",
    "' OR 1=1; DROP TABLE Contact; --",
]  # fmt: skip


ODD = [
    "", "0", "-1", "9" * 400, "1e9", "\u0661", "\u00b2", "true", "null", "\0", "%", "%zz", "é" * 200, "{", "@{a.id}", "../..", "//e.vil",
    "\r\nX-Evil: 1", "2026-01-01T00:00:00Z", "Full", "Account", "Contact", "http://localhost/", "javascript:x", "<b>",
]  # fmt: skip


def _form(operation: Operation, chance: random.Random, texts: list[str]) -> bytes:
    names = operation.query or ("q", "grant_type")
    return urlencode({name: chance.choice(texts) for name in names if chance.random() < 0.7}).encode()


def _xml(operation: Operation, chance: random.Random, texts: list[str]) -> bytes:
    def element(depth: int) -> str:
        name = chance.choice([*FIELDS[:8], "records", "ids", "fields", "allOrNone", "compositeRequest", "inputs", "x"])
        said = chance.choice(texts).replace("\0", "")
        nil = chance.choice(["", "", ' xsi:nil="true"', ' type="Contact"', ' xsi:type="x:y"'])
        inner = "".join(element(depth - 1) for _ in range(chance.randint(0, 3))) if depth else escape(said)
        return f"<{name}{nil}>{inner}</{name}>"

    return f'<r xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">{element(3)}{element(1)}</r>'.encode()


def _parts(operation: Operation, chance: random.Random, texts: list[str]) -> bytes:
    out = b""
    for _ in range(chance.randint(0, 3)):
        name = chance.choice(["entity_document", "collection", "VersionData", "Body", "", *ODD[:6]])
        file = chance.choice(["", '; filename="../../etc/passwd"', '; filename="a\\"b"', '; filename="x\r\nX-A: 1"'])
        kind = chance.choice(["application/json", "application/octet-stream", "application/xml", "", "text/plain"])
        content = chance.choice(['{"Name": "x"}', "{", "<a/>", "", *texts])
        head = f'--x\r\nContent-Disposition: form-data; name="{name}"{file}\r\nContent-Type: {kind}\r\n\r\n'
        out += head.encode() + content.encode() + b"\r\n"
    return out + chance.choice([b"--x--", b"--x", b"--x--\r\n"])


FORMS: dict[str, Callable[[Operation, random.Random, list[str]], bytes]] = {
    "application/x-www-form-urlencoded": _form,
    "application/xml": _xml,
    "multipart/form-data; boundary=x": _parts,
}
"""Bodies that are at least of the kind that their Content-Type says; JSON is written by `requests_of`."""
PATIENCE = 5.0
"""Seconds of this process, in which the server runs too."""
LARGEST_ANSWER = 60_000_000


def requests_of(rest: Rest, chance: random.Random, record: str) -> Callable[[], tuple[str, str, dict[str, Any]]]:
    values: list[Any] = [
        None, True, 0, -1, 1.5, 1e308, 2**63, "", "x", "x" * 300, "é", "\0", "2020-01-01", "2020-13-01", record, "001",
        "a@b.co", "a@b", [], [1], {}, {"External_Id__c": "q"}, {"a": {"b": [1]}}, {"attributes": {"type": "Account"}},
    ]  # fmt: skip
    fill: dict[str, list[str]] = {
        "version": ["v60.0"] * 8 + ["v31.0", "v20.0", "vX", "v99.0"],
        "sobject": ["Contact"] * 4 + OBJECTS,
        "id": [record, record[:15], record.lower(), "003000000000001", "x", record[:-1], "%2e%2e"],
        "field": ["External_Id__c", "Legacy__c", "Id", "Email", "Name"],
        "value": ["q", "1", "%27", "a@b.co", record, "%00", "%ff", "9" * 30],
        "locator": ["01g000000000001AAA-2000", "x", "01g"],
        "org": [rest.org.id, "x"],
        "user": [rest.org.user_id, "x"],
        "record_type": ["012000000000000AAA", "primary", "x", record],
        "view": ["AllContacts", "MyContacts", "00B000000000001AAA", "x"],
        "kind": ["flow", "apex", "quickAction", "x"],
        "name": ["Score", "chatterPost", "emailSimple", "submit", "x"],
        "rest": ["orders/1", "orders/%27", "orders/1/2", "x%2F", "orders/%00"],
        "layout": ["UserAlt", "x"],
    }

    anything = ["Account", "Owner", "Contacts", record, f"{record},x", "x", "%2e%2e"]

    def row() -> dict[str, Any]:
        out = {chance.choice(FIELDS): chance.choice(values) for _ in range(chance.randint(0, 4))}
        if chance.random() < 0.8:
            out["attributes"] = chance.choice([{"type": chance.choice(OBJECTS)}, {}, None, 5, {"type": 5}])
        return out

    def body() -> bytes:
        kind = chance.random()
        if kind < 0.1:
            return chance.choice([b"", b"{", b"\0", b"<a/>", b"a=b&grant_type=password", b"[" * 50, b"\xff"])
        if kind < 0.2:
            inputs = [{name: chance.choice(values) for name in chance.sample(INPUTS, 3)}, chance.choice(values)]
            key = chance.choice(["inputs", "requests", "contextIds"])
            return json.dumps({key: chance.choice([inputs[:1], inputs, inputs[1], []])}).encode()
        if kind < 0.45:
            rows = [row() for _ in range(chance.randint(0, 4))]
            return json.dumps({"records": rows, "allOrNone": chance.choice([True, False, None, "x"])}).encode()
        if kind < 0.55:
            ids = chance.choice([[record], ["x"], 5, None, [5]])
            return json.dumps(
                {"ids": ids, "fields": chance.choice([["Name"], ["Nope"], None, ["Owner.Name"]])}
            ).encode()
        return json.dumps(chance.choice([row(), row(), row(), [], "x", 5, None])).encode()

    def one() -> tuple[str, str, dict[str, Any]]:
        operation = chance.choice(ROUTES)
        path = re.sub(r"\{(\w+)\*?\}", lambda match: chance.choice(fill.get(match[1], anything)), operation.path)
        headers = {
            "Authorization": chance.choice([f"Bearer {rest.token}"] * 8 + ["x", "Basic Og=="]),
            "Content-Type": chance.choice(
                ["application/json"] * 4
                + [
                    "text/plain",
                    "application/x-www-form-urlencoded",
                    "application/xml",
                    "multipart/form-data; boundary=x",
                ]
            ),
            "X-PrettyPrint": chance.choice(["0", "0", "1"]),
            "Accept": chance.choice(["*/*"] * 4 + ["application/json", "application/xml", "text/xml;q=0.5", "text/x"]),
        }
        texts = [*QUERIES, record, "Id,Nope", ",,", "Owner.Name"]
        params = {chance.choice(["q", "fields", "ids"]): chance.choice(texts)}
        for name in operation.query:
            if chance.random() < 0.3:
                params[name] = chance.choice([*texts, *ODD])
        kind = headers["Content-Type"]
        data = body()
        if kind in FORMS and chance.random() < 0.8:
            # A form that does not fit on its way would be refused at the door.
            data = FORMS[kind](operation, chance, [*texts, *ODD])
        return operation.method, path, {"headers": headers, "params": params, "data": data}

    return one


class Watched(dict[str, str]):
    """The parameters of a query string. What a handler asks them for is noted."""

    def __init__(self, values: dict[str, str], call: Call) -> None:
        super().__init__(values)
        self._call = call

    def get(self, name: str, default: Any = None) -> Any:
        ASKED.setdefault(self._call.operation, set()).add(name)
        return super().get(name, default)

    def __contains__(self, name: object) -> bool:
        ASKED.setdefault(self._call.operation, set()).add(str(name))
        return super().__contains__(name)


ASKED: dict[Operation, set[str]] = {}
"""The parameters that each operation has read."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> dict[Operation, set[str]]:
    ASKED.clear()
    read, repeated = Call.query.fget, Call.repeated
    assert read is not None

    def noted(call: Call, name: str) -> list[str]:
        Watched({}, call).get(name)
        return repeated(call, name)

    monkeypatch.setattr(Call, "query", property(lambda call: Watched(read(call), call)))
    monkeypatch.setattr(Call, "repeated", noted)
    return ASKED


def undeclared(asked: dict[Operation, set[str]]) -> dict[str, set[str]]:
    """Return what operations of REST read without saying so; what an endpoint's own steps ask for is theirs."""
    return {
        operation.name: names
        for operation, found in asked.items()
        if operation.name.startswith("rest.") and not operation.name.startswith("rest.apex.")
        if (names := found - {*operation.query, "_HttpMethod"})
    }


def besiege(rest: Rest, caplog: pytest.LogCaptureFixture, seed: int, count: int) -> None:
    record = str(rest.post("/sobjects/Contact", json={"LastName": "x", "External_Id__c": "q"}).json()["id"])
    one = requests_of(rest, random.Random(seed), record)
    for kind, declared in DECLARED.items():
        assert rest("POST", f"/_mock/orgs/{rest.org.id}/{kind}", json=declared).status_code == 201
    with caplog.at_level(logging.ERROR, logger="sfmock"):
        for _ in range(count):
            method, path, options = one()
            start = time.process_time()
            answer = rest(method, path, allow_redirects=False, **options)
            assert time.process_time() - start < PATIENCE, (method, path, options)
            assert len(answer.content) < LARGEST_ANSWER, (method, path, options)
            assert "X-Evil" not in answer.headers, (method, path, options)
            if answer.status_code == 500 and path.startswith("/services/apexrest"):
                # What an endpoint's steps are refused is an exception of its code.
                assert answer.json()[0]["errorCode"] == "APEX_ERROR", (method, path, options, answer.text)
                continue
            assert answer.status_code < 500, (method, path, options, answer.text)
            if answer.headers.get("Content-Type", "").startswith("application/xml"):
                root = fromstring(answer.content)  # the mock's own
                # Actions and approvals tell of each of their inputs, where some fail as where none does.
                told = root.tag == "OAuth" or "/actions/" in path or "/process/" in path
                assert told or (root.tag == "Errors") == (answer.status_code >= 400), (
                    method,
                    path,
                    options,
                    answer.text,
                )
            elif answer.status_code >= 400 and answer.status_code != 406 and path.startswith("/services/data"):
                (first, *_) = answer.json()
                assert {"message", "errorCode"} <= set(first) or first.get("errors"), (
                    method,
                    path,
                    options,
                    answer.text,
                )
    assert caplog.records == []
    assert rest.query("SELECT COUNT() FROM Contact").status_code == 200


def test_no_request_whatever_breaks_the_server(
    rest: Rest, caplog: pytest.LogCaptureFixture, asked: dict[Operation, set[str]]
) -> None:
    besiege(rest, caplog, seed=1, count=800)
    assert len(asked) > 30
    assert undeclared(asked) == {}


@pytest.mark.heavy
@pytest.mark.parametrize("seed", range(2, 12))
def test_no_request_whatever_breaks_the_server_for_long(
    rest: Rest, caplog: pytest.LogCaptureFixture, asked: dict[Operation, set[str]], seed: int
) -> None:
    besiege(rest, caplog, seed, count=3000)
    assert undeclared(asked) == {}
