"""`reply: lost | reset | truncated | malformed | trickle | duplicated`: what the network does to an exchange.

All but `reset` come after the work.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import BEFORE_AFTER, Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import AT, DURATION, Shape
from mock_server.operations import JSON, Reply
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation

KINDS = ("lost", "reset", "truncated", "malformed", "trickle", "duplicated")
TRICKLE = 10.0
"""Seconds that the body of a trickling answer takes, where the rule does not say."""
DELAY = 1.0
"""Seconds after which a duplicated request comes again, where the rule does not say."""


@dataclass(frozen=True, slots=True)
class ReplyFault(Effect):
    """`lost`: done, then nothing is sent. `reset`: refused at the edge, with nothing done (or, `at: after`, done).

    `truncated`: all headers, half of the body. `malformed`: a whole answer of a good status whose body cannot be read.
    `trickle`: the body comes in small pieces, `lasts` long. `duplicated`: a request that succeeded is delivered once
    more, `delay` after its answer; nobody is told what comes of that.
    """

    key: ClassVar[str] = "reply"
    takes: ClassVar[tuple[str, ...]] = ("at", "delay", "lasts")
    points: ClassVar[frozenset[Point]] = frozenset({"edge", "reply"})

    kind: str
    after: bool
    seconds: float = 0.0

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        kind = reader.choice("reply", KINDS)
        at = reader.choice("at", BEFORE_AFTER)
        if at == "before" and kind not in (None, "reset"):
            reader.refuse("at", f"a reply is {kind} after the work; only reset can come before", ("after",))
        lasts, delay = reader.seconds("lasts"), reader.seconds("delay")
        for key, owner in (("lasts", "trickle"), ("delay", "duplicated")):
            if key in reader and kind not in (None, owner):
                reader.refuse(key, f"{key} belongs to reply: {owner}")
        if lasts == 0:
            reader.refuse("lasts", "lasts must be more than 0")
        seconds = 0.0
        if kind == "trickle":
            seconds = TRICKLE if lasts is None else lasts
        elif kind == "duplicated":
            seconds = DELAY if delay is None else delay
        return None if kind is None else cls(kind, kind != "reset" or at == "after", seconds)

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        return {"reply": {"enum": list(KINDS)}, "at": AT, "delay": DURATION, "lasts": DURATION}

    def point(self, operation: Operation) -> Point:
        return "reply" if self.after else "edge"

    def refuses(self, operation: Operation) -> str | None:
        if self.kind == "duplicated" and operation.streams:
            return f"{operation.name} is a stream, which the network does not deliver twice"
        return None

    def applies(self, call: Call, age: float) -> bool:
        return self.kind != "duplicated" or _succeeded(call)

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        if self.kind in ("lost", "reset"):
            call.entry.outcome = "lost" if self.after else "reset"
            return Reply(delivery="none")
        assert call.reply is not None
        if self.kind == "duplicated":
            call.entry.again_at = call.org.clock.now() + self.seconds
            return None
        if self.kind == "truncated":
            call.entry.outcome = "cut"
            return replace(call.reply, delivery="cut")
        if self.kind == "trickle":
            return replace(call.reply, delivery="trickle", seconds=self.seconds)
        call.entry.outcome = "malformed"
        return _malformed(call.reply)


def _succeeded(call: Call) -> bool:
    # What was refused and comes again may succeed then: that would be the network's own doing, and no duplicate.
    reply, results = call.reply, call.entry.results
    return reply is not None and reply.status < 300 and all(result.success for result in results)


def _malformed(reply: Reply) -> Reply:
    if reply.pieces is not None:
        return replace(reply, delivery="half")
    body = reply.body[: len(reply.body) // 2] or b"{"
    status = 200 if reply.status == 204 else reply.status
    return replace(reply, status=status, body=body, content_type=reply.content_type or JSON)
