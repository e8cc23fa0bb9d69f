"""Random composite requests do what the same requests do one by one; a transaction does all or nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.conftest import Rest
from tests.protocols.rest.composites import DATA, codes, sub

_REFERENCE = re.compile(r"@\{([^}]*)\}")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]")
_PLAIN = settings(
    max_examples=10, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


class _Missing(Exception):
    pass


def look_up(answers: dict[str, Any], said: str) -> Any:
    """Return what a reference means, by no other code than the product's."""
    head = re.match(r"[^.\[]*", said)
    assert head is not None
    if head[0] not in answers:
        raise _Missing
    value = answers[head[0]]
    for name, place in _STEP.findall(said[head.end() :]):
        try:
            value = value[int(place)] if place else value[name]
        except (KeyError, IndexError, TypeError):
            raise _Missing from None
    if isinstance(value, dict | list) or value is None:
        raise _Missing
    return value


def replaced(answers: dict[str, Any], value: Any) -> Any:
    if isinstance(value, dict):
        return {key: replaced(answers, item) for key, item in value.items()}
    if isinstance(value, list):
        return [replaced(answers, item) for item in value]
    if not isinstance(value, str):
        return value
    whole = _REFERENCE.fullmatch(value)
    if whole:
        return look_up(answers, whole[1])
    return _REFERENCE.sub(lambda found: str(look_up(answers, found[1])), value)


def one_by_one(rest: Rest, subrequests: list[dict[str, Any]]) -> list[tuple[int, Any]]:
    """Send each request by itself, as a client without composite would."""
    answers: dict[str, Any] = {}
    found: list[tuple[int, Any]] = []
    for one in subrequests:
        try:
            url, body = replaced(answers, one["url"]), replaced(answers, one.get("body"))
        except _Missing:
            answers[one["referenceId"]] = [{}]
            found.append((400, "PROCESSING_HALTED"))
            continue
        answer = rest(one["method"], url, json=body)
        told = answer.json() if answer.content else None
        answers[one["referenceId"]] = told
        found.append((answer.status_code, told))
    return found


_LONG = settings(_PLAIN, max_examples=300, derandomize=False)


def told(value: Any) -> Any:
    """Return an answer without what differs between two orgs: ids, and urls that hold them."""
    if isinstance(value, dict):
        return {key: told(item) for key, item in value.items() if key != "url"}
    if isinstance(value, list):
        return [told(item) for item in value]
    if isinstance(value, str):
        return re.sub(r"\b[a-zA-Z0-9]{3}Kd0[a-zA-Z0-9]{9}(?:[A-Z0-5]{3})?\b", "ID", value)
    return value


names = st.sampled_from(["Acme", "R&D", "50% #1", "é☃", "O'Neil"])
earlier = st.integers(0, 7)


@st.composite
def subrequest(draw: st.DrawFn, number: int) -> dict[str, Any]:
    other = f"r{draw(earlier)}"
    reference = draw(st.sampled_from([f"@{{{other}.id}}", f"@{{{other}.Id}}", f"@{{{other}.records[0].Id}}", f"@{{{other}[0].id}}"]))  # fmt: skip
    name, mine = draw(names), f"r{number}"
    text = draw(
        st.sampled_from([name, f"{name} of @{{{other}.Name}}", f"@{{{other}.Name}}", f"n@{{{other}.totalSize}}"])
    )
    match draw(st.integers(0, 8)):
        case 0 | 1:
            return sub("POST", "/sobjects/Account", mine, {"Name": text})
        case 2:
            return sub("POST", "/sobjects/Contact", mine, {"LastName": text, "AccountId": reference})
        case 3:
            return sub(
                "PATCH", f"/sobjects/Contact/External_Id__c/K{draw(st.integers(0, 1))}", mine, {"LastName": text}
            )
        case 4:
            return sub("GET", f"/sobjects/Account/{reference}?fields=Id,Name", mine)
        case 5:
            return sub("DELETE", f"/sobjects/Account/{reference}", mine)
        case 6:
            return sub("GET", "/query?q=SELECT Id, Name FROM Account ORDER BY Name, Id", mine)
        case 7:
            return sub("PATCH", f"/sobjects/Account/{reference}", mine, {"Name": text})
        case _:
            rows = [{"attributes": {"type": "Account"}, "Name": text}, {"attributes": {"type": "Account"}}]
            return sub("POST", "/composite/sobjects", mine, {"records": rows[: draw(st.integers(1, 2))]})


requests = (
    st.integers(1, 8).flatmap(lambda count: st.tuples(*(subrequest(number) for number in range(count)))).map(list)
)


def within(subrequests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out the queries and collections beyond the fifth."""
    few, out = 0, []
    for one in subrequests:
        few += one["url"].startswith((f"{DATA}/query", f"{DATA}/composite"))
        if few <= 5:
            out.append(one)
    return out


@pytest.fixture
def twin(server: api.Server, org: OrgInfo) -> Any:
    """A second org of the same kind."""
    made = server.control.for_org(org.id).clone()
    client = Rest(server.url, made.access_token, made)
    yield client
    client.http.close()
    server.control.delete_org(made.id)


def clear(rest: Rest) -> None:
    for sobject in ("Contact", "Account"):
        ids = [row["Id"] for row in rest.query(f"SELECT Id FROM {sobject}").json()["records"]]
        if ids:
            rest.delete("/composite/sobjects", params={"ids": ",".join(ids)})


def state(rest: Rest) -> list[Any]:
    accounts = rest.query("SELECT Name FROM Account ORDER BY Name").json()["records"]
    contacts = rest.query("SELECT LastName, Account.Name FROM Contact ORDER BY LastName, Account.Name").json()[
        "records"
    ]
    return told([accounts, contacts])  # type: ignore[no-any-return]


@_PLAIN
@given(requests)
def test_a_composite_request_does_what_its_requests_do_one_by_one(
    rest: Rest, twin: Rest, subrequests: list[dict[str, Any]]
) -> None:
    compare(rest, twin, subrequests)


@pytest.mark.heavy
@_LONG
@given(requests)
def test_hundreds_of_composite_requests_do_what_their_requests_do_one_by_one(
    rest: Rest, twin: Rest, subrequests: list[dict[str, Any]]
) -> None:
    compare(rest, twin, subrequests)


def compare(rest: Rest, twin: Rest, subrequests: list[dict[str, Any]]) -> None:
    subrequests = within(subrequests)
    for client in (rest, twin):
        clear(client)
    found = rest.post("/composite", json={"compositeRequest": subrequests}).json()["compositeResponse"]
    expected = one_by_one(twin, subrequests)
    for mine, (status, body) in zip(found, expected, strict=True):
        assert mine["httpStatusCode"] == status
        if body == "PROCESSING_HALTED":
            assert mine["body"][0]["errorCode"] == body
        else:
            assert told(mine["body"]) == told(body)
    assert state(rest) == state(twin)


@_PLAIN
@given(requests, st.sampled_from(["composite", "graph"]), st.integers(0, 8))
def test_a_transaction_does_all_or_nothing_whatever_strikes(
    server: api.Server, rest: Rest, subrequests: list[dict[str, Any]], kind: str, skip: int
) -> None:
    control = server.control.for_org(rest.org.id)
    control.clear_faults()
    clear(rest)
    rest.post("/sobjects/Account", json={"Name": "There before"})
    control.add_fault(
        {"on": ["rest.sobject.*", "rest.collections.*"], "error": "UNABLE_TO_LOCK_ROW", "when": {"skip": skip}}
    )
    before, mark = state(rest), control.commits()[-1].number
    if kind == "graph":
        subrequests = [one for one in subrequests if "/sobjects/" in one["url"] and "/composite" not in one["url"]]
        if not subrequests:
            return
        body = {"graphs": [{"graphId": "g", "compositeRequest": subrequests}]}
        answer = rest.post("/composite/graph", json=body).json()["graphs"][0]
        found, whole = answer["graphResponse"]["compositeResponse"], answer["isSuccessful"]
        assert whole == all(one["httpStatusCode"] < 400 for one in found)
    else:
        body = {"allOrNone": True, "compositeRequest": within(subrequests)}
        found = rest.post("/composite", json=body).json()["compositeResponse"]
        bad_rows = any(
            row.get("success") is False for one in found if isinstance(one["body"], list) for row in one["body"]
        )
        whole = not bad_rows and all(one["httpStatusCode"] < 400 for one in found)
    if not whole:
        assert state(rest) == before
        assert all(
            code is not None or isinstance(one["body"], list) for code, one in zip(codes(found), found, strict=True)
        )
        assert [commit for commit in control.commits() if commit.number > mark] == []
    rows = control.journal()[-1 - 2 * (not whole)]["rows"]
    assert whole or not any(row["success"] for row in rows if row["success"] is not None)
