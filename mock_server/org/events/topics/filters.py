"""The filter of a subscription, `/topic/New?Industry='Energy'&Rating='Hot'`: any of its conditions is enough.

Source: Streaming API guide, "Filtered Subscriptions".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any


class NoFilter(Exception):
    """A filter that asks for fields that the events of the topic do not tell."""

    def __init__(self, name: str, fields: tuple[str, ...]) -> None:
        super().__init__(f"{name}: {', '.join(fields)} cannot be asked of the topic")
        self.name = name
        self.fields = fields


Test = Callable[[Mapping[str, Any]], bool]


def read(channel: str, text: str, selected: Sequence[str]) -> Test:
    """Return what tells whether an event passes; it asks what the event tells, and nobody else. Raises NoFilter."""
    exact = {name.lower(): name for name in selected}
    wanted: list[tuple[str, str]] = []
    unknown: list[str] = []
    for condition in text.split("&"):
        name, equals, value = condition.partition("=")
        field = exact.get(name.strip().lower()) if equals else None
        if field is None:
            unknown.append(name.strip())
        else:
            wanted.append((field, _unquoted(value.strip())))
    if unknown:
        raise NoFilter(channel, tuple(unknown))
    return lambda told: any(_same(told.get(name), value) for name, value in wanted)


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
        return value[1:-1]
    return value


def _same(told: Any, wanted: str) -> bool:
    if told is None:
        return wanted in ("", "null")
    if isinstance(told, bool):
        return wanted.lower() == str(told).lower()
    if isinstance(told, int | float):
        try:
            return float(wanted) == told
        except ValueError:
            return False
    return str(told) == wanted
