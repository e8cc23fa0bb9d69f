"""How replies break on the wire, in plain HTTP and in TLS: what a client's socket really sees."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable, Iterator

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.waiting import PATIENCE, until

Send = Callable[[], bytes]
# Under TLS, Python reports a reset as an end of file that the protocol did not announce.
BROKEN = (ConnectionResetError, ssl.SSLEOFError)


@pytest.fixture(params=["http", "https"])
def send(request: pytest.FixtureRequest, server: api.Server, org: OrgInfo) -> Iterator[Send]:
    """Creates a contact over a connection of its own; returns all bytes that come back."""
    opened: list[socket.socket] = []

    def run() -> bytes:
        sock = socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE)
        if request.param == "https":
            context = ssl.create_default_context(cafile=str(server.ca_file))
            sock = context.wrap_socket(sock, server_hostname="localhost", suppress_ragged_eofs=False)
        opened.append(sock)
        body = b'{"LastName": "Lovelace"}'
        sock.sendall(
            f"POST /services/data/v60.0/sobjects/Contact HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Authorization: Bearer {org.access_token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        out = b""
        while data := sock.recv(65536):
            out += data
        return out

    yield run
    for sock in opened:
        sock.close()


def saved(server: api.Server, org: OrgInfo) -> int:
    return len(server.control.for_org(org.id).records("SELECT Id FROM Contact"))


@pytest.mark.parametrize(
    ("rule", "done"), [({"reply": "lost"}, 1), ({"reply": "reset"}, 0), ({"reply": "reset", "at": "after"}, 1)]
)
def test_a_reset_is_a_reset(send: Send, server: api.Server, org: OrgInfo, rule: dict[str, str], done: int) -> None:
    server.control.for_org(org.id).add_fault({"on": "rest.sobject.create", "when": {"times": 1}, **rule})
    with pytest.raises(BROKEN):
        send()
    assert saved(server, org) == done
    assert send().startswith(b"HTTP/1.1 201 Created")


def test_a_truncated_reply_announces_more_than_it_sends(send: Send, server: api.Server, org: OrgInfo) -> None:
    server.control.for_org(org.id).add_fault({"on": "rest.sobject.create", "reply": "truncated"})
    head, _, body = send().partition(b"\r\n\r\n")
    announced = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    assert head.startswith(b"HTTP/1.1 201 Created")
    assert 0 < len(body) < announced
    assert saved(server, org) == 1


def test_a_trickling_reply_comes_whole_and_slowly(send: Send, server: api.Server, org: OrgInfo) -> None:
    steer = server.control.for_org(org.id)
    steer.add_fault({"on": "rest.sobject.create", "reply": "trickle", "lasts": "200ms"})
    head, _, body = send().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 201 Created")
    assert json.loads(body)["success"] is True
    (entry,) = steer.journal()
    assert entry["outcome"] == "answered"
    assert entry["end"] - entry["at"] >= 0.2


def test_a_client_may_leave_while_a_reply_trickles(server: api.Server, org: OrgInfo) -> None:
    steer = server.control.for_org(org.id)
    steer.add_fault({"on": "rest.query.run", "reply": "trickle", "lasts": "1h"})
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE) as sock:
        sock.sendall(
            b"GET /services/data/v60.0/query?q=SELECT+Id+FROM+User HTTP/1.1\r\nHost: localhost\r\n"
            + f"Authorization: Bearer {org.access_token}\r\n\r\n".encode()
        )
        assert sock.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert steer.journal()[0]["end"] is None
    until(lambda: steer.advance(600) and steer.journal()[0]["end"] is not None)
    assert steer.journal()[0]["outcome"] == "abandoned"


def test_a_malformed_reply_is_whole_and_unreadable(send: Send, server: api.Server, org: OrgInfo) -> None:
    server.control.for_org(org.id).add_fault({"on": "rest.sobject.create", "reply": "malformed"})
    head, _, body = send().partition(b"\r\n\r\n")
    announced = int(head.lower().split(b"content-length: ")[1].split(b"\r")[0])
    assert len(body) == announced
    with pytest.raises(ValueError):
        json.loads(body)
    assert saved(server, org) == 1


def test_an_outage_by_reset(send: Send, server: api.Server, org: OrgInfo) -> None:
    steer = server.control.for_org(org.id)
    steer.add_fault({"on": "rest.*", "outage": {"down": "1h", "as": "reset"}})
    with pytest.raises(BROKEN):
        send()
    steer.advance(3_601)
    assert send().startswith(b"HTTP/1.1 201 Created")


def test_the_journal_knows_when_a_client_gave_up(server: api.Server) -> None:
    org = server.control.create_org(journal="whole", clock="virtual", clock_start=1_800_000_000)
    control = server.control.for_org(org.id)
    control.add_fault({"on": "rest.versions", "latency": "4s"})
    with socket.create_connection(("127.0.0.1", int(server.url.rsplit(":", 1)[1])), PATIENCE) as sock:
        sock.sendall(
            f"GET /services/data HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {org.access_token}\r\n\r\n".encode()
        )
        until(control.journal)
        control.advance(1)
    until(lambda: control.journal()[0]["left"] is not None)
    control.advance(3)
    entry = until(lambda: [one for one in control.journal() if one["end"] is not None])[0]
    begun = 1_800_000_000
    assert (entry["at"], entry["left"], entry["end"]) == (begun, begun + 1, begun + 4)
    assert entry["outcome"] == "abandoned"
    server.control.delete_org(org.id)


def test_a_client_that_is_answered_has_not_left(server: api.Server, org: OrgInfo, send: Send) -> None:
    assert send().startswith(b"HTTP/1.1 201 Created")
    assert [entry["left"] for entry in server.control.for_org(org.id).journal()] == [None]
