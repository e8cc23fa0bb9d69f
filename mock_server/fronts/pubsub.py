"""The port of the Pub/Sub API. Its gRPC server is made when somebody first speaks to it: loading gRPC takes its time.

A connection is carried to that server byte by byte, once TLS is off it: so both schemes share the port, and an exchange
can break the very connection that it came by.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

from mock_server.fronts.http import reset
from mock_server.fronts.listener import Behind

if TYPE_CHECKING:
    from mock_server.fronts.grpc import GrpcServer, Serve

log = logging.getLogger("sfmock")

HOST = "pubsub.salesforce.com"
LOOPBACK = "127.0.0.1"
_MOST_EARLY = 1 << 20
"""Bytes that a client can send before the server is there to take them."""
_FAREWELL = 0.5
"""Seconds that a client of TLS has to say good-bye in its turn. gRPC's own never do: to them the connection is alive
until it is closed."""


class PubSubFront:
    """Takes connections over from listeners, plain or through TLS, and serves gRPC on them."""

    def __init__(self, serve: Serve, context: ssl.SSLContext) -> None:
        self.behind = Behind(self._meet, context, farewell=_FAREWELL)
        self._serve = serve
        self._starting: asyncio.Task[int] | None = None
        self._server: GrpcServer | None = None
        self._open: set[_Outer] = set()
        self._by_port: dict[int, _Outer] = {}

    def __len__(self) -> int:
        """How many connections are open."""
        return len(self._open)

    def takes(self, own: int, host: str, port: int) -> Behind | None:
        """Return who takes a connection that a proxy was asked for; `own` is the port of this front itself."""
        host = host.lower().rstrip(".")
        return self.behind if port == own or host.endswith(f".{HOST}") else None

    def _meet(self) -> asyncio.BaseProtocol:
        return _Outer(self)

    async def _port(self) -> int:
        """Return the port of the gRPC server, which is made now when there is none yet."""
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> int:
        # Not on this thread, which others wait for meanwhile.
        await asyncio.get_running_loop().run_in_executor(None, _load)
        from mock_server.fronts.grpc import GrpcServer

        self._server = GrpcServer(self._serve, self._way)
        return await self._server.start(LOOPBACK)

    def _way(self, port: int) -> Way | None:
        outer = self._by_port.get(port)
        return (
            None if outer is None else Way(outer.peer, outer.secure, outer.reset, outer.hang_up, lambda: outer.broken)
        )

    async def close(self) -> None:
        """End all streams, at once."""
        if self._starting is not None:
            with contextlib.suppress(Exception):
                await self._starting
        if self._server is not None:
            await self._server.close()
        for outer in list(self._open):
            outer.end()


def _load() -> None:
    import mock_server.fronts.grpc  # noqa: F401


class Way:
    """How a client came in: its address, whether by TLS, and what ends its connection, with all that is under way or
    once that has left."""

    def __init__(
        self,
        peer: str,
        secure: bool,
        reset: Callable[[], None],
        hang_up: Callable[[], None],
        broken: Callable[[], bool],
    ) -> None:
        self.peer = peer
        self.secure = secure
        self.reset = reset
        self.hang_up = hang_up
        self.broken = broken


class _Half(asyncio.Protocol):
    """One side of a connection; what it hears the other side says."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.other: _Half | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are of no class of asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            with contextlib.suppress(RuntimeError):
                self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        if self.other is not None:
            self.other.end()

    def end(self) -> None:
        if self.transport is not None:
            self.transport.close()


class _Outer(_Half):
    """The client's side."""

    def __init__(self, front: PubSubFront) -> None:
        super().__init__()
        self._front = front
        self._inner_port: int | None = None
        self._joining: asyncio.Task[None] | None = None
        self._early = bytearray()
        self.peer = LOOPBACK
        self.secure = False
        self.broken = False
        """Whether it ended without a good-bye."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.secure = transport.get_extra_info("ssl_object") is not None
        self.peer = (transport.get_extra_info("peername") or (LOOPBACK,))[0]
        self._front._open.add(self)
        self._joining = asyncio.get_running_loop().create_task(self._join())

    def data_received(self, data: bytes) -> None:
        if self.other is not None:
            super().data_received(data)
        elif len(self._early) + len(data) <= _MOST_EARLY:
            self._early += data
        else:
            # No client sends so much before it has been told what it may.
            self.end()

    async def _join(self) -> None:
        try:
            port = await self._front._port()
            # The server speaks first: what it says has to find its way from the beginning.
            half = _Half()
            half.other = self
            inner, _ = await asyncio.get_running_loop().create_connection(lambda: half, LOOPBACK, port)
        except Exception as error:
            # gRPC may not even load: a client is not to wait for that.
            log.error("a connection cannot be carried to the gRPC server: %s", error)
            self.end()
            return
        if self.transport is None:
            inner.close()
            return
        self.other = half
        number = inner.get_extra_info("sockname")[1]
        self._inner_port = number
        self._front._by_port[number] = self
        inner.write(bytes(self._early))
        self._early.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self.broken = self.broken or exc is not None
        super().connection_lost(exc)
        self._front._open.discard(self)
        if self._inner_port is not None and self._front._by_port.get(self._inner_port) is self:
            del self._front._by_port[self._inner_port]

    def hang_up(self) -> None:
        """End the connection once what was said to the client has left."""
        self.broken = True
        if self.other is not None:
            # Not even how the stream ended is told.
            self.other.other = None
            self.other.end()
        self.end()

    def reset(self) -> None:
        """Break the connection so that the client sees it."""
        self.broken = True
        reset(self.transport)
