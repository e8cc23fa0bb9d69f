"""An HTTP sink: where a service may send what it makes of events, so that its effects are seen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self

import orjson

from harness.event_linking import SinkCall
from harness.service_plans import SinkPlan

_MOST_BODY = 10_000_000
_POLL = 0.05


class Sink:
    """A `with` block in which the sink listens on loopback. `calls` are the requests it was sent, in order.

    `now` tells the clock second, `leg` the run of the subject that goes on.
    """

    def __init__(self, plan: SinkPlan | None = None, *, now: Callable[[], float], leg: Callable[[], int]) -> None:
        self.calls: list[SinkCall] = []
        self._plan = plan or SinkPlan()
        self._now, self._leg = now, leg
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._failed = 0
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(_POLL,), name="sink", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)

    def heal(self) -> None:
        """Answer quickly and well from now on: the faults of the scenario have stopped."""
        with self._lock:
            self._plan = SinkPlan()

    def take(self, method: str, path: str, body: bytes, key: str | None) -> int:
        """Take a request in; return the status to answer with."""
        try:
            said: Any = orjson.loads(body)
        except orjson.JSONDecodeError:
            said = body.decode("utf-8", "replace")
        with self._lock:
            plan = self._plan
            fails = plan.status is not None and (plan.times is None or self._failed < plan.times)
            self._failed += fails
            taken = method != "GET" and (not fails or plan.taken or (plan.status or 0) < 300)
            self.calls.append(SinkCall(self._now(), method, path, said, key, taken, self._leg()))
        if plan.slow:
            self._over.wait(plan.slow)
        if fails:
            assert plan.status is not None
            return plan.status
        return 201 if method == "POST" else 200


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: a client that was killed in the middle of a request is what the sink is there for."""


def _handler(sink: Sink) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def _take(self) -> None:
            size = self.headers.get("Content-Length", "0")
            if not size.isdecimal() or int(size) > _MOST_BODY:
                self._answer(413)
                self.close_connection = True
                return
            body = self._chunks() if self.headers.get("Transfer-Encoding") else self.rfile.read(int(size))
            if len(body) < int(size):
                return  # cut off in the middle: it never arrived
            self._answer(sink.take(self.command, self.path, body, self.headers.get("Idempotency-Key")))

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _take

        def _chunks(self) -> bytes:
            found = b""
            while len(found) < _MOST_BODY:
                size = int(self.rfile.readline().split(b";")[0].strip() or b"0", 16)
                found += self.rfile.read(size)
                self.rfile.readline()
                if not size:
                    break
            return found

        def _answer(self, status: int) -> None:
            text = b"" if status == 204 else b"{}"
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler


def free_port() -> int:
    """Return a port of the loopback interface at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def listens(port: int) -> bool:
    """Tell whether something listens at a port of this machine."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=0.5):
            return True
    except OSError:
        return False
