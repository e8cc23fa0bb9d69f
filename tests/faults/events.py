"""A bus with subscribers of no protocol: a test publishes, takes, and sees what faults make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from mock_server import deliveries
from mock_server.deliveries import Feed
from mock_server.faults.engine import Faults
from mock_server.faults.rule import RuleError, parse
from mock_server.journal import Entry, Journal
from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org.events import EARLIEST, Channel, Event, Kind
from mock_server.org.org import Org
from mock_server.org.schema import Schema
from mock_server.routing import Registry

_routes = Routes(lambda error: Reply(error.status))


def _operation(name: str, kind: Any = "stream", rows: Any = "none") -> Operation:
    outgoing = name.startswith("outbound.")
    return Operation(name, "GRPC", f"/{name}", kind, rows=rows, counted=False, outgoing=outgoing)


OPERATIONS = {
    one.name: one
    for one in (
        *(_operation(f"cometd.{name}") for name in ("handshake", "connect", "subscribe", "unsubscribe", "disconnect")),
        *(_operation(f"pubsub.{name}") for name in ("subscribe", "managed_subscribe")),
        *(_operation(f"pubsub.{name}", "read") for name in ("get_topic", "get_schema")),
        *(_operation(f"pubsub.{name}", "write", "many") for name in ("publish", "publish_stream")),
        _operation("rest.sobject.create", "write", "one"),
        _operation("rest.sobject.update", "write", "one"),
        _operation("rest.query.run", "read"),
        _operation("rest.streaming.push", "write"),
        _operation("outbound.message", "write"),
    )
}


@_routes(*OPERATIONS.values())
async def _nothing(call: object) -> Reply:
    return Reply()


REGISTRY = Registry([_routes])
EVENT = {"Order__e": {"fields": {"Number__c": {"type": "number"}}}}


@dataclass
class Bus:
    """`feeds` are closed when the test is over."""

    org: Org
    faults: Faults
    journal: Journal
    world: Any
    feeds: list[Feed] = field(default_factory=list)

    def fault(self, **rule: Any) -> None:
        self.faults.add(parse(rule, REGISTRY, default_name=self.faults.next_name()))

    def refused(self, **rule: Any) -> tuple[tuple[str | int, ...], str, str | None]:
        """Return path, message and nearest name of the first problem of a rule."""
        with pytest.raises(RuleError) as caught:
            self.fault(**rule)
        problem, *_ = caught.value.problems
        return tuple(problem.path), problem.message, problem.nearest

    def channel(self, name: str = "/event/Order__e") -> Channel:
        kinds: dict[str, Kind] = {"event": "platform", "data": "change", "topic": "topic", "u": "generic"}
        return self.org.events.channel(name, kinds[name.split("/")[1]])

    def publish(self, count: int, name: str = "/event/Order__e", schema_id: str = "first") -> list[int]:
        """Append events; return their replay ids."""
        channel = self.channel(name)
        events = [self._event(channel, number, schema_id) for number in range(count)]
        self.org.events.publish(events, lambda event: [channel])
        return [event.replay_id for event in events]

    def _event(self, channel: Channel, number: int, schema_id: str) -> Event:
        name = channel.name.rpartition("/")[2]
        payload: dict[str, Any] = {"Number__c": number}
        if channel.kind == "change":
            header = {"entityName": "Account", "recordIds": ["001"], "changeType": "UPDATE", "changedFields": ["Name"]}
            payload = {"ChangeEventHeader": header, "Name": "A"}
        return Event(channel.kind, name, payload, uuid=str(number), schema_id=schema_id)

    def call(self, operation: str = "pubsub.subscribe") -> Call:
        call = Call(OPERATIONS[operation], "GRPC", "/", "", {}, b"", "")
        call.org = self.org
        call.entry = self.journal.open(self.org.clock.now(), operation, "GRPC", "/", "", b"")
        return call

    def feed(self, name: str = "/event/Order__e", replay: int = EARLIEST, call: Call | None = None) -> Feed:
        channel = self.channel(name)
        position = deliveries.begin(self.world, call or self.call(), channel, replay)
        feed = Feed(self.world, self.org, channel, "one", position)
        self.feeds.append(feed)
        return feed

    def take(self, feed: Feed, most: int = 100, call: Call | None = None) -> list[int]:
        return [event.replay_id for event in feed.take(call or self.call(), most)]

    def counters(self) -> list[tuple[int, int]]:
        return [(armed.matched, armed.fired) for armed in self.faults.rules]

    def close(self) -> None:
        for feed in self.feeds:
            feed.close()


def notes(entries: Sequence[Entry]) -> list[tuple[int | None, str | None]]:
    """Return what was delivered, and by which rule."""
    return [(note.replay_id, note.rule) for entry in entries for note in entry.events if note.what == "delivered"]


def new_bus(seed: int = 7) -> Bus:
    schema = Schema()
    schema.add(EVENT, {})
    org = Org(1, schema=schema, clock="virtual", start=1_800_000_000)
    org.directory.seed()
    faults, journal = Faults(org, REGISTRY, seed=seed), Journal(None)
    world = SimpleNamespace(faults_of=lambda org: faults, journal_of=lambda org: journal)
    return Bus(org, faults, journal, world)
