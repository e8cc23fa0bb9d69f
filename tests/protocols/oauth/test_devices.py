"""The device flow: codes, polling, and the page on which a user lets a device in."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from mock_server.operations import Reply
from tests.protocols.desk import Desk, json_of
from tests.protocols.oauth.walk import CLIENT, TOKEN, USER, Page, Walker

ID = {"client_id": CLIENT["client_id"]}


@pytest.fixture
def walker(desk: Desk) -> Walker:
    return Walker(desk)


def begin(desk: Desk, **changes: str) -> dict[str, Any]:
    return json_of(desk.post(TOKEN, {"response_type": "device_code", **ID, **changes}))


def poll(desk: Desk, code: str, wait: float = 5, **changes: str) -> tuple[int, dict[str, Any]]:
    desk.org.clock.advance(wait)
    reply = desk.post(TOKEN, {"grant_type": "device", "code": code, **ID, **changes})
    return reply.status, json_of(reply)


def refused(error: str, text: str) -> tuple[int, dict[str, str]]:
    return 400, {"error": error, "error_description": text}


def connect(walker: Walker, user_code: str) -> Page:
    page = walker.go("GET", "/setup/connect")
    if "username" in page.forms.fields:
        page = walker.log_in(page)
    return walker.submit(page, "connect", user_code=user_code)


def test_a_device_is_let_in_by_its_user(desk: Desk, walker: Walker) -> None:
    device = begin(desk, scope="api refresh_token")
    assert list(device) == ["user_code", "device_code", "interval", "verification_uri"]
    assert re.fullmatch(r"[A-Z0-9]{8}", device["user_code"])
    assert (device["interval"], device["verification_uri"]) == (5, "http://127.0.0.1:8080/setup/connect")
    pending = refused("authorization_pending", "authorization pending")
    assert poll(desk, device["device_code"]) == pending
    page = connect(walker, f" {device['user_code'][:4].lower()}-{device['user_code'][4:]} ")
    assert "sfmock is asking to:" in page.text
    assert poll(desk, device["device_code"]) == pending
    assert "You're Connected" in walker.submit(page, "save").text
    status, body = poll(desk, device["device_code"])
    assert status == 200
    assert list(body) == [
        "access_token", "refresh_token", "signature", "scope", "instance_url", "id", "token_type", "issued_at",
    ]  # fmt: skip
    session = desk.org.sessions.find(body["access_token"])
    assert session is not None
    assert session.username == USER
    assert poll(desk, device["device_code"]) == refused("invalid_grant", "token exchange failed")


@pytest.mark.parametrize("secret", [None, "right", "wrong"])
def test_a_device_keeps_no_secret_and_shows_none_that_is_wrong(desk: Desk, secret: str | None) -> None:
    app = replace(desk.org.directory.default_app, secret_needed=True)
    desk.org.directory.add_app(app)
    shown = {"client_secret": app.client_secret if secret == "right" else secret} if secret else {}
    error = poll(desk, begin(desk)["device_code"], **shown)[1]["error"]
    assert error == ("invalid_client" if secret == "wrong" else "authorization_pending")


def test_a_device_that_is_denied_hears_of_it_once(desk: Desk, walker: Walker) -> None:
    device = begin(desk)
    page = walker.submit(connect(walker, device["user_code"]), "cancel")
    assert "Access denied" in page.text
    assert poll(desk, device["device_code"]) == refused("access_denied", "end-user denied authorization")
    assert poll(desk, device["device_code"]) == refused("invalid_grant", "token exchange failed")


def test_a_device_must_not_ask_too_often(desk: Desk) -> None:
    code = begin(desk)["device_code"]
    assert poll(desk, code, wait=0)[1]["error"] == "authorization_pending", "the first question is never too early"
    assert poll(desk, code, wait=4.9) == refused("slow_down", "polling too quickly for the token endpoint")
    assert poll(desk, code, wait=5)[1]["error"] == "authorization_pending"


def test_a_device_code_expires(desk: Desk, walker: Walker) -> None:
    device = begin(desk)
    assert poll(desk, device["device_code"], wait=600)[1]["error"] == "authorization_pending"
    assert poll(desk, device["device_code"], wait=1) == refused("invalid_grant", "expired device code")
    assert "invalid or has expired" in connect(walker, device["user_code"]).text


@pytest.mark.parametrize("typed", ["WRONGONE", "", "<script>", "\0", "x" * 500])
def test_a_wrong_user_code_is_told(desk: Desk, walker: Walker, typed: str) -> None:
    page = connect(walker, typed)
    assert "The code that you entered is invalid or has expired." in page.text
    assert "script" not in [tag for tag, _ in page.forms.tags]


def test_a_user_code_is_good_for_one_decision(desk: Desk, walker: Walker) -> None:
    device = begin(desk)
    walker.submit(connect(walker, device["user_code"]), "save")
    assert "invalid or has expired" in connect(walker, device["user_code"]).text


def test_the_user_is_asked_for_every_device(desk: Desk, walker: Walker) -> None:
    walker.through()
    assert "Allow Access?" in connect(walker, begin(desk)["user_code"]).text


def test_the_address_may_bring_the_code(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.go("GET", "/setup/connect?user_code=ABCD2345"))
    assert page.forms.fields["user_code"] == "ABCD2345"


def test_another_client_cannot_poll(desk: Desk) -> None:
    desk.org.directory.apps["second"] = replace(desk.org.directory.default_app, client_id="second")
    code = begin(desk)["device_code"]
    assert poll(desk, code, client_id="second") == refused("invalid_grant", "token exchange failed")
    assert poll(desk, code)[1]["error"] == "authorization_pending"


def test_who_may_not_begin(desk: Desk) -> None:
    assert begin(desk, client_id="unknown")["error"] == "invalid_client_id"
    assert begin(desk, scope="telepathy") == {
        "error": "invalid_scope",
        "error_description": "the requested scope is not allowed",
    }
    directory = desk.org.directory
    directory.apps = {name: replace(app, grants=frozenset({"password"})) for name, app in directory.apps.items()}
    assert begin(desk) == {
        "error": "invalid_grant",
        "error_description": "device flow is not enabled for the app",
    }


def multipart(desk: Desk, body: bytes, media: str = "multipart/form-data; boundary=XyZ") -> Reply:
    return desk.send("POST", TOKEN, body, {"Content-Type": media})


def test_the_command_line_sends_a_multipart_form(desk: Desk) -> None:
    fields = {"client_id": CLIENT["client_id"], "response_type": "device_code", "scope": "refresh_token web api"}
    parts = "".join(
        f'--XyZ\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
    )
    reply = multipart(desk, f"{parts}--XyZ--\r\n".encode())
    assert (reply.status, "user_code" in json_of(reply)) == (200, True)


@pytest.mark.parametrize(
    ("body", "media"),
    [
        (b"", "multipart/form-data"),
        (b"--XyZ", "multipart/form-data; boundary=XyZ"),
        (b"\xff\xfe--XyZ\r\n\r\n\xff\r\n--XyZ--", "multipart/form-data; boundary=XyZ"),
        (b"--a\r\n" * 5000, "multipart/form-data; boundary=a"),
        (b"--a\r\nContent-Disposition: form-data; name*=x''%ff\r\n\r\nv\r\n--a--", "multipart/form-data; boundary=a"),
        (b"--a\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--\r\n--a--", "multipart/form-data; boundary=a"),
        (b"a", 'multipart/form-data; boundary="\xff\r\n x'),
    ],
)  # fmt: skip
def test_a_broken_multipart_form_has_no_fields(desk: Desk, body: bytes, media: str) -> None:
    reply = multipart(desk, body, media)
    assert (reply.status, json_of(reply)["error"]) == (400, "unsupported_grant_type")


def test_the_page_takes_no_forms_of_others(desk: Desk, walker: Walker) -> None:
    page = walker.log_in(walker.go("GET", "/setup/connect"))
    code = begin(desk)["user_code"]
    for fields, headers in (
        ({**page.forms.fields, "user_code": code}, {"Origin": "https://evil.example"}),
        ({"user_code": code}, {}),
    ):
        assert walker.go("POST", "/setup/connect", fields, **headers).reply.status == 403
