"""`lock: hold`: another transaction holds the records that a row is about to change, or their parents, for a while."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.faults.effects.effect import Point, RowEffect, has_rows
from mock_server.faults.keys import known_ids
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import DURATION, Shape
from mock_server.org.chance import Random
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation, Reply
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change

LASTS = 30.0
"""Seconds for which the lock is held where the rule does not say: three times what a save waits for one."""


@dataclass(frozen=True, slots=True)
class HoldLock(RowEffect):
    """The row meets the lock as it would meet that of a real transaction: it waits up to 10 seconds of clock time, and
    fails with UNABLE_TO_LOCK_ROW when the lock is still held. So does whoever else writes the record meanwhile.
    """

    key: ClassVar[str] = "lock"
    takes: ClassVar[tuple[str, ...]] = ("lasts",)
    points: ClassVar[frozenset[Point]] = frozenset({"row"})

    lasts: float
    saved_first: bool = False

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        how, lasts = reader.choice("lock", ("hold",)), reader.seconds("lasts")
        if lasts == 0:
            reader.refuse("lasts", "lasts must be more than 0")
        return None if how is None else cls(LASTS if lasts is None else lasts)

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        return {"lock": {"enum": ["hold"]}, "lasts": DURATION}

    def point(self, operation: Operation) -> Point:
        return "row"

    def refuses(self, operation: Operation) -> str | None:
        if operation.name.startswith("pubsub."):
            return f"{operation.name} publishes events, which nobody locks"
        return None if has_rows(operation) else f"{operation.name} saves no rows that could be locked"

    def concerns(self, org: Org, change: Change) -> bool:
        # A new record without a parent is nobody else's yet.
        return bool(known_ids(org, change))

    def refusal(self, org: Org, change: Change) -> ApiError | None:
        org.locks.hold_elsewhere([known_ids(org, change)["ids"]], self.lasts)
        return None

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        return None
