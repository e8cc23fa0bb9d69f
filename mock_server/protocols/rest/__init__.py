"""The REST API. Importing the package declares its operations; `ROUTES` lists them."""

from mock_server.protocols.rest import (
    blobs,
    collections,
    describe,
    list_views,
    meta,
    passwords,
    query,
    recent,
    records,
    replication,
    search,
    tooling,
)
from mock_server.protocols.rest.replies import render, routes, unversioned

ROUTES = (unversioned, routes)

__all__ = [
    "ROUTES",
    "blobs",
    "collections",
    "describe",
    "list_views",
    "meta",
    "passwords",
    "query",
    "recent",
    "records",
    "render",
    "replication",
    "search",
    "tooling",
]
