"""The page on which a user whose password has expired chooses another: his browser goes nowhere else before."""

from __future__ import annotations

from dataclasses import replace

from mock_server.operations import Call, Operation, Reply
from mock_server.org.identity.admission import LoginRefused
from mock_server.org.identity.directory import SHORTEST_PASSWORD
from mock_server.protocols.oauth import browser, forms, pages
from mock_server.protocols.oauth.browser import routes
from mock_server.protocols.oauth.forms import form


@routes(
    Operation(
        "ui.change_password", "GET", pages.CHANGE_PASSWORD, "login", counted=False, auth=False,
        summary="Choose another password in place of one that has expired", query=("startURL",),
    ),
    Operation("ui.change_password", "POST", pages.CHANGE_PASSWORD, "login", counted=False, auth=False),
)  # fmt: skip
async def change_password(call: Call) -> Reply:
    fields = form(call)
    start = browser.local(fields.get("startURL"))
    session = browser.session_of(call)
    if session is None:
        return browser.ask_to_log_in(start)
    if not browser.must_change(call, session):
        return browser.go(start)
    error = ""
    if call.method == "POST":
        browser.refuse_strangers(call)
        browser.check_confirmation(session, pages.CHANGE_PASSWORD, fields.get("_CONFIRMATIONTOKEN"))
        new = fields.get("newpassword", "")
        error = _wrong(
            call, session.username, fields.get("currentpassword", ""), new, fields.get("confirmpassword", "")
        )
        if not error:
            call.org.directory.set_password(session.user_id, new, keep=session.token)
            return browser.go(start)
    hidden = {"_CONFIRMATIONTOKEN": browser.confirmation(session, pages.CHANGE_PASSWORD)}
    return pages.change_password(user=session.username, start=start, hidden=hidden, error=error)


def _wrong(call: Call, username: str, current: str, new: str, again: str) -> str:
    """Return what is wrong with a change of password, nothing where it is right."""
    if len(new) < SHORTEST_PASSWORD:
        return f"Your password must be at least {SHORTEST_PASSWORD} characters long."
    if new != again:
        return "The new passwords do not match."
    if new == current:
        return "Choose a password that is not the one before."
    try:
        # As at the login page, whoever guesses too often is locked out.
        call.org.admission.by_password(username, current, replace(forms.visit(call), kind="Application", by_hand=True))
    except LoginRefused:
        return "Your current password is not right."
    return ""
