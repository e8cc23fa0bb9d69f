"""Leads this process's connections to Salesforce's hosts to the mock, whatever client makes them.

    with Redirect(server.url, server.ca_file):
        Salesforce(username=..., password=..., security_token=...)   # its login host is built in

The hosts are mapped where names are resolved and sockets connected, so that no client needs to know, and none needs to
be made anew. Certificates are checked against the mock's authority where a TLS context is put to use: the contexts
themselves stay as they are. Proxies are passed by for these hosts. Other hosts and the environment are not touched.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import weakref
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from harness.patching import Patch
    from mock_server.api import Server

_DOMAINS = (".salesforce.com", ".force.com")
MARK = "127.83.70.1"
"""What a Salesforce host resolves to. A connection to it is led to the mock whatever its port says: some clients keep
the address and drop the port. It is a loopback address, so that one which is missed fails and never leaves the machine.
"""
_MARK_6 = f"::ffff:{MARK}"
_MARKS = frozenset({MARK, _MARK_6})
_MOST_TRANSPORTS = 256
"""Connections of event loops to remember before those that have ended are forgotten."""


def is_salesforces(host: object) -> bool:
    """Tell whether a host name, as clients give them to `socket`, is one of Salesforce's."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    return isinstance(host, str) and host.lower().rstrip(".").endswith(_DOMAINS)


class Redirect:
    """A `with` block in which Salesforce's hosts are the mock. Blocks may be nested: the innermost counts.

    It holds for the whole process. Connections made in the block are broken at its end: a client that outlives it keeps
    none of them in its pool.
    """

    def __init__(self, url: str, ca_file: Path | str) -> None:
        parts = urlsplit(url)
        if not parts.hostname or not parts.port:
            raise ValueError(f"{url!r} is no URL with a host and a port")
        self._host = parts.hostname
        self._port = parts.port
        self._family = socket.AF_INET6 if ":" in parts.hostname else socket.AF_INET
        self._ca_file = str(ca_file)
        self._context: ssl.SSLContext | None = None
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._transports: list[tuple[asyncio.AbstractEventLoop, asyncio.BaseTransport]] = []

    @classmethod
    def to(cls, server: Server) -> Self:
        """Return a redirect to a server of this process."""
        return cls(server.url, server.ca_file)

    def __enter__(self) -> Self:
        _enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _leave(self)

    # -- addresses

    def resolve(self, port: Any, family: int, kind: int, protocol: int) -> list[tuple[Any, ...]]:
        """Answer as `socket.getaddrinfo` does for one of Salesforce's hosts. Raises socket.gaierror."""
        number = _port_number(port)
        kinds = [(socket.SOCK_STREAM, socket.IPPROTO_TCP), (socket.SOCK_DGRAM, socket.IPPROTO_UDP)]
        found = [pair for pair in kinds if kind in (0, pair[0]) and protocol in (0, pair[1])]
        if family == socket.AF_INET6 or (family == socket.AF_UNSPEC and self._family == socket.AF_INET6):
            return [(socket.AF_INET6, *pair, "", (_MARK_6, number, 0, 0)) for pair in found]
        if self._family == socket.AF_INET6:
            raise socket.gaierror(socket.EAI_NONAME, "the mock has an IPv6 address only")
        return [(socket.AF_INET, *pair, "", (MARK, number)) for pair in found]

    def address(self, wanted: Any, family: int) -> tuple[Any, ...] | None:
        """Return the mock's address when a socket is about to connect to one of Salesforce's hosts; else None."""
        if family not in (socket.AF_INET, socket.AF_INET6) or not isinstance(wanted, tuple) or not wanted:
            return None
        if wanted[0] not in _MARKS and not is_salesforces(wanted[0]):
            return None
        if family == socket.AF_INET:
            return (self._host, self._port)
        return (self._host if self._family == family else f"::ffff:{self._host}", self._port, 0, 0)

    # -- trust

    def context(self, given: ssl.SSLContext, server_hostname: object, sock: socket.socket | None) -> ssl.SSLContext:
        """Return the context to speak TLS with: one that trusts the mock alone when the mock is at the other end.

        Without a socket the name must do. A client that checks nothing goes on checking nothing.
        """
        mine = is_salesforces(server_hostname) if sock is None else self._leads_here(sock)
        if not mine or given.verify_mode == ssl.CERT_NONE:
            return given
        if self._context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_verify_locations(self._ca_file)
            context.set_alpn_protocols(["http/1.1"])
            self._context = context
        return self._context

    def _leads_here(self, sock: socket.socket) -> bool:
        try:
            host, port = sock.getpeername()[:2]
        except (OSError, TypeError, ValueError):
            return False
        return port == self._port and str(host).removeprefix("::ffff:") == self._host

    # -- what must not outlive the block

    def keep(self, sock: socket.socket) -> None:
        """Remember a connection, to break it at the end."""
        self._sockets.add(sock)

    def knows(self, sock: socket.socket) -> bool:
        return sock in self._sockets

    def keep_transport(self, loop: asyncio.AbstractEventLoop, transport: asyncio.BaseTransport) -> None:
        """Remember an event loop's connection, to break it at the end."""
        if len(self._transports) >= _MOST_TRANSPORTS:
            self._transports = [pair for pair in self._transports if not pair[1].is_closing()]
        self._transports.append((loop, transport))

    def drop_connections(self) -> None:
        """Break every connection that was led to the mock. Safe from any thread."""
        transports, self._transports = self._transports, []
        for loop, transport in transports:
            _abort(loop, transport)
        for sock in list(self._sockets):
            with contextlib.suppress(OSError):  # it has ended, or was handed over to a TLS socket
                sock.shutdown(socket.SHUT_RDWR)
        self._sockets.clear()


def _abort(loop: asyncio.AbstractEventLoop, transport: Any) -> None:
    """End an event loop's connection, so that a pool sees at once that it is of no more use."""
    if loop.is_closed():
        return
    try:
        here = asyncio.get_running_loop() is loop
    except RuntimeError:
        here = False
    with contextlib.suppress(RuntimeError):  # the loop was closed just now
        if loop.is_running() and not here:
            loop.call_soon_threadsafe(transport.abort)
        else:
            transport.abort()


def _port_number(port: Any) -> int:
    """Return a port that is given as a number, as digits, or as a service's name."""
    if isinstance(port, bytes | bytearray):
        port = port.decode("ascii", "replace")
    if port is None or port == "":
        return 0
    try:
        return int(port)
    except ValueError:
        pass
    try:
        return socket.getservbyname(port)
    except OSError:
        raise socket.gaierror(socket.EAI_SERVICE, "the service is not known") from None


_NOWHERE = Redirect("http://127.0.0.1:9", "")
"""For threads that are refused: nobody listens there."""
_lock = threading.RLock()
_stack: list[Redirect] = []
_patches: list[Patch] = []


_strays: weakref.WeakSet[threading.Thread] = weakref.WeakSet()


def active() -> Redirect | None:
    """Return the redirect that is in force for this thread."""
    if _strays and threading.current_thread() in _strays:
        return _NOWHERE
    return _stack[-1] if _stack else None


def disown(thread: threading.Thread) -> None:
    """Refuse Salesforce's hosts to a thread that goes on after its trial: it must reach no other org, and no real one.

    The refusal stays in force while the thread lives, also when no redirect does.
    """
    with _lock:
        _strays.add(thread)


def _enter(redirect: Redirect) -> None:
    from harness.redirect_points import patches

    with _lock:
        if redirect in _stack:
            raise RuntimeError("this redirect is in force already")
        if _stack:
            # What an outer block's clients hold in their pools leads to another org.
            _stack[-1].drop_connections()
        _stack.append(redirect)
        try:
            if not _patches:
                _patches.extend(patches(active))
        except BaseException:
            _stack.remove(redirect)
            raise


def _leave(redirect: Redirect) -> None:
    with _lock:
        if redirect in _stack:
            _stack.remove(redirect)
        if not _stack and not any(thread.is_alive() for thread in _strays):
            while _patches:
                _patches.pop().undo()
        redirect.drop_connections()
