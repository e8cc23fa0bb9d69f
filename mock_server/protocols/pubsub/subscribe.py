"""Subscribe: a client asks for so many events of a topic, again and again, and gets them as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.journal import EventNote
from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.events import EARLIEST, LATEST, UnknownReplay
from mock_server.protocols.pubsub import topics, wire
from mock_server.protocols.pubsub.courier import Courier

if TYPE_CHECKING:
    from mock_server.org.events import Channel

routes = wire.routes()


@routes(
    wire.operation("subscribe", "Subscribe", "Events of a topic, as many as are asked for", kind="stream", streams=True)
)
async def subscribe(call: Call) -> Reply:
    from mock_server.protocols.pubsub.messages import api, read

    assert call.stream is not None
    message = await call.stream.receive()
    if message is None:
        return wire.sent(b"")
    first = read(api.FetchRequest, wire.fits(message))
    replay: int | None = None
    try:
        channel = topics.channel_of(call, first.topic_name)
        if first.num_requested <= 0:
            raise errors.REQUESTED_EVENTS_INVALID()
        if first.auth_refresh:
            wire.renewed(call, first.auth_refresh)
        replay = _replay(first.replay_preset, first.replay_id)
        position = begun(call, channel, replay)
    except errors.ApiError as refusal:
        note(call, first.topic_name, replay, refusal.code)
        raise
    note(call, channel.name, replay)
    courier = _Subscriber(call, channel, position)
    courier.asks(first.num_requested)
    return await courier.run()


def note(call: Call, channel: str, replay: int | None, refused: str | None = None) -> None:
    """Note a subscription, and from where it was to be read; or why it was refused."""
    now, number = call.org.clock.now(), str(call.entry.number)
    call.journal.told(call.entry, [EventNote(now, "subscribed", channel, replay, None, number, None, refused)])


def _replay(preset: int, told: bytes) -> int:
    """Return from where a client wants to read. Raises ApiError."""
    if preset not in (0, 1, 2):
        raise errors.FETCH_INVALID(why=f"there is no replay preset {preset}")
    if preset != 2:
        return EARLIEST if preset == 1 else LATEST
    if not told:
        raise errors.REPLAY_MISSING()
    return wire.replay_number(told)


def begun(call: Call, channel: Channel, replay: int) -> int:
    """Return where a channel is read from. Raises ApiError."""
    try:
        return call.begin(call, channel, replay)
    except UnknownReplay:
        raise errors.REPLAY_CORRUPTED() from None


class _Subscriber(Courier):
    def request(self, message: bytes) -> None:
        from mock_server.protocols.pubsub.messages import api, read

        further = read(api.FetchRequest, message)
        if further.topic_name and further.topic_name != self.channel.name:
            raise errors.FETCH_TOPIC_MISMATCH(topic=further.topic_name, first=self.channel.name)
        if further.num_requested <= 0:
            raise errors.REQUESTED_EVENTS_INVALID()
        if further.auth_refresh:
            wire.renewed(self.call, further.auth_refresh)
        self.call.org.sessions.find(self.call.session.token)
        self.asks(further.num_requested)
