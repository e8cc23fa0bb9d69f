"""A job of callouts: what one transaction has set going of one callout, made one after the other, as Apex would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mock_server.org.outbound.callouts import LONGEST_TIMEOUT, MOST, Answer, Callout
from mock_server.org.outbound.waiting import Waiting


@dataclass(slots=True, eq=False)
class CalloutItem:
    """One record that set a callout going: its id, how it was saved, and its fields before that."""

    record: str
    sobject: str
    verb: str
    old: Mapping[str, Any] | None = None
    now: Mapping[str, Any] | None = None
    """The record as its transaction left it: what is sent, however late."""
    sequence: int = 0
    """Where the save stands among the commits."""
    id: str = ""
    """What tells this callout from others, the same at each try; `{callout.id}` of templates."""
    answer: Answer | None = None
    attempts: int = 0
    given: Mapping[str, Any] | None = None
    """What code gave along, below `given` of templates."""
    over: bool = False
    """Whether what follows the answer has run."""

    @property
    def succeeded(self) -> bool:
        return self.answer is not None and self.answer.ok


@dataclass(slots=True, eq=False, kw_only=True)
class CalloutJob(Waiting):
    """The items of one transaction and callout. `error` is what ended the job, or the last callout of it."""

    callout: Callout
    items: list[CalloutItem]
    user_id: str

    @property
    def name(self) -> str:
        return self.callout.name

    @property
    def records(self) -> tuple[str, ...]:
        return tuple(item.record for item in self.items)

    @property
    def calls(self) -> list[list[CalloutItem]]:
        """The items of each callout that has not succeeded yet: one each, or all of them in one."""
        left = [item for item in self.items if not item.succeeded]
        if self.callout.each == "transaction":
            return [left] if left else []
        return [[item] for item in left]

    def release(self) -> None:
        for item in self.items:
            item.old = item.now = item.given = None
            if item.answer is not None:
                item.answer = Answer(item.answer.status, error=item.answer.error)

    def try_again(self, now: float) -> bool:
        """Tell whether what failed is tried again, and note when."""
        retry = self.callout.retry
        if self.attempts >= retry.attempts or not self.calls:
            return False
        self.due = now + retry.wait * retry.factor ** (self.attempts - 1)
        self.state = "queued"
        return True


@dataclass(slots=True)
class Governor:
    """What one run of a job may spend on callouts."""

    made: int = 0
    seconds: float = 0.0

    def admits(self) -> bool:
        """Count one more callout; tell whether there may be so many."""
        self.made += 1
        return self.made <= MOST

    @property
    def left(self) -> float:
        """Seconds that are left for callouts."""
        return max(0.0, LONGEST_TIMEOUT - self.seconds)
