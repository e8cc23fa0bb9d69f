"""Puts together what happened with events: what the org published, what it delivered, and what the subject handled."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.effects import Handling
from harness.event_names import EventName, event_name
from harness.evidence import Leg
from harness.happenings import Announced, Delivered, Fetched, Handled, Happenings, Published, Subscribed
from harness.outgoing import called_out
from mock_server.control.client import CommitRow

EARLIEST = -2
"""Stands for all that a channel retains: also what is told as 0, before every id."""
_TOLD = ("published", "announced")
"""Notes of replay ids that came without their events: of a publish result, of a keep-alive."""
_ALL = "*"
"""Stands for every channel of a client with which it is over."""
_STAMPS = frozenset({"lastmodifieddate", "systemmodstamp", "lastmodifiedbyid"})
_STREAMS = ("pubsub.subscribe", "pubsub.managed_subscribe")
"""Operations of which one exchange is the whole subscription: it ends with it."""


@dataclass(frozen=True, slots=True)
class SinkCall:
    """One request that the harness's sink took in. `at` are clock seconds, `leg` the run in which it came.

    `taken` is False for one that the sink refused, as it was told to; `idempotency_key` the header of that name.
    """

    at: float
    method: str
    path: str
    body: Any
    idempotency_key: str | None = None
    taken: bool = True
    leg: int = 0


@dataclass(frozen=True, slots=True)
class Seen:
    """Lines of the effects file, and the clock second and run in which each was first seen, by its number from 1."""

    handled: Sequence[Handling] = ()
    at: Mapping[int, float] = field(default_factory=dict)
    leg: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Records of the org that show an event to be handled: those of an object, by a key field. Names in lower case."""

    sobject: str
    key: str


def link_events(
    *,
    events: Iterable[Mapping[str, Any]],
    entries: Sequence[Mapping[str, Any]],
    commits: Sequence[CommitRow] = (),
    legs: Sequence[Leg] = (),
    seen: Seen | None = None,
    sink: Sequence[SinkCall] = (),
    place: Place | None = None,
    keys: Mapping[str, str] | None = None,
    user: str | None = None,
    seeded: int = 0,
    moved: Sequence[tuple[float, float]] = (),
    service: bool = False,
    quiet: bool = False,
) -> Happenings:
    """Link the control plane's events and journal entries with the effects of a trial.

    `keys` gives the key field of each object or event, by its name in lower case; `user` is the id of the subject's
    user: what is changed in his name is the subject's own, but for what was published up to the replay id `seeded`.
    `moved`, `service` and `quiet` are handed on.
    """
    published = tuple(
        sorted(
            (_published(row, keys or {}, user if row["replay_id"] > seeded else None) for row in events),
            key=lambda one: one.replay_id,
        )
    )
    by_leg = _Legs(legs)
    notes = [(entry, note) for entry in entries for note in entry.get("events") or ()]
    handled = sorted(
        [
            *_from_file(seen or Seen()),
            *_from_sink(sink),
            *(_from_org(commits, place, by_leg) if place is not None else ()),
        ],
        key=lambda one: (float("inf") if one.at is None else one.at, one.order),
    )
    names = _Names(published)
    return Happenings(
        published=published,
        subscribed=tuple(_subscribed(notes, by_leg)),
        fetched=tuple(_fetched(notes, by_leg)),
        announced=tuple(_announced(notes, by_leg)),
        delivered=tuple(_delivered(notes, by_leg)),
        handled=tuple(replace(one, order=number, event=names.find(one)) for number, one in enumerate(handled)),
        called_out=called_out(entries),
        moved=tuple(moved),
        service=service,
        quiet=quiet,
    )


class _Legs:
    def __init__(self, legs: Sequence[Leg]) -> None:
        self._lasts = [leg.last for leg in legs]
        self._ends = [leg.ended for leg in legs]

    def of(self, exchange: int) -> int:
        return max(0, min(bisect_left(self._lasts, exchange), len(self._lasts) - 1))

    def end_of(self, exchange: int) -> float | None:
        return self._ends[self.of(exchange)] if self._ends else None


# -- what the org did


def _published(row: Mapping[str, Any], keys: Mapping[str, str], user: str | None) -> Published:
    payload = row.get("payload") or {}
    header = payload.get("ChangeEventHeader")
    records = tuple(header.get("recordIds") or ()) if header else ()
    record = payload.get("Id")
    if row["kind"] == "topic" and isinstance(record, str):
        records = (record,)
    exchange = row.get("exchange") or 0
    author = header.get("commitUser") if header else payload.get("CreatedById")
    return Published(
        replay_id=row["replay_id"],
        at=row["at"],
        kind=row["kind"],
        name=row["name"],
        channels=tuple(row.get("channels") or ()),
        uuid=row.get("uuid"),
        key=_key(row["name"], payload, header, keys) or (records[0] if records else None),
        records=records,
        header=header,
        payload=payload,
        exchange=exchange,
        own=exchange > 0 or (user is not None and _same(author, user)),
        rules=tuple(row.get("rules") or ()),
    )


def _key(
    name: str, payload: Mapping[str, Any], header: Mapping[str, Any] | None, keys: Mapping[str, str]
) -> str | None:
    wanted = keys.get(str(header.get("entityName", "")).lower() if header else name.lower())
    if wanted is None:
        return None
    value = next((value for key, value in payload.items() if key.lower() == wanted.lower()), None)
    return None if value is None else str(value)


def _same(one: object, other: str) -> bool:
    return isinstance(one, str) and one[:15] == other[:15]


Note = tuple[Mapping[str, Any], Mapping[str, Any]]


def _subscribed(notes: Sequence[Note], legs: _Legs) -> Iterator[Subscribed]:
    ends: dict[tuple[str, str], list[tuple[float, str | None]]] = defaultdict(list)
    for _, note in notes:
        if note["what"] == "unsubscribed":
            ends[note["subscriber"], note["channel"]].append((note["at"], note["refused"]))
    for entry, note in notes:
        if note["what"] != "subscribed":
            continue
        if note["refused"]:
            ended, cut = note["at"], None
        else:
            over = [*ends[note["subscriber"], note["channel"]], *ends[note["subscriber"], _ALL]]
            ended, cut = _end(entry, note, sorted(over, key=lambda one: one[0]), legs)
        yield Subscribed(
            at=note["at"],
            channel=note["channel"],
            subscriber=note["subscriber"] or "",
            replay_id=note["replay_id"] or (None if note["replay_id"] is None else EARLIEST),
            refused=note["refused"],
            exchange=entry["number"],
            leg=legs.of(entry["number"]),
            ended=ended,
            cut=cut,
        )


def _end(
    entry: Mapping[str, Any], note: Mapping[str, Any], ends: Sequence[tuple[float, str | None]], legs: _Legs
) -> tuple[float | None, str | None]:
    """Return when a subscription was over and what cut it off: given up, ended with its stream, or with its run."""
    over: list[tuple[float, str | None]] = [(at, why) for at, why in ends if at >= note["at"]][:1]
    if str(entry["operation"]).startswith(_STREAMS) and entry["end"] is not None:
        over.append((entry["end"], _cut(entry)))
    end = legs.end_of(entry["number"])
    if end is not None:
        over.append((end, None))
    return min(over, key=lambda one: one[0], default=(None, None))


def _cut(entry: Mapping[str, Any]) -> str | None:
    """Return why a stream ended, None where its client left or had no more to ask."""
    if entry.get("left") is not None or entry.get("outcome") == "abandoned":
        return None
    codes = entry.get("codes") or ()
    if codes:
        return str(codes[0])
    if entry.get("outcome") not in (None, "answered"):
        return str(entry["outcome"])
    status = entry.get("status")
    return f"status {status}" if isinstance(status, int) and status >= 400 else None


def _fetched(notes: Sequence[Note], legs: _Legs) -> Iterator[Fetched]:
    for entry, note in notes:
        if note["what"] == "fetched":
            number = entry["number"]
            yield Fetched(
                note["at"], note["channel"], note["subscriber"] or "", note["asked"] or 0, note["refused"], number,
                legs.of(number),
            )  # fmt: skip


def _announced(notes: Sequence[Note], legs: _Legs) -> Iterator[Announced]:
    for entry, note in notes:
        if note["what"] in _TOLD and note["replay_id"] is not None:
            number = entry["number"]
            yield Announced(
                note["at"], note["channel"], note["subscriber"] or "", note["replay_id"], number, legs.of(number)
            )


def _delivered(notes: Sequence[Note], legs: _Legs) -> Iterator[Delivered]:
    """Yield what reached the subscriber, or was on its way to it: what an answer lost on its way brings, nobody got."""
    overtaken = {
        (entry["number"], note["subscriber"])
        for entry, note in notes
        if note["what"] == "unsubscribed" and note["channel"] == _ALL and note["refused"]
    }
    for entry, note in notes:
        # Whoever is told that it is over with it, is told nothing else: events of other channels stay behind.
        if note["what"] != "delivered" or (entry["number"], note["subscriber"]) in overtaken:
            continue
        if _has_left(entry, note):
            yield Delivered(
                at=note["at"],
                channel=note["channel"],
                replay_id=note["replay_id"],
                subscriber=note["subscriber"] or "",
                exchange=entry["number"],
                leg=legs.of(entry["number"]),
                uuid=note["uuid"],
                rule=note["rule"],
            )


def _has_left(entry: Mapping[str, Any], note: Mapping[str, Any]) -> bool:
    """Tell whether a delivery has left the org, for a client that was there to take it.

    One answer brings the events of a long poll, and they share its fate. What a stream brings has left before its end.
    """
    if str(entry["operation"]).startswith(_STREAMS):
        return entry.get("left") is None or note["at"] <= entry["left"]
    return entry.get("outcome") in (None, "answered") and entry.get("status") in (None, 200)


# -- what the subject did with them


def _from_file(seen: Seen) -> Iterator[Handled]:
    for line in seen.handled:
        said = line.said if line.message is None else {**line.said, "message": line.message}
        yield Handled(line.line, None, "effects", said, seen.leg.get(line.line, 0), seen.at.get(line.line))


def _from_sink(sink: Sequence[SinkCall]) -> Iterator[Handled]:
    """Yield what the sink took in; a request that repeats another one by its Idempotency-Key is no second effect."""
    known: set[str] = set()
    for number, call in enumerate(sink):
        if not call.taken or call.idempotency_key in known:
            continue
        if call.idempotency_key is not None:
            known.add(call.idempotency_key)
        for inner in call.body if isinstance(call.body, list) else [call.body]:
            said: Mapping[str, Any] = inner if isinstance(inner, Mapping) else {"body": inner}
            if call.idempotency_key is not None:
                said = {**said, "idempotency_key": call.idempotency_key}
            yield Handled(number, None, "sink", said, call.leg, call.at)


def _from_org(commits: Sequence[CommitRow], place: Place, legs: _Legs) -> Iterator[Handled]:
    """Yield what the subject wrote into records of the place; a write that changes nothing is no effect."""
    stored: dict[str, dict[str, Any]] = defaultdict(dict)
    for commit in commits:
        if commit.sobject.lower() != place.sobject or commit.verb not in ("create", "update"):
            continue
        values = {name.lower(): value for name, value in commit.values.items() if name.lower() not in _STAMPS}
        known = stored[commit.id]
        news = commit.verb == "create" or any(known.get(name) != value for name, value in values.items())
        known.update(values)
        key = known.get(place.key)
        if not commit.exchange or not news or key is None:
            continue
        said = {"key": str(key), "sobject": commit.sobject, "id": commit.id, "verb": commit.verb}
        yield Handled(commit.number, None, "org", said, legs.of(commit.exchange), commit.at)


class _Names:
    """Finds the event that the subject means. By a key alone it is the first of that key that is not taken yet."""

    def __init__(self, published: Sequence[Published]) -> None:
        self._by_replay = {one.replay_id: one for one in published}
        self._by_uuid: dict[str, Published] = {}
        self._by_transaction: dict[tuple[str, int], Published] = {}
        self._by_key: dict[str, list[Published]] = defaultdict(list)
        self._taken: dict[str, int] = defaultdict(int)
        for one in published:
            if one.uuid:
                self._by_uuid.setdefault(one.uuid.lower(), one)
            if one.header:
                place = one.header.get("transactionKey"), one.header.get("sequenceNumber")
                self._by_transaction.setdefault(place, one)  # type: ignore[arg-type]
            if one.key is not None:
                self._by_key[one.key].append(one)

    def find(self, handled: Handled) -> Published | None:
        said = handled.said
        if said.get("event") is not None:
            name = event_name(said["event"])
            return self.named(name) if name is not None else None
        if said.get("message") is not None:
            return None
        for word in (said.get("idempotency_key"), said.get("key")):
            name = event_name(word)
            found = self.named(name) if name is not None else None
            if found is not None:
                return found
        return self._of_key(str(said["key"])) if said.get("key") is not None else None

    def named(self, name: EventName) -> Published | None:
        if name.uuid is not None and name.uuid in self._by_uuid:
            return self._by_uuid[name.uuid]
        if name.replay_id is not None:
            return self._by_replay.get(name.replay_id)
        return self._by_transaction.get(name.transaction) if name.transaction is not None else None

    def _of_key(self, key: str) -> Published | None:
        found = self._by_key.get(key)
        if not found:
            return None
        place = min(self._taken[key], len(found) - 1)
        self._taken[key] += 1
        return found[place]
