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

from mock_server.org.query.terms import Tree, expression, matches, spaced
from mock_server.org.records.store import Store, quoted
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
_BATCH = 2000
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
        self._bring_up_to_date(sobject)
        match = expression(tree, lambda pattern: self._words(sobject, pattern))
        if match is None:
            return None
        index, ids = quoted(_index(sobject)), quoted(f"{_index(sobject)}.ids")
        columns = " ".join(GROUPS[group])
        sql = (
            f'JOIN (SELECT i."Id" AS "Id", {index}.rank AS place FROM {index} JOIN {ids} i '
            f'ON i.n = {index}.rowid WHERE {index} MATCH ?) hit ON hit."Id" = t0."Id"'
        )
        return sql, f"{{{columns}}} : {match}"

    def _words(self, sobject: SObject, pattern: str) -> Sequence[str]:
        start = pattern[: min((pattern.find(one) for one in "*?" if one in pattern), default=len(pattern))]
        rows = self._run(
            f"SELECT term FROM {quoted(_index(sobject) + '.words')} WHERE term >= ? AND term < ?",
            (start, start + "\U0010ffff"),
        )
        return list(islice((word for (word,) in rows if matches(pattern, word)), _MOST_EXPANDED))

    # -- building

    def _bring_up_to_date(self, sobject: SObject) -> None:
        self._store.ready(sobject.whole or sobject)
        fields = _fields(sobject)
        said = orjson.dumps(fields).decode()
        self._run(f"CREATE TABLE IF NOT EXISTS {_KNOWN} (sobject TEXT PRIMARY KEY, fields TEXT, next INTEGER)")
        known = self._run(f"SELECT fields, next FROM {_KNOWN} WHERE sobject = ?", (_key(sobject),)).fetchone()
        with self._store.transaction():
            if known is None or known[0] != said:
                self._make(sobject, fields, said)
            else:
                self._catch_up(sobject, fields, known[1], said)

    def _make(self, sobject: SObject, fields: dict[str, str], said: str) -> None:
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
        table = quoted(sobject.name)
        run(f"CREATE TRIGGER {quoted(index + '.insert')} AFTER INSERT ON {table} {note}")
        columns = ", ".join(map(quoted, ["Id", *fields]))
        run(f"CREATE TRIGGER {quoted(index + '.update')} AFTER UPDATE OF {columns} ON {table} {note}")
        end = self._index(sobject, fields, run(f"SELECT {columns} FROM {table}"), 1)
        run(f"INSERT OR REPLACE INTO {_KNOWN} VALUES (?, ?, ?)", (_key(sobject), said, end))

    def _catch_up(self, sobject: SObject, fields: dict[str, str], start: int, said: str) -> None:
        index, run = _index(sobject), self._run
        changed = quoted(index + ".changed")
        if run(f"SELECT 1 FROM {changed} LIMIT 1").fetchone() is None:
            return
        count = run(f"SELECT COUNT(*) FROM {quoted(index + '.ids')}").fetchone()[0]
        if start > 2 * count + _SPARE:
            self._make(sobject, fields, said)
            return
        columns = ", ".join(map(quoted, ["Id", *fields]))
        rows = run(f'SELECT {columns} FROM {quoted(sobject.name)} WHERE "Id" IN (SELECT "Id" FROM {changed})')
        end = self._index(sobject, fields, rows, start)
        run(f"DELETE FROM {changed}")
        run(f"UPDATE {_KNOWN} SET next = ? WHERE sobject = ?", (end, _key(sobject)))

    def _index(self, sobject: SObject, fields: dict[str, str], rows: Iterator[Any], start: int) -> int:
        """Index rows under the numbers from `start` on; return the next number."""
        index, many = _index(sobject), self._store.connection.executemany
        places = {
            column: [place for place, one in enumerate(fields.values(), 1) if one == column] for column in COLUMNS
        }
        marks = ", ".join("?" * (len(COLUMNS) + 1))
        while batch := list(islice(rows, _BATCH)):
            numbered = list(enumerate(batch, start))
            many(
                f'INSERT OR REPLACE INTO {quoted(index + ".ids")} (n, "Id") VALUES (?, ?)',
                [(number, row[0]) for number, row in numbered],
            )
            many(
                f"INSERT INTO {quoted(index)} (rowid, {', '.join(COLUMNS)}) VALUES ({marks})",
                [(number, *(_text(row, places[one], one) for one in COLUMNS)) for number, row in numbered],
            )
            start += len(batch)
        return start


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
