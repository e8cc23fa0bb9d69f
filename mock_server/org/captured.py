"""Which objects' changes an org tells of on its default channel, /data/ChangeEvents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mock_server.org.schema import Schema
from mock_server.org.schema.derived import can_be_captured, changing

MOST = 5
"""Objects that can be captured without an add-on, whichever channels they are selected for (Change Data Capture
Allocations)."""
MOST_CHANGES = 100_000
"""Changes of one transaction of which events tell; of the others they only tell that there were more."""


class NotCapturable(ValueError):
    """An object whose changes cannot be captured. `known` are those of which they can."""

    def __init__(self, text: str, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.name = name
        self.known = known


@dataclass(frozen=True, slots=True)
class Entity:
    """An object that is captured."""

    name: str


class Captured:
    """The objects, in the order in which they were chosen. An org that captures nothing loads nothing for it."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._entities: dict[str, Entity] = {}
        self.quiet = False
        """Whether changes are told to nobody: the org is being filled with what it holds from the start."""
        self.most_changes = MOST_CHANGES
        self.changed: Callable[[], object] = lambda: None
        """Called whenever other objects are chosen."""

    def __iter__(self) -> Iterator[Entity]:
        return iter(tuple(self._entities.values()))

    def __len__(self) -> int:
        return len(self._entities)

    def __contains__(self, name: object) -> bool:
        return name in self._entities

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._entities)

    def name_of(self, given: str) -> str:
        """Return the exact name of an object, given by its own name or its event's. Raises NotCapturable."""
        name = changing(given) or given
        sobject = self._schema.get(name)
        if sobject is None:
            raise NotCapturable(f"this org has no object {name[:80]}", name, self._schema.names())
        if not can_be_captured(sobject):
            raise NotCapturable(f"changes of {sobject.name} cannot be captured", name, self.possible())
        return sobject.name

    def possible(self) -> tuple[str, ...]:
        """Return the names of all objects that can be captured."""
        events = (changing(name) for name in self._schema.names() if name.endswith("ChangeEvent"))
        return tuple(name for name in events if name is not None)

    def add(self, given: str | Entity) -> Entity:
        """Capture an object. Raises NotCapturable."""
        name = self.name_of(given if isinstance(given, str) else given.name)
        if name not in self._entities:
            self._entities[name] = Entity(name)
            self.changed()
        return self._entities[name]

    def remove(self, name: str) -> bool:
        """Capture an object no more; tell whether it was."""
        if name not in self._entities:
            return False
        del self._entities[name]
        self.changed()
        return True

    def clear(self) -> None:
        if self._entities:
            self._entities.clear()
            self.changed()

    def become(self, other: Captured) -> None:
        """Capture what another org captures."""
        if self.names != other.names:
            self._entities = {one.name: one for one in other}
            self.changed()

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Tell nobody of the changes of a block."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before
