"""Events as Avro: binary, without a container or a fingerprint, by the schema of their type.

Moments and dates are milliseconds since 1970; the lists of field names of a change event's header are bitmaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from mock_server.org.events.avro_reading import NotDecoded, Read, reader
from mock_server.org.events.avro_writing import HEADER, Write, milliseconds, writer


class Codec:
    """Encodes and decodes the events of one schema, given as JSON would have it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self.name: str = schema["name"]
        self.schema_id: str = schema["uuid"]
        fields = schema["fields"]
        self.completed = _completed() if fields and fields[0]["name"] == HEADER else None

    # Who only publishes reads none, and most types nobody reads nor publishes so.

    @cached_property
    def _write(self) -> Write:
        return writer(self.schema, {}, self.schema)

    @cached_property
    def _read(self) -> Read:
        return reader(self.schema, {})

    def encode(self, payload: Mapping[str, Any]) -> bytes:
        """Return an event's bytes. `payload` is as `Event` has it."""
        if self.completed is not None and HEADER in payload:
            payload = self.completed(payload)
        return self._write(payload)

    def decode(self, content: bytes) -> dict[str, Any]:
        """Return the values of bytes that a client made. Raises NotDecoded."""
        values, end = self._read(content, 0)
        if end != len(content):
            raise NotDecoded(f"{len(content) - end} bytes are left over")
        assert isinstance(values, dict)
        return values


def _completed() -> Callable[[Any], Any]:
    from mock_server.org.events.changes.telling import completed

    return completed


__all__ = ["Codec", "NotDecoded", "milliseconds"]
