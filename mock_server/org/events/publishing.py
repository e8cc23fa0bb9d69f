"""Platform events: what a committed row of an X__e becomes on its channels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp
from mock_server.org.events.access import NotPermitted
from mock_server.org.events.channel import HOUR, Channel
from mock_server.org.events.model import Event
from mock_server.org.records.outbox import Published
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.events.bus import EventBus
    from mock_server.org.identity.sessions import Session
    from mock_server.org.limits.governor import Ledger
    from mock_server.org.org import Org

PREFIX = "/event/"
STANDARD_VOLUME = 24 * HOUR
"""Seconds for which events of standard volume are retained."""


class PlatformEvents:
    """The channels of an org's X__e, one each (`/event/Order__e`)."""

    def __init__(self, org: Org, bus: EventBus) -> None:
        self._org = org
        self._bus = bus

    def find(self, who: Session, name: str) -> Channel | None:
        """Find the channel of an event for a subscriber. Raises NotPermitted."""
        sobject = self.type_of(name)
        if sobject is None:
            return None
        access = self._org.accesses.of(who.user_id)
        if access is not None and "read" not in access.rights(sobject):
            raise NotPermitted(name, sobject.name)
        return self.channel(sobject)

    def type_of(self, name: str) -> SObject | None:
        """Return the event that a channel of one is named for, None for any other channel."""
        event = name.removeprefix(PREFIX)
        sobject = None if event == name else self._org.schema.get(event)
        return sobject if sobject is not None and sobject.kind == "event" and sobject.name == event else None

    def channel(self, sobject: SObject) -> Channel:
        """Return the channel of an event's own."""
        retention = STANDARD_VOLUME if sobject.standard_volume else None
        return self._bus.channel(PREFIX + sobject.name, "platform", retention)

    def ledger(self, sobject: SObject) -> Ledger:
        """Return what counts the events of an hour."""
        volume = "StandardVolume" if sobject.standard_volume else ""
        return self._org.limits.ledger(f"HourlyPublished{volume}PlatformEvents")

    def publish(self, published: Sequence[Published]) -> list[Event]:
        """Append events to their channels; return them. Those that are lost come nowhere."""
        now = stamp(self._org.clock.now()).replace("+0000", "Z")
        types = {one.sobject.name: one.sobject for one in published}
        schemas = {name: self._bus.schemas.of(sobject)["uuid"] for name, sobject in types.items()}
        events = [self._event(one, now, schemas) for one in published if not one.lost]
        channels = {name: (self.channel(sobject),) for name, sobject in types.items()}
        self._bus.publish(events, lambda event: channels[event.name])
        return events

    def charge(self, published: Sequence[Published]) -> None:
        """Count events that were published, those that are lost among them."""
        for sobject, count in Counter(one.sobject.name for one in published).items():
            found = self._org.schema.get(sobject)
            if found is not None:
                self.ledger(found).charge(count)

    def _event(self, one: Published, now: str, schemas: Mapping[str, str]) -> Event:
        return Event(
            "platform",
            one.sobject.name,
            payload_of(one.sobject, one.values, now, one.user_id),
            uuid=one.uuid,
            schema_id=schemas[one.sobject.name],
            told={"EventUuid": one.uuid, "EventApiName": one.sobject.name},
            exchange=one.exchange,
        )


def carried(sobject: SObject) -> tuple[Field, ...]:
    """Return the fields that an event's message has beside its date and creator, in order."""
    found = sobject.memo.get("carried")
    if found is None:
        found = sobject.memo["carried"] = tuple(field for field in sobject.fields if field.custom)
    assert isinstance(found, tuple)
    return found


def payload_of(sobject: SObject, values: Mapping[str, Any], now: str, user_id: str) -> dict[str, Any]:
    """Return the message of an event: all its fields, whether they have a value or not. `values` are as stored."""
    payload: dict[str, Any] = {"CreatedDate": now, "CreatedById": user_id}
    for field in carried(sobject):
        value = values.get(field.name)
        if field.type == "boolean":
            value = bool(value)
        elif field.type == "datetime" and value is not None:
            value = value.replace("+0000", "Z")
        payload[field.name] = value
    return payload
