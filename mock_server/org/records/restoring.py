"""What comes back from the recycle bin with a record, and what keeps it there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mock_server.org import errors
from mock_server.org.ids import to_15
from mock_server.org.records.plans import plan_of
from mock_server.org.records.recycling import Link, RecycleBin
from mock_server.org.records.rows import Row, Wake
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject, fold

Stored = dict[str, dict[str, Any]]


class Restoring:
    """Works out undeletes for one org."""

    def __init__(self, schema: Schema, store: Store, bin: RecycleBin) -> None:
        self._schema = schema
        self._store = store
        self._bin = bin

    def work_out(self, rows: Sequence[Row]) -> None:
        """Give each row that is undeleted its wake; refuse those that cannot be without what is gone."""
        alive = [row for row in rows if not row.errors]
        while alive and not self._prepare(alive):
            alive = [row for row in alive if not row.errors]

    def _prepare(self, rows: Sequence[Row]) -> bool:
        """Work out the wakes of some rows; tell whether none of them was refused."""
        owner: dict[str, Row] = {}
        by_object: dict[str, list[str]] = {}
        for row in rows:
            row.wake = Wake()
            owner[str(row.id)] = row
            by_object.setdefault(row.sobject.name, []).append(str(row.id))
        for one in self._bin.together(list(owner)):
            if one.id not in owner:
                owner[one.id] = owner[one.root]
                by_object.setdefault(one.sobject, []).append(one.id)
        stored = {name: self._store.records(self._object(name), ids) for name, ids in by_object.items()}
        left = self._settle(owner, stored)
        refused = self._deduplicate(owner, stored) | any(identifier == owner[identifier].id for identifier in left)
        for identifier in left:
            if identifier == owner[identifier].id:
                owner[identifier].fail(errors.UNDELETE_FAILED(text="parent is deleted"))
        if refused:
            return False
        for name, records in stored.items():
            for identifier in records:
                row = owner[identifier]
                assert row.wake is not None
                if identifier in left:
                    row.wake.left.append(identifier)
                elif identifier != row.id:
                    row.wake.along.setdefault(name, []).append(identifier)
        self._mend(owner, stored, left)
        return True

    def _object(self, name: str) -> SObject:
        found = self._schema.anywhere(name)
        assert found is not None
        self._store.ready(found)
        return found

    def _settle(self, owner: dict[str, Row], stored: dict[str, Stored]) -> set[str]:
        """Return the records that must stay because a parent which they need does; note references to be cleared."""
        wanted = {
            parent
            for name, records in stored.items()
            for reference in plan_of(self._object(name)).references
            for record in records.values()
            if (parent := record.get(reference)) and parent not in owner
        }
        live = self._live(wanted)
        left: set[str] = set()
        while True:
            more = {
                identifier
                for name, records in stored.items()
                for reference in self._needed(self._object(name))
                for identifier, record in records.items()
                if identifier not in left
                and (parent := record.get(reference))
                and (parent in left if parent in owner else parent not in live)
            }
            if not more:
                break
            left |= more
        for name, records in stored.items():
            for reference in plan_of(self._object(name)).references:
                for identifier, record in records.items():
                    parent = record.get(reference)
                    if identifier in left or not parent or reference == "OwnerId":
                        continue
                    if parent in left or (parent not in owner and parent not in live):
                        wake = owner[identifier].wake
                        assert wake is not None
                        wake.links.setdefault((name, reference), {})[identifier] = None
                        wake.lost.append(Link(parent, name, identifier, reference))
        return left

    def _live(self, ids: set[str]) -> set[str]:
        by_prefix: dict[str, list[str]] = {}
        for identifier in ids:
            by_prefix.setdefault(identifier[:3], []).append(identifier)
        out: set[str] = set()
        for prefix, same in by_prefix.items():
            target = self._schema.by_prefix(prefix)
            if target is not None:
                self._store.ready(target)
                out.update(one for one, gone in self._store.lookup(target, "Id", same, "Id", "IsDeleted") if not gone)
        return out

    def _needed(self, sobject: SObject) -> list[str]:
        """Return the references that a record cannot be without."""
        return [
            name
            for name, reference in plan_of(sobject).references.items()
            if not reference.nillable and name != "OwnerId"
        ]

    def _deduplicate(self, owner: dict[str, Row], stored: dict[str, Stored]) -> bool:
        """Refuse rows that bring back a unique value which is taken by now; tell whether there are any."""
        refused = False
        for name, records in stored.items():
            sobject = self._object(name)
            for unique in plan_of(sobject).unique:
                refused |= self._deduplicate_field(sobject, unique, records, owner)
        return refused

    def _deduplicate_field(self, sobject: SObject, unique: Field, records: Stored, owner: dict[str, Row]) -> bool:
        claims = {
            identifier: fold(value) if unique.folded else value
            for identifier, record in records.items()
            if (value := record.get(unique.name)) is not None
        }
        column = fold_column(unique.name) if unique.folded else unique.name
        found = self._store.lookup(sobject, column, list(claims.values()), column, "Id", "IsDeleted")
        taken = {value: identifier for value, identifier, deleted in found if not deleted}
        refused = False
        for identifier, value in claims.items():
            other = taken.setdefault(value, identifier)
            if other != identifier:
                refused = True
                if not owner[identifier].errors:
                    owner[identifier].fail(errors.DUPLICATE_VALUE(field=unique.name, id=to_15(other)))
        return refused

    def _mend(self, owner: dict[str, Row], stored: dict[str, Stored], left: set[str]) -> None:
        """Restore the references that the deletions cut, unless they lead elsewhere by now."""
        back = {identifier for records in stored.values() for identifier in records if identifier not in left}
        by_field: dict[tuple[str, str], dict[str, str]] = {}
        for link in self._bin.links_to(sorted(back)):
            by_field.setdefault((link.sobject, link.field), {})[link.id] = link.parent
        for (name, field), parents in by_field.items():
            child = self._object(name)
            if field not in child.by_name:
                continue
            for identifier, value in self._store.lookup(child, "Id", list(parents), "Id", field):
                if value is None:
                    wake = owner[parents[identifier]].wake
                    assert wake is not None
                    wake.links.setdefault((name, field), {})[identifier] = parents[identifier]
