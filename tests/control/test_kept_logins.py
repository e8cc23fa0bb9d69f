"""Sessions, refresh tokens and consents of an org that lives in a file outlive the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from mock_server import api
from tests.protocols.oauth.walk import CALLBACK, read_forms

CLIENT = {"client_id": "sfmock-client-id", "client_secret": "sfmock-client-secret"}
ROTATING = {"client_id": "3MVG9rotate", "client_secret": "hush"}
APP = {"clientId": "3MVG9rotate", "clientSecret": "hush", "rotate": True, "callbacks": [CALLBACK], "name": "Rotating"}
GONE = {"username": "gone@kept.test", "password": "gone-pass-1", "profile": "System Administrator"}
USER, PASSWORD = "integration@sfmock.test", "sfmock-password"


@contextmanager
def running(folder: Path) -> Iterator[api.Server]:
    with api.start(data=str(folder / "org.db"), apps=(APP,), users=(GONE,)) as server:
        yield server


def ask(server: api.Server, /, **form: str) -> dict[str, Any]:
    found: dict[str, Any] = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=30).json()
    return found


def status(server: api.Server, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{server.url}/services/data/v60.0/sobjects", headers=headers, timeout=30).status_code


def refresh(server: api.Server, token: str, client: dict[str, str] = ROTATING) -> dict[str, Any]:
    return ask(server, grant_type="refresh_token", refresh_token=token, **client)


def walk(server: api.Server) -> tuple[list[str], dict[str, Any]]:
    """Log a browser in and let the app in; return the buttons that were pressed on the way, and the app's tokens."""
    asked = {"response_type": "code", "client_id": ROTATING["client_id"], "redirect_uri": CALLBACK}
    pressed = []
    with requests.Session() as http:
        target, sent = f"{server.url}/services/oauth2/authorize", None
        reply = http.get(target, params=asked, allow_redirects=False, timeout=30)
        while not (where := reply.headers.get("Location", "")).startswith(CALLBACK):
            if where:
                reply = http.get(server.url + where, allow_redirects=False, timeout=30)
                continue
            forms = read_forms(reply.text)
            button = "Login" if "Login" in forms.buttons else "save"
            pressed.append(button)
            sent = {**forms.fields, button: "1", **({"username": USER, "pw": PASSWORD} if button == "Login" else {})}
            reply = http.post(server.url + (forms.action or ""), data=sent, allow_redirects=False, timeout=30)
    code = dict(parse_qsl(urlsplit(where).query))["code"]
    return pressed, ask(server, grant_type="authorization_code", code=code, redirect_uri=CALLBACK, **ROTATING)


def test_what_was_granted_outlives_the_server(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        session = ask(server, grant_type="password", username=USER, password=PASSWORD, **CLIENT)["access_token"]
        pressed, told = walk(server)
        assert pressed == ["Login", "save"]
    with running(tmp_path) as server:
        assert [status(server, one) for one in (session, told["access_token"])] == [200, 200]
        assert walk(server)[0] == ["Login"], "the user has consented before"
        renewed = refresh(server, told["refresh_token"])
        assert status(server, renewed["access_token"]) == 200
    with running(tmp_path) as server:
        assert status(server, session) == 200
        assert refresh(server, told["refresh_token"])["error"] == "invalid_grant", "it was replaced, before the end"
        assert refresh(server, renewed["refresh_token"])["error"] == "invalid_grant", "somebody had a copy"
    content = b"".join(one.read_bytes() for one in tmp_path.glob("org.db*"))
    for secret in (session, told["access_token"], told["refresh_token"], renewed["refresh_token"]):
        assert secret.encode() not in content


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
def test_what_is_revoked_after_a_restart_is_gone_for_good(tmp_path: Path, which: str) -> None:
    with running(tmp_path) as server:
        told = walk(server)[1]
    with running(tmp_path) as server:
        url = f"{server.url}/services/oauth2/revoke"
        assert requests.post(url, data={"token": told[which]}, timeout=30).status_code == 200
        assert status(server, told["access_token"]) == 401
    with running(tmp_path) as server:
        assert status(server, told["access_token"]) == 401
        assert ("error" in refresh(server, told["refresh_token"])) is (which == "refresh_token")
        assert walk(server)[0] == (["Login", "save"] if which == "refresh_token" else ["Login"])


def test_the_name_under_which_a_token_is_kept_opens_nothing(tmp_path: Path) -> None:
    from mock_server.org.identity.keeping import print_of

    with running(tmp_path) as server:
        told = walk(server)[1]
    with running(tmp_path) as server:
        for which in ("access_token", "refresh_token"):
            name = print_of(told[which])
            assert status(server, name) == 401
            assert refresh(server, name)["error"] == "invalid_grant"
            reply = requests.post(f"{server.url}/services/oauth2/revoke", data={"token": name}, timeout=30)
            assert reply.status_code == 400
        assert status(server, told["access_token"]) == 200
        assert "access_token" in refresh(server, told["refresh_token"])


def test_an_expired_session_and_one_of_an_inactive_user_stay_over(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        old = ask(server, grant_type="password", username=USER, password=PASSWORD, **CLIENT)["access_token"]
        server.control.advance(7_201)
        assert status(server, old) == 401
        login = {"username": GONE["username"], "password": GONE["password"]}
        young = ask(server, grant_type="password", **login, **CLIENT)["access_token"]
        kept = server.world.default.store.connection
        kept.execute("""UPDATE "User" SET "IsActive" = 0 WHERE "Username" = 'gone@kept.test'""")
    with running(tmp_path) as server:
        server.world.default.store.connection.execute('UPDATE "User" SET "IsActive" = 1')
        server.world.default.accesses.changed()
        assert [status(server, one) for one in (old, young)] == [401, 401]


def test_a_reset_leaves_sessions_alone_in_the_file_too(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        told = walk(server)[1]
        server.control.reset()
        assert status(server, told["access_token"]) == 200
    with running(tmp_path) as server:
        assert status(server, told["access_token"]) == 200
        assert "access_token" in refresh(server, told["refresh_token"])


def test_the_records_of_kept_sessions_can_be_deleted(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        told = walk(server)[1]
    with running(tmp_path) as server:
        base = f"{server.url}/services/data/v60.0"
        headers = {"Authorization": f"Bearer {server.control.mint_token()}"}
        query = {"q": "SELECT Id FROM AuthSession"}
        found = requests.get(f"{base}/query", params=query, headers=headers, timeout=30).json()["records"]
        for one in found:
            requests.delete(f"{base}/sobjects/AuthSession/{one['Id']}", headers=headers, timeout=30)
        assert len(found) > 1
        assert status(server, told["access_token"]) == 401
