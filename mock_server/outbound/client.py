"""The HTTP client of the orgs of a server: no proxy, no cookie, no redirect, and no host but those it is given."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from mock_server.org.outbound.callouts import LARGEST, CalloutError, too_large
from mock_server.org.outbound.targets import is_local

_PIECE = 65_536
AGENT = "SFDC-Callout/66.0"
_HEADER_SIZE = 65_536


@dataclass(frozen=True, slots=True)
class Received:
    status: int
    headers: Mapping[str, str]
    body: bytes


class _Resolver(AbstractResolver):
    """Takes local names for this machine, whatever a name server would say; asks for others, which are allowed."""

    def __init__(self) -> None:
        self._others = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if not is_local(host):
            return await self._others.resolve(host, port, family)
        found = [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")]
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=0)
            for kind, address in found
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        await self._others.close()


class Client:
    """Sends requests on the running event loop. Each has a connection of its own: services come and go."""

    def __init__(self, ca_file: Path | None) -> None:
        self._ca_file = ca_file
        self._session: aiohttp.ClientSession | None = None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            trusted = ssl.create_default_context()
            if self._ca_file is not None:
                trusted.load_verify_locations(self._ca_file)
            connector = aiohttp.TCPConnector(resolver=_Resolver(), ssl=trusted, limit=0, force_close=True)
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                trust_env=False,
                max_line_size=_HEADER_SIZE,
                max_field_size=_HEADER_SIZE,
            )
            # aiohttp would send a GET whose connection breaks a second time by itself, and the service would see both.
            self._session._retry_connection = False
        return self._session

    async def send(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Received:
        """Send a request; return what came back, a redirect as it is. Raises CalloutError in Apex's words."""
        if len(body) > LARGEST:
            raise CalloutError(f"Exceeded max size limit of {LARGEST} with request size {len(body)}")
        asked: dict[str, Any] = {"headers": {"User-Agent": AGENT, **headers}, "allow_redirects": False}
        if body:
            asked["data"] = body
        try:
            async with self._opened().request(
                method, URL(url, encoded=True), skip_auto_headers=("Accept-Encoding", "Content-Type"), **asked
            ) as response:
                received = await _read(response)
                return Received(response.status, dict(response.headers), received)
        except aiohttp.ClientConnectorCertificateError as error:
            raise CalloutError(
                "PKIX path building failed: unable to find valid certification path to requested target: "
                f"{error.certificate_error}"[:300]
            ) from None
        except aiohttp.ClientConnectorDNSError as error:
            raise CalloutError(f"Unknown host: {error.host}"[:300]) from None
        except aiohttp.ClientSSLError as error:
            raise CalloutError(f"SSL handshake failed: {error}"[:300]) from None
        except aiohttp.ClientConnectorError as error:
            refused = isinstance(error.os_error, ConnectionRefusedError)
            raise CalloutError("Connection refused" if refused else f"Connect failed: {error}"[:300]) from None
        except aiohttp.ClientResponseError as error:
            why = error.message.partition("\n")[0].rstrip(" :")
            raise CalloutError(f"Invalid Http response: {why}"[:300]) from None
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientPayloadError, aiohttp.ClientOSError, OSError):
            raise CalloutError("Unexpected end of file from server") from None
        except (aiohttp.ClientError, ValueError) as error:
            raise CalloutError(f"{str(error) or type(error).__name__}"[:300]) from None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


async def _read(response: aiohttp.ClientResponse) -> bytes:
    said = response.content_length
    if said is not None and said > LARGEST and response.method != "HEAD":
        raise too_large(said)
    pieces: list[bytes] = []
    size = 0
    async for piece in response.content.iter_chunked(_PIECE):
        size += len(piece)
        if size > LARGEST:
            raise too_large(size)
        pieces.append(piece)
    return b"".join(pieces)
