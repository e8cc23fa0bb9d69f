"""The one query path: text -> tree -> plan -> rows -> page of records."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.clock import Clock, stamp
from mock_server.org.courtesy import give_way
from mock_server.org.query import explain, extracts
from mock_server.org.query.binder import FIELDS_SINCE, LEVELS_SINCE, NEWEST, Binder, read_plan
from mock_server.org.query.columns import describe_columns
from mock_server.org.query.cursors import Cursor, Cursors
from mock_server.org.query.derived import Wanted
from mock_server.org.query.extracts import Form, Part
from mock_server.org.query.grammar import parse
from mock_server.org.query.pages import Page, Pages
from mock_server.org.query.plan import Plan
from mock_server.org.query.recent import note_reading, note_viewed
from mock_server.org.query.rows import Row
from mock_server.org.query.running import Ground, Lane, TooLong
from mock_server.org.query.syntax import Query, within
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column, quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import TEXT_TYPES, Field, SObject, fold

if TYPE_CHECKING:
    from sqlite3 import Connection

    from mock_server.org.formula.environment import Environment
    from mock_server.org.reflection.filling import Reflection

_CACHED = 500
_LONGEST_CACHED = 10_000
_MOST_READ_PLANS = 200
_READERS = 2
_PART_ROWS = 1000
_BRIEF = 1
"""Steps after which an extract goes aside: writing its rows takes longer than steps tell."""
_MOST_WITH_CHILDREN = 20_000
"""Records of a result whose children are all read at once, so that pages to come show what was there at first."""


class Underived(Exception):
    """A query may want so much of the schema as rows that others should be served meanwhile."""

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.wanted = wanted


@cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_READERS, "sfmock-query")


class Queries:
    """Runs queries on one org's store."""

    def __init__(self, schema: Schema, store: Store, clock: Clock, *, seed: int = 0) -> None:
        self._schema = schema
        self._store = store
        self._clock = clock
        # What a user sees belongs to the key: a plan has its conditions built in.
        self._plans: OrderedDict[tuple[str, bool, bool, bool, Schema | None], tuple[int, Plan]] = OrderedDict()
        self._cursors = Cursors(clock, seed)
        self._pages = Pages(self._cursors)
        self.live: dict[str, Callable[[], None]] = {}
        """By object whose records change by themselves: writes them as they are now."""
        self._lane = Lane(store.connection, Ground(clock, self._environment), schema)
        self._long: set[str] = set()
        self._reflection: Reflection | None = None
        self.lock_rows: Callable[[Sequence[str]], None] = lambda ids: None
        """Raises LockHeld when others hold the records of a query FOR UPDATE; the org sets it."""

    def run(
        self,
        soql: str,
        *,
        user_id: str,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        time_zone: Callable[[], str] = str,
        schema: Schema | None = None,
        version: int = NEWEST,
    ) -> Page:
        """Run a query and return its first page. Raises ApiError with Salesforce's message.

        `schema` is what the user sees of the org's, by default all.
        `time_zone` tells the name of the user's time zone.
        """
        lane = self._lane_of(user_id, time_zone)
        plan = self._plan(soql, all_rows, version, schema)
        return self._first(lane, plan, self._rows(lane, plan, schema), size, base)

    async def run_aside(
        self,
        soql: str,
        *,
        user_id: str,
        all_rows: bool = False,
        size: int = 2000,
        base: str,
        time_zone: Callable[[], str] = str,
        schema: Schema | None = None,
        version: int = NEWEST,
    ) -> Page:
        """Run a query as `run` does; one that takes long reads in a thread, from a snapshot, while others are served.

        Only a database in a file can be read so; one in memory is small.
        """
        lane = self._lane_of(user_id, time_zone)
        plan = self._plan(soql, all_rows, version, schema)
        try:
            aside = self._store.in_file and self._clock.mode != "virtual"
            rows = self._rows(lane, plan, schema, short=aside, at_once=False)
        except Underived as lacking:
            for _ in self._reflected().steps(lacking.wanted, schema or self._schema, user_id):
                await give_way()
            # Meanwhile others have asked, and the schema may have changed.
            lane = self._lane_of(user_id, time_zone)
            plan = self._plan(soql, all_rows, version, schema)
            rows = self._rows(lane, plan, schema)
        except TooLong:
            return await self._aside(plan, user_id, time_zone(), size, base)
        return self._first(lane, plan, rows, size, base)

    async def _aside(self, plan: Plan, user_id: str, zone: str, size: int, base: str) -> Page:
        reader = self._store.reader()
        ground = Ground(self._clock, lambda user: self._environment(user, reader), user_id, lambda: zone)
        lane = Lane(reader, ground, self._schema)
        # The snapshot is of now, not of when a thread is free; children are read from it, too.
        reader.execute("BEGIN")
        reader.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        reading = _readers().submit(lane.spool, plan)
        try:
            return self._first(lane, plan, await asyncio.wrap_future(reading), size, base)
        finally:
            # Where nobody waits for it any more, the end of the process would.
            lane.given_up = True
            reading.add_done_callback(lambda _: reader.close())

    def _rows(
        self, lane: Lane, plan: Plan, schema: Schema | None, *, short: bool = False, at_once: bool = True
    ) -> Sequence[Row]:
        """Fetch the rows of a plan for the user of the lane.

        With `short`, TooLong is raised for a query that takes longer than some 20 ms; unless all is to be done
        `at_once`, Underived for one that wants the whole schema.
        """
        if plan.sobject.name in self.live:
            self.live[plan.sobject.name]()
        if plan.wanted is not None:
            if not at_once and plan.wanted.entities is None:
                raise Underived(plan.wanted)
            # What is derived lies in tables of this connection: no other one sees them.
            self._derive(plan.wanted, schema, lane.ground.user_id)
            short = False
        if short and plan.sql in self._long:
            raise TooLong
        try:
            return lane.fetch(plan, short=short)
        except TooLong:
            if len(self._long) == _CACHED:
                self._long.clear()
            self._long.add(plan.sql)
            raise

    def become(self, user_id: str, time_zone: Callable[[], str]) -> None:
        """Ask in a user's name what follows at once."""
        self._lane_of(user_id, time_zone)

    def plan(
        self,
        soql: str,
        *,
        all_rows: bool = False,
        version: int = NEWEST,
        schema: Schema | None = None,
        between: tuple[str, str | None] | None = None,
    ) -> Plan:
        """Return the plan of a query whose rows are to be extracted; of those alone `between` two ids, where they are.

        The first of the two is in, the other one (None: there is none) is out. Raises ApiError as `run` does.
        """
        if between is None:
            return self._plan(soql, all_rows, version, schema)
        query = within(parse(soql), *between)
        return Binder(schema or self._schema, self._store.ready, version).bind(soql, query, all_rows=all_rows)

    async def extract(
        self, plan: Plan, form: Form, *, user_id: str, time_zone: Callable[[], str] = str, schema: Schema | None = None
    ) -> AsyncIterator[Part]:
        """Yield all rows of a plan as a form writes them, those of one moment, letting others be served meanwhile."""
        lane = self._lane_of(user_id, time_zone)
        extracts.prepare(lane.connection)
        if plan.sobject.name in self.live:
            self.live[plan.sobject.name]()
        short = replace(plan, sql=extracts.selecting(plan, form))
        if plan.wanted is not None:
            for _ in self._reflected().steps(plan.wanted, schema or self._schema, user_id):
                await give_way()
            lane.ground.become(user_id, time_zone)
        try:
            rows = lane.fetch(short, short=plan.wanted is None, most=_BRIEF)
        except TooLong:
            pass
        else:
            for start in range(0, len(rows), _PART_ROWS):
                some = rows[start : start + _PART_ROWS]
                yield Part(len(some), form.write(plan, some), len(rows))
            return
        zone = time_zone()
        reader = self._store.snapshot()
        ground = Ground(self._clock, lambda user: self._environment(user, reader), user_id, lambda: zone)
        own = Lane(reader, ground, self._schema)
        extract = extracts.Extract(own, plan, form)
        # A virtual clock knows of no threads: it would move on while one works.
        async for part in extracts.parts(extract, own, aside=self._clock.mode != "virtual"):
            yield part

    def _first(self, lane: Lane, plan: Plan, rows: Sequence[Row], size: int, base: str) -> Page:
        if plan.count:
            return Page(rows[0][0], [])
        if plan.most is not None:
            if len(rows) > plan.most:
                raise errors.AGGREGATE_TOO_LARGE()
            return Page(len(rows), lane.build(plan, rows, base))
        if plan.single and len(rows) > 1:
            raise errors.MORE_THAN_ONE_ROW(count=len(rows))
        if plan.sobject.anonymous and len(rows) > size:
            raise errors.NO_QUERY_MORE(sobject=plan.sobject.name)
        locked = tuple(row[0] for row in rows) if "UPDATE" in plan.purposes else ()
        if locked:
            self.lock_rows(locked)
        if plan.purposes:
            note_reading(self._store, self._schema.get("RecentlyViewed"), plan, rows, stamp(self._clock.now()))
        if len(rows) <= size and not plan.children:
            return Page(len(rows), lane.build(plan, rows, base), locked=locked)
        branches = None
        if len(rows) <= max(size, _MOST_WITH_CHILDREN):
            branches = [lane.branch(child, rows) for child in plan.children]
        cursor = Cursor(plan, rows, branches, self._cursors.family(lane.ground.user_id))
        page = self._pages.page(lane, cursor, 0, size, base)
        return replace(page, locked=locked) if locked else page

    def _lane_of(self, user_id: str, time_zone: Callable[[], str]) -> Lane:
        """Return the lane on the store's own connection, which asks in a user's name from now on."""
        if self._lane.connection is not self._store.connection:
            # It changes when the database moves into a file.
            self._lane = Lane(self._store.connection, self._lane.ground, self._schema)
        self._lane.ground.become(user_id, time_zone)
        return self._lane

    def _environment(self, user_id: str, reader: Connection | None = None) -> Environment:
        """Return what formulas know of a user and the moment."""
        from mock_server.org.formula.environment import Environment

        return Environment(self._schema, self._store, user_id, self._clock.now(), reader)

    def more(self, locator: str, *, user_id: str, size: int = 2000, base: str) -> Page:
        """Return the page at a locator. Raises INVALID_QUERY_LOCATOR for one that is unknown, foreign or too old."""
        cursor, start = self._cursors.find(locator, user_id)
        lane = self._lane_of(user_id, str)
        return self._pages.page(lane, cursor, start, size, base)

    def explain(
        self,
        soql: str,
        *,
        user_id: str,
        time_zone: Callable[[], str] = str,
        version: int = NEWEST,
        schema: Schema | None = None,
    ) -> list[dict[str, Any]]:
        """Return the plans of a query, the best first; it is bound, not run. Raises ApiError as `run` does."""
        lane = self._lane_of(user_id, time_zone)
        query = parse(soql)
        seen = schema or self._schema
        sobject = Binder(seen, self._store.ready, version).bind(soql, query, all_rows=False).sobject

        def count(counting: Query) -> int:
            plan = Binder(seen, self._store.ready).bind(soql, counting, all_rows=False)
            if plan.wanted is not None:
                self._derive(plan.wanted, schema, user_id)
            return int(lane.fetch(plan)[0][0])

        return explain.plans(sobject, query, count)

    def columns(self, soql: str, *, schema: Schema | None = None, version: int = NEWEST) -> dict[str, Any]:
        """Return what the columns of a query are; it is bound, not run. Raises ApiError as `run` does."""
        query, seen = parse(soql), schema or self._schema
        Binder(seen, self._store.ready, version).bind(soql, query, all_rows=False)
        return describe_columns(seen, self._store.ready, soql, query)

    def records(
        self, plan: Plan, *, user_id: str, base: str, time_zone: Callable[[], str] = str
    ) -> list[dict[str, Any]]:
        """Return all records of a bound query without children."""
        lane = self._lane_of(user_id, time_zone)
        return lane.build(plan, lane.fetch(plan), base)

    def note_viewed(self, sobject: SObject, ids: Sequence[str]) -> None:
        """Put records into the list of recent items."""
        note_viewed(self._store, self._schema.get("RecentlyViewed"), sobject, ids, stamp(self._clock.now()))

    def read(
        self,
        sobject: SObject,
        ids: Sequence[str],
        fields: Sequence[str] | None,
        *,
        base: str,
        schema: Schema | None = None,
        user_id: str = "",
    ) -> list[dict[str, Any] | None]:
        """Return live records by 18-character id, in the order asked, None for those that are not there.

        `sobject` and `schema` are what the user sees of them.
        """
        self._lane_of(user_id, str)
        self._store.ready(sobject)
        if sobject.name in self.live:
            self.live[sobject.name]()
        if sobject.derived:
            # Only durable ids tell of which object they are.
            about = frozenset(one.partition(".")[0] for one in ids) if sobject.anonymous else None
            self._derive(Wanted(frozenset([sobject.name]), about), schema, user_id)
        plans: dict[object, Plan] = sobject.memo.setdefault("read", {})  # type: ignore[assignment]
        key = (None if fields is None else tuple(fields), self._schema.version)
        plan = plans.get(key)
        if plan is None:
            plan = read_plan(schema or self._schema, self._store.ready, sobject, fields)
            if len(plans) == _MOST_READ_PLANS:
                # Orgs that are gone may have shared the object.
                del plans[next(iter(plans))]
            plans[key] = plan
        build = plan.build
        assert build is not None
        if len(ids) == 1:
            row = self._store.connection.execute(plan.parameters[0], ids).fetchone()
            return [*build((row,), base, ())] if row else [None]
        rows = self._store.connection.execute(plan.sql, (orjson.dumps(list(ids)).decode(),)).fetchall()
        found = dict(zip((row[0] for row in rows), build(rows, base, ()), strict=True))
        return [found.get(identifier) for identifier in ids]

    def find(self, sobject: SObject, field: Field, value: Any, *, schema: Schema | None = None) -> list[str]:
        """Return the ids of the live records whose field has a value; text compares without case.

        Of those alone that are seen by the user whose `schema` is given.
        """
        self._store.ready(sobject)
        column, wanted = quoted(field.name), value
        if field.folded:
            column, wanted = quoted(fold_column(field.name)), fold(value)
        elif field.type in TEXT_TYPES and not field.case_sensitive:
            column, wanted = f"sf_fold({column})", fold(value)
        seen = schema.rows(sobject, "t0", self._store.ready) if schema is not None else None
        also = f" AND {seen}" if seen is not None else ""
        rows = self._store.connection.execute(
            f'SELECT "Id" FROM {quoted(sobject.name)} t0 WHERE {column} = ? AND "IsDeleted" = 0{also} ORDER BY "Id"',
            (wanted,),
        )
        return [row[0] for row in rows]

    # -- steps

    def _derive(self, wanted: Wanted, schema: Schema | None, user_id: str) -> None:
        """Have the rows of derived objects ready that a query wants."""
        self._reflected().prepare(wanted, schema or self._schema, user_id)

    def _reflected(self) -> Reflection:
        if self._reflection is None:
            from mock_server.org.reflection.filling import Reflection

            self._reflection = Reflection(self._store)
        return self._reflection

    def _plan(self, soql: str, all_rows: bool, version: int = NEWEST, schema: Schema | None = None) -> Plan:
        key = (soql, all_rows, version >= FIELDS_SINCE, version >= LEVELS_SINCE, schema)
        known = self._plans.get(key)
        if known is not None and known[0] == self._schema.version:
            self._plans.move_to_end(key)
            plan = known[1]
            for sobject in plan.touched:
                self._store.ready(sobject)
            return plan
        plan = Binder(schema or self._schema, self._store.ready, version).bind(soql, parse(soql), all_rows=all_rows)
        if len(soql) <= _LONGEST_CACHED:
            self._plans[key] = (self._schema.version, plan)
            if len(self._plans) > _CACHED:
                self._plans.popitem(last=False)
        return plan
