"""Time-outs: a client that hears nothing gives up in time, and not before."""

from __future__ import annotations

from dataclasses import dataclass

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, Verdict, counted, some
from harness.properties.retry.timing import told, tolerance

_SOURCE = "https://aws.amazon.com/builders-library/timeouts-retries-and-backoff-with-jitter/"
_GROSS = 1.5


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds. `timeout`: the policy's own, else 30, when it is not given. `query`: of queries, else 120."""

    timeout: float | None = None
    query: float | None = None

    def of(self, exchange: Exchange, declared: float | None) -> float:
        if exchange.operation.startswith("rest.query."):
            return self.query or declared or 120.0
        return self.timeout or declared or 30.0


class TimeoutSet(Claim):
    name = "retry.timeout_set"
    parameters = Patience
    trigger = "a request was not answered within the time-out (the policy's, else 30 s, 120 s of queries)"
    rule = (
        "The client gives up at the time-out it has declared, and does not wait for an answer that may never come. "
        "(One that arrived in small pieces is left out: most clients' time-outs are those of each read.)"
    )
    guidance = (
        "Set a time-out on every call: most HTTP clients have none by default, or a very long one. A worker that hangs "
        "is a lost worker, and with it everything in its queue."
    )
    source = _SOURCE
    needs = frozenset({"journal", "policy", "process"})
    consequences = frozenset(
        {"delivery.nothing_lost", "dead_letter.complete", "retry.within_deadline", "retry.slow_is_not_dead"}
    )

    def judge(self, evidence: Evidence, parameters: Patience) -> Verdict:
        declared = evidence.policy.timeout if evidence.policy else None
        stayed: list[tuple[Exchange, float]] = []
        late: list[tuple[Exchange, float]] = []
        exposures = 0
        trickles = {fault.name for fault in evidence.faults if fault.rule.get("reply") == "trickle"}
        for exchange in evidence.exchanges:
            if exchange.is_stream:
                continue  # a stream lasts; whether one that fell silent is given up, `events.flow_control` asks
            if exchange.left is None and not exchange.open and not trickles.isdisjoint(exchange.rules):
                continue
            limit = parameters.of(exchange, declared)
            waited = _waited(evidence, exchange)
            if waited < limit * 0.98 - 1e-4:
                continue
            if exchange.left is None:
                if waited > limit + tolerance(limit, evidence.clock):
                    exposures += 1
                    stayed.append((exchange, waited))
                continue
            exposures += 1
            if waited > limit + tolerance(limit, evidence.clock):
                late.append((exchange, waited))
        # A real clock notices late that a client has left: one that is a little late may be a busy machine.
        real = evidence.clock == "real"
        if real and (2 * len(late) < exposures or len(late) < 2):
            late = [(one, waited) for one, waited in late if waited > _GROSS * parameters.of(one, declared)]
        if stayed or late:
            named = some(f"{exchange.operation} waited {told(waited)}" for exchange, waited in (*stayed, *late))
            limit = parameters.of((*stayed, *late)[0][0], declared)
            entries = [exchange.number for exchange, _ in (*stayed, *late)]
            reason = f"{counted(len(entries), 'request')} past a time-out of {told(limit)}: {named}"
            return self.violated(reason, exposures, entries)
        if not exposures:
            return self.not_exercised("every answer came within the time-out")
        return self.held(f"{counted(exposures, 'request')} given up at the time-out", exposures)


def _waited(evidence: Evidence, exchange: Exchange) -> float:
    """Return how long the client has waited; of a request that nobody saw ended, until its run was over at least."""
    if exchange.open and evidence.legs:
        return max(0.0, evidence.legs[evidence.leg_of(exchange.number)].ended - exchange.at)
    return exchange.end - exchange.at


@dataclass(frozen=True, slots=True)
class Slowness:
    """`timeout`: seconds in which an answer is slow, not dead; the policy's own, else 5, when it is not given."""

    timeout: float | None = None


_NOTICEABLE = 0.1
"""The share of the time-out from which an answer counts as slow."""


class SlowIsNotDead(Claim):
    name = "retry.slow_is_not_dead"
    parameters = Slowness
    trigger = "a latency held requests for a noticeable part of the time-out, and less than it"
    rule = "The client waits for the answer, and sends the same nothing twice because of it."
    guidance = (
        "Set the time-out above the slowest normal answer (the 99th percentile and more). A time-out that is too tight "
        "doubles the load when Salesforce is slow, and makes duplicates out of creates that were done."
    )
    source = _SOURCE
    needs = frozenset({"journal", "policy", "process"})
    consequences = frozenset(
        {
            "retry.timeout_set",
            "retry.amplification_bounded",
            "retry.bounded",
            "retry.unsafe_not_replayed",
            "idempotency.lost_reply_create",
            "idempotency.lost_reply_collections",
            "bulk.only_failed_rows_retried",
            "delivery.nothing_lost",
            "delivery.nothing_twice",
            "dead_letter.complete",
        }
    )

    def judge(self, evidence: Evidence, parameters: Slowness) -> Verdict:
        declared = evidence.policy.timeout if evidence.policy else None
        timeout = parameters.timeout or declared or 5.0
        slow: dict[tuple[str, ...], Exchange] = {}
        exposures = 0
        impatient: list[str] = []
        entries: list[int] = []
        for exchange in evidence.exchanges:
            earlier = slow.get(exchange.repeat)
            if earlier is not None and _because_slow(evidence, earlier, exchange, timeout):
                waited = min(earlier.end, exchange.at) - earlier.at
                impatient.append(f"{exchange.operation} sent again after {told(waited)}")
                entries.extend((earlier.number, exchange.number))
            if exchange.slowed:
                took = exchange.end - exchange.at
                exposures += _NOTICEABLE * timeout <= took <= timeout
                slow[exchange.repeat] = exchange
            else:
                slow.pop(exchange.repeat, None)
        if impatient:
            reason = f"{counted(len(impatient), 'request')} sent twice within {told(timeout)}: {some(impatient)}"
            return self.violated(reason, exposures, entries)
        if not exposures:
            return self.not_exercised("no answer was noticeably slow")
        return self.held(f"{counted(exposures, 'slow answer')} waited for", exposures)


def _because_slow(evidence: Evidence, earlier: Exchange, again: Exchange, timeout: float) -> bool:
    """Tell whether a request was repeated while, or because, its slow answer was on the way within the time-out."""
    if not (earlier.is_write or earlier.is_login) or evidence.leg_of(earlier.number) != evidence.leg_of(again.number):
        return False  # the same read may be asked for by two workers
    if again.at < earlier.end:
        return again.at - earlier.at < timeout and earlier.is_write
    if earlier.left is None:
        return False
    # Whoever leaves at once has another reason: the failure of a neighbour that cancels all.
    waited = earlier.left - earlier.at
    return _NOTICEABLE * timeout <= waited < timeout - tolerance(timeout, evidence.clock)
