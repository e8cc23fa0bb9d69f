"""SOQL by its results: every clause with rows, every mistake with its text."""

from __future__ import annotations

import random
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.org.errors import ApiError
from mock_server.org.org import Org
from mock_server.org.query import restricted
from mock_server.org.query.context import block
from mock_server.org.query.dates import span
from mock_server.org.schema import Schema
from tests.org.query.conftest import BASE, Ask, session

NAMES = ["Adams", "adler", "Ärmel", "100%_sure", "Zoë\\back"]


def found(ask: Ask, where: str) -> list[str]:
    return [row["LastName"] for row in ask(f"SELECT LastName FROM Contact WHERE {where}")]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("LastName = 'ADAMS'", "Adams"),
        ("LastName = 'äRMEL'", "Ärmel"),
        ("LastName != 'adams'", "adler Ärmel 100%_sure Zoë\\back"),
        ("FirstName != 'Ann'", "adler Ärmel 100%_sure Zoë\\back"),
        ("LastName <> 'adams' AND FirstName <> null", "adler 100%_sure"),
        ("FirstName = null", "Ärmel Zoë\\back"),
        ("FirstName = ''", "Ärmel Zoë\\back"),
        ("FirstName = 'O\\'Hara'", "100%_sure"),
        ("LastName LIKE 'ad%'", "Adams adler"),
        ("LastName LIKE 'ÄR_EL'", "Ärmel"),
        ("LastName LIKE '%\\%\\_%'", "100%_sure"),
        ("LastName LIKE '%\\\\%'", "Zoë\\back"),
        ("NOT LastName LIKE 'a%'", "Ärmel 100%_sure Zoë\\back"),
        ("NOT FirstName LIKE 'A%'", "adler Ärmel 100%_sure Zoë\\back"),
        ("LastName IN ('ADAMS', 'Ärmel', 'nobody')", "Adams Ärmel"),
        ("FirstName NOT IN ('Ann')", "adler Ärmel 100%_sure Zoë\\back"),
        ("FirstName IN ('bob', null)", "adler Ärmel Zoë\\back"),
        ("Key__c = 'K4'", "100%_sure"),
        ("Key__c IN ('k1', 'K4')", "Adams 100%_sure"),
        ("Score__c > 10", "adler"),
        ("Score__c >= 10.0 OR Score__c < -2.5", "Adams adler Ärmel"),
        ("Score__c = 1e1", "Adams"),
        ("Score__c = null", "100%_sure Zoë\\back"),
        ("Score__c IN (10, 20.5)", "Adams adler"),
        ("Active__c = true", "Adams Ärmel"),
        ("Active__c != TRUE", "adler 100%_sure Zoë\\back"),
        ("NOT (Active__c = true OR Score__c > 0)", "100%_sure Zoë\\back"),
        ("(LastName LIKE 'a%' AND Active__c = true) OR Key__c = 'k3'", "Adams Ärmel"),
        ("Birthdate = 2026-03-17", "adler"),
        ("Birthdate < 2026-01-01", "100%_sure"),
        ("Birthdate = TODAY", "Adams"),
        ("Birthdate = YESTERDAY", "adler"),
        ("Birthdate >= LAST_N_DAYS:1", "Adams adler"),
        ("Birthdate = THIS_MONTH", "Adams adler"),
        ("Birthdate = LAST_MONTH", "Ärmel"),
        ("Birthdate = THIS_YEAR AND Birthdate != TODAY", "adler Ärmel"),
        ("Birthdate = LAST_N_YEARS:1", "100%_sure"),
        ("Birthdate > LAST_YEAR", "Adams adler Ärmel"),
        ("Birthdate IN (TODAY, 2026-02-28)", "Adams Ärmel"),
        ("Seen__c = TODAY", "Adams"),
        ("Seen__c < TODAY", "adler 100%_sure"),
        ("Seen__c = 2026-03-18T09:00:00+01:00", "Adams"),
        ("Seen__c > 2026-03-17T23:59:58.999Z", "Adams adler"),
        ("Tags__c INCLUDES ('blue;red', 'green')", "Adams adler"),
        ("Tags__c EXCLUDES ('red')", "adler Ärmel 100%_sure Zoë\\back"),
        ("Account.Name = 'acme'", "Adams adler"),
        ("Account.Name = null", "100%_sure"),
        ("Account.Parent.Name = 'Umbrella'", "Adams adler"),
        ("Contact.LastName = 'Adams'", "Adams"),
        ("AccountId IN (SELECT Id FROM Account WHERE Name = 'Beta')", "Ärmel Zoë\\back"),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'Beta')", "Adams adler 100%_sure"),
        ("Owner.Name LIKE 'Integration%' AND LastName = 'Adams'", "Adams"),
        ("Email = 'ZOE@example.com'", "Zoë\\back"),
    ],
)
def test_where(ask: Ask, where: str, expected: str) -> None:
    assert found(ask, where) == expected.split()


@pytest.mark.parametrize(
    ("clause", "expected"),
    [
        ("ORDER BY Score__c", ["100%_sure", "Zoë\\back", "Ärmel", "Adams", "adler"]),
        ("ORDER BY Score__c DESC NULLS LAST", ["adler", "Adams", "Ärmel", "100%_sure", "Zoë\\back"]),
        ("ORDER BY Score__c DESC NULLS FIRST LIMIT 3", ["100%_sure", "Zoë\\back", "adler"]),
        ("ORDER BY LastName LIMIT 2", ["100%_sure", "Adams"]),
        ("ORDER BY Account.Name NULLS LAST, LastName DESC", ["adler", "Adams", "Zoë\\back", "Ärmel", "100%_sure"]),
        ("LIMIT 2 OFFSET 1", ["adler", "Ärmel"]),
        ("OFFSET 4", ["Zoë\\back"]),
        ("LIMIT 0", []),
    ],
)
def test_order_limit_offset(ask: Ask, clause: str, expected: list[str]) -> None:
    assert [row["LastName"] for row in ask(f"SELECT LastName FROM Contact {clause}")] == expected


def test_records_have_attributes_parents_and_schema_case(ask: Ask) -> None:
    (row,) = ask("select id, account.NAME, lastname, ACTIVE__C from contact c where c.key__c = 'k1'")
    assert list(row) == ["attributes", "Id", "Account", "LastName", "Active__c"]
    assert row["attributes"] == {"type": "Contact", "url": f"{BASE}/Contact/{row['Id']}"}
    assert row["Account"]["attributes"]["type"] == "Account"
    assert row["Account"]["Name"] == "Acme"
    assert row["Active__c"] is True
    (orphan,) = ask("SELECT Account.Name FROM Contact WHERE Key__c = 'k4'")
    assert orphan["Account"] is None


def test_a_reference_to_several_objects_has_id_name_and_type(org: Org, ask: Ask) -> None:
    from mock_server.org.records.changes import Change

    (contact,) = ask("SELECT Id FROM Contact WHERE Key__c = 'K1'")
    values = {"Subject": "Call", "WhoId": contact["Id"]}
    org.write(session(org), [Change("create", "Task", values)], all_or_none=True)
    (task,) = ask(
        "SELECT Who.Id, Who.Name, Who.Type, What.Name FROM Task WHERE Who.Type = 'Contact' AND Who.Name LIKE 'ann%'"
    )
    assert task["Who"] == {
        "attributes": {"type": "Name", "url": f"{BASE}/Contact/{contact['Id']}"},
        "Id": contact["Id"],
        "Name": "Ann Adams",
        "Type": "Contact",
    }
    assert task["What"] is None


def test_children_come_with_their_parents(ask: Ask) -> None:
    rows = ask(
        "SELECT Name, (SELECT LastName FROM Contacts ORDER BY Email NULLS LAST LIMIT 1) FROM Account ORDER BY Name"
    )
    assert [row["Name"] for row in rows] == ["Acme", "Beta", "Umbrella"]
    acme, beta, umbrella = (row["Contacts"] for row in rows)
    assert list(acme) == ["totalSize", "done", "records"]
    assert [child["LastName"] for child in acme["records"]] == ["Adams"]
    assert [child["LastName"] for child in beta["records"]] == ["Zoë\\back"]
    assert umbrella is None


def test_count(org: Org) -> None:
    page = org.query(session(org), "SELECT COUNT() FROM Contact WHERE Active__c = true", base=BASE)
    assert (page.total, page.records) == (2, [])


def test_fields_of_a_kind(ask: Ask) -> None:
    (row,) = ask("SELECT FIELDS(CUSTOM) FROM Contact WHERE Key__c = 'K1' LIMIT 1")
    assert [name for name in row if name != "attributes"] == [
        "Key__c",
        "Score__c",
        "Active__c",
        "Seen__c",
        "Tags__c",
        "Notes__c",
    ]


HINT = " Please reference your WSDL or the describe call for the appropriate names."


@pytest.mark.parametrize(
    ("soql", "code", "message"),
    [
        ("", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
        ("/**/SELECT Id FROM Contact", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
        ("x" * 100_001, "MALFORMED_QUERY", "SOQL statements can not be longer than 100000 characters"),
        (
            "SELECT Id FROM Nope",
            "INVALID_TYPE",
            "\nSELECT Id FROM Nope\n               ^\nERROR at Row:1:Column:16\nsObject type 'Nope' is not supported. If you "
            "are attempting to use a custom object, be sure to append the '__c' after the entity name." + HINT,
        ),
        (
            "SELECT Id,\n  Nope\nFROM Contact",
            "INVALID_FIELD",
            "\n  Nope\n  ^\nERROR at Row:2:Column:3\nNo such column 'Nope' on entity 'Contact'. If you are attempting to use a "
            "custom field, be sure to append the '__c' after the custom field name." + HINT,
        ),
        (
            "SELECT Contact.Nope FROM Contact",
            "INVALID_FIELD",
            "\nSELECT Contact.Nope FROM Contact\n              ^\nERROR at Row:1:Column:15\nNo such column 'Nope' on entity "
            "'Contact'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name."
            + HINT,
        ),
        (
            "SELECT Nope__r.Name FROM Contact",
            "INVALID_FIELD",
            "\nSELECT Nope__r.Name FROM Contact\n       ^\nERROR at Row:1:Column:8\nDidn't understand relationship 'Nope__r' in "
            "field path. If you are attempting to use a custom relationship, be sure to append the '__r' after the custom "
            "relationship name." + HINT,
        ),
        (
            "SELECT (SELECT Id FROM Nopes) FROM Account",
            "INVALID_TYPE",
            "\nSELECT (SELECT Id FROM Nopes) FROM Account\n                       ^\nERROR at Row:1:Column:24\nDidn't understand "
            "relationship 'Nopes' in FROM part of query call. If you are attempting to use a custom relationship, be sure to "
            "append the '__r' after the custom relationship name." + HINT,
        ),
        (
            "SELECT Id FROM Contact WHERE LastName = 5",
            "INVALID_FIELD",
            "\nSELECT Id FROM Contact WHERE LastName = 5\n                             ^\nERROR at Row:1:Column:30\nvalue of "
            "filter criterion for field 'LastName' must be of type string and should be enclosed in quotes",
        ),
        (
            "SELECT Id FROM Contact WHERE Active__c = 'true'",
            "INVALID_FIELD",
            "must be of type boolean and should not be enclosed in quotes",
        ),
        ("SELECT Id FROM Contact WHERE Score__c = '1'", "INVALID_FIELD", "must be of type double and should not be"),
        (
            "SELECT Id FROM Contact WHERE Birthdate = '2026-01-01'",
            "INVALID_FIELD",
            "must be of type date and should not",
        ),
        (
            "SELECT Id FROM Contact WHERE CreatedDate = 2026-01-01",
            "INVALID_FIELD",
            "must be of type dateTime and should",
        ),
        (
            "SELECT Id FROM Contact WHERE Notes__c = 'x'",
            "INVALID_FIELD",
            "field 'Notes__c' can not be filtered in a query call",
        ),
        (
            "SELECT Id FROM Contact ORDER BY Notes__c",
            "INVALID_FIELD",
            "field 'Notes__c' can not be sorted in a query call",
        ),
        (
            "SELECT Id FROM Contact WHERE MailingAddress = 'x'",
            "INVALID_FIELD",
            "Address fields can only be filtered using Distance expressions",
        ),
        ("SELECT Id FROM Contact WHERE Id = 'abc'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: abc"),
        ("SELECT Id, Id FROM Contact", "INVALID_FIELD", "duplicate field selected: Id"),
        ("SELECT Id FROM Contact WHERE a = :x", "MALFORMED_QUERY", "Bind variables only allowed in Apex code"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "Maximum SOQL offset allowed is 2000"),
        (
            "SELECT FIELDS(ALL) FROM Contact",
            "MALFORMED_QUERY",
            "The SOQL FIELDS function must have a LIMIT of at most 200",
        ),
        (
            "SELECT Id FROM Contact WHERE LastName = 'a' AND FirstName = 'b' OR Email = 'c'",
            "MALFORMED_QUERY",
            "unexpected token: 'OR'",
        ),
        ("SELECT Id FROM", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT Id FROM Contact WHERE LastName = Adams", "MALFORMED_QUERY", "unexpected token: 'Adams'"),
        ("SELECT Id # FROM Contact", "MALFORMED_QUERY", "no viable alternative at character '#'"),
        ("SELECT Id FROM Contact WHERE LastName = '\\q'", "MALFORMED_QUERY", "Illegal character sequence '\\q'"),
        (
            "SELECT Id FROM Contact WHERE " + "(" * 5000 + "Id = null" + ")" * 5000,
            "QUERY_TOO_COMPLICATED",
            "too complicated",
        ),
        ("SELECT Id FROM Contact WHERE " + "NOT " * 5000 + "Id = null", "QUERY_TOO_COMPLICATED", "too complicated"),
        (
            "SELECT Id FROM Contact WHERE LastName LIKE '" + "%a" * 1000 + "'",
            "QUERY_TOO_COMPLICATED",
            "too complicated",
        ),
        ("SELECT Parent.Parent.Parent.Parent.Parent.Parent.Name FROM Account", "MALFORMED_QUERY", "at most 5 levels"),
    ],
)
def test_mistakes_get_salesforces_texts(ask: Ask, soql: str, code: str, message: str) -> None:
    with pytest.raises(ApiError) as error:
        ask(soql)
    assert error.value.code == code
    assert error.value.message == message if message.startswith("\n") else message in error.value.message


def test_the_context_block_is_cut_at_blanks_and_commas() -> None:
    soql = "SELECT " + ", ".join(f"Field{number}" for number in range(30)) + " FROM Contact"
    at = soql.index("Field15")
    shown = block(soql, at).split("\n")
    assert shown[2].index("^") == shown[1].index("Field15")
    assert shown[1].startswith("Field") or shown[1].startswith(" ")
    assert len(shown[1]) < 90
    assert shown[3] == f"ERROR at Row:1:Column:{at + 1}"


def test_a_wide_chain_and_a_long_list_run(ask: Ask) -> None:
    chain = " OR ".join(f"Key__c = 'X{number}'" for number in range(3000))
    assert found(ask, f"({chain}) OR Key__c = 'K1'") == ["Adams"]
    listed = ", ".join(f"'X{number}'" for number in range(5000))
    assert found(ask, f"LastName IN ({listed}, 'ADLER')") == ["adler"]


def test_a_pattern_that_backtracks_ends_soon(ask: Ask, org: Org) -> None:
    import time

    begin = time.thread_time()
    assert found(ask, "LastName LIKE '" + "%a" * 30 + "%b%c'") == []
    assert time.thread_time() - begin < 1


@pytest.mark.parametrize(
    ("word", "first", "after"),
    [
        ("TODAY", "2026-03-18", "2026-03-19"),
        ("LAST_WEEK", "2026-03-08", "2026-03-15"),
        ("THIS_WEEK", "2026-03-15", "2026-03-22"),
        ("NEXT_WEEK", "2026-03-22", "2026-03-29"),
        ("LAST_90_DAYS", "2025-12-18", "2026-03-19"),
        ("NEXT_N_DAYS:3", "2026-03-19", "2026-03-22"),
        ("N_DAYS_AGO:2", "2026-03-16", "2026-03-17"),
        ("LAST_N_MONTHS:2", "2026-01-01", "2026-03-01"),
        ("N_MONTHS_AGO:1", "2026-02-01", "2026-03-01"),
        ("THIS_QUARTER", "2026-01-01", "2026-04-01"),
        ("NEXT_N_QUARTERS:2", "2026-04-01", "2026-10-01"),
        ("LAST_FISCAL_YEAR", "2025-01-01", "2026-01-01"),
        ("N_FISCAL_QUARTERS_AGO:1", "2025-10-01", "2026-01-01"),
        ("LAST_N_YEARS:999999", "0001-01-01", "2026-01-01"),
    ],
)
def test_date_literals_span_whole_units(word: str, first: str, after: str) -> None:
    assert span(word, date(2026, 3, 18)) == (date.fromisoformat(first), date.fromisoformat(after))


def test_cursors_are_snapshots_and_ten_a_user(org: Org) -> None:
    who = session(org)
    first = org.query(who, "SELECT Id FROM Contact", size=2, base=BASE)
    assert first.cursor is not None
    locator = first.cursor
    second = org.more(who, locator, size=2, base=BASE)
    assert (second.total, len(second.records)) == (5, 2)
    for _ in range(10):
        org.query(who, "SELECT Id FROM Contact", size=2, base=BASE)
    with pytest.raises(ApiError, match="invalid query locator"):
        org.more(who, locator, size=2, base=BASE)


_SESSIONS: dict[int, Any] = {}


def _who(org: Org) -> Any:
    return _SESSIONS.setdefault(id(org), session(org))


SEEDS = [
    "SELECT Id, Account.Name, (SELECT Id FROM Contacts) FROM Account WHERE Name LIKE 'a%' AND CreatedDate > LAST_N_DAYS:3 LIMIT 5",
    "SELECT COUNT() FROM Contact WHERE Id IN (SELECT AccountId FROM Contact) OR (NOT Score__c IN (1, 2.5)) ORDER BY Id OFFSET 3",
    "SELECT FIELDS(ALL) FROM Contact WHERE Tags__c INCLUDES ('a;b') AND Birthdate = 2026-01-01 LIMIT 200 FOR VIEW",
    "SELECT Active__c, GROUPING(Active__c) g, COUNT_DISTINCT(LastName), SUM(Score__c) s FROM Contact GROUP BY ROLLUP(Active__c, CALENDAR_YEAR(Birthdate)) HAVING COUNT(Id) > 0 ORDER BY MAX(Score__c)",
    "SELECT TYPEOF What WHEN Account THEN Name, Parent.Name ELSE Type END, FORMAT(CreatedDate) d FROM Task USING SCOPE everything WHERE HOUR_IN_DAY(convertTimezone(CreatedDate)) < 9",
]


@settings(max_examples=400)
@given(st.sampled_from(SEEDS), st.randoms(use_true_random=False), st.text(max_size=5))
def test_no_text_whatever_breaks_a_query(org: Org, soql: str, chance: random.Random, extra: str) -> None:
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(soql) + 1)
        soql = chance.choice(
            [
                soql[:at] + extra + soql[at:],
                soql[:at] + soql[at + chance.randint(1, 9) :],
                soql[:at] + chance.choice("'()\\,.:%0\n\0") + soql[at:],
            ]
        )
    try:
        org.query(_who(org), soql, base=BASE)
    except ApiError as error:
        assert error.code and error.message


def test_every_bundled_object_that_can_be_queried_is(ask: Ask) -> None:
    schema = Schema()
    for name in schema.names():
        sobject = schema.get(name)
        assert sobject is not None
        if not sobject.is_("queryable"):
            with pytest.raises(ApiError, match="does not support query"):
                ask(f"SELECT Id FROM {name}")
            continue
        if name == "UserRecordAccess":
            with pytest.raises(ApiError, match="Can select only RecordId"):
                ask(f"SELECT Id FROM {name}")
            continue
        rule = restricted._RULES.get(name)
        if rule is not None:
            with pytest.raises(ApiError) as error:
                ask(f"SELECT Id FROM {name}")
            assert error.value.message == rule.text
            continue
        parents = [field for field in sobject.fields if field.type == "reference" and field.relationship_name]
        paths = ", ".join(["Id", *(f"{field.relationship_name}.Id" for field in parents[:10])])
        ask(f"SELECT FIELDS(ALL) FROM {name} LIMIT 1")
        ask(f"SELECT {paths} FROM {name} ORDER BY Id LIMIT 1")
