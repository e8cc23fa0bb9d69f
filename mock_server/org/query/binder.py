"""From a syntax tree to one SQL statement a level, and the function that turns its rows into records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import orjson

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query import functions, restricted
from mock_server.org.query.context import failure
from mock_server.org.query.derived import Wanted, entities, one_row_only
from mock_server.org.query.filters import Filters, source_name, unsupported
from mock_server.org.query.grammar import unexpected
from mock_server.org.query.grouping import MOST_GROUPS, Grouping, is_grouped
from mock_server.org.query.masks import masking
from mock_server.org.query.rows import (
    Build,
    Children,
    Compound,
    File,
    Leaf,
    Nested,
    Shown,
    Variant,
    compiled,
    compound_keys,
)
from mock_server.org.query.scope import HINT, Bound, Moment, Parameter, Scope
from mock_server.org.query.syntax import Aliased, Call, Path, Query, TypeOf
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema import Schema
from mock_server.org.schema.types import COMPOUND_TYPES, TEXT_TYPES, Field, SObject

MOST_OFFSET = 2000
MOST_SUBQUERIES = 20
MOST_LEVELS = 5
"""Levels of a query with its subqueries, the outermost among them."""
MOST_OF_FIELDS = 200
FIELDS_SINCE = 51
LEVELS_SINCE = 58
"""The API version whose subqueries may have subqueries; before, there were two levels."""
NEWEST = 1000
"""An API version later than all that take something away."""


PARENTS = object()
"""Stands among a child query's parameters for the ids of the parents of the page."""
ME = object()
"""Stands among a query's parameters for the id of the user who runs it."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A field that a query selects, in the order of its SELECT: `Account.Name`, and the SQL of its value.

    That of a compound field is empty: its parts are columns of their own.
    """

    name: str
    sql: str
    field: Field


@dataclass(frozen=True)
class Plan:
    """A bound query. Rows come as tuples whose first column is the Id; `parent_column` is a child query's parent.

    `most` is set for groups, which have neither ids nor further pages: more rows are an error.
    """

    sobject: SObject
    sql: str
    parameters: tuple[Parameter, ...]
    build: Build | None
    children: tuple[Plan, ...] = ()
    count: bool = False
    most: int | None = None
    touched: tuple[SObject, ...] = ()
    parent_column: int = 0
    purposes: frozenset[str] = frozenset()
    """What the records are read for: VIEW, REFERENCE, UPDATE."""
    single: bool = False
    """Whether it may have one record at most."""
    wanted: Wanted | None = None
    """What of the schema must be worked out into rows first."""
    query: Query | None = None
    chosen: tuple[Chosen, ...] = ()
    head: str = ""
    """What `sql` selects, between SELECT and FROM; none of its parameters stands in it."""

    @cached_property
    def variable(self) -> bool:
        """Whether a parameter depends on the day the query runs, or on who runs it."""
        return any(isinstance(value, Moment) or value is ME for value in self.parameters)


class Selection:
    """The columns of a SELECT and the shape of its records."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._columns = [f'{scope.table}."Id"']
        self.record = Nested(scope.sobject.name, 0, {}, optional=False)
        self.chosen: list[Chosen] = []

    def column(self, sql: str) -> int:
        if sql in self._columns:
            return self._columns.index(sql)
        self._columns.append(sql)
        return len(self._columns) - 1

    def add(self, bound: Bound, at: int, *, name: str | None = None, into: Nested | None = None) -> None:
        """Select a field, inside the records of the parents on its path. Raises INVALID_FIELD for a second time.

        `name` is an alias, which stands in the record itself; `into` the record to select into, its own by default.
        """
        record = into or self.record
        for parent in bound.parents if name is None else ():
            nested = record.fields.get(parent.name)
            if not isinstance(nested, Nested):
                nested = Nested(parent.sobject.name if parent.sobject else None, self.column(parent.id_sql), {})
                record.fields[parent.name] = nested
            record = nested
        field, key = bound.field, name or bound.field.name
        if key in record.fields:
            raise self._scope.fail(at, f"duplicate field selected: {key}")
        trail = [parent.name for parent in bound.parents] if name is None else []
        compound = field.type in COMPOUND_TYPES and not field.structured
        self.chosen.append(Chosen(".".join([*trail, key]), "" if compound else bound.sql, field))
        if field.structured:
            record.fields[key] = Shown(self.column(bound.sql), _said)
        elif field.type in COMPOUND_TYPES:
            owner = bound.parents[-1].sobject if bound.parents else self._scope.sobject
            record.fields[key] = self._compound(field, bound.table, owner)
        elif field.type == "base64" and record.sobject is not None:
            column = self.column(f"({bound.sql} IS NOT NULL)")
            record.fields[key] = File(column, record.sobject, record.id_column, field.name)
        elif field.mask is not None and field.type == "encryptedstring":
            # Who may see encrypted data is given a schema whose fields have no masks.
            record.fields[key] = Shown(self.column(bound.sql), masking(field.mask, field.mask_type))
        else:
            record.fields[key] = Leaf(self.column(bound.sql), field.type == "boolean")

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
            _may_lock(query, every)
        scope = Scope(self._schema, self._ready, soql, sobject, alias=query.alias, all_rows=every, others=query.others)
        (item, *more) = query.items
        if isinstance(item, Call) and item.name.lower() == "count" and not (item.arguments or more):
            return self._count(scope, query)
        if is_grouped(query):
            return self._groups(scope, query)
        children: list[Plan] = []
        selection = self._select(scope, query, children, 1)
        # The tail may need further parents, so it comes before the joins are written.
        tail = self._tail(scope, query)
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
        where = self._where(scope, query)
        order = self._order(scope, query) if query.order else f'hit.place, {scope.table}."Id"'
        limit = self._limit(scope, query)
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
        tail = self._tail(scope, query, order=False)
        sql = f"SELECT COUNT(*) FROM (SELECT 1 FROM {scope.source()}{tail})"
        return Plan(
            scope.sobject, sql, tuple(scope.parameters), None, count=True, touched=tuple(self._touched.values())
        )

    def _groups(self, scope: Scope, query: Query) -> Plan:
        grouping = Grouping(scope, query)
        # The joins of all clauses must be known before the first part is written.
        grouping.sql(lambda inner: self._where(inner, query))
        scope.parameters.clear()
        sql = grouping.sql(lambda inner: self._where(inner, query)) + self._limit(scope, query)
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
        if query.offset > MOST_OFFSET:
            raise errors.OFFSET_OUT_OF_RANGE()
        children: list[Plan] = []
        selection = self._select(scope, query, children, level)
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
        return Plan(child, sql, tuple(scope.parameters), build, tuple(children), parent_column=column)

    # -- clauses

    def _tail(self, scope: Scope, query: Query, *, order: bool = True) -> str:
        out = self._where(scope, query)
        if order:
            out += f" ORDER BY {self._order(scope, query)}"
        return out + self._limit(scope, query)

    @staticmethod
    def _limit(scope: Scope, query: Query) -> str:
        if query.offset > MOST_OFFSET:
            raise errors.OFFSET_OUT_OF_RANGE()
        if query.limit is None and not query.offset:
            return ""
        return f" LIMIT {scope.add(-1 if query.limit is None else query.limit)} OFFSET {scope.add(query.offset)}"

    @staticmethod
    def _where(scope: Scope, query: Query, extra: str | None = None) -> str:
        tests = scope.seen()
        if query.scope is not None and _only_own(scope, query.scope):
            tests.append(f'{scope.table}."OwnerId" = {scope.add(ME)}')
        if extra is not None:
            tests.append(extra)
        if query.categories:
            tests.append(_in_category(scope, query.categories[0]))
        if query.where is not None:
            tests.append(Filters(scope).sql(query.where))
        return f" WHERE {' AND '.join(tests)}" if tests else ""

    @staticmethod
    def _order(scope: Scope, query: Query) -> str:
        terms = []
        for key in query.order:
            bound = functions.bind(scope, key.path)
            field = bound.field
            if isinstance(key.path, Path) and (not field.sortable or not field.valued):
                raise scope.fail(key.path.at, f"field '{field.name}' can not be sorted in a query call")
            sql = bound.folded() if field.type in TEXT_TYPES else bound.sql
            place = functions.place_in_picklist(field, bound.sql) if isinstance(key.path, Path) else None
            way, edge = ("DESC" if key.descending else "ASC"), ("LAST" if key.nulls_last else "FIRST")
            terms += [f"{value} {way} NULLS {edge}" for value in (place, sql) if value is not None]
        # Equal keys keep the order of creation, so that every run pages alike.
        return ", ".join([*terms, f'{scope.table}."Id"'])


def _said(text: str | None) -> object:
    """Return what the JSON text of a complex value says."""
    return None if text is None else orjson.loads(text)


def _may_lock(query: Query, all_rows: bool) -> None:
    """Refuse FOR UPDATE where no rows can be locked (SOQL and SOSL Reference, FOR UPDATE; Apex, "Locking Statements").

    The rules are documented, their texts are not.
    """
    what = None
    if query.order:
        what = "ORDER BY"
    elif all_rows:
        what = "ALL ROWS"
    elif is_grouped(query) or any(isinstance(item, Call) and item.name.lower() == "count" for item in query.items):
        what = "aggregate functions"
    if what is not None:
        raise errors.MALFORMED_QUERY(text=f"FOR UPDATE cannot be used with {what}")


_KEPT = frozenset({"VIEW", "REFERENCE", "UPDATE"})


def _in_category(scope: Scope, group: Path) -> str:
    """Return the test of WITH DATA CATEGORY: no record is in a category, since an org has none to begin with.

    Raises MALFORMED_QUERY for objects that categories do not apply to.
    """
    name = scope.sobject.name
    if name not in ("KnowledgeArticleVersion", "Question") and not name.endswith("__kav"):
        text = f"WITH DATA CATEGORY does not apply to {name}"
        raise failure(errors.MALFORMED_QUERY, scope.soql, group.at, text)
    return "0"


def _only_own(scope: Scope, name: Path) -> bool:
    """Tell whether USING SCOPE narrows a query to the user's own records. Raises MALFORMED_QUERY for no such scope."""
    word = ".".join(name.parts).lower()
    known = {known.lower() for known, _ in scope.sobject.scopes} | {"everything"}
    owned = "OwnerId" in scope.sobject.by_name
    if word not in known | ({"mine"} if owned else set()):
        # The text is from recall.
        text = f"'{'.'.join(name.parts)}' is not a scope of {scope.sobject.name}"
        raise failure(errors.MALFORMED_QUERY, scope.soql, name.at, text)
    # Teams, territories and queues do not exist in the org: nobody shares a record by them, so only one's own is left.
    return owned and word != "everything"


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
