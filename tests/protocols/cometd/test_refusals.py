"""What is refused, in Salesforce's own words: with status 200 wherever messages could be read."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.protocols.cometd.conftest import ALL_CHANGES, CASE, NOTES, ORDER, TOPIC, Bayeux, Lab
from tests.waiting import PATIENCE

TOO_BUSY = "503::Server is too busy. Please try your request again later."
EXT = {"replay": True, "payload.format": True}


def test_an_unknown_client_is_told_to_handshake_and_its_server_has_a_new_cookie(lab: Lab) -> None:
    client = lab.client()
    client.id = "1cyu4thyxh3fgv1nqwcvebt3o9x"
    assert client.connect() == [
        {"advice": {"interval": 0, "reconnect": "handshake"}, "channel": "/meta/connect", "id": "1",
         "error": "403::Unknown client", "successful": False}
    ]  # fmt: skip
    assert client.last is not None
    cookie = client.last.headers["Set-Cookie"]
    assert "sfdc-stream=!" in cookie
    assert lab.control.journal()[-1]["codes"] == ["403::Unknown client"]


@pytest.mark.parametrize("client_id", ["nobody", 7, None, {"a": 1}])
@pytest.mark.parametrize(
    "channel", ["/meta/connect", "/meta/subscribe", "/meta/unsubscribe", "/meta/disconnect", "/u/x"]
)
def test_nobody_is_known_by_a_wrong_id(lab: Lab, channel: str, client_id: Any) -> None:
    reply = lab.client().one({"channel": channel, "clientId": client_id, "subscription": ORDER})
    assert reply["error"] == "403::Unknown client"
    assert "clientId" not in reply


def test_a_handshake_with_a_token_that_is_not_good_is_denied(lab: Lab) -> None:
    reply = lab.client(token=lab.info.access_token[:-1] + "!").handshake()
    assert reply == {
        "ext": {"sfdc": {"failureReason": "401::Authentication invalid"}, **EXT},
        "advice": {"reconnect": "none"},
        "channel": "/meta/handshake",
        "id": "1",
        "error": "403::Handshake denied",
        "successful": False,
    }
    codes = lab.control.journal()[-1]["codes"]
    assert codes == ["403::Handshake denied", "401::Authentication invalid"]


def test_a_request_without_a_token_requires_authentication(lab: Lab) -> None:
    client = Bayeux(lab.server.url, None)
    reply = client.handshake()
    assert (reply["error"], reply["ext"]["sfdc"]["failureReason"]) == (
        "403::Handshake denied", "401::Request requires authentication",
    )  # fmt: skip
    client.id = "x"
    (reply,) = client.connect()
    assert (reply["error"], reply["advice"]) == (
        "401::Request requires authentication", {"reconnect": "none", "interval": 0},
    )  # fmt: skip


@pytest.mark.parametrize("scheme", ["", "Bearer ", "OAuth ", "bearer  "])
def test_a_token_may_come_without_a_scheme_as_emp_connector_sends_it(lab: Lab, scheme: str) -> None:
    client = lab.client()
    client.http.headers["Authorization"] = scheme + lab.info.access_token
    client.token = None
    assert client.ready(ORDER)
    client.http.headers["Authorization"] = scheme + lab.info.access_token[:-1] + "!"
    assert client.handshake()["ext"]["sfdc"]["failureReason"] == "401::Authentication invalid"


def test_a_connect_whose_session_has_ended_is_told_so_and_goes_on_with_another(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.control.expire_tokens()
    assert client.connect() == [
        {"clientId": client.id, "advice": {"reconnect": "none", "interval": 0}, "channel": "/meta/connect",
         "id": str(client.count), "error": "401::Authentication invalid", "successful": False}
    ]  # fmt: skip
    client.token = lab.control.mint_token()
    lab.publish(ORDER, {"Number__c": 1})
    assert len(client.connect()) == 2


@pytest.mark.parametrize("end", ["expire_tokens", "revoke_tokens"])
def test_a_session_that_ends_while_a_connect_is_held_ends_the_wait(lab: Lab, end: str) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    getattr(lab.control, end)()
    (reply,) = held.result(PATIENCE)
    assert (reply["error"], reply["advice"]["reconnect"]) == ("401::Authentication invalid", "none")


def test_a_user_who_is_deactivated_while_a_connect_is_held_is_told_at_once(lab: Lab) -> None:
    other = lab.control.create_user({"username": "leaver@sfmock.test", "profile": "System Administrator"})
    client = lab.client(token=other.access_token).ready(ORDER)
    held = client.hold()
    lab.held()
    url = f"{lab.server.url}/services/data/v60.0/sobjects/User/{other.user_id}"
    headers = {"Authorization": f"Bearer {lab.info.access_token}"}
    assert requests.patch(url, json={"IsActive": False}, headers=headers, timeout=20).status_code == 204
    (reply,) = held.result(PATIENCE)
    assert (reply["error"], reply["advice"]["reconnect"]) == ("401::Authentication invalid", "none")


def test_a_session_does_not_expire_while_its_client_stays_connected(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    for _ in range(90):
        held = client.hold()
        lab.held()
        lab.control.advance(110)
        assert held.result(PATIENCE)[0]["successful"]


def test_a_client_belongs_to_its_user(lab: Lab) -> None:
    other = lab.control.create_user({"username": "other@sfmock.test", "profile": "System Administrator"})
    client = lab.client().ready()
    client.token = other.access_token
    assert client.connect()[0]["error"] == "400::Authenticated user id does not match the session's user id"


@pytest.mark.parametrize(
    ("subscription", "error"),
    [
        (None, "400::Channel name not specified"),
        ("", "400::Channel name not specified"),
        ([], "400::Channel name not specified"),
        (5, "400::Channel name not specified"),
        ("event/Order__e", "400::Channel subscriptions must start with a leading '/'"),
        ("/event/Nothing__e", "400::The channel you requested to subscribe to does not exist {/event/Nothing__e}"),
        ("/event/order__e", "400::The channel you requested to subscribe to does not exist {/event/order__e}"),
        ("/topic/None", "400::The channel you requested to subscribe to does not exist {/topic/None}"),
        ("/event/*", "400::The channel you requested to subscribe to does not exist {/event/*}"),
        ("/**", "400::The channel you requested to subscribe to does not exist {/**}"),
        ("/u/None", "404::Unknown channel"),
        ("/meta/connect", "403::Restricted channel"),
        ("/service/x", "403::Restricted channel"),
        (f"{TOPIC}?Industry=A", "400::Query fields {Industry} do not exist on the topic entity"),
    ],
)
def test_a_subscription_that_is_not_granted_says_why(lab: Lab, subscription: Any, error: str) -> None:
    client = lab.client().ready()
    reply = client.one(client.message("/meta/subscribe", subscription=subscription))
    expected: dict[str, Any] = {
        "clientId": client.id,
        "channel": "/meta/subscribe",
        "id": "3",
        "error": error,
        "successful": False,
    }
    if isinstance(subscription, str | list):
        expected["subscription"] = subscription
    assert reply == expected


@pytest.mark.parametrize(
    "channel",
    [
        "/", "//", "/event", "/event/", "/event//Order__e", f"/{ORDER}", f"{ORDER}/", f"{ORDER} ", f"{ORDER}\n",
        "/Event/Order__e", f"{ORDER}?Number__c=1", "/data/", "/data/changeevents", "/topic/", "/topic/accounts",
        f"{TOPIC}/", "/event/\0", "/event/\u00e9__e", f"/event/{'x' * 5000}", f"/topic/{'x' * 26}", "/event/Account",
    ],
)  # fmt: skip
def test_a_name_is_that_of_a_channel_to_the_letter_or_none(lab: Lab, channel: str) -> None:
    client = lab.client().ready()
    told = client.subscribe(channel)
    assert told["error"] == f"400::The channel you requested to subscribe to does not exist {{{channel}}}"
    assert told["subscription"] == channel


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        *((name, "404::Unknown channel") for name in ("/u/", "/u/a b", "/u/" + "x" * 300)),
        (NOTES.lower(), "404::channel names may not vary only by case"),
    ],
)
def test_names_of_no_streaming_channel_are_unknown(lab: Lab, channel: str, error: str) -> None:
    assert lab.client().ready().subscribe(channel)["error"] == error


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        (ORDER, "403::Restricted channel"),
        (ALL_CHANGES, "403::User not allowed to subscribe CDC without View All Data permissions"),
        (TOPIC, "403::User not enabled for streaming"),
        (NOTES, "403::No access on channel"),
    ],
)
def test_who_may_not_read_is_told_so(lab: Lab, channel: str, error: str) -> None:
    lab.denied.add(channel)
    client = lab.client().ready()
    assert client.subscribe(channel)["error"] == error
    (note,) = lab.control.journal()[-1]["events"]
    assert (note["what"], note["channel"], note["refused"]) == ("subscribed", channel, error)


def test_who_may_not_read_what_a_topic_asks_about_is_told_so(lab: Lab) -> None:
    topic = {"Name": "Sites", "Query": "SELECT Id, Name FROM Account WHERE Site = 'A'", "ApiVersion": 60.0}
    lab.control.seed("PushTopic", [topic])
    rights = {"objects": {"Account": "read", "PushTopic": "read"}, "fields": {"Account": {"Site": "none"}}}
    reader = lab.control.create_user({"username": "reader@sfmock.test", **rights})
    client = lab.client(token=reader.access_token).ready()
    assert client.subscribe("/topic/Sites")["error"] == (
        "403::Subscriber does not have access to all fields referenced in the where clause of the PushTopic"
    )
    assert client.subscribe(TOPIC)["successful"]


INVALID = (
    "400::The replayId {%s} you provided was invalid.  Please provide a valid ID, -2 to replay all events, or -1 to "
    "replay only new events."
)


@pytest.mark.parametrize("replay", [82, -3, 10**19, "9" * 25, "nothing", 1.5, True, [1]])
def test_a_replay_id_that_was_never_given_out_is_refused_with_its_braces(lab: Lab, replay: Any) -> None:
    client = lab.client().ready()
    lab.publish(ORDER, {"Number__c": 1})
    told = client.subscribe(ORDER, replay)["error"]
    assert told.startswith("400::The replayId {")
    if isinstance(replay, int | str) and not isinstance(replay, bool):
        assert told == INVALID % replay


def test_a_replay_id_expires_with_its_event(lab: Lab) -> None:
    (event,) = lab.publish(ORDER, {"Number__c": 1})
    lab.control.advance(71 * 3600)
    assert lab.client(token=lab.control.mint_token()).ready().subscribe(ORDER, event.replay_id)["successful"]
    lab.control.advance(2 * 3600)
    assert (
        lab.client(token=lab.control.mint_token()).ready().subscribe(ORDER, event.replay_id)["error"]
        == INVALID % event.replay_id
    )


@pytest.mark.parametrize("channel", [TOPIC, NOTES])
def test_events_of_topics_and_streaming_channels_are_retained_for_a_day(lab: Lab, channel: str) -> None:
    (event,) = lab.publish(channel, {"Id": "001000000000001AAA", "payload": "x"})
    lab.control.advance(23 * 3600)
    assert lab.client(token=lab.control.mint_token()).ready().subscribe(channel, event.replay_id)["successful"]
    lab.control.advance(2 * 3600)
    late = lab.client(token=lab.control.mint_token()).ready()
    assert late.subscribe(channel, event.replay_id)["error"] == INVALID % event.replay_id


def test_a_replay_map_must_name_the_channel_without_its_filter(lab: Lab) -> None:
    client = lab.client().ready()
    channel = f"{TOPIC}?Name='Smith'"
    assert client.subscribe(channel, -1)["error"] == (
        f"400::The replayId for channel {{{TOPIC}}} wasn't found using the provided replay ID map {{{{{channel}=-1}}}}. "
        "Ensure that the channel name you provided in the replay map is valid and matches the channel name used for "
        "subscribing."
    )
    right = client.message("/meta/subscribe", subscription=channel, ext={"replay": {TOPIC: -1, CASE: -2}})
    assert client.one(right)["successful"]


def test_a_replay_map_that_says_null_says_nothing_of_the_channel(lab: Lab) -> None:
    client = lab.client().ready()
    asked = client.message("/meta/subscribe", subscription=ORDER, ext={"replay": {ORDER: None}})
    assert client.one(asked)["error"] == (
        f"400::The replayId for channel {{{ORDER}}} wasn't found using the provided replay ID map {{{{{ORDER}=null}}}}. "
        "Ensure that the channel name you provided in the replay map is valid and matches the channel name used for "
        "subscribing."
    )


@pytest.mark.parametrize("kinds", [["websocket"], ["callback-polling", "websocket"], [], None, "websocket"])
def test_only_long_polling_is_served(lab: Lab, kinds: Any) -> None:
    reply = lab.client().handshake(supportedConnectionTypes=kinds)
    first = kinds[0] if isinstance(kinds, list) and kinds else kinds or ""
    assert reply["error"] == f"400::Invalid connection type {first}"


def test_a_connect_by_another_transport_is_refused(lab: Lab) -> None:
    client = lab.client().ready()
    reply = client.one(client.message("/meta/connect", connectionType="websocket"))
    assert reply["error"] == "400::Invalid connection type websocket"


@pytest.mark.parametrize(
    ("version", "text"),
    [
        ("", "400::API version in the URI is mandatory. URI format: '/cometd/60.0'"),
        ("handshake", "400::API version in the URI is mandatory. URI format: '/cometd/60.0'"),
        ("60", "400::API version in the URI is mandatory. URI format: '/cometd/60.0'"),
        ("replay/38.0", "400::API version in the URI is mandatory. URI format: '/cometd/60.0'"),
        ("22.0", "400::Unsupported API version. Only API versions '23.0' and above are supported. "
                 "URI format: '/cometd/60.0'"),
        ("99.0", "400::Unsupported API version. Only API versions '23.0' and above are supported. "
                 "URI format: '/cometd/60.0'"),
        ("60.5", "400::Unsupported API version. Only API versions '23.0' and above are supported. "
                 "URI format: '/cometd/60.0'"),
        ("060.0", "400::Unsupported API version. Only API versions '23.0' and above are supported. "
                  "URI format: '/cometd/60.0'"),
        ("v60.0", "400::API version in the URI is mandatory. URI format: '/cometd/60.0'"),
    ],
)  # fmt: skip
def test_the_path_must_name_a_version_that_there_is(lab: Lab, version: str, text: str) -> None:
    client = lab.client(version)
    answer = client.send({"channel": "/meta/handshake", "supportedConnectionTypes": ["long-polling"]})
    assert answer.status_code == 400
    assert answer.json() == [{"error": text, "successful": False}]


@pytest.mark.parametrize(
    ("channel", "error"),
    [
        (ORDER, "403:denied_by_security_policy:publish_denied"),
        (NOTES, "403:denied_by_security_policy:publish_denied"),
        ("/service/x", "403:denied_by_security_policy:publish_denied"),
        ("/meta/other", "404::Unknown channel"),
        ("x", "404::Unknown channel"),
        (None, "400::Channel name not specified"),
    ],
)
def test_clients_cannot_publish(lab: Lab, channel: Any, error: str) -> None:
    client = lab.client().ready()
    reply = client.one({"channel": channel, "clientId": client.id, "data": {"a": 1}})
    assert (reply["error"], reply["successful"]) == (error, False)


def test_a_request_of_more_than_32768_bytes_is_too_large(lab: Lab) -> None:
    client = lab.client().ready()
    message = client.message("/meta/subscribe", subscription=ORDER, padding="")
    small = 32_768 - len(str([message]).encode())
    assert client.send({**message, "padding": "x" * (small - 100)}).status_code == 200
    answer = client.send({**message, "padding": "x" * 32_768})
    assert answer.status_code == 413
    assert answer.json()[0]["error"] == "413::Maximum Request Size Exceeded"


def test_one_that_is_larger_than_any_is_refused_likewise(lab: Lab) -> None:
    answer = lab.client().send(data=b" " * 52_428_801, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()[0]["error"]) == (413, "413::Maximum Request Size Exceeded")


@pytest.mark.parametrize(
    ("body", "kind"),
    [("", "application/json"), ("{", "application/json"), ("5", "application/json"), ("[1]", "application/json"),
     ("[]x", "text/json"), ("[]", "text/plain"), ("messages=[]", "application/x-www-form-urlencoded")],
)  # fmt: skip
def test_what_is_no_messages_is_a_bad_request(lab: Lab, body: str, kind: str) -> None:
    answer = lab.client().send(data=body, headers={"Content-Type": kind})
    assert answer.status_code == 400
    assert answer.json()[0]["error"].startswith("400::")


def test_no_messages_have_no_answers(lab: Lab) -> None:
    assert lab.client().post() == []


def test_there_is_nothing_to_get(lab: Lab) -> None:
    client = lab.client()
    answer = client.http.get(
        f"{client.url}/cometd/60.0", headers={"Authorization": f"Bearer {client.token}"}, timeout=30
    )
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


def test_a_fault_refuses_a_message_as_it_refuses_a_call(lab: Lab) -> None:
    lab.control.add_fault({"on": "cometd.subscribe", "error": "SERVER_UNAVAILABLE", "when": {"times": 1}})
    client = lab.client().ready()
    assert client.subscribe(ORDER) == {
        "ext": {"sfdc": {"failureReason": TOO_BUSY}}, "clientId": client.id, "channel": "/meta/subscribe", "id": "3",
        "subscription": ORDER, "error": TOO_BUSY, "successful": False,
    }  # fmt: skip
    assert client.subscribe(ORDER)["successful"]


def test_a_server_that_is_too_busy_says_why_in_the_extension(lab: Lab) -> None:
    for step in ("handshake", "connect"):
        lab.control.add_fault({"on": f"cometd.{step}", "error": "SERVER_UNAVAILABLE", "when": {"times": 1}})
    client = lab.client()
    reply = client.handshake()
    assert (reply["error"], reply["ext"]["sfdc"]["failureReason"]) == ("403::Handshake denied", TOO_BUSY)
    client.handshake()
    (reply,) = client.connect()
    assert (reply["error"], reply["ext"]["sfdc"]["failureReason"]) == (TOO_BUSY, TOO_BUSY)
