"""Whatever is sent to the pages and flows: no page breaks, no browser is led astray, nothing is run."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.operations import Reply
from mock_server.protocols.oauth import ROUTES
from tests.protocols.desk import FORM, Desk, json_of
from tests.protocols.oauth.walk import AUTHORIZE, CALLBACK, CLIENT, TOKEN, USER, Walker, read_forms

_NAMES = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "prompt", "immediate", "login_hint", "display",
    "nonce", "code_challenge", "code_challenge_method", "source", "startURL", "retURL", "username", "un", "pw", "sid",
    "otp", "user_code", "save", "cancel", "_CONFIRMATIONTOKEN", "grant_type", "code", "code_verifier", "format",
    "subject_token", "subject_token_type", "callback", "refresh_token", "error",
)  # fmt: skip
_VALUES = st.one_of(
    st.sampled_from(
        (
            "code", "token", "hybrid_token", "id_token", CLIENT["client_id"], CALLBACK, "api full openid", "none",
            "login", "true", USER, "sfmock-password", "device", "device_code", "authorization_code", "hybrid_refresh",
            "urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:token-type:jwt", "xml",
            "//evil.example", "https://evil.example", "/setup/secur/RemoteAccessAuthorizationPage.apexp?source=x",
            "a.b.c", "00DKd0000000001!x", "</title><script>alert(1)</script>", "\r\nSet-Cookie: sid=x", "[", "//[",
        )
    ),
    st.text(max_size=40).filter(lambda text: not any("\ud800" <= one <= "\udfff" for one in text)),
)  # fmt: skip
_FIELDS = st.dictionaries(st.sampled_from(_NAMES), _VALUES, max_size=9)
_PATHS = sorted(
    {
        (route.operation.method, route.operation.path)
        for routes in ROUTES
        for route in routes.routes
        if "{" not in route.operation.path
    }
)


@pytest.fixture(scope="module")
def shared() -> Desk:
    return Desk()


def harmless(reply: Reply) -> None:
    assert reply.status < 500
    for name, value in reply.headers.items():
        assert value.isprintable(), name
        assert value.isascii(), name
    if reply.status == 302:
        target = urlsplit(reply.headers["Location"])
        assert target.netloc in ("", "localhost:1717"), reply.headers["Location"]
        assert not reply.headers["Location"].startswith(("//", "/\\"))
    if (reply.content_type or "").startswith("text/html"):
        forms = read_forms(reply.body.decode())
        tags = [tag for tag, _ in forms.tags]
        assert "script" not in tags
        assert tags.count("title") == tags.count("main") == 1
        assert all(link.startswith("/") or link == "data:," for link in forms.links)
        assert re.fullmatch(r"[^\r\n]*form-action 'self'[^;,]*", reply.headers["Content-Security-Policy"])


@settings(max_examples=200)
@given(st.sampled_from(_PATHS), _FIELDS, _FIELDS, st.sampled_from(("", "sid=x", "sid", ";;=", "sid=\N{SNOWMAN}")))
def test_no_parameters_break_a_page(
    shared: Desk, where: tuple[str, str], query: dict[str, str], body: dict[str, str], cookie: str
) -> None:
    method, path = where
    target = f"{path}?{urlencode(query)}" if query else path
    content = urlencode(body).encode() if method == "POST" else b""
    harmless(shared.send(method, target, content, {"Content-Type": FORM, "Cookie": cookie}))


@settings(max_examples=100)
@given(_FIELDS)
def test_nor_do_they_for_who_is_logged_in(shared: Desk, fields: dict[str, str]) -> None:
    token = shared.org.sessions.open(shared.org.directory.default_user, None, ("api", "web", "full")).token
    usual = {"response_type": "code", "client_id": CLIENT["client_id"], "redirect_uri": CALLBACK}
    for path in (f"{AUTHORIZE}?{urlencode({**usual, **fields})}", f"/setup/connect?{urlencode(fields)}"):
        harmless(shared.send("GET", path, headers={"Cookie": f"sid={token}"}))


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"])
def test_other_methods_do_nothing(desk: Desk, method: str) -> None:
    for _, path in _PATHS:
        assert desk.send(method, path).status < 500


@pytest.mark.parametrize("host", ["evil.example", "a b", 'x"><script>', "\udcff", "[broken", ""])
def test_a_forged_host_leads_nobody_astray(desk: Desk, host: str) -> None:
    base = f"http://{host}"
    fields = {"response_type": "code", "client_id": CLIENT["client_id"], "redirect_uri": CALLBACK}
    reply = desk.get(f"{AUTHORIZE}?{urlencode(fields)}", base=base)
    harmless(reply)
    assert reply.headers["Location"].startswith("/?")
    for path in ("/.well-known/openid-configuration", "/.well-known/auth-configuration"):
        assert json_of(desk.get(path, base=base))


def test_a_waiting_request_is_no_ones_but_its_orgs(desk: Desk) -> None:
    walker = Walker(desk)
    source = walker.authorize().forms.fields["startURL"]
    other = desk.other.directory.default_user
    stranger = Walker(desk)
    stranger.log_in(stranger.authorize(client_id=desk.other.directory.default_app.client_id), username=other.username)
    assert "username" in stranger.go("GET", source).forms.fields


def test_many_requests_do_not_fill_the_memory(desk: Desk) -> None:
    from mock_server.org.identity import authorizations

    kept = desk.org.authorizations.waiting
    for number in range(authorizations._MOST + 50):
        kept.put(str(number), None)  # type: ignore[arg-type]  # what waits does not matter here
    assert "0" not in kept
    assert "49" not in kept
    assert "50" in kept


def test_codes_are_not_guessed_by_their_form(desk: Desk) -> None:
    code = Walker(desk).code()
    for wrong in (code.lower(), code.rstrip("="), code + "=", quote(code), code.replace("aPrx", "APRX")):
        fields = {"grant_type": "authorization_code", "code": wrong, "redirect_uri": CALLBACK, **CLIENT}
        assert json_of(desk.post(TOKEN, fields))["error_description"] == "invalid authorization code"
