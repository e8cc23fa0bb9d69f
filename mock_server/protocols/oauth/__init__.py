"""OAuth 2.0: tokens, revocation, introspection, identity."""

from mock_server.protocols.oauth import identity, token
from mock_server.protocols.oauth.forms import identities, routes

ROUTES = (routes, identities)

__all__ = ["ROUTES", "identity", "token"]
