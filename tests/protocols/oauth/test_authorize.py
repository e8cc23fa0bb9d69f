"""The authorize endpoint and its pages, walked as a browser walks them."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest

from mock_server.org.identity.apps import SCOPES
from tests.protocols.desk import Desk, json_of
from tests.protocols.oauth.walk import CALLBACK, CLIENT, TOKEN, USER, Page, Walker

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = base64.urlsafe_b64encode(sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
ORDER = [
    "access_token", "refresh_token", "signature", "scope", "id_token", "instance_url", "id", "token_type", "issued_at",
]  # fmt: skip


@pytest.fixture
def walker(desk: Desk) -> Walker:
    return Walker(desk)


def redeem(desk: Desk, code: str, /, **changes: Any) -> tuple[int, dict[str, Any]]:
    usual = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK, **CLIENT}
    fields = {name: value for name, value in {**usual, **changes}.items() if value is not None}
    reply = desk.post(TOKEN, fields)
    return reply.status, json_of(reply)


def test_a_user_logs_in_allows_and_the_app_gets_its_tokens(desk: Desk, walker: Walker) -> None:
    page = walker.authorize()
    assert "Log in to sfmock" in page.text
    page = walker.log_in(page)
    assert "Allow Access?" in page.text
    assert "sfmock is asking to:" in page.text
    assert "Manage user data via APIs" in page.text
    assert f"Do you want to allow access for {USER}?" in page.text
    page = walker.submit(page, "save")
    found = re.fullmatch(re.escape(CALLBACK) + r"\?code=(aPrx[A-Za-z0-9._]{80})%3D%3D&state=s1", page.url)
    assert found
    status, body = redeem(desk, f"{found[1]}==")
    assert (status, list(body)) == (200, ORDER)
    assert body["scope"] == " ".join(SCOPES)
    session = desk.org.sessions.find(body["access_token"])
    assert session is not None
    assert (session.username, session.client_id) == (USER, CLIENT["client_id"])
    assert desk.org.sessions.granted(body["refresh_token"]) is not None


def test_neither_login_nor_consent_is_asked_for_twice(walker: Walker) -> None:
    walker.through()
    page = walker.authorize(state="again")
    assert page.url.startswith(f"{CALLBACK}?code=aPrx")
    assert page.query["state"] == "again"


def test_a_wider_request_is_asked_for_again(walker: Walker) -> None:
    walker.through(scope="id")
    assert "code" in walker.authorize(scope="id").query
    page = walker.authorize(scope="id api")
    assert "Allow Access?" in page.text
    assert "Access the identity URL service" in page.text


def test_another_browser_has_to_log_in(desk: Desk, walker: Walker) -> None:
    walker.through()
    page = Walker(desk).authorize()
    assert "username" in page.forms.fields


@pytest.mark.parametrize(("flow", "place"), [("code", "query"), ("token", "fragment")])
def test_who_denies_is_told_so_at_the_callback(desk: Desk, walker: Walker, flow: str, place: str) -> None:
    page = walker.submit(walker.log_in(walker.authorize(response_type=flow)), "cancel")
    mark = "?" if place == "query" else "#"
    assert page.url == f"{CALLBACK}{mark}error=access_denied&error_description=end-user+denied+authorization&state=s1"
    assert desk.last().codes == ("access_denied",)
    assert "Allow Access?" in walker.authorize().text


def test_a_wrong_password_is_told_in_salesforces_words(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize(), password="wrong")
    text = "Please check your username and password. If you still can't log in, contact your Salesforce administrator."
    assert page.reply.status == 200
    assert text in page.text
    assert page.forms.fields["username"] == USER
    assert walker.cookies == {}
    assert "wrong" not in str(desk.last().as_json())
    assert "code" in walker.submit(walker.log_in(page), "save").query


def test_a_frozen_user_cannot_log_in(desk: Desk, walker: Walker) -> None:
    desk.org.store.connection.execute("""UPDATE "User" SET "IsActive" = 0""")
    desk.org.accesses.changed()
    assert "Please check your username and password." in walker.log_in(walker.authorize()).text


def test_a_user_of_another_org_cannot_log_in_here(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize(), username=desk.other.directory.default_user.username)
    assert "Please check your username and password." in page.text


def test_each_orgs_app_leads_to_its_own_users(desk: Desk, walker: Walker) -> None:
    app, user = desk.other.directory.default_app, desk.other.directory.default_user
    page = walker.log_in(walker.authorize(client_id=app.client_id), username=user.username)
    code = walker.submit(page, "save").query["code"]
    status, body = redeem(desk, code, client_id=app.client_id)
    assert status == 200
    assert body["access_token"].startswith(desk.other.id[:15])


TEXTS = [
    ({"client_id": "3MVG9unknown"}, "error=invalid_client_id&error_description=client%20identifier%20invalid"),
    ({"client_id": None}, "error=invalid_client_id&error_description=client%20identifier%20invalid"),
    ({"redirect_uri": None}, "error=redirect_uri_missing&error_description=redirect_uri%20not%20provided"),
    *(
        (
            {"redirect_uri": uri},
            "error=redirect_uri_mismatch&error_description=redirect_uri%20must%20match%20configuration",
        )
        for uri in ("https://evil.example/cb", "sfdc://cb", "//evil.example", "javascript:alert(1)", "/local")
    ),
]


@pytest.mark.parametrize(("changes", "text"), TEXTS)
def test_a_client_or_callback_that_is_wrong_gets_no_redirect(walker: Walker, changes: Any, text: str) -> None:
    page = walker.authorize(**changes)
    assert (page.reply.status, page.reply.body.decode()) == (400, text)
    assert page.reply.content_type == "text/plain;charset=UTF-8"


CALLBACK_ERRORS = [
    ({"response_type": "telepathy"}, "unsupported_response_type", "response type not supported"),
    ({"response_type": None}, "unsupported_response_type", "response type not supported"),
    ({"code_challenge": "x", "code_challenge_method": "plain"}, "invalid_request", "invalid code challenge method"),
    ({"prompt": "none"}, "login_required", "login required"),
    ({"immediate": "true"}, "immediate_unsuccessful", "immediate unsuccessful"),
]


@pytest.mark.parametrize(("changes", "code", "text"), CALLBACK_ERRORS)
def test_other_errors_go_to_the_callback(walker: Walker, changes: Any, code: str, text: str) -> None:
    page = walker.authorize(**changes)
    assert page.url.startswith(f"{CALLBACK}?")
    assert page.query == {"error": code, "error_description": text, "state": "s1"}


@pytest.mark.parametrize("scope", ["telepathy", "api telepathy", "API"])
def test_a_scope_that_the_app_has_not_is_told_on_a_page(walker: Walker, scope: str) -> None:
    page = walker.authorize(scope=scope)
    assert page.url == (
        "/setup/secur/RemoteAccessErrorPage.apexp?error=invalid_scope"
        "&error_description=the+requested+scope+is+not+allowed&state=s1"
    )
    assert "OAUTH_APPROVAL_ERROR_GENERIC" in page.text


def test_a_login_can_be_asked_for_although_there_is_one(desk: Desk, walker: Walker) -> None:
    walker.through()
    desk.org.clock.advance(1)
    page = walker.authorize(prompt="login")
    assert "username" in page.forms.fields
    source = page.forms.fields["startURL"]
    assert "username" in walker.go("GET", source).forms.fields, "the old session does not do"
    assert "code" in walker.log_in(page).query


@pytest.mark.parametrize("prompt", ["consent", "select_account"])
def test_consent_can_be_asked_for_although_it_was_given(walker: Walker, prompt: str) -> None:
    walker.through()
    assert "Allow Access?" in walker.authorize(prompt=prompt).text


@pytest.mark.parametrize("silent", [{"prompt": "none"}, {"immediate": "true"}])
def test_a_silent_request_is_answered_for_who_has_consented(walker: Walker, silent: dict[str, str]) -> None:
    walker.log_in(walker.authorize())
    assert walker.authorize(**silent).query["error"] in ("consent_required", "immediate_unsuccessful")
    walker.through()
    assert "code" in walker.authorize(**silent).query


def test_the_login_hint_is_filled_in(walker: Walker) -> None:
    assert walker.authorize(login_hint="ada@example.com").forms.fields["username"] == "ada@example.com"


@pytest.mark.parametrize("display", ["popup", "touch", "mobile", "page", '"><script>'])
def test_the_display_shapes_the_page(walker: Walker, display: str) -> None:
    shape = next(given["class"] for tag, given in walker.authorize(display=display).forms.tags if tag == "body")
    assert shape == (display if display.isalpha() else "page")


def test_the_request_may_be_posted(walker: Walker) -> None:
    page = walker.go(
        "POST",
        "/services/oauth2/authorize",
        {"response_type": "code", "client_id": CLIENT["client_id"], "redirect_uri": CALLBACK},
    )
    page = walker.submit(walker.log_in(page), "save")
    assert list(page.query) == ["code"], "no state was sent, none comes back"


def test_a_state_comes_back_as_it_was(walker: Walker) -> None:
    state = "a b&c=d#e?\r\nSet-Cookie: x=1é\N{SNOWMAN}%00"
    page = walker.through(state=state)
    assert page.query["state"] == state
    assert page.url.isascii()
    assert not re.search(r"\s", page.url)


# -- codes


@pytest.mark.parametrize("secret", ["body", "none"])
def test_a_code_with_a_challenge_needs_its_verifier(desk: Desk, walker: Walker, secret: str) -> None:
    given = {} if secret == "body" else {"client_secret": None}
    for method in ("S256", None):
        code = walker.code(code_challenge=CHALLENGE, code_challenge_method=method)
        wrong = (400, {"error": "invalid_grant", "error_description": "invalid code verifier"})
        assert redeem(desk, code, code_verifier="wrong", **given) == wrong
        assert redeem(desk, code, code_verifier=CHALLENGE, **given) == wrong
        assert redeem(desk, code) == wrong
        assert redeem(desk, code, code_verifier=VERIFIER, **given)[0] == 200


def test_a_verifier_needs_its_challenge(desk: Desk, walker: Walker) -> None:
    status, body = redeem(desk, walker.code(), code_verifier=VERIFIER)
    assert (status, body["error_description"]) == (400, "unexpected code verifier")


def test_a_verifier_may_have_what_the_standard_allows(desk: Desk, walker: Walker) -> None:
    verifier = "-._~" * 11
    digest = base64.urlsafe_b64encode(sha256(verifier.encode()).digest()).decode().rstrip("=")
    assert redeem(desk, walker.code(code_challenge=digest), code_verifier=verifier)[0] == 200


def test_a_code_is_good_once(desk: Desk, walker: Walker) -> None:
    code = walker.code()
    assert redeem(desk, code)[0] == 200
    for _ in range(2):
        walker.code()
        assert redeem(desk, code) == (
            400,
            {"error": "invalid_grant", "error_description": "expired authorization code"},
        )


def test_a_code_lives_fifteen_minutes(desk: Desk, walker: Walker) -> None:
    late, later = walker.code(), walker.code()
    desk.org.clock.advance(900)
    assert redeem(desk, late)[0] == 200
    desk.org.clock.advance(1)
    assert redeem(desk, later) == (400, {"error": "invalid_grant", "error_description": "expired authorization code"})


REFUSALS = [
    ({"code": "aPrxnonsense=="}, "invalid_grant", "invalid authorization code"),
    ({"code": None}, "invalid_grant", "invalid authorization code"),
    ({"redirect_uri": None}, "redirect_uri_missing", "redirect_uri not provided"),
    ({"redirect_uri": CALLBACK + "/"}, "redirect_uri_mismatch", "redirect_uri must match configuration"),
    ({"client_secret": None}, "invalid_client", "invalid client credentials"),
    ({"client_secret": ""}, "invalid_client", "invalid client credentials"),
    ({"client_secret": "wrong"}, "invalid_client", "invalid client credentials"),
    ({"client_id": "3MVG9unknown"}, "invalid_client_id", "client identifier invalid"),
]


@pytest.mark.parametrize(("changes", "error", "text"), REFUSALS)
def test_what_does_not_belong_to_a_code_is_refused(
    desk: Desk, walker: Walker, changes: Any, error: str, text: str
) -> None:
    code = walker.code()
    assert redeem(desk, code, **changes) == (400, {"error": error, "error_description": text})
    assert redeem(desk, code)[0] == 200, "a mistake does not use the code up"


def test_a_code_belongs_to_its_client(desk: Desk, walker: Walker) -> None:
    apps = desk.org.directory.apps
    apps["second"] = replace(desk.org.directory.default_app, client_id="second")
    status, body = redeem(desk, walker.code(), client_id="second")
    assert (status, body["error_description"]) == (400, "invalid authorization code")


def reshape(desk: Desk, **changes: Any) -> None:
    """Change what the administrator says of the app."""
    directory = desk.org.directory
    directory.apps = {name: replace(app, **changes) for name, app in directory.apps.items()}


def test_a_public_app_with_a_callback_of_its_own_needs_no_secret(desk: Desk, walker: Walker) -> None:
    reshape(desk, callbacks=(CALLBACK,), secret_needed=False)
    assert redeem(desk, walker.code(), client_secret=None)[0] == 200


def test_a_confidential_app_needs_its_secret_beside_the_verifier(desk: Desk, walker: Walker) -> None:
    reshape(desk, secret_needed=True)
    code = walker.code(code_challenge=CHALLENGE)
    status, body = redeem(desk, code, code_verifier=VERIFIER, client_secret=None)
    assert (status, body["error"]) == (400, "invalid_client")
    assert redeem(desk, code, code_verifier=VERIFIER)[0] == 200


def test_an_administrators_word_stands_for_the_users(desk: Desk, walker: Walker) -> None:
    reshape(desk, admin_approved=True, approved=frozenset({USER}))
    assert "code" in walker.log_in(walker.authorize()).query
    assert "code" in walker.authorize(prompt="none").query


def test_a_user_whom_the_administrator_has_not_approved_is_told_on_a_page(desk: Desk, walker: Walker) -> None:
    reshape(desk, admin_approved=True)
    page = walker.log_in(walker.authorize())
    assert page.query == {
        "error": "invalid_app_access",
        "error_description": "user is not admin approved to access this app",
        "state": "s1",
    }
    assert "OAUTH_APPROVAL_ERROR_GENERIC" in page.text


def test_who_consents_in_a_browser_need_not_for_a_signed_assertion(desk: Desk, walker: Walker) -> None:
    reshape(desk, consented=frozenset())
    directory = desk.org.directory
    assert not desk.org.admission.has_consented(directory.default_app, directory.default_user)
    walker.through()
    assert desk.org.admission.has_consented(directory.default_app, directory.default_user)
    desk.org.authorizations.withdraw(directory.default_user.id, directory.default_app.client_id)
    assert "Allow Access?" in walker.authorize().text


def test_consent_may_stand_in_the_configuration(desk: Desk, walker: Walker) -> None:
    reshape(desk, consented=frozenset({USER}))
    assert "code" in walker.log_in(walker.authorize()).query


@pytest.mark.parametrize(("flow", "mark"), [("code", "?"), ("token", "#"), ("hybrid_token", "#")])
def test_a_flow_that_the_app_may_not_use_is_refused(desk: Desk, walker: Walker, flow: str, mark: str) -> None:
    reshape(desk, grants=frozenset({"password"}))
    assert walker.authorize(response_type=flow).url.startswith(f"{CALLBACK}{mark}error=unauthorized_client&")


def test_only_who_asks_for_it_gets_a_refresh_token(desk: Desk, walker: Walker) -> None:
    _, body = redeem(desk, walker.code(scope="api id"))
    assert list(body) == [name for name in ORDER if name not in ("refresh_token", "id_token")]
    assert body["scope"] == "api id"
    _, body = redeem(desk, walker.code(scope="api offline_access openid"))
    assert list(body) == ORDER


def test_an_app_that_asks_for_a_challenge_gets_one(desk: Desk, walker: Walker) -> None:
    reshape(desk, pkce=True)
    page = walker.authorize()
    assert page.query == {
        "error": "invalid_request",
        "error_description": "missing required code challenge",
        "state": "s1",
    }
    assert "username" in walker.authorize(code_challenge=CHALLENGE).forms.fields


# -- the pages themselves


def pages(walker: Walker) -> list[Page]:
    first = walker.authorize(state='"><script>alert(1)</script>', login_hint="'\"><img src=x onerror=alert(1)>")
    second = walker.log_in(first, username="'\"><script>alert(1)</script>")
    third = walker.log_in(second)
    return [
        first,
        second,
        third,
        walker.go("GET", "/setup/secur/RemoteAccessErrorPage.apexp?error=<script>&error_description=<b>"),
        walker.go("GET", "/services/oauth2/success?error=%3Cscript%3E"),
        walker.go("GET", "/"),
    ]


def test_pages_are_safe_and_whole(desk: Desk, walker: Walker) -> None:
    reshape(desk, name="<b onclick='x'>\"app")
    for page in pages(walker):
        reply, forms = page.reply, page.forms
        assert reply.content_type == "text/html;charset=UTF-8"
        policy = reply.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert reply.headers["X-Frame-Options"] == "DENY"
        tags = [tag for tag, _ in forms.tags]
        assert "script" not in tags
        assert "img" not in tags
        assert tags.count("h1") == 1
        assert not any(name.startswith("on") or name == "style" for _, given in forms.tags for name in given)
        assert all(link.startswith("/") or link == "data:," for link in forms.links)
        labels = {given.get("for") for tag, given in forms.tags if tag == "label"}
        seen = {
            given.get("id")
            for tag, given in forms.tags
            if tag == "input" and given.get("type") not in ("hidden", "submit")
        }
        assert seen <= labels


def test_the_forms_policy_lets_the_browser_reach_the_callback(walker: Walker) -> None:
    page = walker.authorize()
    for one in (page, walker.log_in(page)):
        assert "form-action 'self' http://localhost:1717" in one.reply.headers["Content-Security-Policy"]


STRANGERS = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8080"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("headers", STRANGERS)
def test_no_other_site_can_post_the_forms(walker: Walker, headers: dict[str, str]) -> None:
    login = walker.authorize().forms
    fields = {**login.fields, "username": USER, "pw": "sfmock-password"}
    assert walker.go("POST", "/", fields, **headers).reply.status == 403
    assert walker.cookies == {}
    consent = walker.log_in(walker.authorize()).forms
    assert consent.action is not None
    assert walker.go("POST", consent.action, {**consent.fields, "save": "Allow"}, **headers).reply.status == 403


@pytest.mark.parametrize("headers", [{"Origin": "http://127.0.0.1:8080"}, {"Sec-Fetch-Site": "same-origin"}, {}])
def test_the_forms_own_page_can(walker: Walker, headers: dict[str, str]) -> None:
    login = walker.authorize().forms
    page = walker.go("POST", "/", {**login.fields, "username": USER, "pw": "sfmock-password"}, **headers)
    assert "Allow Access?" in page.text


def test_a_consent_page_of_another_session_does_not_count(desk: Desk, walker: Walker) -> None:
    consent = walker.log_in(walker.authorize()).forms
    other = Walker(desk)
    other.log_in(other.authorize())
    assert consent.action is not None
    for fields in (consent.fields, {"source": consent.fields["source"]}):
        assert other.go("POST", consent.action, {**fields, "save": "Allow"}).reply.status == 403


def test_a_request_is_answered_once(walker: Walker) -> None:
    page = walker.log_in(walker.authorize())
    walker.submit(page, "save")
    assert walker.submit(page, "save").reply.status == 400


def test_a_request_does_not_wait_for_ever(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize())
    desk.org.clock.advance(901)
    assert walker.submit(page, "save").reply.status == 400


def test_a_session_that_has_ended_has_to_log_in_again(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize())
    desk.org.sessions.expire()
    page = walker.submit(page, "save")
    assert "username" in page.forms.fields
    assert "code" in walker.submit(walker.log_in(page), "save").query


def test_the_cookie_is_the_browsers_alone(desk: Desk, walker: Walker) -> None:
    page = walker.authorize()
    fields = {**page.forms.fields, "username": USER, "pw": "sfmock-password"}
    for base, secure in ((None, False), ("https://127.0.0.1:8080", True)):
        cookie = desk.post("/", fields, base).headers["Set-Cookie"]
        assert re.match(r"sid=00D[A-Za-z0-9]{12}![A-Za-z0-9._]{96}; Path=/; HttpOnly; SameSite=Lax", cookie)
        assert ("; Secure" in cookie) is secure
    assert desk.send("GET", "/services/data/v60.0/limits", headers={"Cookie": cookie.split(";")[0]}).status == 401


def test_nothing_secret_stays_in_the_journal(desk: Desk, walker: Walker) -> None:
    code = walker.code(code_challenge=CHALLENGE)
    _, body = redeem(desk, code, code_verifier=VERIFIER)
    kept = str([entry.as_json() for entry in desk.world.journal_of(desk.org)])
    secrets = (code, VERIFIER, "sfmock-password", CLIENT["client_secret"], *walker.cookies.values())
    for secret in (*secrets, body["access_token"], body["refresh_token"], body["id_token"]):
        assert secret not in kept
