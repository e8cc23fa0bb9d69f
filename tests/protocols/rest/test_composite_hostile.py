"""Whatever a body holds, a composite resource answers, and never with a failure of the server."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server import api
from tests.conftest import Rest

ODD = st.sampled_from(
    [None, True, 0, -1, 1.5, 1e308, 10**30, "", "@{a.id}", "@{", "@{}", "@{a[0].id}", "\0", "\ud83d\ude00", "x" * 5000,
     [], {}, [[]], [None], {"records": []}, {"records": None}, {"attributes": 5},
     {"attributes": {"type": "Account", "referenceId": "a"}}]
)  # fmt: skip
DATA = "/services/data/v60.0"
URLS = st.sampled_from(
    [f"{DATA}/sobjects/Account", f"{DATA}/query?q=SELECT Id FROM Account FOR UPDATE", f"{DATA}/query/01gXX-2000",
     f"{DATA}/sobjects/Account/@{{a.id}}", f"{DATA}/composite/sobjects", f"{DATA}/composite/sobjects?ids=@{{a.id}}",
     f"{DATA}/sobjects/Contact/External_Id__c/@{{a.Name}}", f"{DATA}/search?q=FIND {{x}}", f"{DATA}/limits",
     f"{DATA}/actions/standard", f"{DATA}/tooling/query?q=SELECT Id FROM ApexClass", f"{DATA}/parameterizedSearch",
     f"{DATA}/sobjects/User/005000000000001/password", f"{DATA}/sobjects/Account/describe", f"{DATA}/%zz",
     f"{DATA}/sobjects/Account?_HttpMethod=DELETE", f"{DATA}/sobjects/Account#x", "/services/apexrest/x", "%", "?", "\0"]
)  # fmt: skip
RECORDS = st.builds(
    lambda kind, name, id_: {"attributes": {"type": kind, "referenceId": str(name)[:9]}, "Name": name, "id": id_},
    st.sampled_from(["Account", "Contact", "Nope"]), ODD, ODD,
)  # fmt: skip
BODIES = st.one_of(
    ODD,
    st.builds(lambda name, last: {"Name": name, "LastName": last}, ODD, ODD),
    st.builds(lambda records, flag: {"records": records, "allOrNone": flag}, st.lists(st.one_of(RECORDS, ODD), max_size=3), ODD),
)  # fmt: skip
HEADERS = st.sampled_from(
    [{}, {"If-Modified-Since": "x"}, {"Sforce-Query-Options": "batchSize=@{a.id}"}, {"X\0": "\n"}, {"": ""}]
)
METHODS = st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT"])
SUBREQUESTS = st.builds(
    lambda method, url, reference, body, headers: {
        "method": method, "url": url, "referenceId": reference, "body": body, "httpHeaders": headers,
    },
    METHODS, URLS, st.sampled_from("abcd"), BODIES, HEADERS,
)  # fmt: skip
IN_A_BATCH = st.builds(
    lambda method, url, body: {"method": method, "url": url.removeprefix("/services/data/"), "richInput": body},
    METHODS, URLS, BODIES,
)  # fmt: skip
NODES = st.lists(st.one_of(SUBREQUESTS, ODD), max_size=3)
SENT = st.one_of(
    st.tuples(st.just("/composite"), st.builds(lambda given, flag: {"compositeRequest": given, "allOrNone": flag}, st.lists(SUBREQUESTS, max_size=5, unique_by=lambda one: one["referenceId"]), st.booleans())),
    st.tuples(st.just("/composite"), st.builds(lambda given, flag: {"compositeRequest": given, "allOrNone": flag}, NODES, ODD)),
    st.tuples(st.just("/composite/batch"), st.builds(lambda given, flag: {"batchRequests": given, "haltOnError": flag}, st.lists(IN_A_BATCH, max_size=4), st.booleans())),
    st.tuples(st.just("/composite/graph"), st.builds(lambda given, name: {"graphs": [{"graphId": name, "compositeRequest": given}]}, NODES, st.one_of(st.just("g"), ODD))),
    st.tuples(st.just("/composite/tree/Account"), st.builds(lambda given, child: {"records": [one | {"Contacts": child} if isinstance(one, dict) else one for one in given]}, st.lists(st.one_of(RECORDS, ODD), max_size=3), st.one_of(ODD, st.builds(lambda one: {"records": [one]}, RECORDS)))),
    st.tuples(st.sampled_from(["/composite", "/composite/batch", "/composite/graph", "/composite/tree/Account"]), ODD),
)  # fmt: skip


def check(rest: Rest, path: str, body: Any) -> None:
    answer = rest.post(path, data=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code in (200, 201, 400), (path, body, answer.text)
    told = answer.json()
    inside = (told.get("compositeResponse") or told.get("results") or []) if isinstance(told, dict) else []
    for one in inside:
        assert one.get("httpStatusCode", one.get("statusCode", 200)) < 500, (path, body, one)


_MANY = {"suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]}


@settings(max_examples=30, derandomize=True, **_MANY)  # type: ignore[arg-type]
@given(SENT)
def test_no_body_makes_the_server_fail(server: api.Server, rest: Rest, sent: tuple[str, Any]) -> None:
    check(rest, *sent)


@pytest.mark.heavy
@settings(max_examples=3000, **_MANY)  # type: ignore[arg-type]
@given(SENT)
def test_no_body_makes_the_server_fail_in_thousands(server: api.Server, rest: Rest, sent: tuple[str, Any]) -> None:
    check(rest, *sent)
    server.control.for_org(rest.org.id).clear_journal()
