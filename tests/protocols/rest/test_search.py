"""Searches over HTTP: forms of answers by version, parameters, suggestions; and through simple-salesforce."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest, simple_salesforce


@pytest.fixture
def acme(rest: Rest) -> dict[str, str]:
    """Four records that say Acme, and one that does not; ids by name."""
    rows = [
        ("Account", {"Name": "Acme National", "Phone": "(415) 555-1212"}),
        ("Account", {"Name": "National Utility", "Description": "supplies Acme"}),
        ("Contact", {"LastName": "Acme"}),
        ("Contact", {"LastName": "Other", "Email": "other@acme.com"}),
        ("Contact", {"LastName": "Nobody"}),
    ]
    out = {}
    for sobject, values in rows:
        reply = rest.post(f"/sobjects/{sobject}", json=values)
        assert reply.status_code == 201, reply.text
        out[values.get("Name") or values["LastName"]] = reply.json()["id"]
    return out


def test_a_search_answers_with_search_records(rest: Rest, acme: dict[str, str]) -> None:
    reply = rest.get("/search", params={"q": "FIND {acme} IN NAME FIELDS RETURNING Account(Id, Name), Contact"})
    assert reply.status_code == 200
    assert reply.headers["queryId"]
    assert reply.json() == {
        "searchRecords": [
            {
                "attributes": {
                    "type": "Account",
                    "url": f"/services/data/v60.0/sobjects/Account/{acme['Acme National']}",
                },
                "Id": acme["Acme National"],
                "Name": "Acme National",
            },
            {
                "attributes": {"type": "Contact", "url": f"/services/data/v60.0/sobjects/Contact/{acme['Acme']}"},
                "Id": acme["Acme"],
            },
        ]
    }


def test_older_versions_answer_with_a_bare_list(rest: Rest, acme: dict[str, str]) -> None:
    rest.version = "36.0"
    found = rest.get("/search/", params={"q": "FIND {nobody} RETURNING Contact"}).json()
    assert [row["Id"] for row in found] == [acme["Nobody"]]


def test_labels_are_metadata(rest: Rest, acme: dict[str, str]) -> None:
    q = "FIND {nobody} RETURNING Contact(LastName) WITH METADATA='LABELS'"
    assert rest.get("/search", params={"q": q}).json()["metadata"] == {
        "entityetadata": [{"entityName": "Contact", "fieldMetadata": [{"name": "LastName", "label": "Last Name"}]}]
    }


@pytest.mark.parametrize("params", [{}, {"q": "acme"}, {"q": "FIND acme"}, {"q": "FIND {a}"}])
def test_mistakes_are_400(rest: Rest, params: dict[str, str]) -> None:
    reply = rest.get("/search", params=params)
    assert reply.status_code == 400
    (error,) = reply.json()
    assert list(error) == ["message", "errorCode"]
    assert error["errorCode"] == "MALFORMED_SEARCH"


def ids(reply: Any) -> set[str]:
    assert reply.status_code == 200, reply.text
    return {row["Id"] for row in reply.json()["searchRecords"]}


def test_parameters_of_the_uri(rest: Rest, acme: dict[str, str]) -> None:
    everywhere = rest.get("/parameterizedSearch", params={"q": "Acme"})
    assert ids(everywhere) == {acme[name] for name in ("Acme National", "National Utility", "Acme", "Other")}
    accounts = {"q": "Acme", "sobject": "Account", "Account.fields": "id,name", "Account.limit": "1"}
    (record,) = rest.get("/parameterizedSearch", params=accounts).json()["searchRecords"]
    assert list(record) == ["attributes", "Id", "Name"]
    both = [
        ("q", "acme"),
        ("sobject", "Account"),
        ("sobject", "Contact"),
        ("in", "NAME"),
        ("Contact.where", "Email = null"),
    ]
    assert ids(rest.get("/parameterizedSearch", params=both)) == {acme["Acme National"], acme["Acme"]}
    assert len(ids(rest.get("/parameterizedSearch", params=[*both, ("overallLimit", "1")]))) == 1
    assert (
        len(ids(rest.get("/parameterizedSearch", params={"q": "acme", "sobject": "Contact", "defaultLimit": "1"}))) == 1
    )


def test_parameters_of_the_body(rest: Rest, acme: dict[str, str]) -> None:
    body = {
        "q": "acme",
        "fields": ["Id"],
        "sobjects": [
            {"name": "Contact", "fields": ["Id", "LastName"], "where": "LastName != 'Acme'", "limit": 20},
            {"name": "Account", "orderBy": "Name DESC"},
        ],
        "in": "ALL",
    }
    records = rest.post("/parameterizedSearch", json=body).json()["searchRecords"]
    assert [row["Id"] for row in records] == [acme["Other"], acme["National Utility"], acme["Acme National"]]
    assert records[0]["LastName"] == "Other"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MALFORMED_SEARCH"),
        ({"q": "a"}, "MALFORMED_SEARCH"),
        ({"q": 5}, "MALFORMED_SEARCH"),
        ({"q": "acme", "in": "SOME"}, "MALFORMED_SEARCH"),
        ({"q": "acme", "sobjects": "Account"}, "INVALID_INPUT"),
        ({"q": "acme", "sobjects": [{"name": "Nope"}]}, "INVALID_TYPE"),
        ({"q": "acme", "sobjects": [{"name": "Account", "fields": ["Nope"]}]}, "INVALID_FIELD"),
        ({"q": "acme", "sobjects": [{"name": "Account", "where": "Name = "}]}, "MALFORMED_SEARCH"),
        ({"q": "acme", "sobjects": [{"name": "Account'; DROP TABLE x", "limit": 1}]}, "MALFORMED_SEARCH"),
        ({"q": "acme", "overallLimit": "many"}, "INVALID_INPUT"),
        ([], "JSON_PARSER_ERROR"),
    ],
)
def test_bad_parameters_are_refused(rest: Rest, body: Any, code: str) -> None:
    reply = rest.post("/parameterizedSearch", json=body)
    assert reply.status_code == 400
    assert reply.json()[0]["errorCode"] == code


@pytest.mark.parametrize("text", ["{acme}", "acme's", 'ac"me acme', "acme & (co", "acme\\", "AND acme"])
def test_a_search_text_that_is_no_sosl_breaks_nothing(rest: Rest, acme: dict[str, str], text: str) -> None:
    assert rest.get("/parameterizedSearch", params={"q": text}).status_code in (200, 400)


def test_suggestions_match_the_beginnings_of_names(rest: Rest, acme: dict[str, str]) -> None:
    body = rest.get("/search/suggestions", params={"q": "national u", "sobject": "Account,Contact"}).json()
    assert [row["Name"] for row in body["autoSuggestResults"]] == ["National Utility"]
    assert body["hasMoreResults"] is False
    body = rest.get("/search/suggestions", params={"q": "nat", "sobject": "Account", "limit": "1"}).json()
    assert (len(body["autoSuggestResults"]), body["hasMoreResults"]) == (1, True)
    assert rest.get("/search/suggestions", params={"q": "nat"}).json()[0]["errorCode"] == "MISSING_ARGUMENT"


def test_suggestions_have_the_fields_that_are_asked_for(rest: Rest, acme: dict[str, str]) -> None:
    rest.patch(f"/sobjects/Account/{acme['National Utility']}", json={"Phone": "555", "Industry": "Utilities"})
    wanted = {"q": '"national" u*', "sobject": "Account", "fields": "Industry,id", "dynamicFields": "secondaryField"}
    (record,) = rest.get("/search/suggestions", params=wanted).json()["autoSuggestResults"]
    assert list(record) == ["attributes", "Id", "Name", "Industry", "Phone"]
    filtered = {"q": "nat", "sobject": "Account", "where": "Phone = '555'"}
    body = rest.get("/search/suggestions", params=filtered).json()
    assert [row["Id"] for row in body["autoSuggestResults"]] == [acme["National Utility"]]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"q": "n" * 256, "sobject": "Account"}, "INVALID_INPUT"),
        ({"q": "nat", "sobject": ",".join(["Account"] * 11)}, "INVALID_INPUT"),
        ({"q": "nat", "sobject": "Account,Task"}, "INVALID_INPUT"),
        ({"q": "nat", "sobject": "Nothing"}, "NOT_FOUND"),
    ],
)
def test_what_suggestions_refuse(rest: Rest, params: dict[str, str], code: str) -> None:
    assert rest.get("/search/suggestions", params=params).json()[0]["errorCode"] == code


def test_suggestions_of_nothing(rest: Rest, acme: dict[str, str]) -> None:
    short = rest.get("/search/suggestions", params={"q": "na", "sobject": "Account"})
    assert (short.status_code, short.json()["autoSuggestResults"]) == (200, [])
    ignoring = {"q": "nat", "sobject": "Task", "ignoreUnsupportedSObjects": "true"}
    assert rest.get("/search/suggestions", params=ignoring).json()["meta"] == {"nameFields": []}


def test_parameters_may_skip_results_of_one_object_and_ask_for_labels(rest: Rest, acme: dict[str, str]) -> None:
    one = {"q": "national", "sobject": "Account", "Account.fields": "Id,Name", "Account.orderBy": "Name"}
    every = rest.get("/parameterizedSearch", params=one).json()["searchRecords"]
    assert rest.get("/parameterizedSearch", params=one | {"offset": "1"}).json()["searchRecords"] == every[1:]
    assert rest.get("/parameterizedSearch", params={"q": "acme", "offset": "1"}).json()[0]["errorCode"] == (
        "INVALID_INPUT"
    )
    labelled = rest.get("/parameterizedSearch", params=one | {"metadata": "LABELS"}).json()
    assert labelled["metadata"]["entityetadata"]
    body = {"q": "national", "sobjects": [{"name": "Account", "fields": ["Id"]}], "offset": 1, "metadata": "LABELS"}
    posted = rest.post("/parameterizedSearch", json=body).json()
    assert (len(posted["searchRecords"]), set(posted)) == (len(every) - 1, {"searchRecords", "metadata"})


def test_scope_and_layouts(rest: Rest) -> None:
    scope = rest.get("/search/scopeOrder").json()
    assert {"type": "Account", "url": "/services/data/v60.0/sobjects/Account/describe"} in scope
    account, contact = rest.get("/search/layout", params={"q": "Account,Contact"}).json()
    assert (account["objectType"], account["limitRows"]) == ("Account", 25)
    assert account["searchColumns"][0] == {
        "field": "Account.Name", "format": None, "label": "Account Name", "name": "Name",
    }  # fmt: skip
    assert contact["label"] == "Search Results"
    assert rest.get("/search/layout", params={"q": "Nope"}).status_code == 404


def test_simple_salesforce_searches(rest: Rest, server: Any, acme: dict[str, str]) -> None:
    sf = simple_salesforce(rest, server)
    assert len(sf.search("FIND {acme}")["searchRecords"]) == 4
    assert sf.quick_search("acme")["searchRecords"]
    assert sf.search("FIND {zzzz} RETURNING Contact") == {"searchRecords": []}


# -- what a query would cost


def test_explain_names_the_index_that_helps(rest: Rest, server: Any) -> None:
    rows = [{"LastName": f"L{number}", "External_Id__c": f"E{number}"} for number in range(100)]
    server.control.for_org(rest.org.id).seed("Contact", rows)
    soql = "SELECT Name FROM Contact WHERE External_Id__c = 'E7' AND LastName LIKE 'L%'"
    body = rest.get("/query", params={"explain": soql}).json()
    assert list(body) == ["plans", "sourceQuery"]
    assert body["sourceQuery"] == soql
    best, scan = body["plans"]
    notes = [
        {
            "description": "Not considering filter for optimization because unindexed",
            "fields": [name],
            "tableEnumOrId": "Contact",
        }
        for name in ("IsDeleted", "LastName")
    ]
    assert best == {
        "cardinality": 1,
        "fields": ["External_Id__c"],
        "leadingOperationType": "Index",
        "notes": notes,
        "relativeCost": 0.1,
        "sobjectCardinality": 100,
        "sobjectType": "Contact",
    }
    assert (scan["leadingOperationType"], scan["fields"], scan["cardinality"]) == ("TableScan", [], 1)
    assert scan["relativeCost"] > best["relativeCost"]


@pytest.mark.parametrize(
    ("where", "first"),
    [
        ("External_Id__c != 'E1'", "TableScan"),
        ("External_Id__c LIKE '%1'", "TableScan"),
        ("External_Id__c = null", "TableScan"),
        ("External_Id__c = 'E1' OR LastName = 'x'", "TableScan"),
        ("(NOT External_Id__c = 'E1') AND LastName = 'x'", "TableScan"),
        ("External_Id__c LIKE 'E%'", "TableScan"),
        ("Contact.External_Id__c IN ('E1', 'E2')", "Index"),
        ("Account.Name = 'x' AND AccountId = '001000000000000AAA'", "Index"),
    ],
)
def test_explain_prefers_what_is_selective(rest: Rest, server: Any, where: str, first: str) -> None:
    rows = [{"LastName": "L", "External_Id__c": f"E{number}"} for number in range(50)]
    server.control.for_org(rest.org.id).seed("Contact", rows)
    plans = rest.get("/query", params={"explain": f"SELECT Id FROM Contact WHERE {where}"}).json()["plans"]
    assert plans[0]["leadingOperationType"] == first


def test_explain_refuses_what_a_query_would(rest: Rest) -> None:
    assert rest.get("/query", params={"explain": "SELECT Nope FROM Contact"}).json()[0]["errorCode"] == "INVALID_FIELD"
    assert rest.get("/query", params={"explain": ""}).json()[0]["errorCode"] == "MALFORMED_QUERY"


def test_a_search_by_parameters_has_no_statement_to_point_at(rest: Rest) -> None:
    answer = rest.get("/parameterizedSearch", params={"q": "lovelace", "sobject": "Contact", "Contact.fields": "Nope"})
    (body,) = answer.json()
    assert (answer.status_code, body["errorCode"]) == (400, "INVALID_FIELD")
    assert body["message"].startswith("No such column 'Nope' on entity 'Contact'.")
