"""Publish and PublishStream: events that clients bring, decoded and saved by the one pipeline that saves them all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.events.avro import NotDecoded
from mock_server.org.events.publishing import PREFIX
from mock_server.org.records.changes import CHUNK, Change
from mock_server.protocols.pubsub import topics, wire
from mock_server.protocols.pubsub.values import row_of

if TYPE_CHECKING:
    from mock_server.org.events import Channel
    from mock_server.org.events.avro import Codec
    from mock_server.org.schema.types import SObject
    from mock_server.protocols.pubsub.pubsub_api_pb2 import ProducerEvent, PublishRequest

SWEEP = 70.0
"""Seconds of the clock within which a stream has to bring something (the comments of the protocol's own file)."""


def _peek(call: Call) -> list[Change]:
    """Return the rows that a refused call carried."""
    if not call.body or len(call.body) > wire.LARGEST_REQUEST:
        return []
    from mock_server.protocols.pubsub.messages import api, read

    try:
        request = read(api.PublishRequest, call.body)
    except errors.ApiError:
        return []
    name = request.topic_name.removeprefix(PREFIX)
    out = []
    for event in request.events:
        codec = call.org.events.codecs.known(event.schema_id)
        try:
            values = {} if codec is None else row_of(call.org.schema.get(name), codec.decode(event.payload))
        except NotDecoded:
            values = {}
        out.append(Change("create", name, values))
    return out


routes = wire.routes(_peek)


@routes(
    wire.operation(
        "publish", "Publish", "Publishes events, each with its own result", kind="write", rows="many", replay="never"
    )
)
async def publish(call: Call) -> Reply:
    from mock_server.protocols.pubsub.messages import api, read

    request = read(api.PublishRequest, call.body)
    sobject = _event_of(call, request.topic_name)
    return wire.sent(await _published(call, sobject, request))


@routes(
    wire.operation(
        "publish_stream",
        "PublishStream",
        "Publishes events as they come, on one stream",
        kind="write",
        rows="many",
        replay="never",
        streams=True,
    )
)
async def publish_stream(call: Call) -> Reply:
    from mock_server.protocols.pubsub.messages import api, read

    assert call.stream is not None
    topic: str | None = None
    heard = call.org.clock.now()
    while True:
        message = await _next(call, heard + SWEEP)
        heard = call.org.clock.now()
        if message is None:
            return wire.sent(b"")
        request = read(api.PublishRequest, wire.fits(message))
        _still_open(call)
        if topic is None:
            if request.auth_refresh:
                raise errors.PUBLISH_REFRESH_INVALID()
            topic = request.topic_name
        elif request.topic_name and request.topic_name != topic:
            raise errors.PUBLISH_TOPIC_MISMATCH(topic=request.topic_name, first=topic)
        elif request.auth_refresh:
            wire.renewed(call, request.auth_refresh)
        # Anew each time: its fields may have changed since, and what the caller may do.
        answer = await _published(call, _event_of(call, topic), request)
        try:
            await call.stream.send(answer)
        except ConnectionError:
            return wire.sent(b"")


async def _next(call: Call, until: float) -> bytes | None:
    """Return the next request of a stream. Raises ApiError when none comes in time, or the session ends."""
    assert call.stream is not None
    wake = asyncio.Event()
    reading = asyncio.ensure_future(call.stream.receive())
    alarm = asyncio.ensure_future(call.org.clock.wait_until(until))
    stop = call.org.sessions.watch(call.session.token, wake.set)
    for one in (reading, alarm):
        one.add_done_callback(lambda _: wake.set())
    try:
        await wake.wait()
        if reading.done():
            return reading.result()
        _still_open(call)
        raise errors.SWEEPER_TIMEOUT(seconds=int(SWEEP))
    finally:
        stop()
        reading.cancel()
        alarm.cancel()


def _still_open(call: Call) -> None:
    session = call.org.sessions.find(call.session.token)
    if call.org.closed:
        raise errors.SERVICE_UNAVAILABLE()
    if session is None or session.user_id in call.org.accesses.barred:
        raise errors.SERVICE_AUTH_ERROR()


def _event_of(call: Call, topic: str) -> SObject:
    """Return the event that a topic takes. Raises ApiError."""
    if not topic.strip():
        raise errors.PUBLISH_TOPIC_EMPTY()
    sobject = topics.published(call, topic)
    if sobject is not None:
        return sobject
    try:
        topics.channel_of(call, topic)
    except errors.ApiError as error:
        if error.spec is not errors.CANNOT_SUBSCRIBE:
            raise
    raise errors.TOPIC_META_PERMISSION(org=call.org.id, topic=topic)


async def _published(call: Call, sobject: SObject, request: PublishRequest) -> bytes:
    """Publish the events of one request; return its response."""
    from mock_server.protocols.pubsub.messages import api

    if not request.events:
        raise errors.EVENT_COUNT_INVALID()
    bus = call.org.events
    changes: list[Change] = []
    refused: list[str | None] = []
    codec: Codec | None = None
    for event in request.events:
        if codec is None or codec.schema_id != event.schema_id:
            codec = call.org.events.codecs.known(event.schema_id)
        why, values = _values(codec, sobject, event)
        refused.append(why)
        if why is None:
            changes.append(Change("create", sobject.name, values))
    channel = bus.platform.channel(sobject)
    before = bus.last
    saved = iter([row for part in _batches(changes) for row in await call.write(part)])
    numbers = {event.uuid: event.replay_id for event in _new(channel, before)}
    results: list[bytes] = []
    newest = bus.last
    for event, refusal in zip(request.events, refused, strict=True):
        why = refusal
        row = None if why is not None else next(saved)
        if row is not None and row.success:
            # An event that is accepted, and never gets onto the bus, has a number like any other.
            results.append(wire.accepted(numbers.get(row.enqueued, newest), event.id or row.enqueued or ""))
            continue
        if row is not None:
            why = f"{row.errors[0].code}: {row.errors[0].message}"
        result = api.PublishResult(correlation_key=event.id, error=api.Error(code=api.PUBLISH, msg=why))
        results.append(wire.chunk(b"\x0a", result.SerializeToString()))
    schema_id = bus.codecs.of_event(sobject.name).schema_id
    rest = api.PublishResponse(schema_id=schema_id, rpc_id=wire.rpc_id(call))
    return b"".join(results) + rest.SerializeToString()


def _batches(changes: list[Change]) -> Iterator[list[Change]]:
    """Divide changes into what one save takes: a request may bring more than the 200 events that are advised."""
    for start in range(0, len(changes), CHUNK):
        yield changes[start : start + CHUNK]


def _new(channel: Channel, before: int) -> Sequence[Any]:
    return channel.after(before, len(channel))


def _values(codec: Codec | None, sobject: SObject, event: ProducerEvent) -> tuple[str | None, dict[str, Any]]:
    """Return why an event cannot be published, or its values."""
    if len(event.payload) > wire.LARGEST_EVENT:
        return f"The event message is larger than {wire.LARGEST_EVENT} bytes.", {}
    if codec is None or codec.name != sobject.name:
        return f"The schema ID {event.schema_id!r} isn't one of the events of this topic.", {}
    try:
        return None, row_of(sobject, codec.decode(event.payload))
    except NotDecoded as error:
        return f"The payload can't be decoded by the schema {event.schema_id}: {error}", {}
