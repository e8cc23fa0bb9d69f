"""Transactions that are written behind: in a thread of their own, while the caller prepares what comes next.

A write of a thousand rows is mostly SQLite's work, and SQLite works without Python's lock. So what such a transaction
writes is only listed, and handed over as it ends. Whoever asks for the store's connection waits until it is written;
nobody sees half of it. A transaction that has to read what it has written so far becomes an ordinary one.

Only few statements of many rows are worth it: for each of them the thread has to wait for Python's lock.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from threading import Lock
from typing import Any, NamedTuple

_FEW, _MANY = 8, 200
"""Statements that a thread is asked to run at most, and rows that one writes at least."""


class Statement(NamedTuple):
    """A statement, the values with which it is run again and again, and how many rows that writes."""

    sql: str
    rows: Sequence[Sequence[Any]]
    written: int

    @property
    def large(self) -> bool:
        return len(self.rows) == 1 and self.written >= _MANY


_HANDED_ON = 0.0001
"""Seconds after which a thread that runs Python lets another one go on, while there is a writer: it needs little."""
_hurried = 0
_usual = sys.getswitchinterval()
_lock = Lock()


class Pending:
    """What a transaction has written so far, to be done later; and where the transactions within it began."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []
        self.marks: list[int] = []

    def begin(self) -> None:
        self.marks.append(len(self.statements))

    def end(self, failed: bool) -> None:
        mark = self.marks.pop()
        if failed:
            del self.statements[mark:]

    def become_real(self, connection: sqlite3.Connection) -> None:
        """Run what is listed, within transactions and savepoints such as there would be."""
        connection.execute("BEGIN")
        bounds = [0, *self.marks, len(self.statements)]
        for level, (start, end) in enumerate(pairwise(bounds)):
            if level:
                connection.execute(f"SAVEPOINT level{level}")
            run(connection, self.statements[start:end])
        self.statements = []

    def parted(self) -> tuple[list[Statement], list[Statement]]:
        """Return what is best run here, and what a thread takes over."""
        large = [one for one in self.statements if one.large]
        if not 0 < len(large) <= _FEW:
            return self.statements, []
        return [one for one in self.statements if not one.large], large


class Writer:
    """The thread that writes, one transaction after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "sfmock-writer")
        self._running: Future[None] | None = None

    def begin(self, connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        """Write the rest of a transaction that has begun, and end it. The one before has been waited for."""
        # Before the thread begins: it has to get Python's lock to do so.
        _hurry(1)
        try:
            self._running = self._thread.submit(_finish, connection, statements)
        except BaseException:
            _hurry(-1)
            raise

    def wait(self) -> BaseException | None:
        """Wait until all is written; return what went wrong, once."""
        running, self._running = self._running, None
        return None if running is None else running.exception()

    def close(self) -> None:
        self._thread.shutdown()


def run(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    for sql, rows, _ in statements:
        if len(rows) == 1:
            connection.execute(sql, rows[0])
        else:
            connection.executemany(sql, rows)


def _finish(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    try:
        run(connection, statements)
        connection.execute("COMMIT")
    except BaseException:
        # SQLite may have done so itself, where the disk is full.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    finally:
        # Here, not where somebody waits for it: it may be long until anybody does.
        _hurry(-1)


def _hurry(more: int) -> None:
    """Count the writers of the process that are at work; Python's threads take turns faster while there are any."""
    global _hurried, _usual  # noqa: PLW0603  # so is what they count
    with _lock:
        if _hurried == 0:
            _usual = sys.getswitchinterval()
        _hurried += more
        sys.setswitchinterval(min(_usual, _HANDED_ON) if _hurried else _usual)
