"""Managed subscriptions: who reads them, from where, and what is committed."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from mock_server.api import Server
from mock_server.control.client import ControlClient
from tests.conftest import Rest
from tests.protocols.pubsub.client import ORDER, TOPIC, PubSub, Stream, connect

OBJECT = "/services/data/v60.0/tooling/sobjects/ManagedEventSubscription"


@pytest.fixture
def managed(rest: Rest) -> str:
    """The id of a subscription that begins at the start of what is retained."""
    made = rest.post(
        OBJECT,
        json={
            "DeveloperName": "Mine", "MasterLabel": "Mine", "TopicName": TOPIC, "DefaultReplay": "EARLIEST",
            "ErrorRecoveryReplay": "EARLIEST", "State": "RUN",
        },
    )  # fmt: skip
    assert made.status_code == 201, made.text
    return str(made.json()["id"])


def open_stream(pubsub: PubSub, **first: Any) -> Stream:
    return pubsub.stream("ManagedSubscribe", **({"developer_name": "Mine", "num_requested": 9} | first))


def numbers(pubsub: PubSub, events: list[Any]) -> list[str]:
    return [pubsub.decode(event)["Number__c"] for event in events]


def commit(stream: Stream, replay_id: bytes, name: str = "c") -> Any:
    stream.send(commit_replay_id_request={"commit_request_id": name, "replay_id": replay_id})
    while True:
        answer = stream.next()
        if answer.HasField("commit_response"):
            return answer.commit_response


def test_the_next_client_goes_on_behind_what_was_committed(
    pubsub: PubSub, managed: str, control: ControlClient
) -> None:
    pubsub.publish("1", "2", "3")
    stream = open_stream(pubsub)
    events = stream.events(3)
    told = commit(stream, events[1].replay_id, "my name")
    assert (told.commit_request_id, told.replay_id, told.HasField("error")) == ("my name", events[1].replay_id, False)
    assert told.process_time == pytest.approx(control.clock().now * 1000, abs=60_000)
    stream.close()
    with pytest.raises(StopIteration):
        stream.next()
    again = open_stream(pubsub, developer_name="", subscription_id=managed)
    assert numbers(pubsub, again.events(1)) == ["3"]
    notes = [note for entry in control.journal() for note in entry["events"]]
    assert [note["replay_id"] for note in notes if note["what"] == "committed"] == [
        int.from_bytes(events[1].replay_id, "big")
    ]


def test_one_client_at_a_time(pubsub: PubSub, managed: str) -> None:
    pubsub.publish("1")
    first = open_stream(pubsub)
    first.events(1)
    refused = open_stream(pubsub, developer_name="", subscription_id=managed[:15]).refusal()
    assert (refused.status, refused.code) == ("ALREADY_EXISTS", "managed.subscription.already.active")
    assert refused.text.startswith("An active managed subscription with the same ID already exists. If a previous ")
    first.close()
    with pytest.raises(StopIteration):
        first.next()
    assert open_stream(pubsub).events(1)


def test_a_slot_is_held_after_a_connection_that_broke(
    server: Server, pubsub: PubSub, managed: str, control: ControlClient
) -> None:
    pubsub.publish("1", "2")
    control.add_fault({"on": "pubsub.managed_subscribe", "event": {"disconnect": 1}, "when": {"times": 1}})
    with connect(server) as own:
        assert open_stream(PubSub(own, pubsub.org)).refusal().status == "UNAVAILABLE"
    assert open_stream(pubsub).refusal().code == "managed.subscription.already.active"
    control.advance(16 * 60)
    assert len(open_stream(pubsub).events(2)) == 2


def test_a_stream_without_commits_is_closed_after_1800_seconds(
    pubsub: PubSub, managed: str, control: ControlClient
) -> None:
    pubsub.publish("1")
    stream = open_stream(pubsub)
    (event,) = stream.events(1)
    control.advance(1790)
    commit(stream, event.replay_id)
    control.advance(1790)
    commit(stream, event.replay_id)
    control.advance(1801)
    refused = stream.refusal()
    assert refused.status == "DEADLINE_EXCEEDED"
    assert refused.text == "No CommitReplayRequests sent in the last 1800 seconds. Closing managed subscription."
    pubsub.publish("2")
    assert open_stream(pubsub).events(1)


def test_commits_that_fail_leave_the_stream_open(pubsub: PubSub, managed: str) -> None:
    pubsub.publish("1", "2", "3")
    stream = open_stream(pubsub, num_requested=2)
    first, second = stream.events(2)
    later = (int.from_bytes(second.replay_id, "big") + 1000).to_bytes(8, "big")
    assert [commit(stream, told).HasField("error") for told in (b"", b"12", later)] == [True] * 3
    assert not commit(stream, second.replay_id).HasField("error")
    assert commit(stream, first.replay_id).error.code == 2
    stream.send(num_requested=1)
    assert numbers(pubsub, stream.events(1)) == ["3"]


def test_the_answer_to_a_commit_comes_apart_from_events(pubsub: PubSub, managed: str) -> None:
    pubsub.publish("1", "2")
    stream = open_stream(pubsub, num_requested=1)
    (event,) = stream.events(1)
    stream.send(num_requested=1, commit_replay_id_request={"commit_request_id": "c", "replay_id": event.replay_id})
    told = [stream.next(), stream.next()]
    # Clients that commit every response which is no answer to a commit would pass over events that come with one.
    assert sorted((len(one.events), one.HasField("commit_response")) for one in told) == [(0, True), (1, False)]


def test_what_was_told_can_be_committed_though_an_event_came_since(server: Server, channel: grpc.Channel) -> None:
    org = server.control.create_org(objects={**ORDER, "Other__e": ORDER["Order__e"]}, clock="virtual")
    control, pubsub = server.control.for_org(org.id), PubSub(channel, org)
    row = {"DeveloperName": "Mine", "MasterLabel": "Mine", "TopicName": TOPIC, "DefaultReplay": "EARLIEST"}
    control.seed("ManagedEventSubscription", [row])
    pubsub.publish("1")
    stream = open_stream(pubsub, num_requested=1)
    (event,) = stream.events(1)
    (elsewhere,) = pubsub.publish("x", topic="/event/Other__e")
    stream.send(commit_replay_id_request={"commit_request_id": "c", "replay_id": event.replay_id})
    newest = stream.next().latest_replay_id
    assert newest == elsewhere.replay_id
    pubsub.publish("2")
    assert not commit(stream, newest).HasField("error")
    stream.close()
    with pytest.raises(StopIteration):
        stream.next()
    assert numbers(pubsub, open_stream(pubsub).events(1)) == ["2"]
    server.control.delete_org(org.id)


def test_what_was_committed_too_long_ago_begins_anew(pubsub: PubSub, managed: str, control: ControlClient) -> None:
    pubsub.publish("1")
    stream = open_stream(pubsub)
    commit(stream, stream.events(1)[0].replay_id)
    stream.close()
    with pytest.raises(StopIteration):
        stream.next()
    control.advance(80 * 3600)
    fresh = PubSub(pubsub.channel, control.org(pubsub.org.id))
    fresh.publish("2")
    assert numbers(fresh, open_stream(fresh).events(1)) == ["2"]


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        ({"developer_name": ""}, "INVALID_ARGUMENT", "id.or.developer.name.empty"),
        ({"subscription_id": "18x000000000001"}, "INVALID_ARGUMENT", "id.or.developer.name.empty"),
        ({"developer_name": "None"}, "NOT_FOUND", "developer.name.not.found"),
        ({"developer_name": "", "subscription_id": "18x"}, "INVALID_ARGUMENT", "subscription.id.invalid"),
        ({"developer_name": "", "subscription_id": "18x000000000009"}, "NOT_FOUND", "subscription.id.not.found"),
        ({"num_requested": -1}, "INVALID_ARGUMENT", "fetch.request.events.invalid"),
        (
            {"commit_replay_id_request": {"replay_id": b"1"}},
            "INVALID_ARGUMENT",
            "fetch.request.commit.request.restricted",
        ),
        ({"auth_refresh": "x"}, "INVALID_ARGUMENT", "fetch.request.auth.request.restricted"),
    ],
)
def test_what_no_first_request_can_say(
    pubsub: PubSub, managed: str, first: dict[str, Any], status: str, code: str
) -> None:
    refused = open_stream(pubsub, **first).refusal()
    assert (refused.status, refused.code) == (status, f"managed.subscription.{code}")


def test_a_later_request_says_something(pubsub: PubSub, managed: str) -> None:
    stream = open_stream(pubsub)
    stream.send(developer_name="Mine")
    assert stream.refusal().code == "managed.subscription.fetch.request.invalid"


def test_a_stopped_or_deleted_subscription_is_read_by_nobody(pubsub: PubSub, managed: str, rest: Rest) -> None:
    pubsub.publish("1")
    stream = open_stream(pubsub)
    stream.events(1)
    assert rest.patch(f"{OBJECT}/{managed}", json={"State": "STOP"}).status_code == 204
    pubsub.publish("2")
    assert stream.refusal().code == "managed.subscription.config.stopped"
    refused = open_stream(pubsub).refusal()
    assert (refused.status, refused.code) == ("FAILED_PRECONDITION", "managed.subscription.config.stopped")
    assert rest.delete(f"{OBJECT}/{managed}").status_code == 204
    assert open_stream(pubsub).refusal().code == "managed.subscription.developer.name.not.found"


def test_they_are_seeded_like_any_record(pubsub: PubSub, control: ControlClient) -> None:
    (made,) = control.seed(
        "ManagedEventSubscription",
        [{"DeveloperName": "Seeded", "MasterLabel": "Seeded", "TopicName": TOPIC, "DefaultReplay": "EARLIEST"}],
    )
    pubsub.publish("1")
    assert open_stream(pubsub, developer_name="", subscription_id=made).events(1)


def test_the_metadata_of_a_record_says_what_its_fields_do(rest: Rest, pubsub: PubSub) -> None:
    metadata = {"label": "By metadata", "topicName": TOPIC, "defaultReplay": "EARLIEST", "state": "RUN"}
    made = rest.post(OBJECT, json={"FullName": "ByMetadata", "Metadata": metadata})
    assert made.status_code == 201, made.text
    pubsub.publish("1")
    assert open_stream(pubsub, developer_name="ByMetadata").events(1)
    soql = "SELECT DeveloperName, TopicName, Metadata FROM ManagedEventSubscription"
    rest.patch(f"{OBJECT}/{made.json()['id']}", json={"State": "STOP"})
    (record,) = rest.get("/tooling/query", params={"q": soql}).json()["records"]
    assert (record["DeveloperName"], record["TopicName"]) == ("ByMetadata", TOPIC)
    assert record["Metadata"] == {**metadata, "errorRecoveryReplay": "LATEST", "state": "STOP"}


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"topicName": "/event/None__e"}, "FIELD_INTEGRITY_EXCEPTION", "TopicName"),
        ({"topicName": "/topic/None"}, "FIELD_INTEGRITY_EXCEPTION", "TopicName"),
        ({"topicName": "/data/None__chn"}, "FIELD_INTEGRITY_EXCEPTION", "TopicName"),
        ({"defaultReplay": "CUSTOM"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "DefaultReplay"),
        ({"state": "PAUSE"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "State"),
        ({"FullName": "Mine"}, "DUPLICATE_VALUE", "DeveloperName"),
        ({"FullName": "not a name"}, "FIELD_INTEGRITY_EXCEPTION", "DeveloperName"),
    ],
)
def test_a_subscription_that_nobody_could_read_is_refused(
    rest: Rest, managed: str, wrong: dict[str, str], code: str, field: str
) -> None:
    metadata = {"label": "L", "topicName": TOPIC, "defaultReplay": "EARLIEST", "state": "RUN"}
    said = {name: value for name, value in wrong.items() if name != "FullName"}
    made = rest.post(OBJECT, json={"FullName": wrong.get("FullName", "Other"), "Metadata": {**metadata, **said}})
    assert made.status_code == 400
    (error,) = made.json()
    assert (error["errorCode"], error["fields"]) == (code, [field])


@pytest.mark.parametrize("topic", ["/data/ChangeEvents", "/data/AccountChangeEvent"])
def test_a_subscription_may_be_one_to_changes(rest: Rest, managed: str, topic: str) -> None:
    assert rest.patch(f"{OBJECT}/{managed}", json={"TopicName": topic, "DeveloperName": "Mine"}).status_code == 204
