"""Takes what a callable prints, in bounded memory, however much it is."""

from __future__ import annotations

import contextlib
import io
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from harness.output import Output

if TYPE_CHECKING:
    from harness.subjects import Run


_CHUNK = 65_536
"""Bytes to take in at once: programs print by the word."""


class _Stream(io.TextIOBase):
    """A text stream into an Output. After its end it takes anything in silence: a thread may be left that prints."""

    def __init__(self, output: Output, *, stderr: bool) -> None:
        self._output = output
        self._stderr = stderr
        self._waiting: list[bytes] = []
        self._size = 0
        self._lock = threading.Lock()
        self._open = True
        self.buffer = _Bytes(self)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        self.take(text.encode("utf-8", "replace"))
        return len(text)

    def take(self, chunk: bytes) -> None:
        with self._lock:
            if not self._open:
                return
            self._waiting.append(chunk)
            self._size += len(chunk)
            if self._size >= _CHUNK:
                self._pass_on()

    def end(self) -> None:
        with self._lock:
            self._pass_on()
            self._open = False

    def _pass_on(self) -> None:
        self._output.take(b"".join(self._waiting), stderr=self._stderr)
        self._waiting, self._size = [], 0


class _Bytes(io.RawIOBase):
    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def writable(self) -> bool:
        return True

    def write(self, chunk: Any, /) -> int:
        data = bytes(chunk)
        self._stream.take(data)
        return len(data)


@contextmanager
def captured(run: Run) -> Iterator[Output]:
    """Take standard output and error of all threads until the block ends; their last part is printed afterwards."""
    with Output(run.workdir / "output.log", run.canaries) as output:
        streams = _Stream(output, stderr=False), _Stream(output, stderr=True)
        before = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = streams
        try:
            yield output
        finally:
            for stream in streams:
                stream.end()
            # Whatever the subject has put there is not wanted either.
            sys.stdout, sys.stderr = before
            if output.tail:
                with contextlib.suppress(OSError, ValueError):
                    print(output.tail, end="" if output.tail.endswith("\n") else "\n")
