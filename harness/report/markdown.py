"""The report for a pull request: Markdown that fits into one comment."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

from harness.report.digest import STATUSES, Digest, Proof, digest
from harness.report.terminal import printable
from harness.result import TrialResult

MOST = 60_000
"""Characters; GitHub takes 65,536 in a comment, and what posts it may add some."""
_LONGEST_CELL = 160
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|~&])")
_REFERENCE = re.compile(r"(?<=[@#])(?=\w)")
"""After escaping, GitHub still makes a link of `@name` and `#1`; a comment between the two prevents it."""


def as_markdown(results: Sequence[TrialResult]) -> str:
    """Return the results as Markdown: details are left out, the last first, where all would be too long."""
    told = [digest(result) for result in results]
    head = "\n".join(_head(told)) + "\n"
    parts = [
        "\n".join(_details(trial, proof)) + "\n"
        for trial in told
        for proof in trial.proofs
        if not proof.ruling.follows_from
    ]
    parts += ["\n".join(_baseline(trial)) + "\n" for trial in told if trial.evidence is None]
    text = head[:MOST]
    for number, part in enumerate(parts):
        left = f"\n{len(parts) - number} more are in the other reports.\n"
        if len(text) + len(part) + len(left) > MOST:
            return text + left
        text += part
    return text


def write_markdown(results: Sequence[TrialResult], file: Path) -> None:
    file.write_text(as_markdown(results), encoding="utf-8")


def _head(told: Sequence[Digest]) -> Iterator[str]:
    good = sum(trial.ok for trial in told)
    yield f"### sfmock: {good} of {len(told)} scenarios passed" if len(told) != 1 else f"### sfmock: {told[0].headline}"
    yield ""
    yield "| | scenario | violated | held | not exercised | inputs |"
    yield "|:-:|:--|:--|--:|--:|:--|"
    shown = sorted(told, key=lambda trial: trial.ok)  # failures first, else in the order they ran
    for number, trial in enumerate(shown):
        if number == 200:
            yield f"| | {len(told) - number} more | | | | |"
            break
        counts = {status: sum(ruling.status == status for ruling in trial.rulings) for status in STATUSES}
        causes = [proof.ruling.name for proof in trial.proofs if not proof.ruling.follows_from]
        named = ", ".join(f"`{name}`" for name in causes[:3])
        if len(trial.proofs) > len(causes[:3]) and causes:
            named += f" and {len(trial.proofs) - len(causes[:3])} more"
        if trial.evidence is None:
            named = "steady state not met"
        missing = [ruling.name for ruling in trial.rulings if ruling.missing]
        named += f"{'; ' if named else ''}required: `{'`, `'.join(missing[:3])}`" if missing else ""
        unfired = [fault.name for fault in trial.unfired]
        named += f"{'; ' if named else ''}never fired: {_cell(', '.join(unfired))}" if unfired else ""
        yield (
            f"| {'✅' if trial.ok else '❌'} | {_cell(trial.scenario)} | {named or '–'} | {counts['held']} | "
            f"{counts['not exercised']} | {_cell(trial.told_outcomes)} |"
        )
    yield ""


def _details(told: Digest, proof: Proof) -> Iterator[str]:
    """Tell one violation, and name those that follow from it."""
    ruling = proof.ruling
    followers = [other.ruling.name for other in told.proofs if other.ruling.follows_from == ruling.name]
    yield f"<details><summary><code>{ruling.name}</code> in {_tag(told.scenario)}</summary>"
    yield ""
    yield proof.claim
    yield ""
    yield f"**Found:** {_inline(ruling.reason)}"
    yield ""
    yield from _fenced([*proof.chain, *([""] if proof.chain and proof.journal else []), *proof.journal])
    if followers:
        yield f"**Follows from it:** {', '.join(f'`{name}`' for name in followers)}"
        yield ""
    yield f"**What to do:** {proof.guidance} [Why]({proof.source})"
    yield ""
    if told.replay:
        yield "**Run it again:**"
        yield ""
        yield from _fenced([told.replay])
    yield "</details>"
    yield ""


def _baseline(told: Digest) -> Iterator[str]:
    yield f"<details><summary>{_tag(told.scenario)}: steady state not met</summary>"
    yield ""
    yield _inline(told.summary)
    yield ""
    yield from _fenced(told.output)
    yield "</details>"
    yield ""


def _fenced(lines: Sequence[str]) -> Iterator[str]:
    """Yield a block shown as it is; a fence longer than any in it."""
    if not lines:
        return
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield fence + "text"
    for line in lines:
        yield printable(line)[:400]
    yield fence
    yield ""


def _inline(text: str) -> str:
    """Return text that Markdown shows as it is: no link, mention, tag or table cell comes of it."""
    return _REFERENCE.sub("<!-- -->", _SPECIAL.sub(r"\\\1", " ".join(printable(text).split())))


def _cell(text: str) -> str:
    return _inline(_short(text))


def _tag(text: str) -> str:
    """Return text for the inside of an HTML tag, where Markdown is not read."""
    return _REFERENCE.sub("<!-- -->", escape(_short(printable(text))))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else text[: _LONGEST_CELL - 3] + "..."
