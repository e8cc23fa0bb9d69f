"""The steps of a save before its write: what rows are about, whether they may be saved, what they then hold.

`Steps.STEPS` is the list; each step sees the whole chunk and may fail single rows. None writes to the database.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from mock_server.org import errors
from mock_server.org.approvals.processes import Approvals
from mock_server.org.automation.hooks import Automation
from mock_server.org.automation.running import hooked, hooks_of, run_hooks
from mock_server.org.clock import Clock
from mock_server.org.identity.permissions import Permissions
from mock_server.org.ids import IdSource
from mock_server.org.records import duplicates, lookup_filters
from mock_server.org.records.agreements import RECORD_TYPE
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.leads import protect_converted
from mock_server.org.records.locking import Locking
from mock_server.org.records.locks import RowLocks
from mock_server.org.records.outbox import Outbox, ration
from mock_server.org.records.parents import NamedParents, fill, forsake
from mock_server.org.records.recycling import RecycleBin
from mock_server.org.records.referring import check_references
from mock_server.org.records.relations import Relations
from mock_server.org.records.removal import Removal, refuse_references
from mock_server.org.records.resolving import Resolving
from mock_server.org.records.restoring import Restoring
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.store import Store
from mock_server.org.records.uniqueness import refuse_duplicates
from mock_server.org.records.validating import require, validate, validate_alike, validate_plain
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.standard.context import Context
from mock_server.org.versions import LATEST

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


class Step(NamedTuple):
    """A step of a save, left out where no row has or does what it is there for: see `Chunk.features`."""

    take: Callable[[Steps, Chunk], None]
    features: frozenset[str] = frozenset()


def _of(*features: str) -> frozenset[str]:
    return frozenset(features)


class Steps:
    """The steps of one org's saves."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        ids: IdSource,
        clock: Clock,
        locks: RowLocks,
        locking: Locking,
        log: CommitLog,
        bin: RecycleBin,
        permissions: Permissions,
        automation: Automation,
        approvals: Approvals,
        outbox: Outbox,
    ) -> None:
        self._schema = schema
        self._store = store
        self._ids = ids
        self._clock = clock
        self._locks = locks
        self._locking = locking
        self._permissions = permissions
        self._automation = automation
        self._approvals = approvals
        self._outbox = outbox
        self._resolving = Resolving(schema, store, log, bin, permissions)
        self._parents = NamedParents(schema, store, permissions)
        self._removal = Removal(schema, store, Relations(schema, store), bin)
        self._restoring = Restoring(schema, store, bin)
        self.outbound: Outbound | None = None
        """What is sent when records were saved; None in an org where nothing was ever declared to be."""
        self.captured: Callable[[], frozenset[str]] = frozenset
        """Tells the objects whose changes are captured by a declaration; the org sets it."""
        self.latest: Callable[[], int] = lambda: LATEST
        """Tells the newest API version that the org serves; the org sets it."""

    def take(self, chunk: Chunk) -> None:
        """Take the rows through all steps."""
        self._resolve(chunk)
        for step in _needed(chunk.features):
            step(self, chunk)

    def stored(self, rows: list[Row]) -> dict[str, dict[str, Any]]:
        """Return the records of rows of one object as they are saved now, by id."""
        return self._store.records(rows[0].sobject, [row.id for row in rows if row.id])

    def sends(self, sobject: SObject) -> bool:
        """Tell whether saves of an object may send something. What is there from the start sends nothing."""
        return self.outbound is not None and self._automation.metered and bool(self.outbound.sources(sobject))

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
        if self._approvals:
            from mock_server.org.approvals.locking import refuse

            refuse(self._approvals, self._schema, self._store, chunk, self._permissions.of)

    def _protect(self, chunk: Chunk) -> None:
        """Refuse to change or merge leads that are converted."""
        protect_converted(self._store, [row for row in chunk.rows if not row.errors])

    def _validate(self, chunk: Chunk) -> None:
        """Turn each value into its stored form; note what is unknown, unwritable, too long or missing."""
        alike = validate_alike(chunk.rows)
        for row in chunk.rows:
            if row.errors or not row.writes:
                continue
            if id(row) not in alike and not validate_plain(row):
                validate(row, self._parents, chunk.access)
                # A trigger may still fill what is missing.
                if not row.errors and not (self._automation and hooks_of(self._automation, row, "before")):
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
        sends = self.outbound is not None
        if not (self._automation or sends or "watched" in chunk.features):
            return
        for (verb, _), rows in chunk.alive().items():
            hooks = self._automation and hooked(self._automation, rows[0])
            if verb == "create" or not (rows[0].plan.watched or hooks or (sends and self.sends(rows[0].sobject))):
                continue
            stored = self.stored(rows)
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
                    values["SetupOwnerId"] = self.environment_of(chunk.user_id).read("Organization", "Id")

    def _agree(self, chunk: Chunk) -> None:
        """Refuse values of one record that do not fit each other; add what follows from them."""
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
        for rows in run_hooks(chunk, "before", self._automation, self.stored):
            for row in rows:
                if row.errors or row.verb not in ("create", "update"):
                    continue
                row.parents = None
                require(row)
        self._relate(chunk)

    def compute(self, chunk: Chunk) -> None:
        """Set the fields of standard objects that follow from others."""
        for (verb, _), rows in chunk.alive().items():
            rule = rows[0].plan.rule
            concerned = [] if rule is None or verb == "delete" else rule.concerns(rows)
            if rule is not None and concerned:
                rule.follow(self.context(), concerned)

    def context(self) -> Context:
        return Context(self._schema, self._store, self._clock.now(), self.captured, self.latest)

    def _default_formulas(self, row: Row, chunk: Chunk) -> dict[str, Any]:
        from mock_server.org.formula.defaults import default_values, defaults_of

        return default_values(defaults_of(self._schema, row.sobject), self.environment_of(chunk.user_id))

    def environment_of(self, user_id: str) -> Environment:
        from mock_server.org.formula.environment import Environment

        return Environment(self._schema, self._store, user_id, self._clock.now())

    def enforce(self, chunk: Chunk) -> None:
        """Refuse what a validation rule forbids."""
        by_object: dict[str, list[Row]] = {}
        for row in chunk.rows:
            if not row.errors and row.plan.ruled and row.verb in ("create", "update"):
                by_object.setdefault(row.sobject.name, []).append(row)
        if not by_object:
            return
        # Lazily: an org without rules needs no compiler.
        from mock_server.org.formula.rules import enforce

        environment = self.environment_of(chunk.user_id)
        for rows in by_object.values():
            enforce(self._schema, self._store, rows, environment)

    def _assign(self, chunk: Chunk) -> None:
        """Give records to whom an assignment rule names."""
        for rows in chunk.alive().values():
            wanted = [row for row in rows if row.change.assign is not None] if rows[0].writes else []
            if wanted and wanted[0].plan.assigned:
                from mock_server.org.formula.acting import assign

                assign(self._schema, self._store, wanted, self.environment_of(chunk.user_id))

    def _set_going(self, chunk: Chunk) -> None:
        """Note what the rows will send; field updates of the rules that say so come later and do not count."""
        if self.outbound is not None and self._automation.metered:
            self.outbound.ask(chunk, lambda: self.environment_of(chunk.user_id))

    def _act(self, chunk: Chunk) -> None:
        """Set the fields that workflow rules say; what follows from them follows."""
        for rows in chunk.alive().values():
            if rows[0].plan.acting and rows[0].writes:
                from mock_server.org.formula.acting import act

                changed = act(self._schema, self._store, rows, self.environment_of(chunk.user_id))
                if changed and rows[0].plan.rule is not None:
                    rows[0].plan.rule.compute_again(self.context(), changed)

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
                    row.values["EventUuid"] = self._outbox.bus().new_uuid()
        fill(chunk)

    def _ration(self, chunk: Chunk) -> None:
        """Refuse events that are too large, or more than the org may publish now."""
        if self._automation.metered:
            ration(chunk, self._outbox)

    def _match(self, chunk: Chunk) -> None:
        """Refuse records that duplicate rules find already there."""
        for (verb, _), rows in chunk.alive().items():
            if rows[0].sobject.duplicate_rules and verb in ("create", "update"):
                duplicates.find(self._store, rows)

    def _deduplicate(self, chunk: Chunk) -> None:
        """Refuse values of unique fields that another record, or an earlier row of the chunk, has."""
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

    STEPS: ClassVar[tuple[Step, ...]] = (
        Step(_permit),
        Step(_protect, _of("convertible")),
        Step(_validate),
        Step(_relate),
        Step(_reach),
        Step(_await_approval),
        Step(_load, _of("update", "delete", "undelete", "erase")),
        Step(_default, _of("create")),
        Step(_automate),
        Step(_agree, _of("agreements")),
        Step(compute, _of("rule")),
        Step(_filter, _of("filtered")),
        Step(enforce, _of("ruled")),
        Step(_assign, _of("assigned")),
        Step(_set_going),
        Step(_act, _of("acting")),
        Step(_number, _of("create")),
        Step(_ration, _of("publishes")),
        Step(_match, _of("duplicates")),
        Step(_deduplicate, _of("unique")),
        Step(_follow, _of("delete", "undelete")),
        Step(_lock),
        Step(_forsake),
    )
    """In this order, once `_resolve` has told what the rows are about."""


@lru_cache(256)
def _needed(features: frozenset[str]) -> tuple[Callable[[Steps, Chunk], None], ...]:
    """Return the steps that rows with some features, and no others, go through."""
    return tuple(step.take for step in Steps.STEPS if not step.features or step.features & features)
