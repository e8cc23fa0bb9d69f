"""Token exchange: what is taken, what is refused, and that nobody gains by it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mock_server.org.identity.apps import SCOPES
from tests.protocols.desk import Desk, json_of
from tests.protocols.oauth.walk import CLIENT, TOKEN, USER

URN = "urn:ietf:params:oauth"
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
INVALID = {"error": "invalid_grant", "error_description": "invalid subject token"}
ORDER = [
    "access_token", "signature", "scope", "id_token", "instance_url", "id", "token_type", "issued_at",
    "issued_token_type",
]  # fmt: skip


def exchange(desk: Desk, token: str | None, kind: str = "access_token", **changes: Any) -> dict[str, Any]:
    usual = {
        "grant_type": f"{URN}:grant-type:token-exchange",
        "subject_token": token,
        "subject_token_type": f"{URN}:token-type:{kind}",
        **CLIENT,
    }
    return json_of(desk.post(TOKEN, {key: value for key, value in {**usual, **changes}.items() if value is not None}))


def claims(desk: Desk, **changes: Any) -> dict[str, Any]:
    now = int(desk.org.clock.now())
    usual = {"iss": CLIENT["client_id"], "sub": USER, "aud": "https://login.salesforce.com", "exp": now + 180}
    return {**usual, **changes}


def test_an_access_token_is_exchanged_for_one_of_this_app(desk: Desk) -> None:
    body = exchange(desk, desk.session(), scope="api")
    assert list(body) == [name for name in ORDER if name != "id_token"]
    assert body["scope"] == "api"
    assert body["issued_token_type"] == f"{URN}:token-type:access_token"
    session = desk.org.sessions.find(body["access_token"])
    assert session is not None
    assert (session.username, session.client_id) == (USER, CLIENT["client_id"])


def test_refresh_tokens_and_id_tokens_are_taken_too(desk: Desk) -> None:
    directory = desk.org.directory
    grant = desk.org.sessions.grant(directory.default_user, directory.default_app, SCOPES)
    body = exchange(desk, grant.token, "refresh_token")
    assert list(body) == ORDER
    again = exchange(desk, body["id_token"], "id_token", scope="id")
    assert again["scope"] == "id"
    desk.org.clock.advance(121)
    assert exchange(desk, body["id_token"], "id_token") == INVALID


def test_a_signed_token_of_a_registered_app_is_taken(desk: Desk) -> None:
    desk.org.directory.trust(PUBLIC)
    token = jwt.encode(claims(desk), KEY, algorithm="RS256")
    assert exchange(desk, token, "jwt", scope="api")["scope"] == "api"
    assert exchange(desk, token, "JWT", scope="api")["scope"] == "api"


def test_other_signed_tokens_are_refused(desk: Desk) -> None:
    desk.org.directory.trust(PUBLIC)
    now = int(desk.org.clock.now())
    other = rsa.generate_private_key(65537, 2048)
    for token in (
        jwt.encode(claims(desk), other, algorithm="RS256"),
        jwt.encode(claims(desk), "secret" * 8, algorithm="HS256"),
        jwt.encode(claims(desk), None, algorithm="none"),
        jwt.encode(claims(desk, exp=now - 181), KEY, algorithm="RS256"),
        jwt.encode(claims(desk, aud="https://evil.example"), KEY, algorithm="RS256"),
        jwt.encode(claims(desk, iss="https://idp.example"), KEY, algorithm="RS256"),
        jwt.encode(claims(desk, sub="nobody@sfmock.test"), KEY, algorithm="RS256"),
        desk.org.signing.sign(
            {"sub": f"http://x/id/{desk.org.id}/005000000000000AAA", "aud": CLIENT["client_id"], "exp": now + 60}
        ),
        desk.org.signing.sign(
            {
                "sub": f"http://x/id/{desk.org.id}/{desk.org.directory.default_user.id}",
                "aud": "another-client",
                "exp": now + 60,
            }
        ),
    ):
        assert exchange(desk, token, "jwt") == INVALID


@pytest.mark.parametrize("kind", ["access_token", "refresh_token", "id_token", "jwt", "saml2"])
@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "00DKd0000000001!nonsense", "\0", "x" * 9000])
def test_nonsense_is_refused(desk: Desk, kind: str, token: str) -> None:
    assert exchange(desk, token, kind) == INVALID


def test_a_token_of_another_org_is_refused(desk: Desk) -> None:
    assert exchange(desk, desk.session(desk.other)) == INVALID


REFUSALS = [
    ({"subject_token": None}, "invalid_request"),
    ({"subject_token_type": None}, "invalid_request"),
    ({"subject_token_type": f"{URN}:token-type:tea"}, "invalid_request"),
    ({"token_handler": "MyHandler"}, "invalid_request"),
    ({"client_secret": "wrong"}, "invalid_client"),
    ({"client_secret": None}, "invalid_client"),
    ({"client_id": "unknown"}, "invalid_client_id"),
    ({"scope": "telepathy"}, "invalid_scope"),
]


@pytest.mark.parametrize(("changes", "error"), REFUSALS)
def test_wrong_requests_are_refused(desk: Desk, changes: dict[str, str | None], error: str) -> None:
    assert exchange(desk, desk.session(), **changes)["error"] == error


def test_nobody_gets_more_than_the_token_was_good_for(desk: Desk) -> None:
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, directory.default_app, ("id",)).token
    assert exchange(desk, token)["scope"] == "id"
    assert exchange(desk, token, scope="api")["error"] == "invalid_scope"
    assert exchange(desk, token, scope="id api")["error"] == "invalid_scope"


@pytest.mark.parametrize("kind", ["token-exchange", "hybrid-token-exchange"])
def test_an_app_may_be_kept_from_it(desk: Desk, kind: str) -> None:
    directory = desk.org.directory
    directory.apps = {name: replace(app, grants=frozenset({"password"})) for name, app in directory.apps.items()}
    body = exchange(desk, desk.session(), grant_type=f"{URN}:grant-type:{kind}")
    assert body["error"] == "unauthorized_client"


def test_the_hybrid_kind_brings_web_sessions(desk: Desk) -> None:
    directory = desk.org.directory
    grant = desk.org.sessions.grant(directory.default_user, directory.default_app, SCOPES)
    kind = f"{URN}:grant-type:hybrid-token-exchange"
    assert "lightning_sid" in exchange(desk, grant.token, "refresh_token", grant_type=kind)


@pytest.mark.parametrize("grant", [f"{URN}:grant-type:saml2-bearer", "assertion"])
@pytest.mark.parametrize("assertion", ["", "PHNhbWw+", "<Assertion/>"])
def test_saml_assertions_are_refused(desk: Desk, grant: str, assertion: str) -> None:
    reply = desk.post(TOKEN, {"grant_type": grant, "assertion": assertion, **CLIENT})
    assert (reply.status, json_of(reply)) == (
        400,
        {"error": "invalid_grant", "error_description": "invalid assertion"},
    )


def test_a_user_who_is_shut_out_gains_nothing(desk: Desk) -> None:
    token = desk.session()
    desk.org.store.connection.execute("""UPDATE "User" SET "IsActive" = 0""")
    desk.org.accesses.changed()
    assert exchange(desk, token)["error_description"] == "inactive user"
