"""What the administrator of an app decides, in every grant."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.networks import Hours, Range
from mock_server.org.identity.security import Rules, Security
from tests.protocols.desk import Desk, json_of

TOKEN = "/services/oauth2/token"
JWT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
KEY = rsa.generate_private_key(65537, 2048)
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
USER, PASSWORD = "integration@sfmock.test", "sfmock-password"
ID = "3MVG9sync"
WAYS = ("password", "client_credentials", "jwt_bearer", "refresh_token")


def register(desk: Desk, **policies: Any) -> ConnectedApp:
    usual = ConnectedApp(
        ID, "hush", USER, ("api", "refresh_token"), PUBLIC, "Sync", consented=frozenset({USER}), relax_ip=False
    )
    app = replace(usual, **policies)
    desk.org.directory.add_app(app)
    return app


def fields_of(desk: Desk, way: str, app: ConnectedApp) -> dict[str, str]:
    client = {"client_id": ID, "client_secret": "hush"}
    if way == "password":
        return {"grant_type": "password", **client, "username": USER, "password": PASSWORD}
    if way == "client_credentials":
        return {"grant_type": way, **client}
    if way == "refresh_token":
        grant = desk.org.sessions.grant(desk.org.directory.default_user, app, app.scopes)
        return {"grant_type": way, **client, "refresh_token": grant.token}
    claims = {"iss": ID, "sub": USER, "aud": "https://login.salesforce.com", "exp": int(desk.org.clock.now()) + 180}
    return {"grant_type": JWT, "assertion": jwt.encode(claims, KEY, algorithm="RS256")}


def answer_of(desk: Desk, way: str, app: ConnectedApp) -> str:
    """Return the error of a login, and what it says; `let in` where there is none."""
    body = json_of(desk.post(TOKEN, fields_of(desk, way, app)))
    return f"{body['error']}: {body['error_description']}" if "error" in body else "let in"


LET_IN = "let in"
NOT_APPROVED = "invalid_app_access: user is not admin approved to access this app"
INACTIVE = "invalid_grant: inactive user"
RATE = "rate_limit_exceeded: login rate exceeded"
FAILED = "invalid_grant: authentication failure"
EXPIRED = "invalid_grant: expired access/refresh token"
NO_GRANT = "unauthorized_client: this app may not use this grant type"


@pytest.mark.parametrize("way", WAYS)
def test_an_app_as_it_comes_lets_its_user_in(desk: Desk, way: str) -> None:
    assert answer_of(desk, way, register(desk)) == LET_IN


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("approved", "answer"),
    [
        ((), NOT_APPROVED),
        (("somebody@else.test",), NOT_APPROVED),
        ((USER.upper(),), LET_IN),
        (("System Administrator",), LET_IN),
        (("Standard User",), NOT_APPROVED),
    ],
)
def test_only_approved_users_are_let_in(desk: Desk, way: str, approved: tuple[str, ...], answer: str) -> None:
    app = register(desk, admin_approved=True, approved=frozenset(approved))
    assert answer_of(desk, way, app) == answer


@pytest.mark.parametrize(
    ("way", "answer"),
    [
        ("password", FAILED),
        ("client_credentials", "invalid_grant: no client credentials user enabled"),
        ("jwt_bearer", NO_GRANT),
        ("refresh_token", NO_GRANT),
    ],
)
def test_an_app_uses_the_grants_that_it_may(desk: Desk, way: str, answer: str) -> None:
    assert answer_of(desk, way, register(desk, grants=frozenset({"device"}))) == answer
    assert answer_of(desk, way, register(desk, grants=frozenset({way}))) == LET_IN


def test_a_user_who_never_consented_is_not_vouched_for(desk: Desk) -> None:
    app = register(desk, consented=frozenset())
    assert answer_of(desk, "jwt_bearer", app) == "invalid_grant: user hasn't approved this consumer"
    desk.org.authorizations.consent(desk.org.directory.default_user.id, ID, ("api",))
    assert answer_of(desk, "jwt_bearer", app) == LET_IN


@pytest.mark.parametrize("way", WAYS)
def test_an_inactive_user_is_told_so(desk: Desk, way: str) -> None:
    app = register(desk)
    fields = fields_of(desk, way, app)
    desk.org.store.connection.execute('UPDATE "User" SET "IsActive" = 0')
    desk.org.accesses.changed()
    assert json_of(desk.post(TOKEN, fields)) == {"error": "invalid_grant", "error_description": "inactive user"}


@pytest.mark.parametrize("way", ["password", "client_credentials", "jwt_bearer"])
def test_too_many_logins_an_hour(desk: Desk, way: str) -> None:
    app = register(desk)
    for _ in range(3_600):
        desk.org.admission.count_login(desk.org.directory.default_user)
    assert answer_of(desk, way, app) == RATE
    desk.org.clock.advance(3_601)
    assert answer_of(desk, way, app) == LET_IN


HERE, THERE = (Range.read("127.0.0.0/8"),), (Range.read("10.0.0.0/8"),)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("ranges", "policies", "answers"),
    [
        (HERE, {}, {}),
        (THERE, {}, dict.fromkeys(WAYS, "invalid_grant: ip restricted")),
        (THERE, {"relax_ip": True}, {"password": "invalid_grant: ip restricted"}),
        (THERE, {"relax_refresh": True}, dict.fromkeys(WAYS[:3], "invalid_grant: ip restricted")),
    ],
)
def test_networks(desk: Desk, way: str, ranges: Any, policies: dict[str, Any], answers: dict[str, str]) -> None:
    desk.org.admission.security.users[desk.org.directory.default_user.id] = Rules(ranges=ranges)
    assert answer_of(desk, way, register(desk, **policies)) == answers.get(way, LET_IN)


@pytest.mark.parametrize("way", WAYS)
def test_hours(desk: Desk, way: str) -> None:
    app = register(desk)
    user = desk.org.directory.default_user
    desk.org.admission.security.profiles[user.profile_id] = Rules(hours=Hours(dict.fromkeys(range(7), (0, 0))))
    assert answer_of(desk, way, app) == "invalid_grant: invalid login hours"
    desk.org.admission.security.profiles[user.profile_id] = Rules(hours=Hours(dict.fromkeys(range(7), (0, 1440))))
    assert answer_of(desk, way, app) == LET_IN


def test_ten_wrong_passwords_lock_a_user_out_for_a_quarter_of_an_hour(desk: Desk) -> None:
    app = register(desk)
    wrong = {**fields_of(desk, "password", app), "password": "wrong"}
    for _ in range(10):
        assert json_of(desk.post(TOKEN, wrong))["error_description"] == "authentication failure"
    assert answer_of(desk, "password", app) == FAILED
    assert answer_of(desk, "client_credentials", app) == LET_IN
    desk.org.clock.advance(901)
    assert answer_of(desk, "password", app) == LET_IN


def test_a_right_password_forgets_the_wrong_ones(desk: Desk) -> None:
    app = register(desk)
    right = fields_of(desk, "password", app)
    for _ in range(3):
        for _ in range(9):
            desk.post(TOKEN, {**right, "password": "wrong"})
        assert answer_of(desk, "password", app) == LET_IN


def test_an_administrator_unlocks_with_a_new_password_or_in_the_record(desk: Desk) -> None:
    app = register(desk)
    desk.org.admission.security = Security(attempts=2, lockout=None)
    right, user = fields_of(desk, "password", app), desk.org.directory.default_user
    for _ in range(2):
        desk.post(TOKEN, {**right, "password": "wrong"})
    desk.org.clock.advance(1_000_000)
    assert answer_of(desk, "password", app) == FAILED
    desk.org.directory.mark_locked(user.id, locked=False)
    assert answer_of(desk, "password", app) == LET_IN
    for _ in range(2):
        desk.post(TOKEN, {**right, "password": "wrong"})
    desk.org.directory.set_password(user.id, PASSWORD)
    assert answer_of(desk, "password", app) == LET_IN


@pytest.mark.parametrize(
    ("security", "rules", "password", "answer"),
    [
        (Security(trusted=HERE), Rules(), PASSWORD, LET_IN),
        (Security(trusted=THERE), Rules(), PASSWORD, FAILED),
        (Security(trusted=THERE), Rules(), f"{PASSWORD}sfmock-token", LET_IN),
        (Security(trusted=()), Rules(ranges=HERE), PASSWORD, LET_IN),
        (Security(), Rules(trusted=False), PASSWORD, FAILED),
        (Security(trusted=()), Rules(trusted=True), PASSWORD, LET_IN),
    ],
)
def test_a_security_token_is_needed_from_networks_that_are_not_trusted(
    desk: Desk, security: Security, rules: Rules, password: str, answer: str
) -> None:
    app = register(desk)
    security = replace(security, users={desk.org.directory.default_user.id: rules})
    desk.org.admission.security = security
    body = json_of(desk.post(TOKEN, {**fields_of(desk, "password", app), "password": password}))
    assert (f"{body['error']}: {body['error_description']}" if "error" in body else LET_IN) == answer


@pytest.mark.parametrize(
    ("policies", "steps"),
    [
        ({"refresh_policy": "until_revoked"}, [(0, LET_IN), (10_000_000, LET_IN)]),
        ({"refresh_policy": "immediate"}, [(0, EXPIRED)]),
        ({"refresh_policy": "expires", "refresh_lifetime": 3600.0}, [(0, LET_IN), (3_500, LET_IN), (101, EXPIRED)]),
        (
            {"refresh_policy": "inactive", "refresh_lifetime": 3600.0},
            [(3_500, LET_IN), (3_500, LET_IN), (3_601, EXPIRED)],
        ),
    ],
)
def test_how_long_refresh_tokens_last(desk: Desk, policies: Any, steps: list[tuple[float, str]]) -> None:
    fields = fields_of(desk, "refresh_token", register(desk, **policies))
    for wait, answer in steps:
        desk.org.clock.advance(wait)
        body = json_of(desk.post(TOKEN, fields))
        assert (f"{body['error']}: {body['error_description']}" if "error" in body else LET_IN) == answer


def test_a_rotated_token_is_good_once_and_its_reuse_ends_all(desk: Desk) -> None:
    fields = fields_of(desk, "refresh_token", register(desk, rotate=True))
    first = json_of(desk.post(TOKEN, fields))
    assert list(first)[:2] == ["access_token", "refresh_token"]
    second = json_of(desk.post(TOKEN, {**fields, "refresh_token": first["refresh_token"]}))
    assert desk.get("/services/data/v60.0/limits", second["access_token"]).status == 200
    assert json_of(desk.post(TOKEN, fields))["error_description"] == "expired access/refresh token"
    again = {**fields, "refresh_token": second["refresh_token"]}
    assert json_of(desk.post(TOKEN, again))["error_description"] == "expired access/refresh token"
    assert desk.get("/services/data/v60.0/limits", second["access_token"]).status == 401


@pytest.mark.parametrize(("needed", "secret", "error"), [
    (True, None, "invalid_client"), (True, "wrong", "invalid_client"), (True, "hush", None),
    (False, None, None), (False, "wrong", "invalid_client"), (False, "hush", None),
])  # fmt: skip
def test_a_secret_where_it_is_needed(desk: Desk, needed: bool, secret: str | None, error: str | None) -> None:
    fields = fields_of(desk, "refresh_token", register(desk, secret_needed=needed))
    del fields["client_secret"]
    body = json_of(desk.post(TOKEN, {**fields, **({} if secret is None else {"client_secret": secret})}))
    assert body.get("error") == error


def test_the_sixth_approval_of_an_app_ends_the_oldest(desk: Desk) -> None:
    app, user, sessions = register(desk), desk.org.directory.default_user, desk.org.sessions
    grants = [sessions.grant(user, app, app.scopes, bounded=True) for _ in range(6)]
    assert [sessions.granted(one.token) is not None for one in grants] == [False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("app", "profile", "org", "lasts"),
    [
        (None, None, 7_200.0, 7_200),
        (None, None, 900.0, 900),
        (None, 1_800.0, 900.0, 1_800),
        (3_600.0, 900.0, 900.0, 3_600),
    ],
)
def test_how_long_a_session_lasts_without_a_call(
    desk: Desk, app: float | None, profile: float | None, org: float, lasts: int
) -> None:
    registered = register(desk, session_timeout=app)
    user = desk.org.directory.default_user
    desk.org.admission.security = Security(
        session_timeout=org, profiles={user.profile_id: Rules(session_timeout=profile)}
    )
    token = json_of(desk.post(TOKEN, fields_of(desk, "client_credentials", registered)))["access_token"]
    for _ in range(3):
        desk.org.clock.advance(lasts - 1)
        assert desk.get("/services/data/v60.0/limits", token).status == 200
    desk.org.clock.advance(lasts + 1)
    assert desk.get("/services/data/v60.0/limits", token).status == 401


@pytest.mark.parametrize("way", ["password", "client_credentials"])
def test_an_expired_password_opens_nothing_until_it_is_changed(desk: Desk, way: str) -> None:
    app, user = register(desk), desk.org.directory.default_user
    desk.org.admission.security = Security(password_life=86_400.0)
    desk.org.clock.advance(86_401)
    token = json_of(desk.post(TOKEN, fields_of(desk, way, app)))["access_token"]
    reply = desk.get("/services/data/v60.0/limits", token)
    if way == "client_credentials":
        assert reply.status == 200
        return
    assert reply.status == 403
    assert reply.body == (
        b'[{"message":"The users password has expired, you must call SetPassword before attempting any other API '
        b'operations","errorCode":"INVALID_OPERATION_WITH_EXPIRED_PASSWORD"}]'
    )
    path = f"/services/data/v60.0/sobjects/User/{user.id}/password"
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    assert desk.send("POST", path, b'{"NewPassword": "new-password"}', headers).status == 204
    assert desk.get("/services/data/v60.0/limits", token).status == 200


def test_a_new_password_ends_what_the_old_one_opened(desk: Desk) -> None:
    app, user = register(desk), desk.org.directory.default_user
    by_password, by_app = (
        json_of(desk.post(TOKEN, fields_of(desk, way, app)))["access_token"] for way in ("password", "jwt_bearer")
    )
    desk.org.directory.set_password(user.id, "another-one")
    assert desk.get("/services/data/v60.0/limits", by_password).status == 401
    assert desk.get("/services/data/v60.0/limits", by_app).status == 200


def test_a_user_who_was_deactivated_does_not_get_his_session_back(desk: Desk) -> None:
    token, user = desk.session(), desk.org.directory.default_user.id
    for active, status in ((0, 401), (1, 401)):
        desk.org.store.connection.execute('UPDATE "User" SET "IsActive" = ? WHERE "Id" = ?', (active, user))
        desk.org.accesses.changed()
        assert desk.get("/services/data/v60.0/limits", token).status == status
