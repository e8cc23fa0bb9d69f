"""The report as one HTML page that needs nothing else, light or dark as the reader's system is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from harness.properties import registry
from harness.properties.property import Verdict
from harness.report.story import tell_evidence, tell_process, tell_summary
from harness.result import TrialResult

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --line: #d0d7de; --soft: #656d76;
        --bad: #b42318; --good: #1a7f37; --open: #8a5a00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --paper: #0d1117; --line: #30363d; --soft: #9198a1;
          --bad: #ff7b72; --good: #56d364; --open: #e3b341; }
}
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif;
       color: var(--ink); background: var(--paper); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line); }
td.number { text-align: right; }
.violated { color: var(--bad); font-weight: 600; } .held { color: var(--good); } .not-exercised { color: var(--open); }
.not-applicable, .waived, .soft { color: var(--soft); }
section.proof { border-left: 3px solid var(--bad); margin: 1rem 0; padding: .1rem 1rem; }
pre, code { font: 13px/1.5 ui-monospace, monospace; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
"""


def render(results: Sequence[TrialResult]) -> str:
    """Return the page."""
    return "\n".join(_page(results)) + "\n"


def write_html(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(render(results), encoding="utf-8")


def _page(results: Sequence[TrialResult]) -> Iterator[str]:
    title = "all held" if all(result.ok for result in results) else "not all held"
    yield '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>sfmock: {title}</title><style>{_STYLE}</style></head><body>"
    yield f"<h1>sfmock: {title}</h1>"
    for result in results:
        yield from _trial(result)
    yield "</body></html>"


def _trial(result: TrialResult) -> Iterator[str]:
    yield f"<h2>{escape(result.scenario)}</h2><p>{escape(result.title)}</p>"
    yield f'<p class="{"held" if result.ok else "violated"}">{escape(tell_summary(result))}</p>'
    for note in result.notes:
        yield f'<p class="soft">{escape(note)}</p>'
    if result.judgement is None or result.evidence is None:
        return
    yield "<table><thead><tr><th>property</th><th>status</th><th>exposures</th><th>reason</th></tr></thead><tbody>"
    for verdict in result.verdicts:
        waived = result.judgement.waived.get(verdict.property)
        status = verdict.status if waived is None else "waived"
        reason = verdict.reason if waived is None else f"waived: {waived}"
        yield (
            f'<tr><td><code>{escape(verdict.property)}</code></td><td class="{status.replace(" ", "-")}">{status}</td>'
            f'<td class="number">{verdict.exposures or ""}</td><td>{escape(reason)}</td></tr>'
        )
    yield "</tbody></table>"
    for verdict in result.violated:
        yield from _proof(result, verdict)
    process = result.evidence.process
    yield f'<p class="soft">The subject {escape(tell_process(process))}; seed {result.seed}.</p>'


def _proof(result: TrialResult, verdict: Verdict) -> Iterator[str]:
    assert result.evidence is not None
    assert result.judgement is not None
    claim = registry()[verdict.property]
    cause = result.judgement.follows.get(verdict.property)
    yield f'<section class="proof"><h3>{escape(verdict.property)}</h3>'
    if cause:
        yield f'<p class="soft">Follows from {escape(cause)}.</p>'
    yield f"<p>{escape(claim.rule)}</p><p>{escape(verdict.reason)}</p>"
    yield f"<pre>{escape(chr(10).join(tell_evidence(result.evidence, verdict)))}</pre>"
    yield f'<p>{escape(claim.guidance)} <a href="{escape(claim.source)}">Why</a></p></section>'
