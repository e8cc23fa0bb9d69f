"""The user interface that there is: the login page, the way in with a session that exists, and the way out."""

from __future__ import annotations

from urllib.parse import quote, urlsplit

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org.identity.scopes import covers
from mock_server.protocols.instance import instance_url
from mock_server.protocols.oauth import browser, pages
from mock_server.protocols.oauth.browser import routes
from mock_server.protocols.oauth.forms import answer, form
from mock_server.protocols.rest import replies

_FRONTDOOR = "/secur/frontdoor.jsp"
_SINGLE_ACCESS = "/services/oauth2/singleaccess"
_LIGHTNING = (
    "/lightning", "/lightning/{a}", "/lightning/{a}/{b}", "/lightning/{a}/{b}/{c}", "/lightning/{a}/{b}/{c}/{d}",
)  # fmt: skip
bridges = Routes(replies.render)


@routes(
    Operation(
        "ui.login_page", "GET", "/", "login", counted=False, auth=False,
        summary="The login page; who is logged in is told so", query=("startURL", "un", "ec"),
    ),
    *(
        Operation("ui.home", "GET", path, "login", counted=False, auth=False, summary="Stand for Lightning's pages")
        for path in _LIGHTNING
    ),
)  # fmt: skip
async def home(call: Call) -> Reply:
    path = call.raw_path if call.raw_path != "/" else ""
    start = call.query.get("startURL") or call.query.get("retURL") or path
    session = browser.session_of(call)
    user = call.org.directory.by_id(session.user_id) if session is not None else None
    if user is None or "startURL" in call.query:
        return browser.login_page(call, browser.local(start), username=call.query.get("un", "")[:80])
    if session is not None and browser.must_change(call, session):
        return browser.ask_for_password(browser.local(path))
    return pages.home(user=user.username, organization=call.org.directory.organization_name(), org_id=call.org.id)


@routes(
    Operation("ui.login", "POST", "/", "login", counted=False, auth=False, summary="Log in with the form's fields"),
)
async def log_in(call: Call) -> Reply:
    return browser.log_in(call, form(call))


@routes(
    Operation(
        "ui.frontdoor", "GET", _FRONTDOOR, "login", counted=False, auth=False,
        summary="Open a browser session with an access token or a one-time key",
        query=("sid", "otp", "retURL", "startURL"),
    ),
    Operation("ui.frontdoor", "POST", _FRONTDOOR, "login", counted=False, auth=False),
)  # fmt: skip
async def frontdoor(call: Call) -> Reply:
    fields = form(call)
    start = browser.local(fields.get("retURL") or fields.get("startURL"))
    user_id = call.org.authorizations.passes.take(fields.get("otp", ""))
    session = call.org.sessions.find(fields.get("sid", ""))
    if user_id is None and session is not None and (session.client_id is None or covers(session.scopes, "web")):
        user_id = session.user_id
    user = call.org.directory.by_id(user_id) if user_id is not None else None
    if user is None or user.id in call.org.accesses.barred:
        return browser.ask_to_log_in(start)
    return browser.go(start, sets=browser.open_session(call, user))


@routes(
    *(
        Operation("ui.logout", "GET", path, "login", counted=False, auth=False, summary="End the browser session")
        for path in ("/secur/logout.jsp", "/services/auth/idp/oidc/logout")
    )
)
async def log_out(call: Call) -> Reply:
    token = browser.cookie(call)
    session = call.org.sessions.peek(token) if token else None
    if token and session is not None and session.client_id is None:
        call.entry.user = session.username
        call.org.sessions.expire(token)
    start = browser.local(call.query.get("startURL"))
    reply = browser.ask_to_log_in(start) if start != "/" else browser.go("/")
    reply.headers["Set-Cookie"] = browser.set_cookie(call, "")
    return reply


@bridges(
    Operation(
        "oauth.single_access", "GET", _SINGLE_ACCESS, "read", counted=False,
        summary="Turn an access token into an address that opens a browser session, once", query=("redirect_uri",),
        scopes=("web",),
    ),
    Operation(
        "oauth.single_access", "POST", _SINGLE_ACCESS, "read", counted=False, scopes=("web",),
        query=("redirect_uri",),
    ),
)  # fmt: skip
async def single_access(call: Call) -> Reply:
    base = instance_url(call, call.org)
    start = _on_this_server(form(call).get("redirect_uri", ""), base)
    key = call.org.authorizations.let_pass(call.session.user_id)
    return answer({"frontdoor_uri": f"{base}{_FRONTDOOR}?otp={key}&startURL={quote(start, safe='')}"})


def _on_this_server(uri: str, base: str) -> str:
    """Return the path that a redirect URI means, the home page's when it is none of this server."""
    if uri.startswith(f"{base}/"):
        parts = urlsplit(uri)
        uri = parts.path + (f"?{parts.query}" if parts.query else "")
    return browser.local(uri if uri.startswith("/") else f"/{uri}" if "://" not in uri else "/")
