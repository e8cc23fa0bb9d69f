"""The REST API. Importing the package declares its operations; `ROUTES` lists them."""

from mock_server.protocols.rest import (
    blobs,
    collections,
    connect,
    describe,
    knowledge,
    list_views,
    meta,
    pages,
    passwords,
    query,
    recent,
    records,
    replication,
    search,
    ui,
)
from mock_server.protocols.rest.replies import render, routes, unversioned

ROUTES = (unversioned, routes, ui.routes)

__all__ = [
    "ROUTES",
    "blobs",
    "collections",
    "connect",
    "describe",
    "knowledge",
    "list_views",
    "meta",
    "pages",
    "passwords",
    "query",
    "recent",
    "records",
    "render",
    "replication",
    "search",
    "ui",
]
