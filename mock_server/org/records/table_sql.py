"""The SQL of tables: their columns and indexes, and the statements that write and look up their rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

from mock_server.org.schema.types import FLOAT_TYPES, Field, SObject

# Columns that hold a handful of distinct values in a whole org: an index costs every insert and helps no query.
_UNSELECTIVE = frozenset({"OwnerId", "CreatedById", "LastModifiedById", "RecordTypeId"})
# A text that is stored has no blanks at its ends, and is never empty.
_PERSON_NAME = (
    'CASE WHEN "FirstName" IS NULL THEN "LastName" ELSE "FirstName" || COALESCE(\' \' || "LastName", \'\') END'
)


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def fold_column(name: str) -> str:
    return f"{name}__fold"


def insert_sql(table: str, columns: Sequence[str]) -> str:
    names = ", ".join(map(quoted, columns))
    return f"INSERT INTO {quoted(table)} ({names}) VALUES ({','.join('?' * len(columns))})"  # noqa: S608


def insert_many_sql(table: str, shared: Sequence[str], own: Sequence[str], count: int, *, there: bool = False) -> str:
    """Return an INSERT of several rows: the values of the `shared` columns come once, then those of each row's own.

    Rows that are `there` are changed: their Id is one of the columns.
    """
    names = ", ".join(map(quoted, (*shared, *own)))
    # Only few variables have numbers: those SQLite looks up one by one.
    row = ",".join([f"?{number}" for number in range(1, len(shared) + 1)] + ["?"] * len(own))
    sql = f"INSERT INTO {quoted(table)} ({names}) VALUES {','.join([f'({row})'] * count)}"  # noqa: S608
    if not there:
        return sql
    pairs = ", ".join(f"{quoted(name)}=excluded.{quoted(name)}" for name in (*shared, *own) if name != "Id")
    return f'{sql} ON CONFLICT ("Id") DO UPDATE SET {pairs}'


def person_name(sobject: SObject, field: Field) -> bool:
    """Tell whether a field is the Name that the database derives from FirstName and LastName."""
    return field.name == "Name" and not field.createable and {"FirstName", "LastName"} <= sobject.by_name.keys()


def indexed_columns(sobject: SObject) -> list[str]:
    """Return the columns to index: foreign keys, and the folded or exact form of keys that are looked up."""
    out = []
    for field in sobject.fields:
        if field.type == "reference" and (field.name not in _UNSELECTIVE or _owner_decides(sobject, field)):
            out.append(field.name)
        elif field.folded:
            out.append(fold_column(field.name))
        elif (field.unique or field.external_id) and field.stored:
            out.append(field.name)
    return out


def _owner_decides(sobject: SObject, field: Field) -> bool:
    """Tell whether the owner's name is looked for at every query: who else sees no record of a private object."""
    return field.name == "OwnerId" and sobject.sharing == "Private"


def definition(sobject: SObject) -> tuple[dict[str, str], str, list[str]]:
    """Return an sObject's columns, and the statements for its table and its indexes. Every new org asks for some."""
    known = sobject.memo.get(definition)
    if known is None:
        columns = dict(_columns(sobject))
        table = quoted(sobject.name)
        # NULLs stay out: most references are empty, and no query looks for them by index.
        indexes = [
            f"CREATE INDEX IF NOT EXISTS {quoted(f'{sobject.name}.{column}')} ON "
            f"{table} ({quoted(column)}) WHERE {quoted(column)} IS NOT NULL"
            for column in indexed_columns(sobject)
        ]
        known = columns, f"CREATE TABLE {table} ({', '.join(columns.values())}) WITHOUT ROWID", indexes
        sobject.memo[definition] = known
    return known  # type: ignore[return-value]


def _columns(sobject: SObject) -> Iterator[tuple[str, str]]:
    for field in sobject.fields:
        if not field.stored:
            continue
        column = quoted(field.name)
        if field.type == "id":
            yield field.name, f"{column} TEXT PRIMARY KEY NOT NULL"
        elif person_name(sobject, field):
            yield field.name, f"{column} TEXT GENERATED ALWAYS AS ({_PERSON_NAME}) VIRTUAL"
        elif field.type == "boolean":
            default = 1 if field.default is True else 0
            yield field.name, f"{column} INTEGER NOT NULL DEFAULT {default}"
        elif field.type in ("int", "long"):
            yield field.name, f"{column} INTEGER"
        elif field.type in FLOAT_TYPES:
            counted = field.roll_up is not None and field.roll_up.operation in ("count", "sum")
            yield field.name, f"{column} REAL DEFAULT 0" if counted else f"{column} REAL"
        elif field.type == "base64":
            yield field.name, f"{column} BLOB"
        else:
            yield field.name, f"{column} TEXT"
        if field.folded:
            yield fold_column(field.name), f"{quoted(fold_column(field.name))} TEXT"
    if "Id" not in sobject.by_name:
        # Platform events are saved under ids that none of their fields shows.
        yield "Id", '"Id" TEXT PRIMARY KEY NOT NULL'
    if "IsDeleted" not in sobject.by_name:
        yield "IsDeleted", '"IsDeleted" INTEGER NOT NULL DEFAULT 0'


@lru_cache(1024)
def lookup_sql(table: str, column: str, columns: tuple[str, ...], count: int) -> str:
    chosen = ", ".join(map(quoted, columns))
    marks = ",".join("?" * count)
    return f"SELECT {chosen} FROM {quoted(table)} WHERE {quoted(column)} IN ({marks})"  # noqa: S608
