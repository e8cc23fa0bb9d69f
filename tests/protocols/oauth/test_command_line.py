"""The app of Salesforce's command line tool, which every org knows though nobody has installed it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.protocols.desk import Desk, json_of
from tests.protocols.oauth.walk import CALLBACK, TOKEN, USER, Walker

ID = {"client_id": "PlatformCLI"}
WANTED = "refresh_token api web"


@pytest.fixture
def walker(desk: Desk) -> Walker:
    return Walker(desk)


def ask(desk: Desk, **fields: str) -> dict[str, Any]:
    return json_of(desk.post(TOKEN, {**ID, **fields}))


def test_it_logs_in_by_browser_without_a_secret_and_refreshes(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.authorize(**ID, scope=WANTED))
    assert "Salesforce CLI is asking to:" in page.text
    code = walker.submit(page, "save").query["code"]
    told = ask(desk, grant_type="authorization_code", code=code, redirect_uri=CALLBACK)
    assert told["scope"] == WANTED
    session = desk.org.sessions.find(told["access_token"])
    assert session is not None
    assert session.username == USER
    assert "access_token" in ask(desk, grant_type="refresh_token", refresh_token=told["refresh_token"])


def test_it_comes_back_to_its_own_address_alone(walker: Walker) -> None:
    for other in ("http://localhost:1718/OauthRedirect", "http://localhost:1717/", "https://example.com/"):
        assert b"redirect_uri_mismatch" in walker.authorize(**ID, redirect_uri=other).reply.body


def test_it_starts_the_device_flow(desk: Desk) -> None:
    device = ask(desk, response_type="device_code", scope=WANTED)
    assert ask(desk, grant_type="device", code=device["device_code"])["error"] == "authorization_pending"


@pytest.mark.parametrize("grant", ["client_credentials", "password"])
def test_it_opens_nothing_by_itself(desk: Desk, grant: str) -> None:
    told = ask(desk, grant_type=grant, client_secret="", username=USER, password="sfmock-password")
    assert told["error"] == "invalid_grant"


def test_it_is_none_of_the_apps_that_an_org_has_registered(desk: Desk) -> None:
    assert "PlatformCLI" not in desk.org.directory.apps
    assert desk.world.by_client_id("PlatformCLI") is None
