"""Which records a save locks: its own, and those whose children they are (Salesforce, "Record Locking Cheat Sheet").

A master, and any parent that takes its children along when it is deleted, is locked by every save of a child. A parent
that cannot be deleted while it has children is locked when a child begins to refer to it. A parent whose children are
merely cut loose is not locked at all. A task locks its parents on insert only while there is something to do by a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from mock_server.org.records.rows import Row
from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject

# Parents that every row has, and that Salesforce does not lock when a child is saved.
_UNLOCKED = frozenset({"OwnerId", "CreatedById", "LastModifiedById", "RecordTypeId"})
_ACTIVITIES = frozenset({"Task", "Event"})


@dataclass(frozen=True, slots=True)
class Parents:
    """The references of an object by what their parents go through."""

    version: int
    """The version of the schema in which they are so: orgs share objects, and children of a parent differ."""
    always: tuple[str, ...] = ()
    when_set: tuple[str, ...] = ()


def parents_of(schema: Schema, sobject: SObject) -> Parents:
    """Return an object's references whose parents a save locks."""
    known = sobject.memo.get("locks")
    if isinstance(known, Parents) and known.version == schema.version:
        return known
    always, when_set = [], []
    for field in sobject.fields:
        if field.type != "reference" or field.name in _UNLOCKED or not field.stored:
            continue
        links = [
            child
            for name in field.reference_to
            if (target := schema.get(name)) is not None
            for child in target.children
            if child.child == sobject.name and child.field == field.name
        ]
        activity = sobject.name in _ACTIVITIES and field.name == "AccountId"
        if field.cascade_delete or activity or any(link.cascade_delete for link in links):
            always.append(field.name)
        elif field.restricted_delete or any(link.restricted_delete for link in links):
            when_set.append(field.name)
    found = sobject.memo["locks"] = Parents(schema.version, tuple(always), tuple(when_set))
    return found


class Locking:
    """Works out the locks of rows that are about to be saved."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._schema = schema
        self._store = store

    def of(self, rows: Sequence[Row]) -> list[tuple[Row, set[str]]]:
        """Return the records that each row locks."""
        groups: dict[tuple[str, str], list[Row]] = {}
        for row in rows:
            groups.setdefault((row.sobject.name, row.verb), []).append(row)
        found: dict[int, set[str]] = {}
        for (_, verb), same in groups.items():
            parents = parents_of(self._schema, same[0].sobject)
            before = self._stored(same, (*parents.always, *parents.when_set)) if verb != "create" else {}
            for row in same:
                found[id(row)] = set(_ids(row, parents, before.get(row.id or "", {})))
                if row.wake is not None:
                    found[id(row)].update(row.wake.touched())
        return [(row, found[id(row)]) for row in rows]

    def _stored(self, rows: list[Row], names: tuple[str, ...]) -> dict[str, dict[str, Any]]:
        if not names:
            return {}
        ids = [row.id for row in rows if row.id]
        found = self._store.lookup(rows[0].sobject, "Id", ids, "Id", *names)
        return {identifier: dict(zip(names, values, strict=True)) for identifier, *values in found}


def _ids(row: Row, parents: Parents, before: dict[str, Any]) -> Iterable[str]:
    if row.id:
        yield row.id
    if row.sobject.name == "Task" and row.verb == "create" and not _pending(row):
        return
    for name in parents.always:
        # Both sides of a change of parents are locked.
        yield from (str(parent) for parent in (before.get(name), row.values.get(name)) if parent)
    for name in parents.when_set:
        parent = row.values.get(name)
        if parent and parent != before.get(name) and row.verb != "delete":
            yield parent


def _pending(row: Row) -> bool:
    return row.values.get("ActivityDate") is not None and row.values.get("Status") != "Completed"
