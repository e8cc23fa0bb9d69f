"""Virtual time, switched on and off: the replacements of everything that tells time or waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from harness.vtime import clocks, processes, sockets, threads, waiting
from harness.vtime.patching import Change, Patches

if TYPE_CHECKING:
    from harness.vtime.conductor import Conductor

_patches: Patches | None = None
_datetime: clocks.Datetime | None = None
_active: Conductor | None = None


class AlreadyRunning(RuntimeError):
    """There is one virtual time in a process at a time."""


def _prepared() -> tuple[Patches, clocks.Datetime]:
    global _patches, _datetime  # noqa: PLW0603
    if _patches is None or _datetime is None:
        _datetime = clocks.Datetime()
        _patches = Patches(
            [
                *clocks.changes(),
                *threads.changes(),
                *sockets.changes(),
                *waiting.changes(),
                *processes.changes(),
            ],
            clocks.aliases() | threads.aliases() | waiting.aliases() | processes.aliases(),
        )
    return _patches, _datetime


@contextmanager
def installed(conductor: Conductor, more: Iterable[Change] = ()) -> Iterator[None]:
    """Put virtual time in force for the actors of a conductor. Raises AlreadyRunning inside another one."""
    global _active  # noqa: PLW0603
    if _active is not None:
        raise AlreadyRunning("virtual time is running already; a trial cannot run inside another one's subject")
    patches, date_and_time = _prepared()
    _active = conductor
    try:
        sockets.stand_on_what_is_there()
        patches.install([*more, *processes.loop_changes()])
        date_and_time.install()
        threads.hush_pools()
        yield
    finally:
        date_and_time.undo()
        patches.undo()
        threads.put_pools_back()
        _active = None
