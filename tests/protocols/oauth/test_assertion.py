"""The JWT bearer grant, with assertions as clients sign them."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.protocols.desk import Desk, json_of

TOKEN = "/services/oauth2/token"
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
OTHER_KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    for org in (made.org, made.other):
        org.directory.trust(PUBLIC)
    return made


def claims(desk: Desk, **changes: Any) -> dict[str, Any]:
    """Return what clients claim; a change to None leaves a claim out."""
    usual = {
        "iss": "sfmock-client-id",
        "sub": "integration@sfmock.test",
        "aud": "https://login.salesforce.com",
        "exp": int(desk.org.clock.now()) + 180,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def ask(desk: Desk, assertion: str, base: str | None = None) -> dict[str, Any]:
    grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
    return json_of(desk.post(TOKEN, {"grant_type": grant, "assertion": assertion}, base))


def signed(payload: dict[str, Any], key: Any = KEY, algorithm: str = "RS256") -> str:
    return jwt.encode(payload, key, algorithm=algorithm)


def test_an_assertion_opens_a_session(desk: Desk) -> None:
    body = ask(desk, signed(claims(desk)))
    assert list(body) == ["access_token", "scope", "instance_url", "id", "token_type"]
    session = desk.org.sessions.find(body["access_token"])
    assert session is not None
    assert session.username == "integration@sfmock.test"


def test_simple_salesforce_writes_the_expiry_as_a_string(desk: Desk) -> None:
    assert "access_token" in ask(desk, signed(claims(desk, exp=f"{desk.org.clock.now() + 180:.0f}")))


def test_the_older_name_of_the_subject_is_known(desk: Desk) -> None:
    assert "access_token" in ask(desk, signed(claims(desk, sub=None, prn="integration@sfmock.test")))


def test_an_assertion_finds_its_org(desk: Desk) -> None:
    user, app = desk.other.directory.default_user, desk.other.directory.default_app
    body = ask(desk, signed(claims(desk, iss=app.client_id, sub=user.username)))
    assert body["access_token"].startswith(desk.other.id[:15])


@pytest.mark.parametrize(
    ("audience", "base"),
    [
        ("https://login.salesforce.com", "https://acme.my.salesforce.com"),
        ("https://login.salesforce.com/", "http://127.0.0.1:8080"),
        ("https://test.salesforce.com", "https://test.salesforce.com"),
        ("https://acme.my.salesforce.com", "https://acme.my.salesforce.com"),
        ("https://acme.my.site.com/customers", "https://acme.my.salesforce.com"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://127.0.0.1:8080"),
        ("http://mock.internal:1234/", "http://mock.internal:1234"),
        (["https://login.salesforce.com"], "http://127.0.0.1:8080"),
        ("login.salesforce.com", "https://acme.my.salesforce.com"),
        ("acme.my.salesforce.com", "https://acme.my.salesforce.com"),
    ],
)
def test_these_audiences_are_good(desk: Desk, audience: Any, base: str) -> None:
    assert "access_token" in ask(desk, signed(claims(desk, aud=audience)), base)


@pytest.mark.parametrize(
    "audience", ["https://example.com", "example.com", "salesforce.com.evil.example", "", None, 7, [], [7], "://"]
)
def test_other_audiences_are_not(desk: Desk, audience: Any) -> None:
    body = ask(desk, signed(claims(desk, aud=audience)))
    assert body == {"error": "invalid_grant", "error_description": "audience is invalid"}


@pytest.mark.parametrize(
    ("changes", "error", "description"),
    [
        ({"iss": "unknown"}, "invalid_client_id", "client identifier invalid"),
        ({"iss": None}, "invalid_grant", "invalid assertion"),
        ({"sub": "nobody@sfmock.test"}, "invalid_grant", "user hasn't approved this consumer"),
        ({"sub": None}, "invalid_grant", "user hasn't approved this consumer"),
        ({"exp": 1_000_000_000}, "invalid_grant", "expired authorization code"),
        ({"exp": "1000000000"}, "invalid_grant", "expired authorization code"),
        ({"exp": 99_999_999_999}, "invalid_grant", "invalid assertion"),
        ({"exp": None}, "invalid_grant", "invalid assertion"),
        ({"exp": "soon"}, "invalid_grant", "invalid assertion"),
        ({"exp": [1]}, "invalid_grant", "invalid assertion"),
        ({"exp": float("nan")}, "invalid_grant", "invalid assertion"),
    ],
)
def test_wrong_claims_are_refused(desk: Desk, changes: dict[str, Any], error: str, description: str) -> None:
    made = claims(desk, **changes)
    # PyJWT checks some claims before it signs them.
    assertion = jwt.api_jws.encode(json.dumps(made).encode(), KEY, algorithm="RS256")
    assert ask(desk, assertion) == {"error": error, "error_description": description}


def test_the_signature_is_checked(desk: Desk) -> None:
    bad = {"error": "invalid_grant", "error_description": "invalid assertion"}
    good = signed(claims(desk))
    head, body, signature = good.split(".")
    assert ask(desk, signed(claims(desk), OTHER_KEY)) == bad
    assert ask(desk, signed(claims(desk), "secret" * 10, "HS256")) == bad
    assert ask(desk, f"{head}.{body}.") == bad
    assert ask(desk, f"{head}.{body}.{signature[:-4]}AAAA") == bad
    assert ask(desk, f"{head}.{signed(claims(desk, jti='2')).split('.')[1]}.{signature}") == bad


@pytest.mark.parametrize(
    "assertion", ["", "x", "..", "a.b.c", "e30.e30.e30", "W10.W10.W10", "\N{SNOWMAN}.e30.e30", "." * 60_000]
)
def test_what_is_no_token_is_refused(desk: Desk, assertion: str) -> None:
    assert ask(desk, assertion) == {"error": "invalid_grant", "error_description": "invalid assertion"}


def test_without_a_registered_key_nobody_is_believed(desk: Desk) -> None:
    bare = Desk()
    assert ask(bare, signed(claims(bare)))["error_description"] == "invalid assertion"


def test_the_sf_command_line_tool_writes_the_expiry_in_milliseconds(desk: Desk) -> None:
    now = desk.org.clock.now()
    assert "access_token" in ask(desk, signed(claims(desk, exp=int(now * 1000) + 300)))
    late = ask(desk, signed(claims(desk, exp=int((now - 3600) * 1000))))
    assert late["error"] == "invalid_grant"


@pytest.mark.parametrize(("seconds", "good"), [(0, True), (-170, True), (-190, False), (290, True), (310, False)])
def test_clocks_may_differ_by_three_minutes(desk: Desk, seconds: int, good: bool) -> None:
    body = ask(desk, signed(claims(desk, exp=int(desk.org.clock.now()) + seconds)))
    assert ("access_token" in body) is good


def test_a_clock_that_was_moved_does_not_outdate_clients() -> None:
    from mock_server.org.org import Org
    from mock_server.protocols.oauth.assertion import check_life

    org = Org(1, clock="real")
    signed_at = org.clock.now()
    org.clock.advance(7_200)
    check_life({"exp": signed_at + 180}, (org.clock.now(), org.directory.clients_time()))
    check_life({"exp": org.clock.now() + 180}, (org.clock.now(), org.directory.clients_time()))


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({}, False),
        ({"aud": "http://127.0.0.1:8080/services/oauth2/token"}, False),
        ({"aud": "https://example.com"}, True),
        ({"sub": "integration@sfmock.test"}, True),
        ({"iss": None}, True),
        ({"exp": 1_000_000_000}, True),
        ({"exp": None}, True),
    ],
)
@pytest.mark.parametrize("named", [True, False])
def test_an_app_may_vouch_for_itself_by_its_certificate(
    desk: Desk, changes: dict[str, Any], refused: bool, named: bool
) -> None:
    own = claims(
        desk, **{"sub": "sfmock-client-id", "aud": "https://login.salesforce.com/services/oauth2/token", **changes}
    )
    if "iss" not in own and not named:
        return
    shown = {
        "grant_type": "client_credentials",
        "client_assertion": signed(own),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        **({"client_id": "sfmock-client-id"} if named else {}),
    }
    body = json_of(desk.post(TOKEN, shown))
    if refused:
        assert body == {"error": "invalid_client", "error_description": "invalid client credentials"}
    else:
        assert "access_token" in body


def test_what_vouches_for_an_app_is_signed_by_it(desk: Desk) -> None:
    own = signed(claims(desk, sub="sfmock-client-id"), OTHER_KEY)
    kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    fields = {"grant_type": "client_credentials", "client_id": "sfmock-client-id", "client_assertion": own}
    for one in ({"client_assertion_type": kind}, {}, {"client_assertion_type": "saml"}):
        assert json_of(desk.post(TOKEN, {**fields, **one}))["error"] == "invalid_client"
    good = signed(claims(desk, sub="sfmock-client-id"))
    assert json_of(desk.post(TOKEN, {**fields, "client_assertion": good}))["error"] == "invalid_client"
