"""The control plane of a server in this process, without a connection: the same calls, handed to its event loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from mock_server.control.answers import parsed
from mock_server.operations import Call, Operation, Reply

_UNKNOWN = Operation("unknown", "*", "", "read")
_PEER = "127.0.0.1"
_PATIENCE = 30.0
"""Seconds to wait for an answer."""


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

    async def _answer(self, call: Call) -> Reply:
        return await self._handle(call, _PEER)

    def call(self, method: str, path: str, body: Any) -> Any:
        path, _, query = path.partition("?")
        data = b"" if body is None else json.dumps(body).encode()
        call = Call(_UNKNOWN, method, path, query, self._headers, data, self._url)
        answer = self._answer(call)
        try:
            asked = asyncio.run_coroutine_threadsafe(answer, self._loop)
        except RuntimeError:
            answer.close()
            raise ConnectionRefusedError("the server has been stopped") from None
        reply = asked.result(_PATIENCE)
        return parsed(reply.status, reply.body)

    def close(self) -> None:
        """There is no connection."""
