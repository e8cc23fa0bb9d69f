"""SOQL: grammar -> syntax tree -> plan -> SQL -> records."""

from mock_server.org.query.queries import Page, Queries

__all__ = ["Page", "Queries"]
