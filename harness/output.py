"""Takes in what a subject prints: a bounded file, the end of it in memory, and an eye on secrets."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Sequence
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


class Output:
    """A sink for bytes. `leaks` names the canaries seen in all of it, however long it was."""

    def __init__(self, file: Path, canaries: Sequence[Canary] = ()) -> None:
        self._file: BinaryIO | None = None
        # A subject may have removed its folder in an earlier run, or put something else in its place.
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            self._file = file.open("wb")
        self._room = MOST_KEPT
        self._tail = b""
        self._patterns = {canary.name: re.compile(canary.pattern.encode()) for canary in canaries}
        self._leaks: dict[str, None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def take(self, chunk: bytes) -> None:
        """Take in a piece of output."""
        if self._file is not None and self._room > 0:
            self._file.write(chunk[: self._room])
            self._room -= len(chunk)
        joined = self._tail[-_OVERLAP:] + chunk
        for name, pattern in self._patterns.items():
            if name not in self._leaks and pattern.search(joined):
                self._leaks[name] = None
        self._tail = chunk[-TAIL:] if len(chunk) >= TAIL else (self._tail + chunk)[-TAIL:]

    @property
    def leaks(self) -> tuple[str, ...]:
        return tuple(self._leaks)

    @property
    def tail(self) -> str:
        """The end of the output, as text."""
        return self._tail.decode(errors="replace")
