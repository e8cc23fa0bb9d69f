"""Second jobs for what a first one does already, made because a session had ended in between."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.jobs import Job
from harness.properties.expiries import Expiry

_ABOUT = frozenset({"poll", "results", "close"})


def jobs_and_second_ones(evidence: Evidence, ends: Sequence[Expiry]) -> Iterator[tuple[Exchange, Exchange | None]]:
    """Yield each request about a job that met the end of a session, and the request that made a second job after it."""
    by_id = {job.id[:15]: job for job in evidence.jobs}
    for refused in (one for end in ends for one in end.refused if one.job_role in _ABOUT):
        job = by_id.get(refused.job_id or "")
        if job is not None:
            yield refused, _second(evidence, job, refused)


def _second(evidence: Evidence, job: Job, refused: Exchange) -> Exchange | None:
    said, leg = _said(job), evidence.leg_of(refused.number)
    for other in evidence.jobs:
        made = other.creation or (other.exchanges[0] if other.exchanges else None)
        if made is None or made.number < refused.number or evidence.leg_of(made.number) != leg:
            continue
        if said & _said(other) and not _gone_on_with(job, refused.number, made.number):
            return made
    return None


def _said(job: Job) -> frozenset[tuple[str, str, str]]:
    """Return what a job was asked to do: its query, or the rows of each request that brought some."""
    role = "create" if job.api == "query" else "upload"
    asking = [one for one in job.exchanges if one.job_role == role or (one.job_role == "create" and one.rows)]
    return frozenset((job.operation, job.sobject, one.soql or one.repeat[-1]) for one in asking)


def _gone_on_with(job: Job, refused: int, made: int) -> bool:
    """Tell whether a job was asked about again before another was made, or was known to be of no use."""
    return any(
        one.heard
        and one.number < made
        and (
            one.failure == "permanent"
            or (one.failure is None and one.number > refused)
            or (one.job is not None and one.job.state in ("Failed", "Aborted"))
        )
        for one in job.exchanges
    )
