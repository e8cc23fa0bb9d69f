"""Puts back what code under test must not change for the tests after it: it may be broken in any way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PLACES: tuple[tuple[Any, str], ...] = (
    (socket, "socket"), (socket, "create_connection"), (socket, "getaddrinfo"), (socket, "gethostbyname"),
    (socket.socket, "connect"), (socket.socket, "connect_ex"), (socket.socket, "send"), (socket.socket, "sendall"),
    (socket.socket, "recv"), (ssl.SSLContext, "wrap_socket"), (ssl.SSLContext, "wrap_bio"),
    (time, "sleep"), (time, "time"), (time, "monotonic"), (time, "perf_counter"),
    (asyncio, "sleep"), (asyncio, "run"), (asyncio, "new_event_loop"),
    (asyncio.base_events.BaseEventLoop, "create_connection"), (asyncio.base_events.BaseEventLoop, "getaddrinfo"),
    (sys, "stdout"), (sys, "stderr"), (os, "environ"),
)  # fmt: skip
_MISSING = object()


@contextmanager
def unharmed() -> Iterator[None]:
    """Put back, after the block, functions that were replaced, the environment, the folder, the event loop's policy."""
    functions = [(owner, name, vars(owner).get(name, _MISSING)) for owner, name in _PLACES]
    environment, folder, policy = dict(os.environ), _folder(), _policy()
    try:
        yield
    finally:
        for owner, name, before in functions:
            if vars(owner).get(name, _MISSING) is before:
                continue
            if before is _MISSING:
                delattr(owner, name)
            else:
                setattr(owner, name, before)
        _restore(environment)
        if folder is not None and _folder() != folder:
            with contextlib.suppress(OSError):  # it is gone
                os.chdir(folder)
        if _policy() is not policy:
            with warnings.catch_warnings(action="ignore"):
                asyncio.set_event_loop_policy(policy)


def _folder() -> Path | None:
    try:
        return Path.cwd()
    except OSError:
        return None


def _policy() -> Any:
    with warnings.catch_warnings(action="ignore"):  # deprecated from Python 3.14 on, and still what is in force
        return asyncio.get_event_loop_policy()


def _restore(environment: dict[str, str]) -> None:
    # pytest keeps the running test's name there, and takes it out itself.
    for name in [name for name in os.environ if name not in environment and name != "PYTEST_CURRENT_TEST"]:
        del os.environ[name]
    for name, value in environment.items():
        if name != "PYTEST_CURRENT_TEST" and os.environ.get(name) != value:
            os.environ[name] = value
