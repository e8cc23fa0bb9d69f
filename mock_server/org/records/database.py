"""One SQLite database of an org: where it lives, its transactions, and those that a thread writes behind its caller."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

from mock_server.org.records.behind import Pending, Statement, Writer, run
from mock_server.org.records.files import LONGEST_LOG, Claim, LogKeeper
from mock_server.org.records.opening import connect

LARGE = 32 << 20
"""Bytes from which on a database in memory moves into a file."""
_LOOK_AFTER = 20_000


class Ends(Protocol):
    """Is told how outermost transactions end."""

    def before_commit(self) -> None:
        """One is about to be committed: what is written now is part of it. An error rolls it back."""

    def ended(self, error: type[BaseException] | None) -> None:
        """One was committed, or rolled back by an error."""

    def set_aside(self) -> Callable[[bool], None]:
        """One has ended that is written behind: what is returned is told whether it could be."""


class Database:
    """Connections and transactions; what tables there are is the store's.

    `path` is a file kept in WAL mode; without one the database lives in memory, and moves into a file of its own when
    it has become large.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._taught: list[tuple[str, int, Callable[..., Any]]] = []
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._pending: Pending | None = None
        """What the transaction that is going on has written so far, when it is one to be written behind."""
        self._writer: Writer | None = None
        self._writing = False
        self._wrong: BaseException | None = None
        self._undo: Callable[[], object] | None = None
        """Called where the transaction that is being written behind cannot be written."""
        self._told: Callable[[bool], None] | None = None
        self.ends: Ends | None = None
        self._beside: sqlite3.Connection | None = None
        self._claim = None if path is None else Claim(path)
        self._log: LogKeeper | None = None
        try:
            self._open = self._connect()
        except sqlite3.Error:
            self._let_go()
            raise
        self._written = 0
        """Rows written since the size of a database in memory was last looked at."""
        self._depth = 0

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path or ":memory:")
        for name, count, function in self._taught:
            connection.create_function(name, count, function)
        run = connection.execute
        if self._path is None:
            run("PRAGMA journal_mode=MEMORY")
        else:
            # Only a database that is yet to be made takes this up: what jobs leave behind goes back to the disk.
            run("PRAGMA auto_vacuum=INCREMENTAL")
            run("PRAGMA journal_mode=WAL")
            run(f"PRAGMA journal_size_limit={LONGEST_LOG}")
            run("PRAGMA wal_autocheckpoint=0")
            run(f"PRAGMA synchronous={'NORMAL' if self._folder is None else 'OFF'}")
            self._log = LogKeeper(self._path, lasting=self._folder is None)
        return connection

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection, for one who may write too: all that was to be written behind is written."""
        if self._writing or self._pending is not None:
            self._catch_up()
            if self._pending is not None:
                # It was begun in the belief that the one before would be written.
                self._complain()
                pending, self._pending = self._pending, None
                pending.become_real(self._open)
        return self._open

    @property
    def _reading(self) -> sqlite3.Connection:
        """The connection, for one who only reads: what the transaction of now has not written is not to be seen."""
        if self._pending is not None and self._pending.statements:
            return self.connection
        if self._writing:
            self._catch_up()
        return self._open

    def _catch_up(self) -> None:
        """Wait for the transaction that is being written behind."""
        if self._writing and self._writer is not None:
            self._writing = False
            undo, self._undo = self._undo, None
            told, self._told = self._told, None
            wrong = self._writer.wait()
            if wrong is not None:
                self._wrong = wrong
                if undo is not None:
                    undo()
            if told is not None:
                told(wrong is None)

    def wait(self) -> bool:
        """Wait until all is written; tell whether it could be."""
        self._catch_up()
        return self._wrong is None

    def settle(self) -> None:
        """Wait until all is written. Raises what went wrong with a transaction that was written behind."""
        self._catch_up()
        self._complain()

    def _complain(self) -> None:
        wrong, self._wrong = self._wrong, None
        if wrong is not None:
            raise wrong

    def teach(self, functions: Sequence[tuple[str, int, Callable[..., Any]]]) -> None:
        """Give the connection SQL functions: name, number of arguments, function; a further connection has them too."""
        self._taught += functions
        for name, count, function in functions:
            self.connection.create_function(name, count, function)

    @property
    def in_file(self) -> bool:
        """Whether `reader` can be asked: the database is kept in a file, or has grown so large that it moved there."""
        return self._path is not None

    def lives_in(self, path: Path) -> bool:
        """Tell whether a file is the one that the database is kept in."""
        return self._path is not None and path.exists() and self._path.exists() and path.samefile(self._path)

    def further(self) -> sqlite3.Connection:
        """Return a further connection to the file."""
        assert self._path is not None
        return connect(self._path)

    def reader(self) -> sqlite3.Connection:
        """Return a further connection, for one who reads in another thread what is committed when it begins."""
        assert self._path is not None
        self._catch_up()
        connection = connect(self._path)
        connection.execute("PRAGMA query_only=ON")
        # Its cache is empty, and would only copy what the system's cache has.
        connection.execute(f"PRAGMA mmap_size={1 << 40}")
        return connection

    def snapshot(self) -> sqlite3.Connection:
        """Return a further connection, in a transaction that reads what is committed now.

        It may have tables of its own, which lie in a file. A database in memory is copied: it is small.
        """
        if self._path is not None:
            self._catch_up()
            connection = connect(self._path)
            connection.execute(f"PRAGMA mmap_size={1 << 40}")
        else:
            connection = connect(":memory:")
            connection.deserialize(self.connection.serialize())
        connection.execute("PRAGMA temp_store=FILE")
        connection.execute("BEGIN")
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        return connection

    def _look(self) -> None:
        """Move a database in memory that has become large into a file, where it can be read beside the writer.

        The file goes with the store: it holds no more than memory did.
        """
        self._written = 0
        if self._path is None and self._large():
            self._move()

    def expect(self, size: int) -> None:
        """Make ready for so many more bytes: the smaller the database still is, the quicker it moves into a file."""
        if self._path is None and self._depth == 0 and self._size() + size >= LARGE:
            self._move()

    def _move(self) -> None:
        folder = tempfile.TemporaryDirectory(prefix="sfmock-", ignore_cleanup_errors=True)
        path = Path(folder.name) / "org.db"
        try:
            with closing(sqlite3.connect(path, isolation_level=None)) as file:
                # Without a log each page is written once: this takes a third of the time.
                file.execute("PRAGMA journal_mode=OFF")
                file.execute("PRAGMA synchronous=OFF")
                self.connection.backup(file)
        except sqlite3.Error:
            # No room on the disk: it stays where it is, as long as there is room there.
            folder.cleanup()
            return
        self._folder, self._path = folder, path
        moved = self._connect()
        self.connection.close()
        self._open = moved
        self._reconnected()

    def _size(self) -> int:
        """Return the bytes that the database takes."""
        (pages,), (size,) = (self.connection.execute(f"PRAGMA {of}").fetchone() for of in ("page_count", "page_size"))
        return int(pages * size)

    def _large(self) -> bool:
        return self._size() >= LARGE

    def _reconnected(self) -> None:
        """Another connection has taken the place of the one before, and of what belonged to that alone."""

    def _stay(self) -> None:
        """Be a database in memory again, an empty one, when the file is none that its owner named."""
        self._leave_beside()
        if self._folder is not None:
            self._end_log()
            self.connection.close()
            self._folder.cleanup()
            self._path = self._folder = None
            self._open = self._connect()
            self._reconnected()

    def close(self) -> None:
        self._stay()
        self._let_go()
        self.connection.close()
        if self._writer is not None:
            self._writer.close()

    def _end_log(self) -> None:
        if self._log is not None:
            self._log.stop()
            self._log = None

    def _let_go(self) -> None:
        self._end_log()
        if self._claim is not None:
            self._claim.drop()

    def give_back(self, pages: int) -> bool:
        """Give some unused pages of the file back to the disk; tell whether there are more. In no transaction."""
        if self._path is None:
            return False
        if self._log is not None and self._log.full:
            self._shorten(self._log)
        self.connection.execute(f"PRAGMA incremental_vacuum({pages})").fetchall()
        (kind,) = self.connection.execute("PRAGMA auto_vacuum").fetchone()
        (free,) = self.connection.execute("PRAGMA freelist_count").fetchone()
        return bool(kind and free)

    # -- transactions

    def transaction(self) -> Transaction:
        """Run a `with` block as one transaction, nested ones as savepoints; any exception rolls the block back."""
        return Transaction(self)

    def behind(self, undo: Callable[[], object] | None = None) -> Transaction:
        """Run a `with` block as a transaction that is written in another thread while the caller goes on.

        What is written by `execute_many` and `write` waits for its end; a block that needs the connection itself, or
        reads after it has written, becomes an ordinary transaction. So does one of a file that its owner named: what is
        told of that has to be there. Raises what went wrong with the one before, with nothing done. `undo` is called
        where this one turns out, after its end, to be one that could not be written.
        """
        return Behind(self, undo) if self._depth == 0 and self._claim is None else Transaction(self)

    def _begin_behind(self) -> None:
        self._complain()
        self._look_after()
        self._pending = Pending()
        self._depth = 1

    def _end_behind(self, error: type[BaseException] | None, undo: Callable[[], object] | None) -> None:
        pending, self._pending = self._pending, None
        if pending is None:
            self._end(error)
            return
        self._depth = 0
        if not pending.statements or error is not None:
            self._tell(error)
            return
        try:
            self.settle()
        except BaseException as wrong:
            self._tell(type(wrong))
            raise
        own, large = pending.parted()
        if not large:
            with Transaction(self):
                run(self._open, own)
            return
        try:
            self._open.execute("BEGIN")
            run(self._open, own)
        except BaseException as wrong:
            if self._open.in_transaction:
                self._open.execute("ROLLBACK")
            self._tell(type(wrong))
            raise
        self._writer = self._writer or Writer()
        self._writing, self._undo = True, undo
        self._told = None if self.ends is None else self.ends.set_aside()
        self._writer.begin(self._open, large)

    def _rolled_back(self) -> None:
        """What was done since a transaction or savepoint began is undone."""

    def _tell(self, error: type[BaseException] | None) -> None:
        """Tell that the outermost transaction has ended."""
        if self.ends is not None:
            self.ends.ended(error)

    @property
    def busy(self) -> bool:
        """Whether a transaction is under way."""
        return self._depth > 0

    @property
    def beside(self) -> sqlite3.Connection | None:
        """A connection to read with while a transaction is written behind: it sees what was before, or after.

        None where there is no need of it, or no file.
        """
        if not self._writing or self._path is None:
            return None
        if self._beside is None:
            self._beside = connect(self._path)
            self._beside.execute("PRAGMA query_only=ON")
        return self._beside

    def _leave_beside(self) -> None:
        if self._beside is not None:
            self._beside.close()
            self._beside = None

    def _begin(self) -> None:
        if self._pending is not None:
            self._pending.begin()
            self._depth += 1
            return
        if self._depth == 0:
            self._look_after()
        self.connection.execute("BEGIN" if self._depth == 0 else f"SAVEPOINT level{self._depth}")
        self._depth += 1

    def _look_after(self) -> None:
        """See to the size of the database and of its log, between two transactions."""
        if self._written >= _LOOK_AFTER:
            self._look()
        if self._log is not None and self._log.full:
            self._shorten(self._log)

    def _shorten(self, log: LogKeeper) -> None:
        """Bring over what is left of the log: what is written next begins it anew."""
        log.full = False
        self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _end(self, error: type[BaseException] | None) -> None:
        if self._pending is not None:
            self._depth -= 1
            self._pending.end(error is not None)
            return
        level, run = self._depth - 1, self.connection.execute
        try:
            if level == 0 and error is None:
                if self.ends is not None:
                    self.ends.before_commit()
                run("COMMIT")
        except BaseException as wrong:
            # The disk is full, or the like: nothing of it stays.
            error = type(wrong)
            raise
        finally:
            self._depth = level
            if error is not None:
                # SQLite may have done so itself, where the disk is full.
                if self.connection.in_transaction:
                    run("ROLLBACK" if level == 0 else f"ROLLBACK TO level{level}")
                self._rolled_back()
            if level == 0:
                self._tell(error)
        if level and self.connection.in_transaction:
            run(f"RELEASE level{level}")

    # -- statements

    def execute_many(self, sql: str, rows: Sequence[Sequence[Any]], count: int | None = None) -> None:
        """Run a statement for each set of values. `count` is how many rows they are, where one writes several."""
        self._written += len(rows) if count is None else count
        if self._pending is not None:
            self._pending.statements.append(Statement(sql, rows, len(rows) if count is None else count))
        elif len(rows) == 1:
            self.connection.execute(sql, rows[0])
        else:
            self.connection.executemany(sql, rows)

    def write(self, sql: str, *values: Any) -> None:
        """Run a statement that writes."""
        if self._pending is not None:
            self._pending.statements.append(Statement(sql, (values,), 1))
        else:
            self.connection.execute(sql, values)


class Transaction:
    """A `with` block in which everything is written, or nothing."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def __enter__(self) -> None:
        self._database._begin()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._database._end(kind)


class Behind(Transaction):
    """The same, written behind."""

    __slots__ = ("_undo",)

    def __init__(self, database: Database, undo: Callable[[], object] | None) -> None:
        super().__init__(database)
        self._undo = undo

    def __enter__(self) -> None:
        self._database._begin_behind()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._database._end_behind(kind, self._undo)
