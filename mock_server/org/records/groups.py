"""Groups of rows that do the same to the same fields, kept as columns: their commits, and the write itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from typing import Any

from mock_server.org.clock import stamp
from mock_server.org.records.changes import CHUNK, Committed
from mock_server.org.records.columns import Values, folded
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.plans import WritePlan
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column
from mock_server.org.schema.types import Field, fold

_SIZES = (1_600, 800, 400, 200, 100, 10, 1)
"""Rows of one INSERT: few sizes, for SQLite compiles each of them."""
_VARIABLES = 30_000
"""Values of a statement: a little less than SQLite takes."""


@dataclass(frozen=True, slots=True)
class Same:
    """A column that has one value in all rows."""

    value: Any


class Spread(Sequence[tuple[Any, ...]]):
    """Some of the rows that are kept as columns, made when somebody reads them."""

    def __init__(self, columns: Sequence[Values | Same], part: slice) -> None:
        self._columns = columns
        self._part = part
        self._count: int = part.stop - part.start

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]

    def __iter__(self) -> Iterator[tuple[Any, ...]]:
        return zip(
            *(repeat(one.value, self._count) if isinstance(one, Same) else one[self._part] for one in self._columns),
            strict=False,
        )


@dataclass(slots=True)
class Group:
    """Rows of a block that do the same to the same fields. `columns` are their values by field, in the rows' order."""

    creates: bool
    places: Sequence[int]
    columns: dict[str, Values | Same]
    ids: list[str] = field(default_factory=list)
    logged: int = 0
    before: list[tuple[Any, ...]] | None = None
    """What the columns that it writes held until then, where somebody wants to know; rows may be longer than that."""


def note(
    log: CommitLog, plan: WritePlan, groups: list[Group], count: int, moment: float, user_id: str, exchange: int
) -> None:
    """Note the commits, chunk by chunk: what a chunk does to the same fields is one entry, as it is for rows."""
    told = [_told(plan, group, stamp(moment), user_id) for group in groups]
    by_place = [0] * (count if len(groups) > 1 else 0)
    for number, group in enumerate(groups[1:], 1):
        for place in group.places:
            by_place[place] = number
    for start in range(0, count, CHUNK):
        log.transactions += 1
        # By group: how many rows of the chunk are its.
        shares = Counter(by_place[start : start + CHUNK]) if by_place else {0: min(CHUNK, count - start)}
        first = groups[next(iter(shares))].creates
        for number in sorted(shares, key=lambda one: groups[one].creates != first):
            group, (names, columns) = groups[number], told[number]
            part = slice(group.logged, group.logged + shares[number])
            group.logged = part.stop
            rows = Spread(columns, part)
            verb: Committed = "create" if group.creates else "update"
            before = None if group.before is None else group.before[part]
            log.append(verb, plan.sobject.name, moment, exchange, names, group.ids[part], rows, user_id, before)


def remember(
    plan: WritePlan,
    groups: list[Group],
    user_id: str,
    columns: tuple[str, ...],
    held: Mapping[str, tuple[Any, ...]],
) -> None:
    """Note what the records that groups change hold until then.

    `held` are their rows by id, as they were read before: they begin with some columns, those of the groups among them.
    """
    for group in groups:
        if group.creates:
            continue
        group.before = list(map(held.__getitem__, group.ids))
        names, _ = _told(plan, group, "", user_id)
        if names != columns:
            # One more than there are names: of a single place this would make no tuple.
            group.before = list(map(itemgetter(*map(columns.index, names), -1), group.before))


def _told(plan: WritePlan, group: Group, at: str, user_id: str) -> tuple[tuple[str, ...], list[Values | Same]]:
    """Return the columns that a group writes, the system's own among them: their names and values."""
    names = tuple(group.columns)
    columns = list(group.columns.values())
    if group.creates:
        tail = [Same(at)] * len(plan.created) + [Same(user_id)] * len(plan.created_by)
        return (*names, "Id", *plan.created, *plan.created_by), [*columns, group.ids, *tail]
    tail = [Same(at)] * len(plan.modified) + [Same(user_id)] * len(plan.modified_by)
    return (*names, *plan.modified, *plan.modified_by), [*columns, *tail]


def write(store: Store, plan: WritePlan, group: Group, at: str, user_id: str, key: Field | None) -> None:
    """Insert the records of a group, or change them, in few statements. `key` is what an upsert found them by."""
    columns = dict(zip(*_told(plan, group, at, user_id), strict=True))
    shadows = {fold_column(name): _shadow(column) for name, column in columns.items() if plan.folds(name)}
    if not group.creates:
        columns["Id"] = group.ids
        if key is not None:
            # It was found by its key: what that is compared by does not change, and its index stays as it is.
            (shadows if key.folded else columns).pop(fold_column(key.name) if key.folded else key.name)
    columns |= shadows
    shared = {name: column.value for name, column in columns.items() if isinstance(column, Same)}
    own = {name: column for name, column in columns.items() if not isinstance(column, Same)}
    width, start, count = len(own), 0, len(group.ids)
    for size in _SIZES:
        if width * size > _VARIABLES:
            continue
        end = start + (count - start) // size * size
        parts = [[*shared.values(), *_row_by_row(own, at, size)] for at in range(start, end, size)]
        if parts:
            sql = plan.insert_many(tuple(shared), tuple(own), size, not group.creates)
            store.execute_many(sql, parts, end - start)
        start = end


def _row_by_row(columns: Mapping[str, Values], start: int, count: int) -> Values:
    """Return the values of some rows, one row after the other."""
    values: Values = [None] * (count * len(columns))
    for place, column in enumerate(columns.values()):
        values[place :: len(columns)] = column[start : start + count]
    return values


def merged(groups: list[Group]) -> list[Group]:
    """Return the groups of which no two write the same fields: what one says may be what another starts with."""
    alike: dict[tuple[bool, tuple[str, ...]], list[Group]] = {}
    for group in groups:
        alike.setdefault((group.creates, tuple(group.columns)), []).append(group)
    return [same[0] if len(same) == 1 else _together(same) for same in alike.values()]


def _together(groups: list[Group]) -> Group:
    order = sorted((place, number, at) for number, group in enumerate(groups) for at, place in enumerate(group.places))

    def joined(columns: list[Values | Same]) -> Values:
        return [column.value if isinstance(column := columns[number], Same) else column[at] for _, number, at in order]

    columns: dict[str, Values | Same] = {
        name: joined([group.columns[name] for group in groups]) for name in groups[0].columns
    }
    ids = joined([group.ids for group in groups])
    return Group(groups[0].creates, [place for place, *_ in order], columns, ids)


def _shadow(column: Values | Same) -> Values | Same:
    """Return the folded forms of a column."""
    if isinstance(column, Same):
        return Same(None if column.value is None else fold(column.value))
    return folded(column)
