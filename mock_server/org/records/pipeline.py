"""The one write pipeline: every save of every protocol takes these steps, up to 200 rows at a time.

`Pipeline.STEPS` is the list; each step sees the whole chunk and may fail single rows. Nothing touches the database
before the write, so a chunk that must be refused whole has nothing to undo.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from mock_server.org import errors
from mock_server.org.approvals.processes import Approvals
from mock_server.org.automation.attempts import Attempts
from mock_server.org.automation.hooks import Automation
from mock_server.org.automation.inner import Query
from mock_server.org.automation.running import hooked, hooks_of, run_hooks
from mock_server.org.clock import Clock
from mock_server.org.formula.columns import functions
from mock_server.org.identity.access import Access
from mock_server.org.identity.permissions import Permissions
from mock_server.org.ids import IdSource
from mock_server.org.records import duplicates, lookup_filters
from mock_server.org.records.agreements import RECORD_TYPE
from mock_server.org.records.blocks import BLOCK, Blocks
from mock_server.org.records.changes import CHUNK, Change, LockHeld, RowResult
from mock_server.org.records.columns import Unusual
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.headers import header_of
from mock_server.org.records.leads import protect_converted
from mock_server.org.records.locking import Locking
from mock_server.org.records.locks import RowLocks
from mock_server.org.records.outbox import Outbox, ration
from mock_server.org.records.parents import NamedParents, fill, forsake
from mock_server.org.records.plans import plan_of
from mock_server.org.records.recycling import RecycleBin
from mock_server.org.records.referring import check_references
from mock_server.org.records.relations import Relations
from mock_server.org.records.removal import Removal, refuse_references
from mock_server.org.records.resolving import Resolving
from mock_server.org.records.restoring import Restoring
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.saving import AutoNumbers, Saving
from mock_server.org.records.store import Store
from mock_server.org.records.tables import Table
from mock_server.org.records.uniqueness import refuse_duplicates
from mock_server.org.records.validating import require, validate, validate_plain
from mock_server.org.rollups.counting import MasterRefused, Recount, RollUps
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.standard import companions
from mock_server.org.standard import reference as beginnings
from mock_server.org.standard.context import Context

if TYPE_CHECKING:
    from mock_server.org.formula.environment import Environment
    from mock_server.org.outbound.outbound import Outbound

_FLAGS = {
    "create": ("createable", "inserted"),
    "update": ("updateable", "updated"),
    "delete": ("deletable", "deleted"),
    "undelete": ("undeletable", "undeleted"),
    "erase": ("deletable", "deleted"),
}


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
        self._resolving = Resolving(schema, store, bin, permissions)
        self._parents = NamedParents(schema, store, permissions)
        self._removal = Removal(schema, store, Relations(schema, store), bin)
        self._restoring = Restoring(schema, store, bin)
        self._permissions = permissions
        self.automation = Automation(schema, clock)
        self.approvals = Approvals()
        self.inner_query: Callable[[str], Query] = _no_queries
        """Gives the queries of triggers that run for a user; the org sets it."""
        self.auto_numbers = AutoNumbers(store)
        self.outbox = Outbox(store, log)
        self._outbound: Outbound | None = None
        self.reach_outbound: Callable[[], Outbound] = _no_outbound
        """Gives what the org sends, made where it is asked for first; the org sets it."""
        self.on_saved: dict[str, Callable[[], None]] = {}
        """By object: told of each save of records of it, and once more where that is undone."""
        self._saved: set[str] = set()
        """Of these objects, those of which a transaction that goes on, or one before, has saved records."""
        self.captured: Callable[[], frozenset[str]] = frozenset
        """Tells the objects whose changes are captured by a declaration; the org sets it."""
        self._blocks = Blocks(schema, store, ids, clock, log, self.auto_numbers)
        store.teach(functions(schema, lambda: self._environment_of("")))
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
        if self.automation and self._meets_hooks({change.sobject for change in changes}):
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
            return self._save_table(table, user_id, exchange, give_up, BLOCK)

    def _save_table(self, table: Table, user_id: str, exchange: int, give_up: bool, size: int) -> list[RowResult]:
        """Save rows by column in parts of a size, where that is possible; else in smaller parts, at last row by row."""
        saved = self._by_column(table, user_id)
        results: list[RowResult] = []
        for start in range(0, len(table.rows), size if saved else CHUNK):
            part = table.part(start, start + (size if saved else CHUNK))
            try:
                if saved is None or part.refusals:
                    raise Unusual
                results += saved(part.rows, exchange)
            except Unusual:
                if saved is not None and len(part.rows) > CHUNK:
                    results += self._save_table(part, user_id, exchange, give_up, CHUNK)
                    continue
                results += self.write(
                    part.changes(self._schema),
                    user_id=user_id,
                    all_or_none=False,
                    exchange=exchange,
                    give_up=give_up,
                )
        return results

    def _by_column(
        self, table: Table, user_id: str
    ) -> Callable[[Sequence[Sequence[str]], int], list[RowResult]] | None:
        """Return what saves rows of a table by column; None where some step has to ask them one by one."""
        sobject = self._schema.get(table.sobject)
        if sobject is None or table.verb not in ("create", "update", "upsert") or self.access_of(user_id) is not None:
            return None
        plan = plan_of(sobject)
        header = header_of(self._schema, table.verb, sobject, table.columns, table.key_field)
        if header.fault is not None or not plan.plain or not self._undisturbed(sobject, table.verb):
            return None
        self._store.ready(sobject)
        try:
            sources = self._blocks.sources(plan, header)
        except Unusual:
            return None
        given = {source.field.name for source in sources}
        if not given.isdisjoint(plan.concerned) or ("OwnerId" in given and not self._permissions.calm):
            return None
        constants = dict(plan.defaults)
        if plan.owned:
            constants["OwnerId"] = user_id
        return partial(self._blocks.save, plan, header, sources, table.verb, constants, user_id)

    def _undisturbed(self, sobject: SObject, verb: str) -> bool:
        """Tell whether nothing of the org has a say in saves of an object: no trigger, lock, total or approval."""
        return (
            not (self.transaction_time or (self.automation and self._meets_hooks({sobject.name})))
            and self._locks.idle
            and not self.rollups.feeds_of(sobject.name)
            and sobject.name not in companions.MAKERS
            and not self._sends(sobject)
            and (verb == "create" or not self.approvals)
        )

    @property
    def outbound(self) -> Outbound | None:
        """What is sent when records were saved; None in an org where nothing was ever declared to be."""
        return self._outbound

    @outbound.setter
    def outbound(self, outbound: Outbound) -> None:
        self._outbound = self.outbox.sends = outbound

    def call_out(self, user_id: str, exchange: int, name: str | None, wanted: Mapping[str, Any]) -> None:
        """Take over a callout that code asks for. Raises ApexError."""
        self.reach_outbound().asked(user_id, exchange, name, wanted)

    def _sends(self, sobject: SObject) -> bool:
        """Tell whether saves of an object may send something. What is there from the start sends nothing."""
        return self._outbound is not None and self.automation.metered and bool(self._outbound.sources(sobject))

    def _meets_hooks(self, sobjects: set[str]) -> bool:
        """Tell whether rows of some objects, or the masters that are saved with them, meet hooks."""
        return self.automation.concerns(sobjects) or self.automation.concerns(self.rollups.over(sobjects))

    # -- what a save is made of, whether its rows meet hooks or not

    def take(self, chunk: Chunk) -> None:
        """Take the rows through all steps before the write."""
        for step in self.STEPS:
            step(self, chunk)

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
        return self._store.records(rows[0].sobject, [row.id for row in rows if row.id])

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

    # -- steps

    def _resolve(self, chunk: Chunk) -> None:
        """Find each row's object and, for all but creates, the stored record it means."""
        self._resolving.resolve(chunk)

    def _permit(self, chunk: Chunk) -> None:
        """Refuse what the object itself does not allow, and what its saver may not do."""
        asked = chunk.access is not None
        for row in chunk.rows:
            if not row.errors:
                flag, verb = _FLAGS[row.verb]
                if flag not in row.sobject.flags:
                    row.fail(errors.CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY(verb=verb, label=row.sobject.label))
                elif row.plan.governing:
                    asked = True
        if asked:
            self._permissions.permit(chunk)

    def _reach(self, chunk: Chunk) -> None:
        """Refuse what the saver may not do with these very records, and owners who are not active."""
        if chunk.access is not None or not self._permissions.calm:
            self._permissions.reach(chunk)

    def _await_approval(self, chunk: Chunk) -> None:
        """Refuse to change records that are in approval."""
        if self.approvals:
            from mock_server.org.approvals.locking import refuse

            refuse(self.approvals, self._schema, self._store, chunk, self.access_of)

    def _protect(self, chunk: Chunk) -> None:
        """Refuse to change or merge leads that are converted."""
        for row in chunk.rows:
            if row.sobject is not None and row.sobject.name == "Lead":
                protect_converted(self._store, [row for row in chunk.rows if not row.errors])
                return

    def _validate(self, chunk: Chunk) -> None:
        """Turn each value into its stored form; note what is unknown, unwritable, too long or missing."""
        for row in chunk.rows:
            if row.errors or not row.writes:
                continue
            if not validate_plain(row):
                validate(row, self._parents, chunk.access)
                # A trigger may still fill what is missing.
                if not row.errors and not (self.automation and hooks_of(self.automation, row, "before")):
                    require(row)
            if row.change.derived is not None:
                row.values.update(row.change.derived)

    def _relate(self, chunk: Chunk) -> None:
        """Find the parents that rows refer to; refuse references to records that are not there."""
        if any(row.parents for row in chunk.rows):
            self._parents.find(chunk)
        check_references(self._schema, self._store, chunk)

    def _load(self, chunk: Chunk) -> None:
        """Load the stored records of updates and deletes, where later steps need them."""
        sends = self._outbound is not None
        if not (self.automation or sends) and not any(plan.watched for plan in chunk.plans):
            return
        for (verb, _), rows in chunk.alive().items():
            hooks = self.automation and hooked(self.automation, rows[0])
            if verb == "create" or not (rows[0].plan.watched or hooks or (sends and self._sends(rows[0].sobject))):
                continue
            stored = self._store.records(rows[0].sobject, [row.id for row in rows if row.id])
            for row in rows:
                row.before = stored[row.id or ""]

    def _default(self, chunk: Chunk) -> None:
        """Fill what a new row leaves out: default values, and its owner, who saves it."""
        for (verb, _), rows in chunk.alive().items():
            if verb != "create":
                continue
            plan = rows[0].plan
            worked_out = self._default_formulas(rows[0], chunk) if plan.default_formulas else {}
            for row in rows:
                values = row.values
                if plan.typed_defaults:
                    for name, value in plan.typed_defaults.get(values.get(RECORD_TYPE) or "", {}).items():
                        values.setdefault(name, value)
                for name, value in worked_out.items():
                    values.setdefault(name, value)
                for name, value in plan.defaults.items():
                    values.setdefault(name, value)
                if plan.owned and values.get("OwnerId") is None:
                    values["OwnerId"] = chunk.user_id
                if plan.located and values.get("SetupOwnerId") is None:
                    values["SetupOwnerId"] = self._environment_of(chunk.user_id).read("Organization", "Id")

    def _agree(self, chunk: Chunk) -> None:
        """Refuse values of one record that do not fit each other; add what follows from them."""
        if not any(plan.agreements for plan in chunk.plans):
            return
        for rows in chunk.alive().values():
            if not rows[0].plan.agreements or not rows[0].writes:
                continue
            for row in rows:
                for agreement in row.plan.agreements:
                    wrong = agreement(row)
                    if wrong is not None:
                        row.fail(wrong)

    def _automate(self, chunk: Chunk) -> None:
        """Run the hooks before the save; check what they may have changed."""
        if chunk.execution is None:
            return
        # Whoever waits for a lock begins anew: the less has run by then the better.
        self._lock(chunk)
        for rows in run_hooks(chunk, "before", self.automation, self.stored):
            for row in rows:
                if row.errors or row.verb not in ("create", "update"):
                    continue
                row.parents = None
                require(row)
        self._relate(chunk)

    def _compute(self, chunk: Chunk) -> None:
        """Set the fields of standard objects that follow from others."""
        if not any(plan.rule for plan in chunk.plans):
            return
        for (verb, _), rows in chunk.alive().items():
            rule = rows[0].plan.rule
            if rule is not None and verb != "delete":
                rule.compute(self._context(), rows)

    def _context(self) -> Context:
        return Context(self._schema, self._store, self._clock.now(), self.captured)

    def _default_formulas(self, row: Row, chunk: Chunk) -> dict[str, Any]:
        from mock_server.org.formula.defaults import default_values, defaults_of

        return default_values(defaults_of(self._schema, row.sobject), self._environment_of(chunk.user_id))

    def _environment_of(self, user_id: str) -> Environment:
        from mock_server.org.formula.environment import Environment

        return Environment(self._schema, self._store, user_id, self._clock.now())

    def _enforce(self, chunk: Chunk) -> None:
        """Refuse what a validation rule forbids."""
        if not any(plan.ruled for plan in chunk.plans):
            return
        by_object: dict[str, list[Row]] = {}
        for row in chunk.rows:
            if not row.errors and row.plan.ruled and row.verb in ("create", "update"):
                by_object.setdefault(row.sobject.name, []).append(row)
        # Lazily: an org without rules needs no compiler.
        from mock_server.org.formula.rules import enforce

        environment = self._environment_of(chunk.user_id)
        for rows in by_object.values():
            enforce(self._schema, self._store, rows, environment)

    def _assign(self, chunk: Chunk) -> None:
        """Give records to whom an assignment rule names."""
        if not any(plan.assigned for plan in chunk.plans):
            return
        for rows in chunk.alive().values():
            wanted = [row for row in rows if row.change.assign is not None] if rows[0].writes else []
            if wanted and wanted[0].plan.assigned:
                from mock_server.org.formula.acting import assign

                assign(self._schema, self._store, wanted, self._environment_of(chunk.user_id))

    def _set_going(self, chunk: Chunk) -> None:
        """Note what the rows will send; field updates of the rules that say so come later and do not count."""
        if self._outbound is not None and self.automation.metered:
            self._outbound.ask(chunk, lambda: self._environment_of(chunk.user_id))

    def _act(self, chunk: Chunk) -> None:
        """Set the fields that workflow rules say; what follows from them follows."""
        if not any(plan.acting for plan in chunk.plans):
            return
        for rows in chunk.alive().values():
            if rows[0].plan.acting and rows[0].writes:
                from mock_server.org.formula.acting import act

                changed = act(self._schema, self._store, rows, self._environment_of(chunk.user_id))
                if changed and rows[0].plan.rule is not None:
                    rows[0].plan.rule.compute_again(self._context(), changed)

    def _filter(self, chunk: Chunk) -> None:
        """Refuse references that a lookup filter does not let through."""
        for rows in chunk.alive().values():
            if rows[0].plan.filtered and rows[0].writes:
                lookup_filters.enforce(self._schema, self._store, rows)

    def _number(self, chunk: Chunk) -> None:
        """Give new rows their ids."""
        for (verb, _), rows in chunk.alive().items():
            if verb != "create":
                continue
            sobject = rows[0].sobject
            for row, identifier in zip(rows, self._ids.take_many(sobject.key_prefix or "000", len(rows)), strict=True):
                row.id = identifier
            if sobject.kind == "event":
                for row in rows:
                    row.values["EventUuid"] = self.outbox.bus().new_uuid()
        fill(chunk)

    def _ration(self, chunk: Chunk) -> None:
        """Refuse events that are too large, or more than the org may publish now."""
        if any(plan.publishes for plan in chunk.plans) and self.automation.metered:
            ration(chunk, self.outbox)

    def _match(self, chunk: Chunk) -> None:
        """Refuse records that duplicate rules find already there."""
        if not any(plan.sobject.duplicate_rules for plan in chunk.plans):
            return
        for (verb, _), rows in chunk.alive().items():
            if rows[0].sobject.duplicate_rules and verb in ("create", "update"):
                duplicates.find(self._store, rows)

    def _deduplicate(self, chunk: Chunk) -> None:
        """Refuse values of unique fields that another record, or an earlier row of the chunk, has."""
        if not any(plan.unique for plan in chunk.plans):
            return
        by_object: dict[str, list[Row]] = {}
        for row in chunk.rows:
            if not row.errors and row.plan.unique:
                by_object.setdefault(row.sobject.name, []).append(row)
        for rows in by_object.values():
            for unique in rows[0].plan.unique:
                refuse_duplicates(self._store, self._permissions, chunk, rows, unique)

    def _follow(self, chunk: Chunk) -> None:
        """Work out what goes, comes back or is cut loose with deletes and undeletes; refuse what must stay."""
        going = [row for row in chunk.rows if row.verb == "delete" and not row.errors]
        coming = [row for row in chunk.rows if row.verb == "undelete" and not row.errors]
        if going:
            self._removal.work_out(going)
            refuse_references(chunk, going)
        if coming:
            self._restoring.work_out(coming)

    def _lock(self, chunk: Chunk) -> None:
        """Take the locks of the rows and of what else they change, or wait for who holds them."""
        if not self._locks:
            return
        if not chunk.give_up:
            wanted = self._locking.of([row for row in chunk.rows if not row.errors])
            self._locks.demand(identifier for _, ids in wanted for identifier in ids)
            return
        again = True
        while again:
            again = False
            for row, ids in self._locking.of([row for row in chunk.rows if not row.errors]):
                held = sorted(self._locks.held(ids))
                if held:
                    row.fail(errors.UNABLE_TO_LOCK_ROW(count=len(held), ids=",".join(held)))
                    again = again or row.wake is not None
            if again:
                # What the failed row would have taken along may stand against others now.
                self._follow(chunk)

    def _forsake(self, chunk: Chunk) -> None:
        """Refuse rows whose parents were to be made by the same call, and are not."""
        forsake(chunk)

    STEPS: ClassVar[tuple[Callable[[Pipeline, Chunk], None], ...]] = (
        _resolve,
        _permit,
        _protect,
        _validate,
        _relate,
        _reach,
        _await_approval,
        _load,
        _default,
        _automate,
        _agree,
        _compute,
        _filter,
        _enforce,
        _assign,
        _set_going,
        _act,
        _number,
        _ration,
        _match,
        _deduplicate,
        _follow,
        _lock,
        _forsake,
    )

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
        self._compute(masters)
        self._enforce(masters)
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
                out += companions.MAKERS[name](self._context(), rows, self._ids.take_many)
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
        )

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
        held = self._locking.of([row for rows in groups.values() for row in rows]) if self.transaction_time else ()
        locked = {identifier for _, ids in held for identifier in ids}
        # One row is one statement, and so a transaction by itself; deletions and roll-ups may reach further.
        first = chunk.rows[0]
        alone = len(chunk.rows) == 1 and first.writes and not (along or chunk.calls)
        alone = alone and not self.rollups.feeds_of(first.sobject.name)
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
                if self._outbound is not None:
                    self._outbound.note(chunk)
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
    return RowResult(row.id, True, row.verb == "create", enqueued=row.values.get("EventUuid"))


__all__ = ["CHUNK", "LockHeld", "Pipeline"]
