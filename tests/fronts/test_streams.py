"""Large bodies: uploads that are never held whole, answers that are made while they leave."""

from __future__ import annotations

import gzip
import json
import os
import random
import socket
import zlib
from collections.abc import Iterator
from contextlib import closing

import pytest
import requests

from mock_server import api, server
from mock_server.control.client import ControlClient, OrgInfo
from mock_server.fronts import bodies
from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.protocols import rest
from mock_server.routing import Registry
from tests.waiting import PATIENCE, until

PATH = "/services/data/v60.0/streams"
routes = Routes(rest.render)
closed: list[str] = []
"""What streams have ended."""


@routes(Operation("stream.upload", "PUT", "/services/data/{version}/streams/{id}", "write", upload=True))
async def upload(call: Call) -> Reply:
    file = call.content()
    crc = size = 0
    while piece := file.read(65536):
        crc, size = zlib.crc32(piece, crc), size + len(piece)
    call.content().read(10)
    return Reply(201, json.dumps({"size": size, "crc": crc, "body": len(call.body)}).encode())


def _lines(call: Call) -> Iterator[bytes]:
    try:
        for number in range(int(call.args["count"])):
            if call.query.get("broken") == str(number):
                raise RuntimeError("a defect")
            yield b"%09d\n" % number * 1000
    finally:
        closed.append(call.args["count"])


@routes(Operation("stream.download", "GET", "/services/data/{version}/streams/{count}", "read"))
async def download(call: Call) -> Reply:
    return Reply(200, content_type="text/csv", pieces=_lines(call))


def whole(count: int) -> bytes:
    return b"".join(b"%09d\n" % number * 1000 for number in range(count))


@pytest.fixture(scope="module")
def streams() -> Iterator[api.Server]:
    with pytest.MonkeyPatch.context() as patch:
        ordinary = server.registry
        patch.setattr(server, "registry", lambda: Registry([*rest.ROUTES, routes]))
        with api.start() as started:
            yield started
        assert server.registry is not ordinary


@pytest.fixture
def made(streams: api.Server) -> Iterator[OrgInfo]:
    info = streams.control.create_org(journal="whole")
    closed.clear()
    others[0] = nameless()
    yield info
    streams.control.delete_org(info.id)


@pytest.fixture
def steer(streams: api.Server, made: OrgInfo) -> ControlClient:
    return streams.control.for_org(made.id)


@pytest.fixture
def client(streams: api.Server, made: OrgInfo) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {made.access_token}"
        session.base = streams.url + PATH  # type: ignore[attr-defined]
        yield session


def put(client: requests.Session, data: object, **headers: str) -> requests.Response:
    return client.put(client.base + "/1", data=data, headers=headers, timeout=30)  # type: ignore[attr-defined]


def get(client: requests.Session, count: int, **options: object) -> requests.Response:
    return client.get(f"{client.base}/{count}", timeout=30, **options)  # type: ignore[attr-defined]


def raw(streams: api.Server, made: OrgInfo, headers: str, body: bytes = b"", version: str = "1.1") -> socket.socket:
    """Send the beginning of an upload."""
    sock = socket.create_connection(("127.0.0.1", int(streams.url.rsplit(":", 1)[1])), PATIENCE)
    sock.sendall(
        f"PUT {PATH}/1 HTTP/{version}\r\nHost: localhost\r\nAuthorization: Bearer {made.access_token}\r\n"
        f"{headers}\r\n".encode()
        + body
    )
    return sock


def rest_of(sock: socket.socket) -> bytes:
    out = b""
    while piece := sock.recv(65536):
        out += piece
    return out


def spools() -> int:
    """Count the files without a name that this process, which is the server's, has open, pytest's own apart."""
    return nameless() - others[0]


def nothing_kept() -> bool:
    """Wait until no upload is kept any more: its file goes with its request, which may end after its answer."""
    return until(lambda: spools() == 0)


def nameless() -> int:
    links = [os.path.join("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return sum("(deleted)" in os.readlink(link) for link in links if os.path.islink(link))


others = [0]


def last(steer: ControlClient) -> dict[str, object]:
    """Return the last exchange, once it has ended."""
    until(lambda: (found := steer.journal()) and found[-1]["end"] is not None)
    return steer.journal()[-1]


def copied(steer: ControlClient, number: int) -> dict[str, object]:
    """Return the exchange that is a copy of another, once it has ended."""
    found = until(lambda: [one for one in steer.journal() if one["copy_of"] == number and one["end"] is not None])
    return dict(found[0])


# -- uploads

TEXT = random.Random(1).randbytes(3_000_000)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("packing", ["", "gzip", "x-gzip", "deflate", "raw", "UTF-8", "members"])
@pytest.mark.parametrize("size", [0, 1, 70_000, 3_000_000])
def test_an_upload_is_taken_as_it_is(
    client: requests.Session, steer: ControlClient, size: int, packing: str, chunked: bool
) -> None:
    text = TEXT[:size]
    data, named = text, packing
    if packing in ("gzip", "x-gzip"):
        data = gzip.compress(text, 1)
    elif packing == "members":
        data, named = gzip.compress(text[:1000]) + gzip.compress(text[1000:]) + b"\0" * 20, "gzip"
    elif packing == "deflate":
        data = zlib.compress(text)
    elif packing == "raw":
        squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
        data, named = squeeze.compress(text) + squeeze.flush(), "deflate"
    headers = {"Content-Encoding": named} if named else {}
    parts = (data[at : at + 60_000] for at in range(0, len(data), 60_000)) if chunked else data
    answer = put(client, parts, **headers)
    assert (answer.status_code, answer.json()) == (201, {"size": size, "crc": zlib.crc32(text), "body": 0})
    assert last(steer)["fingerprint"] == (f"{zlib.crc32(text):08x}{size:x}" if size else None)
    assert nothing_kept()


@pytest.mark.parametrize(
    ("packing", "data"),
    [
        ("gzip", gzip.compress(TEXT)[:-1]),
        ("gzip", gzip.compress(TEXT)[:1_000_000]),
        ("gzip", gzip.compress(b"Name\nx\n")[:-9]),
        ("gzip", b"Name\nx\n"),
        ("gzip", gzip.compress(b"Name\nx\n") + b"more"),
        ("gzip", gzip.compress(b"Name\nx\n") + gzip.compress(b"y\n")[:-3]),
        ("deflate", zlib.compress(TEXT)[:-5]),
        ("br", b"Name\nx\n"),
        ("zstd", b"Name\nx\n"),
    ],
    # What is packed tells the time: a test's name must be the same in every process.
    ids=["last byte", "half", "no sum", "plain", "more behind", "half a member", "deflated", "br", "zstd"],
)
@pytest.mark.parametrize("chunked", [False, True])
def test_a_packing_that_is_not_whole_is_refused(
    client: requests.Session, steer: ControlClient, packing: str, data: bytes, chunked: bool
) -> None:
    answer = put(client, iter([data]) if chunked else data, **{"Content-Encoding": packing})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "JSON_PARSER_ERROR")
    entry = last(steer)
    assert (entry["operation"], entry["outcome"], entry["status"]) == ("stream.upload", "answered", 400)
    assert nothing_kept()


def blanks(size: int) -> Iterator[bytes]:
    for at in range(0, size, 1 << 20):
        yield b" " * min(1 << 20, size - at)


def test_150_mb_are_the_most(client: requests.Session, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bodies.LARGEST_UPLOAD == 150 << 20
    monkeypatch.setattr(bodies, "LARGEST_UPLOAD", 15 << 20)
    most = bodies.LARGEST_UPLOAD
    packed = gzip.compress(b" " * most, 1)
    bomb = gzip.compress(b" " * (most + 1), 1)
    assert put(client, blanks(most)).json()["size"] == most
    assert put(client, packed, **{"Content-Encoding": "gzip"}).json()["size"] == most
    for data, headers in ((blanks(most + 1), {}), (b" " * (most + 1), {}), (bomb, {"Content-Encoding": "gzip"})):
        answer = put(client, data, **headers)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (413, "REQUEST_ENTITY_TOO_LARGE")
        assert answer.json()[0]["message"] == "The request body is larger than 15 MB"
    assert nothing_kept()


def test_what_is_announced_too_large_is_refused_at_once(streams: api.Server, made: OrgInfo) -> None:
    with raw(streams, made, "Content-Length: 2147483648\r\nExpect: 100-continue\r\n") as sock:
        assert b" 413 " in sock.recv(1000).split(b"\r\n")[0]


def test_who_is_not_known_is_told_so_whatever_he_sends(streams: api.Server, made: OrgInfo) -> None:
    url = streams.url + PATH + "/1"
    data = gzip.compress(TEXT)[:-100]
    assert requests.put(url, data, headers={"Content-Encoding": "gzip"}, timeout=30).status_code == 401


def test_a_client_that_falls_silent_is_left(
    streams: api.Server, made: OrgInfo, steer: ControlClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bodies, "PATIENCE", 0.2)
    with raw(streams, made, "Content-Length: 157286400\r\n", b"Name\nGrace\n") as sock:
        assert rest_of(sock) == b""
    entry = last(steer)
    assert (entry["operation"], entry["outcome"], entry["rows"]) == ("stream.upload", "abandoned", [])
    assert nothing_kept()


@pytest.mark.parametrize("headers", ["Content-Length: 3000000\r\n", "Transfer-Encoding: chunked\r\n"])
def test_a_client_that_breaks_off_leaves_nothing(
    streams: api.Server, made: OrgInfo, steer: ControlClient, headers: str
) -> None:
    begun = b"1e8480\r\n" + TEXT[:2_000_000] if "chunked" in headers else TEXT[:2_000_000]
    with raw(streams, made, headers, begun):
        pass
    assert last(steer)["outcome"] == "abandoned"
    assert nothing_kept()


def test_nobody_waits_for_the_rest_of_a_refused_upload_once_its_client_is_gone(
    streams: api.Server, made: OrgInfo
) -> None:
    def peers() -> list[object]:
        found = list(streams._running.app.factory.open)
        return [one.transport.get_extra_info("peername") for one in found if one.transport is not None]

    with raw(streams, made, "Content-Length: 2147483648\r\n", b"Name\n") as sock:
        assert sock.recv(1000).startswith(b"HTTP/1.1 413 ")
        mine = sock.getsockname()
        assert mine in peers()
    until(lambda: mine not in peers())


def test_more_than_was_announced_is_no_part_of_it(streams: api.Server, made: OrgInfo, steer: ControlClient) -> None:
    with raw(streams, made, "Content-Length: 11\r\n", b"Name\nGrace\nHopper\n") as sock:
        out = rest_of(sock)
    assert b" 400 Bad Request" in out
    # Where all of it comes in one piece, none is taken.
    assert {entry["operation"] for entry in steer.journal()} <= {"stream.upload"}
    assert b" 201 " not in out or b'{"size": 11' in out


def test_a_client_may_wait_for_100(streams: api.Server, made: OrgInfo) -> None:
    with raw(streams, made, "Content-Length: 5\r\nExpect: 100-continue\r\n") as sock:
        assert sock.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"Name\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_a_slow_upload_holds_up_nobody(streams: api.Server, made: OrgInfo, client: requests.Session) -> None:
    with raw(streams, made, "Content-Length: 30\r\n") as sock:
        for at in range(30):
            sock.sendall(b"x")
            if at % 10 == 0:
                assert put(client, b"y").status_code == 201
        assert sock.recv(1000).startswith(b"HTTP/1.1 201 ")


def test_an_upload_that_the_network_delivers_twice(client: requests.Session, steer: ControlClient) -> None:
    steer.add_fault({"on": "stream.upload", "reply": "duplicated", "delay": "1h", "when": {"times": 1}})
    assert put(client, TEXT).json()["size"] == len(TEXT)
    assert last(steer)["outcome"] == "answered"
    assert spools() == 1
    steer.advance(3_600)
    entry = copied(steer, 1)
    assert (entry["status"], entry["outcome"]) == (201, "abandoned")
    assert entry["fingerprint"] == f"{zlib.crc32(TEXT):08x}{len(TEXT):x}"
    assert nothing_kept()


# -- answers in pieces


@pytest.mark.parametrize("packing", ["gzip", "identity"])
@pytest.mark.parametrize("count", [0, 1, 300])
def test_an_answer_in_pieces_is_whole(client: requests.Session, steer: ControlClient, count: int, packing: str) -> None:
    answer = get(client, count, headers={"Accept-Encoding": packing})
    assert answer.content == whole(count)
    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert answer.headers["Content-Type"] == "text/csv"
    assert answer.headers.get("Content-Encoding") == ("gzip" if packing == "gzip" else None)
    assert last(steer)["outcome"] == "answered"
    # The connection is good for more.
    assert get(client, 1).content == whole(1)
    assert closed == [str(count), "1"]


def download_raw(streams: api.Server, made: OrgInfo, count: str, method: str = "GET", version: str = "1.1") -> bytes:
    with socket.create_connection(("127.0.0.1", int(streams.url.rsplit(":", 1)[1])), PATIENCE) as sock:
        close = "" if version == "1.0" else "Connection: close\r\n"
        sock.sendall(
            f"{method} {PATH}/{count} HTTP/{version}\r\nHost: localhost\r\n{close}"
            f"Authorization: Bearer {made.access_token}\r\n\r\n".encode()
        )
        return rest_of(sock)


def test_an_old_client_reads_to_the_end_of_the_connection(streams: api.Server, made: OrgInfo) -> None:
    head, _, body = download_raw(streams, made, "20", version="1.0").partition(b"\r\n\r\n")
    assert body == whole(20)
    assert b"Transfer-Encoding" not in head


def test_a_head_has_no_pieces(streams: api.Server, made: OrgInfo) -> None:
    head, _, body = download_raw(streams, made, "20", "HEAD").partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == b""


def test_pieces_are_made_as_they_are_taken_and_no_more_when_the_client_leaves(
    streams: api.Server, made: OrgInfo, client: requests.Session, steer: ControlClient
) -> None:
    with closing(get(client, 1_000_000, stream=True, headers={"Accept-Encoding": "identity"})) as answer:
        # An iterator that is dropped closes the connection.
        pieces = answer.iter_content(10_000)
        assert len(next(pieces)) > 0
        assert closed == []
        # The others are answered meanwhile.
        assert put(requests_of(made, streams), b"y").status_code == 201
    until(lambda: closed)
    assert closed == ["1000000"]
    (entry,) = [one for one in steer.journal() if one["operation"] == "stream.download"]
    assert entry["outcome"] == "abandoned"


def requests_of(made: OrgInfo, streams: api.Server) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {made.access_token}"
    session.base = streams.url + PATH  # type: ignore[attr-defined]
    return session


def test_a_defect_in_the_middle_cuts_the_answer(client: requests.Session, steer: ControlClient) -> None:
    with pytest.raises(requests.RequestException):
        get(client, 50, params={"broken": "40"}).content  # noqa: B018
    assert last(steer)["outcome"] == "cut"


@pytest.mark.parametrize("packing", ["gzip", "identity"])
def test_faults_break_an_answer_in_pieces(client: requests.Session, steer: ControlClient, packing: str) -> None:
    headers = {"Accept-Encoding": packing}
    steer.add_fault({"on": "stream.download", "reply": "truncated", "when": {"times": 1}})
    with pytest.raises(requests.RequestException):
        get(client, 50, headers=headers)
    assert last(steer)["outcome"] == "cut"
    steer.add_fault({"on": "stream.download", "reply": "malformed", "when": {"times": 1}})
    assert get(client, 50, headers=headers).content == whole(50)[:250_000]
    assert last(steer)["outcome"] == "malformed"
    steer.add_fault({"on": "stream.download", "reply": "lost", "when": {"times": 1}})
    with pytest.raises(requests.ConnectionError):
        get(client, 50, headers=headers)
    assert last(steer)["outcome"] == "lost"
    steer.add_fault({"on": "stream.download", "reply": "trickle", "lasts": "200ms", "when": {"times": 1}})
    assert get(client, 50, headers=headers).content == whole(50)
    entry = last(steer)
    assert isinstance(entry["end"], float)
    assert isinstance(entry["at"], float)
    assert entry["end"] - entry["at"] >= 0.2
    steer.add_fault({"on": "stream.download", "reply": "duplicated", "when": {"times": 1}})
    assert get(client, 50, headers=headers).content == whole(50)
    closed.clear()
    steer.advance(2)
    assert copied(steer, 5)["outcome"] == "abandoned"


# -- past the network


def test_large_bodies_without_a_network(streams: api.Server, made: OrgInfo, steer: ControlClient) -> None:
    token = {"Authorization": f"Bearer {made.access_token}"}
    sent = streams.exchange(
        "PUT", streams.url + PATH + "/1", {**token, "Content-Encoding": "gzip"}, gzip.compress(TEXT)
    )
    assert json.loads(sent.body)["crc"] == zlib.crc32(TEXT)
    assert last(steer)["fingerprint"] == f"{zlib.crc32(TEXT):08x}{len(TEXT):x}"
    broken = streams.exchange("PUT", streams.url + PATH + "/1", {**token, "Content-Encoding": "gzip"}, b"no gzip")
    assert broken.status == 400
    assert streams.exchange("GET", streams.url + PATH + "/20", token).body == whole(20)
    steer.add_fault({"on": "stream.download", "reply": "truncated", "when": {"times": 1}})
    cut = streams.exchange("GET", streams.url + PATH + "/20", token)
    assert (cut.body, cut.whole) == (whole(20)[:100_000], False)
    steer.add_fault({"on": "stream.download", "reply": "malformed", "when": {"times": 1}})
    half = streams.exchange("GET", streams.url + PATH + "/20", token)
    assert (half.body, half.whole) == (whole(20)[:100_000], True)
