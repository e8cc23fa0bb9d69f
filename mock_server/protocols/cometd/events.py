"""Events as CometD tells them: each is written once, whoever subscribes."""

from __future__ import annotations

from typing import Any

import orjson

from mock_server.org.events import Event

FORM = "cometd"


def ending_of(channel: str) -> bytes:
    """Return how the messages of a channel end."""
    return b',"channel":%b}' % orjson.dumps(channel)


def written(event: Event, ending: bytes) -> bytes:
    """Return the message that brings an event to those who subscribe to a channel, which its end names."""
    data = event.forms.get(FORM)
    if data is None:
        data = event.forms[FORM] = orjson.dumps(data_of(event))
    return b'{"data":%b%b' % (data, ending)


def data_of(event: Event) -> dict[str, Any]:
    """Return the `data` of an event's message (Streaming API guide, "Message Structure", for each kind)."""
    if event.kind == "topic":
        return {"event": _about(event), "sobject": event.payload}
    if event.kind == "generic":
        return {"event": _about(event), "payload": event.payload["payload"]}
    return {"schema": event.schema_id, "payload": event.payload, "event": _about(event)}


def _about(event: Event) -> dict[str, Any]:
    told = dict(event.told)
    about: dict[str, Any] = {}
    for name in ("EventUuid", "createdDate"):
        if name in told:
            about[name] = told.pop(name)
    return {**about, "replayId": event.replay_id, **told}
