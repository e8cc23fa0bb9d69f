"""The one query path: text -> tree -> plan -> rows -> page of records, and cursors over what is left."""

from __future__ import annotations

import re
import sqlite3
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

from mock_server.org import errors
from mock_server.org.clock import Clock
from mock_server.org.formula.columns import functions as formulas
from mock_server.org.ids import IdSource
from mock_server.org.query import display
from mock_server.org.query.binder import ME, PARENTS, Binder, Plan, read_plan
from mock_server.org.query.grammar import parse
from mock_server.org.query.rows import Row
from mock_server.org.query.scope import Moment
from mock_server.org.records.store import Store, fold_column, quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import TEXT_TYPES, Field, SObject, fold
from mock_server.org.zones import zone_of

if TYPE_CHECKING:
    from mock_server.org.formula.environment import Environment

CURSOR_LIFE = 2 * 86_400.0
"""Seconds a cursor lives (API Query Cursor Limits)."""
CURSORS_A_USER = 10
_BOUND = re.compile(r"too many|too large|too complex|at most|overflow|too big")
_CACHED = 500
_LONGEST_CACHED = 10_000
_MOST_READ_PLANS = 200


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
    rows: list[Row]
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
        self._user_id = ""
        self._zone_name: Callable[[], str] = str
        self._zone: ZoneInfo | None = None
        self._environment: Environment | None = None
        for name, count, function in (*display.functions(self._users_zone), *formulas(schema, self._asked)):
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
    ) -> Page:
        """Run a query and return its first page. Raises ApiError with Salesforce's message.

        `time_zone` tells the name of the user's time zone; it is asked only where a day or an hour matters.
        """
        self._zone_name, self._zone = time_zone, None
        self._ask_for(user_id)
        plan = self._plan(soql, all_rows)
        rows = self._fetch(plan)
        if plan.count:
            return Page(rows[0][0], [])
        if plan.most is not None:
            if len(rows) > plan.most:
                raise errors.AGGREGATE_TOO_LARGE()
            return Page(len(rows), self._build(plan, rows, base))
        if len(rows) <= size:
            return Page(len(rows), self._build(plan, rows, base))
        cursor = Cursor(self._locators.take("01g"), user_id, plan, rows, self._clock.now())
        self._keep(cursor)
        return Page(len(rows), self._build(plan, rows[:size], base), f"{cursor.locator}-{size}")

    def more(self, locator: str, *, user_id: str, size: int = 2000, base: str) -> Page:
        """Return the page at a locator. Raises INVALID_QUERY_LOCATOR for one that is unknown, foreign or too old."""
        name, _, offset = locator.partition("-")
        cursor = self._cursors.get(name)
        if cursor is None or cursor.user_id != user_id or not offset.isdecimal() or len(offset) > 9:
            raise errors.INVALID_QUERY_LOCATOR()
        start = int(offset)
        if self._clock.now() - cursor.born > CURSOR_LIFE or start >= len(cursor.rows):
            raise errors.INVALID_QUERY_LOCATOR()
        self._ask_for(user_id)
        rows = cursor.rows[start : start + size]
        end = start + len(rows)
        following = f"{name}-{end}" if end < len(cursor.rows) else None
        return Page(len(cursor.rows), self._build(cursor.plan, rows, base), following)

    def read(
        self, sobject: SObject, ids: Sequence[str], fields: Sequence[str] | None, *, base: str, user_id: str = ""
    ) -> list[dict[str, Any] | None]:
        """Return live records by 18-character id, in the order asked, None for those that are not there."""
        self._ask_for(user_id)
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

    def _ask_for(self, user_id: str) -> None:
        """Note who asks; the moment counts as that of the first formula."""
        self._user_id, self._environment = user_id, None

    def _asked(self) -> Environment:
        if self._environment is None:
            from mock_server.org.formula.environment import Environment

            self._environment = Environment(self._schema, self._store, self._user_id, self._clock.now())
        return self._environment

    def _users_zone(self) -> ZoneInfo:
        if self._zone is None:
            self._zone = zone_of(self._zone_name())
        return self._zone

    def _arguments(self, plan: Plan) -> list[Any]:
        if not plan.variable:
            return list(plan.parameters)
        zone = self._users_zone()
        today = datetime.fromtimestamp(self._clock.now(), zone).date()
        given = [self._user_id if value is ME else value for value in plan.parameters]
        return [value.of(today, zone) if isinstance(value, Moment) else value for value in given]

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
        return build(rows, base, [self._children(child, rows, base) for child in plan.children])

    def _children(self, plan: Plan, parents: Sequence[Row], base: str) -> Mapping[str, Any]:
        """Fetch the children of a page's records in one statement; return the answer's form by parent id."""
        build = plan.build
        assert build is not None
        ids = orjson.dumps([row[0] for row in parents]).decode()
        arguments = [ids if one is PARENTS else one for one in self._arguments(plan)]
        out: dict[str, dict[str, Any]] = {}
        rows = self._store.connection.execute(plan.sql, arguments).fetchall()
        nested = [self._children(child, rows, base) for child in plan.children]
        for row, record in zip(rows, build(rows, base, nested), strict=True):
            listed = out.setdefault(row[plan.parent_column], {"totalSize": 0, "done": True, "records": []})
            listed["totalSize"] += 1
            listed["records"].append(record)
        return out

    def _keep(self, cursor: Cursor) -> None:
        now = self._clock.now()
        for name in [name for name, one in self._cursors.items() if now - one.born > CURSOR_LIFE]:
            del self._cursors[name]
        own = [name for name, one in self._cursors.items() if one.user_id == cursor.user_id]
        for name in own[: max(0, len(own) - CURSORS_A_USER + 1)]:
            del self._cursors[name]
        self._cursors[cursor.locator] = cursor
