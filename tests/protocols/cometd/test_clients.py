"""For how long a client is known, how many there may be, and which cookies tell them apart."""

from __future__ import annotations

import pytest
import requests

from tests.protocols.cometd.conftest import CASE, NOTES, ORDER, TOPIC, Bayeux, Lab
from tests.waiting import PATIENCE, until

DENIED = {
    "ext": {
        "sfdc": {"failureReason": "403::Organization concurrent user limit exceeded"}, "replay": True,
        "payload.format": True,
    },
    "advice": {"reconnect": "none"},
    "channel": "/meta/handshake",
    "id": "1",
    "error": "403::Handshake denied",
    "successful": False,
}  # fmt: skip


def unknown(client: Bayeux) -> bool:
    return bool(client.connect(advice={"timeout": 0})[-1].get("error") == "403::Unknown client")


def test_a_client_is_forgotten_40_seconds_after_its_last_answer(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.control.advance(39)
    assert not unknown(client)
    lab.control.advance(39)
    assert not unknown(client)
    lab.control.advance(40)
    assert unknown(client)


def test_all_answers_begin_that_time_anew(lab: Lab) -> None:
    client = lab.client()
    client.handshake()
    for _ in range(3):
        lab.control.advance(30)
        assert client.subscribe(ORDER)["successful"]


def test_who_is_held_is_not_forgotten(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    lab.control.advance(110)
    held.result(PATIENCE)
    lab.control.advance(39)
    assert not unknown(client)


def test_a_client_is_known_for_three_hours_at_most(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    connects = 0
    while True:
        held = client.hold()
        until(lambda held=held: held.done() or lab.holding())  # type: ignore[misc]
        if not lab.holding():
            assert held.result(PATIENCE)[0]["error"] == "403::Unknown client"
            break
        lab.control.advance(110)
        held.result(PATIENCE)
        connects += 1
    assert 97 <= connects <= 99


def test_one_who_was_forgotten_handshakes_and_subscribes_anew_and_misses_nothing(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.publish(ORDER, {"Number__c": 1})
    event, _ = client.connect()
    lab.control.advance(60)
    lab.publish(ORDER, {"Number__c": 2})
    assert unknown(client)
    client.ready()
    assert len(client.connect(advice={"timeout": 0})) == 1
    assert client.subscribe(ORDER, event["data"]["event"]["replayId"])["successful"]
    assert [one["data"]["payload"]["Number__c"] for one in client.connect()[:-1]] == [2]


@pytest.mark.parametrize(
    ("version", "limit", "other"),
    [
        ("60.0", "DurableStreamingApiConcurrentClients", "StreamingApiConcurrentClients"),
        ("36.0", "StreamingApiConcurrentClients", "DurableStreamingApiConcurrentClients"),
    ],
)
def test_an_org_has_so_many_clients_and_no_more(lab: Lab, version: str, limit: str, other: str) -> None:
    lab.control.set_limit(limit, maximum=2)
    first, second, third = (lab.client(version) for _ in range(3))
    assert first.handshake()["successful"]
    assert second.handshake()["successful"]
    limits = lab.control.limits()
    assert limits[limit] == {"Max": 2, "Remaining": 0}
    assert limits[other] == {"Max": 20, "Remaining": 20}
    denied = third.handshake()
    if version == "60.0":
        assert denied == DENIED
    else:
        assert denied["ext"] == {"sfdc": DENIED["ext"]["sfdc"]}  # type: ignore[index]
    second.disconnect()
    assert third.handshake()["successful"]


def test_a_handshake_without_a_goodbye_takes_a_place_until_its_time_is_over(lab: Lab) -> None:
    client = lab.client()
    for _ in range(20):
        assert client.handshake()["successful"]
    assert client.handshake()["error"] == "403::Handshake denied"
    lab.control.advance(40)
    assert lab.control.limits()["DurableStreamingApiConcurrentClients"] == {"Max": 20, "Remaining": 20}
    assert client.handshake()["successful"]


def test_what_is_left_of_the_clients_can_be_set(lab: Lab) -> None:
    lab.control.set_limit("DurableStreamingApiConcurrentClients", remaining=1)
    assert lab.client().handshake()["successful"]
    assert not lab.client().handshake()["successful"]


@pytest.mark.parametrize(
    ("channel", "limit", "version"),
    [
        (ORDER, "DailyDeliveredPlatformEvents", "60.0"),
        (TOPIC, "DailyDurableStreamingApiEvents", "60.0"),
        (TOPIC, "DailyStreamingApiEvents", "36.0"),
        (NOTES, "DailyDurableGenericStreamingApiEvents", "60.0"),
        (NOTES, "DailyGenericStreamingApiEvents", "36.0"),
    ],
)
def test_what_is_delivered_is_counted_and_ends_with_the_limit(lab: Lab, channel: str, limit: str, version: str) -> None:
    lab.control.set_limit(limit, remaining=3)
    client = lab.client(version).ready(channel)
    lab.publish(channel, *({"payload": "x", "Id": "001", "Number__c": n} for n in range(5)))
    assert len(client.connect()) == 3 + 1
    assert lab.control.limits()[limit]["Remaining"] == 0
    assert client.connect() == [
        {"clientId": client.id, "advice": {"reconnect": "none", "interval": 0}, "channel": "/meta/connect",
         "id": str(client.count), "error": "403::Organization total events daily limit exceeded", "successful": False}
    ]  # fmt: skip
    another = lab.client(version).ready()
    assert another.subscribe(channel)["error"] == "403::Organization total events daily limit exceeded"
    lab.control.advance(86_400 + 3600)
    assert lab.client(version, lab.control.mint_token()).ready(channel)


def test_a_handshake_gives_the_cookies_of_a_browser_and_of_its_server(lab: Lab) -> None:
    client = lab.client()
    client.handshake()
    assert set(client.http.cookies.keys()) >= {"BAYEUX_BROWSER", "sfdc-stream"}
    assert client.last is not None
    assert "secure" not in client.last.headers["Set-Cookie"].lower().split("bayeux_browser")[1]
    browser = client.http.cookies["BAYEUX_BROWSER"]
    client.handshake()
    assert client.http.cookies["BAYEUX_BROWSER"] == browser
    assert client.last is not None
    assert "BAYEUX_BROWSER" not in client.last.headers.get("Set-Cookie", "")


def test_cookies_are_secure_where_the_connection_is(lab: Lab) -> None:
    client = lab.client()
    client.url, client.http.verify = lab.server.https_url, str(lab.server.ca_bundle)
    client.http.trust_env = False
    client.handshake()
    assert client.last is not None
    assert "; Secure" in client.last.headers["Set-Cookie"].split("BAYEUX_BROWSER")[1]


def test_by_a_name_of_salesforces_the_cookie_is_demanded(lab: Lab) -> None:
    host = {"Host": "sfmock.my.salesforce.com"}
    client = lab.client()
    client.http.cookies.set_policy(NoCookies())
    reply = client.one({"channel": "/meta/handshake", "supportedConnectionTypes": ["long-polling"]}, headers=host)
    client.id = reply["clientId"]
    assert client.last is not None
    assert client.one(client.message("/meta/subscribe", subscription=ORDER), headers=host) == {
        "clientId": client.id, "channel": "/meta/subscribe", "id": "1", "subscription": ORDER,
        "error": f"400::Client {client.id} has established a session, but no BAYEUX_BROWSER cookie present",
        "successful": False,
    }  # fmt: skip
    made = lab.do(lambda: lab.org.streaming.find(client.id))
    assert made is not None
    with_cookie = {**host, "Cookie": f"a=b; BAYEUX_BROWSER={made.browser}"}
    assert client.one(client.message("/meta/subscribe", subscription=ORDER), headers=with_cookie)["successful"]


class NoCookies(requests.cookies.cookielib.DefaultCookiePolicy):  # type: ignore[name-defined,misc]
    def set_ok(self, cookie: object, request: object) -> bool:
        return False


def test_a_client_without_a_cookie_jar_is_served_by_the_mocks_own_address(lab: Lab) -> None:
    client = lab.client()
    client.http.cookies.set_policy(NoCookies())
    client.ready(ORDER, CASE)
    lab.publish(ORDER, {"Number__c": 1})
    assert len(client.connect()) == 2


def test_a_reset_forgets_who_was_connected(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    held = client.hold()
    lab.held()
    lab.control.reset()
    assert held.result(PATIENCE)[0]["error"] == "403::Unknown client"
    assert unknown(client)
    assert lab.control.limits()["DurableStreamingApiConcurrentClients"]["Remaining"] == 20
