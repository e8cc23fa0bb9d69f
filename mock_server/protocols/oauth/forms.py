"""How OAuth reads forms and writes answers and errors."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

import orjson

from mock_server.multipart import Malformed, is_multipart, parts
from mock_server.operations import Call, OrgFinder, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.admission import Visit
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.org import Org
from mock_server.protocols.instance import host_of
from mock_server.protocols.oauth.assertion import unverified_claims

FORM = "application/x-www-form-urlencoded"
_LARGEST_FORM = 65_536
_MOST_FIELDS = 100
NO_STORE = {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT", "X-ReadOnlyMode": "false"}


def answer(value: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value), headers=dict(NO_STORE))


def text(status: int, word: str) -> Reply:
    return Reply(status, word.encode(), "text/plain;charset=UTF-8")


def render(error: ApiError) -> Reply:
    """Write an error in OAuth's form."""
    return answer(told(error), error.status)


def told(error: ApiError) -> dict[str, str]:
    """Return what OAuth says of an error; the platform's own codes are the few that a fault puts on a login."""
    if error.code == "UNKNOWN_EXCEPTION":
        return {"error": "unknown_error", "error_description": "retry your request"}
    return {"error": error.code.lower(), "error_description": error.message}


def render_token(error: ApiError) -> Reply:
    """Write an error of the token endpoint, in the form that the request asked for."""
    from mock_server.protocols.oauth.shapes import token_answer

    return token_answer(told(error), error.extra.get("shape", "json"), error.status)


def render_revocation(error: ApiError) -> Reply:
    """Write an error of the revocation endpoint: a form, as recorded in 2019."""
    body = f"error={quote(error.code.lower())}&error_description={quote(error.message)}"
    return Reply(error.status, body.encode(), FORM, dict(NO_STORE))


def render_identity(error: ApiError) -> Reply:
    """Write an error of the identity services; a bad token is answered in plain text, and so is one of other scopes."""
    if error.spec is errors.NO_API_SCOPE:
        return text(403, "Missing_OAuth_Scope")
    if error.spec is errors.NO_TOKEN:
        return text(403, "Missing_OAuth_Token")
    if error.spec is errors.BARRED_SESSION:
        return text(403, "Inactive_User")
    if error.code in ("INVALID_SESSION_ID", "INVALID_AUTH_HEADER"):
        return text(403, "Bad_OAuth_Token")
    return render(error)


def form(call: Call) -> dict[str, str]:
    """Return the parameters of the query string and of a form in the body; of a repeated one the first counts.

    A body of another content type, or one too large for a login, has none: so Salesforce misses the grant type.
    """
    media = call.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if is_multipart(media) and len(call.body) <= _LARGEST_FORM:
        # What the sf command line sends in the device flow.
        return {**_parts(call), **call.query}
    if media != FORM or len(call.body) > _LARGEST_FORM:
        return call.query
    try:
        pairs = parse_qsl(
            call.body.decode(errors="replace"), keep_blank_values=True, errors="replace", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        return call.query
    return {**dict(reversed(pairs)), **call.query}


def _parts(call: Call) -> dict[str, str]:
    """Return the texts of a multipart form; of a repeated one the first counts."""
    try:
        found = parts(call.headers.get("Content-Type", ""), call.body)
    except Malformed:
        return {}
    return {part.name: part.content.decode(errors="replace") for part in reversed(found)}


def client_of(call: Call, fields: dict[str, str]) -> tuple[str | None, str | None]:
    """Return client id and secret, from the parameters or from HTTP Basic.

    A client that vouches for itself by an assertion need not name itself besides.
    """
    scheme, _, credentials = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic" and "client_id" not in fields:
        try:
            name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:
            return None, None
        return unquote(name), unquote(secret)
    client_id = fields.get("client_id")
    if client_id is None and "client_assertion" in fields:
        issuer = unverified_claims(fields["client_assertion"]).get("iss")
        client_id = issuer if isinstance(issuer, str) else None
    return client_id, fields.get("client_secret")


def visit(call: Call, app: ConnectedApp | None = None) -> Visit:
    """Return how a client of OAuth comes to the door."""
    secure = call.base_url.lower().startswith("https:")
    return Visit(call.peer, host_of(call.base_url), application=app.name if app else "", secure=secure)


def find_org(call: Call, orgs: OrgFinder) -> Org | None:
    """Find the org that a login means: by its user, the token it brings, or its client."""
    fields = form(call)
    claims = unverified_claims(fields.get("assertion", ""))
    username = fields.get("username") or claims.get("sub") or claims.get("prn")
    token = fields.get("token") or fields.get("refresh_token") or fields.get("code")
    client_id = client_of(call, fields)[0] or claims.get("iss")
    return (
        (orgs.by_username(username) if isinstance(username, str) else None)
        or (orgs.by_any_token(token) if token else None)
        or (orgs.by_client_id(client_id) if isinstance(client_id, str) else None)
    )


routes = Routes(render, find_org)
tokens = Routes(render_token, find_org)
revocations = Routes(render_revocation, find_org)
identities = Routes(render_identity, find_org)
discovery = Routes(render)
