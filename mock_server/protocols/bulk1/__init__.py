"""Bulk API 1.0 (`/services/async`): jobs and the batches of their clients, in XML, JSON and CSV."""

from mock_server.protocols.bulk1 import batches, elsewhere, jobs

ROUTES = [jobs.routes, jobs.changes, batches.routes, elsewhere.routes]

__all__ = ["ROUTES"]
