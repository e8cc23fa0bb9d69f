"""Reading: what was begun is gone on with, and what is gone is begun anew."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Sequence

from harness import soql
from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.read.jobs import JobReading, job_readings, lost_results, restarts
from harness.properties.read.readings import QUERY, Reading, readings

_GONE = "INVALID_QUERY_LOCATOR"
_PASSING = ("transient", "ambiguous", "session", "quota")


class ResumedNotRestarted(Claim):
    name = "read.resumed_not_restarted"
    trigger = "a request for a further page, or about a query job, failed in passing, and the subject went on"
    rule = (
        "Reading goes on from that page: no more than one page of rows is read again. A job that is under way, or "
        "whose result is there, is asked again, not made anew; unless as many requests in a row failed as the policy "
        "allows (3)."
    )
    guidance = (
        "Put the retry around the request for one page, not around the whole query: `nextRecordsUrl` stays good for "
        "two days. Where it does not, go on after the last key that was handled (`WHERE Id > ... ORDER BY Id`). "
        "Of a job remember its id and the last Sforce-Locator: both stay good for seven days, whoever asks."
    )
    source = QUERY
    needs = frozenset({"journal", "legs", "jobs", "policy"})
    consequences = frozenset({"retry.transient_retried", "bulk.no_query_in_loop"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        found = readings(evidence.exchanges)
        exposures = 0
        again: list[str] = []
        entries: list[int] = []
        alike: dict[str, list[Reading]] = defaultdict(list)
        for reading in found:
            alike[reading.first.soql].append(reading)
        for reading in found:
            for failed in reading.asked:
                if failed.failure not in _PASSING or _GONE in failed.codes:
                    continue
                restart = None if reading.complete else _restart(evidence, alike[reading.first.soql], failed)
                exposures += restart is not None or reading.asked[-1].number > failed.number
                rows = 0 if restart is None else min(reading.rows, restart.rows)
                if restart is not None and rows > reading.page_size:
                    again.append(f"{rows} {reading.sobject} records read again after {failed.operation} failed")
                    entries += [failed.number, restart.first.number]
                    break
        for job in restarts(evidence, job_readings(evidence)):
            exposures += 1
            if job.anew is not None:
                again.append(job.what)
                entries += [job.failed.number, job.anew.number]
        if again:
            return self.violated(some(list(dict.fromkeys(again))), exposures, entries)
        if not exposures:
            return self.not_exercised("no request for a further page, or about a query job, failed in passing")
        return self.held(f"{counted(exposures, 'failed request')}, each sent again", exposures)


def _restart(evidence: Evidence, alike: Sequence[Reading], failed: Exchange) -> Reading | None:
    """Return the first reading of the same query that the same run began after a failed page."""
    place = bisect_right(alike, failed.number, key=lambda reading: reading.first.number)
    later = alike[place] if place < len(alike) else None
    if later is None or evidence.leg_of(failed.number) != evidence.leg_of(later.first.number):
        return None
    return later


class CursorExpirySurvived(Claim):
    name = "read.cursor_expiry_survived"
    trigger = (
        "a page was refused because its query locator is gone (INVALID_QUERY_LOCATOR), or a result because its job is"
    )
    rule = (
        "A new query or job takes over and is read to its end (of a job that is still there, its result from the "
        "beginning): nothing is left out, and nothing taken in twice."
    )
    guidance = (
        "A locator lives two days, and the eleventh open one of a user ends the first. Remember the last key that was "
        "handled; on INVALID_QUERY_LOCATOR query again from there, and never ask for the old locator again. Results of "
        "jobs are kept for seven days: on 404 make the job anew, and pass over what you have."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.salesforce_app_limits_cheatsheet.meta/salesforce_app_limits_cheatsheet/salesforce_app_limits_platform_api.htm"
    needs = frozenset({"journal", "effects", "process", "legs", "jobs"})
    consequences = frozenset({"read.all_pages", "retry.permanent_not_retried", "delivery.nothing_lost"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        found = readings(evidence.exchanges)
        gone = [
            (reading, refused)
            for reading in found
            for refused in reading.asked
            if _GONE in refused.codes and refused.heard
        ]
        jobs = job_readings(evidence)
        lost = list(lost_results(jobs))
        if not gone and not lost:
            return self.not_exercised("no query locator, and no result of a job, was gone")
        if evidence.process.timed_out:
            return self.not_exercised("the subject was stopped before it could go on")
        faults: list[str] = []
        entries: list[int] = []
        successors = _Successors(evidence, found, jobs)
        for reading, refused in gone:
            fault = successors.fault(reading, refused)
            if fault:
                faults.append(fault)
                entries += [reading.first.number, refused.number]
        for job, refused in lost:
            fault = successors.of_job(job, refused)
            if fault:
                faults.append(fault)
                entries += [job.first, refused.number]
        count = len(gone) + len(lost)
        if faults:
            return self.violated(some(list(dict.fromkeys(faults))), count, entries)
        return self.held(f"{counted(count, 'lost locator or result', 'lost locators or results')}, read on", count)


class _Successors:
    """What a subject did after a locator was gone, by object: its last answered query, and what it took in."""

    def __init__(self, evidence: Evidence, found: Sequence[Reading], jobs: Sequence[JobReading]) -> None:
        self._evidence = evidence
        self._jobs = jobs
        self._readings = {reading.first.number: reading for reading in found}
        self._last = {
            soql.object_of(exchange.soql).lower(): exchange
            for exchange in evidence.exchanges
            if exchange.is_query and exchange.heard and exchange.page is not None
        }
        self._taken: dict[str, Counter[str]] = defaultdict(Counter)
        for one in evidence.effects.taken:
            self._taken[one.sobject.lower()][one.identity] += 1
        self._twice = {
            sobject: [identity for identity, count in times.items() if count > 1]
            for sobject, times in self._taken.items()
        }

    def fault(self, reading: Reading, refused: Exchange) -> str | None:
        """Return what is wrong with how the subject went on after a page was refused."""
        sobject = reading.sobject.lower()
        anew = self._last.get(sobject)
        if self._job_after(sobject, refused):
            return self._taken_wrong(reading.sobject, reading.total)
        if anew is None or anew.number <= refused.number:
            return f"no other query of {reading.sobject} followed"
        begun = self._readings.get(anew.number)
        if begun is not None and not begun.complete:
            return f"the new query of {reading.sobject} was not read to its end"
        return self._taken_wrong(reading.sobject, reading.total)

    def of_job(self, reading: JobReading, refused: Exchange) -> str | None:
        """Return what is wrong with how the subject went on after a result of a job was refused."""
        sobject = reading.sobject.lower()
        resumed = reading.complete and reading.asked[-1].number > refused.number
        anew = self._last.get(sobject)
        if not resumed and not self._job_after(sobject, refused):
            begun = self._readings.get(anew.number) if anew is not None else None
            if anew is not None and anew.number > refused.number:
                if begun is not None and not begun.complete:
                    return f"the new query of {reading.sobject} was not read to its end"
            elif any(one.first > refused.number and one.sobject.lower() == sobject for one in self._jobs):
                return f"the new query job of {reading.sobject} was not read to its end"
            else:
                return f"no other query of {reading.sobject} followed, and {reading.unread()}"
        return self._taken_wrong(reading.sobject, reading.total)

    def _job_after(self, sobject: str, refused: Exchange) -> bool:
        """Tell whether a job of the object was made after a refusal, and read to its end."""
        later = (one for one in self._jobs if one.first > refused.number and one.sobject.lower() == sobject)
        return any(one.complete and one.asked for one in later)

    def _taken_wrong(self, name: str, total: int) -> str | None:
        sobject = name.lower()
        taken = len(self._taken[sobject])
        if taken and total > taken:
            return f"{total - taken} of {total} {name} records never taken in"
        twice = self._twice.get(sobject)
        if twice and len(self._evidence.legs) < 2:
            return f"{counted(len(twice), 'record')} of {name} taken in twice: {some(twice)}"
        return None
