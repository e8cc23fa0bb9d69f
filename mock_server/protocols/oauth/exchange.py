"""Grants that bring what somebody else has issued: a token to be exchanged, an assertion.

A real org leaves the judgement about a token to an Apex handler. This one has a handler that takes what can be checked
without one: tokens that the org has issued itself, and JSON Web Tokens of an app whose certificate is registered.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.directory import User
from mock_server.org.identity.scopes import covers, without_refresh
from mock_server.protocols.oauth import assertion, hybrid
from mock_server.protocols.oauth.forms import visit
from mock_server.protocols.oauth.token import answer_of, authenticated_app, grant_type, start_session

_URN = "urn:ietf:params:oauth"
_TYPES = ("access_token", "refresh_token", "id_token", "jwt", "saml2")


@grant_type(f"{_URN}:grant-type:token-exchange")
def token_exchange(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app, user, granted = _exchange(call, fields)
    return _answer(call, app, user, granted)


@grant_type(f"{_URN}:grant-type:hybrid-token-exchange")
def hybrid_token_exchange(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app, user, granted = _exchange(call, fields)
    return {**_answer(call, app, user, granted), **hybrid.fields(call, user, app, granted)}


def _answer(call: Call, app: ConnectedApp, user: User, granted: tuple[str, ...]) -> dict[str, Any]:
    answer = answer_of(call, start_session(call, user, app, granted), app, None, granted)
    return {**answer, "issued_token_type": f"{_URN}:token-type:access_token"}


def _exchange(call: Call, fields: Mapping[str, str]) -> tuple[ConnectedApp, User, tuple[str, ...]]:
    """Return the app, the user that its token stands for, and the scopes that it may have."""
    app = authenticated_app(call, dict(fields))
    if fields.get("token_handler"):
        # Handlers are Apex classes, which this org has not.
        raise errors.TOKEN_HANDLER_UNKNOWN()
    given = fields.get("subject_token", "")
    if not given:
        raise errors.SUBJECT_TOKEN_MISSING()
    kind = fields.get("subject_token_type", "").lower().removeprefix(f"{_URN}:token-type:")
    if kind not in _TYPES:
        raise errors.SUBJECT_TOKEN_TYPE()
    username, reach = _subject(call, app, kind, given)
    user = call.org.directory.user(username)
    if user is None:
        raise errors.SUBJECT_TOKEN_INVALID()
    call.org.admission.by_app(app, user, visit(call, app), consented=True)
    wanted = fields.get("scope")
    asked = without_refresh(app.asked(wanted))
    # Nobody gets more by exchanging a token than the token was good for.
    granted = asked if reach is None else tuple(one for one in asked if covers(reach, one))
    if not granted or (wanted and granted != asked):
        raise errors.SCOPE_NOT_ALLOWED()
    return app, user, granted


def _subject(call: Call, app: ConnectedApp, kind: str, given: str) -> tuple[str, tuple[str, ...] | None]:
    """Return whose token it is, and its scopes: None where it says nothing of them. Raises SUBJECT_TOKEN_INVALID."""
    if kind == "access_token":
        session = call.org.sessions.peek(given)
        if session is not None:
            return session.username, session.scopes
    elif kind == "refresh_token":
        grant = call.org.sessions.granted(given)
        if grant is not None:
            return grant.username, grant.scopes
    elif kind in ("id_token", "jwt"):
        username = _claimed(call, app, given)
        if username is not None:
            return username, None
    raise errors.SUBJECT_TOKEN_INVALID()


def _claimed(call: Call, app: ConnectedApp, given: str) -> str | None:
    """Return the user that a JSON Web Token of this server, or of a registered issuer, names."""
    issuer = assertion.unverified_claims(given).get("iss")
    known = call.org.directory.app(issuer) if isinstance(issuer, str) else None
    try:
        if known is None:
            return _own(call, app, given)
        if known.public_key is None:
            return None
        claims = assertion.claims_of(call, given, known.public_key)
    except ApiError:
        return None
    subject = claims.get("sub")
    return subject if isinstance(subject, str) else None


def _own(call: Call, app: ConnectedApp, given: str) -> str | None:
    """Return whose ID token of this server it is: one for this app, that has not expired. Raises INVALID_ASSERTION."""
    claims = assertion.verify(given, call.org.signing.public_pem)
    subject, expires = claims.get("sub"), claims.get("exp")
    if claims.get("aud") != app.client_id or not isinstance(subject, str) or not isinstance(expires, int):
        return None
    org_id, _, user_id = subject.rpartition("/id/")[2].partition("/")
    if expires < call.org.clock.now() or org_id != call.org.id:
        return None
    user = call.org.directory.by_id(user_id)
    return user.username if user is not None else None


@grant_type(f"{_URN}:grant-type:saml2-bearer", "assertion")
def saml(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    # Which identity providers an org trusts is configured in it. This one trusts none: every assertion is a stranger's.
    raise errors.INVALID_ASSERTION()
