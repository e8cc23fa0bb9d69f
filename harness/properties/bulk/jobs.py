"""The life of a job: closed, asked for with patience, its results read, its failures not taken for success."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from harness.evidence import Evidence, Outcome
from harness.exchanges import Exchange
from harness.jobs import ENDED, Job
from harness.loads import Load
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.retry.timing import told, tolerance

_BULK2 = "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch"
_NOTHING_ELSE = 2
"""Downloads that were cut short after which nobody can be asked for a third."""


class FailedAndUnprocessedRead(Claim):
    name = "bulk.failed_and_unprocessed_read"
    trigger = "a job, or a 1.0 batch, ended with rows that had failed, or with which nothing was done"
    rule = (
        "Its failed rows and its unprocessed ones are downloaded, whole, however it ended: JobComplete, Failed or "
        "Aborted. Where nothing at all was processed, its state says enough; of 1.0, the results of each batch do."
    )
    guidance = (
        "When a job has ended, fetch failedResults whenever numberRecordsFailed is not 0, and unprocessedrecords when "
        "it is Failed or Aborted; compare the number of rows with the job's own count. JobComplete only says that "
        "Salesforce is done with it."
    )
    source = f"{_BULK2}/get_job_failed_results.htm"
    needs = frozenset({"journal", "jobs"})
    consequences = frozenset(
        {
            "delivery.nothing_lost",
            "dead_letter.complete",
            "dead_letter.per_row",
            "retry.transient_retried",
            "bulk.partial_is_not_success",
            "bulk.errors_matched_to_rows",
            "report.truthful",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        exposures = 0
        unread: list[str] = []
        entries: list[int] = []
        for load in evidence.loads:
            counts = load.counts
            if not load.is_over or not (counts[False] or counts[None]) or _cut_off(evidence, load.job):
                continue
            if load.ended is None and load.asked and not _downloads(load):
                continue  # it was given up before it ended
            exposures += 1
            missing = [
                f"{counted(counts[outcome], 'row')} {what}"
                for outcome, kind, what, read in (
                    (False, "failed", "failed", load.failed),
                    (None, "unprocessed", "unprocessed", load.left),
                )
                if counts[outcome] and read is None and not _could_not(load, kind)
            ]
            if missing:
                unread.append(f"{' and '.join(missing)} in {load.job.id} ({load.state})")
                entries += [load.number, *(one.number for one in load.job.exchanges[-2:])]
        if unread:
            reason = f"{counted(len(unread), 'job')} whose rows nobody read: {some(unread)}"
            return self.violated(reason, exposures, entries)
        if not exposures:
            return self.not_exercised("no job ended with rows that failed or were left")
        return self.held(f"{counted(exposures, 'job')} with failed or unprocessed rows, all of them read", exposures)


def _downloads(load: Load) -> list[Exchange]:
    return [one for one in load.job.asked("results") if one.number > load.number]


def _could_not(load: Load, kind: str) -> bool:
    """Tell whether the client asked, and was not given what it asked for."""
    kinds = (kind, "batch") if load.job.classic else (kind,)
    tried = [one for one in _downloads(load) if (one.job and one.job.results in kinds) or kind in one.operation]
    if not tried:
        return False
    # An answer that looks whole and is not must be noticed: the job says how many rows there are.
    return tried[-1].failure is not None or len(tried) >= _NOTHING_ELSE


def _cut_off(evidence: Evidence, job: Job) -> bool:
    return bool(job.exchanges) and evidence.stopped_after(job.exchanges[-1].number)


class PartialIsNotSuccess(Claim):
    name = "bulk.partial_is_not_success"
    trigger = "a job completed with rows that failed, and some of these never landed"
    rule = (
        "The run does not call them delivered: its last report line counts them as failed and not as landed; without "
        "one, they are in the dead-letter queue, or the run ends with an error."
    )
    guidance = (
        "JobComplete with numberRecordsFailed above 0 is a partial success, and numberRecordsProcessed counts the "
        "failed rows too. Report processed minus failed as landed, and the failed ones as failed."
    )
    source = f"{_BULK2}/get_job_info.htm"
    needs = frozenset({"journal", "jobs", "commits", "inputs", "letters", "effects", "process"})
    consequences = frozenset({"report.truthful", "delivery.nothing_lost", "dead_letter.complete"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        completed = {load.number for load in evidence.loads if load.state in ("JobComplete", "Completed")}
        failed = [
            place
            for place, chain in enumerate(evidence.chains)
            if chain
            and chain[-1].number in completed
            and chain[-1].failure is not None
            and not chain[-1].success
            and not evidence.landed(place)
            and not evidence.cut_off(place, chain[-1])
        ]
        if not failed:
            return self.not_exercised("no row that failed in a completed job was left undelivered")
        fault = self._claimed(evidence, failed)
        if fault:
            return self.violated(fault, len(failed), evidence.last_entries(failed))
        return self.held(
            f"{counted(len(failed), 'row')} failed in completed jobs, and not called delivered", len(failed)
        )

    def _claimed(self, evidence: Evidence, failed: Sequence[int]) -> str | None:
        named = some(map(evidence.name, failed))
        if evidence.effects.reports:
            last = evidence.effects.reports[-1]
            landed = sum(evidence.landed(place) for place in range(len(evidence.inputs)))
            if last.landed is not None and last.landed > landed:
                return f"{last.landed} reported as landed, {landed} are in the org; failed in a completed job: {named}"
            if last.failed == 0 and len(evidence.legs) < 2:
                return f"reported without a failure, although rows failed in a completed job: {named}"
            return None
        lost = [place for place in failed if evidence.outcomes[place] is Outcome.LOST]
        process = evidence.process
        if lost and process.exit_code == 0 and not (process.alerts or process.timed_out):
            return f"ended as a success, although {counted(len(lost), 'row')} failed in a completed job: {named}"
        return None


class JobsClosed(Claim):
    name = "bulk.jobs_closed"
    trigger = "a job that takes records was created, and the subject was told its id"
    rule = (
        "It is closed or aborted in the end, also after a failed upload: none is left Open. What could not be done "
        "because Salesforce refused it, and everything after it, does not count."
    )
    guidance = (
        "Put the close into the way out of the upload, and an abort into the way out of every failure (try/except, "
        "finally). A job that stays Open keeps its rows unprocessed, and counts against the org's limits for days."
    )
    source = f"{_BULK2}/close_job.htm"
    needs = frozenset({"journal", "jobs"})
    consequences = frozenset(
        {
            "delivery.nothing_lost",
            "dead_letter.complete",
            "retry.transient_retried",
            "retry.unsafe_not_replayed",
            "idempotency.lost_reply_bulk",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        made = [job for job in evidence.jobs if job.is_ingest and job.creation is not None and job.known]
        judged = [job for job in made if not _cut_off(evidence, job)]
        left = [job for job in judged if job.state == "Open" and not _was_refused(evidence, job)]
        if left:
            named = some(f"{job.id} ({counted(_rows(job), 'row')})" for job in left)
            reason = f"{len(left)} of {counted(len(judged), 'job')} left open: {named}"
            return self.violated(reason, len(judged), [n for job in left for n in _ends(job)])
        if not judged:
            return self.not_exercised("no job for records was created")
        return self.held(f"{counted(len(judged), 'job')}, each closed or aborted", len(judged))


def _rows(job: Job) -> int:
    return sum(len(upload.rows) for upload in job.uploads)


def _ends(job: Job) -> list[int]:
    return [job.exchanges[0].number, job.exchanges[-1].number]


def _was_refused(evidence: Evidence, job: Job) -> bool:
    """Tell whether the subject tried to end a job, and could not."""
    tried = job.asked("close", "abort")
    if not tried or tried[-1].failure is None:
        return False
    if tried[-1].job_role == "abort":
        return True
    return not any(one.number > tried[-1].number and one.failure is None for one in evidence.exchanges)


@dataclass(frozen=True, slots=True)
class Patience:
    """`interval`: seconds between polls that are always enough; `free`: polls of a job that are never too many, with
    one more for each `every` seconds."""

    interval: float = 1.0
    free: int = 5
    every: float = 10.0


class PollingBacksOff(Claim):
    name = "bulk.polling_backs_off"
    parameters = Patience
    trigger = "a job was asked for its state twice or more before it had ended"
    rule = (
        "The polls are at least `interval` apart, or come at growing intervals, or are few: `free` for a job and one "
        "more for each `every` seconds that it took."
    )
    guidance = (
        "Wait a second or more between two polls of a job, and longer the longer it takes: each poll is an API call, "
        "and a job of a million rows takes minutes whether it is watched or not."
    )
    source = f"{_BULK2}/asynch_api_using_bulk_query.htm"
    needs = frozenset({"journal", "jobs"})
    consequences = frozenset({"limits.quota_watched", "limits.daily_paused", "bulk.calls_per_record"})

    def judge(self, evidence: Evidence, parameters: Patience) -> Verdict:
        exposures = 0
        hasty: list[str] = []
        entries: list[int] = []
        for job in evidence.jobs:
            for polls in _polls(job):
                if len(polls) < 2:
                    continue
                exposures += len(polls)
                gaps = [later.at - earlier.end for earlier, later in pairwise(polls) if earlier.failure is None]
                took = polls[-1].end - polls[0].at
                slack = tolerance(parameters.interval, evidence.clock)
                if len(polls) <= parameters.free + took / parameters.every or not gaps:
                    continue
                if min(gaps) >= parameters.interval - slack or _grow(gaps):
                    continue
                hasty.append(f"{job.id} {len(polls)} times in {told(took)}, {told(sum(gaps) / len(gaps))} apart")
                entries += [polls[0].number, polls[1].number, polls[-1].number]
        if hasty:
            return self.violated(f"asked for its state in haste: {some(hasty)}", exposures, entries)
        if not exposures:
            return self.not_exercised("no job was asked for its state twice before it ended")
        return self.held(f"{counted(exposures, 'poll')}, with patience", exposures)


def _polls(job: Job) -> Iterator[list[Exchange]]:
    """Yield the polls of a job, and of each of its batches, up to the one that told its end."""
    found: dict[str, list[Exchange]] = defaultdict(list)
    over: set[str] = set()
    for one in job.asked("poll"):
        if one.path in over:
            continue
        found[one.path].append(one)
        if one.heard and one.job is not None and one.job.state in ENDED:
            over.add(one.path)
    yield from found.values()


_STEADY = 0.98
_MORE = 1.05
_MUCH_MORE = 1.3
_WORTH = 0.25
"""Seconds: intervals that grow from a millisecond to two are still haste."""


def _grow(gaps: Sequence[float]) -> bool:
    """Tell whether intervals grow: each is as long as the one before it, or, with jitter, the longest are."""
    if len(gaps) < 2 or max(gaps) < _WORTH:
        return False
    if all(later >= _STEADY * earlier for earlier, later in pairwise(gaps)) and gaps[-1] >= _MORE * gaps[0]:
        return True
    half = len(gaps) // 2
    return max(gaps[half:]) >= _MUCH_MORE * max(gaps[:half])
