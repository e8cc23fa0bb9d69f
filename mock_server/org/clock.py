"""The one source of time of an org."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Literal

Mode = Literal["real", "virtual"]
_KEPT = 32
"""Sleepers that were woken by something else, for whose sake the others are not gone through."""

# Taken once: code under test in the same process may put something else in their place.
_wall_time, _steady_time = time.time, time.monotonic


class Clock:
    """Tells and moves an org's time, in seconds since 1970 (UTC).

    A `real` clock runs with the wall plus an offset that `advance` grows; a `virtual` clock stands still until
    `advance` moves it. Sleepers wake in the order of their due time, then of their call.
    """

    def __init__(self, mode: Mode = "real", start: float | None = None) -> None:
        self.mode: Mode = mode
        self._offset = 0.0 if start is None else start - _wall_time()
        self._still = _wall_time() if start is None else start
        # Asked several times in every exchange, and mostly by clocks that nobody has moved.
        self.now: Callable[[], float] = self._moved if mode == "virtual" or start is not None else _wall_time
        """Return the time, in seconds since 1970 (UTC)."""
        self._order = itertools.count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._gone = 0
        """How many of the sleepers were woken by something else, and lie there still."""
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def _moved(self) -> float:
        return self._still if self.mode == "virtual" else _wall_time() + self._offset

    def advance(self, seconds: float) -> float:
        """Move time forward and wake whoever is due; return the new time. Raises ValueError for a negative step."""
        if not 0 <= seconds < 1e10:
            raise ValueError("time only moves forward, by less than 1e10 seconds")
        if self.mode == "virtual":
            self._still += seconds
        else:
            self._offset += seconds
            self.now = self._moved
        self._wake()
        return self.now()

    def advance_to(self, moment: float) -> float:
        """Move time forward to `moment` (seconds since 1970) exactly, and wake whoever is due; return the new time.

        A moment that has passed moves nothing. For virtual clocks.
        """
        assert self.mode == "virtual"
        self._still = max(self._still, moment)
        self._wake()
        return self._still

    def next_due(self) -> float | None:
        """Return when the first sleeper wakes, in seconds since 1970; None when nobody sleeps."""
        self._clear_top()
        return self._sleepers[0][0] if self._sleepers else None

    async def sleep(self, seconds: float) -> None:
        await self.wait_until(self.now() + seconds)

    async def wait_until(self, due: float) -> None:
        """Return once the clock shows `due` (seconds since 1970)."""
        if due <= self.now():
            return
        awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.rouse(awake, due)
        try:
            await awake
        except BaseException:
            self.let_lie(awake)
            raise

    def rouse(self, awake: asyncio.Future[None], due: float) -> None:
        """Have a future done once the clock shows `due`. `let_lie` belongs to one that something else may wake."""
        self._clear_top()
        heapq.heappush(self._sleepers, (due, next(self._order), awake))
        loop = awake.get_loop()
        if self._sleepers[0][2] is awake or self._timer is None or self._loop is not loop:
            self._arm(loop)

    def let_lie(self, awake: asyncio.Future[None]) -> None:
        """Note that a future is awaited no more: it is forgotten well before it is due.

        A clock of ten thousand requests that were held, and answered early, keeps next to none of them.
        """
        awake.cancel()
        self._gone += 1
        if self._gone > _KEPT and self._gone * 2 > len(self._sleepers):
            self._sleepers = [one for one in self._sleepers if not one[2].done()]
            heapq.heapify(self._sleepers)
            self._gone = 0

    def _clear_top(self) -> None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
            self._gone = max(0, self._gone - 1)

    def _wake(self) -> None:
        now = self.now()
        self._clear_top()
        while self._sleepers and self._sleepers[0][0] <= now:
            heapq.heappop(self._sleepers)[2].set_result(None)
            self._clear_top()
        if self._sleepers:
            self._arm(self._sleepers[0][2].get_loop())
        elif self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self.mode == "real":
            self._timer = loop.call_later(max(0.0, self._sleepers[0][0] - self.now()), self._wake)
            self._loop = loop


def stamp(moment: float) -> str:
    """Write a time as Salesforce does in JSON: `2026-03-01T10:00:00.000+0000`."""
    whole = int(moment)
    return f"{_second(whole)}.{int((moment - whole) * 1000):03d}+0000"


def _second(whole: int) -> str:
    # Most calls fall in the same second; formatting it once halves the cost of a write.
    cached = _last.get(whole)
    if cached is None:
        _last.clear()
        cached = _last[whole] = datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return cached


_last: dict[int, str] = {}


def wall() -> float:
    """Seconds of a steady wall clock: for wall-clock limits and measurements, never for anything the org shows."""
    return _steady_time()
