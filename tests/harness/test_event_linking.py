"""Events, deliveries and effects put together; the ways in which a subject may call an event."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from harness.effects import read_effects
from harness.event_linking import Place, Seen, SinkCall, link_events
from harness.event_names import EventName, event_name
from harness.evidence import Leg, Process
from harness.happenings import Happenings
from mock_server.control.client import CommitRow

UUID = "3f2504e0-4f89-41d3-9a0c-0305e82c330{}"
CHANNEL = "/event/Order__e"


def platform(replay_id: int, **changes: Any) -> dict[str, Any]:
    return {
        "replay_id": replay_id,
        "at": float(replay_id),
        "kind": "platform",
        "name": "Order__e",
        "channels": [CHANNEL],
        "uuid": UUID.format(replay_id),
        "payload": {"CreatedById": "005000000000001AAA", "Number__c": f"O-{replay_id}"},
        "exchange": 0,
        **changes,
    }


def change(replay_id: int, **header: Any) -> dict[str, Any]:
    told = {"entityName": "Account", "recordIds": ["001000000000001AAA"], "changeType": "UPDATE", "sequenceNumber": 1}
    told |= {"transactionKey": f"key {replay_id}", "commitUser": "005000000000002AAA", **header}
    payload = {"ChangeEventHeader": told, "Name": "Acme"}
    return platform(replay_id, kind="change", name="AccountChangeEvent", uuid=None, payload=payload)


def entry(number: int, *notes: dict[str, Any], operation: str = "cometd.connect", end: float = 50.0) -> dict[str, Any]:
    plain = {"replay_id": None, "uuid": None, "subscriber": "c1", "asked": None, "refused": None, "rule": None}
    return {
        "number": number,
        "operation": operation,
        "end": end,
        "strikes": [],
        "events": [{**plain, "channel": CHANNEL, "at": float(number), **note} for note in notes],
    }


def leg(first: int, last: int) -> Leg:
    return Leg("faults", Process(0, 1.0), first, last, float(first), float(last), 0)


def handled(happenings: Happenings) -> list[tuple[str, int | None]]:
    return [(one.source, one.event.replay_id if one.event else None) for one in happenings.handled]


def said(tmp_path: Path, *lines: str) -> Seen:
    file = tmp_path / "effects.jsonl"
    file.write_text("\n".join(lines) + "\n")
    return Seen(read_effects(file).handled)


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (UUID.format(1).upper(), EventName(uuid=UUID.format(1))),
        (12, EventName(replay_id=12)),
        ("12", EventName(replay_id=12)),
        (base64.b64encode((500).to_bytes(8, "big")).decode(), EventName(replay_id=500)),
        (base64.b64encode((500).to_bytes(8, "big") + b"\0\0").decode(), EventName(replay_id=500)),
        (base64.urlsafe_b64encode((2**62 + 251).to_bytes(8, "big")).decode().rstrip("="), EventName(replay_id=2**62 + 251)),
        ({"transactionKey": "k", "sequenceNumber": 2}, EventName(transaction=("k", 2))),
        ({"replayId": 7, "EventUuid": UUID.format(2)}, EventName(uuid=UUID.format(2), replay_id=7)),
        ({"replayId": "7"}, EventName(replay_id=7)),
        ("anything else", EventName(uuid="anything else")),
    ],
)  # fmt: skip
def test_an_event_goes_by_several_names(given: Any, name: EventName) -> None:
    assert event_name(given) == name


@pytest.mark.parametrize("given", [None, True, -1, 1.5, "", " ", [], {}, {"replayId": True}, "9" * 20])
def test_what_is_no_name_of_an_event(given: Any) -> None:
    assert event_name(given) is None


def test_the_effects_file_says_what_was_handled(tmp_path: Path) -> None:
    lines = [
        f'{{"event": "{UUID.format(1)}"}}',
        '{"event": 2, "channel": "/event/Order__e"}',
        '{"event": {"transactionKey": "key 3", "sequenceNumber": 1}}',
        '{"event": 99}',
    ]
    events = [platform(1), platform(2), change(3)]
    assert handled(link_events(events=events, entries=[], seen=said(tmp_path, *lines))) == [
        ("effects", 1), ("effects", 2), ("effects", 3), ("effects", None),
    ]  # fmt: skip


def test_a_line_that_was_killed_in_the_middle_takes_no_other_with_it(tmp_path: Path) -> None:
    file = tmp_path / "effects.jsonl"
    file.write_text('{"event": 1}\n{"event": {"repl{"event": 2, "deep": {"a": 1}}\n{"event": 3}\n{"eve')
    effects = read_effects(file)
    assert [line.said["event"] for line in effects.handled] == [1, 2, 3]
    assert [broken.line for broken in effects.broken] == [2, 4]


@pytest.mark.parametrize("line", ['{"event": null}', '{"event": []}', '{"message": {}}', '{"event": {"replayId": []}}'])
def test_what_says_nothing_of_an_event_is_a_broken_line(tmp_path: Path, line: str) -> None:
    file = tmp_path / "effects.jsonl"
    file.write_text(line + "\n")
    effects = read_effects(file)
    assert not effects.handled
    assert len(effects.broken) == 1


def test_a_message_of_an_outbound_call_is_told_by_its_id(tmp_path: Path) -> None:
    found = link_events(events=[], entries=[], seen=said(tmp_path, '{"message": "04l1"}'))
    assert [one.said["message"] for one in found.handled] == ["04l1"]


def test_deliveries_and_subscriptions_know_their_run_and_their_fault() -> None:
    entries = [
        entry(1, {"what": "subscribed", "replay_id": -1}, operation="cometd.subscribe"),
        entry(2, {"what": "delivered", "replay_id": 5, "uuid": UUID.format(5)}),
        entry(3, {"what": "subscribed", "replay_id": 4, "refused": "400::no"}, operation="cometd.subscribe"),
        entry(4, {"what": "delivered", "replay_id": 5, "rule": "twice"}, {"what": "unsubscribed", "at": 4.5}),
    ]
    found = link_events(events=[platform(5)], entries=entries, legs=[leg(1, 2), leg(3, 4)])
    assert [(one.leg, one.rule) for one in found.delivered] == [(0, None), (1, "twice")]
    assert [(one.replay_id, one.refused, one.leg, one.ended) for one in found.subscribed] == [
        (-1, None, 0, 2.0), (4, "400::no", 1, 3.0),
    ]  # fmt: skip


def test_a_stream_ends_its_subscription() -> None:
    entries = [entry(1, {"what": "subscribed", "replay_id": -2}, operation="pubsub.subscribe", end=7.0)]
    assert [one.ended for one in link_events(events=[], entries=entries).subscribed] == [7.0]


@pytest.mark.parametrize(
    ("entry_ends", "cut"),
    [
        ({"outcome": "answered", "codes": ["UNAVAILABLE"]}, "UNAVAILABLE"),
        ({"outcome": "reset"}, "reset"),
        ({"outcome": "answered", "status": 503}, "status 503"),
        ({"outcome": "answered", "status": 200}, None),
        ({"outcome": "abandoned", "left": 6.0, "codes": []}, None),
    ],
)
def test_a_stream_tells_why_it_ended(entry_ends: dict[str, Any], cut: str | None) -> None:
    stream = entry(1, {"what": "subscribed", "replay_id": -2}, operation="pubsub.subscribe", end=7.0) | entry_ends
    assert [one.cut for one in link_events(events=[], entries=[stream]).subscribed] == [cut]


def test_what_was_asked_for_and_what_was_told_without_an_event() -> None:
    notes = [
        {"what": "fetched", "asked": 5},
        {"what": "fetched", "asked": 0, "refused": "INVALID_ARGUMENT"},
        {"what": "announced", "replay_id": 9},
        {"what": "published", "replay_id": 10},
    ]
    found = link_events(events=[], entries=[entry(1, *notes)], moved=[(3.0, 60.0)])
    assert [(one.asked, one.refused) for one in found.fetched] == [(5, None), (0, "INVALID_ARGUMENT")]
    assert [one.replay_id for one in found.announced] == [9, 10]
    assert found.lived(1.0, 70.0) == 9.0


@pytest.mark.parametrize(
    ("fate", "arrived"),
    [
        ({"outcome": "answered", "status": 200}, True),
        ({"outcome": None, "status": None}, True),  # it is under way when the trial ends
        ({"outcome": "answered", "status": 503}, False),  # another answer came in its place
        ({"outcome": "answered", "status": 401}, False),
        ({"outcome": "lost", "status": 200}, False),
        ({"outcome": "reset", "status": None}, False),
        ({"outcome": "cut", "status": 200}, False),
        ({"outcome": "malformed", "status": 200}, False),
        ({"outcome": "abandoned", "status": 200}, False),
        ({"outcome": "abandoned", "status": 200, "copy_of": 1}, False),  # answered to the network, not to the client
    ],
)
def test_an_answer_that_came_to_nobody_has_delivered_nothing(fate: dict[str, Any], arrived: bool) -> None:
    poll = entry(2, {"what": "delivered", "replay_id": 5}) | fate
    assert [one.replay_id for one in link_events(events=[platform(5)], entries=[poll]).delivered] == [5] * arrived


@pytest.mark.parametrize("ends", [{"outcome": "cut"}, {"outcome": "reset"}, {"outcome": "answered", "status": 503}])
def test_how_a_stream_ends_takes_nothing_back_of_what_it_brought(ends: dict[str, Any]) -> None:
    stream = entry(2, {"what": "delivered", "replay_id": 5}, operation="pubsub.subscribe") | ends
    assert [one.replay_id for one in link_events(events=[platform(5)], entries=[stream]).delivered] == [5]


def test_a_stream_brings_nothing_to_a_client_that_has_left() -> None:
    notes = [{"what": "delivered", "replay_id": number, "at": float(number)} for number in (5, 6, 7)]
    stream = entry(2, *notes, operation="pubsub.subscribe") | {"outcome": "abandoned", "left": 6.0}
    found = link_events(events=[platform(5), platform(6), platform(7)], entries=[stream])
    assert [one.replay_id for one in found.delivered] == [5, 6]


def test_who_is_told_that_it_is_over_is_given_no_events_besides() -> None:
    over = {"what": "unsubscribed", "channel": "*", "refused": "403::Unknown client"}
    told = [{"what": "delivered", "replay_id": 5}, over, {"what": "delivered", "replay_id": 6, "subscriber": "c2"}]
    left = [{"what": "delivered", "replay_id": 7}, {"what": "unsubscribed"}]
    events = [platform(number) for number in (5, 6, 7)]
    found = link_events(events=events, entries=[entry(1, *told), entry(2, *left)])
    assert [one.replay_id for one in found.delivered] == [6, 7]


def test_a_message_of_several_notifications_is_as_many_calls() -> None:
    call = {"kind": "outbound message", "name": "Tell", "message": "04l1", "attempt": 2, "records": ["001a", "001b"]}
    call |= {"notifications": ["04l1", "04l2"], "seconds": 0.5, "timeout": 60.0, "status": 500, "acknowledged": False}
    call["sequence"], call["written"] = 2, 3.5
    plain = {"at": 7.0, "copy_of": None, "strikes": [{"rule": "down"}]}
    sent = entry(7, operation="outbound.message") | plain | {"call": call}
    token = entry(8, operation="outbound.token") | plain | {"call": {**call, "kind": "token"}}
    found = link_events(events=[], entries=[sent, token]).called_out
    assert [(one.message, one.records, one.sequence, one.rule, one.attempt) for one in found] == [
        ("04l1", ("001a",), 2, "down", 2), ("04l2", ("001b",), 2, "down", 2),
    ]  # fmt: skip
    assert [(one.at, one.written) for one in found] == [(7.0, 3.5)] * 2


def test_the_sink_takes_a_request_and_its_repetition_once() -> None:
    calls = [
        SinkCall(1.0, "POST", "/", {"event": 1}),
        SinkCall(2.0, "POST", "/", {"order": "x"}, idempotency_key=UUID.format(2)),
        SinkCall(3.0, "POST", "/", {"order": "x"}, idempotency_key=UUID.format(2)),
        SinkCall(4.0, "POST", "/", {"key": "O-3"}),
        SinkCall(5.0, "POST", "/", {"event": 1}, taken=False),
        SinkCall(6.0, "POST", "/", "plain"),
    ]
    found = link_events(
        events=[platform(1), platform(2), platform(3)], entries=[], sink=calls, keys={"order__e": "Number__c"}
    )
    assert handled(found) == [("sink", 1), ("sink", 2), ("sink", 3), ("sink", None)]


def test_records_that_the_subject_made_are_effects_and_those_of_others_are_none() -> None:
    def commit(number: int, exchange: int, **changes: Any) -> CommitRow:
        values = {"Number__c": f"O-{number}"}
        row = {"number": number, "transaction": number, "verb": "create", "sobject": "Task", "id": f"00T{number}"}
        return CommitRow(
            **{**row, "at": float(number), "exchange": exchange, "values": values, "delivered": True, **changes}
        )  # type: ignore[arg-type]

    commits = [
        commit(1, 0),
        commit(2, 8),
        commit(3, 9, verb="update", id="00T2", values={"Number__c": "O-2", "LastModifiedDate": "later"}),
        commit(4, 10, id="00T4", values={"Number__c": "O-2"}),
    ]
    found = link_events(
        events=[platform(1), platform(2)],
        entries=[],
        commits=commits,
        place=Place("task", "number__c"),
        keys={"order__e": "Number__c"},
    )
    assert handled(found) == [("org", 2), ("org", 2)]


def test_events_of_one_key_are_handled_in_their_order() -> None:
    events = [change(1), change(2)]
    calls = [SinkCall(float(at), "POST", "/", {"key": "001000000000001AAA"}) for at in range(3)]
    assert handled(link_events(events=events, entries=[], sink=calls)) == [("sink", 1), ("sink", 2), ("sink", 2)]


def test_what_the_subject_caused_itself_is_its_own() -> None:
    events = [platform(1), platform(2, exchange=4), change(3), change(4, commitUser="005000000000009")]
    found = link_events(events=events, entries=[], user="005000000000009AAA")
    assert [one.own for one in found.published] == [False, True, False, True]
    seeded = link_events(events=events, entries=[], user="005000000000009AAA", seeded=4)
    assert [one.own for one in seeded.published] == [False, True, False, False]


def test_an_event_is_called_by_its_key_its_record_or_its_replay_id() -> None:
    events = [platform(1), change(2), platform(3, payload={"Number__c": None})]
    found = link_events(events=events, entries=[], keys={"order__e": "number__C"})
    assert [one.title for one in found.published] == [
        "Order__e O-1", "AccountChangeEvent 001000000000001AAA", "Order__e #3",
    ]  # fmt: skip


def test_a_gap_event_says_so() -> None:
    found = link_events(events=[change(1, changeType="GAP_UPDATE"), change(2)], entries=[])
    assert [one.gap for one in found.published] == ["GAP_UPDATE", None]
