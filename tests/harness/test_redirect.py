"""Clients with Salesforce's hosts built in, in the same process: unpatched, unconfigured, and back to normal afterwards."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import aiohttp
import httpx
import pytest
import requests
import uvloop
from simple_salesforce import Salesforce

from harness.redirect import Redirect, active, is_salesforces
from mock_server import api
from mock_server.control.client import OrgInfo

LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]
PLACES = [
    (socket, "getaddrinfo"),
    (socket, "gethostbyname"),
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (ssl.SSLContext, "wrap_socket"),
    (ssl.SSLContext, "wrap_bio"),
    (asyncio.base_events.BaseEventLoop, "create_connection"),
    (asyncio.base_events.BaseEventLoop, "getaddrinfo"),
    (uvloop.Loop, "create_connection"),
    (urllib.request, "proxy_bypass"),
    (requests.adapters.HTTPAdapter, "send"),
    (httpx.Client, "_transport_for_url"),
    (aiohttp.TCPConnector, "_resolve_host"),
]


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away all that could tell a client of the mock, or of a proxy."""
    for name in list(os.environ):
        if name.upper() in (
            "HTTPS_PROXY",
            "HTTP_PROXY",
            "ALL_PROXY",
            "NO_PROXY",
            "REQUESTS_CA_BUNDLE",
            "SSL_CERT_FILE",
            "CURL_CA_BUNDLE",
        ):
            monkeypatch.delenv(name)


@pytest.fixture
def redirect(server: api.Server) -> Iterator[Redirect]:
    with Redirect.to(server) as block:
        yield block


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], main: Any) -> Any:
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(main)


def versions(url: str) -> str:
    return f"{url}/services/data"


# -- each client, its own way


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host",
    ["login.salesforce.com", "test.salesforce.com", "acme.my.salesforce.com", "Acme--uat.sandbox.my.salesforce.com",
     "acme.lightning.force.com", "eu12.salesforce.com"],
)  # fmt: skip
def test_requests_reaches_the_mock_by_any_of_the_hosts(redirect: Redirect, scheme: str, host: str) -> None:
    answer = requests.get(versions(f"{scheme}://{host}"), timeout=30)
    assert answer.json()[-1]["version"] == "68.0"


def test_simple_salesforce_logs_in_at_its_built_in_host(redirect: Redirect, org: OrgInfo) -> None:
    for options in ({}, {"domain": "test"}):
        client = Salesforce(
            username=org.username, password=org.password, security_token=org.security_token, **options
        )  # fmt: skip
        assert client.sf_instance.endswith(".my.salesforce.com")
        assert client.query("SELECT Id FROM Organization")["records"][0]["Id"] == org.id
        client.session.close()


def test_simple_salesforce_may_also_be_given_the_mocks_own_address(
    redirect: Redirect, server: api.Server, org: OrgInfo
) -> None:
    # It speaks https to whatever it is given.
    with requests.Session() as session:
        client = Salesforce(instance_url=server.url, session_id=org.access_token, session=session)
        assert client.query("SELECT Id FROM Organization")["records"][0]["Id"] == org.id


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_httpx(redirect: Redirect, scheme: str) -> None:
    with httpx.Client() as client:
        assert client.get(versions(f"{scheme}://login.salesforce.com")).json()[-1]["version"] == "68.0"


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_httpx_async(redirect: Redirect, scheme: str, new_loop: Any) -> None:
    async def main() -> Any:
        async with httpx.AsyncClient() as client:
            return (await client.get(versions(f"{scheme}://login.salesforce.com"))).json()

    assert run(new_loop, main())[-1]["version"] == "68.0"


@pytest.mark.parametrize("new_loop", LOOPS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_aiohttp(redirect: Redirect, scheme: str, new_loop: Any) -> None:
    async def main() -> Any:
        url = versions(f"{scheme}://acme.my.salesforce.com")
        async with aiohttp.ClientSession() as client, client.get(url) as answer:
            return await answer.json()

    assert run(new_loop, main())[-1]["version"] == "68.0"


@pytest.mark.parametrize("new_loop", LOOPS)
def test_streams_of_an_event_loop(redirect: Redirect, new_loop: Any) -> None:
    async def main() -> bytes:
        reader, writer = await asyncio.open_connection("login.salesforce.com", 443, ssl=True)
        writer.write(b"GET /services/data HTTP/1.1\r\nHost: login.salesforce.com\r\nConnection: close\r\n\r\n")
        line = await reader.readline()
        writer.close()
        return line

    assert run(new_loop, main()) == b"HTTP/1.1 200 OK\r\n"


def test_small_writes_of_an_event_loop_are_not_held_back(redirect: Redirect) -> None:
    async def main() -> int:
        _, writer = await asyncio.open_connection("login.salesforce.com", 443)
        no_delay: int = writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        writer.close()
        return no_delay

    assert asyncio.run(main())


def test_the_standard_library(redirect: Redirect) -> None:
    with urllib.request.urlopen(versions("https://login.salesforce.com"), timeout=30) as answer:
        assert answer.status == 200
    with socket.socket() as plain:
        plain.connect(("login.salesforce.com", 80))  # by name, past getaddrinfo
        plain.sendall(b"GET /services/data HTTP/1.0\r\nHost: login.salesforce.com\r\n\r\n")
        assert plain.recv(15).startswith(b"HTTP/1.1 200 OK")


def test_the_instance_url_of_a_login_can_be_reached_too(redirect: Redirect, org: OrgInfo) -> None:
    form = {
        "grant_type": "password", "username": org.username, "password": org.password,
        "client_id": org.client_id, "client_secret": org.client_secret,
    }  # fmt: skip
    token = requests.post("https://login.salesforce.com/services/oauth2/token", data=form, timeout=30).json()
    assert token["instance_url"].endswith(".my.salesforce.com")
    headers = {"Authorization": f"Bearer {token['access_token']}"}
    found = httpx.get(f"{token['instance_url']}/services/data/v60.0/limits", headers=headers)
    assert found.status_code == 200


# -- clients that were there before


def test_clients_made_before_the_redirect_follow_it(server: api.Server) -> None:
    context = ssl.create_default_context()
    session, client, own = requests.Session(), httpx.Client(), httpx.Client(verify=context)
    authorities = context.get_ca_certs()
    with session, client, own:
        for _ in range(2):  # the second block meets pools that the first one has left
            with Redirect.to(server):
                for _ in range(2):
                    assert session.get(versions("https://login.salesforce.com"), timeout=30).ok
                    assert client.get(versions("https://login.salesforce.com")).is_success
                    assert own.post("https://login.salesforce.com/services/oauth2/token").status_code == 400
    assert context.get_ca_certs() == authorities


@pytest.mark.parametrize("new_loop", LOOPS)
def test_async_clients_made_before_the_redirect_follow_it(server: api.Server, new_loop: Any) -> None:
    url = "https://login.salesforce.com/services/oauth2/token"

    async def made() -> tuple[httpx.AsyncClient, aiohttp.ClientSession]:
        return httpx.AsyncClient(), aiohttp.ClientSession()

    async def use(client: httpx.AsyncClient, session: aiohttp.ClientSession) -> None:
        for _ in range(2):
            assert (await client.post(url)).status_code == 400
            async with session.post(url) as answer:
                assert answer.status == 400

    async def close(client: httpx.AsyncClient, session: aiohttp.ClientSession) -> None:
        await client.aclose()
        await session.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        clients = runner.run(made())
        for _ in range(2):  # between the blocks the loop does not run, and cannot learn what happens to its sockets
            with Redirect.to(server):
                runner.run(use(*clients))
        runner.run(close(*clients))


def test_a_client_that_checks_nothing_goes_on_checking_nothing(redirect: Redirect) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    assert redirect.context(context, "login.salesforce.com", None) is context


def test_a_wrong_certificate_is_still_refused(redirect: Redirect, server: api.Server) -> None:
    # The mock has no certificate for this name, though the name resolves to it.
    with pytest.raises(requests.exceptions.SSLError, match="[Hh]ostname"):
        requests.get("https://a.b.c.d.salesforce.com/services/data", timeout=30)


# -- proxies


def test_a_proxy_of_the_environment_is_passed_by(server: api.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # nobody is there
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    url = versions("https://login.salesforce.com")

    async def main() -> None:
        async with httpx.AsyncClient() as client, aiohttp.ClientSession(trust_env=True) as session:
            assert (await client.get(url)).is_success
            async with session.get(url) as answer:
                assert answer.ok

    with httpx.Client() as before, httpx.Client(proxy="http://127.0.0.1:9") as explicit, Redirect.to(server):
        assert before.get(url).is_success
        assert explicit.get(url).is_success
        assert httpx.get(url).is_success
        assert requests.get(url, timeout=30).ok
        assert requests.get(url, timeout=30, proxies={"https": "http://127.0.0.1:9"}).ok
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.status == 200
        asyncio.run(main())


# -- everything else stays as it is


def test_other_hosts_are_not_touched(redirect: Redirect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with socket.create_connection(("localhost", port), timeout=30) as mine:
            assert mine.getpeername() == ("127.0.0.1", port)
    assert socket.getaddrinfo("127.0.0.1", 443, type=socket.SOCK_STREAM)[0][4] == ("127.0.0.1", 443)
    context = ssl.create_default_context()
    assert redirect.context(context, "example.com", None) is context
    assert redirect.context(context, "localhost", None) is context


@pytest.mark.parametrize(
    ("host", "mapped"),
    [
        ("login.salesforce.com", True), ("LOGIN.Salesforce.com.", True), (b"login.salesforce.com", True),
        ("a.b.my.salesforce.com", True), ("acme.force.com", True),
        ("salesforce.com.evil.test", False), ("notsalesforce.com", False), ("salesforce.com", False),
        ("example.com", False), ("", False), (None, False), (443, False),
    ],
)  # fmt: skip
def test_which_hosts_are_salesforces(host: object, mapped: bool) -> None:
    assert is_salesforces(host) is mapped


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (("login.salesforce.com", 443), ("127.83.70.1", 443)),
        (("login.salesforce.com", "https"), ("127.83.70.1", 443)),
        (("login.salesforce.com", "443", socket.AF_INET), ("127.83.70.1", 443)),
        (("login.salesforce.com", None), ("127.83.70.1", 0)),
        (("login.salesforce.com", 443, socket.AF_INET6), ("::ffff:127.83.70.1", 443, 0, 0)),
    ],
)
def test_how_a_host_resolves(redirect: Redirect, arguments: Any, address: Any) -> None:
    assert {found[4] for found in socket.getaddrinfo(*arguments)} == {address}
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("login.salesforce.com", "no-such-service")


def test_a_connection_by_ipv6_is_led_to_the_mock_as_well(redirect: Redirect, server: api.Server) -> None:
    try:
        sock = socket.socket(socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6")
    with sock:
        assert sock.connect_ex(("login.salesforce.com", 443)) == 0
        assert sock.getpeername()[1] == int(server.url.rpartition(":")[2])


# -- the end


def test_it_is_undone_whatever_happens(server: api.Server) -> None:
    before = [getattr(owner, name) for owner, name in PLACES]
    own = ["connect" in vars(socket.socket), "create_connection" in vars(uvloop.Loop)]
    environment = dict(os.environ)
    with pytest.raises(KeyboardInterrupt), Redirect.to(server):
        assert all(getattr(owner, name) is not was for (owner, name), was in zip(PLACES, before, strict=True))
        requests.get(versions("https://login.salesforce.com"), timeout=30)
        raise KeyboardInterrupt
    assert [getattr(owner, name) for owner, name in PLACES] == before
    assert ["connect" in vars(socket.socket), "create_connection" in vars(uvloop.Loop)] == own
    assert dict(os.environ) == environment
    assert active() is None


def test_the_innermost_block_counts(server: api.Server) -> None:
    with api.start(port=0) as other, requests.Session() as session, Redirect.to(server) as outer:
        assert peer(session) == port_of(server)
        with Redirect.to(other):
            assert peer(session) == port_of(other)
        assert active() is outer
        assert peer(session) == port_of(server)
        with pytest.raises(RuntimeError, match="in force already"), outer:
            pass
        assert active() is outer


def port_of(server: api.Server) -> int:
    return int(server.url.rpartition(":")[2])


def peer(session: requests.Session) -> int:
    """Return the port that a request of the session's pool really went to."""
    with session.get(versions("https://login.salesforce.com"), timeout=30, stream=True) as answer:
        number: int = answer.raw.connection.sock.getpeername()[1]
        answer.content  # noqa: B018  # read, so that the connection goes back into the pool
    return number


def test_no_connection_outlives_the_block(server: api.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    url = versions("https://login.salesforce.com")

    async def get(client: httpx.AsyncClient) -> None:
        await client.get(url)

    with requests.Session() as session, httpx.Client() as client, asyncio.Runner() as runner:
        waiting = httpx.AsyncClient()
        with Redirect.to(server):
            session.get(url, timeout=30)
            client.get(url)
            runner.run(get(waiting))
        monkeypatch.setattr(socket, "getaddrinfo", _offline)
        # The pools hold a connection each, of no more use: they ask for the host anew.
        with pytest.raises(requests.ConnectionError, match="no network"):
            session.get(url, timeout=30)
        with pytest.raises(httpx.ConnectError, match="no network"):
            client.get(url)
        with pytest.raises(httpx.ConnectError, match="no network"):
            runner.run(get(waiting))
        runner.run(waiting.aclose())


def _offline(host: Any, *_: Any, **__: Any) -> Any:
    raise socket.gaierror(socket.EAI_NONAME, f"no network to ask for {host}")


def test_somebody_elses_patch_over_ours_stays_and_works(server: api.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    with Redirect.to(server):
        ours = socket.getaddrinfo

        def spy(*arguments: Any, **options: Any) -> Any:
            seen.append(arguments[0])
            return ours(*arguments, **options)

        monkeypatch.setattr(socket, "getaddrinfo", spy)
        requests.get(versions("https://login.salesforce.com"), timeout=30)
    assert "login.salesforce.com" in seen
    assert socket.getaddrinfo is spy
    assert socket.getaddrinfo("127.0.0.1", 80)[0][4] == ("127.0.0.1", 80)


def test_threads_share_the_redirect(redirect: Redirect) -> None:
    answers: list[int] = []

    def work() -> None:
        answers.append(requests.get(versions("https://login.salesforce.com"), timeout=30).status_code)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert answers == [200] * 4
