"""A SOQL condition on one record, for `records: {where: ...}`.

It is read by SOQL's own grammar. What differs is where it is asked: not in the store but of single rows, some of which
are only about to be saved.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from mock_server.org.errors import ApiError
from mock_server.org.query.grammar import parse
from mock_server.org.query.literals import pattern_of, text_of
from mock_server.org.query.syntax import Call, Comparison, Junction, Not, Query, Value
from mock_server.org.query.syntax import Condition as Tree
from mock_server.org.schema.types import caseless

Look = Callable[[str], Any]
"""Takes a field name, in any case; returns the record's value, None when it has none."""
Test = Callable[[Look], bool]

LONGEST = 4000
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


class ConditionError(ValueError):
    """A condition that cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition and the fields it asks about."""

    text: str
    fields: tuple[str, ...]
    holds: Test


def compile_condition(text: str) -> Condition:
    """Read a condition. Raises ConditionError."""
    if len(text) > LONGEST:
        raise ConditionError(f"a condition has at most {LONGEST} characters")
    try:
        query = parse(f"SELECT Id FROM Record WHERE {text}")  # noqa: S608  # read, never run
        if query.where is None or query != Query(query.items, query.source, where=query.where, at=query.at):
            raise ConditionError("only a condition has a place here, as it follows WHERE")
        fields: list[str] = []
        test = _test(query.where, fields)
    except ApiError as error:
        raise ConditionError(f"no SOQL condition: {error.message.rpartition(chr(10))[2]}") from None
    return Condition(text, tuple(dict.fromkeys(fields)), test)


def _test(tree: Tree, fields: list[str]) -> Test:
    if isinstance(tree, Not):
        inner = _test(tree.condition, fields)
        return lambda look: not inner(look)
    if isinstance(tree, Junction):
        tests = [_test(part, fields) for part in tree.parts]
        combine = all if tree.word == "AND" else any
        return lambda look: combine(test(look) for test in tests)
    return _comparison(tree, fields)


def _comparison(tree: Comparison, fields: list[str]) -> Test:
    if isinstance(tree.path, Call):
        raise ConditionError(f"{tree.path.name}(): functions cannot be asked of single rows")
    name, value = ".".join(tree.path.parts), tree.value
    if len(tree.path.parts) > 1:
        raise ConditionError(f"{name}: only fields of the record itself can be asked, not those of its parents")
    fields.append(name)
    if isinstance(value, Query):
        raise ConditionError(f"{name}: a query inside a condition cannot be asked of single rows")
    if isinstance(value, tuple):
        return _listed(tree.operator, name, value)
    if tree.operator == "LIKE":
        if value.kind != "string":
            raise ConditionError(f"{name}: LIKE needs a text in quotes")
        pattern = _glob(pattern_of(value.text))
        return lambda look: fnmatchcase(caseless(str(look(name) or "")), pattern)
    literal = _literal(name, value)
    if tree.operator in _ORDER:
        return _ordered(name, _ORDER[tree.operator], literal)
    equal = _equals(literal)
    if tree.operator == "=":
        return lambda look: equal(look(name))
    return lambda look: not equal(look(name))


def _listed(word: str, name: str, values: tuple[Value, ...]) -> Test:
    literals = [_literal(name, value) for value in values]
    if word in ("INCLUDES", "EXCLUDES"):
        wanted = [{caseless(part) for part in str(literal).split(";")} for literal in literals]

        def includes(look: Look) -> bool:
            have = {caseless(part) for part in str(look(name) or "").split(";")}
            return any(one <= have for one in wanted)

        return includes if word == "INCLUDES" else lambda look: not includes(look)
    tests = [_equals(literal) for literal in literals]
    if word == "IN":
        return lambda look: any(equal(look(name)) for equal in tests)
    return lambda look: not any(equal(look(name)) for equal in tests)


def _literal(name: str, value: Value) -> Any:
    if value.kind == "string":
        return text_of(value.text)
    if value.kind == "number":
        return float(value.text)
    if value.kind in ("boolean", "null"):
        return {"true": True, "false": False, "null": None}[value.text]
    moment = _moment(value.text) if value.kind in ("date", "datetime") else None
    if moment is None:
        raise ConditionError(f"{name}: {value.text} is no text in quotes, number, date, TRUE, FALSE or NULL")
    return moment


def _equals(literal: Any) -> Callable[[Any], bool]:
    if literal is None:
        return lambda value: value is None or value == ""
    if isinstance(literal, bool):
        return lambda value: _truth(value) is literal
    return lambda value: _as(literal, value) == _as(literal, literal)


def _ordered(name: str, compare: Callable[[Any, Any], bool], literal: Any) -> Test:
    if literal is None or isinstance(literal, bool):
        raise ConditionError(f"{name}: TRUE, FALSE and NULL have no order")

    def test(look: Look) -> bool:
        value = _as(literal, look(name))
        return value is not None and compare(value, _as(literal, literal))

    return test


def _as(literal: Any, value: Any) -> Any:
    """Return a value in the form in which it compares with a literal, None when it has no such form."""
    if value is None or value == "":
        return None
    if isinstance(literal, float):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            return None
    if isinstance(literal, datetime):
        return value if isinstance(value, datetime) else _moment(value)
    return caseless(str(value))


def _truth(value: Any) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _glob(pattern: str) -> str:
    """Turn a LIKE pattern into a glob; fnmatch matches those without backtracking."""
    out = []
    for escaped, plain in re.findall(r"\\(.)|(.)", pattern, flags=re.DOTALL):
        if plain in ("%", "_"):
            out.append("*" if plain == "%" else "?")
        else:
            character = plain or escaped
            out.append(f"[{character}]" if character in "*?[" else character)
    return caseless("".join(out))
