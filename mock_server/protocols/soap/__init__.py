"""The SOAP API's login and logout, partner and enterprise."""

from mock_server.protocols.soap.login import ROUTES

__all__ = ["ROUTES"]
