"""What an answer brings of the channels that a client reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from mock_server.deliveries import DeliveriesSpent, Drawn, Feed
from mock_server.operations import Call
from mock_server.org.events.clients import StreamingClient
from mock_server.protocols.cometd.events import ending_of, written

if TYPE_CHECKING:
    from mock_server.faults.feeds import Ending

MOST_EVENTS = 200
"""Events of one answer. Salesforce does not tell of a limit; a client that comes again at once misses none."""
LARGEST_ANSWER = 1 << 20
"""Bytes from which on an answer takes up no more events."""
_AT_ONCE = 50
_CUT_OFF = ("slow", "forget")


class Bell(asyncio.Event):
    """Tells a client's request that is held of news, whichever of its subscriptions has them."""

    def __init__(self, client: StreamingClient) -> None:
        # Not the parent's: a client never waits for the event itself, and thousands of them are to be light.
        self._client = client

    def set(self) -> None:
        self._client.fresh = True
        held = self._client.held
        if held is not None:
            held.release("news")

    def clear(self) -> None:
        """Nothing is remembered: whoever is woken looks everywhere."""

    def is_set(self) -> bool:
        return False


class Reading:
    """A subscription: the name by which the client has asked for it, and what it is given of the channel."""

    __slots__ = ("feed", "name", "replay", "tail")

    def __init__(self, name: str, feed: Feed, replay: int) -> None:
        self.name, self.feed, self.replay = name, feed, replay
        self.tail = ending_of(name)

    def close(self) -> None:
        self.feed.close()


class Taken(NamedTuple):
    """What an answer brings: messages, and how a fault ends what the client reads, if one does."""

    parts: list[bytes]
    ended: Ending | None


def take(call: Call, client: StreamingClient) -> Taken:
    """Take what is new, channel by channel, as much as fits into an answer; note it on the client.

    A fault that cuts off the client leaves nothing to send, whatever other channels have. Raises DeliveriesSpent where
    the org may deliver no more on a channel that the client reads.
    """
    parts: list[bytes] = []
    taken: list[tuple[Feed, Drawn]] = []
    ended: Ending | None = None
    if not client.fresh:
        return Taken(parts, ended)
    client.fresh = False
    size = 0
    for reading in list(client.subscriptions.values()):
        feed: Feed = reading.feed
        more = True
        while more and len(parts) < MOST_EVENTS and size < LARGEST_ANSWER:
            position = feed.position
            try:
                drawn = feed.draw(call, min(_AT_ONCE, MOST_EVENTS - len(parts)))
            except DeliveriesSpent:
                client.fresh = True
                if not parts:
                    raise
                break
            taken.append((feed, drawn))
            for event in drawn.events:
                parts.append(written(event, reading.tail))
                size += len(parts[-1])
            more = (bool(drawn.events) or feed.position != position) and feed.behind
        if feed.ended in _CUT_OFF:
            for other, drawn in taken:
                other.give_back(drawn)
            return Taken([], feed.ended)
        ended = ended or feed.ended
        # A fault may have kept something back.
        client.fresh = client.fresh or feed.faulted
        if more:
            # Next time the others come first.
            client.fresh = True
            client.subscriptions[reading.name] = client.subscriptions.pop(reading.name)
            break
    for feed, drawn in taken:
        feed.delivered(call.entry, drawn)
    client.carrier = call.entry if parts else None
    return Taken(parts, ended)


def may_be_empty(call: Call, client: StreamingClient) -> bool:
    """Tell whether a client may be told now that there is nothing: a fault may keep the server silent."""
    return all(reading.feed.keeps_alive(call) for reading in client.subscriptions.values())
