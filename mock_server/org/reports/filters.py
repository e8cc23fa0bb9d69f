"""Filters of a report's run as conditions of a query: `reportFilters`, their logic, a period of a date.

Source: Reports and Dashboards REST API Developer Guide, "Filter Reports on Demand", "Filter Operators".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from mock_server.org import errors
from mock_server.org.query.literals import escaped
from mock_server.org.reports.columns import NUMBERS, Column

_COMPARISONS = {
    "equals": "=", "notEqual": "!=", "lessThan": "<", "greaterThan": ">", "lessOrEqual": "<=", "greaterOrEqual": ">=",
}  # fmt: skip
OPERATORS = (*_COMPARISONS, "contains", "notContain", "startsWith", "includes", "excludes")
_PATTERNS = {"contains": "%{}%", "notContain": "%{}%", "startsWith": "{}%"}
_LITERAL = re.compile(r"[A-Z][A-Z_]*(:[0-9]{1,4})?")
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_LOGIC = re.compile(r"\s*([0-9]{1,2}|[()]|AND\b|OR\b|NOT\b)", re.I)
MOST_FILTERS = 20
_MOST_DIGITS = 9
ColumnOf = Callable[[str], Column]


def conditions(filters: Sequence[Mapping[str, Any]], logic: str | None, column_of: ColumnOf) -> str:
    """Return the condition of some filters, joined by AND or by their logic: `1 AND (2 OR 3)`. Raises INVALID_INPUT."""
    if len(filters) > MOST_FILTERS:
        raise errors.INVALID_INPUT(text=f"A report takes at most {MOST_FILTERS} filters")
    parts = [_condition(one, column_of) for one in filters]
    if not logic:
        return " AND ".join(parts)
    return _joined(logic, parts)


def _joined(logic: str, parts: Sequence[str]) -> str:
    out, at, used, depth = [], 0, set(), 0
    text = logic.strip()
    while at < len(text):
        found = _LOGIC.match(text, at)
        if found is None:
            raise errors.INVALID_INPUT(text=f"The filter logic {logic[:100]} is invalid")
        word, at = found[1], found.end()
        if word.isdigit():
            # Python reads no numbers of thousands of digits.
            if len(word) > _MOST_DIGITS or not 1 <= int(word) <= len(parts):
                raise errors.INVALID_INPUT(text=f"The filter logic references an undefined filter: {word[:100]}")
            used.add(int(word))
            out.append(f"({parts[int(word) - 1]})")
        else:
            depth += {"(": 1, ")": -1}.get(word, 0)
            if depth < 0:
                break
            out.append(word.upper())
    if depth:
        raise errors.INVALID_INPUT(text=f"The filter logic {logic[:100]} is invalid")
    if len(used) < len(parts):
        raise errors.INVALID_INPUT(text="Some filters are defined but not referenced in the filter logic")
    return f"({' '.join(out)})"


def _condition(given: Mapping[str, Any], column_of: ColumnOf) -> str:
    name, operator, value = given.get("column"), given.get("operator"), given.get("value")
    if not isinstance(name, str) or not name:
        raise errors.INVALID_INPUT(text="A filter must have a column")
    column = column_of(name)
    if operator not in OPERATORS:
        raise errors.INVALID_INPUT(text=f"The filter operator {str(operator)[:40]} is invalid for {column.name}")
    if not isinstance(value, str | int | float | None) and value is not None:
        raise errors.INVALID_INPUT(text=f"The filter value for {column.name} is invalid")
    if isinstance(value, bool):
        value = "true" if value else "false"
    # Several values stand apart by commas; a comma within one is quoted.
    values = ["" if value is None else str(value)]
    if isinstance(value, str) and "," in value and column.field.type not in NUMBERS:
        values = [part.strip().strip('"') for part in re.findall(r'"[^"]*"|[^,]+', value)]
    if operator in ("includes", "excludes"):
        listed = ", ".join(f"'{escaped(one)}'" for one in values)
        return f"{column.path} {operator.upper()} ({listed})"
    if operator in _PATTERNS:
        found = [f"{column.path} LIKE '{_PATTERNS[operator].format(escaped(one, pattern=True))}'" for one in values]
        whole = f"({' OR '.join(found)})"
        return f"(NOT {whole})" if operator == "notContain" else whole
    found = [f"{column.path} {_COMPARISONS[operator]} {_literal(column, one)}" for one in values]
    return f"({(' AND ' if operator == 'notEqual' else ' OR ').join(found)})"


def _literal(column: Column, text: str) -> str:
    """Write a filter's value as a query does. Raises INVALID_INPUT for one that is none of the column's type."""
    kind = column.field.type
    if text == "":
        return "null"
    if kind == "boolean":
        if text.lower() in ("true", "false", "1", "0"):
            return "true" if text.lower() in ("true", "1") else "false"
    elif kind in NUMBERS:
        number = text.replace(",", "").replace("$", "").rstrip("%").strip()
        if re.fullmatch(r"-?[0-9]{1,18}(\.[0-9]{1,18})?", number):
            return number
    elif kind in ("date", "datetime"):
        written = _date(text, moment=kind == "datetime")
        if written is not None:
            return written
    else:
        return f"'{escaped(text)}'"
    raise errors.INVALID_INPUT(text=f"The filter value {text[:60]} is invalid for {column.name}")


def _date(text: str, *, moment: bool) -> str | None:
    word = re.sub(r"\s+", "_", text.strip().upper())
    if _LITERAL.fullmatch(word):
        return word
    american = _DAY.fullmatch(text.strip())
    if american:
        text = f"{american[3]}-{int(american[1]):02d}-{int(american[2]):02d}"
    try:
        day = date.fromisoformat(text.strip()[:10])
    except ValueError:
        return None
    if not moment:
        return day.isoformat()
    rest = text.strip()[10:]
    if not rest:
        return f"{day.isoformat()}T00:00:00Z"
    found = re.fullmatch(r"T([0-9]{2}:[0-9]{2}:[0-9]{2})(\.[0-9]{1,3})?(Z|[+-][0-9]{2}:?[0-9]{2})?", rest)
    return f"{day.isoformat()}T{found[1]}Z" if found else None


def period(given: Mapping[str, Any], column_of: ColumnOf) -> str:
    """Return the condition of a standard date filter, nothing for one that names no period. Raises INVALID_INPUT."""
    name = given.get("column")
    duration, start, end = (given.get(key) for key in ("durationValue", "startDate", "endDate"))
    if not isinstance(name, str) or not name or (duration in (None, "CUSTOM") and not start and not end):
        return ""
    column = column_of(name)
    if column.field.type not in ("date", "datetime"):
        text = f"The column {column.name} cannot be a standard date filter because it is not a date column."
        raise errors.INVALID_INPUT(text=text)
    if duration not in (None, "CUSTOM"):
        if not (isinstance(duration, str) and _LITERAL.fullmatch(duration)):
            text = f"The duration {str(duration)[:60]} specified for the standard date filter is invalid."
            raise errors.INVALID_INPUT(text=text)
        return f"{column.path} = {duration}"
    out = []
    for value, sign, word in ((start, ">=", "start"), (end, "<=", "end")):
        if value:
            written = _date(value, moment=column.field.type == "datetime") if isinstance(value, str) else None
            if written is None:
                text = f"The specified {word} date of {column.name} specified for the standard date filter is invalid."
                raise errors.INVALID_INPUT(text=text)
            out.append(f"{column.path} {sign} {written}")
    return " AND ".join(out)
