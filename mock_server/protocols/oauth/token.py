"""The token endpoint: one function a grant. Key orders and texts as recorded (2024)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Literal

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.admission import REFUSALS, LoginRefused
from mock_server.org.identity.apps import GRANT_TYPES, ConnectedApp
from mock_server.org.identity.directory import User
from mock_server.org.identity.scopes import OFFLINE
from mock_server.org.identity.sessions import Grant
from mock_server.protocols.instance import LOGIN_HOSTS, host_of, identity_url, instance_url
from mock_server.protocols.oauth import assertion, openid, shapes
from mock_server.protocols.oauth.forms import client_of, form, tokens, visit

_TOKEN = "/services/oauth2/token"  # noqa: S105


LogIn = Callable[[Call, dict[str, str]], dict[str, Any]]
_GRANTS: dict[str, LogIn] = {}
_BEGINNINGS: dict[str, LogIn] = {}


def grant_type(*names: str) -> Callable[[LogIn], LogIn]:
    """Declare what answers the grant types of these names."""

    def declare(log_in: LogIn) -> LogIn:
        _GRANTS.update(dict.fromkeys(names, log_in))
        return log_in

    return declare


def response_type(name: str) -> Callable[[LogIn], LogIn]:
    """Declare what answers a `response_type` at the token endpoint: how a device begins."""

    def declare(begin: LogIn) -> LogIn:
        _BEGINNINGS[name] = begin
        return begin

    return declare


@tokens(
    Operation(
        "oauth.token", "POST", _TOKEN, "login", counted=False, auth=False,
        summary="Log in: by code, refresh token, password, client credentials, JWT, device, exchange",
        query=("grant_type", "response_type", "client_id", "client_secret", "username", "password", "code",
            "redirect_uri", "code_verifier", "refresh_token", "assertion", "scope", "format")
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
        raise REFUSALS[refusal.reason].oauth() from None


def authenticated_app(
    call: Call, fields: dict[str, str], proof: Literal["always", "policy", "offered"] = "always"
) -> ConnectedApp:
    """Return the app of the request's client, which may use the grant that the request asks for.

    `proof` says when it must prove itself, by its secret or by an assertion that its certificate confirms: always, as
    its policy has it, or not at all. What it shows is checked in any case. Raises INVALID_CLIENT_ID, INVALID_CLIENT for
    a proof that is none, and what `check_grant` raises.
    """
    client_id, given = client_of(call, fields)
    app = call.org.directory.app(client_id) if client_id else None
    if app is None:
        raise errors.INVALID_CLIENT_ID()
    if "client_assertion" in fields:
        _check_assertion(call, fields, app)
    elif (proof == "always" or (proof == "policy" and app.secret_needed) or given is not None) and not (
        hmac.compare_digest((given or "").encode(errors="replace"), app.client_secret.encode(errors="replace"))
    ):
        raise errors.INVALID_CLIENT()
    check_grant(app, fields)
    return app


_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def _check_assertion(call: Call, fields: dict[str, str], app: ConnectedApp) -> None:
    """Check what an app shows instead of its secret: a JSON Web Token of its own, about itself (RFC 7523, 2.2).

    Raises INVALID_CLIENT.
    """
    given = fields["client_assertion"]
    try:
        if app.public_key is None or fields.get("client_assertion_type") != _ASSERTION_TYPE:
            raise errors.INVALID_CLIENT()
        claims = assertion.verify(given, app.public_key)
        assertion.check_audience(claims, call.base_url)
        assertion.check_life(claims, (call.org.clock.now(), call.org.directory.clients_time()))
    except ApiError:
        raise errors.INVALID_CLIENT() from None
    if not claims.get("iss") == claims.get("sub") == app.client_id:
        raise errors.INVALID_CLIENT()


_NOT_ALLOWED = {
    "client_credentials": errors.NO_CLIENT_CREDENTIALS_USER,
    "password": errors.AUTHENTICATION_FAILURE,
}
"""How a grant that an app may not use is refused, where that is known."""


def check_grant(app: ConnectedApp, fields: dict[str, str]) -> None:
    """Raise an error where the app may not use the grant that a request asks for; a request without one asks none."""
    grant = GRANT_TYPES.get(fields.get("grant_type", ""))
    if grant is not None and not app.allows(grant):
        raise _NOT_ALLOWED.get(grant, errors.GRANT_NOT_ALLOWED)()


def start_session(
    call: Call,
    user: User,
    app: ConnectedApp,
    scopes: tuple[str, ...],
    *,
    by_password: bool = False,
    grant: Grant | None = None,
) -> dict[str, str]:
    """Start a session and return every value an answer may tell of it."""
    session = call.org.sessions.open(user, app, scopes, by_password=by_password, grant=grant)
    call.entry.opened(user.username, session.token, instance_url(call, call.org))
    identity = identity_url(call, user.id)
    issued_at = str(int(session.created * 1000))
    digest = hmac.new(app.client_secret.encode(errors="replace"), (identity + issued_at).encode(), sha256).digest()
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


def _without_refresh(scopes: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(scope for scope in scopes if scope not in OFFLINE)


@grant_type("password")
def _password(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app = authenticated_app(call, fields)
    scopes = app.asked(fields.get("scope"))
    user = call.org.admission.by_password(fields.get("username", ""), fields.get("password", ""), visit(call, app), app)
    return _told(
        start_session(call, user, app, scopes, by_password=True),
        "access_token", "instance_url", "id", "token_type", "issued_at", "signature",
    )  # fmt: skip


@grant_type("client_credentials")
def _client_credentials(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    if host_of(call.base_url) in LOGIN_HOSTS:
        raise errors.WRONG_LOGIN_DOMAIN()
    app = authenticated_app(call, fields)
    scopes = app.asked(fields.get("scope"))
    user = call.org.directory.user(app.run_as)
    if user is None:
        raise errors.NO_CLIENT_CREDENTIALS_USER()
    # The app's administrator has named the user: there is nobody to ask.
    call.org.admission.by_app(app, user, visit(call, app), consented=True)
    return start_session(call, user, app, _without_refresh(scopes))


@grant_type("refresh_token")
def _refresh(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    return refreshed(call, fields)[0]


def refreshed(call: Call, fields: dict[str, str]) -> tuple[dict[str, Any], User, ConnectedApp, tuple[str, ...]]:
    """Take a refresh token; return the answer, and the user, app and scopes of the session that was opened."""
    # A public app has no secret to send.
    app = authenticated_app(call, fields, "policy")
    kept, given = call.org.sessions, fields.get("refresh_token", "")
    grant = kept.granted(given)
    user = call.org.directory.by_id(grant.user_id) if grant is not None else None
    if grant is None or user is None or grant.client_id != app.client_id:
        kept.reused(given)
        raise errors.EXPIRED_REFRESH_TOKEN()
    wanted = fields.get("scope")
    scopes = replace(app, scopes=grant.scopes).asked(wanted) if wanted else grant.scopes
    call.org.admission.by_refresh(app, user, visit(call, app))
    kept.use(grant)
    new = kept.rotate(grant) if app.rotate else None
    told = start_session(call, user, app, scopes, grant=new or grant)
    return answer_of(call, told, app, new.token if new else None, scopes), user, app, scopes


def answer_of(
    call: Call,
    told: dict[str, str],
    app: ConnectedApp,
    refresh_token: str | None,
    scopes: tuple[str, ...],
    nonce: str | None = None,
) -> dict[str, Any]:
    """Put an answer into its recorded order, with a refresh token and an ID token where they belong to it."""
    answer: dict[str, Any] = {"access_token": told["access_token"]}
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    answer |= _told(told, "signature", "scope")
    if "openid" in scopes:
        answer["id_token"] = openid.id_token(
            call, subject=told["id"], client_id=app.client_id, access_token=told["access_token"], nonce=nonce
        )
    return answer | _told(told, "instance_url", "id", "token_type", "issued_at")


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
    check_grant(app, fields)
    if app.public_key is None:
        raise errors.INVALID_ASSERTION()
    claims = assertion.verify(given, app.public_key)
    assertion.check_audience(claims, call.base_url)
    # A test may have moved the org's clock ahead of the client's.
    assertion.check_life(claims, (call.org.clock.now(), directory.clients_time()))
    scopes = app.asked(fields.get("scope"))
    subject = claims.get("sub") or claims.get("prn")
    user = directory.user(subject) if isinstance(subject, str) else None
    if user is None:
        raise errors.UNAPPROVED_CONSUMER()
    call.org.admission.by_app(app, user, visit(call, app))
    return _told(
        start_session(call, user, app, _without_refresh(scopes)),
        "access_token", "scope", "instance_url", "id", "token_type",
    )  # fmt: skip
