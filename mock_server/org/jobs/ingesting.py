"""An ingest job of Bulk API 2.0 on its way: content -> batches of 10,000 -> chunks of 200 -> rows, results."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import TYPE_CHECKING

from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError
from mock_server.org.jobs import reading
from mock_server.org.jobs.doom import Course
from mock_server.org.jobs.model import Batch, Job
from mock_server.org.jobs.results import ResultFiles
from mock_server.org.records.changes import CHUNK, RowResult, Verb
from mock_server.org.records.tables import Table, check_header

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

    async def work(self, job: Job) -> None:
        """Take a job from UploadComplete to its end; one that was interrupted goes on where it was."""
        org = self._org
        begun = org.clock.now()
        self._jobs.move(job, "InProgress")
        try:
            content = reading.read(self._tables.parts(job.id, "content"), job.delimiter)
            wrong = check_header(
                org.schema_of(self._jobs.who(job)), VERBS[job.operation], job.sobject, content.columns, job.key_field
            )
            if wrong is not None:
                raise wrong
            course = self._jobs.course(job, lambda: self._count(job))
            await self._batches(job, content, course)
            await course.finish()
        except ApiError as error:
            self._jobs.fail(job, f"{error.code} : {error.message}")
            return
        finally:
            job.total_ms += round((org.clock.now() - begun) * 1000)
        if not job.over:
            self._jobs.move(job, "JobComplete")

    async def _count(self, job: Job) -> int:
        """Return how many rows a job has, as far as they can be read."""
        rows = 0
        try:
            content = reading.read(self._tables.parts(job.id, "content"), job.delimiter)
            while some := sum(1 for _ in islice(content.rows, CHUNK)):
                rows += some
                await give_way()
        except ApiError:
            pass  # what follows cannot be read: the work will find out where
        return rows

    async def _batches(self, job: Job, content: reading.Rows, course: Course) -> None:
        """Work off the batches, several at a time where they can stand in each other's way."""
        side_by_side = self._org.bulk.parallel if self._org.transaction_time else 1
        files = ResultFiles(content.columns, job.delimiter, job.line_ending)
        known = {batch.number: batch for batch in self._jobs.batches_of(job)}
        running: set[asyncio.Task[None]] = set()
        number = 0
        try:
            while not job.over and (rows := list(islice(content.rows, job.batch_size))):
                batch = known.get(number) or self._jobs.new_batch(job, number, len(rows))
                number += 1
                if batch.state == "Completed":
                    continue
                work = self._batch(job, batch, content.columns, rows, files, course)
                if side_by_side == 1:
                    await work
                    continue
                running.add(self._jobs.spawn(job, work))
                if len(running) == side_by_side:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        task.result()
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
        rows: list[list[str]],
        files: ResultFiles,
        course: Course,
    ) -> None:
        """Save the rows of a batch, chunk by chunk; what each chunk has done is written along with its rows."""

        def save(count: int, give_up: bool) -> list[RowResult]:
            chunk = rows[batch.done : batch.done + count]
            table = Table(VERBS[job.operation], job.sobject, columns, chunk, key_field=job.key_field)
            return self._save(job, batch, table, files, give_up)

        await self._jobs.going(job, batch, len(rows), course, save).run()

    def _save(self, job: Job, batch: Batch, table: Table, files: ResultFiles, give_up: bool) -> list[RowResult]:
        """Save a chunk and note what came of it, as one transaction. Raises LockHeld with nothing done."""
        with self._org.store.transaction():
            results: list[RowResult] = self._jobs.saves.save(job, batch, table, give_up)
            good, bad, failed = files.write(table.rows, results)
            if good:
                self._tables.put(job.id, "successful", good, len(results) - failed)
            if bad:
                self._tables.put(job.id, "failed", bad, failed)
            batch.done += len(results)
            batch.failed += failed
            job.processed += len(results)
            job.failed += failed
            job.modified = batch.modified = self._org.clock.now()
            if batch.done == batch.records:
                batch.state, batch.ended = "Completed", batch.modified
            self._tables.keep(batch)
            self._tables.keep(job)
        return results
