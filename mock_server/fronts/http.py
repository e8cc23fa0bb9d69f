"""The HTTP front: connections on one side, the gate on the other."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import struct
import zlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from traceback import format_exc
from urllib.parse import unquote_plus, urlsplit

from aiohttp.web import RequestPayloadError
from multidict import CIMultiDict, CIMultiDictProxy

from mock_server.fronts import bodies
from mock_server.fronts.answers import Answer, Gradual
from mock_server.fronts.connections import Connections, Request, refusal
from mock_server.jsontext import pretty
from mock_server.operations import JSON, Call, Operation, Reply
from mock_server.org.chance import Random
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError

log = logging.getLogger("sfmock")

_COMPRESS_FROM = 1024
_COMPRESS_APART_FROM = 262_144
_TARGETS = ("/", "http://", "https://", "*")
_HOST = re.compile(r"[A-Za-z0-9\-._~%:\[\]]*")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_UNKNOWN = Operation("unknown", "*", "", "read")

# Recorded from a scratch org in 2026.
_ALWAYS = {
    "Cache-Control": "no-cache,must-revalidate,max-age=0,no-store,private",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "none",
    "Server": "sfdcedge",
}
_COOKIES = (
    "CookieConsentPolicy=0:1; path=/; Max-Age=31536000; secure",
    "LSKey-c$CookieConsentPolicy=0:1; path=/; Max-Age=31536000; secure",
)
_STRICT = "/cometd"
"""Whose clients end in an error at cookies of another domain than they have asked (Faye does)."""
_OURS = frozenset({"Sforce-Limit-Info", "Last-Modified", "Location", "ETag", "Content-Security-Policy"})
"""Headers that most answers bring, as they write them: nothing else has these names."""
Handle = Callable[[Call, str], Awaitable[Reply]]
"""Takes a call and the peer's address."""
IsUpload = Callable[[str, str], bool]
"""Tells from method and path whether a body is to be taken as a file."""


class Front:
    """Turns HTTP requests into calls and replies into bytes.

    Make it inside the event loop that serves; `server` is the protocol factory for the listener.
    """

    def __init__(
        self, handle: Handle, is_upload: IsUpload, chance: Random, may_cut: Callable[[], bool] = lambda: False
    ) -> None:
        self.handle = handle
        self.is_upload = is_upload
        self._may_cut = may_cut
        self._chance = chance
        self.server = Connections(self._serve)

    async def _serve(self, request: Request) -> Answer:
        if _dubious(request):
            return refusal(400, "Bad Request")
        connection = request.connection
        call = _call(request)
        call.gone = request.gone
        connection.call = call
        if request.has_body:
            upload = self.is_upload(call.method, call.raw_path)
            if upload and self._may_cut():
                # A rule is asked first: a connection that breaks off in the middle of a body has not taken it all.
                call.rest = partial(_receive, call, request, upload)
            else:
                await _receive(call, request, upload)
            if call.unread is not None and request.gone() and not upload:
                return Answer(400, {}, b"")
        try:
            reply = await self.handle(call, connection.peer)
        finally:
            connection.call = None
            if call.upload is not None:
                call.upload.close()
        if call.entry is not None and call.entry.outcome == "answered" and request.gone():
            # The work is done, and nobody is left to hear of it.
            call.entry.outcome = "abandoned"
        if reply.delivery == "trickle" or reply.pieces is not None:
            return await self._gradually(request, call, reply)
        return await self._respond(request, call, reply, close=call.unread is not None or reply.last)

    async def _gradually(self, request: Request, call: Call, reply: Reply) -> Answer:
        """Answer while the exchange goes on; the journal has its end when the last byte has left."""
        clock, entry = call.org.clock, call.entry
        start, entry.end = clock.now(), None

        async def pause(share: float) -> None:
            await clock.wait_until(start + share * reply.seconds)

        answer = Answer(reply.status, {}, b"")
        try:
            answer = await self._respond(request, call, reply, pause=pause if reply.delivery == "trickle" else None)
            await answer.send(request)
        except ConnectionError:
            entry.outcome = "abandoned"
        except Exception as failure:
            # The head has gone out with a good status: all that is left is an answer that ends too early.
            why = failure.message if isinstance(failure, ApiError) else format_exc()
            log.error("the answer to %s %s broke off\n%s", entry.method, entry.path, call.org.redactor.hide(why))
            entry.outcome = "cut"
            if request.connection.transport is not None:
                request.connection.transport.abort()
        finally:
            reply.close()
            entry.end = clock.now()
        return answer

    async def _respond(
        self,
        request: Request,
        call: Call,
        reply: Reply,
        close: bool = False,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> Answer:
        connection = request.connection
        if reply.delivery == "none":
            reset(connection.transport)
            return Answer(reply.status, {}, b"")
        host = request.host
        headers = self.headers(request.method, host, reply)
        squeezed = "gzip" in request.headers.get("Accept-Encoding", "")
        if reply.pieces is not None and reply.delivery != "whole":
            reply = await joined(reply)
        body = readable(request.headers, reply)
        if reply.pieces is not None:
            squeezed = squeezed and request.method != "HEAD"
        elif squeezed and len(body) >= _COMPRESS_FROM:
            body = await _compress(body)
        else:
            squeezed = False
        if squeezed:
            headers["Content-Encoding"] = "gzip"
        cookies: tuple[str, ...] = ()
        if _is_salesforces(host) or not (connection.greeted or call.raw_path.startswith(_STRICT)):
            # Under another name no client keeps cookies of salesforce.com: it would read them with every answer again.
            cookies = self.cookies(request.target, request.headers, headers["X-Request-Id"])
            connection.greeted = bool(cookies)
        cookies += reply.cookies
        if reply.pieces is not None:
            return Gradual(reply.status, headers, reply.pieces, squeezed=squeezed, cookies=cookies)
        cut = reply.delivery == "cut"
        return Answer(reply.status, headers, body, close=close, cut=cut, pause=pause, cookies=cookies)

    @staticmethod
    def cookies(path: str, asked: Mapping[str, str], number: str) -> tuple[str, ...]:
        """Return the cookies that an answer sets: those of a browser that comes for the first time.

        `number` is the answer's own, of which the browser's name is made.
        """
        if path.startswith("/_mock") or "BrowserId=" in asked.get("Cookie", ""):
            return ()
        browser = f"BrowserId={number[:22]}; domain=.salesforce.com; path=/; Max-Age=31536000; secure; SameSite=None"
        return (*_COOKIES, browser)

    def headers(self, method: str, host: str, reply: Reply) -> dict[str, str]:
        """Return a reply's headers, as a request of this method to this host has them."""
        headers = _ALWAYS.copy()
        number = f"{self._chance.getrandbits(128):032x}"
        headers["X-SFDC-Request-Id"] = headers["X-Request-Id"] = number
        if reply.content_type is not None:
            headers["Content-Type"] = reply.content_type
            headers["Vary"] = "Accept-Encoding"
        if method == "GET" and reply.status < 400:
            headers["X-SFDC-Edge-Cache"] = "MISS"
        if _is_salesforces(host):
            # Never for a local name: a browser would then refuse plain HTTP to every other server on it.
            headers["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
        if reply.headers.keys() <= _OURS:
            headers.update(reply.headers)
            return headers
        for name, value in reply.headers.items():
            known = name
            if name not in headers and name not in _OURS:
                # A fault, or code of a user's, gave it: in any case of letters.
                known = next((one for one in headers if one.lower() == name.lower()), name)
            headers[known] = value
        return headers


def _is_salesforces(host: str) -> bool:
    return host.endswith((".salesforce.com", ".force.com"))


async def _receive(call: Call, request: Request, upload: bool) -> None:
    """Read the body of a call, or why there is none to read."""
    try:
        await bodies.receive(call, request.content, partial(_go_on, request), upload=upload)
    except bodies.Unreadable as unreadable:
        call.unread = unreadable.refusal
    except (RequestPayloadError, ValueError):
        call.unread = bodies.broken().refusal
    except (TimeoutError, ConnectionError):
        # The client broke off in the middle of its request, or sends no more: nobody waits for an answer.
        if request.connection.transport is not None:
            request.connection.transport.close()
        call.unread = bodies.broken().refusal


async def _go_on(request: Request) -> None:
    """Tell a client to send its body. Raises ConnectionError when it has gone."""
    transport = request.connection.transport
    if transport is None or transport.is_closing():
        raise ConnectionResetError("the client has gone")
    transport.write(_CONTINUE)


def _dubious(request: Request) -> bool:
    """Tell whether others could take a request for a different one: no such request is read any further."""
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (request.version < (1, 1) or coding.strip().lower() != "chunked"):
        # RFC 9112, 6.1: how such a message ends is not to be relied on.
        return True
    # A tunnel is asked for at the beginning of a connection, where the listener reads it.
    return (
        request.method == "CONNECT"
        or not request.target.startswith(_TARGETS)
        or not _HOST.fullmatch(request.headers.get("Host", ""))
    )


def _call(request: Request) -> Call:
    headers, host, target = request.headers, request.host, request.target
    if not target.startswith("/") and (named := urlsplit(target).netloc):
        # RFC 9112, 3.2.2: the host of an absolute target counts, whatever the Host header says.
        host = named.rpartition("@")[2]
        headers = CIMultiDictProxy(CIMultiDict([*_without_host(headers), ("Host", host)]))
    return make_call(request.method, target, headers, f"{request.connection.scheme}://{host}")


def _without_host(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers.items() if name.lower() != "host"]


def make_call(method: str, target: str, headers: Mapping[str, str], base_url: str) -> Call:
    """Return the call that a request is, as yet without its body. `target` is what stands in its first line."""
    if not target.startswith("/"):
        # The absolute form, which clients of a plain HTTP proxy send.
        _, _, rest = target.partition("://")
        target = "/" + rest.partition("/")[2]
    path, _, query = target.partition("?")
    if method == "POST" and "_" in query and (meant := _method_of(query)):
        method = meant
    return Call(
        operation=_UNKNOWN,
        method=method,
        raw_path=path,
        raw_query=query,
        headers=headers,
        body=b"",
        base_url=base_url,
    )


def _method_of(query: str) -> str | None:
    """Return the method that a POST stands for, for clients that cannot send it (`_HttpMethod=PATCH`)."""
    for pair in query.split("&"):
        name, _, value = pair.partition("=")
        if name in ("_HttpMethod", "%5FHttpMethod", "%5fHttpMethod"):
            return unquote_plus(value).strip().upper() or None
    return None


def readable(headers: Mapping[str, str], reply: Reply) -> bytes:
    """Return a reply's body: over several lines where the request asks for that."""
    if reply.body and headers.get("X-PrettyPrint") in ("1", "true") and reply.content_type == JSON:
        return _pretty(reply.body)
    return reply.body


def _pretty(body: bytes) -> bytes:
    import orjson

    try:
        return pretty(orjson.loads(body)).encode()
    except orjson.JSONDecodeError:
        # A reply fault broke it on purpose.
        return body


async def joined(reply: Reply) -> Reply:
    """Return a reply whose pieces are all made, or half of them, for one that does not leave as it should."""
    body = bytearray()
    try:
        for piece in reply.pieces or ():
            body += piece
            await give_way()
    finally:
        reply.close()
    half = reply.delivery == "half"
    return replace(
        reply,
        pieces=None,
        body=bytes(body[: len(body) // 2] if half else body),
        delivery="whole" if half else reply.delivery,
    )


async def _compress(body: bytes) -> bytes:
    if len(body) < _COMPRESS_APART_FROM:
        return _gzip(body)
    return await asyncio.get_running_loop().run_in_executor(None, _gzip, body)


def _gzip(body: bytes) -> bytes:
    squeeze = zlib.compressobj(1, zlib.DEFLATED, 31)
    return squeeze.compress(body) + squeeze.flush()


def reset(transport: asyncio.Transport | None) -> None:
    """Break a connection so that the peer sees a reset."""
    if transport is None:
        return
    sock = transport.get_extra_info("socket")
    if sock is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
