"""The listener and its connections, on every event loop: what it hands on, and what it survives."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from mock_server.fronts import certificates, listener
from mock_server.fronts.answers import Answer
from mock_server.fronts.certificates import Certificates
from mock_server.fronts.connections import Connections, Request
from mock_server.fronts.listener import Listener
from tests.waiting import PATIENCE, until_on_loop

Run = Callable[[Callable[[], Awaitable[None]]], None]
REQUEST = b"GET /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates.keep(tmp_path_factory.mktemp("state"))


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Run:
    """Runs an async test on one kind of event loop."""
    make = asyncio.new_event_loop if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop

    def on_loop(test: Callable[[], Awaitable[None]]) -> None:
        async def bounded() -> None:
            async with asyncio.timeout(PATIENCE):
                await test()

        with asyncio.Runner(loop_factory=make) as runner:
            runner.run(bounded())

    return on_loop


@asynccontextmanager
async def listening(kept: Certificates, host: str = "127.0.0.1", **options: Any) -> AsyncIterator[Listener]:
    async def answer(request: Request) -> Answer:
        return Answer(200, {}, f"{request.connection.scheme} {request.target}".encode())

    server = Connections(answer)
    front = Listener(host, 0, server, kept.context(), **options)
    front.start()
    try:
        yield front
    finally:
        await front.close()
        await server.shutdown(1)


async def exchange(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause)
    answer = await reader.read()
    writer.close()
    return answer


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def test_every_way_in_with_kept_connections(run: Run, kept: Certificates) -> None:
    def ask(url: str, **proxies: str) -> list[str]:
        with requests.Session() as http:
            http.trust_env = False
            http.verify = str(kept.ca_file)
            http.proxies = dict(proxies)
            return [http.get(f"{url}/{number}", timeout=30).text for number in range(3)]

    async def test() -> None:
        async with listening(kept) as front:
            plain, tls = f"http://127.0.0.1:{front.port}", f"https://127.0.0.1:{front.port}"
            assert await asyncio.to_thread(ask, plain) == ["http /0", "http /1", "http /2"]
            assert await asyncio.to_thread(ask, tls) == ["https /0", "https /1", "https /2"]
            for host in ("login.salesforce.com", "acme--uat.sandbox.my.salesforce.com"):
                answers = await asyncio.to_thread(ask, f"https://{host}", https=plain)
                assert answers == ["https /0", "https /1", "https /2"]
            assert (await asyncio.to_thread(ask, "http://login.salesforce.com", http=plain))[0].startswith("http ")

    run(test)


def test_a_proxy_that_is_itself_spoken_to_by_tls_and_ipv6(run: Run, kept: Certificates) -> None:
    async def test() -> None:
        async with listening(kept, "::1") as front:
            context = ssl.create_default_context(cafile=str(kept.ca_file))
            reader, writer = await asyncio.open_connection("::1", front.port, ssl=context)
            writer.write(REQUEST)
            assert (await reader.read()).endswith(b"https /x")
            writer.close()

    run(test)


@pytest.mark.parametrize("size", [1, 3, 7, 9, 1000])
def test_a_connect_may_come_in_any_pieces(run: Run, kept: Certificates, size: int) -> None:
    async def test() -> None:
        async with listening(kept) as front:
            sent = b"CONNECT login.salesforce.com:80 HTTP/1.1\r\nHost: x\r\n\r\n" + REQUEST
            pieces = [sent[at : at + size] for at in range(0, len(sent), size)]
            answer = await exchange(front.port, *pieces, pause=0.001)
            assert answer.startswith(ESTABLISHED + b"HTTP/1.1 200 OK")

    run(test)


def test_a_slow_connect_is_waited_for_without_looking_again_and_again(
    run: Run, kept: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    peek = listener._readable

    async def counted(sock: socket.socket) -> None:
        nonlocal looks
        looks += 1
        await peek(sock)

    monkeypatch.setattr(listener, "_readable", counted)

    async def test() -> None:
        async with listening(kept) as front:
            parts = (b"CONN", b"ECT login.salesforce.com:80 HTTP/1.1\r\n", b"\r\n", REQUEST)
            assert (await exchange(front.port, *parts, pause=0.05)).startswith(ESTABLISHED)

    run(test)
    assert looks <= 5


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"CONNECT example.com:443 HTTP/1.1\r\n\r\n", b"403"),
        (b"CONNECT evilsalesforce.com:443 HTTP/1.1\r\n\r\n", b"403"),
        (b"CONNECT login.salesforce.com HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT login.salesforce.com:99999 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT :443 HTTP/1.1\r\n\r\n", b"400"),
        (b"CONNECT \r\n\r\n", b"400"),
    ],
)
def test_what_no_connect_may_ask(run: Run, kept: Certificates, head: bytes, status: bytes) -> None:
    async def test() -> None:
        async with listening(kept) as front:
            assert (await exchange(front.port, head)).split()[1] == status

    run(test)


def test_an_error_of_one_accept_does_not_end_the_port(run: Run, kept: Certificates) -> None:
    troubles = [errno.EPROTO, errno.ECONNABORTED, errno.EPERM, errno.EMFILE, errno.ENETDOWN]

    class Flaky(socket.socket):
        def accept(self) -> tuple[socket.socket, Any]:
            if troubles:
                raise OSError(troubles.pop(), "trouble")
            return super().accept()

    async def test() -> None:
        async with listening(kept) as front:
            await front.close()
            front._socket = Flaky(socket.AF_INET, socket.SOCK_STREAM)
            front._socket.bind(("127.0.0.1", 0))
            front._socket.listen()
            front._socket.setblocking(False)
            front.start()
            assert (await exchange(front._socket.getsockname()[1], REQUEST)).startswith(b"HTTP/1.1 200 OK")

    run(test)
    assert troubles == []


def ends(port: int) -> int:
    """Count the sockets of this process that have a port on one of their sides."""
    found = 0
    for name in os.listdir("/proc/self/fd"):
        try:
            copy = os.dup(int(name))
        except OSError:
            continue
        try:
            sock = socket.socket(fileno=copy)
        except OSError:  # a file of another kind
            os.close(copy)
            continue
        with sock:
            sides: set[object] = set()
            for side in (sock.getsockname, sock.getpeername):
                with contextlib.suppress(OSError):
                    sides.add(tuple(side())[1:2])
            found += (port,) in sides
    return found


def test_silence_ends_after_a_while_and_closing_leaves_nothing_open(
    run: Run, kept: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("this system does not show open files")

    async def test() -> None:
        async with listening(kept) as front:
            monkeypatch.setattr(listener, "_PATIENCE", 0.05)
            for sent in (b"", b"C", b"CONNECT x", b"CONNECT login.salesforce.com:443 HTTP/1.1\r\n\r\n"):
                assert await exchange(front.port, sent) in (b"", ESTABLISHED)
            monkeypatch.setattr(listener, "_PATIENCE", 30.0)
            await until_on_loop(lambda: ends(front.port) == 1)  # the one that listens
            clients = [socket.create_connection(("127.0.0.1", front.port)) for _ in range(12)]
            for client, sent in zip(clients, [b"\x16\x03\x01", b"CONNECT ", b"", b"GET"] * 3, strict=True):
                client.sendall(sent)
            await until_on_loop(lambda: ends(front.port) == 1 + 24)
            await front.close()
            await front._usual.factory.shutdown(0.1)  # type: ignore[attr-defined]
            # The clients' own ends are left; the listening socket has gone too.
            await until_on_loop(lambda: ends(front.port) == 12)
            for client in clients:
                client.close()

    run(test)


def test_a_tunnel_lives_as_long_as_its_ends(run: Run, kept: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_LOCAL", frozenset())

    async def test() -> None:
        async with echoing() as port, listening(kept, tunnel=True) as front:
            patience, begun = 0.025, b""
            while begun != ESTABLISHED + b"one":
                # Where the machine takes longer than that to dig it, with more.
                patience *= 2
                monkeypatch.setattr(listener, "_PATIENCE", patience)
                reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
                writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode() + b"one")
                begun = await reader.read(len(ESTABLISHED))
                begun += await reader.read(3)
            await asyncio.sleep(2 * patience)
            writer.write(b"two")
            assert await reader.readexactly(3) == b"two"
            writer.write_eof()
            assert await reader.read() == b""
            writer.close()
            await until_on_loop(lambda: not front._greeting)

    run(test)


def test_a_tunnel_ends_when_its_client_is_reset(run: Run, kept: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_LOCAL", frozenset())

    async def test() -> None:
        async with echoing() as port, listening(kept, tunnel=True) as front:
            reader, writer = await asyncio.open_connection("127.0.0.1", front.port)
            writer.write(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n".encode())
            await reader.readexactly(len(ESTABLISHED))
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
            await until_on_loop(lambda: not front._greeting)

    run(test)


def test_a_tunnel_that_cannot_be_dug_is_a_bad_gateway(
    run: Run, kept: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_LOCAL", frozenset())

    async def test() -> None:
        async with listening(kept, tunnel=True) as front:
            for host in ("127.0.0.1:1", "a..b:443", "%00:443"):
                answer = await exchange(front.port, f"CONNECT {host} HTTP/1.1\r\n\r\n".encode())
                assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")

    run(test)
