"""The one query path: text -> tree -> plan -> rows -> page of records, and cursors over what is left."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from mock_server.org import errors
from mock_server.org.clock import Clock
from mock_server.org.ids import IdSource
from mock_server.org.query.binder import Binder, Plan, read_plan
from mock_server.org.query.grammar import parse
from mock_server.org.query.rows import Row
from mock_server.org.query.running import Ground, Lane, TooLong
from mock_server.org.records.store import Store, fold_column, quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import TEXT_TYPES, Field, SObject, fold

CURSOR_LIFE = 2 * 86_400.0
"""Seconds a cursor lives (API Query Cursor Limits)."""
CURSORS_A_USER = 10
_CACHED = 500
_LONGEST_CACHED = 10_000
_MOST_READ_PLANS = 200
_READERS = 2


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_READERS, "sfmock-query")


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a query's result. `cursor` leads to the rest: a locator, a dash, the number of rows read so far."""

    total: int
    records: list[dict[str, Any]]
    cursor: str | None = None


@dataclass(slots=True)
class Cursor:
    """The rows of a query as they were when it ran."""

    locator: str
    user_id: str
    plan: Plan
    rows: Sequence[Row]
    born: float


class Queries:
    """Runs queries on one org's store."""

    def __init__(self, schema: Schema, store: Store, clock: Clock, *, seed: int = 0) -> None:
        self._schema = schema
        self._store = store
        self._clock = clock
        self._locators = IdSource("Kd0", first=1 + seed % 1000)
        self._plans: OrderedDict[tuple[str, bool], tuple[int, Plan]] = OrderedDict()
        self._cursors: OrderedDict[str, Cursor] = OrderedDict()
        self._lane = Lane(store.connection, Ground(clock))
        self._long: set[str] = set()

    def run(
        self,
        soql: str,
        *,
        user_id: str,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        time_zone: Callable[[], str] = str,
        short: bool = False,
    ) -> Page:
        """Run a query and return its first page. Raises ApiError with Salesforce's message.

        `time_zone` tells the name of the user's time zone. With `short`, TooLong is raised for a query that takes
        longer than some 20 ms.
        """
        lane = self._own_lane()
        lane.ground.become(user_id, time_zone)
        plan = self._plan(soql, all_rows)
        if short and plan.sql in self._long:
            raise TooLong
        try:
            rows = lane.fetch(plan, short=short)
        except TooLong:
            if len(self._long) == _CACHED:
                self._long.clear()
            self._long.add(plan.sql)
            raise
        return self._first(lane, plan, rows, size, base)

    async def run_aside(
        self,
        soql: str,
        *,
        user_id: str,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        time_zone: Callable[[], str] = str,
    ) -> Page:
        """Run a query as `run` does; one that takes long reads in a thread, from a snapshot, while others are served.

        Only a database in a file can be read so; one in memory is small.
        """
        aside = self._store.in_file and self._clock.mode != "virtual"
        try:
            return self.run(
                soql, user_id=user_id, all_rows=all_rows, size=size, base=base, time_zone=time_zone, short=aside
            )
        except TooLong:
            plan = self._plan(soql, all_rows)
        zone = time_zone()
        lane = Lane(self._store.reader(), Ground(self._clock, user_id, lambda: zone))
        try:
            rows = await asyncio.get_running_loop().run_in_executor(_readers(), lane.spool, plan)
            return self._first(lane, plan, rows, size, base)
        finally:
            lane.connection.close()

    def _first(self, lane: Lane, plan: Plan, rows: Sequence[Row], size: int, base: str) -> Page:
        if plan.count:
            return Page(rows[0][0], [])
        if plan.most is not None:
            if len(rows) > plan.most:
                raise errors.AGGREGATE_TOO_LARGE()
            return Page(len(rows), lane.build(plan, rows, base))
        if len(rows) <= size:
            return Page(len(rows), lane.build(plan, rows, base))
        cursor = Cursor(self._locators.take("01g"), lane.ground.user_id, plan, rows, self._clock.now())
        self._keep(cursor)
        return Page(len(rows), lane.build(plan, rows[:size], base), f"{cursor.locator}-{size}")

    def _own_lane(self) -> Lane:
        """Return the lane on the store's own connection, which changes when the database moves into a file."""
        if self._lane.connection is not self._store.connection:
            self._lane = Lane(self._store.connection, self._lane.ground)
        return self._lane

    def more(self, locator: str, *, user_id: str, size: int = 2000, base: str) -> Page:
        """Return the page at a locator. Raises INVALID_QUERY_LOCATOR for one that is unknown, foreign or too old."""
        name, _, offset = locator.partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or cursor.user_id != user_id or not offset.isdecimal() or len(offset) > 9:
            raise errors.INVALID_QUERY_LOCATOR()
        start = int(offset)
        if self._clock.now() - cursor.born > CURSOR_LIFE or start >= len(cursor.rows):
            raise errors.INVALID_QUERY_LOCATOR()
        rows = cursor.rows[start : start + size]
        end = start + len(rows)
        following = f"{name}-{end}" if end < len(cursor.rows) else None
        lane = self._own_lane()
        return Page(len(cursor.rows), lane.build(cursor.plan, rows, base), following)

    def read(
        self, sobject: SObject, ids: Sequence[str], fields: Sequence[str] | None, *, base: str
    ) -> list[dict[str, Any] | None]:
        """Return live records by 18-character id, in the order asked, None for those that are not there."""
        self._store.ready(sobject)
        key = ("read", None if fields is None else tuple(fields), self._schema.version)
        plan = sobject.memo.get(key)
        if not isinstance(plan, Plan):
            plan = read_plan(self._schema, self._store.ready, sobject, fields)
            if len(sobject.memo) < _MOST_READ_PLANS:
                sobject.memo[key] = plan
        build = plan.build
        assert build is not None
        if len(ids) == 1:
            row = self._store.connection.execute(plan.parameters[0], ids).fetchone()
            return [*build((row,), base, ())] if row else [None]
        rows = self._store.connection.execute(plan.sql, (orjson.dumps(list(ids)).decode(),)).fetchall()
        found = dict(zip((row[0] for row in rows), build(rows, base, ()), strict=True))
        return [found.get(identifier) for identifier in ids]

    def find(self, sobject: SObject, field: Field, value: str) -> list[str]:
        """Return the ids of the live records whose field has a value; text compares without case."""
        self._store.ready(sobject)
        column, wanted = quoted(field.name), value
        if field.folded:
            column, wanted = quoted(fold_column(field.name)), fold(value)
        elif field.type in TEXT_TYPES and not field.case_sensitive:
            column, wanted = f"sf_fold({column})", fold(value)
        rows = self._store.connection.execute(
            f'SELECT "Id" FROM {quoted(sobject.name)} WHERE {column} = ? AND "IsDeleted" = 0 ORDER BY "Id"',
            (wanted,),
        )
        return [row[0] for row in rows]

    # -- steps

    def _plan(self, soql: str, all_rows: bool) -> Plan:
        key = (soql, all_rows)
        known = self._plans.get(key)
        if known is not None and known[0] == self._schema.version:
            self._plans.move_to_end(key)
            plan = known[1]
            for sobject in plan.touched:
                self._store.ready(sobject)
            return plan
        plan = Binder(self._schema, self._store.ready).bind(soql, parse(soql), all_rows=all_rows)
        if len(soql) <= _LONGEST_CACHED:
            self._plans[key] = (self._schema.version, plan)
            if len(self._plans) > _CACHED:
                self._plans.popitem(last=False)
        return plan

    def _keep(self, cursor: Cursor) -> None:
        now = self._clock.now()
        for name in [name for name, one in self._cursors.items() if now - one.born > CURSOR_LIFE]:
            del self._cursors[name]
        own = [name for name, one in self._cursors.items() if one.user_id == cursor.user_id]
        for name in own[: max(0, len(own) - CURSORS_A_USER + 1)]:
            del self._cursors[name]
        self._cursors[cursor.locator] = cursor
