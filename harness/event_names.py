"""The ways in which a subject may call an event: its EventUuid, its replay id, or its transaction."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{11,14}={0,2}")
_SIZES = (8, 10)
"""Bytes of a replay id: a number, in the longer form with two zero bytes behind it."""


@dataclass(frozen=True, slots=True)
class EventName:
    """What tells an event from others: as much of it as the subject says, most telling first."""

    uuid: str | None = None
    replay_id: int | None = None
    transaction: tuple[str, int] | None = None


def event_name(given: Any) -> EventName | None:
    """Read a name; None for what is none. A mapping may be what CometD puts under `event`, or a ChangeEventHeader."""
    if isinstance(given, Mapping):
        return _of_mapping(given)
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return EventName(replay_id=given) if given >= 0 else None
    if not isinstance(given, str) or not given.strip():
        return None
    if _UUID.fullmatch(given):
        return EventName(uuid=given.lower())
    if given.isascii() and given.isdecimal():
        return EventName(replay_id=int(given)) if len(given) < 20 else None
    replay_id = replay_of(given)
    # Who knows which form of an id it is: no event has it, unless it is that of a uuid.
    return EventName(uuid=given.lower()) if replay_id is None else EventName(replay_id=replay_id)


def replay_of(text: str) -> int | None:
    """Return the replay id of its bytes in base64, plain or URL-safe; None for a text that is none."""
    if not _BASE64.fullmatch(text):
        return None
    plain = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except binascii.Error:
        return None
    if len(found) not in _SIZES or any(found[8:]):
        return None
    return int.from_bytes(found[:8], "big")


def _of_mapping(given: Mapping[str, Any]) -> EventName | None:
    names = {str(name).lower(): value for name, value in given.items()}
    uuid, replay = names.get("eventuuid") or names.get("uuid"), names.get("replayid", names.get("replay_id"))
    key, place = names.get("transactionkey"), names.get("sequencenumber", 1)
    transaction = None
    if isinstance(key, str) and isinstance(place, int) and not isinstance(place, bool):
        transaction = key, place
    named = event_name(replay) if isinstance(replay, int | str) else None
    number = named.replay_id if named else None
    if not (isinstance(uuid, str) and uuid) and number is None and transaction is None:
        return None
    return EventName(uuid.lower() if isinstance(uuid, str) else None, number, transaction)
