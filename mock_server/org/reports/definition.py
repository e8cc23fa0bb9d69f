"""What a report shows, read from a saved query: columns for details, groups and totals for GROUP BY."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from mock_server.org.automation import HookError
from mock_server.org.errors import ApiError
from mock_server.org.query.grammar import parse
from mock_server.org.query.syntax import Aliased, Call, Path, Query
from mock_server.org.reports.columns import NUMBERS, PERIODS, TOTALS, Column, Group, Total, column_of
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject

MOST_GROUPS = 3
MOST_COLUMNS = 100
_LETTERS = {name: letter for letter, name in TOTALS.items()}
_PERIODS = {"DAY_ONLY": "Day", **{name: period for period, name in PERIODS.items() if period != "MonthInYear"}}
_CLAUSES = re.compile(
    r"'(?:\\.|[^'\\])*'|[()]|\b(where|with|group\s+by|having|order\s+by|limit|offset|for|update|using\s+scope)\b", re.I
)


class ReportError(HookError):
    """A report that can never run."""


@dataclass(frozen=True)
class Definition:
    """A report's query in parts. Without groups it is tabular, and its rows are all there is."""

    sobject: str
    columns: tuple[Column, ...]
    groups: tuple[Group, ...] = ()
    totals: tuple[Total, ...] = (Total(),)
    where: str = ""
    order: str = ""
    limit: int | None = None

    @property
    def tabular(self) -> bool:
        return not self.groups


def read(schema: Schema, soql: str, details: Iterable[str] = ()) -> Definition:
    """Return what a query shows; `details` are the columns of the rows of groups. Raises ReportError."""
    try:
        tree = parse(soql)
    except ApiError as error:
        raise ReportError(f"{error.code}: {error.message.strip()}", "soql") from None
    sobject = _source(schema, tree)
    for wrong, what in (
        (tree.having, "HAVING"), (tree.offset, "OFFSET"), (tree.scope, "USING SCOPE"), (tree.purposes, "FOR"),
        (tree.categories, "WITH DATA CATEGORY"), (tree.all_rows, "ALL ROWS"),
    ):  # fmt: skip
        if wrong:
            raise ReportError(f"the query of a report takes no {what}", "soql")
    clauses = _clauses(soql, tree)
    if tree.group is None:
        if tuple(details):
            raise ReportError("details are the columns of groups: the query has no GROUP BY", "details")
        columns = tuple(_plain(schema, sobject, item) for item in tree.items)
        _few(columns)
        return Definition(
            sobject.name, columns, where=clauses.get("where", ""), order=clauses.get("order by", ""), limit=tree.limit
        )
    return _grouped(schema, sobject, tree, clauses, tuple(details))


def _source(schema: Schema, tree: Query) -> SObject:
    if len(tree.source.parts) != 1 or tree.others or tree.alias:
        raise ReportError("a report is of one object, which has no alias", "soql")
    name = tree.source.parts[0]
    sobject = schema.get(name)
    if sobject is None:
        raise ReportError(f"there is no object {name}", "soql", schema.names(), name)
    return sobject


def _plain(schema: Schema, sobject: SObject, item: object) -> Column:
    if not isinstance(item, Path):
        raise ReportError("a report without GROUP BY shows fields, and nothing that is worked out", "soql")
    return _column(schema, sobject, ".".join(item.parts), "soql")


def _column(schema: Schema, sobject: SObject, path: str, key: str) -> Column:
    found = column_of(schema, sobject, path)
    if found is None:
        names = [one.name for one in sobject.fields if one.valued]
        raise ReportError(f"{sobject.name} has no field {path} that a report can show", key, names, path)
    return found


def _few(columns: tuple[Column, ...]) -> None:
    if len(columns) > MOST_COLUMNS:
        raise ReportError(f"a report has at most {MOST_COLUMNS} columns", "soql")


def _grouped(
    schema: Schema, sobject: SObject, tree: Query, clauses: dict[str, str], details: tuple[str, ...]
) -> Definition:
    assert tree.group is not None
    if tree.group.totals != "none":
        raise ReportError("subtotals are worked out anyway: write GROUP BY without ROLLUP or CUBE", "soql")
    if tree.limit is not None:
        raise ReportError("the query of a report with groups takes no LIMIT", "soql")
    if len(tree.group.keys) > MOST_GROUPS:
        raise ReportError(f"a report has at most {MOST_GROUPS} levels of groups", "soql")
    totals: list[Total] = []
    aliases: dict[str, Total] = {}
    for item in tree.items:
        inner = item.item if isinstance(item, Aliased) else item
        if isinstance(inner, Call) and inner.name.upper() in (*_LETTERS, "COUNT"):
            totals.append(_total(schema, sobject, inner))
            if isinstance(item, Aliased):
                aliases[item.alias.lower()] = totals[-1]
    groups = [_group(schema, sobject, key) for key in tree.group.keys]
    for order in tree.order:
        text = _text(order.path)
        total = aliases.get(text.lower()) or next((one for one in totals if _same(one.soql, text)), None)
        for place, group in enumerate(groups):
            if total is not None and place == 0:
                groups[0] = Group(group.column, group.period, order.descending, total.name)
            elif _same(group.soql, text):
                groups[place] = Group(group.column, group.period, order.descending, group.by_total)
    columns = tuple(_column(schema, sobject, path, "details") for path in details)
    _few(columns)
    if columns and any(group.period is not None for group in groups):
        raise ReportError("rows can't be shown below groups of periods", "details")
    counted = [one for one in totals if one.column is not None]
    return Definition(
        sobject.name, columns, tuple(groups), (*dict.fromkeys(counted), Total()), where=clauses.get("where", "")
    )


def _total(schema: Schema, sobject: SObject, call: Call) -> Total:
    name = call.name.upper()
    argument = call.arguments[0] if call.arguments else None
    if name == "COUNT":
        return Total()
    if not isinstance(argument, Path):
        raise ReportError(f"{name} takes a field", "soql")
    column = _column(schema, sobject, ".".join(argument.parts), "soql")
    if name in ("SUM", "AVG") and column.field.type not in NUMBERS:
        raise ReportError(f"{name} takes a number, and {column.path} is none", "soql")
    return Total(_LETTERS[name], column)


def _group(schema: Schema, sobject: SObject, key: Path | Call) -> Group:
    if isinstance(key, Path):
        return Group(_column(schema, sobject, ".".join(key.parts), "soql"))
    period = _PERIODS.get(key.name.upper())
    argument = key.arguments[0] if key.arguments else None
    if period is None or not isinstance(argument, Path):
        raise ReportError(f"a report can't group by {key.name}", "soql", _PERIODS, key.name.upper())
    return Group(_column(schema, sobject, ".".join(argument.parts), "soql"), period)


def _text(expression: Path | Call) -> str:
    if isinstance(expression, Path):
        return ".".join(expression.parts)
    inner = ", ".join(_text(one) for one in expression.arguments if isinstance(one, Path | Call))
    return f"{expression.name}({inner})"


def _same(one: str, other: str) -> bool:
    return one.lower().replace(" ", "") == other.lower().replace(" ", "")


def _clauses(soql: str, tree: Query) -> dict[str, str]:
    """Return the texts of the clauses behind FROM, by their words."""
    found = list(_words(soql, tree.source.at))
    ends = [*(begin for _, begin, _ in found), len(soql)]
    return {word: soql[start:end].strip() for (word, _, start), end in zip(found, ends[1:], strict=True)}


def _words(soql: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield the words that begin clauses, outside of texts and brackets: the word, its beginning and its end."""
    depth = 0
    for found in _CLAUSES.finditer(soql, start):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        elif found[1] and not depth:
            yield " ".join(found[1].lower().split()), found.start(), found.end()
