"""Correct: the same mirror by the Pub/Sub API, one stream a channel.

It asks for a few events at a time, and for more when those are handled; keeps the replay id, as the bytes that it is,
behind the work; and opens a stream that ended again, by itself.
"""

import base64
import io
import json
import os
import queue
import signal
import sys
import threading
import time

import fastavro
import grpc
from consumer import NAME, Consumer, Stopped

from mock_server.protocols.pubsub import pubsub_api_pb2 as api

SERVICE = "/eventbus.v1.PubSub"


class Streaming(Consumer):
    batch = 5
    """Events to ask for at a time."""
    patience = 300.0
    """Seconds without a sign of life after which a stream is dead."""

    def run(self):
        signal.signal(signal.SIGTERM, self.stop)
        try:
            self.channels = self.find_channels()
            with open(os.environ["SSL_CERT_FILE"], "rb") as file:
                credentials = grpc.ssl_channel_credentials(file.read())
            options = [("grpc.primary_user_agent", NAME)]
            self.grpc = grpc.secure_channel(os.environ["SF_PUBSUB_ENDPOINT"], credentials, options)
            self.schemas = {}
            self.inbox = queue.Queue()
            self.open = {}
            self.begun_with, self.logging_in = {}, threading.Lock()
            for channel in self.channels:
                threading.Thread(target=self.listen, args=(channel,), daemon=True).start()
            while True:
                channel, events, done = self.inbox.get()
                for event in events:
                    self.take_one(channel, event)
                done.set()
        except Stopped:
            for call in self.open.values():
                call.cancel()

    def end(self):
        pass

    def metadata(self):
        return (
            ("accesstoken", self.token),
            ("instanceurl", self.instance),
            ("tenantid", self.tenant()),
        )

    def tenant(self):
        # A session's id begins with that of its org.
        return self.token.partition("!")[0]

    def method(self, name, request, answer, *, kind="unary_unary"):
        return getattr(self.grpc, kind)(
            f"{SERVICE}/{name}", request_serializer=request.SerializeToString, response_deserializer=answer.FromString
        )

    # -- streams, a thread each

    def listen(self, channel):
        wait = self.wait
        while not self.stopped:
            try:
                for _ in self.stream(channel):
                    wait = self.wait
            except grpc.RpcError as error:
                if self.stopped:
                    return
                self.broken(channel, error)
            time.sleep(wait)
            wait = min(wait * 2, self.longest)

    def broken(self, channel, error):
        print(f"{channel}: {error.code().name}", flush=True)
        codes = dict(error.trailing_metadata() or ())
        if error.code() is grpc.StatusCode.UNAUTHENTICATED:
            with self.logging_in:
                # All streams end with the session: the first one renews it for the others.
                if self.token == self.begun_with[channel]:
                    self.log_in()
        elif "replayid" in codes.get("error-code", ""):
            self.kept.pop(channel, None)
            self.resync()

    def first(self, channel):
        """Return the first request of a stream: where to begin, and how many to send."""
        kept = self.kept.get(channel)
        if kept is None:
            return api.FetchRequest(topic_name=channel, replay_preset=api.EARLIEST, num_requested=self.batch)
        return api.FetchRequest(
            topic_name=channel, replay_preset=api.CUSTOM, replay_id=base64.b64decode(kept), num_requested=self.batch
        )

    def stream(self, channel):
        """Take what comes, and ask for more; yield at every sign of life."""
        requests = queue.Queue()
        requests.put(self.first(channel))
        subscribe = self.method("Subscribe", api.FetchRequest, api.FetchResponse, kind="stream_stream")
        self.begun_with[channel] = self.token
        call = self.open[channel] = subscribe(iter(requests.get, None), metadata=self.metadata())
        dog = Watchdog(self.patience, call.cancel)
        try:
            for answer in call:
                dog.stroke()
                yield answer
                if answer.events:
                    done = threading.Event()
                    self.inbox.put((channel, [self.read(event) for event in answer.events], done))
                    done.wait()
                    dog.stroke()
                if answer.pending_num_requested == 0:
                    self.more(channel, requests)
        finally:
            dog.end()
            requests.put(None)
            call.cancel()

    def more(self, channel, requests):
        requests.put(api.FetchRequest(topic_name=channel, num_requested=self.batch))

    def read(self, received):
        """Return an event in the form in which CometD tells it; the replay id stays the bytes that it is."""
        event = received.event
        if event.schema_id not in self.schemas:
            ask = self.method("GetSchema", api.SchemaRequest, api.SchemaInfo)
            told = ask(api.SchemaRequest(schema_id=event.schema_id), metadata=self.metadata(), timeout=30)
            self.schemas[event.schema_id] = fastavro.parse_schema(json.loads(told.schema_json))
        payload = fastavro.schemaless_reader(io.BytesIO(event.payload), self.schemas[event.schema_id])
        return {
            "payload": payload,
            "event": {"EventUuid": event.id, "replayId": base64.b64encode(received.replay_id).decode()},
        }

    def take_one(self, channel, data):
        self.take([{"channel": channel, "data": data}])


class Watchdog:
    """Calls a function when nobody has stroked it for some seconds."""

    def __init__(self, seconds, bite):
        self.seconds, self.bite = seconds, bite
        self.timer = None
        self.stroke()

    def stroke(self):
        self.end()
        self.timer = threading.Timer(self.seconds, self.bite)
        self.timer.daemon = True
        self.timer.start()

    def end(self):
        if self.timer is not None:
            self.timer.cancel()


if __name__ == "__main__":
    sys.exit(Streaming().run())
