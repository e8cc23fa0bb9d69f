"""A circuit breaker: in an outage requests all but stop, and come back with the platform."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from harness.evidence import Evidence
from harness.exchanges import Exchange
from harness.properties.property import Claim, Verdict, counted, some
from harness.properties.retry.timing import told, tolerance

_SHARE = 10
"""A tenth of the requests may still be sent where no probes are declared."""
_IN_FLIGHT = 0.1


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is claimed. `after`: failures in a row that open the circuit. `probe`: seconds between two probes."""

    after: int | None = None
    probe: float | None = None


@dataclass(slots=True)
class _Outage:
    """Failures in a row, in the order in which they ended, and what began after the circuit had to open."""

    failed: list[Exchange] = field(default_factory=list)
    begun: list[Exchange] = field(default_factory=list)
    over: float | None = None


class CircuitOpens(Claim):
    name = "retry.circuit_opens"
    parameters = Breaker
    trigger = "a circuit breaker is claimed (parameter `after`), and so many requests failed one after the other"
    rule = (
        "From then on, and until one succeeds, only probes are sent: one each `probe` seconds, or a tenth of the rate "
        "before."
    )
    guidance = (
        "Count failures over all workers; once there are too many, refuse calls on the client's side and let one "
        "request through now and then. Close the circuit at the first that succeeds."
    )
    source = "https://learn.microsoft.com/azure/architecture/patterns/circuit-breaker"
    needs = frozenset({"journal"})

    def judge(self, evidence: Evidence, parameters: Breaker) -> Verdict:
        if not parameters.after:
            return self.not_applicable("no circuit breaker is claimed")
        outages = list(_outages(evidence, parameters.after))
        hammered: list[str] = []
        entries: list[int] = []
        for outage in outages:
            pause = parameters.probe
            if pause is None:
                pause = _SHARE * (outage.failed[-1].end - outage.failed[0].at) / parameters.after
            opened = outage.failed[-1].end
            excess = _excess(outage.begun, opened, pause, evidence)
            if excess:
                hammered.append(
                    f"{len(excess)} after {counted(parameters.after, 'failure')}, one in {told(pause)} allowed"
                )
                entries.extend((outage.failed[-1].number, *(exchange.number for exchange in excess[:3])))
        if hammered:
            return self.violated(f"requests went on in an outage: {some(hammered)}", len(outages), entries)
        if not outages:
            return self.not_exercised(f"there were no {parameters.after} failures in a row")
        return self.held(f"{counted(len(outages), 'outage')}, each left to probes alone", len(outages))


def _excess(begun: list[Exchange], opened: float, pause: float, evidence: Evidence) -> list[Exchange]:
    """Return the requests that came sooner after the one before than a probe may."""
    slack = tolerance(pause, evidence.clock)
    last = opened
    found = []
    for exchange in begun:
        if exchange.at < last + pause - slack:
            found.append(exchange)
        else:
            last = exchange.at
    return found


def _outages(evidence: Evidence, after: int) -> Iterator[_Outage]:
    # The state of the circuit changes when an answer arrives; a request is judged by the state at its start.
    exchanges = [exchange for exchange in evidence.exchanges if not exchange.open]
    grace = 0.0 if evidence.clock == "virtual" else _IN_FLIGHT
    streak: list[Exchange] = []
    current: _Outage | None = None
    starts = iter(sorted(exchanges, key=lambda exchange: exchange.at))
    waiting = next(starts, None)
    for exchange in sorted(exchanges, key=lambda exchange: exchange.end):
        while waiting is not None and waiting.at <= exchange.end:
            if current is not None and waiting.at > current.failed[-1].end + grace:
                current.begun.append(waiting)
            waiting = next(starts, None)
        if exchange.failure in ("transient", "ambiguous"):
            streak.append(exchange)
            if current is None and len(streak) == after:
                current = _Outage(list(streak))
        else:
            if current is not None:
                current.over = exchange.end
                # The request that succeeded was a probe.
                yield current
            streak, current = [], None
    if current is not None:
        yield current
