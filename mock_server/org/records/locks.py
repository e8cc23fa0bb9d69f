"""Row locks: logical, on a row and its parents, outliving the commit for the transaction's simulated duration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from mock_server.org.clock import Clock
from mock_server.org.records.changes import LockHeld

WAIT = 10.0
"""Seconds a transaction waits for a lock before UNABLE_TO_LOCK_ROW (Salesforce help, "Row lock errors")."""


_FEW = 1_000


class RowLocks:
    """The locks of one org, by record id. A save takes all of its locks or none: no two wait for each other."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._sweep_at = _FEW
        self._later: dict[str, float] | None = None

    @contextmanager
    def together(self) -> Iterator[None]:
        """Make the saves of a block one holder: its locks do not stand in its own way, and hold when it ends well."""
        if self._later is not None:
            yield
            return
        later = self._later = {}
        try:
            yield
        finally:
            self._later = None
        for identifier, seconds in later.items():
            self.hold([identifier], seconds)

    @property
    def shared(self) -> bool:
        """Whether the saves of now are those of one holder."""
        return self._later is not None

    def __bool__(self) -> bool:
        return bool(self._until)

    @property
    def idle(self) -> bool:
        """Whether no row is locked now."""
        return not self._until or not self.held(list(self._until))

    def hold(self, ids: Iterable[str], seconds: float) -> None:
        """Lock rows from now on for a number of clock seconds."""
        if self._later is not None:
            self._later.update((identifier, seconds) for identifier in ids)
            return
        self.hold_elsewhere(ids, seconds)

    def hold_elsewhere(self, ids: Iterable[str], seconds: float) -> None:
        """Lock rows for somebody else than the saves of now: these meet the locks, too."""
        until = self._clock.now() + seconds
        for identifier in ids:
            self._until[identifier] = max(until, self._until.get(identifier, 0.0))
        if len(self._until) >= self._sweep_at:
            # Records that nobody asks for again would keep their dead locks for ever.
            now = self._clock.now()
            self._until = {identifier: end for identifier, end in self._until.items() if end > now}
            self._sweep_at = max(_FEW, 2 * len(self._until))

    def held(self, ids: Iterable[str]) -> dict[str, float]:
        """Return the ids that are locked now, with the time they come free."""
        now = self._clock.now()
        held = {}
        for identifier in ids:
            until = self._until.get(identifier)
            if until is None:
                continue
            if until <= now:
                del self._until[identifier]
            else:
                held[identifier] = until
        return held

    def demand(self, ids: Iterable[str]) -> None:
        """Raise LockHeld when any of the rows is locked."""
        held = self.held(ids)
        if held:
            raise LockHeld(max(held.values()), tuple(sorted(held)))

    def clear(self) -> None:
        self._until.clear()
