"""The record store: one SQLite database an org, one table an sObject, made when first used.

Storage forms: boolean 0/1; int and long INTEGER; double, currency and percent REAL; date `YYYY-MM-DD`; datetime as in
JSON (always UTC, so that text order is time order); time `HH:MM:SS.mmmZ`; ids 18 characters; files as their
bytes; everything else text. A missing value is NULL, never empty text.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from mock_server.org.ids import number_of
from mock_server.org.records import blanks
from mock_server.org.records.database import Database
from mock_server.org.records.opening import make_own_tables
from mock_server.org.records.table_sql import definition, fold_column, insert_sql, lookup_sql, quoted
from mock_server.org.schema.types import SObject, fold

# SQLite's own bound is 32,766 variables a statement; a smaller number keeps statement texts short and cacheable.
_MANY = 500


class Store(Database):
    """Tables and raw rows, in transactions. No rule of the platform lives here: all saves go through the pipeline.

    `path` is a file kept in WAL mode; without one the database lives in memory, and begins as a copy of `like`.
    """

    def __init__(self, path: Path | None = None, *, like: Store | None = None) -> None:
        super().__init__(path)
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
        self._made_inside: list[str] = []
        self.fillers: dict[str, Callable[[], None]] = {}
        """By object: writes the records that its table holds from the start, once the table is made."""
        self.promised: tuple[str, ...] = ()
        """Objects of `fillers` that count as used before their tables are made."""
        self.counter: Callable[[SObject], None] | None = None
        """Counts the totals of an object whose table has got columns for new roll-ups."""

    def _reconnected(self) -> None:
        for name in self._derived:
            self._ready.pop(name, None)
        self._derived.clear()

    def _rolled_back(self) -> None:
        # Tables that were first used inside went with the rest.
        for name in self._made_inside:
            self._ready.pop(name, None)

    def _tell(self, error: type[BaseException] | None) -> None:
        self._made_inside.clear()
        super()._tell(error)

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

    # -- copies

    def copy(self) -> Store:
        """Return a copy in memory, made by SQLite's backup."""
        other = Store(like=self)
        other._ready, other._kept = self._lasting(), self._kept
        # The copy has not read its schema yet, which takes a new connection a while.
        if self._large():
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
        if other._large():
            self._look()
