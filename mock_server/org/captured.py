"""Which objects' changes an org tells of on its default channel, /data/ChangeEvents."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mock_server.org.schema import Schema
from mock_server.org.schema.derived import can_be_captured

MOST = 5
"""Objects that can be captured without an add-on (Change Data Capture Allocations)."""


class NotCapturable(ValueError):
    """An object whose changes cannot be captured. `known` are those of which they can."""

    def __init__(self, text: str, name: str, known: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.name = name
        self.known = known


class Captured:
    """The names of the objects, in the order in which they were chosen. An org that captures nothing loads nothing."""

    def __init__(self, schema: Schema) -> None:
        self._schema = schema
        self._names: dict[str, None] = {}
        self.quiet = False
        """Whether changes are told to nobody: the org is being filled with what it holds from the start."""
        self.changed: Callable[[], object] = lambda: None
        """Called whenever other objects are chosen."""

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def name_of(self, given: str) -> str:
        """Return the exact name of an object, given by its own name or its event's. Raises NotCapturable."""
        name = given
        for suffix, ending in (("__ChangeEvent", "__c"), ("ChangeEvent", "")):
            if given.endswith(suffix) and given != suffix:
                name = f"{given.removesuffix(suffix)}{ending}"
                break
        sobject = self._schema.get(name)
        if sobject is None:
            raise NotCapturable(f"this org has no object {name[:80]}", name, self._schema.names())
        if not can_be_captured(sobject):
            raise NotCapturable(f"changes of {sobject.name} cannot be captured", name, self.possible())
        return sobject.name

    def possible(self) -> tuple[str, ...]:
        """Return the names of all objects that can be captured."""
        found = (self._schema.get(name) for name in self._schema.names() if not name.endswith("ChangeEvent"))
        return tuple(one.name for one in found if one is not None and can_be_captured(one))

    def add(self, given: str) -> str:
        """Capture an object; return its exact name. Raises NotCapturable."""
        name = self.name_of(given)
        if name not in self._names:
            self._names[name] = None
            self.changed()
        return name

    def remove(self, name: str) -> bool:
        """Capture an object no more; tell whether it was."""
        if name not in self._names:
            return False
        del self._names[name]
        self.changed()
        return True

    def clear(self) -> None:
        if self._names:
            self._names.clear()
            self.changed()

    def become(self, other: Captured) -> None:
        """Capture what another org captures."""
        if list(self._names) != list(other):
            self._names = dict.fromkeys(other)
            self.changed()

    @contextmanager
    def silenced(self) -> Iterator[None]:
        """Tell nobody of the changes of a block."""
        before, self.quiet = self.quiet, True
        try:
            yield
        finally:
            self.quiet = before
