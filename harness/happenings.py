"""What happened with events in a trial, as properties see it: published, delivered, handled; calls to the outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

EventKind = Literal["platform", "change", "topic", "generic"]


@dataclass(frozen=True, slots=True)
class Published:
    """One event that the org published. `replay_id` orders all events of the org.

    `uuid` is its EventUuid; `records` the ids of the records that it tells of, `header` its ChangeEventHeader, both of
    change events (and the one record of a topic's). `key` tells which thing it is about: the value of the scenario's
    key field, or the first record's id. `channels` are all that hold it. `exchange` is the journal entry of the request
    that caused it, 0 for none; `own` is True where the subject itself caused it. `rules` are faults that decided its
    fate when it was published (lost after it was accepted).
    """

    replay_id: int
    at: float
    kind: EventKind
    name: str
    channels: tuple[str, ...]
    uuid: str | None = None
    key: str | None = None
    records: tuple[str, ...] = ()
    header: Mapping[str, Any] | None = None
    payload: Mapping[str, Any] = field(default_factory=dict, compare=False)
    exchange: int = 0
    own: bool = False
    rules: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How reports and verdicts call it: `Order__e O-000003`; by its replay id where it has no key."""
        return f"{self.name} {self.key or f'#{self.replay_id}'}"

    @property
    def gap(self) -> str | None:
        """The change type of a gap event (`GAP_UPDATE`), None for any other."""
        kind = str((self.header or {}).get("changeType", ""))
        return kind if kind.startswith("GAP_") else None


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One request to subscribe, by either protocol. `replay_id` is -1, -2 or an id; `refused` why it was not granted.

    `leg` is the place of the run of the subject in which it came. `ended` is when deliveries could come no more, and
    `cut` why, where the subject did not end it itself: what it was told (`403::Unknown client`, `UNAVAILABLE`), or how
    the connection broke. Of a managed subscription, `replay_id` is what had been committed.
    """

    at: float
    channel: str
    subscriber: str
    replay_id: int | None
    refused: str | None
    exchange: int
    leg: int
    ended: float | None = None
    cut: str | None = None


@dataclass(frozen=True, slots=True)
class Fetched:
    """How many events a stream of the Pub/Sub API was asked to send next; `refused` why it would not (0, say)."""

    at: float
    channel: str
    subscriber: str
    asked: int
    refused: str | None
    exchange: int
    leg: int


@dataclass(frozen=True, slots=True)
class Announced:
    """A replay id that was told without its event: that of a keep-alive, or of a publish result."""

    at: float
    channel: str
    subscriber: str
    replay_id: int
    exchange: int
    leg: int


@dataclass(frozen=True, slots=True)
class Delivered:
    """One event on its way to a subscriber. `rule` is the fault that made the delivery what it was, if one did."""

    at: float
    channel: str
    replay_id: int
    subscriber: str
    exchange: int
    leg: int
    uuid: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """The subject says, or shows by what it did elsewhere, that it has handled an event.

    `event` is the event itself, None where what it says matches none. `order` counts all effects of a trial. `source`
    is where it was seen: the effects file, the sink, or a record in the org.
    """

    order: int
    event: Published | None
    source: Literal["effects", "sink", "org"]
    said: Mapping[str, Any]
    leg: int
    at: float | None = None


@dataclass(frozen=True, slots=True)
class CalledOut:
    """One attempt of the org to call the subject's service: an outbound message, or a declared callout.

    `message` tells one message from others: the same for its retries and duplicates. `sequence` orders messages by when
    what they tell of was saved, however late they are sent; 0 where it is not known. `status` is the HTTP status that
    came back, None where none did; `seconds` how long it took, of `timeout` that it may; `acknowledged` whether it
    counts as received. `written` is when it took down what its records hold, where that was before it left.
    """

    at: float
    kind: Literal["outbound message", "callout"]
    name: str
    message: str
    attempt: int
    records: tuple[str, ...]
    seconds: float
    timeout: float
    status: int | None
    acknowledged: bool
    rule: str | None = None
    sequence: int = 0
    exchange: int = 0
    written: float | None = None


@dataclass(frozen=True, slots=True)
class Happenings:
    """All of a trial, each kind in its order. `quiet` is True where the subject came to rest before it was stopped.

    `moved` are the steps by which the harness moved the clock on: when, on the clock as it was before, and how many
    seconds. A subject in real time does not live through them.
    """

    published: tuple[Published, ...] = ()
    subscribed: tuple[Subscribed, ...] = ()
    fetched: tuple[Fetched, ...] = ()
    announced: tuple[Announced, ...] = ()
    delivered: tuple[Delivered, ...] = ()
    handled: tuple[Handled, ...] = ()
    called_out: tuple[CalledOut, ...] = ()
    moved: tuple[tuple[float, float], ...] = ()
    service: bool = False
    quiet: bool = False

    def lived(self, begin: float, end: float) -> float:
        """Return the seconds between two moments of the clock that the subject could live through."""
        return end - begin - sum(seconds for at, seconds in self.moved if begin <= at < end)
