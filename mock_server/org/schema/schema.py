"""The schema of one org: the bundled objects, changed and joined by what the org's owner declared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from mock_server.org.schema import inline, standard
from mock_server.org.schema.errors import SchemaError
from mock_server.org.schema.types import ChildRelationship, Field, SObject

__all__ = ["Schema", "SchemaError"]


@cache
def _folded_names() -> dict[str, str]:
    return {name.lower(): name for name in standard.rows()}


@cache
def _prefixes() -> dict[str, str]:
    # A prefix that several objects share leads to the one that describes itself first.
    out: dict[str, str] = {}
    for name, (prefix, _, _) in standard.rows().items():
        if prefix:
            out.setdefault(prefix, name)
    return out


class Schema:
    """Objects by name. `version` rises with every change, so that whatever was derived can be dropped."""

    def __init__(self) -> None:
        self.version = 1
        self._own: dict[str, SObject] = {}
        self._own_folded: dict[str, str] = {}
        self._own_prefixes: dict[str, str] = {}

    def get(self, name: str) -> SObject | None:
        """Find an object by its name in any case."""
        found = self._own.get(name)
        if found is not None:
            return found
        if name not in standard.rows():
            folded = name.lower()
            exact = self._own_folded.get(folded) or _folded_names().get(folded)
            if exact is None:
                return None
            return self._own.get(exact) or standard.load(exact)
        return standard.load(name)

    def names(self) -> tuple[str, ...]:
        """Return the names of all objects, sorted."""
        return tuple(sorted({*standard.rows(), *self._own}, key=str.lower))

    def own(self) -> Mapping[str, SObject]:
        """Return the objects that differ from the bundled ones."""
        return self._own

    def by_prefix(self, prefix: str) -> SObject | None:
        """Find the object whose ids begin with three characters."""
        name = self._own_prefixes.get(prefix) or _prefixes().get(prefix)
        return self.get(name) if name else None

    def copy(self) -> Schema:
        """Return a schema that can change apart from this one; the objects themselves are shared."""
        other = Schema()
        other.become(self)
        return other

    def become(self, other: Schema) -> None:
        """Take over another schema's objects."""
        self._own = dict(other._own)
        self._own_folded = dict(other._own_folded)
        self._own_prefixes = dict(other._own_prefixes)
        self.version += 1

    def add(self, objects: Mapping[str, Any], fields: Mapping[str, Any]) -> None:
        """Add inline objects and fields (see `inline` for their form).

        Raises SchemaError, with the schema unchanged, for the first mistake.
        """
        if not isinstance(objects, Mapping):
            raise SchemaError(("objects",), "objects must be a mapping of object names to their definitions")
        if not isinstance(fields, Mapping):
            raise SchemaError(("fields",), "fields must be a mapping of object names to their fields")
        if not objects and not fields:
            return
        trial = self.copy()
        for name, definition in objects.items():
            inline.check_object_name(trial.get, name)
            trial._put(inline.new_object(name, definition, trial._free_prefix()))
        for name, definition in objects.items():
            trial._add_fields(("objects", name, "fields"), name, inline.fields_of(definition))
        for name, definitions in fields.items():
            sobject = trial.get(name) if isinstance(name, str) else None
            if sobject is None:
                raise SchemaError.unknown(("fields", name), "object", name, trial.names())
            trial._add_fields(("fields", name), sobject.name, definitions)
        trial.sum_up()
        from mock_server.org import rollups

        for problem in rollups.check(trial):
            owner = "objects" if problem.sobject in objects else "fields"
            path = (owner, problem.sobject, *(("fields",) if owner == "objects" else ()), problem.field)
            raise SchemaError(path, problem.message, nearest=problem.nearest)
        self.become(trial)

    def sum_up(self) -> None:
        """Give roll-up summaries the types of what they sum up; to be called when all objects are there."""
        from mock_server.org import rollups

        for sobject in list(self._own.values()):
            if any(field.roll_up is not None for field in sobject.fields):
                fields = tuple(rollups.summed(self, field) for field in sobject.fields)
                if fields != sobject.fields:
                    self._put(replace(sobject, fields=fields, memo={}))

    def _free_prefix(self) -> str:
        # Custom objects get a00, a01, ... in the order of their creation, as in a real org.
        number = sum(1 for sobject in self._own.values() if sobject.custom)
        digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
        return f"a{digits[number // 62 % 62]}{digits[number % 62]}"

    def _put(self, sobject: SObject) -> None:
        self._own[sobject.name] = sobject
        self._own_folded[sobject.name.lower()] = sobject.name
        if sobject.key_prefix:
            self._own_prefixes[sobject.key_prefix] = sobject.name

    def _add_fields(self, path: tuple[str | int, ...], name: str, definitions: Any) -> None:
        if not isinstance(definitions, Mapping):
            raise SchemaError(path, "fields must be a mapping of field names to their definitions")
        new: list[Field] = []
        for field_name, definition in definitions.items():
            sobject = self.get(name)
            assert sobject is not None
            taken = [*(field.name for field in sobject.fields), *(field.name for field in new)]
            new.append(inline.new_field(self.get, self.names, (*path, field_name), field_name, definition, taken))
        self._extend(name, fields=new)
        for field in new:
            for parent in field.reference_to:
                target = self.get(parent)
                if target is not None and field.type == "reference":
                    self._extend(target.name, children=[inline.child_of(name, field, definitions[field.name], target)])

    def _extend(self, name: str, fields: Iterable[Field] = (), children: Iterable[ChildRelationship] = ()) -> None:
        sobject = self.get(name)
        assert sobject is not None
        self._put(replace(sobject, fields=(*sobject.fields, *fields), children=(*sobject.children, *children), memo={}))
