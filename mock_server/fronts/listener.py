"""One port for every scheme: a connection's first bytes say whether it speaks TLS, HTTP or asks a proxy to CONNECT."""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable

from mock_server.org.clock import wall

log = logging.getLogger("sfmock")

_TLS_HANDSHAKE = 0x16
_PATIENCE = 30.0
"""Seconds a client has for its first bytes, and for a CONNECT head."""
_LONGEST_HEAD = 8192
_SERVED = (".salesforce.com", ".force.com", ".site.com", ".localhost")
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0"})  # noqa: S104  # a name that clients ask for


def served(host: str) -> bool:
    """Tell whether the proxy serves a host itself."""
    host = host.lower().strip("[]").rstrip(".")
    return host in _LOCAL or host.endswith(_SERVED)


class Listener:
    """Accepts connections and hands each to `factory` (an aiohttp server), through TLS where the client speaks it.

    With `tunnel` a CONNECT to another host becomes a plain tunnel; otherwise it is refused with 403.
    """

    def __init__(
        self,
        host: str,
        port: int,
        factory: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext,
        *,
        tunnel: bool = False,
    ) -> None:
        self._factory = factory
        self._context = context
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
        while True:
            try:
                sock, _ = await loop.sock_accept(self._socket)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ECONNABORTED):
                    raise
                # Out of file descriptors: the backlog keeps the callers until some come free.
                log.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(0.1)
                continue
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            task = loop.create_task(self._greet(sock))
            self._greeting.add(task)
            task.add_done_callback(self._greeting.discard)

    async def _greet(self, sock: socket.socket) -> None:
        """Find out what a client speaks and hand it on."""
        handed = False
        try:
            async with asyncio.timeout(_PATIENCE):
                first = await _peek(sock, 1)
                if first[:1] == b"C" and (await _peek(sock, 8))[:8] == b"CONNECT ":
                    if not await self._connect(sock):
                        return
                    first = await _peek(sock, 1)
            if not first:
                return
            context = self._context if first[0] == _TLS_HANDSHAKE else None
            loop = asyncio.get_running_loop()
            handed = True
            await loop.connect_accepted_socket(
                self._factory, sock, ssl=context, ssl_handshake_timeout=_PATIENCE if context else None
            )
        except (OSError, ssl.SSLError, TimeoutError, ValueError) as error:
            log.debug("a connection ended before its first request: %r", error)
        finally:
            if not handed:
                sock.close()

    async def _connect(self, sock: socket.socket) -> bool:
        """Answer a CONNECT; tell whether the connection goes on here."""
        head = await _read_head(sock)
        loop = asyncio.get_running_loop()
        parts = head.split(b"\r\n", 1)[0].split()
        if len(parts) != 3 or b":" not in parts[1]:
            await loop.sock_sendall(sock, _refusal(400, "Bad Request", "a CONNECT names host:port"))
            return False
        host, _, port = parts[1].decode("latin-1").rpartition(":")
        if served(host):
            await loop.sock_sendall(sock, b"HTTP/1.1 200 Connection established\r\n\r\n")
            return True
        if not self._tunnel or not port.isdecimal() or int(port) > 65535:
            why = f"sfmock serves Salesforce's hosts and its own; {host} is neither, and tunnels are off"
            await loop.sock_sendall(sock, _refusal(403, "Forbidden", why))
            return False
        await _tunnel(sock, host, int(port))
        return False


async def _peek(sock: socket.socket, wanted: int) -> bytes:
    """Return the first bytes without taking them; fewer than wanted when no more come."""
    loop = asyncio.get_running_loop()
    begin = wall()
    while True:
        try:
            seen = sock.recv(wanted, socket.MSG_PEEK)
        except BlockingIOError:
            await _readable(sock, loop)
            continue
        if len(seen) >= wanted or not seen or wall() - begin > 1.0:
            return seen
        # Something is there but not enough: waiting for readability would return at once and spin.
        await asyncio.sleep(0.005)


async def _readable(sock: socket.socket, loop: asyncio.AbstractEventLoop) -> None:
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
    loop = asyncio.get_running_loop()
    head = b""
    while True:
        seen = await _peek(sock, 1)
        if not seen:
            raise ValueError("the head of a CONNECT ended early")
        try:
            seen = sock.recv(_LONGEST_HEAD, socket.MSG_PEEK)
        except BlockingIOError:
            continue
        whole = head + seen
        end = whole.find(b"\r\n\r\n")
        take = len(seen) if end < 0 else end + 4 - len(head)
        head += await loop.sock_recv(sock, take)
        if end >= 0:
            return head
        if len(head) > _LONGEST_HEAD:
            raise ValueError("the head of a CONNECT is too long")


def _refusal(status: int, reason: str, why: str) -> bytes:
    body = f"{why}\n".encode()
    return (
        f"HTTP/1.1 {status} {reason}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    ).encode() + body


async def _tunnel(sock: socket.socket, host: str, port: int) -> None:
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection(host, port)
    await loop.sock_sendall(sock, b"HTTP/1.1 200 Connection established\r\n\r\n")

    async def up() -> None:
        while data := await loop.sock_recv(sock, 65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()

    async def down() -> None:
        while data := await reader.read(65536):
            await loop.sock_sendall(sock, data)
        sock.shutdown(socket.SHUT_WR)

    results = await asyncio.gather(up(), down(), return_exceptions=True)
    writer.close()
    log.debug("a tunnel to %s ended: %s", host, results)
