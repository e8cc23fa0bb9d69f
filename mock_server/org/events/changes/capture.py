"""Change data capture: what commits say of captured objects becomes events on their channels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp
from mock_server.org.events.access import NotPermitted
from mock_server.org.events.changes.promise import Promise
from mock_server.org.events.changes.schema import renewed
from mock_server.org.events.changes.sight import Seen, may_follow
from mock_server.org.events.changes.telling import Transaction, gap_of
from mock_server.org.events.changes.types import EventType, event_type
from mock_server.org.events.channel import Channel
from mock_server.org.events.custom import captured, selected, told_apart
from mock_server.org.events.model import Event
from mock_server.org.schema.channels import MEMBER
from mock_server.org.schema.derived import can_be_captured, change_event_name, changing

if TYPE_CHECKING:
    from mock_server.org.events.bus import EventBus
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.records.commits import Batch

PREFIX = "/data/"
ALL = "ChangeEvents"
"""The standard channel, of all objects that are captured."""
_TICKS = 10_000
"""Commit numbers of a second, at the most: so that they grow even over a restart."""


@dataclass(frozen=True, slots=True)
class _Course:
    """What transactions that do the same to the same objects have in common: types by object, and channels,
    each with the types of events that it carries, None for all of them. `undeletes` says whether records come back,
    whose events tell them whole, `parted` whether an update may have to tell what it left alone."""

    types: Mapping[str, EventType]
    channels: tuple[tuple[Channel, frozenset[str] | None], ...]
    undeletes: bool
    parted: bool


class Changes:
    """The change events of one org."""

    gap_of = staticmethod(gap_of)

    def __init__(self, org: Org, bus: EventBus) -> None:
        self._org = org
        self._bus = bus
        self.origin: Callable[[int], str] = lambda exchange: ""
        """Tells the changeOrigin of an exchange; whoever knows exchanges sets it."""
        self._types: dict[str, EventType] = {}
        self._courses: dict[tuple[tuple[str, str], ...], _Course] = {}
        self._version = -1
        self._watching = False
        self._number = 0
        self._captured: frozenset[str] = frozenset()
        self._apart: frozenset[str] = frozenset()
        self._hooked: list[Promise] = []
        self._shown: frozenset[str] = frozenset()
        self._default: frozenset[str] = frozenset()
        org.captured.changed = self.choose
        self.choose()

    def choose(self) -> None:
        """Capture the objects that are chosen now."""
        self._tell_records()
        self._default = self._declared | selected(self._org)
        self._captured = names = self.entities()
        self._apart = told_apart(self._org)
        self._courses.clear()
        self._org.log.watch("changes", names)
        if names and not self._watching:
            self._watching = True
            self._bus.on_commit(self.committed)

    @property
    def captured(self) -> frozenset[str]:
        """The names of the objects that were captured when it was last chosen."""
        return self._captured

    def entities(self) -> frozenset[str]:
        """Return the names of all objects whose changes some channel carries."""
        return self._declared | captured(self._org)

    @property
    def _declared(self) -> frozenset[str]:
        """The objects that are declared, but for those that somebody has deselected since."""
        if not self._org.store.has_table(MEMBER):
            return self._org.captured.names
        from mock_server.org.standard.channels import still_captured

        return still_captured(self._org.store, self._org.captured.names)

    def _tell_records(self) -> None:
        """Have the records of what is selected say which objects are declared, where there are such records."""
        names, before = self._org.captured.names, self._shown
        self._shown = names
        if names == before or not self._org.store.has_table(MEMBER):
            return
        from mock_server.org.standard.channels import hide_captured, show_captured

        for name in before - names:
            hide_captured(self._org.store, name)
        for name in names - before:
            show_captured(self._org.store, name, stamp(self._org.clock.now()))

    def type_of(self, entity: str) -> EventType:
        """Return the type of an object's change events, as its fields are now."""
        sobject = self._org.schema.get(entity)
        assert sobject is not None
        return event_type(sobject)

    def types(self) -> Iterator[str]:
        """Yield the names of the types of change events that anybody has to do with."""
        followed = (name.removeprefix(PREFIX) for name in self._bus.channels if name.startswith(PREFIX))
        yield from {*map(change_event_name, self._captured), *(one for one in followed if changing(one))}

    def schema_named(self, name: str) -> Mapping[str, Any] | None:
        """Return the Avro schema of a type of change events, None for what is none."""
        entity = changing(name)
        sobject = None if entity is None else self._org.schema.get(entity)
        if sobject is None or not can_be_captured(sobject):
            return None
        return self.schema_of(event_type(sobject))

    def schema_of(self, kind: EventType) -> Mapping[str, Any]:
        """Return the schema of a type as it is now: it may have been renewed without another field."""
        times = self._bus.renewals.get(kind.name, 0)
        return kind.schema if not times else renewed(kind.schema, times)

    # -- channels

    def find(self, who: Session, name: str) -> Channel | None:
        """Find a channel of change events for a subscriber. Raises NotPermitted.

        Who may subscribe sees the changes of all records, whoever they are shared with; of fields, those he may read.
        To that of all objects anybody may: he is told of those whose changes he may follow.
        """
        if not name.startswith(PREFIX):
            return None
        event = name.removeprefix(PREFIX)
        if event != ALL:
            entity = changing(event)
            sobject = None if entity is None else self._org.schema.get(entity)
            if sobject is None or change_event_name(sobject.name) != event or not can_be_captured(sobject):
                return None
            access = self._org.accesses.of(who.user_id)
            if access is not None and not may_follow(access, sobject):
                raise NotPermitted(name, sobject.name)
        channel = self._bus.channel(name, "change")
        if event == ALL:
            channel = self._bus.custom.standard(channel)
        return Seen(channel, lambda: self._org.accesses.of(who.user_id), self._org.schema)

    def _channels(self, entities: tuple[str, ...]) -> Iterator[tuple[Channel, frozenset[str] | None]]:
        """Yield the channels of a transaction, each with the types of events that it carries: None for all."""
        told = frozenset(change_event_name(one) for one in entities if one in self._default)
        if told:
            yield self._bus.channel(PREFIX + ALL, "change"), told if len(told) < len(entities) else None
        for name in map(change_event_name, entities):
            yield self._bus.channel(PREFIX + name, "change"), frozenset({name}) if len(entities) > 1 else None

    # -- what commits say

    def committed(self, batches: Sequence[Batch]) -> None:
        """Take what was committed; each transaction in it is one of its own."""
        captured = self._captured
        if self._org.captured.quiet:
            return
        if len(batches) == 1:
            if batches[0].sobject in captured:
                self._take(list(batches))
            return
        if not any(batch.sobject in captured for batch in batches):
            return
        for _, group in groupby(batches, key=lambda batch: batch.whole):
            together = [one for one in group if one.sobject in captured or self._counts(one.sobject)]
            if any(one.sobject in captured for one in together):
                self._take(together)

    def _counts(self, name: str) -> bool:
        """Tell whether changes of an object that is not captured are counted among those of a transaction."""
        sobject = self._org.schema.get(name)
        return sobject is not None and can_be_captured(sobject)

    def _take(self, batches: list[Batch]) -> None:
        done: dict[tuple[str, str], None] = {}
        count = 0
        for batch in batches:
            if batch.sobject in self._captured:
                done[batch.sobject, batch.verb] = None
                count += len(batch.ids)
        course = self._course(tuple(done))
        types = course.types
        if course.undeletes:
            batches = [
                self._whole(batch, types) if batch.verb == "undelete" and batch.sobject in types else batch
                for batch in batches
            ]
            count = sum(len(batch.ids) for batch in batches if batch.sobject in types)
        if course.parted:
            written = {(batch.sobject, column) for batch in batches for column in batch.columns}
            batches = [
                self._with_parts(batch, types, written) if batch.verb == "update" and batch.sobject in types else batch
                for batch in batches
            ]
        if not count:
            return
        last = batches[-1]
        self._number = max(self._number + 1, int(last.at * _TICKS))
        transaction = Transaction(
            self._org.id, self._number, last.at, self.origin(last.exchange), last.exchange, self.schema_of, self._apart
        )
        ids = self._bus.reserve(count)
        promise = Promise(transaction, batches, types, ids, self._org.captured.most_changes)
        if self._org.automation and any(
            self._org.automation.of(kind.name, "insert", "after") for kind in types.values()
        ):
            self._hooked.append(promise)
        for channel, carried in course.channels:
            channel.promise(promise if carried is None else promise.part(carried))

    def for_triggers(self) -> list[Event]:
        """Return the events that triggers may be waiting for, once."""
        promises, self._hooked = self._hooked, []
        return [event for promise in promises for event in promise.events()]

    def _course(self, done: tuple[tuple[str, str], ...]) -> _Course:
        """Return the course of transactions in which some things are done to objects: pairs of an object and a verb."""
        if self._version != self._org.schema.version:
            self._version = self._org.schema.version
            self._types.clear()
            self._courses.clear()
        found = self._courses.get(done)
        if found is None:
            types = {entity: self._type(entity) for entity, _ in done}
            verbs = {verb for _, verb in done}
            parted = "update" in verbs and any(kind.wholes for kind in types.values())
            found = _Course(types, tuple(self._channels(tuple(types))), "undelete" in verbs, parted)
            self._courses[done] = found
        return found

    def _type(self, entity: str) -> EventType:
        found = self._types.get(entity)
        if found is None:
            found = self._types[entity] = self.type_of(entity)
            # Whoever asks for the schema of an event that lies there finds it, even if it has changed since.
            self._bus.codecs.learn(found.schema)
            self._bus.schemas.keep(self.schema_of(found))
        return found

    def _whole(self, batch: Batch, types: Mapping[str, EventType]) -> Batch:
        """Return an undeletion with all that the records hold: its events tell them whole."""
        kind = types[batch.sobject]
        found = {
            row[0]: row[1:] for row in self._org.store.lookup(kind.sobject, "Id", list(batch.ids), "Id", *kind.columns)
        }
        ids = [identifier for identifier in batch.ids if identifier in found]
        return batch._replace(columns=kind.columns, ids=ids, rows=[found[identifier] for identifier in ids])

    def _with_parts(self, batch: Batch, types: Mapping[str, EventType], written: set[tuple[str, str]]) -> Batch:
        """Return an update with what it left alone of the geolocations that it changes a part of: all is told of them.

        What the transaction writes elsewhere is told by that.
        """
        kind = types[batch.sobject]
        parts = {other for name in batch.columns for other in kind.wholes.get(name, ())}
        missing = [name for name in kind.columns if name in parts and (batch.sobject, name) not in written]
        if not missing or batch.before is None:
            return batch
        held = {row[0]: row[1:] for row in self._org.store.lookup(kind.sobject, "Id", list(batch.ids), "Id", *missing)}
        more = [held.get(identifier, (None,) * len(missing)) for identifier in batch.ids]
        # Behind its columns a row has what the statement needs besides.
        width = len(batch.columns)
        return batch._replace(
            columns=(*batch.columns, *missing),
            rows=[(*row[:width], *kept) for row, kept in zip(batch.rows, more, strict=True)],
            before=[(*was[:width], *kept) for was, kept in zip(batch.before, more, strict=True)],
        )
