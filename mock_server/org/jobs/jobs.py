"""The jobs of one org: created, filled, closed, asked for, removed. What they do is for `ingesting` and its like."""

from __future__ import annotations

import asyncio
import math
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeVar

from mock_server.org import errors
from mock_server.org.identity.sessions import Session
from mock_server.org.ids import to_18
from mock_server.org.jobs import rules
from mock_server.org.jobs.classic import Classic
from mock_server.org.jobs.contention import Going, Lanes, Pace, Save
from mock_server.org.jobs.doom import DEFECT, Course, Doom, Dooms
from mock_server.org.jobs.downloads import result_file
from mock_server.org.jobs.ingesting import Ingesting
from mock_server.org.jobs.model import KEPT, Batch, Job, NewJob, State
from mock_server.org.jobs.querying import Querying
from mock_server.org.jobs.quota import Quota
from mock_server.org.jobs.result_pages import ResultPage, ResultPages
from mock_server.org.jobs.saves import PlainSaves, Saves
from mock_server.org.jobs.scheduler import Scheduler, Work
from mock_server.org.jobs.sweeping import Sweeper
from mock_server.org.jobs.tables import JobTables
from mock_server.org.jobs.untouched import untouched
from mock_server.org.jobs.uploads import Uploads
from mock_server.org.records.changes import Change

if TYPE_CHECKING:
    from mock_server.org.org import Org

T = TypeVar("T", Job, Batch)
# How the refusal to close a job calls its state, as it is spelled (R); it is "Completed" once it is closed.
_CLOSED: dict[str, str] = {"Aborted": "aborted", "Failed": "failed"}


class Jobs:
    """All jobs of an org, whichever API they are of."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.tables = JobTables(org.store)
        self.tables.ready()
        self.saves: Saves = PlainSaves(self)
        self.dooms = Dooms(self.org.clock)
        self.quota = Quota(org.limits)
        self.lanes = Lanes(org.bulk.parallel)
        self._scheduler = Scheduler(self.reread, self._broken)
        self._sweeper = Sweeper(org.store, self.tables)
        self._none_before = 0.0
        """The clock second before which no job has to go: whatever becomes of one until then, it is kept longer."""
        self.uploads = Uploads(self)
        self._ingesting = Ingesting(self)
        self.querying = Querying(self)
        self.classic = Classic(self)
        self._jobs: dict[str, Job] = {}
        self._batches: dict[str, list[Batch]] = {}
        self._recall()

    def _recall(self) -> None:
        self._jobs = {job.id: job for job in self.tables.jobs()}
        self._batches = {}
        self._none_before = 0.0
        for batch in self.tables.batches():
            self._batches.setdefault(batch.job_id, []).append(batch)
            # The journal that had it is gone, and numbers anew.
            batch.exchange = 0
        for job in self:
            job.exchange = job.made_by = job.closed_by = 0
            if job.state == "Open" and not job.uploaded:
                # An upload that did not come to its end.
                self.tables.drop(job.id, "content")

    def reread(self, job: Job) -> None:
        """Know a job and its batches again as they were kept last: they stay the objects that their work has."""
        kept = self.tables.job(job.id)
        if kept is None:
            return
        # Of another server's journal the number may be.
        kept.exchange = job.exchange
        _become(job, kept)
        known = {batch.id: batch for batch in self.batches_of(job)}
        batches = self.tables.batches_of(job.id)
        for place, batch in enumerate(batches):
            before = known.get(batch.id)
            batch.exchange = job.exchange if before is None else before.exchange
            if before is not None:
                batches[place] = _become(before, batch)
        self._batches[job.id] = batches
        self.saves.reread(job)

    @contextmanager
    def kept(self, job: Job) -> Iterator[None]:
        """Have a job be as it was kept last where a block cannot write what it does: the disk is full, or the like."""
        try:
            yield
        except sqlite3.Error:
            self.reread(job)
            raise

    def written(self, *jobs: Job) -> None:
        """Wait until what jobs have done is written, and know them as they were kept where it could not be."""
        if not self.org.store.wait():
            for job in jobs:
                self.reread(job)

    def _broken(self, job: Job) -> None:
        if not job.over:
            self.fail(job, DEFECT)

    def __iter__(self) -> Iterator[Job]:
        return iter(list(self._jobs.values()))

    # -- what happens to a job from outside

    def create(self, who: Session, new: NewJob, exchange: int = 0) -> Job:
        """Make a job. Raises ExceededQuota. `exchange` is the journal's number of the request, here and below."""
        self.quota.job(new.api, self._jobs.values())
        now = self.org.clock.now()
        job = Job(
            self.org.ids.take("750"), new.api, new.operation, new.sobject, new.version, new.content_type,
            new.line_ending, new.delimiter, new.key_field, new.concurrency, new.assignment_rule, new.query,
            dict(new.options), who.user_id, now, now, made_by=exchange, batch_size=self.org.bulk.batch_size,
        )  # fmt: skip
        self.tables.keep(job)
        self._jobs[job.id] = job
        return job

    def checked(self, who: Session, new: NewJob) -> NewJob:
        """Return an ingest job as it can be made. Raises what `rules.checked` does."""
        return rules.checked(self.org, who, new)

    def ask(self, who: Session, new: NewJob, exchange: int = 0) -> Job:
        """Make a query job of Bulk 2.0 and run it from now on. Raises LIMIT_EXCEEDED."""
        self.querying.charge()
        job = self.create(who, new, exchange)
        job.exchange = exchange
        self.move(job, "UploadComplete")
        self._scheduler.begin(job, self.querying.work)
        return job

    def find(self, who: Session, identifier: str) -> Job:
        """Return a job by its 15- or 18-character id. Raises NOT_FOUND."""
        self.expire()
        job = self.known(identifier)
        if job is None:
            raise errors.NO_SUCH_JOB()
        # What is told of it outlives whatever comes.
        self.written(job)
        return job

    def known(self, identifier: str) -> Job | None:
        """Return a job by its 15- or 18-character id, whoever asks; None where there is none."""
        return self._jobs.get(to_18(identifier) or "")

    def owned(self, who: Session, job: Job) -> bool:
        """Tell whether a job is a user's own, or the user is one who sees to those of others."""
        return job.user_id == who.user_id or self.org.may(who, "ManageDataIntegrations", "ModifyAllData")

    def begin(self, job: Job, work: Work) -> None:
        """Have a job worked off. Whoever calls runs on the event loop that serves."""
        self._scheduler.begin(job, work)

    def spawn(self, job: Job, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do a part of a job's work beside the rest of it; it ends with the job's."""
        return self._scheduler.spawn(job, work)

    def complete(self, job: Job, exchange: int = 0) -> None:
        """Take a job as complete: its rows are saved from now on. Raises INVALIDJOBSTATE."""
        if job.state != "Open":
            raise errors.INVALID_JOB_STATE(
                text=f"Closing already {_CLOSED.get(job.state, 'Completed')} Job not allowed"
            )
        job.closed_by = exchange
        self.move(job, "UploadComplete")
        self._scheduler.begin(job, self._ingesting.work)

    def abort(self, job: Job, exchange: int = 0) -> None:
        """Stop a job where it is; what it has saved stays. Raises INVALIDJOBSTATE."""
        if job.over:
            raise errors.INVALID_JOB_STATE(text="Aborting already Completed Job not allowed")
        job.closed_by = job.closed_by or exchange
        self.move(job, "Aborted")
        if job.api == "query":
            self._scheduler.stop(job.id)
            self.querying.drop(job)

    def delete(self, job: Job) -> None:
        """Remove a job, with its content and results. Raises INVALIDJOBSTATE for one that is under way."""
        if job.api == "query" and not job.over:
            raise errors.NOT_TERMINATED()
        if job.state in ("Open", "InProgress"):
            raise errors.INVALID_JOB_STATE(
                text="Error encountered when deleting the job because the job is not terminated"
            )
        self.remove(job)

    def results(self, job: Job, kind: str, told: Callable[[int], object] = lambda rows: None) -> Iterator[bytes]:
        """Yield a result file of an ingest job, piece by piece: `successful`, `failed` or `unprocessed`.

        `told` is given how many rows of the last are in each piece, as it is made; of the others `tables.rows` knows.
        """
        return result_file(self.tables, job, kind, self.batches_of(job), told)

    def page(self, job: Job, locator: str | None, most: int | None) -> ResultPage:
        """Return a page of a query job's result. Raises INVALID_QUERY_LOCATOR."""
        return ResultPages(self.tables, job, self.querying.owner(job), self.org.bulk.page_size).page(locator, most)

    def pages(self, job: Job, locator: str | None) -> tuple[list[str], str | None]:
        """Return the locators of some pages of a query job's result, and the locator of the next such list."""
        return ResultPages(self.tables, job, self.querying.owner(job), self.org.bulk.page_size).listed(locator)

    def untouched(self, job: Job) -> Iterator[tuple[int, Change]]:
        """Yield the rows of a job with which nothing was done (yet), each with the exchange that brought it."""
        return untouched(self, job)

    # -- what becomes of it

    def who(self, job: Job) -> Session:
        """Return the session that a job's rows are saved in: whose it is, whatever became of the one that made it."""
        return Session("", job.user_id, "", (), None, job.created, job.created)

    def batches_of(self, job: Job) -> list[Batch]:
        return self._batches.get(job.id, [])

    def new_batch(self, job: Job, number: int, records: int | None = None) -> Batch:
        """Make a batch. One that the platform makes has `records`, and is charged here; raises ExceededQuota."""
        if records is not None:
            self.quota.records(records)
            self.quota.batch()
        now = self.org.clock.now()
        batch = Batch(self.org.ids.take("751"), job.id, number, now, now, exchange=job.exchange, records=records)
        self._batches.setdefault(job.id, []).append(batch)
        self.tables.keep(batch)
        return batch

    def move(self, job: Job, state: State) -> None:
        """Bring a job into a state. Where that cannot be written, it is in the one before."""
        job.state = state
        job.modified = self.org.clock.now()
        if job.over:
            job.ended = job.modified
        with self.kept(job):
            self.tables.keep(job)
        if job.over:
            self.saves.ended(job)
            self.dooms.wake(job.id)

    def fail(self, job: Job, why: str) -> None:
        """End a job that cannot be worked off (any further)."""
        job.error = why
        self.move(job, "Failed")

    def course(self, job: Job, total: Callable[[], Awaitable[int]]) -> Course:
        """Return the way of a job through its rows, which `total` counts where somebody asks for that."""
        return Course(self.dooms, (job.id,), total, lambda: job.over, self.meet, done=job.processed)

    def going(self, job: Job, batch: Batch, size: int, course: Course, save: Save, pace: Pace | None = None) -> Going:
        """Return the work on a batch of so many rows, at the pace of those before it where there is one."""
        lane, pace = self.lanes.of(job), pace or Pace(self.org)
        return Going(self.org, job, batch, size, lane, course, save, lambda: self.keep(job, batch), pace)

    def keep(self, job: Job, batch: Batch) -> None:
        """Write a batch and its job down as they are."""
        self.written(job)
        job.modified = batch.modified = self.org.clock.now()
        with self.kept(job), self.org.store.transaction():
            self.tables.keep(batch)
            self.tables.keep(job)

    def note(self, job: Job, batch: Batch, done: int, failed: int = 0) -> None:
        """Write down that so many further rows of a batch are done: within the transaction that writes the rows."""
        batch.done += done
        batch.failed += failed
        job.processed += done
        job.failed += failed
        job.modified = batch.modified = self.org.clock.now()
        self.tables.keep(batch)
        self.tables.keep(job)

    def meet(self, identifier: str, doom: Doom) -> None:
        """End a job as it is doomed to."""
        job = self._jobs.get(identifier)
        if job is None or job.over:
            return
        self.written(job)
        if doom.ends == "Failed":
            self.fail(job, doom.why)
        else:
            self.move(job, "Aborted")

    def expire(self) -> None:
        """Remove the jobs that have ended seven days ago."""
        now = self.org.clock.now()
        if now < self._none_before:
            return
        self._none_before = now + KEPT
        for job in self:
            due = self._due(job)
            if due < now:
                self.remove(job)
            else:
                self._none_before = min(self._none_before, due)

    def _due(self, job: Job) -> float:
        """Return the clock second after which a job, as it is now, is kept no more."""
        if job.api == "classic":
            return self.classic.youngest(job) + KEPT
        return (job.ended or job.created) + KEPT if job.over or job.state == "Open" else math.inf

    def remove(self, job: Job) -> None:
        """Forget a job, with its content and results, wherever it is."""
        self._scheduler.stop(job.id)
        for identifier in (job.id, *(batch.id for batch in self.batches_of(job))):
            self.dooms.forget(identifier)
        self.saves.ended(job)
        self._jobs.pop(job.id, None)
        self._batches.pop(job.id, None)
        with self.org.store.transaction():
            self.tables.forget(job.id)
            if job.api == "query":
                self.tables.discard(self.querying.owner(job))
        self.sweep()

    def sweep(self) -> None:
        """Remove what is left of results and contents that are gone, a little at a time."""
        self._sweeper.begin()

    # -- the org's own life

    def resume(self) -> None:
        """Go on with what was under way when the org was last closed, or copied, once there is an event loop for it."""
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        for job in self:
            under_way = job.state in ("UploadComplete", "InProgress")
            if job.api == "classic":
                self.classic.resume(job)
            elif job.api == "ingest" and under_way:
                self._scheduler.begin(job, self._ingesting.work)
            elif job.api == "query" and under_way:
                job.retries += job.state == "InProgress"
                self._scheduler.begin(job, self.querying.work)
        self.sweep()

    def recall(self) -> None:
        """Know the jobs of a database that has been put in place of the one before."""
        self.close()
        for job in self:
            self.saves.ended(job)
        self.classic.forget()
        self.dooms.clear()
        self.tables.ready()
        self._recall()

    def close(self) -> None:
        """Leave all jobs where they are: the org is closed."""
        self._scheduler.stop_all()
        self._sweeper.stop()


def _become(one: T, other: T) -> T:
    """Make a job or batch equal to another one, and return it."""
    for each in fields(one):
        setattr(one, each.name, getattr(other, each.name))
    return one
