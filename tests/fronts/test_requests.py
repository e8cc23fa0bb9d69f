"""What a server does with requests that are no good HTTP: it refuses them, closes, and runs nothing behind them."""

from __future__ import annotations

import asyncio
import re
import socket
import zlib
from functools import cache
from gzip import compress

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from mock_server.fronts import connections
from mock_server.fronts.answers import Answer
from tests.conftest import Rest
from tests.waiting import PATIENCE

BODY = b'{"LastName":"x"}'
JSON = {"Content-Type": "application/json"}
HOST = b"Host: localhost\r\n"


def exchange(server: api.Server, data: bytes, patience: float = PATIENCE) -> bytes:
    """Send bytes and return all that comes back until the server closes."""
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), patience) as sock:
        sock.sendall(data)
        out = b""
        while piece := sock.recv(65536):
            out += piece
        return out


def post(org: OrgInfo, headers: bytes, body: bytes, version: bytes = b"1.1") -> bytes:
    token = b"Authorization: Bearer " + org.access_token.encode() + b"\r\n"
    line = b"POST /services/data/v60.0/sobjects/Contact HTTP/" + version + b"\r\n"
    return line + HOST + token + b"Content-Type: application/json\r\n" + headers + b"\r\n" + body


SMUGGLED = b"\r\n".join([b"DELETE /services/data/v60.0/sobjects/Contact/003000000000001 HTTP/1.1", HOST, b""])
CHUNK = b"10\r\n" + BODY + b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\nContent-Length: 16\r\n", CHUNK),
        (b"Content-Length: 16\r\nContent-Length: 5\r\n", BODY),
        (b"Content-Length: 16\r\nContent-Length: 16\r\n", BODY),
        (b"Content-Length: 16, 16\r\n", BODY),
        (b"Content-Length: +16\r\n", BODY),
        (b"Content-Length: -1\r\n", BODY),
        (b"Content-Length: 0x10\r\n", BODY),
        (b"Content-Length: \r\n", BODY),
        (b"Transfer-Encoding: identity\r\nContent-Length: 16\r\n", BODY),
        (b"Transfer-Encoding: xchunked\r\n", CHUNK),
        (b"Transfer-Encoding: chunked, identity\r\n", CHUNK),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", CHUNK),
        (b"Transfer-Encoding : chunked\r\n", CHUNK),
        (b"Transfer-Encoding:\x0bchunked\r\n", CHUNK),
        (b"Content-Length: 16\r\nX-A: a\r\n b\r\n", BODY),
        (b"Content-Length: 16\nX-A: a\n", BODY),
        (b"Content-Length: 16\r\nX-A: a\rb\r\n", BODY),
        (b"Content-Length: 16\r\nX-A: a\0b\r\n", BODY),
        (b"Content-Length: 16\r\nX A: a\r\n", BODY),
        (b"Content-Length: 16\r\nXA\r\n", BODY),
        (b"Content-Length: 16\r\nHost: elsewhere\r\n", BODY),
        (b"Transfer-Encoding: chunked\r\n", b"zz\r\n" + BODY),
        (b"Transfer-Encoding: chunked\r\n", b"-1\r\n" + BODY),
        (b"Transfer-Encoding: chunked\r\n", b"10;a\nb\r\n" + BODY + b"\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"f" * 18 + b"\r\n" + BODY),
        (b"Transfer-Encoding: gzip, chunked\r\n", CHUNK),
        (b"Transfer-Encoding: chunked\r\n", CHUNK[:-2] + b"Content-Length: 5\r\n\r\n"),
    ],
)
def test_a_request_of_two_minds_is_refused(
    server: api.Server, org: OrgInfo, rest: Rest, headers: bytes, body: bytes
) -> None:
    out = exchange(server, post(org, headers, body) + SMUGGLED)
    assert out.startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
    assert out.count(b"HTTP/1.") == 1
    assert b"<h1>Bad Message 400</h1>" in out
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_chunks_of_old_clients_are_refused(server: api.Server, org: OrgInfo) -> None:
    out = exchange(server, post(org, b"Transfer-Encoding: chunked\r\n", CHUNK, b"1.0"))
    assert b" 400 " in out.split(b"\r\n", 1)[0]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"GET /" + b"a" * 17_000 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 17_000 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: h\r\n" + b"".join(b"X%d: a\r\n" % n for n in range(5000)) + b"\r\n", 431),
        (b"GET / HTTP/9.9\r\nHost: h\r\n\r\n", 400),
        (b"G\xffT / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /services/data/v60.0/query?q=SELECT Id FROM Contact HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"GET /services/data HTTP/1.1\r\n\r\n", 400),
        (b"GET /services/data HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
        (b"GET /services/data HTTP/1.1\r\nHost: elsewhere/path?x=\r\n\r\n", 400),
        (b'GET /services/data HTTP/1.1\r\nHost: "><script>\r\n\r\n', 400),
        (b"GET /services/data HTTP/1.1\r\nHost: user@elsewhere\r\n\r\n", 400),
        (b"GET gopher://localhost/_mock/health HTTP/1.1\r\nHost: localhost\r\n\r\n", 400),
    ],
)
def test_what_is_no_request(server: api.Server, data: bytes, status: int) -> None:
    out = exchange(server, data)
    assert int(out.split(b" ")[1]) == status
    assert f"<h1>Bad Message {status}</h1><pre>reason: ".encode() in out


def test_an_absolute_target_names_the_host(server: api.Server) -> None:
    """Neither what is shown nor the door of the control plane goes by a Host header that says something else."""
    end = b"Connection: close\r\n\r\n"
    out = exchange(server, b"GET http://elsewhere.test/_mock/health HTTP/1.1\r\n" + HOST + end)
    assert b" 403 " in out.split(b"\r\n", 1)[0]
    out = exchange(server, b"GET http://localhost/_mock/health HTTP/1.1\r\nHost: elsewhere.test\r\n" + end)
    assert b" 200 " in out.split(b"\r\n", 1)[0]


def test_a_tunnel_is_no_request_of_a_kept_connection(server: api.Server) -> None:
    first = b"GET /services/data HTTP/1.1\r\n" + HOST + b"\r\n"
    out = exchange(server, first + b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n" + HOST + b"\r\n" + first)
    answers = [line for line in out.split(b"\r\n") if line.startswith(b"HTTP/")]
    assert answers[0] == b"HTTP/1.1 200 OK"
    assert answers[1:] in ([], [b"HTTP/1.1 400 Bad Request"])


def test_pipelined_requests_are_done_once_each_and_in_order(server: api.Server, org: OrgInfo, rest: Rest) -> None:
    one = post(org, b"Content-Length: 16\r\n", BODY)
    out = exchange(server, one * 9 + post(org, b"Content-Length: 16\r\nConnection: close\r\n", BODY))
    assert out.count(b"HTTP/1.1 201 Created") == 10
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 10


def test_a_client_may_ask_for_another_protocol_and_goes_on_in_this_one(server: api.Server) -> None:
    one = b"GET /services/data HTTP/1.1\r\n" + HOST
    asks = one + b"Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    out = exchange(server, asks + one + b"\r\n" + asks + one + b"Connection: close\r\n\r\n")
    assert out.count(b"HTTP/1.1 200 OK") == out.count(b"HTTP/1.") == 4


def test_a_body_that_goes_wrong_later_is_refused_at_once(server: api.Server, org: OrgInfo, rest: Rest) -> None:
    head = post(org, b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n", b"")
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE) as sock:
        sock.sendall(head)
        assert sock.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"zz\r\n" + BODY)
        out = b""
        while piece := sock.recv(65536):
            out += piece
    assert out.startswith(b"HTTP/1.1 400 ")
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_more_requests_than_may_wait_are_answered_all_and_in_order(server: api.Server, org: OrgInfo) -> None:
    token = b"Authorization: Bearer " + org.access_token.encode() + b"\r\n"
    line = b"GET /services/data/v60.0/sobjects/Contact/%d HTTP/1.1\r\n" + HOST + token
    asked = b"".join(line % number + b"\r\n" for number in range(500)) + line % 500 + b"Connection: close\r\n\r\n"
    out = exchange(server, asked)
    said = [int(number) for number in re.findall(rb"Provided external ID field does not exist[^:]*: (\d+)", out)]
    assert said == list(range(501))


def test_a_body_of_many_small_chunks_holds_up_nothing_behind_it(server: api.Server, org: OrgInfo) -> None:
    """From 16,385 unread chunks on aiohttp's parser pauses, once, wherever it then is."""
    body = BODY + b" " * (16_385 - len(BODY))
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    last = post(org, b"Content-Length: 16\r\nConnection: close\r\n", BODY)
    out = exchange(server, post(org, b"Transfer-Encoding: chunked\r\n", chunks) + last)
    assert out.count(b"HTTP/1.1 201 Created") == 2


async def test_a_flood_of_requests_on_one_connection_lets_others_be_served() -> None:
    done = 0

    async def serve(_: connections.Request) -> Answer:
        nonlocal done
        done += 1
        return Answer(200, {}, b"x")

    flood = connections.Connections(serve)
    loop = asyncio.get_running_loop()
    listening = await loop.create_server(flood, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*listening.sockets[0].getsockname())
    writer.write((b"GET / HTTP/1.1\r\n" + HOST + b"\r\n") * 1000)
    while done < 1000:
        before = done
        await asyncio.sleep(0)
        assert done - before < 10, "answered in one go, while all others wait"
    assert (await reader.readexactly(15)) == b"HTTP/1.1 200 OK"
    writer.close()
    listening.close()
    await flood.shutdown(1)


def test_who_says_nothing_holds_up_nobody_and_is_sent_away(
    server: api.Server, rest: Rest, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert rest.get("/limits").status_code == 200  # on a connection that is kept
    monkeypatch.setattr(connections, "PATIENCE", 0.3)
    slow = [socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE) for _ in range(50)]
    for number, sock in enumerate(slow):
        sock.sendall(b"POST /services/data/v60.0/sobjects/Contact HTTP/1.1\r\nHost: localhost\r\nX-A: b"[: 8 + number])
    assert rest.get("/limits").status_code == 200
    for sock in slow:
        assert sock.recv(1000) == b""
        sock.close()


def test_a_client_may_wait_for_100(server: api.Server, org: OrgInfo) -> None:
    headers = b"Expect: 100-continue\r\nContent-Length: 16\r\nConnection: close\r\n"
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE) as sock:
        sock.sendall(post(org, headers, b""))
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(BODY)
        assert sock.recv(1000).startswith(b"HTTP/1.1 201 Created")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP"])
def test_bodies_may_be_packed(rest: Rest, encoding: str) -> None:
    body = zlib.compress(BODY) if encoding == "deflate" else compress(BODY)
    answer = rest.post("/sobjects/Contact", data=body, headers={**JSON, "Content-Encoding": encoding})
    assert answer.status_code == 201


@pytest.mark.parametrize("body", [b"x", BODY, compress(BODY, mtime=0)[:-14], b"\x1f\x8b" + b"\0" * 30, b""])
def test_a_broken_packing_is_refused(rest: Rest, body: bytes) -> None:
    answer = rest.post(
        "/sobjects/Contact", data=body, headers={**JSON, "Content-Encoding": "gzip", "Connection": "close"}
    )
    assert answer.status_code == 400
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


@cache
def packed_blanks() -> bytes:
    """Return 160 MB of blanks in half a MB."""
    return compress(b" " * 160_000_000, 1)


@pytest.mark.parametrize("kind", ["application/json", "application/xml", "multipart/form-data; boundary=x"])
def test_a_bomb_goes_off_within_its_bounds(rest: Rest, kind: str) -> None:
    bomb = packed_blanks()
    assert len(bomb) < 1_000_000
    answer = rest.post("/sobjects/Attachment", data=bomb, headers={"Content-Encoding": "gzip", "Content-Type": kind})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (413, "REQUEST_ENTITY_TOO_LARGE")


def test_values_cannot_write_headers_of_an_answer(rest: Rest) -> None:
    answer = rest.get("/sobjects/Contact/External_Id__c/%0d%0aX-Evil:%201")
    assert answer.status_code == 404
    assert "X-Evil" not in answer.headers
    made = rest.patch("/sobjects/Contact/External_Id__c/%0d%0aX-Evil:%201", json={"LastName": "x"})
    assert made.status_code == 201
    assert "X-Evil" not in made.headers


def test_headers_that_answers_have(rest: Rest) -> None:
    made = rest.post("/sobjects/Contact", json={"LastName": "x"})
    read = rest.get(made.headers["Location"])
    missing = rest.get("/sobjects/Contact/003000000000001")
    assert read.headers["X-SFDC-Edge-Cache"] == "MISS"
    assert "X-SFDC-Edge-Cache" not in {*made.headers, *missing.headers}
    for answer in (made, read, missing):
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["Server"] == "sfdcedge"
        assert answer.headers["Sforce-Limit-Info"].startswith("api-usage=")
        assert len(answer.headers["X-Request-Id"]) == 32
    changed = rest.patch(made.headers["Location"], json={"LastName": "y"})
    assert changed.headers["Content-Security-Policy"] == "upgrade-insecure-requests"
    assert "Content-Type" not in changed.headers
