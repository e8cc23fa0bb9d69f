"""The schemas of an org's events, by their ids: those of today, and of what was published before a change."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from mock_server.org.events.avro import Codec

Source = Callable[[str], "Mapping[str, Any] | None"]
"""Tells the schema of a type of events by its name, as it is now; its `uuid` is its id. None for what is none."""


class Codecs:
    """Keeps what encodes by each schema that there was.

    `types` yields the names of all types of events; `state` tells something else once they may have other schemas.
    """

    def __init__(self, types: Callable[[], Iterator[str]], state: Callable[[], object], *sources: Source) -> None:
        self._types = types
        self._state = state
        self._walked: object = None
        """The state in which all types were asked: whoever brings ids that there never were costs no more."""
        self._codecs: dict[str, Codec] = {}
        self._learned: dict[str, Mapping[str, Any]] = {}
        self.sources: list[Source] = list(sources)
        self.earlier: list[Source] = []
        """Tell the schema of an id: also of one that its type has no more."""

    def learn(self, schema: Mapping[str, Any]) -> None:
        """Know a schema by its id from now on, whatever becomes of its type."""
        self._learned[schema["uuid"]] = schema

    def of_event(self, name: str) -> Codec:
        """Return the codec of a type of events. Raises KeyError for one that there is not."""
        for source in self.sources:
            schema = source(name)
            if schema is not None:
                found = self._codecs.get(schema["uuid"])
                if found is None:
                    found = self._codecs[schema["uuid"]] = Codec(schema)
                return found
        raise KeyError(name)

    def known(self, schema_id: str) -> Codec | None:
        """Return the codec of a schema's id, None for one that never was."""
        found = self._codecs.get(schema_id)
        if found is None and schema_id in self._learned:
            found = self._codecs[schema_id] = Codec(self._learned[schema_id])
        if found is None and schema_id and self._walked != (state := self._state()):
            # Told by an earlier life of the server, perhaps.
            for name in self._types():
                self.of_event(name)
            self._walked = state
            found = self._codecs.get(schema_id)
        if found is None:
            schema = next((one for source in self.earlier if (one := source(schema_id)) is not None), None)
            if schema is not None:
                found = self._codecs[schema_id] = Codec(schema)
        return found
