"""Topics and streaming channels as one subscriber sees them: permissions are asked anew at each delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.org.events.model import Event
from mock_server.org.events.view import View

if TYPE_CHECKING:
    from mock_server.org.events.channel import Channel
    from mock_server.org.events.topics.filters import Test
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject


class TopicView(View):
    """A PushTopic: its events that pass the subscription's filter, of records that the user sees, and of those the
    fields that he may read ("Receive change notifications for only the records a user has access to")."""

    __slots__ = ("_org", "_sobject", "_test", "_who")

    def __init__(self, channel: Channel, org: Org, who: Session, sobject: SObject, test: Test | None) -> None:
        super().__init__(channel)
        self._org = org
        self._who = who
        self._sobject = sobject
        self._test = test

    def seen(self, events: Sequence[Event]) -> list[Event]:
        test = self._test
        found = list(events) if test is None else [event for event in events if test(event.payload)]
        access = self._org.accesses.of(self._who.user_id)
        if access is None or not found:
            return found
        if "read" not in access.rights(self._sobject):
            return []
        reached = self._org.reached(self._who, self._sobject, [event.payload["Id"] for event in found])
        fields = self._sobject.by_name
        hidden = frozenset(
            name
            for name in frozenset().union(*(event.payload for event in found))
            if name in fields and not access.sees(self._sobject, fields[name])
        )
        return [_without(event, hidden) for event in found if event.payload["Id"] in reached]


class EarlyView(View):
    """A PushTopic as clients of versions before 29.0 see it: deletions and undeletions are not for them."""

    __slots__ = ()

    def seen(self, events: Sequence[Event]) -> list[Event]:
        return [event for event in events if event.told["type"] in ("created", "updated")]


class GenericView(View):
    """A streaming channel: what is pushed to all, and what to this user alone."""

    __slots__ = ("user_id",)

    def __init__(self, channel: Channel, user_id: str) -> None:
        super().__init__(channel)
        self.user_id = user_id

    def seen(self, events: Sequence[Event]) -> list[Event]:
        return [event for event in events if event.recipients is None or self.user_id in event.recipients]


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
