"""The write itself: rows into tables, changes into the commit log, deleted records into the bin and out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mock_server.org.clock import stamp
from mock_server.org.ids import to_15
from mock_server.org.records.changes import Committed
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.numbering import displayed
from mock_server.org.records.outbox import Outbox
from mock_server.org.records.plans import plan_of, update_sql
from mock_server.org.records.recycling import Link, RecycleBin
from mock_server.org.records.rows import Row, Wake
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.rollups.counting import Recount
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject


class AutoNumbers:
    """The counters behind auto number fields."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._used: dict[str, int] = {}

    def forget(self) -> None:
        """Ask the store again, whose records are others now."""
        self._used.clear()

    def take(self, sobject: SObject, numbered: Field, count: int, moment: float) -> list[str]:
        """Return the next numbers of a field, in its display format. None is ever given twice."""
        key = f"{sobject.name}.{numbered.name}"
        used = self._used.get(key)
        if used is None:
            kept = self._store.number(key)
            # Records that were there before the field have no number; they count all the same.
            before = numbered.first_number - 1
            used = before + self._store.count(sobject, deleted=True) if kept is None else kept
        self._used[key] = used + count
        self._store.keep_number(key, used + count)
        return [displayed(numbered.display_format, number, moment) for number in range(used + 1, used + count + 1)]


class Saving:
    """Writes the rows of one transaction and their commits."""

    def __init__(
        self,
        schema: Schema,
        store: Store,
        log: CommitLog,
        numbers: AutoNumbers,
        recount: Recount,
        bin: RecycleBin,
        outbox: Outbox,
        *,
        user_id: str,
        moment: float,
        exchange: int,
        hooked: bool,
    ) -> None:
        self._schema = schema
        self._store = store
        self._log = log
        self._numbers = numbers
        self._recount = recount
        self._bin = bin
        self._outbox = outbox
        self._user = user_id
        self.moment = moment
        self._stamp = stamp(moment)
        self._exchange = exchange
        self._hooked = hooked
        """Whether hooks may have changed records since the rows were resolved."""

    def _commit(
        self,
        verb: Committed,
        sobject: str,
        columns: tuple[str, ...],
        ids: list[str],
        rows: list[tuple[Any, ...]],
        before: list[tuple[Any, ...]] | None = None,
    ) -> None:
        self._log.append(verb, sobject, self.moment, self._exchange, columns, ids, rows, self._user, before)

    def _before(
        self, sobject: SObject, ids: list[str], columns: tuple[str, ...], rows: Sequence[Row] = ()
    ) -> list[tuple[Any, ...]] | None:
        """Return what some columns hold before the write, row by row, where somebody wants to know."""
        if sobject.name not in self._log.watched:
            return None
        if not self._hooked:
            # Mostly it was read when the rows were resolved.
            known = [row.held[1] for row in rows if row.held is not None and row.held[0] == columns]
            if len(known) == len(ids):
                return known
        held = {row[-1]: row for row in self._store.lookup(sobject, "Id", ids, *columns, "Id")}
        return [held[identifier] for identifier in ids]

    def groups(self, groups: Mapping[tuple[str, str], list[Row]]) -> None:
        """Write rows grouped by what is to be done and to which object."""
        for (verb, _), rows in groups.items():
            if verb == "create":
                self.insert(rows)
            elif verb == "update":
                self.update(rows)
            elif verb == "erase":
                self._bin.erase([str(row.id) for row in rows])
            elif verb == "undelete":
                self.undelete(rows)
            else:
                self.delete(rows)

    def insert(self, rows: list[Row]) -> None:
        plan = rows[0].plan
        name = plan.sobject.name
        if plan.publishes:
            self.publish(rows)
            return
        groups: dict[tuple[str, ...], list[Row]] = {}
        for numbered in plan.auto_numbers:
            numbers = self._numbers.take(plan.sobject, numbered, len(rows), self.moment)
            for row, number in zip(rows, numbers, strict=True):
                row.values[numbered.name] = number
        for row in rows:
            if plan.named_by_id and row.values.get("Name") is None:
                row.values["Name"] = to_15(str(row.id))
            groups.setdefault(tuple(row.values), []).append(row)
        tail = [*[self._stamp] * len(plan.created), *[self._user] * len(plan.created_by)]
        for columns, same in groups.items():
            statement = plan.insert(columns)
            made = statement.shadow(
                [(*row.values.values(), row.id, *(tail if row.audit is None else _audit(row, tail))) for row in same]
            )
            self._commit("create", name, statement.columns, [str(row.id) for row in same], made)
            self._store.execute_many(statement.sql, made)
        self._recount.created(plan.sobject, rows)

    def publish(self, rows: list[Row]) -> None:
        """Give platform events to the bus, once the transaction says so: they are no records."""
        for row in rows:
            self._outbox.publish(row.sobject, row.change, row.values, self._user, self._exchange)

    def update(self, rows: list[Row]) -> None:
        plan = rows[0].plan
        name = plan.sobject.name
        groups: dict[tuple[str, ...], list[Row]] = {}
        for row in rows:
            groups.setdefault(tuple(row.values), []).append(row)
        tail = [*[self._stamp] * len(plan.modified), *[self._user] * len(plan.modified_by)]
        for columns, same in groups.items():
            statement = plan.update(columns)
            ids = [str(row.id) for row in same]
            shadowed = statement.shadow([(*row.values.values(), *tail) for row in same])
            made = [(*row, identifier) for row, identifier in zip(shadowed, ids, strict=True)]
            before = self._before(plan.sobject, ids, statement.columns, same)
            self._commit("update", name, statement.columns, ids, made, before)
            # A detail that changes its master concerns both.
            self._recount.touch(plan.sobject, ids, columns)
            self._store.execute_many(statement.sql, made)
            self._recount.touch(plan.sobject, ids, columns)

    def delete(self, rows: list[Row]) -> None:
        """Move records, and what goes with them, to the recycle bin, or past it."""
        going: dict[str, dict[str, str]] = {}
        for row in rows:
            going.setdefault(row.sobject.name, {})[str(row.id)] = str(row.id)
        past = [str(row.id) for row in rows if row.change.verb == "hard_delete"]
        cut: list[Link] = []
        for row in rows:
            wake = _wake(row)
            for name, ids in wake.along.items():
                going.setdefault(name, {}).update((identifier, str(row.id)) for identifier in ids)
            past += wake.doomed
            if row.change.into is None and row.change.verb != "hard_delete":
                cut += [
                    Link(str(row.id), name, identifier, field)
                    for (name, field), changes in wake.links.items()
                    for identifier in changes
                ]
        merged = {str(row.id): row.change.into for row in rows if row.change.into is not None}
        for name, roots in going.items():
            self._mark("delete", self._object(name), list(roots), 1, merged)
            self._bin.put(name, list(roots), list(roots.values()))
        self._bin.cut(cut)
        for row in rows:
            self._relink(row)
        if past:
            self._bin.erase(past)
        self._bin.make_room()

    def undelete(self, rows: list[Row]) -> None:
        """Bring records back from the recycle bin, with what went with them and can be without what did not."""
        coming: dict[str, list[str]] = {}
        for row in rows:
            coming.setdefault(row.sobject.name, []).append(str(row.id))
        lost: list[Link] = []
        for row in rows:
            wake = _wake(row)
            for name, ids in wake.along.items():
                coming.setdefault(name, []).extend(ids)
            self._bin.part(wake.left)
            lost += wake.lost
        for name, ids in coming.items():
            self._mark("undelete", self._object(name), ids, 0, {})
            self._bin.take(ids)
            self._bin.mended(ids)
        # Where the target has left the bin, nothing will bring the reference back.
        there = self._bin.find([link.parent for link in lost])
        self._bin.cut(link for link in lost if link.parent in there)
        for row in rows:
            self._relink(row)

    def _mark(
        self, verb: Committed, sobject: SObject, ids: list[str], deleted: int, merged: Mapping[str, str | None]
    ) -> None:
        """Set the mark of deletion on records, and say so in the commit log."""
        plan = plan_of(sobject)
        also = ("MasterRecordId",) if "MasterRecordId" in sobject.by_name else ()
        columns = ("IsDeleted", *also, *plan.modified, *plan.modified_by)
        tail = [*[self._stamp] * len(plan.modified), *[self._user] * len(plan.modified_by)]
        pairs = ", ".join(f"{quoted(column)}=?" for column in columns)
        sql = f'UPDATE {quoted(sobject.name)} SET {pairs} WHERE "Id"=?'  # noqa: S608
        self._recount.touch(sobject, ids)
        if verb == "undelete":
            self._recount.masters(sobject, ids)
        made = [(deleted, *([merged.get(identifier)] if also else []), *tail) for identifier in ids]
        self._store.execute_many(sql, [(*row, identifier) for row, identifier in zip(made, ids, strict=True)])
        self._commit(verb, sobject.name, columns, ids, made)

    def _relink(self, row: Row) -> None:
        """Change the references of a row's wake.

        No user edits those records: only SystemModstamp moves, by which getUpdated() tells replicating clients. Records
        in the bin change without a word.
        """
        for (name, field), changes in _wake(row).links.items():
            sobject = self._object(name)
            stamped = ("SystemModstamp",) if "SystemModstamp" in sobject.by_name else ()
            columns = (field, *stamped)
            binned = {
                one for one, deleted in self._store.lookup(sobject, "Id", list(changes), "Id", "IsDeleted") if deleted
            }
            seen = {identifier: value for identifier, value in changes.items() if identifier not in binned}
            self._recount.touch(sobject, list(changes), columns)
            if seen:
                made = [(value, *[self._stamp] * len(stamped)) for value in seen.values()]
                before = self._before(sobject, list(seen), columns)
                self._store.execute_many(
                    update_sql(name, columns), [(*one, key) for one, key in zip(made, seen, strict=True)]
                )
                self._commit("update", name, columns, list(seen), made, before)
            rest = [(value, identifier) for identifier, value in changes.items() if identifier not in seen]
            self._store.execute_many(update_sql(name, (field,)), rest)
            self._recount.touch(sobject, list(changes), columns)

    def _object(self, name: str) -> SObject:
        found = self._schema.anywhere(name)
        assert found is not None
        return found


def _wake(row: Row) -> Wake:
    assert row.wake is not None
    return row.wake


def _audit(row: Row, tail: list[Any]) -> list[Any]:
    """Return the values of a new record's audit columns where its saver says some of them himself."""
    said = row.audit or {}
    columns = (*row.plan.created, *row.plan.created_by)
    return [said.get(column, value) for column, value in zip(columns, tail, strict=True)]
