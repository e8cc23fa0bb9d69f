"""Tells whether a thread is blocked beneath Python, in a lock that virtual time does not know."""

from __future__ import annotations

import time
from typing import Any

from harness.vtime import originals

_LOOK = 0.012
"""Real seconds between two looks: a thread that waits for the interpreter stirs every 5 ms."""
_clock_of: Any = getattr(time, "pthread_getcpuclockid", None)
_read_clock: Any = getattr(time, "clock_gettime_ns", None)


def in_lock(ident: int, native: int) -> bool:
    """Tell whether a thread of this process waits in a lock. Takes a few milliseconds; False where none can tell."""
    if _clock_of is None or not _waits(native):
        return False
    clock = _clock_of(ident)
    before = _read_clock(clock)
    originals.sleep(_LOOK)
    return bool(_read_clock(clock) == before) and _waits(native)


def _waits(native: int) -> bool:
    """Tell what Linux shows of a thread: the name of the place in the kernel where it sleeps."""
    try:
        with open(f"/proc/self/task/{native}/wchan") as file:
            return file.read(16).startswith("futex")
    except OSError:
        return False
