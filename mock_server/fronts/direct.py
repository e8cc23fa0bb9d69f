"""The front without a network: a request comes as a function's arguments, its answer as a value."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from multidict import CIMultiDict

from mock_server.fronts import bodies
from mock_server.fronts.answers import PIECES
from mock_server.fronts.connections import LARGEST_LINE, bad_message
from mock_server.fronts.http import Front, joined, make_call, readable
from mock_server.operations import Call, Reply

SLACK = 0.5
"""Seconds of wall time by which an answer may be later than the client's time-out by the org's clock."""
Headers = Mapping[str, str] | Iterable[tuple[str, str]]
_NO_BODY = frozenset({204, 304})
_PEER = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Exchange:
    """An answer. `whole` is False where the connection ended in the middle of the body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool = True


async def exchange(
    front: Front, method: str, url: str, headers: Headers, content: bytes, timeout: float | None
) -> Exchange:
    """Answer one request as the network's front does.

    `timeout` is in seconds of the org's clock. Raises TimeoutError when the answer takes longer, ConnectionResetError
    when there will be none. Work that is under way goes on all the same, as it does for a client that leaves.
    """
    parts = urlsplit(url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    asked = CIMultiDict(headers)
    host = asked.get("Host") or parts.netloc.rpartition("@")[2]
    if len(target) > LARGEST_LINE - len(method) - len("  HTTP/1.1"):
        text = bad_message(414, "URI Too Long").encode()
        return Exchange(414, (("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(text)))), text)
    left: list[bool] = []
    call = make_call(method.upper(), target, asked, f"{parts.scheme}://{host}")
    call.gone = lambda: bool(left)
    try:
        bodies.take(call, content, upload=front.is_upload(call.method, call.raw_path))
    except bodies.Unreadable as unreadable:
        call.unread = unreadable.refusal
    try:
        reply = await _answered(front, call, timeout)
        if reply.pieces is not None:
            reply = await joined(reply)
        if reply.delivery == "trickle":
            await _trickled(call, reply, timeout)
    except BaseException:
        left.append(True)
        if call.leaves is not None:
            call.leaves()
        raise
    if reply.delivery == "none":
        raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    return _exchange(front, method.upper(), host, parts.path, asked, reply)


async def _answered(front: Front, call: Call, timeout: float | None) -> Reply:
    work = asyncio.ensure_future(front.handle(call, _PEER))
    late: asyncio.Future[None] | None = None
    try:
        await asyncio.sleep(0)  # the gate finds the org before it waits for anything
        waiting: set[asyncio.Future[Reply] | asyncio.Future[None]] = {work}
        if timeout is not None:
            clock = getattr(call.org, "clock", None)
            late = asyncio.ensure_future(asyncio.sleep(timeout) if clock is None else clock.sleep(timeout))
            waiting.add(late)
        # A clock that stands still must hold up nobody for ever: the wall's time-out comes a little later.
        patience = None if timeout is None else timeout + SLACK
        await asyncio.wait(waiting, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise TimeoutError(f"no answer within {timeout:g} s")
        return work.result()
    except BaseException:
        work.add_done_callback(lambda _: _left(call))
        raise
    finally:
        if late is not None:
            late.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await late


async def _trickled(call: Call, reply: Reply, timeout: float | None) -> None:
    """Wait while the body comes in. A client whose patience is shorter than the pause between two pieces leaves."""
    clock, entry = call.org.clock, call.entry
    start, entry.end = clock.now(), None
    pause = reply.seconds / min(PIECES, len(reply.body) or 1)
    late = timeout is not None and timeout < pause
    span = timeout if timeout is not None and late else reply.seconds
    waiting = asyncio.ensure_future(clock.wait_until(start + span))
    try:
        await asyncio.wait({waiting}, timeout=None if timeout is None else span + SLACK)
        if late or not waiting.done():
            raise TimeoutError(f"nothing more within {timeout:g} s")
    except BaseException:
        entry.outcome = "abandoned"
        raise
    finally:
        waiting.cancel()
        entry.end = clock.now()


def _left(call: Call) -> None:
    """Note that nobody was left to hear the answer."""
    if call.entry is not None and call.entry.outcome == "answered":
        call.entry.outcome = "abandoned"


def _exchange(front: Front, method: str, host: str, path: str, asked: Mapping[str, str], reply: Reply) -> Exchange:
    lines = front.headers(method, host, reply)
    given = (*front.cookies(path, asked, lines["X-Request-Id"]), *reply.cookies)
    cookies = [("Set-Cookie", cookie) for cookie in given]
    body = readable(asked, reply)
    if reply.status not in _NO_BODY:
        lines["Content-Length"] = str(len(body))
    if method == "HEAD" or reply.status in _NO_BODY:
        body = b""
    cut = reply.delivery == "cut"
    return Exchange(reply.status, (*lines.items(), *cookies), body[: len(body) // 2] if cut else body, whole=not cut)
