"""The REST API. Importing the package declares its operations; `ROUTES` lists them."""

from mock_server.protocols.rest import (
    blobs,
    collections,
    describe,
    linked,
    list_views,
    meta,
    passwords,
    query,
    recent,
    records,
    relationships,
    replication,
    search,
)
from mock_server.protocols.rest.formats import finish
from mock_server.protocols.rest.replies import render, routes, unversioned

ROUTES = (unversioned, routes, relationships.keyed)

__all__ = [
    "ROUTES",
    "blobs",
    "collections",
    "describe",
    "finish",
    "linked",
    "list_views",
    "meta",
    "passwords",
    "query",
    "recent",
    "records",
    "relationships",
    "render",
    "replication",
    "search",
]
