"""Aggregate queries: GROUP BY with its subtotals, HAVING, and rows of groups in place of records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query import functions
from mock_server.org.query.context import failure
from mock_server.org.query.filters import Filters
from mock_server.org.query.grammar import unexpected
from mock_server.org.query.rows import Build, compiled_groups
from mock_server.org.query.scope import Bound, Scope
from mock_server.org.query.syntax import Aliased, Call, Expression, Path, Query
from mock_server.org.schema.types import TEXT_TYPES

if TYPE_CHECKING:
    from mock_server.org.query.syntax import Item

MOST_GROUPS = 2000
"""Groups a query returns at most: there is no further page."""
_MOST_TOTALED = 3
_UNGROUPABLE = frozenset({"datetime", "base64", "address", "location"})

Where = Callable[[Scope], str]
"""Writes the WHERE clause of a scope, adding its parameters."""


def is_grouped(query: Query) -> bool:
    """Tell whether a query answers with groups: it has a GROUP BY, or an aggregate among its items.

    So does a date function, which must be in a GROUP BY too.
    """
    items = [item.item if isinstance(item, Aliased) else item for item in query.items]
    return (
        query.group is not None
        or query.having is not None
        or any(functions.is_aggregate(item) or functions.is_date_part(item) for item in items)
    )


class Grouping:
    """Binds one aggregate query in its scope."""

    def __init__(self, scope: Scope, query: Query) -> None:
        self._scope = scope
        self._query = query
        group = query.group
        self._keys = tuple(self._key(key) for key in group.keys) if group else ()
        self._totals = group.totals if group else "none"
        if self._totals != "none" and len(self._keys) > _MOST_TOTALED:
            raise self._malformed(f"{self._totals.upper()} takes at most {_MOST_TOTALED} fields")
        if not group and query.having is not None:
            raise self._malformed("HAVING needs a GROUP BY clause")
        if not group and query.limit is not None:
            raise self._malformed("Non-grouped query that uses overall aggregate functions cannot also use LIMIT")

    def sql(self, where: Where) -> str:
        """Return the statement without its LIMIT; parameters are added in the order of the text."""
        columns = list(self._columns())
        parts = []
        for kept in self._sets():
            chosen = [self._column(item, bound, kept) for _, item, bound in columns]
            sort = [f"{self._sorted(key.path, kept)} AS s{place}" for place, key in enumerate(self._query.order)]
            shown = ", ".join(f"{sql} AS c{place}" for place, sql in enumerate(chosen))
            text = f"SELECT {', '.join([shown, *sort])} FROM {self._scope.source()}{where(self._scope)}"
            if kept:
                text += f" GROUP BY {', '.join(self._folded(self._keys[place]) for place in kept)}"
            if self._query.having is not None:
                text += f" HAVING {Filters(self._scope, bind=self._bound).sql(self._query.having)}"
            parts.append(text)
        text = " UNION ALL ".join(parts)
        return f"SELECT * FROM ({text}){self._order()}"

    def build(self) -> Build:
        """Return the function that turns rows into groups."""
        columns = [(name, bound.field.type == "boolean") for name, _, bound in self._columns()]
        return compiled_groups(columns)

    # -- keys

    def _key(self, key: Expression) -> Bound:
        bound = functions.bind(self._scope, key)
        field = bound.field
        plain = isinstance(key, Path)
        if plain and (not field.groupable or not field.valued or field.type in _UNGROUPABLE):
            text = f"field '{field.name}' can not be grouped in a query call"
            raise failure(errors.MALFORMED_QUERY, self._scope.soql, key.at, text)
        return bound

    def _sets(self) -> Iterator[tuple[int, ...]]:
        """Yield which keys each part of the answer is grouped by: all, and for totals fewer and fewer."""
        count = len(self._keys)
        every = tuple(range(count))
        if self._totals == "rollup":
            yield from (every[:kept] for kept in range(count, -1, -1))
        elif self._totals == "cube":
            for kept in range(count, -1, -1):
                yield from combinations(every, kept)
        else:
            yield every

    @staticmethod
    def _folded(bound: Bound) -> str:
        text = bound.field.type in TEXT_TYPES and not bound.field.case_sensitive
        return f"{bound.sql} COLLATE NOCASE" if text else bound.sql

    def _place(self, bound: Bound) -> int | None:
        return next((place for place, key in enumerate(self._keys) if key.sql == bound.sql), None)

    # -- items

    def _columns(self) -> Iterator[tuple[str, Expression, Bound]]:
        """Yield the name, expression and value of each item."""
        names: set[str] = set()
        unnamed = 0
        for item in self._query.items:
            expression, alias = self._taken_apart(item)
            bound = self._bound(self._scope, expression)
            name = alias or (bound.field.name if isinstance(expression, Path) else "")
            if not name:
                name, unnamed = f"expr{unnamed}", unnamed + 1
            if name.lower() in names:
                raise self._malformed(f"duplicate alias: {name}")
            names.add(name.lower())
            yield name, expression, bound

    def _taken_apart(self, item: Item | Query) -> tuple[Expression, str | None]:
        if isinstance(item, Aliased):
            return item.item, item.alias
        if isinstance(item, Path | Call):
            return item, None
        raise unexpected(self._scope.soql, item.at, "SELECT" if isinstance(item, Query) else "TYPEOF")

    def _bound(self, scope: Scope, expression: Expression) -> Bound:
        """Bind an item, a sort key or what HAVING asks: something grouped, or an aggregate of what is not."""
        if isinstance(expression, Call) and expression.name.lower() == "grouping":
            return self._grouping(expression)
        bound = functions.bind(scope, expression, aggregates=True)
        if isinstance(expression, Call) and functions.is_aggregate(expression):
            self._refuse_grouped_argument(expression)
            return bound
        inner = expression
        while isinstance(inner, Call) and self._place(bound) is None:
            # toLabel and FORMAT show a key in another form.
            (argument, *more) = inner.arguments or (None,)
            if more or not isinstance(argument, Path | Call):
                break
            inner = argument
            if self._place(functions.bind(scope, inner)) is not None:
                return bound
        if self._place(bound) is None:
            raise self._malformed(f"Field must be grouped or aggregated: {_shown(expression)}")
        return bound

    def _refuse_grouped_argument(self, call: Call) -> None:
        for argument in call.arguments:
            if isinstance(argument, Call):
                self._refuse_grouped_argument(argument)
            elif isinstance(argument, Path) and self._place(self._scope.find(argument)) is not None:
                text = f"Grouped field should not be aggregated: {_shown(argument)}"
                raise failure(errors.MALFORMED_QUERY, self._scope.soql, call.at, text)

    def _grouping(self, call: Call) -> Bound:
        (argument, *more) = call.arguments or (None,)
        if more or not isinstance(argument, Path | Call) or self._totals == "none":
            raise unexpected(self._scope.soql, call.at + len(call.name), "(")
        if self._place(functions.bind(self._scope, argument)) is None:
            raise self._malformed(f"Field must be grouped: {_shown(argument)}")
        return functions.value_of("GROUPING", "int", "0")

    def _column(self, expression: Expression, bound: Bound, kept: tuple[int, ...]) -> str:
        """Return the SQL of an item among the rows that are grouped by the kept keys; a key left out is null."""
        if isinstance(expression, Call) and expression.name.lower() == "grouping":
            key = functions.bind(self._scope, expression.arguments[0])  # type: ignore[arg-type]
            return "0" if self._place(key) in kept else "1"
        place = self._place(bound)
        return "NULL" if place is not None and place not in kept else bound.sql

    # -- order

    def _sorted(self, expression: Expression, kept: tuple[int, ...]) -> str:
        bound = self._bound(self._scope, expression)
        return self._column(expression, bound, kept)

    def _order(self) -> str:
        terms = []
        for place, key in enumerate(self._query.order):
            bound = self._bound(self._scope, key.path)
            value = f"sf_fold(s{place})" if bound.field.type in TEXT_TYPES else f"s{place}"
            # Of an aggregate too: the least value of a picklist is one of its values.
            rank = functions.place_in_picklist(bound.field, f"s{place}")
            way, edge = ("DESC" if key.descending else "ASC"), ("LAST" if key.nulls_last else "FIRST")
            terms += [f"{one} {way} NULLS {edge}" for one in (rank, value) if one is not None]
        return f" ORDER BY {', '.join(terms)}" if terms else ""

    @staticmethod
    def _malformed(text: str) -> ApiError:
        return errors.MALFORMED_QUERY(text=text)


def _shown(expression: Expression) -> str:
    if isinstance(expression, Path):
        return ".".join(expression.parts)
    inner = ", ".join(_shown(one) for one in expression.arguments if isinstance(one, Path | Call))
    return f"{expression.name}({inner})"
