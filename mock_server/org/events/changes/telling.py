"""Change events: one transaction's changes as its subscribers are told of them.

Sources: Change Data Capture Developer Guide, "ChangeEventHeader Fields", "Change Event Body Fields", "Merged Change
Events", "Gap Events", "Overflow Events"; recorded events.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from mock_server.org.events.changes.differences import nested, plain
from mock_server.org.events.changes.nets import Cells, Net
from mock_server.org.events.changes.types import HEADER, LARGEST, EventType, event_type
from mock_server.org.events.model import Event
from mock_server.org.schema.types import SObject

NO_RECORD = "000000000000000AAA"
"""Stands where an overflow event would name its records."""
_VERBS = {"create": "CREATE", "update": "UPDATE", "delete": "DELETE", "undelete": "UNDELETE"}


@dataclass(slots=True)
class Transaction:
    """What all events of a transaction say alike. `at` are clock seconds; `number` grows from commit to commit."""

    org: str
    number: int
    at: float
    origin: str
    exchange: int
    schema_of: Callable[[EventType], Mapping[str, Any]]
    apart: frozenset[str] = frozenset()
    """Objects of whose records each has an event of its own, however alike they changed."""

    def key(self) -> str:
        """The transactionKey, in the recorded form: `000046c7-a642-11e2-c29b-229c6786473e`."""
        digits = blake2b(f"{self.org} {self.number}".encode(), digest_size=16).hexdigest()
        return f"000{digits[3:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


@dataclass(slots=True)
class _Change:
    """What an event tells, before it has its place among the others."""

    type: EventType
    kind: str
    ids: list[str]
    user: str
    cells: Cells = field(default_factory=list)
    place: int = 0


def events(transaction: Transaction, changed: Iterable[Net | None], most: int) -> list[Event]:
    """Return the events of a transaction, in order. Beyond `most` changes they only tell that there were more.

    "If not all objects involved in a transaction are enabled for Change Data Capture, there will be a gap in the
    sequence numbers" (Change Data Capture Developer Guide, "Transaction-Based Replication Approach").
    """
    changes: list[_Change] = []
    place = 0
    alike: dict[Any, _Change] = {}
    lost: dict[str, _Change] = {}
    count = 0
    for net in changed:
        if net is None:
            place += 1
            continue
        one = _change(net)
        if one is None:
            continue
        # Of an update each field counts.
        count += len(one.cells) if one.kind == "UPDATE" else 1
        if count > most:
            entity = net.type.entity
            lost.setdefault(entity, _Change(net.type, "GAP_OVERFLOW", [NO_RECORD], net.user))
            continue
        key = None if net.type.entity in transaction.apart else _key(one)
        known = alike.get(key) if key is not None else None
        if known is not None:
            known.ids.append(net.id)
            continue
        if key is not None:
            alike[key] = one
        place += 1
        one.place = place
        changes.append(one)
    for one in lost.values():
        place += 1
        one.place = place
    key = transaction.key()
    return [_event(transaction, key, one) for one in (*changes, *lost.values())]


def _change(net: Net) -> _Change | None:
    """Return what is told of a record, None where there is nothing to tell."""
    kind = _VERBS[net.verb]
    if net.verb == "update" and net.before is None:
        return _Change(net.type, "GAP_UPDATE", [net.id], net.user)
    cells = net.told()
    if net.verb == "update" and not cells:
        return None
    if net.type.may_be_large and _too_large(cells):
        return _Change(net.type, f"GAP_{kind}", [net.id], net.user)
    return _Change(net.type, kind, [net.id], net.user, cells)


def _key(one: _Change) -> Any:
    """Return what is equal for records of which one event tells; None for those that have events of their own."""
    if one.kind in ("CREATE", "UNDELETE"):
        return None
    return one.type.entity, one.kind, one.user, tuple((cell.order, value) for cell, value in one.cells)


def _too_large(cells: Cells) -> bool:
    texts = (value for _, value in cells if isinstance(value, str))
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) > LARGEST


def _event(transaction: Transaction, key: str, one: _Change) -> Event:
    updated = one.kind == "UPDATE"
    paths = list(dict.fromkeys(cell.path for cell, _ in one.cells)) if updated else []
    payload: dict[str, Any] = {
        HEADER: {
            "entityName": one.type.entity,
            "recordIds": one.ids,
            "changeType": one.kind,
            "changeOrigin": transaction.origin,
            "transactionKey": key,
            "sequenceNumber": one.place,
            # Moments of the platform's own are whole seconds.
            "commitTimestamp": int(transaction.at) * 1000,
            "commitNumber": transaction.number,
            "commitUser": one.user,
            "changedFields": paths,
        }
    }
    for cell, value in one.cells:
        told = value if value is None or cell.tell is None else cell.tell(value)
        if cell.part is None:
            payload[cell.name] = nested(told)
        elif cell.listed:
            if told or (updated and cell.name not in payload):
                payload[cell.name] = [*(payload.get(cell.name) or ()), cell.part] if told else None
        else:
            payload.setdefault(cell.name, {})[cell.part] = told
    return Event(
        "change",
        one.type.name,
        payload,
        schema_id=transaction.schema_of(one.type)["uuid"],
        exchange=transaction.exchange,
        at=transaction.at,
    )


def gap_of(event: Event) -> Event:
    """Return the gap event that stands for a change event: its header alone says what was changed, and how."""
    header: Mapping[str, Any] = event.payload[HEADER]
    kind = str(header["changeType"])
    told = {**header, "changeType": kind if kind.startswith("GAP_") else f"GAP_{kind}", "changedFields": []}
    return Event(
        "change", event.name, {HEADER: told}, schema_id=event.schema_id, exchange=event.exchange,
        replay_id=event.replay_id, at=event.at,
    )  # fmt: skip


def completed(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload as the Pub/Sub API tells it: with the lists that the Streaming API leaves out."""
    texts, names = plain(payload)
    return {**payload, **texts, HEADER: {"nulledFields": _nulled(payload), "diffFields": names, **payload[HEADER]}}


def flat(payload: Mapping[str, Any], base: SObject) -> dict[str, Any]:
    """Return an event as Apex sees it: its header, and the fields of the record, those that did not change empty."""
    whole = completed(payload)
    out: dict[str, Any] = {HEADER: whole[HEADER]}
    for column, cell in event_type(base).cells.items():
        value = whole.get(cell.name)
        if cell.part is not None and value is not None:
            value = cell.part in value if cell.listed else value.get(cell.part)
        out[column] = value
    return out


def _nulled(payload: Mapping[str, Any]) -> list[str]:
    """Return the fields that an update has emptied."""
    out = []
    for path in payload[HEADER].get("changedFields", ()):
        name, _, part = path.partition(".")
        value = payload.get(name)
        if value is None or (part and value.get(part) is None):
            out.append(path)
    return out


def without(event: Event, hidden: frozenset[str]) -> Event:
    """Return an event without some fields: neither they nor their names are in it."""
    header = event.payload[HEADER]
    payload: dict[str, Any] = {
        HEADER: {**header, "changedFields": [path for path in header["changedFields"] if path not in hidden]}
    }
    for name, value in event.payload.items():
        if name == HEADER or name in hidden:
            continue
        if isinstance(value, Mapping):
            value = {part: one for part, one in value.items() if f"{name}.{part}" not in hidden}  # noqa: PLW2901
            if not value:
                continue
        payload[name] = value
    return Event(
        "change", event.name, payload, schema_id=event.schema_id, exchange=event.exchange, replay_id=event.replay_id,
        at=event.at,
    )  # fmt: skip
