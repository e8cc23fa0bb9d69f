"""The places where a client's way to a host is decided, each with the wrapper that asks the redirect in force.

All wrappers do what was done before when no redirect is in force, or when the host is not Salesforce's.
"""

from __future__ import annotations

import asyncio
import functools
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from harness.patching import Patch
from harness.redirect import MARK, is_salesforces

if TYPE_CHECKING:
    from harness.redirect import Redirect

Active = Callable[[], "Redirect | None"]


def patches(active: Active) -> list[Patch]:
    """Put all wrappers in place: all of them, or none."""
    done: list[Patch] = []
    try:
        for owner, name, wrap in _points():
            done.append(Patch.put(owner, name, functools.partial(wrap, active)))
    except BaseException:
        while done:
            done.pop().undo()
        raise
    return done


def _points() -> Iterator[tuple[Any, str, Callable[..., Any]]]:
    yield socket, "getaddrinfo", _getaddrinfo
    yield socket, "gethostbyname", _gethostbyname
    yield socket, "gethostbyname_ex", _gethostbyname_ex
    yield socket.socket, "connect", _connect
    yield socket.socket, "connect_ex", _connect
    yield ssl.SSLContext, "wrap_socket", _wrap_socket
    yield ssl.SSLContext, "wrap_bio", _wrap_bio
    loops = [asyncio.base_events.BaseEventLoop]
    if "uvloop" in sys.modules:
        # It resolves and connects by itself, past the socket module.
        loops.append(sys.modules["uvloop"].Loop)
    for loop in loops:
        yield loop, "getaddrinfo", _loop_getaddrinfo
        yield loop, "create_connection", _create_connection
    from urllib import request

    yield request, "proxy_bypass", _proxy_bypass
    for module, path, name, wrap in _CLIENTS:
        found: Any = sys.modules.get(module)
        for step in path.split("."):
            found = getattr(found, step, None)
        # A client that is not loaded, or of a release that does this otherwise, has the socket's redirect all the same.
        if hasattr(found, name):
            yield found, name, wrap


# -- names and sockets


def _getaddrinfo(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def getaddrinfo(host: Any, port: Any, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0) -> Any:
        redirect = active()
        if redirect is not None and is_salesforces(host):
            return redirect.resolve(port, family, type, proto)
        return before(host, port, family, type, proto, flags)

    return getaddrinfo


def _gethostbyname(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def gethostbyname(hostname: Any) -> Any:
        return MARK if active() is not None and is_salesforces(hostname) else before(hostname)

    return gethostbyname


def _gethostbyname_ex(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def gethostbyname_ex(hostname: Any) -> Any:
        return (hostname, [], [MARK]) if active() is not None and is_salesforces(hostname) else before(hostname)

    return gethostbyname_ex


def _connect(active: Active, before: Any) -> Any:
    """Wrap `connect` or `connect_ex`."""

    @functools.wraps(before)
    def connect(self: socket.socket, address: Any, /) -> Any:
        redirect = active()
        there = None if redirect is None else redirect.address(address, self.family)
        if redirect is None or there is None:
            return before(self, address)
        redirect.keep(self)
        return before(self, there)

    return connect


# -- trust


def _wrap_socket(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def wrap_socket(
        self: ssl.SSLContext,
        sock: socket.socket,
        server_side: bool = False,
        do_handshake_on_connect: bool = True,
        suppress_ragged_eofs: bool = True,
        server_hostname: Any = None,
        session: Any = None,
    ) -> Any:
        redirect = active()
        context = self
        if redirect is not None and not server_side:
            context = redirect.context(self, server_hostname, sock)
        if context is not self:
            session = None  # of the other context
        led = redirect is not None and redirect.knows(sock)
        wrapped = before(
            context, sock, server_side, do_handshake_on_connect, suppress_ragged_eofs, server_hostname, session
        )
        if redirect is not None and led:
            redirect.keep(wrapped)
        return wrapped

    return wrap_socket


def _wrap_bio(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def wrap_bio(
        self: ssl.SSLContext,
        incoming: Any,
        outgoing: Any,
        server_side: bool = False,
        server_hostname: Any = None,
        session: Any = None,
    ) -> Any:
        redirect = active()
        context = self
        if redirect is not None and not server_side:
            context = redirect.context(self, server_hostname, None)
        if context is not self:
            session = None
        return before(context, incoming, outgoing, server_side, server_hostname, session)

    return wrap_bio


# -- event loops


def _loop_getaddrinfo(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    async def getaddrinfo(
        self: Any, host: Any, port: Any, *, family: int = 0, type: int = 0, proto: int = 0, flags: int = 0
    ) -> Any:
        redirect = active()
        if redirect is not None and is_salesforces(host):
            return redirect.resolve(port, family, type, proto)
        return await before(self, host, port, family=family, type=type, proto=proto, flags=flags)

    return getaddrinfo


def _create_connection(active: Active, before: Any) -> Any:
    """Connect a socket first where the host is Salesforce's, and remember the transport that is made of it."""

    @functools.wraps(before)
    async def create_connection(
        self: Any, protocol_factory: Any, host: Any = None, port: Any = None, **options: Any
    ) -> Any:
        redirect = active()
        if redirect is None:
            return await before(self, protocol_factory, host, port, **options)
        sock = options.get("sock")
        if sock is None and (there := redirect.address((host, port), _family(redirect))) is not None:
            if options.get("ssl") and not options.get("server_hostname"):
                options["server_hostname"] = host
            for of_resolving in ("family", "proto", "flags", "happy_eyeballs_delay", "interleave", "local_addr"):
                options.pop(of_resolving, None)
            options["sock"] = sock = await _connected(self, redirect, there)
            host = port = None
        led = sock is not None and redirect.knows(sock)
        try:
            transport, protocol = await before(self, protocol_factory, host, port, **options)
        except BaseException:
            if led and sock is not None:
                sock.close()
            raise
        if led:
            redirect.keep_transport(self, transport)
        return transport, protocol

    return create_connection


def _family(redirect: Redirect) -> int:
    family: int = redirect.resolve(0, socket.AF_UNSPEC, socket.SOCK_STREAM, 0)[0][0]
    return family


async def _connected(loop: Any, redirect: Redirect, address: tuple[Any, ...]) -> socket.socket:
    # The event loop switches Nagle's algorithm off where a socket says that it is TCP.
    sock = socket.socket(_family(redirect), socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        sock.setblocking(False)
        await loop.sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    redirect.keep(sock)
    return sock


# -- proxies, and a client's own memory of names: what would lead past the socket


def _proxy_bypass(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def proxy_bypass(host: str, *more: Any) -> Any:
        if active() is not None and is_salesforces(host.rpartition(":")[0] or host):
            return True
        return before(host, *more)

    return proxy_bypass


def _requests_send(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def send(self: Any, request: Any, *rest: Any, **options: Any) -> Any:
        from urllib.parse import urlsplit

        if active() is not None and is_salesforces(urlsplit(request.url or "").hostname):
            proxies = 4  # the place of `proxies` behind the request: stream, timeout, verify, cert
            if len(rest) > proxies:
                rest = (*rest[:proxies], None, *rest[proxies + 1 :])
            options.pop("proxies", None)
        return before(self, request, *rest, **options)

    return send


def _httpx_transport(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    def _transport_for_url(self: Any, url: Any) -> Any:
        chosen = before(self, url)
        if active() is None or not is_salesforces(url.host):
            return chosen
        # Only a proxy of httpx's own is passed by: a transport that the user mounted is meant.
        pool = type(getattr(chosen, "_pool", None)).__name__
        return self._transport if "Proxy" in pool else chosen

    return _transport_for_url


def _aiohttp_resolve(active: Active, before: Any) -> Any:
    """Wrap the resolving of a connector, which remembers names beyond the redirect's beginning and end."""

    @functools.wraps(before)
    async def _resolve_host(self: Any, host: str, port: int, *rest: Any, **options: Any) -> Any:
        redirect = active()
        if redirect is None or not is_salesforces(host):
            return await before(self, host, port, *rest, **options)
        found = redirect.resolve(port, socket.AF_UNSPEC, socket.SOCK_STREAM, 0)
        return [
            {"hostname": host, "host": address[0], "port": port, "family": family, "proto": protocol,
             "flags": socket.AI_NUMERICHOST | socket.AI_NUMERICSERV}
            for family, _, protocol, _, address in found
        ]  # fmt: skip

    return _resolve_host


def _aiohttp_proxy(active: Active, before: Any) -> Any:
    @functools.wraps(before)
    async def _create_proxy_connection(self: Any, req: Any, traces: Any, timeout: Any) -> Any:
        if active() is not None and is_salesforces(req.url.host):
            return await self._create_direct_connection(req, traces, timeout)
        return await before(self, req, traces, timeout)

    return _create_proxy_connection


_CLIENTS: tuple[tuple[str, str, str, Callable[..., Any]], ...] = (
    ("requests", "adapters.HTTPAdapter", "send", _requests_send),
    ("httpx", "Client", "_transport_for_url", _httpx_transport),
    ("httpx", "AsyncClient", "_transport_for_url", _httpx_transport),
    ("aiohttp", "TCPConnector", "_resolve_host", _aiohttp_resolve),
    ("aiohttp", "TCPConnector", "_create_proxy_connection", _aiohttp_proxy),
)
