"""A stream of deliveries: what was asked for is sent as it comes, and no more; the rest is waiting."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from mock_server.deliveries import DeliveriesSpent
from mock_server.journal import EventNote
from mock_server.operations import Reply
from mock_server.org import errors
from mock_server.protocols.pubsub import wire
from mock_server.protocols.pubsub.encoding import encoded
from mock_server.protocols.pubsub.topics import channel_of

if TYPE_CHECKING:
    from mock_server.operations import Call
    from mock_server.org.events import Channel, Event

MOST = 100
"""Events that one request adds to what is outstanding, at the most, and that one delivery brings."""
LARGEST = 3 * 1024 * 1024
"""Bytes of a delivery, where it has several events: clients take 4 MB unless they say otherwise."""
KEEP_ALIVE = 270.0
"""Seconds after which a stream that has nothing to deliver says so."""
STARVED = 60.0
"""Seconds after which a stream is closed of which nothing is outstanding, unless the client asks again."""


class Courier(ABC):
    """One stream of a subscriber. `pending` are the events that it has asked for and not been sent.

    All times are those of the org's clock.
    """

    def __init__(self, call: Call, channel: Channel, position: int) -> None:
        assert call.stream is not None
        self.call = call
        self.stream = call.stream
        self.clock = call.org.clock
        self.channel = channel
        self.pending = 0
        self.answers: list[bytes] = []
        """What is to be told beside events: the further fields of a response each."""
        self.told = 0
        """The newest replay id that the client has been told."""
        self.wake = asyncio.Event()
        self._rpc = wire.rpc_id(call)
        self._spoke = self._asked = self.clock.now()
        self._reading: asyncio.Future[bytes | None] | None = None
        self._unwatch: Callable[[], None] = lambda: None
        self._finished = False
        self._generation = call.org.events.generation
        self._granted = self._grounds()
        self.cut = False
        """Whether a fault breaks the connection."""
        self.feed = call.feed(channel, str(call.entry.number), position, self.wake)

    # -- what the two kinds of subscription differ in

    @abstractmethod
    def request(self, message: bytes) -> None:
        """Take note of a further request. Raises ApiError."""

    def check(self) -> None:
        """Raise ApiError where the subscription cannot go on."""
        return

    def due(self) -> float:
        """Return when to check again, in clock seconds, where nothing happens."""
        quiet = self._spoke_until() if self.pending else self._asked + STARVED
        return min(quiet, self.call.session.expires + 0.001)

    def _spoke_until(self) -> float:
        return self._spoke + KEEP_ALIVE

    def starves(self) -> bool:
        """Tell whether a stream of which nothing is outstanding is closed after a while."""
        return True

    # --

    def asks(self, number: int) -> None:
        """Add to what is outstanding."""
        self.pending += min(number, MOST)
        self.noted("fetched", asked=number)

    def noted(self, what: str, replay_id: int | None = None, asked: int | None = None) -> None:
        entry = self.call.entry
        note = EventNote(
            self.clock.now(), what, self.channel.name, replay_id, None, str(entry.number), asked  # type: ignore[arg-type]
        )  # fmt: skip
        self.call.journal.told(entry, [note])

    async def run(self) -> Reply:
        """Deliver until the client wants no more; return what ends the stream. Raises ApiError, which ends it, too."""
        try:
            self._watch()
            self._read()
            while await self._turn():
                pass
        except ConnectionError:
            # Nobody is left to deliver to.
            return wire.sent(b"")
        finally:
            self._unwatch()
            self.feed.close()
            if self._reading is not None:
                self._reading.cancel()
        if self.cut:
            self.call.entry.outcome = "cut"
            return Reply(delivery="cut")
        return wire.sent(b"")

    async def _turn(self) -> bool:
        """Do what there is to do, or wait for it; tell whether the stream goes on."""
        self.wake.clear()
        while not self._finished and self._reading is not None and self._reading.done():
            message = self._reading.result()
            if message is None:
                self._finished = True
                break
            session = self.call.session
            self.request(wire.fits(message))
            if self.call.session is not session:
                self._watch()
            self._asked = self.clock.now()
            self._read()
        self._allowed()
        self.check()
        if self.answers or self.pending:
            events = self._take()
            if not events:
                # A fault may have ended the session instead.
                self._allowed()
            if events or (self.answers and not self.feed.silent):
                await self._send(events)
            if self._ended():
                return False
            if events is None or events:
                return True
        if self._finished:
            return False
        await self._quiet()
        return True

    def _read(self) -> None:
        self._reading = asyncio.ensure_future(self.stream.receive())
        self._reading.add_done_callback(lambda _: self.wake.set())

    def _watch(self) -> None:
        """Be woken when the caller's session ends: the one that a request has brought, where one has."""
        self._unwatch()
        self._unwatch = self.call.org.sessions.watch(self.call.session.token, self.wake.set)

    def _allowed(self) -> None:
        """Raise ApiError where the caller's session, or the org, is there no more."""
        org, session = self.call.org, self.call.session
        if org.closed or org.events.generation != self._generation:
            raise errors.SERVICE_UNAVAILABLE()
        if org.sessions.peek(session.token) is None or session.user_id in org.accesses.barred:
            raise errors.SERVICE_AUTH_ERROR()
        grounds = self._grounds()
        if grounds != self._granted:
            # Raises where the topic is there no more, or the caller may read it no longer.
            channel_of(self.call, self.channel.name)
            self._granted = grounds

    def _grounds(self) -> tuple[object, ...]:
        """Return what is another one once the caller may be told something else about the topic."""
        org = self.call.org
        access = org.accesses.of(self.call.session.user_id)
        return access, org.schema.version, org.channels.get(self.channel.name.rpartition("/")[2])

    def _ended(self) -> bool:
        """Tell whether a fault breaks the connection now. Raises ApiError where it ends the stream in another way."""
        ended = self.feed.ended
        if ended == "slow":
            raise errors.FETCH_OVERFLOW()
        if ended == "forget":
            raise errors.SERVICE_UNAVAILABLE()
        self.cut = ended == "disconnect"
        return self.cut

    def _take(self) -> Sequence[Event] | None:
        """Return the events to send now; None where only such have been passed that are not for this subscriber."""
        most = min(self.pending, MOST)
        if not most:
            return ()
        before = self.feed.position
        try:
            events: Sequence[Event] = self.feed.take(self.call, most)
        except DeliveriesSpent:
            raise errors.DELIVERY_LIMIT() from None
        if not events and self.feed.position != before:
            return None
        return events

    async def _send(self, events: Sequence[Event] | None) -> None:
        for batch in _batches([(event, encoded(self.call, event)) for event in events or ()]):
            self.pending -= len(batch)
            await self._say([content for _, content in batch], batch[-1][0].replay_id)
        # Apart from events: clients commit what comes without the answer to a commit.
        while self.answers:
            await self._say((), self._latest(), self.answers.pop(0))

    async def _say(self, events: Sequence[bytes], latest: int, more: bytes = b"") -> None:
        # Before it leaves: the client may move the clock as soon as it has it.
        self._spoke = self._asked = self.clock.now()
        self.told = max(self.told, latest)
        await self.stream.send(wire.fetched(events, latest, self._rpc, self.pending, more))

    def _latest(self) -> int:
        """Return the replay id from which to go on, where nothing was delivered."""
        bus, position = self.call.org.events, self.feed.position
        # What a fault holds back is not to be passed over by who begins anew.
        return position if bus.after(self.channel, position, 1) else max(position, bus.tip())

    async def _quiet(self) -> None:
        """Wait for something to happen; say that nothing has when it is time to."""
        now = self.clock.now()
        if self.pending and now >= self._spoke + KEEP_ALIVE:
            if self.feed.keeps_alive(self.call):
                latest = self._latest()
                self.noted("announced", latest)
                await self._say((), latest)
            elif self.feed.ended is not None:
                self.feed.news.set()
                self._ended()
            else:
                self._spoke = now
        elif not self.pending and self.starves() and now >= self._asked + STARVED:
            raise errors.STREAM_STARVED(seconds=int(STARVED))
        due = self.due()
        if due <= now:
            await asyncio.sleep(0)
            return
        alarm: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # One that is put away must wake nobody: the next wait would end by it, and the one behind that, for ever.
        alarm.add_done_callback(lambda rung: None if rung.cancelled() else self.wake.set())
        self.clock.rouse(alarm, due)
        try:
            await self.wake.wait()
        finally:
            if not alarm.done():
                self.clock.let_lie(alarm)


def _batches(events: list[tuple[Event, bytes]]) -> Iterator[list[tuple[Event, bytes]]]:
    """Divide events so that no delivery is too large to be read."""
    batch: list[tuple[Event, bytes]] = []
    size = 0
    for event, content in events:
        if batch and size + len(content) > LARGEST:
            yield batch
            batch, size = [], 0
        batch.append((event, content))
        size += len(content)
    if batch:
        yield batch
