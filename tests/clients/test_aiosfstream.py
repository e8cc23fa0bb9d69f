"""The unmodified aiosfstream client: it logs in at login.salesforce.com, and comes by the org's own name, with cookies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any, TypeVar

import pytest
from aiosfstream_ng.auth import PasswordAuthenticator, RefreshTokenAuthenticator
from aiosfstream_ng.client import Client
from aiosfstream_ng.exceptions import ServerError
from aiosfstream_ng.replay import ReplayOption

from harness.redirect import Redirect
from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from tests.conftest import Rest
from tests.protocols.cometd.conftest import EVENTS

T = TypeVar("T")
ORDER, TOPIC = "/event/Order__e", "/topic/Accounts"
_TOPIC = {"Name": "Accounts", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 60.0, "NotifyForFields": "All"}


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=EVENTS, journal="whole")
    yield made
    server.control.delete_org(made.id)


@pytest.fixture
def control(server: api.Server, org: OrgInfo) -> ControlClient:
    return server.control.for_org(org.id)


@pytest.fixture(autouse=True)
def redirect(server: api.Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    with Redirect.to(server):
        yield


def by_password(org: OrgInfo) -> PasswordAuthenticator:
    return PasswordAuthenticator(org.client_id, org.client_secret, org.username, org.password)


async def soon(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, 60)


async def publish(rest: Rest, *numbers: int) -> None:
    for number in numbers:
        made = await asyncio.to_thread(rest.post, "/sobjects/Order__e", json={"Number__c": number})
        assert made.status_code == 201


async def received(client: Client, count: int) -> list[int]:
    return [(await soon(client.receive()))["data"]["payload"]["Number__c"] for _ in range(count)]


async def held(server: api.Server, org: OrgInfo) -> None:
    """Wait until a request of the client is held."""
    streaming = server._running.app.world.orgs[org.id].streaming
    while not any(client.held for client in streaming):
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("way", ["password", "refresh token"])
async def test_events_come_as_they_are_published(org: OrgInfo, rest: Rest, control: ControlClient, way: str) -> None:
    auth = RefreshTokenAuthenticator(org.client_id, org.client_secret, org.refresh_token)
    async with Client(by_password(org) if way == "password" else auth) as client:
        await soon(client.subscribe(ORDER))
        await publish(rest, 1, 2)
        assert await received(client, 2) == [1, 2]
        await soon(client.unsubscribe(ORDER))
    operations = [entry["operation"] for entry in control.journal() if entry["operation"].startswith("cometd.")]
    assert operations[0] == "cometd.handshake"
    assert "cometd.disconnect" in operations
    assert any(".my.salesforce.com" in entry["address"] for entry in control.journal())


async def test_all_that_is_retained_is_replayed_and_what_follows_an_id(org: OrgInfo, rest: Rest) -> None:
    await publish(rest, 1, 2, 3)
    marks: dict[str, Any] = {}
    async with Client(by_password(org), replay=ReplayOption.ALL_EVENTS) as client:
        await soon(client.subscribe(ORDER))
        assert await received(client, 3) == [1, 2, 3]
    async with Client(by_password(org), replay=marks) as client:
        await soon(client.subscribe(ORDER))
        await publish(rest, 4)
        assert await received(client, 1) == [4]
    await publish(rest, 5, 6)
    async with Client(by_password(org), replay=marks) as client:
        await soon(client.subscribe(ORDER))
        assert await received(client, 2) == [5, 6]


async def test_an_id_that_has_expired_falls_back_to_all_events(
    org: OrgInfo, rest: Rest, control: ControlClient
) -> None:
    marks: dict[str, Any] = {}
    async with Client(by_password(org), replay=marks) as client:
        await soon(client.subscribe(ORDER))
        await publish(rest, 1)
        await received(client, 1)
    control.advance(73 * 3600)
    rest.token = control.mint_token()
    await publish(rest, 2)
    with pytest.raises(ServerError) as refused:
        async with Client(by_password(org), replay=dict(marks)) as client:
            await soon(client.subscribe(ORDER))
    assert refused.value.error_code == 400
    async with Client(by_password(org), replay=marks, replay_fallback=ReplayOption.ALL_EVENTS) as client:
        await soon(client.subscribe(ORDER))
        assert await received(client, 1) == [2]


@pytest.mark.parametrize("what", ["the server forgets", "the client is late", "three hours are over"])
async def test_a_forgotten_client_handshakes_and_subscribes_anew_and_misses_nothing(
    server: api.Server, org: OrgInfo, rest: Rest, control: ControlClient, what: str
) -> None:
    marks: dict[str, Any] = {}
    async with Client(by_password(org), replay=marks) as client:
        await soon(client.subscribe(ORDER))
        await publish(rest, 1)
        assert await received(client, 1) == [1]
        await soon(held(server, org))
        if what == "the server forgets":
            control.add_fault({"on": "cometd.connect", "event": "forget", "when": {"times": 1}})
        else:
            control.advance(10_900 if what == "three hours are over" else 109)
            rest.token = control.mint_token()
        await publish(rest, 2, 3)
        # What waits in the client when it subscribes anew comes again: its mark moves only when a message is taken.
        seen: list[int] = []
        while 3 not in seen:
            seen += await received(client, 1)
        assert list(dict.fromkeys(seen)) == [2, 3]
        assert ORDER in client.subscriptions


async def test_a_session_that_ends_is_renewed(
    server: api.Server, org: OrgInfo, rest: Rest, control: ControlClient
) -> None:
    async with Client(by_password(org)) as client:
        await soon(client.subscribe(ORDER))
        await soon(held(server, org))
        control.expire_tokens()
        rest.token = control.mint_token()
        await publish(rest, 1)
        assert await received(client, 1) == [1]


async def test_topics_tell_of_records(org: OrgInfo, rest: Rest) -> None:
    await asyncio.to_thread(rest.post, "/sobjects/PushTopic", json=_TOPIC)
    async with Client(by_password(org)) as client:
        await soon(client.subscribe(TOPIC))
        await asyncio.to_thread(rest.post, "/sobjects/Account", json={"Name": "Acme"})
        message = await soon(client.receive())
    assert (message["data"]["event"]["type"], message["data"]["sobject"]["Name"]) == ("created", "Acme")


async def test_what_is_refused_is_an_error_with_its_code(org: OrgInfo, control: ControlClient) -> None:
    async with Client(by_password(org)) as client:
        with pytest.raises(ServerError) as refused:
            await soon(client.subscribe("/event/Nothing__e"))
        assert refused.value.error_code == 400
        with pytest.raises(ServerError) as refused:
            await soon(client.publish(ORDER, {"a": 1}))
        assert refused.value.error_code == 403
    control.set_limit("DurableStreamingApiConcurrentClients", remaining=0)
    with pytest.raises(ServerError) as refused:
        await soon(Client(by_password(org)).open())
    assert refused.value.error_message == "Handshake denied"
