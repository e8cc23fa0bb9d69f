"""`reply: lost | reset | truncated | malformed`: what happens to an answer on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from mock_server.faults.effects.base import Effect, Point, moment, one_of
from mock_server.faults.problems import EffectProblem
from mock_server.operations import Call, Reply

KINDS = ("lost", "reset", "truncated", "malformed")


@dataclass(frozen=True)
class LostReply(Effect):
    """Lost: done, then the connection breaks. Reset: it breaks and nothing was done, unless `at: after`."""

    key: ClassVar[str] = "reply"
    flags: ClassVar[frozenset[str]] = frozenset({"at"})

    kind: str
    point: Point

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> LostReply:
        kind = one_of("reply", data["reply"], KINDS)
        at = moment(data, "before" if kind == "reset" else "after")
        if kind != "reset" and at == "before":
            raise EffectProblem(("at",), f"a reply is {kind} after the work is done", ("after",))
        return cls(kind, "edge" if at == "before" else "reply")

    async def strike(self, call: Call) -> Reply | None:
        if self.kind == "reset":
            call.entry.outcome = "reset" if self.point == "edge" else "lost"
            return Reply(delivery="none")
        assert call.reply is not None
        if self.kind == "lost":
            call.entry.outcome = "lost"
            return replace(call.reply, delivery="none")
        if self.kind == "truncated":
            call.entry.outcome = "cut"
            return replace(call.reply, delivery="cut")
        call.entry.outcome = "malformed"
        # Whole in length, broken in grammar: the closing half of the text is overwritten.
        body = call.reply.body or b" "
        half = (len(body) + 1) // 2
        return replace(call.reply, body=body[:half] + b"<" * (len(body) - half) if len(body) > 1 else b"<")
