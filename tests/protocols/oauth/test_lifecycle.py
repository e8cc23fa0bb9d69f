"""Revocation and introspection."""

from __future__ import annotations

import pytest

from mock_server.org.identity.apps import SCOPES, ConnectedApp
from tests.protocols.desk import Desk, json_of

REVOKE = "/services/oauth2/revoke"
INTROSPECT = "/services/oauth2/introspect"
CLIENT = {"client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret"}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_revoked_session_is_over(desk: Desk, method: str) -> None:
    token = desk.session()
    reply = desk.get(f"{REVOKE}?token={token}") if method == "GET" else desk.post(REVOKE, {"token": token})
    assert (reply.status, reply.body) == (200, b"")
    assert desk.get("/services/data/v60.0", token).status == 401


def test_a_token_is_revoked_in_its_own_org(desk: Desk) -> None:
    directory = desk.other.directory
    grant = desk.other.sessions.grant(directory.default_user, directory.default_app, SCOPES)
    token = desk.session(desk.other)
    assert desk.post(REVOKE, {"token": grant.token}).status == 200
    assert desk.other.sessions.granted(grant.token) is None
    assert desk.other.sessions.find(token) is None


@pytest.mark.parametrize("fields", [{}, {"token": ""}, {"token": "unknown"}, {"token": "00D!x"}])
def test_an_unknown_token_cannot_be_revoked(desk: Desk, fields: dict[str, str]) -> None:
    reply = desk.post(REVOKE, fields)
    assert reply.status == 400
    assert reply.content_type == "application/x-www-form-urlencoded"
    assert reply.body == b"error=unsupported_token_type&error_description=this%20token%20type%20is%20not%20supported"


def test_introspection_tells_of_a_session_without_using_it(desk: Desk) -> None:
    token = desk.session()
    opened = int(desk.org.clock.now())
    desk.org.clock.advance(7_000)
    body = json_of(desk.post(INTROSPECT, {**CLIENT, "token": token}))
    user = desk.org.directory.default_user
    assert list(body.items()) == [
        ("active", True),
        ("scope", "api"),
        ("client_id", "sfmock-client-id"),
        ("username", user.username),
        ("sub", f"http://127.0.0.1:8080/id/{desk.org.id}/{user.id}"),
        ("token_type", "access_token"),
        ("exp", opened + 7_200),
        ("iat", opened),
        ("nbf", opened),
    ]
    desk.org.clock.advance(201)
    assert json_of(desk.post(INTROSPECT, {**CLIENT, "token": token})) == {"active": False}


def test_introspection_knows_refresh_tokens(desk: Desk) -> None:
    directory = desk.org.directory
    grant = desk.org.sessions.grant(directory.default_user, directory.default_app, SCOPES)
    body = json_of(desk.post(INTROSPECT, {**CLIENT, "token": grant.token}))
    assert (body["active"], body["token_type"]) == (True, "refresh_token")


@pytest.mark.parametrize("token", ["", "unknown", "5Aep861unknown"])
def test_introspection_of_anything_else(desk: Desk, token: str) -> None:
    assert json_of(desk.post(INTROSPECT, {**CLIENT, "token": token})) == {"active": False}


def test_an_app_learns_of_its_own_tokens_alone(desk: Desk) -> None:
    user, default = desk.org.directory.default_user, desk.org.directory.default_app
    own = {"client_id": "3MVG9other", "client_secret": "hush"}
    for introspects, active in ((False, False), (True, True)):
        app = ConnectedApp("3MVG9other", "hush", user.username, introspects=introspects)
        desk.org.directory.add_app(app)
        mine, others = (desk.org.sessions.open(user, one, ("api",)).token for one in (app, default))
        assert json_of(desk.post(INTROSPECT, {**own, "token": mine}))["active"]
        assert json_of(desk.post(INTROSPECT, {**own, "token": others}))["active"] is active


def test_a_page_of_another_host_is_told_by_a_call(desk: Desk) -> None:
    token = desk.session()
    reply = desk.get(f"{REVOKE}?token={token}&callback=done")
    assert (reply.status, reply.body, reply.content_type) == (200, b"done();", "application/javascript;charset=UTF-8")
    reply = desk.get(f"{REVOKE}?token={token}&callback=done")
    assert (reply.status, reply.body) == (400, b'done({"error":"unsupported_token_type"});')
    assert desk.get(f"{REVOKE}?token={token}&callback=alert(1)").body.startswith(b"error=unsupported_token_type")


def test_with_its_last_refresh_token_an_app_loses_the_consent(desk: Desk) -> None:
    user = desk.org.directory.default_user
    app = ConnectedApp("3MVG9other", "hush", user.username)
    desk.org.directory.add_app(app)
    desk.org.authorizations.consent(user.id, app.client_id, ("api",))
    first, second = (desk.org.sessions.grant(user, app, ("api",)).token for _ in range(2))
    assert desk.post(REVOKE, {"token": first}).status == 200
    assert desk.org.admission.has_consented(app, user)
    assert desk.post(REVOKE, {"token": second}).status == 200
    assert not desk.org.admission.has_consented(app, user)


def test_introspection_needs_a_client(desk: Desk) -> None:
    reply = desk.post(INTROSPECT, {**CLIENT, "client_secret": "wrong", "token": desk.session()})
    assert (reply.status, json_of(reply)["error"]) == (400, "invalid_client")
