"""The filter of a channel's member: a condition in SOQL's words, asked of an event's message.

Sources: Platform Events Developer Guide and Change Data Capture Developer Guide, "Filter Expression Format" and "Field
Considerations". What has no value compares as in SOQL: it is equal to null alone, and not equal to everything else; a
checkbox without one is not checked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, time
from typing import Any

from mock_server.org import errors
from mock_server.org.events.filter_fields import FilterFields, Unaskable
from mock_server.org.query.grammar import parse
from mock_server.org.query.literals import pattern_of, text_of
from mock_server.org.query.syntax import Comparison, Condition, Junction, Not, Path, Value
from mock_server.org.schema.types import NUMBER_TYPES, Field, caseless

Test = Callable[[Mapping[str, Any]], bool]
"""Tells whether a message is wanted."""
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
LONGEST = 131_072
MOST_FIELDS = 10
_LARGEST_WHOLE = 2_147_483_647
"""Of a number without a decimal point, as SOQL reads it."""


def test_of(expression: str, fields: FilterFields) -> Test:
    """Return what a filter demands of the messages of an event. Raises ApiError for what it cannot be."""
    condition = _condition(expression, fields)
    if len({path.parts for path in _paths(condition)}) > MOST_FIELDS:
        raise _refused(f"it has more than {MOST_FIELDS} fields")
    return _test(condition, fields)


def fields_of(expression: str, fields: FilterFields) -> tuple[str, ...]:
    """Return the names of the record's fields that a filter asks about. Raises ApiError for what it cannot be."""
    found = (_field(path, fields) for path in _paths(_condition(expression, fields)))
    return tuple(dict.fromkeys(field.name for path, field in found if not fields.heads(path)))


def _paths(condition: Condition) -> Iterator[Path]:
    if isinstance(condition, Not):
        yield from _paths(condition.condition)
    elif isinstance(condition, Junction):
        for part in condition.parts:
            yield from _paths(part)
    elif isinstance(condition.path, Path):
        yield condition.path


def _condition(expression: str, fields: FilterFields) -> Condition:
    if len(expression) > LONGEST:
        raise errors.INVALID_INPUT(text=f"A filter expression has at most {LONGEST} characters")
    query = parse(f"SELECT Id FROM {fields.event} WHERE {expression}")  # noqa: S608
    if query.where is None or query.order or query.limit is not None or query.group or query.mode or query.purposes:
        raise _refused("a filter expression is a condition and nothing else")
    return query.where


def _refused(text: str) -> Exception:
    return errors.INVALID_INPUT(text=f"The filter expression is invalid: {text}")


def _test(condition: Condition, fields: FilterFields) -> Test:
    if isinstance(condition, Not):
        inner = _test(condition.condition, fields)
        return lambda message: not inner(message)
    if isinstance(condition, Junction):
        parts = [_test(part, fields) for part in condition.parts]
        if condition.word == "AND":
            return lambda message: all(part(message) for part in parts)
        return lambda message: any(part(message) for part in parts)
    return _comparison(condition, fields)


def _comparison(one: Comparison, fields: FilterFields) -> Test:
    if not isinstance(one.path, Path):
        raise _refused("functions are not supported")
    path, field = _field(one.path, fields)
    read = _reader(path)
    values = one.value
    if isinstance(values, tuple):
        if one.operator not in fields.among:
            raise _refused(f"the operator {one.operator} is not supported")
        wanted, among = [_literal(value, field) for value in values], one.operator == "IN"
        return lambda message: (_comparable(read(message), field) in wanted) is among
    if not isinstance(values, Value):
        raise _refused("subqueries are not supported")
    if one.operator == "LIKE":
        if values.kind != "string":
            raise _refused("LIKE takes a text")
        pattern = _pattern(pattern_of(values.text), field)
        return lambda message: (found := read(message)) is not None and _matches(pattern, _text(str(found), field))
    literal = _literal(values, field)
    if one.operator == "=":
        return lambda message: _comparable(read(message), field) == literal
    if one.operator == "!=":
        return lambda message: _comparable(read(message), field) != literal
    order = _ORDERS.get(one.operator)
    if order is None:
        raise _refused(f"the operator {one.operator} is not supported")
    if literal is None or isinstance(literal, bool):
        raise _refused(f"{path} cannot be compared by {one.operator} with {values.text}")

    def ordered(message: Mapping[str, Any]) -> bool:
        found = _comparable(read(message), field)
        return found is not None and order(found, literal)

    return ordered


def _field(path: Path, fields: FilterFields) -> tuple[str, Field]:
    """Return what a path means, by its exact name."""
    try:
        return fields.find(".".join(path.parts))
    except Unaskable as error:
        raise _refused(str(error)) from None


def _reader(path: str) -> Callable[[Mapping[str, Any]], Any]:
    name, _, part = path.partition(".")
    if not part:
        return lambda message: message.get(name)

    def read(message: Mapping[str, Any]) -> Any:
        whole = message.get(name)
        return whole.get(part) if isinstance(whole, Mapping) else None

    return read


def _literal(value: Value, field: Field) -> Any:
    kind, text = value.kind, value.text
    if kind == "null":
        return False if field.type == "boolean" else None
    if kind == "boolean":
        return text.lower() == "true"
    if field.type == "boolean":
        raise _refused(f"{field.name} is compared with TRUE or FALSE")
    if kind == "number" and field.type in NUMBER_TYPES:
        if text.lstrip("+-").isdecimal() and abs(int(text)) > _LARGEST_WHOLE:
            # A limit of SOQL in Salesforce; `1657093404000.0` is taken.
            raise errors.INVALID_INPUT(text=f"A number format error occurred: {text[:80]} is out of range")
        return float(text)
    if kind == "string" and field.type not in (*NUMBER_TYPES, "date", "datetime", "time"):
        return _text(text_of(text), field)
    if kind == field.type and kind in ("date", "datetime", "time"):
        return _comparable(text, field)
    raise _refused(f"{field.name} cannot be compared with {text[:80]}")


def _text(text: str, field: Field) -> str:
    return text if field.case_sensitive else caseless(text)


def _comparable(value: Any, field: Field) -> Any:
    """Return a value in the form that compares with literals."""
    if value is None:
        return False if field.type == "boolean" else None
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    text = str(value)
    if field.type == "datetime":
        try:
            moment = datetime.fromisoformat(text.upper().replace("+0000", "Z"))
        except ValueError:
            raise _refused(f"{text[:80]} is no moment") from None
        return moment.astimezone(UTC).timestamp()
    if field.type == "time":
        try:
            return time.fromisoformat(text.upper())
        except ValueError:
            raise _refused(f"{text[:80]} is no time") from None
    return _text(text, field)


_ANY, _ONE = 0, 1


def _pattern(like: str, field: Field) -> list[str | int]:
    """Return a LIKE pattern as its letters and marks."""
    letters = iter(_text(like, field))
    marks = {"%": _ANY, "_": _ONE}
    return [next(letters, "\\") if letter == "\\" else marks.get(letter, letter) for letter in letters]


def _matches(pattern: list[str | int], text: str) -> bool:
    """Match from left to right; only the last `%` is ever tried again, so that no pattern takes long."""
    at = place = 0
    retry: tuple[int, int] | None = None
    while at < len(text):
        mark = pattern[place] if place < len(pattern) else None
        if mark == _ANY:
            retry, place = (place, at), place + 1
        elif mark is not None and mark in (_ONE, text[at]):
            at, place = at + 1, place + 1
        elif retry is not None:
            retry = (retry[0], retry[1] + 1)
            place, at = retry[0] + 1, retry[1]
        else:
            return False
    return all(mark == _ANY for mark in pattern[place:])
