"""What an org's owner registers by name: code and processes, checked before they are in force."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Generic, Protocol, Self, TypeVar


class Named(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T", bound=Named)


class Registered(ABC, Generic[T]):
    """The things of one kind, in the order in which they came. Each kind says in `check` what it refuses."""

    def __init__(self) -> None:
        self._all: tuple[T, ...] = ()

    def __iter__(self) -> Iterator[T]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)

    @abstractmethod
    def check(self, one: T) -> None:
        """Raise HookError for what can never be used, or is there already."""

    def add(self, one: T) -> T:
        """Put one in force. Raises HookError."""
        self.check(one)
        self._all = (*self._all, one)
        return one

    def remove(self, name: str) -> bool:
        """Remove all of a name; tell whether there were any."""
        left = tuple(one for one in self._all if one.name != name)
        found = len(left) < len(self._all)
        self._all = left
        return found

    def clear(self) -> None:
        self._all = ()

    def become(self, other: Self) -> None:
        """Take over what another org has."""
        self._all = other._all
