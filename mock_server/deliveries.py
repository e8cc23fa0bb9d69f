"""What a subscriber of either protocol is given of a channel: one way for faults, limits and the journal to have a say.

Protocols make a `Feed` a subscription, take from it what they can send, and sleep until it may have more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mock_server.journal import Entry, EventNote

if TYPE_CHECKING:
    from mock_server.operations import Call
    from mock_server.org.events import Channel, Event
    from mock_server.org.org import Org
    from mock_server.world import World


@dataclass(slots=True, eq=False)
class Feed:
    """One subscription: a channel, and how far it has been read. `position` is a replay id.

    `wanted` tells which events of the channel it is about, where it has a filter of its own.
    """

    world: World
    org: Org
    channel: Channel
    subscriber: str
    position: int
    wanted: Callable[[Event], bool] | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _stop: Callable[[], object] = lambda: None

    def __post_init__(self) -> None:
        self._stop = self.org.events.listen(self._news.set)
        self._news.set()

    def close(self) -> None:
        """Read no more."""
        self._stop()

    def take(self, call: Call, most: int) -> Sequence[Event]:
        """Return the next events to send with a call, a few at most, and note that they are delivered by it."""
        self._news.clear()
        events = self.org.events.after(self.channel, self.position, most)
        if not events:
            return events
        self.position = events[-1].replay_id
        if self.wanted is not None:
            events = [event for event in events if self.wanted(event)]
        self._note(call.entry, events)
        return events

    def _note(self, entry: Entry, events: Sequence[Event]) -> None:
        now, name = self.org.clock.now(), self.channel.name
        self.world.journal_of(self.org).told(
            entry,
            [EventNote(now, "delivered", name, event.replay_id, event.uuid, self.subscriber) for event in events],
        )

    @property
    def news(self) -> asyncio.Event:
        """Is set when there may be something to take."""
        return self._news
