"""The way to the mock without a network, for httpx: a respx router that asks the server itself.

with salesforce.respx() as router:
    httpx.get("https://login.salesforce.com/services/data")
    assert router.calls.call_count == 1
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import respx
from respx.models import AllMockedAssertionError

from harness.redirect import is_salesforces

if TYPE_CHECKING:
    from mock_server.api import Server
    from mock_server.fronts.direct import Exchange


class SalesforceRouter(respx.MockRouter):
    """Answers requests to Salesforce's hosts, and to the mock's own address, from the mock.

    Routes that are added to it come first. A request that neither they nor the mock answer is refused, as respx does.
    """

    def __init__(self, server: Server, **options: Any) -> None:
        super().__init__(**options)
        self._server = server
        self._own = urlsplit(server.url).netloc

    def handler(self, request: httpx.Request) -> httpx.Response:
        try:
            return super().handler(request)
        except AllMockedAssertionError:
            if not self._answers(request):
                raise
        try:
            answer = self._server.exchange(**_asked(request))
        except OSError as error:
            raise self._failed(request, error) from None
        return self._answered(request, answer)

    async def async_handler(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().async_handler(request)
        except AllMockedAssertionError:
            if not self._answers(request):
                raise
        try:
            answer = await self._server.exchange_async(**_asked(request))
        except OSError as error:
            raise self._failed(request, error) from None
        return self._answered(request, answer)

    def _answers(self, request: httpx.Request) -> bool:
        return is_salesforces(request.url.host) or request.url.netloc.decode("ascii") == self._own

    def _failed(self, request: httpx.Request, error: OSError) -> httpx.TransportError:
        """Return what httpx raises when the network does this."""
        self.record(request, response=None)
        if isinstance(error, TimeoutError):
            return httpx.ReadTimeout("The read operation timed out", request=request)
        return httpx.ReadError(str(error), request=request)

    def _answered(self, request: httpx.Request, answer: Exchange) -> httpx.Response:
        if answer.whole:
            response = httpx.Response(answer.status, headers=answer.headers, content=answer.body, request=request)
        else:
            length = dict(answer.headers).get("Content-Length", "?")
            stream = _Cut(answer.body, length)
            response = httpx.Response(answer.status, headers=answer.headers, stream=stream, request=request)
        self.record(request, response=response)
        return response


def _asked(request: httpx.Request) -> dict[str, Any]:
    return {
        "method": request.method,
        "url": str(request.url),
        "headers": request.headers.multi_items(),
        "content": request.content,
        "timeout": request.extensions.get("timeout", {}).get("read"),
    }


class _Cut(httpx.SyncByteStream, httpx.AsyncByteStream):
    """A body that ends before its length."""

    def __init__(self, part: bytes, length: str) -> None:
        self._part = part
        self._problem = (
            "peer closed connection without sending complete message body "
            f"(received {len(part)} bytes, expected {length})"
        )

    def __iter__(self) -> Iterator[bytes]:
        yield self._part
        raise httpx.RemoteProtocolError(self._problem)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._part
        raise httpx.RemoteProtocolError(self._problem)
