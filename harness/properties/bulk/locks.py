"""Locks: those who meet at one record must not come back all at once."""

from __future__ import annotations

from dataclasses import replace

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.flight import most_at_once
from harness.properties.property import Claim, NoParameters, Verdict, counted

_LOCK = "UNABLE_TO_LOCK_ROW"
_ROUNDS = 3
"""Locks in a row after which nobody can say any more that the first one was bad luck."""


class EasesOffOnLocks(Claim):
    name = "bulk.eases_off_on_locks"
    trigger = (
        "rows met UNABLE_TO_LOCK_ROW in collections or jobs that were under way side by side, and again when they were "
        "sent again, three times in all"
    )
    rule = (
        "The locked rows are sent again with fewer calls or jobs under way at once than before, or in smaller ones. "
        "The batches of a serial job are one after the other."
    )
    guidance = (
        "Calls that run beside each other lock each other's parents. After a lock, send the locked rows one call after "
        "the other (in a job: in serial mode, or one job at a time), or sort them by parent so that each parent is in "
        "one call, before trying for a third time."
    )
    source = "https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/asynch_api_concepts_lock_contention.htm"
    needs = frozenset({"journal", "inputs"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        rounds = _rounds(evidence)
        peaks = [most_at_once(_one_by_one(evidence, calls)) for calls in rounds]
        if len(rounds) < _ROUNDS or peaks[0] < 2:
            return self.not_exercised("no rows met locks three times running in calls that ran side by side")
        sizes = [sum(len(call.rows) for call in calls) / len(calls) for calls in rounds]
        told = ", ".join(
            f"{peak} at once of {size:.0f} rows" for peak, size in zip(peaks[: _ROUNDS + 1], sizes, strict=False)
        )
        exposures = sum(map(len, rounds))
        # Locked rows alone make a smaller call by themselves: from the second time on, the size is a choice.
        eased = min(peaks[1:]) < peaks[0] or min(sizes[2:]) < sizes[1] / 2
        if not eased:
            entries = [call.number for calls in rounds[1:] for call in calls]
            return self.violated(f"locked rows came back as they went out: {told}", exposures, entries)
        return self.held(f"{counted(exposures, 'call')} with locked rows: {told}", exposures)


def _one_by_one(evidence: Evidence, calls: list[Exchange]) -> list[Exchange]:
    """Return the calls, those that bring batches into one serial job as one."""
    serial = {load.number: load.job.id for load in evidence.loads if load.job.serial}
    found: dict[object, Exchange] = {}
    for call in calls:
        key = serial.get(call.number, call.number)
        before = found.get(key)
        found[key] = call if before is None else replace(before, end=max(before.end, call.end))
    return list(found.values())


def _rounds(evidence: Evidence) -> list[list[Exchange]]:
    """Return the calls and loads with rows that met their first, second, ... lock in a row there."""
    found: list[dict[int, Exchange]] = []
    for chain in evidence.chains:
        locks = 0
        for attempt in chain:
            if not (attempt.exchange.many and attempt.heard and _LOCK in attempt.codes):
                locks = 0
                continue
            if len(attempt.exchange.rows) > 1:
                if len(found) <= locks:
                    found += [{} for _ in range(locks + 1 - len(found))]
                found[locks][attempt.number] = attempt.exchange
            locks += 1
    rounds = [[*calls.values()] for calls in found]
    return rounds[: next((place for place, calls in enumerate(rounds) if not calls), len(rounds))]
