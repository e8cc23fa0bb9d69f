"""Events as Avro: binary, without a container or a fingerprint, by the schema of their type.

Moments and dates are milliseconds since 1970; the lists of field names of a change event's header are bitmaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

Convert = Callable[[Any], Any]
_HEADER = "ChangeEventHeader"
_LISTS = frozenset({"changedFields", "nulledFields", "diffFields"})
_INT32, _INT64 = 1 << 31, 1 << 63


class NotDecoded(ValueError):
    """Bytes that are no event of a schema."""


class Codec:
    """Encodes and decodes the events of one schema, given as JSON would have it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        from fastavro import parse_schema, schemaless_reader, schemaless_writer

        # A fresh registry of names: types of other schemas have the same ones.
        self._parsed = parse_schema(dict(schema), named_schemas={})
        self.schema = schema
        self.name: str = schema["name"]
        self.schema_id: str = schema["uuid"]
        self._read, self._write = schemaless_reader, schemaless_writer
        self._fields = _fields(schema, {}, schema)
        self.header = _header() if self._fields and self._fields[0][0] == _HEADER else None

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Return an event's bytes. `payload` is as `Event` has it."""
        out = BytesIO()
        if self.header is not None and _HEADER in payload:
            payload = {**payload, _HEADER: self.header(payload)}
        get = payload.get
        self._write(out, self._parsed, {name: convert(get(name)) for name, convert in self._fields})
        return out.getvalue()

    def decode(self, content: bytes) -> dict[str, Any]:
        """Return the values of bytes that a client made. Raises NotDecoded."""
        stream = BytesIO(content)
        try:
            found: Any = self._read(stream, self._parsed, None)
        except Exception as failure:
            # Whatever the bytes made the reader stumble over: a text that is none, an index too large, an early end.
            raise NotDecoded(str(failure) or type(failure).__name__) from None
        if stream.tell() != len(content):
            raise NotDecoded(f"{len(content) - stream.tell()} bytes are left over")
        return dict(found)


def _fields(
    record: Mapping[str, Any], known: dict[str, Any], schema: Mapping[str, Any]
) -> tuple[tuple[str, Convert], ...]:
    lists = record.get("name") == _HEADER
    return tuple(
        (
            field["name"],
            _bitmap(schema) if lists and field["name"] in _LISTS else _convert(field["type"], known, schema),
        )
        for field in record["fields"]
    )


def _header() -> Convert:
    from mock_server.org.events.changes.telling import nulled

    return lambda payload: {"nulledFields": nulled(payload), **payload[_HEADER]}


def _bitmap(schema: Mapping[str, Any]) -> Convert:
    from mock_server.org.events.changes.bitmaps import encode

    return lambda names: encode(schema, names or ())


def _convert(kind: Any, known: dict[str, Any], schema: Mapping[str, Any]) -> Convert:
    """Return what makes a value of a payload one of a type."""
    if isinstance(kind, list):
        return _optional([_convert(one, known, schema) for one in kind if one != "null"], kind, known)
    if isinstance(kind, dict):
        if kind["type"] == "record":
            known[kind["name"]] = kind
            fields = _fields(kind, known, schema)
            return lambda value: {name: convert((value or {}).get(name)) for name, convert in fields}
        if kind["type"] == "array":
            return lambda value: list(value or ())
        return lambda value: value
    if kind in known:
        return _convert(known[kind], known, schema)
    return _PLAIN.get(kind, _same)


def _optional(converts: list[Convert], kind: list[Any], known: dict[str, Any]) -> Convert:
    if len(converts) == 1:
        (only,) = converts
        if only is _same:
            return _same
        return lambda value: None if value is None else only(value)
    # The name of an account: a text, or a record.
    plain = next((convert for convert, one in zip(converts, kind[1:], strict=True) if one == "string"), _same)
    other = next((convert for convert, one in zip(converts, kind[1:], strict=True) if one != "string"), _same)
    return lambda value: None if value is None else other(value) if isinstance(value, Mapping) else plain(value)


def _same(value: Any) -> Any:
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def _flag(value: Any) -> bool:
    return bool(value)


def _number(value: Any) -> float:
    return float(value or 0)


def _whole(value: Any) -> int:
    return int(value or 0)


def _long(value: Any) -> int:
    """Return a number, or the milliseconds of a moment or date that is told as text."""
    return milliseconds(value) if isinstance(value, str) else int(value or 0)


def milliseconds(text: str) -> int:
    """Return the milliseconds since 1970 of `2026-03-01T10:00:00.000Z` or `2026-03-01`."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


_PLAIN: dict[str, Convert] = {
    "string": _text,
    "boolean": _flag,
    "int": _whole,
    "long": _long,
    "double": _number,
    "float": _number,
}
