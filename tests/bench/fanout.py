"""`python -m tests.bench.fanout [SUBSCRIBERS]`: events to many CometD clients, beside a bare aiohttp long poll.

On both sides every client holds a request on a connection of its own. An event is published once all have had the one
before; an answer has the same bytes but for ids. Exits 1 when the mock is under its bounds.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.bench.served import serving

SUBSCRIBERS, EVENTS, ROUNDS = 1000, 15, 5
BOUND, LARGEST = 0.5, 50.0
"""Of the bare long poll; kilobytes of a subscriber."""
CHANNEL = "/event/Order__e"
SCHEMA = "objects:\n  Order__e:\n    fields:\n      Number__c: {type: number, precision: 18, scale: 0}\n"
NOTE = {"Number__c": 12345}
_LIMITS = "DurableStreamingApiConcurrentClients", "DailyDeliveredPlatformEvents", "HourlyPublishedPlatformEvents"
_JSON = "Content-Type: application/json\r\n"


class Show(Protocol):
    def __call__(self, work: str, measured: str, bound: str, ok: bool) -> None: ...


@dataclass
class Wire:
    """One connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    headers: str

    @classmethod
    async def open(cls, port: int, headers: str) -> Wire:
        return cls(*await asyncio.open_connection("127.0.0.1", port, limit=1 << 22), headers)

    async def post(self, path: str, body: bytes) -> bytes:
        self.writer.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{self.headers}Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
        content = await self.reader.readexactly(length)
        if head[9:11] != b"20":
            raise RuntimeError(f"{head!r} {content!r}")
        return content


@dataclass
class Bare:
    """The long poll that does nothing else."""

    port: int
    headers: str = _JSON

    async def begin(self, wire: Wire) -> bytes:
        return b"0"

    async def poll(self, wire: Wire, mark: bytes) -> bytes:
        content = await wire.post("/poll", mark)
        return str(json.loads(content)[0]["data"]["event"]["replayId"]).encode()

    async def publish(self, wire: Wire) -> None:
        await wire.post("/publish", json.dumps(NOTE).encode())


@dataclass
class Mock:
    """The mock: a mark is a client's id."""

    port: int
    token: str
    headers: str = field(init=False)

    def __post_init__(self) -> None:
        self.headers = f"{_JSON}Authorization: Bearer {self.token}\r\n"

    async def say(self, wire: Wire, **message: object) -> bytes:
        return await wire.post("/cometd/60.0", json.dumps([message]).encode())

    async def begin(self, wire: Wire) -> bytes:
        hello = await self.say(wire, channel="/meta/handshake", supportedConnectionTypes=["long-polling"])
        client = str(json.loads(hello)[0]["clientId"])
        await self.say(wire, channel="/meta/connect", clientId=client, connectionType="long-polling")
        told = await self.say(wire, channel="/meta/subscribe", clientId=client, subscription=CHANNEL)
        assert json.loads(told)[0]["successful"]
        return client.encode()

    async def poll(self, wire: Wire, mark: bytes) -> bytes:
        content = await self.say(
            wire, channel="/meta/connect", clientId=mark.decode(), connectionType="long-polling", id="7"
        )
        assert json.loads(content)[0]["channel"] == CHANNEL
        return mark

    async def publish(self, wire: Wire) -> None:
        await wire.post("/services/data/v60.0/sobjects/Order__e", json.dumps(NOTE).encode())


class Crowd:
    """Subscribers of one server."""

    def __init__(self, target: Bare | Mock) -> None:
        self.target = target
        self.wires: list[Wire] = []
        self.marks: list[bytes] = []

    async def gather(self, count: int) -> None:
        for _ in range(count):
            wire = await Wire.open(self.target.port, self.target.headers)
            self.wires.append(wire)
            self.marks.append(await self.target.begin(wire))
        self.publisher = await Wire.open(self.target.port, self.target.headers)

    async def deliver(self, events: int) -> float:
        """Publish events one after the other, each to all; return deliveries a second."""
        begin = time.perf_counter()
        for _ in range(events):
            polls = [
                asyncio.ensure_future(self.target.poll(wire, mark))
                for wire, mark in zip(self.wires, self.marks, strict=True)
            ]
            await asyncio.sleep(0)
            await self.target.publish(self.publisher)
            self.marks = await asyncio.gather(*polls)
        return events * len(self.wires) / (time.perf_counter() - begin)

    def leave(self) -> None:
        for wire in self.wires:
            wire.writer.close()


def memory(pid: int) -> float:
    """Return a process's resident kilobytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1024


def serve_bare(port: int) -> None:
    """Serve the bare long poll."""
    import orjson
    import uvloop
    from aiohttp import web

    waiting: list[asyncio.Future[bytes]] = []
    said = [(0, b"")]

    async def poll(request: web.Request) -> web.Response:
        mark = int(await request.read())
        if mark < said[-1][0]:
            body = said[-1][1]
        else:
            awake: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
            waiting.append(awake)
            body = await awake
        return web.Response(body=body, headers={"Content-Type": "application/json;charset=UTF-8"})

    async def publish(request: web.Request) -> web.Response:
        number = said[-1][0] + 1
        event = {
            "data": {
                "schema": "x" * 22,
                "payload": {
                    "CreatedDate": "2026-03-01T10:00:00.000Z", "CreatedById": "005Kd000000000BIAQ",
                    **orjson.loads(await request.read()),
                },
                "event": {"EventUuid": "y" * 36, "replayId": number, "EventApiName": "Order__e"},
            },
            "channel": CHANNEL,
        }  # fmt: skip
        reply = {"clientId": "z" * 28, "channel": "/meta/connect", "id": "7", "successful": True}
        body = orjson.dumps([event, reply])
        said[-1] = (number, body)
        for awake in waiting:
            awake.set_result(body)
        waiting.clear()
        return web.Response(body=b"{}", status=201)

    app = web.Application()
    app.router.add_post("/poll", poll)
    app.router.add_post("/publish", publish)
    uvloop.install()
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


def work(pid: int) -> float:
    """Return the seconds for which a process has had a processor."""
    told = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Measured:
    """Deliveries a second of both, the median of their ratios, that by the servers' own time, and kilobytes a client."""

    mock: float
    bare: float
    ratio: float
    own: float
    each: float


async def compare(mock: Crowd, bare: Crowd, pids: tuple[int, int], count: int) -> Measured:
    pid = pids[0]
    await mock.gather(50)
    await mock.deliver(3)
    before = memory(pid)
    await mock.gather(count - 50)
    await mock.deliver(1)
    each = (memory(pid) - before) / (count - 50)
    await bare.gather(count)
    await bare.deliver(3)
    rates: list[list[float]] = [[], []]
    spent: list[list[float]] = [[], []]
    for _ in range(ROUNDS):
        for side, (crowd, server) in enumerate(zip((mock, bare), pids, strict=True)):
            begin = work(server)
            rates[side].append(await crowd.deliver(EVENTS))
            spent[side].append(max(0.01, work(server) - begin))
    mock.leave()
    bare.leave()
    return Measured(
        statistics.median(rates[0]),
        statistics.median(rates[1]),
        statistics.median(a / b for a, b in zip(*rates, strict=True)),
        statistics.median(b / a for a, b in zip(*spent, strict=True)),
        each,
    )


def main(count: int, show: Show) -> None:
    import uvloop

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * count + 200
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "schema.yaml").write_text(SCHEMA)
        served = stack.enter_context(serving(folder, "--schema", str(folder / "schema.yaml")))
        for limit in _LIMITS:
            served.control.set_limit(limit, maximum=10**9)
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        process = subprocess.Popen([sys.executable, "-m", "tests.bench.fanout", "--bare", str(port)])
        stack.callback(process.wait)
        stack.callback(process.terminate)
        time.sleep(1.5)
        crowds = Crowd(Mock(served.port, served.token)), Crowd(Bare(port))
        found = uvloop.run(compare(*crowds, (served.pid, process.pid), count))
    show(
        f"events to {count:,} CometD clients",
        f"{found.mock:8.0f}/s of {found.bare:8.0f}/s = {found.ratio:.2f} (the servers' own time: {found.own:.2f})",
        f">= {BOUND}",
        found.ratio >= BOUND,
    )
    show("memory of a CometD client that is held", f"{found.each:.1f} KB", f"< {LARGEST:.0f} KB", found.each < LARGEST)


def _print(work: str, measured: str, bound: str, ok: bool) -> None:
    print(f"{work:50} {measured:70} {bound:22} {'ok' if ok else 'UNDER'}", flush=True)
    _failed.append(not ok)


_failed: list[bool] = []

if __name__ == "__main__":
    if sys.argv[1:2] == ["--bare"]:
        serve_bare(int(sys.argv[2]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else SUBSCRIBERS, _print)
        sys.exit(any(_failed))
