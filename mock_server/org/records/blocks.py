"""Rows that are saved column by column: those of a table of whose object nothing asks row by row.

The steps of the pipeline are the same, each taken once for all rows: found by key, read, related, given what new
records start with, numbered, compared, written. Whatever is out of the ordinary - a cell that cannot be read, a value
that is missing, a reference that leads nowhere, a key that comes twice - raises `Unusual` before anything is done: then
the rows go the way of rows, on which their errors are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple

from mock_server.org.clock import Clock, stamp
from mock_server.org.ids import IdSource, to_15, to_18
from mock_server.org.records.changes import RowResult
from mock_server.org.records.columns import Unusual, Values, folded, reading
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.groups import Group, Same, merged, note, remember, write
from mock_server.org.records.headers import Column, Header
from mock_server.org.records.parents import parent_key
from mock_server.org.records.plans import Slot, WritePlan, plan_of
from mock_server.org.records.referring import living
from mock_server.org.records.saving import AutoNumbers
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column
from mock_server.org.records.text import NULL
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject

BLOCK = 2_000
"""Rows of one look, at most: more cost no less."""
_result = partial(tuple.__new__, RowResult)


@dataclass(frozen=True, slots=True)
class _Last:
    """The records that the last block made, by their key. `mark` is how far the commit log was then."""

    sobject: str
    key: str
    mark: tuple[int, int]
    ids: dict[Any, str]


class Key(NamedTuple):
    """The key of an upsert, and what the rows say of it: as it is stored, and as it is compared."""

    field: Field
    values: Values
    compared: Values


class Source:
    """One column of a table as the source of a field."""

    def __init__(self, place: int, column: Column, slot: Slot, target: SObject | None, key: Slot | None) -> None:
        self.place = place
        self.column = column
        self.field = column.field
        self.slot = slot
        self.target = target
        """The object of the parent that the cells name by a key."""
        self.read = reading(column, (key or slot).coerce)


class Blocks:
    """Saves blocks of one org's rows."""

    def __init__(
        self, schema: Schema, store: Store, ids: IdSource, clock: Clock, log: CommitLog, numbers: AutoNumbers
    ) -> None:
        self._schema = schema
        self._store = store
        self._ids = ids
        self._clock = clock
        self._log = log
        self._numbers = numbers
        self._last: _Last | None = None

    def sources(self, plan: WritePlan, header: Header) -> list[Source]:
        """Return where each field's values come from. Raises Unusual for columns that rows are asked about."""
        found: list[Source] = []
        for place, column in header.valued():
            slot = plan.slot(column.field.name)
            if slot is None:
                raise Unusual
            target, key = None, None
            if column.relationship is not None:
                target = column.target
                named = None if target is None else parent_key(target, str(column.key), None)
                # Which leads may be referred to is asked one by one.
                if target is None or named is None or target.name == "Lead":
                    raise Unusual
                key = plan_of(target).slot(named.name)
            found.append(Source(place, column, slot, target, key))
        if len({one.field.name for one in found}) < len(found):
            raise Unusual
        return found

    def save(
        self,
        plan: WritePlan,
        header: Header,
        sources: list[Source],
        verb: str,
        constants: dict[str, Any],
        user_id: str,
        rows: Sequence[Sequence[str]],
        exchange: int,
    ) -> list[RowResult]:
        """Save rows, and note their commits in chunks as rows do. Raises Unusual with nothing done.

        `constants` are what new records start with where their rows do not say otherwise.
        """
        cells = list(zip(*rows, strict=True))
        if not cells:
            raise Unusual
        watched = plan.sobject.name in self._log.watched
        # What they hold until then is read along with them.
        columns = self._written(plan, header, sources) if watched else ()
        creates, ids, key, held = self._found(plan, header, verb, cells, len(rows), columns)
        if plan.sobject.name == "Lead" and not all(creates):
            # Converted ones are not changed.
            raise Unusual
        groups = self._grouped(sources, cells, creates, len(rows))
        for group in groups:
            self._read(plan, sources, cells, group, key)
        self._compare(plan, groups, ids, key)
        if any(group.creates for group in groups):
            new = self._ids.take_many(plan.sobject.key_prefix or "000", creates.count(True))
            if len(new) < len(ids):
                unused = iter(new)
                new = [next(unused) if made else known for made, known in zip(creates, ids, strict=True)]
            ids = new
        moment = self._clock.now()
        for group in groups:
            group.ids = ids if len(group.places) == len(ids) else [ids[place] for place in group.places]
        self._complete(plan, groups, creates, constants, moment)
        groups = merged(groups)
        if watched:
            remember(plan, groups, user_id, columns, held)
        note(self._log, plan, groups, len(ids), moment, user_id, exchange)
        for group in groups:
            write(self._store, plan, group, stamp(moment), user_id, None if key is None else key.field)
        self._remember(plan, ids, key)
        return list(map(_result, zip(ids, repeat(True), creates, repeat(()), repeat(None), strict=False)))

    # -- which records

    @staticmethod
    def _written(plan: WritePlan, header: Header, sources: list[Source]) -> tuple[str, ...]:
        """Return the columns that an update of whole rows writes, in the order in which groups have them."""
        key = () if header.key_place is None else (header.columns[header.key_place],)
        names = (one.field.name for one in (*key, *sources) if one is not None)
        return *names, *plan.modified, *plan.modified_by

    def _found(
        self,
        plan: WritePlan,
        header: Header,
        verb: str,
        cells: list[tuple[str, ...]],
        count: int,
        columns: tuple[str, ...],
    ) -> tuple[list[bool], list[str], Key | None, dict[str, tuple[Any, ...]]]:
        """Return which rows create, the ids of those that do not, and the key of an upsert with its values.

        At last, where some columns are asked for, the rows of the records that are there, by id: they begin with what
        those columns hold.
        """
        if verb == "create":
            return [True] * count, [""] * count, None, {}
        if header.key_place is not None:
            return self._by_key(plan, header, cells[header.key_place], columns)
        assert header.id_place is not None
        given = cells[header.id_place]
        if verb == "update" and "" in given:
            raise Unusual
        creates = [not one for one in given]
        known = [to_18(one) if one else "" for one in given]
        wanted = [one for one in known if one]
        if None in known or len(set(wanted)) < len(wanted):
            raise Unusual
        held = {row[-2]: row for row in self._store.lookup(plan.sobject, "Id", wanted, *columns, "Id", "IsDeleted")}
        if len(held) < len(wanted) or any(row[-1] for row in held.values()):
            raise Unusual
        return creates, [one or "" for one in known], None, held

    def _by_key(
        self, plan: WritePlan, header: Header, given: tuple[str, ...], columns: tuple[str, ...]
    ) -> tuple[list[bool], list[str], Key, dict[str, tuple[Any, ...]]]:
        column = header.columns[header.key_place or 0]
        assert column is not None
        key = column.field
        slot = plan.slot(key.name)
        if slot is None or not (key.external_id or key.id_lookup) or "" in given:
            raise Unusual
        values = reading(column, slot.coerce)(given)
        if None in values:
            raise Unusual
        wanted = folded(values) if key.folded else values
        if len(set(wanted)) < len(wanted):
            raise Unusual
        rows = list(self._living(plan.sobject, key, wanted, columns))
        if not rows:
            return [True] * len(wanted), [""] * len(wanted), Key(key, values, wanted), {}
        found = {row[-1]: row[-2] for row in rows}
        if len(found) < len(rows):
            raise Unusual
        ids = [found.get(value, "") for value in wanted]
        held = {row[-2]: row for row in rows} if columns else {}
        return [not one for one in ids], ids, Key(key, values, wanted), held

    def _living(
        self, sobject: SObject, key: Field, wanted: Values, columns: tuple[str, ...] = ()
    ) -> Iterator[tuple[Any, ...]]:
        """Yield what some columns hold, id and value of the records that have one of some values.

        A value is in the form in which it is compared.
        """
        last = self._last
        through = None
        if last is not None and (last.sobject, last.key, last.mark) == (sobject.name, key.name, self._log.mark):
            # Nothing was written since the last block, which may still be on its way: what it made is known.
            through = self._store.beside
        if last is not None and through is not None and not last.ids.keys().isdisjoint(wanted):
            if columns:
                # What those records hold has to be read, once they are there.
                through = None
            else:
                yield from ((last.ids[value], value) for value in wanted if value in last.ids)
                wanted = [value for value in wanted if value not in last.ids]
        column = fold_column(key.name) if key.folded else key.name
        if not wanted or not self._store.any_between(sobject, column, min(wanted), max(wanted), through=through):
            return
        found = self._store.lookup(sobject, column, wanted, *columns, "IsDeleted", "Id", column, through=through)
        yield from (row for row in found if not row[-3])

    def _remember(self, plan: WritePlan, ids: list[str], key: Key | None) -> None:
        """Know the records of a block until something else is written, for those who look for the same key."""
        self._last = None
        if key is not None and all(unique.name == key.field.name for unique in plan.unique):
            by_key = dict(zip(key.compared, ids, strict=True))
            self._last = _Last(plan.sobject.name, key.field.name, self._log.mark, by_key)

    # -- what they say

    @staticmethod
    def _grouped(sources: list[Source], cells: list[tuple[str, ...]], creates: list[bool], count: int) -> list[Group]:
        """Part the rows by what they do and which fields they say something of."""
        sparse = [source.place for source in sources if "" in cells[source.place]]
        if not sparse and (not any(creates) or all(creates)):
            return [Group(creates[0], range(count), {})]
        kinds = zip(creates, *(map(bool, cells[place]) for place in sparse), strict=True)
        by_kind: dict[tuple[bool, ...], list[int]] = {}
        for place, kind in enumerate(kinds):
            by_kind.setdefault(kind, []).append(place)
        return [Group(kind[0], places, {}) for kind, places in by_kind.items()]

    def _read(
        self,
        plan: WritePlan,
        sources: list[Source],
        cells: list[tuple[str, ...]],
        group: Group,
        key: Key | None,
    ) -> None:
        """Read the cells of a group. Raises Unusual for what a row would be refused for."""
        whole = len(group.places) == len(cells[0])
        if key is not None:
            group.columns[key.field.name] = key.values if whole else [key.values[place] for place in group.places]
        for source in sources:
            column = cells[source.place]
            given = column if whole else [column[place] for place in group.places]
            if not given[0]:
                # The rows of a group all say something of a field, or none does.
                continue
            slot, name = source.slot, source.slot.field.name
            if not (slot.createable if group.creates else slot.updateable):
                raise Unusual
            values = source.read(given)
            if source.target is not None:
                values = self._parents(source, given, values)
            if (name in plan.not_null or name == "OwnerId") and None in values:
                raise Unusual
            if name in plan.related:
                self._refer(plan.related[name], values)
            group.columns[name] = values
        if group.creates and not all(one.name in group.columns for one in plan.required):
            raise Unusual

    def _parents(self, source: Source, given: Sequence[str], values: Values) -> Values:
        """Return the ids of parents that are named by a key. Raises Unusual where one is not there, or several are."""
        target, key = source.target, source.column.key_field
        assert target is not None
        assert key is not None
        if any(value is None and cell != NULL for value, cell in zip(values, given, strict=True)):
            raise Unusual
        self._store.ready(target)
        named = folded(values) if key.folded else values
        wanted = {value for value in named if value is not None}
        column = fold_column(key.name) if key.folded else key.name
        found = [
            (value, identifier)
            for value, identifier, deleted in self._store.lookup(
                target, column, list(wanted), column, "Id", "IsDeleted"
            )
            if not deleted
        ]
        by_key = dict(found)
        if len(by_key) < len(wanted) or len(found) > len(by_key):
            raise Unusual
        return [None if value is None else by_key[value] for value in named]

    def _refer(self, reference: Field, values: Values) -> None:
        """Raise Unusual where a reference leads to another kind of record, or to none."""
        by_prefix: dict[str, list[str]] = {}
        for identifier in set(values):
            if identifier is not None:
                by_prefix.setdefault(identifier[:3], []).append(identifier)
        for prefix, ids in by_prefix.items():
            target, live = living(self._schema, self._store, prefix, ids)
            wrong = target is None or (reference.reference_to and target.name not in reference.reference_to)
            if wrong or len(live) < len(ids) or (target is not None and target.name == "Lead"):
                raise Unusual

    def _compare(self, plan: WritePlan, groups: list[Group], ids: list[str], key: Key | None) -> None:
        """Raise Unusual where a value of a unique field is another record's, or comes twice."""
        for unique in plan.unique:
            if key is not None and key.field.name == unique.name:
                # By it the rows were found, or not found.
                continue
            claims: dict[Any, str] = {}
            count = 0
            for group in groups:
                values = group.columns.get(unique.name, [])
                assert not isinstance(values, Same)
                for place, value in zip(group.places, folded(values) if unique.folded else values, strict=False):
                    if value is not None:
                        claims[value] = ids[place]
                        count += 1
            if len(claims) < count:
                raise Unusual
            if any(claims[row[-1]] != row[-2] for row in self._living(plan.sobject, unique, list(claims))):
                raise Unusual

    # -- what the platform adds

    def _complete(
        self, plan: WritePlan, groups: list[Group], creates: list[bool], constants: dict[str, Any], moment: float
    ) -> None:
        """Give new records what their rows leave out, and their numbers."""
        made = [group for group in groups if group.creates]
        if not made:
            return
        for group in made:
            for name, value in constants.items():
                group.columns.setdefault(name, Same(value))
        for numbered in plan.auto_numbers:
            numbers = iter(self._numbers.take(plan.sobject, numbered, creates.count(True), moment))
            by_place = [next(numbers) if new else "" for new in creates]
            for group in made:
                group.columns[numbered.name] = [by_place[place] for place in group.places]
        for group in made if plan.named_by_id else ():
            names = group.columns.get("Name", Same(None))
            given = repeat(names.value) if isinstance(names, Same) else names
            group.columns["Name"] = [name or to_15(one) for name, one in zip(given, group.ids, strict=False)]
