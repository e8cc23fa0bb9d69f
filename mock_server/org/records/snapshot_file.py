"""Snapshots in files: a SQLite database with the tables of the store, and one of the org's counters.

What a file holds are records, not the schema: it is restored into an org that has its objects and fields. The file also
serves as the database that an org is kept in.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from pathlib import Path
from typing import Any
from urllib.parse import quote

from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema import Schema

_COUNTERS = "sf_snapshot"
_FORM = 1


class SnapshotError(ValueError):
    """A file that holds no snapshot, or one of records that the org has no place for."""


def write(store: Store, path: Path, next_id: Callable[[], int], *, aside: bool = False) -> None:
    """Write all records, and the number of the next id, to a file, in place of what it held, in one step.

    With `aside` the records of a store in a file are read beside those who use it, and written as they were at the
    beginning: for a thread. Raises OSError.
    """
    if store.lives_in(path):
        raise OSError("the org itself is kept in it")
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        # SQLite writes the rows anew, in the order of their keys: equal records make equal files.
        Path(name).unlink()
        with closing(store.further()) if aside else nullcontext(store.connection) as connection:
            connection.execute("VACUUM INTO ?", (name,))
        with closing(sqlite3.connect(name, isolation_level=None)) as file:
            file.execute("PRAGMA journal_mode=DELETE")
            file.execute(f"DROP TABLE IF EXISTS {_COUNTERS}")
            # What waits is sent by the org itself, and by no copy of it.
            file.execute('DROP TABLE IF EXISTS "sf_outbound"')
            file.execute(f"CREATE TABLE {_COUNTERS} (name TEXT PRIMARY KEY, value INTEGER)")
            # Asked last: no id that is in the file is handed out again.
            rows = [("form", _FORM), ("next_id", next_id())]
            file.executemany(f"INSERT INTO {_COUNTERS} VALUES (?, ?)", rows)  # noqa: S608
        Path(name).replace(path)
    except sqlite3.Error as error:
        raise OSError(str(error)) from None
    finally:
        Path(name).unlink(missing_ok=True)


def read(path: Path, schema: Schema) -> tuple[Store, int]:
    """Return the records of a file, in memory, and the number of the next id. Raises SnapshotError."""
    if not path.is_file():
        raise SnapshotError(f"there is no file {path}")
    store = Store()
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True)) as file:
            rows: Mapping[str, Any] = dict(file.execute(f"SELECT name, value FROM {_COUNTERS}"))  # noqa: S608
            next_id = int(rows["next_id"])
            _check(path, file, schema)
            store.take(file)
    except (sqlite3.Error, KeyError, ValueError, TypeError) as error:
        store.close()
        if isinstance(error, SnapshotError):
            raise
        raise SnapshotError(f"{path} is no snapshot of an org") from None
    store.connection.execute(f"DROP TABLE {_COUNTERS}")
    return store, next_id


def _check(path: Path, file: sqlite3.Connection, schema: Schema) -> None:
    """Refuse records of objects, and values of fields, that the schema does not have."""
    tables = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    for table in tables:
        if table.startswith(("sf_", "sqlite_")):
            continue
        (rows,) = file.execute(f"SELECT EXISTS (SELECT 1 FROM {quoted(table)})").fetchone()  # noqa: S608
        sobject = schema.anywhere(table)
        if sobject is None and rows:
            raise SnapshotError(f"{path} holds records of {table}, an object that this org does not have")
        if sobject is None or not rows:
            continue
        known = {field.name for field in sobject.fields} | {"IsDeleted"}
        for _, column, *_ in file.execute(f"PRAGMA table_info({quoted(table)})"):
            if column in known or column.endswith("__fold"):
                continue
            sql = f"SELECT EXISTS (SELECT 1 FROM {quoted(table)} WHERE {quoted(column)} IS NOT NULL)"  # noqa: S608
            if file.execute(sql).fetchone()[0]:
                raise SnapshotError(f"{path} holds values of {table}.{column}, a field that this org does not have")
