"""The pages that people see: plain HTML, no script, nothing from elsewhere.

Names and ids of the fields are Salesforce's own (`username`, `pw`, `Login`, `oaapprove`, `oadeny`), so that what drives
its pages drives these.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape

from mock_server.operations import Reply

HTML = "text/html;charset=UTF-8"
_STYLE = """
:root{color-scheme:light dark;--page:#f4f6f9;--card:#fff;--ink:#16325c;--soft:#54698d;--line:#d8dde6;--main:#0070d2;
--on-main:#fff;--bad:#c23934}
@media(prefers-color-scheme:dark){:root{--page:#12161c;--card:#1c232d;--ink:#e6edf5;--soft:#a9b8cc;--line:#3a4757;
--main:#78b0fd;--on-main:#0b1827;--bad:#fe9339}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;padding:1rem;background:var(--page);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
main{width:100%;max-width:26rem;padding:2rem;background:var(--card);border:1px solid var(--line);border-radius:.5rem}
.popup main,.touch main,.mobile main{max-width:22rem;padding:1.25rem}
h1{margin:0 0 1rem;font-size:1.35rem;line-height:1.3;overflow-wrap:anywhere}
p,ul,dl{margin:0 0 1rem;overflow-wrap:anywhere}
ul{padding-left:1.25rem}
label{display:block;margin-bottom:.25rem;color:var(--soft);font-size:.9rem}
input:not([type=submit]){width:100%;margin-bottom:1rem;padding:.6rem .75rem;border:1px solid var(--soft);
border-radius:.25rem;background:transparent;color:inherit;font:inherit}
input[type=submit]{padding:.6rem 1.25rem;border:1px solid var(--main);border-radius:.25rem;background:var(--card);
color:var(--main);font:inherit;font-weight:600;cursor:pointer}
input.main{background:var(--main);color:var(--on-main)}
.wide{width:100%}
.choice{display:flex;gap:.75rem;justify-content:flex-end}
:focus-visible{outline:3px solid var(--main);outline-offset:2px}
a{color:var(--main)}
.error{padding:.6rem .75rem;border-left:4px solid var(--bad);color:var(--bad)}
.soft{margin-top:1rem;color:var(--soft);font-size:.9rem}
main>:last-child{margin-bottom:0}
dt{color:var(--soft);font-size:.9rem}dd{margin:0 0 .5rem}
""".strip()
_STYLE_HASH = base64.b64encode(sha256(_STYLE.encode()).digest()).decode()
_DISPLAYS = ("page", "popup", "touch", "mobile")


def show(title: str, body: str, *, status: int = 200, display: str = "page", goes_to: str = "") -> Reply:
    """Return a page. `body` is HTML; `goes_to` is where its form may lead besides this server."""
    view = display if display in _DISPLAYS else "page"
    text = (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(title)}</title>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<link rel="icon" href="data:,">\n<style>{_STYLE}</style>\n</head>\n<body class="{view}">\n<main>\n{body}\n'
        "</main>\n</body>\n</html>\n"
    )
    # Browsers follow a form's policy through redirects: without the callback's origin they would stop before it.
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src data:; base-uri 'none'; "
        f"frame-ancestors 'none'; form-action 'self'{' ' + goes_to if goes_to else ''}"
    )
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        # No address of a page leaves: it may name a request that waits.
        "Referrer-Policy": "same-origin",
        "Expires": "Thu, 01 Jan 1970 00:00:00 GMT",
    }
    return Reply(status, text.encode(), HTML, headers)


def message(title: str, *paragraphs: str, status: int = 200) -> Reply:
    """Return a page that says something."""
    body = "".join(f"<p>{escape(one)}</p>\n" for one in paragraphs)
    return show(title, f"<h1>{escape(title)}</h1>\n{body}", status=status)


def login(*, username: str, start: str, error: str = "", display: str = "page", goes_to: str = "") -> Reply:
    """Return the login page. Its form is posted to `/`: `username`, `pw`, and `startURL` where to go on."""
    alert = f'<p class="error" id="error" role="alert">{escape(error)}</p>\n' if error else ""
    described = ' aria-describedby="error"' if error else ""
    focus = ("", " autofocus") if username else (" autofocus", "")
    body = (
        f'<h1>Log in to sfmock</h1>\n{alert}<form id="login_form" name="login" method="post" action="/">\n'
        f'{_hidden({"startURL": start})}<label for="username">Username</label>\n'
        f'<input id="username" name="username" type="text" value="{escape(username)}" maxlength="80" required '
        f'autocomplete="username" autocapitalize="none" spellcheck="false"{described}{focus[0]}>\n'
        f'<label for="password">Password</label>\n<input id="password" name="pw" type="password" required '
        f'autocomplete="current-password"{described}{focus[1]}>\n'
        '<input id="Login" name="Login" class="main wide" type="submit" value="Log In">\n</form>'
    )
    return show("Login | sfmock", body, display=display, goes_to=goes_to)


def consent(
    *, app: str, user: str, wants: Iterable[str], hidden: Mapping[str, str], away: str, display: str, goes_to: str
) -> Reply:
    """Return the page that asks a user whether an app may do things. `away` leads to another user's login."""
    items = "".join(f"<li>{escape(one)}</li>\n" for one in wants)
    body = (
        f"<h1>Allow Access?</h1>\n<p><strong>{escape(app)}</strong> is asking to:</p>\n<ul>\n{items}</ul>\n"
        f'<p>Do you want to allow access for {escape(user)}? (<a href="{escape(away)}">Not you?</a>)</p>\n'
        f'<form id="editPage" method="post" action="{APPROVAL}">\n{_hidden(hidden)}<div class="choice">\n'
        '<input id="oadeny" name="cancel" type="submit" value="Deny">\n'
        '<input id="oaapprove" name="save" class="main" type="submit" value="Allow">\n</div>\n</form>\n'
        '<p class="soft">To revoke access at any time, go to your personal settings.</p>'
    )
    return show("Allow Access?", body, display=display, goes_to=goes_to)


def connect(*, user_code: str, hidden: Mapping[str, str], error: str = "") -> Reply:
    """Return the page that takes the code that a device shows. Its form is posted to `/setup/connect`: `user_code`."""
    alert = f'<p class="error" id="error" role="alert">{escape(error)}</p>\n' if error else ""
    described = ' aria-describedby="error"' if error else ""
    body = (
        f'<h1>Connect a Device</h1>\n{alert}<form method="post" action="/setup/connect">\n{_hidden(hidden)}'
        '<label for="user_code">Enter the code shown on your device</label>\n'
        f'<input id="user_code" name="user_code" type="text" value="{escape(user_code)}" maxlength="20" required '
        f'autocomplete="off" autocapitalize="characters" spellcheck="false"{described} autofocus>\n'
        '<input id="connect" name="connect" class="main wide" type="submit" value="Connect">\n</form>'
    )
    return show("Connect a Device", body)


def change_password(*, user: str, start: str, hidden: Mapping[str, str], error: str = "") -> Reply:
    """Return the page on which a user whose password has expired chooses another. Its form is posted to itself."""
    alert = f'<p class="error" id="error" role="alert">{escape(error)}</p>\n' if error else ""
    described = ' aria-describedby="error"' if error else ""
    fields = "".join(
        f'<label for="{name}">{label}</label>\n<input id="{name}" name="{name}" type="password" required '
        f'autocomplete="{fill}"{described}{focus}>\n'
        for name, label, fill, focus in (
            ("currentpassword", "Current Password", "current-password", " autofocus"),
            ("newpassword", "New Password", "new-password", ""),
            ("confirmpassword", "Confirm New Password", "new-password", ""),
        )
    )
    body = (
        f"<h1>Change Your Password</h1>\n<p>The password of {escape(user)} has expired.</p>\n{alert}"
        f'<form id="editPage" method="post" action="{CHANGE_PASSWORD}">\n'
        f"{_hidden({**hidden, 'startURL': start})}{fields}"
        '<input id="password-button" name="save" class="main wide" type="submit" value="Change Password">\n</form>'
    )
    return show("Change Your Password", body)


def home(*, user: str, organization: str, org_id: str) -> Reply:
    """Return the page of a user who is logged in."""
    body = (
        "<h1>sfmock</h1>\n<p>You are logged in. This org has its APIs and the pages of its logins, and no other user "
        f"interface.</p>\n<dl><dt>User</dt><dd>{escape(user)}</dd>\n<dt>Organization</dt><dd>{escape(organization)} "
        f'({escape(org_id)})</dd></dl>\n<p><a href="/secur/logout.jsp">Log Out</a></p>'
    )
    return show("Home | sfmock", body)


def _hidden(fields: Mapping[str, str]) -> str:
    return "".join(
        f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">\n' for name, value in fields.items()
    )


APPROVAL = "/setup/secur/RemoteAccessAuthorizationPage.apexp"
"""Where a user decides about an app."""
CHANGE_PASSWORD = "/_ui/system/security/ChangePassword"  # noqa: S105
"""Where a user chooses another password."""
