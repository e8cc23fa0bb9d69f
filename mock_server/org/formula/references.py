"""From a name in a formula to what it stands for: a field of the record or a parent, or a global: `$User.Id`."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING

from mock_server.org.formula.problems import FormulaError
from mock_server.org.schema.types import Field, RecordType, SObject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mock_server.org.schema.schema import Schema

MOST_LEVELS = 10
"""Relationships that one reference may pass (formula limits, "Cross-object formulas")."""
_FOREIGN = re.compile(r"(?:^|\.)[A-Za-z][A-Za-z0-9]*__[A-Za-z0-9_]+?__\w")
"""A name of a package."""

GLOBALS = {"$user": "User", "$profile": "Profile", "$userrole": "UserRole", "$organization": "Organization"}
"""Globals that stand for one record each, which depends on who asks."""
_OTHER_GLOBALS = ("$RecordType", "$Setup", "$CustomMetadata", "$Permission", "$System")
_UNKNOWN_HERE = {"$api", "$label", "$resource", "$site", "$network", "$action", "$page", "$currentpage", "$objecttype"}


@dataclass(frozen=True, slots=True)
class Step:
    """One relationship on the way to a field: the reference that is followed, and the object it leads to."""

    reference: Field
    target: SObject


@dataclass(frozen=True, slots=True)
class Input:
    """A stored value that a formula needs: a field of the record, or of a record that `path` leads to."""

    path: tuple[Step, ...]
    field: Field
    prior: bool = False
    """Whether the value before the save is meant."""

    @property
    def key(self) -> tuple[tuple[tuple[str, str], ...], str, bool]:
        """What tells inputs apart."""
        return tuple((step.reference.name, step.target.name) for step in self.path), self.field.name, self.prior

    def under(self, path: tuple[Step, ...]) -> Input:
        """Return the same input, seen from a record whose `path` leads to the record that it belongs to."""
        return replace(self, path=(*path, *self.path))


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A field of the record or of a parent. `owner` is the object it belongs to."""

    path: tuple[Step, ...]
    field: Field
    owner: SObject


@dataclass(frozen=True, slots=True)
class RecordTypeReference:
    """`$RecordType.Name` or `RecordType.Name`: looked up in the object's own record types by the record's id of one."""

    path: tuple[Step, ...]
    field: Field | None
    """The RecordTypeId; None where the object has none, so that only Master is left."""
    attribute: str
    types: tuple[RecordType, ...]


@dataclass(frozen=True, slots=True)
class GlobalReference:
    """A field of a record that depends on who asks: `source` is `User`, `Setup`, `Metadata`, ...; `key` finds it."""

    source: str
    field: Field
    key: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PermissionReference:
    name: str


@dataclass(frozen=True, slots=True)
class OriginReference:
    """`$System.OriginDateTime`."""


Reference = FieldReference | RecordTypeReference | GlobalReference | PermissionReference | OriginReference


def missing(name: str, at: int, word: str, known: Iterable[str]) -> FormulaError:
    """Return the error for a name of which `word` is unknown."""
    choices = {one.lower(): one for one in known}
    near = get_close_matches(word.lower()[:80], choices, 1)
    shown = name if len(name) <= 255 else f"{name[:252]}..."
    text = f"Field {shown} does not exist. Check spelling."
    return FormulaError(text, at, choices[near[0]] if near else None, lacking=_FOREIGN.search(name) is not None)


def resolve(schema: Schema, sobject: SObject, name: str, at: int) -> Reference:
    """Find what a name stands for. Raises FormulaError."""
    words = name.split(".")
    if name.startswith("$"):
        return _global(schema, sobject, name, words, at)
    if len(words) - 1 > MOST_LEVELS:
        raise FormulaError(f"A reference passes at most {MOST_LEVELS} relationships: {name[:255]}", at)
    path: list[Step] = []
    owner = sobject
    for place, word in enumerate(words[:-1]):
        relationship, _, domain = word.partition(":")
        if relationship.lower() == "recordtype" and place == len(words) - 2:
            found = _record_type(owner, tuple(path), words[-1])
            if found is not None:
                return found
        reference = owner.parent(relationship)
        if reference is None:
            raise missing(name, at, relationship, owner._relationships)
        step = _step(schema, reference, domain, name, at)
        path.append(step)
        owner = step.target
    field = owner.field(words[-1])
    if field is None:
        raise missing(name, at, words[-1], (one.name for one in owner.fields))
    return FieldReference(tuple(path), field, owner)


def _step(schema: Schema, reference: Field, domain: str, name: str, at: int) -> Step:
    targets = {one.lower(): one for one in reference.reference_to}
    if "group" in targets:
        # What an owner is called when it is a queue.
        targets.setdefault("queue", targets["group"])
    if domain:
        chosen = targets.get(domain.lower())
        if chosen is None:
            raise FormulaError(
                f"{domain[:80]} is an invalid object type for the {reference.name} field. Check spelling.", at
            )
    elif len(reference.reference_to) == 1:
        chosen = reference.reference_to[0]
    else:
        # A field of a reference to several objects needs to say which: Owner:User.Name.
        raise missing(name, at, "", ())
    target = schema.get(chosen)
    if target is None:
        raise missing(name, at, "", ())
    return Step(reference, target)


def _record_type(owner: SObject, path: tuple[Step, ...], attribute: str) -> RecordTypeReference | None:
    if attribute.lower() not in ("id", "name", "developername"):
        return None
    return RecordTypeReference(path, owner.field("RecordTypeId"), attribute.lower(), owner.record_types)


def _global(schema: Schema, sobject: SObject, name: str, words: list[str], at: int) -> Reference:
    head = words[0].lower()
    if head in GLOBALS and len(words) == 2:
        return GlobalReference(GLOBALS[head], _field_of(schema.get(GLOBALS[head]), name, words[1], at))
    if head == "$recordtype" and len(words) == 2:
        found = _record_type(sobject, (), words[1])
        if found is None:
            raise missing(name, at, words[1], ("Id", "Name", "DeveloperName"))
        return found
    if head == "$setup" and len(words) == 3:
        setting = schema.get(words[1])
        if setting is None or setting.kind != "setting":
            raise missing(name, at, words[1], (one.name for one in schema.own().values() if one.kind == "setting"))
        return GlobalReference("Setup", _field_of(setting, name, words[2], at), (setting.name,))
    if head == "$custommetadata" and len(words) == 4:
        record_kind = schema.get(words[1])
        if record_kind is None or record_kind.kind != "metadata":
            raise missing(name, at, words[1], (one.name for one in schema.own().values() if one.kind == "metadata"))
        return GlobalReference(
            "Metadata", _field_of(record_kind, name, words[3], at), (record_kind.name, words[2].removesuffix("__mdt"))
        )
    if head == "$permission" and len(words) == 2:
        return PermissionReference(words[1])
    if head == "$system" and [word.lower() for word in words[1:]] == ["origindatetime"]:
        return OriginReference()
    if head in _UNKNOWN_HERE:
        raise FormulaError(f"Unsupported global variable {words[0]}", at, lacking=True)
    raise missing(name, at, words[0], ("$User", "$Profile", "$UserRole", "$Organization", *_OTHER_GLOBALS))


def _field_of(sobject: SObject | None, name: str, word: str, at: int) -> Field:
    field = sobject.field(word) if sobject is not None else None
    if field is None or not field.stored:
        raise missing(name, at, word, (one.name for one in sobject.fields) if sobject is not None else ())
    return field
