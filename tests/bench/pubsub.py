"""Events over gRPC: published by one client and read by another, and caught up with from the start.

Each is measured beside what bounds it, in the same run: a bare `grpc.aio` server that carries the same bytes, and the
bare loop that encodes the same events.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import grpc
from grpc import aio

from mock_server.protocols.pubsub.messages import api
from tests.bench.served import serving
from tests.protocols.pubsub.client import EARLIEST, LATEST, TOPIC, PubSub, metadata, method

Show = Callable[[str, str, str, bool], None]
EVENTS = 20_000
STORED = 100_000
BATCH = 200
LEAST = 10_000
SCHEMA = """
objects:
  Order__e:
    fields:
      Number__c: {type: text, length: 40}
      Amount__c: {type: number, precision: 18, scale: 2}
      When__c: {type: datetime}
      Note__c: {type: text, length: 255}
"""


def _events(client: PubSub, count: int) -> list[Any]:
    """Return events to publish, all of one size."""
    schema_id = client.call("GetTopic", topic_name=TOPIC).schema_id
    schema = client.schema(schema_id)
    out = []
    for number in range(count):
        content = BytesIO()
        values = {
            "CreatedDate": 0, "CreatedById": "005000000000000AAA", "Number__c": f"{number:08d}",
            "Amount__c": 12.5, "When__c": 1_772_359_200_000, "Note__c": "x" * 60,
        }  # fmt: skip
        fastavro.schemaless_writer(content, schema, values)
        out.append(api.ProducerEvent(id=str(number), schema_id=schema_id, payload=content.getvalue()))
    return out


async def _through(target: str, meta: Any, requests: list[Any], count: int) -> float:
    """Publish requests on one stream while another one reads; return the seconds until all events are there."""
    async with aio.insecure_channel(target) as channel:
        reader = method(channel, "Subscribe")(metadata=meta)
        await reader.write(api.FetchRequest(topic_name=TOPIC, num_requested=100, replay_preset=LATEST))
        writer = method(channel, "PublishStream")(metadata=meta)
        await writer.write(requests[0])
        await writer.read()
        # The stream is at the tip once it has answered something that was published behind its start.
        start = time.perf_counter()

        async def publish() -> None:
            for request in requests:
                await writer.write(request)

        async def drain() -> None:
            for _ in requests:
                await writer.read()

        async def read() -> None:
            got = 0
            while got < count:
                answer = await reader.read()
                got += len(answer.events)
                if answer.pending_num_requested < 50:
                    await reader.write(api.FetchRequest(topic_name=TOPIC, num_requested=100))

        await asyncio.gather(publish(), drain(), read())
        seconds = time.perf_counter() - start
        writer.cancel()
        reader.cancel()
    return seconds


def _bare(port: Any) -> None:
    """Serve the same two methods, and do nothing but hand the bytes on."""

    async def serve() -> None:
        waiting: asyncio.Queue[Any] = asyncio.Queue()

        async def publish(_: Any, context: Any) -> None:
            while True:
                message = await context.read()
                if message is aio.EOF:
                    return
                request = api.PublishRequest.FromString(message)
                for at in range(0, len(request.events), 100):
                    await waiting.put(request.events[at : at + 100])
                results = [api.PublishResult(replay_id=bytes(8), correlation_key=one.id) for one in request.events]
                await context.write(api.PublishResponse(results=results).SerializeToString())

        async def subscribe(_: Any, context: Any) -> None:
            while True:
                events = [api.ConsumerEvent(event=one, replay_id=bytes(8)) for one in await waiting.get()]
                await context.write(api.FetchResponse(events=events, pending_num_requested=50).SerializeToString())

        server = aio.server()
        methods = {
            "PublishStream": grpc.stream_stream_rpc_method_handler(publish),
            "Subscribe": grpc.stream_stream_rpc_method_handler(subscribe),
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("eventbus.v1.PubSub", methods),))
        port.send(server.add_insecure_port("127.0.0.1:0"))
        await server.start()
        await server.wait_for_termination()

    asyncio.run(serve())


async def _caught_up(target: str, meta: Any, count: int) -> float:
    async with aio.insecure_channel(target) as channel:
        reader = method(channel, "Subscribe")(metadata=meta)
        start = time.perf_counter()
        await reader.write(api.FetchRequest(topic_name=TOPIC, num_requested=100, replay_preset=EARLIEST))
        for _ in range(4):
            await reader.write(api.FetchRequest(topic_name=TOPIC, num_requested=100))
        got = 0
        while got < count:
            answer = await reader.read()
            got += len(answer.events)
            if answer.pending_num_requested < 300:
                await reader.write(api.FetchRequest(topic_name=TOPIC, num_requested=100))
        seconds = time.perf_counter() - start
        reader.cancel()
    return seconds


def _encoding(schema: Any, count: int) -> float:
    """Return the seconds of encoding so many events, one by one."""
    values = {
        "CreatedDate": 1_772_359_200_000, "CreatedById": "005000000000000AAA", "Number__c": "00000001",
        "Amount__c": 12.5, "When__c": 1_772_359_200_000, "Note__c": "x" * 60,
    }  # fmt: skip
    start = time.perf_counter()
    for _ in range(count):
        content = BytesIO()
        fastavro.schemaless_writer(content, schema, values)
        content.getvalue()
    return time.perf_counter() - start


def main(show: Show, events: int = EVENTS, stored: int = STORED) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "schema.yaml").write_text(SCHEMA)
        with serving(folder, "--pubsub-port", "0", "--schema", str(folder / "schema.yaml")) as mock:
            org = mock.control.orgs()[0]
            control = mock.control.for_org(org.id)
            for limit in ("HourlyPublishedPlatformEvents", "DailyDeliveredPlatformEvents"):
                control.set_limit(limit, maximum=1_000_000_000)
            target, meta = org.pubsub_endpoint, metadata(org)
            with grpc.insecure_channel(target) as channel:
                client = PubSub(channel, org)
                made = _events(client, BATCH)
                requests = [api.PublishRequest(topic_name=TOPIC, events=made)] * (events // BATCH)
                ours = events / min(asyncio.run(_through(target, meta, requests, events)) for _ in range(3))
                here, there = multiprocessing.get_context("spawn").Pipe()
                process = multiprocessing.get_context("spawn").Process(target=_bare, args=(there,), daemon=True)
                process.start()
                floor = f"127.0.0.1:{here.recv()}"
                bare = events / asyncio.run(_through(floor, meta, requests, events))
                process.terminate()
                ok = ours >= LEAST or ours >= 0.4 * bare
                told = f"{ours:8.0f}/s of {bare:8.0f}/s = {ours / bare:.2f}"
                show("an event published and read by gRPC", told, ">= 10,000/s or 0.4", ok)
        # Another server, where nobody has read, and so nothing is encoded yet.
        with serving(folder, "--pubsub-port", "0", "--schema", str(folder / "schema.yaml")) as mock:
            org = mock.control.orgs()[0]
            control = mock.control.for_org(org.id)
            for limit in ("HourlyPublishedPlatformEvents", "DailyDeliveredPlatformEvents"):
                control.set_limit(limit, maximum=1_000_000_000)
            target, meta = org.pubsub_endpoint, metadata(org)
            with grpc.insecure_channel(target) as channel:
                client = PubSub(channel, org)
                made = _events(client, BATCH)
                for _ in range(stored // BATCH):
                    client.call("Publish", topic_name=TOPIC, events=made)
                schema = client.schema(made[0].schema_id)
                took = asyncio.run(_caught_up(target, meta, stored))
                loop = _encoding(schema, stored)
                show(
                    f"catch up over {stored:,} stored events",
                    f"{stored / took:8.0f}/s of {stored / loop:8.0f}/s encoded = {loop / took:.2f}",
                    ">= 0.5",
                    loop / took >= 0.5,
                )


if __name__ == "__main__":
    main(lambda *row: print(*row, flush=True))
