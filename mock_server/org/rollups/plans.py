"""What roll-up summaries ask of the database, worked out once a schema: which detail feeds which master, and how."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mock_server.org.records.table_sql import quoted
from mock_server.org.rollups.conditions import Expression, FilterError, conditions, reading
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject


@dataclass(frozen=True, slots=True)
class Total:
    """One roll-up summary field: the aggregate behind it."""

    field: Field
    operation: str
    sql: str
    values: tuple[Any, ...]
    """What the `?` of the SQL stand for."""
    scale: int
    steady: bool
    """Whether a detail's own columns tell its share of the total, so that its siblings need not be read."""

    @property
    def keeps(self) -> bool:
        """Whether the field stays as it is where there are no details."""
        return self.operation == "kept"

    def shaped(self, value: Any) -> Any:
        """Return a total, as SQL gives it, in the field's stored form."""
        if value is None and self.operation in ("count", "sum"):
            value = 0.0
        if value is None or isinstance(value, str):
            return value
        if self.field.type in ("int", "boolean"):
            return int(value)
        # Adding 0.0 turns -0.0, which a sum may end in, into 0.0.
        return round(float(value), self.scale) + 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One master-detail relationship with roll-ups over it."""

    master: SObject
    detail: SObject
    reference: str
    totals: tuple[Total, ...]
    reads: frozenset[str]
    """The columns of the detail whose change may change a total."""
    always: bool
    """Whether any change of a detail may: a formula is summed up, or asked by a filter."""

    @property
    def steady(self) -> bool:
        return all(total.steady for total in self.totals)

    def touched_by(self, columns: frozenset[str] | set[str]) -> bool:
        return self.always or not self.reads.isdisjoint(columns)

    @property
    def values(self) -> list[Any]:
        return [value for total in self.totals for value in total.values]

    def of_masters(self, count: int) -> str:
        """Return the SQL that counts all details of masters anew: id, totals now, fresh totals."""
        return _sql(self, self.reference, count, "LEFT JOIN")

    def of_details(self, count: int) -> str:
        """Return the SQL that counts some details by master: id, totals now, the details' share of them."""
        return _sql(self, "Id", count, "JOIN")


def _sql(feed: Feed, column: str, count: int, join: str) -> str:
    marks = ",".join("?" * count)
    reference, detail, master = quoted(feed.reference), quoted(feed.detail.name), quoted(feed.master.name)
    aggregates = ", ".join(f"{total.sql} AS t{place}" for place, total in enumerate(feed.totals))
    inner = (
        f"SELECT {reference} AS master, {aggregates} FROM {detail} "  # noqa: S608
        f'WHERE {quoted(column)} IN ({marks}) AND "IsDeleted" = 0 AND {reference} IS NOT NULL GROUP BY {reference}'
    )
    now = ", ".join(f"m.{quoted(total.field.name)}" for total in feed.totals)
    fresh = ", ".join(f"d.t{place}" for place in range(len(feed.totals)))
    sql = f'SELECT m."Id", {now}, {fresh} FROM {master} m {join} ({inner}) d ON d.master = m."Id"'  # noqa: S608
    where = ' WHERE m."IsDeleted" = 0'
    if join == "LEFT JOIN":
        where += f' AND m."Id" IN ({marks})'
    return sql + where


def feeds(schema: Schema) -> dict[str, tuple[Feed, ...]]:
    """Return, by detail object, what its records feed. Roll-ups that cannot be counted are left out: see `check`."""
    by_relation: dict[tuple[str, str, str], list[Field]] = {}
    for master in list(schema.own().values()):
        for field in master.fields:
            if field.roll_up is None:
                continue
            detail = schema.get(field.roll_up.child)
            reference = detail.field(field.roll_up.reference) if detail else None
            if detail is not None and reference is not None:
                by_relation.setdefault((detail.name, reference.name, master.name), []).append(field)
    read = reading(schema)
    out: dict[str, list[Feed]] = {}
    for (child, reference_name, parent), fields in by_relation.items():
        found, owner = schema.get(child), schema.get(parent)
        assert found is not None
        assert owner is not None
        feed = _feed(owner, found, reference_name, fields, read)
        if feed is not None:
            out.setdefault(child, []).append(feed)
    return {name: tuple(many) for name, many in out.items()}


def _feed(master: SObject, detail: SObject, reference: str, fields: list[Field], read: Expression) -> Feed | None:
    totals: list[Total] = []
    sources: list[Field] = []
    for field in fields:
        roll_up = field.roll_up
        assert roll_up is not None
        source = detail.field(roll_up.field.rpartition(".")[2]) if roll_up.field else None
        if source is None and roll_up.operation != "count":
            continue
        try:
            where, values = conditions(detail, roll_up.filters, read)
            of_what = "*" if source is None or roll_up.operation == "count" else read(detail, source)
        except FilterError:
            continue
        used = [source] if source is not None else []
        used += [one for item in roll_up.filters if (one := detail.field(item.field.rpartition(".")[2]))]
        sources += used
        function = {"sum": "TOTAL", "count": "COUNT"}.get(roll_up.operation, roll_up.operation.upper())
        scale = 0 if roll_up.operation == "count" else field.scale
        if roll_up.operation != "count" and not field.precision and source is not None:
            scale = source.scale
        sql = f"{function}({of_what})" + (f" FILTER (WHERE {where})" if where != "1" else "")
        steady = all(one.stored for one in used)
        totals.append(Total(field, roll_up.operation, sql, tuple(values), scale, steady))
    if not totals:
        return None
    reads = frozenset({reference, *(one.name for one in sources)})
    return Feed(master, detail, reference, tuple(totals), reads, any(not one.stored for one in sources))


def upwards(edges: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Return each master's height over the given edges from details: 1 over plain details, 2 over masters of height 1.

    A cycle, which `check` refuses, ends at the number of masters.
    """
    below: dict[str, set[str]] = {}
    for detail, master in edges:
        below.setdefault(master, set()).add(detail)
    heights = dict.fromkeys(below, 1)
    for _ in below:
        for master, details in below.items():
            heights[master] = min(len(below), 1 + max(heights.get(detail, 0) for detail in details))
    return heights
