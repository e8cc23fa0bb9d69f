"""What an effect is: it strikes at one point of an exchange, and knows nothing of counting, chance or selection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from mock_server.documents import nearest
from mock_server.faults.problems import EffectProblem
from mock_server.operations import Call, Operation, Reply

Point = Literal["edge", "session", "before", "row", "after", "reply"]


class Effect:
    """Base of all effects. `key` is its word in the grammar; `flags` the further keys that go with it."""

    key: ClassVar[str]
    flags: ClassVar[frozenset[str]] = frozenset()
    decides_rows: ClassVar[bool] = False
    level: str | None = None
    point: Point

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Effect:
        """Make the effect from a rule's keys. Raises EffectProblem."""
        raise TypeError(f"{cls.__name__} cannot be read")

    def refuses(self, operation: Operation) -> str | None:
        """Say why this effect can never strike an operation; None when it can."""
        return None

    async def strike(self, call: Call) -> Reply | None:
        """Do it. Return the reply that takes the place of the real one; raise ApiError to have it rendered."""
        return None


def moment(data: Mapping[str, Any], default: str = "before") -> str:
    at = data.get("at", default)
    if at not in ("before", "after"):
        raise EffectProblem(("at",), f"{at!r} is no moment", ("before", "after"), nearest(at, ("before", "after")))
    return str(at)


def one_of(path: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise EffectProblem((path,), f"there is no {path} {value!r}", choices, nearest(value, choices))
    return str(value)
