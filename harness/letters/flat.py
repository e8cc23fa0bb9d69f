"""Letters that are rows: columns of a table, a CSV file or a stream, in which a cell may hold JSON."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import fields, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import orjson

from harness.letters.letter import Letter, LetterMap, QueueError, read_letter
from mock_server.documents import nearest

COLUMNS = ("record", "key", "error", "error_code", "error_message", "attempts", "failed_at")
"""The columns of a letter that needs no mapping. `error` may take the place of `error_code` and `error_message`."""
_SPLIT = {"code": ("error_code",), "message": ("error_message",)}


def read_row(row: Mapping[str, Any], line: int, mapping: LetterMap | None) -> Letter:
    """Read the letter that a row stands for."""
    values = {str(name): _cell(cell) for name, cell in row.items()}
    letter = read_letter(as_text(values), values, line, places_of(values, mapping))
    return replace(letter, attempts=_whole(letter.attempts), failed_at=_moment(letter.failed_at))


def places_of(columns: Collection[str], mapping: LetterMap | None) -> LetterMap:
    """Return where the parts of a letter stand: the mapping's places, else the columns that are there."""
    places = mapping or LetterMap()
    found = {
        part: steps
        for part, steps in _SPLIT.items()
        if getattr(places, part) is None and places.error is None and steps[0] in columns
    }
    if places.error is None and "error" in columns and "error_code" not in columns:
        found["error"] = ("error",)  # read as a mapped one is: `CODE: message` is taken apart
    return replace(places, **found)


def check_columns(columns: Collection[str], mapping: LetterMap | None, where: str) -> None:
    """Raise QueueError when a column that the letters are read from is missing."""
    places = mapping or LetterMap()
    listed = f"it has {', '.join(columns)}" if columns else "it has none"
    for part in fields(places):
        steps = getattr(places, part.name)
        if steps and str(steps[0]) not in columns:
            near = nearest(steps[0], columns)
            hint = f"; did you mean {near}?" if near else ""
            raise QueueError(
                f"{where}: there is no column {steps[0]}, where dead_letters says the {part.name} is{hint} ({listed})"
            )
    if places.record is None and places.key is None and not {"record", "key"} & set(columns):
        raise QueueError(
            f"{where}: there is neither a column `record` nor `key`; say in the scenario where they are, such as "
            f"dead_letters: {{record: $.payload}}, or {{record: $}} for the row itself ({listed})"
        )


def as_text(values: Any) -> str:
    """Return a letter that is no text as one."""
    return json.dumps(values, ensure_ascii=False, default=str)


def _cell(cell: Any) -> Any:
    """Return the value of a cell: text as text, unless it is a JSON object or list."""
    if isinstance(cell, memoryview | bytearray):
        cell = bytes(cell)
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, str):
        if cell.lstrip()[:1] in ("{", "["):
            try:
                return orjson.loads(cell)
            except orjson.JSONDecodeError:
                return cell
        return cell
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    if isinstance(cell, Decimal):
        return int(cell) if cell.is_finite() and cell == cell.to_integral_value() else str(cell)
    return cell if cell is None or isinstance(cell, bool | int | float | dict | list) else str(cell)


def _whole(value: Any) -> Any:
    text = value.strip() if isinstance(value, str) else ""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value
