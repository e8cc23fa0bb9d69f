"""What faults make of calls of gRPC: statuses, broken connections, and what happens to events."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mock_server import api
from mock_server.control.client import ControlClient
from tests.protocols.pubsub.client import EARLIEST, TOPIC, PubSub, Refused, connect


def outcome(pubsub: PubSub, name: str = "GetTopic", **fields: object) -> Refused:
    with pytest.raises(Refused) as caught:
        pubsub.call(name, **({"topic_name": TOPIC} | fields))
    return caught.value


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 503}, "UNAVAILABLE"),
        ({"status": 502, "body": "<html>"}, "UNAVAILABLE"),
        ({"status": 429}, "UNAVAILABLE"),
        ({"status": 403}, "PERMISSION_DENIED"),
        ({"status": 500}, "UNKNOWN"),
        ({"error": "sfdc.platform.eventbus.grpc.service.unavailable"}, "UNAVAILABLE"),
        ({"error": "sfdc.platform.eventbus.grpc.concurrent.client.limit.exceeded"}, "RESOURCE_EXHAUSTED"),
        ({"error": "UNABLE_TO_LOCK_ROW"}, "UNAVAILABLE"),
        ({"error": "REQUEST_LIMIT_EXCEEDED"}, "RESOURCE_EXHAUSTED"),
        ({"session": "expire"}, "UNAUTHENTICATED"),
    ],
)
@pytest.mark.parametrize("call", ["unary", "stream"])
def test_a_fault_becomes_a_status(
    pubsub: PubSub, control: ControlClient, fault: dict[str, object], status: str, call: str
) -> None:
    control.add_fault({"on": "pubsub.*", "when": {"times": 1}, **fault})
    refused = outcome(pubsub) if call == "unary" else pubsub.subscribe(preset=EARLIEST).refusal()
    assert refused.status == status
    if "error" in fault:
        assert refused.code
        assert refused.trailers["rpc-id"] in refused.text


def test_headers_of_a_fault_are_trailers(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault({"on": "pubsub.*", "status": 503, "headers": {"Retry-After": 7}})
    assert outcome(pubsub).trailers["retry-after"] == "7"


@pytest.mark.parametrize("reply", ["reset", "lost", "truncated"])
@pytest.mark.parametrize("call", ["unary", "stream"])
def test_a_broken_connection_is_one(
    server: api.Server, pubsub: PubSub, control: ControlClient, reply: str, call: str
) -> None:
    event = pubsub.event(Number__c="1")
    control.add_fault({"on": ["pubsub.publish", "pubsub.publish_stream"], "reply": reply, "when": {"times": 1}})
    with connect(server) as own:
        client = PubSub(own, pubsub.org)
        if call == "unary":
            refused = outcome(client, "Publish", events=[event])
        else:
            stream = client.stream("PublishStream", topic_name=TOPIC, events=[event])
            if reply != "reset":
                stream.next()
                stream.close()
            refused = stream.refusal()
    assert refused.status == "UNAVAILABLE"
    # What was lost on its way back was done.
    stored = pubsub.stream("Subscribe", topic_name=TOPIC, num_requested=9, replay_preset=EARLIEST)
    stored.close()
    assert sum(len(answer.events) for answer in stored.call) == (0 if reply == "reset" else 1)


def test_a_latency_is_the_clocks(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault({"on": "pubsub.subscribe", "latency": "1h", "when": {"times": 1}})
    pubsub.publish("1")
    stream = pubsub.subscribe(preset=EARLIEST)
    while not any(entry["strikes"] for entry in control.journal()):
        pass
    control.advance(3601)
    assert stream.events(1)


def test_row_errors_are_results(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault({"on": "pubsub.publish", "error": "UNABLE_TO_LOCK_ROW", "records": {"every": 2}})
    results = pubsub.publish("1", "2", "3")
    assert [one.HasField("error") for one in results] == [False, True, False]
    assert results[1].error.msg.startswith("UNABLE_TO_LOCK_ROW")


def test_events_come_twice_late_never_or_not_at_all(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault({"on": "pubsub.subscribe", "event": "duplicate", "when": {"times": 1}})
    pubsub.publish("1", "2")
    stream = pubsub.subscribe(preset=EARLIEST)
    assert [pubsub.decode(event)["Number__c"] for event in stream.events(3)] == ["1", "1", "2"]


def test_a_published_event_may_be_lost(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault({"on": "pubsub.publish", "event": "lost", "when": {"times": 1}})
    (lost,) = pubsub.publish("lost")
    assert not lost.HasField("error")
    assert len(lost.replay_id) == 8
    pubsub.publish("kept")
    (event,) = pubsub.subscribe(preset=EARLIEST).events(1)
    assert pubsub.decode(event)["Number__c"] == "kept"


def test_a_stall_is_silent_until_it_is_over(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault({"on": "pubsub.subscribe", "event": {"stall": "10m"}, "when": {"times": 1}})
    pubsub.publish("1")
    stream = pubsub.subscribe(preset=EARLIEST)
    while not any(entry["strikes"] for entry in control.journal()):
        pass
    control.advance(300)
    control.advance(290)
    assert not any(note["what"] == "announced" for entry in control.journal() for note in entry["events"])
    control.advance(20)
    assert len(stream.events(1)) == 1


@pytest.mark.parametrize(
    ("event", "status"),
    [("slow", "RESOURCE_EXHAUSTED"), ("forget", "UNAVAILABLE"), ({"disconnect": 1}, "UNAVAILABLE")],
)
def test_a_subscriber_is_cut_off(
    server: api.Server, pubsub: PubSub, control: ControlClient, event: object, status: str
) -> None:
    control.add_fault({"on": "pubsub.subscribe", "event": event, "when": {"times": 1}})
    pubsub.publish("1", "2")
    with connect(server) as own:
        client = PubSub(own, pubsub.org)
        stream = client.subscribe(preset=EARLIEST)
        if isinstance(event, dict):
            assert len(stream.events(1)) == 1
        assert stream.refusal().status == status
    assert len(pubsub.subscribe(preset=EARLIEST).events(2)) == 2


@pytest.mark.parametrize("how", ["expire", "revoke"])
@pytest.mark.parametrize("managed", [False, True])
def test_a_session_ends_in_the_middle_of_a_stream(
    pubsub: PubSub, control: ControlClient, how: str, managed: bool
) -> None:
    """It is asked for at each delivery, as CometD asks for it at each connect; what was not sent is there still."""
    topic = {"DeveloperName": "Mine", "MasterLabel": "Mine", "TopicName": TOPIC, "DefaultReplay": "EARLIEST"}
    if managed:
        control.seed("ManagedEventSubscription", [topic])
        stream = pubsub.stream("ManagedSubscribe", developer_name="Mine", num_requested=50)
    else:
        stream = pubsub.subscribe(preset=EARLIEST)
    pubsub.begun(control)
    name = control.add_fault(
        {"on": ["pubsub.subscribe", "pubsub.managed_subscribe"], "session": how, "when": {"skip": 1, "times": 1}}
    )
    pubsub.publish("1")
    assert pubsub.decode(stream.events(1)[0])["Number__c"] == "1"
    # No delivery, and so nothing to ask a session for.
    control.advance(270)
    assert not stream.next().events
    publisher = PubSub(pubsub.channel, replace(pubsub.org, access_token=control.mint_token()))
    publisher.publish("2")
    refused = stream.refusal()
    assert (refused.status, refused.code) == ("UNAUTHENTICATED", "service.auth.error")
    (rule,) = control.faults()
    assert (rule.name, rule.matched, rule.fired) == (name, 2, 1)
    (entry,) = [entry for entry in control.journal() if entry["strikes"]]
    assert [(one["effect"], one["point"], one["rows"]) for one in entry["strikes"]] == [("session", "session", 0)]
    assert sum(note["what"] == "delivered" for note in entry["events"]) == 1
    if how == "revoke":
        with pytest.raises(Refused) as caught:
            pubsub.call("GetTopic", topic_name=TOPIC)
        assert caught.value.status == "UNAUTHENTICATED"
    again = publisher.subscribe(preset=EARLIEST)
    assert [publisher.decode(event)["Number__c"] for event in again.events(2)] == ["1", "2"]


def test_a_session_ends_at_deliveries_of_the_named_channel_alone(pubsub: PubSub, control: ControlClient) -> None:
    stream = pubsub.subscribe(preset=EARLIEST)
    pubsub.begun(control)
    control.add_fault({"on": "pubsub.subscribe", "session": "expire", "where": {"channel": "/data/*"}})
    pubsub.publish("1")
    assert len(stream.events(1)) == 1
    assert control.faults()[0].matched == 0


@pytest.mark.parametrize("why", ["expired", "corrupt", "foreign"])
def test_a_replay_id_may_be_refused(pubsub: PubSub, control: ControlClient, why: str) -> None:
    (first,) = pubsub.publish("1")
    control.add_fault({"on": "pubsub.subscribe", "event": {"replay": why}})
    refused = pubsub.subscribe(preset=2, replay_id=first.replay_id).refusal()
    assert (refused.status, refused.code) == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")


def test_a_stream_is_not_delivered_twice_by_the_network(control: ControlClient) -> None:
    with pytest.raises(Exception, match="stream"):
        control.add_fault({"on": "pubsub.subscribe", "reply": "duplicated"})


def test_a_publishing_is(pubsub: PubSub, control: ControlClient) -> None:
    event = pubsub.event(Number__c="1")
    control.add_fault({"on": "pubsub.publish", "reply": "duplicated", "when": {"times": 1}})
    pubsub.call("Publish", topic_name=TOPIC, events=[event])
    control.advance(2)
    events = pubsub.subscribe(preset=EARLIEST).events(2)
    assert [pubsub.decode(event)["Number__c"] for event in events] == ["1", "1"]
