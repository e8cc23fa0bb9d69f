"""The event bus: channels, each an append-only log with replay ids, and what is published to them."""

from mock_server.org.events.access import NoChannel, NotPermitted, Resolver
from mock_server.org.events.bus import EventBus
from mock_server.org.events.channel import Channel
from mock_server.org.events.model import EARLIEST, LATEST, Event, Kind, UnknownReplay

__all__ = [
    "EARLIEST", "LATEST", "Channel", "Event", "EventBus", "Kind", "NoChannel", "NotPermitted", "Resolver",
    "UnknownReplay",
]  # fmt: skip
