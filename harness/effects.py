"""What a subject says it took in, and which events it has handled: the JSON Lines file named by SFMOCK_EFFECTS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from harness.event_names import EventName, event_name

_RAW = 200
_MOST_STARTS = 100
"""Places at which a line may begin anew behind one that was cut off."""


@dataclass(frozen=True, slots=True)
class Taken:
    """One record that the subject took in. `id` or `key` says which one; `line` counts from 1."""

    sobject: str
    id: str | None
    key: str | None
    record: Mapping[str, Any] | None
    line: int

    @property
    def identity(self) -> str:
        """What tells the record from others of its object: the id in its 15-character form, else the key."""
        return self.id[:15] if self.id else f"key {self.key}"


@dataclass(frozen=True, slots=True)
class Report:
    """The subject's own count of its inputs. What it does not say is None."""

    landed: int | None
    failed: int | None
    line: int


@dataclass(frozen=True, slots=True)
class Handling:
    """One event, or one message of an outbound call, that the subject has handled. `said` is all of what it says."""

    event: EventName | None
    message: str | None
    said: Mapping[str, Any]
    line: int


@dataclass(frozen=True, slots=True)
class BrokenLine:
    """A line that says nothing, because it was written in part or is not of the contract's form."""

    line: int
    reason: str
    raw: str
    cut_off: bool = False
    """Whether another line follows in it: its writer was ended in the middle of it."""


@dataclass(frozen=True, slots=True)
class Effects:
    """All lines of one file, in their order."""

    taken: tuple[Taken, ...] = ()
    reports: tuple[Report, ...] = ()
    broken: tuple[BrokenLine, ...] = ()
    handled: tuple[Handling, ...] = ()

    def of(self, sobject: str) -> list[Taken]:
        """Return what was taken in of one object."""
        return [one for one in self.taken if one.sobject.lower() == sobject.lower()]


def read_effects(path: Path) -> Effects:
    """Read the file; nothing where there is none. What cannot be read is among the broken lines, never an error."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Effects()
    except OSError as error:
        return Effects(broken=(BrokenLine(0, f"the file cannot be read: {error.strerror}", ""),))
    found = [one for number, line in enumerate(_lines(data), 1) for one in _read(line, number)]
    return Effects(
        tuple(one for one in found if isinstance(one, Taken)),
        tuple(one for one in found if isinstance(one, Report)),
        tuple(one for one in found if isinstance(one, BrokenLine)),
        tuple(one for one in found if isinstance(one, Handling)),
    )


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    return lines


Line = Taken | Report | Handling | BrokenLine


def _read(line: bytes, number: int) -> Iterator[Line]:
    """Read a line. What was killed in the middle of one leaves its half, and the next run writes on right behind it."""
    raw = line[:_RAW].decode("utf-8", "replace")
    try:
        yield _value(orjson.loads(line), number, raw)
        return
    except orjson.JSONDecodeError as error:
        reason = "the line is empty" if not line.strip() else f"not JSON: {error}"
    start = 0
    for _ in range(_MOST_STARTS):
        start = line.find(b"{", start + 1)
        if start < 0:
            break
        try:
            behind = _value(orjson.loads(line[start:]), number, raw)
        except orjson.JSONDecodeError:
            continue
        if not isinstance(behind, BrokenLine):
            yield BrokenLine(number, "cut off in the middle; another line follows in it", raw, cut_off=True)
            yield behind
            return
    yield BrokenLine(number, reason, raw)


def _value(value: Any, number: int, raw: str) -> Line:
    if not isinstance(value, dict):
        return BrokenLine(number, "a line must be a JSON object", raw)
    if "event" in value or ("message" in value and "sobject" not in value):
        return read_handling(value, number, raw)
    if "report" in value:
        return _report(value["report"], number, raw)
    return _taken(value, number, raw)


def read_handling(value: Mapping[str, Any], number: int, raw: str = "") -> Handling | BrokenLine:
    """Read what says that an event, or a message, was handled: a line of the file, or the body of a request."""
    message = value.get("message")
    if message is not None and (isinstance(message, bool) or not isinstance(message, str | int)):
        return BrokenLine(number, "`message` must be the id of a message", raw)
    if value.get("event") is None:
        if message is None:
            return BrokenLine(number, "neither `event` nor `message` says what was handled", raw)
        return Handling(None, str(message), value, number)
    name = event_name(value["event"])
    if name is None:
        text = "`event` must be an EventUuid, a replay id (a number, or its bytes in base64) or a ChangeEventHeader"
        return BrokenLine(number, text, raw)
    return Handling(name, None if message is None else str(message), value, number)


def _report(value: Any, number: int, raw: str) -> Report | BrokenLine:
    if not isinstance(value, dict):
        return BrokenLine(number, "`report` must be an object of `landed` and `failed`", raw)
    counts = {}
    for name in ("landed", "failed"):
        count = value.get(name)
        if count is not None and (isinstance(count, bool) or not isinstance(count, int) or count < 0):
            return BrokenLine(number, f"`report.{name}` must be a whole number of at least 0", raw)
        counts[name] = count
    if set(counts.values()) == {None}:
        return BrokenLine(number, "`report` says neither `landed` nor `failed`", raw)
    return Report(counts["landed"], counts["failed"], number)


def _taken(value: Mapping[str, Any], number: int, raw: str) -> Taken | BrokenLine:
    record = value.get("record")
    if record is not None and not isinstance(record, dict):
        return BrokenLine(number, "`record` must be an object", raw)
    sobject, identifier, key = value.get("sobject"), value.get("id"), value.get("key")
    if record is not None:
        # A record as Salesforce sent it names its object and its id itself.
        attributes = record.get("attributes")
        sobject = sobject or (attributes.get("type") if isinstance(attributes, dict) else None)
        identifier = identifier or (None if key is not None else record.get("Id"))
    if not isinstance(sobject, str) or not sobject:
        return BrokenLine(number, "`sobject` is missing", raw)
    if identifier is not None and not (isinstance(identifier, str) and len(identifier) in (15, 18)):
        return BrokenLine(number, "`id` must be an id of 15 or 18 characters", raw)
    if identifier is None and (isinstance(key, bool) or not isinstance(key, str | int | float)):
        return BrokenLine(number, "neither `id` nor `key` says which record it is", raw)
    return Taken(sobject, identifier, None if key is None else str(key), record, number)
