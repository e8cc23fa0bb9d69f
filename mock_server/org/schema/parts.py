"""What hangs on an object beside its fields: validation rules, record types, compact layouts, as they are defined."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mock_server.org.schema.errors import Path, SchemaError, brief
from mock_server.org.schema.given import flag, mapping, text, texts
from mock_server.org.schema.inline import values
from mock_server.org.schema.types import CompactLayout, Field, PicklistValue, RecordType, ValidationRule

_NAME = re.compile(r"(?:[A-Za-z][A-Za-z0-9]{0,14}__)?[A-Za-z](?:[A-Za-z0-9]|_(?!_)){0,79}")
Note = Callable[[Path, str], None]
Find = Callable[[str], Field | None]


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


def validation_rule(path: Path, name: str, given: Any, field: Find, note: Note) -> ValidationRule:
    mapping(path, given, ("condition", "message", "field", "active", "description"))
    shown = text(path, given, "field", None)
    if shown is not None and field(shown) is None:
        note((*path, "field"), f"the error of rule {name} is shown at the top: there is no field {shown}")
        shown = None
    found = field(shown) if shown else None
    return ValidationRule(
        name,
        text(path, given, "condition", "", most=20_000),
        text(path, given, "message", "", most=1000),
        found.name if found else None,
        flag(path, given, "active", True),
    )


def record_type(path: Path, name: str, given: Any, field: Find, note: Note) -> RecordType:
    """Return a record type without an id."""
    mapping(path, given, ("label", "active", "picklists", "description"))
    offered = given.get("picklists", {})
    if not isinstance(offered, Mapping):
        raise SchemaError((*path, "picklists"), "a mapping of fields to values is needed here")
    picklists = []
    for key in offered:
        here = (*path, "picklists")
        found = field(key) if isinstance(key, str) else None
        if found is None or found.type not in ("picklist", "multipicklist", "combobox"):
            note((*here, key), f"record type {name}: there is no picklist field {brief(key)}; its values are left out")
            continue
        picklists.append((found.name, tuple(_offered((*here, key), found, values(here, offered, key), note))))
    return RecordType("", name, text(path, given, "label", name), flag(path, given, "active", True), tuple(picklists))


def _offered(path: Path, field: Field, given: tuple[PicklistValue, ...], note: Note) -> Iterator[PicklistValue]:
    known = {value.value: value for value in field.picklist}
    for value in given:
        found = known.get(value.value)
        if found is None:
            note(path, f"{field.name} has no value {brief(value.value)}; it is left out of the record type")
        else:
            yield replace(found, default=value.default)


def compact_layout(path: Path, name: str, given: Any, field: Find, note: Note) -> CompactLayout:
    mapping(path, given, ("label", "fields"))
    shown = []
    for one in texts(path, given, "fields"):
        found = field(one)
        if found is None:
            note((*path, "fields"), f"compact layout {name} leaves out {one}: there is no such field")
        else:
            shown.append(found.name)
    return CompactLayout(name, text(path, given, "label", name), tuple(shown))
