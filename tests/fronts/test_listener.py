"""One port for HTTP, HTTPS and proxy CONNECT; what hostile or broken clients meet."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from mock_server import api
from tests.ports import kept_port
from tests.waiting import PATIENCE

REQUEST = b"GET /services/data HTTP/1.1\r\nHost: login.salesforce.com\r\nConnection: close\r\n\r\n"


@pytest.fixture
def port(server: api.Server) -> int:
    return int(server.url.rsplit(":", 1)[1])


@pytest.fixture
def raw(port: int) -> Iterator[Any]:
    opened: list[socket.socket] = []

    def connect() -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", port), PATIENCE)
        opened.append(sock)
        return sock

    yield connect
    for sock in opened:
        sock.close()


def everything(sock: socket.socket) -> bytes:
    out = b""
    while data := sock.recv(65536):
        out += data
    return out


def test_one_port_speaks_http_and_https(server: api.Server) -> None:
    assert requests.get(f"{server.url}/services/data", timeout=20).status_code == 200
    answer = requests.get(f"{server.https_url}/services/data", verify=str(server.ca_bundle), timeout=20)
    assert answer.status_code == 200
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(f"{server.https_url}/services/data", timeout=20, verify="/etc/ssl/certs/ca-certificates.crt")


def test_fixed_hosts_are_reached_through_the_proxy(server: api.Server) -> None:
    http = requests.Session()
    http.trust_env = False
    http.proxies = {"https": server.url}
    http.verify = str(server.ca_bundle)
    for host in (
        "login.salesforce.com",
        "test.salesforce.com",
        "acme.my.salesforce.com",
        "acme--uat.sandbox.my.salesforce.com",
    ):
        answer = http.get(f"https://{host}/services/data", timeout=20)
        assert answer.json()[-1]["version"] == "68.0"
        assert answer.headers["Strict-Transport-Security"] == "max-age=63072000; includeSubDomains"


def test_other_hosts_are_refused(server: api.Server, raw: Any) -> None:
    sock = raw()
    sock.sendall(b"CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n")
    answer = everything(sock)
    assert answer.startswith(b"HTTP/1.1 403 Forbidden\r\n")
    assert b"example.com" in answer


def test_a_connect_is_consumed_exactly_even_when_bytes_drip(raw: Any) -> None:
    sock = raw()
    for byte in b"CONNECT login.salesforce.com:80 HTTP/1.1\r\nHost: x\r\n":
        sock.sendall(bytes([byte]))
    time.sleep(0.02)
    # The request behind the blank line comes in the same packet as its end.
    sock.sendall(b"\r\n" + REQUEST)
    answer = everything(sock)
    assert answer.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK\r\n")


def test_tls_inside_a_connect(server: api.Server, raw: Any) -> None:
    sock = raw()
    sock.sendall(b"CONNECT login.salesforce.com:443 HTTP/1.1\r\n\r\n")
    assert sock.recv(100) == b"HTTP/1.1 200 Connection established\r\n\r\n"
    context = ssl.create_default_context(cafile=str(server.ca_file))
    with context.wrap_socket(sock, server_hostname="login.salesforce.com") as tls:
        tls.sendall(REQUEST)
        assert tls.recv(15) == b"HTTP/1.1 200 OK"


def test_an_absolute_request_line_is_served(raw: Any) -> None:
    sock = raw()
    sock.sendall(REQUEST.replace(b"/services/data", b"http://login.salesforce.com/services/data"))
    assert everything(sock).startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize(
    "garbage",
    [
        b"",
        b"C",
        b"CONNECT",
        b"CONNECT \r\n\r\n",
        b"CONNECT login.salesforce.com:443",
        b"CONNECT " + b"x" * 20_000,
        b"\x16\x03\x01garbage that is no hello" + b"\0" * 200,
        b"\0\0\0\0",
        b"GET",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 10\r\nContent-Length: 5\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"GET / HTTP/1.1\r\nA: b\0c\r\n\r\n",
    ],
)
def test_garbage_ends_its_own_connection_only(server: api.Server, raw: Any, garbage: bytes) -> None:
    sock = raw()
    try:
        sock.sendall(garbage)
        sock.shutdown(socket.SHUT_WR)
        answer = everything(sock)
    except OSError:
        # The server had seen enough, and left the rest unread.
        answer = b""
    assert not answer or answer[:1] == b"\x15" or answer.split(b"\r\n")[0].split()[1] in (b"400", b"403", b"404")
    assert requests.get(f"{server.url}/services/data", timeout=20).status_code == 200


def test_silent_clients_do_not_hold_up_others(server: api.Server, raw: Any) -> None:
    silent = [raw() for _ in range(100)]
    # They are sent away after 30 seconds.
    assert requests.get(f"{server.url}/services/data", timeout=20).status_code == 200
    assert len(silent) == 100


def test_a_request_may_wait_for_100_continue(raw: Any) -> None:
    sock = raw()
    sock.sendall(
        b"POST /services/oauth2/token HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n"
        b"Connection: close\r\n\r\n"
    )
    assert sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    sock.sendall(b"a=b")
    assert everything(sock).startswith(b"HTTP/1.1 400")


def test_headers_that_are_too_long_are_answered_by_the_edge(server: api.Server) -> None:
    answer = requests.get(f"{server.url}/services/data", headers={"X-Long": "x" * 17_000}, timeout=20)
    assert answer.status_code == 431


def test_kept_connections_serve_many_requests(raw: Any) -> None:
    sock = raw()
    for _ in range(3):
        sock.sendall(b"GET /services/data HTTP/1.1\r\nHost: x\r\n\r\n")
        head = b""
        while b"\r\n\r\n" not in head:
            head += sock.recv(1)
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
        body = b""
        while len(body) < length:
            body += sock.recv(length - len(body))
        assert head.startswith(b"HTTP/1.1 200 OK")


def test_a_server_stops_and_frees_its_port() -> None:
    with kept_port() as free:
        server = api.start(port=free)
        url = server.url
        assert requests.get(f"{url}/services/data", timeout=20).status_code == 200
        server.stop()
        server.stop()
        with pytest.raises(requests.ConnectionError):
            requests.get(f"{url}/services/data", timeout=20)
        with api.start(port=free) as again:
            assert requests.get(f"{again.url}/services/data", timeout=20).status_code == 200


def test_a_taken_port_is_an_os_error(server: api.Server, port: int) -> None:
    with pytest.raises(OSError):
        api.start(port=port)
