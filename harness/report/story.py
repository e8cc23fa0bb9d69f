"""Tells in plain words what happened: an exchange in one line, a trial's end in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from harness.evidence import Evidence, Process
from harness.exchanges import Exchange
from harness.properties.property import Verdict, counted, some
from harness.result import TrialResult

_NO_REPLY = {
    "lost": "done, but the reply was lost",
    "reset": "connection reset, nothing done",
    "cut": "the reply was cut off",
    "abandoned": "the client had gone",
}


def tell_exchange(exchange: Exchange, start: float) -> str:
    """Return one exchange as a line; `start` is the clock second that counts as 0."""
    parts = [f"#{exchange.number} at {exchange.at - start:.2f}s {exchange.operation}"]
    ending = _NO_REPLY.get(exchange.outcome) or f"answered {exchange.status}"
    if exchange.codes:
        ending += f" {' '.join(exchange.codes)}"
    if exchange.outcome == "answered" and not exchange.heard:
        ending += " in place of the real reply"
    parts.append(ending)
    if exchange.rows:
        parts.append(_tell_rows(exchange))
    if exchange.rules:
        named = ", ".join(f"'{rule}'" for rule in exchange.rules)
        parts.append(f"struck by fault {named}" if len(exchange.rules) == 1 else f"struck by faults {named}")
    return "; ".join(parts)


def _tell_rows(exchange: Exchange) -> str:
    saved = sum(row.success is True for row in exchange.rows)
    failed = [row for row in exchange.rows if row.success is False]
    text = f"{counted(len(exchange.rows), 'row')}: {saved} saved"
    if failed:
        causes = Counter(code for row in failed for code in row.codes[:1])
        text += f", {len(failed)} failed ({', '.join(f'{code} x{times}' for code, times in causes.most_common(3))})"
        named = [str(row.key or row.id) for row in failed if row.key or row.id]
        if named:
            text += f", among them {some(named, 2)}"
    return text


def tell_evidence(evidence: Evidence, verdict: Verdict) -> Iterator[str]:
    """Yield the journal lines that a verdict rests on."""
    start = evidence.exchanges[0].at if evidence.exchanges else 0.0
    wanted = set(verdict.evidence)
    for exchange in evidence.exchanges:
        if exchange.number in wanted:
            yield tell_exchange(exchange, start)


def tell_process(process: Process) -> str:
    """Return how the subject ended."""
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
        reason = result.baseline.reason if result.baseline else "nothing was run"
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
