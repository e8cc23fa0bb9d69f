"""The full-text index behind SOSL: one FTS5 table for each object that was ever searched.

An index is built at the first search of its object, and brought up to date at each further one: triggers note which
records changed meanwhile. Objects that nobody searches cost nothing. The tables lie beside the records, so that copies
and snapshots of the store have them too. A changed record is indexed anew under a new number; what its old number
finds is left out, until there are so many of those that the index is made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from sqlite3 import Cursor
from typing import Any
from zlib import crc32

import orjson

from mock_server.org.query.terms import Tree, expression, pattern, spaced
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema.types import Field, SObject

COLUMNS = ("name", "email", "phone", "other")
GROUPS = {
    "ALL": COLUMNS,
    "NAME": ("name",),
    "EMAIL": ("email",),
    "PHONE": ("phone",),
    "SIDEBAR": ("name", "email", "phone"),
}
"""The columns of each search group (SOSL Reference, "IN SearchGroup")."""
_SEARCHED = frozenset({"string", "textarea", "email", "phone", "url"})
_NAME = "sf_search"
"""Tables whose names begin with sf_ hold no records."""
_KNOWN = f'"{_NAME}"'
_BATCH = 500
_MOST_EXPANDED = 500
"""Words of the index that a pattern stands for at most."""
_SPARE = 1000


def column_of(field: Field) -> str | None:
    """Return the index's column for a field, None for one that is not searched."""
    if field.type not in _SEARCHED or not field.stored:
        return None
    if field.name_field or field.name in ("FirstName", "LastName", "MiddleName"):
        return "name"
    return field.type if field.type in ("email", "phone") else "other"


class FullText:
    """The indexes of one store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _run(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        return self._store.connection.execute(sql, parameters)

    def join(self, sobject: SObject, group: str, tree: Tree) -> tuple[str, str] | None:
        """Return the join to the records that a search finds, as `hit` with `Id` and `place`, and its parameter.

        None where nothing can be found.
        """
        for _ in self.steps(sobject):
            pass
        match = expression(tree, lambda text: self._words(sobject, text))
        if match is None:
            return None
        index, ids = quoted(_index(sobject)), quoted(f"{_index(sobject)}.ids")
        columns = " ".join(GROUPS[group])
        sql = (
            f'JOIN (SELECT i."Id" AS "Id", {index}.rank AS place FROM {index} JOIN {ids} i '
            f'ON i.n = {index}.rowid WHERE {index} MATCH ?) hit ON hit."Id" = t0."Id"'
        )
        return sql, f"{{{columns}}} : {match}"

    def _words(self, sobject: SObject, text: str) -> Sequence[str]:
        start = text[: min((text.find(one) for one in "*?" if one in text), default=len(text))]
        rows = self._run(
            f"SELECT term FROM {quoted(_index(sobject) + '.words')} WHERE term >= ? AND term < ?",
            (start, start + "\U0010ffff"),
        )
        fits = pattern(text).match
        return list(islice((word for (word,) in rows if fits(word)), _MOST_EXPANDED))

    # -- building

    def steps(self, sobject: SObject) -> Iterator[None]:
        """Bring an object's index up to date, batch by batch; others may be served in between."""
        while self._step(sobject):
            yield

    def _step(self, sobject: SObject) -> bool:
        """Index one batch of what is due; tell whether there may be more."""
        self._store.ready(sobject.whole or sobject)
        fields, run = _fields(sobject), self._run
        said = orjson.dumps(fields).decode()
        run(
            f"CREATE TABLE IF NOT EXISTS {_KNOWN} "
            "(sobject TEXT PRIMARY KEY, fields TEXT, next INTEGER, size INTEGER, built_to TEXT)"
        )
        with self._store.transaction():
            known = run(
                f"SELECT fields, next, size, built_to FROM {_KNOWN} WHERE sobject = ?", (_key(sobject),)
            ).fetchone()
            if known is None or known[0] != said:
                self._make(sobject, fields, said)
                return True
            _, start, size, built_to = known
            if built_to is not None:
                return self._build(sobject, fields, start, built_to)
            return self._catch_up(sobject, fields, start, size)

    def _make(self, sobject: SObject, fields: dict[str, str], said: str) -> None:
        """Make the index, empty, and the triggers that note what changes from now on."""
        index, run = _index(sobject), self._run
        for kind, name in (("TRIGGER", ".insert"), ("TRIGGER", ".update"), ("TABLE", ".words"), ("TABLE", "")):
            run(f"DROP {kind} IF EXISTS {quoted(index + name)}")
        for name in (".ids", ".changed"):
            run(f"DROP TABLE IF EXISTS {quoted(index + name)}")
        run(
            f"CREATE VIRTUAL TABLE {quoted(index)} USING fts5({', '.join(COLUMNS)}, content='', "
            "tokenize='unicode61 remove_diacritics 2')"
        )
        run(f"CREATE VIRTUAL TABLE {quoted(index + '.words')} USING fts5vocab({quoted(index)}, 'row')")
        run(f'CREATE TABLE {quoted(index + ".ids")} (n INTEGER PRIMARY KEY, "Id" TEXT NOT NULL UNIQUE)')
        run(f'CREATE TABLE {quoted(index + ".changed")} ("Id" TEXT PRIMARY KEY) WITHOUT ROWID')
        note = f'BEGIN INSERT OR IGNORE INTO {quoted(index + ".changed")} VALUES (new."Id"); END'
        table, columns = quoted(sobject.name), _columns(fields)
        run(f"CREATE TRIGGER {quoted(index + '.insert')} AFTER INSERT ON {table} {note}")
        run(f"CREATE TRIGGER {quoted(index + '.update')} AFTER UPDATE OF {columns} ON {table} {note}")
        run(f"INSERT OR REPLACE INTO {_KNOWN} VALUES (?, ?, 1, 0, '')", (_key(sobject), said))

    def _build(self, sobject: SObject, fields: dict[str, str], start: int, built_to: str) -> bool:
        """Index the next records by id of those that were there when the index was made."""
        sql = f'SELECT {_columns(fields)} FROM {quoted(sobject.name)} WHERE "Id" > ? ORDER BY "Id" LIMIT {_BATCH}'
        rows = self._run(sql, (built_to,)).fetchall()
        end = self._index(sobject, fields, rows, start)
        done = rows[-1][0] if len(rows) == _BATCH else None
        sql = f"UPDATE {_KNOWN} SET next = ?, size = ?, built_to = ? WHERE sobject = ?"
        self._run(sql, (end, end, done, _key(sobject)))
        return True

    def _catch_up(self, sobject: SObject, fields: dict[str, str], start: int, size: int) -> bool:
        """Index the next of the records that changed, under new numbers."""
        index, run = _index(sobject), self._run
        changed = quoted(index + ".changed")
        ids = [row[0] for row in run(f'SELECT "Id" FROM {changed} LIMIT {_BATCH}')]
        if not ids:
            return False
        if start > 2 * size + _SPARE:
            (size,) = run(f"SELECT COUNT(*) FROM {quoted(index + '.ids')}").fetchone()
            if start > 2 * size + _SPARE:
                run(f"DELETE FROM {_KNOWN} WHERE sobject = ?", (_key(sobject),))
                return True
        some = orjson.dumps(ids).decode()
        inside = '"Id" IN (SELECT value FROM json_each(?))'
        rows = run(f"SELECT {_columns(fields)} FROM {quoted(sobject.name)} WHERE {inside}", (some,)).fetchall()
        end = self._index(sobject, fields, rows, start)
        run(f"DELETE FROM {changed} WHERE {inside}", (some,))
        run(f"UPDATE {_KNOWN} SET next = ?, size = ? WHERE sobject = ?", (end, size, _key(sobject)))
        return len(ids) == _BATCH

    def _index(self, sobject: SObject, fields: dict[str, str], rows: Sequence[Any], start: int) -> int:
        """Index rows under the numbers from `start` on; return the next number."""
        index, many = _index(sobject), self._store.connection.executemany
        places = {
            column: [place for place, one in enumerate(fields.values(), 1) if one == column] for column in COLUMNS
        }
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        numbered = list(enumerate(rows, start))
        many(
            f'INSERT OR REPLACE INTO {quoted(index + ".ids")} (n, "Id") VALUES (?, ?)',
            [(number, row[0]) for number, row in numbered],
        )
        many(
            f"INSERT INTO {quoted(index)} (rowid, {', '.join(COLUMNS)}) VALUES ({marks})",
            [(number, *(_text(row, places[one], one) for one in COLUMNS)) for number, row in numbered],
        )
        return start + len(rows)


def _columns(fields: dict[str, str]) -> str:
    return ", ".join(map(quoted, ["Id", *fields]))


def _fields(sobject: SObject) -> dict[str, str]:
    return {field.name: column for field in sobject.fields if (column := column_of(field)) is not None}


def _key(sobject: SObject) -> str:
    """Return what the index of an object is known by. Who does not see all its fields searches an index of his own."""
    fields = _fields(sobject)
    if sobject.whole is None or fields == _fields(sobject.whole):
        return sobject.name
    return f"{sobject.name}.{crc32(orjson.dumps(fields)):08x}"


def _index(sobject: SObject) -> str:
    return f"{_NAME}.{_key(sobject)}"


def _text(row: Sequence[Any], places: Sequence[int], column: str) -> str:
    values = [str(row[place]) for place in places if row[place] is not None]
    if column == "phone":
        # (415) 555-1212 is found by its parts, and by 4155551212.
        values += ["".join(one for one in value if one.isdigit()) for value in values]
    return spaced("\n".join(values))
