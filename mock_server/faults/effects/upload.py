"""`upload: cut`: the connection breaks while the body of an upload comes in; nothing of it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import Effect, Point, saves_later
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import Shape
from mock_server.operations import Reply
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation


@dataclass(frozen=True, slots=True)
class CutUpload(Effect):
    """The client sees its connection reset and no answer; its job is as open as it was, and takes the upload again."""

    key: ClassVar[str] = "upload"
    points: ClassVar[frozenset[Point]] = frozenset({"edge"})
    inside: ClassVar[bool] = False

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        return None if reader.choice("upload", ("cut",)) is None else cls()

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        return {"upload": {"enum": ["cut"], "description": "the connection breaks while the body comes in"}}

    def point(self, operation: Operation) -> Point:
        return "edge"

    def refuses(self, operation: Operation) -> str | None:
        return None if saves_later(operation) else f"{operation.name} uploads nothing"

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        call.entry.outcome = "reset"
        return Reply(delivery="none")
