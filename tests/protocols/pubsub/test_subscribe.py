"""Subscribe: flow control, replay, keep-alives, and how a stream ends."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.control.client import ControlClient
from mock_server.protocols.pubsub.courier import Courier
from tests.conftest import Rest
from tests.protocols.pubsub.client import CUSTOM, EARLIEST, TOPIC, PubSub, Refused


def numbers(pubsub: PubSub, events: list[Any]) -> list[str]:
    return [pubsub.decode(event)["Number__c"] for event in events]


def refusal(pubsub: PubSub, **first: Any) -> Refused:
    return pubsub.stream("Subscribe", **{"topic_name": TOPIC, "num_requested": 1, **first}).refusal()


def test_an_event_comes_as_it_was_published(pubsub: PubSub, rest: Rest) -> None:
    stream = pubsub.subscribe(preset=EARLIEST, count=5)
    sent = {"Number__c": "A-1", "Amount__c": 12.5, "When__c": "2026-03-01T10:00:00Z", "Day__c": "2026-03-01"}
    made = rest.post("/sobjects/Order__e", json=sent).json()
    (event,) = stream.events(1)
    assert event.event.id in (made["id"], made["errors"][0]["message"] if made["errors"] else None)
    assert len(event.replay_id) == 8
    values = pubsub.decode(event)
    assert values.pop("CreatedDate") > 1_700_000_000_000
    assert values.pop("CreatedById") == pubsub.org.user_id
    assert values == {
        "Number__c": "A-1",
        "Amount__c": 12.5,
        "When__c": 1_772_359_200_000,
        "Day__c": 1_772_323_200_000,
        "Urgent__c": False,
    }


def test_never_more_comes_than_was_asked_for_and_requests_add_up(pubsub: PubSub) -> None:
    pubsub.publish(*"abcdefg")
    stream = pubsub.subscribe(preset=EARLIEST, count=3)
    first = stream.next()
    assert (numbers(pubsub, first.events), first.pending_num_requested) == (["a", "b", "c"], 0)
    assert first.latest_replay_id == first.events[-1].replay_id
    stream.send(num_requested=2)
    assert numbers(pubsub, stream.events(2)) == ["d", "e"]
    stream.send(topic_name=TOPIC, num_requested=2, replay_preset=EARLIEST)  # a later preset says nothing
    assert numbers(pubsub, stream.events(2)) == ["f", "g"]
    stream.send(num_requested=2)
    stream.send(num_requested=3)
    # The second request may be heard before or after the next event: what both ask for is counted in the end.
    pubsub.publish(*"hijklm")
    got: list[Any] = []
    while len(got) < 5:
        answer = stream.next()
        got += answer.events
    assert (numbers(pubsub, got), answer.pending_num_requested) == (list("hijkl"), 0)
    stream.send(num_requested=1)
    assert numbers(pubsub, stream.events(1)) == ["m"]


def test_a_request_counts_for_100_events_at_the_most(pubsub: PubSub) -> None:
    stream = pubsub.subscribe(count=250, preset=EARLIEST)
    event = pubsub.event(Number__c="x")
    pubsub.call("Publish", topic_name=TOPIC, events=[event] * 120)
    got = 0
    while got < 100:
        answer = stream.next()
        got += len(answer.events)
    assert (got, answer.pending_num_requested) == (100, 0)
    stream.send(num_requested=30)
    assert len(stream.events(20)) == 20


def test_replay_begins_behind_an_id_at_the_start_or_at_the_tip(pubsub: PubSub, control: ControlClient) -> None:
    first, second, third = pubsub.publish("1", "2", "3")
    told = [int.from_bytes(one.replay_id, "big") for one in (first, second, third)]
    assert told == sorted(told)
    stream = pubsub.subscribe(preset=CUSTOM, replay_id=first.replay_id)
    assert [event.replay_id for event in stream.events(2)] == [second.replay_id, third.replay_id]
    longer = pubsub.subscribe(preset=CUSTOM, replay_id=second.replay_id + b"\0\0")
    assert numbers(pubsub, longer.events(1)) == ["3"]
    tip = pubsub.subscribe()
    tip.send(num_requested=1)
    pubsub.begun(control, 3)
    pubsub.publish("4")
    assert numbers(pubsub, tip.events(1)) == ["4"]


@pytest.mark.parametrize(
    ("first", "status", "code"),
    [
        ({"num_requested": 0}, "INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid"),
        ({"num_requested": -5}, "INVALID_ARGUMENT", "subscription.fetch.requested.events.invalid"),
        ({"topic_name": ""}, "INVALID_ARGUMENT", "topic.validation.empty"),
        ({"topic_name": "/event/None__e"}, "NOT_FOUND", "topic.not.found"),
        ({"topic_name": "/u/None"}, "NOT_FOUND", "topic.not.found"),
        ({"replay_preset": CUSTOM}, "INVALID_ARGUMENT", "subscription.fetch.replayid.validation.failed"),
        ({"replay_preset": 7}, "INVALID_ARGUMENT", "subscription.fetch.request.invalid"),
        ({"replay_preset": CUSTOM, "replay_id": b"123"}, "INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted"),
        (
            {"replay_preset": CUSTOM, "replay_id": b"\0\0\0\0\0\1\0\0"},
            "INVALID_ARGUMENT",
            "subscription.fetch.replayid.corrupted",
        ),
        (
            {"replay_preset": CUSTOM, "replay_id": (-1).to_bytes(8, "big", signed=True)},
            "INVALID_ARGUMENT",
            "subscription.fetch.replayid.corrupted",
        ),
        ({"auth_refresh": "nonsense"}, "UNAUTHENTICATED", "service.auth.refresh.invalid"),
    ],
)
def test_what_no_subscription_can_ask(pubsub: PubSub, first: dict[str, Any], status: str, code: str) -> None:
    refused = refusal(pubsub, **first)
    assert (refused.status, refused.code) == (status, code)
    assert refused.text.endswith(f"rpcId: {refused.trailers['rpc-id']}")


@pytest.mark.parametrize("told", [b"12345678", b"-1", b"-2", b"\xff" * 8, b"\0" * 9, b"\0" * 8 + b"\1\0"])
def test_bytes_that_were_never_told_are_no_replay_id(pubsub: PubSub, told: bytes) -> None:
    pubsub.publish("1")
    refused = refusal(pubsub, replay_preset=CUSTOM, replay_id=told)
    assert (refused.status, refused.code) == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")
    assert refused.text.startswith("The Replay ID validation failed. Ensure that the Replay ID is valid. rpcId: ")


def test_where_to_begin_is_said_once(pubsub: PubSub) -> None:
    first, _ = pubsub.publish("1", "2")
    stream = pubsub.subscribe(preset=EARLIEST, count=1)
    assert numbers(pubsub, stream.events(1)) == ["1"]
    stream.send(topic_name=TOPIC, num_requested=1, replay_preset=EARLIEST)
    assert numbers(pubsub, stream.events(1)) == ["2"]
    stream.send(num_requested=2, replay_preset=CUSTOM, replay_id=first.replay_id)
    pubsub.publish("3")
    assert numbers(pubsub, stream.events(1)) == ["3"]


@pytest.mark.parametrize(
    ("second", "code"),
    [
        ({"num_requested": 0}, "subscription.fetch.requested.events.invalid"),
        ({"num_requested": 1, "topic_name": "/event/Other__e"}, "subscription.fetch.topic.mismatch"),
    ],
)
def test_a_wrong_later_request_ends_the_stream(pubsub: PubSub, second: dict[str, Any], code: str) -> None:
    stream = pubsub.subscribe()
    stream.send(**second)
    refused = stream.refusal()
    assert (refused.status, refused.code) == ("INVALID_ARGUMENT", code)


def test_an_id_is_good_as_long_as_its_event_is_retained(pubsub: PubSub, control: ControlClient) -> None:
    first, _ = pubsub.publish("1", "2")
    control.advance(71 * 3600)
    # Sessions expire meanwhile.
    pubsub = PubSub(pubsub.channel, control.org(pubsub.org.id))
    assert numbers(pubsub, pubsub.subscribe(preset=CUSTOM, replay_id=first.replay_id).events(1)) == ["2"]
    pubsub.publish("3")
    control.advance(2 * 3600)
    fresh = PubSub(pubsub.channel, control.org(pubsub.org.id))
    gone = fresh.subscribe(preset=CUSTOM, replay_id=first.replay_id).refusal()
    assert (gone.status, gone.code) == ("INVALID_ARGUMENT", "subscription.fetch.replayid.corrupted")
    assert numbers(fresh, fresh.subscribe(preset=EARLIEST).events(1)) == ["3"]


def test_a_quiet_stream_tells_the_newest_id_within_270_seconds(pubsub: PubSub, control: ControlClient) -> None:
    stream = pubsub.subscribe(count=7)
    pubsub.begun(control)
    (elsewhere,) = pubsub.publish("1")
    (event,) = stream.events(1)
    assert event.replay_id == elsewhere.replay_id
    control.advance(271)
    quiet = stream.next()
    assert (list(quiet.events), quiet.pending_num_requested) == ([], 6)
    assert quiet.latest_replay_id == event.replay_id
    again = pubsub.subscribe(preset=CUSTOM, replay_id=quiet.latest_replay_id)
    pubsub.begun(control, 2)
    control.advance(271)
    assert stream.next().latest_replay_id == again.next().latest_replay_id


def test_a_stream_that_asks_for_nothing_more_is_closed_after_a_minute(pubsub: PubSub, control: ControlClient) -> None:
    pubsub.publish("1")
    stream = pubsub.subscribe(preset=EARLIEST, count=1)
    assert stream.next().pending_num_requested == 0
    control.advance(59)
    stream.send(num_requested=1)
    pubsub.publish("2")
    assert stream.next().pending_num_requested == 0
    control.advance(61)
    assert stream.refusal().status == "DEADLINE_EXCEEDED"


def test_a_client_that_has_said_all_gets_what_there_is(pubsub: PubSub) -> None:
    pubsub.publish("1", "2")
    stream = pubsub.subscribe(preset=EARLIEST, count=9)
    stream.close()
    assert numbers(pubsub, stream.events(2)) == ["1", "2"]
    with pytest.raises(StopIteration):
        stream.next()


@pytest.mark.parametrize("how", ["expired", "timed out"])
def test_a_session_that_ends_takes_the_stream_with_it(pubsub: PubSub, control: ControlClient, how: str) -> None:
    stream = pubsub.subscribe()
    pubsub.begun(control)
    if how == "expired":
        control.expire_tokens()
    else:
        control.advance(3 * 3600)
    refused = stream.refusal()
    assert (refused.status, refused.code) == ("UNAUTHENTICATED", "service.auth.error")


def test_another_token_keeps_a_stream_alive(pubsub: PubSub, control: ControlClient) -> None:
    stream = pubsub.subscribe(count=1)
    pubsub.begun(control)
    pubsub.publish("1")
    assert stream.events(1)
    old, fresh = pubsub.org.access_token, control.org(pubsub.org.id).access_token
    stream.send(num_requested=5, auth_refresh=fresh)
    pubsub.metadata = [("accesstoken", fresh), *pubsub.metadata[1:]]
    pubsub.publish("2")
    assert stream.events(1)
    control.expire_tokens(old)
    pubsub.publish("3")
    assert numbers(pubsub, stream.events(1)) == ["3"]
    # The one that keeps it alive ends it, and at once: the clock stands still.
    control.expire_tokens(fresh)
    assert stream.refusal().code == "service.auth.error"


def test_deliveries_count_against_the_orgs_allocation(pubsub: PubSub, control: ControlClient) -> None:
    control.set_limit("DailyDeliveredPlatformEvents", remaining=3)
    stream, other = pubsub.subscribe(count=9), pubsub.subscribe(count=9)
    pubsub.begun(control, 2)
    pubsub.publish("1", "2", "3", "4")
    refused = {stream.refusal().code, other.refusal().code}
    assert refused == {"subscription.limit.exceeded"}
    again = pubsub.subscribe(preset=EARLIEST).refusal()
    assert again.text.startswith("You have exceeded the event delivery limit for your org.")
    assert (again.status, control.limits()["DailyDeliveredPlatformEvents"]["Remaining"]) == ("RESOURCE_EXHAUSTED", 0)


def test_the_journal_has_what_a_stream_asked_for_and_got(pubsub: PubSub, control: ControlClient) -> None:
    stream = pubsub.subscribe(preset=EARLIEST, count=2)
    pubsub.publish("1")
    (event,) = stream.events(1)
    control.advance(271)
    stream.next()
    stream.close()
    with pytest.raises(StopIteration):
        stream.next()
    (entry,) = [one for one in control.journal() if one["operation"] == "pubsub.subscribe"]
    notes = [(note["what"], note["replay_id"], note["asked"]) for note in entry["events"]]
    number = int.from_bytes(event.replay_id, "big")
    assert notes == [
        ("subscribed", -2, None), ("fetched", None, 2), ("delivered", number, None), ("announced", number, None),
    ]  # fmt: skip
    assert {note["channel"] for note in entry["events"]} == {TOPIC}
    assert (entry["status"], entry["outcome"]) == (200, "answered")


def test_two_subscribers_each_have_all_events(pubsub: PubSub) -> None:
    streams = [pubsub.subscribe(preset=EARLIEST) for _ in range(5)]
    pubsub.publish("1", "2")
    assert [numbers(pubsub, stream.events(2)) for stream in streams] == [["1", "2"]] * 5


def test_large_events_come_in_several_answers(pubsub: PubSub, server: Any) -> None:
    made = server.control.create_org(
        objects={"Long__e": {"fields": {"Text__c": {"type": "longtextarea", "length": 131072}}}}
    )
    own = PubSub(pubsub.channel, made)
    schema_id = own.call("GetTopic", topic_name="/event/Long__e").schema_id
    event = own.event("/event/Long__e", Text__c="x" * 130_000)
    assert event.schema_id == schema_id
    for _ in range(3):
        results = own.call("Publish", topic_name="/event/Long__e", events=[event] * 20).results
        assert not any(result.HasField("error") for result in results)
    stream = own.subscribe("/event/Long__e", preset=EARLIEST)
    sizes = [stream.next().ByteSize() for _ in range(3)]
    assert max(sizes) < 4 * 1024 * 1024
    stream.cancel()
    server.control.delete_org(made.id)


def test_a_channel_that_is_deleted_ends_its_streams(pubsub: PubSub, rest: Rest) -> None:
    tools = "/tooling/sobjects"
    channel = {"FullName": "Mine__chn", "Metadata": {"channelType": "event", "label": "Mine"}}
    made = rest.post(f"{tools}/PlatformEventChannel", json=channel).json()["id"]
    member = {
        "FullName": "Mine_chn_Order_e",
        "Metadata": {"eventChannel": "Mine__chn", "selectedEntity": "Order__e"},
    }
    part = rest.post(f"{tools}/PlatformEventChannelMember", json=member).json()["id"]
    stream = pubsub.subscribe("/event/Mine__chn", preset=EARLIEST)
    pubsub.publish("1")
    assert numbers(pubsub, stream.events(1)) == ["1"]
    for path in (f"PlatformEventChannelMember/{part}", f"PlatformEventChannel/{made}"):
        assert rest.delete(f"{tools}/{path}").status_code == 204
    pubsub.publish("2")
    refused = stream.refusal()
    assert (refused.status, refused.code) == ("NOT_FOUND", "topic.not.found")


def test_an_org_that_is_deleted_ends_its_streams(pubsub: PubSub, server: Any) -> None:
    made = server.control.create_org(objects={"Order__e": {"fields": {"A__c": {"type": "text", "length": 9}}}})
    stream = PubSub(pubsub.channel, made).subscribe(preset=EARLIEST)
    pubsub.begun(server.control.for_org(made.id))
    server.control.delete_org(made.id)
    assert stream.refusal().status == "UNAVAILABLE"


def test_a_stream_that_was_woken_comes_to_rest(pubsub: PubSub, rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    turns = []
    turn = Courier._turn

    async def counted(self: Courier) -> bool:
        turns.append(self)
        return await turn(self)

    monkeypatch.setattr(Courier, "_turn", counted)
    stream = pubsub.subscribe(preset=EARLIEST)
    pubsub.publish("a")
    stream.events(1)
    stream.send(num_requested=1)
    for _ in range(50):
        # As many occasions for the server's loop to turn.
        assert rest.get("/limits").status_code == 200
    assert len(turns) < 10
