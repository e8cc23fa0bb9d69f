"""One request and its answer exactly as they stand on the wire: no header is added, no redirect followed."""

from __future__ import annotations

import json
import os
import select
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

TIMEOUT = 60.0
"""Seconds that an answer may take."""


class Unreachable(Exception):
    """No answer came."""


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` have lower-case names; of a name that came several times the values stand in lines."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @cached_property
    def json(self) -> Any:
        """The body as JSON. Raises ValueError."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class Wire:
    """A kept connection to one host, through the proxy that the environment names."""

    def __init__(self, url: str, ca_file: str | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is no http or https URL")
        try:
            self._port = parts.port
        except ValueError:
            raise ValueError(f"{url!r} has a port that is none") from None
        self.url = f"{parts.scheme}://{parts.netloc}"
        self.host = parts.netloc
        self._name = parts.hostname
        self._secure = parts.scheme == "https"
        self._ca_file = ca_file
        self._connection: HTTPConnection | None = None
        self.count = 0
        """Requests sent."""

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Send a request and read its answer. Raises Unreachable."""
        self.count += 1
        sock = None if self._connection is None else self._connection.sock
        if sock is not None and select.select([sock], [], [], 0)[0]:
            # Something to read between two answers can only be the end of the connection.
            self.close()
        try:
            return self._exchange(method, path, headers, body)
        except (OSError, HTTPException) as error:
            self.close()
            raise Unreachable(f"{self.url}: {error or type(error).__name__}") from None

    def _exchange(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        if self._connection is None:
            self._connection = self._connect()
        connection = self._connection
        connection.putrequest(method, path, skip_host="Host" in headers, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        if body is not None or method in ("POST", "PATCH", "PUT"):
            connection.putheader("Content-Length", str(len(body or b"")))
        connection.endheaders(body)
        response = connection.getresponse()
        content = response.read()
        found: dict[str, str] = {}
        for name, value in response.getheaders():
            key = name.lower()
            found[key] = f"{found[key]}\n{value}" if key in found else value
        if response.will_close:
            self.close()
        return Answer(response.status, found, content)

    def _connect(self) -> HTTPConnection:
        proxy = None if proxy_bypass(self.host) else getproxies().get("https" if self._secure else "http")
        address, port = self._name, self._port
        if proxy and self._secure:
            parts = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
            address, port = parts.hostname or "", parts.port
        if self._secure:
            ca_file = self._ca_file or os.environ.get("SSL_CERT_FILE") or os.environ.get("REQUESTS_CA_BUNDLE")
            context = ssl.create_default_context(cafile=ca_file)
            connection: HTTPConnection = HTTPSConnection(address, port, timeout=TIMEOUT, context=context)
            if address != self._name:
                connection.set_tunnel(self._name, self._port)
            return connection
        return HTTPConnection(address, port, timeout=TIMEOUT)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
