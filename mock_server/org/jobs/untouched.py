"""The rows of a job with which nothing was done (yet): for those who account for every row that a client has sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from mock_server.org.errors import ApiError
from mock_server.org.jobs import reading
from mock_server.org.jobs.batching import Batching
from mock_server.org.jobs.contents import Content, steps
from mock_server.org.jobs.ingesting import VERBS
from mock_server.org.jobs.model import Job
from mock_server.org.records.changes import Change
from mock_server.org.records.tables import Table, check_header

if TYPE_CHECKING:
    from mock_server.org.jobs.jobs import Jobs


def untouched(jobs: Jobs, job: Job) -> Iterator[tuple[int, Change]]:
    """Yield each row of a job that is not saved and has not failed, with the exchange that brought it.

    What cannot be read as rows is left out.
    """
    if job.api == "classic":
        yield from _of_batches(jobs, job)
        return
    if job.api != "ingest" or not job.uploaded or job.state == "JobComplete":
        return
    done = {batch.number: batch.done for batch in jobs.batches_of(job)}
    try:
        content = reading.read(jobs.tables.parts(job.id, "content"), job.delimiter)
        number = 0
        for rows in Batching(content, job.batch_size):
            if rows is None:
                continue
            rest = rows[done.get(number, 0) :]
            for change in changes_of(jobs, job, content.columns, rest):
                yield job.exchange, change
            number += 1
    except ApiError:
        return


def _of_batches(jobs: Jobs, job: Job) -> Iterator[tuple[int, Change]]:
    """Yield such rows of the batches of a job of Bulk 1.0."""
    if job.operation not in VERBS:
        return
    for batch in jobs.batches_of(job):
        if batch.state == "Completed":
            continue
        try:
            form, data, charset = jobs.classic.readable(job, batch)
        except ApiError:
            continue
        for change in changes_in(jobs, job, form, data, charset)[batch.done :]:
            yield batch.exchange, change


def changes_in(jobs: Jobs, job: Job, form: str, data: bytes, charset: str) -> list[Change]:
    """Return the rows of a content in `CSV`, `JSON` or `XML` as the changes they ask for; none if it cannot be read."""
    content = Content()
    try:
        for _ in steps(form, data, charset, content):
            pass
    except ApiError:
        return []
    return changes_of(jobs, job, tuple(content.columns), content.rows(0, len(content.records)))


def changes_of(jobs: Jobs, job: Job, columns: tuple[str, ...], rows: Sequence[Sequence[str]]) -> list[Change]:
    """Return rows as the changes they ask for; under a header that cannot be, as what stands in their cells."""
    schema = jobs.org.schema_of(jobs.who(job))
    verb = VERBS[job.operation]
    whole = [row for row in rows if len(row) == len(columns)]
    if check_header(schema, verb, job.sobject, columns, job.key_field) is None:
        return Table(verb, job.sobject, columns, whole, key_field=job.key_field).changes(schema)
    key = (job.key_field or "").lower()
    found = []
    for row in whole:
        cells = dict(zip(columns, row, strict=True))
        own = next((value for name, value in cells.items() if key and name.lower() == key), None)
        values = {name: value for name, value in cells.items() if value and not (key and name.lower() == key)}
        found.append(Change(verb, job.sobject, values, key_field=job.key_field if own else None, key=own))
    return found
