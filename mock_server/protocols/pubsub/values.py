"""From an event's Avro values to those that a save takes, as JSON would bring them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from mock_server.org.events.avro import NotDecoded
from mock_server.org.schema.types import SObject

_SET = frozenset({"CreatedDate", "CreatedById"})
"""What the platform sets itself, whatever a publisher says."""
_EPOCH = datetime(1970, 1, 1)  # told as UTC, and quicker without saying so


def row_of(sobject: SObject | None, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of an event to save; fields that it leaves empty are left out. Raises NotDecoded."""
    if sobject is None:
        return dict(values)
    converts: dict[str, Callable[[Any], Any]] | None = sobject.memo.get("avro values")  # type: ignore[assignment]
    if converts is None:
        converts = {field.name: _CONVERTS[field.type] for field in sobject.fields if field.type in _CONVERTS}
        sobject.memo["avro values"] = converts
    row = {}
    for name, value in values.items():
        if value is not None and name not in _SET:
            row[name] = converts[name](value) if name in converts else value
    return row


def _moment(value: int) -> str:
    try:
        moment = _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        raise NotDecoded(f"{value} is no moment") from None
    return f"{moment.isoformat(timespec='milliseconds')}Z"


def _date(value: int) -> str:
    return _moment(value)[:10]


def _number(value: float) -> float:
    if not math.isfinite(value):
        raise NotDecoded(f"{value} is no number")
    return value


def _whole(value: float) -> float | int:
    _number(value)
    return int(value) if value == int(value) else value


_CONVERTS: dict[str, Callable[[Any], Any]] = {
    "datetime": _moment, "date": _date, "double": _number, "currency": _number, "percent": _number, "int": _whole,
}  # fmt: skip
