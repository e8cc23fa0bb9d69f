"""A client of the Pub/Sub API as anybody would write one: stubs of the protocol file, Avro by fastavro."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import fastavro
import grpc

from mock_server.api import Server
from mock_server.control.client import ControlClient, OrgInfo
from mock_server.protocols.pubsub.messages import api

TIMEOUT = 60
LATEST, EARLIEST, CUSTOM = range(3)
TOPIC = "/event/Order__e"
ORDER = {
    "Order__e": {
        "fields": {
            "Number__c": {"type": "text", "length": 20},
            "Amount__c": {"type": "number", "precision": 10, "scale": 2},
            "When__c": {"type": "datetime"},
            "Day__c": {"type": "date"},
            "Urgent__c": {"type": "checkbox"},
        }
    }
}
_KINDS = {
    "GetTopic": ("unary_unary", api.TopicRequest, api.TopicInfo),
    "GetSchema": ("unary_unary", api.SchemaRequest, api.SchemaInfo),
    "Publish": ("unary_unary", api.PublishRequest, api.PublishResponse),
    "PublishStream": ("stream_stream", api.PublishRequest, api.PublishResponse),
    "Subscribe": ("stream_stream", api.FetchRequest, api.FetchResponse),
    "ManagedSubscribe": ("stream_stream", api.ManagedFetchRequest, api.ManagedFetchResponse),
}


def metadata(org: OrgInfo, **changed: str | None) -> list[tuple[str, str]]:
    """Return the headers of a call; those that are None are left out."""
    given = {"accesstoken": org.access_token, "instanceurl": org.instance_url, "tenantid": org.id, **changed}
    return [(name, value) for name, value in given.items() if value is not None]


def method(channel: Any, name: str) -> Any:
    """Return a method of the service on a channel of `grpc` or `grpc.aio`."""
    kind, request, response = _KINDS[name]
    make = getattr(channel, kind)
    return make(
        f"/eventbus.v1.PubSub/{name}",
        request_serializer=request.SerializeToString,
        response_deserializer=response.FromString,
    )


def connect(server: Server) -> grpc.Channel:
    """Return a channel with a connection of its own: others to the same port would share it."""
    return grpc.insecure_channel(server.pubsub, [("grpc.use_local_subchannel_pool", 1)])


class Refused(Exception):
    """A call that ended with a status."""

    def __init__(self, error: Any) -> None:
        super().__init__(f"{error.code()}: {error.details()}")
        self.status: str = error.code().name
        self.text: str = error.details()
        self.trailers = dict(error.trailing_metadata() or ())
        self.code = str(self.trailers.get("error-code", "")).removeprefix("sfdc.platform.eventbus.grpc.")


class Stream:
    """A call of many messages each way."""

    def __init__(self, call: Any, requests: queue.Queue[Any]) -> None:
        self.call = call
        self._requests = requests

    def send(self, **fields: Any) -> None:
        self._requests.put(fields)

    def close(self) -> None:
        """Say that nothing more is sent."""
        self._requests.put(None)

    def cancel(self) -> None:
        self.call.cancel()
        self._requests.put(None)

    def next(self) -> Any:
        """Return the next response. Raises Refused, StopIteration at a good end."""
        try:
            return next(self.call)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def events(self, count: int) -> list[Any]:
        """Return so many events, from as many responses as it takes."""
        found: list[Any] = []
        while len(found) < count:
            found += self.next().events
        return found

    def refusal(self) -> Refused:
        """Return what the stream ends with."""
        try:
            while True:
                self.next()
        except Refused as refused:
            return refused


class PubSub:
    """One user of one org, on one channel."""

    def __init__(self, channel: grpc.Channel, org: OrgInfo) -> None:
        self.channel = channel
        self.org = org
        self.metadata = metadata(org)
        self._schemas: dict[str, Any] = {}

    def call(self, name: str, meta: Sequence[tuple[str, str]] | None = None, **fields: Any) -> Any:
        """Make a call of one message each way. Raises Refused."""
        request = _KINDS[name][1](**fields)
        try:
            meta = self.metadata if meta is None else meta
            return method(self.channel, name)(request, metadata=meta, timeout=TIMEOUT)
        except grpc.RpcError as error:
            raise Refused(error) from None

    def stream(self, name: str, meta: Sequence[tuple[str, str]] | None = None, **first: Any) -> Stream:
        requests: queue.Queue[Any] = queue.Queue()
        kind = _KINDS[name][1]

        def outgoing() -> Iterator[Any]:
            while (fields := requests.get()) is not None:
                yield kind(**fields)

        meta = self.metadata if meta is None else meta
        stream = Stream(method(self.channel, name)(outgoing(), metadata=meta, timeout=TIMEOUT), requests)
        if first:
            stream.send(**first)
        return stream

    def subscribe(self, topic: str = TOPIC, count: int = 100, preset: int = LATEST, **more: Any) -> Stream:
        return self.stream("Subscribe", topic_name=topic, num_requested=count, replay_preset=preset, **more)

    def begun(self, control: ControlClient, streams: int = 1) -> None:
        """Return once so many subscriptions have begun, so that what comes now comes after their start."""
        until = time.monotonic() + TIMEOUT
        while time.monotonic() < until:
            notes = [note for entry in control.journal() for note in entry["events"]]
            if sum(note["what"] == "subscribed" for note in notes) >= streams:
                return
            time.sleep(0.01)
        raise AssertionError("the subscriptions have not begun")

    def schema(self, schema_id: str) -> Any:
        if schema_id not in self._schemas:
            told = self.call("GetSchema", schema_id=schema_id)
            self._schemas[schema_id] = fastavro.parse_schema(json.loads(told.schema_json), named_schemas={})
        return self._schemas[schema_id]

    def decode(self, event: Any) -> dict[str, Any]:
        """Return the values of a ConsumerEvent."""
        content, schema = BytesIO(event.event.payload), self.schema(event.event.schema_id)
        value = fastavro.schemaless_reader(content, schema, None)
        assert content.read() == b""
        assert isinstance(value, dict)
        return value

    def event(self, topic: str = TOPIC, id: str = "", **values: Any) -> Any:
        """Return an event to publish."""
        schema_id = self.call("GetTopic", topic_name=topic).schema_id
        out = BytesIO()
        fastavro.schemaless_writer(
            out, self.schema(schema_id), {"CreatedDate": 0, "CreatedById": "x", "Urgent__c": False, **values}
        )
        return api.ProducerEvent(id=id, schema_id=schema_id, payload=out.getvalue())

    def publish(self, *numbers: str, topic: str = TOPIC) -> list[Any]:
        """Publish events of these numbers; return their results."""
        events = [self.event(topic, id=number, Number__c=number) for number in numbers]
        return list(self.call("Publish", topic_name=topic, events=events).results)
