"""An event as a ConsumerEvent, made once however many read it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.protocols.pubsub import wire

if TYPE_CHECKING:
    from mock_server.operations import Call
    from mock_server.org.events import Event

_FORM = "pubsub"


def encoded(call: Call, event: Event) -> bytes:
    """Return an event as an element of a response's `events`."""
    found = event.forms.get(_FORM)
    if found is None:
        codecs = call.org.events.codecs
        codec = (codecs.known(event.schema_id) if event.schema_id else None) or codecs.of_event(event.name)
        content = codec.encode(event.payload)
        found = event.forms[_FORM] = wire.consumer_event(event.uuid or "", codec.schema_id, content, event.replay_id)
    assert isinstance(found, bytes)
    return found
