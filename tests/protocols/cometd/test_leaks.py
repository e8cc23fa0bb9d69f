"""Clients come and go by the thousand, and nothing of them stays."""

from __future__ import annotations

import gc
import json
import socket
import sys
from collections import Counter
from http.client import HTTPConnection
from typing import Any

import pytest

from mock_server.deliveries import Feed
from mock_server.org.events.clients import StreamingClient
from mock_server.protocols.cometd.connecting import Hold
from mock_server.protocols.cometd.delivering import Bell, Reading
from tests.protocols.cometd.conftest import CASE, ORDER, Lab

KINDS = (StreamingClient, Feed, Hold, Bell, Reading)
KEPT_SLEEPERS = 70
"""The clock forgets those that were woken early not one by one."""


class Wire:
    """Requests on one connection, as quick as can be."""

    def __init__(self, lab: Lab) -> None:
        self.port = int(lab.server.url.rsplit(":", 1)[1])
        self.headers = {"Authorization": f"Bearer {lab.info.access_token}", "Content-Type": "application/json"}
        self.http = HTTPConnection("127.0.0.1", self.port, timeout=20)

    def post(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        self.http.request("POST", "/cometd/60.0", json.dumps(messages), self.headers)
        found = json.loads(self.http.getresponse().read())
        assert isinstance(found, list)
        return found

    def begin(self, *channels: str) -> str:
        hello = {"channel": "/meta/handshake", "supportedConnectionTypes": ["long-polling"]}
        client = str(self.post(hello)[0]["clientId"])
        connect = {"channel": "/meta/connect", "clientId": client}
        wanted = [{"channel": "/meta/subscribe", "clientId": client, "subscription": channel} for channel in channels]
        assert all(reply["successful"] for reply in self.post(connect, *wanted))
        return client

    def leave_held(self, lab: Lab, client: str) -> None:
        body = json.dumps([{"channel": "/meta/connect", "clientId": client}])
        lines = [f"{name}: {value}\r\n" for name, value in self.headers.items()]
        with socket.create_connection(("127.0.0.1", self.port)) as raw:
            raw.sendall(
                f"POST /cometd/60.0 HTTP/1.1\r\nHost: x\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n{body}".encode()
            )
            lab.held()


def come_and_go(lab: Lab, times: int) -> None:
    """Have clients begin, receive, wait and end in each of the ways there are."""
    wire = Wire(lab)
    for number in range(times):
        client = wire.begin(ORDER, CASE)
        if number % 5 == 0:
            lab.publish(ORDER, {"Number__c": number})
            assert len(wire.post({"channel": "/meta/connect", "clientId": client})) == 2
        if number % 20 == 7:
            wire.leave_held(lab, client)
        if number % 15 == 14:
            lab.control.advance(41)
        elif number % 3:
            wire.post({"channel": "/meta/disconnect", "clientId": client})
    lab.control.advance(200)
    wire.post({"channel": "/meta/connect", "clientId": "nobody"})
    wire.http.close()


def left(lab: Lab) -> Counter[str]:
    """Return how many there are of what belongs to clients."""
    org = lab.org
    lab.do(lambda: list(org.streaming))
    gc.collect()
    found = Counter({kind.__name__: 0 for kind in KINDS})
    found.update(type(one).__name__ for one in gc.get_objects() if type(one) in KINDS)
    found["clients"] = len(org.streaming)
    found["feeds"] = len(org.events.feeds)
    found["listeners"] = len(org.events._listeners)
    found["sessions watched"] = len(org.sessions._watchers)
    return found


def test_nothing_of_a_client_stays(lab: Lab) -> None:
    come_and_go(lab, 60)
    before = left(lab)
    assert not any(before[name] for name in ("clients", "feeds", "sessions watched"))
    come_and_go(lab, 240)
    assert left(lab) == before
    assert len(lab.org.clock._sleepers) <= KEPT_SLEEPERS


@pytest.mark.heavy
def test_nothing_of_ten_thousand_clients_stays(lab: Lab) -> None:
    lab.control.set_limit("DailyDeliveredPlatformEvents", maximum=10**9)
    come_and_go(lab, 500)
    before, blocks = left(lab), sys.getallocatedblocks()
    come_and_go(lab, 500)
    gc.collect()
    some = sys.getallocatedblocks() - blocks
    come_and_go(lab, 9000)
    gc.collect()
    assert left(lab) == before
    assert len(lab.org.clock._sleepers) <= KEPT_SLEEPERS
    # What grows with the clients are the journal, which is whole here, and the events, which are retained.
    entries = len(lab.control.journal())
    assert sys.getallocatedblocks() - blocks - some < 60 * entries
