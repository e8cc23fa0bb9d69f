"""Browser sessions: the cookie that carries one, the login form, and who may post forms at all."""

from __future__ import annotations

import hmac
import re
from dataclasses import replace
from hashlib import sha256
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from mock_server.operations import Call, OrgFinder, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.admission import LoginRefused
from mock_server.org.identity.directory import User
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.protocols.instance import instance_url
from mock_server.protocols.oauth import forms, pages
from mock_server.protocols.oauth.forms import form

COOKIE = "sid"
SCOPES = ("api", "web", "full")
"""What a session may do that a user opened himself."""
_WRONG = "Please check your username and password. If you still can't log in, contact your Salesforce administrator."
_RESTRICTED = (
    "Your login attempt has failed. The username or password may be incorrect, or your location or login time may be "
    "restricted. Please contact the administrator at your company for help."
)
# A path of this server: nothing that a browser could take for another one's address.
_LOCAL = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~:/?@!$&'()*+,;=%]*")


def session_of(call: Call) -> Session | None:
    """Return the live session of a request's cookie; None without one, or when its user is barred."""
    token = cookie(call)
    session = call.org.sessions.find(token) if token else None
    if session is None or session.user_id in call.org.accesses.barred:
        return None
    call.entry.user = session.username
    return session


def cookie(call: Call) -> str | None:
    """Return the session's token that a browser sends along."""
    for part in call.headers.get("Cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value.strip('"')
    return None


def set_cookie(call: Call, token: str) -> str:
    """Return the header that gives a browser a session, or with an empty token takes it away."""
    secure = "; Secure" if call.base_url.startswith("https:") else ""
    gone = "" if token else "; Max-Age=0"
    return f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Lax{secure}{gone}"


def refuse_strangers(call: Call) -> None:
    """Refuse a form that a page of another site posts. Raises STRANGE_FORM.

    Browsers say where a post comes from, other clients say nothing. So nobody can log a browser in as somebody else, or
    answer for its user.
    """
    site = call.headers.get("Sec-Fetch-Site")
    if site is not None:
        if site not in ("same-origin", "none"):
            raise errors.STRANGE_FORM()
        return
    origin = call.headers.get("Origin")
    if origin is not None and _authority(origin) != _authority(call.base_url):
        raise errors.STRANGE_FORM()


def _authority(url: str) -> str:
    return url.partition("://")[2].lower()


def confirmation(session: Session, about: str) -> str:
    """Return what a form must bring back: it shows that the page was made for this session."""
    return hmac.new(session.token.encode(), about.encode(errors="replace"), sha256).hexdigest()


def check_confirmation(session: Session, about: str, given: str | None) -> None:
    """Refuse a form whose page was made for another session. Raises STRANGE_FORM."""
    if not hmac.compare_digest(confirmation(session, about).encode(), (given or "").encode(errors="replace")):
        raise errors.STRANGE_FORM()


def local(path: str | None) -> str:
    """Return a path of this server that is safe to go to; the home page for anything else."""
    return path if path and _LOCAL.fullmatch(path) else "/"


def go(location: str, *, sets: str | None = None) -> Reply:
    """Send a browser on. `sets` is a Set-Cookie header."""
    headers = {"Location": location, "Referrer-Policy": "no-referrer"}
    if sets is not None:
        headers["Set-Cookie"] = sets
    return Reply(302, b"", None, headers)


def ask_to_log_in(start: str) -> Reply:
    """Send a browser to the login page, and from there on to a path of this server."""
    return go(f"/?{urlencode({'ec': '302', 'startURL': start})}")


def ask_for_password(start: str) -> Reply:
    """Send a browser to the page where its user chooses a new password, and from there on to a path of this server."""
    return go(f"{pages.CHANGE_PASSWORD}?{urlencode({'startURL': start})}")


def source_in(start: str) -> str:
    """Return the name of the request that a path is about, empty when it is about none."""
    return parse_qs(urlsplit(local(start)).query).get("source", [""])[0]


def login_page(call: Call, start: str, *, username: str = "", error: str = "") -> Reply:
    """Show the login form, for the request that `start` is about."""
    waiting = call.org.authorizations.waiting.get(source_in(start))
    request = waiting.request if waiting else None
    return pages.login(
        username=username or (request.login_hint if request else ""),
        start=start,
        error=error,
        display=request.display if request else "page",
        goes_to=request.callback.source if request and request.callback else "",
    )


def log_in(call: Call, fields: dict[str, str]) -> Reply:
    """Take the login form: open a session and go on, or show the form again with what is wrong."""
    refuse_strangers(call)
    start = local(fields.get("startURL") or fields.get("retURL"))
    username = fields.get("username") or fields.get("un") or ""
    try:
        # What the login history calls a login of somebody who sits before a browser.
        visit = replace(forms.visit(call), kind="Application", application="Browser", by_hand=True)
        user = call.org.admission.by_password(username, fields.get("pw") or fields.get("password") or "", visit)
    except LoginRefused as refusal:
        # Which of user, password and account is at fault is nobody's business who could not log in.
        wrong = _RESTRICTED if refusal.reason in ("token", "rate", "domain", "hours") else _WRONG
        call.entry.codes, call.entry.message = ("invalid_grant",), wrong
        return login_page(call, start, username=username[:80], error=wrong)
    return go(start, sets=open_session(call, user))


def must_change(call: Call, session: Session) -> bool:
    """Tell whether a browser's user has to choose a new password before he goes anywhere else."""
    return call.org.directory.expired(session.user_id)


def open_session(call: Call, user: User) -> str:
    """Open a user's own session, and return the header that gives it to his browser."""
    session = call.org.sessions.open(user, None, SCOPES)
    call.entry.opened(user.username, session.token, instance_url(call, call.org))
    return set_cookie(call, session.token)


def plain(code: str, description: str) -> Reply:
    """Return an error of an authorization whose callback cannot be trusted: as text, for the user's eyes alone."""
    body = f"error={quote(code, safe='')}&error_description={quote(description, safe='')}"
    return Reply(400, body.encode(), "text/plain;charset=UTF-8")


def render_page(error: ApiError) -> Reply:
    """Write an error for somebody who sits before a browser."""
    return pages.message("We can't do that", f"{error.code} : {error.message}", status=error.status)


def find_org(call: Call, orgs: OrgFinder) -> Org | None:
    """Find the org that a browser means: by what waits for it, its client, its session, or its user."""
    fields = form(call)
    client_id, username = fields.get("client_id"), fields.get("username") or fields.get("un")
    start = fields.get("startURL", "")
    names = (fields.get("source"), source_in(start), fields.get("sid"), fields.get("otp"), fields.get("user_code"))
    return (
        next((org for name in names if name and (org := orgs.by_any_token(name)) is not None), None)
        or (orgs.by_client_id(client_id) if client_id else None)
        or (orgs.by_any_token(token) if (token := cookie(call)) else None)
        or (orgs.by_username(username) if username else None)
    )


routes = Routes(render_page, find_org)
