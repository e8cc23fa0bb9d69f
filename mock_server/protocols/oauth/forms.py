"""How OAuth reads forms and writes answers and errors."""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import parse_qsl, unquote

import orjson

from mock_server.operations import Call, OrgFinder, Reply, Routes
from mock_server.org.errors import ApiError
from mock_server.org.org import Org

_NO_STORE = {"Expires": "Thu, 01 Jan 1970 00:00:00 GMT", "X-ReadOnlyMode": "false"}


class OAuthError(Exception):
    """A refusal in OAuth's own form: HTTP 400 with `error` and `error_description`."""

    def __init__(self, error: str, description: str, status: int = 400) -> None:
        super().__init__(description)
        self.error = error
        self.description = description
        self.status = status


def answer(value: dict[str, Any], status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value), headers=dict(_NO_STORE))


def refused(error: OAuthError) -> Reply:
    return answer({"error": error.error, "error_description": error.description}, error.status)


def render(error: ApiError) -> Reply:
    """Write an error of the platform in OAuth's form, as a fault on a login asks for it."""
    return answer({"error": error.code.lower(), "error_description": error.message}, error.status)


def render_identity(error: ApiError) -> Reply:
    """Write an error of the identity services; a bad token is answered in plain text."""
    if error.code in ("INVALID_SESSION_ID", "INVALID_AUTH_HEADER"):
        return Reply(403, b"Bad_OAuth_Token", "text/plain;charset=UTF-8")
    return render(error)


def form(call: Call) -> dict[str, str]:
    """Return the parameters of the body and the query string; of a repeated one the first counts."""
    body = call.body.decode(errors="replace") if len(call.body) <= 1_000_000 else ""
    pairs = parse_qsl(body, keep_blank_values=True, errors="replace", max_num_fields=None)
    return {**call.query, **dict(reversed(pairs))}


def client_of(call: Call, fields: dict[str, str]) -> tuple[str | None, str | None]:
    """Return client id and secret, from the body or from HTTP Basic."""
    scheme, _, credentials = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic" and "client_id" not in fields:
        try:
            name, _, secret = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return None, None
        return unquote(name), unquote(secret)
    return fields.get("client_id"), fields.get("client_secret")


def find_org(call: Call, orgs: OrgFinder) -> Org | None:
    """Find the org that a login means: by its user, its client, or the token it brings."""
    fields = form(call)
    token = fields.get("token") or fields.get("refresh_token")
    client_id, _ = client_of(call, fields)
    return (
        (orgs.by_username(fields["username"]) if "username" in fields else None)
        or (orgs.by_any_token(token) if token else None)
        or (orgs.by_client_id(client_id) if client_id else None)
    )


routes = Routes(render, find_org)
identities = Routes(render_identity, find_org)
