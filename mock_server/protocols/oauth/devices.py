"""The device flow: a device gets two codes and asks again and again, its user types one of them in a browser."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.identity.authorizations import Request
from mock_server.org.identity.devices import INTERVAL
from mock_server.protocols.instance import instance_url
from mock_server.protocols.oauth import browser, codes, pages
from mock_server.protocols.oauth.browser import routes
from mock_server.protocols.oauth.forms import client_of, form
from mock_server.protocols.oauth.token import authenticated_app, grant_type, response_type

_CONNECT = "/setup/connect"
_WRONG = "The code that you entered is invalid or has expired. Check the code on your device and try again."


@response_type("device_code")
def start(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    client_id = client_of(call, fields)[0]
    app = call.org.directory.app(client_id) if client_id else None
    if app is None:
        raise errors.INVALID_CLIENT_ID()
    if not app.allows("device"):
        raise errors.DEVICE_FLOW_OFF()
    device = call.org.devices.start(app.client_id, app.asked(fields.get("scope")))
    return {
        "user_code": device.user_code,
        "device_code": device.code,
        "interval": INTERVAL,
        "verification_uri": f"{instance_url(call, call.org)}{_CONNECT}",
    }


@grant_type("device", "urn:ietf:params:oauth:grant-type:device")
def poll(call: Call, fields: dict[str, str]) -> dict[str, Any]:
    # A device keeps no secret, whatever the app does elsewhere: the flow has no such parameter.
    app = authenticated_app(call, fields, "offered")
    devices, given = call.org.devices, fields.get("code", "")
    device = devices.of_code(given)
    if device is None:
        raise errors.DEVICE_CODE_EXPIRED() if devices.expired(given) else errors.DEVICE_CODE_UNKNOWN()
    if device.client_id != app.client_id:
        raise errors.DEVICE_CODE_UNKNOWN()
    if devices.too_fast(device):
        raise errors.DEVICE_TOO_FAST()
    if device.outcome == "waiting":
        raise errors.DEVICE_PENDING()
    devices.finish(device)
    if device.outcome == "denied":
        raise errors.DEVICE_DENIED()
    user = codes.let_in(call, app, device.user_id)
    return codes.tokens(call, app, Request(app.client_id, None, "device_code", device.scopes), user)


@routes(
    Operation(
        "oauth.connect", "GET", _CONNECT, "login", counted=False, auth=False,
        summary="Take the code that a device shows", query=("user_code",),
    ),
    Operation("oauth.connect", "POST", _CONNECT, "login", counted=False, auth=False),
)  # fmt: skip
async def connect(call: Call) -> Reply:
    fields = form(call)
    typed = fields.get("user_code", "")[:40]
    session = browser.session_of(call)
    if session is None:
        return browser.ask_to_log_in(f"{_CONNECT}?{urlencode({'user_code': typed})}" if typed else _CONNECT)
    if browser.must_change(call, session):
        return browser.ask_for_password(f"{_CONNECT}?{urlencode({'user_code': typed})}" if typed else _CONNECT)
    hidden = {"_CONFIRMATIONTOKEN": browser.confirmation(session, _CONNECT)}
    if call.method != "POST":
        return pages.connect(user_code=typed, hidden=hidden)
    browser.refuse_strangers(call)
    browser.check_confirmation(session, _CONNECT, fields.get("_CONFIRMATIONTOKEN"))
    device = call.org.devices.of_user_code(typed)
    if device is None:
        return pages.connect(user_code=typed, hidden=hidden, error=_WRONG)
    # A code on a screen may be a stranger's: its user is always asked.
    request = Request(device.client_id, None, "device_code", device.scopes, consent=True, device=device.code)
    source = call.org.authorizations.wait(request)
    return browser.go(f"{pages.APPROVAL}?{urlencode({'source': source})}")
