"""Channels that users make (`Orders__chn`): events of several types, filtered and enriched, under the same replay ids.
The members of the standard channel ChangeEvents may be filtered and enriched as well; those of one object are not.

Source: Platform Events Developer Guide and Change Data Capture Developer Guide, "Group Platform Events into One Stream
with a Custom Channel", "Enrich Change Events with Extra Fields When Subscribed". What they hold is read from the
channels of their members; extra fields are told as they are when an event is delivered there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mock_server.org.events.channel import Channel
from mock_server.org.events.conditions import Test, fields_of, test_of
from mock_server.org.events.filter_fields import of_changes, of_event
from mock_server.org.events.model import Event, Kind
from mock_server.org.events.view import View
from mock_server.org.schema.channels import DEFAULT, KINDS, entity_of, read

if TYPE_CHECKING:
    from mock_server.org.events.bus import EventBus
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org
    from mock_server.org.schema.types import SObject

_PREFIXES: dict[str, Kind] = {"event": "platform", "data": "change"}
_ENRICHED = ("UPDATE", "DELETE")
"""What is told of other changes is all that the record holds."""


@dataclass(frozen=True)
class Part:
    """A member of a channel: the channel that has its events, and what is to be done with them."""

    entity: str
    channel: Channel
    wanted: Test | None
    sobject: SObject | None
    enriched: tuple[str, ...]


class CustomChannels:
    """The custom channels of one org."""

    def __init__(self, org: Org, bus: EventBus) -> None:
        self._org = org
        self._bus = bus

    def find(self, who: Session, name: str) -> Channel | None:
        """Find a channel for a subscriber. Raises NotPermitted.

        He needs permission to read all the platform events that are its members. To one of change events anybody may
        subscribe: he is told of the objects whose changes he may follow, of their fields that he may read.
        """
        kind, definition = self._named(name)
        if definition is None:
            return None
        if kind == "data":
            from mock_server.org.events.changes.sight import Seen

            # Fields that a channel adds are left out, too, where he may not read them.
            mixed = self._mixed(name, kind, definition, lambda member: self._own(kind, member))
            return Seen(mixed, lambda: self._org.accesses.of(who.user_id), self._org.schema)
        return self._mixed(name, kind, definition, lambda member: self._bus.find(who, f"/{kind}/{member}"))

    def standard(self, channel: Channel) -> Channel:
        """Return the channel ChangeEvents as its members say: filtered, and with further fields."""
        definition = self._org.channels.get(DEFAULT)
        parts = [] if definition is None else self._parts(definition, lambda member: channel)
        chosen = {part.entity: part for part in parts if part.wanted is not None or part.sobject is not None}
        return Standard(channel, chosen, self._org) if chosen else channel

    def every(self) -> Iterator[tuple[str, Channel]]:
        """Yield all channels with what they hold, whoever may read it."""
        for name, definition in self._org.channels.items():
            kind = read(definition).kind
            if name != DEFAULT:
                path = f"/{kind}/{name}"
                yield path, self._mixed(path, kind, definition, lambda member, kind=kind: self._own(kind, member))

    def _own(self, kind: str, member: str) -> Channel:
        sobject = self._org.schema.get(member)
        if kind == "event" and sobject is not None:
            return self._bus.platform.channel(sobject)
        return self._bus.channel(f"/{kind}/{member}", _PREFIXES[kind])

    def _named(self, name: str) -> tuple[str, Mapping[str, Any] | None]:
        _, kind, own = (*name.split("/", 2), "", "")[:3]
        definition = self._org.channels.get(own)
        fits = definition is not None and own != DEFAULT and kind in KINDS and read(definition).kind == kind
        return kind, definition if fits else None

    def _mixed(self, name: str, kind: str, definition: Mapping[str, Any], find: Any) -> Channel:
        return Mixed(name, _PREFIXES[kind], self._parts(definition, find), self._org)

    def _parts(self, definition: Mapping[str, Any], find: Callable[[str], Channel]) -> list[Part]:
        parts = []
        for member, said in read(definition).members.items():
            sobject = self._org.schema.get(member)
            base = self._org.schema.get(entity_of(member)) if entity_of(member) != member else None
            wanted: Test | None = None
            enriched = () if base is None else _columns(base, said.enriched)
            if said.filter is not None and sobject is not None:
                fields = of_event(sobject) if base is None else of_changes(base)
                wanted = test_of(said.filter, fields)
                if base is not None:
                    # "Auto-Enrichment of Filtered Fields": what an update leaves alone is asked about as well.
                    enriched = tuple(dict.fromkeys((*enriched, *fields_of(said.filter, fields))))
            parts.append(Part(member, find(member), wanted, base if enriched else None, enriched))
        return parts


def _columns(base: SObject, names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of the fields that events are enriched with; a compound one is told by all its parts."""
    from mock_server.org.events.changes.types import event_type

    parts = {one.name: tuple(part.name for _, part in one.parts) or (one.name,) for one in event_type(base).fields}
    return tuple(dict.fromkeys(column for name in names for column in parts.get(name, (name,))))


class Standard(View):
    """The channel of all captured objects; `parts` are its members that want something, by the types of events."""

    __slots__ = ("_org", "_parts")

    def __init__(self, channel: Channel, parts: Mapping[str, Part], org: Org) -> None:
        super().__init__(channel)
        self._parts = parts
        self._org = org

    def seen(self, events: Sequence[Event]) -> list[Event]:
        told = (
            event if (part := self._parts.get(event.name)) is None else _told_on(self._org, self.name, part, event)
            for event in events
        )
        return [event for event in told if event is not None]


class Mixed(Channel):
    """What the members of a channel hold, in the order of its replay ids."""

    __slots__ = ("_org", "_parts")

    def __init__(self, name: str, kind: Kind, parts: list[Part], org: Org) -> None:
        # What a member retains no more it does not give either.
        super().__init__(name, kind, max((part.channel.retention for part in parts), default=0.0))
        self._parts = parts
        self._org = org

    def __len__(self) -> int:
        return sum(len(part.channel) for part in self._parts)

    def expire(self, now: float) -> None:
        for part in self._parts:
            part.channel.expire(now)

    def after(self, replay_id: int, most: int) -> list[Event]:
        while True:
            held = [(part, part.channel.after(replay_id, most)) for part in self._parts]
            # Beyond the last of a full answer others may have what that member has not given yet.
            full = [events[-1].replay_id for _, events in held if events and len(events) >= most]
            until = min(full, default=None)
            found = sorted(
                (event.replay_id, place, event)
                for place, (_, events) in enumerate(held)
                for event in events
                if until is None or event.replay_id <= until
            ) if len(held) > 1 else [(event.replay_id, 0, event) for _, events in held for event in events]  # fmt: skip
            told = (_told_on(self._org, self.name, held[place][0], event) for _, place, event in found)
            seen = [event for event in told if event is not None]
            if seen or until is None:
                return seen[:most]
            replay_id = until


def _told_on(org: Org, channel: str, part: Part, event: Event) -> Event | None:
    """Return an event as a channel has it, None for one that it does not want.

    "Latest Enriched Field Value Returned When Replaying an Event Message": it is worked out anew once records changed.
    """
    if part.wanted is None and part.sobject is None:
        return event
    key, mark = f"channel {channel}", None if part.sobject is None else org.log.mark
    known = event.forms.get(key)
    if known is None or known[0] != mark:
        known = event.forms[key] = mark, _wanted(org, part, event)
    found = known[1]
    assert found is None or isinstance(found, Event)
    return found


def _wanted(org: Org, part: Part, event: Event) -> Event | None:
    if part.wanted is None:
        return _enriched(org, part, event)
    header = event.payload.get("ChangeEventHeader")
    if part.sobject is not None and header is not None and len(header["recordIds"]) > 1:
        # Records that changed alike may differ in what is asked of them.
        alone = ((one, _enriched(org, part, _about(event, [one]))) for one in header["recordIds"])
        ids = [one for one, told in alone if part.wanted(told.payload)]
        return _enriched(org, part, _about(event, ids)) if ids else None
    made = _enriched(org, part, event)
    return made if part.wanted(made.payload) else None


def _about(event: Event, ids: list[str]) -> Event:
    """Return an event of some of its records."""
    header = {**event.payload["ChangeEventHeader"], "recordIds": ids}
    return replace(event, payload={**event.payload, "ChangeEventHeader": header}, forms={})


def _enriched(org: Org, part: Part, event: Event) -> Event:
    header = event.payload.get("ChangeEventHeader")
    if part.sobject is None or header is None or header.get("changeType") not in _ENRICHED:
        return event
    from mock_server.org.events.changes.types import event_type

    rows = list(org.store.records(part.sobject, list(header["recordIds"])).values())
    cells = event_type(part.sobject).cells
    more: dict[str, Any] = {}
    for column in part.enriched:
        cell = cells.get(column)
        name, piece = (column, None) if cell is None else (cell.name, cell.part)
        whole = more.get(name, event.payload.get(name))
        if name in event.payload and (piece is None or (isinstance(whole, Mapping) and piece in whole)):
            continue
        values = [_told(part.sobject, column, row.get(column)) for row in rows]
        # One event may be about many records: it can only say what is the same for all, and nothing of blank fields.
        if values and values[0] is not None and all(one == values[0] for one in values):
            more[name] = values[0] if piece is None else {**(whole or {}), piece: values[0]}
    return replace(event, payload={**event.payload, **more}, forms={}) if more else event


def _told(sobject: SObject, name: str, value: Any) -> Any:
    kind = sobject.by_name[name].type if name in sobject.by_name else "string"
    if kind == "boolean":
        return bool(value)
    return value.replace("+0000", "Z") if kind == "datetime" and isinstance(value, str) else value


def told_apart(org: Org) -> frozenset[str]:
    """Return the names of the objects whose records events tell of one by one: some channel enriches or filters them.

    In Salesforce, such a channel takes the events of many records apart ("Duplicate Replay ID for Ungrouped Enriched
    Event Messages"), others do not. Nobody has to come to terms with equal replay ids here.
    """
    data = (read(one).members for name, one in org.channels.items() if name == DEFAULT or read(one).kind == "data")
    return frozenset(
        entity_of(name) for members in data for name, one in members.items() if one.filter is not None or one.enriched
    )


def selected(org: Org, channel: str = DEFAULT) -> frozenset[str]:
    """Return the names of the objects whose change events are members of a channel; of the default one by itself."""
    definition = org.channels.get(channel)
    return frozenset() if definition is None else frozenset(map(entity_of, read(definition).members))


def captured(org: Org) -> frozenset[str]:
    """Return the names of all objects whose change events some channel has."""
    names = [name for name, one in org.channels.items() if name == DEFAULT or read(one).kind == "data"]
    return frozenset[str]().union(*(selected(org, name) for name in names))
