"""A transaction whose events are made when somebody reads them: until then it only holds its commits.

Most events of a large load are read once, much later, or never; a load is not to take longer for them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mock_server.org.events.changes.nets import nets
from mock_server.org.events.changes.telling import Transaction, events
from mock_server.org.events.changes.types import EventType
from mock_server.org.events.channel import Later
from mock_server.org.events.model import Event
from mock_server.org.records.commits import Batch


class Promise:
    """The events of one transaction on several channels. `ids` are the replay ids that are kept for them."""

    __slots__ = ("_batches", "_events", "_most", "_types", "at", "ids", "transaction")

    def __init__(
        self,
        transaction: Transaction,
        batches: Sequence[Batch],
        types: Mapping[str, EventType],
        ids: Sequence[int],
        most: int,
    ) -> None:
        self.transaction = transaction
        self.at = transaction.at
        self.ids = ids
        self._batches = batches
        self._types = types
        self._most = most
        self._events: list[Event] | None = None

    def events(self) -> list[Event]:
        """Return the events of all objects, in order; the first call makes them."""
        if self._events is None:
            self._events = events(self.transaction, nets(self._batches, self._types), self._most)
            for event, number in zip(self._events, self.ids, strict=False):
                event.replay_id = number
            # Whoever asks again finds the events; their values need not be held twice.
            self._batches = ()
        return self._events

    def part(self, names: frozenset[str]) -> Later:
        """Return what a channel is promised that carries events of some types, by their names."""
        return _Part(self, names)


class _Part:
    """The events of some types among those of a transaction."""

    __slots__ = ("_names", "_whole", "at", "ids")

    def __init__(self, whole: Promise, names: frozenset[str]) -> None:
        self._whole = whole
        self._names = names
        self.at = whole.at
        self.ids = whole.ids

    def events(self) -> list[Event]:
        return [event for event in self._whole.events() if event.name in self._names]
