"""The flows over real HTTP: with a plain client, with an OpenID client's checks, and in a real browser."""

from __future__ import annotations

import asyncio
import base64
import os
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import jwt
import pytest
import requests

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.harness.report.browser import Page, find_browser, new_page, running
from tests.protocols.oauth.walk import CALLBACK, read_forms

BROWSER = find_browser()
needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium or google-chrome on PATH")
SHOTS = os.environ.get("SFMOCK_SHOTS")
"""A folder for pictures of the pages, for whoever wants to look at them."""


@pytest.fixture
def http(server: api.Server) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        session.verify = str(server.ca_bundle)
        yield session


def press(http: requests.Session, reply: requests.Response, button: str, **fields: str) -> requests.Response:
    """Fill in the form of a page, and follow redirects as far as they stay on the server."""
    forms = read_forms(reply.text)
    assert forms.action is not None, reply.text
    target = urljoin(reply.url, forms.action)
    data = {**forms.fields, **fields, button: forms.buttons[button]}
    return follow(http, http.post(target, data=data, allow_redirects=False, timeout=20))


def follow(http: requests.Session, reply: requests.Response) -> requests.Response:
    while reply.status_code == 302 and reply.headers["Location"].startswith("/"):
        reply = http.get(urljoin(reply.url, reply.headers["Location"]), allow_redirects=False, timeout=20)
    return reply


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_plain_client_walks_through_the_web_server_flow(
    server: api.Server, org: OrgInfo, http: requests.Session, scheme: str
) -> None:
    base = server.url if scheme == "http" else server.https_url
    asked = {"response_type": "code", "client_id": org.client_id, "redirect_uri": CALLBACK, "nonce": "n", "state": "s"}
    reply = follow(http, http.get(f"{base}/services/oauth2/authorize", params=asked, allow_redirects=False, timeout=20))
    assert reply.headers["Cache-Control"] == "no-cache,must-revalidate,max-age=0,no-store,private"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    reply = press(http, reply, "Login", username=org.username, pw=org.password)
    reply = press(http, reply, "save")
    assert reply.status_code == 302
    code = dict(parse_qsl(urlsplit(reply.headers["Location"]).query))["code"]
    token = http.post(
        f"{base}/services/oauth2/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": CALLBACK,
            "client_id": org.client_id,
            "client_secret": org.client_secret,
        },
        timeout=20,
    ).json()
    assert (token["token_type"], token["instance_url"]) == ("Bearer", base)
    found = http.get(f"{base}/.well-known/openid-configuration", timeout=20).json()
    keys = jwt.PyJWKSet.from_dict(http.get(found["jwks_uri"], timeout=20).json())
    claims = jwt.decode(
        token["id_token"],
        keys[jwt.get_unverified_header(token["id_token"])["kid"]],
        algorithms=found["id_token_signing_alg_values_supported"],
        audience=org.client_id,
        issuer=found["issuer"],
        options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
    )
    info = http.get(
        found["userinfo_endpoint"], headers={"Authorization": f"Bearer {token['access_token']}"}, timeout=20
    ).json()
    assert claims["sub"] == info["sub"] == token["id"]


def test_the_key_is_kept_with_the_certificates(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        with api.start(port=0, state_dir=str(tmp_path)) as server:
            assert not (tmp_path / "openid.key").exists() or keys, "nothing is made before it is asked for"
            keys.append(requests.get(f"{server.url}/id/keys", timeout=20).json()["keys"][0]["kid"])
    assert keys[0] == keys[1]
    assert (tmp_path / "openid.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "openid.key").write_text("damaged")
    with api.start(port=0, state_dir=str(tmp_path)) as server:
        assert requests.get(f"{server.url}/id/keys", timeout=20).json()["keys"][0]["kid"] != keys[0]


@asynccontextmanager
async def tab() -> AsyncIterator[Page]:
    assert BROWSER is not None
    with running(BROWSER) as address:
        async with new_page(address) as page:
            for domain in ("Page", "Runtime", "Log", "Network"):
                await page.call(f"{domain}.enable")
            await page.resize(900, 700)
            yield page


async def visit(page: Page, url: str) -> None:
    await page.call("Page.navigate", url=url)
    await page.until("document.readyState === 'complete' && location.protocol !== 'about:'")
    await page.settle()


async def photograph(page: Page, name: str) -> None:
    picture = base64.b64decode(await page.screenshot())
    assert picture.startswith(b"\x89PNG")
    if SHOTS:
        (Path(SHOTS) / f"{name}.png").write_bytes(picture)


async def fill_in(page: Page, **values: str) -> None:
    for name, value in values.items():
        await page.ask(f"document.getElementById({name!r}).focus()")
        await page.call("Input.insertText", text=value)


async def click(page: Page, button: str, until: str) -> None:
    await page.ask(f"document.getElementById({button!r}).click()")
    await page.until(until)
    await page.settle()


@needs_browser
@pytest.mark.heavy
def test_a_real_browser_logs_in_consents_and_comes_back(server: api.Server, org: OrgInfo) -> None:
    # The success page of the server stands for the client's: a browser that reaches it was let through.
    callback = f"{server.url}/services/oauth2/success"
    asked = {"response_type": "code", "client_id": org.client_id, "redirect_uri": callback, "state": "s"}

    async def walk() -> tuple[list[str], list[str]]:
        async with tab() as page:
            await visit(page, f"{server.url}/services/oauth2/authorize?{urlencode(asked)}")
            await photograph(page, "login")
            assert await page.ask("document.activeElement.id") == "username"
            await fill_in(page, username=org.username, password="wrong")
            await click(page, "Login", "document.getElementById('error') !== null")
            await photograph(page, "login-wrong")
            assert await page.ask("document.activeElement.id") == "password"
            await fill_in(page, password=org.password)
            await click(page, "Login", "document.getElementById('oaapprove') !== null")
            assert "sid" not in str(await page.ask("document.cookie")), "no script can read the session"
            await photograph(page, "consent")
            await click(page, "oaapprove", f"location.href.startsWith({callback!r})")
            await photograph(page, "success")
            seen = [str(await page.ask("location.href"))]
            await visit(page, f"{server.url}/setup/connect")
            await photograph(page, "connect")
            await visit(page, f"{server.url}/")
            await photograph(page, "home")
            await visit(page, f"{server.url}/setup/secur/RemoteAccessErrorPage.apexp?error=x")
            await photograph(page, "error")
            return seen, page.console

    seen, console = asyncio.run(walk())
    assert re.fullmatch(re.escape(callback) + r"\?code=aPrx[\w.]+%3D%3D&state=s", seen[0])
    assert console == []


@needs_browser
@pytest.mark.heavy
def test_a_real_browser_posts_no_form_of_another_site(server: api.Server, org: OrgInfo, tmp_path: Path) -> None:
    page_of_a_stranger = tmp_path / "stranger.html"
    page_of_a_stranger.write_text(
        f'<form id="f" method="post" action="{server.url}/"><input name="username" value="{org.username}">'
        f'<input name="pw" value="{org.password}"></form>'
    )

    async def walk() -> str:
        async with tab() as page:
            await visit(page, page_of_a_stranger.as_uri())
            await page.ask("document.getElementById('f').submit()")
            await page.until(f"location.href.startsWith({server.url!r})")
            text = str(await page.ask("document.body.innerText"))
            await visit(page, f"{server.url}/")
            assert await page.ask("document.getElementById('username') !== null"), "nobody is logged in"
            return text

    assert "was not sent by one of this server's own pages" in asyncio.run(walk())
