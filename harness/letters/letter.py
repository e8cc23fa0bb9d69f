"""Dead letters: what a subject could not deliver, in the contract's form or in one that a mapping describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import orjson

from mock_server.documents import Steps


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. What it does not say, or says in another form, is None.

    `raw` is its whole text, in which secrets are looked for. `line` is its place in the queue, from 1.
    """

    record: Mapping[str, Any] | None
    key: str | None
    error_code: str | None
    error_message: str | None
    attempts: Any
    failed_at: Any
    raw: str
    line: int
    sobject: Any = None
    operation: Any = None
    first_failed_at: Any = None


@dataclass(frozen=True, slots=True)
class BrokenLetter:
    """A line that is no letter, because it was written in part or is not an object.

    `line` is 0 where the queue as a whole could not be read (any further).
    """

    raw: str
    line: int
    reason: str

    @property
    def whole_queue(self) -> bool:
        return self.line == 0


class QueueError(ValueError):
    """A dead-letter queue that is not there or cannot be read."""


class DeadLetters(Protocol):
    """A dead-letter queue of any kind."""

    def read(self) -> list[Letter | BrokenLetter]:
        """Return all letters, oldest first; none where the queue was never written to."""
        ...


class PathError(ValueError):
    """A path into a letter that cannot be read."""


_PATH = re.compile(r"""\.([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\['([^']+)'\]""")


def compile_path(text: str) -> Steps:
    """Read a path such as `$.a.b[0]` or `$['a b']`. Raises PathError."""
    steps: list[str | int] = []
    place = 1
    while text.startswith("$") and place < len(text):
        step = _PATH.match(text, place)
        if step is None:
            break
        name, index, quoted = step.groups()
        steps.append(int(index) if index else name or quoted)
        place = step.end()
    if not text.startswith("$") or place < len(text):
        raise PathError(f"{text[:60]!r} is no path; write it like $.payload or $.errors[0].code")
    return tuple(steps)


def follow(steps: Steps, value: Any) -> Any:
    """Return what a path leads to, None where it leads nowhere."""
    for step in steps:
        if isinstance(step, str):
            value = value.get(step) if isinstance(value, Mapping) else None
        else:
            value = value[step] if isinstance(value, list) and step < len(value) else None
    return value


@dataclass(frozen=True, slots=True)
class LetterMap:
    """Where the parts of a letter stand in the subject's own form. What is not mapped stands where the contract says.

    `error` may lead to `{code, message}`, or to a text such as `UNABLE_TO_LOCK_ROW: unable to obtain ...`.
    """

    record: Steps | None = None
    key: Steps | None = None
    error: Steps | None = None
    code: Steps | None = None
    message: Steps | None = None
    attempts: Steps | None = None
    failed_at: Steps | None = None


_CONTRACT = LetterMap()


def read_letter(raw: str, value: Mapping[str, Any], line: int, mapping: LetterMap | None = None) -> Letter:
    """Read one letter: the contract's form, or the one that the mapping describes."""
    places = mapping or _CONTRACT

    def part(steps: Steps | None, name: str) -> Any:
        return value.get(name) if steps is None else follow(steps, value)

    record = part(places.record, "record")
    if places.record is not None and isinstance(record, str):
        record = _decoded(record)
    code, message = _error(part(places.error, "error"), split=places.error is not None)
    if places.code is not None:
        code = _text(follow(places.code, value))
    if places.message is not None:
        message = _text(follow(places.message, value))
    key = part(places.key, "key")
    return Letter(
        record=record if isinstance(record, Mapping) else None,
        key=str(key) if isinstance(key, str | int | float) and not isinstance(key, bool) else None,
        error_code=code,
        error_message=message,
        attempts=part(places.attempts, "attempts"),
        failed_at=part(places.failed_at, "failed_at"),
        raw=raw,
        line=line,
        sobject=value.get("sobject"),
        operation=value.get("operation"),
        first_failed_at=value.get("first_failed_at"),
    )


_CODED = re.compile(r"([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)\b[\s:-]*(.*)", re.DOTALL)


def _error(value: Any, *, split: bool) -> tuple[str | None, str | None]:
    if isinstance(value, Mapping):
        return _text(value.get("code")), _text(value.get("message"))
    if isinstance(value, str):
        coded = _CODED.match(value) if split else None
        return (coded[1], coded[2] or value) if coded else (None, _text(value))
    return None, None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _decoded(text: str) -> Any:
    """Return the payload that was kept as text."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
