"""The sections of one trial on the page: what is violated first, then the pictures, then everything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape

from harness.properties.property import counted
from harness.report.chains import mark_of
from harness.report.digest import STATUSES, Digest, Proof, Ruling
from harness.report.flow import count_flow, draw_flow, tell_flow
from harness.report.page_data import KINDS, MOST_ENTRIES, tell_timeline
from harness.report.page_events import events_section
from harness.report.page_text import clean
from harness.report.story import journal_of

MARKS = {"violated": "✕", "held": "✓", "not exercised": "○", "not applicable": "–", "waived": "~"}
_ENTRY = re.compile(r"#(\d+)")
_CODE = re.compile(r"`([^`]+)`")
_MARK = re.compile(r"-+|[ox?]")
_STYLES = {"o": "o", "x": "x", "?": "q", "-": "w"}
_AXIS = re.compile(r"\s+[ox?.-]+  [\d.]+s")
_STEP = re.compile(r"(\s+\+?[\d.]+s  )(#\d+\s+\S+  )(.*)", re.DOTALL)


def _prose(text: str) -> str:
    """Return one of the catalogue's own texts, with what stands in backticks as code."""
    return _CODE.sub(r"<code>\1</code>", clean(text))


def style_of(status: str) -> str:
    return status.replace(" ", "-")


def trial_section(told: Digest, number: int, *, folded: bool) -> Iterator[str]:
    """Yield one trial. `folded` shows its name alone until it is opened."""
    yield f'<{"details" if folded else "article"} class="trial" id="t{number}" data-trial="{number}">'
    heading = f'<h2>{clean(told.scenario)} <span class="pill {_tone(told)}">{clean(told.verdict)}</span></h2>'
    yield f"<summary>{heading}</summary>" if folded else f"<header>{heading}"
    yield f"<p>{clean(told.title)}</p>" + _meta(told)
    yield from (f'<p class="soft">{clean(note)}</p>' for note in told.notes)
    yield "" if folded else "</header>"
    if told.evidence is None:
        yield from _baseline(told)
    else:
        for proof in told.proofs:
            if not proof.ruling.follows_from:
                yield from _proof(told, proof, number)
        yield from _trouble(told)
        yield from _replay(told)
        yield from _scorecard(told, number)
        yield '<div class="two">'
        yield from _flow(told, number)
        yield from _circumstances(told)
        yield "</div>"
        yield from events_section(told)
        yield from _timeline(told, number)
        yield from _journal(told, number)
        yield from _rulings(told, number)
    yield "</details>" if folded else "</article>"


def _tone(told: Digest) -> str:
    if told.ok:
        return "held"
    return "violated" if told.proofs or told.evidence is None else "open"


def _meta(told: Digest) -> str:
    counts = [sum(ruling.status == status for ruling in told.rulings) for status in STATUSES]
    judged = ", ".join(f"{count} {status}" for status, count in zip(STATUSES, counts, strict=True) if count)
    parts = [
        judged,
        told.told_outcomes,
        counted(told.requests, "request"),
        f"seed {told.seed}",
        f"{told.seconds:.1f} s",
    ]
    return f'<p class="meta">{"".join(f"<span>{clean(part)}</span>" for part in parts if part)}</p>'


def _baseline(told: Digest) -> Iterator[str]:
    if told.baseline is None:
        yield '<section class="card proof"><h3>not run</h3></section>'
        return
    reason = told.baseline[1]
    yield '<section class="card proof"><h3>steady state not met</h3><dl>'
    yield f'<dt>found</dt><dd class="found">Without any fault, {clean(reason)}.</dd>'
    for name, broken in told.baseline_broken:
        yield f"<dt><code>{clean(name)}</code></dt><dd>{clean(broken)}</dd>"
    yield f"<dt>subject</dt><dd>{clean(told.ending)}</dd></dl>{_output(told.output)}</section>"
    yield from _replay(told)


def _output(lines: Sequence[str]) -> str:
    return f'<pre class="output">{_joined(lines)}</pre>' if lines else ""


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(map(clean, lines))


def _trouble(told: Digest) -> Iterator[str]:
    """Say what else failed the trial, beside violations."""
    missing = [ruling for ruling in told.rulings if ruling.missing]
    if not (missing or told.unfired):
        return
    yield '<section class="card proof"><h3>not exercised</h3><dl>'
    for ruling in missing:
        yield f"<dt>required</dt><dd><code>{clean(ruling.name)}</code>: {clean(ruling.reason)}</dd>"
    for fault in told.unfired:
        yield f"<dt>never fired</dt><dd>fault <b>{clean(fault.name)}</b>, matched {counted(fault.matched, 'request')}</dd>"
    yield "</dl></section>"


def _proof(told: Digest, proof: Proof, number: int) -> Iterator[str]:
    ruling = proof.ruling
    yield f'<section class="card proof" id="t{number}-{ruling.name}"><h3><code>{ruling.name}</code>'
    yield '<span class="pill violated">violated</span></h3><dl>'
    yield f"<dt>claim</dt><dd>{_prose(proof.claim)}</dd>"
    yield f'<dt>found</dt><dd class="found">{clean(ruling.reason)}</dd>'
    if proof.chain:
        yield f'<dt>attempts</dt><dd><pre tabindex="0">{"".join(map(_step, proof.chain))}</pre></dd>'
    if proof.journal:
        items = "".join(f"<li>{_linked(clean(line), number)}</li>" for line in proof.journal)
        yield f'<dt>journal</dt><dd><ul class="journal">{items}</ul></dd>'
    yield f"<dt>likely bug</dt><dd>{_prose(proof.guidance)} "
    yield f'<a href="{escape(proof.source)}" rel="noreferrer">Why this rule</a></dd>'
    followers = [other for other in told.proofs if other.ruling.follows_from == ruling.name]
    if followers:
        yield "<dt>follows from it</dt><dd><ul>"
        for other in followers:
            name = other.ruling.name
            yield f'<li id="t{number}-{name}"><code class="violated">{name}</code> {clean(other.ruling.reason)}</li>'
        yield "</ul></dd>"
    yield "</dl></section>"


def _step(line: str) -> str:
    """Return a line of a small timeline with its marks in colour."""
    if _AXIS.fullmatch(line):
        marks, _, span = line.rpartition("  ")
        return _MARK.sub(lambda found: _mark(found[0]), marks) + f'  <span class="w">{clean(span)}</span>\n'
    step = _STEP.fullmatch(line)
    if step:
        told = f'<span class="{_STYLES[mark_of(step[3])]}">{clean(step[3])}</span>'
        return f'<span class="w">{clean(step[1])}</span>{clean(step[2])}{told}\n'
    return f"{clean(line)}\n"


def _mark(mark: str) -> str:
    return f'<span class="{_STYLES[mark[0]]}">{mark}</span>'


def _linked(line: str, number: int) -> str:
    """Make the number of a journal entry lead to it."""
    return _ENTRY.sub(
        lambda found: f'<a href="#t{number}-journal" data-entry="{found[1]}">{found[0]}</a>', line, count=1
    )


def _replay(told: Digest) -> Iterator[str]:
    if told.replay and not told.ok:
        yield '<section class="card"><h3>Run it again</h3><div class="replay">'
        yield f'<pre tabindex="0">{clean(told.replay)}</pre><button type="button" data-copy>Copy</button></div></section>'


def _scorecard(told: Digest, number: int) -> Iterator[str]:
    yield '<section class="card"><h3>Scorecard</h3><div class="families">'
    by_family: dict[str, list[Ruling]] = {family.name: [] for family in told.families}
    for ruling in told.rulings:
        by_family[ruling.family].append(ruling)
    for name, rulings in by_family.items():
        judged = sum(ruling.status in ("held", "violated") for ruling in rulings)
        held = sum(ruling.status == "held" for ruling in rulings)
        summary = f"{held} of {judged} held" if judged else "not exercised"
        yield f'<div class="family"><h4>{clean(name.replace("_", " "))} <span>{summary}</span></h4><div class="tiles">'
        for ruling in rulings:
            status = f"{ruling.status}{', but required' if ruling.missing else ''}"
            label = f"{ruling.name}: {status}"
            missing = " missing" if ruling.missing else ""
            yield (
                f'<a class="{style_of(ruling.status)}{missing}" href="#t{number}-all-{ruling.name}" '
                f'title="{clean(label)}" aria-label="{clean(label)}">{MARKS[ruling.status]}</a>'
            )
        yield "</div></div>"
    marks = "".join(f"<li><span>{mark}</span> {status}</li>" for status, mark in MARKS.items())
    yield f'</div><ul class="legend">{marks}</ul></section>'


def _flow(told: Digest, number: int) -> Iterator[str]:
    assert told.evidence is not None
    yield '<section class="card"><h3>Where the inputs went</h3>'
    picture = draw_flow(told.evidence, f"t{number}-flow")
    if picture:
        words = clean(tell_flow(count_flow(told.evidence)))
        yield f'<figure><div class="flow-box">{picture}</div><figcaption>{words}</figcaption></figure>'
    else:
        yield "<p>There were no inputs.</p>"
    yield "</section>"


def _circumstances(told: Digest) -> Iterator[str]:
    yield '<section class="card"><h3>What happened around it</h3>'
    yield f"<p>The subject {clean(told.ending)}.</p>"
    if told.legs:
        yield "<p>It was run more than once:</p><ul>"
        yield from (f"<li>{clean(leg)}</li>" for leg in told.legs)
        yield "</ul>"
    if told.faults:
        yield '<table><thead><tr><th>fault</th><th class="number">matched</th><th class="number">fired</th></tr></thead><tbody>'
        for fault in told.faults:
            style = "" if fault.fired else ' class="violated"'
            yield f'<tr{style}><td>{clean(fault.name)}</td><td class="number">{fault.matched}</td><td class="number">{fault.fired}</td></tr>'
        yield "</tbody></table>"
    else:
        yield "<p>No fault was armed.</p>"
    yield f"{_output(told.output)}</section>"


def _timeline(told: Digest, number: int) -> Iterator[str]:
    assert told.evidence is not None
    words = clean(tell_timeline(told.evidence))
    yield f'<section class="card timeline-card"><h3 id="t{number}-time">Timeline</h3>'
    yield '<div class="tools">'
    for action, text, label in (
        ("in", "+", "Zoom in"), ("out", "−", "Zoom out"), ("left", "◂", "Earlier"), ("right", "▸", "Later"), ("all", "All", "Show the whole time"),
    ):  # fmt: skip
        yield f'<button type="button" data-zoom="{action}" aria-label="{label}" title="{label}">{text}</button>'
    yield (
        '<label>Inputs <select data-order><option value="worst">worst ending first</option>'
        '<option value="first">by first attempt</option><option value="given">as given</option></select></label></div>'
    )
    yield (
        f'<figure><div class="timeline" role="group" aria-labelledby="t{number}-time" aria-describedby="t{number}-words">'
        '<canvas class="head" aria-hidden="true"></canvas>'
        '<div class="lanes" tabindex="0" role="group" aria-label="Inputs and their attempts. Up and down choose an input, '
        'left and right move in time, plus and minus zoom, f fits the chosen input, Enter lists its requests."><canvas aria-hidden="true"></canvas>'
        '<div class="room"></div></div><div class="tip" hidden></div></div>'
        '<p class="said" role="status"></p>'
    )
    kinds = "".join(
        f'<li><canvas data-mark="{kind}" width="32" height="32" style="width:16px;height:16px" aria-hidden="true"></canvas>{clean(says)}</li>'
        for kind, says in KINDS.items()
    )
    yield f'<ul class="legend">{kinds}</ul><figcaption id="t{number}-words">{words} Drag over the upper part to zoom; click an input to list its requests below, double-click to fit it.</figcaption></figure>'
    yield "<noscript><p>The picture and the journal need JavaScript; all else on this page does not.</p></noscript></section>"


def _journal(told: Digest, number: int) -> Iterator[str]:
    assert told.evidence is not None
    total = len(journal_of(told.evidence))
    yield f'<section class="card" id="t{number}-journal"><h3>Journal</h3><form class="tools" data-filter>'
    yield '<label class="grow"><span class="visually-hidden">Text</span><input type="search" name="text" placeholder="any text, or #12"></label>'
    yield '<label class="grow"><span class="visually-hidden">Input</span><input type="search" name="input" placeholder="input, such as Contact K1"></label>'
    for name, label in (("op", "operation"), ("kind", "outcome"), ("fault", "fault"), ("run", "run")):
        yield f'<label data-of="{name}"><span class="visually-hidden">{label}</span><select name="{name}"><option value="">every {label}</option></select></label>'
    yield '<button type="reset">Clear</button></form><p class="said" role="status" data-count></p>'
    yield '<div class="journal-table" tabindex="0" role="region" aria-label="Journal entries"><table><thead><tr>'
    heads = (
        ("number", "#"),
        ("number", "at"),
        ("number", "took"),
        ("", "operation"),
        ("", "answer"),
        ("number", "saved"),
        ("", "inputs"),
        ("", "faults"),
    )
    yield "".join(f'<th scope="col"{f" class={style}" if style else ""}>{text}</th>' for style, text in heads)
    yield '</tr></thead><tbody></tbody></table><p><button type="button" data-more hidden>Show more</button></p></div>'
    if total > MOST_ENTRIES:
        yield f'<p class="soft">Of {total} requests the page holds the first {MOST_ENTRIES} and those that verdicts rest on.</p>'
    yield "</section>"


def _rulings(told: Digest, number: int) -> Iterator[str]:
    yield '<section class="card"><h3>All properties</h3><div class="scroll"><table class="rulings"><thead><tr><th scope="col">property</th>'
    yield '<th scope="col">status</th><th scope="col" class="number">exposures</th><th scope="col">reason</th></tr></thead><tbody>'
    for ruling in told.rulings:
        status = f"{MARKS[ruling.status]} {ruling.status}"
        reason = f"required: {ruling.reason}" if ruling.missing else ruling.shown_reason
        style = "violated" if ruling.missing else style_of(ruling.status)
        yield (
            f'<tr id="t{number}-all-{ruling.name}"><td><code>{ruling.name}</code></td><td class="{style}">{status}</td>'
            f'<td class="number">{ruling.exposures or ""}</td><td>{clean(reason)}</td></tr>'
        )
    yield "</tbody></table></div></section>"
