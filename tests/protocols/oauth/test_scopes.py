"""Scopes: what a token may do is what was asked for, at every operation."""

from __future__ import annotations

import re

import pytest

from mock_server.operations import Operation
from mock_server.org.identity import scopes
from mock_server.org.identity.apps import ConnectedApp
from tests.protocols.desk import Desk, json_of

TOKEN = "/services/oauth2/token"
CLIENT = {"client_id": "3MVG9sync", "client_secret": "hush"}
NO_API = b'[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]'


def app_of(desk: Desk, *granted: str) -> ConnectedApp:
    app = ConnectedApp("3MVG9sync", "hush", desk.org.directory.default_user.username, granted, name="Sync")
    desk.org.directory.add_app(app)
    return app


def asked(desk: Desk, scope: str | None = None) -> dict[str, str]:
    fields = {"grant_type": "client_credentials", **CLIENT, **({} if scope is None else {"scope": scope})}
    return json_of(desk.post(TOKEN, fields))


@pytest.mark.parametrize(
    ("own", "scope", "answered"),
    [
        (("api", "id"), None, "api id"),
        (("api", "id"), "", "api id"),
        (("api", "id"), "id", "id"),
        (("api", "id"), "id api", "id api"),
        (("full",), "api", "api"),
        (("full",), "web chatter_api", "web chatter_api"),
        (("api", "offline_access"), "refresh_token api", "api"),
    ],
)
def test_a_subset_of_the_apps_scopes_is_granted(
    desk: Desk, own: tuple[str, ...], scope: str | None, answered: str
) -> None:
    app_of(desk, *own)
    assert asked(desk, scope)["scope"] == answered


@pytest.mark.parametrize(
    ("own", "scope"),
    [(("api",), "full"), (("api",), "api web"), (("full",), "refresh_token"), (("full",), "x")],
)
def test_other_scopes_are_refused(desk: Desk, own: tuple[str, ...], scope: str) -> None:
    app_of(desk, *own)
    assert asked(desk, scope) == {
        "error": "invalid_scope",
        "error_description": "the requested scope is not allowed",
    }


def path_of(operation: Operation, desk: Desk) -> str:
    known = {"version": "v60.0", "org": desk.org.id, "user": desk.org.directory.default_user.id, "sobject": "Contact"}
    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], "x"), operation.path)


def guarded(desk: Desk) -> list[Operation]:
    """Return every operation that needs a session, with each of its paths and methods."""
    return [route.operation for route in desk.registry.routes if route.operation.auth]


def test_no_operation_is_reached_without_a_scope_that_it_names(desk: Desk) -> None:
    directory = desk.org.directory
    checked = 0
    for number, operation in enumerate(guarded(desk)):
        if operation.name.startswith("soap."):
            continue
        barred = [scope for scope in scopes.LABELS if not scopes.reach((scope,), operation.scopes)]
        # Each operation meets a few of them, and each of them many operations.
        for scope in barred[number % 6 :: 6]:
            token = desk.org.sessions.open(directory.default_user, directory.default_app, (scope,)).token
            reply = desk.send(operation.method, path_of(operation, desk), b"", {"Authorization": f"Bearer {token}"})
            assert reply.status in (401, 403), operation
            assert b"not valid for use with the REST API" in reply.body or reply.body == b"Missing_OAuth_Scope"
            checked += 1
    assert checked > 500


def test_a_path_that_is_not_served_is_not_told_without_the_scope_either(desk: Desk) -> None:
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, directory.default_app, ("id",)).token
    reply = desk.get("/services/data/v60.0/nothing/here", token)
    assert (reply.status, reply.body) == (401, NO_API)


@pytest.mark.parametrize("scope", ["id", "openid", "profile", "web", "api", "full"])
def test_who_a_token_belongs_to_needs_less(desk: Desk, scope: str) -> None:
    app_of(desk, scope)
    token = asked(desk)["access_token"]
    assert desk.get("/services/oauth2/userinfo", token).status == 200
    data = desk.get("/services/data/v60.0/limits", token)
    assert data.status == (200 if scope in ("api", "full") else 401)


def test_a_soap_call_is_refused_in_its_own_words(desk: Desk) -> None:
    directory = desk.org.directory
    token = desk.org.sessions.open(directory.default_user, directory.default_app, ("id",)).token
    body = (
        '<env:Envelope xmlns:env="http://schemas.xmlsoap.org/soap/envelope/" xmlns="urn:partner.soap.sforce.com">'
        f"<env:Header><SessionHeader><sessionId>{token}</sessionId></SessionHeader></env:Header>"
        "<env:Body><emptyRecycleBin><ids>001000000000001</ids></emptyRecycleBin></env:Body></env:Envelope>"
    )
    reply = desk.send("POST", "/services/Soap/u/60.0", body.encode(), {"Content-Type": "text/xml"})
    assert reply.status == 500
    assert b"<faultcode>sf:INVALID_SESSION_ID</faultcode>" in reply.body
    assert b"This session is not valid for use with the API" in reply.body
