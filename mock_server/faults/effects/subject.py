"""`subject: kill | stop`: the client's process ends in the middle of this exchange, by the hand of whoever runs it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import BEFORE_AFTER, Effect, Point
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import AT, Shape
from mock_server.operations import Reply
from mock_server.org.chance import Random
from mock_server.org.clock import wall

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation

LONGEST_HOLD = 20.0
"""Wall seconds that an exchange is held for a client that does not leave: nobody may be there to kill it."""
STOP_HOLD = 0.1
"""Wall seconds in which a request to stop reaches the client while its own request is still under way."""
_LOOK = 0.005


@dataclass(frozen=True, slots=True)
class EndSubject(Effect):
    """Holds an exchange while somebody else ends the client, who sees by the rule's `fired` that it is time.

    `kill`: held until the client has gone, with nothing done or, `at: after`, all done; no answer ever leaves. `stop`:
    held for a moment, then carried on as if nothing were, so that a client that ends in good order gets its answer.
    """

    key: ClassVar[str] = "subject"
    takes: ClassVar[tuple[str, ...]] = ("at",)
    points: ClassVar[frozenset[Point]] = frozenset({"before", "reply"})
    inside: ClassVar[bool] = False

    how: str
    after: bool

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        how = reader.choice("subject", ("kill", "stop"))
        at = reader.choice("at", BEFORE_AFTER)
        return None if how is None else cls(how, at == "after")

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        return {"subject": {"enum": ["kill", "stop"], "description": "how the subject's process ends"}, "at": AT}

    def point(self, operation: Operation) -> Point:
        return "reply" if self.after else "before"

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        if self.how == "stop":
            await asyncio.sleep(STOP_HOLD)
            return None
        call.entry.outcome = "lost" if self.after else "reset"
        until = wall() + LONGEST_HOLD
        while call.gone is not None and not call.gone() and wall() < until:
            await asyncio.sleep(_LOOK)
        return Reply(delivery="none")
