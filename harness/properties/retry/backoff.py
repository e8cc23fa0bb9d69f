"""Backoff: waits grow, end at a cap, and differ from client to client."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.evidence import Evidence
from harness.plans import Policy
from harness.properties import statistics
from harness.properties.property import Claim, NoParameters, Verdict, counted, some
from harness.properties.retry.timing import (
    gaps_of,
    interval,
    is_exact,
    nominal,
    plain_waits,
    told,
    too_long,
    too_short,
)
from harness.waits import AT_ONCE, Wait

_SOURCE = "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/"
_LONGEST = 300.0
"""Seconds that a wait may take where no cap is declared."""


@dataclass(frozen=True, slots=True)
class Growth:
    """`min_factor`: how much longer the longest fourth wait must be than the longest first one."""

    min_factor: float = statistics.MIN_FACTOR


class BackoffGrows(Claim):
    name = "retry.backoff_grows"
    parameters = Growth
    trigger = (
        "something was tried again (without a declared base, factor and jitter: in 20 chains of four waits each, or a "
        "dozen times at once)"
    )
    rule = (
        "With a declared policy every wait is inside its exact interval; without, the longest fourth wait is at least "
        "1.3 times the longest first one, and not all waits are under 50 ms."
    )
    guidance = (
        "Wait `base * factor ** (k - 1)` before retry k, with a cap and with jitter. Count the wait from the failure, "
        "once a request, and do not let a client library retry by itself underneath."
    )
    source = _SOURCE
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset({"retry.jittered"})

    def judge(self, evidence: Evidence, parameters: Growth) -> Verdict:
        waits = plain_waits(evidence)
        if evidence.policy is not None and is_exact(evidence.policy):
            return self._against(evidence, evidence.policy, waits)
        return self._by_statistics(waits, parameters)

    def _against(self, evidence: Evidence, policy: Policy, waits: list[Wait]) -> Verdict:
        if not waits:
            return self.not_exercised("nothing was tried again after a wait")
        clock = evidence.clock
        short = too_short(waits, policy, clock)
        long = too_long(waits, [interval(policy, wait)[1] for wait in waits], clock)
        if not short and not long:
            return self.held(f"{counted(len(waits), 'wait')}, each as declared", len(waits))
        parts = []
        for found, word in ((short, "shorter"), (long, "longer")):
            if found:
                named = some(_described(wait, interval(policy, wait)) for wait in found)
                parts.append(f"{len(found)} of {counted(len(waits), 'wait')} {word} than declared: {named}")
        entries = [number for wait in (*short, *long) for number in (wait.before.number, wait.after.number)]
        return self.violated("; ".join(parts), len(waits), entries)

    def _by_statistics(self, waits: list[Wait], parameters: Growth) -> Verdict:
        chains = gaps_of(waits)
        longest = statistics.envelope(chains)
        entries = [number for wait in waits[:4] for number in (wait.before.number, wait.after.number)]
        if statistics.is_immediate(chains):
            reason = f"{counted(len(waits), 'retry', 'retries')} at once: the longest wait was {told(max(longest))}"
            return self.violated(reason, len(waits), entries)
        deep = sum(len(gaps) >= statistics.DEPTH for gaps in chains)
        growth = statistics.growth(chains)
        if growth is None:
            return self.not_exercised(
                f"{counted(deep, 'chain')} of four waits; {statistics.CHAINS} are needed to judge without a policy"
            )
        form = statistics.shape(chains, parameters.min_factor)
        reason = (
            f"the waits are {form}: over {deep} chains the longest fourth wait is {growth:.2f} times the longest first "
            f"({', '.join(told(gap) for gap in longest[: statistics.DEPTH])})"
        )
        if growth < parameters.min_factor:
            return self.violated(reason, deep, entries)
        return self.held(reason, deep)


def _described(wait: Wait, allowed: tuple[float, float]) -> str:
    low, high = allowed
    between = told(low) if high - low < 1e-9 else f"{told(low)} to {told(high)}"
    return f"wait {wait.number} before {wait.after.operation} was {told(wait.gap)}, declared {between}"


@dataclass(frozen=True, slots=True)
class Cap:
    """`seconds`: the longest wait; the policy's `cap` with its jitter, else five minutes, when it is not given."""

    seconds: float | None = None


class BackoffCapped(Claim):
    name = "retry.backoff_capped"
    parameters = Cap
    trigger = "something was tried again so often that the cap decides how long to wait (or three times, undeclared)"
    rule = "No wait is longer than the cap with its jitter (default: five minutes)."
    guidance = (
        "Limit the wait, not only the number of attempts: `min(cap, base * factor ** (k - 1))`. Ten doublings of a "
        "second are a quarter of an hour, twelve are more than an hour."
    )
    source = _SOURCE
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset({"retry.backoff_grows", "retry.within_deadline", "retry.recovers_after_heal"})

    def judge(self, evidence: Evidence, parameters: Cap) -> Verdict:
        policy = evidence.policy
        cap, jitter = parameters.seconds, 0.0
        if cap is None and policy is not None and policy.cap is not None:
            cap, jitter = policy.cap, policy.jitter or 0.0
        waits = [wait for wait in plain_waits(evidence) if _reaches(policy, wait, cap)]
        if not waits:
            return self.not_exercised("no wait came near a cap")
        limit = (_LONGEST if cap is None else cap) * (1 + jitter)
        over = too_long(waits, [limit] * len(waits), evidence.clock)
        if over:
            worst = max(over, key=lambda wait: wait.idle)
            reason = f"{len(over)} of {counted(len(waits), 'wait')} over {told(limit)}, the longest {told(worst.idle)}"
            return self.violated(reason, len(waits), (n for w in over for n in (w.before.number, w.after.number)))
        return self.held(f"{counted(len(waits), 'wait')}, none over {told(limit)}", len(waits))


def _reaches(policy: Policy | None, wait: Wait, cap: float | None) -> bool:
    """Tell whether an uncapped wait of this number would be longer than the cap."""
    if policy is None or policy.base is None or policy.factor is None or cap is None:
        return wait.number >= 3
    uncapped = Policy(base=policy.base, factor=policy.factor)
    return nominal(uncapped, wait.number) > cap


class Jittered(Claim):
    name = "retry.jittered"
    trigger = (
        "30 requests were tried again for the first time (with a declared policy, of any time; undeclared, for the "
        "second time where the first retry comes at once)"
    )
    rule = (
        "Their waits differ: the standard deviation is at least 3 % of the mean, or a sixth of the declared jitter of "
        "the declared wait."
    )
    guidance = (
        "Draw each wait at random around its nominal length. Clients that failed at one instant come back at one "
        "instant otherwise, and fail together again."
    )
    source = _SOURCE
    needs = frozenset({"journal", "inputs", "policy"})

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        policy = evidence.policy
        waits = [wait for wait in plain_waits(evidence) if wait.number == wait.least]
        least = statistics.MIN_VARIATION
        if policy is not None and is_exact(policy):
            if not policy.jitter:
                return self.not_applicable("the policy declares no jitter")
            values = [wait.gap / delay for wait in waits if (delay := nominal(policy, wait.number)) > 0]
            least = policy.jitter / statistics.JITTER_SHARE
        else:
            waits = _first_real(waits)
            values = [wait.gap for wait in waits]
        if len(values) < statistics.FIRST_WAITS:
            return self.not_exercised(f"too few waits to compare; {statistics.FIRST_WAITS} are needed")
        found = statistics.variation(values)
        reason = f"{len(values)} waits vary by {found:.1%} of their mean (at least {least:.1%} wanted)"
        if found < least:
            return self.violated(reason, len(values), _entries(waits))
        return self.held(reason, len(values))


def _first_real(waits: Sequence[Wait]) -> list[Wait]:
    """Return the waits of the first number of which enough are any: some libraries try once at once, by design.

    None where there are not enough of any number: whether there are waits at all is for retry.backoff_grows to say.
    """
    by_number: dict[int, list[Wait]] = defaultdict(list)
    for wait in waits:
        by_number[wait.number].append(wait)
    for _, alike in sorted(by_number.items()):
        if sum(wait.gap >= AT_ONCE for wait in alike) >= statistics.FIRST_WAITS:
            return alike
    return []


def _entries(waits: Sequence[Wait]) -> list[int]:
    return [number for wait in waits[:4] for number in (wait.before.number, wait.after.number)]
