"""The User Interface API: what Lightning components read. Importing the package declares its operations."""

from mock_server.protocols.rest.ui import (
    children,
    defaults,
    layouts,
    lists,
    lookups,
    navigation,
    object_info,
    records,
    related,
)
from mock_server.protocols.rest.ui.replies import routes

__all__ = [
    "children",
    "defaults",
    "layouts",
    "lists",
    "lookups",
    "navigation",
    "object_info",
    "records",
    "related",
    "routes",
]
