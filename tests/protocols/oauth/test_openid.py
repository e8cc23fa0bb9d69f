"""OpenID Connect as its clients see it: discovery, keys, ID tokens that they can verify."""

from __future__ import annotations

import base64
from hashlib import sha256
from typing import Any

import jwt
import pytest

from mock_server.org.identity.apps import SCOPES
from tests.protocols.desk import Desk, json_of
from tests.protocols.oauth.walk import CALLBACK, CLIENT, TOKEN, Walker

DISCOVERY = "/.well-known/openid-configuration"


def verified(desk: Desk, token: str, base: str | None = None) -> dict[str, Any]:
    """Verify as a client does: by the discovered key."""
    found = json_of(desk.get(DISCOVERY, base=base))
    path = found["jwks_uri"].removeprefix(found["issuer"])
    keys = jwt.PyJWKSet.from_dict(json_of(desk.get(path, base=base)))
    kid = jwt.get_unverified_header(token)["kid"]
    # The desk's clock is virtual: what expires is compared with it below.
    claims: dict[str, Any] = jwt.decode(
        token,
        keys[kid],
        algorithms=["RS256"],
        audience=CLIENT["client_id"],
        issuer=found["issuer"],
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


def redeemed(desk: Desk, walker: Walker, **changes: Any) -> dict[str, Any]:
    fields = {"grant_type": "authorization_code", "code": walker.code(**changes), "redirect_uri": CALLBACK, **CLIENT}
    return json_of(desk.post(TOKEN, fields, walker.base))


@pytest.mark.parametrize("base", [None, "https://login.salesforce.com", "https://sfmock.my.salesforce.com"])
def test_an_id_token_says_who_has_logged_in(desk: Desk, base: str | None) -> None:
    body = redeemed(desk, Walker(desk, base), nonce="n-1")
    claims = verified(desk, body["id_token"], base)
    now = int(desk.org.clock.now())
    half = sha256(body["access_token"].encode()).digest()[:16]
    assert claims == {
        "at_hash": base64.urlsafe_b64encode(half).decode().rstrip("="),
        "sub": body["id"],
        "aud": CLIENT["client_id"],
        "iss": base or desk.base_url,
        "exp": now + 120,
        "iat": now,
        "nonce": "n-1",
    }


def test_a_nonce_that_was_not_sent_is_not_there(desk: Desk) -> None:
    assert "nonce" not in verified(desk, redeemed(desk, Walker(desk))["id_token"])


def test_a_refresh_brings_a_new_id_token(desk: Desk) -> None:
    directory = desk.org.directory
    for scopes, there in ((SCOPES, True), (("api", "refresh_token"), False)):
        grant = desk.org.sessions.grant(directory.default_user, directory.default_app, scopes)
        body = json_of(desk.post(TOKEN, {"grant_type": "refresh_token", "refresh_token": grant.token, **CLIENT}))
        assert ("id_token" in body) is there
        if there:
            assert verified(desk, body["id_token"])["sub"] == body["id"]


def test_the_browser_can_bring_the_id_token_itself(desk: Desk) -> None:
    walker = Walker(desk)
    both = walker.through(response_type="token id_token", nonce="n-2").fragment
    assert verified(desk, both["id_token"])["nonce"] == "n-2"
    assert {"access_token", "state"} <= both.keys()
    missing = walker.authorize(response_type="id_token")
    assert missing.fragment["error_description"] == "missing required nonce"
    assert "error=invalid_scope" in walker.authorize(response_type="id_token", nonce="n", scope="api").url


def test_discovery_names_what_is_there(desk: Desk) -> None:
    found = json_of(desk.get(DISCOVERY))
    assert found["issuer"] == desk.base_url
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert set(SCOPES) <= set(found["scopes_supported"])
    for name, address in found.items():
        if name.endswith(("_endpoint", "_uri")):
            path = address.removeprefix(desk.base_url)
            assert 404 not in (desk.get(path).status, desk.post(path, {}).status), name


def test_the_keys_are_public_alone(desk: Desk) -> None:
    (key,) = json_of(desk.get("/id/keys"))["keys"]
    assert list(key) == ["kty", "n", "e", "alg", "use", "kid"]


def test_mobile_apps_learn_how_people_log_in(desk: Desk) -> None:
    found = json_of(desk.get("/.well-known/auth-configuration"))
    assert (found["OrgId"], found["Url"]) == (desk.org.id[:15], desk.base_url)
    assert found["SamlProviders"] == []


def test_orgs_of_a_server_sign_with_one_key(desk: Desk) -> None:
    assert desk.org.signing.jwk == desk.other.signing.jwk
