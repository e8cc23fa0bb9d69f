"""`reply: lost | reset | truncated | malformed`: the work may be done, but its answer does not arrive as it should."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import BEFORE_AFTER, Effect, Point
from mock_server.faults.reader import Reader
from mock_server.operations import JSON, Reply
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation

KINDS = ("lost", "reset", "truncated", "malformed")


@dataclass(frozen=True, slots=True)
class ReplyFault(Effect):
    """`lost`: done, then nothing is sent. `reset`: refused at the edge, with nothing done (or, `at: after`, done).

    `truncated`: all headers, half of the body. `malformed`: a whole answer of a good status whose body cannot be read.
    """

    key: ClassVar[str] = "reply"
    takes: ClassVar[tuple[str, ...]] = ("at",)
    points: ClassVar[frozenset[Point]] = frozenset({"edge", "reply"})

    kind: str
    after: bool

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        kind = reader.choice("reply", KINDS)
        at = reader.choice("at", BEFORE_AFTER)
        if at == "before" and kind not in (None, "reset"):
            reader.refuse("at", f"a reply is {kind} after the work; only reset can come before", ("after",))
        return None if kind is None else cls(kind, kind != "reset" or at == "after")

    def point(self, operation: Operation) -> Point:
        return "reply" if self.after else "edge"

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        if self.kind in ("lost", "reset"):
            call.entry.outcome = "lost" if self.after else "reset"
            return Reply(delivery="none")
        assert call.reply is not None
        if self.kind == "truncated":
            call.entry.outcome = "cut"
            return replace(call.reply, delivery="cut")
        return _malformed(call.reply)


def _malformed(reply: Reply) -> Reply:
    body = reply.body[: len(reply.body) // 2] or b"{"
    status = 200 if reply.status == 204 else reply.status
    return replace(reply, status=status, body=body, content_type=reply.content_type or JSON)
