"""SOQL's functions: from a call to the SQL of its value and the type that it has.

Date functions count in UTC unless `convertTimezone` is around their argument (SOQL and SOSL Reference, "Date
Functions"). Nothing here takes SQL parameters: a function's place in the statement does not matter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.context import failure
from mock_server.org.query.grammar import unexpected
from mock_server.org.query.literals import text_of
from mock_server.org.query.scope import Bound, Scope
from mock_server.org.query.syntax import Call, Expression, Path, Value
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema.types import NUMBER_TYPES, TEXT_TYPES, Field, FieldType

_MONTH = "CAST(substr({0}, 6, 2) AS INTEGER)"
_DAY_IN_YEAR = "CAST(strftime('%j', substr({0}, 1, 10)) AS INTEGER)"
_QUARTER = f"(({_MONTH} + 2) / 3)"
_YEAR = "CAST(substr({0}, 1, 4) AS INTEGER)"
_DATES = frozenset({"date", "datetime"})
_MOMENTS = frozenset({"datetime"})


@dataclass(frozen=True, slots=True)
class _DateFunction:
    sql: str
    takes: frozenset[str] = _DATES
    gives: FieldType = "int"


DATE_FUNCTIONS = {
    "calendar_month": _DateFunction(_MONTH),
    "calendar_quarter": _DateFunction(_QUARTER),
    "calendar_year": _DateFunction(_YEAR),
    "fiscal_month": _DateFunction("sf_fiscal({0}, 'month')"),
    "fiscal_quarter": _DateFunction("sf_fiscal({0}, 'quarter')"),
    "fiscal_year": _DateFunction("sf_fiscal({0}, 'year')"),
    "day_in_month": _DateFunction("CAST(substr({0}, 9, 2) AS INTEGER)"),
    "day_in_week": _DateFunction("(CAST(strftime('%w', substr({0}, 1, 10)) AS INTEGER) + 1)"),
    "day_in_year": _DateFunction(_DAY_IN_YEAR),
    "day_only": _DateFunction("substr({0}, 1, 10)", _MOMENTS, "date"),
    "hour_in_day": _DateFunction("CAST(substr({0}, 12, 2) AS INTEGER)", _MOMENTS),
    "week_in_month": _DateFunction("((CAST(substr({0}, 9, 2) AS INTEGER) + 6) / 7)"),
    "week_in_year": _DateFunction(f"(({_DAY_IN_YEAR} + 6) / 7)"),
}
_UNCOUNTABLE = frozenset({"boolean", "address", "location", "base64"})
_UNORDERED = _UNCOUNTABLE | {"multipicklist", "encryptedstring"}
_MOST_RANKED = 1000
"""Values of a picklist beyond which it sorts as text."""
AGGREGATES = frozenset({"count", "count_distinct", "sum", "avg", "min", "max"})


def is_aggregate(expression: object) -> bool:
    """Tell whether an item is an aggregate, alone or inside FORMAT."""
    if not isinstance(expression, Call):
        return False
    return expression.name.lower() in AGGREGATES or any(map(is_aggregate, expression.arguments))


def is_date_part(expression: object) -> bool:
    """Tell whether an item is a date function."""
    return isinstance(expression, Call) and expression.name.lower() in DATE_FUNCTIONS


def bind(scope: Scope, expression: Expression, *, aggregates: bool = False) -> Bound:
    """Bind a field path or a function; with `aggregates` those are allowed. Raises INVALID_FIELD, MALFORMED_QUERY."""
    if isinstance(expression, Path):
        return scope.find(expression)
    name = expression.name.lower()
    if name in DATE_FUNCTIONS:
        return _date_part(scope, expression, DATE_FUNCTIONS[name])
    if name in AGGREGATES and aggregates:
        return aggregate(scope, expression)
    function = _OTHERS.get(name)
    if function is None:
        raise unexpected(scope.soql, expression.at + len(expression.name), "(")
    return function(scope, expression, aggregates)


def value_of(name: str, kind: FieldType, sql: str, *, scale: int = 0) -> Bound:
    """Return what a function's value is bound as: a field of no object."""
    return Bound(Field(name, name, kind, scale=scale), "", (), sql)


def _misuse(scope: Scope, call: Call, text: str) -> ApiError:
    return failure(errors.MALFORMED_QUERY, scope.soql, call.at, text)


def _only(scope: Scope, call: Call) -> Expression:
    """Return the one argument of a function. Raises MALFORMED_QUERY for another number, and for constants."""
    if len(call.arguments) != 1 or isinstance(call.arguments[0], Value):
        raise unexpected(scope.soql, call.at + len(call.name), "(")
    return call.arguments[0]


# -- dates


def _date_part(scope: Scope, call: Call, function: _DateFunction) -> Bound:
    argument = _only(scope, call)
    local = isinstance(argument, Call) and argument.name.lower() == "converttimezone"
    if isinstance(argument, Call):
        if not local:
            raise unexpected(scope.soql, argument.at + len(argument.name), "(")
        argument = _only(scope, argument)
    bound = bind(scope, argument)
    kind = bound.field.type
    if kind not in function.takes or (local and kind != "datetime"):
        # Known from recall: the text that the field's own type would give.
        raise _misuse(scope, call, f"field {bound.field.name} does not support function {call.name.upper()}")
    sql = f"sf_local({bound.sql})" if local else bound.sql
    return value_of(call.name, function.gives, function.sql.format(sql))


# -- aggregates


def aggregate(scope: Scope, call: Call) -> Bound:
    """Bind an aggregate over a field."""
    name = call.name.lower()
    argument = _only(scope, call)
    if not isinstance(argument, Path):
        raise unexpected(scope.soql, argument.at + len(argument.name), "(")
    bound = scope.find(argument)
    field = bound.field
    refused = {"sum": field.type not in NUMBER_TYPES, "avg": field.type not in NUMBER_TYPES}
    ordered = name in ("min", "max") and (field.type in _UNORDERED or not field.sortable)
    if refused.get(name, ordered) or field.type in _UNCOUNTABLE or not field.filterable or not field.valued:
        raise _misuse(scope, call, f"field {field.name} does not support aggregate operator {call.name.upper()}")
    text = f"{bound.sql} COLLATE NOCASE" if field.type in TEXT_TYPES and not field.case_sensitive else bound.sql
    if name == "count":
        return value_of(call.name, "int", f"COUNT({bound.sql})")
    if name == "count_distinct":
        return value_of(call.name, "int", f"COUNT(DISTINCT {text})")
    if name == "avg":
        return value_of(call.name, "double", f"AVG({bound.sql})", scale=field.scale)
    if name == "sum":
        # Salesforce reckons in decimals, SQLite in binary fractions.
        exact = f"ROUND(SUM({bound.sql}) * 1.0, {max(field.scale, 0)})"
        return value_of(call.name, "currency" if field.type == "currency" else "double", exact, scale=field.scale)
    place = place_in_picklist(field, bound.sql)
    if place is not None:
        # The value travels behind its place, which has five digits.
        least = f"{name.upper()}(printf('%05d', {place}) || {bound.sql})"
        return Bound(field, "", (), f"substr({least}, 6)")
    if field.type in TEXT_TYPES:
        return Bound(field, "", (), f"sf_{name}({bound.sql})")
    return Bound(field, "", (), f"{name.upper()}({bound.sql})")


def place_in_picklist(field: Field, sql: str) -> str | None:
    """Return the SQL of a value's place among its picklist's, by which picklists sort; None for other fields.

    Values that the picklist does not have come last (SOQL and SOSL Reference, "ORDER BY").
    """
    if field.type != "picklist" or not 0 < len(field.picklist) <= _MOST_RANKED:
        return None
    cases = " ".join(f"WHEN {_literal(one.value)} THEN {place}" for place, one in enumerate(field.picklist))
    return f"CASE WHEN {sql} IS NOT NULL THEN CASE {sql} COLLATE NOCASE {cases} ELSE {len(field.picklist)} END END"


# -- display


def _to_label(scope: Scope, call: Call, _: bool) -> Bound:
    bound = bind(scope, _only(scope, call))
    field = bound.field
    if field.type not in ("picklist", "multipicklist", "combobox"):
        return bound
    changed = [value for value in field.picklist if value.label != value.value]
    if not changed:
        return bound
    cases = " ".join(f"WHEN {_literal(value.value)} THEN {_literal(value.label)}" for value in changed)
    return Bound(field, "", bound.parents, f"CASE {bound.sql} {cases} ELSE {bound.sql} END")


def _format(scope: Scope, call: Call, aggregates: bool) -> Bound:
    bound = bind(scope, _only(scope, call), aggregates=aggregates)
    field = bound.field
    return Bound(
        Field(field.name, field.label, "string"),
        "",
        bound.parents,
        f"sf_format({bound.sql}, {_literal(field.type)}, {field.scale})",
    )


def _convert_currency(scope: Scope, call: Call, aggregates: bool) -> Bound:
    # The org has one currency: there is nothing to convert.
    return bind(scope, _only(scope, call), aggregates=aggregates)


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


# -- places


def _distance(scope: Scope, call: Call, _: bool) -> Bound:
    where, point, unit = _distance_parts(scope, call)
    bound = scope.find(where)
    if bound.field.type not in ("location", "address"):
        raise _misuse(scope, call, f"field '{bound.field.name}' is not supported in DISTANCE")
    owner = bound.parents[-1].sobject if bound.parents else scope.sobject
    parts = {
        word: next(
            (
                f"{bound.table}.{quoted(one.name)}"
                for one in (owner.fields if owner else ())
                if one.compound == bound.field.name and word in one.name.lower() and one.stored
            ),
            "NULL",
        )
        for word in ("latitude", "longitude")
    }
    radius = {"mi": 3958.7613, "km": 6371.0088}[unit]
    sql = f"sf_distance({parts['latitude']}, {parts['longitude']}, {point[0]!r}, {point[1]!r}, {radius!r})"
    return value_of("DISTANCE", "double", sql)


def _distance_parts(scope: Scope, call: Call) -> tuple[Path, tuple[float, float], str]:
    if len(call.arguments) == 3:
        where, point, unit = call.arguments
        if (
            isinstance(where, Path)
            and isinstance(point, Call)
            and point.name.lower() == "geolocation"
            and len(point.arguments) == 2
            and isinstance(unit, Value)
            and unit.kind == "string"
            and text_of(unit.text).lower() in ("mi", "km")
        ):
            numbers = [float(one.text) for one in point.arguments if isinstance(one, Value) and one.kind == "number"]
            if len(numbers) == 2 and abs(numbers[0]) <= 90 and abs(numbers[1]) <= 180:
                return where, (numbers[0], numbers[1]), text_of(unit.text).lower()
    raise _misuse(
        scope, call, "DISTANCE takes a location, GEOLOCATION(latitude, longitude) and a unit, which is 'mi' or 'km'"
    )


_OTHERS: dict[str, Callable[[Scope, Call, bool], Bound]] = {
    "tolabel": _to_label,
    "format": _format,
    "convertcurrency": _convert_currency,
    "distance": _distance,
}
