"""Finds the reader of a queue by its URL, its path, or what Python code gives."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from harness.letters import redis_key, sql_table
from harness.letters.csv_file import CsvQueue
from harness.letters.function import FunctionQueue, Readable
from harness.letters.jsonl import JsonlQueue
from harness.letters.letter import LetterMap, QueueError
from harness.letters.redis_key import RedisQueue
from harness.letters.remote import shown
from harness.letters.sql_table import SqlQueue
from mock_server.documents import nearest

KINDS = (
    "a path, file:///path or jsonl:path of a JSON Lines file; a path that ends in .csv, or csv:path; "
    f"{sql_table.FORM}; {redis_key.FORM}"
)
_FILES = ("jsonl", "csv")
_REDIS = ("redis", "rediss")
_DATABASES = ("sqlite", "postgresql", "postgres", "mysql", "mariadb", "oracle", "mssql")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+._-]+):")
_SQLITE_FILES = (".db", ".sqlite", ".sqlite3")

Queue = JsonlQueue | CsvQueue | SqlQueue | RedisQueue
DeadLetterQueue = str | Path | Readable | Callable[[], Iterable[Any]]
"""What `dead_letters` takes: a URL or path, an object with a `read` method, or a function that returns letters."""


def open_queue(where: str | Path, mapping: LetterMap | None = None) -> Queue:
    """Open the queue of a URL or path. Raises QueueError where there is no reader, or nothing that can be read."""
    queue = _of_path(where, mapping) if isinstance(where, Path) else _of_text(where, mapping)
    queue.check()
    return queue


def as_queue(given: DeadLetterQueue, mapping: LetterMap | None = None) -> Readable:
    """Return a queue of any kind as one that can be read, with the scenario's mapping unless it has its own.

    Raises QueueError when it cannot be read.
    """
    if isinstance(given, str | Path):
        return open_queue(given, mapping)
    if isinstance(given, Queue | FunctionQueue):
        queue = given if given.mapping is not None or mapping is None else replace(given, mapping=mapping)
        queue.check()
        return queue
    if not isinstance(given, type) and callable(getattr(given, "read", None)):
        return given  # type: ignore[return-value]  # just found out
    if callable(given):
        function = FunctionQueue(given, mapping)
        function.check()
        return function
    raise QueueError(
        f"dead_letters: {str(given)[:80]!r} is no queue; give {KINDS}; a function that returns letters, or an object "
        "with a `read` method"
    )


def _of_text(text: str, mapping: LetterMap | None) -> Queue:
    if not text.strip() or "\0" in text:
        raise QueueError(f"dead-letter queue: {text!r} names no queue; give {KINDS}")
    scheme = _SCHEME.match(text)
    if scheme is None:  # one letter and a colon are a Windows drive
        return _of_path(Path(text), mapping)
    kind = scheme[1].lower()
    if kind in _REDIS:
        return RedisQueue(text, mapping)
    if kind.partition("+")[0] in _DATABASES or ("://" in text and "#" in text):
        return SqlQueue(text, mapping)
    where = f"dead-letter queue {shown(text)}"
    if kind == "file":
        return _of_path(_named(_of_url(text), where), mapping)
    if kind in _FILES:
        path = _named(Path(text[len(kind) + 1 :].removeprefix("//")), where)
        return CsvQueue(path, mapping) if kind == "csv" else JsonlQueue(path, mapping)
    near = nearest(kind, ("file", *_FILES, *_REDIS, *_DATABASES))
    hint = f" (did you mean {near}:?)" if near else ""
    raise QueueError(
        f"{where}: there is no reader for {kind}: queues{hint}; give {KINDS}; in Python, `dead_letters` also takes a "
        "function that returns the letters"
    )


def _of_path(path: Path, mapping: LetterMap | None) -> Queue:
    suffix = path.suffix.lower()
    if suffix in _SQLITE_FILES:
        raise QueueError(f"dead-letter queue {path}: name a table of the database: sqlite:///{path}#dead_letters")
    return CsvQueue(path, mapping) if suffix in (".csv", ".tsv") else JsonlQueue(path, mapping)


def _named(path: Path, where: str) -> Path:
    if path == Path():
        raise QueueError(f"{where}: this names no file; give {KINDS}")
    return path


def _of_url(text: str) -> Path:
    where = f"dead-letter queue {text}"
    try:
        parts = urlsplit(text)
    except ValueError:
        raise QueueError(f"{where}: this is no URL; give {KINDS}") from None
    if parts.netloc not in ("", "localhost"):
        raise QueueError(f"{where}: a file on another machine cannot be read")
    return Path(unquote(parts.path))
