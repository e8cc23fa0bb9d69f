"""The text of a failed test: the claim, the inputs it concerns, what they went through, the likely bug, the replay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.properties.property import counted, some
from harness.report.digest import Digest, Proof, digest
from harness.report.terminal import block, printable
from harness.result import TrialResult

_WIDTH = 112
_MOST_CAUSES = 4
"""Violations to tell in full. What follows from another one takes a line, whatever their number."""


def failure_text(result: TrialResult, reports: Sequence[Path] = ()) -> str:
    """Return the story of a trial that did not pass, as plain text; what held is left to the reports."""
    return "\n".join(_lines(digest(result), reports))


def _lines(told: Digest, reports: Sequence[Path]) -> Iterator[str]:
    # The first line is what pytest's summary shows.
    yield printable(f"{told.scenario} (seed {told.seed}): {told.headline}")
    yield printable(told.title)
    if told.evidence is None:
        yield from _unsteady(told)
    else:
        causes = [proof for proof in told.proofs if not proof.ruling.follows_from]
        for proof in causes[:_MOST_CAUSES]:
            yield ""
            yield from _cause(proof)
        yield ""
        for proof in (*causes[_MOST_CAUSES:], *(one for one in told.proofs if one not in causes)):
            ruling = proof.ruling
            why = f" (follows from {ruling.follows_from})" if ruling.follows_from else ""
            yield from block("violated: ", f"{ruling.name}{why}: {ruling.reason}", _WIDTH)
        for ruling in told.rulings:
            if ruling.missing:
                yield from block("required: ", f"{ruling.name}, but it was {ruling.found}: {ruling.reason}", _WIDTH)
        for fault in told.unfired:
            met = f"it met {counted(fault.matched, 'request')}"
            yield printable(f"armed, but never fired: fault '{fault.name}' ({met})")
        yield from block("", told.told_outcomes, _WIDTH)
        struck = [f"'{fault.name}' {counted(fault.fired, 'time')}" for fault in told.faults if fault.fired]
        if struck:
            yield from block("faults that struck: ", some(struck, 8), _WIDTH)
    yield f"subject: {printable(told.ending)}; {counted(told.requests, 'request')}"
    for line in told.output:
        yield f"  | {printable(line)}"
    for note in told.notes:
        yield from block("note: ", note, _WIDTH)
    yield printable(told.summary)
    if reports:
        yield f"report: {', '.join(str(path) for path in reports)}"
    if told.replay:
        yield f"replay: {printable(told.replay)}"


def _cause(proof: Proof) -> Iterator[str]:
    yield f"violated: {proof.ruling.name}"
    yield from block("  the claim:  ", proof.claim, _WIDTH)
    yield from block("  but:        ", proof.ruling.reason, _WIDTH)
    for line in proof.chain:
        yield f"    {printable(line)}"
    yield from block("  likely bug: ", proof.guidance, _WIDTH)


def _unsteady(told: Digest) -> Iterator[str]:
    yield ""
    if told.baseline is None:
        return
    yield from block("steady state not met: ", f"without any fault, {told.baseline[1]}", _WIDTH)
    for name, reason in told.baseline_broken:
        if reason not in told.baseline[1]:
            yield from block("  violated: ", f"{name}: {reason}", _WIDTH)
    yield from block(
        "  likely bug: ",
        "The code does not deliver its inputs even when nothing goes wrong: does it reach this org, read all of its "
        "inputs, and find each record by the key?",
        _WIDTH,
    )
