"""The grants that an authorization ends in: a code is redeemed, or a browser brings the tokens itself."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.authorizations import Code, Request
from mock_server.org.identity.directory import User
from mock_server.org.identity.scopes import OFFLINE
from mock_server.protocols.oauth import hybrid, openid
from mock_server.protocols.oauth.forms import client_of, visit
from mock_server.protocols.oauth.token import answer_of, authenticated_app, grant_type, refreshed, start_session


@grant_type("authorization_code")
def authorization_code(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app, code, user = _redeem(call, fields)
    return tokens(call, app, code.request, user)


@grant_type("hybrid_refresh")
def hybrid_refresh(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    answer, user, app, scopes = refreshed(call, fields)
    return {**answer, **hybrid.fields(call, user, app, scopes)}


@grant_type("hybrid_auth_code")
def hybrid_auth_code(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app, code, user = _redeem(call, fields)
    answer = tokens(call, app, code.request, user)
    return {**answer, **hybrid.fields(call, user, app, code.request.scopes)}


def _redeem(call: Call, fields: dict[str, str]) -> tuple[ConnectedApp, Code, User]:
    """Take a code that was issued to this client, for this callback and verifier, and has not been used."""
    verifier = fields.get("code_verifier")
    client_id = client_of(call, fields)[0]
    known = call.org.directory.app(client_id) if client_id else None
    # Any program of a machine can come to a callback that nobody has registered: its app has to prove itself, by a
    # secret or by the verifier.
    secret = known is not None and verifier is None and not known.callbacks
    app = authenticated_app(call, fields, "always" if secret else "policy")
    issued, given = call.org.authorizations.codes, fields.get("code", "")
    code = issued.get(given)
    if code is None:
        raise errors.EXPIRED_CODE() if issued.expired(given) else errors.INVALID_CODE()
    request = code.request
    if request.client_id != app.client_id:
        raise errors.INVALID_CODE()
    if not fields.get("redirect_uri"):
        raise errors.REDIRECT_MISSING()
    if request.callback is None or fields["redirect_uri"] != request.callback.uri:
        raise errors.REDIRECT_MISMATCH()
    if request.challenge is None and verifier is not None:
        # As the command line tool was told when it sent one for a code that came without a challenge (sfdx-core#166).
        raise errors.UNEXPECTED_VERIFIER()
    if not request.verified(verifier):
        raise errors.INVALID_VERIFIER()
    # Whoever brings it once more is told that it has expired (forrest#169).
    issued.spend(given)
    return app, code, let_in(call, app, code.user_id)


def let_in(call: Call, app: ConnectedApp, user_id: str) -> User:
    """Return the user that an app was let in for. Raises INVALID_CODE, LoginRefused, NOT_ADMIN_APPROVED."""
    user = call.org.directory.by_id(user_id)
    if user is None:
        raise errors.INVALID_CODE()
    return call.org.admission.by_app(app, user, visit(call, app), consented=True)


def tokens(call: Call, app: ConnectedApp, request: Request, user: User) -> dict[str, Any]:
    """Open a session for what a user has allowed, and return the answer in its recorded order."""
    grant = call.org.sessions.grant(user, app, request.scopes, bounded=True) if OFFLINE & set(request.scopes) else None
    told = start_session(call, user, app, request.scopes, grant=grant)
    return answer_of(call, told, app, grant.token if grant else None, request.scopes, request.nonce)


def implicit(call: Call, app: ConnectedApp, request: Request, user: User) -> dict[str, str]:
    """Open a session and return what stands in the fragment of the callback: user-agent and hybrid flow.

    Raises LoginRefused, NOT_ADMIN_APPROVED.
    """
    assert request.callback is not None
    call.org.admission.by_app(app, user, visit(call, app), consented=True)
    # A web server's address may leak through its pages; Salesforce hands out nothing that lasts there.
    lasting = OFFLINE & set(request.scopes) and request.callback.keeps_refresh_tokens
    grant = call.org.sessions.grant(user, app, request.scopes, bounded=True) if lasting else None
    told = start_session(call, user, app, request.scopes, grant=grant)
    access_token = told.pop("access_token")
    answer = {"access_token": access_token}
    if grant is not None:
        answer["refresh_token"] = grant.token
    answer |= {name: told[name] for name in ("instance_url", "id", "issued_at", "signature", "scope", "token_type")}
    if "id_token" in request.response_type:
        answer["id_token"] = openid.id_token(
            call,
            subject=told["id"],
            client_id=app.client_id,
            access_token=access_token if "token" in request.response_type.split() else None,
            nonce=request.nonce,
        )
    if request.response_type == "hybrid_token":
        answer |= hybrid.fields(call, user, app, request.scopes)
    return answer
