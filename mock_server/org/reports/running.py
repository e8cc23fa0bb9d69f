"""Running a report: one query a level of groups, one for the rows; values beside what a person sees."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from mock_server.org.query.display import formatted
from mock_server.org.reports.columns import NUMBERS, Column, Group, Total
from mock_server.org.reports.definition import Definition

MOST_ROWS = 2000
Query = Callable[[str], list[dict[str, Any]]]
Cell = tuple[str, Any]
"""What a person sees, and the value."""
_NOTHING = "-"
_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


@dataclass
class Node:
    """A group of rows, and the groups within it."""

    value: Any
    label: str
    totals: list[Cell]
    children: list[Node] = field(default_factory=list)
    rows: list[list[Cell]] = field(default_factory=list)


@dataclass(frozen=True)
class Result:
    root: Node
    complete: bool
    """Whether all rows are there: a run shows the first 2,000."""


def run(definition: Definition, query: Query, zone: ZoneInfo, *, details: bool) -> Result:
    """Run a report; `query` returns the records of a SOQL query. Raises ApiError."""
    root = Node(None, "", _totals(definition, query, zone))
    levels: list[dict[tuple[Any, ...], Node]] = [{(): root}]
    for depth in range(1, len(definition.groups) + 1):
        levels.append(_level(definition, query, zone, depth, levels[-1]))
    _sort(root, definition, 0)
    complete = True
    if details and definition.columns:
        complete = _rows(definition, query, zone, levels[-1])
    return Result(root, complete)


def _where(definition: Definition) -> str:
    return f" WHERE {definition.where}" if definition.where else ""


def _totals(definition: Definition, query: Query, zone: ZoneInfo) -> list[Cell]:
    items = ", ".join(f"{one.soql} t{place}" for place, one in enumerate(definition.totals))
    if definition.tabular and definition.limit is not None:
        # Only the rows that are shown are counted.
        soql = f"SELECT Id FROM {definition.sobject}{_where(definition)} LIMIT {definition.limit}"  # noqa: S608  # checked when it was saved
        return [total_cell(Total(), len(query(soql)), zone)]
    (row,) = query(f"SELECT {items} FROM {definition.sobject}{_where(definition)}")  # noqa: S608  # likewise
    return [total_cell(one, row[f"t{place}"], zone) for place, one in enumerate(definition.totals)]


def _level(
    definition: Definition, query: Query, zone: ZoneInfo, depth: int, above: Mapping[tuple[Any, ...], Node]
) -> dict[tuple[Any, ...], Node]:
    groups = definition.groups[:depth]
    keys = ", ".join(f"{one.soql} g{place}" for place, one in enumerate(groups))
    items = ", ".join(f"{one.soql} t{place}" for place, one in enumerate(definition.totals))
    by = ", ".join(one.soql for one in groups)
    soql = f"SELECT {keys}, {items} FROM {definition.sobject}{_where(definition)} GROUP BY {by}"  # noqa: S608  # likewise
    out: dict[tuple[Any, ...], Node] = {}
    for row in query(soql):
        key = tuple(row[f"g{place}"] for place in range(depth))
        totals = [total_cell(one, row[f"t{place}"], zone) for place, one in enumerate(definition.totals)]
        node = out[key] = Node(key[-1], group_label(groups[-1], key[-1], zone), totals)
        parent = above.get(key[:-1])
        if parent is not None:
            parent.children.append(node)
    return out


def _sort(node: Node, definition: Definition, depth: int) -> None:
    if depth == len(definition.groups):
        return
    group = definition.groups[depth]
    names = [one.name for one in definition.totals]
    place = names.index(group.by_total) if group.by_total in names else None

    def rank(one: Node) -> tuple[bool, Any, str]:
        if place is not None:
            value = one.totals[place][1]
            return (value is not None, value or 0, one.label)
        if isinstance(one.value, int | float) and not isinstance(one.value, bool):
            return (True, one.value, "")
        return (one.value is not None, 0, str(one.value if group.column.field.type == "date" else one.label).lower())

    node.children.sort(key=rank, reverse=group.descending)
    for child in node.children:
        _sort(child, definition, depth + 1)


def _rows(definition: Definition, query: Query, zone: ZoneInfo, places: Mapping[tuple[Any, ...], Node]) -> bool:
    """Put rows into their groups; tell whether those were all."""
    columns = definition.columns
    wanted = dict.fromkeys(["Id"])
    for column in columns:
        wanted |= dict.fromkeys([column.path] if column.link is None else [column.path, column.link])
    wanted |= dict.fromkeys(group.column.path for group in definition.groups)
    most = MOST_ROWS + 1 if definition.limit is None else min(definition.limit, MOST_ROWS + 1)
    order = f" ORDER BY {definition.order}" if definition.order else ""
    soql = f"SELECT {', '.join(wanted)} FROM {definition.sobject}{_where(definition)}{order} LIMIT {most}"  # noqa: S608  # likewise
    found = query(soql)
    for row in found[:MOST_ROWS]:
        key = tuple(value_at(row, group.column.path) for group in definition.groups)
        node = places.get(key)
        if node is not None:
            node.rows.append([cell(column, row, zone) for column in columns])
    return len(found) <= MOST_ROWS


def value_at(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at a path of a query's record."""
    here: Any = row
    for step in path.split("."):
        if here is None:
            return None
        here = here[step]
    return here


def cell(column: Column, row: Mapping[str, Any], zone: ZoneInfo) -> Cell:
    """Return a cell: a record's name stands for its id, an amount is with its currency."""
    value = value_at(row, column.path)
    label = _label(column, value, zone)
    if column.link is not None:
        return (label, value_at(row, column.link))
    if column.field.type == "currency" and value is not None:
        return (label, {"amount": value, "currency": None})
    return (label, value)


def group_label(group: Group, value: Any, zone: ZoneInfo) -> str:
    if value is None or group.period is None:
        return _label(group.column, value, zone)
    if group.period == "Month":
        return _MONTHS[int(value) - 1]
    if group.period == "Day":
        return formatted(value, "date", 0, zone) or _NOTHING
    return f"Q{value}" if group.period in ("Quarter", "FiscalQuarter") else str(value)


def _label(column: Column, value: Any, zone: ZoneInfo) -> str:
    kind = column.field.type
    if value is None or value == "":
        return _NOTHING
    if kind in ("picklist", "multipicklist"):
        labels = {entry.value: entry.label for entry in column.field.picklist}
        return "; ".join(labels.get(part, part) for part in str(value).split(";"))
    return formatted(value, kind, column.field.scale, zone) or _NOTHING


def total_cell(total: Total, value: Any, zone: ZoneInfo) -> Cell:
    """Return a total and what a person sees of it; of no rows the sum is 0."""
    if value is None:
        if total.letter not in (None, "s"):
            return (_NOTHING, None)
        value = 0
    kind = total.type
    # An average of whole numbers is none.
    scale = max(total.scale, 2) if total.letter == "a" and kind in NUMBERS else total.scale
    return (formatted(value, "double" if total.letter == "a" and kind == "int" else kind, scale, zone) or "", value)


def flat(root: Node) -> list[tuple[str, Node]]:
    """Return all groups under the keys that a fact map has for them, the whole report under `T`."""
    out = [("T", root)]

    def walk(nodes: Sequence[Node], before: str) -> None:
        for place, node in enumerate(nodes):
            key = f"{before}{place}"
            out.append((key, node))
            walk(node.children, f"{key}_")

    walk(root.children, "")
    return out
