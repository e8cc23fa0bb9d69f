"""The event bus of an org: its channels, its replay ids, and who waits for news.

Replay ids increase through the whole org and are not consecutive. One that was given out stays good for as long as
what was published then is retained, on any channel: an empty answer of the Pub/Sub API tells the org's newest.

In an org that lives in a file events are kept by the transaction that they tell of. What was appended is taken back,
its replay ids too, where that cannot be committed: nobody is woken before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from mock_server.org.chance import stream
from mock_server.org.events.access import NoChannel, Resolver
from mock_server.org.events.changes.capture import Changes
from mock_server.org.events.channel import RETENTION, Channel
from mock_server.org.events.custom import CustomChannels
from mock_server.org.events.keeping import KeptEvents
from mock_server.org.events.model import EARLIEST, LATEST, Event, Kind, UnknownReplay
from mock_server.org.events.publishing import PlatformEvents
from mock_server.org.events.replay_ids import LONGEST, ReplayIds
from mock_server.org.events.schemas import Schemas
from mock_server.org.events.topics import GenericChannels, Topics

if TYPE_CHECKING:
    from mock_server.org.events.codecs import Codecs
    from mock_server.org.events.managed import ManagedSubscriptions
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.records.commits import Batch
    from mock_server.org.records.outbox import Outbox, Published
    from mock_server.org.schema.types import SObject

_RENEWED = "renewed event schema"
_UUID_MASK, _UUID_BITS = 0xF000 << 64 | 0xC000 << 48, 0x4000 << 64 | 0x8000 << 48


class Reader(Protocol):
    """A subscription, as whoever serves it keeps it."""

    subscriber: str
    position: int

    @property
    def channel(self) -> Channel: ...
    def wake(self) -> None: ...


class EventBus:
    """All channels of one org. `publish` appends; subscribers read with `after` whenever they are woken."""

    def __init__(self, org: Org, outbox: Outbox) -> None:
        self._org = org
        self._clock = org.clock
        self._ids = ReplayIds(org.seed)
        self.channels: dict[str, Channel] = {}
        self._listeners: dict[int, Callable[[], None]] = {}
        self._listener = 0
        self._outbox = outbox
        self._uuids = stream(org.seed, "event uuids")
        self._watchers: list[Callable[[Sequence[Batch]], None]] = []
        self.platform = PlatformEvents(org, self)
        self.resolvers: dict[Kind, Resolver] = {"platform": self.platform.find}
        """By kind: what finds a channel by its name."""
        self.on_published: list[Callable[[Sequence[Event]], None]] = []
        """Told of platform events as they are published."""
        self.on_lost: list[Callable[[Sequence[Published]], None]] = []
        """Told of those that were accepted and lost, as a publish callback of Apex is, by their EventUuids."""
        self.feeds: dict[int, Reader] = {}
        """The subscriptions that there are now, of all protocols."""
        self.renewals: dict[str, int] = {}
        """How often the schema of a type was changed without its fields."""
        self.schemas = Schemas(org.schema, self.renewals)
        self.generation = 0
        """Which life of the server this is: clients and streams of an earlier one are not known any more."""
        self.custom = CustomChannels(org, self)
        self.changes = Changes(org, self)
        self.resolvers["change"] = self.changes.find
        self.topics = Topics(org, self)
        self.resolvers["topic"] = self.topics.find
        self.generic = GenericChannels(org, self)
        self.resolvers["generic"] = self.generic.find
        self._kept = KeptEvents(org.store, LONGEST) if org.keeper.active else None
        self._held = False
        """Whether events are being appended that nobody is to be woken for yet."""
        if self._kept is not None:
            self.schemas.keep = self._kept.keep_schema
            self._recall(self._kept)

    def _recall(self, kept: KeptEvents) -> None:
        """Know what was published in an earlier life, and give out no replay id of it again."""
        self.renewals.update(self._org.keeper.noted(_RENEWED))
        for schema in kept.schemas():
            self.schemas.recall(schema)
        for replay_id, at, channels, event in kept.rows():
            self._ids.note(replay_id, at)
            for name in channels if event is not None else ():
                assert event is not None
                self._channel_of(event, name).append((event,))
        # Its draws would be those of the earlier life.
        self._ids.begin_anew()
        self._uuids = stream(self._org.seed, "event uuids", str(self.last))

    def _channel_of(self, event: Event, name: str) -> Channel:
        sobject = self._org.schema.get(event.name) if event.kind == "platform" else None
        return self.channel(name, event.kind) if sobject is None else self.platform.channel(sobject)

    @contextmanager
    def _appending(self) -> Iterator[None]:
        """Keep what is appended in a block as it ends, and wake nobody; an error takes it back."""
        kept, held, last = self._kept, self._held, self._ids.last
        until = 0 if kept is None else kept.until
        self._held = True
        try:
            yield
            if kept is not None:
                kept.keep(self.channels.values(), self._ids.last, self._clock.now())
        except BaseException:
            self._take_back(last, until)
            raise
        finally:
            self._held = held

    def _take_back(self, last: int, until: int) -> None:
        """Have nothing appended behind a replay id, and nothing kept behind another one; no trigger is told of it."""
        self.changes.for_triggers()
        for channel in self.channels.values():
            channel.forget_after(last)
        self._ids.forget_after(last)
        if self._kept is not None:
            self._kept.until = until

    def copy(self) -> dict[str, Channel]:
        """Return all channels as they are now."""
        return {name: channel.copy() for name, channel in self.channels.items()}

    def become(self, channels: Mapping[str, Channel]) -> None:
        """Have the events of other channels, which were copied before. Replay ids go on: none is given out again."""
        for name, other in channels.items():
            self.channel(name, other.kind, other.retention)
        for name, channel in self.channels.items():
            channel.become(channels.get(name))
        if self._kept is not None:
            self._kept.rewrite(list(self.channels.values()), self._ids.last, self._clock.now())
            for name, times in self.renewals.items():
                self._org.keeper.note(_RENEWED, name, times)
        self.wake()

    @property
    def last(self) -> int:
        """The replay id that was given out last."""
        return self._ids.last

    @cached_property
    def managed(self) -> ManagedSubscriptions:
        """The managed subscriptions, and how far they have been read."""
        from mock_server.org.events.managed import ManagedSubscriptions

        return ManagedSubscriptions(self._org)

    @cached_property
    def codecs(self) -> Codecs:
        """What encodes events and decodes them, by their schemas."""
        from mock_server.org.events.codecs import Codecs

        codecs = Codecs(self._types, self._state, self.schemas.of_event, self.changes.schema_named)
        codecs.earlier.append(self.schemas.known)
        return codecs

    def _types(self) -> Iterator[str]:
        yield from (name for name in self._org.schema.names() if name.endswith("__e"))
        yield from self.changes.types()

    def _state(self) -> object:
        """Return what is another one once there may be other schemas."""
        schema = self._org.schema
        return schema, schema.version, len(self.channels), self.changes.captured, sum(self.renewals.values())

    def find(self, who: Session, name: str) -> Channel:
        """Return the channel of a name for one who subscribes to it. Raises NoChannel, NotPermitted."""
        for resolve in (self.custom.find, *self.resolvers.values()):
            channel = resolve(who, name)
            if channel is not None:
                return channel
        raise NoChannel(name)

    def every(self) -> Iterator[tuple[str, Channel]]:
        """Yield all channels that anything was published to, by name."""
        yield from self.channels.items()
        yield from self.custom.every()

    def tells_of(self, sobject: str) -> bool:
        """Tell whether events may follow from changes of an object."""
        return sobject in self._org.log.watched or self.topics.unsure

    def admit(self, sobject: SObject, waiting: int) -> int:
        """Return how many further events of a type may be published, where so many wait to be."""
        return self.platform.ledger(sobject).remaining - waiting

    def new_uuid(self) -> str:
        """Return an EventUuid."""
        # Of version 4, and of the variant that all are of.
        number = self._uuids.getrandbits(128) & ~_UUID_MASK | _UUID_BITS
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def on_commit(self, watcher: Callable[[Sequence[Batch]], None]) -> None:
        """Have a function told what each transaction has changed, once it is committed."""
        self._watchers.append(watcher)
        self._outbox.watch()

    def committed(self, batches: Sequence[Batch], events: Sequence[Published]) -> None:
        """Take note of a transaction: its changes, and the platform events that it publishes."""
        before = self._ids.last
        self._held = True
        try:
            published = self._append(batches, events)
        finally:
            self._held = False
        self._announce(events, published, before)

    def prepare(self, batches: Sequence[Batch], events: Sequence[Published]) -> Callable[[bool], None]:
        """Do the same for one that is about to be committed; return what is told whether it was."""
        before, kept = self._ids.last, self._kept
        until = 0 if kept is None else kept.until
        with self._appending():
            published = self._append(batches, events)

        def ended(committed: bool) -> None:
            if not committed:
                self._take_back(before, until)
                return
            if kept is not None:
                kept.committed()
            self._announce(events, published, before)

        return ended

    def _append(self, batches: Sequence[Batch], events: Sequence[Published]) -> list[Event]:
        """Append what a transaction has to tell; return the platform events."""
        for watcher in self._watchers if batches else ():
            watcher(batches)
        return self.platform.publish(events) if events else []

    def _announce(self, events: Sequence[Published], published: list[Event], before: int) -> None:
        """Let it be known what a transaction has told, whose replay ids follow a given one."""
        if self._ids.last != before:
            self.wake()
        if events:
            self.platform.charge(events)
            for told in self.on_published:
                told(published)
            lost = [event for event in events if event.lost]
            for failed in self.on_lost if lost else ():
                failed(lost)
        if self._org.automation:
            self._org.event_triggers.published([*published, *self.changes.for_triggers()])

    def channel(self, name: str, kind: Kind, retention: float | None = None) -> Channel:
        """Return a channel, made when first asked for. Whether there may be one is for its owner to know."""
        found = self.channels.get(name)
        if found is None:
            found = self.channels[name] = Channel(name, kind, RETENTION[kind] if retention is None else retention)
        return found

    def publish(self, events: Sequence[Event], channels: Callable[[Event], Iterable[Channel]]) -> None:
        """Append events, each to its channels, in this order, and wake who listens."""
        if not self._held:
            with self._appending():
                self.publish(events, channels)
            self.wake()
            return
        now = self._clock.now()
        told: dict[int, Channel] = {}
        for event, replay_id in zip(events, self.reserve(len(events)) if events else (), strict=True):
            event.replay_id, event.at = replay_id, now
            for channel in channels(event):
                channel.append((event,))
                told[id(channel)] = channel
        for channel in told.values():
            channel.expire(now)

    def reserve(self, count: int) -> list[int]:
        """Return replay ids for events that are made later, in order."""
        return self._ids.reserve(count, self._clock.now())

    def tip(self) -> int:
        """Return the newest replay id, a fresh one where the last is retained no more."""
        now = self._clock.now()
        if not self._ids.given_since(now - min(RETENTION.values())):
            with self._appending():
                self._ids.skip(now)
        return self.last

    def start(self, channel: Channel, replay: int) -> int:
        """Return the replay id behind which a subscription begins to read. Raises UnknownReplay."""
        if replay == LATEST:
            return self.tip()
        if replay == EARLIEST:
            return 0
        now = self._clock.now()
        at = self._ids.given_at(replay, now)
        if at is None or at <= now - channel.retention:
            raise UnknownReplay(replay)
        return replay

    def after(self, channel: Channel, replay_id: int, most: int) -> list[Event]:
        """Return what a channel retains behind a replay id, the oldest first."""
        channel.expire(self._clock.now())
        return channel.after(replay_id, most)

    def attach(self, feed: Reader) -> Callable[[], None]:
        """Have a subscription woken whenever something was published, and known by; return what ends that."""
        self._listener += 1
        number = self._listener
        self.feeds[number] = feed
        ends = self.listen(feed.wake)

        def detach() -> None:
            ends()
            self.feeds.pop(number, None)

        return detach

    def listen(self, wake: Callable[[], None]) -> Callable[[], None]:
        """Have a function called whenever something was published; return what ends that."""
        self._listener += 1
        number = self._listener
        self._listeners[number] = wake
        return lambda: self._listeners.pop(number, None) and None

    def restart(self) -> None:
        """Begin another life of the server: who was connected is forgotten, and is to find out at once."""
        self.generation += 1
        self.wake()

    def renew_schema(self, first: Event) -> None:
        """Have a type's schema change: its events have the id of the new one, from a given one on."""
        # Once asked for, a schema is known by its id for ever.
        before = self.codecs.of_event(first.name)
        self.renewals[first.name] = self.renewals.get(first.name, 0) + 1
        after = self.codecs.of_event(first.name)
        renewed: dict[int, Event] = {}
        for channel in self.channels.values():
            for event in channel.after(0, len(channel)):
                if event.name != first.name:
                    continue
                if event.replay_id >= first.replay_id:
                    event.schema_id = after.schema_id
                    event.forms.clear()
                elif event.schema_id is None:
                    event.schema_id = before.schema_id
                else:
                    continue
                renewed[event.replay_id] = event
        if self._kept is not None:
            self._org.keeper.note(_RENEWED, first.name, self.renewals[first.name])
            self._kept.renew(renewed.values(), before.schema, after.schema)

    def wake(self) -> None:
        """Have whoever waits look for what was published, unless it is not yet to be seen."""
        if self._held:
            return
        for wake in list(self._listeners.values()):
            wake()
