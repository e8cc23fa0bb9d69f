"""The result files of an ingest job, as they are downloaded: piece by piece, in whatever state the job is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from mock_server.org.errors import ApiError
from mock_server.org.jobs import reading
from mock_server.org.jobs.batching import Batching
from mock_server.org.jobs.model import Batch, Job
from mock_server.org.jobs.results import ResultFiles
from mock_server.org.jobs.tables import JobTables

_ROWS = 1_000
"""Rows of one piece."""


def result_file(
    tables: JobTables, job: Job, kind: str, batches: Sequence[Batch], told: Callable[[int], object]
) -> Iterator[bytes]:
    """Yield `successful`, `failed` or `unprocessed`; `told` is given how many rows each piece of the third holds.

    While a job runs the first two hold what has been done so far; the third is for jobs that failed or were aborted
    (D), and has no more than its header before.
    """
    content = _content(tables, job)
    files = ResultFiles(content.columns, job.delimiter, job.line_ending)
    if head := files.header(kind):
        yield head
    if kind != "unprocessed":
        yield from tables.parts(job.id, kind)
    elif job.state in ("Failed", "Aborted"):
        batching = Batching(content, job.batch_size)
        yield from _unprocessed(batching, content, files, {batch.number: batch.done for batch in batches}, told)


def _content(tables: JobTables, job: Job) -> reading.Rows:
    parts = tables.parts(job.id, "content") if job.uploaded else iter(())
    return reading.tolerant(parts, job.delimiter)


def _unprocessed(
    batching: Batching, content: reading.Rows, files: ResultFiles, done: dict[int, int], told: Callable[[int], object]
) -> Iterator[bytes]:
    told(0)
    number = 0
    try:
        for rows in batching:
            if rows is None:
                continue
            left = rows[done.get(number, 0) :]
            number += 1
            for start in range(0, len(left), _ROWS):
                piece = left[start : start + _ROWS]
                told(len(piece))
                yield files.rest(piece)
    except ApiError:
        # From the record on that cannot be read, all is given back as it came.
        if batching.pending:
            told(len(batching.pending))
            yield files.rest(batching.pending)
        for text in content.rest():
            told(text.count("\n"))
            yield text.encode("utf-8", "replace")
