"""The token endpoint and what undoes it. Key orders and texts as recorded (2024)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org.identity.directory import ConnectedApp, LoginRefused, User
from mock_server.org.identity.sessions import Session
from mock_server.protocols.instance import identity_url, instance_url
from mock_server.protocols.oauth.forms import OAuthError, answer, client_of, form, refused, routes

_REFUSALS = {
    "credentials": ("invalid_grant", "authentication failure"),
    "inactive": ("inactive_user", "user is inactive"),
    "rate": ("rate_limit_exceeded", "login rate exceeded"),
}
_JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ("https://login.salesforce.com", "https://test.salesforce.com")
_LONGEST_JWT_LIFE = 300.0
"""Seconds; documentation says three minutes, a small skew is allowed."""


@routes(
    Operation(
        "oauth.token", "POST", "/services/oauth2/token", "login", "always", counted=False, auth=False,
        summary="Log in: password, client credentials, refresh token, JWT bearer",
    )
)  # fmt: skip
async def token(call: Call) -> Reply:
    fields = form(call)
    try:
        grant = fields.get("grant_type")
        if grant is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        log_in = _GRANTS.get(grant)
        if log_in is None:
            raise OAuthError("unsupported_grant_type", "grant type not supported")
        return answer(log_in(call, fields))
    except OAuthError as error:
        return refused(error)
    except LoginRefused as refusal:
        return refused(OAuthError(*_REFUSALS[refusal.reason]))


def _app(call: Call, fields: dict[str, str], *, secret: bool = True) -> ConnectedApp:
    client_id, given = client_of(call, fields)
    app = call.org.directory.app(client_id) if client_id else None
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if secret and not hmac.compare_digest((given or "").encode(), app.client_secret.encode()):
        raise OAuthError("invalid_client", "invalid client credentials")
    return app


def _open(call: Call, user: User, app: ConnectedApp, scopes: tuple[str, ...]) -> tuple[Session, str, str]:
    """Start a session; return it with the time of issue and the signature that clients check."""
    session = call.org.sessions.open(user, app, scopes)
    call.entry.user, call.entry.session = user.username, session.label
    issued_at = str(int(call.org.clock.now() * 1000))
    signed = (identity_url(call, user.id) + issued_at).encode()
    digest = hmac.new(app.client_secret.encode(), signed, sha256).digest()
    return session, issued_at, base64.b64encode(digest).decode()


def _password(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app = _app(call, fields)
    user = call.org.directory.log_in(fields.get("username", ""), fields.get("password", ""))
    session, issued_at, signature = _open(call, user, app, app.scopes)
    return {
        "access_token": session.token,
        "instance_url": instance_url(call, call.org),
        "id": identity_url(call, user.id),
        "token_type": "Bearer",
        "issued_at": issued_at,
        "signature": signature,
    }


def _full(call: Call, user: User, app: ConnectedApp, scopes: tuple[str, ...]) -> dict[str, Any]:
    session, issued_at, signature = _open(call, user, app, scopes)
    return {
        "access_token": session.token,
        "signature": signature,
        "scope": " ".join(scopes),
        "instance_url": instance_url(call, call.org),
        "id": identity_url(call, user.id),
        "token_type": "Bearer",
        "issued_at": issued_at,
    }


def _client_credentials(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app = _app(call, fields)
    user = call.org.directory.user(app.run_as)
    if user is None:
        raise OAuthError("invalid_grant", "no client credentials user enabled")
    call.org.directory.count_login(user)
    return _full(call, user, app, tuple(scope for scope in app.scopes if scope != "refresh_token"))


def _refresh(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    # A client without a secret (a public app) may leave it out.
    app = _app(call, fields, secret=client_of(call, fields)[1] is not None)
    grant = call.org.sessions.granted(fields.get("refresh_token", ""))
    user = call.org.directory.user(grant.username) if grant is not None else None
    if grant is None or user is None or grant.client_id != app.client_id:
        raise OAuthError("invalid_grant", "expired access/refresh token")
    if not user.active:
        raise OAuthError("inactive_user", "user is inactive")
    return _full(call, user, app, grant.scopes)


def _jwt_bearer(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    claims, app = _checked_assertion(call, fields.get("assertion", ""))
    audience = str(claims.get("aud", ""))
    if audience.rstrip("/") not in (*_AUDIENCES, call.base_url, instance_url(call, call.org)):
        raise OAuthError("invalid_grant", "audience is invalid")
    expires = claims.get("exp")
    now = call.org.clock.now()
    if not isinstance(expires, int | float) or not now <= expires <= now + _LONGEST_JWT_LIFE:
        raise OAuthError("invalid_grant", "invalid assertion")
    subject = claims.get("sub") or claims.get("prn")
    user = call.org.directory.user(str(subject))
    if user is None:
        raise OAuthError("invalid_grant", "user hasn't approved this consumer")
    call.org.directory.count_login(user)
    scopes = tuple(scope for scope in app.scopes if scope != "refresh_token")
    session, _, _ = _open(call, user, app, scopes)
    return {
        "access_token": session.token,
        "scope": " ".join(scopes),
        "instance_url": instance_url(call, call.org),
        "id": identity_url(call, user.id),
        "token_type": "Bearer",
    }


def _checked_assertion(call: Call, assertion: str) -> tuple[dict[str, Any], ConnectedApp]:
    """Return the claims of a JWT whose signature the issuer's registered key confirms."""
    import orjson
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    bad = OAuthError("invalid_grant", "invalid assertion")
    parts = assertion.split(".")
    if len(parts) != 3:
        raise bad
    try:
        header, claims, signature = (base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in parts)
        head, body = orjson.loads(header), orjson.loads(claims)
    except ValueError:
        raise bad from None
    if not isinstance(head, dict) or not isinstance(body, dict) or head.get("alg") != "RS256":
        raise bad
    app = call.org.directory.app(str(body.get("iss")))
    if app is None:
        raise OAuthError("invalid_client_id", "client identifier invalid")
    if app.public_key is None:
        raise bad
    key = load_pem_public_key(app.public_key.encode())
    assert isinstance(key, RSAPublicKey)
    try:
        key.verify(signature, f"{parts[0]}.{parts[1]}".encode(), PKCS1v15(), SHA256())
    except InvalidSignature:
        raise bad from None
    return body, app


_GRANTS: dict[str, Callable[[Call, dict[str, str]], dict[str, Any]]] = {
    "password": _password,
    "client_credentials": _client_credentials,
    "refresh_token": _refresh,
    _JWT: _jwt_bearer,
}


@routes(
    Operation(
        "oauth.revoke", "POST", "/services/oauth2/revoke", "login", "always", counted=False, auth=False,
        summary="Revoke an access or refresh token",
    ),
    Operation("oauth.revoke", "GET", "/services/oauth2/revoke", "login", "always", counted=False, auth=False),
)  # fmt: skip
async def revoke(call: Call) -> Reply:
    given = form(call).get("token")
    if not given:
        return refused(OAuthError("invalid_request", "missing required parameter: token"))
    if not call.org.sessions.revoke(given):
        return refused(OAuthError("invalid_token", "invalid token: the token is unknown or already revoked"))
    return Reply(200, b"", None)


@routes(
    Operation(
        "oauth.introspect", "POST", "/services/oauth2/introspect", "login", "always", counted=False, auth=False,
        summary="Tell whether a token is live",
    )
)  # fmt: skip
async def introspect(call: Call) -> Reply:
    fields = form(call)
    try:
        app = _app(call, fields)
    except OAuthError as error:
        return refused(error)
    session = call.org.sessions.peek(fields.get("token", ""))
    if session is None:
        return answer({"active": False})
    issued = int(session.created)
    return answer(
        {
            "active": True,
            "scope": " ".join(session.scopes),
            "client_id": app.client_id,
            "username": session.username,
            "sub": identity_url(call, session.user_id),
            "token_type": "access_token",
            "exp": int(session.expires),
            "iat": issued,
            "nbf": issued,
        }
    )
