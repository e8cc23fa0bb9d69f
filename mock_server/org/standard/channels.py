"""Records of the Tooling API that define channels of events: PlatformEventChannel and PlatformEventChannelMember.

Sources: Tooling API Reference, the two objects; Change Data Capture Developer Guide, "Select Objects for Change
Notifications with Metadata API and Tooling API", "Get Custom Channels and Channel Members". Their columns follow from
`FullName` and `Metadata`. What is declared elsewhere has such records, too, once somebody asks for any: a channel or
member whose record is gone is there no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.captured import MOST
from mock_server.org.identity.directory import USER_ID
from mock_server.org.ids import stable_id
from mock_server.org.schema.channels import CHANNEL, DEFAULT, MEMBER, checked, entity_of
from mock_server.org.schema.derived import change_event_name, changing
from mock_server.org.tooling import objects

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.records.store import Store
    from mock_server.org.schema import Schema
    from mock_server.org.schema.types import SObject
    from mock_server.org.standard.context import Context

_LANGUAGE = "en_US"


def channel(context: Context, rows: list[Row]) -> None:
    """Check channels, and fill their columns."""
    taken = set(defined(context.schema, context.store))
    for row in rows:
        said, name = _metadata(row), str(row.now("FullName") or "")
        kind = str(said.get("channelType") or "event")
        if name == DEFAULT:
            row.fail(_wrong(f"{DEFAULT} is there, and cannot be made or changed"))
        _check(context.schema, row, {name: {"type": kind}})
        if not row.errors and row.verb == "create" and name in taken:
            row.fail(_taken(_id_of(context.store, name)))
        taken.add(name)
        row.values |= {
            "DeveloperName": name.removesuffix("__chn"), "MasterLabel": said.get("label") or name,
            "Language": _LANGUAGE, "ChannelType": kind,
        }  # fmt: skip


def member(context: Context, rows: list[Row]) -> None:
    """Check members of channels, and fill their columns."""
    known = defined(context.schema, context.store)
    taken = _members(known)
    declared = context.captured() | _selected(_members(context.schema.described.channels))
    for row in rows:
        said = _metadata(row)
        name, entity = str(said.get("eventChannel") or ""), str(said.get("selectedEntity") or "")
        if name != DEFAULT and name not in known:
            row.fail(_wrong(f"there is no channel {name[:80]}"))
            continue
        kind = known[name]["type"] if name in known else "data"
        found = _check(context.schema, row, {name: {"type": kind, "members": {entity: _asked(said)}}})
        exact = next(iter(found[name]["members"]), entity) if name in found else entity
        if not row.errors and row.verb == "create" and (name, exact) in taken:
            row.fail(_taken(_member_of(context.store, name, exact)))
        if row.verb == "update":
            before = orjson.loads(row.before["Metadata"])["eventChannel"], row.before["SelectedEntity"]
            if before != (name, exact):
                row.fail(_wrong("eventChannel and selectedEntity of a member cannot be changed"))
            taken.discard(before)
        chosen = declared | _selected(taken)
        new = kind == "data" and entity_of(exact) not in chosen
        # Who declares more than that has the add-on, with which there is no such limit.
        if new and not row.errors and len(declared) <= MOST <= len(chosen):
            row.fail(errors.TOO_MANY_CAPTURED(most=MOST))
        if not row.errors:
            taken.add((name, exact))
        row.values |= {
            "DeveloperName": str(row.now("FullName") or f"{name}_{exact}"), "MasterLabel": exact,
            "Language": _LANGUAGE, "EventChannel": _id_of(context.store, name), "SelectedEntity": exact,
            "FilterExpression": said.get("filterExpression"),
        }  # fmt: skip


def _members(channels: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(name, one) for name, channel in channels.items() for one in channel["members"]}


def _selected(members: set[tuple[str, str]]) -> frozenset[str]:
    """Return the objects whose change events are members of channels."""
    return frozenset(entity for _, one in members if (entity := changing(one)) is not None)


def _asked(said: dict[str, Any]) -> dict[str, Any]:
    fields = said.get("enrichedFields") or []
    listed = isinstance(fields, list)
    names = [one.get("name") if isinstance(one, dict) else one for one in fields] if listed else fields
    return {"filter": said.get("filterExpression"), "enriched": names}


def _metadata(row: Row) -> dict[str, Any]:
    text = row.now("Metadata")
    said = orjson.loads(text) if text else None
    if not isinstance(said, dict):
        row.fail(_wrong("Metadata is required"))
    return said if isinstance(said, dict) else {}


def _check(schema: Schema, row: Row, given: dict[str, Any]) -> dict[str, Any]:
    found, notes, problems = checked(schema.described, given)
    wrong = [*(error.message for error in problems), *(text for _, text in notes)]
    if wrong and not row.errors:
        row.fail(_wrong(wrong[0]))
    return found


def _wrong(text: str) -> errors.ApiError:
    return errors.FIELD_INTEGRITY_EXCEPTION(text=text, fields=["Metadata"])


def _taken(identifier: str) -> errors.ApiError:
    return errors.DUPLICATE_VALUE(field="DeveloperName", id=identifier, fields=["DeveloperName"])


def defined(schema: Schema, store: Store) -> dict[str, Any]:
    """Return all channels of an org, those that records define among them."""
    channels, members = _standing(store, CHANNEL), _standing(store, MEMBER)
    out: dict[str, Any] = {}
    for name, one in schema.described.channels.items():
        if name == DEFAULT or channels is None or _channel_id(name) in channels:
            there = one["members"].items()
            kept = {key: said for key, said in there if members is None or _member_id(name, key) in members}
            out[name] = {**one, "members": kept}
    for text, name in _rows(store, CHANNEL, "FullName") if channels is not None else ():
        out.setdefault(name, {"type": orjson.loads(text).get("channelType") or "event", "members": {}})
    for text, entity in _rows(store, MEMBER, "SelectedEntity") if members is not None else ():
        said = orjson.loads(text)
        name = said["eventChannel"]
        if name == DEFAULT:
            out.setdefault(name, {"type": "data", "members": {}})
        if name in out:
            asked = _asked(said)
            out[name]["members"][entity] = {key: value for key, value in asked.items() if value}
    return out


def still_captured(store: Store, names: frozenset[str]) -> frozenset[str]:
    """Return which of the objects that are declared to be captured nobody has deselected by deleting the record."""
    members = _standing(store, MEMBER) if names else None
    if members is None:
        return names
    return frozenset(name for name in names if _member_id(DEFAULT, change_event_name(name)) in members)


def show(schema: Schema, store: Store, captured: Iterable[str], table: str, now: str) -> None:
    """Write the records of what is declared: channels, or their members and the objects that are captured.

    Of what an earlier life of the server declared none is left.
    """
    sobject = objects.load(table)
    _forget(store, table)
    if table == CHANNEL:
        for name, one in schema.channels.items():
            if name != DEFAULT:
                said = {"channelType": one["type"], "label": one["label"]}
                _put(store, sobject, _channel_id(name), name, said, {
                    "DeveloperName": name.removesuffix("__chn"), "MasterLabel": one["label"],
                    "ChannelType": one["type"],
                }, now)  # fmt: skip
        return
    for entity in captured:
        show_captured(store, entity, now)
    for name, one in schema.channels.items():
        for member, said in one["members"].items():
            _show_member(store, name, member, said, now)


def show_captured(store: Store, entity: str, now: str) -> None:
    """Write the record of an object that is declared to be captured."""
    _show_member(store, DEFAULT, change_event_name(entity), {}, now)


def hide_captured(store: Store, entity: str) -> None:
    """Remove the record of an object that is declared to be captured no more."""
    sql = f'DELETE FROM "{MEMBER}" WHERE "Id" = ?'  # noqa: S608
    store.connection.execute(sql, (_member_id(DEFAULT, change_event_name(entity)),))


def _forget(store: Store, table: str) -> None:
    """Remove the records of what is declared, which tell by their ids."""
    sql = f'SELECT "Id", "Metadata", "FullName" FROM "{table}"'  # noqa: S608
    for identifier, text, name in store.connection.execute(sql).fetchall():
        said = orjson.loads(text)
        made = _channel_id(name) if table == CHANNEL else _member_id(said["eventChannel"], said["selectedEntity"])
        if identifier == made:
            store.connection.execute(f'DELETE FROM "{table}" WHERE "Id" = ?', (identifier,))  # noqa: S608


def _show_member(store: Store, channel: str, member: str, said: Mapping[str, Any], now: str) -> None:
    told: dict[str, Any] = {"eventChannel": channel, "selectedEntity": member}
    if said.get("filter"):
        told["filterExpression"] = said["filter"]
    if said.get("enriched"):
        told["enrichedFields"] = [{"name": name} for name in said["enriched"]]
    title = f"{channel}_{member}".replace("__", "_")
    _put(store, objects.load(MEMBER), _member_id(channel, member), title, told, {
        "DeveloperName": title, "MasterLabel": member, "EventChannel": _id_of(store, channel),
        "SelectedEntity": member, "FilterExpression": said.get("filter"),
    }, now)  # fmt: skip


def _put(
    store: Store, sobject: SObject, identifier: str, name: str, said: Any, columns: dict[str, Any], now: str
) -> None:
    store.put(sobject, {
        "Id": identifier, "FullName": name, "Metadata": orjson.dumps(said).decode(), "Language": _LANGUAGE, **columns,
        "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now, "LastModifiedById": USER_ID,
        "SystemModstamp": now,
    })  # fmt: skip


def _channel_id(name: str) -> str:
    return stable_id("0YL", name)


def _member_id(channel: str, member: str) -> str:
    return stable_id("0v8", f"{channel}.{member}")


def _id_of(store: Store, channel: str) -> str:
    """Return what EventChannel of a member holds: the id of a channel, the name of the standard one."""
    if channel == DEFAULT:
        return channel
    sql = f'SELECT "Id" FROM "{CHANNEL}" WHERE "IsDeleted" = 0 AND "FullName" = ?'  # noqa: S608
    found = store.connection.execute(sql, (channel,)).fetchone() if store.has_table(CHANNEL) else None
    return str(found[0]) if found is not None else _channel_id(channel)


def _member_of(store: Store, channel: str, entity: str) -> str:
    """Return the id of the member of a channel that tells of an object."""
    sql = f'SELECT "Id" FROM "{MEMBER}" WHERE "IsDeleted" = 0 AND "EventChannel" = ? AND "SelectedEntity" = ?'  # noqa: S608
    values = _id_of(store, channel), entity
    found = store.connection.execute(sql, values).fetchone() if store.has_table(MEMBER) else None
    return "" if found is None else str(found[0])


def _standing(store: Store, table: str) -> set[str] | None:
    """Return the ids of the records that there are, None where nobody has asked for any yet."""
    if not store.has_table(table):
        return None
    sql = f'SELECT "Id" FROM "{table}" WHERE "IsDeleted" = 0'  # noqa: S608
    return {identifier for (identifier,) in store.connection.execute(sql)}


def _rows(store: Store, table: str, column: str) -> list[tuple[str, str]]:
    sql = f'SELECT "Metadata", "{column}" FROM "{table}" WHERE "IsDeleted" = 0 ORDER BY "Id"'  # noqa: S608
    return store.connection.execute(sql).fetchall()
