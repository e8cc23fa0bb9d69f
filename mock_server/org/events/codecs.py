"""The codecs of an org's event schemas, by their ids: those of today, and of what was published before a change."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mock_server.org.events.avro import Codec

Source = Callable[[str], "Mapping[str, Any] | None"]
"""Finds a schema: by the name of an event's type its current one, or by an id one that there is or was."""


class Codecs:
    """Asks where schemas are kept, and keeps what encodes by them."""

    def __init__(self, current: Source, known: Source) -> None:
        self._current, self._known = current, known
        self._codecs: dict[str, Codec] = {}

    def of_event(self, name: str) -> Codec:
        """Return the codec of a type of events. Raises KeyError for one that there is not."""
        schema = self._current(name)
        if schema is None:
            raise KeyError(name)
        return self._codecs.get(schema["uuid"]) or self._keep(schema)

    def known(self, schema_id: str) -> Codec | None:
        """Return the codec of a schema's id, None for one that never was."""
        found = self._codecs.get(schema_id)
        if found is None:
            schema = self._known(schema_id)
            found = None if schema is None else self._keep(schema)
        return found

    def _keep(self, schema: Mapping[str, Any]) -> Codec:
        found = self._codecs[schema["uuid"]] = Codec(schema)
        return found
