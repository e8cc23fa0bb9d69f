"""The memory of a process and all that it started: the most that was resident at one moment."""

from __future__ import annotations

import contextlib
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

_PROC = Path("/proc")
_LOOK = 0.01
"""Seconds between two looks where each is cheap."""
_SLOW_LOOK = 0.1
"""Seconds between two looks by `ps`."""
_CENSUS = 10
"""A look in so many asks anew who belongs to the tree; the others ask its known members."""


class _Seen(NamedTuple):
    parent: int
    session: int
    resident: int
    """Bytes."""


class Gauge:
    """A `with` block, in which a process that leads a session of its own may be watched; `peak` is in bytes.

    A process that lasts is measured exactly (Linux keeps the high mark of each); what several processes of one tree
    hold together, and all of it on other systems, is what was seen every few milliseconds. Pages that they share count
    for each of them.
    """

    def __init__(self) -> None:
        self.peak = 0
        self._root = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, name="memory gauge", daemon=True)

    def __enter__(self) -> Self:
        return self

    def watch(self, process: subprocess.Popen[bytes]) -> None:
        """Measure a process, and all that it starts, until the block ends."""
        self._root = process.pid
        self._thread.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._root:
            self._thread.join(10)

    def _look(self) -> None:
        if not _PROC.joinpath("self/stat").exists():
            while True:
                self._count(_by_ps())
                if self._over.wait(_SLOW_LOOK):
                    return
        members: set[int] = set()
        looks = 0
        while True:
            if looks % _CENSUS == 0:
                everyone = {pid: seen for pid in _pids() if (seen := _seen(pid)) is not None}
                members = tree(self._root, everyone)
            looks += 1
            now = {pid: seen for pid in members if (seen := _seen(pid)) is not None}
            members = set(now)
            together = sum(seen.resident for seen in now.values())
            self.peak = max(self.peak, together, *map(_highest, now), 0)
            if self._over.wait(_LOOK):
                return

    def _count(self, everyone: Mapping[int, _Seen]) -> None:
        members = tree(self._root, everyone)
        self.peak = max(self.peak, sum(everyone[pid].resident for pid in members))


def tree(root: int, everyone: Mapping[int, _Seen]) -> set[int]:
    """Return a process, those of its session, and all that descend from one of them."""
    found = {pid for pid, seen in everyone.items() if root in (pid, seen.session)}
    while True:
        more = {pid for pid, seen in everyone.items() if seen.parent in found} - found
        if not more:
            return found
        found |= more


def _pids() -> Iterator[int]:
    for entry in os.scandir(_PROC):
        if entry.name.isdigit():
            yield int(entry.name)


_PAGE = os.sysconf("SC_PAGE_SIZE")


def _seen(pid: int) -> _Seen | None:
    """Return what /proc tells of a process; None of one that is gone."""
    try:
        fields = (_PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return None
    return _Seen(int(fields[1]), int(fields[3]), int(fields[21]) * _PAGE)


def _highest(pid: int) -> int:
    """Return the most bytes that a process ever had resident; 0 of one that is gone."""
    with contextlib.suppress(OSError):
        for line in (_PROC / str(pid) / "status").read_bytes().splitlines():
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _by_ps() -> dict[int, _Seen]:
    """Return all processes as POSIX systems without /proc tell them; of their sessions nothing is known."""
    try:
        told = subprocess.run(
            ("ps", "-A", "-o", "pid=,ppid=,rss="),  # noqa: S607  # where it is differs
            capture_output=True,
            check=False,
            timeout=10,
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    rows = (line.split() for line in told.splitlines())
    return {int(row[0]): _Seen(int(row[1]), 0, int(row[2]) * 1024) for row in rows if len(row) == 3}
