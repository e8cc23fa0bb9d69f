"""Managed subscriptions: ManagedEventSubscription records of the Tooling API, and how far each has been read.

Only one client at a time reads one. What it commits is where the next one begins. That is kept with an org in a file,
and so is for how long a slot is held.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org.events.model import EARLIEST, LATEST
from mock_server.org.ids import to_18

if TYPE_CHECKING:
    from mock_server.org.org import Org
    from mock_server.org.records.changes import Change

OBJECT = "ManagedEventSubscription"
HELD = 900.0
"""Seconds for which a slot stays taken whose client vanished without a good-bye, as has been seen of Salesforce's."""
_COMMITTED = "committed replay id"
_TAKEN = "managed subscription held until"
_COLUMNS = ("Id", "DeveloperName", "TopicName", "DefaultReplay", "ErrorRecoveryReplay", "State", "IsDeleted")
_PRESETS = {"EARLIEST": EARLIEST, "LATEST": LATEST}


_METADATA = {
    "label": "MasterLabel", "topicName": "TopicName", "defaultReplay": "DefaultReplay",
    "errorRecoveryReplay": "ErrorRecoveryReplay", "state": "State",
}  # fmt: skip
"""What the Metadata of a record says, and the fields that say the same."""


def whole(org: Org, change: Change) -> Change:
    """Have the fields and the Metadata of a subscription that is written say the same, whichever the client sent."""
    if change.sobject.lower() != OBJECT.lower():
        return change
    values = {name: value for name, value in change.values.items() if name not in ("Metadata", "FullName")}
    said = change.values.get("Metadata")
    if isinstance(said, dict):
        values = {**values, **{field: said[name] for name, field in _METADATA.items() if name in said}}
    name = change.values.get("FullName")
    if isinstance(name, str):
        values.setdefault("DeveloperName", name)
        values.setdefault("MasterLabel", name)
    known: dict[str, Any] = {"State": "RUN", "DefaultReplay": "LATEST", "ErrorRecoveryReplay": "LATEST"}
    if change.id is not None:
        from mock_server.org.tooling import objects

        sobject = objects.load(OBJECT)
        org.store.ready(sobject)
        known = org.store.records(sobject, [change.id]).get(change.id, {})
    else:
        values = {**known, **values}
    now = {**known, **values}
    told = {name: now.get(field) for name, field in _METADATA.items()}
    return replace(
        change, values=values, derived={"Metadata": orjson.dumps(told).decode(), "FullName": now.get("DeveloperName")}
    )


class SlotTaken(Exception):
    """Another client reads the subscription, or did until a moment ago."""


class CommitRefused(Exception):
    """A replay id that cannot be committed, and why."""


@dataclass(slots=True)
class Slot:
    """What is kept of one subscription. `committed` is a replay id; `free_at` are clock seconds."""

    committed: int | None = None
    holder: object | None = None
    free_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Managed:
    """A subscription as it is declared."""

    id: str
    name: str
    topic: str
    default: int
    recovery: int
    running: bool
    deleted: bool


@dataclass(slots=True, eq=False)
class ManagedSubscriptions:
    """Those of one org."""

    org: Org
    slots: dict[str, Slot] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for identifier, replay_id in self.org.keeper.noted(_COMMITTED):
            self.slots[identifier] = Slot(replay_id)
        latest = self.org.clock.now() + HELD
        for identifier, until in self.org.keeper.noted(_TAKEN):
            # The clock may have been set back meanwhile.
            self.slots.setdefault(identifier, Slot()).free_at = min(until, latest)

    def copy(self) -> dict[str, int]:
        """Return what is committed now, by the ids of subscriptions."""
        return {name: slot.committed for name, slot in self.slots.items() if slot.committed is not None}

    def become(self, committed: Mapping[str, int]) -> None:
        """Have what was committed at another time; nothing else is, for records that come to an id once more."""
        for slot in self.slots.values():
            slot.committed = None
        for identifier, replay_id in committed.items():
            self._note(identifier, replay_id)

    def _note(self, identifier: str, replay_id: int) -> None:
        self.slots.setdefault(identifier, Slot()).committed = replay_id
        self.org.keeper.note(_COMMITTED, identifier, replay_id)

    def by_name(self, name: str) -> Managed | None:
        return next((one for one in self._rows("DeveloperName", name) if not one.deleted), None)

    def by_id(self, identifier: str) -> Managed | None:
        """Return a subscription, one that was deleted, too. `identifier` has 15 or 18 characters."""
        whole = to_18(identifier)
        return None if whole is None else next(iter(self._rows("Id", whole)), None)

    def _rows(self, column: str, value: str) -> list[Managed]:
        from mock_server.org.tooling import objects

        sobject = objects.load(OBJECT)
        self.org.store.ready(sobject)
        return [
            Managed(
                identifier,
                name,
                topic or "",
                _PRESETS.get((default or "").upper(), LATEST),
                _PRESETS.get((recovery or "").upper(), LATEST),
                (state or "RUN").upper() == "RUN",
                bool(deleted),
            )
            for identifier, name, topic, default, recovery, state, deleted in self.org.store.lookup(
                sobject, column, [value], *_COLUMNS
            )
        ]

    def take(self, identifier: str) -> Callable[[bool], None]:
        """Take the slot of a subscription; return what gives it back, and is told whether that was without a good-bye.

        Raises SlotTaken.
        """
        slot = self.slots.setdefault(identifier, Slot())
        now = self.org.clock.now()
        if slot.holder is not None or now < slot.free_at:
            raise SlotTaken
        if slot.free_at:
            slot.free_at = 0.0
            self.org.keeper.forget(_TAKEN, identifier)
        holder = slot.holder = object()

        def leave(broken: bool) -> None:
            if slot.holder is holder:
                slot.holder = None
                if broken:
                    slot.free_at = self.org.clock.now() + HELD
                    if not self.org.closed:
                        self.org.keeper.note(_TAKEN, identifier, slot.free_at)

        return leave

    def committed(self, identifier: str) -> int | None:
        slot = self.slots.get(identifier)
        return None if slot is None else slot.committed

    def commit(self, identifier: str, replay_id: int, delivered: int) -> None:
        """Note how far a subscription has been read; `delivered` is how far it was delivered. Raises CommitRefused."""
        slot = self.slots[identifier]
        if replay_id > delivered:
            raise CommitRefused("The event of the replay ID hasn't been delivered yet.")
        if slot.committed is not None and replay_id < slot.committed:
            raise CommitRefused("The replay ID is older than the one that is committed.")
        self._note(identifier, replay_id)
