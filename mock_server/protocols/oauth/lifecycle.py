"""What becomes of a token: revocation and introspection."""

from __future__ import annotations

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.protocols.instance import identity_url
from mock_server.protocols.oauth.forms import answer, form, revocations, routes
from mock_server.protocols.oauth.shapes import is_function, script_answer
from mock_server.protocols.oauth.token import authenticated_app

_REVOKE = "/services/oauth2/revoke"


@revocations(
    Operation(
        "oauth.revoke", "POST", _REVOKE, "login", counted=False, auth=False,
        summary="Revoke an access or refresh token", query=("token", "callback")
    ),
    Operation("oauth.revoke", "GET", _REVOKE, "login", counted=False, auth=False, query=("token", "callback")),
)  # fmt: skip
async def revoke(call: Call) -> Reply:
    fields = form(call)
    given, callback = fields.get("token", ""), fields.get("callback", "")
    # Pages of other hosts send a GET, and hear of the revocation by a function of theirs.
    script = call.method == "GET" and is_function(callback)
    if not call.org.revoke(given):
        if not script:
            raise errors.UNSUPPORTED_TOKEN_TYPE()
        call.entry.codes = (errors.UNSUPPORTED_TOKEN_TYPE.code,)
        return script_answer(callback, b'{"error":"unsupported_token_type"}', 400)
    return script_answer(callback, b"") if script else Reply(200, b"", None)


@routes(
    Operation(
        "oauth.introspect", "POST", "/services/oauth2/introspect", "login", counted=False, auth=False,
        summary="Tell whether a token is live", query=("token", "token_type_hint", "client_id", "client_secret")
    )
)  # fmt: skip
async def introspect(call: Call) -> Reply:
    fields = form(call)
    app = authenticated_app(call, fields)
    given = fields.get("token", "")
    session, grant = call.org.sessions.peek(given), call.org.sessions.granted(given)
    known = session or grant
    user = call.org.directory.by_id(known.user_id) if known is not None else None
    # An app learns of its own tokens alone, unless its policy says otherwise.
    if known is None or user is None or not (app.introspects or known.client_id == app.client_id):
        return answer({"active": False})
    body = {
        "active": True,
        "scope": " ".join(known.scopes),
        "client_id": known.client_id,
        "username": user.username,
        "sub": identity_url(call, user.id),
        "token_type": "refresh_token" if session is None else "access_token",
    }
    if known.expires is not None:
        body["exp"] = int(known.expires)
    body |= {"iat": int(known.created), "nbf": int(known.created)}
    return answer(body)
