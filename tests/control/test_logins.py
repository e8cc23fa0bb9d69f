"""Orgs whose user and app bear the names that a client has built in, and mocks that run elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlError, OrgInfo

LOGIN = {
    "username": "Sync@Acme.example", "password": "s3cret", "security_token": "TOKEN",
    "client_id": "3MVG9", "client_secret": "hush",
}  # fmt: skip


@pytest.fixture
def named(server: api.Server) -> Iterator[OrgInfo]:
    org = server.control.create_org(login=LOGIN)
    yield org
    server.control.delete_org(org.id)


def grant(server: api.Server, **form: str) -> dict[str, str]:
    found: dict[str, str] = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=30).json()
    return found


def password_grant(server: api.Server, **other: str) -> dict[str, str]:
    names = {key: LOGIN[key] for key in ("username", "password", "client_id", "client_secret")}
    return grant(server, grant_type="password", **{**names, **other})


def test_its_user_and_app_log_in_by_their_names(server: api.Server, named: OrgInfo) -> None:
    assert (named.username, named.client_id) == ("Sync@Acme.example", "3MVG9")
    assert password_grant(server)["access_token"].startswith(named.id[:15])
    assert password_grant(server, username="sync@acme.example", password="s3cretTOKEN")["id"].find(named.id) > 0
    assert password_grant(server, password="sfmock-password")["error"] == "invalid_grant"
    client = {key: LOGIN[key] for key in ("client_id", "client_secret")}
    assert grant(server, grant_type="client_credentials", **client)["access_token"].startswith(named.id[:15])
    rows = server.control.for_org(named.id).records("SELECT Username FROM User WHERE Username LIKE 'sync%'")
    assert [row["Username"] for row in rows] == ["Sync@Acme.example"]


def test_of_orgs_that_share_a_name_the_newest_is_meant(server: api.Server, named: OrgInfo) -> None:
    newer = server.control.create_org(login=LOGIN)
    assert password_grant(server)["access_token"].startswith(newer.id[:15])
    server.control.delete_org(newer.id)
    assert password_grant(server)["access_token"].startswith(named.id[:15])


def test_some_of_the_names_will_do(server: api.Server) -> None:
    org = server.control.create_org(login={"password": "other"})
    assert org.username.startswith("integration.")
    assert grant(
        server,
        grant_type="password",
        username=org.username,
        password="other",
        client_id=org.client_id,
        client_secret=org.client_secret,
    )["access_token"].startswith(org.id[:15])
    server.control.delete_org(org.id)


@pytest.mark.parametrize(
    ("login", "message"), [({"user": "x"}, "username"), ({"username": 1}, "must be text"), ({"username": ""}, "text")]
)
def test_a_wrong_login_is_refused(server: api.Server, login: dict[str, str], message: str) -> None:
    with pytest.raises(ControlError, match=message):
        server.control.create_org(login=login)


def test_a_mock_that_runs_already_is_used_like_ones_own(server: api.Server, tmp_path: Path) -> None:
    with api.attach(server.url, ca_file=server.ca_file) as attached:
        assert (attached.url, attached.https_url) == (server.url, server.https_url)
        assert attached.ca_bundle == server.ca_bundle
        org = attached.control.create_org()
        assert org.id in {one.id for one in server.control.orgs()}
        attached.control.delete_org(org.id)
        with pytest.raises(RuntimeError, match="through the network alone"):
            attached.exchange("GET", "https://login.salesforce.com/services/data")
    assert server.control.health()["status"] == "ok"
    with api.attach(server.https_url, ca_file=server.ca_file) as attached:
        assert attached.control.health()["status"] == "ok"
    with pytest.raises(FileNotFoundError, match="name the mock's own"):
        api.attach(server.url, ca_file=tmp_path / "ca.pem")
    with pytest.raises(OSError):
        api.attach("http://127.0.0.1:9", ca_file=server.ca_file)
