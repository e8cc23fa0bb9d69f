"""Faults of events as subscribers of both protocols see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from tests.protocols.cometd.conftest import Bayeux
from tests.protocols.pubsub.client import CUSTOM, EARLIEST, ORDER, TOPIC, PubSub, Refused
from tests.waiting import PATIENCE, until

CONNECT, SUBSCRIBE = "cometd.connect", "pubsub.subscribe"


@dataclass
class Wire:
    """An org with an event and a topic, and a client of each protocol."""

    control: ControlClient
    bayeux: Bayeux
    pubsub: PubSub

    def publish(self, *numbers: int) -> None:
        self.control.change("create", "Order__e", [{"Number__c": str(number)} for number in numbers])

    def rename(self, *names: str) -> None:
        """Have PushTopic events, one a name."""
        for name in names:
            self.control.change("create", "Account", [{"Name": name}])

    def fault(self, on: str, event: Any, **rest: Any) -> None:
        self.control.add_fault({"name": "rule", "on": on, "event": event, "when": {"times": 1}, **rest})

    def told(self) -> list[str]:
        """Connect; return the numbers of the events that come."""
        return [
            message["data"]["payload"]["Number__c"]
            for message in self.bayeux.connect(advice={"timeout": 0})
            if "data" in message
        ]

    def renamed(self) -> list[str]:
        found = self.bayeux.connect(advice={"timeout": 0})
        return [message["data"]["sobject"]["Name"] for message in found if "data" in message]

    def fired(self) -> int:
        return sum(fault.fired for fault in self.control.faults())

    def struck(self) -> None:
        """Wait until a rule has struck."""
        until(self.fired, "no rule has struck")

    def strikes(self) -> list[tuple[str, str]]:
        return [(entry["operation"], s["effect"]) for entry in self.control.journal() for s in entry["strikes"]]

    def rules(self) -> list[str]:
        """Return the rules of the events that were delivered, as the journal has them."""
        notes = (note for entry in self.control.journal() for note in entry["events"])
        return [note["rule"] for note in notes if note["what"] == "delivered" and note["rule"]]


@pytest.fixture
def wire(server: api.Server) -> Iterator[Wire]:
    captured = {"changeDataCapture": ["Account"]}
    org: OrgInfo = server.control.create_org(objects=ORDER, journal="whole", clock="virtual", declared=captured)
    control = server.control.for_org(org.id)
    control.seed("PushTopic", [{"Name": "New", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 60.0}])
    bayeux = Bayeux(server.url, org.access_token)
    with grpc.insecure_channel(server.pubsub) as channel:
        yield Wire(control, bayeux, PubSub(channel, org))
    bayeux.http.close()
    bayeux.threads.shutdown()
    server.control.delete_org(org.id)


def numbers(wire: Wire, stream: Any, count: int) -> list[str]:
    return [wire.pubsub.decode(event)["Number__c"] for event in stream.events(count)]


# -- CometD


def test_cometd_brings_an_event_twice(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC)
    wire.fault(CONNECT, "duplicate")
    wire.publish(1, 2)
    assert wire.told() == ["1", "1", "2"]
    assert (wire.fired(), wire.strikes(), wire.rules()) == (1, [(CONNECT, "event")], ["rule"])


def test_cometd_brings_events_of_a_topic_in_another_order(wire: Wire) -> None:
    wire.bayeux.ready("/topic/New")
    wire.fault(CONNECT, "reorder")
    wire.rename("A", "B", "C")
    assert wire.renamed() == ["B", "A", "C"]


def test_cometd_keeps_a_dropped_event_of_a_topic_from_everybody(wire: Wire) -> None:
    wire.bayeux.ready("/topic/New")
    wire.fault(CONNECT, "drop", where={"channel": "/topic/New"})
    wire.rename("A", "B")
    assert wire.renamed() == ["B"]
    wire.bayeux.subscribe("/topic/New", -2)
    assert wire.renamed() == ["B"]


def test_cometd_brings_a_delayed_event_later(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC)
    wire.fault(CONNECT, {"delay": "5s"})
    wire.publish(1, 2)
    assert wire.told() == []
    held = wire.bayeux.hold()
    wire.control.advance(6)
    assert [message["data"]["payload"]["Number__c"] for message in held.result(PATIENCE)[:-1]] == ["1", "2"]


def test_cometd_breaks_the_connection_and_all_is_there_for_who_subscribes_anew(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC, replay=-2)
    wire.fault(CONNECT, {"disconnect": 1})
    wire.publish(1, 2)
    seen = wire.told()
    assert seen == ["1"]
    (reply,) = wire.bayeux.connect()
    assert reply["error"] == "403::Unknown client"
    wire.bayeux.ready(TOPIC, replay=-2)
    assert wire.told() == ["1", "2"]


@pytest.mark.parametrize("event", ["forget", "slow"])
def test_cometd_does_not_know_its_client_any_more(wire: Wire, event: str) -> None:
    wire.bayeux.ready(TOPIC)
    wire.fault(CONNECT, event)
    wire.publish(1)
    (reply,) = wire.bayeux.connect()
    assert (reply["error"], reply["advice"]["reconnect"]) == ("403::Unknown client", "handshake")
    wire.bayeux.ready(TOPIC, replay=-2)
    assert wire.told() == ["1"]
    assert wire.fired() == 1


def test_cometd_forgets_those_who_wait_too(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC)
    held = wire.bayeux.hold()
    wire.fault("cometd.subscribe", "forget")
    other = Bayeux(wire.bayeux.url, wire.bayeux.token)
    other.handshake()
    assert other.subscribe(TOPIC)["error"] == "403::Unknown client"
    assert held.result(PATIENCE)[-1]["error"] == "403::Unknown client"


@pytest.mark.parametrize("how", ["expired", "corrupt", "foreign"])
def test_cometd_refuses_a_replay_id(wire: Wire, how: str) -> None:
    wire.bayeux.ready(TOPIC)
    wire.publish(1)
    (event, _) = wire.bayeux.connect(advice={"timeout": 0})
    replay = event["data"]["event"]["replayId"]
    wire.fault("cometd.subscribe", {"replay": how})
    reply = wire.bayeux.subscribe(TOPIC, replay)
    assert reply["error"].startswith(f"400::The replayId {{{replay}}} you provided was invalid.")
    assert wire.bayeux.subscribe(TOPIC, -2)["successful"]


def test_cometd_is_silent_beyond_its_time(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC)
    wire.fault(CONNECT, {"stall": "5m"})
    held = wire.bayeux.hold()
    wire.publish(1)
    wire.struck()
    wire.control.advance(200)
    assert not held.done()
    wire.control.advance(200)
    assert [message["data"]["payload"]["Number__c"] for message in held.result(PATIENCE)[:-1]] == ["1"]


def test_cometd_is_told_of_another_schema(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC)
    wire.fault(CONNECT, "schema", when={"skip": 1, "times": 1})
    wire.publish(1, 2, 3)
    found = [message["data"]["schema"] for message in wire.bayeux.connect() if "data" in message]
    assert found[0] != found[1] == found[2]
    assert all(wire.pubsub.call("GetSchema", schema_id=one).schema_id == one for one in found)


@pytest.mark.parametrize(
    ("effect", "status"), [({"status": 503}, 503), ({"error": "SERVER_UNAVAILABLE"}, 200), ({"latency": "1s"}, 200)]
)
def test_cometd_meets_faults_of_requests(wire: Wire, effect: dict[str, Any], status: int) -> None:
    wire.bayeux.ready(TOPIC)
    rule = {"on": CONNECT, "where": {"channel": TOPIC}, "when": {"times": 1}, **effect}
    wire.control.add_fault(rule)
    wire.publish(1)
    sent = wire.bayeux.threads.submit(
        wire.bayeux.send, wire.bayeux.message("/meta/connect", connectionType="long-polling")
    )
    wire.struck()
    if "latency" in effect:
        wire.control.advance(1)
    answer = sent.result(PATIENCE)
    assert answer.status_code == status
    assert wire.fired() == 1
    if "error" in effect:
        assert answer.json()[-1]["error"].startswith("503::")


@pytest.mark.parametrize("reply", ["lost", "reset", "truncated", "malformed"])
def test_cometd_loses_nothing_with_an_answer(wire: Wire, reply: str) -> None:
    wire.bayeux.ready(TOPIC)
    wire.control.add_fault({"on": CONNECT, "reply": reply, "when": {"times": 1}})
    wire.publish(1)
    with pytest.raises(requests.RequestException):
        wire.told()
    wire.bayeux.ready(TOPIC, replay=-2)
    assert wire.told() == ["1"]


def test_cometd_tells_who_waits_that_his_session_is_over(wire: Wire) -> None:
    wire.bayeux.ready(TOPIC)
    held = wire.bayeux.hold()
    wire.control.add_fault({"on": "cometd.subscribe", "session": "expire", "when": {"times": 1}})
    assert wire.bayeux.subscribe("/topic/New")["error"] == "401::Authentication invalid"
    assert held.result(PATIENCE)[-1]["error"] == "401::Authentication invalid"


# -- Pub/Sub


def test_pubsub_brings_an_event_twice_within_what_was_asked_for(wire: Wire) -> None:
    wire.fault(SUBSCRIBE, "duplicate")
    wire.publish(1, 2)
    stream = wire.pubsub.subscribe(count=2, preset=EARLIEST)
    assert numbers(wire, stream, 2) == ["1", "1"]
    stream.send(topic_name=TOPIC, num_requested=1)
    assert numbers(wire, stream, 1) == ["2"]
    stream.cancel()


def test_pubsub_breaks_the_stream_and_goes_on_behind_what_came(wire: Wire) -> None:
    wire.fault(SUBSCRIBE, {"disconnect": 1})
    wire.publish(1, 2)
    stream = wire.pubsub.subscribe(preset=EARLIEST)
    (first,) = stream.events(1)
    assert stream.refusal().status in ("UNAVAILABLE", "INTERNAL", "CANCELLED", "UNKNOWN")
    assert _resumed(wire, first.replay_id) == ["2"]


def _resumed(wire: Wire, replay_id: bytes) -> list[str]:
    """Return the event behind a replay id. gRPC may still put a call on the broken connection, which it is closing."""

    def next_one() -> list[str]:
        again = wire.pubsub.subscribe(preset=CUSTOM, replay_id=replay_id)
        try:
            return numbers(wire, again, 1)
        except Refused as refused:
            assert refused.status == "UNAVAILABLE" and not refused.code
            return []
        finally:
            again.cancel()

    return until(next_one, "no connection stands")


@pytest.mark.parametrize(
    ("event", "code"), [("forget", "service.unavailable"), ("slow", "subscription.fetch.overflow")]
)
def test_pubsub_ends_the_stream(wire: Wire, event: str, code: str) -> None:
    wire.fault(SUBSCRIBE, event)
    wire.publish(1)
    assert wire.pubsub.subscribe(preset=EARLIEST).refusal().code == code
    again = wire.pubsub.subscribe(preset=EARLIEST)
    assert numbers(wire, again, 1) == ["1"]
    again.cancel()


@pytest.mark.parametrize("how", ["expired", "corrupt", "foreign"])
def test_pubsub_refuses_a_replay_id(wire: Wire, how: str) -> None:
    wire.publish(1)
    stream = wire.pubsub.subscribe(preset=EARLIEST)
    (event,) = stream.events(1)
    stream.cancel()
    wire.fault(SUBSCRIBE, {"replay": how})
    refused = wire.pubsub.subscribe(preset=CUSTOM, replay_id=event.replay_id).refusal()
    assert (refused.status, refused.code) == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")


def test_pubsub_is_silent_and_goes_on(wire: Wire) -> None:
    wire.fault(SUBSCRIBE, {"stall": "10m"})
    wire.publish(1)
    stream = wire.pubsub.subscribe(preset=EARLIEST)
    wire.struck()
    wire.control.advance(400)
    wire.control.advance(400)
    first = stream.next()
    assert [wire.pubsub.decode(event)["Number__c"] for event in first.events] == ["1"]
    stream.cancel()


def test_pubsub_tells_of_another_schema_and_keeps_the_old_one(wire: Wire) -> None:
    wire.fault(SUBSCRIBE, "schema", when={"skip": 1, "times": 1})
    wire.publish(1, 2)
    stream = wire.pubsub.subscribe(preset=EARLIEST)
    events = stream.events(2)
    assert events[0].event.schema_id != events[1].event.schema_id
    assert [wire.pubsub.decode(event)["Number__c"] for event in events] == ["1", "2"]
    stream.cancel()


def test_pubsub_takes_an_event_that_is_lost(wire: Wire) -> None:
    wire.fault("pubsub.publish", "lost")
    stream = wire.pubsub.subscribe()
    results = wire.pubsub.publish("1") + wire.pubsub.publish("2")
    assert [result.HasField("error") for result in results] == [False, False]
    again = wire.pubsub.subscribe(preset=EARLIEST)
    assert numbers(wire, again, 1) == ["2"]
    stream.cancel()
    again.cancel()


def test_pubsub_ends_a_stream_whose_session_is_over(wire: Wire) -> None:
    stream = wire.pubsub.subscribe(preset=EARLIEST)
    wire.publish(1)
    assert numbers(wire, stream, 1) == ["1"]
    wire.control.add_fault({"on": "pubsub.get_topic", "session": "expire"})
    with pytest.raises(Refused) as caught:
        wire.pubsub.call("GetTopic", topic_name=TOPIC)
    assert caught.value.status == "UNAUTHENTICATED"
    assert stream.refusal().status == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("effect", "status"),
    [
        ({"status": 503}, "UNAVAILABLE"),
        ({"outage": {"down": "1h"}}, "UNAVAILABLE"),
        ({"session": "revoke"}, "UNAUTHENTICATED"),
        ({"reply": "lost"}, ""),
        ({"reply": "reset"}, ""),
        ({"reply": "truncated"}, ""),
        ({"reply": "malformed"}, ""),
    ],
    ids=str,
)
def test_pubsub_meets_faults_of_requests(wire: Wire, effect: dict[str, Any], status: str) -> None:
    wire.control.add_fault({"on": "pubsub.get_topic", "when": {"times": 1}, **effect})
    with pytest.raises(Refused) as caught:
        wire.pubsub.call("GetTopic", topic_name=TOPIC)
    assert status in ("", caught.value.status)
    assert wire.fired() == 1


def test_pubsub_has_one_event_refused(wire: Wire) -> None:
    wire.control.add_fault({"on": "pubsub.publish", "error": "LIMIT_EXCEEDED", "records": {"first": 1}})
    results = wire.pubsub.publish("1", "2")
    assert [result.HasField("error") for result in results] == [True, False]
    stream = wire.pubsub.subscribe(preset=EARLIEST)
    assert numbers(wire, stream, 1) == ["2"]
    stream.cancel()


# -- change events


CHANGES = "/data/AccountChangeEvent"


def test_cometd_brings_a_gap_event_in_the_place_of_a_change(wire: Wire) -> None:
    wire.bayeux.ready(CHANGES)
    wire.fault(CONNECT, {"drop": "gap"}, where={"channel": "/data/*"})
    wire.rename("A", "B")
    first, second = (message["data"] for message in wire.bayeux.connect() if "data" in message)
    assert set(first["payload"]) == {"ChangeEventHeader"}
    assert first["payload"]["ChangeEventHeader"]["changeType"] == "GAP_CREATE"
    assert second["payload"]["ChangeEventHeader"]["changeType"] == "CREATE"
    assert second["payload"]["Name"] == "B"


def test_pubsub_brings_a_gap_event_in_the_place_of_a_change(wire: Wire) -> None:
    wire.fault(SUBSCRIBE, {"drop": "gap"}, where={"sobject": "Account"})
    wire.rename("A", "B")
    stream = wire.pubsub.subscribe(CHANGES, preset=EARLIEST)
    events = stream.events(2)
    first, second = map(wire.pubsub.decode, events)
    stream.cancel()
    assert first["ChangeEventHeader"]["changeType"] == "GAP_CREATE"
    assert {name for name, value in first.items() if value is not None} == {"ChangeEventHeader"}
    assert (second["ChangeEventHeader"]["changeType"], second["Name"]) == ("CREATE", "B")
    again = wire.pubsub.subscribe(CHANGES, preset=CUSTOM, replay_id=events[0].replay_id)
    assert wire.pubsub.decode(again.events(1)[0])["Name"] == "B"
    again.cancel()


def test_a_change_event_has_another_schema(wire: Wire) -> None:
    wire.fault(SUBSCRIBE, "schema", when={"skip": 1, "times": 1})
    wire.rename("A", "B")
    stream = wire.pubsub.subscribe(CHANGES, preset=EARLIEST)
    events = stream.events(2)
    stream.cancel()
    assert events[0].event.schema_id != events[1].event.schema_id
    assert [wire.pubsub.decode(event)["Name"] for event in events] == ["A", "B"]
