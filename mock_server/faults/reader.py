"""Reads one mapping of a fault rule key by key; what is wrong is collected, so that a user sees all of it at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from mock_server.documents import Problem, duration, nearest

Path = tuple[str | int, ...]
T = TypeVar("T")

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


class Reader:
    """One mapping of a rule, at its path. Every getter returns None for a key that is absent or refused."""

    def __init__(self, data: Mapping[Any, Any], path: Path, problems: list[Problem]) -> None:
        self.data = data
        self.path = path
        self.problems = problems

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def refuse(
        self,
        key: str | Path,
        message: str,
        allowed: Iterable[str] = (),
        like: object = None,
        *,
        at_key: bool = False,
    ) -> None:
        """Note a problem, at a key's value or `at_key`. `like` is the word to look the nearest allowed one up for."""
        choices = tuple(allowed)
        near = nearest(like, choices) if isinstance(like, str) else None
        at = (key,) if isinstance(key, str) else key
        self.problems.append(Problem((*self.path, *at), message, choices, near, at_key))

    def only(self, allowed: Sequence[str], what: str) -> None:
        """Refuse every key that is none of the allowed ones."""
        for key in self.data:
            if key not in allowed:
                self.refuse(str(key), f"{what} has no key {shown(key)}", allowed, key, at_key=True)

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


def shown(value: object) -> str:
    """Return a value for a message, cut to a readable length."""
    if isinstance(value, int) and abs(value) > 10**60:
        return "a number of more than 60 digits"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
