"""Avro's binary form, written: a schema is compiled to one function, which takes values as JSON would have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

Write = Callable[[Any], bytes]
HEADER = "ChangeEventHeader"
_LISTS = frozenset({"changedFields", "nulledFields", "diffFields"})
_double, _float = Struct("<d").pack, Struct("<f").pack


def number(value: int) -> bytes:
    """Return a whole number of at most 64 bits, zigzag, seven bits a byte."""
    value = (value << 1) ^ (value >> 63)
    if value < 128:
        return bytes((value,))
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


_SHORT = tuple(number(size) for size in range(8192))
"""What stands in front of most texts: their lengths."""


def writer(kind: Any, known: dict[str, Any], schema: Mapping[str, Any]) -> Write:
    """Return what writes a value of a type. `known` are the records of the schema that were named so far."""
    if isinstance(kind, list):
        return _either(kind, known, schema)
    if isinstance(kind, str):
        return writer(known[kind], known, schema) if kind in known else _PLAIN[kind]
    if kind["type"] == "record":
        known[kind["name"]] = kind
        return _record(kind, known, schema)
    if kind["type"] == "array":
        return _array(writer(kind["items"], known, schema))
    if kind["type"] == "enum":
        known[kind["name"]] = kind
        return {symbol: number(place) for place, symbol in enumerate(kind["symbols"])}.__getitem__
    return writer(kind["type"], known, schema)


def _record(record: Mapping[str, Any], known: dict[str, Any], schema: Mapping[str, Any]) -> Write:
    lists = record["name"] == HEADER
    fields = tuple(
        (
            field["name"],
            _bitmap(schema) if lists and field["name"] in _LISTS else writer(field["type"], known, schema),
        )
        for field in record["fields"]
    )

    def write(value: Any) -> bytes:
        get = (value or {}).get
        return b"".join([write(get(name)) for name, write in fields])

    return write


def _bitmap(schema: Mapping[str, Any]) -> Write:
    from mock_server.org.events.changes.bitmaps import encode

    plain = _array(_text)
    return lambda names: plain(encode(schema, names or ()))


def _array(write: Write) -> Write:
    def all_of(values: Any) -> bytes:
        if not values:
            return b"\0"
        return b"".join([number(len(values)), *map(write, values), b"\0"])

    return all_of


def _either(kinds: list[Any], known: dict[str, Any], schema: Mapping[str, Any]) -> Write:
    """Return what writes null, or one of a type; the name of an account is a text, or a record."""
    null = number(kinds.index("null"))
    branches = [(number(place), kind) for place, kind in enumerate(kinds) if kind != "null"]
    writes = [(mark, kind, writer(kind, known, schema)) for mark, kind in branches]
    if len(writes) == 1:
        ((mark, _, only),) = writes
        return lambda value: null if value is None else mark + only(value)
    (plain, _, text), = [one for one in writes if one[1] == "string"]  # fmt: skip
    (other, _, record), = [one for one in writes if one[1] != "string"]  # fmt: skip
    return lambda value: (
        null if value is None else other + record(value) if isinstance(value, Mapping) else plain + text(value)
    )


def _text(value: Any) -> bytes:
    if not isinstance(value, str):
        value = "" if value is None else str(value)
    # JSON can bring half of a pair of surrogates, which UTF-8 has not.
    content: bytes = value.encode("utf-8", "replace")
    size = len(content)
    return (_SHORT[size] if size < 8192 else number(size)) + content


def _flag(value: Any) -> bytes:
    return b"\1" if value else b"\0"


def _long(value: Any) -> bytes:
    """Write a number, or the milliseconds of a moment or date that is told as text."""
    return _moment(value) if isinstance(value, str) else number(int(value or 0))


@lru_cache(1024)
def _moment(text: str) -> bytes:
    # Events that are published together have one date.
    return number(milliseconds(text))


def milliseconds(text: str) -> int:
    """Return the milliseconds since 1970 of `2026-03-01T10:00:00.000Z` or `2026-03-01`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


_PLAIN: dict[str, Write] = {
    "string": _text,
    "boolean": _flag,
    "int": lambda value: number(int(value or 0)),
    "long": _long,
    "double": lambda value: _double(0.0 if value is None else float(value)),
    "float": lambda value: _float(0.0 if value is None else float(value)),
}
