"""A roll-up's filter as SQL over the detail object's columns.

The operators and their reading are those of a Metadata API FilterItem: text compares without case, several values are
separated by commas, an empty value means an empty field, and what is empty is "not equal" to everything else.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from mock_server.org.formula.columns import formula_of, own_columns
from mock_server.org.ids import to_18
from mock_server.org.records.values import Misfit, coercion
from mock_server.org.schema import Schema
from mock_server.org.schema.types import ID_TYPES, NUMBER_TYPES, Field, FilterItem, SObject, caseless, fold

_COMPARISONS = {"lessThan": "<", "greaterThan": ">", "lessOrEqual": "<=", "greaterOrEqual": ">="}
_SEARCHES = ("contains", "notContain", "startsWith")
_CHOICES = ("includes", "excludes")
OPERATORS = ("equals", "notEqual", *_COMPARISONS, *_SEARCHES, *_CHOICES)

_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_LOCAL_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")

Condition = tuple[str, list[Any]]
"""SQL with `?` for its values, and the values."""
Expression = Callable[[SObject, Field], str]
"""Gives the SQL that reads a field of the detail object: its column, or what a formula comes to."""


class FilterError(ValueError):
    """A filter that cannot be asked."""


def reading(schema: Schema) -> Expression:
    """Return what reads fields of details: columns, and formulas over the detail's own fields."""

    read = own_columns(schema)

    def checked(sobject: SObject, field: Field) -> str:
        formula = formula_of(schema, sobject, field) if field.formula is not None else None
        if formula is not None and formula.asks:
            raise FilterError(f"{field.name} refers to other records, the user or the time: no roll-up can count on it")
        return read(sobject, field)

    return checked


def conditions(sobject: SObject, items: Sequence[FilterItem], read: Expression) -> Condition:
    """Return the condition that all items make together; `1` for none. Raises FilterError."""
    parts: list[str] = []
    values: list[Any] = []
    for item in items:
        sql, given = _condition(sobject, item, read)
        parts.append(f"({sql})")
        values += given
    return " AND ".join(parts) or "1", values


def _condition(sobject: SObject, item: FilterItem, read: Expression) -> Condition:
    name = item.field.rpartition(".")[2]
    field = sobject.field(name)
    if field is None:
        raise FilterError(f"{sobject.name} has no field {name}")
    if item.operator not in OPERATORS:
        raise FilterError(f"there is no operator {item.operator!r}; allowed: {', '.join(OPERATORS)}")
    column = read(sobject, field)
    choices = field.type == "multipicklist"
    if (item.operator in _CHOICES) != choices and (item.operator in _CHOICES or item.operator in _COMPARISONS):
        raise FilterError(f"{item.operator} does not go with {field.name}, which is a {field.type}")
    given = _split(item.value)
    if item.operator in _COMPARISONS:
        return _compared(field, column, item.operator, given)
    if item.operator in _SEARCHES:
        return _searched(field, column, item.operator, given)
    if item.operator in _CHOICES:
        return _chosen(column, item.operator, given)
    return _equal(field, column, item.operator, given)


def _split(text: str) -> list[str]:
    """Return the values that a filter names; quotes keep commas together."""
    return [part.strip() for part in next(csv.reader([text.replace("\n", " ")], skipinitialspace=True), [""])] or [""]


def _equal(field: Field, column: str, operator: str, given: list[str]) -> Condition:
    tests: list[str] = []
    values: list[Any] = []
    for part in given:
        if part == "":
            tests.append(f"{column} IS NULL")
        else:
            left, value = _operand(field, column, part)
            tests.append(f"{left} = ?")
            values.append(value)
    either = " OR ".join(tests)
    # NULL = 'x' is unknown in SQL; to a filter it is plainly not equal.
    return (either, values) if operator == "equals" else (f"NOT COALESCE({either}, 0)", values)


def _compared(field: Field, column: str, operator: str, given: list[str]) -> Condition:
    if len(given) != 1 or not given[0]:
        raise FilterError(f"{operator} needs exactly one value")
    left, value = _operand(field, column, given[0])
    return f"{left} {_COMPARISONS[operator]} ?", [value]


def _searched(field: Field, column: str, operator: str, given: list[str]) -> Condition:
    if field.type in NUMBER_TYPES or field.type in ("boolean", "date", "datetime", "time"):
        raise FilterError(f"{operator} does not go with {field.name}, which is a {field.type}")
    place = "= 1" if operator == "startsWith" else "> 0"
    either = " OR ".join([f"instr(sf_caseless({column}), ?) {place}"] * len(given))
    sql = f"COALESCE({either}, 0)"
    return (f"NOT {sql}" if operator == "notContain" else sql), [caseless(part) for part in given]


def _chosen(column: str, operator: str, given: list[str]) -> Condition:
    parts = [value.strip() for part in given for value in part.split(";")]
    either = " OR ".join([f"instr(';' || sf_caseless({column}) || ';', ?) > 0"] * len(parts))
    sql = f"COALESCE({either}, 0)"
    return (f"NOT {sql}" if operator == "excludes" else sql), [f";{caseless(part)};" for part in parts]


def _operand(field: Field, column: str, text: str) -> tuple[str, Any]:
    """Return the left side of a comparison and the value to compare it with, both in one form. Raises FilterError."""
    kind = field.type
    if kind in NUMBER_TYPES:
        try:
            number = float(text.removesuffix("%"))
        except ValueError:
            raise FilterError(f"{text!r} is no number, as {field.name} is") from None
        if not math.isfinite(number):
            raise FilterError(f"{text!r} is no number, as {field.name} is")
        return column, number
    if kind == "boolean":
        if text.lower() not in ("true", "false", "1", "0"):
            raise FilterError(f"{text!r} is neither True nor False, as {field.name} is")
        return column, int(text.lower() in ("true", "1"))
    if kind in ("date", "datetime"):
        day = _day(field, text)
        if day is not None:
            return (column if kind == "date" else f"substr({column}, 1, 10)"), day
        if kind == "date":
            raise FilterError(f"{text!r} is no date; write 2026-12-31")
    if kind in ("datetime", "time"):
        try:
            return column, coercion(field)(text)
        except Misfit:
            shape = "2026-12-31T23:59:59Z" if kind == "datetime" else "23:59:59.000Z"
            raise FilterError(f"{text!r} is no {kind}; write {shape}") from None
    if kind in ID_TYPES:
        identifier = to_18(text)
        if identifier is None:
            raise FilterError(f"{text!r} is no record id, as {field.name} is")
        return column, identifier
    return f"sf_fold({column})", fold(text)


def _day(field: Field, text: str) -> str | None:
    """Return a day as stored; None for a text that has another shape. Metadata of US orgs says 12/31/2026."""
    local = _LOCAL_DAY.fullmatch(text)
    try:
        if local is not None:
            return date(int(local[3]), int(local[1]), int(local[2])).isoformat()
        if _DAY.fullmatch(text):
            return datetime.fromisoformat(text).date().isoformat()
    except ValueError:
        raise FilterError(f"{text!r} is no day of the calendar, as {field.name} is") from None
    return None
