"""Extracts: all rows of one query, of one moment, written part by part while others are served.

A reader of its own, on a snapshot of the database, writes the rows into a table that only it sees; from there they are
taken in parts. SQLite itself writes CSV: the interpreter is free meanwhile.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from mock_server.org.courtesy import give_way
from mock_server.org.query.masks import masking
from mock_server.org.query.rows import Row
from mock_server.org.query.running import Lane
from mock_server.org.records.text import java_double
from mock_server.org.schema.types import FLOAT_TYPES

if TYPE_CHECKING:
    from mock_server.org.query.plan import Chosen, Plan

_THREADS = 4
_PART = 1 << 18
"""Bytes that a part should have."""
_FEWEST, _MOST = 16, 1000
"""Rows of a part: the first ones are few, until it is known how long they are."""
_ARGUMENTS = 100
"""Values that one function of SQLite takes; its own bound is 127."""
_NEXT = "FROM temp.sf_rows WHERE rowid > ? ORDER BY rowid LIMIT ?"


@dataclass(frozen=True, slots=True)
class Part:
    """Some of the rows, as they are written; how many they are, and how many there are in all."""

    rows: int
    data: bytes
    total: int


class Form(Protocol):
    """How the rows of an extract are written."""

    def select(self, plan: Plan) -> str:
        """Return what is selected of each row, between SELECT and FROM."""

    def write(self, plan: Plan, rows: Sequence[Row]) -> bytes:
        """Return rows of what `select` selects as they are written."""

    def take(self, plan: Plan, connection: sqlite3.Connection, after: int, most: int) -> tuple[int, bytes]:
        """Return how many rows of the table come next, `most` at the most, and them as they are written."""


@dataclass(frozen=True, slots=True)
class Csv:
    """Rows of CSV: every value in quotes, null as empty text; values as the Bulk APIs write them (recorded)."""

    delimiter: str = ","
    line_ending: str = "\n"
    alphabetical: bool = False
    """Whether columns are in alphabetical order, as before API version 50, rather than in that of SELECT."""

    def columns(self, plan: Plan) -> list[Chosen]:
        return sorted(plan.chosen, key=lambda one: one.name) if self.alphabetical else list(plan.chosen)

    def header(self, plan: Plan) -> bytes:
        """Return the first line."""
        names = [one.name.replace('"', '""') for one in self.columns(plan)]
        return (self.delimiter.join(f'"{name}"' for name in names) + self.line_ending).encode()

    def select(self, plan: Plan) -> str:
        columns = self.columns(plan)
        texts = []
        for start in range(0, len(columns), _ARGUMENTS):
            some = columns[start : start + _ARGUMENTS]
            form = self.delimiter.join(['"%w"'] * len(some))
            form += self.line_ending if start + _ARGUMENTS >= len(columns) else self.delimiter
            texts.append(f"printf('{form}', {', '.join(map(_text, some))})")
        return f"{' || '.join(texts)} AS line"

    def write(self, plan: Plan, rows: Sequence[Row]) -> bytes:
        return "".join([row[0] for row in rows]).encode()

    def take(self, plan: Plan, connection: sqlite3.Connection, after: int, most: int) -> tuple[int, bytes]:
        sql = f"SELECT count(*), CAST(group_concat(line, '') AS BLOB) FROM (SELECT line {_NEXT})"
        rows, data = connection.execute(sql, (after, most)).fetchone()
        return rows, data or b""


@dataclass(frozen=True, slots=True)
class Records:
    """Rows as records, in the form in which a query answers them; `make` makes bytes of those of a part.

    `base` goes into each record's url, as a query's does.
    """

    make: Callable[[list[dict[str, Any]]], bytes]
    base: str

    def select(self, plan: Plan) -> str:
        return plan.head

    def write(self, plan: Plan, rows: Sequence[Row]) -> bytes:
        assert plan.build is not None
        return self.make(plan.build(rows, self.base, ()))

    def take(self, plan: Plan, connection: sqlite3.Connection, after: int, most: int) -> tuple[int, bytes]:
        rows = connection.execute(f"SELECT * {_NEXT}", (after, most)).fetchall()
        return len(rows), self.write(plan, rows)


def selecting(plan: Plan, form: Form) -> str:
    """Return the statement of a plan that selects what a form wants."""
    return f"SELECT {form.select(plan)}{plan.sql.removeprefix(f'SELECT {plan.head}')}"


def _text(one: Chosen) -> str:
    """Return the SQL of a value as Bulk API writes it; never NULL."""
    kind, sql = one.field.type, one.sql
    if kind == "boolean":
        return f"CASE {sql} WHEN 1 THEN 'true' WHEN 0 THEN 'false' ELSE '' END"
    if kind == "datetime":
        return f"ifnull(replace({sql}, '+0000', 'Z'), '')"
    if kind in FLOAT_TYPES:
        if not one.field.stored:
            return f"sf_double({sql})"
        # Fifteen digits that say the number are the fewest that do, as Java's are; SQLite writes those.
        plain = f"abs({sql}) >= 0.001 AND abs({sql}) < 1e7 AND CAST(CAST({sql} AS TEXT) AS REAL) = {sql}"
        return f"CASE WHEN {plain} THEN CAST({sql} AS TEXT) ELSE sf_double({sql}) END"
    if one.field.mask is not None and kind == "encryptedstring":
        return f"ifnull(sf_masked({sql}, '{one.field.mask}', '{one.field.mask_type or ''}'), '')"
    return f"ifnull({sql}, '')"


_functions: tuple[tuple[str, int, Callable[..., Any]], ...] = (
    ("sf_double", 1, lambda value: "" if value is None else java_double(float(value))),
    ("sf_masked", 3, lambda value, character, kind: masking(character, kind)(value)),
)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_THREADS, "sfmock-extract")


class Extract:
    """All rows of a plan, on a lane that nobody else uses, whose connection has begun to read and is closed with it."""

    def __init__(self, lane: Lane, plan: Plan, form: Form) -> None:
        self._lane = lane
        self._plan = plan
        self._form = form
        self._after = 0
        self._most = _FEWEST
        self._total = 0
        prepare(lane.connection)

    def fill(self) -> None:
        """Read all rows, from the moment at which the connection began to read."""
        run = self._lane.connection.execute
        lane = self._lane
        lane.connection.set_progress_handler(lambda: lane.given_up, 50_000)
        sql = f"CREATE TEMP TABLE sf_rows AS {selecting(self._plan, self._form)}"
        lane.fetch(replace(self._plan, sql=sql))
        # What others write from now on need not be kept apart for this reader.
        run("COMMIT")
        self._total = run("SELECT ifnull(max(rowid), 0) FROM temp.sf_rows").fetchone()[0]

    def next(self) -> Part:
        """Return the next part, one without rows at the end."""
        rows, data = self._form.take(self._plan, self._lane.connection, self._after, self._most)
        self._after += rows
        if rows:
            fitting = _PART * rows // max(1, len(data))
            self._most = max(_FEWEST, min(_MOST, fitting, self._most * 4))
        return Part(rows, data, self._total)

    def close(self) -> None:
        self._lane.connection.close()


def prepare(connection: sqlite3.Connection) -> None:
    """Give a connection the functions that forms use."""
    for name, count, function in _functions:
        connection.create_function(name, count, function, deterministic=True)


async def parts(extract: Extract, lane: Lane, *, aside: bool) -> AsyncIterator[Part]:
    """Yield the parts of an extract, made in a thread where that is wanted, each while the one before is taken."""
    if not aside:
        try:
            extract.fill()
            while (part := extract.next()).rows:
                yield part
                await give_way()
        finally:
            extract.close()
        return
    submit = _threads().submit
    running: Future[Any] = submit(extract.fill)
    try:
        await asyncio.wrap_future(running)
        running = submit(extract.next)
        while (part := await asyncio.wrap_future(running)).rows:
            running = submit(extract.next)
            yield part
    finally:
        # Where nobody takes the parts any more, the thread is stopped, and closes what it reads when it has.
        lane.given_up = True
        running.add_done_callback(lambda _: extract.close())
