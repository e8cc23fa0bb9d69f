"""The schemas of platform events by their ids, and of those that an event had before its fields changed.

An id is what a schema says, in short: 22 characters, as in Salesforce, and another one once the schema is another.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any

import orjson

from mock_server.org.schema import Schema
from mock_server.org.schema.event_schema import event_schema
from mock_server.org.schema.types import SObject

_STANDARD = 2
"""Fields that every event begins with: CreatedDate and CreatedById."""


class Schemas:
    """The schemas that platform events of an org have, or had since somebody asked or published first."""

    def __init__(self, schema: Schema, renewals: Mapping[str, int]) -> None:
        self._schema = schema
        self._renewals = renewals
        self._now: dict[str, tuple[SObject, int, dict[str, Any]]] = {}
        self._known: dict[str, Mapping[str, Any]] = {}
        self.keep: Callable[[Mapping[str, Any]], None] = lambda schema: None
        """Told of each schema that events are published with."""

    def of_event(self, name: str) -> Mapping[str, Any] | None:
        """Return the schema of a platform event as it is now, its id as `uuid`; None for what is none."""
        sobject = self._schema.get(name)
        if sobject is None or sobject.kind != "event" or sobject.name != name:
            return None
        return self.of(sobject)

    def of(self, sobject: SObject) -> Mapping[str, Any]:
        """Return the schema of an event's messages."""
        renewed = self._renewals.get(sobject.name, 0)
        now = self._now.get(sobject.name)
        if now is not None and now[0] is sobject and now[1] == renewed:
            return now[2]
        made = event_schema(sobject)
        made["fields"] = rearranged(made["fields"], renewed)
        made["uuid"] = id_of(made, renewed)
        self._now[sobject.name] = (sobject, renewed, made)
        self._known[made["uuid"]] = made
        self.keep(made)
        return made

    def recall(self, schema: Mapping[str, Any]) -> None:
        """Know a schema of an earlier life."""
        self._known[schema["uuid"]] = schema

    def known(self, schema_id: str) -> Mapping[str, Any] | None:
        """Return the schema of an id, None for one that never was."""
        return self._known.get(schema_id)


def rearranged(fields: Sequence[Any], renewed: int) -> list[Any]:
    """Return the fields of a schema as they stand after so many renewals: the event's own have changed places.

    No client may count on their order. One that decodes with another schema than the event's own gets nonsense.
    """
    standard, own = list(fields[:_STANDARD]), list(fields[_STANDARD:])
    place = renewed % len(own) if own else 0
    return [*standard, *own[place:], *own[:place]]


def id_of(schema: Mapping[str, Any], renewed: int = 0) -> str:
    """Return the id of a schema; `renewed` tells apart those that say the same."""
    said = orjson.dumps([schema, renewed], option=orjson.OPT_SORT_KEYS)
    return urlsafe_b64encode(blake2b(said, digest_size=16).digest()).decode().rstrip("=")


def expanded(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the form that shows the whole message of a CometD client around the payload."""
    payload = {"type": "record", "name": "Payload", "doc": "", "fields": schema["fields"]}
    event = {"type": "record", "name": "Event", "fields": [{"name": "replayId", "type": "long"}]}
    data = [
        {"name": "schema", "type": "string"},
        {"name": "payload", "type": payload},
        {"name": "event", "type": event},
    ]
    return {
        "name": schema["name"],
        "namespace": schema["namespace"],
        "type": "expanded-record",
        "fields": [
            {"name": "data", "type": {"type": "record", "name": "Data", "namespace": "", "fields": data}},
            {"name": "channel", "type": "string"},
        ],
        "uuid": schema["uuid"],
    }
