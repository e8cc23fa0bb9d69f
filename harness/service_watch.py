"""Watches a service from outside: whether it is ready, when it has come to rest, and when each effect was seen."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from mock_server.org.clock import wall

if TYPE_CHECKING:
    from mock_server.control.client import ControlClient


@dataclass
class EffectsTail:
    """Follows the effects file: `at` and `leg` say of each line, by its number from 1, when it was first seen."""

    file: Path
    at: dict[int, float] = field(default_factory=dict)
    leg: dict[int, int] = field(default_factory=dict)
    size: int = 0
    _lines: int = 0

    def look(self, now: Callable[[], float], leg: int, *, ended: bool = False) -> None:
        """Take in what was added. A line counts when it is whole; the last one also when the run has `ended`."""
        with contextlib.suppress(OSError):
            if self.file.stat().st_size == self.size and not ended:
                return
            with self.file.open("rb") as file:
                file.seek(self.size)
                news = file.read()
            self.size += len(news)
            moment = now()
            for _ in range(news.count(b"\n")):
                self._lines += 1
                self.at.setdefault(self._lines, moment)
                self.leg.setdefault(self._lines, leg)
            if ended and news and not news.endswith(b"\n"):
                self.at.setdefault(self._lines + 1, moment)
                self.leg.setdefault(self._lines + 1, leg)


@dataclass
class Pulse:
    """Tells for how long nothing has happened: in the org, in the effects file, in the sink. Seconds are wall time.

    `held` says whether the service has a stream open, or waits for an answer that comes when there is news.
    """

    control: ControlClient
    effects: Callable[[], int]
    since: int = 0
    held: bool = False
    _seen: tuple[int, ...] = ()
    _changed: float = field(default_factory=wall)

    def look(self) -> float:
        """Return the seconds since something happened last, as far as was seen."""
        found = self.control.activity(self.since)
        if found.requests or found.under_way:
            self._changed = wall()
        self.since = found.last
        seen = found.notes, found.commits, self.effects()
        if seen != self._seen:
            self._seen, self._changed = seen, wall()
        self.held = found.held > 0
        return wall() - self._changed
