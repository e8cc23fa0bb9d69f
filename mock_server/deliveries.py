"""What a subscriber of either protocol is given of a channel: one way for faults, limits and the journal to have a say.

A protocol asks `begin` where a subscription starts to read, makes a `Feed` of it, takes from that what it can send, and
sleeps until there may be more. What it takes is charged to the org's allocation of deliveries, which `take` ends with
DeliveriesSpent. After each `take`, and before each keep-alive, it looks at what faults have decided:

    feed.ended == "disconnect"   what was taken is sent, then the connection breaks
    feed.ended == "slow"         nothing was taken; this subscriber is cut off
    feed.ended == "forget"       nothing was taken; the server has restarted (`EventBus.generation` is another)
    feed.silent                  nothing is sent, no keep-alive and no answer of a held request either
    feed.keeps_alive(call)       asked when a keep-alive, or an empty answer, is due: whether it may be sent
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from mock_server.journal import Entry, EventNote
from mock_server.org.events import EARLIEST, LATEST, UnknownReplay

if TYPE_CHECKING:
    from mock_server.faults.feeds import Ending, Handling
    from mock_server.operations import Call
    from mock_server.org.events import Channel, Event, Kind
    from mock_server.org.limits.governor import Ledger
    from mock_server.org.org import Org
    from mock_server.world import World

ALLOCATIONS: dict[tuple[Kind, bool], str] = {
    ("platform", True): "DailyDeliveredPlatformEvents",
    ("platform", False): "DailyDeliveredPlatformEvents",
    ("change", True): "DailyDeliveredPlatformEvents",
    ("change", False): "DailyDeliveredPlatformEvents",
    ("topic", True): "DailyDurableStreamingApiEvents",
    ("topic", False): "DailyStreamingApiEvents",
    ("generic", True): "DailyDurableGenericStreamingApiEvents",
    ("generic", False): "DailyGenericStreamingApiEvents",
}
"""Which limit deliveries are charged to, by the kind of channel and whether the client's events can be replayed."""


class DeliveriesSpent(Exception):
    """The org has delivered as many events as it may within 24 hours."""


def allocation(org: Org, channel: Channel, *, durable: bool = True) -> Ledger:
    """Return what counts the deliveries of a channel to clients whose events can be replayed, or cannot."""
    return org.limits.ledger(ALLOCATIONS[channel.kind, durable])


def begin(world: World, call: Call, channel: Channel, replay: int) -> int:
    """Return the replay id behind which a subscription begins to read. Raises UnknownReplay, by a fault too."""
    faults = world.faults_of(call.org)
    if replay not in (LATEST, EARLIEST) and not faults.empty:
        from mock_server.faults.feeds import refusal_of

        why = refusal_of(faults, call, channel.name, replay)
        if why is not None:
            raise UnknownReplay(replay, why)
    return call.org.events.start(channel, replay)


class Drawn(NamedTuple):
    """Events that were taken from a channel and charged for, with the rule that each is sent by, where one is."""

    events: Sequence[Event]
    rules: Sequence[str | None] = ()


@dataclass(slots=True, eq=False)
class Feed:
    """One subscription: a channel, and how far it has been read. `position` is a replay id.

    `news` is set when there may be something to take. `durable` says whether the subscriber's events can be replayed.
    """

    world: World
    org: Org
    channel: Channel
    subscriber: str
    position: int
    news: asyncio.Event = field(default_factory=asyncio.Event)
    durable: bool = True
    _stop: Callable[[], object] = lambda: None
    _handling: Handling | None = None

    def __post_init__(self) -> None:
        self._stop = self.org.events.attach(self)
        self.news.set()

    def close(self) -> None:
        """Read no more."""
        self._stop()
        if self._handling is not None:
            self._handling.close()

    def wake(self) -> None:
        """Have whoever waits look for something to take."""
        self.news.set()

    @property
    def faulted(self) -> bool:
        """Whether faults have had a say: what was not taken may not be told from what is not there."""
        return self._handling is not None

    @property
    def behind(self) -> bool:
        """Whether there may be something to take: the org has published since, or a fault has kept something back."""
        return self._handling is not None or self.position < self.org.events.last

    @property
    def ended(self) -> Ending | None:
        """Why there is nothing more to take; None while there may be."""
        return None if self._handling is None else self._handling.ended

    @property
    def silent(self) -> bool:
        """Whether nothing may be sent now, no keep-alive either. `news` is set when that is over."""
        return self._handling is not None and self._handling.silent

    def keeps_alive(self, call: Call) -> bool:
        """Tell whether a keep-alive, or an answer that brings nothing, may be sent now."""
        handling = self._faulted()
        return handling is None or handling.keeps_alive(call)

    def mend(self, position: int | None = None) -> None:
        """Go on after an end. With a position what follows it is taken again: its answer has reached nobody."""
        if position is not None:
            self.position = position
        if self._handling is not None:
            self._handling.mend()
        self.news.set()

    def take(self, call: Call, most: int) -> Sequence[Event]:
        """Return the next events to send with a call, a few at most, and note that they are delivered by it.

        Fewer than asked for, or none where `position` has moved, do not say that there are no more: of what a filter
        passes over some may lie behind. Raises DeliveriesSpent.
        """
        drawn = self.draw(call, most)
        self.delivered(call.entry, drawn)
        return drawn.events

    def draw(self, call: Call, most: int) -> Drawn:
        """Take events as `take` does, where it is not certain yet that they are sent.

        What comes of it is for `delivered` or `give_back` to say.
        """
        self.news.clear()
        ledger = allocation(self.org, self.channel, durable=self.durable)
        most = min(most, ledger.remaining)
        if most <= 0:
            raise DeliveriesSpent
        handling = self._faulted()
        if handling is not None:
            handed, self.position = handling.take(call, self.position, most)
            ledger.charge(len(handed))
            return Drawn([event for event, _ in handed], [rule for _, rule in handed])
        events = self.org.events.after(self.channel, self.position, most)
        if events:
            self.position = events[-1].replay_id
            ledger.charge(len(events))
        return Drawn(events)

    def give_back(self, drawn: Drawn) -> None:
        """Charge nothing for events that are not sent: the subscriber is cut off. `position` stays behind them."""
        allocation(self.org, self.channel, durable=self.durable).charge(-len(drawn.events))

    def _faulted(self) -> Handling | None:
        """Return what handles the faults of the subscription, None where there are and were none."""
        if self._handling is None:
            faults = self.world.faults_of(self.org)
            if faults.empty:
                return None
            from mock_server.faults.feeds import Handling

            self._handling = Handling(self.org, faults, self.channel, self.news.set)
        return self._handling

    def delivered(self, entry: Entry, drawn: Drawn) -> None:
        """Note that events are delivered by the answer of an exchange."""
        events, rules = drawn
        if not events:
            return
        now, name = self.org.clock.now(), self.channel.name
        notes = [EventNote(now, "delivered", name, event.replay_id, event.uuid, self.subscriber) for event in events]
        if any(rules):
            notes = [note._replace(rule=rule) for note, rule in zip(notes, rules, strict=True)]
        self.world.journal_of(self.org).told(entry, notes)
