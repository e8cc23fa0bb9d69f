"""What hangs on an object beside its fields: validation rules, record types, compact layouts, as they are defined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from mock_server.org.ids import to_18
from mock_server.org.schema.errors import Path, SchemaError, brief
from mock_server.org.schema.given import flag, mapping, text, texts
from mock_server.org.schema.inline import values
from mock_server.org.schema.types import (
    CompactLayout,
    DuplicateRule,
    Field,
    MatchItem,
    PicklistValue,
    RecordType,
    ValidationRule,
)

_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{0,14}__)?[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,79}")
Note = Callable[[Path, str], None]


class Fields(Protocol):
    """The fields of the object that the parts belong to."""

    def find(self, name: str) -> Field | None: ...

    def nearest(self, name: str) -> str | None: ...


def _hint(fields: Fields, name: object) -> str:
    near = fields.nearest(str(name))
    return f"; did you mean {near}?" if near else ""


def named(path: Path, definition: Mapping[str, Any], key: str) -> Iterator[tuple[Path, str, Any]]:
    """Yield path, name and definition of each part. Raises SchemaError for what has no names."""
    given = definition.get(key)
    if given is None:
        return
    if not isinstance(given, Mapping):
        raise SchemaError((*path, key), "a mapping of names to definitions is needed here")
    for name, value in given.items():
        here = (*path, key, name)
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise SchemaError(here, f"{brief(name)} is no name: letters, digits and single underscores are")
        yield here, name, value


def validation_rule(path: Path, name: str, given: Any, fields: Fields, note: Note) -> ValidationRule:
    mapping(path, given, ("condition", "message", "field", "active", "description"))
    shown = text(path, given, "field", None)
    if shown is not None and fields.find(shown) is None:
        note(
            (*path, "field"),
            f"the error of rule {name} is shown at the top: there is no field {shown}{_hint(fields, shown)}",
        )
        shown = None
    found = fields.find(shown) if shown else None
    return ValidationRule(
        name,
        text(path, given, "condition", "", most=20_000),
        text(path, given, "message", "", most=1000),
        found.name if found else None,
        flag(path, given, "active", True),
    )


def record_type(path: Path, name: str, given: Any, fields: Fields, note: Note) -> RecordType:
    """Return a record type, without an id where none is given."""
    mapping(path, given, ("label", "active", "picklists", "description", "id"))
    identifier = text(path, given, "id", None)
    if identifier is not None and not (identifier.startswith("012") and to_18(identifier) == identifier):
        raise SchemaError((*path, "id"), "the id of a record type has 18 characters and begins with 012")
    offered = given.get("picklists", {})
    if not isinstance(offered, Mapping):
        raise SchemaError((*path, "picklists"), "a mapping of fields to values is needed here")
    picklists = []
    for key in offered:
        here = (*path, "picklists")
        found = fields.find(key) if isinstance(key, str) else None
        if found is None or found.type not in ("picklist", "multipicklist", "combobox"):
            note(
                (*here, key),
                f"record type {name}: there is no picklist field {brief(key)}; its values are left out"
                + _hint(fields, key),
            )
            continue
        picklists.append((found.name, tuple(_offered((*here, key), found, values(here, offered, key), note))))
    return RecordType(
        identifier or "", name, text(path, given, "label", name), flag(path, given, "active", True), tuple(picklists)
    )


def _offered(path: Path, field: Field, given: tuple[PicklistValue, ...], note: Note) -> Iterator[PicklistValue]:
    known = {value.value: value for value in field.picklist}
    for value in given:
        found = known.get(value.value)
        if found is None:
            note(path, f"{field.name} has no value {brief(value.value)}; it is left out of the record type")
        else:
            yield replace(found, default=value.default)


def compact_layout(path: Path, name: str, given: Any, fields: Fields, note: Note) -> CompactLayout:
    mapping(path, given, ("label", "fields"))
    shown = []
    for one in texts(path, given, "fields"):
        found = fields.find(one)
        if found is None:
            note(
                (*path, "fields"), f"compact layout {name} leaves out {one}: there is no such field{_hint(fields, one)}"
            )
        else:
            shown.append(found.name)
    return CompactLayout(name, text(path, given, "label", name), tuple(shown))


_ACTIONS = ("block", "allow")


def duplicate_rule(path: Path, name: str, given: Any, fields: Fields, note: Note) -> DuplicateRule:
    """Read what makes two records alike (`match`, all of its items; `or`, further such lists) and what follows."""
    # How values are compared is known above the schema: it is asked late.
    from mock_server.org.records.alike import METHODS

    mapping(
        path,
        given,
        ("match", "or", "action", "onCreate", "onUpdate", "alert", "message", "matchingRule", "active", "description"),
    )

    def items(here: Path, value: Any) -> tuple[MatchItem, ...]:
        if not isinstance(value, list) or not value:
            raise SchemaError(here, "a list of fields to compare is needed here: [{field: Email, method: exact}]")
        out = []
        for index, one in enumerate(value):
            place = (*here, index)
            mapping(place, one, ("field", "method", "blank"))
            wanted = text(place, one, "field", "")
            found = fields.find(wanted)
            if found is None or not found.stored:
                near = fields.nearest(wanted)
                raise SchemaError((*place, "field"), f"there is no field {brief(wanted)} to compare", (), near)
            method = text(place, one, "method", "exact").lower()
            if method not in METHODS:
                raise SchemaError.unknown((*place, "method"), "way to compare", method, METHODS)
            blank = text(place, one, "blank", "nullNotAllowed").lower()
            if blank not in ("nullnotallowed", "matchblank", "matchblanks"):
                raise SchemaError.unknown((*place, "blank"), "word for blanks", blank, ("nullNotAllowed", "matchBlank"))
            out.append(MatchItem(found.name, method, blank != "nullnotallowed"))
        return tuple(out)

    def action(key: str, default: str) -> Any:
        word = text(path, given, key, default).lower()
        if word not in _ACTIONS:
            raise SchemaError.unknown((*path, key), "action", word, _ACTIONS)
        return word

    alternatives = [items((*path, "match"), given.get("match"))]
    more = given.get("or", [])
    if not isinstance(more, list):
        raise SchemaError((*path, "or"), "a list of further lists of fields is needed here")
    alternatives += [items((*path, "or", index), one) for index, one in enumerate(more)]
    both = action("action", "block")
    return DuplicateRule(
        name,
        tuple(alternatives),
        text(path, given, "matchingRule", f"{name}_Match"),
        action("onCreate", both),
        action("onUpdate", both),
        flag(path, given, "alert", True),
        text(path, given, "message", None, most=1000),
        flag(path, given, "active", True),
    )
