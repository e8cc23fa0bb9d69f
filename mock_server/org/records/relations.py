"""What refers to a record, and what becomes of it when that record goes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from mock_server.org.records.store import Store
from mock_server.org.schema import Schema
from mock_server.org.schema.types import ChildRelationship, Field, SObject

OnDelete = Literal["cascade", "restrict", "clear"]


@dataclass(frozen=True, slots=True)
class Guard:
    """Children of this kind keep their parent from going: `column` has one of `values`."""

    column: str
    values: frozenset[Any]
    text: str
    """The message of DELETE_FAILED, with the parent's name, the children's label and their names."""


ASSOCIATED = (
    "Your attempt to delete {name} could not be completed because it is associated with the following {children}.: "
    "{names}\n"
)
"""Recorded for a contact with cases."""
_CLOSED_WON = (
    "Your attempt to delete {name} could not be completed because some opportunities in that account were closed won. "
    "The opportunities that were closed won are shown below.: {names}\n"
)
# Accounts go with their opportunities, contracts and orders, but not with those that count (Salesforce help,
# "Considerations for Deleting Accounts"). The describe says so with both marks, or with none.
_GUARDS = {
    ("Opportunity", "AccountId"): Guard("IsWon", frozenset({1}), _CLOSED_WON),
    ("Contract", "AccountId"): Guard("Status", frozenset({"Activated"}), ASSOCIATED),
    ("Order", "AccountId"): Guard("Status", frozenset({"Activated"}), ASSOCIATED),
}


@dataclass(frozen=True, slots=True)
class Inbound:
    """A reference field of some object that may lead to the records of another."""

    child: SObject
    field: Field
    on_delete: OnDelete
    guard: Guard | None = None

    @property
    def binding(self) -> bool:
        """Whether a child cannot be without this parent: a master, or a required one."""
        return self.on_delete == "cascade" and not self.field.nillable


class Relations:
    """What leads to the records of each object of one org; worked out once, until the schema or the tables change."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._schema = schema
        self._store = store
        self._state: tuple[int, tuple[str, ...]] = (0, ())
        self._known: dict[str, tuple[Inbound, ...]] = {}

    def to(self, parent: SObject) -> tuple[Inbound, ...]:
        """Return the references to an object from all objects that may have rows."""
        used = self._store.used()
        if self._state != (self._schema.version, used):
            self._state = (self._schema.version, used)
            self._known.clear()
        known = self._known.get(parent.name)
        if known is None:
            known = self._known[parent.name] = tuple(self._find(parent, used))
        return known

    def _find(self, parent: SObject, used: tuple[str, ...]) -> Iterator[Inbound]:
        marks = {(one.child, one.field): one for one in parent.children}
        for name in used:
            child = self._schema.get(name)
            if child is None:
                continue
            self._store.ready(child)
            for field in child.fields:
                if field.type == "reference" and field.stored and parent.name in field.reference_to:
                    mark = marks.get((child.name, field.name))
                    yield Inbound(child, field, _on_delete(field, mark), _GUARDS.get((child.name, field.name)))


def _on_delete(field: Field, mark: ChildRelationship | None) -> OnDelete:
    if mark is not None and mark.cascade_delete:
        # What is both is restricted by its guard.
        guarded = mark.restricted_delete and (mark.child, field.name) not in _GUARDS
        return "restrict" if guarded else "cascade"
    if mark is not None and mark.restricted_delete:
        return "restrict"
    if field.cascade_delete:
        return "cascade"
    # A reference that must not be empty cannot be cleared.
    return "clear" if field.nillable and not field.restricted_delete else "restrict"
