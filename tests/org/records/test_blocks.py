"""A law: rows that are saved column by column become to the letter what they become row by row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mock_server.org.org import Org
from mock_server.org.records import behind, blocks, database, groups, pipeline, table_saves
from mock_server.org.records.changes import Change
from mock_server.org.records.table_sql import quoted
from mock_server.org.records.tables import Table
from mock_server.org.schema import Schema
from tests.org.records.conftest import FIELDS

OBJECTS: dict[str, Any] = {
    "Thing__c": {
        "nameField": {"type": "AutoNumber", "format": "T-{0000}"},
        "fields": {
            "Key__c": {"type": "number", "precision": 6, "scale": 0, "externalId": True, "unique": True},
            "Code__c": {"type": "text", "length": 10, "unique": True},
            "Owed__c": {"type": "currency", "precision": 8, "scale": 2, "required": True},
            "Kind__c": {"type": "picklist", "values": ["New", "Old"], "restricted": True},
            "Contact__c": {"type": "lookup", "referenceTo": "Contact"},
        },
    },
    "Note__c": {"fields": {"Text__c": {"type": "longtextarea", "length": 300}}},
}
ACCOUNTS = ["001Kd00000000goAAA", "001Kd00000000gp"]
TEXTS = ["Lovelace", " Noether ", "\tÉmilie", "ß", "x" * 90, "a\nb", "c\r\nd", "NUL\0", "#N/A", "  "]
ADDRESSES = [
    "Ada@Example.com",
    "ada@example.com",
    "a..b@c.de",
    "no",
    "a@b",
    "a@b..c",
    "a@b.c.",
    "ü@b.de",
    "#N/A",
    " x@y.zz ",
]
CELLS: dict[str, list[str]] = {
    "LastName": TEXTS,
    "FirstName": TEXTS,
    "Name": [*TEXTS, "y" * 81],
    "Email": ADDRESSES,
    "External_Id__c": ["A", "a", "B", " b", "C", "Ä", "ä", "#N/A", " "],
    "Legacy__c": ["1", "2", "#N/A"],
    "Score__c": ["1", "1.005", "-3e1", "1000", "x", "#N/A"],
    "Active__c": ["true", "No", "maybe", "#N/A"],
    "Born__c": ["2020-02-03T04:05:06Z", "2020-02-03", "#N/A"],
    "Birthdate": ["1815-12-10", "1815-13-10", "1600-01-01", "#N/A"],
    "Size__c": ["small", "Large", "Huge", "#N/A"],
    "Tags__c": ["blue;red", "red", "black", "#N/A"],
    "AccountId": [*ACCOUNTS, "001Kd00000000zzAAA", "003Kd00000000goAAA", "nonsense", "#N/A"],
    "Account.Ref__c": ["acme", "ACME", "globex", "none", "twice", "#N/A", " "],
    "ReportsTo.Email": ["boss@example.com", "none@example.com", "no", "#N/A"],
    "OwnerId": ["005Kd000000000BIAQ", "#N/A"],
    "Key__c": ["1", "2", "3", "1.0", "x", "#N/A"],
    "Code__c": ["q", "Q", "r", "#N/A"],
    "Owed__c": ["1.5", "0", "9999999", "#N/A", "one"],
    "Kind__c": ["new", "Old", "Odd"],
    "Contact__r.External_Id__c": ["A", "b", "zz", "#N/A"],
    "Text__c": TEXTS,
    "Id": ["#0", "#1", "#2", "003Kd00000000zzAAA", "001", "#N/A"],
    "IsDeleted": ["true"],
}  # fmt: skip
"""What cells may say, by column; `#1` stands for the id of the second record of the object."""
COLUMNS = {
    "Contact": ["LastName", "FirstName", "Email", "External_Id__c", "Legacy__c", "Score__c", "Active__c", "Born__c",
                "Birthdate", "Size__c", "Tags__c", "AccountId", "Account.Ref__c", "ReportsTo.Email", "OwnerId"],
    "Account": ["Name", "OwnerId", "IsDeleted"],
    "Thing__c": ["Key__c", "Code__c", "Owed__c", "Kind__c", "Contact__r.External_Id__c"],
    "Note__c": ["Name", "Text__c"],
}  # fmt: skip
SAID = {"Contact": "LastName", "Account": "Name", "Thing__c": "Owed__c", "Note__c": "Text__c"}
KEYS = {"Contact": ["External_Id__c", "Legacy__c", "Email", "Id"], "Thing__c": ["Key__c", "Id"]}
DISTINCT = {"Id": "#{}", "External_Id__c": "e{}", "Key__c": "{}", "Code__c": "C{}", "Email": "P{}@example.com"}
"""Cells of keys that rows do not share, by column: of some there are records."""
SCHEMA = Schema()
SCHEMA.add(OBJECTS, {**FIELDS, "Account": {"Ref__c": {"type": "text", "length": 20, "externalId": True}}})


def _hook(trigger: Any) -> None:
    for record in trigger.new:
        if record["LastName"] == "ß":
            record.add_error("not this one")


def _org(*, hooked: bool) -> Org:
    org = Org(1, schema=SCHEMA.copy(), clock="virtual", start=1.7e9)
    org.directory.seed()
    who = _who(org)
    if hooked:
        org.automation.add("Contact", ["insert", "update"], work=_hook, name="Refuses")
    refs = ["acme", "globex", "twice", "twice", *"abcdefgh"]
    people = [{"LastName": f"P{n}", "Email": f"p{n}@example.com", "External_Id__c": f"E{n}"} for n in range(12)]
    people[0] |= {"LastName": "Boss", "Email": "boss@example.com", "External_Id__c": "b"}
    for number in range(12):
        for sobject, values in (
            ("Account", {"Name": f"A{number}", "Ref__c": refs[number]}),
            ("Contact", people[number]),
            ("Thing__c", {"Owed__c": number, "Key__c": number * 2, "Code__c": f"c{number}"}),
            ("Note__c", {"Text__c": "as it was"}),
        ):
            org.write(who, [Change("create", sobject, dict(values))], all_or_none=True)
    return org


def _who(org: Org) -> Any:
    return org.sessions.open(org.directory.told_user, org.directory.default_app, ("api",))


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, str, str | None, tuple[str, ...], list[list[str]]]:
    """Draw a table of which all may be wrong, or one that is mostly well."""
    sobject = draw(st.sampled_from(["Contact", "Contact", "Thing__c", "Account", "Note__c"]))
    verb = draw(st.sampled_from(["create", "update", "upsert"] if sobject in KEYS else ["create", "update"]))
    key = draw(st.sampled_from(KEYS[sobject])) if verb == "upsert" else None
    must = {"Id"} if verb == "update" else {key} if key else set()
    chosen = draw(st.lists(st.sampled_from(COLUMNS[sobject]), min_size=1, max_size=4, unique=True))
    columns = sorted(must | {SAID[sobject]} | set(chosen))
    count = draw(st.integers(1, 12))
    tidy = draw(st.booleans())
    sparse = draw(st.booleans())
    by_column = []
    for name in columns:
        if tidy and name in DISTINCT:
            numbers = draw(st.permutations(range(12)))[:count]
            by_column.append([DISTINCT[name].format(number) for number in numbers])
        else:
            said = CELLS[name][:2] if tidy else CELLS[name]
            cell = st.sampled_from(["", *said] if sparse else said)
            by_column.append(draw(st.lists(cell, min_size=count, max_size=count)))
    return verb, sobject, key, tuple(columns), [list(row) for row in zip(*by_column, strict=True)]


def _told(results: Any) -> list[Any]:
    return [
        (one.id, one.success, one.created, [(error.code, error.message, error.fields) for error in one.errors])
        for one in results
    ]


def _state(org: Org) -> list[Any]:
    run = org.store.connection.execute
    names = [name for name in org.store.used() if org.store.has_table(name)]
    tables = {name: run(f"SELECT * FROM {quoted(name)} ORDER BY 1, 2, 3").fetchall() for name in names}
    # An empty table is as good as none.
    stored = sorted((name, rows) for name, rows in tables.items() if rows)
    commits = [(*commit[:8], commit.values) for commit in org.commits()]
    return [stored, commits, org.log.transactions, org.ids.next_number]


def _run(
    given_tables: list[Any], *, hooked: bool = False, by_row: bool = False, behind: bool = False
) -> tuple[list[Any], Counter[str]]:
    org = _org(hooked=hooked)
    who = _who(org)
    taken: Counter[str] = Counter()
    if by_row:
        org._pipeline.tables._by_column = lambda table, user_id: None  # type: ignore[method-assign]
    save = org._pipeline.tables._blocks.save

    def counted(*arguments: Any) -> Any:
        results = save(*arguments)
        taken["rows"] += len(results)
        return results

    org._pipeline.tables._blocks.save = counted  # type: ignore[method-assign]
    out: list[Any] = []
    for verb, sobject, key, columns, rows in given_tables:
        there = sorted(commit.id for commit in org.commits() if commit.sobject == sobject and commit.verb == "create")
        known = {f"#{place}": identifier for place, identifier in enumerate(there)}
        cells = [[known.get(cell, cell) for cell in row] for row in rows]
        with org.store.behind() if behind else org.store.transaction():
            out.append(_told(org.write_table(who, Table(verb, sobject, columns, cells, key_field=key))))
        taken["behind"] += org.store.beside is not None
        org.clock.advance(60)
    state = _state(org)
    org.close()
    return [out, state], taken


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks and blocks so small that few rows fill several."""
    for module in (pipeline, table_saves, groups):
        monkeypatch.setattr(module, "CHUNK", 3)
    monkeypatch.setattr(table_saves, "BLOCK", 9)
    monkeypatch.setattr(blocks, "BLOCK", 9)
    monkeypatch.setattr(groups, "_SIZES", (9, 4, 2, 1))
    monkeypatch.setattr(behind, "_MANY", 2)
    # A database of any size moves into a file.
    monkeypatch.setattr(database, "LARGE", 0)
    monkeypatch.setattr(database, "_LOOK_AFTER", 0)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(tables(), min_size=1, max_size=4))
def test_rows_become_the_same_by_column_and_row_by_row(given_tables: list[Any]) -> None:
    by_column, _ = _run(given_tables, hooked=False, by_row=False)
    by_row, _ = _run(given_tables, hooked=False, by_row=True)
    assert by_column == by_row


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(tables(), min_size=2, max_size=6))
def test_rows_become_the_same_when_they_are_written_behind(given_tables: list[Any]) -> None:
    behind_, _ = _run(given_tables, behind=True)
    by_row, _ = _run(given_tables, by_row=True)
    assert behind_ == by_row


def test_blocks_are_written_behind_one_after_the_other() -> None:
    given_tables = [
        (
            "upsert",
            "Contact",
            "External_Id__c",
            ("External_Id__c", "LastName"),
            [[f"N{n}", "A"] for n in range(s, s + 9)],
        )
        for s in (0, 9, 18, 9)
    ]
    _, taken = _run(given_tables, behind=True)
    assert taken == {"rows": 36, "behind": 4}
    assert _run(given_tables, behind=True)[0] == _run(given_tables, by_row=True)[0]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(tables(), min_size=1, max_size=2))
def test_an_object_with_a_trigger_is_saved_row_by_row(given_tables: list[Any]) -> None:
    by_column, taken = _run([table for table in given_tables if table[1] == "Contact"], hooked=True, by_row=False)
    by_row, _ = _run([table for table in given_tables if table[1] == "Contact"], hooked=True, by_row=True)
    assert by_column == by_row
    assert not taken["rows"]
