"""What becomes of a token: revocation and introspection."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.protocols.instance import identity_url
from mock_server.protocols.oauth.forms import answer, form, revocations, routes
from mock_server.protocols.oauth.token import authenticated_app

_REVOKE = "/services/oauth2/revoke"


@revocations(
    Operation(
        "oauth.revoke", "POST", _REVOKE, "login", counted=False, auth=False,
        summary="Revoke an access or refresh token",
    ),
    Operation("oauth.revoke", "GET", _REVOKE, "login", counted=False, auth=False),
)  # fmt: skip
async def revoke(call: Call) -> Reply:
    given = form(call).get("token")
    if not given or not call.org.sessions.revoke(given):
        raise errors.UNSUPPORTED_TOKEN_TYPE()
    return Reply(200, b"", None)


@routes(
    Operation(
        "oauth.introspect", "POST", "/services/oauth2/introspect", "login", counted=False, auth=False,
        summary="Tell whether a token is live",
    )
)  # fmt: skip
async def introspect(call: Call) -> Reply:
    fields = form(call)
    authenticated_app(call, fields)
    given = fields.get("token", "")
    session, grant = call.org.sessions.peek(given), call.org.sessions.granted(given)
    known = session or grant
    user = call.org.directory.by_id(known.user_id) if known is not None else None
    if known is None or user is None:
        return answer({"active": False})
    body = {
        "active": True,
        "scope": " ".join(known.scopes),
        "client_id": known.client_id,
        "username": user.username,
        "sub": identity_url(call, user.id),
        "token_type": "refresh_token" if session is None else "access_token",
    }
    if session is not None:
        body |= {"exp": int(session.expires), "iat": int(session.created), "nbf": int(session.created)}
    return answer(body)
