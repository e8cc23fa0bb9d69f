"""Topics and streaming channels as one subscriber sees them: permissions are asked anew at each delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.org.events.channel import Channel
from mock_server.org.events.model import Event

if TYPE_CHECKING:
    from mock_server.org.events.topics.filters import Test
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject


class View(Channel):
    """A channel of which a user sees a part. `name` is the one that he asked for, whatever it is called later."""

    __slots__ = ("_channel", "_passed", "org", "who")

    def __init__(self, channel: Channel, org: Org, who: Session) -> None:
        super().__init__(channel.name, channel.kind, channel.retention)
        self._channel = channel
        self._passed = (0, 0)
        """Behind which replay id there was nothing to see, and up to which one."""
        self.org = org
        self.who = who

    def __len__(self) -> int:
        return len(self._channel)

    def expire(self, now: float) -> None:
        self._channel.expire(now)

    def after(self, replay_id: int, most: int) -> list[Event]:
        asked, passed = replay_id, self._passed
        if asked == passed[0]:
            # Who waits for what is not for him is not to look at all of it each time.
            replay_id = passed[1]
        while True:
            events = self._channel.after(replay_id, most)
            seen = self.seen(events)
            if seen:
                return seen
            if events:
                replay_id = events[-1].replay_id
                self._passed = (asked, replay_id)
            if len(events) < most:
                return seen

    def seen(self, events: Sequence[Event]) -> list[Event]:
        """Return what the user is told of some events."""
        raise NotImplementedError


class TopicView(View):
    """A PushTopic: its events that pass the subscription's filter, of records that the user sees, and of those the
    fields that he may read ("Receive change notifications for only the records a user has access to")."""

    __slots__ = ("_sobject", "_test")

    def __init__(self, channel: Channel, org: Org, who: Session, sobject: SObject, test: Test | None) -> None:
        super().__init__(channel, org, who)
        self._sobject = sobject
        self._test = test

    def seen(self, events: Sequence[Event]) -> list[Event]:
        test = self._test
        found = list(events) if test is None else [event for event in events if test(event.payload)]
        access = self.org.accesses.of(self.who.user_id)
        if access is None or not found:
            return found
        if "read" not in access.rights(self._sobject):
            return []
        reached = self.org.reached(self.who, self._sobject, [event.payload["Id"] for event in found])
        fields = self._sobject.by_name
        hidden = frozenset(
            name
            for name in frozenset().union(*(event.payload for event in found))
            if name in fields and not access.sees(self._sobject, fields[name])
        )
        return [_without(event, hidden) for event in found if event.payload["Id"] in reached]


class GenericView(View):
    """A streaming channel: what is pushed to all, and what to this user alone."""

    __slots__ = ()

    def seen(self, events: Sequence[Event]) -> list[Event]:
        user = self.who.user_id
        return [event for event in events if event.recipients is None or user in event.recipients]


def _without(event: Event, hidden: frozenset[str]) -> Event:
    """Return an event that does not tell some fields; it is made once, for all who may not read them."""
    if hidden.isdisjoint(event.payload):
        return event
    key = f"topic without {','.join(sorted(hidden))}"
    known = event.forms.get(key)
    if known is None:
        payload = {name: value for name, value in event.payload.items() if name not in hidden}
        known = event.forms[key] = replace(event, payload=payload, forms={})
    assert isinstance(known, Event)
    return known
