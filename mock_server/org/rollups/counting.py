"""Roll-up summaries kept true: which masters a transaction touches, and what their totals come to.

Only details that a transaction touches are read: what they came to before it is taken from what the master has, and
what they come to after it is added, so that a master with very many details costs no more than one with few. Where that
cannot tell (the smallest of all went, a sum is too large for a float's digits, a formula is summed up), all details of
the masters concerned are counted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.org.records.plans import plan_of
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.rollups import builtin
from mock_server.org.rollups.plans import Feed, Total, feeds, upwards
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject

_MANY = 500
_EXACT = 2.0**52

Save = Callable[[list[Row]], None]
"""Saves masters, all of one object, as rows of their own; what speaks against it is noted as their errors."""


class MasterRefused(Exception):
    """A master's own rules refuse what a roll-up would do to it; the details' save must be undone."""

    def __init__(self, errors: dict[str, list[ApiError]]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors
        """By detail id."""

    def blame(self, chunk: Chunk) -> None:
        """Fail the rows of a chunk that the refusal comes from."""
        alive = [row for row in chunk.rows if not row.errors]
        blamed = [row for row in alive if row.id in self.errors]
        # A deletion may reach the master through records that are no rows of the chunk: then its rows share the blame.
        everything = [error for errors in self.errors.values() for error in errors][:1]
        for row in blamed or alive:
            for error in self.errors.get(row.id or "", everything):
                row.fail(error)


class RollUps:
    """The roll-up summaries of one org."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self.schema = schema
        self._store = store
        self._version = 0
        self._declared: dict[str, tuple[Feed, ...]] = {}
        self._feeds: dict[str, tuple[Feed, ...]] = {}
        self._heights: dict[str, int] = {}

    def feeds_of(self, detail: str) -> tuple[Feed, ...]:
        """Return what an object's records feed; mostly nothing."""
        if self._version != self.schema.version:
            self._declared = feeds(self.schema)
            self._feeds = {}
            edges = [(feed.detail.name, feed.master.name) for many in self._declared.values() for feed in many]
            edges += [(name, master) for name, masters in builtin.BUILTIN.items() for master, _, _ in masters]
            self._heights = upwards(edges)
            self._version = self.schema.version
        found = self._feeds.get(detail)
        if found is None:
            found = self._declared.get(detail, ()) + builtin.feeds_of(self.schema, detail)
            self._feeds[detail] = found
        return found

    def feeds_into(self, master: str) -> list[Feed]:
        """Return what an object's totals come from."""
        self.feeds_of(master)
        for detail in (*self._declared, *builtin.BUILTIN):
            self.feeds_of(detail)
        return [feed for many in self._feeds.values() for feed in many if feed.master.name == master]

    def over(self, details: Iterable[str]) -> set[str]:
        """Return the objects whose totals change with those of some objects, masters of masters included."""
        found: set[str] = set()
        beyond = {sobject.name for name in details if (sobject := self.schema.get(name)) is not None}
        while beyond:
            beyond = {feed.master.name for name in beyond for feed in self.feeds_of(name)} - found
            found |= beyond
        return found

    def height(self, master: str) -> int:
        return self._heights.get(master, 0)

    def fill(self, master: SObject) -> None:
        """Count all totals of an object's records from nothing, as when its roll-ups have just been defined."""
        for feed in self.feeds_into(master.name):
            if feed not in self._declared.get(feed.detail.name, ()):
                continue
            ids = [row[0] for row in self._store.connection.execute(f'SELECT "Id" FROM {quoted(master.name)}')]  # noqa: S608
            pairs = ", ".join(f"{quoted(total.field.name)}=?" for total in feed.totals)
            fresh = [(*values, identifier) for identifier, _, values in self.count(feed, ids)]
            if fresh:
                self._store.execute_many(f'UPDATE {quoted(master.name)} SET {pairs} WHERE "Id"=?', fresh)  # noqa: S608

    def count(self, feed: Feed, masters: Sequence[str]) -> Iterable[tuple[str, list[Any], list[Any]]]:
        """Yield each live master with its stored totals and its fresh ones."""
        self._store.ready(feed.detail)
        for start in range(0, len(masters), _MANY):
            some = masters[start : start + _MANY]
            found = self._store.connection.execute(feed.of_masters(len(some)), [*feed.values, *some, *some])
            for identifier, *values in found.fetchall():
                now, fresh = values[: len(feed.totals)], values[len(feed.totals) :]
                yield identifier, now, [one.shaped(value) for one, value in zip(feed.totals, fresh, strict=True)]

    def shares(self, feed: Feed, details: Sequence[str]) -> Iterator[tuple[Any, ...]]:
        """Yield each live master of some details: id, stored totals, what the details alone come to.

        A master may come more than once, with shares of different details.
        """
        for start in range(0, len(details), _MANY):
            some = details[start : start + _MANY]
            yield from self._store.connection.execute(feed.of_details(len(some)), [*feed.values, *some]).fetchall()


@dataclass(slots=True)
class _Moved:
    """The details of one feed that a transaction touches."""

    details: dict[str, None] = field(default_factory=dict)
    lost: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    """By master: what its details came to when they were first touched."""


class Recount:
    """The masters that one transaction touches."""

    def __init__(self, rollups: RollUps, store: Store) -> None:
        self._rollups = rollups
        self._store = store
        self._moved: dict[Feed, _Moved] = {}
        self._stale: dict[Feed, set[str]] = {}
        self._pairs: list[tuple[str, str]] = []
        """Masters and the details that touch them."""
        self._active: set[str] = set()
        """Records whose activities change."""

    def created(self, sobject: SObject, rows: list[Row]) -> None:
        """Note new records."""
        if sobject.name in builtin.ACTIVITIES:
            self._active.update(one for row in rows for name in builtin.CONCERNED if (one := row.values.get(name)))
        for feed in self._rollups.feeds_of(sobject.name):
            name = feed.reference
            pairs = [(row.values[name], row.id or "") for row in rows if row.values.get(name)]
            if not pairs:
                continue
            self._store.ready(feed.master)
            self._pairs += pairs
            if feed.steady:
                self._moved.setdefault(feed, _Moved()).details.update([(detail, None) for _, detail in pairs])
            else:
                self._stale.setdefault(feed, set()).update([master for master, _ in pairs])

    def touch(self, sobject: SObject, ids: Sequence[str], columns: Iterable[str] | None = None) -> None:
        """Note records that are about to change; `columns` are all that change, None for any.

        Where the reference itself may change, call it again when it has.
        """
        if sobject.name in builtin.ACTIVITIES:
            found = self._store.lookup(sobject, "Id", ids, *builtin.CONCERNED)
            self._active.update(one for concerned in found for one in concerned if one)
        for feed in self._rollups.feeds_of(sobject.name):
            if columns is not None and not feed.touched_by(frozenset(columns)):
                continue
            self._store.ready(feed.master)
            pairs = [(m, d) for m, d in self._store.lookup(sobject, "Id", ids, feed.reference, "Id") if m is not None]
            self._pairs += pairs
            if feed.steady:
                self._take(feed, ids)
            else:
                self._stale.setdefault(feed, set()).update([master for master, _ in pairs])

    def _take(self, feed: Feed, ids: Sequence[str]) -> None:
        """Note what details come to before they change; those that were touched before are known."""
        moved = self._moved.setdefault(feed, _Moved())
        fresh = [one for one in ids if one not in moved.details]
        moved.details.update(dict.fromkeys(fresh))
        for row in self._rollups.shares(feed, fresh):
            moved.lost.setdefault(row[0], []).append(row[1 + len(feed.totals) :])

    def masters(self, sobject: SObject, ids: Iterable[str]) -> None:
        """Note masters whose totals must be counted again, whatever happened to their details."""
        for feed in self._rollups.feeds_into(sobject.name):
            self._stale.setdefault(feed, set()).update(ids)

    def settle(self, save: Save) -> None:
        """Bring the totals of all touched masters up to date, and those of their masters in turn.

        Raises MasterRefused.
        """
        while self._moved or self._stale:
            name = min((feed.master.name for feed in (*self._moved, *self._stale)), key=self._rollups.height)
            changes: dict[str, dict[str, Any]] = {}
            for feed in [one for one in {**self._moved, **self._stale} if one.master.name == name]:
                sobject = feed.master
                self._move(feed, changes)
                self._count(feed, changes)
            if changes:
                self._save(sobject, changes, save)
        if self._active:
            builtin.date_activities(self._rollups.schema, self._store, self._active)

    def _move(self, feed: Feed, changes: dict[str, dict[str, Any]]) -> None:
        """Note how totals change by the touched details alone; masters for which that cannot be told are stale."""
        moved = self._moved.pop(feed, None)
        if moved is None:
            return
        stale = self._stale.setdefault(feed, set())
        width = 1 + len(feed.totals)
        now: dict[str, tuple[Any, ...]] = {}
        gained: dict[str, list[tuple[Any, ...]]] = {}
        for row in self._rollups.shares(feed, list(moved.details)):
            now[row[0]] = row
            gained.setdefault(row[0], []).append(row[width:])
        left = [master for master in moved.lost if master not in now]
        if left:
            names = [total.field.name for total in feed.totals]
            found = self._store.lookup(feed.master, "Id", left, "Id", *names, "IsDeleted")
            now.update((row[0], row) for row in found if not row[-1])
        for master, row in now.items():
            if master in stale:
                continue
            new: dict[str, Any] = {}
            for place, total in enumerate(feed.totals):
                lost = [share[place] for share in moved.lost.get(master, ())]
                joined = _joined(total, row[1 + place], lost, [share[place] for share in gained.get(master, ())])
                if joined is _UNSURE:
                    stale.add(master)
                elif joined != row[1 + place]:
                    new[total.field.name] = joined
            if new and master not in stale:
                changes.setdefault(master, {}).update(new)

    def _count(self, feed: Feed, changes: dict[str, dict[str, Any]]) -> None:
        """Note how the totals of masters change whose details are counted anew."""
        for identifier, now, fresh in self._rollups.count(feed, sorted(self._stale.pop(feed, ()))):
            for total, old, new in zip(feed.totals, now, fresh, strict=True):
                if old != new and not (new is None and total.keeps):
                    changes.setdefault(identifier, {})[total.field.name] = new

    def _save(self, master: SObject, changes: dict[str, dict[str, Any]], save: Save) -> None:
        plan, change = plan_of(master), Change("update", master.name)
        rows = [
            Row(change, master, plan, "update", identifier, values, summed=True)
            for identifier, values in changes.items()
        ]
        save(rows)
        refused = {row.id or "": row.errors for row in rows if row.errors}
        if refused:
            raise MasterRefused(self._blamed(refused))

    def _blamed(self, refused: dict[str, list[ApiError]]) -> dict[str, list[ApiError]]:
        """Return the errors by everything below the masters that refuse."""
        out = dict(refused)
        grown = True
        while grown:
            grown = False
            for master, detail in self._pairs:
                if master in out and detail not in out:
                    out[detail] = out[master]
                    grown = True
        return out


_UNSURE = object()


def _joined(total: Total, now: Any, lost: list[Any], gained: list[Any]) -> Any:
    """Return a total without what was lost and with what was gained; `_UNSURE` where only counting anew can tell."""
    if total.operation in ("min", "max"):
        best: Any = min if total.operation == "min" else max
        gone = [total.shaped(share) for share in lost if share is not None]
        come = [total.shaped(share) for share in gained if share is not None]
        if now is None:
            return _UNSURE if gone else best(come, default=None)
        after = best([now, *come])
        # What was the best may be among what went, unless what came is as good.
        return _UNSURE if now in gone and now not in come and after == now else after
    # Sums of decimals are exact as long as they are far from the end of a float's digits.
    reach = _EXACT / 10**total.scale
    if now is None or not all(-reach < one < reach for one in (now, *lost, *gained)):
        return _UNSURE
    return total.shaped(now - sum(lost) + sum(gained))
