"""Channels of events as they are defined: in metadata, in YAML, or by records of the Tooling API.

`Orders__chn: {type: event, label: Orders, members: {Order__e: {filter: "Price__c > 10"}}}`; of `type: data`, the
members are change events (`AccountChangeEvent: {filter: ..., enriched: [Industry]}`). The channel `ChangeEvents` is the
default one of change data capture: its members are the objects that are captured.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from mock_server.org.errors import ApiError
from mock_server.org.schema.derived import can_be_captured, carried_fields, change_event_name, changing
from mock_server.org.schema.errors import SchemaError

if TYPE_CHECKING:
    from mock_server.org.schema.schema import Schema
    from mock_server.org.schema.types import SObject

CHANNEL, MEMBER = "PlatformEventChannel", "PlatformEventChannelMember"
"""The objects of the Tooling API that define them."""
CHANNELS = (CHANNEL, MEMBER)
DEFAULT = "ChangeEvents"
KINDS = ("event", "data")
_KEYS = ("type", "label", "members")
_MEMBER_KEYS = ("filter", "enriched")
MOST_ENRICHED = 10
"""Fields of a member that is enriched (Change Data Capture Developer Guide)."""


@dataclass(frozen=True, slots=True)
class Member:
    filter: str | None = None
    enriched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    kind: str
    members: Mapping[str, Member] = field(default_factory=dict)


def read(definition: Mapping[str, Any]) -> Definition:
    """Return a channel's definition, which was checked."""
    members = {
        name: Member((said or {}).get("filter"), tuple((said or {}).get("enriched") or ()))
        for name, said in (definition.get("members") or {}).items()
    }
    return Definition(definition.get("type") or "event", members)


def entity_of(member: str) -> str:
    """Return the name of the object whose changes a member tells of."""
    return changing(member) or member


Note = tuple[tuple[str | int, ...], str]


def checked(schema: Schema, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[Note], list[SchemaError]]:
    """Return channels under the exact names of their members, what is left out of them, and what is wrong."""
    out: dict[str, Any] = {}
    notes: list[Note] = []
    problems: list[SchemaError] = []
    for name, definition in given.items():
        try:
            out[name] = _channel(schema, ("channels", name), name, definition, notes)
        except SchemaError as error:
            problems.append(error)
    return out, notes, problems


def _channel(schema: Schema, path: tuple[str, ...], name: Any, definition: Any, notes: list[Note]) -> dict[str, Any]:
    if not isinstance(name, str) or not (name == DEFAULT or name.endswith("__chn")):
        raise SchemaError(path, f"a channel's name ends in __chn; the default one of change events is {DEFAULT}")
    if not isinstance(definition, Mapping):
        raise SchemaError(path, "a channel is a mapping of type, label and members")
    _only(path, definition, _KEYS, "key of a channel")
    kind = definition.get("type") or ("data" if name == DEFAULT else "event")
    if kind not in KINDS:
        raise SchemaError.unknown((*path, "type"), "type of channel", str(kind), KINDS)
    members = definition.get("members") or {}
    if not isinstance(members, Mapping):
        raise SchemaError((*path, "members"), "members is a mapping of events to their filter and enriched fields")
    if name == DEFAULT:
        kind = "data"
    found = {}
    for member, said in members.items():
        at = (*path, "members", str(member))
        if "__" not in str(member) and _event(schema, kind, str(member)) is None and schema.get(str(member)) is None:
            notes.append((at, f"there are no events of the type {str(member)[:80]} here; {name} goes without them"))
            continue
        exact, told = _member(schema, at, kind, str(member), said or {})
        found[exact] = told
    return {"type": kind, "label": definition.get("label") or name, "members": found}


def _only(path: tuple[str, ...], given: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in given:
        if key not in known:
            raise SchemaError.unknown((*path, str(key)), what, str(key), known)


def _member(schema: Schema, path: tuple[str, ...], kind: str, name: str, said: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(said, Mapping):
        raise SchemaError(path, "a member is a mapping of filter and enriched")
    _only(path, said, _MEMBER_KEYS, "key of a member")
    sobject = _event(schema, kind, name)
    if sobject is None:
        known = [one.name for one in _events(schema)] if kind == "event" else _changes(schema)
        raise SchemaError.unknown(path, "platform event" if kind == "event" else "change event", name, known)
    out: dict[str, Any] = {}
    if said.get("filter") is not None:
        from mock_server.org.events.conditions import test_of
        from mock_server.org.events.filter_fields import of_changes, of_event

        base = schema.get(entity_of(sobject.name)) if kind == "data" else None
        if sobject.standard_volume:
            raise SchemaError((*path, "filter"), "events of standard volume cannot be filtered")
        try:
            test_of(str(said["filter"]), of_event(sobject) if base is None else of_changes(base))
        except ApiError as error:
            raise SchemaError((*path, "filter"), " ".join(error.message.split())) from None
        out["filter"] = str(said["filter"])
    enriched = said.get("enriched") or []
    if enriched:
        out["enriched"] = _fields(schema, (*path, "enriched"), kind, sobject, enriched)
    return sobject.name, out


def _fields(schema: Schema, path: tuple[str, ...], kind: str, event: SObject, given: Any) -> list[str]:
    if kind != "data":
        raise SchemaError(path, "only change events can be enriched")
    if not isinstance(given, list) or len(given) > MOST_ENRICHED:
        raise SchemaError(path, f"enriched is a list of up to {MOST_ENRICHED} fields")
    from mock_server.org.events.changes.types import event_type
    from mock_server.org.events.filter_fields import can_be_added

    base = schema.get(entity_of(event.name))
    assert base is not None
    listed = {part.name for one in event_type(base).fields if one.listed for _, part in one.parts}
    carried = {field.name for field in carried_fields(base)} - listed
    names = []
    for one in given:
        # A reference goes by the name of its relationship, too.
        found = base.field(str(one)) or next((field for field in base.fields if field.relationship_name == one), None)
        if found is None:
            raise SchemaError.unknown(path, f"field of {base.name}", str(one), [field.name for field in base.fields])
        if found.name not in carried or not can_be_added(found):
            raise SchemaError(path, f"{found.name} is of a type that change events cannot be enriched with")
        names.append(found.name)
    return names


def _event(schema: Schema, kind: str, name: str) -> SObject | None:
    found = schema.get(name)
    if kind == "event":
        return found if found is not None and found.kind == "event" and name.lower().endswith("__e") else None
    base = None if found is None else changing(found.name)
    if base is None and found is not None and can_be_captured(found):
        # Its object stands for the event.
        return schema.get(change_event_name(found.name))
    return found if base is not None else None


def _events(schema: Schema) -> Iterator[SObject]:
    return (one for one in schema.own().values() if one.kind == "event" and one.name.endswith("__e"))


def _changes(schema: Schema) -> list[str]:
    return [name for name in schema.names() if changing(name) is not None]
