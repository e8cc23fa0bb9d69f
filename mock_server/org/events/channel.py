"""A channel: one log of events, oldest first, and the time for which it retains them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from typing import Protocol

from mock_server.org.events.model import Event, Kind

HOUR = 3600.0
RETENTION: dict[Kind, float] = {"platform": 72 * HOUR, "change": 72 * HOUR, "topic": 24 * HOUR, "generic": 24 * HOUR}
"""Seconds. Of standard-volume platform events it is 24 hours, too: such a channel has its own `retention`."""
_WORTH_CUTTING = 1024


class Later(Protocol):
    """Events of one moment that are made when somebody reads them. `ids` are kept for them, more than they may be."""

    @property
    def at(self) -> float: ...

    @property
    def ids(self) -> Sequence[int]: ...

    def events(self) -> Sequence[Event]: ...


@dataclass(slots=True, eq=False)
class Channel:
    """One channel by its name (`/event/Order__e`); one of several types (`/data/ChangeEvents`) holds those of all."""

    name: str
    kind: Kind
    retention: float
    _ids: list[int] = field(default_factory=list)
    _events: list[Event | Later] = field(default_factory=list)
    _first: int = 0
    """Where the log begins: what lies before is retained no more, and is cut away now and then."""

    def __len__(self) -> int:
        return len(self._ids) - self._first

    def append(self, events: Iterable[Event]) -> None:
        for event in events:
            self._ids.append(event.replay_id)
            self._events.append(event)

    def promise(self, later: Later) -> None:
        """Append events that are yet to be made; nobody may ever read those that were."""
        self.expire(later.at)
        self._ids.extend(later.ids)
        self._events.extend(repeat(later, len(later.ids)))

    def forget_after(self, replay_id: int) -> None:
        """Drop the events behind a replay id, which nobody has read."""
        place = bisect_right(self._ids, replay_id)
        del self._ids[place:], self._events[place:]
        self._first = min(self._first, place)

    def after(self, replay_id: int, most: int) -> list[Event]:
        """Return the retained events behind a replay id, whether it is one of this channel or not."""
        while True:
            start = max(bisect_right(self._ids, replay_id), self._first)
            found: list[Event] = []
            for one in self._events[start : start + most]:
                if not isinstance(one, Event):
                    self._make(one)
                    break
                found.append(one)
            else:
                return found

    def _make(self, later: Later) -> None:
        """Put events in the place of what promised them."""
        events = later.events()
        place = slice(bisect_left(self._ids, later.ids[0]), bisect_right(self._ids, later.ids[-1]))
        self._events[place] = events
        self._ids[place] = [event.replay_id for event in events]

    def copy(self) -> Channel:
        """Return a channel with the same events that goes on apart from this one."""
        return Channel(self.name, self.kind, self.retention, list(self._ids), list(self._events), self._first)

    def become(self, other: Channel | None) -> None:
        """Have another channel's events, or none; who reads it reads on."""
        self._ids, self._events, self._first = [], [], 0
        if other is not None:
            self._ids, self._events, self._first = list(other._ids), list(other._events), other._first

    def expire(self, now: float) -> None:
        """Retain no more what is too old."""
        first, until = self._first, now - self.retention
        while first < len(self._events) and self._events[first].at <= until:
            first += 1
        if first > _WORTH_CUTTING and first * 2 > len(self._events):
            del self._events[:first], self._ids[:first]
            first = 0
        self._first = first
