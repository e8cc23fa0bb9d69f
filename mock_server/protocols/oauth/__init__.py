"""OAuth 2.0 and OpenID Connect: authorization, tokens, revocation, introspection, identity."""

from mock_server.protocols.oauth import (
    authorize,
    browser,
    codes,
    devices,
    exchange,
    expired,
    identity,
    lifecycle,
    openid,
    sessions,
    token,
)
from mock_server.protocols.oauth.forms import discovery, identities, revocations, routes, tokens

ROUTES = (routes, tokens, revocations, identities, discovery, browser.routes, sessions.bridges)

__all__ = [
    "ROUTES",
    "authorize",
    "codes",
    "devices",
    "exchange",
    "expired",
    "identity",
    "lifecycle",
    "openid",
    "sessions",
    "token",
]
