"""One port for every scheme: a connection's first bytes say whether it speaks TLS, HTTP or asks a proxy to CONNECT."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass

log = logging.getLogger("sfmock")

_TLS_HANDSHAKE = 0x16
_CONNECT = b"CONNECT "
_PATIENCE = 30.0
"""Seconds a client has for its first bytes, and for a CONNECT head."""
_LONGEST_HEAD = 8192
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_CLOSED = frozenset({errno.EBADF, errno.EINVAL, errno.ENOTSOCK})
_SERVED = (".salesforce.com", ".force.com", ".site.com", ".localhost")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  # a name that clients ask for


_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def served(host: str) -> bool:
    """Tell whether the proxy serves a host itself."""
    host = host.lower().strip("[]").rstrip(".")
    return host in _LOCAL or host.endswith(_SERVED)


@dataclass(frozen=True, slots=True)
class Behind:
    """What takes connections over: a protocol factory, and the server side of TLS for clients that speak it.

    `farewell` are the seconds that a client of TLS has to say good-bye in its turn, None for as long as usual.
    """

    factory: Callable[[], asyncio.BaseProtocol]
    context: ssl.SSLContext
    farewell: float | None = None


class Listener:
    """Accepts connections and hands each to `factory` (an aiohttp server), through TLS where the client speaks it.

    With `tunnel` a CONNECT to another host becomes a plain tunnel; otherwise it is refused with 403. `behind` names
    what takes over those to a host and port of Salesforce's other than the usual ones; for these it returns None.
    """

    def __init__(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.BaseProtocol],
        context: ssl.SSLContext,
        *,
        tunnel: bool = False,
        behind: Callable[[str, int], Behind | None] = lambda host, port: None,
        farewell: float | None = None,
    ) -> None:
        self._usual = Behind(factory, context, farewell)
        self._behind = behind
        self._tunnel = tunnel
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            self._socket.bind((host, port))
            self._socket.listen(1024)
        except OSError:
            self._socket.close()
            raise
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self._accepting: asyncio.Task[None] | None = None
        self._greeting: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Begin to accept, on the running event loop."""
        self._accepting = asyncio.get_running_loop().create_task(self._accept())

    async def close(self) -> None:
        """Stop accepting. Connections already handed over are the factory's to end."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        greeting = list(self._greeting)
        for task in greeting:
            task.cancel()
        await asyncio.gather(*greeting, return_exceptions=True)
        self._socket.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        starved = False
        while True:
            try:
                sock, _ = await loop.sock_accept(self._socket)
            except OSError as error:
                if error.errno in _CLOSED:
                    raise
                # Anything else concerns one caller (it left, the network refused it) or passes, and the backlog keeps
                # the callers until then.
                if error.errno in _EXHAUSTED and not starved:
                    log.warning("cannot accept connections for now: %s", error)
                    starved = True
                await asyncio.sleep(0.1 if starved else 0.01)
                continue
            starved = False
            task = loop.create_task(self._greet(sock))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, sock: socket.socket) -> None:
        """Find out what a client speaks and hand it on."""
        handed = False
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            async with asyncio.timeout(_PATIENCE):
                first = await _peek(sock, len(_CONNECT))
                elsewhere, behind = None, self._usual
                # A part of the word is enough: nothing else that a client of Salesforce sends begins with it.
                if first and _CONNECT.startswith(first):
                    first, behind, elsewhere = await self._connect(sock)
            if elsewhere is not None:
                await _tunnel(sock, *elsewhere)
            elif first:
                context = behind.context if first[0] == _TLS_HANDSHAKE else None
                handed = True
                await asyncio.get_running_loop().connect_accepted_socket(
                    behind.factory,
                    sock,
                    ssl=context,
                    ssl_handshake_timeout=_PATIENCE if context else None,
                    ssl_shutdown_timeout=behind.farewell if context else None,
                )
        except (OSError, ssl.SSLError, TimeoutError, ValueError) as error:
            log.debug("a connection ended before its first request: %r", error)
        finally:
            if not handed:
                sock.close()

    async def _connect(self, sock: socket.socket) -> tuple[bytes, Behind, tuple[str, int] | None]:
        """Answer a CONNECT. Return the first bytes behind it and who takes them, or where to a tunnel leads.

        Where it ends, there are no bytes.
        """
        loop = asyncio.get_running_loop()
        target = _target(await _read_head(sock))
        if target is None:
            await loop.sock_sendall(sock, _refusal(400, "Bad Request", "a CONNECT names host:port"))
            return b"", self._usual, None
        if served(target[0]) or target == self._socket.getsockname()[:2]:
            await loop.sock_sendall(sock, _ESTABLISHED)
            return await _peek(sock, 1), self._behind(*target) or self._usual, None
        if self._tunnel:
            return b"", self._usual, target
        why = f"sfmock serves Salesforce's hosts and its own; {target[0]} is neither, and tunnels are off"
        await loop.sock_sendall(sock, _refusal(403, "Forbidden", why))
        return b"", self._usual, None


async def _peek(sock: socket.socket, most: int) -> bytes:
    """Return what has come, without taking it; nothing when the client has ended."""
    while True:
        try:
            return sock.recv(most, socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(sock)


async def _readable(sock: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    ready: asyncio.Future[None] = loop.create_future()

    def wake() -> None:
        if not ready.done():
            ready.set_result(None)

    loop.add_reader(sock.fileno(), wake)
    try:
        await ready
    finally:
        loop.remove_reader(sock.fileno())


async def _read_head(sock: socket.socket) -> bytes:
    """Take exactly the bytes up to and with the blank line, leaving what follows for its reader."""
    head = b""
    while len(head) <= _LONGEST_HEAD:
        seen = await _peek(sock, _LONGEST_HEAD)
        if not seen:
            raise ValueError("the head of a CONNECT ended early")
        end = (head + seen).find(b"\r\n\r\n")
        head += sock.recv(len(seen) if end < 0 else end + 4 - len(head))
        if end >= 0:
            return head
    raise ValueError("the head of a CONNECT is too long")


def _target(head: bytes) -> tuple[str, int] | None:
    """Return the host and port that a CONNECT names."""
    parts = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    if len(parts) != 3 or parts[0] != "CONNECT":
        return None
    host, _, port = parts[1].rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or len(port) > 5 or int(port) > 65535:
        return None
    return host, int(port)


def _refusal(status: int, reason: str, why: str) -> bytes:
    body = f"{why}\n".encode()
    return (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body


async def _tunnel(sock: socket.socket, host: str, port: int) -> None:
    """Carry bytes both ways until both sides have ended, or one has failed."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_PATIENCE):
            reader, writer = await asyncio.open_connection(host, port)
    except (OSError, ValueError) as error:
        await loop.sock_sendall(sock, _refusal(502, "Bad Gateway", f"cannot reach {host}:{port}: {error}"))
        return

    async def up() -> None:
        while data := await loop.sock_recv(sock, 65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def down() -> None:
        while data := await reader.read(65536):
            await loop.sock_sendall(sock, data)
        sock.shutdown(socket.SHUT_WR)

    try:
        await loop.sock_sendall(sock, _ESTABLISHED)
        async with asyncio.TaskGroup() as both:
            both.create_task(up())
            both.create_task(down())
    except* OSError as failed:
        log.debug("a tunnel to %s broke: %r", host, failed.exceptions)
    finally:
        writer.close()
