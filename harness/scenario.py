"""Scenarios: the model, loading, and the bundled catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from harness.plans import PhasePlan, Policy, Scenario
from harness.scenario_help import describe
from harness.scenario_reading import load
from mock_server import documents
from mock_server.documents import DocumentError, nearest

__all__ = ["Listed", "PhasePlan", "Policy", "Scenario", "catalogue", "describe", "find", "load", "locate"]

_SUFFIXES = (".yaml", ".yml")
_NO_FAMILIES = ("conformance",)
"""Folders beside those of the families whose files are no scenarios."""


class Listed(NamedTuple):
    """A bundled scenario. `name` is its family and its own name: `retry/transient-503`."""

    name: str
    path: Path
    title: str
    story: str


@cache
def _bundled() -> dict[str, Path]:
    root = Path(str(files("scenarios")))
    found = (path for path in sorted(root.glob("*/*.yaml")) if path.parent.name not in _NO_FAMILIES)
    return {path.relative_to(root).with_suffix("").as_posix(): path for path in found}


def catalogue() -> list[Listed]:
    """Return the bundled scenarios, by name."""
    listed = []
    for name, path in _bundled().items():
        data = documents.load(path).data
        listed.append(Listed(name, path, str(data["title"]), str(data.get("story", ""))))
    return listed


def find(patterns: Sequence[str]) -> list[Scenario]:
    """Load scenarios by file, bundled name or glob. Raises DocumentError with all that is wrong with any of them."""
    found: list[Scenario] = []
    lines: list[str] = []
    for name, path in locate(patterns).items():
        try:
            found.append(load(path, name=name))
        except DocumentError as error:
            lines.extend(error.lines)
    if lines:
        raise DocumentError(lines)
    return found


def locate(patterns: Sequence[str]) -> dict[str, Path]:
    """Return the files that patterns mean, each once, by what to call the scenario. Raises DocumentError.

    A bundled scenario goes by its whole name (`partial/row-locks`), by its own (`row-locks`), or by a glob of either.
    """
    found: dict[str, Path] = {}
    unknown: list[str] = []
    for pattern in patterns:
        matches = _matches(pattern)
        if not matches:
            unknown.append(_unknown(pattern))
        found |= matches
    if unknown:
        raise DocumentError(unknown)
    return found


def _matches(pattern: str) -> dict[str, Path]:
    bundled = _bundled()
    if "\0" in pattern:
        return {}
    if pattern.endswith(_SUFFIXES):
        path = Path(pattern)
        if path.exists():
            named = next((name for name, other in bundled.items() if other == path.absolute()), pattern)
            return {named: path}
        if "*" in pattern and not path.is_absolute():
            return {str(other): other for other in sorted(Path().glob(pattern))}
        return {}
    return {
        name: path
        for name, path in bundled.items()
        if fnmatchcase(name, pattern) or fnmatchcase(name.partition("/")[2], pattern)
    }


def _unknown(pattern: str) -> str:
    if pattern.endswith(_SUFFIXES):
        return f"{pattern}: there is no such file"
    names = list(_bundled())
    own = {name.partition("/")[2]: name for name in names}
    near = nearest(pattern, [*names, *own])
    hint = f"; did you mean {own.get(near, near)!r}?" if near else ""
    return f"{pattern}: there is no bundled scenario of this name{hint} (bundled: {', '.join(names)})"
