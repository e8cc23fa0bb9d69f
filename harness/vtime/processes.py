"""Processes that a subject starts, and what cannot run in virtual time at all."""

from __future__ import annotations

import multiprocessing.process
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

from harness.vtime.actors import current
from harness.vtime.conductor import outside
from harness.vtime.patching import Change


class NotInVirtualTime(RuntimeError):
    """The subject does something whose time cannot be moved."""


def _end(why: str) -> NotInVirtualTime:
    """End the calling actor's run: what it has done until now says nothing any more, whatever it makes of the error."""
    actor = current()
    error = NotInVirtualTime(why)
    if actor is not None:
        actor.conductor.end(why, error)
    return error


def _refused(name: str, real: Any) -> Any:
    def function(*args: Any, **options: Any) -> Any:
        if current() is None:
            return real(*args, **options)
        raise _end(
            f"{name}: a process of its own has its own time and cannot run in virtual time; write `time: real` in the "
            "scenario"
        )

    function.__name__ = name
    return function


def _outside(real: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that waits in real time, with virtual time standing still."""

    def function(*args: Any, **options: Any) -> Any:
        with outside():
            return real(*args, **options)

    function.__name__ = real.__name__
    return function


_FORKS = [
    Change(owner, name, _refused(label, getattr(owner, name)))
    for owner, name, label in (
        (os, "fork", "os.fork"),
        (os, "forkpty", "os.forkpty"),
        (multiprocessing.process.BaseProcess, "start", "multiprocessing.Process"),
    )
    if hasattr(owner, name)
]
_PLAIN_FORKS = [vars(change.owner)[change.name] for change in _FORKS]
_WAITS = [
    Change(owner, name, _outside(getattr(owner, name)))
    for owner, name in (
        (subprocess.Popen, "wait"),
        (subprocess.Popen, "communicate"),
        (os, "system"),
        (os, "waitpid"),
    )
    if hasattr(owner, name)
]
_loops: dict[Any, list[Change]] = {}


def aliases() -> dict[int, tuple[Any, Any]]:
    """Return each original and its replacement, by the identity of the original."""
    return {id(real): (real, change.value) for change, real in zip(_FORKS, _PLAIN_FORKS, strict=True)}


def changes() -> Iterator[Change]:
    yield from _FORKS
    yield from _WAITS


def loop_changes() -> Iterator[Change]:
    """Yield the refusal of uvloop, where it has been imported: it waits beneath Python, out of reach."""
    kind = getattr(sys.modules.get("uvloop"), "Loop", None)
    if kind is not None:
        if kind not in _loops:
            _loops[kind] = [
                Change(kind, name, _refused_loop(getattr(kind, name))) for name in ("__init__", "run_forever")
            ]
        yield from _loops[kind]


def _refused_loop(real: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        if current() is None:
            return real(self, *args, **options)
        self.close()
        raise _end(
            "uvloop waits where virtual time cannot reach it; use asyncio's own event loop, or write `time: real` in "
            "the scenario"
        )

    return method
