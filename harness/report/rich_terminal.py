"""The same report, laid out by rich for someone who looks at a terminal. Imported only then: rich takes its time."""

from __future__ import annotations

import re
from typing import TextIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from harness.properties.property import counted
from harness.report.chains import mark_of
from harness.report.digest import STATUSES, Digest, Proof, Ruling
from harness.report.terminal import printable

_STYLES = {"violated": "bold red", "held": "green", "not exercised": "yellow", "not applicable": "dim", "waived": "dim"}
_MARKS = {"violated": "✗", "held": "✓", "not exercised": "○", "not applicable": "–", "waived": "~"}
_AXIS = re.compile(r"\s+[ox?.-]+  [\d.]+s")
_STEP = re.compile(r"(\s+\+?[\d.]+s  )(#\d+\s+\S+  )(.*)", re.DOTALL)
_STEPS = {"o": "green", "x": "red", "?": "magenta"}


def show_rich(told: Digest, stream: TextIO, *, colour: bool, width: int | None = None) -> None:
    """Print one trial. `width` is the terminal's own when it is not given."""
    console = Console(
        file=stream, no_color=not colour, highlight=False, markup=False, emoji=False, width=width, soft_wrap=False
    )
    console.print(Rule(_text(told.scenario, "bold"), style="red" if not told.ok else "green"))
    console.print(_text(told.title))
    console.print()
    if told.evidence is None:
        console.print(_baseline(told))
    else:
        for proof in told.proofs:
            console.print(_proof(proof))
        console.print(_families(told))
        console.print(_rulings(told))
        console.print(_circumstances(told))
    for note in told.notes:
        console.print(_text(f"note: {note}", "dim"))
    console.print(_text(told.summary, "bold green" if told.ok else "bold red"))
    if not told.ok and told.replay:
        # One line however long it is: it is there to be copied.
        console.print(_text(f"run it again: {told.replay}"), soft_wrap=True)
    if told.kept:
        console.print(_text(f"its files: {told.kept}"), soft_wrap=True)


def _text(text: str, style: str = "") -> Text:
    """Return text that is shown as it is: no markup is read, and nothing moves the cursor."""
    return Text(printable(text), style=style)


def _proof(proof: Proof) -> RenderableType:
    ruling = proof.ruling
    body: list[RenderableType] = []
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("claim", _text(proof.claim))
    grid.add_row("found", _text(ruling.reason, "bold"))
    if not ruling.follows_from:
        if proof.chain:
            grid.add_row("attempts", Group(*map(_step, proof.chain)))
        if proof.journal:
            grid.add_row("journal", Group(*(_text(line, "dim") for line in proof.journal)))
        grid.add_row("likely bug", _text(proof.guidance))
        grid.add_row("see", _text(proof.source, f"dim link {proof.source}"))
    body.append(grid)
    title = Text(ruling.name, style="bold red")
    if ruling.follows_from:
        title.append(f"  follows from {ruling.follows_from}", style="not bold dim")
    return Panel(
        Group(*body), title=title, title_align="left", border_style="red" if not ruling.follows_from else "dim"
    )


def _step(line: str) -> Text:
    """Colour a line of a small timeline: on its axis the marks, of an attempt what became of it."""
    text = _text(line)
    step = _STEP.fullmatch(line)
    if step:
        text.stylize("dim", 0, step.end(1))
        text.stylize(_STEPS[mark_of(step[3])], step.start(3))
    elif _AXIS.fullmatch(line):
        for mark, style in _STEPS.items():
            text.highlight_regex(re.escape(mark), style)
    return text


def _families(told: Digest) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim")
    table.add_column("family")
    for status in STATUSES:
        table.add_column(status, justify="right")
    for family in told.families:
        cells = [
            _text(str(count), _STYLES[status]) if (count := family.counts.get(status, 0)) else _text("·", "dim")
            for status in STATUSES
        ]
        table.add_row(_text(family.name), *cells)
    return Padding(table, (0, 0, 1, 0))


def _rulings(told: Digest) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    shown = [ruling for ruling in told.rulings if ruling.status not in ("not exercised", "not applicable")]
    shown += [ruling for ruling in told.rulings if ruling.missing]
    for ruling in shown:
        table.add_row(_text(_MARKS[ruling.status], _STYLES[ruling.status]), _text(ruling.name), _reason(ruling))
    parts: list[RenderableType] = [table]
    for status in ("not exercised", "not applicable"):
        names = [ruling.name for ruling in told.rulings if ruling.status == status and not ruling.missing]
        if names:
            parts.append(_text(f"{_MARKS[status]} {status} ({len(names)}): {', '.join(names)}", _STYLES[status]))
    return Padding(Group(*parts), (0, 0, 1, 0))


def _reason(ruling: Ruling) -> Text:
    text = _text(
        "see above" if ruling.status == "violated" else ruling.shown_reason, "dim" if ruling.status == "waived" else ""
    )
    if ruling.missing:
        text = _text(f"required, but {ruling.status}: {ruling.reason}", "bold red")
    if ruling.exposures:
        text.append(f"  ({counted(ruling.exposures, 'exposure')})", style="dim")
    return text


def _circumstances(told: Digest) -> RenderableType:
    lines = [
        _text(told.told_outcomes),
        _text(f"subject: {told.ending}; {counted(told.requests, 'request')}, seed {told.seed}"),
    ]
    lines += [_text(f"  | {line}", "dim") for line in told.output]
    lines += [_text(f"run {line}", "dim") for line in told.legs]
    lines += [
        _text(
            f"fault '{fault.name}': matched {fault.matched}, fired {fault.fired}", "dim" if fault.fired else "bold red"
        )
        for fault in told.faults
    ]
    return Padding(Group(*lines), (0, 0, 1, 0))


def _baseline(told: Digest) -> RenderableType:
    assert told.baseline is not None
    lines = [_text(f"steady state not met: without any fault, {told.baseline[1]}", "bold red")]
    lines += [_text(f"  {name}: {reason}") for name, reason in told.baseline_broken]
    lines.append(_text(f"  subject: {told.ending}; {counted(told.requests, 'request')}"))
    lines += [_text(f"  | {line}", "dim") for line in told.output]
    return Padding(Group(*lines), (0, 0, 1, 0))
