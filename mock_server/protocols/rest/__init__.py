"""The REST API. Importing the package declares its operations; `ROUTES` lists them."""

from mock_server.protocols.rest import (
    blobs,
    collections,
    composite,
    describe,
    list_views,
    meta,
    passwords,
    query,
    recent,
    records,
    replication,
    search,
)
from mock_server.protocols.rest.replies import render, routes, unversioned

ROUTES = (unversioned, routes)

__all__ = [
    "ROUTES",
    "blobs",
    "collections",
    "composite",
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
]
