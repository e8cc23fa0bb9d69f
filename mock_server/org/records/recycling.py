"""The recycle bin: which deleted records can come back, with what, and until when.

Two tables beside the records, in the same database, so that transactions, snapshots and copies take them along:
`sf_bin` has a row for each deleted record (`Root`: the record whose deletion took it along, itself where it was deleted
on its own; `Gone`: it is out of the bin, and known to getDeleted only), `sf_links` one for each reference that a
deletion cut, by which it is restored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from mock_server.org.clock import Clock, stamp
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted

LIFE = 15 * 86_400.0
"""Seconds that a record stays in the bin (Salesforce help, "Manage Records in the Recycle Bin")."""
SETTLED = 2 * 3600.0
"""Seconds after which a full bin may drop a record."""
RECORDS_A_MB = 25
"""Records that the bin holds for each megabyte of data storage."""
_MANY = 500


class Binned(NamedTuple):
    """A record in the bin."""

    id: str
    sobject: str
    root: str
    at: float


class Link(NamedTuple):
    """A reference that was cut because its target was deleted."""

    parent: str
    sobject: str
    id: str
    field: str


class RecycleBin:
    """The deleted records of one org. `room` tells how many it holds; the oldest beyond that go for good."""

    def __init__(self, store: Store, clock: Clock, room: Callable[[], int]) -> None:
        self._store = store
        self._clock = clock
        self._room = room
        self._due = 0.0
        self._count: int | None = None

    def forget(self) -> None:
        """Drop what is remembered about the tables: they were put back to an earlier state."""
        self._due, self._count = 0.0, None

    def put(self, sobject: str, ids: Sequence[str], roots: Sequence[str]) -> None:
        """Note records that were deleted now, each with the one whose deletion took it along."""
        now = self._clock.now()
        rows = [(identifier, sobject, root, now) for identifier, root in zip(ids, roots, strict=True)]
        self._store.execute_many(
            'INSERT OR REPLACE INTO "sf_bin" ("Id", "Object", "Root", "At", "Gone") VALUES (?, ?, ?, ?, 0)', rows
        )
        self._due = min(self._due, now + LIFE)
        if self._count is not None:
            self._count += len(rows)

    def find(self, ids: Sequence[str]) -> dict[str, Binned]:
        """Return those of some records that are in the bin."""
        return {one.id: one for one in self._find("Id", ids)}

    def together(self, roots: Sequence[str]) -> list[Binned]:
        """Return the records in the bin that were deleted with these, themselves included."""
        return self._find("Root", roots)

    def _find(self, column: str, values: Sequence[str]) -> list[Binned]:
        out: list[Binned] = []
        for part in _parts(values):
            marks = ",".join("?" * len(part))
            sql = (
                f'SELECT "Id", "Object", "Root", "At" FROM "sf_bin" WHERE {quoted(column)} IN ({marks}) AND NOT "Gone"'  # noqa: S608
            )
            out += [Binned(*row) for row in self._store.connection.execute(sql, part)]
        return out

    def take(self, ids: Iterable[str]) -> None:
        """Forget records that come back."""
        rows = [(identifier,) for identifier in ids]
        self._store.execute_many('DELETE FROM "sf_bin" WHERE "Id" = ?', rows)
        if self._count is not None:
            self._count -= len(rows)

    def part(self, ids: Iterable[str]) -> None:
        """Make records that were deleted with another one stand for themselves."""
        self._store.execute_many('UPDATE "sf_bin" SET "Root" = "Id" WHERE "Id" = ?', [(one,) for one in ids])

    # -- references

    def cut(self, links: Iterable[Link]) -> None:
        """Note references that were cleared because of deletions."""
        rows = list(links)
        if rows:
            self._store.execute_many(
                'INSERT OR REPLACE INTO "sf_links" ("Parent", "Object", "Id", "Field") VALUES (?, ?, ?, ?)', rows
            )

    def links_to(self, parents: Sequence[str]) -> list[Link]:
        """Return the references that the deletion of some records cut."""
        out: list[Link] = []
        for part in _parts(parents):
            marks = ",".join("?" * len(part))
            sql = f'SELECT "Parent", "Object", "Id", "Field" FROM "sf_links" WHERE "Parent" IN ({marks})'  # noqa: S608
            out += [Link(*row) for row in self._store.connection.execute(sql, part)]
        return out

    def mended(self, parents: Iterable[str]) -> None:
        """Forget the references to some records."""
        self._store.execute_many('DELETE FROM "sf_links" WHERE "Parent" = ?', [(parent,) for parent in parents])

    # -- the end

    def erase(self, ids: Sequence[str]) -> None:
        """Remove records for good, with all that was deleted along with them. They must be in the bin."""
        found = {one.id: one.sobject for one in self.together(ids)} | {
            one.id: one.sobject for one in self.find(ids).values()
        }
        if not found:
            return
        by_object: dict[str, list[str]] = {}
        for identifier, sobject in found.items():
            by_object.setdefault(sobject, []).append(identifier)
        for sobject, gone in by_object.items():
            self._store.execute_many(
                f'DELETE FROM {quoted(sobject)} WHERE "Id" = ?',  # noqa: S608
                [(identifier,) for identifier in gone],
            )
        rows = [(identifier,) for identifier in found]
        self._store.execute_many('UPDATE "sf_bin" SET "Gone" = 1 WHERE "Id" = ?', rows)
        self.mended(found)
        if self._count is not None:
            self._count -= len(rows)

    def expire(self) -> None:
        """Remove for good what has been in the bin for too long; cheap when nothing is due."""
        now = self._clock.now()
        if now >= self._due:
            self._purge(now)

    def _purge(self, now: float) -> None:
        run = self._store.connection.execute
        limit = now - LIFE
        old = [row[0] for row in run('SELECT "Id" FROM "sf_bin" WHERE "At" <= ? AND NOT "Gone"', (limit,))]
        if self._count is None:
            self._count = int(run('SELECT COUNT(*) FROM "sf_bin" WHERE NOT "Gone"').fetchone()[0])
        with self._store.transaction():
            self.erase(old)
            gone = run(
                'SELECT "Object", MAX("At") FROM "sf_bin" WHERE "At" <= ? GROUP BY "Object"', (limit,)
            ).fetchall()
            for sobject, at in gone:
                run('INSERT OR REPLACE INTO "sf_purged" ("Id", "At") VALUES (?, ?)', (sobject, at))
            run('DELETE FROM "sf_bin" WHERE "At" <= ?', (limit,))
        first = run('SELECT MIN("At") FROM "sf_bin"').fetchone()[0]
        self._due = math.inf if first is None else first + LIFE

    def make_room(self) -> None:
        """Let the oldest records go where the bin holds too many; not those of the last two hours."""
        run = self._store.connection.execute
        if self._count is None:
            self._count = int(run('SELECT COUNT(*) FROM "sf_bin" WHERE NOT "Gone"').fetchone()[0])
        surplus = self._count - self._room()
        if surplus > 0:
            settled = self._clock.now() - SETTLED
            rows = run(
                'SELECT "Id" FROM "sf_bin" WHERE "At" <= ? AND NOT "Gone" ORDER BY "At", "Id" LIMIT ?',
                (settled, surplus),
            )
            self.erase([row[0] for row in rows.fetchall()])

    # -- replication

    def deleted(self, sobject: str, start: float, end: float) -> list[tuple[str, str]]:
        """Return id and time of the records that were deleted from `start` to `end`, oldest first."""
        rows = self._store.connection.execute(
            'SELECT "Id", "At" FROM "sf_bin" WHERE "Object" = ? AND "At" >= ? AND "At" <= ? ORDER BY "At", "Id"',
            (sobject, start, end),
        )
        return [(identifier, stamp(at)) for identifier, at in rows]

    def purged(self, sobject: str) -> float | None:
        """Return when the last record was deleted of which nothing is known any more."""
        row = self._store.connection.execute('SELECT "At" FROM "sf_purged" WHERE "Id" = ?', (sobject,)).fetchone()
        return None if row is None else float(row[0])


def _parts(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + _MANY] for start in range(0, len(values), _MANY))
