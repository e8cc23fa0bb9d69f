"""What all that waits in the queue has in common, a message and a job of callouts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

State = Literal["queued", "sending", "delivered", "failed", "removed"]


@dataclass(slots=True, eq=False, kw_only=True)
class Waiting(ABC):
    """Times are clock seconds. `error` is why the last attempt failed, or what ended all of it.

    `exchange` is the journal entry of the save that caused it; 0 where a journal of an earlier life knew it.
    """

    id: str
    exchange: int
    created: float
    due: float
    attempts: int = 0
    state: State = "queued"
    error: str | None = None
    status: int | None = None
    tried: float | None = None

    @property
    @abstractmethod
    def name(self) -> str:
        """That of the message or the callout."""

    @property
    @abstractmethod
    def records(self) -> tuple[str, ...]:
        """The ids of the records that it is about."""

    @abstractmethod
    def release(self) -> None:
        """Hold no more than what is shown of it: it is over."""
