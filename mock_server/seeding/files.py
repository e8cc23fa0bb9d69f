"""Reads rows from files: CSV, JSON Lines, and the data trees that `sf data export tree` writes."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from mock_server.seeding.plans import GivenRecords, Named

MOST_ROWS = 1_000_000


class DataError(ValueError):
    """A data file that cannot be read: which, where in it, and why."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a file, and where each stands: `accounts.csv:12`."""

    rows: tuple[dict[str, Any], ...]
    places: tuple[str, ...]

    def nested(self) -> tuple[dict[str, Any], ...]:
        """Return the rows with `Account.Key__c` as a part of a mapping `Account`: a parent, named by its key."""
        if not any("." in name for row in self.rows for name in row):
            return self.rows
        return tuple(map(_nested, self.rows))


def _nested(row: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, value in row.items():
        parent, _, inner = name.partition(".")
        if inner:
            made.setdefault(parent, {})[inner] = value
        else:
            made[name] = value
    return made


def read_rows(path: Path) -> Rows:
    """Read `.csv` or `.jsonl`. An empty CSV cell leaves the field out, as Bulk API does. Raises DataError."""
    readers = {".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(f"{path.name}: rows are read from .csv and .jsonl files")
    found = tuple(reader(path))
    if not found:
        raise DataError(f"{path.name}: there are no rows in it")
    if len(found) > MOST_ROWS:
        raise DataError(f"{path.name}: more than {MOST_ROWS} rows")
    return Rows(tuple(row for _, row in found), tuple(f"{path.name}:{line}" for line, _ in found))


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: the file is not UTF-8 (byte {error.start})") from None
    except OSError as error:
        raise DataError(f"{path.name}: {error.strerror}") from None


def _csv(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(_text(path).splitlines(keepends=True), strict=True)
    try:
        header = next(reader, [])
        if not header or not all(name.strip() for name in header):
            raise DataError(f"{path.name}, line 1: every column needs a name")
        if len({name.strip().lower() for name in header}) < len(header):
            raise DataError(f"{path.name}, line 1: two columns have the same name")
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataError(f"{path.name}, line {reader.line_num}: {len(cells)} cells for {len(header)} columns")
            yield reader.line_num, {name.strip(): cell for name, cell in zip(header, cells, strict=True) if cell}
    except csv.Error as error:
        raise DataError(f"{path.name}, line {reader.line_num}: {error}") from None


def _jsonl(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise DataError(f"{path.name}, line {number}: not JSON: {error}") from None
        if not isinstance(value, dict):
            raise DataError(f"{path.name}, line {number}: a row must be a JSON object")
        yield number, value


def read_tree(path: Path) -> list[GivenRecords]:
    """Read a data tree, or a plan of several. Raises DataError."""
    value = _json(path)
    if isinstance(value, list):
        return [part for step in value for part in _step(path, step)]
    return _tree(path, value)


def _json(path: Path) -> Any:
    try:
        return orjson.loads(_text(path))
    except orjson.JSONDecodeError as error:
        raise DataError(f"{path.name}: not JSON: {error}") from None


def _step(plan: Path, step: Any) -> Iterator[GivenRecords]:
    files = step.get("files") if isinstance(step, Mapping) else None
    if not isinstance(files, list) or not all(isinstance(name, str) and "\0" not in name for name in files):
        raise DataError(f"{plan.name}: a plan is a list of objects with `sobject` and `files`")
    for name in files:
        path = plan.parent / name
        yield from _tree(path, _json(path))


def _tree(path: Path, value: Any) -> list[GivenRecords]:
    records = value.get("records") if isinstance(value, Mapping) else None
    if not isinstance(records, list):
        raise DataError(f"{path.name}: a data tree is an object with `records`")
    by_object: dict[str, list[tuple[str | None, str, dict[str, Any]]]] = {}
    seen: dict[str, int] = {}
    for place, record in enumerate(records):
        attributes = record.get("attributes") if isinstance(record, Mapping) else None
        sobject = attributes.get("type") if isinstance(attributes, Mapping) else None
        if not isinstance(sobject, str):
            raise DataError(f"{path.name}: records[{place}] needs attributes with a type")
        assert isinstance(attributes, Mapping)
        name = attributes.get("referenceId")
        if isinstance(name, str) and seen.setdefault(name, place) != place:
            raise DataError(f"{path.name}: records[{place}] and records[{seen[name]}] are both called {name[:80]}")
        where = f"{path.name}: records[{place}]"
        row = {field: _cell(where, field, cell) for field, cell in record.items() if field != "attributes"}
        row = {field: cell for field, cell in row.items() if cell is not None}
        by_object.setdefault(sobject, []).append((name if isinstance(name, str) else None, where, row))
    made = []
    for sobject, rows in by_object.items():
        names, places, cells = zip(*rows, strict=True)
        made.append(GivenRecords(sobject, cells, names, places))
    return made


def _cell(where: str, field: str, cell: Any) -> Any:
    """Read one value of a record: plain, the name of another record, a parent by its key, or children of its own."""
    if isinstance(cell, str) and cell.startswith("@") and len(cell) > 1:
        return Named(cell[1:])
    if isinstance(cell, list):
        raise DataError(f"{where}.{field} is a list; the children of a record are an object with `records`")
    children = cell.get("records") if isinstance(cell, Mapping) else None
    if children is not None:
        if not isinstance(children, list) or not all(isinstance(child, Mapping) for child in children):
            raise DataError(f"{where}.{field}.records must be a list of records")
        return {"records": [_child(f"{where}.{field}.records[{place}]", one) for place, one in enumerate(children)]}
    return cell


def _child(where: str, record: Mapping[str, Any]) -> dict[str, Any]:
    made = {name: _cell(where, name, cell) for name, cell in record.items() if name != "attributes"}
    if any(isinstance(cell, Named) for cell in made.values()):
        raise DataError(f"{where} refers to a record by name; only records that no other holds can do so")
    return {name: cell for name, cell in made.items() if cell is not None}
