"""How exactly times are judged: the interval of a declared wait, and what a clock and a busy machine add to it.

The declared wait before retry k is `base * factor ** (k - 1)`, at most `cap`; jitter is a share of that on either side.
Both readings of the cap are allowed: jitter on top of it, and jitter that ends at it. A wait counts from the end of the
failed request, as the client saw it (its answer, or its own leaving), to the start of the next.

Virtual time is exact. On a real clock a wait is never measured too short, but for a client's leaving, which is noticed
late; it is measured too long by what the client and the machine need: 50 ms or 5 %, and 10 ms for each other request
that began meanwhile. One long wait on a real clock may be a busy machine: it counts when it is grossly too long, or
when at least half of the waits of its number are too long.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Literal

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.plans import Policy
from harness.waits import Wait

Clock = Literal["real", "virtual"]

_EXACT = 1e-4
"""Seconds: what arithmetic on times of day may lose."""
_LEAST_TOLERANCE, _SHARE = 0.05, 0.05
_EACH_OTHER = 0.01
_GROSS = 1.0
_FEW = 3
_NEAR = 0.75
_DATE_LASTS = 60.0
"""Seconds for which a Retry-After in another form is taken to hold, where it excuses other waits."""


def tolerance(seconds: float, clock: Clock, others: int = 0) -> float:
    """Return by how much a measured time may exceed what it should be."""
    if clock == "virtual":
        return _EXACT
    return max(_LEAST_TOLERANCE, _SHARE * seconds) + _EACH_OTHER * others


def tolerance_below(wait: Wait, seconds: float, clock: Clock) -> float:
    """Return by how much a wait may be measured too short."""
    if clock == "virtual":
        return _EXACT
    if wait.before.left is not None:
        return max(_LEAST_TOLERANCE, _SHARE * seconds)
    return max(0.005, 0.01 * seconds)  # timers end a little early


def is_exact(policy: Policy | None) -> bool:
    """Tell whether a policy says enough to know the interval of each wait."""
    return policy is not None and None not in (policy.base, policy.factor, policy.jitter)


def nominal(policy: Policy, number: int) -> float:
    """Return the declared wait of a number, without jitter."""
    assert policy.base is not None
    factor = 1.0 if policy.factor is None else policy.factor
    try:
        delay = policy.base * factor ** (number - 1)
    except OverflowError:
        delay = float("inf")
    return delay if policy.cap is None else min(delay, policy.cap)


def interval(policy: Policy, wait: Wait) -> tuple[float, float]:
    """Return the shortest and the longest time that the policy allows for a wait."""
    jitter = policy.jitter or 0.0
    delays = (nominal(policy, wait.least), nominal(policy, wait.number))
    return min(delays) * (1 - jitter), max(delays) * (1 + jitter)


def is_out_of_time(evidence: Evidence, last: Exchange, tries: int) -> bool:
    """Tell whether giving up after a failed request is sparing the deadline: the next wait would have come near it.

    Time budgets are no part of a policy, and leave room to end in: three quarters of the deadline are near.
    """
    if evidence.deadline is None or not evidence.legs:
        return False
    policy = evidence.policy
    wait = nominal(policy, tries) * (1 + (policy.jitter or 0.0)) if policy and policy.base is not None else 0.0
    return last.end + wait >= evidence.legs[evidence.leg_of(last.number)].began + _NEAR * evidence.deadline


def plain_waits(evidence: Evidence) -> list[Wait]:
    """Return the waits that a policy speaks of: not those that Salesforce itself has set, or a used up quota.

    What one worker was told holds for all of them: a wait that falls into the announced time is not the policy's.
    """
    asked = _announced_times(evidence)
    begins = [begin for begin, _ in asked]

    def was_asked(wait: Wait) -> bool:
        place = bisect_right(begins, wait.after.at)
        return place > 0 and asked[place - 1][1] > wait.before.end

    return [
        wait
        for wait in evidence.waits
        if wait.kind != "quota" and wait.before.retry_after is None and not was_asked(wait)
    ]


def _announced_times(evidence: Evidence) -> list[tuple[float, float]]:
    """Return when answers with Retry-After asked to be left alone: from when, and the latest end so far."""
    found: list[tuple[float, float]] = []
    latest = float("-inf")
    for exchange in sorted(evidence.exchanges, key=lambda one: one.end):
        if exchange.retry_after is not None:
            text = exchange.retry_after.strip()
            latest = max(latest, exchange.end + (float(text) if text.isascii() and text.isdigit() else _DATE_LASTS))
            found.append((exchange.end, latest))
    return found


def too_short(waits: Iterable[Wait], policy: Policy, clock: Clock) -> list[Wait]:
    """Return the waits that end before the declared interval begins."""
    found = []
    for wait in waits:
        least = interval(policy, wait)[0]
        if wait.gap < least - tolerance_below(wait, least, clock):
            found.append(wait)
    return found


def too_long(waits: Sequence[Wait], limits: Sequence[float], clock: Clock) -> list[Wait]:
    """Return the waits that are longer than their limits, as far as the subject and not the machine is to blame."""
    beyond: dict[int, list[Wait]] = defaultdict(list)
    totals: dict[int, int] = defaultdict(int)
    gross: dict[int, Wait] = {}
    for wait, limit in zip(waits, limits, strict=True):
        if wait.interrupted:
            continue
        totals[wait.number] += 1
        if wait.idle <= limit + tolerance(limit, clock, wait.others):
            continue
        beyond[wait.number].append(wait)
        if clock == "virtual" or wait.idle > 2 * limit + _GROSS:
            gross[wait.after.number] = wait
    for number, found in beyond.items():
        if len(found) >= _FEW and 2 * len(found) >= totals[number]:
            gross.update((wait.after.number, wait) for wait in found)
    return [gross[number] for number in sorted(gross)]


def gaps_of(waits: Iterable[Wait]) -> list[list[float]]:
    """Return the waits of each chain in their order, up to the first whose number is in doubt."""
    chains: dict[int, list[Wait]] = defaultdict(list)
    for wait in waits:
        chains[wait.chain].append(wait)
    found = []
    for chain in chains.values():
        gaps: list[float] = []
        for wait in sorted(chain, key=lambda one: one.number):
            if wait.number != wait.least or wait.number != len(gaps) + 1:
                break
            gaps.append(wait.gap)
        if gaps:
            found.append(gaps)
    return found


def told(seconds: float) -> str:
    """Return a time as people read it: `40 ms`, `1.25 s`."""
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.4g} s"
