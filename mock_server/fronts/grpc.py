"""The gRPC front: `grpc.aio` on one side, the gate on the other. Loaded when the first client comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import grpc
from grpc import aio
from multidict import CIMultiDict

from mock_server.operations import Call, Operation, Reply

if TYPE_CHECKING:
    from mock_server.fronts.pubsub import Way

log = logging.getLogger("sfmock")

Serve = tuple[Callable[[Call], Awaitable[Reply]], Callable[[str], bool | None]]
"""Takes a call to its reply; and tells of a path whether it streams, None for one that nothing is served on."""
STREAMS = 1000
"""Concurrent streams of one connection."""
_LARGEST = 64 * 1024 * 1024
"""Bytes of a message that are read at all: of what is larger than Salesforce takes the protocol tells."""
_UNKNOWN = Operation("unknown", "*", "", "read")
_CODES = {code.value[0]: code for code in grpc.StatusCode}
# https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md
_OF_HTTP = {
    400: grpc.StatusCode.INTERNAL,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    404: grpc.StatusCode.UNIMPLEMENTED,
    **dict.fromkeys((429, 502, 503, 504), grpc.StatusCode.UNAVAILABLE),
}
_OWN = frozenset({"grpc-status", "grpc-message"})
_ON_ITS_WAY = 0.25
"""Seconds that messages have to leave before their connection ends."""
_PATIENCE = 2.0
"""Seconds that work under way has to notice, at the end, that its client has left."""


class GrpcServer:
    """The server behind the port: every method of it is a call through the gate."""

    def __init__(self, serve: Serve, way: Callable[[int], Way | None]) -> None:
        self._handle, self._streams = serve
        self._way = way
        self._server: aio.Server | None = None
        self._working: set[asyncio.Task[Reply]] = set()

    async def start(self, host: str) -> int:
        """Begin to serve, on the running event loop; return the port."""
        _hush(asyncio.get_running_loop())
        self._server = aio.server(
            options=[
                ("grpc.max_concurrent_streams", STREAMS),
                ("grpc.max_receive_message_length", _LARGEST),
                ("grpc.max_send_message_length", -1),
                ("grpc.max_metadata_size", 65536),
                ("grpc.so_reuseport", 0),
                # A client may ask every few seconds whether the connection is alive.
                ("grpc.http2.min_ping_interval_without_data_ms", 1000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.max_ping_strikes", 0),
            ]
        )
        self._server.add_generic_rpc_handlers((_Methods(self),))
        port = self._server.add_insecure_port(f"{host}:0")
        await self._server.start()
        return port

    async def close(self) -> None:
        """End what is under way. Clients are told that the service is unavailable."""
        if self._server is not None:
            await self._server.stop(0)
        working = list(self._working)
        if working:
            _, late = await asyncio.wait(working, timeout=_PATIENCE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def method(self, path: str) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        streams = self._streams(path)
        if streams is None:
            return None

        async def unary(message: bytes, context: aio.ServicerContext[bytes, bytes]) -> bytes:
            call, way = self._call(path, context, message)
            reply = await self._worked(call, None)
            await self._settle(context, call, way, reply)
            return reply.body

        async def stream(_: Any, context: aio.ServicerContext[bytes, bytes]) -> None:
            call, way = self._call(path, context, b"")
            messages = call.stream = _Messages(context, way)
            reply = await self._worked(call, messages)
            await self._settle(context, call, way, reply)
            if reply.body:
                await context.write(reply.body)

        if streams:
            return grpc.stream_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)

    def _call(self, path: str, context: aio.ServicerContext[bytes, bytes], message: bytes) -> tuple[Call, Way | None]:
        headers = CIMultiDict(
            (name, value) for name, value in context.invocation_metadata() or () if isinstance(value, str)
        )
        way = self._way(_port_of(context.peer()))
        scheme = "https" if way is not None and way.secure else "http"
        call = Call(_UNKNOWN, "GRPC", path, "", headers, message, f"{scheme}://{headers.get('host', 'api.pubsub')}")
        if way is not None:
            call.peer = way.peer
        call.gone = context.cancelled
        return call, way

    async def _worked(self, call: Call, messages: _Messages | None) -> Reply:
        """Have a call worked on. A client that leaves does not undo what is under way."""
        task = asyncio.ensure_future(self._handle(call))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if call.entry is not None and call.entry.end is None:
                call.entry.left = call.org.clock.now()
            task.add_done_callback(lambda _: _left(call))
            raise
        finally:
            if messages is not None:
                messages.end()

    async def _settle(
        self, context: aio.ServicerContext[bytes, bytes], call: Call, way: Way | None, reply: Reply
    ) -> None:
        """Let a reply fault have its way, and end the call here where it has failed."""
        if reply.delivery == "trickle":
            await call.org.clock.sleep(reply.seconds)
        elif reply.delivery in ("none", "cut"):
            if reply.delivery == "cut":
                # What was sent before is on its way through gRPC, which does not say when it has left.
                await asyncio.sleep(_ON_ITS_WAY)
            if way is not None:
                way.hang_up() if reply.delivery == "cut" else way.reset()
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is broken")
        code = _code(reply)
        trailers = [(name.lower(), value) for name, value in reply.headers.items() if name.lower() not in _OWN]
        if code is grpc.StatusCode.OK:
            return
        text = reply.headers.get("grpc-message")
        message = _page(reply) if text is None else unquote(text)
        await context.abort(code, message, _sendable(trailers))


class _Methods(grpc.GenericRpcHandler):  # type: ignore[type-arg]
    def __init__(self, server: GrpcServer) -> None:
        self._server = server

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        return self._server.method(handler_call_details.method)


class _Messages:
    """The messages of a stream."""

    def __init__(self, context: aio.ServicerContext[bytes, bytes], way: Way | None) -> None:
        self._context = context
        self._way = way
        self._reading: asyncio.Future[Any] | None = None
        self.open = True

    @property
    def broken(self) -> bool:
        return self._way is not None and self._way.broken()

    async def receive(self) -> bytes | None:
        if not self.open:
            return None
        if self._reading is None:
            self._reading = asyncio.ensure_future(self._context.read())
        reading = self._reading
        await asyncio.wait((reading,))
        if self._reading is reading:
            self._reading = None
        if reading.cancelled() or reading.exception() is not None:
            return None
        message = reading.result()
        return message if isinstance(message, bytes) else None

    async def send(self, message: bytes) -> None:
        if not self.open:
            raise ConnectionResetError("the client has left")
        try:
            await self._context.write(message)
        except (asyncio.CancelledError, Exception) as failure:
            if isinstance(failure, asyncio.CancelledError) and self.open:
                raise
            raise ConnectionResetError("the client has left") from None

    def end(self) -> None:
        """Hear and say no more."""
        self.open = False
        if self._reading is not None:
            self._reading.cancel()


def _left(call: Call) -> None:
    """Note that nobody was left to hear the answer."""
    if call.entry is not None and call.entry.outcome == "answered":
        call.entry.outcome = "abandoned"


def _code(reply: Reply) -> grpc.StatusCode:
    own = reply.headers.get("grpc-status")
    if own is not None:
        return _CODES.get(int(own), grpc.StatusCode.UNKNOWN)
    if reply.status < 300:
        return grpc.StatusCode.OK
    return _OF_HTTP.get(reply.status, grpc.StatusCode.UNKNOWN)


def _page(reply: Reply) -> str:
    """Return what stood in front of the platform says: its text, where it is a short one."""
    text = reply.body.decode("utf-8", "replace").strip()
    if text and not text.startswith(("<", "{", "[")) and len(text) < 500:
        return text
    if reply.status == 503:
        # Seen by clients of Salesforce.
        return "The service is unavailable. Try again later."
    return f"Received http2 header with status: {reply.status}"


def _sendable(trailers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the headers of a reply that can be trailers: gRPC ends the process of nobody over one that cannot."""
    return tuple(
        (name, value)
        for name, value in trailers
        if name.isascii() and value.isascii() and value.isprintable() and not name.startswith((":", "grpc-"))
        and not name.endswith("-bin") and all(letter.isalnum() or letter in "-_." for letter in name)
    )  # fmt: skip


def _port_of(peer: str) -> int:
    with contextlib.suppress(ValueError):
        return int(peer.rpartition(":")[2])
    return 0


def _hush(loop: asyncio.AbstractEventLoop) -> None:
    """Keep gRPC's own quarrels out of the log: of loops that share its one queue, some have been closed already."""
    before = loop.get_exception_handler()

    def handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        said = f"{context.get('message', '')} {context.get('handle', '')}"
        if "PollerCompletionQueue" in said and isinstance(context.get("exception"), RuntimeError | BlockingIOError):
            return
        if before is not None:
            before(loop, context)
        else:
            loop.default_exception_handler(context)

    loop.set_exception_handler(handle)
