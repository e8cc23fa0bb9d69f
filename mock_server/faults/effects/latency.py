"""`latency: 2s`: the request, or its answer, is held for a while. Latencies of several rules add up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults import distributions
from mock_server.faults.distributions import Distribution
from mock_server.faults.effects.effect import BEFORE_AFTER, Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import AT, Shape
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation, Reply


@dataclass(frozen=True, slots=True)
class Latency(Effect):
    key: ClassVar[str] = "latency"
    takes: ClassVar[tuple[str, ...]] = ("at",)
    points: ClassVar[frozenset[Point]] = frozenset({"before", "after"})

    distribution: Distribution
    at: Point = "before"

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        distribution = distributions.read(reader, "latency")
        at = reader.choice("at", BEFORE_AFTER)
        return None if distribution is None else cls(distribution, "after" if at == "after" else "before")

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        return {"latency": distributions.shape(), "at": AT}

    def point(self, operation: Operation) -> Point:
        return self.at

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        await call.org.clock.sleep(self.distribution.draw(chance))
        return None
