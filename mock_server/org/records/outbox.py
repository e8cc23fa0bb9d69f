"""What a transaction has to tell once it is committed: what it changed, where anybody asks, and events it published.

The outermost transaction of the store decides: its commit sends all, its end by an error sends nothing but the events
that are published at once, whatever becomes of the transaction (PublishImmediately).

An org that lives in a file keeps its events there. They are written as part of the transaction that they tell of, so
that no kill comes between the two; subscribers are told once it is committed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mock_server.org import errors
from mock_server.org.records.changes import Change, LockHeld
from mock_server.org.records.commits import Batch, CommitLog
from mock_server.org.records.rows import Chunk
from mock_server.org.records.store import Store
from mock_server.org.schema.types import SObject


class Published(NamedTuple):
    """A platform event on its way to the bus. `values` are in stored form, by exact field name."""

    number: int
    """Its place among the commits of the org: after them, and before those of a higher number."""
    sobject: SObject
    uuid: str
    values: Mapping[str, Any]
    user_id: str
    exchange: int
    lost: bool = False
    """Whether it is accepted, and never appended to a channel."""


class Bus(Protocol):
    def committed(self, batches: Sequence[Batch], events: Sequence[Published]) -> None:
        """Take note of what was committed: changes of records, and the events published in the same transaction."""

    def prepare(self, batches: Sequence[Batch], events: Sequence[Published]) -> Callable[[bool], None]:
        """Keep what a transaction has to tell as part of it; return what is told whether it was committed."""

    def tells_of(self, sobject: str) -> bool:
        """Tell whether events may follow from changes of an object."""

    def admit(self, sobject: SObject, waiting: int) -> int:
        """Return how many further events of a type may be published, where so many wait to be."""

    def new_uuid(self) -> str:
        """Return an EventUuid."""


class Sends(Protocol):
    """What records that are saved set going outside the org."""

    def __len__(self) -> int:
        """How much a transaction that goes on has set going."""

    def forget_after(self, number: int) -> None:
        """Drop what was set going after a commit number."""

    def ending(self) -> None:
        """Write what belongs to the transaction, which is about to be committed."""

    def taken(self) -> Callable[[], None]:
        """Return what lets go all that a transaction has set going, once that is committed; it is given once."""


class Outbox:
    """What the transaction that goes on has to tell. `bus` gives the org's bus; nobody asks for it without a cause."""

    def __init__(self, store: Store, log: CommitLog) -> None:
        self.bus: Callable[[], Bus] = _no_bus
        self._store = store
        self._log = log
        self._events: list[Published] = []
        self._at_once: dict[int, tuple[Change, Published]] = {}
        self._prepared: Callable[[bool], None] | None = None
        self.keeps = False
        """Whether events are kept in the file of the records: then by the transaction that they tell of."""
        self.sends: Sends | None = None
        """None in an org where nothing was ever declared to be sent."""
        store.ends = self

    def watch(self) -> None:
        """Tell of changes from now on; before, an org keeps none of them for it."""
        if self._log.fresh is None:
            self._log.fresh = []

    def publish(self, sobject: SObject, change: Change, values: Mapping[str, Any], user_id: str, exchange: int) -> None:
        """Take an event that a row of the transaction publishes; one that is tried again takes its own place."""
        self._log.last += 1
        event = Published(self._log.last, sobject, values["EventUuid"], values, user_id, exchange, change.lost)
        if sobject.publishes_at_once:
            self._at_once[id(change)] = (change, event)
        else:
            self._events.append(event)

    def room(self, sobject: SObject) -> int:
        """Return how many further events of a type the transaction may publish."""
        waiting = [*self._events, *(event for _, event in self._at_once.values())]
        volume = sobject.standard_volume
        return self.bus().admit(sobject, sum(one.sobject.standard_volume == volume for one in waiting))

    def forget_after(self, number: int) -> None:
        """Drop what a transaction that is rolled back noted after a commit number; what goes out at once stays."""
        while self._events and self._events[-1].number > number:
            self._events.pop()
        fresh = self._log.fresh
        while fresh and fresh[-1].first > number:
            fresh.pop()
        if self.sends:
            self.sends.forget_after(number)

    def settle(self) -> None:
        """Send what a save without a transaction of its own has to tell, where it is part of no other."""
        if (self._events or self._at_once or self._log.fresh or self.sends) and not self._store.busy:
            fresh = self._log.fresh or ()
            if self.keeps and (self._events or self._at_once or any(self._told_of(one.sobject) for one in fresh)):
                with self._store.transaction():
                    pass
            else:
                self.ended(None)

    def binds(self, sobject: SObject) -> bool:
        """Tell whether a save of one row needs a transaction, to be kept with what there is to tell of it."""
        return self.keeps and (sobject.kind == "event" or self._told_of(sobject.name)) and not self._store.busy

    def _told_of(self, sobject: str) -> bool:
        return self._log.fresh is not None and self.bus().tells_of(sobject)

    # -- what the store calls

    def before_commit(self) -> None:
        """Have what the outermost transaction has to tell be written as part of it, where it is kept."""
        if self.sends:
            self.sends.ending()
        if self.keeps and (self._events or self._at_once or self._log.fresh):
            self._prepared = self.bus().prepare(self._log.fresh or [], self._in_order())

    def ended(self, error: type[BaseException] | None) -> None:
        """Take note that the outermost transaction was committed, or rolled back by an error."""
        prepared, self._prepared = self._prepared, None
        if self.sends:
            leave = self.sends.taken()
            if error is None:
                leave()
        if not (self._events or self._at_once or self._log.fresh):
            return
        batches, events = self._taken(error)
        if prepared is not None:
            prepared(error is None)
            if error is None:
                return
        if self.keeps and events:
            # What goes out at once, in a transaction of its own.
            self._events = events
            self.settle()
        elif batches or events:
            self.bus().committed(batches, events)

    def _in_order(self) -> list[Published]:
        return [*(event for _, event in self._at_once.values()), *self._events]

    def set_aside(self) -> Callable[[bool], None]:
        """Keep apart what a transaction has to tell that is yet to be written; return what learns whether it was."""
        batches, events = self._taken(None)
        leave = self.sends.taken() if self.sends else None

        def written(all_of_it: bool) -> None:
            if all_of_it and leave is not None:
                leave()
            if all_of_it and (batches or events):
                self.bus().committed(batches, events)

        return written

    def _taken(self, error: type[BaseException] | None) -> tuple[list[Batch], list[Published]]:
        batches = self._log.fresh or []
        if batches:
            self._log.fresh = []
        events: list[Published] = []
        if self._events or self._at_once:
            # Who met a lock begins anew, and publishes then.
            if error is None or not issubclass(error, LockHeld):
                events = [event for _, event in self._at_once.values()]
            if error is None:
                events += self._events
            self._events, self._at_once = [], {}
        return (batches if error is None else []), events


MOST_BYTES = 1_000_000
"""Of the message of an event (Platform Event Allocations: 1 MB)."""


def ration(chunk: Chunk, outbox: Outbox) -> None:
    """Fail the rows of events that are too large, or for which the hour's allocation does not suffice."""
    for rows in chunk.alive().values():
        if not rows[0].plan.publishes:
            continue
        room = outbox.room(rows[0].sobject)
        for row in rows:
            if _size(row.values) > MOST_BYTES:
                row.fail(errors.EVENT_TOO_LARGE())
            elif room <= 0:
                row.fail(errors.EVENTS_EXCEEDED())
            else:
                room -= 1


def _size(values: Mapping[str, Any]) -> int:
    texts = [value for value in values.values() if isinstance(value, str)]
    # No character takes more than four bytes.
    return 0 if sum(map(len, texts)) * 4 <= MOST_BYTES else sum(len(text.encode()) for text in texts)


def _no_bus() -> Bus:
    raise LookupError("the org has not given its bus")
