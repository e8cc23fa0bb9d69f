"""Recovery: work goes on when the faults have stopped, and while a few of it fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.evidence import Evidence, Outcome
from harness.exchanges import Exchange
from harness.properties.flight import most_at_once
from harness.properties.property import Claim, Verdict, counted, some
from harness.properties.retry.timing import told, tolerance


@dataclass(frozen=True, slots=True)
class Liveness:
    """`within`: seconds after the faults in which work must go on; twice the policy's cap (else 600) if not given."""

    within: float | None = None


class RecoversAfterHeal(Claim):
    name = "retry.recovers_after_heal"
    parameters = Liveness
    trigger = (
        "the faults stopped (a phase named `heal`, or the run after them of a resumable subject) while inputs were "
        "pending"
    )
    rule = (
        "The first of them lands within twice the cap, and all of them in the end. What the time limit cut off while "
        "work went on does not count."
    )
    guidance = (
        "Keep what is pending, and keep trying at the cap: a breaker that never closes, a worker that died of its last "
        "exception or a checkpoint that skips what failed leave work behind when nothing stands in its way any more."
    )
    source = "https://github.com/tigerbeetle/tigerbeetle/blob/main/docs/internals/vopr.md"
    needs = frozenset({"journal", "commits", "inputs", "letters"})
    consequences = frozenset({"delivery.nothing_lost", "dead_letter.complete"})

    def judge(self, evidence: Evidence, parameters: Liveness) -> Verdict:
        healed = evidence.healed
        if healed is None:
            return self.not_applicable("the faults never stopped")
        if evidence.legs and evidence.legs[-1].ended <= healed:
            return self.not_exercised("the subject had ended before the faults did")
        landed = _landings(evidence)
        pending = [place for place in range(len(evidence.inputs)) if _pending(evidence, place, landed, healed)]
        if not pending:
            return self.not_exercised("nothing was pending when the faults stopped")
        cap = evidence.policy.cap if evidence.policy else None
        within = parameters.within if parameters.within is not None else 2 * (300.0 if cap is None else cap)
        if _stopped_at_work(evidence, landed, healed, within):
            pending = [place for place in pending if place in landed or not _cut_off(evidence, place)]
            if not pending:
                return self.not_exercised("the subject was stopped before it had to go on")
        stuck = [place for place in pending if place not in landed]
        arrivals = sorted(landed[place] for place in pending if place in landed)
        if stuck:
            reason = f"{len(stuck)} of {counted(len(pending), 'pending input')} never arrived: "
            return self.violated(reason + some(map(evidence.name, stuck)), len(pending), evidence.last_entries(stuck))
        if arrivals and arrivals[0] > healed + within + tolerance(within, evidence.clock):
            first = min((place for place in pending if place in landed), key=lambda place: landed[place])
            took = told(arrivals[0] - healed)
            reason = f"the first pending input arrived {took} after the faults, {told(within)} allowed"
            return self.violated(reason, len(pending), evidence.last_entries([first]))
        return self.held(f"{counted(len(pending), 'pending input')} arrived after the faults", len(pending))


def _landings(evidence: Evidence) -> dict[int, float]:
    """Return when each input landed first."""
    places = {id_: place for place, ids in enumerate(evidence.records) for id_ in ids}
    found: dict[int, float] = {}
    for commit in evidence.commits:
        place = places.get(commit.id)
        if place is not None and commit.exchange:
            found.setdefault(place, commit.at)
    return found


def _stopped_at_work(evidence: Evidence, landed: dict[int, float], healed: float, within: float) -> bool:
    """Tell whether the time limit came before work had stood still for as long as it may."""
    if not (evidence.legs and evidence.legs[-1].process.timed_out):
        return False
    since = max([healed, *landed.values()])
    return evidence.legs[-1].ended <= since + within + tolerance(within, evidence.clock)


def _cut_off(evidence: Evidence, place: int) -> bool:
    chain = evidence.chains[place]
    return not chain or evidence.cut_off(place, chain[-1])


def _pending(evidence: Evidence, place: int, landed: dict[int, float], healed: float) -> bool:
    if place in landed:
        return landed[place] > healed
    chain = evidence.chains[place]
    if evidence.outcomes[place] is Outcome.DEAD_LETTERED:
        return False  # given up, for a reason that other properties judge
    if evidence.outcomes[place] is Outcome.SKIPPED:
        return False
    return not chain or chain[-1].failure in ("transient", "ambiguous", "quota", "session")


@dataclass(frozen=True, slots=True)
class Share:
    """`share`: how much of its time fresh work must keep while a few requests fail."""

    share: float = 0.5


_REQUESTS = 50
_LEAST_FAILING, _MOST_FAILING = 0.02, 0.3


class NoStarvation(Claim):
    name = "retry.no_starvation"
    parameters = Share
    trigger = "of 50 or more requests 2 to 30 % failed in passing, and the subject works on several at once"
    rule = "For at least half of the time in which there is fresh work, it is not at a standstill behind retries."
    guidance = (
        "Let a failed item wait by itself: put it back with the time of its next attempt and take the next one. A "
        "sleep in the worker, or under a lock that all workers need, stops the healthy with the sick."
    )
    source = "https://sre.google/sre-book/addressing-cascading-failures/"
    needs = frozenset({"journal", "inputs"})

    def judge(self, evidence: Evidence, parameters: Share) -> Verdict:
        fresh = _first_requests(evidence)
        requests = [exchange for exchange in evidence.exchanges if exchange.is_write]
        failing = len({wait.before.number for wait in evidence.waits if wait.before.is_write})
        if len(fresh) < _REQUESTS or not requests:
            return self.not_exercised(f"{counted(len(fresh), 'fresh request')}; {_REQUESTS} are needed")
        if not _LEAST_FAILING <= failing / len(requests) <= _MOST_FAILING:
            return self.not_exercised(f"{failing / len(requests):.0%} of the requests failed; 2 to 30 % are needed")
        workers = most_at_once(requests)
        if workers < 2:
            return self.not_exercised("the subject sends one request after the other: there is nothing to starve")
        if any(exchange.retry_after is not None or exchange.failure == "quota" for exchange in evidence.exchanges):
            return self.not_exercised("Salesforce asked for a pause")
        span = fresh[-1].at - fresh[0].at
        still = _standstill(evidence, fresh, workers)
        moving = 1 - still / span if span > 0 else 1.0
        reason = f"fresh work was moving for {moving:.0%} of {told(span)}, {counted(failing, 'failure')} on the way"
        if moving < parameters.share:
            longest = sorted(evidence.waits, key=lambda wait: -wait.gap)[:3]
            return self.violated(reason, failing, (n for w in longest for n in (w.before.number, w.after.number)))
        return self.held(reason, failing)


def _first_requests(evidence: Evidence) -> list[Exchange]:
    """Return the requests that carried an input for the first time, in their order."""
    found = {chain[0].number: chain[0].exchange for chain in evidence.chains if chain}
    return [found[number] for number in sorted(found)]


def _standstill(evidence: Evidence, fresh: Sequence[Exchange], workers: int) -> float:
    """Return for how many seconds nothing at all was under way although only some of the workers had failed.

    Where all of them wait for a retry of their own, the failures are too many, and nobody holds up the others.
    """
    steps: list[tuple[float, int, int]] = []
    for exchange in evidence.exchanges:
        steps += [(exchange.at, 1, 0), (exchange.end, -1, 0)]
    for wait in evidence.waits:
        steps += [(wait.before.end, 0, 1), (wait.after.at, 0, -1)]
    steps.sort()
    first, last = fresh[0].at, fresh[-1].at
    still = 0.0
    at, under_way, waiting = first, 0, 0
    for moment, request, wait_ in steps:
        start, end = max(at, first), min(moment, last)
        if end > start and not under_way and 0 < waiting < workers:
            still += end - start
        at = moment
        under_way += request
        waiting += wait_
    return still
