"""`session: expire | revoke | moved`: the caller's session ends just before it is asked for.

It is asked for when a request begins, and for a stream of events, which goes on for hours, at each delivery.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import Shape
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation, Reply


HOW = ("expire", "revoke", "moved")


@dataclass(frozen=True, slots=True)
class EndSession(Effect):
    """`moved`: the org goes to another address too, which the next login names as its `instance_url`."""

    key: ClassVar[str] = "session"
    points: ClassVar[frozenset[Point]] = frozenset({"session"})

    how: str

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        how = reader.choice("session", HOW)
        return None if how is None else cls(how)

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        return {"session": {"enum": list(HOW)}}

    def point(self, operation: Operation) -> Point:
        return "session"

    def refuses(self, operation: Operation) -> str | None:
        return None if operation.auth else f"{operation.name} needs no session"

    def applies(self, call: Call, age: float) -> bool:
        return call.session is not None

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        self.end_session(call)
        return None

    def end_session(self, call: Call) -> None:
        """End the session by which a call is made now."""
        sessions = call.org.sessions
        if self.how == "revoke":
            sessions.revoke(call.session.token)
        else:
            sessions.expire(call.session.token)
            call.org.moved = call.org.moved or self.how == "moved"
