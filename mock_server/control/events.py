"""The event bus of an org from outside: what was published, who subscribes, and events that no request publishes."""

from __future__ import annotations

from typing import Any

from mock_server.control.call import ControlCall, Refused, answer, routes, spelt
from mock_server.control.changes import save, speaker
from mock_server.faults.reader import shown
from mock_server.operations import Reply
from mock_server.org.events import Event
from mock_server.org.events.publishing import PREFIX
from mock_server.org.org import Org
from mock_server.org.records.changes import Change


@routes.of_org("events.read", "GET", "events", "List the events that are retained, after a replay id")
async def read(call: ControlCall) -> Reply:
    bus = call.org.events
    found: dict[int, tuple[Event, list[str]]] = {}
    since = call.since()
    for name, channel in sorted(bus.every()):
        for event in bus.after(channel, since, len(channel)):
            found.setdefault(event.replay_id, (event, []))[1].append(name)
    return answer({"events": [_told(*found[key]) for key in sorted(found)], "last": bus.last})


def _told(event: Event, channels: list[str]) -> dict[str, Any]:
    return {
        "replay_id": event.replay_id,
        "at": event.at,
        "kind": event.kind,
        "name": event.name,
        "channels": channels,
        "uuid": event.uuid,
        "payload": event.payload,
        "exchange": event.exchange,
    }


@routes.of_org("events.publish", "POST", "events", "Publish platform events in the name of a user, past limits")
async def publish(call: ControlCall) -> Reply:
    """Publish through the write pipeline, all or none; return the EventUuids."""
    org = call.org
    with call.reading("channel", "payloads", "as", what="events to publish") as body:
        channel, user, payloads = body.text("channel"), body.text("as"), body.data.get("payloads")
        known = [PREFIX + name for name in org.schema.own() if name.endswith("__e")]
        if channel is None or channel not in known:
            body.refuse("channel", f"this org has no platform event {shown(channel)}", known, channel)
        if not isinstance(payloads, list) or not all(isinstance(one, dict) for one in payloads):
            body.refuse("payloads", f"payloads must be a list of objects, not {shown(payloads)}")
    assert channel is not None
    assert payloads is not None
    name = channel.removeprefix(PREFIX)
    with speaker(org, user) as who, org.automation.unmetered(), org.transaction():
        results = save(org, who, [Change("create", name, payload) for payload in payloads], "payloads")
        for place, result in enumerate(results):
            if not result.success:
                error = result.errors[0]
                raise Refused(400, f"{error.code}: {error.message}", spelt(("payloads", place)))
    return answer({"uuids": [result.enqueued for result in results]})


@routes.of_org("subscribers.read", "GET", "subscribers", "List the subscriptions that there are now")
async def subscribers(call: ControlCall) -> Reply:
    return answer({"subscribers": _subscribers(call.org)})


def _subscribers(org: Org) -> list[dict[str, Any]]:
    return [
        {"subscriber": feed.subscriber, "channel": feed.channel.name, "position": feed.position}
        for feed in org.events.feeds.values()
    ]
