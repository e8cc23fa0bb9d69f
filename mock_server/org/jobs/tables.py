"""Where jobs lie: in the org's own database; what a batch has done and the rows it saved are one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import orjson

from mock_server.org import errors
from mock_server.org.jobs.model import Batch, Job
from mock_server.org.records.store import Store

_TABLES = (
    'CREATE TABLE IF NOT EXISTS "sf_jobs" ("Id" TEXT PRIMARY KEY NOT NULL, "Told" TEXT NOT NULL) WITHOUT ROWID',
    'CREATE TABLE IF NOT EXISTS "sf_batches" ("Id" TEXT PRIMARY KEY NOT NULL, "Job" TEXT NOT NULL, '
    '"Told" TEXT NOT NULL) WITHOUT ROWID',
    'CREATE INDEX IF NOT EXISTS "sf_batches.Job" ON "sf_batches" ("Job")',
    'CREATE TABLE IF NOT EXISTS "sf_parts" ("Owner" TEXT NOT NULL, "Kind" TEXT NOT NULL, "Rows" INTEGER NOT NULL, '
    '"Data" BLOB NOT NULL)',
    'CREATE INDEX IF NOT EXISTS "sf_parts.Owner" ON "sf_parts" ("Owner", "Kind")',
    # Whose parts are yet to be removed.
    'CREATE TABLE IF NOT EXISTS "sf_gone" ("Owner" TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID',
)
_PART = 'SELECT "Data" FROM "sf_parts" WHERE rowid = ? AND "Owner" = ?'
_SOME = 8
"""Parts that are removed at a time: two megabytes at most."""


class JobTables:
    """Reads and writes jobs, batches and the parts of contents and results.

    The owner of parts is a job or a batch; their kind is what they hold (`content`, `successful`, `failed`, ...). They
    come back in the order in which they were put.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def ready(self) -> None:
        """Make the tables where they are missing."""
        for table in _TABLES:
            self._store.connection.execute(table)

    def jobs(self) -> list[Job]:
        rows = self._store.connection.execute('SELECT "Told" FROM "sf_jobs" ORDER BY "Id"')
        return [Job.of(orjson.loads(told)) for (told,) in rows]

    def batches(self) -> list[Batch]:
        rows = self._store.connection.execute('SELECT "Told" FROM "sf_batches" ORDER BY "Id"')
        return [Batch.of(orjson.loads(told)) for (told,) in rows]

    def keep(self, one: Job | Batch) -> None:
        """Write a job or batch as it is now."""
        told = orjson.dumps(one).decode()
        if isinstance(one, Job):
            self._run('INSERT OR REPLACE INTO "sf_jobs" VALUES (?, ?)', one.id, told)
        else:
            self._run('INSERT OR REPLACE INTO "sf_batches" VALUES (?, ?, ?)', one.id, one.job_id, told)

    def job(self, job_id: str) -> Job | None:
        """Return a job as it was kept last."""
        sql = 'SELECT "Told" FROM "sf_jobs" WHERE "Id" = ?'
        row = self._store.connection.execute(sql, (job_id,)).fetchone()
        return None if row is None else Job.of(orjson.loads(row[0]))

    def batches_of(self, job_id: str) -> list[Batch]:
        """Return the batches of a job as they were kept last."""
        sql = 'SELECT "Told" FROM "sf_batches" WHERE "Job" = ? ORDER BY "Id"'
        return [Batch.of(orjson.loads(told)) for (told,) in self._store.connection.execute(sql, (job_id,))]

    def forget(self, job_id: str) -> None:
        """Remove a job with its batches. What belongs to them is left for `sweep`."""
        owners = 'SELECT ? UNION ALL SELECT "Id" FROM "sf_batches" WHERE "Job" = ?'
        self._run(f'INSERT OR IGNORE INTO "sf_gone" {owners}', job_id, job_id)
        self._run('DELETE FROM "sf_batches" WHERE "Job" = ?', job_id)
        self._run('DELETE FROM "sf_jobs" WHERE "Id" = ?', job_id)

    def sweep(self) -> bool:
        """Remove some parts of what is gone; tell whether there may be more."""
        run = self._store.connection.execute
        row = run('SELECT "Owner" FROM "sf_gone" LIMIT 1').fetchone()
        if row is None:
            return False
        some = 'SELECT rowid FROM "sf_parts" WHERE "Owner" = ? LIMIT ?'
        if run(f'DELETE FROM "sf_parts" WHERE rowid IN ({some})', (*row, _SOME)).rowcount == 0:  # noqa: S608
            run('DELETE FROM "sf_gone" WHERE "Owner" = ?', row)
        return True

    def put(self, owner: str, kind: str, data: bytes, rows: int = 0) -> None:
        """Add a part."""
        self._run('INSERT INTO "sf_parts" VALUES (?, ?, ?, ?)', owner, kind, rows, data)

    def parts(self, owner: str, kind: str) -> Iterator[bytes]:
        """Yield the parts of one kind, one by one as they are asked for. Raises ApiError where they vanish."""
        run = self._store.connection.execute
        sql = 'SELECT rowid FROM "sf_parts" WHERE "Owner" = ? AND "Kind" = ? ORDER BY rowid'
        for (number,) in run(sql, (owner, kind)).fetchall():
            yield self.part(owner, number)

    def index(self, owner: str, kind: str) -> list[tuple[int, int]]:
        """Return the numbers of the parts of one kind, and how many rows each holds."""
        sql = 'SELECT rowid, "Rows" FROM "sf_parts" WHERE "Owner" = ? AND "Kind" = ? ORDER BY rowid'
        return self._store.connection.execute(sql, (owner, kind)).fetchall()

    def part(self, owner: str, number: int) -> bytes:
        """Return a part by its number. Raises ApiError where it has vanished."""
        try:
            # Parts are written once: one whose number is known is there, whatever is on its way.
            row = (self._store.beside or self._store.connection).execute(_PART, (number, owner)).fetchone()
        except sqlite3.ProgrammingError:
            row = None  # the org is closed
        if row is None:
            # Its job was removed, or the org put back: what has been read so far must not pass for all.
            raise errors.SERVER_UNAVAILABLE()
        data: bytes = row[0]
        return data

    def discard(self, owner: str) -> None:
        """Give up the parts of an owner, who never has any again: they are left for `sweep`."""
        self._run('INSERT OR IGNORE INTO "sf_gone" VALUES (?)', owner)

    def drop(self, owner: str, kind: str) -> None:
        """Remove the parts of one kind."""
        self._run('DELETE FROM "sf_parts" WHERE "Owner" = ? AND "Kind" = ?', owner, kind)

    def rows(self, owner: str, kind: str) -> int:
        """Return how many rows the parts of one kind hold."""
        sql = 'SELECT COALESCE(SUM("Rows"), 0) FROM "sf_parts" WHERE "Owner" = ? AND "Kind" = ?'
        return int(self._store.connection.execute(sql, (owner, kind)).fetchone()[0])

    def _run(self, sql: str, *values: object) -> None:
        self._store.write(sql, *values)
