"""What records of topics and streaming channels have to be before they are saved."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.standard.context import Context

MOST_TOPICS = 40
"""Active topics of an org of the free editions, which an org is by its other limits ("PushTopic Streaming
Allocations"); inactive ones do not count."""
MOST_CHANNELS = 200
"""Streaming channels of such an org ("Generic Streaming Allocations")."""
OLDEST = 20.0
"""The API version that a topic's has to be greater than."""
_NAME = re.compile(r"/u/[A-Za-z0-9_/]+")
_VERBS = (
    ("NotifyForOperationCreate", "Create"),
    ("NotifyForOperationUpdate", "Update"),
)


def topic(context: Context, rows: list[Row]) -> None:
    """Check the query and name of topics, and how many there are; follow which operations they are about."""
    from mock_server.org.events.topics.query import read

    active = {row[0] for row in context.rows("PushTopic", "Id", "IsActive") if row[1]}
    for row in rows:
        version = float(row.now("ApiVersion") or 0)
        if not OLDEST < version <= context.latest() or not version.is_integer():
            row.fail(errors.TOPIC_VERSION(fields=("ApiVersion",)))
            continue
        try:
            read(
                str(row.now("Query") or ""),
                str(row.now("NotifyForFields")),
                context.schema,
                context.store.ready,
                int(version),
            )
        except ApiError as error:
            row.fail(ApiError(replace(error.spec, shape="save"), error.message, ("Query",), 400))
            continue
        _refuse_taken(context, rows, row)
        if row.errors:
            continue
        on = [word for name, word in _VERBS if row.now(name)]
        row.values["NotifyForOperations"] = ("All" if len(on) == 2 else on[0]) if on else "Extended"
        if row.now("IsActive"):
            active.add(row.id or f"new {id(row)}")
            if len(active) > MOST_TOPICS:
                row.fail(errors.TOO_MANY_TOPICS(most=MOST_TOPICS))
        else:
            active.discard(row.id or "")


def channel(context: Context, rows: list[Row]) -> None:
    """Check the name of streaming channels, and how many there are."""
    known = context.rows("StreamingChannel", "Id", "Name")
    count, changed = len(known), {row.id for row in rows if "Name" in row.values}
    # As the names of channels may not vary by case alone.
    taken = {str(name).lower() for identifier, name in known if identifier not in changed}
    for row in rows:
        fault = channel_fault(str(row.now("Name") or ""))
        if fault is not None:
            row.fail(errors.CHANNEL_NAME(text=fault, fields=("Name",)))
            continue
        name = str(row.now("Name")).lower()
        if name in taken and (row.verb == "create" or row.id in changed):
            row.fail(errors.CHANNEL_TAKEN(fields=("Name",)))
            continue
        taken.add(name)
        if row.verb == "create":
            count += 1
            if count > MOST_CHANNELS:
                row.fail(errors.TOO_MANY_CHANNELS(most=MOST_CHANNELS))


def channel_fault(name: str) -> str | None:
    """Say what is wrong with the name of a streaming channel, None where nothing is."""
    if not name.startswith("/u/"):
        return "Streaming Channel Name must start with /u/"
    if not _NAME.fullmatch(name):
        return "Streaming Channel Name can only contain alphanumeric characters, '_' and '/'"
    return None


def _refuse_taken(context: Context, rows: list[Row], row: Row) -> None:
    """Refuse a topic's name that another record, or an earlier row, has: it is the channel's."""
    name = row.now("Name")
    found = context.schema.get("PushTopic")
    assert found is not None
    context.store.ready(found)
    stored = context.store.lookup(found, "Name", [name], "Id", "IsDeleted")
    leaving = {one.id for one in rows if one.id and one.values.get("Name", name) != name}
    taken = [one for one, deleted in stored if not deleted and one != row.id and one not in leaving]
    earlier = [one for one in rows[: rows.index(row)] if not one.errors and one.now("Name") == name]
    if taken or earlier:
        row.fail(errors.DUPLICATE_VALUE(field="Name", id=taken[0] if taken else earlier[0].id or "", fields=("Name",)))
