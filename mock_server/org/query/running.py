"""A query on its way: whose it is, the connection it runs on, and its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import orjson

from mock_server.org import errors
from mock_server.org.clock import Clock
from mock_server.org.query import display
from mock_server.org.query.binder import ME, PARENTS, Plan
from mock_server.org.query.rows import Row
from mock_server.org.query.scope import Moment
from mock_server.org.query.spool import Spool

_BOUNDS = ("too many", "too large", "too complex", "at most", "overflow", "too big")
"""How SQLite names bounds of its own."""
_STEPS = 50_000
_SHORT = 10
"""A short query takes at most this many times `_STEPS` of SQLite's instructions: some 20 ms."""
_IN_MEMORY = 20_000
_UTC = ZoneInfo("UTC")


class TooLong(Exception):
    """A query that was to be short is not; nothing of it was kept."""


@lru_cache(600)
def zone_of(name: str) -> ZoneInfo:
    """Return a user's time zone; one that this machine does not know, or none, counts as UTC."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return _UTC


@dataclass(slots=True)
class Ground:
    """Who runs a query, and when. `zone_name` is asked only where a day or an hour matters."""

    clock: Clock
    user_id: str = ""
    zone_name: Callable[[], str] = str
    _zone: ZoneInfo | None = field(default=None, init=False)

    def become(self, user_id: str, zone_name: Callable[[], str]) -> None:
        """Be the ground of the next query."""
        self.user_id, self.zone_name, self._zone = user_id, zone_name, None

    def zone(self) -> ZoneInfo:
        if self._zone is None:
            self._zone = zone_of(self.zone_name())
        return self._zone

    def today(self) -> date:
        """Return the user's day."""
        return datetime.fromtimestamp(self.clock.now(), self.zone()).date()


class Lane:
    """One connection on which one query runs at a time; its SQL functions stand on `ground`."""

    def __init__(self, connection: sqlite3.Connection, ground: Ground) -> None:
        self.connection = connection
        self.ground = ground
        for name, count, function in display.functions(ground.zone):
            connection.create_function(name, count, function)

    def fetch(self, plan: Plan, *, short: bool = False) -> list[Row]:
        """Return all rows of a plan. Raises TooLong when it was to be `short`."""
        if not short:
            return self._execute(plan, self.arguments(plan)).fetchall()
        calls = 0

        def count() -> bool:
            nonlocal calls
            calls += 1
            return calls > _SHORT

        self.connection.set_progress_handler(count, _STEPS)
        try:
            return self._execute(plan, self.arguments(plan)).fetchall()
        except sqlite3.OperationalError as error:
            if str(error) == "interrupted":
                raise TooLong from None
            raise
        finally:
            self.connection.set_progress_handler(None, 0)

    def spool(self, plan: Plan) -> Sequence[Row]:
        """Return all rows of a plan; many of them lie in a file."""
        cursor = self._execute(plan, self.arguments(plan))
        rows: list[Row] = cursor.fetchmany(_IN_MEMORY)
        if plan.most is not None or len(rows) < _IN_MEMORY:
            return rows
        spool = Spool()
        while rows:
            spool.add(rows)
            rows = cursor.fetchmany(Spool.BLOCK)
        return spool

    def build(self, plan: Plan, rows: Sequence[Row], base: str) -> list[dict[str, Any]]:
        """Return the records of rows, with those of child subqueries."""
        build = plan.build
        assert build is not None
        return build(rows, base, [self._children(child, rows, base) for child in plan.children])

    def arguments(self, plan: Plan) -> list[Any]:
        if not plan.variable:
            return list(plan.parameters)
        ground = self.ground
        zone, today = ground.zone(), ground.today()
        given = [ground.user_id if value is ME else value for value in plan.parameters]
        return [value.of(today, zone) if isinstance(value, Moment) else value for value in given]

    def _execute(self, plan: Plan, arguments: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self.connection.execute(plan.sql, arguments)
        except sqlite3.OperationalError as error:
            if not any(bound in str(error) for bound in _BOUNDS):
                raise
            # SQLite's bounds on joins, columns and expressions lie beyond Salesforce's own.
            raise errors.QUERY_TOO_COMPLICATED() from None

    def _children(self, plan: Plan, parents: Sequence[Row], base: str) -> Mapping[str, Any]:
        """Fetch the children of a page's records in one statement; return the answer's form by parent id."""
        build = plan.build
        assert build is not None
        ids = orjson.dumps([row[0] for row in parents]).decode()
        arguments = [ids if one is PARENTS else one for one in self.arguments(plan)]
        out: dict[str, dict[str, Any]] = {}
        rows = self._execute(plan, arguments).fetchall()
        nested = [self._children(child, rows, base) for child in plan.children]
        for row, record in zip(rows, build(rows, base, nested), strict=True):
            listed = out.setdefault(row[plan.parent_column], {"totalSize": 0, "done": True, "records": []})
            listed["totalSize"] += 1
            listed["records"].append(record)
        return out
