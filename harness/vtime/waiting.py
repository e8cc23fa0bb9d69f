"""Waiting for many files at once: selectors (and so asyncio), `select.select`, `select.poll`."""

from __future__ import annotations

import select
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from harness.vtime import originals
from harness.vtime.actors import Wait, actors
from harness.vtime.patching import Change

_get_ident = originals.get_ident
_IN = getattr(select, "POLLIN", 1)
_LOOP = "its event loop's timers and sockets"


def _selecting(kind: Any, real: Any) -> Any:
    has_file = hasattr(kind, "fileno")

    def method(self: Any, timeout: float | None = None) -> Any:
        actor = actors.get(_get_ident())
        if actor is None:
            return real(self, timeout)
        conductor = actor.conductor
        due = None if timeout is None else conductor.due(timeout)
        if has_file:
            wait = Wait(_LOOP, self, due, None, self.fileno, _IN)
        else:
            wait = Wait(_LOOP, self, due, lambda: bool(real(self, 0)))
        conductor.park(wait)
        found = real(self, 0)
        if len(found) > 1:
            # In the order registered: file numbers and arrival differ from run to run.
            order = {number: place for place, number in enumerate(self._fd_to_key)}
            found.sort(key=lambda pair: order[pair[0].fd])
        return found

    method.__name__ = "select"
    return method


class Many:
    """Files that are waited for together, in the form of a selector's map."""

    def __init__(self, files: Any) -> None:
        self._map = {number: SimpleNamespace(fileobj=file) for number, file in enumerate(files)}

    def get_map(self) -> dict[int, Any]:
        return self._map


def _select(reading: Any, writing: Any, failing: Any, timeout: float | None = None, /) -> Any:
    actor = actors.get(_get_ident())
    if actor is None:
        return originals.select(reading, writing, failing, timeout)
    reading, writing, failing = list(reading), list(writing), list(failing)
    conductor = actor.conductor
    due = None if timeout is None else conductor.due(timeout)
    real = originals.select
    wait = Wait("select", Many([*reading, *writing]), due, lambda: any(real(reading, writing, failing, 0)))
    conductor.park(wait)
    return real(reading, writing, failing, 0)


class Poll:
    """A `select.poll` object whose waiters are parked."""

    def __init__(self) -> None:
        self._real = originals.poll()
        self._files: dict[int, Any] = {}

    def register(self, file: Any, *events: int) -> None:
        self._real.register(file, *events)
        self._files[_number(file)] = file

    def modify(self, file: Any, events: int) -> None:
        self._real.modify(file, events)

    def unregister(self, file: Any) -> None:
        self._real.unregister(file)
        self._files.pop(_number(file), None)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait for up to `timeout` milliseconds."""
        actor = actors.get(_get_ident())
        if actor is None:
            return self._real.poll(timeout)  # type: ignore[no-any-return]
        conductor = actor.conductor
        due = None if timeout is None or timeout < 0 else conductor.due(timeout / 1000)
        conductor.park(Wait("poll", Many(self._files.values()), due, lambda: bool(self._real.poll(0))))
        return self._real.poll(0)  # type: ignore[no-any-return]


def _number(file: Any) -> int:
    return file if isinstance(file, int) else file.fileno()


def _poll() -> Any:
    return originals.poll() if _get_ident() not in actors else Poll()


def changes() -> Iterator[Change]:
    for kind, method in _METHODS:
        yield Change(kind, "select", method)
    yield Change(select, "select", _select)
    yield Change(select, "poll", _poll)


_METHODS = [(kind, _selecting(kind, real)) for kind, real in originals.selector_select.items()]


def aliases() -> dict[int, tuple[Any, Any]]:
    """Return each original and its replacement, by the identity of the original."""
    return {id(real): (real, ours) for real, ours in ((originals.select, _select), (originals.poll, _poll))}
