"""The REST API. Importing the package declares its operations; `ROUTES` lists them."""

from mock_server.protocols.rest import (
    apexrest,
    blobs,
    collections,
    composite,
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
    tooling,
    ui,
)
from mock_server.protocols.rest.replies import render, routes, unversioned

ROUTES = (unversioned, routes, ui.routes, apexrest.routes)

__all__ = [
    "ROUTES",
    "apexrest",
    "blobs",
    "collections",
    "composite",
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
    "tooling",
    "ui",
]
