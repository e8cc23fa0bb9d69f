"""`outage: {up: 30s, down: 10s}`: nobody is served for a while, again and again; without `up`, once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import DURATION, Shape, mapping
from mock_server.operations import Reply
from mock_server.org import errors
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation


@dataclass(frozen=True, slots=True)
class Outage(Effect):
    """Times are of the org's clock since the rule was added. A down phase answers 503, or resets connections."""

    key: ClassVar[str] = "outage"
    points: ClassVar[frozenset[Point]] = frozenset({"edge"})

    down: float
    up: float | None = None
    reset: bool = False

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        given = reader.mapping("outage")
        if given is None:
            return None
        given.only(("up", "down", "as"), "outage")
        down, up = given.seconds("down"), given.seconds("up")
        if "down" not in given:
            given.refuse("down", "an outage needs the time it is down")
        for key, seconds in (("down", down), ("up", up)):
            if seconds == 0:
                given.refuse(key, f"{key} must be more than 0")
        how = given.choice("as", ("status", "reset"))
        return None if not down or up == 0 else cls(down, up, how == "reset")

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        keys = {"up": DURATION, "down": DURATION, "as": {"enum": ["status", "reset"]}}
        return {"outage": mapping(keys, required=("down",))}

    def point(self, operation: Operation) -> Point:
        return "edge"

    def applies(self, call: Call, age: float) -> bool:
        if self.up is None:
            return age < self.down
        return age % (self.up + self.down) >= self.up

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        if not self.reset:
            raise errors.SERVER_UNAVAILABLE()
        call.entry.outcome = "reset"
        return Reply(delivery="none")
