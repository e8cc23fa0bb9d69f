"""The text of a failed test: what was claimed, which inputs it concerns, what they went through, how to replay it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.properties import registry
from harness.properties.property import Verdict, counted, some
from harness.report.chains import timelines
from harness.report.story import tell_process, tell_summary
from harness.result import TrialResult

_WIDTH = 112
_MOST_CAUSES = 4
"""Violations to tell in full. What follows from another one takes a line, whatever their number."""
_MOST_OUTPUT = 12


def failure_text(result: TrialResult, *, replay: str = "", reports: Sequence[Path] = ()) -> str:
    """Return the whole story of a trial that did not pass, as plain text."""
    return "\n".join(_lines(result, replay, reports))


def _lines(result: TrialResult, replay: str, reports: Sequence[Path]) -> Iterator[str]:
    # The first line is what pytest's summary shows.
    yield _plain(f"{result.scenario} (seed {result.seed}): {_headline(result)}")
    yield _plain(result.title)
    judgement = result.judgement
    if judgement is None or result.evidence is None:
        yield from _unsteady(result)
    else:
        causes = [verdict for verdict in result.violated if verdict.property not in judgement.follows]
        for verdict in causes[:_MOST_CAUSES]:
            yield ""
            yield from _cause(result, verdict)
        yield ""
        for verdict in (*causes[_MOST_CAUSES:], *(one for one in result.violated if one not in causes)):
            cause = judgement.follows.get(verdict.property)
            why = f" (follows from {cause})" if cause else ""
            yield from _block("", f"violated: {verdict.property}{why}: {verdict.reason}")
        for verdict in judgement.missing:
            yield from _block("", f"required, but {verdict.status}: {verdict.property}: {verdict.reason}")
        for fault in judgement.unfired:
            yield f"armed, but never fired: fault '{fault.name}' (it met {counted(fault.matched, 'request')})"
        yield from _circumstances(result)
    for note in result.notes:
        yield from _block("note: ", note)
    yield from _block("", tell_summary(result))
    if reports:
        yield f"report: {', '.join(str(path) for path in reports)}"
    if replay:
        yield f"replay: {replay}"


def _headline(result: TrialResult) -> str:
    judgement = result.judgement
    if judgement is None:
        return "steady state not met"
    causes = [verdict.property for verdict in result.violated if verdict.property not in judgement.follows]
    parts = [f"{some(causes)} violated"] if causes else []
    if judgement.missing:
        parts.append(f"{some(verdict.property for verdict in judgement.missing)} not exercised")
    if judgement.unfired:
        parts.append(f"fault {some(repr(fault.name) for fault in judgement.unfired)} never fired")
    return "; ".join(parts)


def _cause(result: TrialResult, verdict: Verdict) -> Iterator[str]:
    evidence = result.evidence
    assert evidence is not None
    claim = registry()[verdict.property]
    yield f"violated: {verdict.property}"
    yield from _block("  the claim:   ", claim.rule)
    yield from _block("  but:         ", verdict.reason)
    for line in timelines(evidence, verdict):
        yield f"    {_plain(line)}"
    yield from _block("  likely bug:  ", claim.guidance)


def _circumstances(result: TrialResult) -> Iterator[str]:
    evidence = result.evidence
    assert evidence is not None
    process = evidence.process
    yield f"subject: {_plain(tell_process(process))}; {counted(len(evidence.exchanges), 'request')}"
    if process.timed_out or process.signal or process.error or process.exit_code:
        yield from _tail(process.output)
    struck = [f"'{fault.name}' {counted(fault.fired, 'time')}" for fault in evidence.faults if fault.fired]
    if struck:
        yield from _block("faults that struck: ", some(struck, 8))


def _unsteady(result: TrialResult) -> Iterator[str]:
    baseline = result.baseline
    yield ""
    if baseline is None:
        yield "nothing was run"
        return
    yield from _block("steady state not met: ", f"without any fault, {baseline.reason}")
    for verdict in baseline.verdicts:
        if verdict.status == "violated":
            yield from _block("  violated: ", f"{verdict.property}: {verdict.reason}")
            for line in timelines(baseline.evidence, verdict, inputs=1):
                yield f"    {_plain(line)}"
    yield from _block(
        "  likely bug:  ",
        "The code does not deliver its inputs even when nothing goes wrong: does it reach this org, read all of its "
        "inputs, and find the record by the key?",
    )
    process = baseline.evidence.process
    yield f"subject: {_plain(tell_process(process))}; {counted(len(baseline.evidence.exchanges), 'request')}"
    yield from _tail(process.output)


def _tail(output: str) -> Iterator[str]:
    for line in output.strip().splitlines()[-_MOST_OUTPUT:]:
        yield f"  | {_plain(line)[:200]}"


def _plain(text: str) -> str:
    """Keep what a subject wrote from moving the cursor or changing colours."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in text)


def _block(head: str, text: str) -> list[str]:
    indent = " " * (len(head) if head.startswith(" ") else 2)
    return textwrap.wrap(
        _plain(text), _WIDTH, initial_indent=head, subsequent_indent=indent, break_on_hyphens=False
    ) or [head]
