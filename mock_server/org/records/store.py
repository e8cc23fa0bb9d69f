"""The record store: one SQLite database an org, one table an sObject, made when first used.

Storage forms: boolean 0/1; int and long INTEGER; double, currency and percent REAL; date `YYYY-MM-DD`; datetime as in
JSON (always UTC, so that text order is time order); time `HH:MM:SS.mmmZ`; ids 18 characters; files as their
bytes; everything else text. A missing value is NULL, never empty text.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

from mock_server.org.ids import number_of
from mock_server.org.records import blanks
from mock_server.org.records.behind import Pending, Statement, Writer, run
from mock_server.org.records.databases import connect, make_own_tables
from mock_server.org.records.files import LONGEST_LOG, Claim, LogKeeper
from mock_server.org.records.table_sql import definition, fold_column, insert_sql, lookup_sql, quoted
from mock_server.org.schema.types import SObject, fold

# SQLite's own bound is 32,766 variables a statement; a smaller number keeps statement texts short and cacheable.
_MANY = 500


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


class Store:
    """Tables, transactions and raw rows. No rule of the platform lives here: all saves go through the pipeline.

    `path` is a file kept in WAL mode; without one the database lives in memory, and begins as a copy of `like`.
    """

    def __init__(self, path: Path | None = None, *, like: Store | None = None) -> None:
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
        self._ready: dict[str, SObject] = {}
        self._derived: set[str] = set()
        """Objects whose tables are no part of the database, but of the connection."""
        if path is not None:
            make_own_tables(self._open)
        elif like is not None:
            like.connection.backup(self._open)
        else:
            with blanks.lock:
                blanks.nothing().backup(self._open)
        self._kept = frozenset(self._tables()) if path is not None else frozenset()
        self._depth = 0
        self._made_inside: list[str] = []
        self.fillers: dict[str, Callable[[], None]] = {}
        """By object: writes the records that its table holds from the start, once the table is made."""
        self.promised: tuple[str, ...] = ()
        """Objects of `fillers` that count as used before their tables are made."""
        self.counter: Callable[[SObject], None] | None = None
        """Counts the totals of an object whose table has got columns for new roll-ups."""

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
        if self._path is None and self._size() >= LARGE:
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
        self._forget_derived()

    def _forget_derived(self) -> None:
        """Know no more of the tables that went with a connection."""
        for name in self._derived:
            self._ready.pop(name, None)
        self._derived.clear()

    def _size(self) -> int:
        """Return the bytes that the database takes."""
        (pages,), (size,) = (self.connection.execute(f"PRAGMA {of}").fetchone() for of in ("page_count", "page_size"))
        return int(pages * size)

    def _stay(self) -> None:
        """Be a database in memory again, an empty one, when the file is none that its owner named."""
        self._leave_beside()
        if self._folder is not None:
            self._end_log()
            self.connection.close()
            self._folder.cleanup()
            self._path = self._folder = None
            self._open = self._connect()
            self._forget_derived()

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

    # -- tables

    def ready(self, sobject: SObject) -> None:
        """Make the sObject's table, or the columns it lacks; quickest outside any transaction."""
        if self._ready.get(sobject.name) is sobject:
            return
        if sobject.whole is not None:
            self.ready(sobject.whole)
            return
        run = self.connection.execute
        have = {row[1] for row in run(f"PRAGMA table_xinfo({quoted(sobject.name)})")}
        columns, table, indexes = definition(sobject)
        if sobject.derived:
            # What is worked out belongs to no copy, file or snapshot of the records.
            table = table.replace("CREATE TABLE", "CREATE TEMP TABLE", 1)
            self._derived.add(sobject.name)
        new = columns.keys() - have
        if not have:
            run(table)
        else:
            for name in columns:
                if name in new:
                    run(f"ALTER TABLE {quoted(sobject.name)} ADD COLUMN {columns[name]}")
        for index in indexes:
            run(index)
        self._ready[sobject.name] = sobject
        if self._depth:
            self._made_inside.append(sobject.name)
        fill = self.fillers.get(sobject.name)
        if fill is not None and not have:
            fill()
        if have and self.counter is not None and any(one.roll_up for one in sobject.fields if one.name in new):
            self.counter(sobject)

    def start_with(self, *sobjects: SObject) -> None:
        """Make several objects' tables. An empty database in memory gets them as a copy: a tenth of the time."""
        if self._path is None and not self._ready and not self._kept:
            with blanks.lock:
                self.load(blanks.blank(sobjects, Store))
        else:
            for sobject in sobjects:
                self.ready(sobject)

    def exists(self, sobject: SObject) -> bool:
        """Tell whether the sObject was ever used, so that it may have rows."""
        return sobject.name in self._ready or sobject.name in self._kept

    def used(self) -> tuple[str, ...]:
        """Return the names of all objects that may have rows."""
        names = tuple(dict.fromkeys((*self._ready, *self._kept, *self.promised)))
        return tuple(name for name in names if name not in self._derived) if self._derived else names

    def _tables(self) -> list[str]:
        rows = self.connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return [name for (name,) in rows if not name.startswith(("sf_", "sqlite_"))]

    def has_table(self, name: str) -> bool:
        """Tell whether the database has a table, one of the store's own too."""
        sql = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
        return self.connection.execute(sql, (name,)).fetchone() is not None

    def last_id(self) -> str | None:
        """Return the id with the highest counter in a kept database, None in an empty one."""
        run = self.connection.execute
        found = [run(f'SELECT MAX("Id") FROM {quoted(table)}').fetchone()[0] for table in self._tables()]  # noqa: S608
        # What is erased is known for a while: its id may be known to others for longer.
        found += [row[0] for row in run('SELECT MAX("Id") FROM "sf_bin" GROUP BY substr("Id", 1, 3)')]
        for table in ("sf_jobs", "sf_batches"):
            if self.has_table(table):
                found.append(run(f'SELECT MAX("Id") FROM "{table}"').fetchone()[0])  # noqa: S608
        return max((identifier for identifier in found if identifier), key=number_of, default=None)

    def count(self, sobject: SObject, *, deleted: bool = False) -> int:
        """Return the number of records, with `deleted` those in the bin too."""
        self.ready(sobject)
        where = "" if deleted else ' WHERE "IsDeleted" = 0'
        sql = f"SELECT COUNT(*) FROM {quoted(sobject.name)}{where}"  # noqa: S608
        return int(self.connection.execute(sql).fetchone()[0])

    def number(self, field: str) -> int | None:
        """Return the last number that an auto number field has given."""
        row = self._reading.execute('SELECT "Last" FROM "sf_numbers" WHERE "Field" = ?', (field,)).fetchone()
        return None if row is None else int(row[0])

    def keep_number(self, field: str, last: int) -> None:
        """Note the last number that an auto number field has given."""
        self.write('INSERT OR REPLACE INTO "sf_numbers" ("Field", "Last") VALUES (?, ?)', field, last)

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

    def _tell(self, error: type[BaseException] | None) -> None:
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
                # Tables that were first used inside went with the rest.
                for name in self._made_inside:
                    self._ready.pop(name, None)
            if level == 0:
                self._made_inside.clear()
                self._tell(error)
        if level and self.connection.in_transaction:
            run(f"RELEASE level{level}")

    # -- rows

    def put(self, sobject: SObject, values: Mapping[str, Any]) -> None:
        """Insert one row as it is, values in storage form; a row of the same Id gives way."""
        self.ready(sobject)
        names = list(values)
        row = list(values.values())
        for name in values:
            if sobject.by_name[name].folded:
                names.append(fold_column(name))
                row.append(fold(str(values[name])))
        self.connection.execute(insert_sql(sobject.name, names).replace("INSERT", "INSERT OR REPLACE", 1), row)

    def put_many(self, sobject: SObject, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows of the same columns as they are, values in storage form."""
        if not rows:
            return
        self.ready(sobject)
        names = list(rows[0])
        folds = [name for name in names if sobject.by_name[name].folded]
        sql = insert_sql(sobject.name, [*names, *map(fold_column, folds)])
        self.execute_many(
            sql,
            [[*row.values(), *(None if row[name] is None else fold(str(row[name])) for name in folds)] for row in rows],
        )

    def clear(self, sobject: SObject) -> None:
        """Remove all rows of an object, for good."""
        self.ready(sobject)
        self.connection.execute(f"DELETE FROM {quoted(sobject.name)}")  # noqa: S608

    def lookup(
        self,
        sobject: SObject,
        column: str,
        values: Sequence[Any],
        *columns: str,
        through: sqlite3.Connection | None = None,
    ) -> Iterator[tuple[Any, ...]]:
        """Return the given columns of the rows whose `column` is one of `values`, deleted rows included.

        `through` is the connection to read with, where it is not the store's own: see `beside`.
        """
        read = (through or self._reading).execute
        if 0 < len(values) <= _MANY:
            return read(lookup_sql(sobject.name, column, columns, len(values)), values)
        parts = (values[start : start + _MANY] for start in range(0, len(values), _MANY))
        return chain.from_iterable(read(lookup_sql(sobject.name, column, columns, len(part)), part) for part in parts)

    def records(self, sobject: SObject, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Return all stored columns of records by id, deleted ones included."""
        columns = [field.name for field in sobject.fields if field.stored]
        return {
            row[0]: dict(zip(columns, row[1:], strict=True)) for row in self.lookup(sobject, "Id", ids, "Id", *columns)
        }

    def any_between(
        self, sobject: SObject, column: str, low: Any, high: Any, *, through: sqlite3.Connection | None = None
    ) -> bool:
        """Tell whether a record, deleted ones among them, has a value of a range. The column has an index."""
        name = quoted(column)
        sql = f"SELECT 1 FROM {quoted(sobject.name)} WHERE {name} >= ? AND {name} <= ? LIMIT 1"  # noqa: S608
        return (through or self._reading).execute(sql, (low, high)).fetchone() is not None

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

    # -- copies

    def copy(self) -> Store:
        """Return a copy in memory, made by SQLite's backup."""
        other = Store(like=self)
        other._ready, other._kept = self._lasting(), self._kept
        # The copy has not read its schema yet, which takes a new connection a while.
        if self._size() >= LARGE:
            other._look()
        return other

    def take(self, file: sqlite3.Connection) -> None:
        """Become equal to a database of another process, whose tables are checked as they are used."""
        file.backup(self.connection)
        make_own_tables(self.connection)
        self._ready, self._kept = {}, frozenset(self._tables())
        self._wrong = None
        self._look()

    def _lasting(self) -> dict[str, SObject]:
        """Return the objects whose tables a copy of the database has."""
        return {name: one for name, one in self._ready.items() if name not in self._derived}

    def load(self, other: Store) -> None:
        """Become equal to another store."""
        self._stay()
        other.connection.backup(self.connection)
        self._ready, self._kept = other._lasting(), other._kept
        # What could not be written would not be there either.
        self._wrong = None
        if other._size() >= LARGE:
            self._look()


class Transaction:
    """A `with` block in which everything is written, or nothing."""

    __slots__ = ("_store",)

    def __init__(self, store: Store) -> None:
        self._store = store

    def __enter__(self) -> None:
        self._store._begin()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._store._end(kind)


class Behind(Transaction):
    """The same, written behind."""

    __slots__ = ("_undo",)

    def __init__(self, store: Store, undo: Callable[[], object] | None) -> None:
        super().__init__(store)
        self._undo = undo

    def __enter__(self) -> None:
        self._store._begin_behind()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: object) -> None:
        self._store._end_behind(kind, self._undo)
