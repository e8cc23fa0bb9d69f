"""From what the parser finds to the nodes of the syntax tree, built while it parses."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.query.syntax import (
    Aliased,
    Call,
    Comparison,
    Condition,
    Expression,
    Group,
    Junction,
    Not,
    Order,
    Path,
    Query,
    TypeOf,
    Value,
)

if TYPE_CHECKING:
    from lark import Token


@cache
def builder() -> type[Any]:
    """Return the class that builds trees while parsing."""
    from lark import Transformer, v_args

    @v_args(inline=True)
    class Build(Transformer):  # type: ignore[type-arg]
        """Builds the tree while parsing, so that no recursion over the parse is needed."""

        def start(self, query: Query) -> Query:
            return query

        def query(self, select: Token, items: tuple[Any, ...], _: Token, source: Token, *clauses: Any) -> Query:
            found: dict[str, Any] = {}
            for name, value in clauses:
                # Further sources and purposes may come several times.
                found[name] = (*found[name], *value) if name in found else value
            if "purposes" in found:
                found["purposes"] = frozenset(found["purposes"])
            return Query(items, path_of(source), at=select.start_pos or 0, **found)

        def items(self, *items: Any) -> tuple[Any, ...]:
            return items

        def path(self, token: Token) -> Path:
            if token.lower() in _KEYWORDS:
                raise Reserved(token)
            return path_of(token)

        def call(self, name: Token, *arguments: Any) -> Call:
            return Call(str(name), arguments, name.start_pos or 0)

        def constant(self, token: Token) -> Value:
            return _value(token)

        def aliased(self, item: Path | Call, alias: Token) -> Aliased:
            return Aliased(item, _alias(alias), alias.start_pos or 0)

        def typeof(self, word: Token, reference: Token, *parts: Any) -> TypeOf:
            cases = tuple(part for part in parts if isinstance(part, tuple))
            other = next((part for part in parts if isinstance(part, list)), [])
            return TypeOf(path_of(reference), cases, tuple(other), word.start_pos or 0)

        def when(self, _when: Token, name: Token, _then: Token, fields: list[Path]) -> tuple[Path, tuple[Path, ...]]:
            return path_of(name), tuple(fields)

        def else_(self, _: Token, fields: list[Path]) -> list[Path]:
            return fields

        def paths(self, *tokens: Token) -> list[Path]:
            return [path_of(token) for token in tokens]

        def alias(self, *tokens: Token) -> tuple[str, str]:
            return ("alias", _alias(tokens[-1]))

        def other(self, path: Token, *alias: tuple[str, str]) -> tuple[str, tuple[tuple[Path, str | None]]]:
            return ("others", ((path_of(path), alias[0][1] if alias else None),))

        def scope(self, _using: Token, _scope: Token, name: Token) -> tuple[str, Path]:
            return ("scope", path_of(name))

        def where(self, _: Token, condition: Condition) -> tuple[str, Condition]:
            return ("where", condition)

        def conjunction(self, *parts: Any) -> Junction:
            return Junction("AND", tuple(parts[::2]))

        def disjunction(self, *parts: Any) -> Junction:
            return Junction("OR", tuple(parts[::2]))

        def negation(self, _: Token, condition: Condition) -> Not:
            return Not(condition)

        def compare(self, path: Expression, operator: Token, value: Value) -> Comparison:
            return Comparison(path, "!=" if operator == "<>" else str(operator), value)

        def like(self, path: Expression, _: Token, value: Value) -> Comparison:
            return Comparison(path, "LIKE", value)

        def within(self, path: Expression, _: Token, found: Any) -> Comparison:
            return Comparison(path, "IN", found)

        def without(self, path: Expression, _not: Token, _in: Token, found: Any) -> Comparison:
            return Comparison(path, "NOT IN", found)

        def includes(self, path: Expression, _: Token, found: Any) -> Comparison:
            return Comparison(path, "INCLUDES", found)

        def excludes(self, path: Expression, _: Token, found: Any) -> Comparison:
            return Comparison(path, "EXCLUDES", found)

        def values(self, *values: Value) -> tuple[Value, ...]:
            return values

        def value(self, token: Token) -> Value:
            return _value(token)

        def with_(self, _: Token, mode: Token) -> tuple[str, str]:
            return ("mode", mode.upper())

        def category(self, group: Token, *_: Token) -> Path:
            return path_of(group)

        def with_categories(self, *parts: Any) -> tuple[str, tuple[Path, ...]]:
            return ("categories", tuple(part for part in parts if isinstance(part, Path)))

        def order(self, _order: Token, _by: Token, *orderings: Order) -> tuple[str, tuple[Order, ...]]:
            return ("order", orderings)

        def ordering(self, key: Expression, *words: Token) -> Order:
            said = [word.lower() for word in words]
            return Order(key, "desc" in said, "last" in said)

        def limit(self, _: Token, number: Token) -> tuple[str, int]:
            return ("limit", whole_of(number))

        def offset(self, _: Token, number: Token) -> tuple[str, int]:
            return ("offset", whole_of(number))

        def group(self, word: Token, _by: Token, *keys: Expression) -> tuple[str, Group]:
            (first, *more) = keys
            kind = first.name.lower() if isinstance(first, Call) and not more else ""
            if isinstance(first, Call) and kind in ("rollup", "cube"):
                return ("group", Group(first.arguments, kind, word.start_pos or 0))  # type: ignore[arg-type]
            return ("group", Group(keys, "none", word.start_pos or 0))

        def having(self, _: Token, condition: Condition) -> tuple[str, Condition]:
            return ("having", condition)

        def purpose(self, _: Token, *words: Token) -> tuple[str, tuple[str, ...]]:
            return ("purposes", tuple(word.upper() for word in words))

        def all_rows(self, *_: Token) -> tuple[str, bool]:
            return ("all_rows", True)

    build: Any = Build
    setattr(build, "with", build.with_)
    setattr(build, "else", build.else_)
    return Build


class Reserved(Exception):
    """A reserved word where a name is due."""

    def __init__(self, token: Token) -> None:
        super().__init__(token)
        self.token = token


_RESERVED = frozenset(
    [
        "and",
        "asc",
        "desc",
        "excludes",
        "first",
        "from",
        "group",
        "having",
        "in",
        "includes",
        "last",
        "like",
        "limit",
        "not",
        "null",
        "nulls",
        "or",
        "select",
        "using",
        "where",
        "with",
    ]
)
"""Words that cannot be an alias (SOQL and SOSL Reference, "Reserved Keywords")."""
_KEYWORDS = frozenset({"select", "from", "where", "and", "or", "like", "having", "limit", "using", "with"})
"""Words that no field bears, so that one where a field is due is out of place."""


def _alias(token: Token) -> str:
    if token.lower() in _RESERVED:
        raise Reserved(token)
    return str(token)


def path_of(token: Token) -> Path:
    return Path(tuple(re.split(r"\s*\.\s*", token)), token.start_pos or 0)


_LARGEST_WHOLE = 2**31
_MANY_DIGITS = 11
"""Any number of so many digits is larger; Python reads none of thousands."""


def whole_of(token: Token) -> int:
    if not token.isdecimal():
        raise errors.MALFORMED_QUERY(text=f"unexpected token: '{token}'")
    digits = token.lstrip("0")
    return min(int(digits or "0"), _LARGEST_WHOLE) if len(digits) < _MANY_DIGITS else _LARGEST_WHOLE


def _value(token: Token) -> Value:
    at, text = token.start_pos or 0, str(token)
    if token.type == "STRING":
        return Value("string", text[1:-1], at)
    if token.type == "PATH":
        word = text.lower()
        if word in ("true", "false"):
            return Value("boolean", word, at)
        return Value("null", word, at) if word == "null" else Value("name", text, at)
    if token.type == "RANGE":
        return Value("range", re.sub(r"\s", "", text).upper(), at)
    return Value(token.type.lower(), text, at)  # type: ignore[arg-type]
