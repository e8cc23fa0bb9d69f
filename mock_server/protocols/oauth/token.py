"""The token endpoint: one function a grant. Key orders and texts as recorded (2024)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.directory import LoginRefused, User
from mock_server.protocols.instance import LOGIN_HOSTS, host_of, identity_url, instance_url
from mock_server.protocols.oauth import assertion, openid, shapes
from mock_server.protocols.oauth.forms import client_of, form, tokens

_TOKEN = "/services/oauth2/token"  # noqa: S105
_REFUSALS = {
    "credentials": errors.AUTHENTICATION_FAILURE,
    "inactive": errors.INACTIVE_USER,
    "rate": errors.LOGIN_RATE_EXCEEDED,
}


Grant = Callable[[Call, dict[str, str]], dict[str, Any]]
_GRANTS: dict[str, Grant] = {}
_BEGINNINGS: dict[str, Grant] = {}


def grant_type(*names: str) -> Callable[[Grant], Grant]:
    """Declare what answers the grant types of these names."""

    def declare(log_in: Grant) -> Grant:
        _GRANTS.update(dict.fromkeys(names, log_in))
        return log_in

    return declare


def response_type(name: str) -> Callable[[Grant], Grant]:
    """Declare what answers a `response_type` at the token endpoint: how a device begins."""

    def declare(begin: Grant) -> Grant:
        _BEGINNINGS[name] = begin
        return begin

    return declare


@tokens(
    Operation(
        "oauth.token", "POST", _TOKEN, "login", counted=False, auth=False,
        summary="Log in: password, client credentials, refresh token, JWT bearer",
    ),
    Operation("oauth.token", "GET", _TOKEN, "login", counted=False, auth=False),
)  # fmt: skip
async def token(call: Call) -> Reply:
    fields = form(call)
    shape = shapes.asked(call, fields, ("json", "xml", "urlencoded"))
    try:
        return shapes.token_answer(_answer(call, fields), shape)
    except ApiError as error:
        error.extra["shape"] = shape
        raise


def _answer(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    if call.method != "POST":
        raise errors.OAUTH_REQUEST_REFUSED(text="must use HTTP POST")
    log_in = _GRANTS.get(fields.get("grant_type", "")) or _BEGINNINGS.get(fields.get("response_type", ""))
    if log_in is None:
        raise errors.UNSUPPORTED_GRANT_TYPE()
    try:
        return log_in(call, fields)
    except LoginRefused as refusal:
        raise _REFUSALS[refusal.reason]() from None


def authenticated_app(call: Call, fields: dict[str, str], *, secret: bool = True) -> ConnectedApp:
    """Return the app of the request's client. Raises INVALID_CLIENT_ID, INVALID_CLIENT for a wrong secret."""
    client_id, given = client_of(call, fields)
    app = call.org.directory.app(client_id) if client_id else None
    if app is None:
        raise errors.INVALID_CLIENT_ID()
    if (secret or given is not None) and not hmac.compare_digest(
        (given or "").encode(errors="replace"), app.client_secret.encode()
    ):
        raise errors.INVALID_CLIENT()
    return app


def opened(call: Call, user: User, app: ConnectedApp, scopes: tuple[str, ...]) -> dict[str, str]:
    """Start a session and return every value an answer may tell of it."""
    session = call.org.sessions.open(user, app, scopes)
    call.entry.opened(user.username, session.token, instance_url(call, call.org))
    identity = identity_url(call, user.id)
    issued_at = str(int(session.created * 1000))
    digest = hmac.new(app.client_secret.encode(), (identity + issued_at).encode(), sha256).digest()
    return {
        "access_token": session.token,
        "signature": base64.b64encode(digest).decode(),
        "scope": " ".join(scopes),
        "instance_url": instance_url(call, call.org),
        "id": identity,
        "token_type": "Bearer",
        "issued_at": issued_at,
    }


def _told(answer: dict[str, str], *names: str) -> dict[str, Any]:
    return {name: answer[name] for name in names}


def _without_refresh(app: ConnectedApp) -> tuple[str, ...]:
    return tuple(scope for scope in app.scopes if scope != "refresh_token")


@grant_type("password")
def _password(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app = authenticated_app(call, fields)
    user = call.org.directory.log_in(fields.get("username", ""), fields.get("password", ""))
    return _told(
        opened(call, user, app, app.scopes),
        "access_token",
        "instance_url",
        "id",
        "token_type",
        "issued_at",
        "signature",
    )


@grant_type("client_credentials")
def _client_credentials(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    if host_of(call.base_url) in LOGIN_HOSTS:
        raise errors.WRONG_LOGIN_DOMAIN()
    app = authenticated_app(call, fields)
    return opened(call, _let_in(call, app.run_as), app, _without_refresh(app))


@grant_type("refresh_token")
def _refresh(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    # A public app has no secret to send.
    app = authenticated_app(call, fields, secret=False)
    grant = call.org.sessions.granted(fields.get("refresh_token", ""))
    user = call.org.directory.by_id(grant.user_id) if grant is not None else None
    if grant is None or user is None or grant.client_id != app.client_id:
        raise errors.EXPIRED_REFRESH_TOKEN()
    call.org.directory.let_in(user)
    answer = opened(call, user, app, grant.scopes)
    if "openid" not in grant.scopes:
        return answer
    token = openid.id_token(call, subject=answer["id"], client_id=app.client_id, access_token=answer["access_token"])
    first = ("access_token", "signature", "scope")
    return {**_told(answer, *first), "id_token": token, **answer}


@grant_type("urn:ietf:params:oauth:grant-type:jwt-bearer")
def _jwt_bearer(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    given = fields.get("assertion", "")
    directory = call.org.directory
    issuer = assertion.unverified_claims(given).get("iss")
    if not isinstance(issuer, str):
        raise errors.INVALID_ASSERTION()
    app = directory.app(issuer)
    if app is None:
        raise errors.INVALID_CLIENT_ID()
    if app.public_key is None:
        raise errors.INVALID_ASSERTION()
    claims = assertion.verify(given, app.public_key)
    assertion.check_audience(claims, call.base_url)
    # A test may have moved the org's clock ahead of the client's.
    assertion.check_life(claims, (call.org.clock.now(), directory.clients_time()))
    subject = claims.get("sub") or claims.get("prn")
    return _told(
        opened(call, _let_in(call, subject), app, _without_refresh(app)),
        "access_token",
        "scope",
        "instance_url",
        "id",
        "token_type",
    )


def _let_in(call: Call, username: object) -> User:
    """Return the user that an app logs in without a password. Raises UNAPPROVED_CONSUMER, INACTIVE_USER."""
    user = call.org.directory.user(username) if isinstance(username, str) else None
    if user is None:
        raise errors.UNAPPROVED_CONSUMER()
    call.org.directory.count_login(user)
    call.org.directory.let_in(user)
    return user
