"""`event: ...`: what happens to events between who publishes them and who subscribes.

event: duplicate            # it comes twice; {duplicate: 2}: twice more
event: reorder              # it comes behind the one that follows it, where Salesforce keeps no order (faults/feeds.py)
event: {delay: 5s}          # it comes later, and what follows it on its channel behind it
event: drop                 # it never comes; {drop: gap}: in the place of a change event comes a gap event
event: schema               # from it on its type has another schema id
event: disconnect           # the connection breaks in the middle of a delivery; {disconnect: 3}: behind three events
event: stall                # nothing comes, no keep-alive either, while the rule is in force; {stall: 5m}: so long
event: slow                 # the subscriber is taken for too slow, and cut off
event: forget               # the server has restarted, and knows no client or stream of before
event: {replay: expired}    # expired | corrupt | foreign: what a subscription is told that brings a replay id
event: lost                 # published with success, and never delivered
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from mock_server.documents import Problem
from mock_server.faults.effects.effect import Point, RowEffect, has_rows
from mock_server.faults.reader import Reader, shown
from mock_server.faults.shapes import DURATION, Shape, count, mapping
from mock_server.org.chance import Random
from mock_server.org.errors import ApiError

if TYPE_CHECKING:
    from mock_server.faults.where import Where
    from mock_server.operations import Call, Operation, Reply
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change

DELIVERING = frozenset({"cometd.connect", "pubsub.subscribe", "pubsub.managed_subscribe"})
"""Operations that bring events to subscribers."""
SUBSCRIBING = frozenset({"cometd.subscribe", "pubsub.subscribe", "pubsub.managed_subscribe"})
FORGETFUL = DELIVERING | {"cometd.subscribe", "cometd.unsubscribe"}
PUSH = "rest.streaming.push"
OUTGOING = {
    "outbound.message": ("duplicate", "delay", "reorder"),
    "outbound.callout": ("duplicate", "delay"),
}
"""What can befall the org's own calls on their way: they come twice, later, or behind the one that follows."""
_NO_CREATES = ("update", "delete", "delete_by_key", "undelete", "merge", "emptyRecycleBin", "convertLead")
"""How the names of operations end that publish nothing."""

OF_EVENTS = ("duplicate", "reorder", "delay", "drop", "schema")
"""Kinds that strike single events; their rules count events."""
OF_DELIVERIES = ("disconnect", "stall", "slow", "forget")
"""Kinds that strike a delivery, whatever it brings."""
KINDS = (*OF_EVENTS, *OF_DELIVERIES, "replay", "lost")
PLAIN = ("duplicate", "reorder", "drop", "schema", "disconnect", "stall", "slow", "forget", "lost")
"""What can be said without more."""
DETAILED = ("duplicate", "delay", "drop", "disconnect", "stall", "replay")
REFUSALS = ("expired", "corrupt", "foreign")
_MOST_COPIES = 100


@dataclass(frozen=True, slots=True)
class EventFault(RowEffect):
    """What strikes deliveries is decided by `faults/feeds.py`: only there the events are known.

    `number` is how many further copies, or behind how many events; None: in the middle. `seconds` is how long, 0: as
    long as the rule is in force. `how` is why a replay id is refused.
    """

    key: ClassVar[str] = "event"
    points: ClassVar[frozenset[Point]] = frozenset({"before", "row", "event"})

    kind: str
    number: int | None = None
    seconds: float = 0.0
    how: str = ""
    gap: bool = False
    saved_first: bool = False

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        value = reader.data.get("event")
        if isinstance(value, str):
            if value not in PLAIN:
                more = f": write `event: {{{value}: ...}}`" if value in KINDS else ""
                reader.refuse("event", f"event is one of {', '.join(PLAIN)}, or a mapping, not {shown(value)}{more}",
                              KINDS, value)  # fmt: skip
                return None
            return cls(value, number=1 if value == "duplicate" else None)
        given = reader.mapping("event")
        if given is None:
            return None
        before = len(reader.problems)
        found = cls._detailed(given)
        return found if len(reader.problems) == before else None

    @classmethod
    def _detailed(cls, given: Reader) -> Self | None:
        given.only(DETAILED, "event")
        said = [kind for kind in DETAILED if kind in given]
        if not said:
            given.refuse((), f"event needs what happens: one of {', '.join(DETAILED)}", DETAILED)
            return None
        if len(said) > 1:
            given.refuse(said[1], "a rule has one event effect: write a rule for each")
        kind = said[0]
        if kind == "duplicate":
            return cls(kind, number=_within(given, kind, 1, _MOST_COPIES))
        if kind == "disconnect":
            return cls(kind, number=given.count(kind, 0))
        if kind == "drop":
            return cls(kind, gap=given.choice(kind, ("gap",)) is not None)
        if kind == "replay":
            return cls(kind, how=given.choice(kind, REFUSALS) or "")
        seconds = given.seconds(kind)
        if seconds == 0:
            given.refuse(kind, f"{kind} must be more than 0")
        return cls(kind, seconds=seconds or 0.0)

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        keys = {
            "duplicate": {"type": "integer", "minimum": 1, "maximum": _MOST_COPIES, "description": "copies more"},
            "delay": DURATION,
            "drop": {"enum": ["gap"], "description": "a gap event comes in the place of a change event"},
            "disconnect": count(0) | {"description": "behind so many events"},
            "stall": DURATION,
            "replay": {"enum": list(REFUSALS), "description": "why a replay id is refused"},
        }
        one = {"oneOf": [{"required": [kind], "properties": {kind: {"not": {"type": "null"}}}} for kind in DETAILED]}
        told = f"what happens to events on their way: {', '.join(KINDS)}"
        return {"event": {"description": told, "anyOf": [{"enum": list(PLAIN)}, mapping(keys) | one]}}

    def point(self, operation: Operation) -> Point:
        if self.kind == "lost":
            return "before" if operation.name == PUSH else "row"
        if self.kind == "forget" and operation.name.startswith("cometd."):
            return "before"
        return "event"

    def refuses(self, operation: Operation) -> str | None:
        name = operation.name
        if self.kind == "lost":
            if name == PUSH or (has_rows(operation) and name.rpartition(".")[2] not in _NO_CREATES):
                return None
            return f"{name} publishes no events that could be lost"
        if operation.outgoing:
            return None if self.kind in OUTGOING.get(name, ()) else f"{name} is not delivered to a subscriber"
        if self.kind == "replay":
            return None if name in SUBSCRIBING else f"{name} brings no replay id"
        if self.kind == "forget":
            return None if name in FORGETFUL else f"{name} is not about a client or stream that is known already"
        if name in DELIVERING:
            return None
        near = "cometd.connect" if name.startswith("cometd.") else "pubsub.subscribe"
        more = f": {near} does" if name.startswith(("cometd.", "pubsub.")) else ""
        return f"{name} brings no events to a subscriber{more}"

    def misfits(self, org: Org, where: Where) -> Iterable[Problem]:
        channel = where.channel or ""
        at = ("where", "channel")
        if self.kind == "reorder" and channel.startswith(("/event/", "/data/")):
            why = "events of one channel come in the order of their replay ids: only those of /topic/ and /u/ may not"
            yield Problem(at, f"{channel}: {why}", (), None)
        if self.gap and channel.startswith(("/event/", "/topic/", "/u/")):
            yield Problem(
                at, f"{channel}: only change events leave a gap event behind: {{drop: gap}} needs /data/", (), None
            )
        if self.kind == "schema" and channel.startswith(("/topic/", "/u/")):
            yield Problem(at, f"{channel}: events of topics and streaming channels have no schema id", (), None)
        if self.kind == "lost" and channel.startswith(("/data/", "/topic/")):
            yield Problem(at, f"{channel}: its events follow from changes of records; nobody publishes them", (), None)
        sobject = org.schema.get(where.sobject) if where.sobject else None
        if self.kind == "lost" and sobject is not None and sobject.kind != "event":
            events = tuple(name for name in org.schema.names() if name.endswith("__e"))
            yield Problem(
                ("where", "sobject"), f"{sobject.name} is no platform event, and publishes none", events, None
            )

    def concerns(self, org: Org, change: Change) -> bool:
        sobject = org.schema.get(change.sobject)
        return sobject is not None and sobject.kind == "event" and change.verb in ("create", "upsert")

    def refusal(self, org: Org, change: Change) -> ApiError | None:
        change.lost = True
        return None

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        if self.kind == "forget":
            call.org.events.restart()
        elif self.kind == "lost":
            call.loses = True
        return None

    def end(self, org: Org) -> None:
        # Whoever was silent because of the rule has something to say again.
        if self.kind == "stall":
            org.events.wake()


def _within(given: Reader, key: str, least: int, most: int) -> int | None:
    found = given.count(key, least)
    if found is not None and found > most:
        given.refuse(key, f"{key} must be at most {most}")
    return found
