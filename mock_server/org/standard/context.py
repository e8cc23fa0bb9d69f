"""What rules of standard objects may ask while they compute: the time, statuses, and fields of other records."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mock_server.org.clock import stamp
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import fold
from mock_server.org.standard.reference import STATUSES


@dataclass
class Context:
    """The surroundings of one chunk's computations. Each status table is read once a chunk."""

    schema: Schema
    store: Store
    moment: float
    captured: Callable[[], frozenset[str]]
    """Tells the objects whose changes are captured by a declaration."""
    latest: Callable[[], int]
    """Tells the newest API version that the org serves."""
    _tables: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def now(self) -> str:
        return stamp(self.moment)

    @property
    def today(self) -> str:
        return self.now[:10]

    @cached_property
    def fiscal_start(self) -> int:
        """The month in which the org's fiscal year begins."""
        found = self.rows("Organization", "FiscalYearStartMonth")
        return int(found[0][0] or 1) if found else 1

    def rows(self, name: str, *columns: str) -> list[tuple[Any, ...]]:
        """Return columns of all live records of an object."""
        sobject = self.schema.get(name)
        assert sobject is not None
        self.store.ready(sobject)
        chosen = ", ".join(map(quoted, columns))
        sql = f'SELECT {chosen} FROM {quoted(name)} WHERE "IsDeleted" = 0'  # noqa: S608
        return self.store.connection.execute(sql).fetchall()

    def status(self, table: str, value: Any) -> dict[str, Any]:
        """Return what a stage or status means; a value that no row has means what a new value does."""
        known = self._tables.get(table)
        if known is None:
            columns = ("ApiName", *STATUSES[table].otherwise)
            found = self.rows(table, *columns)
            known = self._tables[table] = {fold(row[0]): dict(zip(columns, row, strict=True)) for row in found}
        return known.get(fold(str(value)), STATUSES[table].otherwise)

    def of(self, name: str, ids: Iterable[str | None], *columns: str) -> dict[str, dict[str, Any]]:
        """Return columns of records by id, deleted ones included."""
        wanted = sorted({identifier for identifier in ids if identifier})
        sobject = self.schema.get(name)
        if not wanted or sobject is None:
            return {}
        self.store.ready(sobject)
        found = self.store.lookup(sobject, "Id", wanted, "Id", *columns)
        return {row[0]: dict(zip(columns, row[1:], strict=True)) for row in found}
