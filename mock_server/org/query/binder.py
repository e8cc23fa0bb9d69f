"""From a syntax tree to a plan: names are looked up, what cannot be asked is refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query import clauses, functions, restricted
from mock_server.org.query.context import failure
from mock_server.org.query.derived import Wanted, entities, one_row_only
from mock_server.org.query.filters import source_name, unsupported
from mock_server.org.query.grammar import unexpected
from mock_server.org.query.grouping import MOST_GROUPS, Grouping, is_grouped
from mock_server.org.query.plan import PARENTS, Plan
from mock_server.org.query.rows import Children, Nested, Variant
from mock_server.org.query.scope import HINT, Scope
from mock_server.org.query.selection import Selection
from mock_server.org.query.syntax import Aliased, Call, Path, Query, TypeOf
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import COMPOUND_TYPES, SObject

MOST_SUBQUERIES = 20
MOST_LEVELS = 5
"""Levels of a query with its subqueries, the outermost among them."""
MOST_OF_FIELDS = 200
FIELDS_SINCE = 51
LEVELS_SINCE = 58
"""The API version whose subqueries may have subqueries; before, there were two levels."""
NEWEST = 1000
"""An API version later than all that take something away."""


class Binder:
    """Binds queries against one schema. `ready` makes an object's table."""

    def __init__(self, schema: Schema, ready: Callable[[SObject], None], version: int = NEWEST) -> None:
        self._schema = schema
        self._version = version
        self._touched: dict[str, SObject] = {}
        self._make_ready = ready

    def _ready(self, sobject: SObject) -> None:
        self._touched[sobject.name] = sobject
        self._make_ready(sobject)

    def bind(self, soql: str, query: Query, *, all_rows: bool) -> Plan:
        """Return the plan of a whole query. Raises INVALID_TYPE, INVALID_FIELD, MALFORMED_QUERY and others."""
        plan = replace(self._bind(soql, query, all_rows=all_rows), query=query)
        derived = [one.name for one in self._touched.values() if one.derived]
        if self._schema.described is not self._schema and one_row_only(query):
            plan = replace(plan, single=True)
        return replace(plan, wanted=Wanted(frozenset(derived), entities(query))) if derived else plan

    def _bind(self, soql: str, query: Query, *, all_rows: bool) -> Plan:
        sobject = self._schema.get(source_name(query))
        if sobject is None:
            raise unsupported(soql, query.source.at, source_name(query))
        if not sobject.is_("queryable"):
            raise errors.INVALID_TYPE_FOR_OPERATION(sobject=sobject.name, operation="query")
        refused = restricted.refusal(sobject.name, query)
        if refused is not None:
            raise refused
        every = all_rows or query.all_rows
        if "UPDATE" in query.purposes:
            clauses.check_lockable(query, every)
        scope = Scope(self._schema, self._ready, soql, sobject, alias=query.alias, all_rows=every, others=query.others)
        (item, *more) = query.items
        if isinstance(item, Call) and item.name.lower() == "count" and not (item.arguments or more):
            return self._count(scope, query)
        if is_grouped(query):
            return self._groups(scope, query)
        children: list[Plan] = []
        selection = self._select(scope, query, children, 1)
        # The tail may need further parents, so it comes before the joins are written.
        tail = clauses.tail(scope, query)
        sql = f"SELECT {selection.sql()} FROM {scope.source()}{tail}"
        return Plan(
            sobject, sql, tuple(scope.parameters), selection.build(self._schema), tuple(children),
            touched=tuple(self._touched.values()), purposes=query.purposes & _KEPT,
            chosen=tuple(selection.chosen), head=selection.sql(),
        )  # fmt: skip

    def bind_found(self, soql: str, query: Query, join: str, match: str) -> Plan:
        """Return the plan of what a search finds of one object. `join` is the join to the finds, `match` its parameter.

        Raises what `bind` raises, and MALFORMED_QUERY for items that only queries have.
        """
        sobject = self._schema.get(source_name(query))
        if sobject is None:
            raise unsupported(soql, query.source.at, source_name(query))
        for item in query.items:
            if isinstance(item, Query | TypeOf):
                raise unexpected(soql, item.at, "SELECT" if isinstance(item, Query) else "TYPEOF")
        scope = Scope(self._schema, self._ready, soql, sobject)
        scope.joins.append(join)
        scope.add(match)
        selection = self._select(scope, query, [], 1)
        where = clauses.where(scope, query)
        order = clauses.order_by(scope, query) if query.order else f'hit.place, {scope.table}."Id"'
        limit = clauses.limit(scope, query)
        sql = f"SELECT {selection.sql()} FROM {scope.source()}{where} ORDER BY {order}{limit}"
        return Plan(sobject, sql, tuple(scope.parameters), selection.build(self._schema))

    def _count(self, scope: Scope, query: Query) -> Plan:
        if query.group or query.having:
            # Documented; the text is from recall.
            raise errors.MALFORMED_QUERY(text="COUNT() has no place in a grouped query: use COUNT(Id)")
        if query.order:
            raise failure(
                errors.MALFORMED_QUERY, scope.soql, query.order[0].path.at, "ORDER BY has no place beside COUNT()"
            )
        tail = clauses.tail(scope, query, order=False)
        sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM {scope.source()}{tail})"
        return Plan(
            scope.sobject, sql, tuple(scope.parameters), None, count=True, touched=tuple(self._touched.values())
        )

    def _groups(self, scope: Scope, query: Query) -> Plan:
        grouping = Grouping(scope, query)
        # The joins of all clauses must be known before the first part is written.
        grouping.sql(lambda inner: clauses.where(inner, query))
        scope.parameters.clear()
        sql = grouping.sql(lambda inner: clauses.where(inner, query)) + clauses.limit(scope, query)
        return Plan(
            scope.sobject, sql, tuple(scope.parameters), grouping.build(), most=MOST_GROUPS,
            touched=tuple(self._touched.values()),
        )  # fmt: skip

    def _select(self, scope: Scope, query: Query, children: list[Plan], level: int) -> Selection:
        selection = Selection(scope)
        unnamed = 0
        for item in query.items:
            if isinstance(item, Query):
                if level == (MOST_LEVELS if self._version >= LEVELS_SINCE else 2):
                    raise unexpected(scope.soql, item.at, "SELECT")
                self._select_children(scope, item, selection, children, level, limit=query.limit)
            elif isinstance(item, TypeOf):
                self._select_variant(scope, item, selection)
            elif isinstance(item, Call) and item.name.lower() == "fields":
                self._select_fields(scope, query, item, selection)
            elif isinstance(item, Call):
                name = None
                if item.name.lower() == "distance":
                    name, unnamed = f"expr{unnamed}", unnamed + 1
                selection.add(functions.bind(scope, item), item.at, name=name)
            elif isinstance(item, Aliased):
                if isinstance(item.item, Path) or item.item.name.lower() == "fields":
                    raise errors.MALFORMED_QUERY(text="only aggregate expressions use field aliasing")
                selection.add(functions.bind(scope, item.item), item.at, name=item.alias)
            else:
                bound = scope.find(item)
                if bound.field.type in COMPOUND_TYPES and not bound.table:
                    raise scope.fail(item.at, f"field '{bound.field.name}' can not be selected here")
                selection.add(bound, item.at)
        return selection

    def _select_fields(self, scope: Scope, query: Query, call: Call, selection: Selection) -> None:
        if self._version < FIELDS_SINCE:
            text = "The SOQL FIELDS function is not supported in this version of the API"
            raise failure(errors.TOO_NEW, scope.soql, call.at, text)
        (argument, *more) = call.arguments or (None,)
        group = argument.parts[0].lower() if isinstance(argument, Path) and len(argument.parts) == 1 else ""
        if more or group not in ("all", "standard", "custom"):
            raise unexpected(scope.soql, call.at + len(call.name), "(")
        if group != "standard" and (query.limit is None or query.limit > MOST_OF_FIELDS):
            raise errors.MALFORMED_QUERY(text=f"The SOQL FIELDS function must have a LIMIT of at most {MOST_OF_FIELDS}")
        for field in scope.sobject.fields:
            if group == "all" or field.custom == (group == "custom"):
                selection.add(scope.find(Path((field.name,), call.at)), call.at)

    def _select_variant(self, scope: Scope, item: TypeOf, selection: Selection) -> None:
        """Select fields by the object that a reference to several objects leads to."""
        reference, id_sql = scope.reference(item.reference)
        name = reference.relationship_name or reference.name
        if name in selection.record.fields:
            raise scope.fail(item.at, f"duplicate field selected: {name}")
        cases = []
        for word, fields in item.cases:
            target = self._schema.get(".".join(word.parts))
            if target is None or target.name not in reference.reference_to:
                raise unsupported(scope.soql, word.at, ".".join(word.parts))
            record = Nested(target.name, selection.column(id_sql), {}, optional=False)
            for path in fields:
                selection.add(scope.find_in(item.reference, target, path), path.at, into=record)
            cases.append((target.key_prefix or "", record))
        otherwise = None
        if item.otherwise:
            otherwise = Nested(None, selection.column(id_sql), {}, optional=False)
            for path in item.otherwise:
                selection.add(scope.find_name(item.reference, path), path.at, into=otherwise)
        selection.record.fields[name] = Variant(selection.column(id_sql), tuple(cases), otherwise)

    def _select_children(
        self,
        scope: Scope,
        query: Query,
        selection: Selection,
        children: list[Plan],
        level: int,
        *,
        limit: int | None,
    ) -> None:
        """Select the children of a relationship. `limit` is the LIMIT of the query around."""
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
        if query.offset and limit != 1:
            # The rule is documented, its text is not.
            raise errors.MALFORMED_QUERY(text="OFFSET in a subquery needs a parent query with LIMIT 1")
        children.append(self._child(scope, query, child, relationship.field, level + 1))

    def _child(self, outer: Scope, query: Query, child: SObject, key: str, level: int) -> Plan:
        """Bind a child subquery: one statement for all parents, whose ids come as one JSON parameter."""
        scope = Scope(
            self._schema, self._ready, outer.soql, child,
            alias=query.alias, all_rows=outer.all_rows, others=query.others,
        )  # fmt: skip
        if is_grouped(query):
            raise unexpected(outer.soql, query.at, "SELECT")
        if query.offset > clauses.MOST_OFFSET:
            raise errors.OFFSET_OUT_OF_RANGE()
        children: list[Plan] = []
        selection = self._select(scope, query, children, level)
        parent = f"{scope.table}.{quoted(key)}"
        inside = f"{parent} IN (SELECT value FROM json_each(?))"
        scope.parameters.append(PARENTS)
        where = clauses.where(scope, query, extra=inside)
        order = clauses.order_by(scope, query)
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
        return Plan(child, sql, tuple(scope.parameters), build, tuple(children), parent_column=column)


_KEPT = frozenset({"VIEW", "REFERENCE", "UPDATE"})


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
    seen = " AND ".join(scope.seen())
    found = f"SELECT {selection.sql()} FROM {scope.source()} WHERE {seen} AND"
    sql = f'{found} {scope.table}."Id" IN (SELECT value FROM json_each(?))'
    one = f'{found} {scope.table}."Id" = ?'
    return Plan(sobject, sql, (one,), selection.build(schema))
