"""Which fields of a record are asked for: `Contact.Name,Contact.Account.Owner.Name`, resolved into a tree."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from mock_server.org import errors
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject

_PATH = re.compile(r"[A-Za-z]\w{0,119}(\.[A-Za-z]\w{0,119}){0,10}")
_DEEPEST = 5


@dataclass(slots=True)
class Selection:
    """Fields of an object, and of those that its references lead to. Without an object the reference is polymorphic."""

    sobject: SObject | None
    fields: dict[str, Field] = field(default_factory=dict)
    parents: dict[str, tuple[Field, Selection]] = field(default_factory=dict)

    def add(self, schema: Schema, steps: list[str]) -> bool:
        """Take in a path from the object on. Returns whether the user sees such a field."""
        here = self
        trail: list[tuple[Selection, Field, SObject | None]] = []
        for step in steps[:-1]:
            reference = here.sobject.parent(step) if here.sobject is not None else None
            if reference is None or reference.relationship_name is None or len(trail) == _DEEPEST:
                return False
            target = _target(schema, reference)
            trail.append((here, reference, target))
            known = here.parents.get(reference.relationship_name)
            here = known[1] if known else Selection(target)
        last = _field(schema, here.sobject, trail[-1][1] if trail else None, steps[-1])
        if last is None:
            return False
        # Only what is there all the way is taken in.
        here = self
        for _, reference, target in trail:
            name = reference.relationship_name or reference.name
            here = here.parents.setdefault(name, (reference, Selection(target)))[1]
        here.fields.setdefault(last.name, last)
        return True

    def paths(self, before: str = "") -> Iterator[str]:
        """Yield what a query selects: the fields, and of each parent what tells it."""
        for name in self.fields:
            yield before + name
        for name, (_, parent) in self.parents.items():
            yield from parent.paths(f"{before}{name}.")
            yield f"{before}{name}.Id"
            if parent.sobject is not None:
                yield from (f"{before}{name}.{one}" for one in system_fields(parent.sobject))


def system_fields(sobject: SObject) -> list[str]:
    """Return the fields that stand beside the others in a record's body."""
    names = ("LastModifiedById", "LastModifiedDate", "SystemModstamp", "RecordTypeId")
    return [name for name in names if name in sobject.by_name]


def _target(schema: Schema, reference: Field) -> SObject | None:
    return schema.get(reference.reference_to[0]) if len(reference.reference_to) == 1 else None


def _field(schema: Schema, sobject: SObject | None, reference: Field | None, name: str) -> Field | None:
    if sobject is not None:
        return sobject.field(name)
    # Of a polymorphic reference, what all that it may lead to have in common.
    common = schema.get("Name")
    found = common.field(name) if common is not None else None
    return found if found is not None and reference is not None and found.name != "RecordTypeId" else None


def qualified(names: Iterable[str]) -> list[list[str]]:
    """Return the steps of qualified names. Raises ILLEGAL_QUERY_PARAMETER_VALUE for one without its object."""
    out = []
    for name in names:
        if "." not in name:
            raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"Expected '.' in all qualified names: {name} is invalid")
        if not _PATH.fullmatch(name):
            raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"{name[:120]} is not a valid field name")
        out.append(name.split("."))
    return out
