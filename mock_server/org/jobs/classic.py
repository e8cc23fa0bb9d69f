"""Bulk API 1.0: jobs whose batches their client makes. What a batch is told, how it is worked off, what comes of it.

A batch is worked off as soon as it is there, whether or not its job is closed: one after another in a serial job,
several at a time in a parallel one. Source: Bulk API Developer Guide, "Work with Batches" and the limits of the API.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.sessions import Session
from mock_server.org.jobs.classic_queries import BatchQueries, ResultFile
from mock_server.org.jobs.classic_rows import RESULTS, BatchRows
from mock_server.org.jobs.doom import Course, Doom, Doomed
from mock_server.org.jobs.model import QUERIES, Batch, BatchState, Job
from mock_server.org.jobs.uploads import PIECE

if TYPE_CHECKING:
    from mock_server.org.jobs.jobs import Jobs

LARGEST = 10_000_000
"""Bytes of a batch's content."""
OPEN = 86_400.0
"""Seconds after its creation for which a job takes batches."""
UNDER_WAY: frozenset[BatchState] = frozenset({"Queued", "InProgress"})


class Classic:
    """The jobs of Bulk API 1.0 of one org."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._org = jobs.org
        self._tables = jobs.tables
        self._rows = BatchRows(jobs, self)
        self.readable = self._rows.readable
        self.queries = BatchQueries(jobs, self)
        self._news: dict[str, asyncio.Event] = {}
        """By job id: told of new batches. A job that is here is being worked off."""

    # -- what happens from outside

    def find(self, who: Session, identifier: str) -> Job:
        """Return a job by its 15- or 18-character id. Raises InvalidJob, InvalidUser for somebody else's.

        Who manages integrations sees those of others, and may abort them (documented).
        """
        self._jobs.expire()
        job = self._jobs.known(identifier)
        if job is None or job.api != "classic":
            raise errors.NO_CLASSIC_JOB(id=identifier[:100])
        if not self._jobs.owned(who, job):
            raise errors.ANOTHER_USERS_JOB()
        return job

    def batch(self, job: Job, identifier: str) -> Batch:
        """Return a batch of a job by its id. Raises InvalidBatch."""
        for batch in self._jobs.batches_of(job):
            if identifier in (batch.id, batch.id[:15]):
                return batch
        raise errors.INVALID_BATCH(text=f"Unable to find batch with id: {identifier[:100]}")

    def add(self, who: Session, job: Job, content: bytes, exchange: int = 0, **options: Any) -> Batch:
        """Add a batch to a job, and have it worked off. Raises ExceededQuota, InvalidJobState,
        ClientInputError, InvalidBatch.
        """
        self._check_own(who, job)
        now = self._org.clock.now()
        self._jobs.quota.batch()
        if job.state != "Open" or now - job.created > OPEN:
            # D: such a batch counts against the allocation all the same, and is not created.
            what = "older than 24 hours" if job.state == "Open" else job.state.lower()
            raise errors.CLASSIC_JOB_STATE(text=f"Adding a batch to a job that is {what} is not allowed")
        if len(content) > LARGEST:
            raise errors.CLIENT_INPUT_ERROR(text=f"Failed to read request. Exceeded max size limit of {LARGEST}")
        if not content.strip():
            raise errors.INVALID_BATCH(text="The batch has no content")
        with self._jobs.kept(job), self._org.store.transaction():
            batch = self._jobs.new_batch(job, len(self._jobs.batches_of(job)))
            batch.exchange, batch.options = exchange, options
            for start in range(0, len(content), PIECE):
                self._tables.put(batch.id, "content", content[start : start + PIECE])
            self._tables.keep(batch)
        self._begin(job)
        return batch

    def close(self, who: Session, job: Job, exchange: int = 0) -> None:
        """Let a job take no more batches; those that it has are worked off. Raises InvalidJobState, InvalidUser."""
        self._check_own(who, job)
        if job.state != "Open":
            raise errors.CLASSIC_JOB_STATE(text=f"Closing already {job.state.lower()} Job not allowed")
        job.closed_by = exchange
        self._jobs.move(job, "Closed")
        self._settle(job)

    def _check_own(self, who: Session, job: Job) -> None:
        if job.user_id != who.user_id:
            raise errors.ANOTHER_USERS_JOB()

    def abort(self, job: Job, exchange: int = 0) -> None:
        """Stop a job where it is: batches that wait are not processed. Raises InvalidJobState."""
        batches = self._jobs.batches_of(job)
        if job.state == "Closed" and not any(batch.state in UNDER_WAY for batch in batches):
            raise errors.CLASSIC_JOB_STATE(text="Aborting already Completed Job not allowed")
        if job.over:
            raise errors.CLASSIC_JOB_STATE(text=f"Aborting already {job.state} Job not allowed")
        job.closed_by = job.closed_by or exchange
        with self._jobs.kept(job), self._org.store.transaction():
            self._let_go(job)
            self._jobs.move(job, "Aborted")

    def _let_go(self, job: Job) -> None:
        for batch in self._jobs.batches_of(job):
            if batch.state == "Queued":
                self._end(batch, "NotProcessed")

    def request(self, batch: Batch) -> Iterator[bytes]:
        """Yield the content of a batch as it was sent."""
        yield from self._tables.parts(batch.id, "content")

    def results(self, batch: Batch) -> Iterator[list[list[Any]]]:
        """Yield what came of a batch's rows, in their order: id, success, created, errors (code, message, fields).

        Raises InvalidBatch where there are none (yet): recorded for a batch that failed as a whole.
        """
        self._check_ended(batch)
        return (orjson.loads(part) for part in self._tables.parts(batch.id, RESULTS))

    def result_files(self, batch: Batch) -> list[str]:
        """Return the ids of a query's result files. Raises InvalidBatch where there are none (yet)."""
        self._check_ended(batch)
        return self.queries.listed(batch)

    def result_file(self, batch: Batch, identifier: str) -> ResultFile:
        """Return a result file of a query. Raises InvalidBatch."""
        self._check_ended(batch)
        return self.queries.file(batch, identifier)

    def _check_ended(self, batch: Batch) -> None:
        if batch.state in UNDER_WAY:
            raise errors.INVALID_BATCH(text="Batch not completed")
        if batch.state != "Completed" and not batch.done:
            raise errors.INVALID_BATCH(text="Records not processed")

    # -- how it is worked off

    def _begin(self, job: Job) -> None:
        news = self._news.get(job.id)
        if news is not None:
            news.set()
            return
        self._news[job.id] = asyncio.Event()
        self._jobs.begin(job, self.work)

    def resume(self, job: Job) -> None:
        """Go on with the batches of a job that are not done."""
        if any(batch.state in UNDER_WAY for batch in self._jobs.batches_of(job)):
            self._begin(job)

    def forget(self) -> None:
        """Know of no job that is worked off: their tasks are gone."""
        self._news.clear()

    async def work(self, job: Job) -> None:
        """Work off the batches of a job until none is left."""
        news = self._news[job.id]
        running: dict[asyncio.Task[None], Batch] = {}
        loop = asyncio.get_running_loop()
        try:
            while True:
                news.clear()
                waiting = [one for one in self._jobs.batches_of(job) if one.state in UNDER_WAY]
                for batch in [one for one in waiting if one not in running.values()]:
                    if len(running) >= self._side_by_side(job):
                        break
                    running[self._jobs.spawn(job, self._batch(job, batch))] = batch
                if not running:
                    break
                told = loop.create_task(news.wait())
                done, _ = await asyncio.wait({*running, told}, return_when=asyncio.FIRST_COMPLETED)
                told.cancel()
                for task in [one for one in running if one in done]:
                    del running[task]
                    task.result()
        finally:
            for task in running:
                task.cancel()
            # Without a pause after it was seen that no batch is left: one that comes now begins anew.
            if self._news.get(job.id) is news:
                del self._news[job.id]
        self._settle(job)

    def _side_by_side(self, job: Job) -> int:
        """Return how many batches run at a time: only transactions that last, or a batch that hangs, hold others up."""
        several = job.concurrency == "Parallel" and (self._org.transaction_time or self._jobs.dooms)
        return self._org.bulk.parallel if several else 1

    def _settle(self, job: Job) -> None:
        """Note that a job will save no more, once that is so."""
        if job.state == "Closed" and not any(one.state in UNDER_WAY for one in self._jobs.batches_of(job)):
            job.ended = self._org.clock.now()
            self._tables.keep(job)
            self._jobs.saves.ended(job)

    async def _batch(self, job: Job, batch: Batch) -> None:
        begun = self._org.clock.now()
        state: BatchState = "Completed"
        try:
            if job.operation in QUERIES:
                batch.state, batch.began = "InProgress", batch.began or begun
                self._jobs.keep(job, batch)
                state = await self.queries.run(job, batch)
            else:
                await self._rows.run(job, batch)
        except ApiError as error:
            batch.message = f"{error.code} : {error.message}"
            state = "Failed"
        except Doomed as doomed:
            batch.message = doomed.why
            state = "Failed"
        else:
            if job.over and state != "NotProcessed" and batch.records != batch.done:
                # It was under way: what it has done stays, and is told.
                batch.message = "InvalidJobState : Job was aborted" if batch.done else ""
                state = "Failed" if batch.done else "NotProcessed"
        self._end(batch, state, begun)

    def _end(self, batch: Batch, state: BatchState, begun: float | None = None) -> None:
        now = self._org.clock.now()
        batch.state, batch.modified, batch.ended = state, now, now
        if begun is not None:
            batch.total_ms += round((now - begun) * 1000)
            batch.api_ms = batch.total_ms
        self._tables.keep(batch)

    def course(self, job: Job, batch: Batch, total: Callable[[], Awaitable[int]]) -> Course:
        """Return the way of a batch through its rows, which `total` counts where somebody asks for that."""
        return Course(
            self._jobs.dooms,
            (batch.id, job.id),
            total,
            lambda: job.over,
            lambda identifier, doom: self._meet(job, identifier, doom),
            done=batch.done,
        )

    def _meet(self, job: Job, identifier: str, doom: Doom) -> None:
        """End a batch, or with it its job, as it is doomed to. Raises Doomed for one that fails."""
        if doom.ends == "Aborted":
            self.abort(job)
            return
        if identifier == job.id:
            self._let_go(job)
            self._jobs.fail(job, doom.why)
        raise Doomed(doom.why)

    # -- how long it is kept

    def youngest(self, job: Job) -> float:
        """Return when the youngest batch of a job was made: it is kept for seven days more, whatever its state (D)."""
        return max((batch.created for batch in self._jobs.batches_of(job)), default=job.created)
