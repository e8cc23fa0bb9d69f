"""What managed subscriptions have to be before they are saved: their topic is there, and no two have one name.

Source: Tooling API Reference, "ManagedEventSubscription".
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.schema.channels import DEFAULT
from mock_server.org.schema.derived import can_be_captured, change_event_name, changing
from mock_server.org.standard import channels

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row
    from mock_server.org.schema import Schema
    from mock_server.org.standard.context import Context

_REPLAYS = ("LATEST", "EARLIEST")
_VALUES = {"DefaultReplay": _REPLAYS, "ErrorRecoveryReplay": _REPLAYS, "State": ("RUN", "STOP")}
_NAME = re.compile(r"[A-Za-z](?:_?[A-Za-z0-9])*")


def subscription(context: Context, rows: list[Row]) -> None:
    """Check managed subscriptions."""
    given = [row.values["DeveloperName"] for row in rows if isinstance(row.values.get("DeveloperName"), str)]
    # An object of the Tooling API is not one of the schema.
    sobject = rows[0].sobject
    context.store.ready(sobject)
    found = context.store.lookup(sobject, "DeveloperName", given, "Id", "DeveloperName", "IsDeleted")
    stored = {name: identifier for identifier, name, deleted in found if not deleted}
    earlier: set[str] = set()
    for row in rows:
        for field, known in _VALUES.items():
            value = row.values.get(field)
            if value is not None and value not in known:
                label = row.sobject.by_name[field].label
                row.fail(errors.INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST(label=label, value=value, fields=(field,)))
        topic, name = row.values.get("TopicName"), row.values.get("DeveloperName")
        if isinstance(topic, str) and not _is_there(context, topic):
            row.fail(errors.FIELD_INTEGRITY_EXCEPTION(text=f"there is no topic {topic[:200]}", fields=("TopicName",)))
        if not isinstance(name, str):
            continue
        if not _NAME.fullmatch(name):
            row.fail(errors.FIELD_INTEGRITY_EXCEPTION(text=_NAMING, fields=("DeveloperName",)))
        if name in earlier or stored.get(name, row.id) != row.id:
            taken = errors.DUPLICATE_VALUE(field="DeveloperName", id=stored.get(name, ""), fields=("DeveloperName",))
            row.fail(taken)
        earlier.add(name)


_NAMING = (
    "The API name can only contain underscores and alphanumeric characters. It must be unique, begin with a letter, "
    "not include spaces, not end with an underscore, and not contain two consecutive underscores."
)


def _is_there(context: Context, topic: str) -> bool:
    _, kind, name = (*topic.split("/", 2), "", "")[:3]
    if name.endswith("__chn"):
        channel = channels.defined(context.schema, context.store).get(name)
        return channel is not None and channel["type"] == kind
    return (
        _has_events(context.schema, name) if kind == "event" else kind == "data" and _has_changes(context.schema, name)
    )


def _has_events(schema: Schema, name: str) -> bool:
    sobject = schema.get(name)
    return sobject is not None and sobject.kind == "event" and sobject.name == name


def _has_changes(schema: Schema, name: str) -> bool:
    sobject = schema.get(changing(name) or "")
    return name == DEFAULT or (
        sobject is not None and can_be_captured(sobject) and change_event_name(sobject.name) == name
    )
