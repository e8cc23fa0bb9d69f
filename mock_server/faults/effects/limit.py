"""`limit: {name: DailyApiRequests, remaining: 0}`: somebody else has used the org's allocation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mock_server.documents import nearest
from mock_server.faults.effects.base import Effect, Point
from mock_server.faults.problems import EffectProblem
from mock_server.operations import Call, Operation, Reply
from mock_server.org.limits.catalogue import ALLOCATIONS


@dataclass(frozen=True)
class UseLimit(Effect):
    key: ClassVar[str] = "limit"

    name: str
    remaining: int
    point: Point = "session"

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> UseLimit:
        value = data["limit"]
        keys = ("name", "remaining")
        if not isinstance(value, Mapping) or set(value) != set(keys):
            raise EffectProblem(("limit",), "say which and how much is left", keys)
        name, remaining = value["name"], value["remaining"]
        if name not in ALLOCATIONS:
            raise EffectProblem(
                ("limit", "name"), f"there is no limit {name!r}", tuple(ALLOCATIONS), nearest(name, ALLOCATIONS)
            )
        if isinstance(remaining, bool) or not isinstance(remaining, int) or remaining < 0:
            raise EffectProblem(("limit", "remaining"), "a whole number from 0 up is needed here")
        return cls(name, remaining)

    def refuses(self, operation: Operation) -> str | None:
        return None if operation.counted else "it is not counted against a limit"

    async def strike(self, call: Call) -> Reply | None:
        call.org.limits.set(self.name, remaining=self.remaining)
        return None
