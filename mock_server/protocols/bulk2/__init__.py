"""Bulk API 2.0: ingest and query jobs, one upload and CSV. Decodes, asks `org.jobs`, encodes."""

from mock_server.protocols.bulk2 import ingest, query

ROUTES = [ingest.routes, ingest.changes, query.routes]

__all__ = ["ROUTES", "ingest", "query"]
