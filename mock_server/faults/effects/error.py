"""`error: UNABLE_TO_LOCK_ROW`: one of Salesforce's own errors, for single rows or the whole request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mock_server.documents import nearest
from mock_server.faults.effects.base import Effect, Point, moment, one_of
from mock_server.faults.problems import EffectProblem
from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError, ErrorSpec
from mock_server.org.records.changes import Change


@dataclass(frozen=True)
class Error(Effect):
    key: ClassVar[str] = "error"
    flags: ClassVar[frozenset[str]] = frozenset({"level", "at"})
    decides_rows: ClassVar[bool] = True

    spec: ErrorSpec
    point: Point
    level: str | None = None

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Error:
        code = data["error"]
        spec = errors.BY_CODE.get(code) if isinstance(code, str) else None
        if spec is None:
            raise EffectProblem(
                ("error",), f"there is no error code {code!r}", tuple(sorted(errors.BY_CODE)),
                nearest(code, errors.BY_CODE),
            )  # fmt: skip
        level = one_of("level", data["level"], ("row", "request")) if "level" in data else None
        return cls(spec, "before" if moment(data) == "before" else "after", level)

    def of_row(self, change: Change) -> ApiError:
        """Return the error for one row, naming the row where the message has a place for it."""
        if self.spec is errors.UNABLE_TO_LOCK_ROW and change.id:
            return self.spec(count=1, ids=change.id)
        return self.spec.sample()

    async def strike(self, call: Call) -> Reply | None:
        raise self.spec.sample()
