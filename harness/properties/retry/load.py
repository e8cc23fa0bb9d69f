"""Load: retries add little to the work, and one layer alone retries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from harness.evidence import Attempt, Evidence
from harness.properties import statistics
from harness.properties.property import MOST_EVIDENCE, Claim, NoParameters, Verdict, counted
from harness.properties.retry.bounds import DEFAULT_ATTEMPTS
from harness.properties.retry.timing import gaps_of, plain_waits, told

_NEEDLESS = 0.1


@dataclass(frozen=True, slots=True)
class Amplification:
    """`max`: attempts for each input, on average; the policy's attempts, else 10, when it is not given."""

    max: float | None = None


class AmplificationBounded(Claim):
    name = "retry.amplification_bounded"
    parameters = Amplification
    trigger = "attempts failed"
    rule = (
        "At most one attempt in ten repeats what neither a failure nor anything new justifies, and the attempts of an "
        "input are on average no more than the policy allows (default: 10)."
    )
    guidance = (
        "Send one request for one failure: no hedging, no second copy 'to be sure', no whole batch for one bad row. "
        "In an outage every layer that retries multiplies the load on a platform that is down already."
    )
    source = "https://sre.google/sre-book/handling-overload/"
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset({"retry.bounded", "retry.slow_is_not_dead", "delivery.nothing_twice"})

    def judge(self, evidence: Evidence, parameters: Amplification) -> Verdict:
        inputs = failures = needless = 0
        entries: list[int] = []
        for chain in evidence.chains:
            failures += sum(attempt.failure is not None for attempt in chain)
            for run in evidence.by_leg(chain):
                inputs += 1
                extra = _needless(run) if len(run) > 1 else 0
                needless += extra
                if extra and len(entries) < MOST_EVIDENCE:
                    entries += [attempt.number for attempt in run]
        if not failures:
            return self.not_exercised("no attempt failed")
        most = parameters.max if parameters.max is not None else evidence.attempts or DEFAULT_ATTEMPTS
        found = f"{counted(failures, 'failed attempt')} of {counted(inputs, 'input')}, {needless} repeated needlessly"
        if needless > _NEEDLESS * (inputs + failures):
            return self.violated(found, failures, entries)
        if failures > most * inputs:
            longest = max(evidence.chains, key=len)
            reason = f"{found}: on average more than {most:g} an input"
            return self.violated(reason, failures, (attempt.number for attempt in longest))
        return self.held(found, failures)


def _needless(run: Sequence[Attempt]) -> int:
    """Return how many attempts say what another one, which was told its success, says too."""
    told = [attempt for attempt in run if attempt.failure is None]
    if len(told) < 2:
        return 0
    return len(told) - len({(attempt.verb, attempt.fingerprint) for attempt in told})


class SingleLayer(Claim):
    name = "retry.single_layer"
    trigger = "ten or more requests were tried at least four times"
    rule = (
        "The waits of a chain belong to one series: they do not start anew in regular rounds, as those of a retrying "
        "client inside a retrying wrapper do."
    )
    guidance = (
        "Retry in one layer. Switch the retries of the HTTP library, the SDK or the queue off where the code around "
        "them retries: three layers of three attempts are 27 requests for one failure."
    )
    source = "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/"
    needs = frozenset({"journal", "inputs"})
    consequences = frozenset(
        {
            "retry.bounded",
            "retry.backoff_grows",
            "retry.backoff_capped",
            "retry.amplification_bounded",
            "retry.within_deadline",
            "dead_letter.attempts_true",
        }
    )

    def judge(self, evidence: Evidence, parameters: NoParameters) -> Verdict:
        waits = plain_waits(evidence)
        by_depth: dict[int, list[list[float]]] = defaultdict(list)
        for gaps in gaps_of(waits):
            by_depth[len(gaps)].append(gaps)
        judged = {
            depth: chains
            for depth, chains in by_depth.items()
            if depth >= 3 and len(chains) >= statistics.LAYERED_CHAINS
        }
        total = sum(map(len, judged.values()))
        if not total:
            return self.not_exercised(
                f"fewer than {statistics.LAYERED_CHAINS} requests were tried four times or more, and as often"
            )
        for depth, chains in sorted(judged.items(), reverse=True):
            longest = statistics.envelope(chains)
            inner = statistics.rounds(chains)
            if inner:
                outer = (depth + 1) // inner
                reason = (
                    f"{depth + 1} attempts are {outer} rounds of {inner}: the longest waits are "
                    f"{', '.join(told(gap) for gap in longest)}"
                )
                entries = [number for wait in waits[:depth] for number in (wait.before.number, wait.after.number)]
                return self.violated(reason, total, entries)
        return self.held(f"{counted(total, 'chain')}, the waits of each in one series", total)
