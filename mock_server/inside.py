"""The control plane of a server in this process, without a connection: the same calls, handed to its event loop."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from mock_server.control.answers import parsed
from mock_server.operations import Call, Operation, Reply

_allocate_lock = threading.Lock  # the real one, whatever stands in for it later
_UNKNOWN = Operation("unknown", "*", "", "read")
_PEER = "127.0.0.1"
PATIENCE = 300.0
"""Seconds to wait for an answer: long enough to tell a server that hangs from one that a busy machine holds up."""


class InsideLink:
    """A link for ControlClient. Raises OSError once the server has ended."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        handle: Callable[[Call, str], Awaitable[Reply]],
        url: str,
        token: str | None,
    ) -> None:
        self._loop = loop
        self._handle = handle
        self._url = url
        self._headers = {"Host": url.partition("://")[2], "Content-Type": "application/json"}
        if token is not None:
            self._headers["X-Sfmock-Token"] = token

    def call(self, method: str, path: str, body: Any) -> Any:
        path, _, query = path.partition("?")
        data = b"" if body is None else json.dumps(body).encode()
        call = Call(_UNKNOWN, method, path, query, self._headers, data, self._url)
        told = _allocate_lock()
        told.acquire()
        replies: list[Reply] = []
        tasks: list[asyncio.Task[None]] = []

        async def answer() -> None:
            try:
                replies.append(await self._handle(call, _PEER))
            finally:
                told.release()

        def begin() -> None:
            # The loop itself keeps no hold of its tasks.
            tasks.append(self._loop.create_task(answer()))

        try:
            self._loop.call_soon_threadsafe(begin)
        except RuntimeError:
            raise ConnectionRefusedError("the server has been stopped") from None
        if not told.acquire(timeout=PATIENCE):
            raise TimeoutError(f"the server has not answered within {PATIENCE:g} s")
        if not replies:
            # A defect is answered too (`Control.handle` never raises): only what was cancelled has no reply.
            raise ConnectionResetError("the server was stopped meanwhile")
        return parsed(replies[0].status, replies[0].body)

    def close(self) -> None:
        """There is no connection."""
