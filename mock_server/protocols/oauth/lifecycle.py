"""What becomes of a token: revocation and introspection."""

from __future__ import annotations

import re

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.protocols.instance import identity_url
from mock_server.protocols.oauth.forms import answer, form, revocations, routes
from mock_server.protocols.oauth.token import authenticated_app

_REVOKE = "/services/oauth2/revoke"
_SCRIPT = "application/javascript;charset=UTF-8"
_NAME = re.compile(r"[A-Za-z_$][\w$.]{0,99}", re.ASCII)
"""What a page may call the function that hears of the revocation: JSONP, for pages of other hosts."""


@revocations(
    Operation(
        "oauth.revoke", "POST", _REVOKE, "login", counted=False, auth=False,
        summary="Revoke an access or refresh token",
    ),
    Operation("oauth.revoke", "GET", _REVOKE, "login", counted=False, auth=False),
)  # fmt: skip
async def revoke(call: Call) -> Reply:
    fields = form(call)
    given, callback = fields.get("token", ""), fields.get("callback", "")
    script = call.method == "GET" and _NAME.fullmatch(callback) is not None
    sessions = call.org.sessions
    grant = sessions.granted(given)
    if not sessions.revoke(given or "?"):
        if not script:
            raise errors.UNSUPPORTED_TOKEN_TYPE()
        call.entry.codes = (errors.UNSUPPORTED_TOKEN_TYPE.code,)
        return Reply(400, f'{callback}({{"error":"unsupported_token_type"}});'.encode(), _SCRIPT)
    if grant is not None and not any(
        (one.user_id, one.client_id) == (grant.user_id, grant.client_id) for one in sessions.grants()
    ):
        # With the last of its refresh tokens an app loses what the user has let it do.
        call.org.authorizations.withdraw(grant.user_id, grant.client_id)
    return Reply(200, f"{callback}();".encode(), _SCRIPT) if script else Reply(200, b"", None)


@routes(
    Operation(
        "oauth.introspect", "POST", "/services/oauth2/introspect", "login", counted=False, auth=False,
        summary="Tell whether a token is live",
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
