"""Long polling: a request to connect is answered when there is something to tell, or after 110 s of the org's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from mock_server.deliveries import DeliveriesSpent
from mock_server.operations import Call
from mock_server.org.events.clients import HOLD, Release, StreamingClient
from mock_server.protocols.cometd import replies
from mock_server.protocols.cometd.delivering import may_be_empty, take
from mock_server.protocols.cometd.messages import Message
from mock_server.protocols.cometd.replies import told

Part = dict[str, Any] | bytes


class Hold:
    """A request that is held. It is released once, by whatever comes first; `why` is None where that is the clock."""

    __slots__ = ("awake", "why")

    def __init__(self) -> None:
        self.awake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.why: Release | None = None

    def release(self, why: Release) -> None:
        if not self.awake.done():
            self.why = why
            self.awake.set_result(None)

    def left(self) -> None:
        self.release("left")


async def connect(call: Call, client: StreamingClient, message: Message, *, alone: bool) -> list[Part]:
    """Answer a request to connect: the events that there are, then the answer itself.

    The first of a client is answered at once, and so is one that is not `alone` in its request, as CometD has it.
    """
    kind = message.get("connectionType", "long-polling")
    if kind != "long-polling":
        return [told(message, client=client, error=replies.CONNECTION_TYPE.format(replies.short(kind)))]
    if client.held is not None:
        # Of two the newer one counts; the older is answered, so that neither of them is lost.
        client.held.release("superseded")
    first, client.connected = not client.connected, True
    clock = call.org.clock
    due = clock.now() + (0.0 if first or not alone else _patience(message))
    while True:
        try:
            parts, ended = take(call, client)
        except DeliveriesSpent:
            # The guide: "an error is returned and the subscription is disconnected".
            call.org.streaming.close(client)
            return [told(message, client=client, error=replies.TOO_MANY_EVENTS, advice=replies.LEAVE)]
        if ended in ("slow", "forget"):
            call.org.streaming.close(client)
            return _unknown(message)
        if ended is not None and not parts:
            raise Broken
        if parts:
            break
        if due <= clock.now():
            if may_be_empty(call, client):
                break
            due = clock.now() + HOLD
        why = await _held(call, client, due)
        over = _over(call, client, message, why)
        if over is not None:
            return over
        if why == "superseded":
            break
    if ended is not None:
        raise Broken([*parts, told(message, client=client)])
    return [*parts, told(message, client=client, advice=replies.FIRST if first else None)]


class Broken(Exception):
    """The connection breaks behind an answer, or without one: the server knows its client no more."""

    def __init__(self, parts: Sequence[Part] = ()) -> None:
        super().__init__("the connection breaks")
        self.parts = parts


def _unknown(message: Message) -> list[Part]:
    return [told(message, error=replies.UNKNOWN_CLIENT, advice=replies.REHANDSHAKE)]


def _patience(message: Message) -> float:
    """Return for how many seconds a request may be held: a client may ask for less than all of them."""
    advice = message.get("advice")
    asked = advice.get("timeout") if isinstance(advice, dict) else None
    if isinstance(asked, int | float) and not isinstance(asked, bool):
        return min(HOLD, max(0.0, asked / 1000))
    return HOLD


async def _held(call: Call, client: StreamingClient, due: float) -> Release | None:
    """Wait until a request is held no more; return why, None for its time."""
    clock, hold = call.org.clock, Hold()
    client.held, call.leaves = hold, hold.left
    clock.rouse(hold.awake, due)
    try:
        await hold.awake
    finally:
        call.leaves = None
        if hold.why is not None or not hold.awake.done() or hold.awake.cancelled():
            clock.let_lie(hold.awake)
        if client.held is hold:
            client.held = None
    return hold.why


def _over(call: Call, client: StreamingClient, message: Message, why: Release | None) -> list[Part] | None:
    """Return the answer to a client with which it is over, None for one with whom it goes on.

    Nothing was taken for one that has left: what there is waits for its next request.
    """
    org = call.org
    if why == "left" or (call.gone is not None and call.gone()):
        org.streaming.answered(client)
        return []
    if why == "disconnected":
        return [told(message, client=client, advice=replies.LEAVE)]
    if not org.streaming.knows(client):
        org.streaming.close(client)
        return _unknown(message)
    barred = call.session.over or call.session.user_id in org.accesses.barred
    if barred or not org.sessions.extend(call.session):
        return [told(message, client=client, error=replies.INVALID, advice=replies.LEAVE)]
    return None
