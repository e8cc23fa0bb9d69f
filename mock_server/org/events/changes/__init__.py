"""Change data capture: what is done to records becomes events, whichever API did it."""

from mock_server.org.events.changes.capture import MOST_CHANGES, Changes
from mock_server.org.events.changes.telling import gap_of

__all__ = ["MOST_CHANGES", "Changes", "gap_of"]
