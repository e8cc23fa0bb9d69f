"""Publish and PublishStream: results event by event, and what ends a call as a whole."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import fastavro
import pytest

from mock_server.control.client import ControlClient
from mock_server.protocols.pubsub.messages import api
from tests.conftest import Rest
from tests.protocols.pubsub.client import EARLIEST, TOPIC, PubSub, Refused


def test_each_event_has_its_own_result(pubsub: PubSub) -> None:
    good = pubsub.event(id="mine", Number__c="1")
    events = [
        good,
        api.ProducerEvent(id="foreign", schema_id="AAAAAAAAAAAAAAAAAAAAAA", payload=good.payload),
        api.ProducerEvent(id="broken", schema_id=good.schema_id, payload=good.payload[:5]),
        api.ProducerEvent(id="too much", schema_id=good.schema_id, payload=good.payload + b"x"),
        pubsub.event(id="long", Number__c="x" * 21),
        pubsub.event(Number__c="2"),
    ]
    answer = pubsub.call("Publish", topic_name=TOPIC, events=events)
    told = [(one.correlation_key, one.HasField("error"), bool(one.replay_id)) for one in answer.results]
    assert told[:5] == [
        ("mine", False, True), ("foreign", True, False), ("broken", True, False), ("too much", True, False),
        ("long", True, False),
    ]  # fmt: skip
    assert all(one.error.code == api.PUBLISH for one in answer.results if one.HasField("error"))
    assert answer.results[4].error.msg.startswith("STRING_TOO_LONG")
    assert answer.schema_id == good.schema_id
    stream = pubsub.subscribe(preset=EARLIEST)
    first, second = stream.events(2)
    assert (first.replay_id, second.replay_id) == (answer.results[0].replay_id, answer.results[5].replay_id)
    # Where the publisher names none, an event is known by its EventUuid.
    assert answer.results[5].correlation_key == second.event.id


def test_the_platform_says_who_published_and_when(pubsub: PubSub, control: ControlClient) -> None:
    stream = pubsub.subscribe(preset=EARLIEST)
    pubsub.call("Publish", topic_name=TOPIC, events=[pubsub.event(CreatedDate=1, CreatedById="005000000000000AAA")])
    values = pubsub.decode(stream.events(1)[0])
    assert values["CreatedById"] == pubsub.org.user_id
    assert abs(values["CreatedDate"] / 1000 - control.clock().now) < 60


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300])
def test_numbers_that_are_none_are_results_and_nothing_worse(pubsub: PubSub, value: float) -> None:
    answer = pubsub.call("Publish", topic_name=TOPIC, events=[pubsub.event(Amount__c=value)])
    assert answer.results[0].error.code == api.PUBLISH


@pytest.mark.parametrize("value", [2**62, -(2**62)])
def test_so_are_moments_beyond_all_calendars(pubsub: PubSub, value: int) -> None:
    answer = pubsub.call("Publish", topic_name=TOPIC, events=[pubsub.event(When__c=value)])
    assert answer.results[0].error.code == api.PUBLISH


def test_a_schema_that_was_changed_goes_on_being_read(pubsub: PubSub, server: Any, control: ControlClient) -> None:
    old = pubsub.event(Number__c="old")
    control.add_fault({"on": "pubsub.subscribe", "event": "schema", "when": {"times": 1}})
    stream = pubsub.subscribe(preset=EARLIEST)
    pubsub.publish("1")
    (event,) = stream.events(1)
    new_id = pubsub.call("GetTopic", topic_name=TOPIC).schema_id
    assert event.event.schema_id == new_id != old.schema_id
    assert pubsub.decode(event)["Number__c"] == "1"
    (result,) = pubsub.call("Publish", topic_name=TOPIC, events=[old]).results
    assert not result.HasField("error")
    assert pubsub.decode(stream.events(1)[0])["Number__c"] == "old"


def test_sizes(pubsub: PubSub) -> None:
    event = pubsub.event(Number__c="1")
    huge = api.ProducerEvent(id="huge", schema_id=event.schema_id, payload=b"\0" * (1024 * 1024 + 1))
    results = pubsub.call("Publish", topic_name=TOPIC, events=[huge, event]).results
    assert [one.HasField("error") for one in results] == [True, False]
    for payload in (4 * 1024 * 1024, 9 * 1024 * 1024):
        over = api.ProducerEvent(schema_id=event.schema_id, payload=b"\0" * payload)
        with pytest.raises(Refused) as caught:
            pubsub.call("Publish", topic_name=TOPIC, events=[over])
        assert (caught.value.status, caught.value.text) == (
            "UNAVAILABLE",
            "upstream connect error or disconnect/reset before headers. reset reason: remote reset",
        )
        assert caught.value.code == ""


def test_what_is_advised_is_no_limit(pubsub: PubSub) -> None:
    """Salesforce advises 200 events and 3 MB a request, and takes more."""
    event, long = pubsub.event(Number__c="1"), pubsub.event(Number__c="x" * 21)
    results = pubsub.call("Publish", topic_name=TOPIC, events=[*[event] * 220, long, *[event] * 230]).results
    assert [place for place, one in enumerate(results) if one.HasField("error")] == [220]
    told = [one.replay_id for one in results if one.replay_id]
    assert len(told) == len(set(told)) == 450
    assert told == sorted(told)
    large = api.ProducerEvent(schema_id=event.schema_id, payload=b"\0" * 1024 * 900)
    results = pubsub.call("Publish", topic_name=TOPIC, events=[large] * 4).results
    # They are no Avro; but the request has got so far as to be told.
    assert [one.error.code for one in results] == [api.PUBLISH] * 4


def test_a_stream_publishes_batch_by_batch(pubsub: PubSub) -> None:
    stream = pubsub.stream("PublishStream", topic_name=TOPIC, events=[pubsub.event(Number__c="1")])
    assert len(stream.next().results) == 1
    stream.send(events=[pubsub.event(Number__c="2"), pubsub.event(Number__c="3")])
    stream.send(topic_name=TOPIC, events=[pubsub.event(Number__c="4")])
    assert [len(stream.next().results) for _ in range(2)] == [2, 1]
    stream.close()
    with pytest.raises(StopIteration):
        stream.next()
    got = pubsub.subscribe(preset=EARLIEST).events(4)
    assert [pubsub.decode(event)["Number__c"] for event in got] == ["1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("requests", "status", "code"),
    [
        ([{}], "INVALID_ARGUMENT", "publish.topic.validation.empty"),
        ([{"topic_name": TOPIC}], "INVALID_ARGUMENT", "publish.event.count.invalid"),
        ([{"topic_name": "/event/None__e"}], "NOT_FOUND", "topic.not.found"),
        ([{"topic_name": TOPIC, "auth_refresh": "x"}], "INVALID_ARGUMENT", "publish.auth.refresh.invalid"),
        ([1, {"topic_name": "/event/None__e"}], "INVALID_ARGUMENT", "publish.topic.mismatch"),
        ([1, {}], "INVALID_ARGUMENT", "publish.event.count.invalid"),
        ([1, {"auth_refresh": "nonsense"}], "UNAUTHENTICATED", "service.auth.refresh.invalid"),
    ],
)
def test_what_no_stream_can_publish(pubsub: PubSub, requests: list[Any], status: str, code: str) -> None:
    stream = pubsub.stream("PublishStream")
    for request in requests:
        good = {"topic_name": TOPIC, "events": [pubsub.event(Number__c="1")]} if request == 1 else request
        stream.send(**good)
    refused = stream.refusal()
    assert (refused.status, refused.code) == (status, code)


def test_a_stream_that_publishes_nothing_for_70_seconds_is_closed(pubsub: PubSub, control: ControlClient) -> None:
    stream = pubsub.stream("PublishStream", topic_name=TOPIC, events=[pubsub.event(Number__c="1")])
    stream.next()
    control.advance(69)
    stream.send(events=[pubsub.event(Number__c="2")])
    stream.next()
    control.advance(71)
    refused = stream.refusal()
    assert (refused.status, refused.code) == ("DEADLINE_EXCEEDED", "publish.stream.sweeper.timeout")


def test_rows_of_a_publishing_are_in_the_journal(pubsub: PubSub, control: ControlClient) -> None:
    pubsub.publish("1", "2")
    (entry,) = [one for one in control.journal() if one["operation"] == "pubsub.publish"]
    assert [row["values"]["Number__c"] for row in entry["rows"]] == ["1", "2"]
    assert [note["what"] for note in entry["events"]] == ["published", "published"]


@pytest.mark.parametrize("topic", ["/data/ChangeEvents", "/data/AccountChangeEvent"])
def test_changes_are_published_by_nobody(pubsub: PubSub, topic: str) -> None:
    with pytest.raises(Refused) as caught:
        pubsub.call("Publish", topic_name=topic, events=[pubsub.event(Number__c="1")])
    assert caught.value.code in ("topic.meta.permission", "topic.not.found")


def test_avro_of_all_kinds_of_values_survives_the_way(pubsub: PubSub) -> None:
    stream = pubsub.subscribe(preset=EARLIEST)
    sent = {"Number__c": "é😀", "Amount__c": -0.25, "When__c": -86_400_000, "Day__c": 0, "Urgent__c": True}
    pubsub.call("Publish", topic_name=TOPIC, events=[pubsub.event(**sent)])
    values = pubsub.decode(stream.events(1)[0])
    assert {name: values[name] for name in sent} == sent


def test_schemas_are_read_by_a_reader_of_containers(pubsub: PubSub) -> None:
    schema = pubsub.schema(pubsub.call("GetTopic", topic_name=TOPIC).schema_id)
    out = BytesIO()
    fastavro.writer(out, schema, [{"CreatedDate": 1, "CreatedById": "x", "Urgent__c": False}])
    assert out.tell()


def test_a_spent_allocation_is_an_error_of_each_event(pubsub: PubSub, control: ControlClient) -> None:
    control.set_limit("HourlyPublishedPlatformEvents", remaining=1)
    results = [one for number in "123" for one in pubsub.publish(number)]
    assert [one.HasField("error") for one in results] == [False, True, True]
    assert results[1].error.msg.startswith("LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("cut", "why"),
    [
        (lambda payload: payload[:-1], "the data ends before the value of Urgent__c does"),
        (lambda payload: b"", "the data ends before the value of CreatedDate does"),
        (lambda payload: payload + b"12", "2 bytes are left over"),
    ],
)
def test_a_payload_that_is_none_is_told_in_words(pubsub: PubSub, cut: Callable[[bytes], bytes], why: str) -> None:
    event = pubsub.event(Number__c="1")
    event.payload = cut(event.payload)
    (result,) = pubsub.call("Publish", topic_name=TOPIC, events=[event]).results
    assert result.error.code == api.PUBLISH
    assert result.error.msg == f"The payload can't be decoded by the schema {event.schema_id}: {why}"


def test_rows_beyond_the_first_save_are_in_the_journal_too(pubsub: PubSub, control: ControlClient) -> None:
    control.add_fault(
        {"on": "pubsub.publish", "event": "lost", "when": {"skip": 0, "times": 1}, "records": {"every": 100}}
    )
    event = pubsub.event(Number__c="1")
    results = pubsub.call("Publish", topic_name=TOPIC, events=[event] * 450).results
    assert len(results) == 450
    (entry,) = [one for one in control.journal() if one["operation"] == "pubsub.publish"]
    assert len(entry["rows"]) == 450
    assert (
        sum(note["what"] == "published" for note in entry["events"]) + sum(s["rows"] for s in entry["strikes"]) == 450
    )


def test_whichever_door_an_event_comes_in_by_it_is_told_alike(pubsub: PubSub, rest: Rest) -> None:
    row = {"Number__c": "n", "Amount__c": 1.5, "When__c": "2026-03-01T10:00:00Z", "Day__c": "2026-03-01"}
    typed = {"attributes": {"type": "Order__e"}, **row}
    part = {"method": "POST", "url": "/services/data/v60.0/sobjects/Order__e", "referenceId": "e", "body": row}
    wrong = {**row, "Amount__c": 123_456_789_012}
    doors: list[tuple[str, Any]] = [
        ("/sobjects/Order__e", row),
        ("/composite/sobjects", {"records": [typed, {**typed, **wrong}]}),
        ("/composite/tree/Order__e", {"records": [{**typed, "attributes": {"type": "Order__e", "referenceId": "e"}}]}),
        ("/composite", {"compositeRequest": [part]}),
        ("/composite/graph", {"graphs": [{"graphId": "g", "compositeRequest": [part]}]}),
        (
            "/composite/batch",
            {"batchRequests": [{"method": "POST", "url": "v60.0/sobjects/Order__e", "richInput": row}]},
        ),
    ]
    said = [rest.post(path, json=body).text for path, body in doors]
    event = pubsub.event(Number__c="n", Amount__c=1.5, When__c=1_772_359_200_000, Day__c=1_772_323_200_000)
    said.append(pubsub.call("Publish", topic_name=TOPIC, events=[event]).results[0].correlation_key)
    told = pubsub.subscribe(preset=EARLIEST).events(len(said))
    values = [{name: value for name, value in pubsub.decode(one).items() if name != "CreatedDate"} for one in told]
    assert values == [values[0]] * len(said)
    # The one of a tree is not told what became of its row beyond an id.
    assert [one.event.id in text for one, text in zip(told, said, strict=True)] == [True, True, False, *[True] * 4]
