"""The report as one HTML page that needs nothing else, light or dark as the reader's system is."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from harness.report.digest import Digest, digest
from harness.report.page_data import page_data
from harness.report.page_text import clean
from harness.report.page_trial import MARKS, style_of, trial_section
from harness.result import TrialResult

_HERE = Path(__file__).parent


def render(results: Sequence[TrialResult]) -> str:
    """Return the page."""
    return "\n".join(_page([digest(result) for result in results])) + "\n"


def write_html(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(render(results), encoding="utf-8")


def _page(trials: Sequence[Digest]) -> Iterator[str]:
    title = _title(trials)
    style = (_HERE / "page.css").read_text(encoding="utf-8")
    script = (_HERE / "page.js").read_text(encoding="utf-8")
    # Whatever a subject managed to put on the page: no other script runs, and nothing is loaded from anywhere.
    allowed = b64encode(sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{allowed}'; img-src data:; base-uri 'none'; form-action 'none'"
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f'<link rel="icon" href="data:,"><title>sfmock: {clean(title)}</title><style>{style}</style></head><body>'
    yield '<a class="skip" href="#main">Skip to the results</a><main id="main">'
    yield f'<div class="top"><span class="brand">sfmock report</span><h1>{clean(title)}</h1></div>'
    # Failures first; the page of a whole catalogue that passed stays short.
    order = sorted(range(len(trials)), key=lambda number: trials[number].ok)
    if len(trials) > 1:
        yield from _overview(trials, order)
    for number in order:
        yield from trial_section(trials[number], number, folded=len(trials) > 1 and trials[number].ok)
    yield "<footer>A property is <b>held</b> only where its trigger happened; where it did not it is <b>not exercised</b>.</footer></main>"
    for number, told in enumerate(trials):
        if told.evidence is not None:
            yield f'<script type="application/json" id="data-{number}">{_embedded(told)}</script>'
    yield f"<script>{script}</script></body></html>"


def _title(trials: Sequence[Digest]) -> str:
    if len(trials) == 1:
        return trials[0].headline
    good = sum(trial.ok for trial in trials)
    return "all held" if good == len(trials) else f"{len(trials) - good} of {len(trials)} scenarios failed"


def _embedded(told: Digest) -> str:
    """Return the journal as JSON that cannot end the script element it stands in."""
    text = json.dumps(page_data(told), separators=(",", ":"), ensure_ascii=False)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _overview(trials: Sequence[Digest], order: Sequence[int]) -> Iterator[str]:
    """Yield a table of scenarios by families."""
    families = list(dict.fromkeys(family.name for trial in trials for family in trial.families))
    yield '<section class="card"><h3>Scenarios</h3><div class="scroll"><table class="overview"><thead><tr><th scope="col">scenario</th><th scope="col">result</th>'
    yield "".join(f'<th scope="col">{clean(name.replace("_", " "))}</th>' for name in families) + "</tr></thead><tbody>"
    for number in order:
        told = trials[number]
        tone = "held" if told.ok else "violated"
        yield f'<tr><th scope="row"><a href="#t{number}">{clean(told.scenario)}</a></th><td class="{tone}">{clean(told.headline)}</td>'
        by_name = {family.name: family for family in told.families}
        for name in families:
            family = by_name.get(name)
            if family is None:
                yield '<td class="soft">–</td>'
                continue
            count = family.counts.get(family.status, 0)
            yield (
                f'<td class="{style_of(family.status)}" title="{family.status}">{MARKS[family.status]} {count}'
                f'<span class="visually-hidden"> {family.status}</span></td>'
            )
        yield "</tr>"
    yield "</tbody></table></div></section>"
