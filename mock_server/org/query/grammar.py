"""SOQL's grammar: text to syntax tree, by Lark's LALR parser. Clauses stand in their fixed order."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.context import failure
from mock_server.org.query.syntax import Call, Comparison, Condition, Junction, Not, Order, Path, Query, Value

if TYPE_CHECKING:
    from lark import Lark, Token

LONGEST = 100_000
_DEEPEST = 200
"""Nested parentheses: deeper ones would need more stack than any real query."""

_GRAMMAR = r"""
start: query
query: SELECT items FROM PATH alias? scope? where? with? order? limit? offset? view?
items: item ("," item)*
?item: path | call | "(" query ")"
path: PATH
call: PATH "(" PATH? ")"
alias: AS? PATH
scope: USING SCOPE PATH
where: WHERE condition
?condition: term | conjunction | disjunction
conjunction: term (AND term)+
disjunction: term (OR term)+
?term: comparison | "(" condition ")" | negation
negation: NOT term
comparison: PATH OPERATOR value        -> compare
          | PATH LIKE value            -> like
          | PATH IN set                -> within
          | PATH NOT IN set            -> without
          | PATH INCLUDES values       -> includes
          | PATH EXCLUDES values       -> excludes
?set: values | "(" query ")"
values: "(" value ("," value)* ")"
value: STRING | NUMBER | DATE | DATETIME | TIME | RANGE | PATH
with: WITH (SECURITY_ENFORCED | USER_MODE)
order: ORDER BY ordering ("," ordering)*
ordering: PATH DIRECTION? (NULLS EDGE)?
limit: LIMIT NUMBER
offset: OFFSET NUMBER
view: FOR (VIEW | REFERENCE)

SELECT.3: /select\b/i
FROM.3: /from\b/i
AS.3: /as\b/i
USING.3: /using\b/i
SCOPE.3: /scope\b/i
WHERE.3: /where\b/i
AND.3: /and\b/i
OR.3: /or\b/i
NOT.3: /not\b/i
LIKE.3: /like\b/i
IN.3: /in\b/i
INCLUDES.3: /includes\b/i
EXCLUDES.3: /excludes\b/i
WITH.3: /with\b/i
SECURITY_ENFORCED.3: /security_enforced\b/i
USER_MODE.3: /user_mode\b/i
ORDER.3: /order\b/i
BY.3: /by\b/i
DIRECTION.3: /(asc|desc)\b/i
NULLS.3: /nulls\b/i
EDGE.3: /(first|last)\b/i
LIMIT.3: /limit\b/i
OFFSET.3: /offset\b/i
FOR.3: /for\b/i
VIEW.3: /view\b/i
REFERENCE.3: /reference\b/i
OPERATOR: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
STRING: /'(\\[\s\S]|[^'\\])*'/
DATETIME.5: /\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)/i
DATE.4: /\d{4}-\d\d-\d\d(?![\dT])/
TIME.4: /\d\d:\d\d:\d\d(\.\d+)?Z?/i
RANGE.4: /[a-z_]+\s*:\s*\d+/i
NUMBER.3: /[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?(?![\w.])/i
PATH: /[a-z_][a-z0-9_]*(\s*\.\s*[a-z_][a-z0-9_]*)*/i
%ignore /\s+/
"""


def parse(soql: str) -> Query:
    """Return the tree of a query. Raises MALFORMED_QUERY with Salesforce's text."""
    if not soql.strip() or soql.lstrip().startswith("/**/"):
        raise errors.MALFORMED_QUERY(text="SOQL statements cannot be empty or null")
    if len(soql) > LONGEST:
        raise errors.MALFORMED_QUERY(text=f"SOQL statements can not be longer than {LONGEST} characters")
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    _refuse_depth(soql)
    try:
        tree: Any = _parser().parse(soql)
    except UnexpectedCharacters as error:
        raise _unreadable(soql, error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        at = len(soql.rstrip()) if ended else error.token.start_pos or 0
        raise unexpected(soql, at, "<EOF>" if ended else str(error.token)) from None
    except UnexpectedEOF:
        raise unexpected(soql, len(soql.rstrip()), "<EOF>") from None
    assert isinstance(tree, Query)
    return tree


def unexpected(soql: str, at: int, token: str) -> ApiError:
    """Return the error for a token that has no place; its column is counted from 0, as recorded."""
    return failure(errors.MALFORMED_QUERY, soql, at, f"unexpected token: '{token}'", column=max(1, _column(soql, at)))


def _column(soql: str, at: int) -> int:
    return at - (soql.rfind("\n", 0, at) + 1)


def _unreadable(soql: str, at: int) -> ApiError:
    character = soql[at]
    if character == ":":
        return failure(errors.MALFORMED_QUERY, soql, at, "Bind variables only allowed in Apex code")
    row, column = soql.count("\n", 0, at) + 1, _column(soql, at)
    return errors.MALFORMED_QUERY(text=f"line {row}:{column} no viable alternative at character '{character}'")


def _refuse_depth(soql: str) -> None:
    depth = 0
    for match in _NESTING.finditer(soql):
        word = match[0]
        if word == "(" or word.lower() == "not":
            depth += 1
            if depth > _DEEPEST:
                raise errors.QUERY_TOO_COMPLICATED()
        elif word == ")":
            depth -= 1
        elif word.lower() in ("and", "or"):
            # A chain of NOTs ends with its comparison.
            depth = min(depth, _DEEPEST)


_NESTING = re.compile(r"'(?:\\.|[^'\\])*'?|[()]|\bnot\b|\band\b|\bor\b", re.IGNORECASE | re.DOTALL)


@cache
def _parser() -> Lark:
    from lark import Lark, Transformer, v_args

    @v_args(inline=True)
    class Build(Transformer):  # type: ignore[type-arg]
        """Builds the tree while parsing, so that no recursion over the parse is needed."""

        def start(self, query: Query) -> Query:
            return query

        def query(self, select: Token, items: tuple[Any, ...], _: Token, source: Token, *clauses: Any) -> Query:
            found: dict[str, Any] = dict(clause for clause in clauses if clause is not None)
            return Query(items, _path(source), at=select.start_pos or 0, **found)

        def items(self, *items: Any) -> tuple[Any, ...]:
            return items

        def path(self, token: Token) -> Path:
            return _path(token)

        def call(self, name: Token, argument: Token | None = None) -> Call:
            return Call(str(name), _path(argument) if argument is not None else None, name.start_pos or 0)

        def alias(self, *tokens: Token) -> tuple[str, str]:
            return ("alias", str(tokens[-1]))

        def scope(self, *_: Token) -> None:
            # Scopes narrow by ownership and teams; every record is the default user's own.
            return None

        def where(self, _: Token, condition: Condition) -> tuple[str, Condition]:
            return ("where", condition)

        def conjunction(self, *parts: Any) -> Junction:
            return Junction("AND", tuple(parts[::2]))

        def disjunction(self, *parts: Any) -> Junction:
            return Junction("OR", tuple(parts[::2]))

        def negation(self, _: Token, condition: Condition) -> Not:
            return Not(condition)

        def compare(self, path: Token, operator: Token, value: Value) -> Comparison:
            return Comparison(_path(path), "!=" if operator == "<>" else str(operator), value)

        def like(self, path: Token, _: Token, value: Value) -> Comparison:
            return Comparison(_path(path), "LIKE", value)

        def within(self, path: Token, _: Token, found: Any) -> Comparison:
            return Comparison(_path(path), "IN", found)

        def without(self, path: Token, _not: Token, _in: Token, found: Any) -> Comparison:
            return Comparison(_path(path), "NOT IN", found)

        def includes(self, path: Token, _: Token, found: Any) -> Comparison:
            return Comparison(_path(path), "INCLUDES", found)

        def excludes(self, path: Token, _: Token, found: Any) -> Comparison:
            return Comparison(_path(path), "EXCLUDES", found)

        def values(self, *values: Value) -> tuple[Value, ...]:
            return values

        def value(self, token: Token) -> Value:
            return _value(token)

        def with_(self, *_: Token) -> None:
            # Every field is visible to the default user: enforcing security changes nothing.
            return None

        def order(self, _order: Token, _by: Token, *orderings: Order) -> tuple[str, tuple[Order, ...]]:
            return ("order", orderings)

        def ordering(self, path: Token, *words: Token) -> Order:
            said = [word.lower() for word in words]
            return Order(_path(path), "desc" in said, "last" in said)

        def limit(self, _: Token, number: Token) -> tuple[str, int]:
            return ("limit", _whole(number))

        def offset(self, _: Token, number: Token) -> tuple[str, int]:
            return ("offset", _whole(number))

        def view(self, *_: Token) -> None:
            return None

    build: Any = Build
    setattr(build, "with", build.with_)
    return Lark(_GRAMMAR, parser="lalr", transformer=build(), maybe_placeholders=False)


def _path(token: Token) -> Path:
    return Path(tuple(re.split(r"\s*\.\s*", token)), token.start_pos or 0)


def _whole(token: Token) -> int:
    if not token.isdigit():
        raise errors.MALFORMED_QUERY(text=f"unexpected token: '{token}'")
    return min(int(token), 2**31)


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


_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_ESCAPE = re.compile(r"\\(u[0-9a-fA-F]{4}|[\s\S])")


def text_of(literal: str) -> str:
    """Return the text that a string literal's inside stands for. Raises MALFORMED_QUERY for an unknown escape."""
    return _ESCAPE.sub(lambda match: _resolve(match, pattern=False), literal) if "\\" in literal else literal


def pattern_of(literal: str) -> str:
    """Return a LIKE pattern in which a backslash escapes `%`, `_` and itself."""
    return _ESCAPE.sub(lambda match: _resolve(match, pattern=True), literal) if "\\" in literal else literal


def _resolve(match: re.Match[str], *, pattern: bool) -> str:
    escape = match[1]
    if escape in ("%", "_"):
        return f"\\{escape}" if pattern else escape
    if len(escape) == 5:
        code = int(escape[1:], 16)
        # A lone surrogate is no text.
        return "\ufffd" if 0xD800 <= code <= 0xDFFF else chr(code)
    if escape not in _ESCAPES:
        raise errors.MALFORMED_QUERY(
            text=f"Invalid string literal '{match.string[:100]}'. Illegal character sequence '\\{escape}' in string "
            "literal."
        )
    return "\\\\" if pattern and escape == "\\" else _ESCAPES[escape]
