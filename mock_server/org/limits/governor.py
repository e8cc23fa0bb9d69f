"""The governor: what an org may still do. Ledgers are rolling windows on the org's clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from mock_server.org import errors
from mock_server.org.clock import Clock
from mock_server.org.limits.catalogue import KNOWN, UNTOLD

DAY = 86_400.0
HOUR = 3600.0
LONG_CALL = 20.0
"""Seconds after which a running call counts as long-running (App Limits cheat sheet)."""


class Ledger:
    """Uses within a rolling window, kept in 24 buckets."""

    def __init__(self, clock: Clock, maximum: int, window: float = DAY) -> None:
        self._clock = clock
        self._bucket = window / 24
        self._buckets: deque[list[float]] = deque()
        self.maximum = maximum
        self.window = window
        self._used = 0

    def charge(self, uses: int = 1) -> None:
        now = self._clock.now()
        buckets = self._buckets
        if not buckets or now - buckets[-1][0] >= self._bucket:
            self._expire(now)
            buckets.append([now, 0])
        buckets[-1][1] += uses
        self._used += uses

    def _expire(self, now: float) -> None:
        while self._buckets and self._buckets[0][0] <= now - self.window:
            self._used -= int(self._buckets.popleft()[1])

    @property
    def used(self) -> int:
        self._expire(self._clock.now())
        return self._used

    @property
    def remaining(self) -> int:
        return max(0, self.maximum - self.used)

    def set_remaining(self, remaining: int) -> None:
        """Charge or give back until this much is left."""
        self.charge(self.maximum - remaining - self.used)

    def told(self) -> list[list[float]]:
        """Return the uses of the window: when they began, and how many."""
        self._expire(self._clock.now())
        return [list(bucket) for bucket in self._buckets]

    def recall(self, told: list[list[float]]) -> None:
        """Know the uses of an earlier life. What lies ahead of the clock, which was moved then, counts from now."""
        now = self._clock.now()
        self._buckets = deque([min(start, now), uses] for start, uses in told)
        self._used = int(sum(uses for _, uses in told))


class Gauge(Ledger):
    """What is in use now, beside what was charged to it: clients that are connected come and go."""

    def __init__(self, clock: Clock, maximum: int, counted: Callable[[], int]) -> None:
        super().__init__(clock, maximum)
        self._counted = counted

    @property
    def used(self) -> int:
        return super().used + self._counted()


class Governor:
    """All limits of one org.

    Only the limits whose use the org models have ledgers; the others report their allocation as untouched.
    """

    def __init__(self, clock: Clock, concurrent_long_calls: int = 25) -> None:
        self._clock = clock
        self._maximum = dict(KNOWN)
        self._ledgers: dict[str, Ledger] = {}
        self._api = self.ledger("DailyApiRequests")
        self._running: dict[int, float] = {}
        self.concurrent_long_calls = concurrent_long_calls

    def __contains__(self, name: str) -> bool:
        return name in self._maximum

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._maximum)

    def ledger(self, name: str) -> Ledger:
        """Return the ledger behind a limit, made when first asked for."""
        found = self._ledgers.get(name)
        if found is None:
            window = HOUR if name.startswith("Hourly") else DAY
            found = self._ledgers[name] = Ledger(self._clock, self._maximum[name], window)
        return found

    def gauge(self, name: str, counted: Callable[[], int]) -> Ledger:
        """Have a limit tell of what is counted at any moment; what was charged to it before stays."""
        before = self.ledger(name)
        found = self._ledgers[name] = Gauge(self._clock, before.maximum, counted)
        found.recall(before.told())
        return found

    def admit(self, number: int) -> None:
        """Let a counted call in, under its number, and charge it.

        Raises REQUEST_LIMIT_EXCEEDED when the daily allocation is spent, or while too many calls run for 20 s or more.
        """
        if self._api.remaining <= 0:
            raise errors.REQUEST_LIMIT_EXCEEDED()
        now = self._clock.now()
        if len(self._running) >= self.concurrent_long_calls:
            since = now - LONG_CALL
            if sum(start <= since for start in self._running.values()) >= self.concurrent_long_calls:
                raise errors.CONCURRENT_LIMIT_EXCEEDED()
        self._api.charge()
        self._running[number] = now

    def spend(self) -> None:
        """Charge a call that is part of another one. Raises REQUEST_LIMIT_EXCEEDED when there is none left."""
        if self._api.remaining <= 0:
            raise errors.REQUEST_LIMIT_EXCEEDED()
        self._api.charge()

    def leave(self, number: int) -> None:
        """Note that a call has ended."""
        self._running.pop(number, None)

    @property
    def running(self) -> int:
        """How many counted calls are under way."""
        return len(self._running)

    @property
    def calls(self) -> tuple[int, int]:
        """Calls of the last 24 hours, and how many there may be."""
        return self._api.used, self._api.maximum

    @property
    def usage(self) -> str:
        """The value of the Sforce-Limit-Info header."""
        return f"api-usage={self._api.used}/{self._api.maximum}"

    def set(self, name: str, maximum: int | None = None, remaining: int | None = None) -> None:
        """Change a limit's allocation or what is left of it. Raises KeyError for an unknown limit."""
        if maximum is not None:
            self._maximum[name] = maximum
            self.ledger(name).maximum = maximum
        if remaining is not None:
            self.ledger(name).set_remaining(remaining)
        elif maximum is None and name not in self._maximum:
            raise KeyError(name)

    def body(self, *, untold: bool = False) -> dict[str, Any]:
        """Return the body of the `limits` resource; `untold`: with the limits that it leaves out."""
        out: dict[str, Any] = {}
        for name, maximum in self._maximum.items():
            if name in UNTOLD and not untold:
                continue
            ledger = self._ledgers.get(name)
            entry: dict[str, Any] = {"Max": maximum, "Remaining": ledger.remaining if ledger else maximum}
            if name == "PermissionSets":
                entry["CreateCustom"] = {"Max": 1000, "Remaining": 1000}
            out[name] = entry
        return out

    def told(self) -> dict[str, list[list[float]]]:
        """Return the uses of all limits, as plain data."""
        return {name: uses for name, ledger in self._ledgers.items() if (uses := ledger.told())}

    def recall(self, told: Mapping[str, list[list[float]]]) -> None:
        """Know the uses of an earlier life."""
        for name, uses in told.items():
            if name in self._maximum:
                self.ledger(name).recall(uses)

    def reset(self) -> None:
        """Forget all uses; allocations stay."""
        for ledger in self._ledgers.values():
            ledger.set_remaining(ledger.maximum)
