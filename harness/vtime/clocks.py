"""The clocks that a subject reads, and its sleep."""

from __future__ import annotations

import ctypes
import datetime
import gc
import operator
import time
from collections.abc import Callable, Iterator
from typing import Any

from harness.vtime import originals
from harness.vtime.actors import Wait, actors
from harness.vtime.patching import Change

_get_ident = originals.get_ident
_REAL = {
    name: getattr(time, name)
    for name in (
        "time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "sleep", "localtime",
        "gmtime", "ctime", "asctime", "strftime", "clock_gettime", "clock_gettime_ns",
    )
    if hasattr(time, name)
}  # fmt: skip


def _clock(name: str, read: Callable[[Any], Any]) -> Callable[[], Any]:
    real = _REAL[name]

    def clock() -> Any:
        actor = actors.get(_get_ident())
        return real() if actor is None else read(actor.conductor)

    clock.__name__ = name
    return clock


def _of_moment(name: str, position: int) -> Callable[..., Any]:
    """Return a function of `time` that takes now where its moment is left out."""
    real = _REAL[name]
    takes_tuple = name in ("asctime", "strftime")

    def function(*args: Any) -> Any:
        actor = actors.get(_get_ident())
        if actor is not None and (len(args) <= position or args[position] is None):
            now: Any = actor.conductor.time_ns() / 1e9
            args = (*args[:position], _REAL["localtime"](now) if takes_tuple else now)
        return real(*args)

    function.__name__ = name
    return function


def _sleep(seconds: float) -> None:
    actor = actors.get(_get_ident())
    if actor is None:
        _REAL["sleep"](seconds)
        return
    if not isinstance(seconds, float):
        seconds = operator.index(seconds)
    if not seconds >= 0:
        raise ValueError("sleep length must be non-negative")
    conductor = actor.conductor
    conductor.park(Wait(f"time.sleep({seconds:g})", due=conductor.due(seconds)))


def _clock_gettime(name: str, unit: float) -> Callable[[int], Any]:
    real = _REAL[name]

    def function(which: int) -> Any:
        actor = actors.get(_get_ident())
        if actor is None or which not in (time.CLOCK_REALTIME, time.CLOCK_MONOTONIC):
            return real(which)
        conductor = actor.conductor
        now = conductor.time_ns() if which == time.CLOCK_REALTIME else conductor.monotonic_ns()
        return now if unit == 1 else now / unit

    function.__name__ = name
    return function


REPLACED: dict[str, Any] = {
    "time": _clock("time", lambda conductor: conductor.time_ns() / 1e9),
    "time_ns": _clock("time_ns", lambda conductor: conductor.time_ns()),
    "monotonic": _clock("monotonic", lambda conductor: conductor.monotonic_ns() / 1e9),
    "monotonic_ns": _clock("monotonic_ns", lambda conductor: conductor.monotonic_ns()),
    "perf_counter": _clock("perf_counter", lambda conductor: conductor.monotonic_ns() / 1e9),
    "perf_counter_ns": _clock("perf_counter_ns", lambda conductor: conductor.monotonic_ns()),
    "sleep": _sleep,
    "localtime": _of_moment("localtime", 0),
    "gmtime": _of_moment("gmtime", 0),
    "ctime": _of_moment("ctime", 0),
    "asctime": _of_moment("asctime", 0),
    "strftime": _of_moment("strftime", 1),
}
if "clock_gettime" in _REAL:
    REPLACED["clock_gettime"] = _clock_gettime("clock_gettime", 1e9)
    REPLACED["clock_gettime_ns"] = _clock_gettime("clock_gettime_ns", 1)


def changes() -> Iterator[Change]:
    for name, value in REPLACED.items():
        yield Change(time, name, value)


def aliases() -> dict[int, tuple[Any, Any]]:
    """Return each original and its replacement, by the identity of the original."""
    return {id(_REAL[name]): (_REAL[name], value) for name, value in REPLACED.items()}


class Datetime:
    """Makes `datetime.now` and `utcnow` tell virtual time, in place, on the type itself.

    A stand-in class would not do: pickling, `match`, `isinstance`, annotations and C extensions go by the type. What
    calls `time.time` underneath (`today`) follows by itself.
    """

    def __init__(self) -> None:
        # CPython keeps a type's methods in a dict behind its `__dict__`; it wants to be told of changes.
        (self._methods,) = gc.get_referents(datetime.datetime.__dict__)
        self._real = {name: self._methods[name] for name in ("now", "utcnow")}
        now, utcnow = self._real["now"], self._real["utcnow"]

        def virtual_now(cls: type[datetime.datetime], tz: datetime.tzinfo | None = None) -> datetime.datetime:
            actor = actors.get(_get_ident())
            if actor is None:
                return now.__get__(None, cls)(tz)  # type: ignore[no-any-return]
            return cls.fromtimestamp(actor.conductor.time_ns() / 1e9, tz)

        def virtual_utcnow(cls: type[datetime.datetime]) -> datetime.datetime:
            actor = actors.get(_get_ident())
            if actor is None:
                return utcnow.__get__(None, cls)()  # type: ignore[no-any-return]
            return cls.fromtimestamp(actor.conductor.time_ns() / 1e9, datetime.UTC).replace(tzinfo=None)

        self._virtual = {"now": classmethod(virtual_now), "utcnow": classmethod(virtual_utcnow)}

    def install(self) -> None:
        self._put(self._virtual)

    def undo(self) -> None:
        self._put(self._real)

    def _put(self, methods: dict[str, Any]) -> None:
        self._methods.update(methods)
        ctypes.pythonapi.PyType_Modified(ctypes.py_object(datetime.datetime))
