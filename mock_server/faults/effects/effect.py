"""What an effect is: the contract between the fault engine and the small files of this folder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from mock_server.documents import Problem
from mock_server.faults.reader import Reader
from mock_server.faults.shapes import Shape
from mock_server.org.chance import Random
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.faults.where import Where
    from mock_server.operations import Call, Operation, Reply
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change

Point = Literal["edge", "session", "before", "row", "after", "reply", "event"]
"""Where an exchange is struck; `event`: wherever it brings events to a subscriber, or begins to."""
BEFORE_AFTER = ("before", "after")


class Effect(ABC):
    """One thing that can happen to a request.

    `key` is its key in a rule, `takes` the further top-level keys it reads, `points` where it may strike.
    """

    key: ClassVar[str]
    takes: ClassVar[tuple[str, ...]] = ()
    points: ClassVar[frozenset[Point]]
    inside: ClassVar[bool] = True
    """Whether it can strike a request inside another one (composite): what ends a connection strikes the outer one."""

    at_once: ClassVar[bool] = False
    """Whether it happens before anybody waits: what a request has set going does not wait for its answer."""

    @classmethod
    @abstractmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        """Read the effect's keys from a rule; None when a problem was noted."""

    @classmethod
    @abstractmethod
    def shapes(cls) -> dict[str, Shape]:
        """Return the JSON Schema of the effect's key and of each further one that it takes, for editors."""

    @abstractmethod
    def point(self, operation: Operation) -> Point:
        """Return the one point at which the effect strikes an operation."""

    def refuses(self, operation: Operation) -> str | None:
        """Say why the effect cannot strike an operation, None when it can. Asked when the rule is added."""
        return None

    def misfits(self, org: Org, where: Where) -> Iterable[Problem]:
        """Return what the effect needs and an org, or what the rule is about, does not have. Asked when it is added."""
        return ()

    def applies(self, call: Call, age: float) -> bool:
        """Tell whether there is something to strike now; `age` is the rule's, in clock seconds."""
        return True

    @abstractmethod
    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        """Let it happen. A reply takes the place of the one on its way; an ApiError is raised to be rendered."""

    def begin(self, until: float | None) -> None:
        """Take note of when the rule will be in force no more, in clock seconds; None where that is not set."""
        return

    def end(self, org: Org) -> None:
        """Undo what lasts, as the rule is taken away, or the phase that it belongs to is over."""
        return


class RowEffect(Effect):
    """An effect that may strike single rows of a write, at the point `row`."""

    saved_first: bool
    """Whether the row is saved, and only reported as failed."""

    def concerns(self, org: Org, change: Change) -> bool:
        """Tell whether there is something about a row to strike."""
        return True

    @abstractmethod
    def refusal(self, org: Org, change: Change) -> ApiError | None:
        """Return the error that a row gets; None where what happens to it is for the save to find out."""


def saves_later(operation: Operation) -> bool:
    """Tell whether the rows that an operation brings are saved when it has been answered: those of jobs are."""
    return has_rows(operation) and operation.name.startswith("bulk")


def has_rows(operation: Operation) -> bool:
    """Tell whether an operation saves rows, each with its own outcome."""
    return operation.kind == "write" and operation.rows != "none"
