"""What `columns=true` says of a query's columns: what command line tools lay out their tables by."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest

KEYS = [
    "aggregate", "apexType", "booleanType", "columnName", "custom", "displayName", "foreignKeyName", "insertable",
    "joinColumns", "numberType", "textType", "updatable",
]  # fmt: skip


def columns(rest: Rest, soql: str) -> dict[str, Any]:
    answer = rest.get("/query", params={"q": soql, "columns": "true"})
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def names(found: list[dict[str, Any]]) -> list[Any]:
    return [
        (one["columnName"], names(one["joinColumns"])) if one["joinColumns"] else one["columnName"] for one in found
    ]


def test_the_keys_are_the_recorded_ones(rest: Rest) -> None:
    body = columns(rest, "select id, name from contact")
    assert list(body) == ["columnMetadata", "entityName", "groupBy", "idSelected", "keyPrefix"]
    assert (body["entityName"], body["groupBy"], body["idSelected"], body["keyPrefix"]) == (
        "Contact",
        False,
        True,
        "003",
    )
    identity, name = body["columnMetadata"]
    assert list(identity) == KEYS
    assert identity == {
        "aggregate": False, "apexType": "Id", "booleanType": False, "columnName": "Id", "custom": False,
        "displayName": "Id", "foreignKeyName": None, "insertable": False, "joinColumns": [], "numberType": False,
        "textType": False, "updatable": False,
    }  # fmt: skip
    assert (name["apexType"], name["textType"], name["insertable"]) == ("String", True, False)


def test_parents_and_children_hold_the_columns_selected_of_them(rest: Rest) -> None:
    soql = (
        "SELECT Name, Owner.Name, Owner.Profile.Name, Owner.Email, (SELECT LastName, Account.Name FROM Contacts) "
        "FROM Account"
    )
    found = columns(rest, soql)["columnMetadata"]
    assert names(found) == [
        "Name",
        ("Owner", ["Name", ("Profile", ["Name"]), "Email"]),
        ("Contacts", ["LastName", ("Account", ["Name"])]),
    ]
    owner, contacts = found[1], found[2]
    assert (owner["foreignKeyName"], owner["aggregate"], owner["apexType"]) == ("OwnerId", False, None)
    assert (contacts["foreignKeyName"], contacts["aggregate"], contacts["apexType"]) == (None, True, None)


def test_functions_are_shown_as_the_query_has_them(rest: Rest) -> None:
    body = columns(rest, "SELECT CampaignId, avg(Amount), MAX(Name) latest FROM Opportunity GROUP BY CampaignId")
    key, average, last = body["columnMetadata"]
    assert body["groupBy"] is True
    assert body["idSelected"] is False
    assert key["columnName"] == "CampaignId"
    assert (average["columnName"], average["displayName"]) == ("expr0", "avg(Amount)")
    assert (average["aggregate"], average["numberType"], average["insertable"]) == (True, True, False)
    assert (last["columnName"], last["displayName"], last["textType"]) == ("latest", "MAX(Name)", True)


@pytest.mark.parametrize(
    ("soql", "shown"),
    [
        ("SELECT COUNT() FROM Account", []),
        ("SELECT COUNT(Id), CALENDAR_YEAR(CreatedDate) FROM Account GROUP BY CALENDAR_YEAR(CreatedDate)", ["expr0", "expr1"]),
        ("SELECT toLabel(Industry), FORMAT(AnnualRevenue) money FROM Account", ["Industry", "money"]),
        ("SELECT TYPEOF What WHEN Account THEN Phone, Name ELSE Name END FROM Task", [("What", ["Phone", "Name"])]),
        ("SELECT What.Name, Who.Type FROM Task", [("What", ["Name"]), ("Who", ["Type"])]),
        ("SELECT a.Name, a.Owner.Name FROM Account a", ["Name", ("Owner", ["Name"])]),
    ],
)  # fmt: skip
def test_every_kind_of_item_has_its_column(rest: Rest, soql: str, shown: list[Any]) -> None:
    assert names(columns(rest, soql)["columnMetadata"]) == shown


def test_all_fields_have_a_column_each(rest: Rest) -> None:
    found = names(columns(rest, "SELECT FIELDS(CUSTOM) FROM Contact LIMIT 1")["columnMetadata"])
    assert found == ["External_Id__c", "Legacy__c"]


def test_a_query_that_is_wrong_says_so(rest: Rest) -> None:
    answer = rest.get("/query", params={"q": "SELECT Wrong FROM Account", "columns": "true"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")
    rows = rest.get("/query", params={"q": "SELECT Id FROM Account", "columns": "false"})
    assert "records" in rows.json()


def test_the_tooling_api_tells_its_columns_too(rest: Rest) -> None:
    soql = "SELECT QualifiedApiName, EntityDefinition.Label FROM FieldDefinition WHERE EntityDefinitionId = 'Account'"
    answer = rest.get("/tooling/query", params={"q": soql, "columns": "true"})
    assert answer.json()["entityName"] == "FieldDefinition"
    assert names(answer.json()["columnMetadata"]) == ["QualifiedApiName", ("EntityDefinition", ["Label"])]
