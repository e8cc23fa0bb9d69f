"""The User Interface API: what Lightning components read. Importing the package declares its operations."""

from mock_server.protocols.rest.ui import children, layouts, object_info, records, related
from mock_server.protocols.rest.ui.replies import routes

__all__ = ["children", "layouts", "object_info", "records", "related", "routes"]
