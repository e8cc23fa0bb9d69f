"""SOQL: grammar -> syntax tree -> plan -> SQL -> records."""

from mock_server.org.query.binder import NEWEST
from mock_server.org.query.queries import Page, Queries

__all__ = ["NEWEST", "Page", "Queries"]
