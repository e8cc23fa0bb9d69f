"""Batches side by side: how many run at once, how they wait for each other's row locks, and when they are tried again.

Salesforce, "General Guidelines for Data Loads" and "Limits" of the Bulk API: a record that does not get its lock within
some seconds fails; where more than 100 records of a batch did, the rest of the batch goes back into the queue, up to 10
times (in guides from 2024 on 20) before it fails for good. So does the rest of a batch that takes longer than 10
minutes. Records that have failed are not tried again. How long the rest lies in the queue is nowhere said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.clock import wall
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError
from mock_server.org.jobs.model import Batch, Job
from mock_server.org.records.changes import CHUNK, LockHeld, RowResult
from mock_server.org.records.locks import WAIT

if TYPE_CHECKING:
    from mock_server.org.clock import Clock
    from mock_server.org.jobs.doom import Course
    from mock_server.org.org import Org

LOCK_FAILURES = 100
"""Records of a batch that may fail for locks before the rest goes back into the queue."""
RETRIES = 10
"""Times that the rest of a batch goes back into the queue."""
LONGEST = 600.0
"""Seconds that a batch is worked on before the rest goes back into the queue."""
PAUSE = 30.0
"""Seconds that the rest of a batch lies in the queue."""
SLICE = 0.015
"""Seconds of work after which others are served."""
WIDEST = 25 * CHUNK
"""Rows that are saved in one go at most."""
LOCKED = errors.UNABLE_TO_LOCK_ROW.code
Save = Callable[[int, bool], Sequence[RowResult]]
"""Saves so many of a batch's next rows and notes that; told whether to give up on locks, else it raises LockHeld with
nothing done."""


class Lanes:
    """Who may run: so many batches of parallel jobs at once, and of all serial jobs one."""

    def __init__(self, parallel: int) -> None:
        self._parallel = asyncio.Semaphore(parallel)
        self._serial = asyncio.Semaphore(1)

    def of(self, job: Job) -> Lane:
        return Lane(self._serial if job.concurrency == "Serial" else self._parallel)


class Lane:
    """The place of one batch among those that run, as a `with` block."""

    def __init__(self, places: asyncio.Semaphore) -> None:
        self._places = places
        self._taken = False

    async def __aenter__(self) -> Lane:
        await self._places.acquire()
        self._taken = True
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Let somebody else run, for a while or from now on."""
        if self._taken:
            self._taken = False
            self._places.release()


class Pace:
    """How many rows are saved in one go: as many as take some milliseconds. Batches of one job go on at one pace.

    Each 200 of them are a chunk of their own. Where a transaction lasts, or time is virtual and a run must be the same
    each time, it is one chunk.
    """

    def __init__(self, org: Org) -> None:
        self._free = org.clock.mode == "real" and not org.transaction_time
        self.width = CHUNK

    def learn(self, rows: int, took: float) -> None:
        """Take note that so many rows took some seconds. Fewer than were asked for do not tell that more could be."""
        if not self._free:
            return
        if took > SLICE:
            self.width = max(CHUNK, self.width // 2 // CHUNK * CHUNK)
        elif took < SLICE / 2 and rows >= self.width:
            self.width = min(WIDEST, 2 * self.width)


@dataclass(slots=True)
class Going:
    """A batch at work, from the queue to its last row.

    `keep` writes the batch down as it is. `course` has a say in how far it comes, `size` is how many rows it has.
    """

    org: Org
    job: Job
    batch: Batch
    size: int
    lane: Lane
    course: Course
    save: Save
    keep: Callable[[], None]
    pace: Pace

    @property
    def _clock(self) -> Clock:
        return self.org.clock

    @property
    def _left(self) -> int:
        return 0 if self.job.over else self.size - self.batch.done

    async def run(self) -> None:
        """Work the batch off, as far as that goes. Raises TooManyLockFailure, Timeout for one tried too often."""
        while self._left:
            async with self.lane:
                why = await self._attempt()
            if why is None:
                return
            if self.batch.retries >= RETRIES or self.job.options.get("no_retry"):
                raise why
            self.batch.retries += 1
            self.job.retries += 1
            self.batch.state, self.batch.message = "Queued", f"{why.code} : {why.message}"
            self.keep()
            await self._clock.sleep(PAUSE)

    async def _attempt(self) -> ApiError | None:
        """Save chunk after chunk; return why the rest goes back into the queue."""
        began, locked = self._clock.now(), 0
        if self._left and self.batch.state != "InProgress":
            self.batch.state = "InProgress"
            self.batch.began = self.batch.began or began
            self.keep()
        pace, saves = self.pace, self.org.jobs.saves
        while left := self._left:
            width = CHUNK if saves.chunked(self.job, self.batch) else pace.width
            asked = self._clock.now()
            room = await self._room(min(width, left))
            if not room:
                return None
            # Time in which it hung, or took its time, is nobody's work.
            began += self._clock.now() - asked
            begun = wall()
            locked += await self._chunks(room)
            pace.learn(room, wall() - begun)
            if self.org.transaction_time:
                # The locks of the chunk are held so long, and gone when the next one begins.
                await self._clock.sleep(self.org.transaction_time)
            else:
                await give_way()
            if not self._left:
                return None
            if locked > LOCK_FAILURES:
                return errors.TOO_MANY_LOCK_FAILURES(count=locked)
            if self._clock.now() - began > LONGEST:
                return errors.BATCH_TIMEOUT()
        return None

    async def _room(self, most: int) -> int:
        if not self.course.doomed:
            return await self.course.room(most)
        # One that hangs, or takes its time, stands in nobody's way meanwhile.
        self.lane.leave()
        room = await self.course.room(most)
        await self.lane.__aenter__()
        return room

    async def _chunks(self, room: int) -> int:
        """Save some rows; return how many did not get their locks. Chunk by chunk, where any is locked."""
        if room > CHUNK:
            try:
                self.save(room, False)
            except LockHeld:
                pass
            else:
                return 0
        end, locked = self.batch.done + room, 0
        while self._left and self.batch.done < end:
            locked += await self._chunk(min(CHUNK, end - self.batch.done))
        return locked

    async def _chunk(self, room: int) -> int:
        """Save some rows, waiting for their locks as long as a save waits; return how many did not get theirs."""
        deadline = self._clock.now() + WAIT
        while self._left:
            give_up = self._clock.now() >= deadline
            try:
                results = self.save(room, give_up)
            except LockHeld as held:
                await self._clock.wait_until(min(held.until, deadline))
                continue
            if not give_up:
                return 0
            return sum(any(error.code == LOCKED for error in result.errors) for result in results)
        return 0
