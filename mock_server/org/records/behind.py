"""Transactions that are written behind: in a thread of their own, while the caller prepares what comes next.

A write of thousands of rows is mostly SQLite's work, and SQLite works without Python's lock. So what such a transaction
writes is only listed, and handed over as it ends. Whoever asks for the store's connection waits until it is written;
nobody sees half of it. A transaction that has to read what it has written so far becomes an ordinary one.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Lock
from typing import Any

Statement = tuple[str, Sequence[Sequence[Any]]]
"""A statement, and the values with which it is run again and again."""
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
        for level, (start, end) in enumerate(zip(bounds, bounds[1:], strict=False)):
            if level:
                connection.execute(f"SAVEPOINT level{level}")
            run(connection, self.statements[start:end])
        self.statements = []


class Writer:
    """The thread that writes, one transaction after the other."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "sfmock-writer")
        self._running: Future[None] | None = None

    def begin(self, connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
        """Write a transaction. The one before has been waited for."""
        _hurry(1)
        self._running = self._thread.submit(_transaction, connection, statements)

    def wait(self) -> BaseException | None:
        """Wait until all is written; return what went wrong, once."""
        running, self._running = self._running, None
        if running is None:
            return None
        wrong = running.exception()
        _hurry(-1)
        return wrong

    def close(self) -> None:
        self._thread.shutdown()


def run(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    for sql, rows in statements:
        if len(rows) == 1:
            connection.execute(sql, rows[0])
        elif rows:
            connection.executemany(sql, rows)


def _transaction(connection: sqlite3.Connection, statements: Sequence[Statement]) -> None:
    connection.execute("BEGIN")
    try:
        run(connection, statements)
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _hurry(more: int) -> None:
    """Count the writers of the process that are at work; Python's threads take turns faster while there are any."""
    global _hurried, _usual
    with _lock:
        if _hurried == 0:
            _usual = sys.getswitchinterval()
        _hurried += more
        sys.setswitchinterval(min(_usual, _HANDED_ON) if _hurried else _usual)
