"""`limit: {name: DailyApiRequests, remaining: 0}`: a limit is used up from now on, whoever used it.

`limit: {name: ConcurrentRequests, remaining: 4}`: others keep the org busy with long calls, so that a call is refused
while 4 of this client's are running. Unlike a daily limit, it lets go at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import Shape, count, mapping
from mock_server.org import errors
from mock_server.org.chance import Random
from mock_server.org.limits.catalogue import KNOWN

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation, Reply


CONCURRENT = "ConcurrentRequests"
"""Not one of the `limits` resource: Salesforce names it in the error only."""


@dataclass(frozen=True, slots=True)
class SetLimit(Effect):
    """Strikes before the call is charged, so that the call that meets it is the first to be refused."""

    key: ClassVar[str] = "limit"
    points: ClassVar[frozenset[Point]] = frozenset({"session"})

    name: str
    remaining: int

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        given = reader.mapping("limit")
        if given is None:
            return None
        given.only(("name", "remaining"), "limit")
        name, remaining = given.text("name"), given.count("remaining", 0)
        if name is None:
            if "name" not in given:
                given.refuse("name", "a limit needs its name", sorted(KNOWN))
            return None
        if name != CONCURRENT and name not in KNOWN:
            given.refuse("name", f"there is no limit {name}", sorted((*KNOWN, CONCURRENT)), name)
            return None
        return cls(name, remaining or 0)

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        names = {"enum": sorted((*KNOWN, CONCURRENT))}
        return {"limit": mapping({"name": names, "remaining": count(0)}, required=("name",))}

    def point(self, operation: Operation) -> Point:
        return "session"

    def refuses(self, operation: Operation) -> str | None:
        return None if operation.auth else f"{operation.name} needs no session, and is charged against no limit"

    def applies(self, call: Call, age: float) -> bool:
        return self.name != CONCURRENT or call.org.limits.running >= self.remaining

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        if self.name == CONCURRENT:
            raise errors.CONCURRENT_LIMIT_EXCEEDED()
        call.org.limits.set(self.name, remaining=self.remaining)
        return None
