"""Reports: declared as saved queries, listed, described, run at once and later, with filters of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mock_server.control.client import ControlError
from tests.conftest import Rest

DEALS = [
    ("Small", 100, "Prospecting", "2026-01-15"),
    ("Middle", 250.5, "Prospecting", "2026-02-15"),
    ("Large", 1000, "Closed Won", "2026-02-20"),
    ("Blank", None, "Closed Won", "2026-03-01"),
]
REPORTS = [
    {
        "name": "All deals",
        "soql": "SELECT Name, Owner.Name, Amount, StageName, CloseDate FROM Opportunity ORDER BY Name",
    },
    {
        "name": "By stage",
        "folder": "Sales",
        "description": "What is where",
        "soql": "SELECT StageName, SUM(Amount), COUNT(Id) FROM Opportunity WHERE Amount != null GROUP BY StageName",
        "details": ["Name", "Amount"],
    },
    {
        "name": "By stage and month",
        "soql": "SELECT StageName, CALENDAR_MONTH(CloseDate) m, MAX(Amount) x FROM Opportunity "
        "GROUP BY StageName, CALENDAR_MONTH(CloseDate) ORDER BY StageName DESC",
    },
]
RUN = [
    "attributes", "allData", "factMap", "groupingsAcross", "groupingsDown", "hasDetailRows", "picklistColors",
    "reportExtendedMetadata", "reportMetadata",
]  # fmt: skip


@pytest.fixture(scope="module")
def sales(server) -> Iterator[Rest]:  # type: ignore[no-untyped-def]
    made = server.control.create_org(declared={"reports": REPORTS})
    client = Rest(server.url, made.access_token, made)
    for name, amount, stage, day in DEALS:
        body = {"Name": name, "Amount": amount, "StageName": stage, "CloseDate": day}
        assert client.post("/sobjects/Opportunity", json=body).status_code == 201
    yield client
    client.http.close()
    server.control.delete_org(made.id)


def url(sales: Rest, name: str) -> str:
    return str(next(one["url"] for one in sales.get("/analytics/reports").json() if one["name"] == name))


def run(sales: Rest, name: str, metadata: dict[str, Any] | None = None, **asked: str) -> dict[str, Any]:
    where = url(sales, name)
    if metadata is None:
        reply = sales.get(where, params=asked)
    else:
        reply = sales.post(where, params=asked, json={"reportMetadata": metadata})
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def test_reports_are_listed_with_where_they_are(sales: Rest) -> None:
    listed = sales.get("/analytics/reports").json()
    assert [one["name"] for one in listed] == ["All deals", "By stage", "By stage and month"]
    for one in listed:
        assert list(one) == ["describeUrl", "id", "instancesUrl", "name", "url"]
        assert all(sales.get(one[key]).status_code == 200 for key in ("describeUrl", "instancesUrl", "url"))
    records = sales.query("SELECT Name, FolderName, Format, DeveloperName FROM Report ORDER BY Name").json()["records"]
    assert [(one["Name"], one["FolderName"], one["Format"]) for one in records] == [
        ("All deals", "Public Reports", "Tabular"),
        ("By stage", "Sales", "Summary"),
        ("By stage and month", "Public Reports", "Summary"),
    ]
    assert set(sales.get("/analytics").json()) == {"dashboards", "reportTypes", "reports"}
    assert sales.get("/analytics/dashboards").json() == []


def test_a_tabular_report_is_its_rows(sales: Rest) -> None:
    body = run(sales, "All deals", includeDetails="true")
    assert list(body) == RUN
    assert (body["allData"], body["hasDetailRows"]) == (True, True)
    assert (body["groupingsDown"], body["groupingsAcross"]) == ({"groupings": []}, {"groupings": []})
    (fact,) = body["factMap"].values()
    assert list(body["factMap"]) == ["T!T"]
    assert fact["aggregates"] == [{"label": "4", "value": 4}]
    names = [row["dataCells"][0]["label"] for row in fact["rows"]]
    assert names == ["Blank", "Large", "Middle", "Small"]
    name, owner, amount, stage, day = fact["rows"][1]["dataCells"]
    assert name["value"].startswith("006")
    assert owner == {"label": "Integration User", "value": "005Kd000000000BIAQ"}
    assert amount == {"label": "$1,000.00", "value": {"amount": 1000.0, "currency": None}}
    assert (stage["value"], day) == ("Closed Won", {"label": "2/20/2026", "value": "2026-02-20"})
    assert fact["rows"][0]["dataCells"][2] == {"label": "-", "value": None}
    metadata = body["reportMetadata"]
    assert metadata["detailColumns"] == [
        "Opportunity.Name", "Opportunity.Owner.Name", "Opportunity.Amount", "Opportunity.StageName",
        "Opportunity.CloseDate",
    ]  # fmt: skip
    assert (metadata["reportFormat"], metadata["reportType"]["type"]) == ("TABULAR", "Opportunity")
    columns = body["reportExtendedMetadata"]["detailColumnInfo"]
    assert columns["Opportunity.Amount"] == {"dataType": "currency", "label": "Amount"}
    assert columns["Opportunity.Owner.Name"]["label"] == "Owner: Full Name"


def test_groups_have_totals_and_rows_when_asked(sales: Rest) -> None:
    body = run(sales, "By stage")
    groups = body["groupingsDown"]["groupings"]
    assert [(one["key"], one["label"], one["value"]) for one in groups] == [
        ("0", "Closed Won", "Closed Won"), ("1", "Prospecting", "Prospecting"),
    ]  # fmt: skip
    assert body["reportMetadata"]["aggregates"] == ["s!Opportunity.Amount", "RowCount"]
    facts = body["factMap"]
    assert {key: [one["value"] for one in fact["aggregates"]] for key, fact in facts.items()} == {
        "T!T": [1350.5, 3], "0!T": [1000.0, 1], "1!T": [350.5, 2],
    }  # fmt: skip
    assert facts["1!T"]["aggregates"][0]["label"] == "$350.50"
    assert "rows" not in facts["0!T"]
    assert body["hasDetailRows"] is False
    detailed = run(sales, "By stage", includeDetails="true")["factMap"]
    assert [row["dataCells"][0]["label"] for row in detailed["1!T"]["rows"]] == ["Small", "Middle"]
    assert detailed["T!T"]["rows"] == []


def test_levels_of_groups_count_their_own_totals(sales: Rest) -> None:
    body = run(sales, "By stage and month")
    groups = body["groupingsDown"]["groupings"]
    assert [one["label"] for one in groups] == ["Prospecting", "Closed Won"]
    assert [(one["key"], one["label"]) for one in groups[0]["groupings"]] == [("0_0", "January"), ("0_1", "February")]
    facts = body["factMap"]
    assert set(facts) == {"T!T", "0!T", "1!T", "0_0!T", "0_1!T", "1_0!T", "1_1!T"}
    assert facts["0!T"]["aggregates"][0]["value"] == 250.5
    # March has one deal without an amount.
    assert facts["1_1!T"]["aggregates"] == [{"label": "-", "value": None}, {"label": "1", "value": 1}]
    down = body["reportMetadata"]["groupingsDown"]
    assert [(one["dateGranularity"], one["sortOrder"]) for one in down] == [("None", "Desc"), ("Month", "Asc")]


@pytest.mark.parametrize(
    ("metadata", "names"),
    [
        ({"reportFilters": [{"column": "Opportunity.Amount", "operator": "greaterThan", "value": "200"}]},
         ["Large", "Middle"]),
        ({"reportFilters": [{"column": "StageName", "operator": "equals", "value": "Closed Won,Nope"}]},
         ["Blank", "Large"]),
        ({"reportFilters": [{"column": "Name", "operator": "contains", "value": "a"}]},
         ["Blank", "Large", "Small"]),
        ({"reportFilters": [{"column": "Name", "operator": "contains", "value": "%"}]}, []),
        ({"reportFilters": [{"column": "Name", "operator": "contains", "value": "' OR Name != '"}]}, []),
        ({"reportFilters": [{"column": "Name", "operator": "equals", "value": "x\\"}]}, []),
        ({"reportFilters": [{"column": "Name", "operator": "notContain", "value": "a"}]}, ["Middle"]),
        ({"reportFilters": [{"column": "Amount", "operator": "equals", "value": ""}]}, ["Blank"]),
        ({"reportFilters": [{"column": "CloseDate", "operator": "lessThan", "value": "2/1/2026"}]}, ["Small"]),
        ({"reportFilters": [
            {"column": "Name", "operator": "startsWith", "value": "S"},
            {"column": "Name", "operator": "startsWith", "value": "L"},
        ], "reportBooleanFilter": "1 OR 2"}, ["Large", "Small"]),
        ({"standardDateFilter": {
            "column": "CloseDate", "durationValue": "CUSTOM", "startDate": "2026-02-01", "endDate": "2026-02-28",
        }}, ["Large", "Middle"]),
        ({"sortBy": [{"sortColumn": "Opportunity.Amount", "sortOrder": "Desc"}],
          "topRows": {"rowLimit": 2, "direction": "Desc"}}, ["Large", "Middle"]),
        ({"detailColumns": ["Opportunity.Name"]}, ["Blank", "Large", "Middle", "Small"]),
        ({}, ["Blank", "Large", "Middle", "Small"]),
    ],
)  # fmt: skip
def test_a_run_takes_filters_of_its_own(sales: Rest, metadata: dict[str, Any], names: list[str]) -> None:
    body = run(sales, "All deals", metadata, includeDetails="true")
    rows = body["factMap"]["T!T"]["rows"]
    assert [row["dataCells"][0]["label"] for row in rows] == names
    assert body["factMap"]["T!T"]["aggregates"][0]["value"] == len(names)
    assert body["reportMetadata"]["reportFilters"] == metadata.get("reportFilters", [])
    assert len(run(sales, "All deals")["factMap"]["T!T"]["rows"]) == 4


def test_a_run_takes_groups_and_totals_of_its_own(sales: Rest) -> None:
    metadata = {
        "groupingsDown": [{"name": "Opportunity.CloseDate", "dateGranularity": "Month", "sortOrder": "Desc"}],
        "aggregates": ["a!Opportunity.Amount", "RowCount"],
    }
    body = run(sales, "All deals", metadata)
    assert body["reportMetadata"]["reportFormat"] == "SUMMARY"
    assert [one["label"] for one in body["groupingsDown"]["groupings"]] == ["March", "February", "January"]
    assert body["factMap"]["1!T"]["aggregates"] == [{"label": "$625.25", "value": 625.25}, {"label": "2", "value": 2}]


@pytest.mark.parametrize(
    "metadata",
    [
        {"reportFilters": [{"column": "Nope", "operator": "equals", "value": "1"}]},
        {"reportFilters": [{"column": "Amount", "operator": "like", "value": "1"}]},
        {"reportFilters": [{"column": "Amount", "operator": "equals", "value": "many"}]},
        {"reportFilters": [{"column": "CloseDate", "operator": "equals", "value": "soon"}]},
        {"reportFilters": [{"column": "Amount", "operator": "equals", "value": []}]},
        {"reportFilters": {"column": "Amount"}},
        {"reportFilters": [{"column": "Amount", "operator": "equals", "value": "1"}], "reportBooleanFilter": "1 AND 2"},
        {"reportFilters": [{"column": "Amount", "operator": "equals", "value": "1"}], "reportBooleanFilter": "1; 2"},
        {"reportFilters": [{"column": "Amount", "operator": "equals", "value": "1"}], "reportBooleanFilter": "(1"},
        {
            "reportFilters": [{"column": "Amount", "operator": "equals", "value": "1"}],
            "reportBooleanFilter": "1) OR (1",
        },
        {"standardDateFilter": {"column": "Amount", "durationValue": "TODAY"}},
        {"standardDateFilter": {"column": "CloseDate", "durationValue": "NEVER_EVER"}},
        {"detailColumns": ["Opportunity.Name) FROM User"]},
        {"groupingsDown": [{"name": "CloseDate", "dateGranularity": "Eon"}]},
        {"groupingsDown": [{"name": "StageName"}] * 4},
        {"groupingsAcross": [{"name": "StageName"}]},
        {"aggregates": ["z!Amount"]},
        {"aggregates": ["s!Name"]},
        {"sortBy": [{"sortColumn": "Amount"}, {"sortColumn": "Name"}]},
        {"topRows": {"rowLimit": 0}},
    ],
)
def test_what_a_run_cannot_do_is_refused(sales: Rest, metadata: dict[str, Any]) -> None:
    reply = sales.post(url(sales, "All deals"), json={"reportMetadata": metadata})
    assert reply.status_code == 400, reply.text
    (error,) = reply.json()
    assert error["errorCode"] in ("INVALID_INPUT", "MALFORMED_QUERY", "INVALID_FIELD")
    assert error["message"]


def test_a_report_is_described(sales: Rest) -> None:
    body = sales.get(f"{url(sales, 'By stage')}/describe").json()
    assert list(body) == ["attributes", "reportExtendedMetadata", "reportMetadata", "reportTypeMetadata"]
    assert body["reportMetadata"]["description"] == "What is where"
    (category,) = body["reportTypeMetadata"]["categories"]
    stage = category["columns"]["Opportunity.StageName"]
    assert stage["dataType"] == "picklist"
    assert {"label": "Prospecting", "name": "Prospecting"} in stage["filterValues"]
    operators = body["reportTypeMetadata"]["dataTypeFilterOperatorMap"]
    assert {"label": "greater than", "name": "greaterThan"} in operators["currency"]


def test_a_run_can_be_come_back_to(sales: Rest) -> None:
    where = f"{url(sales, 'By stage')}/instances"
    started = sales.post(where, params={"includeDetails": "true"}).json()
    assert (started["status"], started["completionDate"], started["hasDetailRows"]) == ("New", None, True)
    assert started["id"].startswith("0LG")
    # What comes later is not in it.
    sales.post(
        "/sobjects/Opportunity",
        json={"Name": "Late", "Amount": 1, "StageName": "Closed Won", "CloseDate": "2026-05-01"},
    )
    listed = sales.get(where).json()
    assert [(one["id"], one["status"]) for one in listed] == [(started["id"], "Success")]
    body = sales.get(started["url"]).json()
    assert body["attributes"]["status"] == "Success"
    assert body["attributes"]["type"] == "ReportInstance"
    assert body["factMap"]["T!T"]["aggregates"][1]["value"] == 3
    late = sales.query("SELECT Id FROM Opportunity WHERE Name = 'Late'").json()["records"][0]["Id"]
    sales.delete(f"/sobjects/Opportunity/{late}")
    assert sales.delete(started["url"]).status_code == 204
    assert sales.get(started["url"]).status_code == 404
    assert sales.get(where).json() == []


def test_more_rows_than_a_report_shows_are_not_all_data(server: Any, rest: Rest) -> None:
    control = server.control.for_org(rest.org.id)
    control.seed("Contact", [{"LastName": f"n{number:04}"} for number in range(2001)])
    identifier = control.declare(
        "reports", {"name": "Everybody", "soql": "SELECT LastName FROM Contact ORDER BY LastName"}
    )["id"]
    body = rest.get(f"/analytics/reports/{identifier}?includeDetails=true").json()
    fact = body["factMap"]["T!T"]
    assert (body["allData"], len(fact["rows"]), fact["aggregates"][0]["value"]) == (False, 2000, 2001)
    # One of the same name takes its place; what is removed is gone.
    again = control.declare("reports", {"name": "Everybody", "soql": "SELECT LastName FROM Contact LIMIT 3"})["id"]
    assert again == identifier
    body = rest.get(f"/analytics/reports/{identifier}?includeDetails=true").json()
    assert (body["allData"], body["factMap"]["T!T"]["aggregates"][0]["value"]) == (True, 3)
    assert [one["developerName"] for one in control.declared("reports")] == ["Everybody"]
    control.remove_declared("reports", "Everybody")
    assert rest.get("/analytics/reports").json() == []
    assert rest.get(f"/analytics/reports/{identifier}").status_code == 404


def test_reports_end_at_their_hourly_limit(server: Any) -> None:
    made = server.control.create_org(declared={"reports": REPORTS[:1]}, limits={"HourlySyncReportRuns": 1})
    client = Rest(server.url, made.access_token, made)
    where = client.get("/analytics/reports").json()[0]["url"]
    assert client.get(where).status_code == 200
    reply = client.get(where)
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (403, "FORBIDDEN")
    assert client.get("/limits").json()["HourlySyncReportRuns"] == {"Max": 1, "Remaining": 0}
    server.control.delete_org(made.id)


@pytest.mark.parametrize("identifier", ["00O000000000001AAA", "nothing", "001000000000001AAA"])
@pytest.mark.parametrize("path", ["", "/describe", "/instances", "/instances/0LG000000000001AAA"])
def test_a_report_that_is_not_there(sales: Rest, identifier: str, path: str) -> None:
    reply = sales.get(f"/analytics/reports/{identifier}{path}")
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (404, "NOT_FOUND")


def test_what_reports_may_be_of(sales: Rest) -> None:
    groups = sales.get("/analytics/reportTypes").json()
    kinds = {one["type"]: one for one in groups[0]["reportTypes"]}
    assert "AccountList" in kinds
    body = sales.get(kinds["AccountList"]["describeUrl"]).json()
    assert "Account.Name" in body["reportTypeMetadata"]["categories"][0]["columns"]
    assert sales.get("/analytics/reportTypes/Nope").status_code == 404


@pytest.mark.parametrize(
    ("report", "path", "part", "nearest"),
    [
        ({"name": "x", "soql": "SELECT Nmae FROM Account"}, "reports[0].soql", "Account has no field Nmae", "Name"),
        ({"name": "x", "soql": "SELECT Name FROM Acount"}, "reports[0].soql", "there is no object Acount", "Account"),
        ({"name": "x", "soql": "SELECT FROM"}, "reports[0].soql", "MALFORMED_QUERY", None),
        ({"name": "x", "soql": "SELECT Name FROM Account WHERE Nope = 1"}, "reports[0].soql", "No such column", None),
        ({"name": "x", "soql": "SELECT COUNT() FROM Account"}, "reports[0].soql", "shows fields", None),
        ({"name": "x", "soql": "SELECT Name, COUNT(Id) FROM Account GROUP BY ROLLUP(Name)"}, "reports[0].soql",
         "ROLLUP", None),
        ({"name": "x", "soql": "SELECT Name FROM Account", "details": ["Name"]}, "reports[0].details", "GROUP BY",
         None),
        ({"name": "x"}, "reports[0]", "a report needs soql", None),
        ({"name": "x", "sqol": "y"}, "reports[0].sqol", "a report has no key", "soql"),
    ],
)  # fmt: skip
def test_a_wrong_report_says_where_and_what(
    server: Any, report: dict[str, Any], path: str, part: str, nearest: str | None
) -> None:
    with pytest.raises(ControlError) as refused:
        server.control.create_org(declared={"reports": [report]})
    assert refused.value.path == path
    assert part in refused.value.message
    assert nearest is None or refused.value.nearest == nearest
