"""The PushTopics of an org: its records of that name, and the events that commits make of them.

What the guide says: changes that the Bulk API makes notify nobody ("Working with PushTopics"), nor do records that
are deleted along with others. A record that does not meet the condition any more notifies nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from mock_server.org.clock import stamp
from mock_server.org.errors import ApiError
from mock_server.org.events.access import NotPermitted
from mock_server.org.events.channel import Channel
from mock_server.org.events.model import Event
from mock_server.org.events.topics import filters
from mock_server.org.events.topics.query import read
from mock_server.org.events.topics.topic import TYPES, Topic
from mock_server.org.events.topics.views import TopicView

if TYPE_CHECKING:
    from mock_server.org.events.bus import EventBus
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Committed
    from mock_server.org.records.commits import Batch

SOBJECT = "PushTopic"
PREFIX = "/topic/"
_OPERATIONS: dict[str, Committed] = {
    "NotifyForOperationCreate": "create",
    "NotifyForOperationUpdate": "update",
    "NotifyForOperationDelete": "delete",
    "NotifyForOperationUndelete": "undelete",
}
_COLUMNS = ("Id", "Name", "Query", "ApiVersion", "IsActive", "NotifyForFields", *_OPERATIONS)
Net = dict[str, tuple["Committed", frozenset[str]]]
"""What became of records, by id: what was done, and which columns that has changed."""


class Topics:
    """The topics of one org. They are read again whenever records of them may have changed."""

    def __init__(self, org: Org, bus: EventBus) -> None:
        self._org = org
        self._bus = bus
        self._stale = True
        self._listens = False
        self._version = -1
        self._topics: dict[str, Topic] = {}
        self._by_object: dict[str, list[Topic]] = {}
        self._channels: dict[str, Channel] = {}
        """By the topic's id: a topic that gets another name keeps its subscribers, and its events."""

    def changed(self) -> None:
        """Take note that records of topics are being saved. Whether they stay is not certain before the commit."""
        self._read()
        self._stale = True

    def recalled(self) -> None:
        """Take note that all records may be others now: those of a snapshot, or of a file."""
        self._channels.clear()
        self.changed()

    def find(self, who: Session, name: str) -> Channel | None:
        """Find a topic for a subscriber. Raises NotPermitted, NoFilter."""
        if not name.startswith(PREFIX):
            return None
        plain, question, condition = name.partition("?")
        self._refresh()
        # The name is case-sensitive, as the guide says.
        topic = self._topics.get(plain.removeprefix(PREFIX))
        if topic is None:
            return None
        access = self._org.accesses.of(who.user_id)
        sobject = topic.query.sobject
        own = self._org.schema.get(SOBJECT)
        assert own is not None
        if access is not None:
            for one in (own, sobject):
                if "read" not in access.rights(one):
                    raise NotPermitted(plain, one.name)
            if not all(access.sees(sobject, sobject.by_name[field]) for field in topic.query.asked):
                raise NotPermitted(plain, sobject.name, "filter")
        test = filters.read(name, condition, topic.query.selected) if question else None
        return TopicView(self._channel(topic), self._org, who, sobject, test)

    def committed(self, batches: Sequence[Batch]) -> None:
        """Tell of what was committed."""
        self._refresh()
        if not self._by_object:
            return
        events: list[tuple[Event, Channel]] = []
        for group in _transactions(batches):
            for sobject, net in self._net(group).items():
                for topic in self._by_object[sobject]:
                    events += self._told(topic, net, group[-1])
        if events:
            channels = {id(event): channel for event, channel in events}
            self._bus.publish([event for event, _ in events], lambda event: [channels[id(event)]])

    def _net(self, batches: Sequence[Batch]) -> dict[str, Net]:
        """Return what a transaction has made of the records that topics are about, by object."""
        found: dict[str, Net] = {}
        for batch in batches:
            topics = self._by_object.get(batch.sobject)
            if topics is None or batch.exchange in self._org.loads:
                continue
            verbs = frozenset[Any]().union(*(topic.operations for topic in topics))
            net = found.setdefault(batch.sobject, {})
            alone = self._alone(batch)
            for place, identifier in enumerate(batch.ids):
                before = net.get(identifier)
                if before is None and (batch.verb not in verbs or identifier not in alone):
                    continue
                after = _after(before, batch.verb, _changed(batch, place))
                if after is None:
                    net.pop(identifier, None)
                else:
                    net[identifier] = after
        return found

    def _alone(self, batch: Batch) -> Iterable[str]:
        """Return the records of a batch that were not deleted along with others."""
        if batch.verb != "delete":
            return batch.ids
        roots = self._org.bin.find(list(batch.ids))
        return {one for one in batch.ids if one not in roots or roots[one].root in (one, None)}

    def _told(self, topic: Topic, net: Net, last: Batch) -> list[tuple[Event, Channel]]:
        ids = [one for one, (verb, changed) in net.items() if topic.concerns(verb, changed)]
        channel = self._channel(topic)
        created = stamp(last.at).replace("+0000", "Z")
        return [
            (
                Event(
                    "topic",
                    topic.name,
                    told,
                    told={"createdDate": created, "type": TYPES[net[identifier][0]]},
                    exchange=last.exchange,
                ),
                channel,
            )
            for identifier, told in topic.matching(self._org.queries, ids, self._org.directory.default_user.id)
        ]

    def _channel(self, topic: Topic) -> Channel:
        name = PREFIX + topic.name
        channel = self._channels.get(topic.id)
        if channel is None:
            channel = self._channels[topic.id] = self._bus.channel(name, "topic")
        elif channel.name != name:
            del self._bus.channels[channel.name]
            channel.name = name
            self._bus.channels[name] = channel
        return channel

    # -- the records

    @property
    def _outdated(self) -> bool:
        return self._stale or self._version != self._org.schema.version

    @property
    def unsure(self) -> bool:
        """Whether topics may be about other objects than those that the commit log watches for them."""
        return self._listens and self._outdated

    def _refresh(self) -> None:
        if self._outdated:
            self._read()

    def _read(self) -> None:
        self._stale, self._version = False, self._org.schema.version
        org = self._org
        topics = [one for one in map(self._topic, self._rows()) if one is not None]
        self._topics = {topic.name: topic for topic in topics}
        self._by_object = {}
        for topic in topics:
            self._by_object.setdefault(topic.query.sobject.name, []).append(topic)
        org.log.watch("topics", frozenset(self._by_object))
        if topics and not self._listens:
            self._listens = True
            self._bus.on_commit(self.committed)

    def _rows(self) -> list[dict[str, Any]]:
        sobject = self._org.schema.get(SOBJECT)
        if sobject is None or not self._org.store.has_table(SOBJECT):
            return []
        columns = ", ".join(f'"{name}"' for name in _COLUMNS)
        sql = f'SELECT {columns} FROM "{SOBJECT}" WHERE "IsDeleted" = 0 AND "IsActive" = 1 ORDER BY "Id"'  # noqa: S608
        return [dict(zip(_COLUMNS, row, strict=True)) for row in self._org.store.connection.execute(sql)]

    def _topic(self, row: Mapping[str, Any]) -> Topic | None:
        """Return the topic of a record; None where its query fits the org's objects no more."""
        notify = str(row["NotifyForFields"])
        try:
            query = read(row["Query"], notify, self._org.schema, self._org.store.ready, int(row["ApiVersion"]))
        except ApiError:
            return None
        verbs = frozenset(verb for name, verb in _OPERATIONS.items() if row[name])
        return Topic(row["Id"], row["Name"], query, verbs, query.watched(notify))


def _transactions(batches: Sequence[Batch]) -> list[list[Batch]]:
    """Divide batches into those of one transaction each."""
    found: list[list[Batch]] = []
    for batch in batches:
        if found and found[-1][-1].whole == batch.whole:
            found[-1].append(batch)
        else:
            found.append([batch])
    return found


def _changed(batch: Batch, place: int) -> frozenset[str]:
    if batch.verb != "update" or batch.before is None:
        return frozenset(batch.columns)
    now, then = batch.rows[place], batch.before[place]
    return frozenset(name for name, new, old in zip(batch.columns, now, then, strict=False) if new != old)


def _after(
    before: tuple[Committed, frozenset[str]] | None, verb: Committed, changed: frozenset[str]
) -> tuple[Committed, frozenset[str]] | None:
    """Return what became of a record by one more change; None where in the end nothing has."""
    if before is None:
        return verb, changed
    was, earlier = before
    if verb == "update":
        return was, earlier | changed
    if verb == "delete":
        return None if was in ("create", "undelete") else ("delete", changed)
    if was == "delete" and verb == "undelete":
        return None
    return cast("tuple[Committed, frozenset[str]]", (verb, changed))
