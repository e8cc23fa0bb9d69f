"""The filter of a channel's member: a condition in SOQL's words, asked of an event's message.

Source: Platform Events Developer Guide, "Filter Your Stream of Platform Events with Custom Channels" and its list of
operators. What has no value compares as in SOQL: it is equal to null alone, and not equal to everything else.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mock_server.org import errors
from mock_server.org.query.grammar import parse
from mock_server.org.query.literals import pattern_of, text_of
from mock_server.org.query.syntax import Comparison, Condition, Junction, Not, Path, Value
from mock_server.org.schema.types import NUMBER_TYPES, Field, SObject, caseless

Test = Callable[[Mapping[str, Any]], bool]
"""Tells whether a message is wanted."""
_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
LONGEST = 131_072
_HEADER = "changeeventheader"


def test_of(expression: str, sobject: SObject) -> Test:
    """Return what a filter demands of the messages of an event. Raises ApiError for what it cannot be."""
    return _test(_condition(expression, sobject), sobject)


def fields_of(expression: str, sobject: SObject) -> tuple[str, ...]:
    """Return the names of the record's fields that a filter asks about. Raises ApiError for what it cannot be."""
    paths = (path for path in _paths(_condition(expression, sobject)) if path.parts[0].lower() != _HEADER)
    return tuple(dict.fromkeys(_field(path, sobject).name for path in paths))


def _paths(condition: Condition) -> Iterator[Path]:
    if isinstance(condition, Not):
        yield from _paths(condition.condition)
    elif isinstance(condition, Junction):
        for part in condition.parts:
            yield from _paths(part)
    elif isinstance(condition.path, Path):
        yield condition.path


def _condition(expression: str, sobject: SObject) -> Condition:
    if len(expression) > LONGEST:
        raise errors.INVALID_INPUT(text=f"A filter expression has at most {LONGEST} characters")
    query = parse(f"SELECT Id FROM {sobject.name} WHERE {expression}")  # noqa: S608
    if query.where is None or query.order or query.limit is not None or query.group or query.mode or query.purposes:
        raise _refused("a filter expression is a condition and nothing else")
    return query.where


def _refused(text: str) -> Exception:
    return errors.INVALID_INPUT(text=f"The filter expression is invalid: {text}")


def _test(condition: Condition, sobject: SObject) -> Test:
    if isinstance(condition, Not):
        inner = _test(condition.condition, sobject)
        return lambda message: not inner(message)
    if isinstance(condition, Junction):
        parts = [_test(part, sobject) for part in condition.parts]
        if condition.word == "AND":
            return lambda message: all(part(message) for part in parts)
        return lambda message: any(part(message) for part in parts)
    return _comparison(condition, sobject)


def _comparison(one: Comparison, sobject: SObject) -> Test:
    if not isinstance(one.path, Path):
        raise _refused("functions are not supported")
    read, field = _reader(one.path, sobject), _field(one.path, sobject)
    values = one.value
    if isinstance(values, tuple):
        if one.operator not in ("IN", "NOT IN"):
            raise _refused(f"the operator {one.operator} is not supported")
        wanted, among = [_literal(value, field) for value in values], one.operator == "IN"
        return lambda message: (_comparable(read(message), field) in wanted) is among
    if not isinstance(values, Value):
        raise _refused("subqueries are not supported")
    if one.operator == "LIKE":
        if values.kind != "string":
            raise _refused("LIKE takes a text")
        pattern = _pattern(pattern_of(values.text))
        return lambda message: (found := read(message)) is not None and _matches(pattern, caseless(str(found)))
    literal = _literal(values, field)
    if one.operator == "=":
        return lambda message: _comparable(read(message), field) == literal
    if one.operator == "!=":
        return lambda message: _comparable(read(message), field) != literal
    order = _ORDERS.get(one.operator)
    if order is None:
        raise _refused(f"the operator {one.operator} is not supported")
    if literal is None or isinstance(literal, bool):
        raise _refused(f"{field.name} cannot be compared by {one.operator} with {values.text}")

    def ordered(message: Mapping[str, Any]) -> bool:
        found = _comparable(read(message), field)
        return found is not None and order(found, literal)

    return ordered


def _field(path: Path, sobject: SObject) -> Field:
    """Return the field that a path means: of a compound one, the part (`BillingAddress.City`)."""
    field = sobject.field(path.parts[0])
    if field is None:
        raise _refused(f"{sobject.name} has no field {path.parts[0][:80]}")
    if len(path.parts) == 1:
        return field
    part = path.parts[1].lower()
    names = (f"{field.name.removesuffix('Address')}{part}".lower(), f"{field.name}.{part}".lower(), part)
    found = next((one for one in sobject.fields if one.name.lower() in names), None)
    if found is None and field.type not in ("address", "complexvalue") and field.name != "Name":
        raise _refused(f"{field.name} has no field {path.parts[1][:80]}")
    return found or Field(path.parts[1], path.parts[1], "string")


def _reader(path: Path, sobject: SObject) -> Callable[[Mapping[str, Any]], Any]:
    wanted = [part.lower() for part in path.parts]

    def read(message: Mapping[str, Any]) -> Any:
        found: Any = message
        for part in wanted:
            found = next(_named(found, part), None)
        return found

    return read


def _named(message: Any, name: str) -> Iterator[Any]:
    """Yield the values of a field: of the message itself, or of the compound field that holds it."""
    if isinstance(message, Mapping):
        yield from (value for key, value in message.items() if key.lower() == name)
        for key, value in message.items():
            if key != "ChangeEventHeader" and isinstance(value, Mapping):
                yield from (inner for part, inner in value.items() if part.lower() == name)


def _literal(value: Value, field: Field) -> Any:
    kind, text = value.kind, value.text
    if kind == "null":
        return None
    if kind == "boolean":
        return text.lower() == "true"
    if field.type == "boolean":
        raise _refused(f"{field.name} is compared with TRUE or FALSE")
    if kind == "number" and field.type in NUMBER_TYPES:
        return float(text)
    if kind == "string" and field.type not in (*NUMBER_TYPES, "date", "datetime"):
        return caseless(text_of(text))
    if kind == field.type and kind in ("date", "datetime"):
        return _comparable(text, field)
    raise _refused(f"{field.name} cannot be compared with {text[:80]}")


def _comparable(value: Any, field: Field) -> Any:
    """Return a value in the form that compares with literals."""
    if value is None or isinstance(value, bool):
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
    return caseless(text)


_ANY, _ONE = 0, 1


def _pattern(like: str) -> list[str | int]:
    """Return a LIKE pattern as its letters and marks."""
    letters = iter(caseless(like))
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
