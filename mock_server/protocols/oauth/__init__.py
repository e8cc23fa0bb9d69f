"""OAuth 2.0: tokens, revocation, introspection, identity."""

from mock_server.protocols.oauth import identity, lifecycle, token
from mock_server.protocols.oauth.forms import identities, revocations, routes

ROUTES = (routes, revocations, identities)

__all__ = ["ROUTES", "identity", "lifecycle", "token"]
