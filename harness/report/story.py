"""Tells in plain words what happened: an exchange in one line, a trial's end in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from harness.evidence import Evidence, Leg, Outcome, Process
from harness.exchanges import Exchange
from harness.properties.property import Property, Verdict, counted, some
from harness.result import TrialResult

_NO_REPLY = {
    "lost": "done, but the reply was lost",
    "reset": "connection reset, nothing done",
    "cut": "the reply was cut off",
    "malformed": "the reply could not be read",
    "abandoned": "the client had gone",
}


def tell_exchange(exchange: Exchange, start: float) -> str:
    """Return one exchange as a line; `start` is the clock second that counts as 0."""
    parts = [f"#{exchange.number} at {exchange.at - start:.2f}s {exchange.operation}", tell_answer(exchange)]
    if exchange.rows:
        parts.append(_tell_rows(exchange))
    if exchange.copy_of is not None:
        parts.append(f"#{exchange.copy_of} once more, delivered by the network")
    if exchange.rules:
        parts.append(f"struck by {tell_faults(exchange)}")
    return "; ".join(parts)


def tell_answer(exchange: Exchange) -> str:
    """Return what the client got for the request: `answered 503`, or that it got nothing."""
    ending = _NO_REPLY.get(exchange.outcome) or f"answered {exchange.status}"
    if exchange.codes:
        ending += f" {' '.join(exchange.codes)}"
    if exchange.outcome == "answered" and not exchange.heard:
        ending += " in place of the real reply"
    return ending


def tell_faults(exchange: Exchange) -> str:
    """Return the rules that struck a request: `fault 'locks'`."""
    named = ", ".join(f"'{rule}'" for rule in exchange.rules)
    return f"fault {named}" if len(exchange.rules) == 1 else f"faults {named}"


def _tell_rows(exchange: Exchange) -> str:
    saved = sum(row.success is True for row in exchange.rows)
    failed = [row for row in exchange.rows if row.success is False]
    text = f"{counted(len(exchange.rows), 'row')}: {saved} saved"
    if failed:
        text += f", {len(failed)} failed ({tell_causes(exchange)})"
        named = [str(row.key or row.id) for row in failed if row.key or row.id]
        if named:
            text += f", among them {some(named, 2)}"
    return text


def tell_causes(exchange: Exchange) -> str:
    """Return what rows were refused for: `UNABLE_TO_LOCK_ROW x3`; empty where none was."""
    causes = Counter(code for row in exchange.rows if row.success is False for code in row.codes[:1])
    return ", ".join(f"{code} x{times}" for code, times in causes.most_common(3))


def tell_claim(claim: Property[Any]) -> str:
    """Return what a property claims as one sentence: `When ..., ...`."""
    rule = claim.rule
    lower = rule[:1].lower() + rule[1:] if rule[1:2].islower() or rule[1:2] == " " else rule
    return f"When {claim.trigger}, {lower}"


def start_of(evidence: Evidence) -> float:
    """Return the clock second that reports count from: the first request's."""
    begins = [exchange.at for exchange in evidence.exchanges[:1]] or [leg.began for leg in evidence.legs[:1]]
    return min(begins, default=0.0)


def journal_of(evidence: Evidence) -> list[Exchange]:
    """Return every request in order: those of the runs after delivery, and those that the network sent twice."""
    runs = (evidence, *evidence.after.values())
    return sorted((one for run in runs for one in (*run.exchanges, *run.copies)), key=lambda one: one.number)


def tell_evidence(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    """Yield the journal lines that a verdict rests on."""
    start, wanted = start_of(evidence), set(verdict.evidence)
    for exchange in journal_of(evidence):
        if exchange.number in wanted:
            yield tell_exchange(exchange, start)


ENDINGS = {
    Outcome.LANDED: "landed",
    Outcome.DEAD_LETTERED: "dead-lettered",
    Outcome.SKIPPED: "skipped",
    Outcome.LOST: "lost",
    Outcome.DUPLICATED: "in the org twice",
}
"""How an input ended, in a reader's words."""


def tell_outcomes(evidence: Evidence) -> str:
    """Return what became of the inputs: `400 inputs: 392 landed, 8 dead-lettered`."""
    found = Counter(evidence.outcomes)
    parts = [f"{found[outcome]} {words}" for outcome, words in ENDINGS.items() if found[outcome]]
    return f"{counted(len(evidence.inputs), 'input')}: {', '.join(parts)}" if parts else "no inputs"


def tell_leg(leg: Leg, start: float) -> str:
    """Return one delivering run as a line."""
    requests = counted(max(0, leg.last - leg.first + 1), "request")
    when = f"from {max(0.0, leg.began - start):.2f}s to {max(0.0, leg.ended - start):.2f}s"
    return f"{leg.name}: {when}, {requests}; {tell_process(leg.process)}"


def tell_process(process: Process) -> str:
    """Return how the subject ended."""
    stop = process.stop
    if stop is not None:
        after = max(0.0, process.seconds - stop.seconds)
        if stop.forced:
            return f"asked to stop after {after:.1f}s, and killed when it had not ended {stop.grace:g}s later"
        late = " although it had not come to rest" if process.timed_out else ""
        return f"asked to stop after {after:.1f}s{late}, and ended {stop.seconds:.1f}s later"
    if process.crashed:
        return f"killed on purpose after {process.seconds:.1f}s"
    if process.timed_out:
        return f"stopped after {process.seconds:.1f}s: it was not done in time"
    if process.signal:
        return f"died by {process.signal} after {process.seconds:.1f}s"
    if process.error:
        return f"raised {process.error} after {process.seconds:.1f}s"
    if process.exit_code:
        return f"exited with status {process.exit_code} after {process.seconds:.1f}s"
    return f"ended after {process.seconds:.1f}s"


def tell_summary(result: TrialResult) -> str:
    """Return a trial's result in one line."""
    if result.judgement is None:
        if result.baseline is None:
            return f"{result.scenario}: not run"
        reason = result.baseline.reason
        return f"{result.scenario}: steady state not met: {reason}"
    found = Counter(
        "waived" if verdict.property in result.judgement.waived else verdict.status for verdict in result.verdicts
    )
    order = ("violated", "held", "not exercised", "not applicable", "waived")
    text = f"{result.scenario}: " + ", ".join(f"{found[status]} {status}" for status in order if found[status])
    if result.judgement.missing:
        text += f"; required, but not exercised: {', '.join(v.property for v in result.judgement.missing)}"
    if result.judgement.unfired:
        text += f"; armed, but never fired: {', '.join(fault.name for fault in result.judgement.unfired)}"
    for disagreement in result.judgement.disagreements:
        text += f"; two viewpoints differ: {disagreement.text}"
    return text
