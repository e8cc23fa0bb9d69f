"""Connections of the HTTP front: aiohttp's parser makes requests of what comes in; they are answered in their order.

aiohttp's own server does the same with a task for each connection and another for each request, and with requests and
answers that know much more than is asked of them: at thousands of small answers a second that is as much as the org's
own work.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from aiohttp import EMPTY_PAYLOAD
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import HttpRequestParser
from aiohttp.http_writer import HttpVersion11
from aiohttp.tcp_helpers import tcp_keepalive
from aiohttp.web import RequestPayloadError

from mock_server.fronts.answers import Answer

if TYPE_CHECKING:
    from aiohttp.http_parser import RawRequestMessage
    from aiohttp.http_writer import HttpVersion
    from aiohttp.streams import StreamReader

    from mock_server.operations import Call

log = logging.getLogger("sfmock")

LARGEST_LINE = 16_384
"""Bytes of the first line, and as many of the headers."""
PATIENCE = 60.0
"""Seconds that a new connection has for the head of its first request."""
_KEPT = 75.0
"""Seconds that a connection is kept for its next request."""
_LINGERS = 10.0
"""Seconds that the rest of a body may take that nobody has read: a client reads its answer only when all is sent."""
_BUFFER = 1 << 18
"""Bytes of a body, and of what follows a request that asks for another protocol, that are taken ahead."""
_MOST_WAITING = 64
"""Requests of one connection that wait for their turn; no more is read then."""
_TARGET = re.compile(r"reading: (?:bytearray\()?b['\"](?:/|https?:)")
"""In aiohttp's message about an overlong line: it was the request's target, not a header."""


class Request:
    """A request whose head has come. `target` is as it stands in the first line, `content` is the body.

    `kept` says whether the client wants the connection to be kept.
    """

    __slots__ = ("connection", "content", "headers", "kept", "method", "target", "version")

    def __init__(
        self,
        connection: Connection,
        method: str,
        target: str,
        version: HttpVersion,
        headers: Mapping[str, str],
        kept: bool,
        content: StreamReader,
    ) -> None:
        self.connection = connection
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.kept = kept
        self.content = content

    @property
    def has_body(self) -> bool:
        return self.content is not EMPTY_PAYLOAD

    @property
    def host(self) -> str:
        """The host that is asked: that of an absolute target, or the Host header.

        A client that names none, as old ones do, has come to the address itself.
        """
        if not self.target.startswith("/") and (named := urlsplit(self.target).hostname):
            return named
        host = self.headers.get("Host")
        return self.connection.address if host is None else host

    def gone(self) -> bool:
        """Tell whether the client has left."""
        transport = self.connection.transport
        return transport is None or transport.is_closing()


class Connection(BaseProtocol):
    """One connection. While none of its requests is under way it has no task."""

    def __init__(self, connections: Connections, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self._parser = HttpRequestParser(
            self,
            loop,
            _BUFFER,
            max_line_size=LARGEST_LINE,
            max_field_size=LARGEST_LINE,
            payload_exception=RequestPayloadError,
            auto_decompress=False,  # a packing that ends early would pass for whole
        )
        self._upgraded = self._buffer_paused = False
        self._connections = connections
        self._waiting: deque[tuple[RawRequestMessage | HttpProcessingError, StreamReader]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._content: StreamReader | None = None
        """The body of the request that is under way."""
        self._behind = b""
        """What has come behind a request that asks for another protocol, until it is answered that there is none."""
        self._deaf = False
        """Whether nothing more is read as a request."""
        self._until = 0.0
        """When it is closed, by the loop's time, if no request comes."""
        self._timer: asyncio.TimerHandle | None = None
        self.call: Call | None = None
        """The call that is being answered."""
        self.greeted = False
        """Whether an answer has gone out that a browser's first visit gets its cookies with."""
        self.scheme = "http"
        self.address = self.peer = ""

    # -- what comes in

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        tcp_keepalive(self.transport)
        self.scheme = "https" if transport.get_extra_info("sslcontext") else "http"
        self.peer = str((transport.get_extra_info("peername") or ("",))[0])
        address = transport.get_extra_info("sockname") or ("",)
        self.address = f"[{address[0]}]" if len(address) == 4 else str(address[0])
        self._connections.open.add(self)
        self._until = self._loop.time() + PATIENCE
        self._timer = self._loop.call_at(self._until, self._look)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        if self._upgraded:
            self._behind += data
            if len(self._behind) >= _BUFFER:
                self._hold()
            return
        assert self._parser is not None
        try:
            came, self._upgraded, self._behind = self._parser.feed_data(data)
        except HttpProcessingError as error:
            self._deaf = True
            body = self._waiting[-1][1] if self._waiting else self._content
            if body is not None and not body.is_eof():
                body.set_exception(RequestPayloadError(str(error)))
            came = [(error, EMPTY_PAYLOAD)]
        if not came:
            return
        self._waiting.extend(came)
        if self._task is None:
            self._task = self._loop.create_task(self._work())
        elif len(self._waiting) >= _MOST_WAITING:
            self._hold()

    def connection_lost(self, exc: BaseException | None) -> None:
        super().connection_lost(exc)
        self._deaf, self._parser = True, None  # which holds the connection
        if self._timer is not None:
            self._timer.cancel()
        call = self.call
        if call is not None and call.entry is not None:
            # How long a client was ready to wait can be told only now.
            call.entry.left = call.org.clock.now()
            if call.leaves is not None:
                call.leaves()
        if self._content is not None:
            self._content.set_exception(exc or ConnectionResetError("the client has gone"))
        if self._task is None:
            self._connections.open.discard(self)

    def _hold(self) -> None:
        if not self._buffer_paused and self.transport is not None:
            self._buffer_paused = True
            self.transport.pause_reading()

    def _read_on(self) -> None:
        if self._buffer_paused and self.transport is not None:
            self._buffer_paused = False
            if not self._reading_paused:
                self.transport.resume_reading()

    def _look(self) -> None:
        """Close a connection on which no request comes."""
        self._timer = None
        if self._until > self._loop.time():
            self._timer = self._loop.call_at(self._until, self._look)
        elif self._task is None and self.transport is not None:
            self.transport.close()

    # -- answers

    async def drain(self) -> None:
        """Wait until the client has taken enough of what was written. Raises ConnectionError when it has gone."""
        await self._drain_helper()

    async def _work(self) -> None:
        """Answer the requests that have come."""
        kept = True
        try:
            while kept and self._waiting and self.transport is not None:
                head, content = self._waiting.popleft()
                if len(self._waiting) <= _MOST_WAITING // 2:
                    self._read_on()
                if isinstance(head, HttpProcessingError):
                    await _refusal(head).send(Request(self, "GET", "/", HttpVersion11, {}, False, content))
                    kept = False
                else:
                    self._content = content
                    kept = await self._answered(
                        Request(
                            self, head.method, head.path, head.version, head.headers, not head.should_close, content
                        )
                    )
                    self._content = None
                if kept and self._upgraded and not self._waiting:
                    self._stay()
                if kept and self._waiting:
                    await asyncio.sleep(0)  # what is answered without waiting would let nobody else be served
        except ConnectionError:
            kept = False
        except BaseException:
            kept = False
            raise
        finally:
            self._task = None
            if self.transport is None:
                self._connections.open.discard(self)
            elif kept:
                self._until = self._loop.time() + _KEPT
                if self._timer is None:
                    self._timer = self._loop.call_at(self._until, self._look)
            else:
                self._deaf = True
                self.transport.close()

    async def _answered(self, request: Request) -> bool:
        """Answer a request; tell whether the connection is kept."""
        try:
            answer = await self._connections.serve(request)
        except Exception as failure:
            log.error("a request failed", exc_info=failure)
            answer = refusal(500, "Server Error")
        await answer.send(request)
        if request.gone():
            return False
        return (request.content.is_eof() or await self._rest_of(request.content)) and answer.kept

    async def _rest_of(self, content: StreamReader) -> bool:
        """Wait for what a client sends of a body that nobody wants; tell whether all of it has come."""
        try:
            async with asyncio.timeout(_LINGERS):
                while not content.is_eof():
                    await content.readany()
        except (TimeoutError, ConnectionError, RequestPayloadError):
            return False
        return True

    def _stay(self) -> None:
        """Go on with HTTP behind a request that asked for another protocol, and was answered in this one."""
        assert self._parser is not None
        self._parser.set_upgraded(False)
        self._upgraded, behind = False, self._behind
        self._read_on()
        self.data_received(behind)

    def end(self) -> asyncio.Task[None] | None:
        """Take no more requests; return the task that answers one, None where there was none and it is closed."""
        self._deaf = True
        self._waiting.clear()
        if self._task is None and self.transport is not None:
            self.transport.close()
        return self._task


class Connections:
    """The connections of a server. It makes them for a listener; `serve` answers their requests."""

    def __init__(self, serve: Callable[[Request], Awaitable[Answer]]) -> None:
        self.serve = serve
        self.open: set[Connection] = set()
        self._loop = asyncio.get_running_loop()

    def __call__(self) -> Connection:
        return Connection(self, self._loop)

    async def shutdown(self, patience: float) -> None:
        """End all connections. What is under way has so many seconds to be answered."""
        going = {task for connection in list(self.open) if (task := connection.end()) is not None}
        if going:
            _, late = await asyncio.wait(going, timeout=patience)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=patience)
        for connection in list(self.open):
            if connection.transport is not None:
                connection.transport.close()
        self.open.clear()


def _refusal(error: HttpProcessingError) -> Answer:
    if isinstance(error, LineTooLong) and _TARGET.search(str(error)):
        return refusal(414, "URI Too Long")
    if isinstance(error, LineTooLong) or "Too many headers" in str(error):
        return refusal(431, "Request Header Fields Too Large")
    return refusal(400, "Bad Request")


def refusal(status: int, reason: str) -> Answer:
    """Return the answer of Salesforce's edge, which writes HTML, to a request that it does not read."""
    page = bad_message(status, reason).encode()
    return Answer(status, {"Content-Type": "text/html; charset=utf-8"}, page, close=True)


def bad_message(status: int, reason: str) -> str:
    """Return the page of such an answer."""
    return f"<h1>Bad Message {status}</h1><pre>reason: {reason}</pre>"
