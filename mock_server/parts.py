"""Typed reading of one mapping of a document; what is wrong is collected, so that all of it is seen at once."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from mock_server.documents import Problem, Steps, duration, nearest, shown

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,99}")
"""What the API name of an object or field looks like."""


class Keys:
    """A mapping at its path, whose problems are collected."""

    def __init__(self, data: Mapping[Any, Any], path: Steps, problems: list[Problem]) -> None:
        self.data = data
        self.path = path
        self.problems = problems

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def refuse(
        self,
        at: str | Steps,
        message: str,
        allowed: Iterable[str] = (),
        like: object = None,
        *,
        at_key: bool = False,
    ) -> None:
        """Note a problem at a key's value, at a path below this mapping, or `at_key` itself.

        `like` is the word to look the nearest allowed one up for.
        """
        choices = tuple(allowed)
        steps = (at,) if isinstance(at, str) else at
        near = nearest(like, choices) if isinstance(like, str) else None
        self.problems.append(Problem((*self.path, *steps), message, choices, near, at_key))

    def only(self, allowed: Sequence[str], what: str) -> None:
        """Refuse every other key. `what` names this mapping in the message."""
        for key in self.data:
            if key not in allowed:
                self.refuse(str(key), f"{what} has no key {shown(key)}", allowed, key, at_key=True)


class Part(Keys):
    """Getters return None for a key that is absent, empty or refused."""

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def need(self, key: str, what: str) -> bool:
        """Refuse the absence of a key, and tell whether it is there."""
        if key not in self:
            self.refuse(key, f"{what} needs {key}")
            return False
        return True

    def text(self, key: str) -> str | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, str) and value.strip():
            return value
        self.refuse(key, f"{key} must be text, not {shown(value)}")
        return None

    def api_name(self, key: str) -> str | None:
        """Read the name of an object or field."""
        value = self.text(key)
        if value is None or NAME.fullmatch(value):
            return value
        self.refuse(key, f"{key} must be an API name such as Contact or External_Id__c, not {shown(value)}")
        return None

    def choice(self, key: str, allowed: Sequence[str]) -> str | None:
        value = self.data.get(key)
        if value is None or value in allowed:
            return value
        self.refuse(key, f"{key} must be one of {', '.join(allowed)}, not {shown(value)}", like=value)
        return None

    def count(self, key: str, least: int, most: int) -> int | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.refuse(key, f"{key} must be a whole number from {least} to {most}, not {shown(value)}")
        return None

    def number(self, key: str, least: float, most: float) -> float | None:
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most:
            return float(value)
        self.refuse(key, f"{key} must be a number from {least:g} to {most:g}, not {shown(value)}")
        return None

    def seconds(self, key: str, *, zero: bool = False) -> float | None:
        """Read a duration, more than nothing unless `zero` allows it."""
        value = self.data.get(key)
        if value is None:
            return None
        try:
            found = duration(value)
        except ValueError:
            self.refuse(key, f"{key}: {shown(value)} is no duration; write 10s, 500ms, 2m or 1h30m")
            return None
        if found == 0 and not zero:
            self.refuse(key, f"{key} must be more than 0")
            return None
        return found

    def mapping(self, key: str) -> Part | None:
        value = self.data.get(key)
        return None if value is None else self.part((key,), value, key)

    def part(self, at: Steps, value: object, what: str) -> Part | None:
        """Read a value below this mapping that must be a mapping itself."""
        if isinstance(value, Mapping):
            return Part(value, (*self.path, *at), self.problems)
        self.refuse(at, f"{what} must be a mapping, not {shown(value)}")
        return None

    def items(self, key: str) -> list[tuple[Steps, Any]]:
        """Read a list: each item with its path below this mapping."""
        value = self.data.get(key)
        if value is None:
            return []
        if isinstance(value, list):
            return [((key, place), item) for place, item in enumerate(value)]
        self.refuse(key, f"{key} must be a list, not {shown(value)}")
        return []
