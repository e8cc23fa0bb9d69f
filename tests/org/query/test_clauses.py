"""The rarer clauses, restrictions and messages of SOQL, each by its result."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.query.dates import span
from mock_server.org.records.changes import Change, LockHeld
from tests.org.query.conftest import BASE, Ask, session
from tests.org.query.test_soql import found


@pytest.mark.parametrize(
    ("soql", "expected"),
    [
        ("SELECT LastName FROM Contact c, c.Account a WHERE a.Name = 'acme' ORDER BY LastName", "Adams adler"),
        ("SELECT LastName FROM Contact AS c, c.Account a, a.Parent p WHERE p.Name = 'Umbrella'", "Adams adler"),
        ("SELECT c.LastName FROM Contact c, Contact.Account acc WHERE acc.Name = 'Beta' LIMIT 1", "Ärmel"),
        ("SELECT LastName FROM Contact WITH SECURITY_ENFORCED LIMIT 1", "Adams"),
        ("SELECT LastName FROM Contact WITH USER_MODE LIMIT 1", "Adams"),
        ("SELECT LastName FROM Contact WITH SYSTEM_MODE LIMIT 1 FOR REFERENCE UPDATE TRACKING, VIEWSTAT", "Adams"),
        ("SELECT /* which ' ( */ LastName FROM Contact /**/ LIMIT 1 /* end */", "Adams"),
        ("SELECT LastName FROM Contact ORDER BY LastName", "100%_sure Adams adler Ärmel Zoë\\back"),
        ("SELECT LastName FROM Contact ORDER BY LastName DESC", "Zoë\\back Ärmel adler Adams 100%_sure"),
        ("SELECT LastName FROM Contact WHERE LastName > 'AM' ORDER BY LastName", "Ärmel Zoë\\back"),
        ("SELECT LastName FROM Contact WHERE LastName < 'b' AND LastName >= 'adams' ORDER BY LastName", "Adams adler Ärmel"),
        ("SELECT LastName FROM Contact WHERE LastName = '\\u00c4rmel'", "Ärmel"),
        ("SELECT LastName FROM Contact WHERE LastName LIKE '\\u00E4%'", "Ärmel"),
        ("SELECT LastName FROM Contact WHERE LastName LIKE '100\\%\\_s%'", "100%_sure"),
        ("SELECT LastName FROM Contact WHERE Score__c > USD10", "adler"),
        ("SELECT LastName FROM Contact WHERE Id > '003000000000000AAA' ORDER BY Id LIMIT 1", "Adams"),
        ("SELECT LastName FROM Contact WHERE toLabel(Tags__c) INCLUDES ('green')", "adler"),
        ("SELECT LastName FROM Contact USING SCOPE mine WHERE Active__c = true", "Adams Ärmel"),
        (
            "SELECT LastName FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Name = 'Beta') AND AccountId NOT "
            "IN (SELECT ParentId FROM Account) AND Key__c != null",
            "Ärmel",
        ),
    ],
)  # fmt: skip
def test_clauses(ask: Ask, soql: str, expected: str) -> None:
    assert [row["LastName"] for row in ask(soql)] == expected.split()


@pytest.mark.parametrize("name", ["Order", "Group"])
def test_words_of_the_grammar_may_name_objects_and_fields(ask: Ask, name: str) -> None:
    assert ask(f"SELECT Id FROM {name} WHERE {name}.CreatedDate = TODAY ORDER BY {name}.Id LIMIT 1") == []
    assert ask("SELECT Type, Status, EndDate, Order.Name FROM OrderItem LIMIT 1".replace("Type, Status, ", "")) == []
    (row,) = ask("SELECT COUNT(Id) view, MIN(LastName) scope, MAX(Id) rows FROM Contact")
    assert (row["view"], row["scope"]) == (5, "100%_sure")


def test_a_distance_without_a_name_is_an_expression(ask: Ask) -> None:
    there = "DISTANCE(MailingAddress, GEOLOCATION(1, 2), 'mi')"
    (row,) = ask(f"SELECT LastName, {there}, {there} far FROM Contact LIMIT 1")
    assert list(row) == ["attributes", "LastName", "expr0", "far"]


def test_a_date_function_of_a_grouped_date_is_grouped(ask: Ask) -> None:
    rows = ask("SELECT CALENDAR_YEAR(Birthdate) y FROM Contact GROUP BY Birthdate ORDER BY Birthdate")
    assert [row["y"] for row in rows] == [None, 2025, 2026, 2026, 2026]


def test_a_picklist_sorts_by_the_order_of_its_values(org: Org, ask: Ask) -> None:
    stages = ["Closed Won", "Prospecting", "Qualification", "No such stage", "Closed Lost"]
    rows = [
        Change("create", "Opportunity", {"Name": stage, "StageName": stage, "CloseDate": "2026-01-01"})
        for stage in stages
    ]
    org.write(session(org), rows, all_or_none=True)
    expected = ["Prospecting", "Qualification", "Closed Won", "Closed Lost", "No such stage"]
    assert [row["StageName"] for row in ask("SELECT StageName FROM Opportunity ORDER BY StageName")] == expected
    assert [
        row["StageName"] for row in ask("SELECT StageName FROM Opportunity ORDER BY StageName DESC LIMIT 1")
    ] == expected[-1:]
    grouped = ask("SELECT StageName s FROM Opportunity GROUP BY StageName ORDER BY StageName")
    assert [row["s"] for row in grouped] == expected
    (row,) = ask("SELECT MIN(StageName) a, MAX(StageName) z FROM Opportunity WHERE Name != 'No such stage'")
    assert (row["a"], row["z"]) == ("Prospecting", "Closed Lost")


def test_accents_and_scripts_compare_the_same_way_whatever_is_asked() -> None:
    org = Org(1, clock="virtual")
    org.directory.seed()
    who = session(org)
    texts = ["Straße", "STRASSE", "a\u0301b", "ÁB", "ac", "ΟΔΟΣ", "日本", "zz"]
    org.write(who, [Change("create", "Contact", {"LastName": text}) for text in texts], all_or_none=True)

    def ask(rest: str) -> list[str]:
        return [row["LastName"] for row in org.query(who, f"SELECT LastName FROM Contact {rest}", base=BASE).records]

    assert ask("WHERE LastName = 'strasse'") == ask("WHERE LastName LIKE 'strasse'") == ["STRASSE"]
    assert ask("WHERE LastName = 'STRAßE'") == ask("WHERE LastName IN ('straße', 'x')") == ["Straße"]
    assert len(ask("WHERE LastName = 'áB'")) == 2
    assert ask("WHERE LastName = 'οδος'") == ask("WHERE LastName LIKE 'οδοσ'") == ["ΟΔΟΣ"]
    assert ask("WHERE LastName LIKE '日_'") == ["日本"]
    order = ask("ORDER BY LastName")
    assert [len(order), *order[2:6]] == [8, "ac", "STRASSE", "Straße", "zz"]


def test_text_is_least_and_greatest_in_sorted_order(ask: Ask) -> None:
    (row,) = ask("SELECT MIN(LastName) a, MAX(LastName) z, MAX(FirstName) f FROM Contact")
    assert (row["a"], row["z"], row["f"]) == ("100%_sure", "Zoë\\back", "O'Hara")
    (row,) = ask("SELECT MAX(LastName) z FROM Contact WHERE LastName LIKE 'a%' OR LastName LIKE 'ä%'")
    assert row["z"] == "Ärmel"


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("SELECT COUNT(Id) limit FROM Contact", "MALFORMED_QUERY", "unexpected token: 'limit'"),
        ("SELECT Id FROM Contact Last", "MALFORMED_QUERY", "unexpected token: 'Last'"),
        ("SELECT Id FROM Contact, Account", "INVALID_TYPE", "sObject type 'Account' is not supported."),
        ("SELECT Id FROM Contact c, x.Account a", "INVALID_TYPE", "sObject type 'x.Account' is not supported."),
        ("SELECT Id FROM Contact c, c.Nope a", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        ("SELECT a.Nope FROM Contact c, c.Account a", "INVALID_FIELD", "No such column 'Nope' on entity 'Account'"),
        ("/* first */ SELECT Id FROM Contact", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
        ("SELECT Id FROM Contact -- why", "MALFORMED_QUERY", "no viable alternative at character '-'"),
        (
            "SELECT Id FROM Contact WHERE (Name = 'x'",
            "MALFORMED_QUERY",
            "expecting a right parentheses, found '<EOF>'",
        ),
        ("SELECT Id FROM Contact LIMIT 1 ORDER BY Id", "MALFORMED_QUERY", "unexpected token: 'ORDER'"),
        ("SELECT FROM Contact", "MALFORMED_QUERY", "Row:1:Column:7\nunexpected token: 'FROM'"),
        ("SELECT Id, FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id FROM Contact WHERE AND Name = 'x'", "MALFORMED_QUERY", "unexpected token: 'AND'"),
        ("SELECT * FROM Contact", "MALFORMED_QUERY", "no viable alternative at character '*'"),
        ("SELECT DISTINCT Name FROM Contact", "MALFORMED_QUERY", "only aggregate expressions use field aliasing"),
        ("SELECT COUNT() FROM Contact GROUP BY LastName", "MALFORMED_QUERY", "COUNT() has no place in a grouped query"),
        ("SELECT CALENDAR_YEAR(CreatedDate) FROM Contact", "MALFORMED_QUERY", "must be grouped or aggregated: CALENDAR_YEAR"),
        (
            "SELECT Id FROM Contact WHERE CreatedDate > 2020-01-01T00:00:00",
            "MALFORMED_QUERY",
            "unexpected token: '2020-01-01T00:00:00'",
        ),
        ("SELECT Id FROM Contact WHERE (Name = 'x' LIMIT 1", "MALFORMED_QUERY", "parentheses, found 'LIMIT'"),
        ("SELECT Id FROM Contact WHERE Name = 'x", "MALFORMED_QUERY", "mismatched character '<EOF>' expecting '''"),
        ("SELECT Id FROM Contact WHERE Name = :name", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM Contact WHERE Name IN :names", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM Contact WHERE Id LIKE '003%'", "INVALID_FIELD", "invalid operator on id field"),
        ("SELECT Id FROM Contact WHERE Active__c > false", "INVALID_FIELD", "invalid operator on boolean field"),
        ("SELECT Id FROM Contact WHERE Score__c LIKE '1%'", "INVALID_FIELD", "invalid operator on double field"),
        ("SELECT Id FROM Contact WHERE Birthdate = 2026-01-01T00:00:00Z", "INVALID_FIELD", "must be of type date"),
        ("SELECT Id FROM Contact WHERE Birthdate = 2026-02-30", "MALFORMED_QUERY", "Invalid date: 2026-02-30"),
        ("SELECT Id FROM Contact WHERE LastName = TODAY", "MALFORMED_QUERY", "unexpected token: 'TODAY'"),
        ("SELECT Id FROM Contact WHERE LastName INCLUDES ('x')", "INVALID_FIELD", "only valid on multipicklist field"),
        (
            "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account) OR LastName = 'x'",
            "MALFORMED_QUERY",
            "Semi join sub-selects are not allowed with the 'OR' operator",
        ),
        (
            "SELECT Id FROM Contact WHERE LastName = 'x' AND (Email = 'x' OR AccountId IN (SELECT Id FROM Account))",
            "MALFORMED_QUERY",
            "Semi join sub-selects are only allowed at the top level WHERE expressions and not in nested WHERE expressions.",
        ),
        (
            "SELECT Id FROM Contact WHERE NOT AccountId IN (SELECT Id FROM Account)",
            "MALFORMED_QUERY",
            "only allowed at the top level WHERE expressions",
        ),
        (
            "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Case))",
            "MALFORMED_QUERY",
            "Nesting of semi join sub-selects is not supported",
        ),
        (
            "SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account) AND Id IN (SELECT ContactId FROM Case) "
            "AND Id NOT IN (SELECT ContactId FROM Case)",
            "MALFORMED_QUERY",
            "Maximum 2 semi join sub-selects are allowed.",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT ParentId FROM Account)",
            "MALFORMED_QUERY",
            "The inner and outer selects should not be on the same object type",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT WhatId FROM Task)",
            "MALFORMED_QUERY",
            "Entity 'Task' is not supported for semi join inner selects",
        ),
        ("SELECT Id FROM Account WHERE Id IN (SELECT Id, AccountId FROM Contact)", "MALFORMED_QUERY", "exactly one field"),
        ("SELECT Id FROM Account WHERE Name IN (SELECT AccountId FROM Contact)", "INVALID_FIELD", "should be an id field"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT LastName FROM Contact)", "INVALID_FIELD", "must be an id"),
        ("SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT 1)", "MALFORMED_QUERY", "unexpected token: 'LIMIT'"),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Order WHERE Name = ' LIMIT 1' ORDER BY Id)",
            "MALFORMED_QUERY",
            "unexpected token: 'ORDER'",
        ),
        (
            "SELECT Id FROM Account WHERE Id IN (SELECT AccountId FROM Contact LIMIT /* one */ 1)",
            "MALFORMED_QUERY",
            "unexpected token: 'SELECT'",
        ),
        ("SELECT Id FROM Contact WITH DATA CATEGORY Geo__c AT Asia__c", "MALFORMED_QUERY", "does not apply to Contact"),
        ("SELECT (SELECT Id FROM Contacts OFFSET 1) FROM Account", "MALFORMED_QUERY", "OFFSET"),
        ("SELECT (SELECT Id FROM Contacts OFFSET 2001) FROM Account LIMIT 1", "NUMBER_OUTSIDE_VALID_RANGE", "2000"),
        ("SELECT " + ", ".join(["(SELECT Id FROM Contacts)"] * 2) + " FROM Account", "INVALID_FIELD", "duplicate field"),
        ("SELECT Id, FIELDS(STANDARD) FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT FIELDS(CUSTOM) FROM Contact LIMIT 201", "MALFORMED_QUERY", "must have a LIMIT of at most 200"),
        ("SELECT FIELDS(SOME) FROM Contact LIMIT 1", "MALFORMED_QUERY", "unexpected token: '('"),
        ("SELECT (SELECT FIELDS(ALL) FROM Contacts) FROM Account LIMIT 1", "MALFORMED_QUERY", "LIMIT of at most 200"),
        (
            "SELECT Id FROM FieldDefinition",
            "MALFORMED_QUERY",
            "FieldDefinition: a filter on a reified column is required [EntityDefinitionId,DurableId]",
        ),
        (
            "SELECT Id FROM ContentDocumentLink WHERE ShareType = 'V' OR LinkedEntityId = '001000000000000AAA'",
            "MALFORMED_QUERY",
            "ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId",
        ),
        ("SELECT Id FROM OutgoingEmail", "EXTERNAL_OBJECT_UNSUPPORTED_EXCEPTION", "not supported on the OutgoingEmail"),
    ],
)  # fmt: skip
def test_restrictions_and_their_texts(ask: Ask, soql: str, code: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        ask(soql)
    assert error.value.code == code
    assert message in error.value.message


def test_restricted_objects_answer_with_the_filters_they_ask_for(ask: Ask) -> None:
    account = "'001000000000000AAA'"
    assert ask(f"SELECT Id FROM ContentDocumentLink WHERE LinkedEntityId = {account} AND ShareType = 'V'") == []
    assert ask(f"SELECT Id FROM ContentDocumentLink l WHERE l.ContentDocumentId IN ({account})") == []
    assert (
        ask("SELECT Name, (SELECT Id FROM ContentDocumentLinks) FROM Account LIMIT 1")[0]["ContentDocumentLinks"]
        is None
    )


def test_a_query_follows_55_relationships(ask: Ask) -> None:
    paths = [f"{one}.{two}.{three}" for one in ("Owner", "CreatedBy", "LastModifiedBy", "Account.Owner", "ReportsTo.Owner")
             for two in ("CreatedBy", "LastModifiedBy", "Manager") for three in ("CreatedBy.Id", "LastModifiedBy.Id", "Manager.Id")]  # fmt: skip
    assert len(ask(f"SELECT {', '.join(paths[:20])} FROM Contact")) == 5
    with pytest.raises(ApiError, match="at most 55"):
        ask(f"SELECT {', '.join(paths)} FROM Contact")


def test_a_condition_that_lacks_twenty_subqueries(ask: Ask, org: Org) -> None:
    account = org.schema.get("Account")
    assert account is not None
    names = [
        one.name
        for one in account.children
        if one.name and (child := org.schema.get(one.child)) and child.is_("queryable")
    ]
    subqueries = [f"(SELECT Id FROM {name})" for name in names]
    assert len(subqueries) > 20
    assert len(ask(f"SELECT {', '.join(subqueries[:20])} FROM Account")) == 3
    with pytest.raises(ApiError, match="at most 20 subqueries"):
        ask(f"SELECT {', '.join(subqueries[:21])} FROM Account")


# -- fiscal years


@pytest.fixture
def fiscal(org: Org) -> Any:
    """Let the fiscal year begin in a month, bearing the number of the year in which it ends or begins."""
    sql = 'UPDATE "Organization" SET "FiscalYearStartMonth" = ?, "UsesStartDateAsFiscalYearName" = ?'
    yield lambda month, by_start: org.store.connection.execute(sql, (month, int(by_start)))
    org.store.connection.execute(sql, (1, 1))


# It is the 18th of March 2026. Birthdays: 2026-03-18 Adams, 2026-03-17 adler, 2026-02-28 Ärmel, 2025-12-31 100%_sure.
@pytest.mark.parametrize(
    ("month", "by_start", "where", "expected"),
    [
        (3, True, "Birthdate = THIS_FISCAL_YEAR", "Adams adler"),
        (3, True, "Birthdate = LAST_FISCAL_YEAR", "Ärmel 100%_sure"),
        (3, True, "Birthdate = THIS_FISCAL_QUARTER", "Adams adler"),
        (3, True, "Birthdate = N_FISCAL_QUARTERS_AGO:1", "Ärmel 100%_sure"),
        (2, True, "Birthdate = THIS_FISCAL_QUARTER", "Adams adler Ärmel"),
        (10, True, "Birthdate = THIS_FISCAL_YEAR", "Adams adler Ärmel 100%_sure"),
        (1, True, "Birthdate = THIS_FISCAL_YEAR", "Adams adler Ärmel"),
        (3, True, "FISCAL_YEAR(Birthdate) = 2025", "Ärmel 100%_sure"),
        (3, False, "FISCAL_YEAR(Birthdate) = 2026", "Ärmel 100%_sure"),
        (3, False, "FISCAL_YEAR(Birthdate) = 2027", "Adams adler"),
        (1, False, "FISCAL_YEAR(Birthdate) = 2026", "Adams adler Ärmel"),
        (3, True, "FISCAL_MONTH(Birthdate) = 1", "Adams adler"),
        (3, True, "FISCAL_MONTH(Birthdate) = 12", "Ärmel"),
        (3, True, "FISCAL_QUARTER(Birthdate) = 4", "Ärmel 100%_sure"),
        (10, True, "CALENDAR_YEAR(Birthdate) = 2025", "100%_sure"),
    ],
)
def test_fiscal_years_are_those_of_the_organization(
    ask: Ask, fiscal: Any, month: int, by_start: bool, where: str, expected: str
) -> None:
    fiscal(month, by_start)
    assert found(ask, where) == expected.split()


def test_groups_by_fiscal_year(ask: Ask, fiscal: Any) -> None:
    fiscal(3, False)
    rows = ask(
        "SELECT FISCAL_YEAR(Birthdate) y, COUNT(Id) n FROM Contact GROUP BY FISCAL_YEAR(Birthdate) ORDER BY FISCAL_YEAR(Birthdate)"
    )
    assert [(row["y"], row["n"]) for row in rows] == [(None, 1), (2026, 2), (2027, 2)]


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("THIS_FISCAL_YEAR", "2025-07-01", "2026-07-01"),
        ("NEXT_FISCAL_YEAR", "2026-07-01", "2027-07-01"),
        ("LAST_N_FISCAL_YEARS:2", "2023-07-01", "2025-07-01"),
        ("N_FISCAL_YEARS_AGO:1", "2024-07-01", "2025-07-01"),
        ("NEXT_FISCAL_QUARTER", "2026-04-01", "2026-07-01"),
        ("LAST_N_FISCAL_QUARTERS:2", "2025-07-01", "2026-01-01"),
        ("THIS_YEAR", "2026-01-01", "2027-01-01"),
    ],
)
def test_fiscal_literals_of_a_year_that_begins_in_july(word: str, first: str, after: str) -> None:
    from datetime import date

    assert span(word, date(2026, 3, 18), 7) == (date.fromisoformat(first), date.fromisoformat(after))


# -- what records are read for


def test_reading_for_view_and_reference_is_noted_and_changes_nothing_else(org: Org) -> None:
    who = session(org)
    (result,) = org.write(who, [Change("create", "Contact", {"LastName": "Seen"})], all_or_none=True)
    where = f"WHERE Id = '{result.id}'"
    fields = "LastViewedDate, LastReferencedDate, LastModifiedDate, SystemModstamp"

    def read() -> dict[str, Any]:
        return org.query(who, f"SELECT {fields} FROM Contact {where}", base=BASE).records[0]

    before = read()
    commits = org.log.last
    assert before["LastViewedDate"] is None
    org.query(who, f"SELECT Id FROM Contact {where} FOR REFERENCE", base=BASE)
    assert read()["LastReferencedDate"] is not None
    assert read()["LastViewedDate"] is None
    org.query(who, f"SELECT Id FROM Contact {where} FOR VIEW", base=BASE)
    after = read()
    assert after["LastViewedDate"] is not None
    assert (after["LastModifiedDate"], after["SystemModstamp"]) == (
        before["LastModifiedDate"],
        before["SystemModstamp"],
    )
    assert org.log.last == commits
    (recent,) = org.query(who, f"SELECT Name, Type, LastViewedDate FROM RecentlyViewed {where}", base=BASE).records
    assert (recent["Name"], recent["Type"], recent["LastViewedDate"]) == ("Seen", "Contact", after["LastViewedDate"])
    org.write(who, [Change("delete", "Contact", id=result.id)], all_or_none=True)


def test_for_update_takes_row_locks_and_waits_for_them() -> None:
    org = Org(1, clock="virtual")
    org.directory.seed()
    who = session(org)
    (result,) = org.write(who, [Change("create", "Contact", {"LastName": "Locked"})], all_or_none=True)
    soql = f"SELECT Id FROM Contact WHERE Id = '{result.id}' FOR UPDATE"
    org.transaction_time = 8.0
    assert org.query(who, soql, base=BASE).total == 1
    with pytest.raises(LockHeld):
        org.write(who, [Change("update", "Contact", {"LastName": "Later"}, id=result.id)], all_or_none=True)
    with pytest.raises(ApiError, match="unable to obtain exclusive access to this record"):
        org.query(who, soql, base=BASE)

    async def both() -> tuple[int, str]:
        waiting = asyncio.ensure_future(org.query_aside(who, soql, base=BASE))
        await asyncio.sleep(0)
        assert not waiting.done()
        org.clock.advance(8.1)
        page = await waiting
        org.locks.hold([str(result.id)], 60)
        waiting = asyncio.ensure_future(org.query_aside(who, soql, base=BASE))
        await asyncio.sleep(0)
        org.clock.advance(10.1)
        with pytest.raises(ApiError) as error:
            await waiting
        return page.total, error.value.message

    total, message = asyncio.run(both())
    assert total == 1
    assert message == f"unable to obtain exclusive access to this record or 1 records: {result.id}"
