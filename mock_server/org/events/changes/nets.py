"""What a transaction has changed in the end, record by record.

"If multiple DML operations are performed on a record within the same transaction boundary, only one change event is
generated for the initial change type", with what is committed at its end (Change Data Capture Developer Guide, "General
Considerations"). A record that is made and deleted within a transaction was never there for anybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mock_server.org.events.changes import differences
from mock_server.org.events.changes.types import Cell, EventType
from mock_server.org.records.changes import Committed
from mock_server.org.records.commits import Batch

Cells = list[tuple[Cell, Any]]
"""What an event tells: values, each with its place in the event, in the event's order."""


@dataclass(slots=True)
class Net:
    """What became of one record. `before` holds the former values of an update, None where nobody knows them.

    `came` is the change that brought it, where there was no such record for anybody before the transaction.
    """

    type: EventType
    verb: Committed
    id: str
    user: str
    columns: tuple[str, ...]
    row: Sequence[Any]
    before: Sequence[Any] | None = None
    came: Committed | None = None

    @property
    def passed(self) -> bool:
        """Whether it came and went: nobody ever saw it."""
        return self.verb == "delete" and self.came is not None

    def then(self, later: Net) -> Net:
        """Return what comes of this change and a later one."""
        if later.verb == "delete":
            return replace(later, came=self.came)
        if later.verb == "undelete":
            return replace(later, verb=self.came or "undelete", came=self.came)
        if self.verb == "delete":
            return later
        columns = (*self.columns, *(name for name in later.columns if name not in self.columns))
        now = dict(zip(self.columns, self.row, strict=False)) | dict(zip(later.columns, later.row, strict=False))
        before = None
        if self.verb == "update" and self.before is not None and later.before is not None:
            was = dict(zip(later.columns, later.before, strict=False))
            was |= dict(zip(self.columns, self.before, strict=False))
            before = [was[name] for name in columns]
        row = [now[name] for name in columns]
        return Net(self.type, self.verb, self.id, later.user, columns, row, before, self.came)

    def told(self) -> Cells:
        """Return the values that an event of this change carries; those of an update are the changed ones."""
        if self.verb == "delete":
            return []
        row = self.row
        if self.verb == "create":
            begun = [
                (cell, row[place] if place >= 0 else value) for place, cell, value in self.type.beginning(self.columns)
            ]
            return [pair for pair in begun if pair[1] is not None]
        telling = self.type.telling(self.columns)
        if self.verb == "undelete":
            return [(cell, row[place]) for place, cell in telling if row[place] is not None]
        assert self.before is not None
        before = self.before
        changed = [
            (place, cell) for place, cell in telling if row[place] != before[place] or cell.name == "LastModifiedDate"
        ]
        if self.type.wholes:
            places = {place for place, _ in changed}
            places |= self._wholes(places)
            changed = [(place, cell) for place, cell in telling if place in places]
        return [
            (cell, differences.told(before[place], row[place]) if cell.long else row[place]) for place, cell in changed
        ]

    def _wholes(self, changed: set[int]) -> set[int]:
        """Return the places of what is told along with changed columns."""
        names = {other for place in changed for other in self.type.wholes.get(self.columns[place], ())}
        return {place for place, name in enumerate(self.columns) if name in names}


def nets(batches: Sequence[Batch], types: Mapping[str, EventType]) -> Iterator[Net | None]:
    """Yield what became of the records of some objects in one transaction, in the order of their first changes.

    None stands where those of another object changed, of which nothing is told.
    """
    if len(batches) == 1:
        yield from _of(batches[0], types[batches[0].sobject])
        return
    found: dict[str | int, Net | None] = {}
    for batch in batches:
        kind = types.get(batch.sobject)
        if kind is None:
            found[batch.first] = None
            continue
        for one in _of(batch, kind):
            earlier = found.get(one.id)
            found[one.id] = one if earlier is None else earlier.then(one)
    yield from (one for one in found.values() if one is None or not one.passed)


def _of(batch: Batch, kind: EventType) -> Iterator[Net]:
    came = batch.verb if batch.verb in ("create", "undelete") else None
    before: Sequence[Any] = batch.before if batch.before is not None else [None] * len(batch.ids)
    for identifier, row, was in zip(batch.ids, batch.rows, before, strict=True):
        yield Net(kind, batch.verb, identifier, batch.user, batch.columns, row, was, came)
