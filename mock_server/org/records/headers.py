"""The header of a table of rows: which field each column is, and what a job is told of columns that are none.

Columns are field names in any case, `Relationship.Key__c` for a parent by a key of its own, and
`Type:Relationship.Key__c` where the reference may lead to several objects (D: relationship fields in a header row). A
name is taken as it stands: blanks are part of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.text import from_text
from mock_server.org.records.values import coercion
from mock_server.org.schema import Schema
from mock_server.org.schema.types import FLOAT_TYPES, Field, SObject

_PARTICULAR = FLOAT_TYPES | {"boolean", "int", "long", "date", "datetime", "time", "base64"}
"""Types that cannot read every text."""
_MOST_HEADERS = 64
_UNTYPED = {"owner": "User"}
"""What a reference leads to where nothing is said (`Owner.Id` of a task is the documentation's own example)."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `name` is as it was sent; `field` is what it sets, a reference where a parent is named by a key."""

    name: str
    field: Field
    read: Callable[[str], Any] | None
    """Reads a cell into its stored form, for types that cannot read every text; raises Misfit. None for the others."""
    relationship: str | None = None
    key: str | None = None
    """The field of the parent, as it was sent."""
    kind: str | None = None
    """The parent's object, where the column says so."""
    target: SObject | None = None
    key_field: Field | None = None

    def value(self, cell: str) -> Any:
        """Return what a cell says, other than nothing or null, as a JSON value of a change."""
        if self.relationship is None:
            return bool(from_text(self.field, cell)) if self.field.type == "boolean" else cell
        named: dict[str, Any] = {str(self.key): cell}
        return named if self.kind is None else {"attributes": {"type": self.kind}, **named}


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table, each as it was found; None for one that is not found, which `fault` tells of."""

    columns: tuple[Column | None, ...]
    fault: ApiError | None
    id_place: int | None
    """Where the Id stands that names the record of an update or delete, or of an upsert by it."""
    key_place: int | None
    """Where the key of an upsert stands."""

    def valued(self) -> Iterator[tuple[int, Column]]:
        """Yield the columns that bring values, with their places."""
        for place, column in enumerate(self.columns):
            if column is not None and place not in (self.id_place, self.key_place):
                yield place, column


@dataclass(frozen=True, slots=True)
class _Known:
    """The headers that were read in one version of a schema."""

    version: int
    headers: dict[tuple[str, tuple[str, ...], str | None], Header] = field(default_factory=dict)


def check_header(
    schema: Schema, verb: str, sobject: str, columns: Sequence[str], key_field: str | None = None
) -> ApiError | None:
    """Return the error with which a job or batch of such a header fails whole; None where its rows may be read.

    `schema` is what the saver sees: a field that is hidden from him is not found.
    """
    found = schema.get(sobject)
    return None if found is None else header_of(schema, verb, found, columns, key_field).fault


def header_of(
    schema: Schema, verb: str, sobject: SObject, columns: Sequence[str], key_field: str | None = None
) -> Header:
    """Return what the columns of a table are; remembered with the object."""
    if schema.whole is not schema:
        # What one user sees of other objects is not known by the version.
        return _header(schema, verb, sobject, columns, key_field)
    known = sobject.memo.get("headers")
    if not isinstance(known, _Known) or known.version != schema.version or len(known.headers) == _MOST_HEADERS:
        known = sobject.memo["headers"] = _Known(schema.version)
    key = verb, tuple(columns), key_field
    found = known.headers.get(key)
    if found is None:
        found = known.headers[key] = _header(schema, verb, sobject, columns, key_field)
    return found


def _header(schema: Schema, verb: str, sobject: SObject, columns: Sequence[str], key_field: str | None) -> Header:
    found = tuple(column(schema, sobject, name) for name in columns)
    plain = {one.field.name.lower(): place for place, one in enumerate(found) if one and one.relationship is None}
    id_place = key_place = None
    wanted = "Id"
    if verb == "upsert" and (key_field or "").lower() != "id":
        wanted = key_field or ""
        key_place = plain.get(wanted.lower())
    elif verb != "create":
        id_place = plain.get("id")
    fault: ApiError | None = None
    if verb in ("delete", "hard_delete") and (id_place is None or len(columns) > 1):
        word = "hardDelete" if verb == "hard_delete" else verb
        fault = errors.INVALID_BATCH(text=f"The '{word}' batch must contain only ids.")
    elif None in found:
        fault = _not_found(columns[found.index(None)])
    elif verb != "create" and id_place is None and key_place is None:
        fault = _not_found(wanted)
    else:
        lowered = [name.lower() for name in columns]
        twice = next((name for name in columns if lowered.count(name.lower()) > 1), None)
        if twice is not None:
            # Which words are used is not known; that one of the columns wins is not what the documentation implies.
            fault = errors.INVALID_BATCH(text=f"Duplicate field name found : {twice}")
    return Header(found, fault, id_place, key_place)


def column(schema: Schema, sobject: SObject, name: str) -> Column | None:
    """Find the field of a column, None where there is none."""
    path, dot, key = name.partition(".")
    if not dot:
        own = sobject.field(name)
        return None if own is None else Column(name, own, _reading(own))
    kind, colon, relationship = path.rpartition(":")
    reference = sobject.parent(relationship)
    if reference is None or (colon and not kind):
        return None
    several = len(reference.reference_to) > 1
    # D: an error where a reference to several objects does not say which is meant, and where any other one does.
    if several and not colon:
        kind = _UNTYPED.get(relationship.lower(), "")
    if bool(kind) != several:
        return None
    targets = [
        target
        for one in reference.reference_to
        if not kind or one.lower() == kind.lower()
        if (target := schema.get(one)) is not None
    ]
    for target in targets:
        named = target.field(key)
        if named is not None:
            return Column(name, reference, _reading(named), relationship, key, kind or None, target, named)
    return None


def _reading(field: Field) -> Callable[[str], Any] | None:
    if field.type not in _PARTICULAR:
        return None
    coerce = coercion(field)
    return lambda cell: from_text(field, cell, coerce)


def _not_found(name: str) -> ApiError:
    return errors.INVALID_BATCH(text=f"Field name not found : {name}")
