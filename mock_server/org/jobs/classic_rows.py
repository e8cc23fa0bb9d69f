"""A batch of records of Bulk API 1.0 on its way: content -> chunks of 200 -> rows, and what came of each."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from mock_server.org import errors
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError
from mock_server.org.jobs import contents
from mock_server.org.jobs.attachments import LARGEST, Attachments, too_large
from mock_server.org.jobs.contents import Content
from mock_server.org.jobs.ingesting import VERBS
from mock_server.org.jobs.model import Batch, Job
from mock_server.org.records.changes import RowResult
from mock_server.org.records.tables import Table, check_header, even

if TYPE_CHECKING:
    from mock_server.org.jobs.classic import Classic
    from mock_server.org.jobs.jobs import Jobs

RESULTS = "results"
"""The kind of the parts that hold what came of rows: a list of [id, success, created, [[code, message, fields]]]."""
_SLICE = 200
"""Records that are read before others are served."""


class BatchRows:
    """Works off batches of records."""

    def __init__(self, jobs: Jobs, classic: Classic) -> None:
        self._jobs = jobs
        self._classic = classic
        self._tables = jobs.tables

    async def run(self, job: Job, batch: Batch) -> None:
        """Save the rows of a batch, from the first that is not done; what a chunk has done is written with its rows.

        Raises InvalidBatch for a content that cannot be read.
        """
        data, files = self.data(batch), None
        if job.content_type.startswith("ZIP"):
            files = Attachments(data)
            data = files.manifest
        content = await self._read(job, batch, data)
        columns, verb = tuple(content.columns), VERBS[job.operation]
        schema = self._jobs.org.schema_of(self._jobs.who(job))
        wrong = check_header(schema, verb, job.sobject, columns, job.key_field)
        if wrong is not None:
            raise wrong
        batch.records = size = len(content.records)
        cells = _Cells(self._jobs, job, columns, files)
        cells.check(content)
        if not batch.done:
            self._jobs.quota.records(size)

        def save(count: int, give_up: bool) -> list[RowResult]:
            rows, refusals = cells.of(content.rows(batch.done, batch.done + count))
            table = Table(verb, job.sobject, columns, rows, job.key_field, job.assignment_rule, refusals)
            return self._save(job, batch, table, give_up)

        async def total() -> int:
            return size

        course = self._classic.course(job, batch, total)
        await self._jobs.going(job, batch, size, course, save).run()
        await course.finish()

    def data(self, batch: Batch) -> bytes:
        """Return the content of a batch."""
        return b"".join(self._tables.parts(batch.id, "content"))

    def readable(self, job: Job, batch: Batch) -> tuple[str, bytes, str]:
        """Return the records of a batch as `contents.steps` reads them: their form, bytes and charset.

        Raises InvalidBatch.
        """
        data = self.data(batch)
        return *plain(job, data), batch.options.get("charset", "utf-8")

    async def _read(self, job: Job, batch: Batch, data: bytes) -> Content:
        """Read the records of a batch, letting others be served."""
        form = job.content_type.rpartition("_")[2]
        content = Content()
        for number, _ in enumerate(contents.steps(form, data, batch.options.get("charset", "utf-8"), content)):
            if number % _SLICE == 0:
                await give_way()
        return content

    def _save(self, job: Job, batch: Batch, table: Table, give_up: bool) -> list[RowResult]:
        """Save a chunk and note what came of it, as one transaction. Raises LockHeld with nothing done."""
        with self._jobs.kept(job), self._jobs.org.transaction():
            results = self._jobs.saves.save(job, batch, table, give_up)
            failed = sum(not result.success for result in results)
            self._tables.put(batch.id, RESULTS, _told(results), len(results))
            self._jobs.note(job, batch, len(results), failed)
        return results


def _told(results: list[RowResult]) -> bytes:
    return orjson.dumps(
        [
            [
                one.id,
                one.success,
                one.created,
                [[error.code, error.message, list(error.fields or ())] for error in one.errors],
            ]
            for one in results
        ]
    )


def plain(job: Job, data: bytes) -> tuple[str, bytes]:
    """Return the form of a job's records, and what holds them in a content: of a zip its manifest.

    Raises InvalidBatch.
    """
    form = job.content_type.rpartition("_")[2]
    return form, Attachments(data).manifest if job.content_type.startswith("ZIP") else data


class _Cells:
    """Makes of cells what is saved: files that a zip brings take the place of their names."""

    def __init__(self, jobs: Jobs, job: Job, columns: tuple[str, ...], files: Attachments | None) -> None:
        sobject = jobs.org.schema.get(job.sobject)
        kinds = {field.name.lower(): field.type for field in sobject.fields} if sobject is not None else {}
        self._files = files
        self._wide = len(columns)
        self._binary = [at for at, name in enumerate(columns) if files and kinds.get(name.lower()) == "base64"]

    def check(self, content: Content) -> None:
        """Refuse records that bring more than a zip may hold, by naming its files again and again."""
        if not self._binary or self._files is None:
            return
        rows = content.rows(0, len(content.records))
        if sum(self._files.size(row[at]) for row in rows for at in self._binary if at < len(row)) > LARGEST:
            raise too_large()

    def of(self, rows: Sequence[Sequence[str]]) -> tuple[Sequence[Sequence[str]], dict[int, ApiError]]:
        """Return rows as they are saved, and the errors of those that cannot be, by their places."""
        rows, refusals = even(rows, self._wide)
        if not self._binary:
            return rows, refusals
        made: list[Sequence[str]] = []
        for place, row in enumerate(rows):
            cells = list(row)
            for at in self._binary:
                if not cells[at]:
                    continue
                found = self._files.file(cells[at]) if self._files else None
                if found is None:
                    # D: its status code is INVALID_FIELD where the file is missing, a directory, or has no #.
                    refusals[place] = errors.CELL_NOT_READ(
                        column=at, why=f"'{cells[at][:200]}' is not a file of the zip", fields=[]
                    )
                else:
                    cells[at] = b64encode(found).decode()
            made.append(cells)
        return made, refusals
