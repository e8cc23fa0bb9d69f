"""Two viewpoints of one trial, reconciled: what the journal says of the requests, and what others say of the same.

A disagreement means that a verdict may rest on sand; it is reported as a finding of its own, never passed over.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.jobs import ENDED

if TYPE_CHECKING:
    from harness.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two statements about one thing that cannot both be true. `entries` are journal entries, a few."""

    text: str
    entries: tuple[int, ...] = ()


def disagreements_of(evidence: Evidence) -> tuple[Disagreement, ...]:
    """Compare the journal with itself, with the commit log, with the rules' own counters and with what jobs count."""
    return (
        *_gaps(evidence),
        *_commits(evidence),
        *_rows(evidence),
        *_counters(evidence),
        *_jobs(evidence),
    )


def _gaps(evidence: Evidence) -> Iterator[Disagreement]:
    numbers = sorted(exchange.number for exchange in (*evidence.exchanges, *evidence.copies))
    for one, other in pairwise(numbers):
        if other != one + 1:
            yield Disagreement(f"the journal lacks its entries {one + 1} to {other - 1}", (one, other))


def _commits(evidence: Evidence) -> Iterator[Disagreement]:
    known = {exchange.number: exchange for exchange in (*evidence.exchanges, *evidence.copies)}
    orphans: list[int] = []
    told: list[int] = []
    for commit in evidence.commits:
        if not commit.exchange:
            continue
        exchange = known.get(commit.exchange)
        if exchange is None:
            orphans.append(commit.number)
        elif commit.delivered and exchange.outcome in ("lost", "reset"):
            told.append(exchange.number)
    if orphans:
        yield Disagreement(f"{len(orphans)} changes were committed by requests that the journal does not know")
    if told:
        few = tuple(dict.fromkeys(told))[:5]
        yield Disagreement(f"{len(told)} changes count as told, in answers that never left", few)


def _rows(evidence: Evidence) -> Iterator[Disagreement]:
    saved: dict[int, set[str]] = defaultdict(set)
    for commit in evidence.commits:
        saved[commit.exchange].add(commit.id[:15])
    wrong: list[int] = []
    for exchange in evidence.exchanges:
        changed = saved.get(exchange.number, ())
        wrong += [exchange.number for row in exchange.rows if row.success and row.id and row.id[:15] not in changed]
    if wrong:
        few = tuple(dict.fromkeys(wrong))[:5]
        yield Disagreement(f"{len(wrong)} rows were reported as saved, and no change was committed", few)


def _counters(evidence: Evidence) -> Iterator[Disagreement]:
    for fault in evidence.faults:
        seen = len(evidence.exposures[fault.name].exchanges)
        if seen > fault.fired:
            few = evidence.exposures[fault.name].exchanges[:5]
            yield Disagreement(f"the fault {fault.name} counts {fault.fired} strikes, the journal shows {seen}", few)


def _jobs(evidence: Evidence) -> Iterator[Disagreement]:
    """Compare what a job counts with the rows in the journal, and with what its client was told at its end."""
    rows: dict[str, Counter[bool | None]] = defaultdict(Counter)
    for load in evidence.loads:
        rows[load.job.id] += load.counts
    for job in evidence.jobs:
        if job.created is None or not job.is_over or job.id not in rows:
            continue  # nothing is known of it but what was told
        entries = tuple(one.number for one in job.uploads)[:5]
        found = rows[job.id]
        counted = (found[True] + found[False], found[False])
        if counted != (job.processed, job.failed):
            text = f"job {job.id} counts {_counts(job.processed, job.failed)}, the journal shows {_counts(*counted)}"
            yield Disagreement(text, entries)
        for one in job.exchanges:
            told = one.job
            if told is None or told.batch is not None or told.state not in ENDED or told.processed is None:
                continue
            if one.heard and one.job_role == "poll" and (told.processed, told.failed) != (job.processed, job.failed):
                text = f"job {job.id} counts {_counts(job.processed, job.failed)}, its client was told otherwise"
                yield Disagreement(text, (one.number,))
                break


def _counts(processed: int, failed: int) -> str:
    return f"{processed} rows, {failed} of them failed"
