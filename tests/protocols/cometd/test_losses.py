"""What becomes of events whose answer does not arrive, and of what is asked to be replayed."""

from __future__ import annotations

import json
import socket
from typing import Any

import pytest
import requests

from tests.protocols.cometd.conftest import CASE, NOTES, ORDER, Bayeux, Lab
from tests.waiting import PATIENCE, until


def numbers(replies: list[dict[str, Any]]) -> list[int]:
    return [reply["data"]["payload"]["Number__c"] for reply in replies if "data" in reply]


@pytest.mark.parametrize(("replay", "seen"), [(None, []), (-1, []), (-2, [0, 1, 2, 3])])
def test_a_subscription_begins_where_it_says(lab: Lab, replay: int | None, seen: list[int]) -> None:
    lab.publish(ORDER, *({"Number__c": n} for n in range(4)))
    client = lab.client().ready()
    client.subscribe(ORDER, replay)
    assert numbers(client.connect(advice={"timeout": 0})) == seen


@pytest.mark.parametrize("form", [int, str, float])
def test_an_id_stands_for_what_follows_it(lab: Lab, form: type) -> None:
    events = lab.publish(ORDER, *({"Number__c": n} for n in range(4)))
    client = lab.client().ready()
    client.subscribe(ORDER, form(events[1].replay_id))
    assert numbers(client.connect()) == [2, 3]


def test_subscribing_again_begins_anew(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.publish(ORDER, {"Number__c": 1})
    assert numbers(client.connect()) == [1]
    client.subscribe(ORDER, -2)
    assert numbers(client.connect()) == [1]
    assert lab.do(lambda: len(lab.org.events.feeds)) == 1


def test_a_client_that_leaves_while_it_is_held_loses_nothing(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    leave_held(lab, client)
    lab.publish(ORDER, {"Number__c": 1})
    assert numbers(client.connect()) == [1]
    assert [entry["outcome"] for entry in lab.control.journal() if entry["left"]] == ["abandoned"]


def leave_held(lab: Lab, client: Bayeux) -> None:
    """Send a connect that is held, and close the connection."""
    body = json.dumps([client.message("/meta/connect", connectionType="long-polling")])
    with socket.create_connection(("127.0.0.1", int(client.url.rsplit(":", 1)[1]))) as raw:
        raw.sendall(
            f"POST /cometd/60.0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {client.token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        lab.held()
    until(lambda: not lab.holding(), "the request is held still")


def test_one_who_left_is_forgotten_after_40_seconds_too(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    leave_held(lab, client)
    lab.control.advance(40)
    assert client.connect()[0]["error"] == "403::Unknown client"


@pytest.mark.parametrize("reply", ["lost", "truncated"])
def test_an_answer_with_events_that_is_lost_ends_the_clients_session(lab: Lab, reply: str) -> None:
    """As the guide tells of a lost connection: it leads to a new handshake, and so to a replay."""
    client = lab.client().ready(ORDER)
    lab.publish(ORDER, {"Number__c": 1})
    lab.control.add_fault({"on": "cometd.connect", "reply": reply, "when": {"times": 1}})
    with pytest.raises(requests.RequestException):
        client.connect()
    assert client.connect()[0]["error"] == "403::Unknown client"
    client.ready()
    client.subscribe(ORDER, -2)
    assert numbers(client.connect()) == [1]


def test_an_answer_without_events_may_be_lost(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.control.add_fault({"on": "cometd.connect", "reply": "lost", "when": {"times": 1}})
    with pytest.raises(requests.RequestException):
        client.connect(advice={"timeout": 0})
    lab.publish(ORDER, {"Number__c": 1})
    assert numbers(client.connect()) == [1]


def test_what_happened_with_events_stands_in_the_journal(lab: Lab) -> None:
    client = lab.client().ready()
    client.subscribe(ORDER, -2)
    (event,) = lab.publish(ORDER, {"Number__c": 1}, uuid="u-1")
    client.connect()
    client.subscribe("/event/Nothing__e")
    client.one(client.message("/meta/unsubscribe", subscription=ORDER))
    notes = [
        (note["what"], note["channel"], note["replay_id"], note["uuid"], bool(note["refused"]))
        for entry in lab.control.journal()
        for note in entry["events"]
        if note["subscriber"] == client.id
    ]
    assert notes == [
        ("subscribed", ORDER, -2, None, False),
        ("delivered", ORDER, event.replay_id, "u-1", False),
        ("subscribed", "/event/Nothing__e", -1, None, True),
        ("unsubscribed", ORDER, None, None, False),
    ]


def test_a_goodbye_ends_all_subscriptions_in_the_journal(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    client.disconnect()
    (note,) = lab.control.journal()[-1]["events"]
    assert (note["what"], note["channel"]) == ("unsubscribed", ORDER)


@pytest.mark.parametrize("fault", ["forget", "slow"])
def test_a_server_that_forgets_its_clients_makes_them_begin_anew(lab: Lab, fault: str) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    lab.control.add_fault({"on": "cometd.connect", "event": fault, "when": {"times": 1}})
    lab.publish(ORDER, {"Number__c": 1})
    if fault == "slow":
        assert held.result(PATIENCE)[0]["error"] == "403::Unknown client"
    else:
        held.cancel()
        assert client.connect()[0]["error"] == "403::Unknown client"
    client.ready()
    client.subscribe(ORDER, -2)
    assert numbers(client.connect()) == [1]


@pytest.mark.parametrize("fault", ["slow", "forget"])
def test_what_other_channels_had_for_a_client_that_is_cut_off_is_neither_charged_nor_delivered(
    lab: Lab, fault: str
) -> None:
    def remaining() -> int:
        return lab.do(lambda: lab.org.limits.ledger("DailyDeliveredPlatformEvents").remaining)

    client = lab.client().ready(ORDER, CASE)
    lab.publish(ORDER, *({"Number__c": n} for n in range(70)))
    lab.publish(CASE, {"Number__c": 1})
    lab.control.add_fault({"on": "cometd.connect", "event": fault, "where": {"channel": CASE}, "when": {"times": 1}})
    before = remaining()
    assert client.connect()[0]["error"] == "403::Unknown client"
    assert remaining() == before
    notes = [note for entry in lab.control.journal() for note in entry["events"] if note["what"] == "delivered"]
    assert notes == []
    client.ready()
    client.subscribe(ORDER, -2)
    assert numbers(client.connect()) == list(range(70))
    assert remaining() == before - 70


def test_a_connection_that_breaks_in_the_middle_of_a_delivery_goes_on_from_a_replay(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.control.add_fault({"on": "cometd.connect", "event": {"disconnect": 2}, "when": {"times": 1}})
    lab.publish(ORDER, *({"Number__c": n} for n in range(4)))
    first = client.connect()
    assert numbers(first) == [0, 1]
    assert client.connect()[0]["error"] == "403::Unknown client"
    client.ready()
    client.subscribe(ORDER, first[1]["data"]["event"]["replayId"])
    assert numbers(client.connect()) == [2, 3]


def test_a_silent_server_says_nothing_until_its_time_is_over(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.control.add_fault({"on": "cometd.connect", "event": {"stall": "5m"}, "when": {"times": 1}})
    lab.publish(ORDER, {"Number__c": 1})
    held = client.hold()
    lab.held()
    lab.control.advance(200)
    lab.held()
    assert not held.done()
    lab.control.advance(101)
    assert numbers(held.result(PATIENCE)) == [1]


def test_a_replay_id_is_refused_by_a_fault(lab: Lab) -> None:
    (event,) = lab.publish(ORDER, {"Number__c": 1})
    lab.control.add_fault({"on": "cometd.subscribe", "event": {"replay": "expired"}})
    client = lab.client().ready()
    assert client.subscribe(ORDER, event.replay_id)["error"].startswith(f"400::The replayId {{{event.replay_id}}}")
    assert client.subscribe(ORDER, -2)["successful"]


def test_another_answer_in_the_place_of_one_with_events_ends_the_clients_session(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.publish(ORDER, {"Number__c": 1})
    lab.control.add_fault({"on": "cometd.connect", "status": 503, "at": "after", "when": {"times": 1}})
    message = client.message("/meta/connect", connectionType="long-polling")
    assert client.send(message).status_code == 503
    assert client.connect()[0]["error"] == "403::Unknown client"
    client.ready()
    client.subscribe(ORDER, -2)
    assert numbers(client.connect()) == [1]


def test_what_is_for_others_hides_nothing_behind_it(lab: Lab) -> None:
    ours, others = {}, {"recipients": frozenset(["005000000000009AAA"])}
    for about, count in ((ours, 1), (others, 120), (ours, 1), (others, 120), (ours, 1)):
        lab.publish(NOTES, *({"payload": "x"} for _ in range(count)), **about)
    client = lab.client().ready(NOTES, replay=-2)
    assert sum("data" in reply for reply in client.connect()) == 3


def test_the_journal_tells_what_ended_the_subscriptions_of_a_client(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.control.expire_tokens()
    client.connect()
    client.token = lab.control.mint_token()
    lab.control.advance(41)
    client.connect()
    ends = [
        (note["channel"], note["refused"])
        for entry in lab.control.journal()
        for note in entry["events"]
        if note["what"] == "unsubscribed" and note["subscriber"] == client.id
    ]
    assert ends == [("*", "401::Authentication invalid"), ("*", "403::Unknown client")]
