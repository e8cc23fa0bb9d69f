"""Real clients against an org that stalls: their time-outs are exact, and take no time."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import tenacity
from simple_salesforce.api import Salesforce

from tests.harness.vtime.conftest import LIMITS, World


def with_requests(world: World) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.get(world.url, headers=world.headers, timeout=30)


def with_requests_tls(world: World) -> None:
    with pytest.raises(requests.ReadTimeout):
        requests.get(world.https_url, headers=world.headers, timeout=30, verify=str(world.server.ca_file))


def with_httpx(world: World) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(world.url, headers=world.headers, timeout=30)


def with_httpx_tls(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.server.ca_file))
    with pytest.raises(httpx.ReadTimeout):
        httpx.get(world.https_url, headers=world.headers, timeout=30, verify=context)


def with_async_httpx(world: World) -> None:
    async def main() -> None:
        async with httpx.AsyncClient(timeout=30) as client:
            with pytest.raises(httpx.ReadTimeout):
                await client.get(world.url, headers=world.headers)

    asyncio.run(main())


def with_aiohttp(world: World) -> None:
    async def main() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
            with pytest.raises(asyncio.TimeoutError):
                await session.get(world.url, headers=world.headers)

    asyncio.run(main())


def with_aiohttp_tls(world: World) -> None:
    context = ssl.create_default_context(cafile=str(world.server.ca_file))

    async def main() -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_read=30)) as session:
            with pytest.raises(asyncio.TimeoutError):
                await session.get(world.https_url, headers=world.headers, ssl=context)

    asyncio.run(main())


class _Patient(requests.adapters.HTTPAdapter):
    def send(self, request: Any, *args: Any, **options: Any) -> requests.Response:
        return super().send(request, *args, **{**options, "timeout": 30})


def with_simple_salesforce(world: World) -> None:
    session = requests.Session()
    session.mount("https://", _Patient())
    session.verify = str(world.server.ca_file)
    session.trust_env = False
    client = Salesforce(
        instance_url=world.server.https_url, session_id=world.org.access_token, session=session, version="60.0"
    )
    with pytest.raises(requests.ReadTimeout):
        client.limits()


CLIENTS: list[Callable[[World], None]] = [
    with_requests,
    with_requests_tls,
    with_httpx,
    with_httpx_tls,
    with_async_httpx,
    with_aiohttp,
    with_aiohttp_tls,
    with_simple_salesforce,
]


@pytest.mark.parametrize("client", CLIENTS, ids=[client.__name__ for client in CLIENTS])
def test_a_stalled_reply_meets_the_time_out_exactly(client: Callable[[World], None], world: World) -> None:
    world.stall("45s")
    waited: list[float] = []

    def subject() -> None:
        began = time.monotonic()
        client(world)
        waited.append(time.monotonic() - began)

    began = time.perf_counter()
    world(subject)
    assert waited == [30]
    assert time.perf_counter() - began < 30
    # The exchange outlived its client: it ended, and nobody was left to hear of it.
    (entry,) = world.org.journal()
    assert (entry["end"] - entry["at"], entry["outcome"]) == (45, "abandoned")


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_answer_in_time_is_taken_when_it_comes(scheme: str, world: World) -> None:
    world.stall("20s")
    url = world.url if scheme == "http" else world.https_url

    def subject() -> None:
        with requests.Session() as session:
            session.verify, session.trust_env = str(world.server.ca_file), False
            for number in range(1, 4):
                assert session.get(url, headers=world.headers, timeout=30).status_code == 200
                assert world.org.clock.now() - began == 20 * number

    began = world.org.clock.now()
    assert world(subject).seconds == 60


def test_a_back_off_of_fifteen_minutes_is_measured_exactly(world: World) -> None:
    world.org.faults.add(on="rest.*", status=503, when={"times": 5})

    @tenacity.retry(wait=tenacity.wait_exponential(multiplier=30), stop=tenacity.stop_after_attempt(9))
    def ask() -> None:
        requests.get(world.url, headers=world.headers, timeout=10).raise_for_status()

    assert world(ask).seconds == 30 + 60 + 120 + 240 + 480
    moments = [entry["at"] for entry in world.org.journal()]
    assert [after - before for before, after in pairwise(moments)] == [30, 60, 120, 240, 480]


async def fifty_tasks_of_httpx(world: World, done: list[Any]) -> None:
    async def work(number: int) -> None:
        await asyncio.sleep(number * 7 % 10)
        (await client.get(world.url, headers=world.headers)).raise_for_status()
        done.append((number, world_time()))

    world_time = time.monotonic
    async with httpx.AsyncClient() as client:
        await asyncio.gather(*(work(number) for number in range(50)))


async def fifty_tasks_of_aiohttp(world: World, done: list[Any]) -> None:
    async def work(number: int) -> None:
        await asyncio.sleep(number * 7 % 10)
        async with session.get(world.url, headers=world.headers) as answer:
            answer.raise_for_status()
        done.append((number, time.monotonic()))

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(work(number) for number in range(50)))


@pytest.mark.parametrize("tasks", [fifty_tasks_of_httpx, fifty_tasks_of_aiohttp])
def test_fifty_tasks_run_in_the_same_order_on_every_run(tasks: Callable[..., Any], world: World) -> None:
    world.org.faults.add(on="rest.*", latency="500ms", when={"skip": 10, "times": 20})
    runs: list[Any] = []
    for _ in range(3):
        done: list[Any] = []
        began: list[float] = []

        def subject(done: list[Any] = done, began: list[float] = began) -> None:
            began.append(time.monotonic())
            asyncio.run(tasks(world, done))

        world(subject)
        runs.append([(number, moment - began[0]) for number, moment in done])
        world.org.faults.clear()
        world.org.faults.add(on="rest.*", latency="500ms", when={"skip": 10, "times": 20})
    assert runs[0] == runs[1] == runs[2]
    assert len(runs[0]) == 50
    moments = [moment for _, moment in runs[0]]
    assert moments == sorted(moments)
    assert max(moments) <= 9.5


def test_a_lost_reply_is_heard_of_at_once(world: World) -> None:
    world.org.faults.add(on="rest.*", reply="lost")

    def subject() -> None:
        with pytest.raises(requests.ConnectionError):
            requests.get(world.url, headers=world.headers, timeout=30)

    assert world(subject).seconds == 0


def test_a_large_answer_arrives_whole(world: World) -> None:
    def subject() -> None:
        for url, verify in ((world.server.url, True), (world.server.https_url, str(world.server.ca_file))):
            for headers in (world.headers, {**world.headers, "Accept-Encoding": "identity"}):
                answer = requests.get(
                    f"{url}/services/data/v60.0/sobjects/Account/describe", headers=headers, timeout=5, verify=verify
                )
                assert len(answer.json()["fields"]) > 50

    assert world(subject).seconds == 0


def test_a_large_request_arrives_whole(world: World) -> None:
    def subject() -> None:
        answer = requests.post(
            f"{world.server.url}/services/data/v60.0/composite/sobjects",
            json={
                "records": [
                    {"attributes": {"type": "Account"}, "Name": "N", "Description": "x" * 30_000} for _ in range(200)
                ]
            },
            headers=world.headers,
            timeout=5,
        )
        assert [row["success"] for row in answer.json()] == [True] * 200

    assert world(subject).seconds == 0


def test_a_redirect_beneath_virtual_time_stays_in_force(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(world.server.url.rsplit(":", 1)[1])

    def led(self: socket.socket, address: Any) -> None:
        plain(self, ("127.0.0.1", port) if address[0] == "127.83.70.1" else address)

    plain = socket.socket.connect
    monkeypatch.setattr(socket.socket, "connect", led)
    world.stall("20s")

    def subject() -> None:
        assert requests.get(f"http://127.83.70.1{LIMITS}", headers=world.headers, timeout=30).status_code == 200

    assert world(subject).seconds == 20
    assert socket.socket.connect is led


def test_sockets_of_the_subjects_own_run_in_its_time(world: World) -> None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            assert connection.recv(10) == b"ping"
            time.sleep(40)
            connection.sendall(b"pong")

    def subject() -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = threading.Thread(target=serve, args=(listener,))
            server.start()
            with socket.create_connection(listener.getsockname(), timeout=30) as client:
                client.sendall(b"ping")
                with pytest.raises(TimeoutError):
                    client.recv(10)
                client.settimeout(11)
                assert client.recv(10) == b"pong"
            server.join()

    assert world(subject).seconds == 40


def test_time_stands_still_for_an_answer_from_outside(world: World) -> None:
    """A database or a queue elsewhere takes real time; it must not look like a time-out."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(10)
            threading.Event().wait(0.2)
            connection.sendall(b"pong")

    server = threading.Thread(target=serve)
    server.start()

    def subject() -> None:
        with socket.create_connection(listener.getsockname(), timeout=30) as client:
            client.sendall(b"ping")
            assert client.recv(10) == b"pong"

    with listener:
        assert world(subject).seconds == 0
        server.join()
