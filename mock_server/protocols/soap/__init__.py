"""The SOAP API, partner and enterprise: login and logout, and the life of records; and what Apex's answers."""

from mock_server.protocols.soap import apex, login

ROUTES = [*login.ROUTES, apex.posts]

__all__ = ["ROUTES", "apex", "login"]
