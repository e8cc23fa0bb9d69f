"""List views as records: what clients look up by SOQL before they ask for a view's query or results."""

from __future__ import annotations

import pytest

from tests.conftest import Rest

LOOKUP = "SELECT Id, Name, SobjectType FROM ListView WHERE SobjectType = 'Account' AND DeveloperName = 'AllAccounts'"


def test_a_view_is_found_by_its_name_and_is_that_of_the_resource(rest: Rest) -> None:
    (row,) = rest.query(LOOKUP).json()["records"]
    (listed, _) = rest.get("/sobjects/Account/listviews").json()["listviews"]
    assert (row["Id"], row["Name"], row["SobjectType"]) == (listed["id"], listed["label"], "Account")
    assert rest.get(f"/sobjects/ListView/{row['Id']}").json()["DeveloperName"] == "AllAccounts"
    by_id = rest.query(f"SELECT DeveloperName FROM ListView WHERE Id = '{row['Id']}'").json()["records"]
    assert [one["DeveloperName"] for one in by_id] == ["AllAccounts"]


def test_every_object_that_has_views_has_rows(rest: Rest) -> None:
    found = rest.query("SELECT SobjectType, COUNT(Id) n FROM ListView GROUP BY SobjectType").json()["records"]
    counts = {row["SobjectType"]: row["n"] for row in found}
    assert counts["Contact"] == 2
    assert "ListView" not in counts


def test_views_cannot_be_made_or_deleted(rest: Rest) -> None:
    (row,) = rest.query(LOOKUP).json()["records"]
    for refused in (
        rest.post("/sobjects/ListView", json={"Name": "Mine"}),
        rest.delete(f"/sobjects/ListView/{row['Id']}"),
    ):
        assert refused.json()[0]["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
    assert rest.get("/sobjects/ListView/00B000000000001AAA").status_code == 404


def test_the_query_of_a_view_is_explained_by_its_id(rest: Rest) -> None:
    (row,) = rest.query(LOOKUP).json()["records"]
    explained = rest.get("/query", params={"explain": row["Id"]}).json()
    described = rest.get(f"/sobjects/Account/listviews/{row['Id']}/describe").json()
    assert explained["sourceQuery"] == described["query"]
    assert explained["plans"][0]["sobjectType"] == "Account"
    assert rest.get("/query", params={"explain": "00B000000000001AAA"}).status_code == 404


@pytest.mark.parametrize(
    "soql",
    [
        "SELECT Id, (SELECT Id, IsFrozen FROM UserLogins LIMIT 1) FROM User WHERE IsActive = true WITH USER_MODE LIMIT 1",
        "SELECT Id, UserPreferencesUserDebugModePref, UserRole.Name FROM User LIMIT 1",
    ],
)
def test_what_browser_tools_ask_of_a_user(rest: Rest, soql: str) -> None:
    assert rest.query(soql).json()["totalSize"] == 1


def test_no_view_was_looked_at_lately(rest: Rest) -> None:
    listed = rest.get("/sobjects/Account/listviews/recent").json()
    assert (listed["done"], listed["size"], listed["listviews"]) == (True, 0, [])
    assert rest.query("SELECT Id FROM ListView WHERE LastViewedDate != null").json()["totalSize"] == 0


def test_the_tooling_api_has_composites_of_its_own(rest: Rest) -> None:
    query = "tooling/query/?q=SELECT+COUNT()+FROM+ApexClass"
    body = {"compositeRequest": [{"method": "GET", "url": f"/services/data/v60.0/{query}", "referenceId": "count"}]}
    (answer,) = rest.post("/tooling/composite", json=body).json()["compositeResponse"]
    assert (answer["httpStatusCode"], answer["body"]["totalSize"]) == (200, 0)
    batch = {"batchRequests": [{"method": "GET", "url": f"v60.0/{query}"}]}
    assert rest.post("/tooling/composite/batch", json=batch).json()["results"][0]["statusCode"] == 200
