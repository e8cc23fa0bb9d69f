"""The report for people: plain text, coloured only where someone looks at it."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Sequence
from typing import TextIO

from harness.properties import registry
from harness.properties.property import Verdict, counted
from harness.report.story import tell_evidence, tell_process, tell_summary
from harness.result import TrialResult

_COLOURS = {"violated": "31", "held": "32", "not exercised": "33", "not applicable": "2", "waived": "2"}
_WIDTH = 118


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def render(result: TrialResult, *, colour: bool = False, replay: str = "") -> str:
    """Return the report of one trial. `replay` is the command line that runs it again."""
    return "\n".join(_lines(result, colour, replay)) + "\n"


def _lines(result: TrialResult, colour: bool, replay: str) -> Iterator[str]:
    yield _printable(f"{result.scenario}: {result.title}")
    yield ""
    if result.judgement is None or result.evidence is None:
        yield from _baseline(result)
    else:
        yield from _table(result, colour)
        for verdict in result.violated:
            yield ""
            yield from _violation(result, verdict, colour)
        yield ""
        yield from _circumstances(result)
    for note in result.notes:
        yield f"note: {note}"
    yield paint(_printable(tell_summary(result)), "held" if result.ok else "violated", colour)
    if not result.ok:
        if replay:
            yield f"run it again: {replay}"
        if result.kept:
            yield f"its files: {result.kept}"


def paint(text: str, status: str, colour: bool) -> str:
    return f"\x1b[{_COLOURS[status]}m{text}\x1b[0m" if colour else text


def _table(result: TrialResult, colour: bool) -> Iterator[str]:
    assert result.judgement is not None
    rows = []
    for verdict in result.verdicts:
        waived = result.judgement.waived.get(verdict.property)
        reason = f"waived: {waived}" if waived is not None else verdict.reason
        rows.append((verdict.property, "waived" if waived is not None else verdict.status, verdict.exposures, reason))
    wide = max((len(name) for name, *_ in rows), default=8)
    yield f"{'property':{wide}}  {'status':14}  {'exposures':>9}  reason"
    for name, status, exposures, reason in rows:
        first, *more = textwrap.wrap(_printable(reason), max(30, _WIDTH - wide - 29)) or [""]
        yield f"{name:{wide}}  {paint(f'{status:14}', status, colour)}  {exposures or '-':>9}  {first}"
        for line in more:
            yield f"{'':{wide + 29}}{line}"


def _violation(result: TrialResult, verdict: Verdict, colour: bool) -> Iterator[str]:
    assert result.judgement is not None
    assert result.evidence is not None
    cause = result.judgement.follows.get(verdict.property)
    yield paint(verdict.property, "violated", colour) + (f" (follows from {cause})" if cause else "")
    yield from _block("  ", verdict.reason)
    if cause:
        return
    for line in tell_evidence(result.evidence, verdict):
        yield from _block("    ", line)
    yield from _block("  what to do: ", registry()[verdict.property].guidance)


def _circumstances(result: TrialResult) -> Iterator[str]:
    evidence = result.evidence
    assert evidence is not None
    process = evidence.process
    requests = counted(len(evidence.exchanges), "request")
    yield f"subject: {tell_process(process)}; {requests}, seed {result.seed}"
    if process.timed_out or process.signal or process.error or process.exit_code:
        yield from _tail(process.output)
    for fault in evidence.faults:
        yield f"fault '{fault.name}': matched {fault.matched}, fired {fault.fired}"


def _baseline(result: TrialResult) -> Iterator[str]:
    baseline = result.baseline
    if baseline is None:
        return
    yield from _block("", f"steady state not met: without any fault, {baseline.reason}")
    for verdict in baseline.verdicts:
        if verdict.status == "violated":
            yield from _block("  ", f"{verdict.property}: {verdict.reason}")
    requests = counted(len(baseline.evidence.exchanges), "request")
    yield f"  subject: {tell_process(baseline.evidence.process)}; {requests}"
    yield from _tail(baseline.evidence.process.output)


def _tail(output: str) -> Iterator[str]:
    lines: Sequence[str] = output.strip().splitlines()[-12:]
    for line in lines:
        yield f"  | {_printable(line)[:200]}"


def _printable(text: str) -> str:
    """Keep what a subject printed from moving the cursor or changing colours."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in text)


def _block(indent: str, text: str) -> list[str]:
    return textwrap.wrap(
        _printable(text), _WIDTH, initial_indent=indent, subsequent_indent=" " * len(indent), break_on_hyphens=False
    )
