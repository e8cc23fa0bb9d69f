"""The schema that the Tooling API shows: its own objects and those it shares, as the caller sees these."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from mock_server.org.schema.schema import Schema
from mock_server.org.schema.types import SObject
from mock_server.org.tooling import objects

_READ_ONLY = frozenset({"createable", "updateable", "undeletable"})
"""What the Tooling API cannot do here with an object that it shares."""


class ToolingSchema(Schema):
    """A view of another schema, the caller's, which tells what is described by these objects (`described`)."""

    def __init__(self, described: Schema) -> None:
        super().__init__()
        self._described = described
        self._seen: dict[str, tuple[SObject, SObject]] = {}
        self._names = {name.lower(): name for name in (*objects.SHARED, *objects.names())}

    @property
    def described(self) -> Schema:
        return self._described

    @property
    def whole(self) -> Schema:
        return self if self._described.whole is self._described else tooling(self._described.whole)

    def get(self, name: str) -> SObject | None:
        exact = self._names.get(name.lower())
        if exact is None:
            return None
        found = self._described.get(exact) if exact in objects.SHARED else objects.load(exact)
        if found is None:
            return None
        known = self._seen.get(exact)
        if known is None or known[0] is not found:
            known = self._seen[exact] = (found, self._shown(found))
        return known[1]

    def _shown(self, sobject: SObject) -> SObject:
        """Return an object with what the Tooling API shows of it beside what others do."""
        if sobject.name in objects.SHARED and not _READ_ONLY.isdisjoint(sobject.flags):
            # They are made and changed elsewhere: by deploying metadata, or through the REST API.
            sobject = replace(sobject, flags=sobject.flags - _READ_ONLY, memo={})
        more = tuple(field for field in objects.more_fields(sobject.name) if field.name not in sobject.by_name)
        children = objects.CHILDREN_OF_ENTITY if sobject.name == "EntityDefinition" else ()
        if sobject.name in objects.REFLECTED:
            return replace(sobject, derived=True, memo={})
        if not more and not children:
            return sobject
        whole = self.whole.get(sobject.name) if sobject.whole is not None else None
        fields, children = (*sobject.fields, *more), (*sobject.children, *children)
        return replace(sobject, fields=fields, children=children, whole=whole, memo={})

    def has(self, name: str) -> bool:
        return self.get(name) is not None

    def names(self) -> tuple[str, ...]:
        return tuple(sorted((name for name in self._names.values() if self.get(name) is not None), key=str.lower))

    def own(self) -> Mapping[str, SObject]:
        return {name: found for name in self.names() if (found := self.get(name)) is not None}

    def by_prefix(self, prefix: str) -> SObject | None:
        name = objects.prefixes().get(prefix)
        if name is not None:
            return self.get(name)
        found = self._described.by_prefix(prefix)
        return self.get(found.name) if found is not None else None

    def flags_of(self, name: str, flags: Iterable[str]) -> Iterable[str]:
        found = self.get(name)
        return [flag for flag in flags if found is not None and flag in found.flags]

    def rows(self, sobject: SObject, table: str, ready: Callable[[SObject], None]) -> str | None:
        if sobject.name not in objects.SHARED:
            return None
        return self._described.rows(self._described.get(sobject.name) or sobject, table, ready)


def tooling(described: Schema) -> ToolingSchema:
    """Return the Tooling API's view of a schema, the same each time."""
    view = described.tooling
    if not isinstance(view, ToolingSchema):
        view = described.tooling = ToolingSchema(described)
    return view
