"""Receivers for what an org sends: real servers of this process, told by the test what to answer."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.etree import ElementTree

from tests.waiting import PATIENCE

ACK = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>{}</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
)
OUT = "{http://soap.sforce.com/2005/09/outbound}"
SF = "{urn:sobject.enterprise.soap.sforce.com}"


@dataclass
class Got:
    """One request that came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> ElementTree.Element:
        return ElementTree.fromstring(self.body)

    @property
    def notifications(self) -> list[str]:
        return [one.findtext(f"{OUT}Id") or "" for one in self.xml.iter(f"{OUT}Notification")]

    def head(self, name: str) -> str | None:
        found = next(self.xml.iter(f"{OUT}notifications")).find(f"{OUT}{name}")
        return None if found is None else found.text

    @property
    def records(self) -> list[dict[str, str | None]]:
        return [{child.tag.removeprefix(SF): child.text for child in one} for one in self.xml.iter(f"{OUT}sObject")]


Answer = "tuple[int, dict[str, str], bytes] | None"
"""Status, headers and body; None breaks the connection."""


@dataclass
class Receiver:
    """A server on a port of its own, or on the one given. `answer` gives what comes back, by the request; the acknowledgment at first."""

    got: list[Got] = field(default_factory=list)
    answer: Callable[[Got], Any] = lambda got: (200, {"Content-Type": "text/xml"}, ACK.format("true").encode())
    port: int = 0

    def __post_init__(self) -> None:
        receiver = self
        self._more = threading.Condition()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def serve(self) -> None:
                size = int(self.headers.get("Content-Length") or 0)
                got = Got(self.command, self.path, dict(self.headers), self.rfile.read(size))
                with receiver._more:
                    receiver.got.append(got)
                    receiver._more.notify_all()
                answered = receiver.answer(got)
                if answered is None:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                status, headers, body = answered
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if "Content-Length" not in headers:
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    self.close_connection = True

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = serve

            def log_message(self, *_: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def wait(self, count: int) -> list[Got]:
        """Return the requests once there are so many."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.got) >= count, PATIENCE), f"only {len(self.got)} came"
            return list(self.got)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(PATIENCE)
