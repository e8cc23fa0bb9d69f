"""What an org says of how it would run a query: a plan for each index that helps, and one without any.

The forms and the first note are those of the REST API Developer Guide ("Get Feedback on Query Performance"). Costs
follow its rule: an index is worth its while up to 30 % of the first million records and 15 % of the others, a custom
one up to 10 % and 5 %; below 1 it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from mock_server.org.query.syntax import Call, Comparison, Condition, Junction, Not, Path, Query, Value
from mock_server.org.records.table_sql import fold_column, indexed_columns
from mock_server.org.schema.types import Field, SObject

_UNINDEXED = "Not considering filter for optimization because unindexed"
_UNOPTIMIZABLE = "Not considering filter for optimization because of an unoptimizable operator"
_NEGATIVE = frozenset({"!=", "NOT IN", "EXCLUDES", "INCLUDES"})
_FIRST = 1_000_000
_SCAN = 0.65
"""The cost of reading a small object through, as documented; it grows with the object."""

Count = Callable[[Query], int]
"""Runs a COUNT() query."""


def plans(sobject: SObject, query: Query, count: Count) -> list[dict[str, Any]]:
    """Return the plans of a query, the best first."""
    total = count(_counting(query, None))
    notes = [_note(sobject, "IsDeleted", _UNINDEXED)]
    found = []
    indexed = set(indexed_columns(sobject)) | {"Id"}
    for comparison in _filters(query.where):
        field = _own_field(sobject, query, comparison)
        if field is None:
            continue
        if not ({field.name, fold_column(field.name)} & indexed):
            notes.append(_note(sobject, field.name, _UNINDEXED))
        elif _helpless(comparison):
            notes.append(_note(sobject, field.name, _UNOPTIMIZABLE))
        else:
            rows = count(_counting(query, comparison))
            found.append(_plan(sobject, "Index", [field.name], rows, total, _cost(field, rows, total)))
    whole = count(_counting(query, query.where))
    found.append(_plan(sobject, "TableScan", [], whole, total, round(_SCAN + total / _FIRST, 3)))
    found.sort(key=lambda plan: plan["relativeCost"])
    return [{**plan, "notes": notes} for plan in found]


def _plan(sobject: SObject, kind: str, fields: list[str], rows: int, total: int, cost: float) -> dict[str, Any]:
    return {
        "cardinality": rows,
        "fields": fields,
        "leadingOperationType": kind,
        "notes": [],
        "relativeCost": cost,
        "sobjectCardinality": total,
        "sobjectType": sobject.name,
    }


def _note(sobject: SObject, field: str, text: str) -> dict[str, Any]:
    return {"description": text, "fields": [field], "tableEnumOrId": sobject.name}


def _cost(field: Field, rows: int, total: int) -> float:
    first, rest = (0.10, 0.05) if field.custom else (0.30, 0.15)
    worth = min(total, _FIRST) * first + max(0, total - _FIRST) * rest
    return round(rows / worth, 3) if worth else 0.0


def _filters(where: Condition | None) -> Iterator[Comparison]:
    """Yield the conditions that must all hold; one under an OR or a NOT helps nothing by itself."""
    if isinstance(where, Comparison):
        yield where
    elif isinstance(where, Junction) and where.word == "AND":
        for part in where.parts:
            if not isinstance(part, Not):
                yield from _filters(part)


def _own_field(sobject: SObject, query: Query, comparison: Comparison) -> Field | None:
    if not isinstance(comparison.path, Path):
        return None
    parts = comparison.path.parts
    if len(parts) == 2 and parts[0].lower() in (sobject.name.lower(), (query.alias or "").lower()):
        parts = parts[1:]
    return sobject.field(parts[0]) if len(parts) == 1 else None


def _helpless(comparison: Comparison) -> bool:
    value = comparison.value
    if comparison.operator == "LIKE":
        return not isinstance(value, Value) or value.text[:1] in ("%", "_", "")
    return comparison.operator in _NEGATIVE or (isinstance(value, Value) and value.kind == "null")


def _counting(query: Query, where: Condition | None) -> Query:
    return replace(
        query, items=(Call("COUNT", (), 0),), where=where, group=None, having=None, order=(), limit=None, offset=0,
        purposes=frozenset(),
    )  # fmt: skip
