"""Takes in what a subject prints: a bounded file, the end of it in memory, and an eye on secrets and alerts."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from harness.evidence import Canary

MOST_KEPT = 10_000_000
"""Bytes of output that are written to the file."""
TAIL = 16_384
"""Bytes of its end that are kept in memory."""
_OVERLAP = 1024
"""Longer than any secret, so that one that falls between two chunks is seen."""
_MOST_ALERTS = 5
_LONGEST_LINE = 4096
_LOUD = re.compile(rb"\b(?:error|critical|fatal|severe|alert|emerg|emergency)\b", re.IGNORECASE)
_QUIET = re.compile(rb"\b(?:trace|debug|info|notice|warn|warning|\w+Warning)\b", re.IGNORECASE)


class Output:
    """A sink for bytes, from several threads. `leaks` names the canaries seen in all of it, however long it was.

    `alerts` counts lines that speak of an error, and lines of stderr that do not say they are less, up to a few.
    """

    def __init__(self, file: Path, canaries: Sequence[Canary] = ()) -> None:
        self._file: BinaryIO | None = None
        # A subject may have removed its folder in an earlier run, or put something else in its place.
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = file.open("ab")  # a subject may run several times in one folder
        self._room = MOST_KEPT
        self._tail = b""
        self._canaries = canaries
        self._leaks: dict[str, None] = {}
        self._lock = threading.Lock()
        self._lines = {True: b"", False: b""}
        self._alerts = 0
        self._quiet = False

    @cached_property
    def _patterns(self) -> dict[str, re.Pattern[bytes]]:
        # Late: most subjects print nothing, and each org has secrets of its own to compile.
        return {canary.name: re.compile(canary.pattern.encode()) for canary in self._canaries}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            file, self._file = self._file, None  # a process that outlived the subject may still print
            if file is not None:
                with contextlib.suppress(OSError):  # what is still to be written finds the disk full
                    file.close()

    def take(self, chunk: bytes, *, stderr: bool = False) -> None:
        """Take in a piece of output."""
        with self._lock:
            self._take(chunk)
            if self._alerts < _MOST_ALERTS:
                *lines, rest = (self._lines[stderr] + chunk).split(b"\n")
                self._lines[stderr] = rest[-_LONGEST_LINE:]
                self._alerts += sum(self._calls(line, stderr) for line in lines)

    def _take(self, chunk: bytes) -> None:
        if self._file is not None and self._room > 0:
            try:
                self._file.write(chunk[: self._room])
                self._room -= len(chunk)
            except OSError:
                # The disk is full. Who stops reading here makes the subject wait for ever.
                self._room = 0
        joined = self._tail[-_OVERLAP:] + chunk
        for name, pattern in self._patterns.items() if joined else ():
            if name not in self._leaks and pattern.search(joined):
                self._leaks[name] = None
        self._tail = chunk[-TAIL:] if len(chunk) >= TAIL else (self._tail + chunk)[-TAIL:]

    @property
    def leaks(self) -> tuple[str, ...]:
        return tuple(self._leaks)

    @property
    def alerts(self) -> int:
        last = sum(self._calls(line, stderr) for stderr, line in self._lines.items())
        return min(self._alerts + last, _MOST_ALERTS)

    @property
    def tail(self) -> str:
        """The end of the output, as text."""
        return self._tail.decode(errors="replace")

    def _calls(self, line: bytes, stderr: bool) -> bool:
        """Tell whether a line calls for somebody. An indented one goes with what it is part of, a warning's source."""
        if not stderr:
            return bool(_LOUD.search(line))
        if not (line[:1].isspace() and self._quiet):
            self._quiet = bool(_QUIET.search(line)) and not _LOUD.search(line)
        return bool(line.strip()) and not self._quiet
