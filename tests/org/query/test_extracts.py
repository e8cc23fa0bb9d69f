"""Extracts: what SQLite writes is what a query answers, whichever way it is read, and of one moment."""

from __future__ import annotations

import asyncio
import csv
import sqlite3
from collections.abc import Iterator
from contextlib import aclosing
from io import StringIO
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.identity.sessions import Session
from mock_server.org.jobs.querying import Querying
from mock_server.org.org import Org
from mock_server.org.query import extracts, queries, running
from mock_server.org.query.extracts import Csv, Form, Part, Records
from mock_server.org.query.plan import Chosen
from mock_server.org.records import database
from mock_server.org.records.changes import Change
from mock_server.org.records.text import java_double, to_text
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field

BASE = "/services/data/v60.0/sobjects"
FIELDS = {
    "Contact": {
        "Score__c": {"type": "number", "precision": 18, "scale": 4},
        "Half__c": {"type": "number", "precision": 18, "scale": 4, "formula": "Score__c / 2"},
        "Secret__c": {"type": "encryptedtext", "length": 40, "maskType": "lastFour"},
        "Seen__c": {"type": "datetime"},
        "Active__c": {"type": "checkbox"},
    }
}
ROWS = 700


@pytest.fixture(params=["short", "memory", "file", "virtual"])
def filled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Org, Session]]:
    """An org with contacts: read at once, or from a snapshot of its memory or file, aside or on a virtual clock."""
    if request.param != "short":
        monkeypatch.setattr(running, "_STEPS", 100)
        monkeypatch.setattr(queries, "_BRIEF", 0)
    if request.param == "file":
        monkeypatch.setattr(database, "LARGE", 1 << 16)
        monkeypatch.setattr(database, "_LOOK_AFTER", 400)
    schema = Schema()
    schema.add({}, FIELDS)

    org = Org(1, schema=schema, clock="virtual" if request.param == "virtual" else "real")
    org.directory.seed()
    who = org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))
    add(org, who, 0, ROWS)
    assert org.store.in_file == (request.param == "file")
    yield org, who
    org.close()


def add(org: Org, who: Session, first: int, count: int) -> None:
    for start in range(first, first + count, 100):
        rows = [
            Change(
                "create",
                "Contact",
                {
                    "LastName": ["plain", 'q"q', "two\nlines", '"', "ünï", "%w %s"][n % 6] + str(n),
                    "FirstName": None if n % 3 else f"F{n}",
                    "Score__c": None if n % 5 == 0 else (n - 300) * 1234.5678,
                    "Secret__c": f"secret{n}",
                    "Seen__c": None if n % 2 else "2026-03-18T08:00:00Z",
                    "Active__c": n % 2 == 0,
                },
            )
            for n in range(start, start + 100)
        ]
        assert all(result.success for result in org.write(who, rows, all_or_none=True))


async def extract(org: Org, who: Session, soql: str, form: Form, **asked: Any) -> list[Part]:
    querying: Querying = org.jobs.querying
    plan = querying.plan(who, soql, api="query", version=60, **asked)
    async with aclosing(querying.rows(who, plan, form)) as parts:  # type: ignore[type-var]
        return [part async for part in parts]


def written(parts: list[Part]) -> list[list[str]]:
    return list(csv.reader(StringIO(b"".join(part.data for part in parts).decode(), newline="")))


QUERY = (
    "SELECT Id, LastName, FirstName, Score__c, Half__c, Seen__c, Active__c, CreatedDate, Account.Name, Secret__c "
    "FROM Contact"
)


@pytest.mark.parametrize("tail", ["", " ORDER BY LastName DESC, Id LIMIT 333", " WHERE Active__c = true"])
async def test_csv_has_what_a_query_answers(filled: tuple[Org, Session], tail: str) -> None:
    org, who = filled
    parts = await extract(org, who, QUERY + tail, Csv())
    records = org.query(who, QUERY + tail, base=BASE, size=ROWS).records
    fields = org.schema.get("Contact").by_name  # type: ignore[union-attr]
    shown = [
        [to_text(fields[name], None if name == "Account" else value) if name in fields else "" for name, value in one.items() if name != "attributes"]
        for one in records
    ]  # fmt: skip
    assert written(parts) == shown
    assert sum(part.rows for part in parts) == len(records)
    assert {part.total for part in parts} == {len(records)}


async def test_records_are_those_of_a_query(filled: tuple[Org, Session]) -> None:
    org, who = filled
    parts = await extract(org, who, QUERY, Records(orjson.dumps, BASE))
    records = [one for part in parts for one in orjson.loads(part.data)]
    assert records == org.query(who, QUERY, base=BASE, size=ROWS).records


async def test_rows_between_two_ids(filled: tuple[Org, Session]) -> None:
    org, who = filled
    ids = [one["Id"] for one in org.query(who, "SELECT Id FROM Contact", base=BASE, size=ROWS).records]
    for first, before, expected in ((100, 300, ids[100:300]), (690, None, ids[690:]), (0, 0, [])):
        between = (ids[first], None if before is None else ids[before])
        parts = await extract(org, who, "SELECT Id FROM Contact WHERE Id != null", Csv(), between=between)
        assert written(parts) == [[identifier] for identifier in expected]


async def test_an_extract_is_of_the_moment_at_which_it_begins(filled: tuple[Org, Session]) -> None:
    org, who = filled
    before = written(await extract(org, who, QUERY, Csv()))
    querying: Querying = org.jobs.querying
    plan = querying.plan(who, QUERY, api="query", version=60)
    found = []
    async with aclosing(querying.rows(who, plan, Csv())) as parts:  # type: ignore[type-var]
        async for part in parts:
            if not found:
                org.write(who, [Change("delete", "Contact", {}, before[-1][0])], all_or_none=True)
                org.write(who, [Change("update", "Contact", {"LastName": "changed"}, before[-2][0])], all_or_none=True)
                add(org, who, ROWS, 100)
            found.append(part)
    assert written(found) == before


async def test_an_extract_that_nobody_takes_is_given_up(
    filled: tuple[Org, Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    org, who = filled
    made: list[sqlite3.Connection] = []
    snapshot = database.Database.snapshot

    def remembered(self: database.Database) -> sqlite3.Connection:
        made.append(snapshot(self))
        return made[-1]

    monkeypatch.setattr(database.Database, "snapshot", remembered)
    querying: Querying = org.jobs.querying
    plan = querying.plan(who, QUERY, api="query", version=60)
    async with aclosing(querying.rows(who, plan, Csv())) as parts:  # type: ignore[type-var]
        async for _ in parts:
            break
    for _ in range(5000):
        await asyncio.sleep(0.002)
        if not any(map(is_open, made)):
            return
    raise AssertionError


def is_open(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT 1")
    except sqlite3.ProgrammingError:
        return False
    return True


async def test_wide_rows_are_written_whole(filled: tuple[Org, Session]) -> None:
    org, who = filled
    account = org.schema.get("Account")
    contact = org.schema.get("Contact")
    assert account is not None
    assert contact is not None
    names = [field.name for field in contact.fields if field.valued and field.type != "base64"]
    names += [f"Account.{field.name}" for field in account.fields if field.valued and field.type != "base64"]
    assert len(names) > 110
    plan = org.jobs.querying.plan(who, f"SELECT {', '.join(names)} FROM Contact", api="query", version=60)
    header = next(csv.reader(StringIO(Csv("\t").header(plan).decode()), delimiter="\t"))
    assert header == names
    parts = await extract(org, who, f"SELECT {', '.join(names)} FROM Contact LIMIT 30", Csv("\t"))
    found = list(csv.reader(StringIO(b"".join(part.data for part in parts).decode(), newline=""), delimiter="\t"))
    assert {len(row) for row in found} == {len(names)}
    assert len(found) == 30


async def test_parts_are_neither_long_nor_many(filled: tuple[Org, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = filled
    monkeypatch.setattr(extracts, "_PART", 4096)
    parts = await extract(org, who, "SELECT Id, LastName FROM Contact", Csv())
    if len(parts) > 1:
        assert all(len(part.data) < 2 * 4096 for part in parts)
        assert len(parts) < ROWS // 16


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(-(10**8), 10**8, places=2).map(float),
    st.integers(-(10**16), 10**16).map(float),
    st.floats(-1e7, 1e7, allow_nan=False),
).map(lambda value: value + 0.0)  # SQLite keeps no negative zero


@given(st.lists(numbers, min_size=1, max_size=20))
def test_doubles_are_written_as_java_does(values: list[float]) -> None:
    connection = sqlite3.connect(":memory:")
    extracts.prepare(connection)
    connection.execute("CREATE TABLE t (x REAL)")
    connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in values])
    sql = extracts._text(Chosen("x", "x", Field("x", "x", "double")))
    found = [text for (text,) in connection.execute(f"SELECT {sql} FROM t")]
    connection.close()
    assert found == [java_double(value) for value in values]
    assert [float(text) for text in found] == values
