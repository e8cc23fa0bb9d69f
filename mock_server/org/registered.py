"""What an org's owner registers by name: code and processes, checked before they are in force."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Generic, Protocol, Self, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registered(ABC, Generic[T]):
    """The things of one kind, in the order in which they came. Each kind says in `check` what it refuses.

    `changed` is told whenever they have become others.
    """

    def __init__(self, changed: Callable[[], None] | None = None) -> None:
        self._all: tuple[T, ...] = ()
        self._changed = changed

    def __iter__(self) -> Iterator[T]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @abstractmethod
    def check(self, one: T) -> None:
        """Raise HookError for what can never be used, or is there already."""

    def replaces(self, one: T, other: T) -> bool:
        """Tell whether one that is put in force takes the place of another."""
        return False

    def add(self, one: T) -> T:
        """Put one in force. Raises HookError."""
        self.check(one)
        self._set((*(other for other in self._all if not self.replaces(one, other)), one))
        return one

    def remove(self, name: str) -> bool:
        """Remove all of a name; tell whether there were any."""
        left = tuple(one for one in self._all if one.name != name)
        found = len(left) < len(self._all)
        self._set(left)
        return found

    def clear(self) -> None:
        self._set(())

    def become(self, other: Self) -> None:
        """Take over what another org has."""
        self._set(other._all)

    def _set(self, listed: tuple[T, ...]) -> None:
        self._all = listed
        if self._changed is not None:
            self._changed()
