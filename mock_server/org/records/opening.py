"""The SQLite databases behind stores: how they are opened, and the tables that each has beside those of its objects."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from mock_server.org.records.sql_functions import equip

# The recycle bin's tables (see `recycling`), and the last auto numbers. No object's name begins like theirs.
_OWN_TABLES = (
    'CREATE TABLE IF NOT EXISTS "sf_bin" ("Id" TEXT PRIMARY KEY NOT NULL, "Object" TEXT NOT NULL, '
    '"Root" TEXT NOT NULL, "At" REAL NOT NULL, "Gone" INTEGER NOT NULL) WITHOUT ROWID',
    'CREATE INDEX IF NOT EXISTS "sf_bin.Root" ON "sf_bin" ("Root")',
    'CREATE INDEX IF NOT EXISTS "sf_bin.At" ON "sf_bin" ("Object", "At")',
    'CREATE TABLE IF NOT EXISTS "sf_links" ("Parent" TEXT NOT NULL, "Object" TEXT NOT NULL, "Id" TEXT NOT NULL, '
    '"Field" TEXT NOT NULL, PRIMARY KEY ("Parent", "Id", "Field")) WITHOUT ROWID',
    'CREATE TABLE IF NOT EXISTS "sf_purged" ("Id" TEXT PRIMARY KEY NOT NULL, "At" REAL NOT NULL) WITHOUT ROWID',
    'CREATE TABLE IF NOT EXISTS "sf_numbers" ("Field" TEXT PRIMARY KEY NOT NULL, "Last" INTEGER NOT NULL) '
    "WITHOUT ROWID",
)


def connect(path: Path | str) -> sqlite3.Connection:
    """Open a database as every store does; its transactions are begun and ended by who uses it."""
    connection = sqlite3.connect(str(path), isolation_level=None, check_same_thread=False, cached_statements=512)
    # Half as many pages as of the usual size, for the same rows: each is written twice in WAL mode.
    connection.execute("PRAGMA page_size=8192")
    connection.execute("PRAGMA temp_store=MEMORY")
    connection.execute("PRAGMA cache_size=-65536")
    # A pattern is matched by backtracking: a long one could hold the process for minutes.
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)
    equip(connection)
    return connection


def make_own_tables(connection: sqlite3.Connection) -> None:
    for table in _OWN_TABLES:
        connection.execute(table)
