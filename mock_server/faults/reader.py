"""Reads one mapping of a fault rule key by key; what is wrong is collected, so that a user sees all of it at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from mock_server.documents import Problem, duration, shown
from mock_server.parts import Keys

Path = tuple[str | int, ...]
T = TypeVar("T")
__all__ = ["LONGEST", "Path", "Reader", "read_each", "shown"]

LONGEST = 1e9
"""The longest duration a rule may name, in seconds (some 30 years)."""


def read_each(
    value: object,
    path: Path,
    problems: list[Problem],
    what: str,
    read: Callable[[object, Path, list[Problem]], T | None],
) -> tuple[T, ...]:
    """Read the items of a list one by one, and leave out what is wrong. `what` says what the list must be."""
    if value is None:
        return ()
    if not isinstance(value, list):
        problems.append(Problem(path, f"{what}, not {shown(value)}"))
        return ()
    found = [read(item, (*path, place), problems) for place, item in enumerate(value)]
    return tuple(one for one in found if one is not None)


class Reader(Keys):
    """One mapping of a rule. Every getter returns None for a key that is absent or refused."""

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value:
            return value
        self.refuse(key, f"{key} must be text, not {shown(value)}")
        return None

    def choice(self, key: str, allowed: Sequence[str]) -> str | None:
        value = self.data.get(key)
        if value is None or value in allowed:
            return value
        self.refuse(key, f"{key} must be one of {', '.join(allowed)}, not {shown(value)}", allowed, value)
        return None

    def count(self, key: str, least: int, most: int = 10**9) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        bound = f"of at least {least}" if most == 10**9 else f"from {least} to {most}"
        self.refuse(key, f"{key} must be a whole number {bound}, not {shown(value)}")
        return None

    def share(self, key: str) -> float | None:
        """Read a probability."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        self.refuse(key, f"{key} must be a number from 0 to 1, not {shown(value)}")
        return None

    def seconds(self, key: str) -> float | None:
        """Read a duration (`2s`, `80ms`, or a number of seconds)."""
        value = self.data.get(key)
        return None if value is None else self.as_seconds((key,), value)

    def as_seconds(self, at: Path, value: object) -> float | None:
        """Turn one value into seconds; a problem is noted under `at`."""
        seconds: float = math.nan
        if isinstance(value, str):
            try:
                seconds = duration(value)
            except ValueError:
                seconds = math.nan
        elif isinstance(value, int | float) and not isinstance(value, bool):
            seconds = value
        if 0 <= seconds <= LONGEST:
            return float(seconds)
        self.refuse(at, f"{shown(value)} is no duration: write it like 80ms, 2s or 5m")
        return None

    def mapping(self, key: str) -> Reader | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, Mapping):
            return Reader(value, (*self.path, key), self.problems)
        self.refuse(key, f"{key} must be a mapping, not {shown(value)}")
        return None
