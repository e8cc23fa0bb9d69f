"""Queries over HTTP: page sizes, locators, errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest


@pytest.fixture
def contacts(rest: Rest, server: Any) -> list[str]:
    rows = [{"LastName": f"Example {number:04d}"} for number in range(2500)]
    ids: list[str] = server.control.for_org(rest.org.id).seed("Contact", rows)
    return ids


def test_pages_follow_next_records_url_to_the_end(rest: Rest, contacts: list[str]) -> None:
    first = rest.query("SELECT Id FROM Contact ORDER BY LastName").json()
    assert list(first) == ["totalSize", "done", "nextRecordsUrl", "records"]
    assert (first["totalSize"], first["done"], len(first["records"])) == (2500, False, 2000)
    assert first["nextRecordsUrl"].startswith("/services/data/v60.0/query/01g")
    assert first["nextRecordsUrl"].endswith("-2000")
    second = rest.get(first["nextRecordsUrl"]).json()
    assert list(second) == ["totalSize", "done", "records"]
    assert [row["Id"] for row in first["records"] + second["records"]] == contacts


@pytest.mark.parametrize(("asked", "given"), [("batchSize=500", 500), ("batchSize=1", 200), ("batchsize = 9999", 2000)])
def test_the_batch_size_header_is_followed_within_its_bounds(
    rest: Rest, contacts: list[str], asked: str, given: int
) -> None:
    page = rest.query("SELECT Id FROM Contact", headers={"Sforce-Query-Options": asked}).json()
    assert len(page["records"]) == given


def test_deleted_rows_show_in_query_all_only(rest: Rest, contacts: list[str]) -> None:
    rest.delete(f"/sobjects/Contact/{contacts[0]}")
    assert rest.query("SELECT COUNT() FROM Contact").json() == {"totalSize": 2499, "done": True, "records": []}
    everything = rest.get("/queryAll", params={"q": "SELECT COUNT() FROM Contact"})
    assert everything.json()["totalSize"] == 2500


@pytest.mark.parametrize("locator", ["01gKd0000000001AAA-2000", "nonsense", "01g", "../limits", "%00"])
def test_an_unknown_locator_is_refused(rest: Rest, locator: str) -> None:
    answer = rest.get(f"/query/{locator}")
    if answer.request.url and answer.request.url.endswith("/limits"):
        return
    assert answer.status_code == 400
    assert answer.json() == [{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}]


def test_a_locator_expires_after_two_days(rest: Rest, contacts: list[str], server: Any) -> None:
    page = rest.query("SELECT Id FROM Contact").json()
    server.control.for_org(rest.org.id).advance(2 * 86_400 + 1)
    rest.token = server.control.for_org(rest.org.id).mint_token()
    assert rest.get(page["nextRecordsUrl"]).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


@pytest.mark.parametrize("params", [{}, {"q": ""}, {"q": "   "}])
def test_an_empty_query_is_refused(rest: Rest, params: dict[str, str]) -> None:
    answer = rest.get("/query", params=params)
    assert answer.status_code == 400
    assert answer.json() == [{"message": "SOQL statements cannot be empty or null", "errorCode": "MALFORMED_QUERY"}]


def test_an_error_shows_its_place(rest: Rest) -> None:
    answer = rest.query("SELECT Id, Nope FROM Contact")
    assert answer.json() == [
        {
            "message": "\nSELECT Id, Nope FROM Contact\n           ^\nERROR at Row:1:Column:12\nNo such column 'Nope' on "
            "entity 'Contact'. If you are attempting to use a custom field, be sure to append the '__c' after the custom "
            "field name. Please reference your WSDL or the describe call for the appropriate names.",
            "errorCode": "INVALID_FIELD",
        }
    ]
