"""The authorize endpoint: what an app asks a user for, the user's answer, and the way back to the app.

An error whose callback can be trusted goes there. What is wrong with the client or the callback itself is told to the
user as text, and a scope that the app has not on a page of its own, both as recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity import redirects, scopes
from mock_server.org.identity.admission import REFUSALS, LoginRefused
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.authorizations import Request, Waiting
from mock_server.org.identity.directory import User
from mock_server.org.identity.sessions import Session
from mock_server.protocols.instance import instance_url
from mock_server.protocols.oauth import browser, codes, pages
from mock_server.protocols.oauth.browser import routes
from mock_server.protocols.oauth.forms import form

_ERROR_PAGE = "/setup/secur/RemoteAccessErrorPage.apexp"
_QUERY = (
    "response_type", "client_id", "redirect_uri", "scope", "state", "prompt", "immediate", "login_hint", "display",
    "nonce", "code_challenge", "code_challenge_method",
)  # fmt: skip
_TYPES = {
    "code": "code",
    "token": "token",
    "hybrid_token": "hybrid_token",
    "id_token": "id_token",
    "token id_token": "token id_token",
    "id_token token": "token id_token",
}
_NEEDS_OPENID = ("id_token", "token id_token")


class Unanswerable(Exception):
    """A request that is at an end; `reply` says so to whom it concerns."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@routes(
    Operation(
        "oauth.authorize", "GET", "/services/oauth2/authorize", "login", counted=False, auth=False,
        summary="Ask a user to let an app in: web server, user-agent and hybrid flow", query=_QUERY,
    ),
    Operation("oauth.authorize", "POST", "/services/oauth2/authorize", "login", counted=False, auth=False),
)  # fmt: skip
async def authorize(call: Call) -> Reply:
    fields = form(call)
    try:
        app, request = _read(call, fields)
        prompts = frozenset(fields.get("prompt", "").split())
        session = browser.session_of(call)
        user = _user(call, session)
        if prompts == {"none"} or fields.get("immediate", "").lower() == "true":
            asked = None if session is not None and browser.must_change(call, session) else user
            return _silently(call, app, request, asked, by_prompt="none" in prompts)
        if session is None or user is None or request.login:
            source = call.org.authorizations.wait(request)
            return browser.ask_to_log_in(_approval(source))
        if browser.must_change(call, session):
            return browser.ask_for_password(_approval(call.org.authorizations.wait(request)))
        return _decide(call, app, request, user) or browser.go(_approval(call.org.authorizations.wait(request)))
    except Unanswerable as end:
        return end.reply


@routes(
    Operation(
        "oauth.approval", "GET", pages.APPROVAL, "login", counted=False, auth=False,
        summary="Show what an app asks for", query=("source",),
    ),
)  # fmt: skip
async def approval(call: Call) -> Reply:
    source = call.query.get("source", "")
    waiting = call.org.authorizations.waiting.get(source)
    if waiting is None:
        return _lapsed(call)
    session = browser.session_of(call)
    user = _user(call, session)
    if session is None or user is None or _too_old(session, waiting):
        return browser.ask_to_log_in(_approval(source))
    if browser.must_change(call, session):
        return browser.ask_for_password(_approval(source))
    request = waiting.request
    app = call.org.directory.app(request.client_id)
    if app is None:
        return _lapsed(call)
    try:
        answer = _decide(call, app, request, user)
    except Unanswerable as end:
        return end.reply
    if answer is not None:
        call.org.authorizations.waiting.take(source)
        return answer
    return pages.consent(
        app=app.name,
        user=user.username,
        wants=scopes.in_words(request.scopes),
        hidden={"source": source, "_CONFIRMATIONTOKEN": browser.confirmation(session, source)},
        away=f"/secur/logout.jsp?{urlencode({'startURL': _approval(source)})}",
        display=request.display,
        goes_to=request.callback.source if request.callback else "",
    )


@routes(
    Operation(
        "oauth.approve", "POST", pages.APPROVAL, "login", counted=False, auth=False, summary="Take the user's answer"
    ),
)
async def approve(call: Call) -> Reply:
    browser.refuse_strangers(call)
    fields = form(call)
    source = fields.get("source", "")
    waiting = call.org.authorizations.waiting.get(source)
    if waiting is None:
        return _lapsed(call)
    session = browser.session_of(call)
    user = _user(call, session)
    if session is None or user is None or _too_old(session, waiting):
        return browser.ask_to_log_in(_approval(source))
    if browser.must_change(call, session):
        return browser.ask_for_password(_approval(source))
    browser.check_confirmation(session, source, fields.get("_CONFIRMATIONTOKEN"))
    request = waiting.request
    app = call.org.directory.app(request.client_id)
    if app is None or not {"save", "cancel"} & fields.keys():
        return browser.go(_approval(source))
    call.org.authorizations.waiting.take(source)
    if "save" not in fields:
        return refused(call, request, "access_denied", "end-user denied authorization")
    call.org.authorizations.consent(user.id, app.client_id, request.scopes)
    return answered(call, app, request, user)


@routes(
    Operation(
        "oauth.error_page", "GET", _ERROR_PAGE, "login", counted=False, auth=False,
        summary="Say why an app cannot be authorized", query=("error", "error_description", "state"),
    ),
)  # fmt: skip
async def error_page(call: Call) -> Reply:
    # The address carries the reason, for the developer; the page shows nothing that a stranger could write.
    return pages.message(
        "We can't authorize you",
        "We can't authorize you because of an OAuth error. For more information, contact your Salesforce "
        "administrator.",
        "OAUTH_APPROVAL_ERROR_GENERIC : An unexpected error has occurred during authentication. Please try again.",
    )


@routes(
    Operation(
        "oauth.success", "GET", redirects.SUCCESS, "login", counted=False, auth=False,
        summary="Where a browser ends up whose client watches its address",
    ),
)  # fmt: skip
async def success(call: Call) -> Reply:
    if "error" in call.query:
        return pages.message("Access denied", "The app was not let in. You may close this window.")
    return pages.message("Remote access application authorization", "You may close this window and go on in the app.")


def _read(call: Call, fields: Mapping[str, str]) -> tuple[ConnectedApp, Request]:
    """Return the app and what it asks for. Raises Unanswerable."""
    app = call.org.directory.app(fields.get("client_id", ""))
    if app is None:
        raise Unanswerable(_told(call, browser.plain("invalid_client_id", "client identifier invalid")))
    uri = fields.get("redirect_uri")
    if not uri:
        raise Unanswerable(_told(call, browser.plain("redirect_uri_missing", "redirect_uri not provided")))
    callback = redirects.find(app.callbacks, uri, instance_url(call, call.org))
    if callback is None:
        text = "redirect_uri must match configuration"
        raise Unanswerable(_told(call, browser.plain("redirect_uri_mismatch", text)))
    prompts = fields.get("prompt", "").split()
    response_type = _TYPES.get(" ".join(fields.get("response_type", "").split()), "")
    try:
        wanted = app.asked(fields.get("scope"))
    except ApiError as error:
        raise Unanswerable(_error_page(call, error, fields.get("state"))) from None
    request = Request(
        app.client_id,
        callback,
        response_type or "code",
        wanted,
        state=fields.get("state"),
        nonce=fields.get("nonce"),
        challenge=fields.get("code_challenge") or None,
        login_hint=fields.get("login_hint", "")[:80],
        display=fields.get("display", "page"),
        login="login" in prompts,
        consent="consent" in prompts or "select_account" in prompts,
    )
    if not response_type:
        _end(call, request, "unsupported_response_type", "response type not supported")
    if not app.allows("authorization_code" if response_type == "code" else "implicit"):
        _end(call, request, "unauthorized_client", errors.GRANT_NOT_ALLOWED.message)
    if response_type in _NEEDS_OPENID and "openid" not in wanted:
        raise Unanswerable(_error_page(call, errors.SCOPE_NOT_ALLOWED(), request.state))
    if response_type in _NEEDS_OPENID and not request.nonce:
        _end(call, request, "invalid_request", "missing required nonce")
    if response_type == "code":
        # Salesforce's documentation knows S256 alone, also where the method is left out.
        if fields.get("code_challenge_method", "S256") != "S256":
            _end(call, request, "invalid_request", "invalid code challenge method")
        if app.pkce and request.challenge is None:
            _end(call, request, "invalid_request", "missing required code challenge")
    return app, request


def _end(call: Call, request: Request, code: str, description: str) -> None:
    raise Unanswerable(refused(call, request, code, description))


def _user(call: Call, session: Session | None) -> User | None:
    return call.org.directory.by_id(session.user_id) if session is not None else None


def _too_old(session: Session, waiting: Waiting) -> bool:
    """Tell whether a session was opened before a request that asks for a new login."""
    return waiting.request.login and session.created < waiting.since


def _silently(call: Call, app: ConnectedApp, request: Request, user: User | None, *, by_prompt: bool) -> Reply:
    """Answer without a page, or not at all. OpenID says why; Salesforce's own `immediate` has one error."""
    why = "login_required"
    if user is not None:
        answer = _decide(call, app, request, user)
        if answer is not None:
            return answer
        why = "consent_required"
    if by_prompt:
        return refused(call, request, why, why.replace("_", " "))
    return refused(call, request, "immediate_unsuccessful", "immediate unsuccessful")


def _decide(call: Call, app: ConnectedApp, request: Request, user: User) -> Reply | None:
    """Answer a request whose user need not be asked; None for another. Raises Unanswerable for one without access."""
    try:
        call.org.admission.permit(app, user, consented=True)
    except ApiError as error:
        raise Unanswerable(_error_page(call, error, request.state)) from None
    if not app.admin_approved and (request.consent or not _consented(call, app, request, user)):
        return None
    return answered(call, app, request, user)


def _consented(call: Call, app: ConnectedApp, request: Request, user: User) -> bool:
    """Tell whether a user has let an app do all this before: here, or as its configuration says."""
    authorizations = call.org.authorizations
    if authorizations.approved(user.id, app.client_id):
        return authorizations.consented(user.id, app.client_id, request.scopes)
    return app.consented is not None and call.org.admission.has_consented(app, user)


def answered(call: Call, app: ConnectedApp, request: Request, user: User) -> Reply:
    """Send the browser back to the app with what it asked for; a device fetches it itself."""
    if request.device is not None:
        call.org.devices.decide(request.device, user.id, approved=True)
        return pages.message("You're Connected", f"{app.name} has been let in. You may close this window.")
    assert request.callback is not None
    state = {} if request.state is None else {"state": request.state}
    if request.response_type == "code":
        code = call.org.authorizations.issue(request, user.id)
        return browser.go(request.callback.with_query({"code": code, **state}))
    try:
        told = codes.implicit(call, app, request, user)
    except LoginRefused as refusal:
        error = REFUSALS[refusal.reason].oauth()
        return refused(call, request, error.code, error.message)
    return browser.go(request.callback.with_fragment({**told, **state}))


def refused(call: Call, request: Request, code: str, description: str) -> Reply:
    """Send the browser back to the app with an error."""
    call.entry.codes, call.entry.message = (code,), description
    if request.device is not None:
        call.org.devices.decide(request.device, "", approved=False)
        return pages.message("Access denied", "The device was not let in. You may close this window.")
    assert request.callback is not None
    answer = {"error": code, "error_description": description}
    if request.state is not None:
        answer["state"] = request.state
    put = request.callback.with_query if request.response_type == "code" else request.callback.with_fragment
    return browser.go(put(answer))


def _error_page(call: Call, error: ApiError, state: str | None) -> Reply:
    call.entry.codes, call.entry.message = (error.code,), error.message
    answer = {"error": error.code, "error_description": error.message} | ({} if state is None else {"state": state})
    return browser.go(f"{_ERROR_PAGE}?{urlencode(answer)}")


def _told(call: Call, reply: Reply) -> Reply:
    code, _, text = reply.body.decode().removeprefix("error=").partition("&")
    call.entry.codes, call.entry.message = (code,), text
    return reply


def _lapsed(call: Call) -> Reply:
    call.entry.codes = ("invalid_request",)
    text = "This request has expired, or has been answered. Go back to the app and try again."
    return pages.message("We can't find that request", text, status=400)


def _approval(source: str) -> str:
    return f"{pages.APPROVAL}?{urlencode({'source': source})}"
