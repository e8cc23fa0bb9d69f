"""What waits to be sent, in the order in which it is due; and the newest of what is over."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

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


@dataclass(slots=True)
class Queue:
    """Items leave it one by one as they fall due, in whichever order that is, and come back to be tried again."""

    _heap: list[tuple[float, int, QueuedMessage | CalloutJob]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _open: dict[str, QueuedMessage | CalloutJob] = field(default_factory=dict)
    _over: deque[QueuedMessage | CalloutJob] = field(default_factory=lambda: deque(maxlen=KEPT))

    def __iter__(self) -> Iterator[QueuedMessage | CalloutJob]:
        """Yield what is over, the oldest first, then what is not."""
        yield from self._over
        yield from self._open.values()

    def __len__(self) -> int:
        """How many items are not over."""
        return len(self._open)

    def put(self, item: QueuedMessage | CalloutJob) -> None:
        """Take an item in, or back: one that is over is only kept to be looked at."""
        if item.state in ("queued", "sending"):
            item.state = "queued"
            self._open[item.id] = item
            heapq.heappush(self._heap, (item.due, next(self._order), item))
        elif self._open.pop(item.id, None) is not None:
            item.release()
            self._over.append(item)

    def take(self, now: float) -> QueuedMessage | CalloutJob | None:
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

    def find(self, identifier: str) -> QueuedMessage | CalloutJob | None:
        return self._open.get(identifier)

    def hurry(self, item: QueuedMessage | CalloutJob, now: float) -> None:
        """Have an item tried at once."""
        if item.state == "queued":
            item.due = now
            heapq.heappush(self._heap, (now, next(self._order), item))

    def remove(self, item: QueuedMessage | CalloutJob) -> None:
        item.state = "removed"
        self.put(item)

    def clear(self) -> None:
        """Forget everything, what is on its way too."""
        for item in self._open.values():
            item.state = "removed"
        self._heap.clear()
        self._open.clear()
        self._over.clear()
