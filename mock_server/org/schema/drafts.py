"""The objects of a schema in the making, found by their names, and what was wrong or left out so far."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.org.schema.errors import Path, SchemaError, close
from mock_server.org.schema.inline import Made
from mock_server.org.schema.types import (
    AssignmentRule,
    ChildRelationship,
    CompactLayout,
    DuplicateRule,
    Field,
    RecordType,
    SObject,
    ValidationRule,
    WorkflowRule,
)

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema

T = TypeVar("T")


@dataclass
class Draft:
    """An object in the making."""

    sobject: SObject
    path: Path
    new: bool
    fields: dict[str, Field]
    folded: dict[str, str] = field(default_factory=dict)
    children: list[ChildRelationship] = field(default_factory=list)
    child_names: set[str] = field(default_factory=set)
    made: list[Made] = field(default_factory=list)
    rules: dict[str, ValidationRule] = field(default_factory=dict)
    record_types: dict[str, RecordType] = field(default_factory=dict)
    layouts: dict[str, CompactLayout] = field(default_factory=dict)
    duplicates: dict[str, DuplicateRule] = field(default_factory=dict)
    workflow: dict[str, WorkflowRule] = field(default_factory=dict)
    assignment: dict[str, AssignmentRule] = field(default_factory=dict)
    definition: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, sobject: SObject, path: Path, *, new: bool = False) -> Draft:
        return cls(
            sobject,
            path,
            new,
            fields={one.name: one for one in sobject.fields},
            folded={one.name.lower(): one.name for one in sobject.fields},
            children=list(sobject.children),
            child_names={one.name.lower() for one in sobject.children if one.name},
            rules={one.name: one for one in sobject.validation_rules},
            record_types={one.name: one for one in sobject.record_types},
            layouts={one.name: one for one in sobject.compact_layouts},
            duplicates={one.name: one for one in sobject.duplicate_rules},
            workflow={one.name: one for one in sobject.workflow_rules},
            assignment={one.name: one for one in sobject.assignment_rules},
        )

    def find(self, name: str) -> Field | None:
        """Find a field by its name in any case."""
        return self.fields.get(name) or self.fields.get(self.folded.get(name.lower(), ""))

    def nearest(self, name: str) -> str | None:
        """Return the field whose name a wrong one probably means."""
        return close(name, self.fields)

    def put(self, one: Field) -> None:
        self.fields[one.name] = one
        self.folded[one.name.lower()] = one.name

    def masters(self) -> Iterator[Made]:
        """Yield the new master-detail fields."""
        return (one for one in self.made if is_master(one.field))

    def done(self) -> SObject:
        return replace(
            self.sobject,
            fields=tuple(self.fields.values()),
            children=tuple(self.children),
            validation_rules=tuple(self.rules.values()),
            record_types=tuple(self.record_types.values()),
            compact_layouts=tuple(self.layouts.values()),
            duplicate_rules=tuple(self.duplicates.values()),
            workflow_rules=tuple(self.workflow.values()),
            assignment_rules=tuple(self.assignment.values()),
            memo={},
        )


def is_master(one: Field) -> bool:
    """Whether a custom field is a master-detail field: only these have an order, or are not nillable and cascade."""
    return one.type == "reference" and one.custom and one.cascade_delete and not one.nillable


_FOREIGN = re.compile(r"[A-Za-z][A-Za-z0-9]{0,14}__[A-Za-z]\w{0,79}?__(?:c|e|mdt|x|kav)")


def foreign(name: Any) -> bool:
    """Whether a name is that of a package: its objects are in no project but its own."""
    return isinstance(name, str) and _FOREIGN.fullmatch(name) is not None


class Drafts:
    """All objects that are new or changed, on top of those that `schema` has."""

    def __init__(self, schema: Schema, definitions: Mapping[str, Any]) -> None:
        self.schema = schema
        self._definitions = definitions
        self.all: dict[str, Draft] = {}
        self._folded: dict[str, str] = {}
        self.left_out: set[str] = set()
        """Objects, in lower case, that only their own org or package has."""
        self.problems: list[SchemaError] = []
        self.notes: list[tuple[Path, str]] = []
        """What is left out, and where it was defined."""

    def given(self, kind: str) -> Mapping[str, Any]:
        """Return the definitions of a kind."""
        return self._definitions.get(kind) or {}

    def own(self, name: Any) -> Draft | None:
        """Find an object in the making by its name in any case."""
        return self.all.get(self._folded.get(name.lower(), "")) if isinstance(name, str) else None

    def draft(self, name: Any) -> Draft | None:
        """Find an object by its name in any case, to change it."""
        if not isinstance(name, str):
            return None
        found = self.own(name)
        if found is None:
            known = self.schema.get(name)
            if known is None:
                return None
            found = self.add(Draft.of(known, ()))
        return found

    def unchanged(self, name: str) -> Draft | None:
        """Return an object that nobody changes, to look into."""
        found = self.schema.get(name)
        return Draft.of(found, ()) if found is not None else None

    def add(self, draft: Draft) -> Draft:
        name = draft.sobject.name
        self.all[name] = draft
        self._folded[name.lower()] = name
        return draft

    def names(self) -> Iterable[str]:
        return {*self.schema.names(), *self.all}

    def attempt(self, work: Callable[..., T], *arguments: Any) -> T | None:
        """Do a part of the work; what is wrong with it becomes one of the problems."""
        try:
            return work(*arguments)
        except SchemaError as error:
            self.problems.append(error)
            return None

    def note(self, path: Path, text: str) -> None:
        self.notes.append((path, text))

    def leave_out(self, path: Path, name: str, text: str) -> None:
        self.left_out.add(name.lower())
        self.note(path, text)
