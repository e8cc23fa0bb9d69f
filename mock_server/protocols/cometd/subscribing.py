"""Subscribing: which channel is meant, who may read it, and where its events begin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mock_server.deliveries import allocation
from mock_server.journal import EventNote
from mock_server.operations import Call
from mock_server.org.events import LATEST, Channel, NoChannel, NotPermitted, UnknownReplay
from mock_server.org.events.clients import StreamingClient
from mock_server.protocols.cometd import replies
from mock_server.protocols.cometd.delivering import Bell, Reading
from mock_server.protocols.cometd.messages import Message
from mock_server.protocols.cometd.replies import told

_REPLAYS = range(-2, 1 << 63)
if TYPE_CHECKING:
    from mock_server.org.events.topics.filters import NoFilter

_NUMBER = re.compile(r"[+-]?[0-9]{1,19}")
_OWN = ("/meta/", "/service/")


class Refused(Exception):
    """A subscription that is not granted; `error` is what the client is told."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


def subscribe(call: Call, client: StreamingClient, message: Message) -> dict[str, Any]:
    """Answer a request to subscribe: to one channel, or to all of several or none."""
    names = message.get("subscription")
    wanted = names if isinstance(names, list) else [names]
    if not wanted:
        return told(message, client=client, error=replies.NO_CHANNEL_NAME)
    granted: list[Reading] = []
    for name in wanted:
        try:
            granted.append(_reading(call, client, message, name))
        except Refused as refused:
            for reading in granted:
                reading.close()
            return told(message, client=client, error=refused.error)
    for reading in granted:
        # Who subscribes again begins anew, from where he says this time.
        before = client.subscriptions.pop(reading.name, None)
        if before is not None:
            before.close()
        client.subscriptions[reading.name] = reading
        _note(call, client, reading.name, reading.replay)
    return told(message, client=client)


def unsubscribe(call: Call, client: StreamingClient, message: Message) -> dict[str, Any]:
    """Answer a request to read a channel no more; one that was not read is none to speak of."""
    names = message.get("subscription")
    wanted = names if isinstance(names, list) else [names]
    known = [name for name in wanted if isinstance(name, str) and name]
    if not known or known != wanted:
        return told(message, client=client, error=replies.NO_CHANNEL_NAME)
    for name in known:
        leave(call, client, name)
    return told(message, client=client)


def leave(call: Call, client: StreamingClient, name: str) -> None:
    """End a subscription, where there is one."""
    reading = client.subscriptions.pop(name, None)
    if reading is not None:
        reading.close()
        note = EventNote(call.org.clock.now(), "unsubscribed", name, subscriber=client.id)
        call.journal.told(call.entry, [note])


def _reading(call: Call, client: StreamingClient, message: Message, name: Any) -> Reading:
    if not isinstance(name, str) or not name:
        raise Refused(replies.NO_CHANNEL_NAME)
    replay = LATEST
    try:
        if not name.startswith("/"):
            raise Refused(replies.NO_SLASH)
        if name.startswith(_OWN):
            raise Refused(replies.RESTRICTED)
        replay = _replay(client, message, name)
        channel = _find(call, name)
        if channel.kind == "topic" and not client.deletions:
            channel = _early(channel)
        if allocation(call.org, channel, durable=client.durable).remaining <= 0:
            raise Refused(replies.TOO_MANY_EVENTS)
        try:
            position = call.begin(call, channel, replay)
        except UnknownReplay:
            raise Refused(replies.BAD_REPLAY.format(replay)) from None
    except Refused as refused:
        _note(call, client, name, replay, refused.error)
        raise
    feed = call.feed(channel, client.id, position, Bell(client), durable=client.durable)
    return Reading(name, feed, replay)


def _find(call: Call, name: str) -> Channel:
    try:
        return call.org.events.find(call.session, name)
    except NoChannel as error:
        generic = name.startswith("/u/")
        raise Refused(replies.NO_GENERIC[error.reason] if generic else replies.NO_SUCH_CHANNEL.format(name)) from None
    except NotPermitted as error:
        if name.startswith("/topic/") and error.entity != "PushTopic":
            raise Refused(replies.NO_CONDITION if error.right == "filter" else replies.NO_ENTITY) from None
        if error.right == "create":
            raise Refused(replies.NOT_MADE.format(name)) from None
        denial = next((text for start, text in replies.DENIED.items() if name.startswith(start)), replies.RESTRICTED)
        raise Refused(denial) from None
    except _no_filter() as error:
        raise Refused(replies.NO_FIELDS.format(", ".join(error.fields))) from None


def _early(channel: Channel) -> Channel:
    from mock_server.org.events.topics.views import EarlyView

    return EarlyView(channel)


def _no_filter() -> type[NoFilter]:
    # Where nobody has a topic nothing of theirs is loaded.
    from mock_server.org.events.topics.filters import NoFilter

    return NoFilter


def _replay(client: StreamingClient, message: Message, name: str) -> int:
    """Return from where a client wants to read. A filtered channel goes by its name without the filter."""
    ext = message.get("ext")
    asked = ext.get("replay") if isinstance(ext, dict) else None
    if not client.durable or not isinstance(asked, dict) or not asked:
        return LATEST
    base = name.partition("?")[0]
    if asked.get(base) is None:
        # Recorded of null, which some clients send who were given no id: it is as good as no entry.
        shown = ", ".join(f"{key}={replies.short(value)}" for key, value in asked.items())
        raise Refused(replies.NOT_IN_MAP.format(base, "{" + shown + "}"))
    value, told = asked[base], replies.short(asked[base])
    if (isinstance(value, str) and _NUMBER.fullmatch(value)) or (isinstance(value, float) and value.is_integer()):
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value not in _REPLAYS:
        raise Refused(replies.BAD_REPLAY.format(told))
    return value


def _note(call: Call, client: StreamingClient, name: str, replay: int, refused: str | None = None) -> None:
    note = EventNote(call.org.clock.now(), "subscribed", name, replay, subscriber=client.id, refused=refused)
    call.journal.told(call.entry, [note])
