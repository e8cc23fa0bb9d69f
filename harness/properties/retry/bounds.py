"""Attempts have an end: in number, and in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.evidence import Attempt, Evidence
from harness.exchanges import CREATIONS, Exchange
from harness.properties.property import Claim, Verdict, counted, some
from harness.properties.retry.timing import told, tolerance

DEFAULT_ATTEMPTS = 10
"""What is allowed where the subject has declared nothing."""


@dataclass(frozen=True, slots=True)
class Bound:
    """`attempts`: the most that an input may take; the policy's own number, else 10, when it is not given."""

    attempts: int | None = None


class Bounded(Claim):
    name = "retry.bounded"
    parameters = Bound
    trigger = "something failed"
    rule = (
        "No input, and no request that fails again and again, is tried more often than the policy allows (default: 10 "
        "times)."
    )
    guidance = (
        "Count the attempts of each record across all layers that retry (client library, wrapper, queue) and stop at "
        "the declared number: then dead-letter. Expired sessions do not count, but refresh only once each."
    )
    source = "https://sre.google/sre-book/handling-overload/"
    needs = frozenset({"journal", "inputs", "policy"})
    consequences = frozenset({"delivery.nothing_lost", "retry.within_deadline", "retry.amplification_bounded"})

    def judge(self, evidence: Evidence, parameters: Bound) -> Verdict:
        most = parameters.attempts or evidence.attempts or DEFAULT_ATTEMPTS
        exposures = 0
        beyond: list[str] = []
        entries: list[int] = []
        for place, chain in enumerate(evidence.chains):
            for run in evidence.by_leg(chain):
                tries = tries_of(evidence, run)
                exposures += any(attempt.failure for attempt in tries)
                if len(tries) > most:
                    beyond.append(f"{evidence.name(place)} ({len(tries)} times)")
                    entries.extend((tries[0].number, tries[most].number, tries[-1].number))
        for alike in _failing_runs(evidence):
            exposures += 1
            if len(alike) > most * (evidence.most_jobs if alike[0].operation in CREATIONS else 1):
                beyond.append(f"{alike[0].operation} ({len(alike)} times in a row)")
                entries.extend((alike[0].number, alike[most].number, alike[-1].number))
        if beyond:
            return self.violated(f"more than {most} attempts: {some(beyond)}", exposures, entries)
        if not exposures:
            return self.not_exercised("nothing failed")
        return self.held(f"never more than {most} attempts", exposures)


def tries_of(evidence: Evidence, run: Sequence[Attempt]) -> list[Attempt]:
    """Return the attempts that count against a budget: not those of an ended session, nor a client library's own."""
    resends = evidence.waits.resends
    return [attempt for attempt in run if attempt.failure != "session" and attempt.exchange.number not in resends]


def _failing_runs(evidence: Evidence) -> Iterable[list[Exchange]]:
    """Yield the runs of equal requests of one session, rows unknown, that failed one after the other.

    What was sent before the one before it had failed is another worker's, and is no attempt of the same.
    """
    runs: dict[tuple[tuple[str, ...], str | None], list[Exchange]] = {}
    leg = 0
    for exchange in evidence.exchanges:
        if len(evidence.legs) > 1 and evidence.leg_of(exchange.number) != leg:
            leg = evidence.leg_of(exchange.number)
            yield from runs.values()
            runs = {}
        worker = (exchange.repeat, exchange.session)
        if exchange.failure is None or exchange.rows:
            run = runs.pop(worker, None)
            if run:
                yield run
        elif exchange.failure not in ("session", "permanent"):
            run = runs.setdefault(worker, [])
            if not run or exchange.at >= run[-1].end:
                run.append(exchange)
    yield from runs.values()


@dataclass(frozen=True, slots=True)
class Deadline:
    """`seconds`: how long the subject may go on after its start; the scenario's `deadline` when it is not given."""

    seconds: float | None = None


class WithinDeadline(Claim):
    name = "retry.within_deadline"
    parameters = Deadline
    trigger = "something failed in passing, in a scenario with a deadline"
    rule = "No request starts after the deadline, and the subject is not still retrying when it is stopped there."
    guidance = (
        "Give the whole job a time budget beside the number of attempts: before each wait compare what is left with "
        "the wait, and dead-letter the rest in time. Attempts and waits multiply faster than a job's window grows."
    )
    source = "https://sre.google/sre-book/addressing-cascading-failures/"
    needs = frozenset({"journal", "inputs", "process"})
    consequences = frozenset({"delivery.nothing_lost", "dead_letter.complete", "retry.transient_retried"})

    def judge(self, evidence: Evidence, parameters: Deadline) -> Verdict:
        limit = parameters.seconds if parameters.seconds is not None else evidence.deadline
        if limit is None:
            return self.not_applicable("the scenario has no deadline")
        failed = sum(exchange.failure in ("transient", "ambiguous") for exchange in evidence.exchanges)
        failed += sum(attempt.failure == "transient" for chain in evidence.chains for attempt in chain)
        if not failed or not evidence.exchanges:
            return self.not_exercised("nothing failed in passing")
        late: list[Exchange] = []
        ends = [leg.began + limit + tolerance(limit, evidence.clock) for leg in evidence.legs]
        if ends:
            late += [one for one in evidence.exchanges if one.at > ends[evidence.leg_of(one.number)]]
        for place, leg in enumerate(evidence.legs):
            if leg.process.timed_out and leg.ended - leg.began >= limit:
                late += _still_retrying(evidence, place)
        if late:
            named = some(dict.fromkeys(exchange.operation for exchange in late))
            reason = f"still retrying at the deadline of {told(limit)}: {named}"
            return self.violated(reason, failed, (exchange.number for exchange in late[-4:]))
        if any(leg.process.timed_out for leg in evidence.legs):
            return self.not_exercised("the subject was stopped, but not while it was retrying")
        return self.held(f"ended within {told(limit)}, {counted(failed, 'failure')} on the way", failed)


def _still_retrying(evidence: Evidence, leg: int) -> list[Exchange]:
    """Return the last requests of inputs that were in the middle of their attempts when the run ended."""
    found: dict[int, Exchange] = {}
    for place, chain in enumerate(evidence.chains):
        if len(chain) < 2 or evidence.leg_of(chain[-1].number) != leg or evidence.landed(place):
            continue
        if chain[-1].failure in ("transient", "ambiguous", "quota") and not evidence.letters_of[place]:
            found[chain[-1].number] = chain[-1].exchange
    return [found[number] for number in sorted(found)]
