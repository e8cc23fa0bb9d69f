"""`/composite/batch`: independent requests in one call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mock_server import api
from tests.conftest import Rest
from tests.protocols.rest.composites import count


def batch(rest: Rest, *requests: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer = rest.post("/composite/batch", json={"batchRequests": list(requests), **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def one(method: str, url: str, body: Any = None, **more: Any) -> dict[str, Any]:
    return {"method": method, "url": url, **({} if body is None else {"richInput": body}), **more}


def make(name: str) -> dict[str, Any]:
    return one("POST", "v60.0/sobjects/Account", {"Name": name})


def test_each_request_has_its_result_in_order(rest: Rest) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "Old", "BillingPostalCode": "94105"}).json()["id"]
    answer = batch(
        rest,
        one("PATCH", f"v34.0/sobjects/account/{made}", {"Name": "New"}),
        one("GET", f"v60.0/sobjects/account/{made}?fields=Name,BillingPostalCode"),
        one("GET", "/services/data/v60.0/query/?q=SELECT+Name+FROM+Account"),
        one("DELETE", f"v60.0/sobjects/Account/{made}"),
    )
    assert list(answer) == ["hasErrors", "results"] and answer["hasErrors"] is False
    assert answer["results"][0] == {"statusCode": 204, "result": None}
    record = {
        "attributes": {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/{made}"},
        "Name": "New",
        "BillingPostalCode": "94105",
    }
    assert answer["results"][1] == {"statusCode": 200, "result": record}
    assert answer["results"][2]["result"]["records"][0]["Name"] == "New"
    assert [result["statusCode"] for result in answer["results"]] == [204, 200, 200, 204]


@pytest.mark.parametrize(("halt", "statuses", "left"), [(False, [201, 400, 201, 404], 2), (True, [201, 400, 412, 412], 1)])  # fmt: skip
def test_the_rest_is_halted_where_that_is_asked(rest: Rest, halt: bool, statuses: list[int], left: int) -> None:
    bad = one("POST", "v60.0/sobjects/Account", {"Nope": 1})
    answer = batch(rest, make("A"), bad, make("B"), one("GET", "v60.0/nope"), haltOnError=halt)
    assert answer["hasErrors"] is True
    assert [result["statusCode"] for result in answer["results"]] == statuses
    if halt:
        halted = [{"errorCode": "BATCH_PROCESSING_HALTED", "message": "Batch processing halted per request"}]
        assert answer["results"][3]["result"] == halted
    # What was done stays done.
    assert count(rest, "Account") == left


def test_every_request_counts(rest: Rest) -> None:
    def left() -> int:
        found: int = rest.get("/limits").json()["DailyApiRequests"]["Remaining"]
        return found

    before = left()
    batch(rest, *(make(f"A{number}") for number in range(5)))
    assert before - left() == 6


def test_an_allocation_that_ends_in_the_middle_refuses_the_rest(server: api.Server, rest: Rest) -> None:
    server.control.for_org(rest.org.id).set_limit("DailyApiRequests", remaining=3)
    results = batch(rest, *(make(f"A{number}") for number in range(5)))["results"]
    assert [result["statusCode"] for result in results] == [201, 201, 201, 403, 403]
    assert results[4]["result"][0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "JSON_PARSER_ERROR"),
        ({}, "INVALID_INPUT"),
        ({"batchRequests": []}, "INVALID_INPUT"),
        ({"batchRequests": "x"}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [make("A")], "haltOnError": "no"}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [make("A")], "allOrNone": True}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [make("A") | {"body": {}}]}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [make("A") | {"referenceId": "a"}]}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [make("A") | {"method": "HEAD"}]}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [{"method": "GET"}]}, "INVALID_INPUT"),
        ({"batchRequests": [{"url": "v60.0/limits"}]}, "INVALID_INPUT"),
        ({"batchRequests": [one("GET", "limits")]}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [one("GET", "https://x/v60.0/limits")]}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [one("GET", "v60.5/limits")]}, "JSON_PARSER_ERROR"),
        ({"batchRequests": [make("A"), one("GET", "v61.0/limits")]}, "INVALID_INPUT"),
        ({"batchRequests": [one("GET", "v33.0/limits")]}, "INVALID_INPUT"),
        ({"batchRequests": [make("A")] * 26}, "LIMIT_EXCEEDED"),
        ({"batchRequests": [make("A") | {"binaryPartName": "x"}]}, "INVALID_INPUT"),
        ({"batchRequests": [make("A") | {"binaryPartName": "x", "binaryPartNameAlias": "Body"}]}, "INVALID_INPUT"),
    ],
)
def test_a_wrong_body_is_refused_before_anything_is_done(rest: Rest, body: Any, code: str) -> None:
    answer = rest.post("/composite/batch", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text
    assert count(rest, "Account") == 0


@pytest.mark.parametrize("path", ["composite", "composite/batch", "composite/sobjects", "composite/tree/Account"])
def test_composite_resources_cannot_be_nested(rest: Rest, path: str) -> None:
    (result,) = batch(rest, one("POST", f"v60.0/{path}", {}))["results"]
    assert (result["statusCode"], result["result"][0]["errorCode"]) == (400, "INVALID_INPUT")


def test_files_come_as_parts_that_requests_name(rest: Rest) -> None:
    parent = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    body = {
        "batchRequests": [
            one(
                "POST", "v60.0/sobjects/Attachment", {"Name": f"{name}.bin", "ParentId": parent},
                binaryPartName=name, binaryPartNameAlias="Body",
            )
            for name in ("first", "second")
        ]
    }  # fmt: skip
    files = {
        "batch": (None, json.dumps(body), "application/json"),
        "second": ("b.bin", b"two\r\n--part-0\x00", "application/octet-stream"),
        "first": ("a.bin", bytes(range(256)), "application/octet-stream"),
    }
    answer = rest.post("/composite/batch", files=files).json()
    assert answer["hasErrors"] is False, answer
    ids = [result["result"]["id"] for result in answer["results"]]
    contents = [rest.get(f"/sobjects/Attachment/{one}/Body").content for one in ids]
    assert contents == [bytes(range(256)), b"two\r\n--part-0\x00"]
