"""Puts back what code under test must not change for the tests after it: it may be broken in any way."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import logging
import os
import signal
import socket
import ssl
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PLACES: tuple[tuple[Any, str], ...] = (
    (socket, "socket"), (socket, "create_connection"), (socket, "getaddrinfo"), (socket, "gethostbyname"),
    (socket.socket, "connect"), (socket.socket, "connect_ex"), (socket.socket, "send"), (socket.socket, "sendall"),
    (socket.socket, "recv"), (ssl.SSLContext, "wrap_socket"), (ssl.SSLContext, "wrap_bio"),
    (time, "sleep"), (time, "time"), (time, "monotonic"), (time, "perf_counter"),
    (time, "time_ns"), (time, "monotonic_ns"), (time, "perf_counter_ns"), (datetime, "datetime"), (datetime, "date"),
    (asyncio, "sleep"), (asyncio, "run"), (asyncio, "new_event_loop"),
    (asyncio.base_events.BaseEventLoop, "create_connection"), (asyncio.base_events.BaseEventLoop, "getaddrinfo"),
    (os, "environ"),
)  # fmt: skip
_STANDARD = (0, 1, 2)
_MISSING = object()
_Restore = Callable[[], None]


@contextmanager
def unharmed(*, streams: bool = True) -> Iterator[None]:
    """Put back, after the block, what `_KEPT` lists, however the block ends.

    Without `streams`, standard output and error stay as they are: pytest exchanges them between the phases of a test,
    and a block that spans several of them would put back what is closed by then.
    """
    restores = [keep() for keep in (*_KEPT, *(_STREAMS if streams else ()))]
    try:
        yield
    finally:
        for restore in restores:
            restore()


def _functions() -> _Restore:
    """Functions and classes that were replaced."""
    return _attributes(_PLACES)


def _output() -> _Restore:
    """The streams that `print` writes to."""
    return _attributes(((sys, "stdout"), (sys, "stderr")))


def _attributes(found: Iterable[tuple[Any, str]]) -> _Restore:
    return _attributes_to([(owner, name, vars(owner).get(name, _MISSING)) for owner, name in found])


def _attributes_to(places: Sequence[tuple[Any, str, Any]]) -> _Restore:
    def restore() -> None:
        for owner, name, before in places:
            if vars(owner).get(name, _MISSING) is before:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)

    return restore


def _descriptors() -> _Restore:
    """Standard output and error themselves: a function may have closed what the streams write to."""
    kept = []
    for number in (1, 2):
        with contextlib.suppress(OSError):
            kept.append((number, os.dup(number)))

    def restore() -> None:
        for number, copy in kept:
            os.dup2(copy, number)
            os.close(copy)

    return restore


def _standard_slots() -> _Restore:
    """What closes a descriptor: the numbers of the standard streams are never free while the block runs.

    The next socket that any thread opened would get the number, the mock's own among them, and would be cut off when
    the stream is put back there.
    """
    close, closerange = os.close, os.closerange

    def hush(number: int) -> None:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, number)
        close(nowhere)

    def close_kept(fd: int) -> None:
        (hush if fd in _STANDARD else close)(fd)

    def closerange_kept(fd_low: int, fd_high: int, /) -> None:
        for number in _STANDARD:
            if fd_low <= number < fd_high:
                hush(number)
        closerange(max(fd_low, len(_STANDARD)), fd_high)

    os.close, os.closerange = close_kept, closerange_kept
    return _attributes_to(((os, "close", close), (os, "closerange", closerange)))


def _environment() -> _Restore:
    """The variables of the environment."""
    variables = dict(os.environ)

    def restore() -> None:
        # pytest keeps the running test's name there, and takes it out itself.
        for name in [name for name in os.environ if name not in variables and name != "PYTEST_CURRENT_TEST"]:
            del os.environ[name]
        for name, value in variables.items():
            if name != "PYTEST_CURRENT_TEST" and os.environ.get(name) != value:
                os.environ[name] = value

    return restore


def _folder() -> _Restore:
    """The current folder."""
    folder = _here()

    def restore() -> None:
        if folder is not None and _here() != folder:
            with contextlib.suppress(OSError):  # it is gone
                os.chdir(folder)

    return restore


def _here() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _policy() -> _Restore:
    """The policy that makes event loops."""
    policy = _policy_now()

    def restore() -> None:
        if _policy_now() is not policy:
            with warnings.catch_warnings(action="ignore"):
                asyncio.set_event_loop_policy(policy)

    return restore


def _policy_now() -> Any:
    with warnings.catch_warnings(action="ignore"):  # deprecated from Python 3.14 on, and still what is in force
        return asyncio.get_event_loop_policy()


def _timeout() -> _Restore:
    """The time-out of new sockets."""
    seconds = socket.getdefaulttimeout()
    return lambda: socket.setdefaulttimeout(seconds)


def _signals() -> _Restore:
    """What handles signals; only the main thread may change it, and nobody a handler that is not Python's."""
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}

    def restore() -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        for number, handler in handlers.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)

    return restore


def _logging() -> _Restore:
    """The level and the handlers of the root logger: one of a test's own writes to a stream that is closed after it."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)

    def restore() -> None:
        root.setLevel(level)
        if root.handlers != handlers:
            root.handlers[:] = handlers

    return restore


_KEPT: tuple[Callable[[], _Restore], ...] = (
    _functions, _environment, _folder, _policy, _timeout, _signals, _logging, _standard_slots,
)  # fmt: skip
_STREAMS: tuple[Callable[[], _Restore], ...] = (_descriptors, _output)
