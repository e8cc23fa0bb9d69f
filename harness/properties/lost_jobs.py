"""Lost replies in the life of a job: the same rows are not loaded by two jobs, and no job is left behind with rows."""

from __future__ import annotations

from collections import defaultdict

from harness.evidence import Attempt, Evidence
from harness.exchanges import Exchange
from harness.jobs import Job
from harness.properties.property import Claim, NoParameters, Verdict, counted, some

_STEPS = ("create", "upload", "close")


class LostReplyBulk(Claim):
    name = "idempotency.lost_reply_bulk"
    trigger = "the answer to the creation, the upload or the close of a job got lost"
    rule = (
        "Its rows are worked off by one job: no second job (or 1.0 batch) loads them before the subject knows what "
        "became of the first, and a job that holds rows is not left open. Closing a job a second time is right."
    )
    guidance = (
        "After a lost answer ask how the job stands (GET the job by its id, or the list of jobs where the id never "
        "came) and go on from there: upload and close may be sent again, and 'already closed' is good news. A job that "
        "is begun anew needs the old one aborted first."
    )
    source = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"
    needs = frozenset({"journal", "jobs", "commits", "inputs"})
    consequences = frozenset(
        {
            "delivery.nothing_twice",
            "delivery.nothing_lost",
            "dead_letter.complete",
            "bulk.jobs_closed",
            "bulk.failed_and_unprocessed_read",
            "bulk.only_failed_rows_retried",
            "retry.unsafe_not_replayed",
            "retry.transient_retried",
            "retry.amplification_bounded",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        jobs = {job.id[:15]: job for job in evidence.jobs}
        lost = [one for one in evidence.exchanges if _is_lost(one) and one.job_id in jobs]
        judged = [one for one in lost if not evidence.stopped_after(one.number)]
        if not judged:
            return self.not_exercised("no answer to the creation, upload or close of a job got lost")
        sent = _sent(evidence)
        faults: dict[str, None] = {}
        entries: list[int] = []
        for exchange in judged:
            job = jobs[exchange.job_id or ""]
            twice, numbers = _loaded_again(evidence, job, exchange, sent)
            if twice:
                what = f"{counted(len(twice), 'row')} of {job.id} loaded once more ({some(map(evidence.name, twice))})"
                faults.setdefault(what)
                entries += [exchange.number, *numbers]
            if job.is_ingest and job.state == "Open" and job.uploads and not _tried_to_end(job, exchange):
                faults.setdefault(f"{job.id} left open with {counted(sum(len(u.rows) for u in job.uploads), 'row')}")
                entries += [exchange.number, job.exchanges[-1].number]
        found = counted(len(judged), "lost answer")
        if faults:
            return self.violated(f"{found}: {some(faults)}", len(judged), entries)
        return self.held(f"{found}, each row loaded by one job", len(judged))


def _is_lost(exchange: Exchange) -> bool:
    return exchange.job_role in _STEPS and exchange.failure == "ambiguous"


def _sent(evidence: Evidence) -> dict[int, list[tuple[int, int]]]:
    """Return the rows of each request: the place of the input, and that of the attempt in its chain."""
    found: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for place, chain in enumerate(evidence.chains):
        for at, attempt in enumerate(chain):
            found[attempt.number].append((place, at))
    return found


def _loaded_again(
    evidence: Evidence, job: Job, lost: Exchange, sent: dict[int, list[tuple[int, int]]]
) -> tuple[list[int], list[int]]:
    """Return the inputs that this job has worked off, and another one too before that was known, with its requests."""
    twice: list[int] = []
    numbers: dict[int, None] = {}
    for upload in job.uploads:
        for place, at in sent.get(upload.number, ()):
            chain = evidence.chains[place]
            first = chain[at]
            again = next((one for one in chain[at + 1 :] if one.exchange.at >= lost.end and _worked_off(one)), None)
            if again is None or not _worked_off(first):
                continue
            known = first.heard and first.exchange.end <= again.exchange.at
            if not known:
                twice.append(place)
                numbers.setdefault(again.number)
    return twice, list(numbers)


def _worked_off(attempt: Attempt) -> bool:
    return attempt.exchange.job_role is not None and attempt.sure and (attempt.success or bool(attempt.codes))


def _tried_to_end(job: Job, lost: Exchange) -> bool:
    """Tell whether the job was closed or aborted later, in vain."""
    tried = [one for one in job.asked("close", "abort") if one.number > lost.number]
    return bool(tried) and tried[-1].job_role == "abort" and tried[-1].failure is not None
