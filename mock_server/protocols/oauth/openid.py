"""OpenID Connect: ID tokens, the key that signs them, and what the server says of itself."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org.identity.scopes import LABELS
from mock_server.org.identity.signing import encoded
from mock_server.protocols.instance import instance_url
from mock_server.protocols.oauth.forms import answer, discovery

ID_TOKEN_LIFE = 120
"""Seconds: what a connected app has unless its administrator says otherwise."""
_CLAIMS = (
    "active", "address", "email", "email_verified", "family_name", "given_name", "is_app_installed", "language",
    "locale", "name", "nickname", "organization_id", "phone_number", "phone_number_verified", "photos", "picture",
    "preferred_username", "profile", "sub", "updated_at", "urls", "user_id", "user_type", "zoneinfo",
)  # fmt: skip


def issuer(call: Call) -> str:
    """Return the name under which this server signs: its address as the client has it."""
    # A login host signs for itself, though its orgs live elsewhere.
    return call.base_url if call.base_url.isascii() else instance_url(call, call.org)


def id_token(call: Call, *, subject: str, client_id: str, access_token: str | None, nonce: str | None = None) -> str:
    """Return a signed statement of who has logged in. `subject` is his identity URL."""
    now = int(call.org.clock.now())
    claims: dict[str, Any] = {}
    if access_token is not None:
        claims["at_hash"] = encoded(sha256(access_token.encode()).digest()[:16])
    claims |= {"sub": subject, "aud": client_id, "iss": issuer(call), "exp": now + ID_TOKEN_LIFE, "iat": now}
    if nonce is not None:
        claims["nonce"] = nonce
    return call.org.signing.sign(claims)


@discovery(
    Operation(
        "openid.configuration", "GET", "/.well-known/openid-configuration", "read", counted=False, auth=False,
        summary="What the server offers to OpenID clients",
    )
)  # fmt: skip
async def configuration(call: Call) -> Reply:
    base = issuer(call)
    oauth = f"{base}/services/oauth2"
    # A real org has a registration_endpoint besides: apps of this one are configured.
    return answer(
        {
            "end_session_endpoint": f"{base}/services/auth/idp/oidc/logout",
            "issuer": base,
            "authorization_endpoint": f"{oauth}/authorize",
            "token_endpoint": f"{oauth}/token",
            "revocation_endpoint": f"{oauth}/revoke",
            "userinfo_endpoint": f"{oauth}/userinfo",
            "jwks_uri": f"{base}/id/keys",
            "introspection_endpoint": f"{oauth}/introspect",
            "scopes_supported": list(LABELS),
            "response_types_supported": ["code", "token", "token id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "display_values_supported": ["page", "popup", "touch"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
            "code_challenge_methods_supported": ["S256"],
            "claims_supported": list(_CLAIMS),
        }
    )


@discovery(
    Operation(
        "openid.keys", "GET", "/id/keys", "read", counted=False, auth=False, summary="The keys that sign ID tokens"
    )
)
async def keys(call: Call) -> Reply:
    return answer({"keys": [call.org.signing.jwk]})


@discovery(
    Operation(
        "oauth.auth_configuration", "GET", "/.well-known/auth-configuration", "read", counted=False, auth=False,
        summary="How people log in: what mobile apps ask first",
    )
)  # fmt: skip
async def auth_configuration(call: Call) -> Reply:
    return answer(
        {
            "OrgId": call.org.id[:15],
            "Url": instance_url(call, call.org),
            "MobileSDK": {
                "UseiOSNativeBrowserForAuthentication": False,
                "UseAndroidNativeBrowserForAuthentication": False,
                "shareBrowserSessionIOS": False,
                "shareBrowserSessionAndroid": False,
            },
            "LoginPage": None,
            "SamlProviders": [],
            "AuthProviders": [],
            "CertificateLogin": None,
            "LoginPageType": "standard",
            "LoginPageTypeConfigs": {},
        }
    )
