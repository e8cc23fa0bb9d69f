"""`error: CODE`: a Salesforce error, of single rows or of the whole request."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from mock_server.faults.effects.effect import BEFORE_AFTER, Point, RowEffect, has_rows
from mock_server.faults.keys import known_ids
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import AT, Shape
from mock_server.org.chance import Random
from mock_server.org.errors import BY_CODE, CATALOGUE, ApiError, ErrorSpec

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation, Reply
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change

ROW_SPECS: dict[str, ErrorSpec] = {spec.code: spec for spec in reversed(CATALOGUE) if spec.shape == "save"}
"""The row of the catalogue that a saved record gets under a code; some codes have another one for requests."""


@dataclass(frozen=True, slots=True)
class Error(RowEffect):
    """Without a level, rows get the error where rows are selected, or where it is an error that saves give."""

    key: ClassVar[str] = "error"
    takes: ClassVar[tuple[str, ...]] = ("level", "at")
    points: ClassVar[frozenset[Point]] = frozenset({"before", "row", "after"})

    code: str
    level: str | None = None
    saved_first: bool = False

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        code = reader.text("error")
        level = reader.choice("level", ("row", "request"))
        at = reader.choice("at", BEFORE_AFTER)
        if code is None:
            return None
        if code not in BY_CODE:
            reader.refuse("error", f"{code} is no known error code of Salesforce", sorted(BY_CODE), code.upper())
            return None
        return cls(code, level or ("row" if rows_selected else None), at == "after")

    def _strikes_rows(self, operation: Operation) -> bool:
        if self.level is not None:
            return self.level == "row"
        return has_rows(operation) and self.code in ROW_SPECS

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        codes = {"enum": sorted(BY_CODE), "description": "an error code of Salesforce"}
        return {"error": codes, "level": {"enum": ["row", "request"]}, "at": AT}

    def point(self, operation: Operation) -> Point:
        if self._strikes_rows(operation):
            return "row"
        return "after" if self.saved_first else "before"

    def refuses(self, operation: Operation) -> str | None:
        if self.level == "row" and not has_rows(operation):
            return f"{operation.name} saves no rows that could fail one by one"
        return None

    def refusal(self, org: Org, change: Change) -> ApiError:
        spec = ROW_SPECS.get(self.code) or BY_CODE[self.code]
        values: dict[str, Any] = dict(spec.defaults)
        if self.code == "UNABLE_TO_LOCK_ROW":
            values.update(known_ids(org, change))
        return spec(fields=(), **values)

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        raise BY_CODE[self.code].sample()
