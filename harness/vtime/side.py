"""The server's side of virtual time: when it has settled, when it wakes next, and how its time is moved."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from harness.vtime import flight, originals

if TYPE_CHECKING:
    from mock_server.api import Server

_LANDING = 0.2
"""Real seconds to wait for bytes that are on their way."""
_LATE = 10_000
"""Moves of time after a subject has ended; exchanges that are under way for longer are left."""


class Side(Protocol):
    """What the conductor needs of a server. Moments are nanoseconds since the run began, at `epoch` (since 1970)."""

    ports: frozenset[int]
    epoch: int

    def settle(self) -> None:
        """Return once the server has nothing to do but to wait."""

    def next_due(self) -> int | None:
        """Return when the server wakes by itself; None when it does not."""

    def advance(self, elapsed: int) -> None:
        """Move the server's time, and let it do what is due."""

    def now(self) -> int:
        """Return the server's time, which the control plane may have moved."""

    def in_flight(self, sources: Iterable[Any]) -> bool:
        """Tell whether bytes are on their way between the subject and the server, having waited a little for them."""

    def drain(self) -> None: ...

    def hold(self) -> None: ...

    def release(self) -> None: ...


class LocalSide:
    """A server in this process, and one of its orgs, whose clock is virtual."""

    def __init__(self, server: Server, org_id: str) -> None:
        self._turns = server.turns
        self._clock = server.clock_of(org_id)
        self.epoch = round(self._clock.now() * 1e9)
        """When this began, in nanoseconds since 1970."""
        self._free = 1
        self._lock = originals.allocate_lock()
        self._since: float | None = None
        self.ports = frozenset({int(server.url.rsplit(":", 1)[1])})

    def hold(self) -> None:
        with self._lock:
            self._free -= 1
            if not self._free:
                self._turns.hold()

    def release(self) -> None:
        with self._lock:
            self._free += 1
            if self._free == 1:
                self._turns.release()

    def settle(self) -> None:
        while self._turns.settle():
            pass

    def next_due(self) -> int | None:
        due = self._clock.next_due()
        return None if due is None else max(0, -(-round(due * 1e9) // 1) - self.epoch)

    def advance(self, elapsed: int) -> None:
        moment = (self.epoch + elapsed) / 1e9
        due = self._clock.next_due()
        if due is not None and abs(due - moment) < 1e-6:
            # Seconds since 1970 are kept to a quarter of a microsecond: the same moment.
            moment = max(due, moment)
        if due is None or due > moment:
            self._clock.advance_to(moment)
        else:
            self._turns.turn(lambda: self._clock.advance_to(moment))

    def now(self) -> int:
        return round(self._clock.now() * 1e9) - self.epoch

    def in_flight(self, sources: Iterable[Any]) -> bool:
        return self.flying(list(flight.seen(sources, self.ports)))

    def flying(self, seen: Iterable[flight.Seen]) -> bool:
        """Tell whether anything is on its way on these connections, having waited a little for it."""
        peers = self._turns.connections()
        if not any(flight.flying(one, peers) for one in seen):
            self._since = None
            return False
        now = originals.monotonic()
        if self._since is None:
            self._since = now
        if now - self._since > _LANDING:
            return False
        originals.sleep(0.0005)
        return True

    def drain(self) -> None:
        """Let time go by until no exchange is under way; for when no subject is left."""
        for _ in range(_LATE):
            self.settle()
            due = self.next_due()
            if due is None:
                return
            self.advance(max(due, self.now()))
