"""A query on its way: whose it is, the connection it runs on, and its rows."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.clock import Clock
from mock_server.org.formula.columns import functions as formulas
from mock_server.org.query import display
from mock_server.org.query.cursors import Branch
from mock_server.org.query.dates import Calendar
from mock_server.org.query.plan import ME, PARENTS, Plan
from mock_server.org.query.rows import Row
from mock_server.org.query.scope import Moment
from mock_server.org.query.spool import Spool
from mock_server.org.schema import Schema
from mock_server.org.zones import zone_of

if TYPE_CHECKING:
    from mock_server.org.formula.environment import Environment

_BOUNDS = ("too many", "too large", "too complex", "at most", "overflow", "too big")
"""How SQLite names bounds of its own."""
_STEPS = 50_000
_SHORT = 10
"""A short query takes at most this many times `_STEPS` of SQLite's instructions: some 20 ms."""
_FORMULA = 20
"""How many times as long a step may take on the average where formulas are worked out."""
_IN_MEMORY = 20_000


class TooLong(Exception):
    """A query that was to be short is not; nothing of it was kept."""


@dataclass(slots=True)
class Ground:
    """Who runs a query, and when. `zone_name` is asked only where a day or an hour matters."""

    clock: Clock
    environment_of: Callable[[str], Environment]
    """Returns what formulas know of a user now."""
    user_id: str = ""
    zone_name: Callable[[], str] = str
    _calendar: Calendar | None = field(default=None, init=False)
    _environment: Environment | None = field(default=None, init=False)

    def become(self, user_id: str, zone_name: Callable[[], str]) -> None:
        """Be the ground of the next query."""
        self.user_id, self.zone_name, self._calendar, self._environment = user_id, zone_name, None, None

    def calendar(self, connection: sqlite3.Connection) -> Calendar:
        """Return the user's day and the org's fiscal year, which its Organization record tells."""
        if self._calendar is None:
            zone = zone_of(self.zone_name())
            today = datetime.fromtimestamp(self.clock.now(), zone).date()
            self._calendar = Calendar(today, zone, *_fiscal_year(connection))
        return self._calendar

    def environment(self) -> Environment:
        """Return what formulas know besides records: the same for a whole query."""
        if self._environment is None:
            self._environment = self.environment_of(self.user_id)
        return self._environment


def _fiscal_year(connection: sqlite3.Connection) -> tuple[int, bool]:
    """Return the month in which a fiscal year begins, and whether it is named by the year it begins in."""
    sql = 'SELECT "FiscalYearStartMonth", "UsesStartDateAsFiscalYearName" FROM "Organization"'
    try:
        month, by_start = connection.execute(sql).fetchone() or (1, 1)
    except sqlite3.OperationalError:
        # An org in which nothing was ever seeded has no such table.
        return 1, True
    return month if month in range(1, 13) else 1, bool(by_start)


class Lane:
    """One connection on which one query runs at a time; its SQL functions stand on `ground`."""

    def __init__(self, connection: sqlite3.Connection, ground: Ground, schema: Schema) -> None:
        self.connection = connection
        self.ground = ground
        self.given_up = False
        """Whether nobody waits any more for what is spooled; another thread may say so."""
        shown = display.functions(lambda: ground.calendar(connection))
        for name, count, function in (*shown, *formulas(schema, ground.environment)):
            connection.create_function(name, count, function)

    def fetch(self, plan: Plan, *, short: bool = False, most: int | None = None) -> list[Row]:
        """Return all rows of a plan. Raises TooLong when it was to be `short`: to take at most so many steps."""
        most = _SHORT if most is None else most
        if not short:
            return self._execute(plan, self.arguments(plan)).fetchall()
        calls = 0

        def count() -> bool:
            nonlocal calls
            calls += 1
            return calls > most

        self.connection.set_progress_handler(count, _STEPS // _FORMULA if "sf_formula" in plan.sql else _STEPS)
        try:
            return self._execute(plan, self.arguments(plan)).fetchall()
        except sqlite3.OperationalError:
            # What a formula looks up for itself may be what was interrupted.
            if calls > most:
                raise TooLong from None
            raise
        finally:
            self.connection.set_progress_handler(None, 0)

    def spool(self, plan: Plan) -> Sequence[Row]:
        """Return all rows of a plan; many of them lie in a file. Once it is given up it raises OperationalError."""
        self.connection.set_progress_handler(lambda: self.given_up, _STEPS)
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
        """Return the records of rows without children."""
        build = plan.build
        assert build is not None
        return build(rows, base, ())

    def arguments(self, plan: Plan) -> list[Any]:
        if not plan.variable:
            return list(plan.parameters)
        ground = self.ground
        given = [ground.user_id if value is ME else value for value in plan.parameters]
        return [value.of(ground.calendar(self.connection)) if isinstance(value, Moment) else value for value in given]

    def _execute(self, plan: Plan, arguments: Sequence[Any]) -> sqlite3.Cursor:
        try:
            return self.connection.execute(plan.sql, arguments)
        except sqlite3.OperationalError as error:
            if not any(bound in str(error) for bound in _BOUNDS):
                raise
            # SQLite's bounds on joins, columns and expressions lie beyond Salesforce's own.
            raise errors.QUERY_TOO_COMPLICATED() from None

    def branch(self, plan: Plan, parents: Sequence[Row]) -> Branch:
        """Fetch the children of records in one statement, and theirs in one more."""
        ids = orjson.dumps([row[0] for row in parents]).decode()
        rows = self._execute(plan, [ids if one is PARENTS else one for one in self.arguments(plan)]).fetchall()
        by_parent: dict[str, list[Row]] = {}
        for row in rows:
            by_parent.setdefault(row[plan.parent_column], []).append(row)
        return Branch(plan, by_parent, [self.branch(child, rows) for child in plan.children])
