"""A dead-letter queue in a table of an SQL database, read through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from harness.letters.flat import check_columns, read_row
from harness.letters.letter import BrokenLetter, Letter, LetterMap, QueueError
from harness.letters.remote import password_of, shown, within
from mock_server.documents import nearest

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

FORM = "sqlite:///file.db#table or postgresql://user:password@host/database#table"
ANSWER, READING = 10.0, 300.0
"""Seconds that a database has to answer, and to hand over its letters."""
_MOST = 2_000_000
_TIMEOUTS = {"postgresql": {"connect_timeout": 5}, "mysql": {"connect_timeout": 5}, "sqlite": {"timeout": 5}}


@dataclass(frozen=True)
class SqlQueue:
    """A table, named behind the # of a SQLAlchemy URL; `schema.table` where it is not in the default schema."""

    url: str
    mapping: LetterMap | None = None

    def check(self) -> None:
        """Raise QueueError when the database does not answer, or has no such table or column."""
        within(ANSWER, self._check, self._where)

    def read(self) -> list[Letter | BrokenLetter]:
        """Read the table, in the order of its primary key. Raises QueueError when it cannot be read."""
        return within(READING, self._read, self._where)

    @property
    def _where(self) -> str:
        return f"dead-letter queue {shown(self.url)}"

    def _check(self) -> None:
        with self._connection() as connection:
            self._columns(connection)

    def _read(self) -> list[Letter | BrokenLetter]:
        from sqlalchemy import column, select, table

        with self._connection() as connection:
            names, order = self._columns(connection)
            schema, name = self._table
            source = table(name, *map(column, names), schema=schema)
            query = select(*source.columns).order_by(*(source.columns[key] for key in order)).limit(_MOST + 1)
            rows = connection.execute(query)
            letters: list[Letter | BrokenLetter] = [
                read_row(dict(zip(names, row, strict=True)), line, self.mapping) for line, row in enumerate(rows, 1)
            ]
        if len(letters) > _MOST:
            raise QueueError(f"{self._where}: there are more than {_MOST:,} rows")
        return letters

    @property
    def _table(self) -> tuple[str | None, str]:
        schema, _, name = unquote(self.url.partition("#")[2]).rpartition(".")
        return schema or None, name

    def _columns(self, connection: Connection) -> tuple[list[str], list[str]]:
        """Return the columns of the table and those of its primary key."""
        from sqlalchemy import inspect

        inspector = inspect(connection)
        schema, name = self._table
        tables = [*inspector.get_table_names(schema), *inspector.get_view_names(schema)]
        if name not in tables:
            near = nearest(name, tables)
            hint = f"; did you mean {near}?" if near else ""
            found = f"there are {', '.join(sorted(tables)[:20])}" if tables else "there are no tables"
            raise QueueError(f"{self._where}: there is no table {name}{hint} ({found})")
        columns = [found["name"] for found in inspector.get_columns(name, schema)]
        check_columns(columns, self.mapping, self._where)
        keys = inspector.get_pk_constraint(name, schema)["constrained_columns"] or []
        return columns, [key for key in keys if key in columns]

    @contextmanager
    def _connection(self) -> Iterator[Connection]:
        engine = self._engine()
        from sqlalchemy.exc import SQLAlchemyError  # there, where there is an engine

        try:
            with engine.connect() as connection:
                yield connection
        except QueueError:
            raise
        except (SQLAlchemyError, OSError, ValueError, ArithmeticError) as error:
            raise QueueError(f"{self._where}: {self._told(error)}") from None
        finally:
            engine.dispose()

    def _engine(self) -> Engine:
        try:
            from sqlalchemy import create_engine, make_url
            from sqlalchemy.exc import ArgumentError, NoSuchModuleError
            from sqlalchemy.pool import NullPool
        except ImportError:
            raise QueueError(f"{self._where}: reading a table needs SQLAlchemy; pip install 'sfmock[sql]'") from None
        if not self._table[1]:
            raise QueueError(f"{self._where}: this names no table; write it behind a #, as in {FORM}")
        try:
            url = make_url(self.url.partition("#")[0])
            if url.drivername == "postgres":
                url = url.set(drivername="postgresql")
            self._check_file(url)
            engine = create_engine(url, poolclass=NullPool, connect_args=_TIMEOUTS.get(url.get_backend_name(), {}))
        except ModuleNotFoundError as error:
            raise QueueError(f"{self._where}: the driver {error.name} is not installed; pip install it") from None
        except NoSuchModuleError:
            raise QueueError(f"{self._where}: SQLAlchemy knows no such database; give {FORM}") from None
        except (ArgumentError, ValueError, TypeError) as error:
            if isinstance(error, QueueError):
                raise
            raise QueueError(f"{self._where}: this is no SQLAlchemy URL ({self._told(error)}); give {FORM}") from None
        if engine.dialect.is_async:
            raise QueueError(f"{self._where}: give the URL of a driver that is not asynchronous")
        if url.get_backend_name() == "sqlite":
            _read_any_text(engine)
        return engine

    def _check_file(self, url: URL) -> None:
        """Refuse a SQLite file that is not there: opening it would make an empty one."""
        if url.get_backend_name() != "sqlite":
            return
        if not url.database or url.database == ":memory:":
            raise QueueError(f"{self._where}: a database in the memory of another process cannot be read; give {FORM}")
        if url.database.startswith("file:"):
            return
        if not Path(url.database).is_file():
            raise QueueError(f"{self._where}: there is no file {url.database}")

    def _told(self, error: Exception) -> str:
        """Return what a database says in one line, without the password."""
        said = " ".join(str(getattr(error, "orig", None) or error).split())
        password = password_of(self.url)
        return (said.replace(password, "***") if password else said)[:500]


def _read_any_text(engine: Engine) -> None:
    """Read text that is not UTF-8, where SQLite would refuse the whole row."""
    from sqlalchemy import event

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _: Any) -> None:
        connection.text_factory = lambda data: data.decode("utf-8", "replace")
