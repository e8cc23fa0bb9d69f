"""What an answer brings of the channels that a client reads."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mock_server.deliveries import Feed
from mock_server.operations import Call
from mock_server.org.events.clients import StreamingClient
from mock_server.protocols.cometd.events import written

if TYPE_CHECKING:
    from mock_server.faults.feeds import Ending

MOST_EVENTS = 200
"""Events of one answer. Salesforce does not tell of a limit; a client that comes again at once misses none."""
LARGEST_ANSWER = 1 << 20
"""Bytes from which on an answer takes up no more events."""
_AT_ONCE = 50


class DeliveriesSpent(Exception):
    """The org has delivered as many events as it may within 24 hours."""


class Bell(asyncio.Event):
    """Tells a client's request that is held of news, whichever of its subscriptions has them."""

    def __init__(self, client: StreamingClient) -> None:
        # Not the parent's: a client never waits for the event itself, and thousands of them are to be light.
        self._client = client

    def set(self) -> None:
        held = self._client.held
        if held is not None:
            held.release("news")

    def clear(self) -> None:
        """Nothing is remembered: whoever is woken looks everywhere."""

    def is_set(self) -> bool:
        return False


class Reading:
    """A subscription: the name by which the client has asked for it, and what it is given of the channel."""

    __slots__ = ("feed", "ledger", "name", "replay")

    def __init__(self, name: str, feed: Feed, ledger: str, replay: int) -> None:
        self.name, self.feed, self.ledger, self.replay = name, feed, ledger, replay

    def close(self) -> None:
        self.feed.close()


def take(call: Call, client: StreamingClient) -> list[bytes]:
    """Take what is new, channel by channel, as much as fits into an answer; note it on the client.

    Raises DeliveriesSpent where the org may deliver no more on a channel that the client reads.
    """
    parts: list[bytes] = []
    size = 0
    for reading in list(_readings(client)):
        ledger = call.org.limits.ledger(reading.ledger)
        if not parts and ledger.remaining <= 0:
            raise DeliveriesSpent
        feed = reading.feed
        while len(parts) < MOST_EVENTS and size < LARGEST_ANSWER:
            most = min(_AT_ONCE, MOST_EVENTS - len(parts), ledger.remaining)
            if not most:
                break
            before = feed.position
            events = feed.take(call, most)
            for event in events:
                parts.append(written(call.org, event, reading.name))
                size += len(parts[-1])
            if events:
                ledger.charge(len(events))
            elif feed.position == before:
                break
        else:
            # Next time the others come first.
            client.subscriptions[reading.name] = client.subscriptions.pop(reading.name)
            break
    client.carrier = call.entry if parts else None
    return parts


def ending(client: StreamingClient) -> Ending | None:
    """Return how a fault ends what a client reads, None where it goes on."""
    return next((ended for reading in _readings(client) if (ended := reading.feed.ended) is not None), None)


def may_be_empty(call: Call, client: StreamingClient) -> bool:
    """Tell whether a client may be told now that there is nothing: a fault may keep the server silent."""
    return all(reading.feed.keeps_alive(call) for reading in _readings(client))


def _readings(client: StreamingClient) -> Iterator[Reading]:
    for reading in client.subscriptions.values():
        assert isinstance(reading, Reading)
        yield reading
