"""Streaming channels, `/u/Name`: whoever may, pushes texts to all who listen, or to some of them.

Sources: Object Reference, "StreamingChannel"; Streaming API guide, "Streaming Channel Push REST API", "Generic
Streaming Allocations".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.clock import stamp
from mock_server.org.events.access import NoChannel, NotPermitted
from mock_server.org.events.channel import Channel
from mock_server.org.events.model import Event
from mock_server.org.events.topics.views import GenericView
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change
from mock_server.org.standard.streaming import channel_fault

if TYPE_CHECKING:
    from mock_server.org.events.bus import EventBus
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject

SOBJECT = "StreamingChannel"
PREFIX = "/u/"


@dataclass(frozen=True, slots=True)
class Pushed:
    """What became of one push: to how many it went (-1: to all who listen), and who of those named listens."""

    count: int
    online: dict[str, bool]


class GenericChannels:
    """The streaming channels of one org. With `dynamic`, who may make one makes it by subscribing to it."""

    def __init__(self, org: Org, bus: EventBus) -> None:
        self._org = org
        self._bus = bus

    @property
    def _sobject(self) -> SObject:
        found = self._org.schema.get(SOBJECT)
        assert found is not None
        return found

    def find(self, who: Session, name: str) -> Channel | None:
        """Find a channel for a subscriber. Raises NotPermitted."""
        if not name.startswith(PREFIX):
            return None
        org, access = self._org, self._org.accesses.of(who.user_id)
        sobject = self._sobject
        found = self._record(name)
        if found is None:
            if self._differs_in_case(name):
                raise NoChannel(name, "case")
            if not org.dynamic_channels or channel_fault(name) is not None:
                return None
            if access is not None and "create" not in access.rights(sobject):
                raise NotPermitted(name, SOBJECT, "create")
            self._make(who, name)
        elif access is not None and (
            "read" not in access.rights(sobject) or found not in org.reached(who, sobject, [found])
        ):
            raise NotPermitted(name, SOBJECT)
        return GenericView(self._bus.channel(name, "generic"), who.user_id)

    def _record(self, name: str) -> str | None:
        """Return the id of the record of a channel."""
        org, sobject = self._org, self._sobject
        org.store.ready(sobject)
        rows = org.store.lookup(sobject, "Name", [name], "Id", "IsDeleted")
        return next((identifier for identifier, deleted in rows if not deleted), None)

    def _differs_in_case(self, name: str) -> bool:
        """Tell whether a channel has this name in other letters, large or small."""
        sql = 'SELECT 1 FROM "StreamingChannel" WHERE "IsDeleted" = 0 AND "Name" = ? COLLATE NOCASE'
        return self._org.store.connection.execute(sql, (name,)).fetchone() is not None

    def name_of(self, identifier: str) -> str:
        """Return the channel that a record is about; empty where there is no such record."""
        org, sobject = self._org, self._sobject
        org.store.ready(sobject)
        rows = org.store.lookup(sobject, "Id", [identifier], "Name", "IsDeleted")
        return next((str(name) for name, deleted in rows if not deleted), "")

    def _make(self, who: Session, name: str) -> None:
        change = Change("create", SOBJECT, {"Name": name}, derived={"IsDynamic": 1})
        (result,) = self._org.write(who, [change], all_or_none=False)
        if any(error.spec is errors.TOO_MANY_CHANNELS for error in result.errors):
            raise NoChannel(name, "spent")
        if not result.success:
            raise NotPermitted(name, SOBJECT, "create")

    def listening(self, name: str) -> list[str]:
        """Return the ids of the users who subscribe to a channel now, each once."""
        found = {
            feed.channel.user_id: None
            for feed in self._bus.feeds.values()
            if feed.channel.name == name and isinstance(feed.channel, GenericView)
        }
        return list(found)

    def push(
        self, who: Session, identifier: str, texts: Sequence[tuple[str, Sequence[str]]], exchange: int, *, lost: bool
    ) -> list[Pushed]:
        """Push texts, each to some users, or to all where none is named; `lost` ones are accepted, and go nowhere.

        Raises ApiError.
        """
        org, sobject = self._org, self._sobject
        access = org.accesses.of(who.user_id)
        if access is not None and (
            "edit" not in access.rights(sobject)
            or identifier not in org.reached(who, sobject, [identifier], level="edit")
        ):
            raise errors.INSUFFICIENT_ACCESS_OR_READONLY()
        name = self.name_of(identifier)
        listening = self.listening(name)
        out: list[Pushed] = []
        events = []
        created = stamp(org.clock.now()).replace("+0000", "Z")
        for text, users in texts:
            named = [to_18(user) or user for user in users]
            online = {user: user in listening for user in named}
            out.append(Pushed(sum(online.values()) if named else -1 if listening else 0, online))
            events.append(
                Event(
                    "generic",
                    name,
                    {"payload": text},
                    told={"createdDate": created},
                    exchange=exchange,
                    recipients=frozenset(named) or None,
                )
            )
        if not lost:
            channel = self._bus.channel(name, "generic")
            self._bus.publish(events, lambda event: (channel,))
            for told in self._bus.on_published:
                told(events)
        return out
