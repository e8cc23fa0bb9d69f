"""The line between a command in virtual time and the harness: one JSON object a line, a question and its answer."""

from __future__ import annotations

import json
from typing import Any, Protocol


class Pipe(Protocol):
    def recv(self, size: int, /) -> bytes: ...
    def sendall(self, data: bytes, /) -> None: ...


class Line:
    """One end of the line. Raises EOFError when the other end has gone."""

    def __init__(self, sock: Pipe) -> None:
        self._sock = sock
        self._rest = b""

    def send(self, message: Any) -> None:
        try:
            self._sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:
            raise EOFError from None

    def receive(self) -> Any:
        while b"\n" not in self._rest:
            try:
                part = self._sock.recv(65_536)
            except OSError:
                part = b""
            if not part:
                raise EOFError
            self._rest += part
        line, _, self._rest = self._rest.partition(b"\n")
        return json.loads(line)
