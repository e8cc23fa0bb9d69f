"""What waits to be sent, in the order in which it is due; and the newest of what is over."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, TypeAlias

from mock_server.org.outbound.backoff import next_try
from mock_server.org.outbound.waiting import Waiting

if TYPE_CHECKING:
    from mock_server.org.outbound.jobs import CalloutJob
    from mock_server.org.outbound.messages import OutboundMessage

KEPT = 1_000
"""Items that are over and can still be looked at."""


@dataclass(slots=True, eq=False, kw_only=True)
class QueuedMessage(Waiting):
    """One SOAP message, of up to 100 notifications. `id` is that of its first notification.

    `sequence` is the place of its first record among the commits.
    """

    message: OutboundMessage
    notifications: tuple[tuple[str, str], ...]
    """Ids of the notification and of its record."""
    sequence: int = 0

    @property
    def name(self) -> str:
        return self.message.name

    @property
    def records(self) -> tuple[str, ...]:
        return tuple(record for _, record in self.notifications)

    def release(self) -> None:
        return

    def not_acknowledged(self, now: float, error: str) -> None:
        """Note a failed attempt: it is due again, or over."""
        self.error, self.tried = error, now
        again = next_try(self.created, self.attempts, now)
        self.state = "failed" if again is None else "queued"
        self.due = now if again is None else again


Item: TypeAlias = "QueuedMessage | CalloutJob"


def _nobody(item: Item) -> None:
    return


@dataclass(slots=True)
class Queue:
    """Items leave it one by one as they fall due, in whichever order that is, and come back to be tried again.

    `note` is told of an item that came back, was hurried or is over.
    """

    note: Callable[[Item], None] = _nobody

    _heap: list[tuple[float, int, Item]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _open: dict[str, Item] = field(default_factory=dict)
    _over: deque[Item] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __iter__(self) -> Iterator[Item]:
        """Yield what is over, the oldest first, then what is not."""
        yield from self._over
        yield from self._open.values()

    def __len__(self) -> int:
        """How many items are not over."""
        return len(self._open)

    def put(self, item: Item) -> None:
        """Take an item back, where it was not forgotten meanwhile."""
        if self._open.get(item.id) is item:
            self.note(item)
            self._sort(item)

    def add(self, item: Item) -> None:
        """Take in an item that is new."""
        self._open[item.id] = item
        self._sort(item)

    def _sort(self, item: Item) -> None:
        """Have an item wait; one that is over is only held to be looked at."""
        if item.state in ("queued", "sending"):
            item.state = "queued"
            heapq.heappush(self._heap, (item.due, next(self._order), item))
        else:
            del self._open[item.id]
            item.release()
            self._over.append(item)

    def take(self, now: float) -> Item | None:
        """Return the next item that is due, to be sent now; None where none is."""
        if self.next_due() is None or self._heap[0][0] > now:
            return None
        item = heapq.heappop(self._heap)[2]
        item.state = "sending"
        return item

    def next_due(self) -> float | None:
        """Return when the next item is due, None where nothing waits."""
        # An entry of the past: its item was hurried, or removed.
        while self._heap and (self._heap[0][2].state != "queued" or self._heap[0][0] != self._heap[0][2].due):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def find(self, identifier: str) -> Item | None:
        return self._open.get(identifier)

    def hurry(self, item: Item, now: float) -> None:
        """Have an item tried at once."""
        if item.state == "queued":
            item.due = now
            self.note(item)
            heapq.heappush(self._heap, (now, next(self._order), item))

    def remove(self, item: Item) -> None:
        item.state = "removed"
        self.put(item)

    def clear(self) -> None:
        """Forget everything, what is on its way too."""
        for item in self._open.values():
            item.state = "removed"
        self._heap.clear()
        self._open.clear()
        self._over.clear()
