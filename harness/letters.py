"""Dead-letter queues: what a subject could not deliver, read without overlooking anything."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

import orjson

from mock_server.documents import Steps

_RAW = 2_000
_KINDS = "a path, file:///path or jsonl:path of a JSON Lines file"


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter. What it does not say, or says in another form, is None; `raw` is its text, cut."""

    record: Mapping[str, Any] | None
    key: str | None
    error_code: str | None
    error_message: str | None
    attempts: Any
    failed_at: Any
    raw: str
    line: int


@dataclass(frozen=True, slots=True)
class BrokenLetter:
    """A line that is no letter, because it was written in part or is not a JSON object."""

    raw: str
    line: int
    reason: str


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


def read_letter(raw: str, value: Mapping[str, Any], line: int, mapping: LetterMap | None = None) -> Letter:
    """Read one letter: the contract's form, or the one that the mapping describes."""
    places = mapping or LetterMap()

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
        raw=raw[:_RAW],
        line=line,
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


@dataclass(frozen=True)
class JsonlQueue:
    """A file with one JSON object a line."""

    path: Path | str
    mapping: LetterMap | None = None

    def read(self) -> list[Letter | BrokenLetter]:
        """Read the file, or nothing where there is none. Raises OSError when it cannot be read."""
        try:
            data = Path(self.path).read_bytes()
        except FileNotFoundError:
            return []
        lines = data.split(b"\n")
        if not lines[-1]:
            lines.pop()
        return [self._letter(line, number) for number, line in enumerate(lines, 1)]

    def _letter(self, line: bytes, number: int) -> Letter | BrokenLetter:
        raw = line.decode("utf-8", "replace")
        try:
            value = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            reason = "the line is empty" if not line.strip() else f"not JSON: {error}"
            return BrokenLetter(raw[:_RAW], number, reason)
        if not isinstance(value, dict):
            return BrokenLetter(raw[:_RAW], number, "a letter must be a JSON object")
        return read_letter(raw, value, number, self.mapping)


_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def open_queue(where: str | Path, mapping: LetterMap | None = None) -> JsonlQueue:
    """Open the queue that `--dlq` names. Raises ValueError for a kind of queue that there is no reader for."""
    path = Path(where) if isinstance(where, Path) else _path(where)
    if path.is_dir():
        raise ValueError(f"--dlq {where}: this is a folder; give {_KINDS}")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"--dlq {where}: the folder {path.absolute().parent} does not exist")
    if path.exists() and not os.access(path, os.R_OK):
        raise ValueError(f"--dlq {where}: the file may not be read")
    return JsonlQueue(path, mapping)


def _path(text: str) -> Path:
    scheme = _SCHEME.match(text)
    if not text or "\0" in text:
        raise ValueError(f"--dlq: {text!r} names no queue; give {_KINDS}")
    if scheme is None:  # one letter and a colon are a Windows drive
        return Path(text)
    kind = scheme[1].lower()
    if kind == "jsonl":
        path = Path(text[len("jsonl:") :].removeprefix("//"))
    elif kind == "file":
        path = _of_url(text)
    else:
        raise ValueError(
            f"--dlq {text}: there is no reader for {kind}: queues; give {_KINDS}, or pass an object with a `read` "
            "method as `dead_letters` in Python"
        )
    if path == Path():
        raise ValueError(f"--dlq {text}: this names no file; give {_KINDS}")
    return path


def _of_url(text: str) -> Path:
    try:
        parts = urlsplit(text)
    except ValueError:
        raise ValueError(f"--dlq {text}: this is no URL; give {_KINDS}") from None
    if parts.netloc not in ("", "localhost"):
        raise ValueError(f"--dlq {text}: a file on another machine cannot be read")
    return Path(unquote(parts.path))
