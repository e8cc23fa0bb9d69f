"""No secret is written down: every operation is called with secrets in every place, and what comes out is searched."""

from __future__ import annotations

import logging
import re

import orjson
import pytest
from multidict import CIMultiDict

from mock_server.operations import Operation
from mock_server.org.identity.apps import SCOPES, ConnectedApp
from tests.protocols.desk import FORM, Desk

PASSWORD, SECRET, SECURITY = "canary-password-Xq7", "canary-secret-Zw3", "canarytokenKp9"


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    user = made.org.directory.default_user
    made.org.directory.set_password(user.id, PASSWORD)
    made.org.directory.add_app(ConnectedApp("3MVG9canary", SECRET, user.username, SCOPES))
    return made


def canaries(desk: Desk) -> dict[str, str]:
    user, app = desk.org.directory.default_user, desk.org.directory.default_app
    return {
        "access": desk.org.sessions.open(user, app, SCOPES).token,
        "refresh": desk.org.sessions.grant(user, app, SCOPES).token,
        "password": PASSWORD,
        "secret": SECRET,
        "code": "aPrx" + "c4nary" * 12 + "==",
        "assertion": "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJjYW5hcnkifQ.c2lnbmF0dXJlLWNhbmFyeQ",
    }


def codes(desk: Desk) -> dict[str, str]:
    """Return what opens a session for a while: of the device flow, and of a browser that is sent in."""
    user, app = desk.org.directory.default_user, desk.org.directory.default_app
    device = desk.org.devices.start(app.client_id, ("api",))
    token = desk.org.sessions.open(user, app, ("full",)).token
    address = orjson.loads(desk.get("/services/oauth2/singleaccess", token).body)["frontdoor_uri"]
    return {
        "device code": device.code,
        "user code": device.user_code,
        "frontdoor": address.partition("otp=")[2].partition("&")[0],
    }


def path_of(operation: Operation, desk: Desk, canary: str) -> str:
    known = {"version": "v60.0", "sobject": "Contact", "field": "Id"}
    from urllib.parse import quote

    return re.sub(r"\{(\w+)\}", lambda found: known.get(found[1], quote(canary, safe="")), operation.path)


def test_no_operation_writes_a_secret_down(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    planted = canaries(desk)
    bodies = []
    for route in desk.registry.routes:
        operation = route.operation
        for canary in planted.values():
            own = desk.session()
            from urllib.parse import quote

            target = f"{path_of(operation, desk, canary)}?q={quote(canary)}&fields={quote(canary)}&sid={quote(canary)}"
            headers = {
                "Authorization": f"Bearer {own}", "User-Agent": f"client {canary}", "Cookie": f"sid={canary}",
                "Sforce-Call-Options": f"client={canary}", "Content-Type": "application/json", "X-Canary": canary,
            }  # fmt: skip
            body = orjson.dumps({"LastName": canary, "q": canary, canary: 1, "records": [{"LastName": canary}]})
            if operation.kind == "login":
                headers["Content-Type"] = FORM
                body = f"token={quote(canary)}&password={quote(canary)}&client_secret={quote(canary)}".encode()
            reply = desk.send(operation.method, target, body, headers)
            assert reply.status < 500 or operation.name.startswith("soap."), operation
            bodies.append((operation.name, desk.last().as_json(desk.org.redactor)))
    assert len(bodies) > 300
    # Of these an agent's name and a row are enough: what hides them is the same everywhere.
    secrets = codes(desk)
    for canary in secrets.values():
        headers = {"Authorization": f"Bearer {desk.session()}", "Content-Type": "application/json"}
        headers |= {"User-Agent": f"client {canary}.", "Sforce-Call-Options": f"client={canary}"}
        desk.send("POST", "/services/data/v60.0/sobjects/Contact", orjson.dumps({"LastName": canary}), headers)
        bodies.append(("rest.sobject.create", desk.last().as_json(desk.org.redactor)))
    planted |= secrets
    for name, entry in bodies:
        written = orjson.dumps(entry).decode()
        for kind, canary in planted.items():
            assert canary not in written, (name, kind, written)
    for kind, canary in planted.items():
        assert canary not in caplog.text, kind


def test_a_defect_is_logged_without_its_secrets(
    desk: Desk, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = desk.session()

    def broken(*_: object) -> None:
        raise ValueError(f"cannot read {token} and {PASSWORD}")

    monkeypatch.setattr(desk.org, "may", broken)
    assert desk.get(f"/services/data/v60.0/limits?x={token}", token).status == 500
    assert "cannot read [hidden] and [hidden]" in caplog.text
    assert token not in caplog.text


def test_a_traceback_shows_no_token(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    token = desk.session()
    try:
        raise ValueError(token)
    except ValueError as error:
        logging.getLogger("sfmock").warning("a hook failed with %s", token, exc_info=error)
    assert "a hook failed with [hidden]" in caplog.text
    assert token not in caplog.text


def test_an_error_does_not_repeat_a_token(desk: Desk) -> None:
    token = desk.session()
    reply = desk.get(f"/services/data/v60.0/sobjects/Contact/{token}", token)
    assert reply.status == 404
    assert token.encode() not in reply.body


def test_the_error_of_a_row_does_not_repeat_a_token(desk: Desk) -> None:
    token = desk.session()
    row = {"LastName": token + "x" * 80}
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    one = desk.send("POST", "/services/data/v60.0/sobjects/Contact", orjson.dumps(row), headers)
    many = {"records": [{"attributes": {"type": "Contact"}, **row}]}
    all_rows = desk.send("POST", "/services/data/v60.0/composite/sobjects", orjson.dumps(many), headers)
    for reply in (one, all_rows):
        assert b"data value too large: [hidden]" in reply.body
        assert token.encode() not in reply.body


def test_what_holds_a_secret_does_not_show_it(desk: Desk) -> None:
    user, app = desk.org.directory.default_user, desk.org.directory.app("3MVG9canary")
    assert app is not None
    shown = repr(
        [
            user,
            app,
            desk.org.sessions.open(user, app, SCOPES),
            desk.org.sessions.grant(user, app, SCOPES),
            desk.org.directory.secrets,
            desk.org.snapshot(),
            desk.world._specs,
        ]
    )
    for secret in (PASSWORD, SECRET, "sfmock-token", "5Aep861", desk.org.id[:15] + "!"):
        assert secret not in shown


def test_a_password_that_was_replaced_stays_hidden(desk: Desk) -> None:
    desk.org.directory.set_password(desk.org.directory.default_user.id, "another-password")
    desk.send(
        "POST",
        "/services/data/v60.0/sobjects/Contact",
        orjson.dumps({"LastName": PASSWORD}),
        CIMultiDict({"Authorization": f"Bearer {desk.session()}", "Content-Type": "application/json"}),
    )
    (row,) = desk.last().as_json(desk.org.redactor)["rows"]
    assert row["values"] == {"LastName": "[hidden]"}
