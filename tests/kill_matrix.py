"""`make kill-matrix`: runs every broken subject, and writes down which properties each of them violates."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from harness.properties import registry
from tests.subjects import PLANTED

PAGE = Path(__file__).parents[1] / "harness" / "KILL_MATRIX.md"
HEAD = """\
# Kill matrix

What every broken integration of `tests/subjects/` violates, from running each under the scenario that shows its defect. Written by
`make kill-matrix`. ● is the planted defect, which must be named first; ○ is dragged along, and reported after it. A property
without a ● would be a detector that nobody has seen detect anything.

"""
PLANT, DRAGGED = "●", "○"
Kills = Mapping[str, tuple[str, ...]]
"""Broken subject -> the properties that it violates, the first named first."""


def run(only: frozenset[str] = frozenset()) -> Kills:
    """Run the broken subjects, all or those named, and return what each violates."""
    from mock_server import api
    from tests.test_subjects import judged

    found: dict[str, tuple[str, ...]] = {}
    with api.start(port=0) as server:
        for subject, (_, scenario) in PLANTED.items():
            if only and subject not in only:
                continue
            result = judged(server, subject, scenario)
            found[subject] = tuple(verdict.property for verdict in result.violated)
            print(f"{subject:36}{', '.join(found[subject])}", file=sys.stderr, flush=True)
    return found


def page(kills: Kills) -> str:
    """Return the matrix in Markdown, a table a family."""
    return HEAD + "\n".join(_lines(kills)) + "\n"


def _lines(kills: Kills) -> Iterator[str]:
    families: dict[str, list[str]] = {}
    for name in registry():
        families.setdefault(name.partition(".")[0], []).append(name)
    yield f"{len(kills)} broken integrations, {sum(map(len, families.values()))} properties."
    for family, names in families.items():
        yield ""
        yield f"## {family.replace('_', ' ')}"
        yield ""
        yield f"| | {' | '.join(name.partition('.')[2].replace('_', ' ') for name in names)} |"
        yield f"| --- |{' :-: |' * len(names)}"
        for subject, violated in kills.items():
            if set(names) & set(violated):
                cells = [_mark(name, violated) for name in names]
                yield f"| `{subject.removesuffix('.py')}` | {' | '.join(cells)} |"


def _mark(name: str, violated: tuple[str, ...]) -> str:
    if name not in violated:
        return ""
    return PLANT if name == violated[0] else DRAGGED


def read(text: str) -> dict[str, dict[str, str]]:
    """Return the marks of a page: property -> broken subject -> mark."""
    marks: dict[str, dict[str, str]] = {}
    for family, table in re.findall(r"^## (.+)\n\n((?:\|.*\n)+)", text, re.MULTILINE):
        head, _, *rows = [[cell.strip() for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
        names = [f"{family.replace(' ', '_')}.{column.replace(' ', '_')}" for column in head[1:]]
        for name in names:
            marks[name] = {}
        for subject, *cells in rows:
            for name, mark in zip(names, cells, strict=True):
                if mark:
                    marks[name][f"{subject.strip('`')}.py"] = mark
    return marks


def kept(text: str) -> dict[str, tuple[str, ...]]:
    """Return what a page says of each subject: what it need not run again when others have changed."""
    found: dict[str, list[str]] = {}
    for name, subjects in read(text).items():
        for subject, mark in subjects.items():
            found.setdefault(subject, []).insert(0 if mark == PLANT else len(found.get(subject, [])), name)
    return {subject: tuple(names) for subject, names in found.items()}


def main(arguments: list[str]) -> int:
    """Run the subjects named, or all, and write the page."""
    only = frozenset(arguments)
    known = kept(PAGE.read_text(encoding="utf-8")) if only and PAGE.exists() else {}
    fresh = run(only)
    kills = {subject: fresh.get(subject) or known.get(subject, ()) for subject in PLANTED}
    PAGE.write_text(page(kills), encoding="utf-8")
    wrong = [subject for subject, violated in kills.items() if violated[:1] != (PLANTED[subject][0],)]
    for subject in wrong:
        print(f"{subject}: {PLANTED[subject][0]} is not named first", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
