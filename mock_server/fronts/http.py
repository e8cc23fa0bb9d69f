"""The HTTP front: aiohttp's low-level server on one side, the gate on the other."""

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
from typing import Any
from urllib.parse import unquote_plus, urlsplit

from aiohttp import web
from aiohttp.http_exceptions import LineTooLong
from multidict import CIMultiDict, CIMultiDictProxy

from mock_server.fronts import bodies
from mock_server.fronts.answers import Answer, Gradual
from mock_server.jsontext import pretty
from mock_server.operations import JSON, Call, Operation, Reply
from mock_server.org.chance import Random
from mock_server.org.courtesy import give_way
from mock_server.org.errors import ApiError

log = logging.getLogger("sfmock")

LARGEST_LINE = 16_384
_COMPRESS_FROM = 1024
_COMPRESS_APART_FROM = 262_144
_TARGET = re.compile(r"reading: (?:bytearray\()?b['\"](?:/|https?:)")
"""In aiohttp's message about an overlong line: it was the request's target, not a header."""
_TARGETS = ("/", "http://", "https://", "*")
_HOST = re.compile(r"[A-Za-z0-9\-._~%:\[\]]*")
_PATIENCE = 60.0
"""Seconds that a new connection has for the head of its first request; later ones have the keep-alive time."""
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

    Make it inside the event loop that serves; `server` is aiohttp's protocol factory for the listener.
    """

    def __init__(
        self, handle: Handle, is_upload: IsUpload, chance: Random, may_cut: Callable[[], bool] = lambda: False
    ) -> None:
        self.handle = handle
        self.is_upload = is_upload
        self._may_cut = may_cut
        self._chance = chance
        self.server = _Server(
            self._serve,
            handler_cancellation=False,
            auto_decompress=False,  # a packing that ends early would pass for whole
            access_log=None,
            max_line_size=LARGEST_LINE,
            max_field_size=LARGEST_LINE,
            keepalive_timeout=75.0,
        )

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        connection = request.protocol
        assert isinstance(connection, _Handler)
        connection.heard()
        if _dubious(request):
            page = bad_message(400, "Bad Request").encode()
            return Answer(400, {"Content-Type": "text/html"}, page, close=True)
        call = _call(request)
        call.gone = partial(_gone, request)
        connection.call = call
        if request.body_exists:
            upload = self.is_upload(call.method, call.raw_path)
            if upload and self._may_cut():
                # A rule is asked first: a connection that breaks off in the middle of a body has not taken it all.
                call.rest = partial(_receive, call, request, upload)
            else:
                await _receive(call, request, upload)
            if call.unread is not None and _gone(request) and not upload:
                return Answer(400, {}, b"")
        try:
            reply = await self.handle(call, request.remote or "")
        finally:
            connection.call = None
            if call.upload is not None:
                call.upload.close()
        if _gone(request) and call.entry is not None and call.entry.outcome == "answered":
            # The work is done, and nobody is left to hear of it.
            call.entry.outcome = "abandoned"
        if reply.delivery == "trickle" or reply.pieces is not None:
            return await self._gradually(request, call, reply)
        return await self._respond(request, reply, close=call.unread is not None or reply.last)

    async def _gradually(self, request: web.BaseRequest, call: Call, reply: Reply) -> web.StreamResponse:
        """Answer while the exchange goes on; the journal has its end when the last byte has left."""
        clock, entry = call.org.clock, call.entry
        start, entry.end = clock.now(), None

        async def pause(share: float) -> None:
            await clock.wait_until(start + share * reply.seconds)

        answer: web.StreamResponse = Answer(reply.status, {}, b"")
        try:
            answer = await self._respond(request, reply, pause=pause if reply.delivery == "trickle" else None)
            await answer.prepare(request)
        except ConnectionError:
            entry.outcome = "abandoned"
        except Exception as failure:
            # The head has gone out with a good status: all that is left is an answer that ends too early.
            why = failure.message if isinstance(failure, ApiError) else format_exc()
            log.error("the answer to %s %s broke off\n%s", entry.method, entry.path, call.org.redactor.hide(why))
            entry.outcome = "cut"
            if request.transport is not None:
                request.transport.abort()
        finally:
            reply.close()
            entry.end = clock.now()
        return answer

    async def _respond(
        self,
        request: web.BaseRequest,
        reply: Reply,
        close: bool = False,
        pause: Callable[[float], Awaitable[None]] | None = None,
    ) -> web.StreamResponse:
        if reply.delivery == "none":
            reset(request.transport)
            return Answer(reply.status, {}, b"")
        headers = self.headers(request.method, request.host, reply)
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
        connection = request.protocol
        assert isinstance(connection, _Handler)
        cookies: tuple[str, ...] = ()
        if _is_salesforces(request.host) or not (connection.greeted or request.path.startswith(_STRICT)):
            # Under another name no client keeps cookies of salesforce.com: it would read them with every answer again.
            cookies = self.cookies(request.raw_path, request.headers, headers["X-Request-Id"])
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


async def _receive(call: Call, request: web.BaseRequest, upload: bool) -> None:
    """Read the body of a call, or why there is none to read."""
    try:
        await bodies.receive(call, request.content, partial(request.writer.write, _CONTINUE), upload=upload)
    except bodies.Unreadable as unreadable:
        call.unread = unreadable.refusal
    except (web.RequestPayloadError, ValueError):
        call.unread = bodies.broken().refusal
    except (TimeoutError, ConnectionError):
        # The client broke off in the middle of its request, or sends no more: nobody waits for an answer.
        if request.transport is not None:
            request.transport.close()
        call.unread = bodies.broken().refusal


def _dubious(request: web.BaseRequest) -> bool:
    """Tell whether others could take a request for a different one: no such request is read any further."""
    coding = request.headers.get("Transfer-Encoding")
    if coding is not None and (request.version < (1, 1) or coding.strip().lower() != "chunked"):
        # RFC 9112, 6.1: how such a message ends is not to be relied on.
        return True
    # A tunnel is asked for at the beginning of a connection, where the listener reads it.
    return (
        request.method == "CONNECT"
        or not request.raw_path.startswith(_TARGETS)
        or not _HOST.fullmatch(request.headers.get("Host", ""))
    )


def _call(request: web.BaseRequest) -> Call:
    headers, host = request.headers, request.host
    if not request.raw_path.startswith("/") and (named := urlsplit(request.raw_path).netloc):
        # RFC 9112, 3.2.2: the host of an absolute target counts, whatever the Host header says.
        host = named.rpartition("@")[2]
        headers = CIMultiDictProxy(CIMultiDict([*_without_host(headers), ("Host", host)]))
    return make_call(request.method, request.raw_path, headers, f"{request.scheme}://{host}")


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


def _gone(request: web.BaseRequest) -> bool:
    return request.transport is None or request.transport.is_closing()


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


class _Server(web.Server):
    """An aiohttp server whose refusals of unreadable requests are Salesforce's."""

    def __call__(self) -> web.RequestHandler:
        return _Handler(self, loop=self._loop, **self._kwargs)


class _Handler(web.RequestHandler):
    __slots__ = ("call", "greeted", "silence")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.call: Call | None = None
        """The call that is being answered."""
        self.greeted = False
        """Whether an answer has gone out that a browser's first visit gets its cookies with."""
        self.silence: asyncio.TimerHandle | None = None
        """Ends a connection on which no request comes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.silence = asyncio.get_running_loop().call_later(_PATIENCE, transport.close)

    def heard(self) -> None:
        """Note that a request has come."""
        if self.silence is not None:
            self.silence.cancel()
            self.silence = None

    def connection_lost(self, exc: BaseException | None) -> None:
        self.heard()
        call = self.call
        if call is not None and call.entry is not None:
            # How long a client was ready to wait can be told only now.
            call.entry.left = call.org.clock.now()
            if call.leaves is not None:
                call.leaves()
        task, busy = self._task_handler, self._request_in_progress
        super().connection_lost(exc)
        if task is not None and not busy:
            # aiohttp goes on for ten seconds to wait for what a broken request did not send.
            task.cancel()

    def handle_error(
        self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None, message: str | None = None
    ) -> web.StreamResponse:
        if isinstance(exc, LineTooLong) and _TARGET.search(str(exc)):
            # Salesforce's edge answers in HTML; it allows 16,384 bytes for the line, and as many for headers.
            status, reason = 414, "URI Too Long"
        elif isinstance(exc, LineTooLong) or "Too many headers" in str(exc):
            status, reason = 431, "Request Header Fields Too Large"
        elif status >= 500:
            log.error("a request failed", exc_info=exc)
            status, reason = 500, "Server Error"
        else:
            reason = "Bad Request"
        response = web.Response(status=status, text=bad_message(status, reason), content_type="text/html")
        response.force_close()
        return response


def bad_message(status: int, reason: str) -> str:
    """Return the page by which Salesforce's edge refuses a request that it does not read."""
    return f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"
