"""What a deletion takes along, what it cuts, and what stands in its way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.recycling import RecycleBin
from mock_server.org.records.relations import ASSOCIATED, Inbound, Relations
from mock_server.org.records.rows import Chunk, Row, Wake
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject

_MOST_NAMED = 25
"""Records in the way that a message names."""


@dataclass(slots=True)
class _Reach:
    """How far the deletions of a chunk reach."""

    owner: dict[str, Row]
    """Which row's deletion a record belongs to, by its id."""
    bound: set[str] = field(default_factory=set)
    """Records that go because a master does."""
    doomed: set[str] = field(default_factory=set)
    """Records of which two masters go apart from each other: those go for good."""
    along: list[tuple[str, str]] = field(default_factory=list)
    """Object and id of what goes with the rows, parents before children."""
    cut: list[tuple[Inbound, str, str]] = field(default_factory=list)
    """Reference, child and parent where a lookup is cleared."""
    blocked: dict[str, tuple[Inbound, str, list[str]]] = field(default_factory=dict)
    """What stands in the way of a row, by its id: reference, parent and children."""


class Removal:
    """Works out deletions for one org."""

    def __init__(self, schema: Schema, store: Store, relations: Relations, bin: RecycleBin) -> None:
        self._schema = schema
        self._store = store
        self._relations = relations
        self._bin = bin

    def work_out(self, rows: Sequence[Row]) -> None:
        """Give each row that is deleted its wake; refuse those whose records others need."""
        alive = [row for row in rows if not row.errors]
        while alive:
            reach = self._reach(alive)
            if not reach.blocked:
                self._assign(reach, alive)
                return
            # Whom a refused row would have taken along, another one may: it is worked out anew without it.
            for row in alive:
                if row.id in reach.blocked:
                    row.fail(self._refusal(*reach.blocked[row.id]))
            alive = [row for row in alive if not row.errors]

    def _reach(self, rows: Sequence[Row]) -> _Reach:
        reach = _Reach({str(row.id): row for row in rows})
        merged = {str(row.id) for row in rows if row.change.into is not None}
        waiting: list[tuple[Inbound, str, str]] = []
        frontier: dict[str, list[str]] = {}
        for row in rows:
            frontier.setdefault(row.sobject.name, []).append(str(row.id))
        while frontier:
            reached: dict[str, list[str]] = {}
            for name, ids in frontier.items():
                parent = self._schema.anywhere(name)
                assert parent is not None
                for relation in self._relations.to(parent):
                    for child, target, state, deleted in self._children(relation, ids):
                        if target in merged:
                            reach.cut.append((relation, child, target))
                        elif deleted:
                            if relation.binding:
                                reach.doomed.add(child)
                        elif relation.on_delete == "clear":
                            reach.cut.append((relation, child, target))
                        elif relation.on_delete == "restrict":
                            waiting.append((relation, child, target))
                        elif relation.guard is not None and state in relation.guard.values:
                            self._block(reach, relation, child, target)
                        elif self._claim(reach, relation, child, target):
                            reached.setdefault(relation.child.name, []).append(child)
            frontier = reached
        for relation, child, target in waiting:
            if child not in reach.owner:
                self._block(reach, relation, child, target)
        self._sort_out(reach)
        return reach

    def _children(self, relation: Inbound, ids: Sequence[str]) -> Iterator[tuple[str, str, Any, int]]:
        state = relation.guard.column if relation.guard else "Id"
        found = self._store.lookup(
            relation.child, relation.field.name, ids, "Id", relation.field.name, state, "IsDeleted"
        )
        yield from found

    @staticmethod
    def _block(reach: _Reach, relation: Inbound, child: str, target: str) -> None:
        root = str(reach.owner[target].id)
        first = reach.blocked.setdefault(root, (relation, target, []))
        if first[:2] == (relation, target):
            first[2].append(child)

    @staticmethod
    def _claim(reach: _Reach, relation: Inbound, child: str, target: str) -> bool:
        """Let a child go with its parent; tell whether it did not go already."""
        row, binding = reach.owner[target], relation.binding
        known = reach.owner.get(child)
        if known is None:
            reach.owner[child] = row
            reach.along.append((relation.child.name, child))
            if binding:
                reach.bound.add(child)
            return True
        if binding and known is not row:
            # "If both associated master records are deleted, the junction object record is deleted permanently."
            if child in reach.bound:
                reach.doomed.add(child)
            reach.bound.add(child)
        return False

    def _sort_out(self, reach: _Reach) -> None:
        """Keep of the deleted children only those that another master took along: they lose their last one."""
        earlier = self._bin.find([one for one in reach.doomed if one not in reach.owner])
        reach.doomed = {
            one for one in reach.doomed if one in reach.owner or (one in earlier and earlier[one].root != one)
        }

    def _assign(self, reach: _Reach, rows: Sequence[Row]) -> None:
        wakes = {str(row.id): Wake() for row in rows}
        for name, child in reach.along:
            wakes[str(reach.owner[child].id)].along.setdefault(name, []).append(child)
        # A child of the bin that is lost with its last master belongs to the first row: nobody can ask for it again.
        first = wakes[str(rows[0].id)]
        for child in sorted(reach.doomed):
            owner = reach.owner.get(child)
            (wakes[str(owner.id)] if owner else first).doomed.append(child)
        merged = {str(row.id): row.change.into for row in rows if row.change.into is not None}
        for relation, child, target in reach.cut:
            row = reach.owner[target]
            into = merged.get(target)
            if into is None and reach.owner.get(child) is row:
                continue  # Both lie in the bin, and come back, together.
            # No record becomes its own parent by a merger.
            value = None if child == into else into
            key = relation.child.name, relation.field.name
            wakes[str(row.id)].links.setdefault(key, {})[child] = value
        for row in rows:
            row.wake = wakes[str(row.id)]

    # -- what is said

    def _refusal(self, relation: Inbound, target: str, children: Sequence[str]) -> ApiError:
        parent = self._schema.anywhere_by_prefix(target[:3])
        name = self._names(parent, [target])[0] if parent is not None else target
        text = relation.guard.text if relation.guard is not None else ASSOCIATED
        named = ", ".join(self._names(relation.child, children[:_MOST_NAMED]))
        return errors.DELETE_FAILED(
            text=text.format(name=name, children=relation.child.label_plural.lower(), names=named)
        )

    def _names(self, sobject: SObject, ids: Sequence[str]) -> list[str]:
        """Return what records are called, a person with the salutation."""
        named = next((one for one in sobject.fields if one.name_field and one.stored), None) or sobject.by_name["Id"]
        columns = ("Salutation", named.name) if "Salutation" in sobject.by_name else (named.name,)
        found = {
            row[0]: " ".join(str(part) for part in row[1:] if part)
            for row in self._store.lookup(sobject, "Id", ids, "Id", *columns)
        }
        return [found.get(identifier) or identifier for identifier in ids]


def refuse_references(chunk: Chunk, going: list[Row]) -> None:
    """Refuse rows that would refer to a record which the same chunk deletes."""
    if len(going) == len(chunk.rows):
        return
    gone = {str(row.id) for row in going if not row.errors}
    for row in going:
        if row.wake is not None:
            gone.update(identifier for ids in row.wake.along.values() for identifier in ids)
    for row in chunk.rows:
        if row.writes and not row.errors:
            referred = {row.values[name] for name in row.plan.references.keys() & row.values.keys()}
            if row.id in gone:
                row.fail(errors.ENTITY_IS_DELETED())
            elif not gone.isdisjoint(referred):
                row.fail(errors.INVALID_CROSS_REFERENCE_KEY())
