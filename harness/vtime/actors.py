"""Actors: the threads of a subject, and what a parked one waits for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from harness.vtime import originals

if TYPE_CHECKING:
    from harness.vtime.conductor import Conductor


class Ended(SystemExit):
    """The run is over: raised in a thread of the subject where it would wait."""


class Deadlock(RuntimeError):
    """Every thread of the subject waits for another, for ever. The text says who waits for what."""


@dataclass(slots=True, eq=False)
class Wait:
    """What a parked actor waits for: a moment, a condition, or a file number that becomes ready.

    `due` is in nanoseconds of virtual time since the run began; `source` is what is waited for, for reports.
    `file` tells the file number at any time, since a socket may be closed under its waiter.
    """

    what: str
    source: Any = None
    due: int | None = None
    until: Callable[[], bool] | None = None
    file: Callable[[], int] | None = None
    events: int = 0


@dataclass(slots=True, eq=False)
class Actor:
    """One thread of the subject."""

    conductor: Conductor
    number: int
    name: str
    thread: threading.Thread | None
    baton: Any = field(default_factory=originals.allocate_lock)
    ident: int = 0
    native: int = 0
    """What the system calls its thread."""
    wait: Wait | None = None
    ready: bool = False
    yielding: bool = False
    """It waits for nothing but the others' turn."""
    finished: bool = False
    deaf: bool = False
    """It swallows every word that the run is over, and is left parked."""
    keeps: bool = False
    """Its thread was meant to be no daemon."""
    told: int = 0
    """How often it was told that the run is over."""
    abroad: bool = False
    """It waits in real time for something outside virtual time."""

    def __post_init__(self) -> None:
        self.baton.acquire()


actors: dict[int, Actor] = {}
"""Every actor, by the identity of its thread. A thread that is outside for a while is not in it."""


def current() -> Actor | None:
    """Return the calling thread's actor; None outside virtual time."""
    return actors.get(originals.get_ident())
