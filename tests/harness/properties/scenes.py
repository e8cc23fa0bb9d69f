"""Scenes: small worlds of evidence, and the verdict that a property must come to in each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from harness.properties import read_parameters, registry
from harness.properties.property import Verdict
from tests.harness.builders import World

Scene = Callable[[World], dict[str, Any] | None]
"""Builds a world; returns options of `World.evidence`, and under `parameters` what the property is asked with."""


class Scenes:
    """The scenes of one file. `add` is a decorator, `each` runs a test in every scene."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str, Scene]] = []

    def add(self, name: str, status: str) -> Callable[[Scene], Scene]:
        def noted(build: Scene) -> Scene:
            self.all.append((name, status, build))
            return build

        return noted

    def each(self, test: Callable[..., None]) -> Callable[..., None]:
        ids = [f"{name}-{build.__name__}" for name, _, build in self.all]
        return pytest.mark.parametrize(("name", "status", "build"), self.all, ids=ids)(test)


def verdict_of(name: str, world: World, parameters: dict[str, Any] | None = None, **options: Any) -> Verdict:
    claim = registry()[name]
    return claim.judge(world.evidence(**options), read_parameters(claim, parameters))


def check(name: str, status: str, build: Scene) -> None:
    """Demand the status of a scene, a reason, and that only what happened counts as exposure."""
    world = World()
    verdict = verdict_of(name, world, **(build(world) or {}))
    assert (verdict.status, bool(verdict.reason)) == (status, True), verdict
    assert bool(verdict.exposures) == (status in ("held", "violated")), verdict
