"""A channel as one subscriber sees it: permissions and filters are asked anew at each delivery."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from mock_server.org.events.channel import Channel
from mock_server.org.events.model import Event


class View(Channel):
    """A channel of which a subscriber sees a part. `name` is the one that he asked for, whatever it is called later."""

    __slots__ = ("_channel", "_passed")

    def __init__(self, channel: Channel) -> None:
        super().__init__(channel.name, channel.kind, channel.retention)
        self._channel = channel
        self._passed = (0, 0)
        """Behind which replay id there was nothing to see, and up to which one."""

    def __len__(self) -> int:
        return len(self._channel)

    def expire(self, now: float) -> None:
        self._channel.expire(now)

    def after(self, replay_id: int, most: int) -> list[Event]:
        asked, passed = replay_id, self._passed
        if asked == passed[0]:
            # Who waits for what is not for him is not to look at all of it each time.
            replay_id = passed[1]
        while True:
            events = self._channel.after(replay_id, most)
            seen = self.seen(events)
            if seen:
                return seen
            if events:
                replay_id = events[-1].replay_id
                self._passed = (asked, replay_id)
            if not events or len(events) < most:
                return seen

    @abstractmethod
    def seen(self, events: Sequence[Event]) -> list[Event]:
        """Return what the subscriber is told of some events."""
