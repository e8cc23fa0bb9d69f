"""The token endpoint: every grant, every refusal, and nothing that brings it down."""

from __future__ import annotations

import base64
import hmac
import re
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mock_server.journal import fingerprint
from mock_server.org.identity.apps import SCOPES
from tests.conftest import Rest
from tests.protocols.desk import FORM, Desk, json_of

TOKEN = "/services/oauth2/token"
PASSWORD = {
    "grant_type": "password",
    "client_id": "sfmock-client-id",
    "client_secret": "sfmock-client-secret",
    "username": "integration@sfmock.test",
    "password": "sfmock-password",
}
CLIENT = {
    "grant_type": "client_credentials",
    "client_id": "sfmock-client-id",
    "client_secret": "sfmock-client-secret",
}
FULL_ORDER = ["access_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at"]


def refusal(desk: Desk, fields: Any, base: str | None = None, **headers: str) -> tuple[int, str, str]:
    reply = desk.post(TOKEN, fields, base, **headers)
    body = json_of(reply)
    assert list(body) == ["error", "error_description"]
    assert desk.last().codes == (body["error"],)
    return reply.status, body["error"], body["error_description"]


def test_the_password_grant_answers_as_recorded(desk: Desk) -> None:
    reply = desk.post(TOKEN, PASSWORD)
    body = json_of(reply)
    assert reply.status == 200
    assert reply.content_type == "application/json;charset=UTF-8"
    assert reply.headers["Expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"
    assert reply.headers["X-ReadOnlyMode"] == "false"
    assert "Sforce-Limit-Info" not in reply.headers
    assert list(body) == ["access_token", "instance_url", "id", "token_type", "issued_at", "signature"]
    user = desk.org.directory.default_user
    assert body["instance_url"] == "http://127.0.0.1:8080"
    assert body["id"] == f"http://127.0.0.1:8080/id/{desk.org.id}/{user.id}"
    assert body["token_type"] == "Bearer"
    assert re.fullmatch(r"\d{13}", body["issued_at"])
    assert int(body["issued_at"]) == int(desk.org.clock.now() * 1000)
    session = desk.org.sessions.find(body["access_token"])
    assert session is not None
    assert (session.user_id, session.client_id) == (user.id, "sfmock-client-id")


def test_the_signature_is_what_django_salesforce_checks(desk: Desk) -> None:
    body = json_of(desk.post(TOKEN, PASSWORD))
    digest = hmac.new(b"sfmock-client-secret", (body["id"] + body["issued_at"]).encode(), sha256).digest()
    assert body["signature"] == base64.b64encode(digest).decode()


def test_a_login_is_journaled_without_its_secrets(desk: Desk) -> None:
    desk.post(TOKEN, PASSWORD)
    entry = desk.last()
    assert (entry.operation, entry.user, entry.fingerprint) == ("oauth.token", "integration@sfmock.test", None)
    assert "sfmock-password" not in str(entry.as_json())


@pytest.mark.parametrize("how", ["body", "basic"])
def test_client_credentials_run_as_the_apps_user(desk: Desk, how: str) -> None:
    if how == "body":
        reply = desk.post(TOKEN, CLIENT)
    else:
        basic = base64.b64encode(b"sfmock-client-id:sfmock-client-secret").decode()
        reply = desk.post(TOKEN, {"grant_type": "client_credentials"}, Authorization=f"Basic {basic}")
    body = json_of(reply)
    assert list(body) == FULL_ORDER
    assert "refresh_token" not in body["scope"].split()
    session = desk.org.sessions.find(body["access_token"])
    assert session is not None
    assert session.username == desk.org.directory.default_app.run_as


@pytest.mark.parametrize("host", ["login", "test"])
def test_client_credentials_need_the_my_domain_host(desk: Desk, host: str) -> None:
    base = f"https://{host}.salesforce.com"
    assert refusal(desk, CLIENT, base) == (400, "invalid_grant", "request not supported on this domain")


def test_a_refresh_token_opens_sessions_again_and_again(desk: Desk) -> None:
    directory = desk.org.directory
    grant = desk.org.sessions.grant(directory.default_user, directory.default_app, SCOPES)
    asked = {"grant_type": "refresh_token", "refresh_token": grant.token, "client_id": "sfmock-client-id"}
    first, second = (json_of(desk.post(TOKEN, asked)) for _ in range(2))
    assert list(first) == [*FULL_ORDER[:3], "id_token", *FULL_ORDER[3:]]
    assert first["scope"] == "api refresh_token full id openid"
    assert first["access_token"] != second["access_token"]
    desk.org.sessions.revoke(grant.token)
    assert refusal(desk, asked) == (400, "invalid_grant", "expired access/refresh token")


def test_a_refresh_token_belongs_to_its_org(desk: Desk) -> None:
    directory = desk.other.directory
    grant = desk.other.sessions.grant(directory.default_user, directory.default_app, SCOPES)
    asked = {"grant_type": "refresh_token", "refresh_token": grant.token, "client_id": directory.default_app.client_id}
    body = json_of(desk.post(TOKEN, asked))
    assert body["access_token"].startswith(desk.other.id[:15])


REFUSALS: list[tuple[dict[str, str | None], tuple[str, str]]] = [
    ({"password": "wrong"}, ("invalid_grant", "authentication failure")),
    ({"password": None}, ("invalid_grant", "authentication failure")),
    ({"password": "sfmock-passwordwrong-token"}, ("invalid_grant", "authentication failure")),
    ({"username": "nobody@sfmock.test"}, ("invalid_grant", "authentication failure")),
    ({"username": None}, ("invalid_grant", "authentication failure")),
    ({"client_id": "3MVG9unknown"}, ("invalid_client_id", "client identifier invalid")),
    ({"client_id": None}, ("invalid_client_id", "client identifier invalid")),
    ({"client_secret": "wrong"}, ("invalid_client", "invalid client credentials")),
    ({"client_secret": None}, ("invalid_client", "invalid client credentials")),
    ({"client_secret": "\N{SNOWMAN}"}, ("invalid_client", "invalid client credentials")),
    ({"grant_type": "telepathy"}, ("unsupported_grant_type", "grant type not supported")),
    ({"grant_type": ""}, ("unsupported_grant_type", "grant type not supported")),
    ({"grant_type": None}, ("unsupported_grant_type", "grant type not supported")),
]


@pytest.mark.parametrize(("changes", "expected"), REFUSALS)
def test_wrong_parameters_are_refused_in_salesforces_words(
    desk: Desk, changes: dict[str, str | None], expected: tuple[str, str]
) -> None:
    fields = {name: value for name, value in {**PASSWORD, **changes}.items() if value is not None}
    assert refusal(desk, fields) == (400, *expected)


def test_the_security_token_may_follow_the_password(desk: Desk) -> None:
    assert desk.post(TOKEN, {**PASSWORD, "password": "sfmock-passwordsfmock-token"}).status == 200


def test_of_repeated_parameters_the_first_counts(desk: Desk) -> None:
    pairs = [*PASSWORD.items(), ("password", "wrong"), ("grant_type", "telepathy")]
    assert desk.post(TOKEN, pairs).status == 200
    assert desk.post(TOKEN, list(reversed(pairs))).status == 400


def test_parameters_may_stand_in_the_query_string(desk: Desk) -> None:
    assert desk.send("POST", f"{TOKEN}?{urlencode(PASSWORD)}").status == 200


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"grant_type": "password"}'),
        ("text/plain", b"grant_type=password"),
        ("", b"grant_type=password"),
        ("multipart/form-data; boundary=x", b"--x\r\n"),
        (FORM, b"\xff\xfe%zz%"),
        (FORM, b"&" * 50_000),
        (FORM, b"a=1&" * 10_000),
        (FORM, b"grant_type=password&x=" + b"y" * 10_000_000),
        (FORM, b""),
    ],
)
def test_what_is_no_form_has_no_grant_type(desk: Desk, content_type: str, body: bytes) -> None:
    reply = desk.send("POST", TOKEN, body, {"Content-Type": content_type})
    assert (reply.status, json_of(reply)["error"]) == (400, "unsupported_grant_type")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic ", "Basic !!!", "Basic \N{SNOWMAN}", "Basic /w==", "Basic bm9jb2xvbg==", "Bearer x", "x"]
)
def test_a_broken_authorization_header_names_no_client(desk: Desk, header: str) -> None:
    fields = {"grant_type": "client_credentials"}
    assert refusal(desk, fields, Authorization=header)[1] == "invalid_client_id"


def test_get_is_refused(desk: Desk) -> None:
    reply = desk.get(f"{TOKEN}?grant_type=password")
    assert reply.status == 400
    assert json_of(reply) == {"error": "invalid_request", "error_description": "must use HTTP POST"}


def test_each_org_lets_in_its_own(desk: Desk) -> None:
    user, app = desk.other.directory.default_user, desk.other.directory.default_app
    fields = {**PASSWORD, "username": user.username, "client_id": app.client_id}
    assert json_of(desk.post(TOKEN, fields))["access_token"].startswith(desk.other.id[:15])
    body = json_of(desk.post(TOKEN, {**CLIENT, "client_id": app.client_id}))
    assert body["access_token"].startswith(desk.other.id[:15])


def test_the_3601st_login_of_an_hour_is_too_many(desk: Desk) -> None:
    for _ in range(3_600):
        desk.org.admission.count_login(desk.org.directory.default_user)
    for fields in (PASSWORD, CLIENT):
        assert refusal(desk, fields) == (400, "rate_limit_exceeded", "login rate exceeded")
    desk.org.clock.advance(3_601)
    assert desk.post(TOKEN, PASSWORD).status == 200


@pytest.mark.parametrize("method", ["password", "client_credentials"])
def test_a_deactivated_user_gets_no_token(desk: Desk, method: str) -> None:
    desk.org.store.connection.execute('UPDATE "User" SET "IsActive" = 0')
    fields = PASSWORD if method == "password" else CLIENT
    assert refusal(desk, fields)[1:] == ("invalid_grant", "inactive user")


@pytest.mark.parametrize(
    ("base", "instance", "identity"),
    [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("https://localhost:8080", "https://localhost:8080", "https://localhost:8080"),
        ("https://[::1]:8080", "https://[::1]:8080", "https://[::1]:8080"),
        ("http://mock.internal", "http://mock.internal", "http://mock.internal"),
        ("https://login.salesforce.com", "https://sfmock.my.salesforce.com", "https://login.salesforce.com"),
        ("https://LOGIN.salesforce.com:443", "https://sfmock.my.salesforce.com", "https://login.salesforce.com"),
        ("https://test.salesforce.com", "https://sfmock.my.salesforce.com", "https://test.salesforce.com"),
        ("https://na1.salesforce.com", "https://sfmock.my.salesforce.com", "https://login.salesforce.com"),
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com", "https://login.salesforce.com"),
        (
            "https://acme--dev.sandbox.my.salesforce.com",
            "https://acme--dev.sandbox.my.salesforce.com",
            "https://test.salesforce.com",
        ),
        ("https://[broken", "https://[broken", "https://[broken"),
        ("https://\udcff", "https://sfmock.my.salesforce.com", "https://sfmock.my.salesforce.com"),
    ],
)
def test_urls_follow_the_way_the_client_came_in(desk: Desk, base: str, instance: str, identity: str) -> None:
    body = json_of(desk.post(TOKEN, PASSWORD, base))
    assert body["instance_url"] == instance
    assert body["id"].startswith(f"{identity}/id/{desk.org.id}/")


def test_the_my_domain_tells_the_orgs_apart(desk: Desk) -> None:
    user, app = desk.other.directory.default_user, desk.other.directory.default_app
    fields = {**PASSWORD, "username": user.username, "client_id": app.client_id}
    body = json_of(desk.post(TOKEN, fields, "https://login.salesforce.com"))
    assert body["instance_url"] == "https://sfmock-2.my.salesforce.com"


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("invalid_grant", {"error": "invalid_grant", "error_description": "authentication failure"}),
        ("UNKNOWN_EXCEPTION", {"error": "unknown_error", "error_description": "retry your request"}),
        ("SERVER_UNAVAILABLE", {"error": "server_unavailable", "error_description": "Server too busy"}),
    ],
)
def test_a_fault_on_a_login_speaks_oauth(desk: Desk, code: str, expected: dict[str, str]) -> None:
    desk.fault(on="oauth.token", error=code)
    assert json_of(desk.post(TOKEN, PASSWORD)) == expected


@settings(max_examples=150)
@given(
    fields=st.dictionaries(
        st.sampled_from([*PASSWORD, "refresh_token", "assertion", "token", "format", "code"]), st.text(max_size=30)
    ),
    header=st.one_of(st.none(), st.text(st.characters(codec="latin-1"), max_size=20)),
)
def test_no_form_brings_the_endpoint_down(fields: dict[str, str], header: str | None) -> None:
    encodable = {name: value.encode(errors="replace").decode() for name, value in fields.items()}
    headers = {} if header is None else {"Authorization": header}
    reply = _SHARED.post(TOKEN, encodable, **headers)
    assert reply.status in (200, 400)
    assert json_of(reply).get("error") != "unknown_error"


_SHARED = Desk()


@pytest.mark.parametrize(
    ("base", "moved"),
    [
        ("http://127.0.0.1:8080", "http://localhost:8080"),
        ("https://[::1]:8080", "https://localhost:8080"),
        ("https://localhost:8080", "https://localhost:8080"),
        ("https://sfmock.my.salesforce.com", "https://sfmock-moved.my.salesforce.com"),
        ("https://login.salesforce.com", "https://sfmock-moved.my.salesforce.com"),
        ("http://mock:8080", "http://mock:8080"),
    ],
)
def test_an_org_that_has_moved_says_so_at_login(desk: Desk, base: str, moved: str) -> None:
    desk.org.moved = True
    body = json_of(desk.post(TOKEN, PASSWORD, base))
    entry = desk.last()
    assert (body["instance_url"], entry.instance, entry.address) == (moved, moved, base)
    assert entry.session == fingerprint(body["access_token"].encode())
    assert body["access_token"] not in str(entry.as_json())


def test_the_session_of_a_moved_org_ends_and_the_next_login_names_the_new_address(rest: Rest) -> None:
    control = {"on": "rest.query.run", "session": "moved", "when": {"times": 1}}
    assert rest.post(f"/_mock/orgs/{rest.org.id}/faults", json=control).status_code < 300
    assert rest.query("SELECT Id FROM User").status_code == 401
    form = {**CLIENT, "client_id": rest.org.client_id}
    told = rest.http.post(rest.url + TOKEN, data=form).json()
    assert told["instance_url"] == rest.url.replace("127.0.0.1", "localhost")
    rest.url, rest.token = told["instance_url"], told["access_token"]
    assert rest.query("SELECT Id FROM User").status_code == 200
