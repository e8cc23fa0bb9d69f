"""Groups, functions and the rarer clauses, by their results."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from tests.org.query.conftest import BASE, ROWS, Ask, session


def rows(ask: Ask, soql: str) -> list[dict[str, Any]]:
    found = ask(soql)
    assert all(row.pop("attributes") == {"type": "AggregateResult"} for row in found)
    return found


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT COUNT(Id) FROM Contact", [{"expr0": 5}]),
        ("SELECT COUNT(Score__c), COUNT_DISTINCT(Account.Name) FROM Contact", [{"expr0": 3, "expr1": 2}]),
        ("SELECT SUM(Score__c) total, AVG(Score__c) FROM Contact", [{"total": 27.5, "expr0": 27.5 / 3}]),
        ("SELECT MIN(LastName), MAX(Birthdate) latest FROM Contact", [{"expr0": "100%_sure", "latest": "2026-03-18"}]),
        ("SELECT MAX(Score__c) FROM Contact WHERE LastName = 'nobody'", [{"expr0": None}]),
        (
            "SELECT Account.Name, COUNT(Id) n FROM Contact GROUP BY Account.Name ORDER BY Account.Name NULLS LAST",
            [{"Name": "Acme", "n": 2}, {"Name": "Beta", "n": 2}, {"Name": None, "n": 1}],
        ),
        (
            "SELECT Active__c, SUM(Score__c) FROM Contact GROUP BY Active__c ORDER BY SUM(Score__c) DESC",
            [{"Active__c": False, "expr0": 20.5}, {"Active__c": True, "expr0": 7.0}],
        ),
        (
            "SELECT CALENDAR_YEAR(Birthdate) y, COUNT(Id) FROM Contact WHERE Birthdate != null GROUP BY "
            "CALENDAR_YEAR(Birthdate) HAVING COUNT(Id) > 1",
            [{"y": 2026, "expr0": 3}],
        ),
        (
            "SELECT Account.Name FROM Contact GROUP BY Account.Name HAVING MIN(Score__c) < 0 OR (NOT COUNT(Id) != 1) "
            "ORDER BY Account.Name",
            [{"Name": None}, {"Name": "Beta"}],
        ),
        (
            "SELECT Account.Name, COUNT(Id) FROM Contact GROUP BY Account.Name HAVING Account.Name LIKE 'a%'",
            [{"Name": "Acme", "expr0": 2}],
        ),
        (
            "SELECT Active__c, GROUPING(Active__c) g, COUNT(Id) n FROM Contact GROUP BY ROLLUP(Active__c) "
            "ORDER BY GROUPING(Active__c), Active__c",
            [
                {"Active__c": False, "g": 0, "n": 3},
                {"Active__c": True, "g": 0, "n": 2},
                {"Active__c": None, "g": 1, "n": 5},
            ],
        ),
        (
            "SELECT Active__c a, Account.Name b, COUNT(Id) n FROM Contact WHERE AccountId != null GROUP BY "
            "CUBE(Active__c, Account.Name) ORDER BY Active__c NULLS LAST, Account.Name NULLS LAST",
            [
                {"a": False, "b": "Acme", "n": 1},
                {"a": False, "b": "Beta", "n": 1},
                {"a": False, "b": None, "n": 2},
                {"a": True, "b": "Acme", "n": 1},
                {"a": True, "b": "Beta", "n": 1},
                {"a": True, "b": None, "n": 2},
                {"a": None, "b": "Acme", "n": 2},
                {"a": None, "b": "Beta", "n": 2},
                {"a": None, "b": None, "n": 4},
            ],
        ),
        ("SELECT LastName FROM Contact GROUP BY LastName ORDER BY LastName LIMIT 1 OFFSET 1", [{"LastName": "Adams"}]),
        ("SELECT FORMAT(SUM(Score__c)) s FROM Contact", [{"s": "27.50"}]),
    ],
)
def test_groups(ask: Ask, soql: str, expected: list[dict[str, Any]]) -> None:
    assert rows(ask, soql) == expected


@pytest.mark.parametrize(
    ("call", "value", "found"),
    [
        ("CALENDAR_MONTH(Birthdate)", "2", "Ärmel"),
        ("CALENDAR_QUARTER(Birthdate)", "4", "100%_sure"),
        ("FISCAL_QUARTER(Birthdate)", "4", "100%_sure"),
        ("FISCAL_YEAR(Birthdate)", "2025", "100%_sure"),
        ("FISCAL_MONTH(Birthdate)", "12", "100%_sure"),
        ("CALENDAR_YEAR(Birthdate)", "2025", "100%_sure"),
        ("DAY_IN_MONTH(Birthdate)", "17", "adler"),
        ("DAY_IN_WEEK(Birthdate)", "4", "Adams 100%_sure"),
        ("DAY_IN_YEAR(Birthdate)", "59", "Ärmel"),
        ("DAY_ONLY(Seen__c)", "2026-03-17", "adler"),
        ("DAY_ONLY(Seen__c)", "TODAY", "Adams"),
        ("HOUR_IN_DAY(Seen__c)", "23", "adler"),
        ("WEEK_IN_MONTH(Birthdate)", "4", "Ärmel"),
        ("WEEK_IN_YEAR(Birthdate)", "53", "100%_sure"),
    ],
)
def test_date_functions(ask: Ask, call: str, value: str, found: str) -> None:
    names = [row["LastName"] for row in ask(f"SELECT LastName FROM Contact WHERE {call} = {value}")]
    assert names == found.split()


def test_days_and_hours_are_those_of_the_users_time_zone(org: Org, ask: Ask) -> None:
    who = session(org)
    user = org.directory.default_user
    org.write(who, [Change("update", "User", {"TimeZoneSidKey": "Asia/Tokyo"}, id=user.id)], all_or_none=True)
    try:
        hours = "SELECT LastName FROM Contact WHERE HOUR_IN_DAY(convertTimezone(Seen__c)) = 17"
        assert [row["LastName"] for row in ask(hours)] == ["Adams"]
        # 23:59:59 UTC on the 17th is the 18th in Tokyo, where it is the evening of the 18th now.
        today = "SELECT LastName FROM Contact WHERE Seen__c = TODAY"
        assert [row["LastName"] for row in ask(today)] == ["Adams", "adler"]
        (shown,) = ask("SELECT FORMAT(Seen__c) FROM Contact WHERE Key__c = 'K2'")
        assert shown["Seen__c"] == "3/18/2026, 8:59 AM"
    finally:
        org.write(who, [Change("update", "User", {"TimeZoneSidKey": "GMT"}, id=user.id)], all_or_none=True)


def test_functions_in_records(org: Org, ask: Ask) -> None:
    who = session(org)
    values = {"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2026-03-09", "Amount": 1234.5}
    org.write(who, [Change("create", "Opportunity", values)], all_or_none=True)
    (deal,) = ask(
        "SELECT FORMAT(Amount) amount, toLabel(StageName), FORMAT(CloseDate), convertCurrency(Amount) FROM Opportunity"
    )
    del deal["attributes"]
    assert deal == {"amount": "$1,234.50", "StageName": "Prospecting", "CloseDate": "3/9/2026", "Amount": 1234.5}


def test_distance(org: Org, ask: Ask) -> None:
    who = session(org)
    places = {"Berlin": (52.52, 13.405), "Paris": (48.8566, 2.3522), "Nowhere": (None, None)}
    rows = [
        Change("create", "Lead", {"LastName": name, "Company": "x", "Latitude": lat, "Longitude": lon})
        for name, (lat, lon) in places.items()
    ]
    org.write(who, rows, all_or_none=True)
    near = "DISTANCE(Address, GEOLOCATION(52.0, 13.0), 'km')"
    assert [r["LastName"] for r in ask(f"SELECT LastName FROM Lead WHERE {near} < 100")] == ["Berlin"]
    ordered = ask(f"SELECT LastName FROM Lead WHERE Latitude != null ORDER BY {near} DESC")
    assert [row["LastName"] for row in ordered] == ["Paris", "Berlin"]
    paris_to_berlin = "DISTANCE(Address, GEOLOCATION(48.8566, 2.3522), 'mi')"
    assert [r["LastName"] for r in ask(f"SELECT LastName FROM Lead WHERE {paris_to_berlin} > 540")] == ["Berlin"]
    assert not ask(f"SELECT LastName FROM Lead WHERE {paris_to_berlin} > 550")


def test_typeof_gives_fields_by_object(org: Org, ask: Ask) -> None:
    who = session(org)
    (contact,) = ask("SELECT Id FROM Contact WHERE Key__c = 'K1'")
    (account,) = ask("SELECT Id FROM Account WHERE Name = 'Beta'")
    for subject, what in (("a", account["Id"]), ("b", None)):
        values = {"Subject": f"typeof {subject}", "WhoId": contact["Id"], "WhatId": what}
        org.write(who, [Change("create", "Task", values)], all_or_none=True)
    first, second = ask(
        "SELECT Subject, TYPEOF What WHEN Account THEN Name, Parent.Name WHEN Opportunity THEN Amount END, "
        "TYPEOF Who WHEN Lead THEN Company ELSE Name, Type END FROM Task WHERE Subject LIKE 'typeof%' ORDER BY Subject"
    )
    assert first["What"]["attributes"] == {"type": "Account", "url": f"{BASE}/Account/{account['Id']}"}
    assert (first["What"]["Name"], first["What"]["Parent"]) == ("Beta", None)
    assert (first["Who"]["Name"], first["Who"]["Type"]) == ("Ann Adams", "Contact")
    assert second["What"] is None


def test_children_of_children(ask: Ask, org: Org) -> None:
    who = session(org)
    (contact,) = ask("SELECT Id FROM Contact WHERE Key__c = 'K1'")
    org.write(who, [Change("create", "Case", {"ContactId": contact["Id"], "Subject": "Help"})], all_or_none=True)
    (acme,) = ask(
        "SELECT Name, (SELECT LastName, (SELECT Subject FROM Cases) FROM Contacts ORDER BY LastName) FROM Account "
        "WHERE Name = 'Acme'"
    )
    adams, adler = acme["Contacts"]["records"]
    assert [case["Subject"] for case in adams["Cases"]["records"]] == ["Help"]
    assert adler["Cases"] is None


def test_scopes_and_the_other_clauses(org: Org, ask: Ask) -> None:
    assert len(ask("SELECT Id FROM Contact USING SCOPE everything")) == 5
    assert len(ask("SELECT Id FROM Contact USING SCOPE mine")) == 5
    assert not org.queries.run(
        "SELECT Id FROM Contact USING SCOPE mine", user_id="005000000000000AAA", base=BASE
    ).records
    for clause in ("FOR UPDATE", "FOR VIEW UPDATE TRACKING", "FOR REFERENCE", "ALL ROWS", "LIMIT 9 FOR VIEW"):
        assert len(ask(f"SELECT Id FROM Contact WITH USER_MODE {clause}")) == 5


@pytest.mark.parametrize(
    ("soql", "code", "text"),
    [
        ("SELECT Name, COUNT(Id) FROM Contact", "MALFORMED_QUERY", "Field must be grouped or aggregated: Name"),
        (
            "SELECT LastName, COUNT(LastName) FROM Contact GROUP BY LastName",
            "MALFORMED_QUERY",
            "Row:1:Column:18\nGrouped field should not be aggregated: LastName",
        ),
        (
            "SELECT COUNT(Id) FROM Contact GROUP BY CreatedDate",
            "MALFORMED_QUERY",
            "field 'CreatedDate' can not be grouped in a query call",
        ),
        ("SELECT COUNT(Id) n, SUM(Score__c) N FROM Contact", "MALFORMED_QUERY", "duplicate alias: N"),
        ("SELECT LastName who FROM Contact", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT COUNT(Id) FROM Contact LIMIT 1", "MALFORMED_QUERY", "cannot also use LIMIT"),
        ("SELECT SUM(LastName) FROM Contact", "MALFORMED_QUERY", "does not support aggregate operator SUM"),
        ("SELECT MAX(Notes__c) FROM Contact", "MALFORMED_QUERY", "does not support aggregate operator MAX"),
        ("SELECT COUNT(Active__c) FROM Contact", "MALFORMED_QUERY", "does not support aggregate operator COUNT"),
        ("SELECT Id FROM Contact WHERE COUNT(Id) > 1", "MALFORMED_QUERY", "unexpected token: '('"),
        ("SELECT COUNT(Id) FROM Contact HAVING COUNT(Id) > 1", "MALFORMED_QUERY", "HAVING needs a GROUP BY"),
        (
            "SELECT Id FROM Contact GROUP BY Id HAVING LastName = 'x'",
            "MALFORMED_QUERY",
            "Field must be grouped or aggregated: LastName",
        ),
        ("SELECT (SELECT Id FROM Contacts), COUNT(Id) FROM Account", "MALFORMED_QUERY", "unexpected token: 'SELECT'"),
        ("SELECT NOPE(Id) FROM Contact", "MALFORMED_QUERY", "unexpected token: '('"),
        ("SELECT HOUR_IN_DAY(Birthdate) FROM Contact GROUP BY HOUR_IN_DAY(Birthdate)", "MALFORMED_QUERY", "support function HOUR_IN_DAY"),
        ("SELECT Id FROM Contact WHERE DISTANCE(Email, GEOLOCATION(1,1), 'mi') < 2", "MALFORMED_QUERY", "not supported in DISTANCE"),
        ("SELECT Id FROM Contact WHERE DISTANCE(MailingAddress, GEOLOCATION(91,1), 'mi') < 2", "MALFORMED_QUERY", "GEOLOCATION(latitude"),
        ("SELECT Id FROM Contact WHERE DISTANCE(MailingAddress, GEOLOCATION(1,1), 'mi') = 2", "MALFORMED_QUERY", "by < and >"),
        ("SELECT TYPEOF Nope WHEN Account THEN Id END FROM Task", "INVALID_FIELD", "relationship 'Nope'"),
        ("SELECT TYPEOF Who WHEN Account THEN Id END FROM Task", "INVALID_TYPE", "'Account' is not supported"),
        ("SELECT Id FROM Contact USING SCOPE nope", "MALFORMED_QUERY", "not a scope of Contact"),
        ("SELECT COUNT(Id) FROM Contact GROUP BY CUBE(LastName, FirstName, Email, Key__c)", "MALFORMED_QUERY", "at most 3"),
    ],
)  # fmt: skip
def test_mistakes(ask: Ask, soql: str, code: str, text: str) -> None:
    with pytest.raises(ApiError) as error:
        ask(soql)
    assert (error.value.code, text in error.value.message) == (code, True), error.value.message


def test_more_than_2000_groups_are_refused(org: Org) -> None:
    own = Org(1, clock="virtual")
    own.directory.seed()
    who = session(own)
    for start in range(0, 2200, 200):
        own.write(
            who, [Change("create", "Lead", {"LastName": f"L{start + n}", "Company": "c"}) for n in range(200)], all_or_none=True
        )  # fmt: skip
    with pytest.raises(ApiError, match="does not support queryMore") as error:
        own.query(who, "SELECT LastName FROM Lead GROUP BY LastName", base=BASE)
    assert error.value.code == "EXCEEDED_ID_LIMIT"
    assert len(own.query(who, "SELECT LastName FROM Lead GROUP BY LastName LIMIT 2000", base=BASE).records) == 2000


KEYS = ["Active__c", "Account.Name", "CALENDAR_YEAR(Birthdate)"]
ACCOUNTS = ["Acme", "Beta"]


def key_of(row: dict[str, Any], key: str) -> Any:
    if key == "Active__c":
        return row.get(key, False)
    if key == "Account.Name":
        return ACCOUNTS[row["account"]] if "account" in row else None
    return int(row["Birthdate"][:4]) if "Birthdate" in row else None


@settings(max_examples=150)
@given(
    st.lists(st.sampled_from(KEYS), min_size=1, max_size=3, unique=True), st.sampled_from(["none", "rollup", "cube"])
)
def test_groups_agree_with_a_naive_evaluator(org: Org, keys: list[str], totals: str) -> None:
    from itertools import combinations

    who = session(org)
    by = ", ".join(keys) if totals == "none" else f"{totals.upper()}({', '.join(keys)})"
    names = ", ".join(f"{key} k{place}" for place, key in enumerate(keys))
    answer = org.query(
        who, f"SELECT {names}, COUNT(Id) n, SUM(Score__c) s FROM Contact GROUP BY {by}", base=BASE
    ).records
    got = sorted(repr([row[f"k{place}"] for place in range(len(keys))] + [row["n"], row["s"]]) for row in answer)
    every = tuple(range(len(keys)))
    kept_sets = {
        "none": [every],
        "rollup": [every[:count] for count in range(len(keys) + 1)],
        "cube": [kept for count in range(len(keys) + 1) for kept in combinations(every, count)],
    }[totals]
    wanted = []
    for kept in kept_sets:

        def group(row: dict[str, Any], kept: tuple[int, ...] = kept) -> list[Any]:
            return [key_of(row, key) if place in kept else None for place, key in enumerate(keys)]

        for values, members in groupby(sorted(ROWS, key=lambda row: repr(group(row))), key=group):
            listed = list(members)
            scores = [row["Score__c"] for row in listed if "Score__c" in row]
            wanted.append(repr([*values, len(listed), float(sum(scores)) if scores else None]))
    assert got == sorted(wanted)
