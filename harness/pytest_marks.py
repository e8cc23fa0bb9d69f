"""Reads `@pytest.mark.scenario("retry/*", "own.yaml", seeds=3)`: which scenarios and seeds a test runs with."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from harness.pytest_options import MOST_SEEDS, Choices, Wrong, read_count, read_seed
from harness.scenario import find, load
from mock_server.documents import DocumentError, nearest

if TYPE_CHECKING:
    from harness.scenario import Scenario

_FILES = (".yaml", ".yml")


class MarkerError(pytest.Collector.CollectError):
    """A marker that cannot be used. pytest tells it without a traceback, and runs nothing."""


@dataclass(frozen=True)
class Case:
    """One scenario with one seed: what the `trial` fixture of a test is given."""

    scenario: Scenario
    seed: int


def cases_of(metafunc: pytest.Metafunc, choices: Choices) -> tuple[list[Case], list[str]] | None:
    """Return the cases of a test and their ids; None for a test without the marker. Raises MarkerError."""
    definition = metafunc.definition
    marker = definition.get_closest_marker("scenario")
    if marker is None:
        return None
    own = [mark for mark in definition.own_markers if mark.name == "scenario"]
    if "trial" not in metafunc.fixturenames:
        if own:
            _refuse(definition, "the test is marked, but does not take the `trial` fixture: nothing would be tried")
        return None
    if len(own) > 1:
        _refuse(definition, "the test is marked twice; name all scenarios in one marker")
    for name in marker.kwargs:
        if name != "seeds":
            near = nearest(name, ("seeds",))
            _refuse(definition, f"there is no argument {name!r}{f'; did you mean {near!r}?' if near else ''}")
    scenarios = _scenarios(definition, marker.args)
    seeds, named = _seeds(definition, marker.kwargs.get("seeds"), choices)
    cases = [Case(scenario, seed) for scenario in scenarios for seed in seeds]
    return cases, [f"{case.scenario.name}-seed{case.seed}" if named else case.scenario.name for case in cases]


def _scenarios(definition: pytest.Item, patterns: Sequence[object]) -> list[Scenario]:
    if not patterns:
        _refuse(definition, "name a scenario, a glob such as 'retry/*', or a file")
    found: dict[str, Scenario] = {}
    problems: list[str] = []
    for pattern in patterns:
        if not isinstance(pattern, str | os.PathLike) or not str(pattern):
            _refuse(definition, f"{str(pattern)[:60]!r} is no scenario; give names, globs and files as text")
        try:
            found |= {scenario.name: scenario for scenario in _of(definition, os.fspath(pattern))}
        except DocumentError as error:
            problems += error.lines
    if problems:
        _refuse(definition, "\n".join(problems))
    return list(found.values())


def _of(definition: pytest.Item, pattern: str) -> list[Scenario]:
    """Load what a pattern means; files are looked for beside the test first."""
    beside = definition.path.parent
    if pattern.endswith(_FILES) and "\0" not in pattern and not Path(pattern).is_absolute():
        if (beside / pattern).is_file():
            return [load(beside / pattern, name=pattern)]
        if "*" in pattern and (matches := sorted(beside.glob(pattern))):
            return [load(path, name=path.relative_to(beside).as_posix()) for path in matches]
    return find([pattern])


def _seeds(definition: pytest.Item, given: object, choices: Choices) -> tuple[Sequence[int], bool]:
    """Return the seeds to run with, and whether ids name them: they do where several may be asked for.

    A seed on the command line is the only one, so that a replay runs one case, whose id is the same.
    """
    listed: list[int] | None = None
    count: int | None = None
    try:
        if isinstance(given, list | tuple | set | frozenset | range):
            if not given or len(given) > MOST_SEEDS:
                raise Wrong(f"a list of seeds has 1 to {MOST_SEEDS} of them")
            listed = list(dict.fromkeys(read_seed(seed) for seed in given))
        elif isinstance(given, int) and not isinstance(given, bool):
            count = read_count(given)
        elif given is not None:
            raise Wrong(f"{str(given)[:40]!r} is neither a number of seeds nor a list of them")
    except Wrong as wrong:
        _refuse(definition, f"seeds: {wrong}")
    named = given is not None or choices["sfmock_seeds"] is not None
    commanded = choices.commanded
    if "sfmock_seed" in commanded and "sfmock_seeds" not in commanded:
        return [commanded["sfmock_seed"]], named
    if listed is not None and "sfmock_seeds" not in commanded:
        return listed, named
    first: int = choices["sfmock_seed"] or 0
    return range(first, first + (commanded.get("sfmock_seeds") or count or choices["sfmock_seeds"] or 1)), named


def _refuse(definition: pytest.Item, text: str) -> NoReturn:
    path, line, name = definition.location
    raise MarkerError(f"{path}:{(line or 0) + 1}: {name}: @pytest.mark.scenario: {text}")
