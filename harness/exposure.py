"""Exposure: which requests, attempts and inputs a fault really touched."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from harness.evidence import Exposure

if TYPE_CHECKING:
    from harness.evidence import Evidence


def exposures_of(evidence: Evidence) -> dict[str, Exposure]:
    """Return the exposures by fault, in the order in which the faults were armed, then in that of their first strike.

    A fault that touched nothing is there too, with nothing in it.
    """
    exchanges: dict[str, list[int]] = {fault.name: [] for fault in evidence.faults}
    attempts: dict[str, int] = defaultdict(int)
    inputs: dict[str, dict[int, None]] = defaultdict(dict)
    for exchange in evidence.exchanges:
        for rule in (*exchange.rules, *exchange.slowed):
            exchanges.setdefault(rule, []).append(exchange.number)
    for place, chain in enumerate(evidence.chains):
        for attempt in chain:
            for rule in (*attempt.rules, *attempt.exchange.slowed):
                attempts[rule] += 1
                inputs[rule][place] = None
    return {
        rule: Exposure(rule, tuple(numbers), attempts[rule], tuple(inputs[rule])) for rule, numbers in exchanges.items()
    }
