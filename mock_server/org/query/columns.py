"""What a query's columns are, in place of its records (`columns=true`): what tools lay out their tables by.

Recorded by a command line tool's own tests: keys in alphabetical order; a parent is a column with the columns selected
of it, so is a child relationship, which counts as an aggregate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mock_server.org.query import functions
from mock_server.org.query.filters import source_name
from mock_server.org.query.grouping import is_grouped
from mock_server.org.query.scope import Bound, Scope
from mock_server.org.query.syntax import Aliased, Call, Expression, Path, Query, TypeOf
from mock_server.org.schema import Schema
from mock_server.org.schema.types import NUMBER_TYPES, TEXT_TYPES, Field, SObject

_APEX = {
    "id": "Id", "reference": "Id", "boolean": "Boolean", "int": "Integer", "long": "Long", "double": "Decimal",
    "currency": "Decimal", "percent": "Decimal", "date": "Date", "datetime": "Datetime", "time": "Time",
    "base64": "Blob", "address": "Address", "location": "Location", "anyType": "Object", "complexvalue": "Object",
}  # fmt: skip


def describe_columns(schema: Schema, ready: Callable[[SObject], None], soql: str, query: Query) -> dict[str, Any]:
    """Return the columns of a query that was found sound, and what else is said of it."""
    sobject = schema.get(source_name(query))
    assert sobject is not None
    scope = Scope(schema, ready, soql, sobject, alias=query.alias, others=query.others)
    grouped = is_grouped(query)
    plain = [item for item in query.items if isinstance(item, Path)]
    return {
        "columnMetadata": _columns(scope, query),
        "entityName": sobject.name,
        "groupBy": query.group is not None,
        "idSelected": not grouped and any(path.parts[-1].lower() == "id" and len(path.parts) == 1 for path in plain),
        "keyPrefix": sobject.key_prefix,
    }


def _columns(scope: Scope, query: Query) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = []
    unnamed = 0
    grouped = is_grouped(query)
    for item in query.items:
        if isinstance(item, Query):
            out.append(_children(scope, item))
        elif isinstance(item, TypeOf):
            _add_variant(scope, item, out)
        elif isinstance(item, Path):
            _add_field(scope, item, out, flat=grouped)
        else:
            call, alias = (item.item, item.alias) if isinstance(item, Aliased) else (item, None)
            name = call.name.lower() if isinstance(call, Call) else ""
            if isinstance(call, Call) and name == "fields":
                _add_group(scope, call, out)
            elif name != "count" or call.arguments:  # type: ignore[union-attr]
                column = _function(scope, call, alias, unnamed)
                unnamed += column["columnName"].startswith("expr") and alias is None
                out.append(column)
    return out


def _column(
    name: str, shown: str, field: Field | None = None, *, aggregate: bool = False, own: bool = True, **more: Any
) -> dict[str, Any]:
    """Return one column. `own` says that it is the field itself, which may be written."""
    kind = field.type if field is not None else ""
    out: dict[str, Any] = {
        "aggregate": aggregate,
        "apexType": None if field is None or aggregate else _APEX.get(kind, "String"),
        "booleanType": kind == "boolean",
        "columnName": name,
        "custom": field is not None and own and field.custom,
        "displayName": shown,
        "foreignKeyName": None,
        "insertable": field is not None and own and field.createable,
        "joinColumns": [],
        "numberType": kind in NUMBER_TYPES,
        "textType": kind in TEXT_TYPES,
        "updatable": field is not None and own and field.updateable,
    }
    return {**out, **more}


def _add_field(scope: Scope, path: Path, out: list[dict[str, Any]], *, flat: bool = False) -> None:
    """Add a field, in the columns of the parents on its path."""
    bound = scope.find(path)
    into = out if flat else _joined(bound, out)
    into.append(_column(bound.field.name, bound.field.name, bound.field))


def _joined(bound: Bound, out: list[dict[str, Any]]) -> list[dict[str, Any]]:
    for parent in bound.parents:
        known = next((one for one in out if one["columnName"] == parent.name and one["foreignKeyName"]), None)
        if known is None:
            known = _column(parent.name, parent.name, custom=parent.reference.custom)
            known["foreignKeyName"] = parent.reference.name
            out.append(known)
        out = known["joinColumns"]
    return out


def _children(scope: Scope, query: Query) -> dict[str, Any]:
    name = source_name(query).rpartition(".")[2]
    relationship = scope.sobject.child(name)
    child = scope.schema.get(relationship.child) if relationship is not None else None
    assert relationship is not None
    assert child is not None
    inner = Scope(scope.schema, scope.ready, scope.soql, child, alias=query.alias, others=query.others)
    shown = relationship.name or name
    return _column(shown, shown, aggregate=True, joinColumns=_columns(inner, query))


def _add_variant(scope: Scope, item: TypeOf, out: list[dict[str, Any]]) -> None:
    """Add what a TYPEOF selects, of whichever object."""
    reference, _ = scope.reference(item.reference)
    name = reference.relationship_name or reference.name
    column = _column(name, name, foreignKeyName=reference.name, custom=reference.custom)
    chosen: dict[str, dict[str, Any]] = {}
    for word, fields in item.cases:
        target = scope.schema.get(".".join(word.parts))
        for path in fields if target is not None else ():
            bound = scope.find_in(item.reference, target, path)  # type: ignore[arg-type]
            chosen.setdefault(bound.field.name, _column(bound.field.name, bound.field.name, bound.field))
    for path in item.otherwise:
        bound = scope.find_name(item.reference, path)
        chosen.setdefault(bound.field.name, _column(bound.field.name, bound.field.name, bound.field))
    column["joinColumns"] = list(chosen.values())
    out.append(column)


def _add_group(scope: Scope, call: Call, out: list[dict[str, Any]]) -> None:
    group = call.arguments[0].parts[0].lower() if isinstance(call.arguments[0], Path) else "all"
    chosen = [one for one in scope.sobject.fields if group == "all" or one.custom == (group == "custom")]
    out += [_column(field.name, field.name, field) for field in chosen]


def _function(scope: Scope, call: Expression, alias: str | None, unnamed: int) -> dict[str, Any]:
    bound = functions.bind(scope, call, aggregates=True)
    if isinstance(call, Path):
        return _column(alias or bound.field.name, bound.field.name, bound.field)
    counted = functions.is_aggregate(call) or functions.is_date_part(call)
    if not counted and call.name.lower() in ("tolabel", "format", "convertcurrency"):
        return _column(alias or bound.field.name, _text(scope.soql, call), bound.field, own=False)
    name = alias or f"expr{unnamed}"
    return _column(name, _text(scope.soql, call), bound.field, aggregate=True, own=False)


def _text(soql: str, call: Call) -> str:
    """Return a call as the query has it."""
    depth = 0
    for place in range(call.at, len(soql)):
        depth += {"(": 1, ")": -1}.get(soql[place], 0)
        if depth == 0 and soql[place] == ")":
            return soql[call.at : place + 1]
    return soql[call.at :]
