"""A dead-letter queue of any other kind: a function that returns the letters, or an object with a `read` method."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from harness.letters.flat import as_text
from harness.letters.letter import BrokenLetter, Letter, LetterMap, QueueError, read_letter


class Readable(Protocol):
    """What has a `read` method that returns letters: mappings, JSON texts, or Letter and BrokenLetter themselves."""

    def read(self) -> Iterable[Any]: ...


@dataclass(frozen=True)
class FunctionQueue:
    """Letters that a function returns, as mappings or as JSON texts; it is called before and after each run."""

    function: Callable[[], Iterable[Any]]
    mapping: LetterMap | None = None

    def check(self) -> None:
        """Raise QueueError when the function fails, or returns something else."""
        self.read()

    def read(self) -> list[Letter | BrokenLetter]:
        """Call the function. Raises QueueError for whatever it raises."""
        return letters_of(self.function, getattr(self.function, "__qualname__", repr(self.function)), self.mapping)


def letters_of(give: Callable[[], Iterable[Any]], named: str, mapping: LetterMap | None) -> list[Letter | BrokenLetter]:
    """Return the letters that a function of somebody else's gives. Raises QueueError for whatever goes wrong in it."""
    try:
        given = give()
        if inspect.isawaitable(given):
            if inspect.iscoroutine(given):
                given.close()
            raise QueueError(f"dead-letter queue {named}: it must return the letters, not a promise of them")
        if isinstance(given, str | bytes | Mapping) or not isinstance(given, Iterable):
            raise QueueError(f"dead-letter queue {named}: it must return a list of letters, not {_kind(given)}")
        return [_letter(item, line, mapping) for line, item in enumerate(given, 1)]
    except QueueError:
        raise
    except Exception as error:  # it is not our code
        raise QueueError(f"dead-letter queue {named}: {type(error).__name__}: {str(error)[:500]}") from error


def _letter(item: Any, line: int, mapping: LetterMap | None) -> Letter | BrokenLetter:
    if isinstance(item, Letter | BrokenLetter):
        return item
    if isinstance(item, str | bytes | bytearray):
        raw = item if isinstance(item, str) else item.decode("utf-8", "replace")
        try:
            value = orjson.loads(item)
        except orjson.JSONDecodeError as error:
            return BrokenLetter(raw, line, f"not JSON: {error}")
        if isinstance(value, dict):
            return read_letter(raw, value, line, mapping)
        return BrokenLetter(raw, line, "a letter must be a JSON object")
    if isinstance(item, Mapping):
        return read_letter(as_text(dict(item)), item, line, mapping)
    return BrokenLetter(repr(item), line, f"a letter must be a mapping, not {_kind(item)}")


def _kind(value: object) -> str:
    return "None" if value is None else f"a {type(value).__name__}"
