"""Waiting for what is bound to happen, for as long as it takes: no test knows how quick the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which what has not happened is taken never to happen: a hang, on however slow a machine."""
_LOOK = 0.005
# Taken once: a test may put another time in their place.
_steady, _sleep = time.monotonic, time.sleep


def until(happened: Callable[[], T], what: str = "it did not come to that") -> T:
    """Return what a function returns once that is true. Raises AssertionError with `what` where it never is."""
    end = _steady() + PATIENCE
    while not (found := happened()):
        assert _steady() < end, what
        _sleep(_LOOK)
    return found


async def until_on_loop(happened: Callable[[], T], what: str = "it did not come to that") -> T:
    """Return what a function returns once that is true, while the event loop goes on. Raises AssertionError."""
    end = _steady() + PATIENCE
    while not (found := happened()):
        assert _steady() < end, what
        await asyncio.sleep(_LOOK)
    return found
