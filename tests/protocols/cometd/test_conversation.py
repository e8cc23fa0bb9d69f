"""Handshake, connect, subscribe, receive, leave: each message is told what Salesforce tells, key by key."""

from __future__ import annotations

import re
from urllib.parse import quote

import pytest

from tests.protocols.cometd.conftest import CASE, ORDER, TOPIC, Bayeux, Lab
from tests.waiting import PATIENCE


def test_a_handshake_is_granted_in_the_recorded_words(lab: Lab) -> None:
    client = lab.client()
    reply = client.one(
        {"ext": {"replay": True}, "supportedConnectionTypes": ["websocket", "long-polling"], "channel": "/meta/handshake",
         "id": "305", "version": "1.0"}
    )  # fmt: skip
    client_id = reply.pop("clientId")
    assert re.fullmatch("[0-9a-z]{25,30}", client_id)
    assert reply == {
        "ext": {"replay": True, "payload.format": True},
        "minimumVersion": "1.0",
        "supportedConnectionTypes": ["long-polling"],
        "channel": "/meta/handshake",
        "id": "305",
        "version": "1.0",
        "successful": True,
    }


def test_ids_of_clients_differ_in_length_and_never_repeat(lab: Lab) -> None:
    lab.control.set_limit("DurableStreamingApiConcurrentClients", maximum=100)
    ids = {str(lab.client().handshake()["clientId"]) for _ in range(60)}
    assert len(ids) == 60
    assert {25, 30} <= {len(one) for one in ids} <= set(range(25, 31))


def test_the_first_connect_is_answered_at_once_and_gives_advice(lab: Lab) -> None:
    client = lab.client()
    client.handshake()
    assert client.connect() == [
        {
            "clientId": client.id,
            "advice": {"interval": 0, "timeout": 110000, "reconnect": "retry"},
            "channel": "/meta/connect",
            "id": "2",
            "successful": True,
        }
    ]


def test_a_later_connect_is_held_for_110_seconds_of_the_orgs_clock_and_gives_no_advice(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    lab.control.advance(109)
    assert not held.done()
    lab.control.advance(1)
    assert held.result(PATIENCE) == [
        {"clientId": client.id, "channel": "/meta/connect", "id": str(client.count), "successful": True}
    ]


def test_what_is_published_meanwhile_answers_a_held_connect_at_once(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    (event,) = lab.publish(ORDER, {"Number__c": 7}, uuid="u-1", schema_id="s" * 22)
    message, reply = held.result(PATIENCE)
    assert message == {
        "data": {"schema": "s" * 22, "payload": {"Number__c": 7}, "event": {"replayId": event.replay_id}},
        "channel": ORDER,
    }
    assert reply == {"clientId": client.id, "channel": "/meta/connect", "id": str(client.count), "successful": True}


def test_news_of_other_channels_does_not_answer_it(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    lab.publish(CASE, {"n": 1})
    lab.control.advance(50)
    assert not held.done()
    lab.publish(ORDER, {"n": 2})
    assert [message["channel"] for message in held.result(PATIENCE)] == [ORDER, "/meta/connect"]


def test_what_was_published_between_two_connects_comes_with_the_next_one(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.publish(ORDER, *({"n": n} for n in range(3)))
    *events, reply = client.connect()
    assert [event["data"]["payload"]["n"] for event in events] == [0, 1, 2]
    assert "advice" not in reply
    assert reply["successful"]


def test_subscribing_and_unsubscribing_are_confirmed(lab: Lab) -> None:
    client = lab.client().ready()
    assert client.subscribe(ORDER) == {
        "clientId": client.id, "channel": "/meta/subscribe", "id": "3", "subscription": ORDER, "successful": True,
    }  # fmt: skip
    assert client.one(client.message("/meta/unsubscribe", subscription=ORDER)) == {
        "clientId": client.id, "channel": "/meta/unsubscribe", "id": "4", "subscription": ORDER, "successful": True,
    }  # fmt: skip
    lab.publish(ORDER, {"n": 1})
    assert len(client.connect(advice={"timeout": 0})) == 1


def test_several_channels_in_one_message_are_all_subscribed_to_or_none(lab: Lab) -> None:
    client = lab.client().ready()
    both = [ORDER, CASE]
    assert client.one(client.message("/meta/subscribe", subscription=both))["subscription"] == both
    refused = client.one(client.message("/meta/subscribe", subscription=["/topic/Accounts", "/event/Nothing__e"]))
    assert not refused["successful"]
    lab.publish(CASE, {"n": 1})
    lab.publish("/topic/Accounts", {"n": 2})
    assert [message["channel"] for message in client.connect()] == [CASE, "/meta/connect"]


def test_one_who_says_goodbye_is_known_no_more_and_what_he_waits_for_is_answered(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    number = client.count
    assert client.disconnect() == {
        "clientId": client.id, "channel": "/meta/disconnect", "id": str(number + 1), "successful": True,
    }  # fmt: skip
    assert held.result(PATIENCE) == [
        {"clientId": client.id, "advice": {"reconnect": "none", "interval": 0}, "channel": "/meta/connect",
         "id": str(number), "successful": True}
    ]  # fmt: skip
    assert client.connect()[0]["error"] == "403::Unknown client"


def test_a_second_connect_of_a_client_releases_the_first_and_gets_what_comes(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    first = client.hold()
    lab.held()
    second = client.hold()
    (reply,) = first.result(PATIENCE)
    assert reply["successful"]
    lab.held()
    lab.publish(ORDER, {"n": 1})
    assert [message["channel"] for message in second.result(PATIENCE)] == [ORDER, "/meta/connect"]


def test_a_client_may_ask_for_an_answer_at_once(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    (reply,) = client.connect(advice={"timeout": 0})
    assert reply["successful"]


def test_all_messages_of_a_request_are_answered_in_order_and_none_is_held(lab: Lab) -> None:
    client = lab.client()
    client.handshake()
    replies = client.post(
        client.message("/meta/connect", connectionType="long-polling"),
        client.message("/meta/subscribe", subscription=ORDER),
        client.message("/meta/connect", connectionType="long-polling"),
        client.message("/meta/unsubscribe", subscription=ORDER),
        client.message("/meta/disconnect"),
    )
    assert [(reply["channel"], reply["id"], reply["successful"]) for reply in replies] == [
        ("/meta/connect", "2", True), ("/meta/subscribe", "3", True), ("/meta/connect", "4", True),
        ("/meta/unsubscribe", "5", True), ("/meta/disconnect", "6", True),
    ]  # fmt: skip
    entry = lab.control.journal()[-1]
    assert (entry["operation"], entry["status"]) == ("cometd.subscribe", 200)


@pytest.mark.parametrize("path", ["", "/", "/handshake", "/connect", "/subscribe", "/unsubscribe", "/disconnect"])
def test_every_message_may_come_to_every_path(lab: Lab, path: str) -> None:
    client = lab.client()
    reply = client.one(
        {"channel": "/meta/handshake", "version": "1.0", "supportedConnectionTypes": ["long-polling"]}, path=path
    )
    assert reply["successful"]
    assert "id" not in reply
    assert lab.control.journal()[-1]["operation"] == "cometd.handshake"


HELLO = '{"channel":"/meta/handshake","version":"1.0","supportedConnectionTypes":["long-polling"],"id":7}'


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", HELLO),
        ("application/json;charset=UTF-8", f"[{HELLO}]"),
        ("text/json", f"[{HELLO}]"),
        ("application/x-www-form-urlencoded", f"message={quote(HELLO)}"),
    ],
)
def test_messages_come_as_an_array_or_alone_as_json_or_in_a_form(lab: Lab, kind: str, body: str) -> None:
    answer = lab.client().send(data=body, headers={"Content-Type": kind})
    assert answer.headers["Content-Type"] == "application/json;charset=UTF-8"
    (reply,) = answer.json()
    assert (reply["successful"], reply["id"]) == (True, 7)


def test_a_form_may_hold_several_messages(lab: Lab) -> None:
    client = lab.client()
    replies = client.send(data={"message": [HELLO, f"[{HELLO}]"]}).json()
    assert [reply["channel"] for reply in replies] == ["/meta/handshake"] * 2


@pytest.mark.parametrize(
    ("version", "ext"),
    [("23.0", None), ("36.0", None), ("replay/36.0", True), ("37.0", True), ("68.0", True)],
)
def test_events_can_be_replayed_since_37(lab: Lab, version: str, ext: bool | None) -> None:
    client = lab.client(version)
    reply = client.handshake()
    assert reply.get("ext") == ({"replay": True, "payload.format": True} if ext else None)
    lab.publish(ORDER, {"n": 1})
    client.connect()
    assert client.subscribe(ORDER, -2)["successful"]
    assert len(client.connect(advice={"timeout": 0})) == (2 if ext else 1)


@pytest.mark.parametrize(("version", "types"), [("28.0", ["updated"]), ("29.0", ["updated", "deleted", "undeleted"])])
def test_topics_tell_of_deletions_since_29(lab: Lab, version: str, types: list[str]) -> None:
    client = lab.client(version).ready(TOPIC)
    for kind in ("updated", "deleted", "undeleted"):
        lab.publish(TOPIC, {"Id": "001000000000001AAA"}, told={"type": kind})
    assert [message["data"]["event"]["type"] for message in client.connect()[:-1]] == types


def test_a_request_of_a_stream_costs_no_api_call(lab: Lab) -> None:
    before = lab.control.limits()["DailyApiRequests"]
    client: Bayeux = lab.client().ready(ORDER)
    client.disconnect()
    assert lab.control.limits()["DailyApiRequests"] == before
    assert client.last is not None
    assert "Sforce-Limit-Info" not in client.last.headers
