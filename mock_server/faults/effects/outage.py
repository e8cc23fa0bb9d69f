"""`outage: {up: 30s, down: 10s}`: the edge refuses everything for a while, again and again, or once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mock_server.documents import nearest
from mock_server.faults.effects.base import Effect, Point, one_of
from mock_server.faults.effects.status import PAGES
from mock_server.faults.problems import EffectProblem, seconds
from mock_server.operations import Call, Reply

_KEYS = ("up", "down", "as")


@dataclass(frozen=True)
class Outage(Effect):
    """Up first, then down, in turn, from the moment the rule is added; without `up` it is down once, at once."""

    key: ClassVar[str] = "outage"

    up: float | None
    down: float
    how: str
    point: Point = "edge"

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Outage:
        value = data["outage"]
        if not isinstance(value, Mapping):
            raise EffectProblem(("outage",), "say how long: {up: 30s, down: 10s}", _KEYS)
        for key in value:
            if key not in _KEYS:
                raise EffectProblem(("outage", key), f"unknown key {key!r}", _KEYS, nearest(key, _KEYS))
        if "down" not in value:
            raise EffectProblem(("outage",), "say how long it is down", _KEYS)
        up = seconds(("outage", "up"), value["up"]) if "up" in value else None
        down = seconds(("outage", "down"), value["down"])
        if down <= 0:
            raise EffectProblem(("outage", "down"), "an outage lasts longer than 0 seconds")
        return cls(up, down, one_of("as", value.get("as", "503"), ("503", "reset")))

    def is_down(self, age: float) -> bool:
        """Tell whether it is down, so many seconds after the rule was added."""
        if self.up is None:
            return age < self.down
        return age % (self.up + self.down) >= self.up

    async def strike(self, call: Call) -> Reply | None:
        if self.how == "reset":
            call.entry.outcome = "reset"
            return Reply(delivery="none")
        content_type, body = PAGES["maintenance"]
        return Reply(503, body, content_type)
