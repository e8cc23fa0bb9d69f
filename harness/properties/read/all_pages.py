"""Reading: every page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness import soql
from harness.evidence import Evidence
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.read.jobs import JobReading, job_readings
from harness.properties.read.readings import QUERY, Reading, Result, readings


def _missing(evidence: Evidence, sobject: str, of_object: Sequence[Result]) -> int | None:
    """Return how many records of an object were announced and never taken in; None where the subject says nothing."""
    taken = {one.identity for one in evidence.effects.of(sobject)}
    return max(0, max(reading.total for reading in of_object) - len(taken)) if taken else None


class AllPages(Claim):
    name = "read.all_pages"
    trigger = "a query had more rows than one answer holds, or a query job had a result"
    rule = (
        "All pages are asked for, those of a job until Sforce-Locator is `null`, and of Bulk 1.0 every result of every "
        "batch; as many different records are taken in (SFMOCK_EFFECTS) as the first answer's totalSize, or the job, "
        "announced. A download that brought fewer rows than it said has not arrived. Of a subject that records none "
        "the pages alone are judged."
    )
    guidance = (
        "While an answer says `done: false`, get its `nextRecordsUrl`, whatever the number of records: pages end at "
        "2,000 rows, or earlier for wide rows. In simple-salesforce use query_all or query_all_iter. Of a query job "
        "get `results?locator=` with each Sforce-Locator until it is the word `null`, and count rows against "
        "Sforce-NumberOfRecords: a stream may end early under a good status. With PK chunking the first batch becomes "
        "NotProcessed and the rows are in those that follow it: list the batches, and read all results of each."
    )
    source = QUERY
    needs = frozenset({"journal", "effects", "process", "jobs"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        found = readings(evidence.exchanges)
        jobs = [one for one in job_readings(evidence) if one.over]
        count = len(found) + len(jobs)
        if not count:
            return self.not_exercised("no query had more than one page")
        short: list[str] = []
        entries: list[int] = []
        broken_off = 0
        results: list[Result] = [*found, *jobs]
        for sobject in dict.fromkeys(one.sobject.lower() for one in results):
            of_object = [one for one in found if one.sobject.lower() == sobject]
            own = [one for one in jobs if one.sobject.lower() == sobject]
            told = [*self._of_queries(evidence, of_object, own), *self._of_jobs(evidence, of_object, own)]
            if not told:
                continue
            if _given_up_aloud(evidence, of_object[-1] if of_object else None) or evidence.process.timed_out:
                broken_off += 1
                continue
            for fault, numbers in told:
                short.append(fault)
                entries += numbers
        if short:
            return self.violated(some(short), count, entries)
        if broken_off:
            return self.not_exercised("reading was broken off, and the subject did not say otherwise")
        several = [f"{counted(len(found), 'result')} of several pages"] if found else []
        several += [counted(len(jobs), "query job")] if jobs else []
        return self.held(f"{' and '.join(several)}, read to the end", count)

    def _of_queries(
        self, evidence: Evidence, of_object: Sequence[Reading], jobs: Sequence[JobReading]
    ) -> Iterator[tuple[str, list[int]]]:
        if not of_object:
            return
        last = of_object[-1]
        results: list[Result] = [*of_object, *jobs]
        missing = _missing(evidence, last.sobject, results)
        total = max(result.total for result in results)
        unread = "" if last.complete else f"; {last.following} was not read"
        numbers = [one.number for reading in of_object for one in (reading.first, *reading.asked[-1:])]
        if missing:
            yield f"{total - missing} of {total} {last.sobject} records taken in{unread}", numbers
        followed = any(result.complete for result in results) or _asked_otherwise(evidence, last)
        if missing is None and not followed:
            yield f"{last.rows} of {last.total} {last.sobject} records read{unread}", numbers

    def _of_jobs(
        self, evidence: Evidence, of_object: Sequence[Reading], jobs: Sequence[JobReading]
    ) -> Iterator[tuple[str, list[int]]]:
        missing = _missing(evidence, jobs[0].sobject, [*of_object, *jobs]) if jobs else None
        unread = [one for one in jobs if not one.complete and not _superseded(one, of_object, jobs, missing)]
        for one in unread:
            yield one.unread(), [one.first, *(page.number for page in one.asked[-2:])]
        if missing and not unread and not of_object:
            total = max(one.total for one in jobs)
            text = f"{total - missing} of {total} {jobs[0].sobject} records taken in, although all were downloaded"
            yield text, [page.number for one in jobs for page in one.pages[-1:]]


def _superseded(job: JobReading, of_object: Sequence[Reading], jobs: Sequence[JobReading], missing: int | None) -> bool:
    """Tell whether something else was read in a job's place: the same once more, or, after a trouble, another query."""
    if any(other.said == job.said and other.complete for other in jobs):
        return True
    if not job.troubles:
        return False
    since = job.troubles[0].number
    later = [one for one in jobs if one.complete and one.job.exchanges[-1].number > since and one is not job]
    return missing == 0 or bool(later) or any(one.complete and one.first.number > since for one in of_object)


def _given_up_aloud(evidence: Evidence, last: Reading | None) -> bool:
    """Tell whether the last page that was asked for failed, and the subject said that it had not come to its end.

    Of a job alone it need not have asked: it may have waited too long for its end.
    """
    process = evidence.process
    failed = last is None or (bool(last.asked) and last.asked[-1].failure is not None)
    return failed and bool(process.error or process.signal or process.exit_code)


def _asked_otherwise(evidence: Evidence, last: Reading) -> bool:
    """Tell whether a later query asked for more of the object, by a key of its own in place of the locator."""
    return any(
        exchange.is_query
        and exchange.number > last.first.number
        and soql.object_of(exchange.soql).lower() == last.sobject.lower()
        for exchange in evidence.exchanges
    )
