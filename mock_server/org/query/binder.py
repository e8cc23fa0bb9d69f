"""From a syntax tree to one SQL statement a level, and the function that turns its rows into records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.context import failure
from mock_server.org.query.filters import Filters, source_name, unsupported
from mock_server.org.query.grammar import unexpected
from mock_server.org.query.rows import Build, Children, Compound, Leaf, Nested, compiled, compound_keys
from mock_server.org.query.scope import HINT, Bound, Moment, Parameter, Scope
from mock_server.org.query.syntax import Call, Path, Query
from mock_server.org.records.store import quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import COMPOUND_TYPES, TEXT_TYPES, Field, SObject

MOST_OFFSET = 2000
MOST_SUBQUERIES = 20
MOST_OF_FIELDS = 200


PARENTS = object()
"""Stands among a child query's parameters for the ids of the parents of the page."""


@dataclass(frozen=True)
class Plan:
    """A bound query. Rows come as tuples whose first column is the Id; `parent_column` is a child query's parent."""

    sobject: SObject
    sql: str
    parameters: tuple[Parameter, ...]
    build: Build | None
    children: tuple[Plan, ...] = ()
    count: bool = False
    touched: tuple[SObject, ...] = ()
    parent_column: int = 0

    def arguments(self, today: date) -> list[Any]:
        return [value.of(today) if isinstance(value, Moment) else value for value in self.parameters]


class Selection:
    """The columns of a SELECT and the shape of its records."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._columns = [f'{scope.table}."Id"']
        self.record = Nested(scope.sobject.name, 0, {}, optional=False)

    def column(self, sql: str) -> int:
        if sql in self._columns:
            return self._columns.index(sql)
        self._columns.append(sql)
        return len(self._columns) - 1

    def add(self, bound: Bound, at: int) -> None:
        """Select a field, inside the records of the parents on its path. Raises INVALID_FIELD for a second time."""
        record = self.record
        for parent in bound.parents:
            nested = record.fields.get(parent.name)
            if not isinstance(nested, Nested):
                nested = Nested(parent.sobject.name if parent.sobject else None, self.column(parent.id_sql), {})
                record.fields[parent.name] = nested
            record = nested
        field = bound.field
        if field.name in record.fields:
            raise self._scope.fail(at, f"duplicate field selected: {field.name}")
        if field.type in COMPOUND_TYPES:
            owner = bound.parents[-1].sobject if bound.parents else self._scope.sobject
            record.fields[field.name] = self._compound(field, bound.table, owner)
        else:
            record.fields[field.name] = Leaf(self.column(bound.sql), field.type == "boolean")

    def _compound(self, field: Field, table: str, owner: SObject | None) -> Compound:
        keys = compound_keys(field.type)
        parts = {
            one.name.lower(): one
            for one in (owner.fields if owner else ())
            if one.compound == field.name and one.name != field.name and one.stored
        }
        # MailingCity is the part "city" of MailingAddress, PlaceLatitude__s the part "latitude" of a location.
        found = [next((one for name, one in parts.items() if key.lower() in name), None) for key in keys]
        return Compound(keys, tuple(self.column(f"{table}.{quoted(one.name)}") if one else None for one in found))

    def sql(self) -> str:
        return ", ".join(self._columns)

    def build(self, schema: Schema, *, extra: int = 0) -> Build:
        """Return the function that builds the records; rows may end with `extra` columns that it does not read."""

        def object_of(identifier: str) -> str:
            sobject = schema.by_prefix(identifier[:3])
            return sobject.name if sobject else "Name"

        return compiled(self.record, len(self._columns), extra, object_of)


class Binder:
    """Binds queries against one schema. `ready` makes an object's table."""

    def __init__(self, schema: Schema, ready: Callable[[SObject], None]) -> None:
        self._schema = schema
        self._touched: dict[str, SObject] = {}
        self._make_ready = ready

    def _ready(self, sobject: SObject) -> None:
        self._touched[sobject.name] = sobject
        self._make_ready(sobject)

    def bind(self, soql: str, query: Query, *, all_rows: bool) -> Plan:
        """Return the plan of a whole query. Raises INVALID_TYPE, INVALID_FIELD, MALFORMED_QUERY and others."""
        sobject = self._schema.get(source_name(query))
        if sobject is None:
            raise unsupported(soql, query.source.at, source_name(query))
        if not sobject.is_("queryable"):
            raise errors.INVALID_TYPE_FOR_OPERATION(sobject=sobject.name, operation="query")
        scope = Scope(self._schema, self._ready, soql, sobject, alias=query.alias, all_rows=all_rows)
        counts = [item for item in query.items if isinstance(item, Call) and item.name.lower() == "count"]
        if counts and len(query.items) == 1 and counts[0].argument is None:
            return self._count(scope, query)
        children: list[Plan] = []
        selection = self._select(scope, query, children)
        # The tail may need further parents, so it comes before the joins are written.
        tail = self._tail(scope, query)
        sql = f"SELECT {selection.sql()} FROM {scope.source()}{tail}"
        return Plan(
            sobject, sql, tuple(scope.parameters), selection.build(self._schema), tuple(children),
            touched=tuple(self._touched.values()),
        )  # fmt: skip

    def _count(self, scope: Scope, query: Query) -> Plan:
        if query.order:
            raise failure(
                errors.MALFORMED_QUERY, scope.soql, query.order[0].path.at, "ORDER BY has no place beside COUNT()"
            )
        tail = self._tail(scope, query, order=False)
        sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM {scope.source()}{tail})"
        return Plan(
            scope.sobject, sql, tuple(scope.parameters), None, count=True, touched=tuple(self._touched.values())
        )

    def _select(self, scope: Scope, query: Query, children: list[Plan] | None) -> Selection:
        selection = Selection(scope)
        for item in query.items:
            if isinstance(item, Query):
                if children is None:
                    raise unexpected(scope.soql, item.at, "SELECT")
                self._select_children(scope, item, selection, children)
            elif isinstance(item, Call):
                self._select_fields(scope, query, item, selection)
            else:
                bound = scope.find(item)
                if bound.field.type in COMPOUND_TYPES and not bound.table:
                    raise scope.fail(item.at, f"field '{bound.field.name}' can not be selected here")
                selection.add(bound, item.at)
        return selection

    def _select_fields(self, scope: Scope, query: Query, call: Call, selection: Selection) -> None:
        group = call.argument.parts[0].lower() if call.argument and len(call.argument.parts) == 1 else ""
        if call.name.lower() != "fields" or group not in ("all", "standard", "custom"):
            raise unexpected(scope.soql, call.at + len(call.name), "(")
        if group != "standard" and (query.limit is None or query.limit > MOST_OF_FIELDS):
            raise errors.MALFORMED_QUERY(text=f"The SOQL FIELDS function must have a LIMIT of at most {MOST_OF_FIELDS}")
        for field in scope.sobject.fields:
            if group == "all" or field.custom == (group == "custom"):
                selection.add(scope.find(Path((field.name,), call.at)), call.at)

    def _select_children(self, scope: Scope, query: Query, selection: Selection, children: list[Plan]) -> None:
        name = source_name(query).rpartition(".")[2]
        relationship = scope.sobject.child(name)
        child = self._schema.get(relationship.child) if relationship else None
        if (
            relationship is None
            or relationship.name is None
            or child is None
            or relationship.field not in child.by_name
        ):
            raise failure(
                errors.INVALID_TYPE,
                scope.soql,
                query.source.at,
                f"Didn't understand relationship '{name}' in FROM part of query call. If you are attempting to use a "
                f"custom relationship, be sure to append the '__r' after the custom relationship name.{HINT}",
            )
        if len(children) == MOST_SUBQUERIES:
            raise errors.MALFORMED_QUERY(text=f"A query has at most {MOST_SUBQUERIES} subqueries")
        if relationship.name in selection.record.fields:
            raise scope.fail(query.source.at, f"duplicate field selected: {relationship.name}")
        selection.record.fields[relationship.name] = Children(len(children))
        children.append(self._child(scope, query, child, relationship.field))

    def _child(self, outer: Scope, query: Query, child: SObject, key: str) -> Plan:
        """Bind a child subquery: one statement for all parents, whose ids come as one JSON parameter."""
        scope = Scope(self._schema, self._ready, outer.soql, child, alias=query.alias, all_rows=outer.all_rows)
        selection = self._select(scope, query, None)
        parent = f"{scope.table}.{quoted(key)}"
        inside = f"{parent} IN (SELECT value FROM json_each(?))"
        scope.parameters.append(PARENTS)
        where = self._where(scope, query, extra=inside)
        order = self._order(scope, query)
        if query.limit is None and not query.offset:
            sql = f"SELECT {selection.sql()}, {parent} AS parent FROM {scope.source()}{where} ORDER BY {order}"
            column = -1
        else:
            # A LIMIT in a subquery counts for each parent.
            place = f"row_number() OVER (PARTITION BY {parent} ORDER BY {order})"
            last = query.offset + (2**31 if query.limit is None else query.limit)
            sql = (
                f"SELECT * FROM (SELECT {selection.sql()}, {parent} AS parent, {place} AS place "
                f"FROM {scope.source()}{where}) WHERE place > ? AND place <= ? ORDER BY parent, place"
            )
            scope.parameters.extend([query.offset, last])
            column = -2
        build = selection.build(self._schema, extra=-column)
        return Plan(child, sql, tuple(scope.parameters), build, parent_column=column)

    # -- clauses

    def _tail(self, scope: Scope, query: Query, *, order: bool = True) -> str:
        out = self._where(scope, query)
        if order:
            out += f" ORDER BY {self._order(scope, query)}"
        if query.offset > MOST_OFFSET:
            raise errors.OFFSET_OUT_OF_RANGE()
        if query.limit is not None or query.offset:
            out += f" LIMIT {scope.add(-1 if query.limit is None else query.limit)} OFFSET {scope.add(query.offset)}"
        return out

    @staticmethod
    def _where(scope: Scope, query: Query, extra: str | None = None) -> str:
        tests = [] if scope.all_rows else [f'{scope.table}."IsDeleted" = 0']
        if extra is not None:
            tests.append(extra)
        if query.where is not None:
            tests.append(Filters(scope).sql(query.where))
        return f" WHERE {' AND '.join(tests)}" if tests else ""

    @staticmethod
    def _order(scope: Scope, query: Query) -> str:
        terms = []
        for key in query.order:
            bound = scope.find(key.path)
            field = bound.field
            if not field.sortable or not field.stored:
                raise scope.fail(key.path.at, f"field '{field.name}' can not be sorted in a query call")
            sql = f"{bound.sql} COLLATE NOCASE" if field.type in TEXT_TYPES else bound.sql
            way = "DESC" if key.descending else "ASC"
            terms.append(f"{sql} {way} NULLS {'LAST' if key.nulls_last else 'FIRST'}")
        # Equal keys keep the order of creation, so that every run pages alike.
        return ", ".join([*terms, f'{scope.table}."Id"'])


def read_plan(schema: Schema, ready: Callable[[SObject], None], sobject: SObject, fields: Sequence[str] | None) -> Plan:
    """Return the plan that reads records by id: the ids come as one JSON parameter.

    Raises INVALID_FIELD, without a context block, for a field that is not there.
    """
    text = " "
    scope = Scope(schema, ready, text, sobject)
    selection = Selection(scope)
    names = [field.name for field in sobject.fields] if fields is None else list(dict.fromkeys(fields))
    for name in names:
        try:
            bound = scope.find(Path(tuple(part.strip() for part in name.split(".")), 0))
            selection.add(bound, 0)
        except ApiError as error:
            if "duplicate field" in error.message:
                continue
            raise errors.INVALID_FIELD(text=error.message.rpartition("\n")[2]) from None
    sql = (
        f"SELECT {selection.sql()} FROM {scope.source()} "
        f'WHERE {scope.table}."Id" IN (SELECT value FROM json_each(?)) AND {scope.table}."IsDeleted" = 0'
    )
    one = (
        f'SELECT {selection.sql()} FROM {scope.source()} WHERE {scope.table}."Id" = ? AND {scope.table}."IsDeleted" = 0'
    )
    return Plan(sobject, sql, (one,), selection.build(schema))
