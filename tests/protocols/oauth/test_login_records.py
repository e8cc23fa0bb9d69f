"""What is kept of logins, sessions, tokens and apps, as records."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from mock_server.org.identity.networks import Range
from mock_server.org.identity.security import Rules, Security
from tests.protocols.desk import Desk, json_of

TOKEN = "/services/oauth2/token"
LOGIN = {
    "grant_type": "password", "client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret",
    "username": "integration@sfmock.test", "password": "sfmock-password",
}  # fmt: skip


def query(desk: Desk, soql: str, token: str | None = None) -> list[dict[str, Any]]:
    reply = desk.get(f"/services/data/v60.0/query?q={quote(soql)}", token or desk.session())
    assert reply.status == 200, reply.body
    rows: list[dict[str, Any]] = json_of(reply)["records"]
    for row in rows:
        row.pop("attributes")
    return rows


def test_every_login_is_a_record(desk: Desk) -> None:
    desk.post(TOKEN, LOGIN)
    history = "SELECT Status, LoginType, SourceIp, LoginUrl, Application FROM LoginHistory ORDER BY Id"
    first = {
        "Status": "Success", "LoginType": "Remote Access 2.0", "SourceIp": "127.0.0.1", "LoginUrl": "127.0.0.1",
        "Application": "sfmock",
    }  # fmt: skip
    assert query(desk, history) == [first]
    desk.post(TOKEN, {**LOGIN, "password": "wrong"}, "https://login.salesforce.com")
    assert query(desk, history)[1] == {**first, "Status": "Invalid Password", "LoginUrl": "login.salesforce.com"}


@pytest.mark.parametrize(
    ("security", "rules", "status"),
    [
        (Security(attempts=1), None, "Password Lockout"),
        (Security(trusted=()), None, "Failed: API security token required"),
        (Security(), Rules(ranges=(Range.read("10.0.0.1"),)), "Restricted IP"),
    ],
)
def test_the_status_says_what_the_answer_hides(
    desk: Desk, security: Security, rules: Rules | None, status: str
) -> None:
    user = desk.org.directory.default_user
    if rules is not None:
        security.users[user.id] = rules
    desk.org.admission.security = security
    if security.attempts == 1:
        desk.post(TOKEN, {**LOGIN, "password": "wrong"})
    desk.post(TOKEN, LOGIN)
    assert query(desk, "SELECT Status, UserId FROM LoginHistory")[-1] == {"Status": status, "UserId": user.id}


def test_a_locked_user_is_seen_as_such(desk: Desk) -> None:
    desk.org.admission.security = Security(attempts=1)
    desk.post(TOKEN, {**LOGIN, "password": "wrong"})
    assert query(desk, "SELECT IsPasswordLocked FROM UserLogin") == [{"IsPasswordLocked": True}]


def test_live_sessions_are_records_and_end_with_them(desk: Desk) -> None:
    token, other = desk.session(), desk.session()
    desk.org.clock.advance(60)
    rows = query(desk, "SELECT Id, NumSecondsValid, UsersId FROM AuthSession ORDER BY Id", token)
    assert [row["NumSecondsValid"] for row in rows] == [7_200, 7_200]
    assert query(desk, "SELECT Id FROM AuthSession ORDER BY Id", token) == [{"Id": row["Id"]} for row in rows]
    path = f"/services/data/v60.0/sobjects/AuthSession/{rows[1]['Id']}"
    assert desk.send("DELETE", path, headers={"Authorization": f"Bearer {token}"}).status == 204
    assert desk.get("/services/data/v60.0/limits", other).status == 401
    assert len(query(desk, "SELECT Id FROM AuthSession", token)) == 1


def test_refresh_tokens_and_apps_are_records_without_secrets(desk: Desk) -> None:
    user, app = desk.org.directory.default_user, desk.org.directory.default_app
    grant = desk.org.sessions.grant(user, app, app.scopes)
    asked = {"grant_type": "refresh_token", "client_id": app.client_id, "refresh_token": grant.token}
    assert desk.post(TOKEN, asked).status == 200
    assert query(desk, "SELECT AppName, UserId, UseCount, AccessToken, DeleteToken FROM OauthToken") == [
        {"AppName": "sfmock", "UserId": user.id, "UseCount": 1, "AccessToken": None, "DeleteToken": None}
    ]
    (row,) = query(desk, "SELECT Id, Name, OptionsAllowAdminApprovedUsersOnly FROM ConnectedApplication")
    assert (row["Id"][:3], row["Name"], row["OptionsAllowAdminApprovedUsersOnly"]) == ("0H4", "sfmock", False)
    desk.org.sessions.revoke(grant.token)
    assert query(desk, "SELECT Id FROM OauthToken") == []
