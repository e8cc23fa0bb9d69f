"""Change data capture: what is done to records becomes events, whichever API did it."""

from mock_server.org.events.changes.capture import Changes
from mock_server.org.events.changes.telling import gap_of

__all__ = ["Changes", "gap_of"]
