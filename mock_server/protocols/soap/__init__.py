"""The SOAP API, partner and enterprise: login and logout, and the life of records."""

from mock_server.protocols.soap.login import ROUTES

__all__ = ["ROUTES"]
