"""An ingest job of Bulk API 2.0 on its way: content -> batches of 10,000 -> chunks of 200 -> rows, results."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError
from mock_server.org.jobs import reading
from mock_server.org.jobs.batching import Batching
from mock_server.org.jobs.contention import Pace
from mock_server.org.jobs.doom import Course
from mock_server.org.jobs.line_endings import LineEndings
from mock_server.org.jobs.model import Batch, Job
from mock_server.org.jobs.results import ResultFiles
from mock_server.org.records.changes import RowResult, Verb
from mock_server.org.records.tables import Table, check_header, even

if TYPE_CHECKING:
    from mock_server.org.jobs.jobs import Jobs

VERBS: dict[str, Verb] = {
    "insert": "create", "update": "update", "upsert": "upsert", "delete": "delete", "hardDelete": "hard_delete",
}  # fmt: skip
"""What an operation of a job does to a record."""


class Ingesting:
    """Works off ingest jobs of one org."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._org = jobs.org
        self._tables = jobs.tables
        self._rests: dict[str, list[float]] = {}
        """By job id: parts of milliseconds, active and in hooks, that its counts do not tell yet."""

    async def work(self, job: Job) -> None:
        """Take a job from UploadComplete to its end; one that was interrupted goes on where it was."""
        begun = self._org.clock.now()
        if not job.over:
            # It may have been aborted while it waited for the disk.
            self._jobs.move(job, "InProgress")
        why = None
        try:
            await self._work(job)
        except ApiError as error:
            why = f"{error.code} : {error.message}"
        # It ends only once all is written that is told of it.
        self._org.store.settle()
        self._rests.pop(job.id, None)
        job.total_ms += round((self._org.clock.now() - begun) * 1000)
        for batch in self._jobs.batches_of(job):
            if batch.state != "Completed":
                batch.state, batch.ended = "NotProcessed", self._org.clock.now()
                self._tables.keep(batch)
        if job.over:
            self._tables.keep(job)
        elif why is not None:
            self._jobs.fail(job, why)
        else:
            self._jobs.move(job, "JobComplete")

    async def _work(self, job: Job) -> None:
        """Save the rows of a job. Raises what it fails with."""
        if not job.uploaded:
            return  # recorded: such a job completes, with no records
        await self._check_line_endings(job)
        content = self.content(job)
        if not content.columns:
            return
        schema = self._org.schema_of(self._jobs.who(job))
        wrong = check_header(schema, VERBS[job.operation], job.sobject, content.columns, job.key_field)
        if wrong is not None:
            raise wrong
        course = self._jobs.course(job, lambda: self._count(job))
        await self._batches(job, content, course)
        self._org.store.settle()
        await course.finish()

    def content(self, job: Job) -> reading.Rows:
        """Return the content of a job, to be read. Raises InvalidBatch for its header."""
        return reading.read(self._tables.parts(job.id, "content"), job.delimiter)

    async def _check_line_endings(self, job: Job) -> None:
        """Raise ClientInputError for a content whose lines end otherwise than the job says."""
        endings = LineEndings(job.line_ending)
        for part in self._tables.parts(job.id, "content"):
            if not endings.agree(part):
                raise errors.LINE_ENDING(setting=job.line_ending)
            await give_way()
        if not endings.end():
            raise errors.LINE_ENDING(setting=job.line_ending)

    async def _count(self, job: Job) -> int:
        """Return how many rows a job has, as far as they can be read."""
        rows = 0
        try:
            for block in self.content(job).blocks:
                rows += len(block.rows)
                await give_way()
        except ApiError:
            pass  # what follows cannot be read: the work will find out where
        return rows

    async def _batches(self, job: Job, content: reading.Rows, course: Course) -> None:
        """Work off the batches, several at a time where they can stand in each other's way."""
        side_by_side = self._org.bulk.parallel if self._org.transaction_time else 1
        files = ResultFiles(content.columns, job.delimiter, job.line_ending)
        pace = Pace(self._org)
        known = {batch.number: batch for batch in self._jobs.batches_of(job)}
        running: set[asyncio.Task[None]] = set()
        number = 0
        try:
            for rows in Batching(content, job.batch_size):
                if job.over:
                    break
                if rows is None:
                    await give_way()
                    continue
                batch = known.get(number) or self._jobs.new_batch(job, number, len(rows))
                number += 1
                if batch.state == "Completed":
                    continue
                work = self._batch(job, batch, content.columns, rows, files, course, pace)
                if side_by_side == 1:
                    await work
                    continue
                running.add(self._jobs.spawn(job, work))
                if len(running) == side_by_side:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
        except ApiError:
            # A batch that cannot be read, or is given up: what runs beside it comes to its end, and its rows stay.
            await asyncio.gather(*running, return_exceptions=True)
            raise
        else:
            done, running = await asyncio.wait(running) if running else (set(), running)
            for task in done:
                task.result()
        finally:
            for task in running:
                task.cancel()

    async def _batch(
        self,
        job: Job,
        batch: Batch,
        columns: tuple[str, ...],
        rows: list[reading.Row],
        files: ResultFiles,
        course: Course,
        pace: Pace,
    ) -> None:
        """Save the rows of a batch, chunk by chunk; what each chunk has done is written along with its rows."""

        def save(count: int, give_up: bool) -> list[RowResult]:
            some = rows[batch.done : batch.done + count]
            return self._save(job, batch, self._table(job, columns, some), some, files, give_up)

        await self._jobs.going(job, batch, len(rows), course, save, pace).run()

    def _table(self, job: Job, columns: tuple[str, ...], rows: Sequence[reading.Row]) -> Table:
        cells, refusals = even(rows, len(columns))
        return Table(
            VERBS[job.operation],
            job.sobject,
            columns,
            cells,
            key_field=job.key_field,
            assign=job.assignment_rule,
            refusals=refusals,
        )

    def _save(
        self, job: Job, batch: Batch, table: Table, rows: Sequence[reading.Row], files: ResultFiles, give_up: bool
    ) -> list[RowResult]:
        """Save chunks and note what came of them, as one transaction. Raises LockHeld with nothing done."""
        clock, automation = self._org.clock, self._org.automation
        begun, hooks = clock.now(), automation.spent_ms
        with self._jobs.kept(job), self._org.behind():
            results: list[RowResult] = self._jobs.saves.save(job, batch, table, give_up)
            good, bad, failed = files.write(rows, results)
            if good:
                self._tables.put(job.id, "successful", good, len(results) - failed)
            if bad:
                self._tables.put(job.id, "failed", bad, failed)
            if batch.done + len(results) == batch.records:
                batch.state, batch.ended = "Completed", clock.now()
            apex = automation.spent_ms - hooks
            # The transaction goes on for as long as it is said to take.
            active = (clock.now() - begun + self._org.transaction_time) * 1000
            self._spend(job, batch, max(active, apex), apex)
            self._jobs.note(job, batch, len(results), failed)
        return results

    def _spend(self, job: Job, batch: Batch, active: float, apex: float) -> None:
        """Count milliseconds of work, and those of them that hooks took."""
        rests = self._rests.setdefault(job.id, [0.0, 0.0])
        rests[0] += active
        rests[1] += apex
        whole, hooks = int(rests[0]), int(rests[1])
        rests[0] -= whole
        rests[1] -= hooks
        for one in (job, batch):
            one.api_ms += whole
            one.apex_ms += hooks
