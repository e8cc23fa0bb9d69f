"""The one write pipeline: every save of every protocol takes these steps, up to 200 rows at a time.

`steps.py` has those before the write, which touch nothing in the database: a chunk that must be refused whole has
nothing to undo. The write itself is one transaction, with all that follows from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.approvals.processes import Approvals
from mock_server.org.automation.attempts import Attempts
from mock_server.org.automation.hooks import Automation
from mock_server.org.automation.inner import Query
from mock_server.org.automation.running import hooked, run_hooks
from mock_server.org.clock import Clock
from mock_server.org.formula.columns import functions
from mock_server.org.identity.access import Access
from mock_server.org.identity.permissions import Permissions
from mock_server.org.ids import IdSource
from mock_server.org.records.blocks import Blocks
from mock_server.org.records.changes import CHUNK, Change, LockHeld, RowResult
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.locking import Locking
from mock_server.org.records.locks import RowLocks
from mock_server.org.records.outbox import Outbox
from mock_server.org.records.recycling import RecycleBin
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.saving import AutoNumbers, Saving
from mock_server.org.records.steps import Steps
from mock_server.org.records.store import Store
from mock_server.org.records.table_saves import TableSaves
from mock_server.org.records.tables import Table
from mock_server.org.rollups.counting import MasterRefused, Recount, RollUps
from mock_server.org.schema import Schema
from mock_server.org.standard import companions
from mock_server.org.standard import reference as beginnings

if TYPE_CHECKING:
    from mock_server.org.outbound.outbound import Outbound


class Pipeline:
    def __init__(
        self,
        schema: Schema,
        store: Store,
        ids: IdSource,
        clock: Clock,
        locks: RowLocks,
        log: CommitLog,
        bin: RecycleBin,
        permissions: Permissions,
    ) -> None:
        self._schema = schema
        self._store = store
        self._ids = ids
        self._clock = clock
        self._locks = locks
        self._locking = Locking(schema, store)
        self._log = log
        self._bin = bin
        self._permissions = permissions
        self.automation = Automation(schema, clock)
        self.approvals = Approvals()
        self.inner_query: Callable[[str], Query] = _no_queries
        """Gives the queries of triggers that run for a user; the org sets it."""
        self.auto_numbers = AutoNumbers(store)
        self.outbox = Outbox(store, log)
        self.reach_outbound: Callable[[], Outbound] = _no_outbound
        """Gives what the org sends, made where it is asked for first; the org sets it."""
        self.on_saved: dict[str, Callable[[], None]] = {}
        """By object: told of each save of records of it, and once more where that is undone."""
        self._saved: set[str] = set()
        """Of these objects, those of which a transaction that goes on, or one before, has saved records."""
        self.steps = Steps(
            schema,
            store,
            ids,
            clock,
            locks,
            self._locking,
            log,
            bin,
            permissions,
            self.automation,
            self.approvals,
            self.outbox,
        )
        blocks = Blocks(schema, store, ids, clock, log, self.auto_numbers)
        self.tables = TableSaves(self, blocks, schema, store, locks, permissions)
        store.teach(functions(schema, lambda: self.steps.environment_of("")))
        self.rollups = RollUps(schema, store)
        store.counter = self.rollups.fill
        for name in beginnings.tables(schema):
            store.fillers[name] = partial(beginnings.fill, schema, store, name, clock)
        self.transaction_time = 0.0
        """Seconds for which a transaction's row locks outlive it."""

    def write(
        self, changes: Sequence[Change], *, user_id: str, all_or_none: bool, exchange: int = 0, give_up: bool = False
    ) -> list[RowResult]:
        """Save up to 200 rows; return one result a row, in order.

        Raises LockHeld, with nothing done, when a row or parent is locked; with `give_up` those rows fail with
        UNABLE_TO_LOCK_ROW instead. Raises Misfit, with nothing done, for a value of the wrong JSON type.
        """
        if len(changes) > CHUNK:
            raise ValueError(f"a chunk has at most {CHUNK} rows")
        if self.automation and self.meets_hooks({change.sobject for change in changes}):
            return Attempts(self, self.inner_query(user_id), user_id, exchange, give_up).save(changes, all_or_none)
        chunk = Chunk(changes, user_id, give_up, self.access_of(user_id), exchange)
        self.take(chunk)
        # Where somebody's master would not have it, the others are saved without the rows that it refuses.
        while not (all_or_none and any(row.errors for row in chunk.rows)):
            if self.store_rows(chunk):
                break
        return self.results(chunk, all_or_none)

    def write_table(self, table: Table, *, user_id: str, exchange: int = 0, give_up: bool = False) -> list[RowResult]:
        """Save the rows of a table, 200 at a time, each for itself; return one result a row, in order.

        Raises LockHeld, with nothing done, when a row or parent is locked, as `write` does.
        """
        with self._locks.together(), self._log.together(apart=True), self.transaction(nested=True):
            return self.tables.save(table, user_id, exchange, give_up)

    @property
    def outbound(self) -> Outbound | None:
        """What is sent when records were saved; None in an org where nothing was ever declared to be."""
        return self.steps.outbound

    @outbound.setter
    def outbound(self, outbound: Outbound) -> None:
        self.steps.outbound = self.outbox.sends = outbound

    def call_out(self, user_id: str, exchange: int, name: str | None, wanted: Mapping[str, Any]) -> None:
        """Take over a callout that code asks for. Raises ApexError."""
        self.reach_outbound().asked(user_id, exchange, name, wanted)

    def meets_hooks(self, sobjects: set[str]) -> bool:
        """Tell whether rows of some objects, or the masters that are saved with them, meet hooks."""
        return self.automation.concerns(sobjects) or self.automation.concerns(self.rollups.over(sobjects))

    # -- what a save is made of, whether its rows meet hooks or not

    def take(self, chunk: Chunk) -> None:
        """Take the rows through all steps before the write."""
        self.steps.take(chunk)

    def results(self, chunk: Chunk, all_or_none: bool) -> list[RowResult]:
        rolled_back = all_or_none and any(row.errors for row in chunk.rows)
        if rolled_back and any(plan.publishes_at_once for plan in chunk.plans):
            self._publish_nevertheless(chunk)
        return [_result(row, rolled_back) for row in chunk.rows]

    def _publish_nevertheless(self, chunk: Chunk) -> None:
        """Publish the events of a chunk that go out at once, though its rows are to be saved all or none."""
        rows = [row for row in chunk.rows if row.plan is not None and row.plan.publishes_at_once and not row.errors]
        self._save_of(chunk).publish(rows)
        self.outbox.settle()

    def access_of(self, user_id: str) -> Access | None:
        """Return what a user may do, None for everything."""
        return self._permissions.of(user_id)

    def stored(self, rows: list[Row]) -> dict[str, dict[str, Any]]:
        """Return the records of rows of one object as they are saved now, by id."""
        return self.steps.stored(rows)

    def hold(self, ids: Iterable[str]) -> None:
        """Lock records for as long as a transaction goes on."""
        if self.transaction_time:
            self._locks.hold(ids, self.transaction_time)

    @contextmanager
    def transaction(self, *, nested: bool = False) -> Iterator[None]:
        """Undo the writes of a block, and their commits, when it raises."""
        mark = self._log.last
        if not nested:
            self._log.transactions += 1
        try:
            with self._store.transaction():
                yield
        except BaseException:
            self._forget_after(mark)
            raise

    @contextmanager
    def behind(self) -> Iterator[None]:
        """Run a block as `Store.behind` does; its commits are undone, too, where it cannot be written."""
        mark = last = self._log.last

        def undo() -> None:
            self._log.take_back(mark, last)
            self._forget()

        try:
            with self._store.behind(undo):
                yield
                last = self._log.last
        except BaseException:
            self._forget_after(mark)
            raise

    def _forget_after(self, mark: int) -> None:
        """Drop what is remembered of a transaction that was rolled back: its commits, and what it made of others."""
        self.outbox.forget_after(mark)
        self._log.forget_after(mark)
        self._forget()

    def _forget(self) -> None:
        self._bin.forget()
        self._permissions.forget()
        for name in self._saved:
            self.on_saved[name]()
        if not self._store.busy:
            self._saved.clear()

    # -- the write itself

    def _save_masters(self, chunk: Chunk, save: Saving, rows: list[Row]) -> None:
        """Save masters whose totals follow the chunk's rows, all of one object: they meet hooks and rules of their own.

        What speaks against it is noted as their errors.
        """
        plan = rows[0].plan
        meets_hooks = chunk.execution is not None and hooked(self.automation, rows[0])
        if not (meets_hooks or plan.ruled or plan.rule):
            save.update(rows)
            return
        masters = Chunk((), chunk.user_id, chunk.give_up)
        masters.rows, masters.plans, masters.execution, masters.inner = rows, [plan], chunk.execution, chunk.inner
        if plan.watched or meets_hooks:
            stored = self.stored(rows)
            for row in rows:
                row.before = stored[row.id or ""]
        if meets_hooks:
            run_hooks(masters, "before", self.automation, self.stored)
        self.steps.compute(masters)
        self.steps.enforce(masters)
        if any(row.errors for row in rows):
            return
        save.update(rows)
        if meets_hooks:
            run_hooks(masters, "after", self.automation, self.stored)

    def _companions(self, groups: dict[tuple[str, str], list[Row]]) -> list[Row]:
        """Return what the platform writes along with new records."""
        out: list[Row] = []
        for (verb, name), rows in groups.items():
            if verb == "create" and name in companions.MAKERS:
                out += companions.MAKERS[name](self.steps.context(), rows, self._ids.take_many)
        return out

    def _save_of(self, chunk: Chunk, recount: Recount | None = None) -> Saving:
        """Return what writes the rows of a chunk, as of now."""
        return Saving(
            self._schema,
            self._store,
            self._log,
            self.auto_numbers,
            recount or Recount(self.rollups, self._store),
            self._bin,
            self.outbox,
            user_id=chunk.user_id,
            moment=self._clock.now(),
            exchange=chunk.exchange,
            hooked=chunk.execution is not None,
        )

    def _locked(self, groups: Mapping[tuple[str, str], list[Row]]) -> frozenset[str]:
        """Return the records that the write of some rows locks."""
        held = self._locking.of([row for rows in groups.values() for row in rows])
        return frozenset(identifier for _, ids in held for identifier in ids)

    def store_rows(self, chunk: Chunk) -> bool:
        """Write the rows that have not failed, in one transaction; tell whether they stay written.

        They do not where a master will not have what a roll-up makes of it: then the rows behind that have failed.
        """
        groups = chunk.alive()
        if not groups:
            return True
        mark = self._log.last
        along = self._companions(groups)
        if chunk.execution is None:
            self._log.transactions += 1
        recount = Recount(self.rollups, self._store)
        save = self._save_of(chunk, recount)
        # Before the write: a deleted record, or one that changed its parent, no longer says what it held.
        locked = self._locked(groups) if self.transaction_time else frozenset()
        # One row is one statement, and so a transaction by itself; deletions and roll-ups may reach further.
        first = chunk.rows[0]
        alone = (
            len(chunk.rows) == 1
            and first.writes
            and not (along or chunk.calls)
            and not self.rollups.feeds_of(first.sobject.name)
            and not self.outbox.binds(first.sobject)
        )
        try:
            with nullcontext() if alone else self._store.transaction():
                save.groups(groups)
                for row in along:
                    save.groups({(row.verb, row.sobject.name): [row]})
                self._permissions.saved(groups, save.moment)
                for _, name in groups:
                    if name in self.on_saved:
                        self._saved.add(name)
                        self.on_saved[name]()
                recount.settle(partial(self._save_masters, chunk, save))
                if self.outbound is not None:
                    self.outbound.note(chunk)
        except MasterRefused as refused:
            self._forget_after(mark)
            refused.blame(chunk)
            return False
        except BaseException:
            self._forget_after(mark)
            raise
        if alone:
            self.outbox.settle()
        if chunk.execution is None:
            self.hold(locked)
        else:
            chunk.execution.locked |= locked
        return True


def _no_outbound() -> Outbound:
    raise LookupError("the org has not given what it sends")


def _no_queries(user_id: str) -> Query:
    raise LookupError("the org has not given its queries to triggers")


def _result(row: Row, rolled_back: bool) -> RowResult:
    if row.errors:
        return RowResult(None, False, False, tuple(row.errors))
    if rolled_back and not row.plan.publishes_at_once:
        return RowResult(None, False, False, (errors.ALL_OR_NONE_OPERATION_ROLLED_BACK(),))
    return RowResult(row.id, True, row.verb == "create", (), row.values.get("EventUuid"))


__all__ = ["CHUNK", "LockHeld", "Pipeline"]
