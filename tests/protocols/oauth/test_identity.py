"""The identity URL and userinfo."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from mock_server.org.zones import utc_offset
from tests.protocols.desk import Desk, json_of

USERINFO = "/services/oauth2/userinfo"
IDENTITY_ORDER = (
    "id asserted_user user_id organization_id username nick_name display_name email email_verified first_name "
    "last_name timezone photos addr_street addr_city addr_state addr_country addr_zip mobile_phone "
    "mobile_phone_verified is_lightning_login_user status urls active user_type language locale utcOffset "
    "last_modified_date is_app_installed"
)
USERINFO_ORDER = (
    "sub user_id organization_id preferred_username nickname name email email_verified given_name family_name "
    "zoneinfo photos profile picture address is_salesforce_integration_user urls active user_type language locale "
    "utcOffset updated_at"
)
URLS = (
    "enterprise metadata partner rest sobjects search query recent tooling_soap tooling_rest profile feeds groups "
    "users feed_items feed_elements custom_domain"
)


def identity_path(desk: Desk) -> str:
    return f"/id/{desk.org.id}/{desk.org.directory.default_user.id}"


def test_the_identity_url_tells_who_a_token_belongs_to(desk: Desk) -> None:
    reply = desk.get(identity_path(desk), desk.session())
    body = json_of(reply)
    assert " ".join(body) == IDENTITY_ORDER
    assert " ".join(body["urls"]) == URLS
    assert body["id"] == f"http://127.0.0.1:8080{identity_path(desk)}"
    assert body["username"] == "integration@sfmock.test"
    assert body["urls"]["rest"] == "http://127.0.0.1:8080/services/data/v{version}/"
    assert body["urls"]["partner"] == f"http://127.0.0.1:8080/services/Soap/u/{{version}}/{desk.org.id[:15]}"
    assert "Sforce-Limit-Info" not in reply.headers


def test_the_latest_version_is_filled_in_on_request(desk: Desk) -> None:
    urls = json_of(desk.get(f"{identity_path(desk)}?format=json&version=latest", desk.session()))["urls"]
    assert urls["sobjects"] == "http://127.0.0.1:8080/services/data/v68.0/sobjects/"
    assert "{version}" not in str(urls)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_userinfo(desk: Desk, method: str) -> None:
    token = desk.session()
    reply = desk.send(method, USERINFO, headers={"Authorization": f"Bearer {token}"})
    body = json_of(reply)
    assert " ".join(body) == USERINFO_ORDER
    assert (body["organization_id"], body["preferred_username"]) == (desk.org.id, "integration@sfmock.test")
    assert body["sub"] == f"http://127.0.0.1:8080{identity_path(desk)}"


def test_both_follow_the_user_record(desk: Desk) -> None:
    desk.org.store.connection.execute(
        """UPDATE "User" SET "Email" = 'ada@example.com', "TimeZoneSidKey" = 'America/Los_Angeles',
           "LastModifiedDate" = '2026-03-01T10:00:00.000+0000'"""
    )
    token = desk.session()
    known, info = json_of(desk.get(identity_path(desk), token)), json_of(desk.get(USERINFO, token))
    assert known["email"] == info["email"] == "ada@example.com"
    assert known["timezone"] == info["zoneinfo"] == "America/Los_Angeles"
    assert known["utcOffset"] == info["utcOffset"] == -28_800_000
    assert known["last_modified_date"] == info["updated_at"] == "2026-03-01T10:00:00Z"


def test_an_offset_leaves_daylight_saving_out() -> None:
    winter, summer = 1_768_000_000, 1_784_000_000
    assert utc_offset("Europe/Berlin", winter) == utc_offset("Europe/Berlin", summer) == 3_600_000
    for unknown in ("", "Nowhere/Land", "../etc/passwd", "\0"):
        assert utc_offset(unknown, summer) == 0


def test_a_page_of_another_site_brings_its_token_in_the_address(desk: Desk) -> None:
    path, token = identity_path(desk), desk.session()
    reply = desk.get(f"{path}?format=jsonp&callback=show&oauth_token={quote(token)}")
    assert (reply.status, reply.body[:6]) == (200, b"show({")
    assert token not in repr(desk.last())
    assert desk.get(f"{path}?oauth_token=nonsense").body == b"Bad_OAuth_Token"
    assert desk.get(f"{USERINFO}?oauth_token={quote(token)}").body == b"Missing_OAuth_Token"


@pytest.mark.parametrize(
    ("asked", "version"), [("59.0", "59.0"), ("latest", "68.0"), ("", "{version}"), ("1/../x", "{version}")]
)
def test_the_addresses_are_those_of_the_version_that_is_asked_for(desk: Desk, asked: str, version: str) -> None:
    urls = json_of(desk.get(f"{identity_path(desk)}?version={asked}", desk.session()))["urls"]
    assert urls["query"] == f"http://127.0.0.1:8080/services/data/v{version}/query/"
    assert urls["partner"].split("/")[-2] == version


def test_who_has_no_first_name_has_none(desk: Desk) -> None:
    desk.org.store.connection.execute('UPDATE "User" SET "FirstName" = NULL')
    token = desk.session()
    assert json_of(desk.get(identity_path(desk), token))["first_name"] is None
    assert json_of(desk.get(USERINFO, token))["given_name"] is None


@pytest.mark.parametrize("path", ["identity", USERINFO])
@pytest.mark.parametrize("header", [None, "Bearer", "Bearer nonsense", "Basic eA==", "Bearer 00Dxx0000000001!abc"])
def test_a_bad_token_is_answered_in_text(desk: Desk, path: str, header: str | None) -> None:
    target = identity_path(desk) if path == "identity" else path
    reply = desk.send("GET", target, headers={} if header is None else {"Authorization": header})
    word = b"Missing_OAuth_Token" if header is None else b"Bad_OAuth_Token"
    assert (reply.status, reply.body) == (403, word)


def test_the_token_of_a_user_who_is_not_active(desk: Desk) -> None:
    token = desk.session()
    desk.org.store.connection.execute('UPDATE "User" SET "IsActive" = 0')
    desk.org.accesses.changed()
    for _ in range(2):
        assert (desk.get(USERINFO, token).status, desk.get(USERINFO, token).body) == (403, b"Inactive_User")


def test_an_expired_token_is_a_bad_one(desk: Desk) -> None:
    token = desk.session()
    desk.org.clock.advance(7_201)
    assert desk.get(USERINFO, token).body == b"Bad_OAuth_Token"


def test_other_orgs_and_users_are_none_of_its_business(desk: Desk) -> None:
    token, user = desk.session(), desk.org.directory.default_user.id
    assert desk.get(f"/id/{desk.org.id[:15]}/{user[:15]}", token).status == 200
    wrong = desk.get(f"/id/{desk.other.id}/{user}", token)
    assert (wrong.status, wrong.body) == (403, b"Wrong_Org")
    for unknown in ("005000000000000AAA", "nonsense", "%00", "\N{SNOWMAN}"):
        reply = desk.get(f"/id/{desk.org.id}/{unknown}", token)
        assert (reply.status, reply.body) == (404, b"Bad_Id")


def test_an_ended_session_is_noticed_here_too(desk: Desk) -> None:
    desk.fault(on="oauth.userinfo", session="expire")
    assert desk.get(USERINFO, desk.session()).status == 403
