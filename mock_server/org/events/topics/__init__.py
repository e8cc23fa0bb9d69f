"""PushTopics and streaming channels: what the Streaming API tells of beside platform events and changes."""

from mock_server.org.events.topics.generic import GenericChannels
from mock_server.org.events.topics.topics import Topics

__all__ = ["GenericChannels", "Topics"]
