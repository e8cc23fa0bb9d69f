"""A SOQL condition on one record, for `records: {where: ...}`: comparisons, LIKE, IN, AND, OR, NOT, parentheses."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any

from mock_server.org.schema.types import fold

Look = Callable[[str], Any]
"""Takes a field name, in any case; returns the record's value, None when it has none."""
Test = Callable[[Look], bool]

LONGEST = 4000
_DEEPEST = 40
_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:\\.|[^'\\])*')"
    r"|(?P<moment>\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))?)"
    r"|(?P<number>[+-]?\d+(?:\.\d+)?)"
    r"|(?P<word>[A-Za-z_][\w.]*)"
    r"|(?P<sign><=|>=|!=|<>|=|<|>|\(|\)|,))"
)
_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}


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
    parser = _Parser(text)
    test = parser.either(0)
    parser.end()
    return Condition(text, tuple(dict.fromkeys(parser.fields)), test)


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        self.fields: list[str] = []
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise ConditionError(f"cannot read the condition at {text[place : place + 20].strip()!r}")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind]))
            place = match.end()

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token

    def _keyword(self, *words: str) -> str | None:
        kind, text = self._peek()
        if kind in ("word", "sign") and text.upper() in words:
            self._at += 1
            return text.upper()
        return None

    def _demand(self, sign: str) -> None:
        if not self._keyword(sign):
            raise ConditionError(f"{sign!r} is missing before {self._peek()[1] or 'the end'!r}")

    def end(self) -> None:
        if self._peek()[0] != "end":
            raise ConditionError(f"nothing was expected at {self._peek()[1]!r}")

    def either(self, depth: int) -> Test:
        if depth > _DEEPEST:
            raise ConditionError("the condition is nested too deeply")
        tests = [self._one(depth)]
        joint = self._keyword("AND", "OR")
        joins = joint
        while joint:
            tests.append(self._one(depth))
            joint = self._keyword("AND", "OR")
            if joint and joint != joins:
                raise ConditionError("AND and OR side by side need parentheses")
        if len(tests) == 1:
            return tests[0]
        combine = all if joins == "AND" else any
        return lambda look: combine(test(look) for test in tests)

    def _one(self, depth: int) -> Test:
        if self._keyword("NOT"):
            if depth > _DEEPEST:
                raise ConditionError("the condition is nested too deeply")
            inner = self._one(depth + 1)
            return lambda look: not inner(look)
        if self._keyword("("):
            inner = self.either(depth + 1)
            self._demand(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Test:
        kind, name = self._next()
        if kind != "word":
            raise ConditionError(f"a field was expected at {name or 'the end'!r}")
        if "." in name:
            raise ConditionError(f"{name}: only fields of the record itself can be asked, not those of its parents")
        self.fields.append(name)
        if self._keyword("NOT"):
            if not self._keyword("IN"):
                raise ConditionError("IN is missing after NOT")
            inside = self._list()
            return lambda look: not any(equal(look(name)) for equal in inside)
        if self._keyword("IN"):
            listed = self._list()
            return lambda look: any(equal(look(name)) for equal in listed)
        if self._keyword("LIKE"):
            kind, raw = self._next()
            if kind != "text":
                raise ConditionError("LIKE needs a text in quotes")
            pattern = _glob(raw[1:-1])
            return lambda look: fnmatchcase(fold(str(look(name) or "")), pattern)
        sign = self._keyword("=", "!=", "<>", *_ORDER)
        if sign is None:
            raise ConditionError(f"an operator was expected at {self._peek()[1] or 'the end'!r}")
        literal = self._literal()
        if sign in _ORDER:
            return _ordered(name, _ORDER[sign], literal)
        equal = _equals(literal)
        if sign == "=":
            return lambda look: equal(look(name))
        return lambda look: not equal(look(name))

    def _list(self) -> list[Callable[[Any], bool]]:
        self._demand("(")
        tests = [_equals(self._literal())]
        while self._keyword(","):
            tests.append(_equals(self._literal()))
        self._demand(")")
        return tests

    def _literal(self) -> Any:
        kind, raw = self._next()
        if kind == "text":
            return re.sub(r"\\(.)", lambda escape: _ESCAPES.get(escape[1], escape[1]), raw[1:-1], flags=re.DOTALL)
        if kind == "number":
            return float(raw)
        if kind == "moment":
            moment = _moment(raw)
            if moment is not None:
                return moment
        known = {"TRUE": True, "FALSE": False, "NULL": None}
        if kind == "word" and raw.upper() in known:
            return known[raw.upper()]
        raise ConditionError(
            f"a text in quotes, a number, a date, TRUE, FALSE or NULL was expected at {raw or 'the end'!r}"
        )


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
    return fold(str(value))


def _truth(value: Any) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def _moment(value: Any) -> datetime | None:
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _glob(raw: str) -> str:
    """Turn a LIKE pattern into a glob; fnmatch matches those without backtracking."""
    out = []
    for escaped, plain in re.findall(r"\\(.)|(.)", raw, flags=re.DOTALL):
        if plain in ("%", "_"):
            out.append("*" if plain == "%" else "?")
        else:
            character = plain or _ESCAPES.get(escaped, escaped)
            out.append(f"[{character}]" if character in "*?[" else character)
    return fold("".join(out))
