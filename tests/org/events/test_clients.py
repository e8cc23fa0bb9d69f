"""Clients of the Streaming API, as the org knows them."""

from __future__ import annotations

from mock_server.org.events.clients import LIFE, RECONNECT, Release
from tests.org.events.conftest import Bus


class Waiting:
    """A request that is held."""

    def __init__(self) -> None:
        self.released: list[Release] = []

    def release(self, why: Release) -> None:
        self.released.append(why)


def test_who_is_held_is_known_however_long_ago_he_was_answered(bus: Bus) -> None:
    clients = bus.org.streaming
    client = clients.open(bus.who.user_id, durable=True)
    client.held = Waiting()
    bus.org.clock.advance(RECONNECT + LIFE)
    assert clients.find(client.id) is client
    client.held = None
    assert clients.find(client.id) is None


def test_a_session_by_which_a_client_comes_no_more_ends_nothing_of_it(bus: Bus) -> None:
    org, client = bus.org, bus.org.streaming.open(bus.who.user_id, durable=True)
    user, app = org.directory.told_user, org.directory.default_app
    first, second = (org.sessions.open(user, app, app.scopes).token for _ in range(2))
    held = client.held = Waiting()
    for token in (first, second):
        org.streaming.attend(client, token)
    org.revoke(first)
    assert held.released == []
    org.revoke(second)
    assert held.released == ["session"]
