"""What is to become of jobs by somebody else's will: they hang, take their time, end early, or lose their results.

The platform does not ask why: whoever dooms a job gives a cause, and takes its dooms away again by it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from mock_server.org.clock import Clock

Ends = Literal["Failed", "Aborted"]
Loss = Literal["expired", "truncated", "gone"]
DEFECT = "InternalServerError : An unexpected error occurred"
"""What a job says that failed by no fault of its content."""


@dataclass(frozen=True, slots=True)
class Doom:
    """What becomes of one job or batch.

    It hangs (`stuck`) or `ends` when a `share` of its rows is done: 0 is before the first, 1 after the last. `lasts`
    is how many clock seconds it takes at least. `loss` is what becomes of its results: `expired`, as after seven days;
    `truncated`, half of them in a download that looks whole; `gone`, the locator or result id is not known any more.
    """

    stuck: bool = False
    ends: Ends | None = None
    share: float = 0.0
    why: str = DEFECT
    lasts: float = 0.0
    loss: Loss | None = None
    by: str = ""
    """What whoever dooms the job calls this, for evidence."""
    until: float = math.inf
    """Clock seconds from which on it is no more."""

    def bound(self, total: int) -> int:
        """Return how many rows can be done before it strikes."""
        return int(total * self.share)


class Doomed(Exception):
    """A batch fails as it was doomed to."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Dooms:
    """The dooms of one org's jobs and batches, by their ids. Those who wait for one wake when it is lifted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._of: dict[str, list[tuple[object, Doom]]] = {}
        self._asleep: dict[str, list[asyncio.Future[None]]] = {}

    def __bool__(self) -> bool:
        return bool(self._of)

    def now(self) -> float:
        return self._clock.now()

    def add(self, identifier: str, doom: Doom, cause: object) -> None:
        """Doom a job or batch, once for each cause."""
        known = self._of.setdefault(identifier, [])
        if all(one is not cause for one, _ in known):
            known.append((cause, doom))

    def lift(self, cause: object) -> None:
        """Take away what a cause has brought about: what hung goes on."""
        for identifier, known in list(self._of.items()):
            left = [(one, doom) for one, doom in known if one is not cause]
            if len(left) < len(known):
                self._of[identifier] = left
                self.wake(identifier)
            if not left:
                del self._of[identifier]

    def forget(self, identifier: str) -> None:
        """Take away the dooms of a job or batch that is over and removed."""
        self._of.pop(identifier, None)
        self.wake(identifier)

    def clear(self) -> None:
        for identifier in list(self._of):
            self.forget(identifier)

    def of(self, *identifiers: str) -> list[tuple[str, Doom]]:
        """Return the dooms of jobs and batches, with the ids that they were given for."""
        now = self.now()
        return [(one, doom) for one in identifiers for _, doom in self._of.get(one, ()) if now < doom.until]

    def lost(self, *identifiers: str) -> Doom | None:
        """Return the doom by which results are lost, None where they are not."""
        return next((doom for _, doom in self.of(*identifiers) if doom.loss is not None), None)

    def wake(self, identifier: str) -> None:
        """Let those who wait for something of a job look again."""
        for asleep in self._asleep.pop(identifier, []):
            # Rules may be taken away by another thread than the one that serves, and after its end.
            loop = asleep.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(_rouse, asleep)

    async def pause(self, identifiers: Sequence[str], until: float | None) -> None:
        """Wait for a clock time, or without one for ever; who wakes a job wakes its waiters earlier."""
        loop = asyncio.get_running_loop()
        roused: asyncio.Future[None] = loop.create_future()
        waits: set[asyncio.Future[None]] = {roused}
        if until is not None:
            waits.add(loop.create_task(self._clock.wait_until(until)))
        for identifier in identifiers:
            self._asleep.setdefault(identifier, []).append(roused)
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            for identifier in identifiers:
                asleep = self._asleep.get(identifier, [])
                if roused in asleep:
                    asleep.remove(roused)
                if not asleep:
                    self._asleep.pop(identifier, None)


def _rouse(asleep: asyncio.Future[None]) -> None:
    if not asleep.done():
        asleep.set_result(None)


class Course:
    """The way of a job or batch through its rows, as far as dooms have a say in it.

    `identifiers` are those of the job, and of its batch where that is on its own. `total` counts the rows, once and
    only when a doom asks for it. `over` tells whether it has ended already; `end` ends what an id names, as a doom of
    that says.
    """

    def __init__(
        self,
        dooms: Dooms,
        identifiers: tuple[str, ...],
        total: Callable[[], Awaitable[int]],
        over: Callable[[], bool],
        end: Callable[[str, Doom], None],
        *,
        done: int = 0,
    ) -> None:
        self._dooms = dooms
        self._ids = identifiers
        self._count = total
        self._total: int | None = None
        self._over = over
        self._end = end
        self._began = dooms.now()
        self._given = done
        """Rows that were done before, or may be done by what `room` has said."""

    @property
    def doomed(self) -> bool:
        """Whether anything is to become of it."""
        return bool(self._dooms.of(*self._ids))

    async def room(self, most: int) -> int:
        """Wait as long as it hangs or takes its time; return how many of `most` further rows may be done now.

        Return 0 when it is over.
        """
        while not self._over():
            room, wait, hangs = most, 0.0, False
            freed = math.inf
            for identifier, doom in self._dooms.of(*self._ids):
                if doom.lasts:
                    share = (self._given + most) / (await self._rows() or 1)
                    wait = max(wait, min(doom.until, self._began + doom.lasts * min(1.0, share)))
                if not (doom.stuck or doom.ends):
                    continue
                left = max(0, doom.bound(await self._rows()) - self._given)
                if not left and doom.ends:
                    self._end(identifier, doom)
                    return 0
                if doom.stuck and not left:
                    hangs, freed = True, min(freed, doom.until)
                room = min(room, left)
            if not hangs and wait <= self._dooms.now():
                self._given += room
                return room
            due = freed if hangs else wait
            await self._dooms.pause(self._ids, None if due == math.inf else due)
        return 0

    async def finish(self) -> None:
        """Wait for what comes after the last row: it may be slow, or hang or end there."""
        await self.room(0)

    async def _rows(self) -> int:
        if self._total is None:
            self._total = await self._count()
        return self._total
