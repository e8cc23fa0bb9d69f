"""An impostor: a server in Salesforce's place whose certificate nobody vouches for."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from copy import copy
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from harness.evidence import Interception
from harness.inputs import write_jsonl
from harness.org import Credentials

if TYPE_CHECKING:
    from harness.subjects import Run

INPUTS = 5
"""Inputs that a subject is given to deliver to an impostor: one request is enough to tell."""
_PATIENCE = 5.0
_MOST_BODY = 16_777_216
_NAMES = ("127.0.0.1", "localhost", "*.salesforce.com", "*.my.salesforce.com", "*.force.com")
_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_BUSY = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Impostor:
    """A `with` block in which the impostor listens. It keeps no more of a request than its method and path.

    It speaks TLS with a certificate from an authority of its own, plain HTTP, and as a proxy leads every CONNECT to
    itself. Whatever it is asked, it answers 503.
    """

    def __init__(self) -> None:
        import trustme  # costs start-up time that only this needs

        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        trustme.CA().issue_cert(*_NAMES).configure_cert(self._context)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._socket.getsockname()[1]}"
        self._offered = 0
        self._taken: list[str] = []
        self._lock = threading.Lock()

    def seen(self) -> Interception:
        with self._lock:
            return Interception(self._offered, tuple(self._taken))

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="impostor", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Closing alone would leave a thread that waits in accept.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE)
        # A client that refuses the certificate ends the connection in one way or another.
        with connection, contextlib.suppress(OSError, ssl.SSLError):
            first = connection.recv(8, socket.MSG_PEEK)
            if first.startswith(b"CONNECT"):
                _head(connection)
                connection.sendall(_ESTABLISHED)
                first = connection.recv(8, socket.MSG_PEEK)
            if not first:
                return
            if first[0] != 0x16:
                self._take(_head(connection), "in plain text")
                _answer(connection)
                return
            with self._lock:
                self._offered += 1
            with self._context.wrap_socket(connection, server_side=True) as secured:
                # Some clients look at the certificate after the handshake: only a request is a proof.
                head = _head(secured)
                if head:
                    self._take(head, "in spite of the certificate")
                    _answer(secured)

    def _take(self, head: bytes, how: str) -> None:
        words = head.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
        what = " ".join([words[0], urlsplit(words[1]).path] if len(words) > 1 else ["bytes"])
        with self._lock:
            self._taken.append(f"{what[:100]} {how}")


def _head(connection: socket.socket) -> bytes:
    """Read through the blank line behind a request's headers, or what there is of them."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < 65_536:
        more = connection.recv(4096)
        if not more:
            break
        head += more
    return head


def _answer(connection: socket.socket) -> None:
    """Answer, and take in what is still on its way: a close with unread bytes would reset the answer away."""
    connection.sendall(_BUSY)
    connection.shutdown(socket.SHUT_WR)
    left = _MOST_BODY
    while left > 0 and (more := connection.recv(65_536)):
        left -= len(more)


def misled(run: Run, address: str, folder: Path) -> Run:
    """Return the run with the impostor in place of the org's address and of the proxy, and a few inputs to deliver."""
    mock = urlsplit(run.environment["SF_LOGIN_URL"]).netloc
    inputs = folder / "inputs.jsonl"
    few = tuple(run.inputs[:INPUTS])
    write_jsonl(few, inputs)
    environment = {name: value.replace(mock, address) for name, value in run.environment.items()}
    environment["SFMOCK_INPUTS"] = str(inputs)
    org = copy(run.org)
    org.credentials = Credentials(
        {**run.org.credentials, "SF_LOGIN_URL": f"https://{address}", "SF_INSTANCE_URL": f"https://{address}"}
    )
    return replace(run, org=org, inputs=few, environment=environment)
