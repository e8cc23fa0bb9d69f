"""Two viewpoints of one trial, reconciled: what the journal says of the requests, and what others say of the same.

A disagreement means that a verdict may rest on sand; it is reported as a finding of its own, never passed over.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.evidence import Evidence


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two statements about one thing that cannot both be true. `entries` are journal entries, a few."""

    text: str
    entries: tuple[int, ...] = ()


def disagreements_of(evidence: Evidence) -> tuple[Disagreement, ...]:
    """Compare the journal with itself, with the commit log, with the rules' own counters and with the runs it spans."""
    return (
        *_gaps(evidence),
        *_commits(evidence),
        *_rows(evidence),
        *_counters(evidence),
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
