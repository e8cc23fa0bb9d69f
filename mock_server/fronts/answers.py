"""Answers as they go onto the wire: status line and headers in one piece, then the body."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp.helpers import rfc822_formatted_time

from mock_server.org.courtesy import give_way

if TYPE_CHECKING:
    from mock_server.fronts.connections import Request

_NO_BODY = frozenset({204, 304})
PIECES = 20
"""Pieces of a body that trickles, one byte each at least."""
_MOST_AT_ONCE = 1 << 17
"""Bytes that are packed before others are served: a millisecond or two."""


class Answer:
    """A whole answer, or with `cut` its head and half of its body before the connection is closed.

    With `pause` the body comes in pieces, each after a pause; it is given the share of the whole time that is due.
    """

    __slots__ = ("_close", "_content", "_cookies", "_cut", "_lines", "_pause", "kept", "sent", "status")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        *,
        close: bool = False,
        cut: bool = False,
        pause: Callable[[float], Awaitable[None]] | None = None,
        cookies: Sequence[str] = (),
    ) -> None:
        self.status = status
        self._lines = headers
        self._content = body
        self._close = close or cut
        self._cut = cut
        self._pause = pause
        self._cookies = cookies
        self.kept = False
        """Whether the connection is kept behind it."""
        self.sent = False

    async def send(self, request: Request) -> None:
        """Write the answer, once. Raises ConnectionError when the client has gone."""
        if self.sent:
            return
        self.sent = True
        self.kept = request.kept and not self._close
        transport = request.connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        body = b"" if request.method == "HEAD" or self.status in _NO_BODY else self._content
        if self._cut:
            body = body[: len(body) // 2]
        if self._pause is not None:
            transport.write(self._head(request))
            await self._trickle(transport, body, self._pause)
            return
        transport.write(self._head(request) + body)
        if self._cut:
            transport.close()
        else:
            await request.connection.drain()

    @staticmethod
    async def _trickle(transport: asyncio.Transport, body: bytes, pause: Callable[[float], Awaitable[None]]) -> None:
        size = -(-len(body) // PIECES) or 1
        for start in range(0, len(body) or 1, size):
            await pause(min(1.0, (start + size) / (len(body) or 1)))
            if transport.is_closing():
                raise ConnectionResetError("the client has gone")
            transport.write(body[start : start + size])

    def _head(self, request: Request) -> bytes:
        named = self._lines
        if not "".join(named.values()).isprintable():
            # One header is one line, whatever a fault or a client put into it.
            named = {name: _printable(value) for name, value in named.items()}
        lines = [_status_line(self.status), *map(": ".join, named.items())]
        if self._cookies:
            # One a line: a cookie's text may hold commas.
            lines += [f"Set-Cookie: {cookie}" for cookie in self._cookies]
        if self.status not in _NO_BODY:
            lines += self._length(request)
        lines.append(f"Date: {rfc822_formatted_time()}")
        if not self.kept:
            lines.append("Connection: close")
        elif request.version < (1, 1):
            lines.append("Connection: keep-alive")
        lines.append("\r\n")
        return "\r\n".join(lines).encode("utf-8", "replace")

    def _length(self, request: Request) -> tuple[str, ...]:
        """Return the header that says where the body ends, if one does."""
        return (f"Content-Length: {len(self._content)}",)


class Gradual(Answer):
    """An answer whose body is made while it leaves: in chunks, or for HTTP/1.0 up to the end of the connection.

    Others are served between two pieces, and while the client is slow to take them.
    """

    __slots__ = ("_pieces", "_squeeze")

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        pieces: Iterator[bytes],
        *,
        squeezed: bool = False,
        cookies: Sequence[str] = (),
    ) -> None:
        super().__init__(status, headers, b"", cookies=cookies)
        self._pieces = pieces
        self._squeeze = zlib.compressobj(1, zlib.DEFLATED, 31) if squeezed else None

    async def send(self, request: Request) -> None:
        """Write the answer, once. Raises ConnectionError when the client has gone, and what making a piece raises."""
        if self.sent:
            return
        self.sent = True
        chunked = request.version >= (1, 1)
        self.kept = request.kept and chunked
        self._write(request, self._head(request))
        if request.method == "HEAD" or self.status in _NO_BODY:
            return
        for piece in self._pieces:
            for start in range(0, len(piece), _MOST_AT_ONCE):
                part = piece[start : start + _MOST_AT_ONCE]
                self._write(
                    request, self._framed(part if self._squeeze is None else self._squeeze.compress(part), chunked)
                )
                await request.connection.drain()
                await give_way()
        end = b"" if self._squeeze is None else self._squeeze.flush()
        self._write(request, self._framed(end, chunked) + (b"0\r\n\r\n" if chunked else b""))
        await request.connection.drain()

    @staticmethod
    def _framed(part: bytes, chunked: bool) -> bytes:
        # A chunk of no bytes would be the last one.
        return b"%x\r\n%b\r\n" % (len(part), part) if part and chunked else part

    @staticmethod
    def _write(request: Request, data: bytes) -> None:
        transport = request.connection.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the client has gone")
        transport.write(data)

    def _length(self, request: Request) -> tuple[str, ...]:
        return ("Transfer-Encoding: chunked",) if request.version >= (1, 1) else ()


@lru_cache(256)
def _status_line(status: int) -> str:
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = ""
    return f"HTTP/1.1 {status} {reason}"


def _printable(value: str) -> str:
    return "".join(character if character.isprintable() else " " for character in value)
