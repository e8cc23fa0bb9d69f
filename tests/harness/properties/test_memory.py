"""bulk.memory_bounded, scene by scene."""

from __future__ import annotations

from typing import Any

from harness.evidence import Footprint
from harness.properties.bulk.memory import MIB
from tests.harness.builders import World
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add
FEW = (1000, 60.0, 4.0)


def weighed(*runs: tuple[int, float, float], handled: float = 1.0, **parameters: float) -> dict[str, Any]:
    """Return options for runs of so many rows, of so many MiB at the most, whose rows are so many MiB."""
    memory = tuple(Footprint(rows, int(peak * MIB), int(size * MIB), int(rows * handled)) for rows, peak, size in runs)
    return {"memory": memory, "parameters": parameters}


@scene("bulk.memory_bounded", "held")
def row_by_row(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 62.0, 40.0))


@scene("bulk.memory_bounded", "held")
def a_little_less_than_a_fifth_more(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 71.9, 40.0))


@scene("bulk.memory_bounded", "violated")
def all_rows_in_a_list(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 100.0, 40.0), (20_000, 145.0, 80.0))


@scene("bulk.memory_bounded", "violated")
def the_ids_of_all_rows_in_a_list(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 75.0, 40.0), (20_000, 91.0, 80.0))


@scene("bulk.memory_bounded", "held")
def a_cache_that_is_full(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 100.0, 40.0), (20_000, 104.0, 80.0))


@scene("bulk.memory_bounded", "held")
def an_interpreter_that_clears_away_late(world: World) -> dict[str, Any]:
    """Measured: Node 20, reading row by row."""
    return weighed((800, 110.4, 3.6), (8000, 137.8, 36.0), (16_000, 156.2, 72.0))


@scene("bulk.memory_bounded", "violated")
def an_interpreter_that_clears_away_late_and_holds_all(world: World) -> dict[str, Any]:
    """Measured: Node 20, with all rows in an array."""
    return weighed((800, 108.1, 3.6), (8000, 219.6, 36.0), (16_000, 282.1, 72.0))


@scene("bulk.memory_bounded", "not exercised")
def rows_so_narrow_that_nothing_would_show(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 61.0, 9.0))


@scene("bulk.memory_bounded", "not exercised")
def a_run_that_did_little(world: World) -> dict[str, Any]:
    return weighed(FEW, (10_000, 60.0, 40.0), handled=0.5)


@scene("bulk.memory_bounded", "not exercised")
def a_command_that_was_gone_before_it_was_seen(world: World) -> dict[str, Any]:
    return weighed((1000, 0.0, 4.0), (10_000, 60.0, 40.0))


@scene("bulk.memory_bounded", "not exercised")
def a_scenario_without_rows(world: World) -> dict[str, Any]:
    return weighed((0, 60.0, 0.0), (0, 60.0, 0.0))


@scene("bulk.memory_bounded", "not applicable")
def a_function(world: World) -> None:
    """It shares the memory of whoever runs it."""


STEEP = (FEW, (10_000, 71.0, 40.0), (20_000, 83.0, 80.0))


@scene("bulk.memory_bounded", "held")
def within_what_is_allowed_to_all(world: World) -> dict[str, Any]:
    return weighed(*STEEP)


@scene("bulk.memory_bounded", "violated")
def beyond_what_is_allowed_here(world: World) -> dict[str, Any]:
    return weighed(*STEEP, growth=0.1, least=4.0)


@SCENES.each
def test_memory_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


def test_the_verdict_tells_what_was_measured() -> None:
    verdict = verdict_of("bulk.memory_bounded", World(), **all_rows_in_a_list(World()))
    assert verdict.reason.startswith("60.0 MiB at the most with 1000 rows, 100.0 MiB with 10000 (+67%), 145.0 MiB with")
