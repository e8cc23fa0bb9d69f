"""The suggestions of a lookup field."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest


@pytest.fixture
def accounts(rest: Rest) -> list[str]:
    names = ("Alpha Works", "Beta Alphabet", "Gamma 100%")
    return [
        rest.post("/sobjects/Account", json={"Name": one, "Phone": "55", "Site": "alpha"}).json()["id"] for one in names
    ]


def ask(rest: Rest, path: str = "/Account", **asked: Any) -> dict[str, Any]:
    answer = rest.get(f"/ui-api/lookups/Contact/AccountId{path}", params=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def names(body: dict[str, Any]) -> list[str]:
    return [one["fields"]["Name"]["value"] for one in body["records"]]


def test_a_page_has_the_recorded_shape(rest: Rest, accounts: list[str]) -> None:
    rest.get(f"/sobjects/Account/{accounts[0]}", headers={"Sforce-Mru": "updateMru=true"})
    rest.query(f"SELECT Id FROM Account WHERE Id = '{accounts[0]}' FOR VIEW")
    body = ask(rest)
    assert {key: value for key, value in body.items() if key != "records"} == {
        "count": 1,
        "currentPageToken": "1",
        "currentPageUrl": "/services/data/v60.0/ui-api/lookups/Contact/AccountId/Account?searchType=Recent&page=1&pageSize=25",
        "nextPageToken": None,
        "nextPageUrl": None,
        "previousPageToken": None,
        "previousPageUrl": None,
    }
    (record,) = body["records"]
    assert (record["apiName"], record["id"]) == ("Account", accounts[0])
    assert record["fields"] == {
        "DisambiguationField": {"displayValue": None, "value": "55"},
        "Id": {"displayValue": None, "value": accounts[0]},
        "Name": {"displayValue": None, "value": "Alpha Works"},
    }


@pytest.mark.usefixtures("accounts")
def test_texts_find_by_name_or_anywhere(rest: Rest) -> None:
    assert sorted(names(ask(rest, searchType="TypeAhead", q="alph"))) == ["Alpha Works", "Beta Alphabet"]
    assert len(names(ask(rest, searchType="Search", q="alpha"))) == 3
    assert names(ask(rest)) == []
    rest.query("SELECT Id FROM Account FOR VIEW")
    assert names(ask(rest, q="100%")) == ["Gamma 100%"]
    assert names(ask(rest, q="o'_%")) == []


@pytest.mark.usefixtures("accounts")
def test_pages_follow_each_other(rest: Rest) -> None:
    first = ask(rest, searchType="Search", q="alpha", pageSize=2)
    assert (first["count"], first["nextPageToken"]) == (2, "2")
    second = rest.get(first["nextPageUrl"]).json()
    assert (second["count"], second["nextPageUrl"], second["previousPageToken"]) == (1, None, "1")
    assert not set(names(first)) & set(names(second))


def test_without_an_object_all_are_asked(rest: Rest) -> None:
    found = rest.get("/ui-api/lookups/Case/OwnerId").json()["lookupResults"]
    assert sorted(found) == ["Group", "User"]
    assert list(ask(rest, "")["lookupResults"]) == ["Account"]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Contact/AccountId/Case", 404, "NOT_FOUND"),
        ("Contact/LastName/Account", 404, "NOT_FOUND"),
        ("Contact/Nope", 404, "NOT_FOUND"),
        ("Nope/AccountId", 403, "INSUFFICIENT_ACCESS"),
        ("Contact/AccountId?searchType=Guess", 400, "ILLEGAL_QUERY_PARAMETER_VALUE"),
        ("Contact/AccountId?searchType=Search", 400, "ILLEGAL_QUERY_PARAMETER_VALUE"),
        ("Contact/AccountId?pageSize=0", 400, "NUMBER_OUTSIDE_VALID_RANGE"),
        ("Contact/AccountId?page=x", 400, "ILLEGAL_QUERY_PARAMETER_VALUE"),
    ],
)
def test_what_is_refused(rest: Rest, path: str, status: int, code: str) -> None:
    answer = rest.get(f"/ui-api/lookups/{path}")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
