"""The one query path: text -> tree -> plan -> rows -> page of records."""

from __future__ import annotations

import re
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from mock_server.org import errors
from mock_server.org.clock import Clock, stamp
from mock_server.org.query import display
from mock_server.org.query.binder import FIELDS_SINCE, LEVELS_SINCE, ME, NEWEST, PARENTS, Binder, Plan, read_plan
from mock_server.org.query.cursors import Branch, Cursor, Cursors
from mock_server.org.query.dates import Calendar
from mock_server.org.query.grammar import parse
from mock_server.org.query.rows import Row
from mock_server.org.query.scope import Moment
from mock_server.org.records.store import Store, fold_column, quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import TEXT_TYPES, Field, SObject, fold

_BOUND = re.compile(r"too many|too large|too complex|at most|overflow|too big")
_CACHED = 500
_LONGEST_CACHED = 10_000
_MOST_READ_PLANS = 200


_UTC = ZoneInfo("UTC")


@lru_cache(600)
def zone_of(name: str) -> ZoneInfo:
    """Return a user's time zone; one that this machine does not know, or none, counts as UTC."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return _UTC


@dataclass(frozen=True, slots=True)
class Page:
    """Part of a query's result. `cursor` leads to the rest: a locator, a dash, the number of rows read so far."""

    total: int
    records: list[dict[str, Any]]
    cursor: str | None = None


class Queries:
    """Runs queries on one org's store."""

    def __init__(self, schema: Schema, store: Store, clock: Clock, *, seed: int = 0) -> None:
        self._schema = schema
        self._store = store
        self._clock = clock
        self._plans: OrderedDict[tuple[str, bool, bool, bool], tuple[int, Plan]] = OrderedDict()
        self._cursors = Cursors(clock, seed)
        self._user_id = ""
        self._zone_name: Callable[[], str] = str
        self._calendar: Calendar | None = None
        for name, count, function in display.functions(self._users_calendar):
            store.connection.create_function(name, count, function)

    def run(
        self,
        soql: str,
        *,
        user_id: str,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        time_zone: Callable[[], str] = str,
        version: int = NEWEST,
    ) -> Page:
        """Run a query and return its first page. Raises ApiError with Salesforce's message.

        `time_zone` tells the name of the user's time zone; it is asked only where a day or an hour matters.
        """
        self._start(user_id, time_zone)
        plan = self._plan(soql, all_rows, version)
        rows = self._fetch(plan)
        if plan.count:
            return Page(rows[0][0], [])
        if plan.most is not None:
            if len(rows) > plan.most:
                raise errors.AGGREGATE_TOO_LARGE()
            return Page(len(rows), self._build(plan, rows, base))
        if plan.purposes:
            self._note_reading(plan, rows)
        # All children are read with their parents: pages to come show what was there when the query ran.
        family = self._cursors.family(user_id)
        branches = [self._branch(child, rows) for child in plan.children]
        return self._page(Cursor(plan, rows, branches, family), 0, size, base)

    def more(self, locator: str, *, user_id: str, size: int = 2000, base: str) -> Page:
        """Return the page at a locator. Raises INVALID_QUERY_LOCATOR for one that is unknown, foreign or too old."""
        cursor, start = self._cursors.find(locator, user_id)
        return self._page(cursor, start, size, base)

    def records(
        self, plan: Plan, *, user_id: str, base: str, time_zone: Callable[[], str] = str
    ) -> list[dict[str, Any]]:
        """Return all records of a bound query without children."""
        self._start(user_id, time_zone)
        return self._build(plan, self._fetch(plan), base)

    def _page(self, cursor: Cursor, start: int, size: int, base: str) -> Page:
        rows, end = cursor.rows, start + size
        shown = rows if start == 0 and len(rows) <= size else rows[start:end]
        following = self._cursors.locator(cursor, end) if end < len(rows) else None
        return Page(len(rows), self._records(cursor, shown, size, base), following)

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

    def _start(self, user_id: str, time_zone: Callable[[], str]) -> None:
        self._user_id, self._zone_name, self._calendar = user_id, time_zone, None

    def _plan(self, soql: str, all_rows: bool, version: int = NEWEST) -> Plan:
        key = (soql, all_rows, version >= FIELDS_SINCE, version >= LEVELS_SINCE)
        known = self._plans.get(key)
        if known is not None and known[0] == self._schema.version:
            self._plans.move_to_end(key)
            plan = known[1]
            for sobject in plan.touched:
                self._store.ready(sobject)
            return plan
        plan = Binder(self._schema, self._store.ready, version).bind(soql, parse(soql), all_rows=all_rows)
        if len(soql) <= _LONGEST_CACHED:
            self._plans[key] = (self._schema.version, plan)
            if len(self._plans) > _CACHED:
                self._plans.popitem(last=False)
        return plan

    def _users_calendar(self) -> Calendar:
        if self._calendar is None:
            zone = zone_of(self._zone_name())
            today = datetime.fromtimestamp(self._clock.now(), zone).date()
            self._calendar = Calendar(today, zone, *self._fiscal_year())
        return self._calendar

    def _fiscal_year(self) -> tuple[int, bool]:
        """Return the month in which the org's fiscal year begins, and whether it is named by where it begins."""
        organization = self._schema.get("Organization")
        if organization is None or not self._store.exists(organization):
            return 1, True
        sql = 'SELECT "FiscalYearStartMonth", "UsesStartDateAsFiscalYearName" FROM "Organization"'
        month, by_start = self._store.connection.execute(sql).fetchone() or (1, 1)
        return month if month in range(1, 13) else 1, bool(by_start)

    def _arguments(self, plan: Plan) -> list[Any]:
        if not plan.variable:
            return list(plan.parameters)
        given = [self._user_id if value is ME else value for value in plan.parameters]
        return [value.of(self._users_calendar()) if isinstance(value, Moment) else value for value in given]

    def _fetch(self, plan: Plan) -> list[Row]:
        try:
            return self._store.connection.execute(plan.sql, self._arguments(plan)).fetchall()
        except sqlite3.OperationalError as error:
            if not _BOUND.search(str(error)):
                raise
            # SQLite's bounds on joins, columns and expressions lie beyond Salesforce's own.
            raise errors.QUERY_TOO_COMPLICATED() from None

    def _build(self, plan: Plan, rows: Sequence[Row], base: str) -> list[dict[str, Any]]:
        build = plan.build
        assert build is not None
        return build(rows, base, ())

    def _branch(self, plan: Plan, parents: Sequence[Row]) -> Branch:
        """Fetch the children of records in one statement, and theirs in one more."""
        ids = orjson.dumps([row[0] for row in parents]).decode()
        arguments = [ids if one is PARENTS else one for one in self._arguments(plan)]
        rows = self._store.connection.execute(plan.sql, arguments).fetchall()
        by_parent: dict[str, list[Row]] = {}
        for row in rows:
            by_parent.setdefault(row[plan.parent_column], []).append(row)
        return Branch(plan, by_parent, [self._branch(child, rows) for child in plan.children])

    def _records(self, cursor: Cursor, rows: Sequence[Row], size: int, base: str) -> list[dict[str, Any]]:
        build = cursor.plan.build
        assert build is not None
        return build(rows, base, [self._children(cursor, branch, rows, size, base) for branch in cursor.branches])

    def _children(
        self, cursor: Cursor, branch: Branch, parents: Sequence[Row], size: int, base: str
    ) -> Mapping[str, Any]:
        """Return the answer's form of each parent's children by its id. More than a page's have a locator."""
        plan, out, shown = branch.plan, {}, []
        for parent in parents:
            rows = branch.rows.get(parent[0])
            if rows is None:
                continue
            listed: dict[str, Any] = {"totalSize": len(rows), "done": len(rows) <= size}
            if len(rows) > size:
                own = Cursor(plan, rows, branch.branches, cursor.family)
                listed["nextRecordsUrl"] = f"{base.removesuffix('sobjects')}query/{self._cursors.locator(own, size)}"
                rows = rows[:size]
            listed["records"] = rows
            shown += rows
            out[parent[0]] = listed
        build = plan.build
        assert build is not None
        nested = [self._children(cursor, one, shown, size, base) for one in branch.branches]
        records = iter(build(shown, base, nested))
        for listed in out.values():
            listed["records"] = [next(records) for _ in listed["records"]]
        return out

    def _note_reading(self, plan: Plan, rows: Sequence[Row]) -> None:
        """Note when records were last viewed or referred to, for recent items. That is no change of the records."""
        columns = [
            name
            for word, name in (("VIEW", "LastViewedDate"), ("REFERENCE", "LastReferencedDate"))
            if plan.purposes & {word, "VIEW"} and name in plan.sobject.by_name
        ]
        if not columns:
            return
        now = stamp(self._clock.now())
        ids = orjson.dumps([row[0] for row in rows]).decode()
        pairs = ", ".join(f"{quoted(name)} = ?" for name in columns)
        sql = f'UPDATE {quoted(plan.sobject.name)} SET {pairs} WHERE "Id" IN (SELECT value FROM json_each(?))'
        self._store.connection.execute(sql, [*([now] * len(columns)), ids])
