"""The report for people, as plain text: what a log, a pipe and a failed test show."""

from __future__ import annotations

import os
import shutil
import textwrap
from collections.abc import Iterator
from typing import TextIO

from harness.properties.property import counted
from harness.report.digest import Digest, Proof, Ruling, digest
from harness.result import TrialResult

WIDTH = 118
_NARROWEST, _WIDEST = 40, 200


def show(result: TrialResult, stream: TextIO) -> None:
    """Print the report of one trial: laid out by rich on a terminal, as plain text everywhere else."""
    if stream.isatty():
        from harness.report.rich_terminal import show_rich

        show_rich(digest(result), stream, colour=wants_colour(stream))
    else:
        stream.write(render(result, width=width_of()))
    stream.flush()


def wants_colour(stream: TextIO) -> bool:
    """Tell whether to colour: on a terminal, unless NO_COLOR says otherwise."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


def width_of(default: int = WIDTH) -> int:
    """Return the columns to write: COLUMNS where it is set, else the default."""
    return min(_WIDEST, max(_NARROWEST, shutil.get_terminal_size((default, 24)).columns))


def render(result: TrialResult, *, replay: str = "", width: int = WIDTH) -> str:
    """Return the report of one trial as plain text. `replay` is the command line that runs it again."""
    return "\n".join(_lines(digest(result), replay, width)) + "\n"


def _lines(told: Digest, replay: str, width: int) -> Iterator[str]:
    yield from block("", f"{told.scenario}: {told.title}", width)
    yield ""
    if told.evidence is None:
        yield from _baseline(told, width)
    else:
        for proof in told.proofs:
            yield from _proof(proof, width)
            yield ""
        yield from _scorecard(told, width)
        yield ""
        yield from _circumstances(told, width)
    for note in told.notes:
        yield from block("note: ", note, width)
    yield printable(told.summary)  # one line, to be searched for
    if not told.ok:
        again = replay or told.replay
        if again:
            yield f"run it again: {printable(again)}"  # one line, to be copied
    if told.kept:
        yield f"its files: {told.kept}"


def _proof(proof: Proof, width: int) -> Iterator[str]:
    ruling = proof.ruling
    follows = f" (follows from {ruling.follows_from})" if ruling.follows_from else ""
    yield f"VIOLATED {ruling.name}{follows}"
    yield from block("  claim:      ", proof.claim, width)
    yield from block("  found:      ", ruling.reason, width)
    if ruling.follows_from:
        return
    for number, line in enumerate(proof.chain):
        yield ("  attempts:   " if number == 0 else " " * 14) + printable(line)
    for number, line in enumerate(proof.journal):
        yield from block("  journal:    " if number == 0 else " " * 14, line, width)
    yield from block("  likely bug: ", proof.guidance, width)
    yield f"  see:        {proof.source}"


def _scorecard(told: Digest, width: int) -> Iterator[str]:
    """List what was judged, a line each, and sum up what was not."""
    judged = [ruling for ruling in told.rulings if ruling.status in ("violated", "held") or ruling.missing]
    wide = max((len(ruling.name) for ruling in told.rulings), default=8)
    yield f"{'property':{wide}}  {'status':13}  {'exposures':>9}  reason"
    for ruling in (*judged, *(ruling for ruling in told.rulings if ruling.status == "waived")):
        yield from _row(ruling, wide, width)
    for status in ("not exercised", "not applicable"):
        names = [ruling.name for ruling in told.rulings if ruling.status == status and not ruling.missing]
        if names:
            yield from block(f"{status} ({len(names)}): ", ", ".join(names), width)


def _row(ruling: Ruling, wide: int, width: int) -> Iterator[str]:
    indent = wide + 28
    reason = "see above" if ruling.status == "violated" else ruling.shown_reason
    first, *more = textwrap.wrap(printable(reason), max(24, width - indent)) or [""]
    yield f"{ruling.name:{wide}}  {ruling.status:13}  {ruling.exposures or '-':>9}  {first}"
    for line in more:
        yield " " * indent + line


def _circumstances(told: Digest, width: int) -> Iterator[str]:
    yield from block("", told.told_outcomes, width)
    yield f"subject: {printable(told.ending)}; {counted(told.requests, 'request')}, seed {told.seed}"
    for line in told.output:
        yield f"  | {printable(line)}"
    for line in told.legs:
        yield from block("  run ", line, width)
    for fault in told.faults:
        yield f"fault '{printable(fault.name)}': matched {fault.matched}, fired {fault.fired}"


def _baseline(told: Digest, width: int) -> Iterator[str]:
    if told.baseline is None:
        return
    yield from block("", f"steady state not met: without any fault, {told.baseline[1]}", width)
    for name, reason in told.baseline_broken:
        yield from block("  ", f"{name}: {reason}", width)
    yield f"  subject: {printable(told.ending)}; {counted(told.requests, 'request')}"
    for line in told.output:
        yield f"  | {printable(line)}"


def printable(text: str) -> str:
    """Keep what a subject printed from moving the cursor or changing colours."""
    return "".join(character if character.isprintable() or character == "\t" else "?" for character in text)


def block(indent: str, text: str, width: int = WIDTH) -> list[str]:
    """Wrap a text whose first line begins with `indent`; the others stand under its end."""
    hang = " " * min(len(indent), 14)
    return textwrap.wrap(
        printable(text), width, initial_indent=indent, subsequent_indent=hang, break_on_hyphens=False
    ) or [indent.rstrip()]
