"""What an app that shows web pages is given besides its access token: sessions and cookies of the pages' domains."""

from __future__ import annotations

from mock_server.operations import Call
from mock_server.org import chance
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.directory import User
from mock_server.org.identity.scopes import covers
from mock_server.protocols.instance import my_domain
from mock_server.protocols.oauth.browser import COOKIE

_DOMAINS = {
    "lightning": "{0}.lightning.force.com",
    "visualforce": "{0}--c.vf.force.com",
    "content": "{0}.file.force.com",
}


def fields(call: Call, user: User, app: ConnectedApp, scopes: tuple[str, ...]) -> dict[str, str]:
    """Return the fields that the hybrid flows add to an answer, as far as the scopes reach."""
    found: dict[str, str] = {}
    for scope, domain in _DOMAINS.items():
        if covers(scopes, scope):
            session = call.org.sessions.open(user, app, (scope,))
            found |= {f"{scope}_domain": domain.format(my_domain(call.org)), f"{scope}_sid": session.token}
            if scope == "lightning":
                found["csrf_token"] = chance.secret(64)
    if covers(scopes, "web"):
        found |= {"cookie-clientSrc": "127.0.0.1", "cookie-sid_Client": chance.secret(22), "sidCookieName": COOKIE}
    return found
