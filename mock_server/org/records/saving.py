"""The write itself: rows into tables, changes into the commit log, deleted records and their children into the bin."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from mock_server.org.clock import stamp
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.plans import plan_of
from mock_server.org.records.rows import Row
from mock_server.org.records.store import Store, quoted
from mock_server.org.rollups.counting import Recount
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject


class AutoNumbers:
    """The counters behind auto number fields."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.used: dict[str, int] = {}

    def next(self, sobject: SObject, numbered: Field) -> str:
        """Return the next number of a field, in its display format."""
        key = f"{sobject.name}.{numbered.name}"
        if key not in self.used:
            # In an org kept in a file, every stored record has had its number.
            self.used[key] = self._store.count(sobject, deleted=True)
        number = self.used[key] = self.used[key] + 1
        display = numbered.display_format or "{00000000}"
        head, _, rest = display.partition("{")
        digits, _, tail = rest.partition("}")
        return f"{head}{number:0{len(digits)}d}{tail}"


class Saving:
    """Writes the rows of one transaction and their commits."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        log: CommitLog,
        numbers: AutoNumbers,
        recount: Recount,
        *,
        user_id: str,
        moment: float,
        exchange: int,
    ) -> None:
        self._schema = schema
        self._store = store
        self._log = log
        self._numbers = numbers
        self._recount = recount
        self._user = user_id
        self._moment = moment
        self._stamp = stamp(moment)
        self._exchange = exchange

    def _commit(
        self,
        verb: Literal["create", "update", "delete"],
        sobject: str,
        columns: tuple[str, ...],
        ids: list[str],
        rows: list[tuple[Any, ...]],
    ) -> None:
        self._log.append(verb, sobject, self._moment, self._exchange, columns, ids, rows)

    def groups(self, groups: Mapping[tuple[str, str], list[Row]]) -> None:
        """Write rows grouped by what is to be done and to which object."""
        for (verb, _), rows in groups.items():
            if verb == "create":
                self.insert(rows)
            elif verb == "update":
                self.update(rows)
            else:
                self.delete(rows[0].sobject, [row.id for row in rows if row.id])

    def insert(self, rows: list[Row]) -> None:
        plan = rows[0].plan
        name = plan.sobject.name
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            for numbered in plan.auto_numbers:
                row.values[numbered.name] = self._numbers.next(plan.sobject, numbered)
            groups.setdefault(tuple(row.values), []).append(row)
        tail = [*[self._stamp] * len(plan.created), *[self._user] * len(plan.created_by)]
        for columns, same in groups.items():
            statement = plan.insert(columns)
            made = [statement.shadow((*row.values.values(), row.id, *tail)) for row in same]
            self._commit("create", name, statement.columns, [str(row.id) for row in same], made)
            self._store.execute_many(statement.sql, made)
        self._recount.created(plan.sobject, rows)

    def update(self, rows: list[Row]) -> None:
        plan = rows[0].plan
        name = plan.sobject.name
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row.values), []).append(row)
        tail = [*[self._stamp] * len(plan.modified), *[self._user] * len(plan.modified_by)]
        for columns, same in groups.items():
            statement = plan.update(columns)
            made = [(*statement.shadow((*row.values.values(), *tail)), row.id) for row in same]
            ids = [str(row.id) for row in same]
            self._commit("update", name, statement.columns, ids, made)
            # A detail that changes its master concerns both.
            self._recount.touch(plan.sobject, ids, columns)
            self._store.execute_many(statement.sql, made)
            self._recount.touch(plan.sobject, ids, columns)

    def delete(self, sobject: SObject, ids: list[str]) -> None:
        """Move records, and the children that go with them, to the recycle bin."""
        self._recount.touch(sobject, ids)
        plan = plan_of(sobject)
        columns = ("IsDeleted", *plan.modified, *plan.modified_by)
        tail = [*[self._stamp] * len(plan.modified), *[self._user] * len(plan.modified_by)]
        pairs = ", ".join(f"{quoted(column)}=?" for column in columns)
        sql = f'UPDATE {quoted(sobject.name)} SET {pairs} WHERE "Id"=?'  # noqa: S608
        self._store.execute_many(sql, [[1, *tail, identifier] for identifier in ids])
        self._commit("delete", sobject.name, columns, ids, [(1, *tail)] * len(ids))
        for relationship in sobject.children:
            child = self._schema.get(relationship.child) if relationship.cascade_delete else None
            if child is None or not self._store.exists(child) or relationship.field not in child.by_name:
                continue
            found = self._store.lookup(child, relationship.field, ids, "Id", "IsDeleted")
            gone = [identifier for identifier, deleted in found if not deleted]
            if gone:
                self.delete(child, gone)
