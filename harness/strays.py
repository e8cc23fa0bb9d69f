"""Processes that a command left behind in a session of their own, out of reach of its process group."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

_PROC = Path("/proc")


def end_strays(workdir: Path) -> list[str]:
    """Kill the processes that were started with this work folder; return their names. Only Linux tells them."""
    mark = f"SFMOCK_WORKDIR={workdir}".encode()
    ended = []
    for entry in _PROC.iterdir() if _PROC.is_dir() else ():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        # Of others' processes the environment may not be read, and one may be gone by now.
        with contextlib.suppress(OSError):
            if mark in (entry / "environ").read_bytes().split(b"\0"):
                name = (entry / "comm").read_text().strip()
                os.kill(int(entry.name), signal.SIGKILL)
                ended.append(f"{name} ({entry.name})")
    return ended
