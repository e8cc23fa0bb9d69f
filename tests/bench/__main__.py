"""`make bench`: prints the speed table. Exits 1 when a ratio is under its bound."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.bench import captured, engine, fanout, ingest, pubsub, query_jobs, trials
from tests.bench.served import serving

CONNECTIONS = 8
ROUNDS = 7
DATA = "/services/data/v60.0"
SOQL = "SELECT+Id,FirstName,LastName,Email,Phone,CreatedDate,IsEmailBounced,Account.Name+FROM+Contact+ORDER+BY+Id+LIMIT+2000"


@dataclass
class Target:
    """A running server and how to speak to it."""

    port: int
    token: str
    contact: str
    account: str

    def request(self, method: str, path: str, body: bytes = b"") -> bytes:
        return (
            f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nAuthorization: Bearer {self.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        ).encode() + body


async def load(target: Target, request: bytes, count: int) -> float:
    """Send the same request `count` times over a few kept connections; return requests a second."""

    async def one(share: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", target.port, limit=1 << 24)
        for _ in range(share):
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            status = head[9:12]
            if status not in (b"200", b"201"):
                length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
                raise RuntimeError(f"{status!r} {await reader.readexactly(length)!r}")
            await reader.readexactly(int(head.lower().split(b"content-length: ")[1].split(b"\r")[0]))
        writer.close()

    begin = time.perf_counter()
    await asyncio.gather(*(one(count // CONNECTIONS) for _ in range(CONNECTIONS)))
    return count // CONNECTIONS * CONNECTIONS / (time.perf_counter() - begin)


def compare(mock: Target, floor: Target, make: Callable[[Target], bytes], count: int) -> tuple[float, float, float]:
    """Return requests a second of both sides, and the median of the ratios taken pair by pair."""
    pairs = []
    for target in (floor, mock):
        asyncio.run(load(target, make(target), max(CONNECTIONS, count // 4)))
    for _ in range(ROUNDS):
        slow = asyncio.run(load(floor, make(floor), count))
        fast = asyncio.run(load(mock, make(mock), count))
        pairs.append((fast, slow))
    ratio = statistics.median(a / b for a, b in pairs)
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs), ratio


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the server did not start")


def start_mock(stack: ExitStack, folder: Path) -> tuple[Any, Target]:
    served = stack.enter_context(serving(folder))
    control = served.control
    accounts = control.seed("Account", [{"Name": f"Account {number}"} for number in range(10)])
    contacts = control.seed(
        "Contact",
        [
            {
                "FirstName": "Ada",
                "LastName": f"Example {number}",
                "Email": f"ada{number}@example.com",
                "Phone": "555-0100",
                "Title": "Engineer",
                "AccountId": accounts[number % 10],
            }
            for number in range(2000)
        ],
    )
    return control, Target(served.port, served.token, contacts[0], accounts[0])


def start_floor(stack: ExitStack) -> Target:
    from mock_server.org.records.store import Store
    from mock_server.org.schema import Schema

    store, schema = Store(), Schema()
    for name in ("Account", "Contact"):
        sobject = schema.get(name)
        assert sobject is not None
        store.ready(sobject)
    ddl = [row[0] for row in store.connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL")]
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "tests.bench.floor", str(port)], stdin=subprocess.PIPE, text=True)
    stack.callback(process.wait)
    stack.callback(process.terminate)
    assert process.stdin is not None
    process.stdin.write(json.dumps(ddl) + "\n")
    process.stdin.flush()
    wait_for(port)
    return Target(port, "none", "003Kd0000000000001", "001Kd0000000000000")


def contact(target: Target, number: int = 0) -> dict[str, object]:
    return {
        "FirstName": "Ada",
        "LastName": f"Example {number}",
        "Email": f"ada{number}@example.com",
        "Phone": "555-0100",
        "Title": "Engineer",
        "AccountId": target.account,
    }


def read(target: Target) -> bytes:
    return target.request("GET", f"{DATA}/sobjects/Contact/{target.contact}")


def create(target: Target) -> bytes:
    return target.request("POST", f"{DATA}/sobjects/Contact", json.dumps(contact(target)).encode())


def page(target: Target) -> bytes:
    return target.request("GET", f"{DATA}/query?q={SOQL}")


def create_200(target: Target) -> bytes:
    records = [{"attributes": {"type": "Contact"}, **contact(target, number)} for number in range(200)]
    return target.request("POST", f"{DATA}/composite/sobjects", json.dumps({"records": records}).encode())


def composite_25(target: Target) -> bytes:
    requests = [
        {"method": "POST", "url": f"{DATA}/sobjects/Contact", "referenceId": f"r{n}", "body": contact(target, n)}
        for n in range(25)
    ]
    return target.request("POST", f"{DATA}/composite", json.dumps({"compositeRequest": requests}).encode())


def logins(target: Target, org: Any) -> float:
    """Return the milliseconds of a login by client credentials."""
    form = {"grant_type": "client_credentials", "client_id": org.client_id, "client_secret": org.client_secret}
    body = urlencode(form).encode()
    head = (
        f"POST /services/oauth2/token HTTP/1.1\r\nHost: 127.0.0.1:{target.port}\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    return 1000 / statistics.median(asyncio.run(load(target, head.encode() + body, 200)) for _ in range(5))


def median_seconds(run: Callable[[], object], times: int = 5) -> float:
    taken = []
    for _ in range(times):
        begin = time.perf_counter()
        run()
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken)


def start_and_ask(folder: Path) -> None:
    with ExitStack() as stack:
        ready = folder / f"ready-{time.monotonic_ns()}.json"
        process = subprocess.Popen(
            [sys.executable, "-m", "mock_server.cli", "serve", "--port", "0", "--ready-file", str(ready)],
            stdout=subprocess.DEVNULL,
        )
        stack.callback(process.wait)
        stack.callback(process.kill)
        while not ready.exists():
            time.sleep(0.005)
        port = int(json.loads(ready.read_text())["url"].rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(b"GET /services/data HTTP/1.1\r\nHost: localhost\r\n\r\n")
            sock.recv(100)


def main() -> int:
    rows: list[tuple[str, str, str, bool]] = []

    def show(work: str, measured: str, bound: str, ok: bool) -> None:
        rows.append((work, measured, bound, ok))
        print(f"{work:50} {measured:70} {bound:22} {'ok' if ok else 'UNDER'}", flush=True)

    os.chdir(Path(__file__).parents[2])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        control, mock = start_mock(stack, folder)
        floor = start_floor(stack)
        for work, make, count, bound in (
            ("read one record", read, 2400, 0.6),
            ("create one record", create, 2400, 0.5),
            ("a 2,000-row query page", page, 64, 0.6),
            ("create 200 in one collections call", create_200, 64, 0.5),
            ("create 25 in one composite call", composite_25, 64, 0.12),
        ):
            fast, slow, ratio = compare(mock, floor, make, count)
            show(work, f"{fast:8.0f}/s of {slow:8.0f}/s = {ratio:.2f}", f">= {bound}", ratio >= bound)
        login = logins(mock, control.orgs()[0])
        show("a login", f"{login:.2f} ms", "< 2 ms", login < 2)
        fresh = median_seconds(control.create_org, 30) * 1000
        show("a fresh org for a test", f"{fresh:.1f} ms", "< 10 ms", fresh < 10)
        aiohttp = median_seconds(lambda: subprocess.run([sys.executable, "-c", "import aiohttp.web"], check=True))
        ours = median_seconds(lambda: start_and_ask(folder))
        show(
            "server start to first answer",
            f"{ours:.2f} s, import aiohttp.web {aiohttp:.2f} s",
            f"<= {2 * aiohttp + 0.2:.2f} s",
            ours <= 2 * aiohttp + 0.2,
        )
        command = [sys.executable, "-m", "mock_server.cli", "--help"]
        help_time = median_seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
        show("sfmock --help", f"{help_time:.2f} s", "< 0.3 s", help_time < 0.3)
    mine, bare, ratio = trials.ten_calls()
    show(
        "a ten-call subject judged (two runs)", f"{mine:8.1f}/s of {bare:8.1f}/s = {ratio:.2f}", ">= 0.5", ratio >= 0.5
    )
    whole = trials.collections()
    show("a trial of 400 inputs with retries", f"{whole:.2f} s, virtual time", "< 0.5 s", whole < 0.5)
    fanout.main(fanout.SUBSCRIBERS, show)
    engine.main(1_000_000, show)
    ingest.main(1_000_000, show)
    query_jobs.main(1_000_000, show)
    pubsub.main(show)
    captured.main(captured.RECORDS, show)
    return 0 if all(ok for *_, ok in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
