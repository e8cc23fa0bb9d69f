"""Records of the Tooling API that define channels of events: PlatformEventChannel and PlatformEventChannelMember.

Sources: Tooling API Reference, the two objects; Change Data Capture Developer Guide, "Select Objects for Change
Notifications with Metadata API and Tooling API". Their columns follow from `FullName` and `Metadata`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.captured import MOST
from mock_server.org.schema.channels import DEFAULT, checked, entity_of
from mock_server.org.schema.derived import changing

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.records.store import Store
    from mock_server.org.schema import Schema
    from mock_server.org.standard.context import Context

CHANNEL, MEMBER = "PlatformEventChannel", "PlatformEventChannelMember"


def channel(context: Context, rows: list[Row]) -> None:
    """Check channels, and fill their columns."""
    taken = set(defined(context.schema, context.store))
    for row in rows:
        said, name = _metadata(row), str(row.now("FullName") or "")
        kind = str(said.get("channelType") or "event")
        _check(context.schema, row, {name: {"type": kind}})
        if not row.errors and row.verb == "create" and name in taken:
            row.fail(_wrong(f"there is a channel {name} already"))
        taken.add(name)
        row.values |= {
            "DeveloperName": name.removesuffix("__chn"), "MasterLabel": said.get("label") or name,
            "Language": "en_US", "ChannelType": kind,
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
            row.fail(_wrong(f"{exact} is a member of {name} already"))
        if row.verb == "update":
            taken.discard((str(row.before["EventChannel"]), str(row.before["SelectedEntity"])))
        chosen = declared | _selected(taken)
        new = kind == "data" and entity_of(exact) not in chosen
        # Who declares more than that has the add-on, with which there is no such limit.
        if new and not row.errors and len(declared) <= MOST <= len(chosen):
            row.fail(errors.TOO_MANY_CAPTURED(most=MOST))
        if not row.errors:
            taken.add((name, exact))
        row.values |= {
            "DeveloperName": str(row.now("FullName") or f"{name}_{exact}"), "MasterLabel": exact, "Language": "en_US",
            "EventChannel": name, "SelectedEntity": exact, "FilterExpression": said.get("filterExpression"),
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


def defined(schema: Schema, store: Store) -> dict[str, Any]:
    """Return all channels of an org, those that records define among them."""
    out = {name: {**one, "members": dict(one["members"])} for name, one in schema.described.channels.items()}
    for text, name in _rows(schema, store, CHANNEL, "FullName"):
        out.setdefault(name, {"type": orjson.loads(text).get("channelType") or "event", "members": {}})
    for text, entity in _rows(schema, store, MEMBER, "SelectedEntity"):
        said = orjson.loads(text)
        name = said["eventChannel"]
        if name == DEFAULT:
            out.setdefault(name, {"type": "data", "members": {}})
        if name in out:
            asked = _asked(said)
            out[name]["members"][entity] = {key: value for key, value in asked.items() if value}
    return out


def _rows(schema: Schema, store: Store, table: str, column: str) -> list[tuple[str, str]]:
    if not store.has_table(table):
        return []
    sql = f'SELECT "Metadata", "{column}" FROM "{table}" WHERE "IsDeleted" = 0 ORDER BY "Id"'  # noqa: S608
    return store.connection.execute(sql).fetchall()
