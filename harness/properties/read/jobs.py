"""What a client has read of its query jobs: the pages of Bulk 2.0, the results of each batch of Bulk 1.0."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.jobs import Job
from harness.properties.property import some

DOWNLOADS = frozenset({"bulk2.query.results", "bulk1.batch.download"})
"""Requests that bring rows; others bring lists of what can be asked for."""
GONE = frozenset({"INVALID_QUERY_LOCATOR", "NOT_FOUND", "INVALIDJOB", "InvalidJob"})
"""What is answered where a result is not there any more: its locator, or the whole job. Of a result's id in Bulk 1.0 it
is InvalidBatch, as for batches that have none (yet)."""
_PASSING = frozenset({"transient", "ambiguous", "quota"})
_COMPLETE = frozenset({"JobComplete", "Completed"})
_PATIENCE = 3
"""Refusals in a row after which a client that claims no budget may take a job for lost."""


@dataclass(frozen=True)
class JobReading:
    """One query job whose client knows it, and what it asked for of its result.

    `said` is equal for jobs that ask the same. `total` are the rows of its result.
    """

    job: Job
    said: frozenset[str]
    total: int

    @property
    def sobject(self) -> str:
        return self.job.sobject

    @property
    def first(self) -> int:
        """The number of the request that made it, or of the first about it."""
        return self.job.exchanges[0].number

    @cached_property
    def asked(self) -> list[Exchange]:
        """The downloads, those that failed too."""
        return [one for one in self.job.exchanges if one.operation in DOWNLOADS]

    @cached_property
    def pages(self) -> list[Exchange]:
        """The downloads that arrived with all their rows."""
        return [one for one in self.asked if arrived(one)]

    @cached_property
    def short(self) -> list[Exchange]:
        """The downloads that looked whole, and brought only some of their rows."""
        return [one for one in self.asked if _answered(one) and not arrived(one) and one.job and one.job.rows]

    @cached_property
    def rows(self) -> int:
        """The rows that arrived, those of a page that came twice once."""
        return sum({page.repeat: _rows(page) for page in self.pages}.values())

    @property
    def page_size(self) -> int:
        return max(map(_rows, self.pages), default=0)

    @property
    def complete(self) -> bool:
        return self.rows >= self.total

    @property
    def over(self) -> bool:
        """Whether there is a result to read."""
        job = self.job
        if job.batches:
            return self.total > 0 and any(batch.state == "Completed" for batch in job.batches)
        # Of one that is gone itself, what its client was told.
        told = {one.job.state for one in job.exchanges if one.job is not None and one.heard}
        return self.total > 0 and not told.isdisjoint({job.state, "JobComplete", "Completed"} & _COMPLETE)

    @cached_property
    def troubles(self) -> list[Exchange]:
        """The requests about it that came to nothing, or to half of it."""
        short = {one.number for one in self.short}
        return [
            one
            for one in self.job.exchanges
            if one.job_role != "create" and (one.failure is not None or one.number in short)
        ]

    def unread(self) -> str:
        """Say what of it was not read."""
        told = f"{min(self.rows, self.total)} of {self.total} {self.sobject} rows of job {self.job.id} read"
        if self.job.classic:
            by_batch = self._by_batch()
            left = [
                f"{by_batch.get(batch.id[:15], 0)} of {size} of batch {batch.id}"
                for batch in self.job.batches
                if (size := rows_of(batch.records, batch.done)) > by_batch.get(batch.id[:15], 0)
            ]
            return f"{told}: {some(left)}" if left else told
        followed = {one.page.following for one in self.pages if one.page is not None} - {None}
        if self.short and not self.complete:
            return f"{told}; a download had fewer rows than its Sforce-NumberOfRecords said"
        if len(followed) == len({page.repeat for page in self.pages}) and followed:
            return f"{told}; the locator of its last page was not followed"
        return told

    def _by_batch(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for page in {page.repeat: page for page in self.pages}.values():
            if page.job is not None and page.job.batch is not None:
                found[page.job.batch[:15]] = found.get(page.job.batch[:15], 0) + _rows(page)
        return found


def arrived(exchange: Exchange) -> bool:
    """Tell whether a download brought all of its rows."""
    told, page = exchange.job, exchange.page
    if not _answered(exchange) or told is None or told.rows is None:
        return False
    return page is None or page.rows == told.rows


def _answered(exchange: Exchange) -> bool:
    return exchange.heard and exchange.failure is None


def _rows(exchange: Exchange) -> int:
    return (exchange.job.rows or 0) if exchange.job is not None else 0


def rows_of(records: int | None, done: int) -> int:
    return max(records or 0, done)


def job_readings(evidence: Evidence) -> list[JobReading]:
    """Return the query jobs that their client knew, in the order in which they were made."""
    found = [
        JobReading(job, _said(job), _total(job))
        for job in evidence.jobs
        if not job.is_ingest and job.known and job.exchanges
    ]
    return sorted(found, key=lambda reading: reading.first)


def _said(job: Job) -> frozenset[str]:
    asking = [one for one in job.exchanges if one.job_role == ("upload" if job.classic else "create")]
    return frozenset(one.soql or one.repeat[-1] for one in asking)


def _total(job: Job) -> int:
    if job.batches:
        return sum(rows_of(batch.records, batch.done) for batch in job.batches if batch.state == "Completed")
    totals: dict[str | None, int] = {}
    for one in job.exchanges:
        if one.page is not None and one.operation in DOWNLOADS:
            # A page of Bulk 1.0 tells how many rows its batch has.
            batch = one.job.batch if one.job is not None else None
            totals[batch] = max(one.page.total, totals.get(batch, 0))
    return max(job.processed, sum(totals.values()))


# -- how a client went on


@dataclass(frozen=True, slots=True)
class Restart:
    """A request about a job that failed in passing, and with it what was begun anew; None where nothing was."""

    failed: Exchange
    reading: JobReading
    anew: Exchange | None
    what: str = ""


def restarts(evidence: Evidence, found: Sequence[JobReading]) -> list[Restart]:
    """Return how clients went on after a request about a job had failed in passing; not where nothing came later."""
    seen: list[Restart] = []
    for reading in found:
        for failed in reading.troubles:
            if failed.failure not in _PASSING or GONE.intersection(failed.codes):
                continue
            anew = _made_anew(evidence, reading, failed, found)
            again = _read_again(reading, failed)
            if anew is not None:
                text = f"a query job of {reading.sobject} was made anew after {failed.operation} failed"
                seen.append(Restart(failed, reading, anew, text))
            elif again > reading.page_size:
                text = f"{again} {reading.sobject} rows read again after {failed.operation} failed"
                seen.append(Restart(failed, reading, reading.pages[-1], text))
            elif reading.job.exchanges[-1].number > failed.number:
                seen.append(Restart(failed, reading, None))
    return seen


def _made_anew(
    evidence: Evidence, reading: JobReading, failed: Exchange, found: Sequence[JobReading]
) -> Exchange | None:
    """Return the request that made a job again in place of asking about it again; None where it was asked, or lost."""
    leg = evidence.leg_of(failed.number)
    later = next(
        (
            other
            for other in found
            if other.first > failed.number and other.said == reading.said and evidence.leg_of(other.first) == leg
        ),
        None,
    )
    if later is None or lost_before(reading, later.first):
        return None
    since = [one for one in reading.job.exchanges if failed.number < one.number < later.first]
    if any(map(_answered, since)):
        return None
    tries = [one for one in since if one.failure is not None]
    row = 1 + len(tries) + _failed_before(reading, failed)
    return None if row >= (evidence.attempts or _PATIENCE) else later.job.exchanges[0]


def _failed_before(reading: JobReading, failed: Exchange) -> int:
    """Count the refusals that stand before a failed request without an answer between."""
    count = 0
    for one in reversed([one for one in reading.job.exchanges if one.number < failed.number]):
        if one.failure is None:
            break
        count += 1
    return count


def lost_before(reading: JobReading, number: int) -> bool:
    """Tell whether a job was known to be of no use, or read to its end, before a request."""
    for one in reading.job.exchanges:
        if one.number >= number:
            break
        told = one.job
        if told is not None and one.heard and told.batch is None and told.state in ("Failed", "Aborted"):
            return True
        if one.heard and one.failure == "permanent":
            return True
    read = {page.repeat: _rows(page) for page in reading.pages if page.number < number}
    return reading.total > 0 and sum(read.values()) >= reading.total


def _read_again(reading: JobReading, failed: Exchange) -> int:
    """Count the rows of pages that had arrived before a request failed, and were downloaded again after it."""
    before = {page.repeat for page in reading.pages if page.number < failed.number}
    return sum(_rows(page) for page in reading.pages if page.number > failed.number and page.repeat in before)


def lost_results(found: Sequence[JobReading]) -> Iterator[tuple[JobReading, Exchange]]:
    """Yield each request for a result that was not there any more."""
    for reading in found:
        for one in reading.job.exchanges:
            if one.job_role != "results" or not one.heard or one.failure != "permanent" or not reading.over:
                continue
            by_id = one.operation == "bulk1.batch.download" and "InvalidBatch" in one.codes
            dropped = any(other.number < one.number for other in reading.job.asked("delete", "abort"))
            if (by_id or GONE.intersection(one.codes)) and not dropped:
                yield reading, one
