"""Keeps the garbage collector out of work that makes millions of objects, which stay or go without it."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock


@contextmanager
def uncollected() -> Iterator[None]:
    """Stop automatic collection until the block ends: it would walk all of a long journal again and again."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


_SELDOM = 200_000
"""Objects that are made, and not yet gone, before somebody looks for garbage: as many rows are a matter of seconds."""
_working = 0
_usual = gc.get_threshold()
_lock = Lock()


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Have the collector look for garbage seldom until the last such block of the process ends."""
    global _working, _usual  # noqa: PLW0603  # the collector is the process's too
    with _lock:
        if _working == 0:
            _usual = gc.get_threshold()
            gc.set_threshold(max(_SELDOM, _usual[0]) if _usual[0] else 0, *_usual[1:])
        _working += 1
    try:
        yield
    finally:
        with _lock:
            _working -= 1
            if _working == 0:
                gc.set_threshold(*_usual)
