"""Answers in other forms than JSON, the user-agent and hybrid flows, and the ways into a browser session."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, urlsplit

import defusedxml.ElementTree as ET
import orjson
import pytest

from mock_server.org.identity.apps import SCOPES
from mock_server.org.identity.networks import Range
from mock_server.org.identity.security import Rules
from tests.protocols.desk import FORM, Desk, json_of
from tests.protocols.oauth.walk import CALLBACK, CLIENT, TOKEN, USER, Walker

PASSWORD = {"grant_type": "password", "username": USER, "password": "sfmock-password", **CLIENT}
FRAGMENT = ["access_token", "instance_url", "id", "issued_at", "signature", "scope", "token_type", "state"]
HYBRID = {
    "lightning_domain", "lightning_sid", "csrf_token", "visualforce_domain", "visualforce_sid", "content_domain",
    "content_sid", "sidCookieName", "cookie-sid_Client", "cookie-clientSrc",
}  # fmt: skip


@pytest.fixture
def walker(desk: Desk) -> Walker:
    return Walker(desk)


WAYS: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({}, {}, "json"),
    ({"format": "json"}, {"Accept": "application/xml"}, "json"),
    ({"format": "xml"}, {}, "xml"),
    ({"format": "urlencoded"}, {}, "urlencoded"),
    ({"format": "telepathy"}, {}, "json"),
    ({}, {"Accept": "application/xml"}, "xml"),
    ({}, {"Accept": FORM}, "urlencoded"),
    ({}, {"Accept": "text/html, image/gif, */*; q=.2"}, "json"),
    ({}, {"Accept": "application/json;q=0.9, application/xml"}, "json"),
]


def read(body: bytes, shape: str) -> dict[str, str]:
    if shape == "xml":
        root = ET.fromstring(body)
        assert root.tag == "OAuth"
        return {one.tag: one.text or "" for one in root}
    return dict(parse_qsl(body.decode())) if shape == "urlencoded" else orjson.loads(body)


@pytest.mark.parametrize(("fields", "headers", "shape"), WAYS)
def test_token_answers_and_errors_come_as_asked(
    desk: Desk, fields: dict[str, str], headers: dict[str, str], shape: str
) -> None:
    reply = desk.post(TOKEN, {**PASSWORD, **fields}, **headers)
    body = read(reply.body, shape)
    assert list(body) == ["access_token", "instance_url", "id", "token_type", "issued_at", "signature"]
    assert (reply.content_type or "").startswith(
        {"json": "application/json", "xml": "application/xml"}.get(shape, FORM)
    )
    wrong = desk.post(TOKEN, {**PASSWORD, **fields, "password": "<&>"}, **headers)
    assert wrong.status == 400
    assert read(wrong.body, shape) == {"error": "invalid_grant", "error_description": "authentication failure"}
    assert desk.last().codes == ("invalid_grant",)


def identity(desk: Desk, query: str, accept: str = "*/*") -> Any:
    path = f"/id/{desk.org.id}/{desk.org.directory.default_user.id}?{query}"
    headers = {"Authorization": f"Bearer {desk.session()}", "Accept": accept}
    return desk.send("GET", path, headers=headers)


@pytest.mark.parametrize(("query", "accept"), [("format=xml", "*/*"), ("", "application/xml")])
def test_an_identity_comes_as_xml(desk: Desk, query: str, accept: str) -> None:
    desk.org.store.connection.execute("""UPDATE "User" SET "FirstName" = 'A&B<\x01>'""")
    root = ET.fromstring(identity(desk, query, accept).body)
    assert root.tag == "user"
    assert root.findtext("organization_id") == desk.org.id
    assert root.findtext("asserted_user") == "true"
    assert root.findtext("first_name") == "A&B<\ufffd>"
    assert (root.findtext("urls/rest") or "").endswith("/services/data/v{version}/")
    nil = root.find("status/body")
    assert nil is not None
    assert nil.attrib == {"{http://www.w3.org/2001/XMLSchema-instance}nil": "true"}


def test_an_identity_comes_as_a_script_for_a_named_function(desk: Desk) -> None:
    reply = identity(desk, "format=jsonp&callback=app.on_user")
    text = reply.body.decode()
    assert reply.content_type == "application/javascript;charset=UTF-8"
    assert text.startswith("app.on_user({")
    assert text.endswith("});")
    assert orjson.loads(text[len("app.on_user(") : -2])["username"] == USER


@pytest.mark.parametrize("name", ["", "alert(1)//", "a;b", "a b", "1a", "a\n", "\N{SNOWMAN}", "x" * 200])
def test_no_script_is_made_of_anything_else(desk: Desk, name: str) -> None:
    reply = identity(desk, f"format=jsonp&callback={quote(name)}")
    assert (reply.status, json_of(reply)["error"]) == (400, "invalid_request")


# -- user-agent and hybrid flow


def test_the_browser_brings_the_token_itself(desk: Desk, walker: Walker) -> None:
    page = walker.through(response_type="token")
    assert page.url.startswith(f"{CALLBACK}#access_token=00D")
    assert list(page.fragment) == FRAGMENT
    assert desk.org.sessions.find(page.fragment["access_token"]) is not None
    assert urlsplit(page.url).query == ""


@pytest.mark.parametrize(
    ("uri", "there"),
    [
        (CALLBACK, False),
        ("https://login.salesforce.com/services/oauth2/success", True),
        ("testsfdc:///mobilesdk/detect/oauth/done", True),
    ],
)
def test_a_refresh_token_stands_only_in_addresses_that_no_web_server_sees(
    desk: Desk, walker: Walker, uri: str, there: bool
) -> None:
    directory = desk.org.directory
    directory.apps = {name: replace(app, callbacks=(uri,)) for name, app in directory.apps.items()}
    page = walker.through(response_type="token", redirect_uri=uri)
    assert page.url.startswith(f"{uri}#access_token=")
    assert ("refresh_token" in page.fragment) is there


def test_hybrid_flows_bring_web_sessions(desk: Desk, walker: Walker) -> None:
    page = walker.through(response_type="hybrid_token")
    assert page.fragment.keys() >= HYBRID
    fields = {"code": walker.code(), "redirect_uri": CALLBACK, "grant_type": "hybrid_auth_code", **CLIENT}
    body = json_of(desk.post(TOKEN, fields))
    assert body.keys() >= HYBRID
    assert body["lightning_domain"] == "sfmock.lightning.force.com"
    assert body["visualforce_domain"] == "sfmock--c.vf.force.com"
    assert body["sidCookieName"] == "sid"
    session = desk.org.sessions.find(body["lightning_sid"])
    assert session is not None
    assert session.scopes == ("lightning",)
    again = {"grant_type": "hybrid_refresh", "refresh_token": body["refresh_token"], **CLIENT}
    assert json_of(desk.post(TOKEN, again)).keys() >= HYBRID


def test_hybrid_fields_follow_the_scopes(desk: Desk, walker: Walker) -> None:
    found = walker.through(response_type="hybrid_token", scope="web lightning").fragment.keys()
    assert HYBRID & found == {
        "lightning_domain", "lightning_sid", "csrf_token", "sidCookieName", "cookie-sid_Client", "cookie-clientSrc",
    }  # fmt: skip


# -- into a browser session and out


def test_a_token_opens_a_browser_session(desk: Desk, walker: Walker) -> None:
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, directory.default_app, SCOPES).token
    page = walker.go("GET", f"/secur/frontdoor.jsp?sid={quote(token)}&retURL=%2Flightning%2Fpage%2Fhome")
    assert "You are logged in." in page.text
    assert page.url == "/lightning/page/home"
    assert walker.cookies["sid"] != token
    assert "Allow Access?" in walker.authorize().text


def test_the_token_may_be_posted(desk: Desk, walker: Walker) -> None:
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, None, ("api",)).token
    assert "You are logged in." in walker.go("POST", "/secur/frontdoor.jsp", {"sid": token}).text


@pytest.mark.parametrize("query", ["", "sid=", "sid=nonsense", "otp=nonsense", "sid=00DKd0000000001!x"])
def test_anything_else_leads_to_the_login_page(walker: Walker, query: str) -> None:
    page = walker.go("GET", f"/secur/frontdoor.jsp?{query}")
    assert "username" in page.forms.fields
    assert walker.cookies == {}


def test_a_token_without_the_web_opens_no_browser_session(desk: Desk, walker: Walker) -> None:
    assert "username" in walker.go("GET", f"/secur/frontdoor.jsp?sid={quote(desk.session())}").forms.fields


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:x", "\r\nX: y"]
)
def test_no_way_in_leads_elsewhere(desk: Desk, walker: Walker, where: str) -> None:
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, None, ("api",)).token
    assert walker.go("GET", f"/secur/frontdoor.jsp?sid={quote(token)}&retURL={quote(where)}").url == "/"
    login = walker.go("GET", f"/?startURL={quote(where)}")
    assert login.forms.fields["startURL"] == "/"
    assert walker.go("POST", "/", {"username": USER, "pw": "sfmock-password", "startURL": where}).url == "/"
    assert walker.go("GET", f"/secur/logout.jsp?startURL={quote(where)}").url == "/"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_single_access_gives_an_address_that_works_once(desk: Desk, walker: Walker, method: str) -> None:
    asked = {"redirect_uri": "lightning/setup/SetupOneHome/home"}
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, directory.default_app, SCOPES).token
    headers = {"Authorization": f"Bearer {token}", "Content-Type": FORM}
    path = "/services/oauth2/singleaccess"
    if method == "GET":
        reply = desk.send("GET", f"{path}?redirect_uri={quote(asked['redirect_uri'])}", headers=headers)
    else:
        reply = desk.send("POST", path, f"redirect_uri={quote(asked['redirect_uri'])}".encode(), headers)
    address = json_of(reply)["frontdoor_uri"]
    assert address.startswith("http://127.0.0.1:8080/secur/frontdoor.jsp?otp=")
    assert parse_qs(urlsplit(address).query)["startURL"] == ["/lightning/setup/SetupOneHome/home"]
    target = address.removeprefix("http://127.0.0.1:8080")
    assert walker.go("GET", target).url == "/lightning/setup/SetupOneHome/home"
    assert "username" in Walker(desk).go("GET", target).forms.fields


def test_single_access_needs_a_session_that_reaches_the_web(desk: Desk) -> None:
    for token in (None, desk.session()):
        reply = desk.get("/services/oauth2/singleaccess", token)
        assert (reply.status, orjson.loads(reply.body)[0]["errorCode"]) == (401, "INVALID_SESSION_ID")


def test_who_logs_out_is_out(desk: Desk, walker: Walker) -> None:
    walker.log_in(walker.authorize())
    sid = walker.cookies["sid"]
    walker.go("GET", "/secur/logout.jsp")
    assert walker.cookies == {}
    assert desk.org.sessions.find(sid) is None
    assert "username" in walker.authorize().forms.fields


def test_the_user_agent_flow_asks_where_its_user_is(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize(response_type="token"))
    user = desk.org.directory.default_user
    directory = desk.org.directory
    directory.apps = {name: replace(app, relax_ip=False) for name, app in directory.apps.items()}
    desk.org.admission.security.users[user.id] = Rules(ranges=(Range.read("10.0.0.0/8"),))
    found = walker.submit(page, "save").fragment
    assert (found["error"], found["error_description"]) == ("invalid_grant", "ip restricted")
