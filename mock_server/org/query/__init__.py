"""SOQL: grammar -> syntax tree -> plan -> SQL -> records."""

from mock_server.org.query.binder import NEWEST
from mock_server.org.query.pages import Page
from mock_server.org.query.queries import Queries

__all__ = ["NEWEST", "Page", "Queries"]
