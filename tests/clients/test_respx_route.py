"""httpx reaches the mock through respx, with no socket in between; faults look as they do on the network."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import respx

from harness.org import OrgHandle
from mock_server import api
from mock_server.control.client import OrgInfo
from tests.waiting import until

LOGIN = "https://login.salesforce.com/services/oauth2/token"
Send = Callable[..., httpx.Response]


@pytest.fixture
def handle(server: api.Server, org: OrgInfo) -> OrgHandle:
    handle = OrgHandle(org, server)
    handle.journal()  # the control plane's connection exists before the network is taken away
    return handle


@pytest.fixture(params=["sync", "async"])
def send(request: pytest.FixtureRequest, handle: OrgHandle, monkeypatch: pytest.MonkeyPatch) -> Iterator[Send]:
    """Send a request with httpx, sync or async, while no socket can be connected."""

    def refuse(*_: Any) -> None:
        raise AssertionError("a socket was connected")

    def sync(method: str, url: str, **options: Any) -> httpx.Response:
        with handle.respx():
            return httpx.request(method, url, **options)

    async def asynchronous(method: str, url: str, **options: Any) -> httpx.Response:
        async with handle.respx(), httpx.AsyncClient() as client:
            return await client.request(method, url, **options)

    def run(method: str, url: str, **options: Any) -> httpx.Response:
        options["headers"] = {"Authorization": f"Bearer {handle.access_token}", **options.get("headers", {})}
        with monkeypatch.context() as patch:
            patch.setattr(socket.socket, "connect", refuse)
            if request.param == "sync":
                return sync(method, url, **options)
            return asyncio.run(asynchronous(method, url, **options))

    yield run


def data(path: str, host: str = "acme.my.salesforce.com") -> str:
    return f"https://{host}/services/data/v60.0{path}"


def test_a_login_and_a_records_life(send: Send, handle: OrgHandle) -> None:
    form = {
        "grant_type": "password", "username": handle.username, "password": handle.password,
        "client_id": handle.client_id, "client_secret": handle.client_secret,
    }  # fmt: skip
    token = send("POST", LOGIN, data=form).json()
    assert token["instance_url"].endswith(".my.salesforce.com")
    created = send("POST", data("/sobjects/Contact"), json={"LastName": "Lovelace"})
    assert created.status_code == 201
    url = data(f"/sobjects/Contact/{created.json()['id']}")
    assert send("PATCH", url, json={"Title": "Countess"}).status_code == 204
    assert send("GET", url, params={"fields": "Title"}).json()["Title"] == "Countess"
    assert send("HEAD", url).content == b""
    assert send("GET", data("/query"), params={"q": "SELECT Title FROM Contact"}).json()["totalSize"] == 1
    assert [entry["operation"] for entry in handle.journal()][1:3] == ["rest.sobject.create", "rest.sobject.update"]


def test_the_answer_is_that_of_the_network(send: Send, handle: OrgHandle, server: api.Server) -> None:
    headers = {"Authorization": f"Bearer {handle.access_token}", "X-PrettyPrint": "1", "Accept-Encoding": "identity"}
    near = send("GET", data("/limits", host=server.url.partition("://")[2]).replace("https", "http"), headers=headers)
    far = httpx.get(f"{server.url}/services/data/v60.0/limits", headers=headers)
    assert near.text.count("\n") == far.text.count("\n") > 10
    own = {"x-sfdc-request-id", "x-request-id", "date", "sforce-limit-info", "content-length", "set-cookie"}
    assert {k: v for k, v in near.headers.items() if k not in own} == {
        k: v for k, v in far.headers.items() if k not in own
    }


def test_requests_that_the_edge_refuses(send: Send) -> None:
    assert send("GET", data("/query"), params={"q": "x" * 20_000}).status_code == 414
    body, packed = b'{"LastName": "Hopper"}', {"Content-Encoding": "gzip", "Content-Type": "application/json"}
    broken = send("POST", data("/sobjects/Contact"), content=body, headers=packed)
    assert broken.json()[0]["errorCode"] == "JSON_PARSER_ERROR"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"reply": "lost"}, httpx.ReadError),
        ({"reply": "reset"}, httpx.ReadError),
        ({"reply": "truncated"}, httpx.RemoteProtocolError),
        ({"latency": "1h"}, httpx.ReadTimeout),
        ({"reply": "trickle", "lasts": "1h"}, httpx.ReadTimeout),
    ],
)
def test_faults_raise_what_they_raise_on_the_network(
    send: Send, handle: OrgHandle, fault: dict[str, str], error: type[Exception]
) -> None:
    handle.faults.add(on="rest.sobject.create", **fault)
    # One who waits for no answer leaves soon; the others are told what there is to tell, however long that takes.
    timeout = httpx.Timeout(60, read=0.1 if error is httpx.ReadTimeout else 60)
    with pytest.raises(error):
        send("POST", data("/sobjects/Contact"), json={"LastName": "x"}, timeout=timeout)
    with pytest.raises(error):
        url = f"{handle.instance_url}/services/data/v60.0/sobjects/Contact"
        token = {"Authorization": f"Bearer {handle.access_token}"}
        httpx.post(url, json={"LastName": "x"}, headers=token, timeout=timeout)
    until(lambda: len(handle.journal()) == 2)
    saved = 2 if fault["reply" if "reply" in fault else "latency"] in ("lost", "truncated", "trickle") else 0
    until(lambda: len(handle.records.query("SELECT Id FROM Contact")) == saved)
    handle.clock.advance(3601)  # the stalled ones are served, to nobody


def test_a_trickling_answer_takes_its_time(send: Send, handle: OrgHandle) -> None:
    handle.faults.add(on="rest.limits", reply="trickle", lasts="300ms")
    assert "DailyApiRequests" in send("GET", data("/limits"), timeout=0.2).json()
    (entry,) = handle.journal()
    assert entry["end"] - entry["at"] >= 0.3


def test_the_journal_says_that_the_client_has_gone(send: Send, handle: OrgHandle) -> None:
    handle.faults.add(on="rest.sobject.create", latency="1h")
    with pytest.raises(httpx.ReadTimeout):
        send("POST", data("/sobjects/Contact"), json={"LastName": "x"}, timeout=0.05)
    handle.clock.advance(3601)
    until(lambda: [(one["outcome"], one["status"]) for one in handle.journal()] == [("abandoned", 201)])
    assert len(handle.commits()) == 1


def test_time_is_the_orgs(server: api.Server) -> None:
    org = server.control.create_org(clock="virtual")
    handle = OrgHandle(org, server)
    handle.faults.add(on="rest.limits", latency="10m")
    url, token = data("/limits"), {"Authorization": f"Bearer {handle.access_token}"}

    async def main() -> None:
        async with handle.respx(), httpx.AsyncClient(timeout=1800, headers=token) as client:
            asked = asyncio.ensure_future(client.get(url))
            while not handle.journal():
                await asyncio.sleep(0.01)
            assert not asked.done()
            handle.clock.advance(600)
            assert (await asked).status_code == 200
            asked = asyncio.ensure_future(client.get(url, timeout=300))
            while len(handle.journal()) < 2:
                await asyncio.sleep(0.01)
            handle.clock.advance(301)
            with pytest.raises(httpx.ReadTimeout):
                await asked

    asyncio.run(main())
    server.control.delete_org(org.id)


def test_routes_of_ones_own_come_first_and_other_hosts_are_refused(handle: OrgHandle) -> None:
    with handle.respx() as router:
        router.get("https://login.salesforce.com/services/data").respond(418)
        router.get("https://example.com/").respond(200, text="mine")
        assert httpx.get("https://login.salesforce.com/services/data").status_code == 418
        assert httpx.get("https://example.com/").text == "mine"
        assert httpx.get("https://test.salesforce.com/services/data").status_code == 200
        with pytest.raises(respx.models.AllMockedAssertionError):
            httpx.get("https://example.org/")
        assert router.calls.call_count == 3


def test_without_respx_the_error_says_what_to_do(handle: OrgHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "respx", None)
    with pytest.raises(ModuleNotFoundError, match="pip install httpx respx"):
        handle.respx()
