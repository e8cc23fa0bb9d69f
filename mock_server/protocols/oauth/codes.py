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
from mock_server.protocols.oauth.forms import visit
from mock_server.protocols.oauth.token import authenticated_app, grant_type, start_session


@grant_type("authorization_code")
def authorization_code(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app, code, user = _redeem(call, fields)
    return tokens(call, app, code.request, user)


@grant_type("hybrid_auth_code")
def hybrid_auth_code(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    app, code, user = _redeem(call, fields)
    answer = tokens(call, app, code.request, user)
    return {**answer, **hybrid.fields(call, user, app, code.request.scopes)}


def _redeem(call: Call, fields: dict[str, str]) -> tuple[ConnectedApp, Code, User]:
    """Take a code that was issued to this client, for this callback and verifier, and has not been used."""
    verifier = fields.get("code_verifier")
    # A verifier that fits shows who the client is, as far as a secret that ships with an app could.
    app = authenticated_app(call, fields, secret=verifier is None)
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
    if not request.verified(verifier):
        raise errors.INVALID_VERIFIER()
    issued.take(given)
    user = call.org.directory.by_id(code.user_id)
    if user is None:
        raise errors.INVALID_CODE()
    call.org.admission.by_app(app, user, visit(call, app), consented=True)
    return app, code, user


def tokens(call: Call, app: ConnectedApp, request: Request, user: User) -> dict[str, Any]:
    """Open a session for what a user has allowed, and return the answer in its recorded order."""
    lasts = OFFLINE & set(request.scopes)
    grant = call.org.sessions.grant(user, app, request.scopes, bounded=True) if lasts else None
    told = start_session(call, user, app, request.scopes, grant=grant)
    answer = {"access_token": told.pop("access_token")}
    if grant is not None:
        answer["refresh_token"] = grant.token
    answer |= {"signature": told.pop("signature"), "scope": told.pop("scope")}
    if "openid" in request.scopes:
        answer["id_token"] = openid.id_token(
            call,
            subject=told["id"],
            client_id=app.client_id,
            access_token=answer["access_token"],
            nonce=request.nonce,
        )
    return answer | told


def implicit(call: Call, app: ConnectedApp, request: Request, user: User) -> dict[str, str]:
    """Open a session and return what stands in the fragment of the callback: user-agent and hybrid flow."""
    told = start_session(call, user, app, request.scopes)
    access_token = told.pop("access_token")
    answer = {"access_token": access_token}
    assert request.callback is not None
    # A web server's address may leak through its pages; Salesforce hands out nothing that lasts there.
    if OFFLINE & set(request.scopes) and request.callback.keeps_refresh_tokens:
        answer["refresh_token"] = call.org.sessions.grant(user, app, request.scopes, bounded=True).token
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
