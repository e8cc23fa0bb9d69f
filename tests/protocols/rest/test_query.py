"""Queries over HTTP: page sizes, locators, errors."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest, simple_salesforce


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


@pytest.fixture
def family(rest: Rest, server: Any) -> str:
    """An account with 450 contacts, of which the first has 230 cases; its id."""
    seed = server.control.for_org(rest.org.id).seed
    (account,) = seed("Account", [{"Name": "Big"}])
    contacts = seed("Contact", [{"LastName": f"C{number:03d}", "AccountId": account} for number in range(450)])
    seed("Case", [{"Subject": f"S{number:03d}", "ContactId": contacts[0]} for number in range(230)])
    return str(account)


SMALL = {"Sforce-Query-Options": "batchSize=200"}


def test_children_beyond_a_page_have_their_own_locator(rest: Rest, family: str) -> None:
    soql = (
        "SELECT Name, (SELECT LastName, (SELECT Subject FROM Cases ORDER BY Subject) FROM Contacts ORDER BY LastName) "
        "FROM Account WHERE Name = 'Big'"
    )
    page = rest.query(soql, headers=SMALL).json()
    assert page["done"] is True
    children = page["records"][0]["Contacts"]
    assert list(children) == ["totalSize", "done", "nextRecordsUrl", "records"]
    assert (children["totalSize"], children["done"], len(children["records"])) == (450, False, 200)
    grandchildren = children["records"][0]["Cases"]
    assert (grandchildren["totalSize"], len(grandchildren["records"])) == (230, 200)
    # What is added meanwhile is not part of the answer.
    rest.post("/sobjects/Contact", json={"LastName": "C999", "AccountId": family})
    seen = [row["LastName"] for row in children["records"]]
    while not children["done"]:
        children = rest.get(children["nextRecordsUrl"], headers=SMALL).json()
        seen += [row["LastName"] for row in children["records"]]
    assert seen == [f"C{number:03d}" for number in range(450)]
    last = rest.get(grandchildren["nextRecordsUrl"], headers=SMALL).json()
    assert (last["totalSize"], last["done"], len(last["records"])) == (230, True, 30)


def test_simple_salesforce_follows_children(rest: Rest, server: Any, family: str) -> None:
    sf = simple_salesforce(rest, server)
    sf.headers.update(SMALL)
    (account,) = sf.query_all("SELECT Id, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Big'")["records"]
    children = account["Contacts"]
    total = len(children["records"])
    while not children["done"]:
        children = sf.query_more(children["nextRecordsUrl"], identifier_is_url=True)
        total += len(children["records"])
    assert total == 450


def test_pages_to_come_show_children_as_they_were(rest: Rest, server: Any) -> None:
    seed = server.control.for_org(rest.org.id).seed
    accounts = seed("Account", [{"Name": f"A{number:04d}"} for number in range(300)])
    seed("Contact", [{"LastName": "Before", "AccountId": accounts[299]}])
    first = rest.query("SELECT Name, (SELECT LastName FROM Contacts) FROM Account ORDER BY Name", headers=SMALL).json()
    seed("Contact", [{"LastName": "After", "AccountId": accounts[299]}])
    rest.patch(f"/sobjects/Account/{accounts[298]}", json={"Name": "Changed"})
    second = rest.get(first["nextRecordsUrl"], headers=SMALL).json()
    assert [row["LastName"] for row in second["records"][99]["Contacts"]["records"]] == ["Before"]
    assert second["records"][98]["Name"] == "A0298"


def test_the_cursors_of_one_query_count_as_one(rest: Rest, family: str) -> None:
    soql = "SELECT Name, (SELECT Id FROM Contacts) FROM Account WHERE Name = 'Big'"
    urls = [rest.query(soql, headers=SMALL).json()["records"][0]["Contacts"]["nextRecordsUrl"] for _ in range(11)]
    assert rest.get(urls[0]).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"
    assert all(rest.get(url).status_code == 200 for url in urls[1:])


def test_older_versions_lack_what_is_new(rest: Rest) -> None:
    rest.version = "50.0"
    (error,) = rest.query("SELECT FIELDS(ALL) FROM Account LIMIT 1").json()
    assert error == {
        "message": "\nSELECT FIELDS(ALL) FROM Account LIMIT 1\n       ^\nERROR at Row:1:Column:8\nThe SOQL FIELDS function is "
        "not supported in this version of the API",
        "errorCode": "UNSUPPORTED_API_VERSION",
    }
    deep = "SELECT (SELECT (SELECT Id FROM Cases) FROM Contacts) FROM Account"
    rest.version = "57.0"
    assert rest.query(deep).status_code == 400
    rest.version = "58.0"
    assert rest.query(deep).status_code == 200


def test_recent_items_are_what_was_viewed(rest: Rest, contacts: list[str]) -> None:
    assert rest.get("/recent").json() == []
    for place in (3, 5):
        rest.query(f"SELECT Id FROM Contact WHERE Id = '{contacts[place]}' FOR VIEW")
    found = rest.get("/recent").json()
    assert {row["Id"] for row in found} == {contacts[3], contacts[5]}
    assert len(rest.get("/recent", params={"limit": "1"}).json()) == 1
    assert found[0]["attributes"]["type"] == "Contact"
    assert found[0]["Name"].startswith("Example 000")
    assert rest.get("/recent", params={"limit": "all"}).json()[0]["errorCode"] == "INVALID_INPUT"
