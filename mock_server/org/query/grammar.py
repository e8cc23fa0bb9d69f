"""SOQL's grammar: text to syntax tree, by Lark's LALR parser. Clauses stand in their fixed order."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.context import failure
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
    from lark import Lark, Token

LONGEST = 100_000
_DEEPEST = 200
"""Nested parentheses: deeper ones would need more stack than any real query."""

GRAMMAR = r"""
start: query
query: SELECT items FROM PATH _alias _others _scope _where _with _group _having _order _limit _offset _purposes
_alias: alias?
_others: other*
_scope: scope?
_where: where?
_with: with?
_group: group?
_having: having?
_order: order?
_limit: limit?
_offset: offset?
_purposes: purpose* all_rows?
items: item ("," item)*
?item: expression | aliased | typeof | "(" query ")"
aliased: expression PATH
?expression: path | call
path: PATH
call: PATH "(" (argument ("," argument)*)? ")"
?argument: expression | constant
constant: STRING | NUMBER
typeof: TYPEOF PATH when+ else? END
when: WHEN PATH THEN paths
else: ELSE paths
paths: PATH ("," PATH)*
alias: AS? PATH
other: "," PATH alias?
scope: USING SCOPE PATH
where: WHERE condition
?condition: term | conjunction | disjunction
conjunction: term (AND term)+
disjunction: term (OR term)+
?term: comparison | "(" condition ")" | negation
negation: NOT term
comparison: expression OPERATOR value  -> compare
          | expression LIKE value      -> like
          | expression IN set          -> within
          | expression NOT IN set      -> without
          | expression INCLUDES values -> includes
          | expression EXCLUDES values -> excludes
?set: values | "(" query ")"
values: "(" value ("," value)* ")"
value: STRING | NUMBER | DATE | DATETIME | TIME | RANGE | PATH
with: WITH (SECURITY_ENFORCED | USER_MODE | SYSTEM_MODE)
    | WITH DATA CATEGORY category (AND category)* -> with_categories
category: PATH SELECTOR (PATH | "(" PATH ("," PATH)* ")")
group: GROUP BY expression ("," expression)*
having: HAVING condition
order: ORDER BY ordering ("," ordering)*
ordering: expression DIRECTION? (NULLS EDGE)?
limit: LIMIT NUMBER
offset: OFFSET NUMBER
purpose: FOR (VIEW | REFERENCE | UPDATE) | UPDATE (TRACKING | VIEWSTAT) ("," (TRACKING | VIEWSTAT))*
all_rows: ALL ROWS

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
SYSTEM_MODE.3: /system_mode\b/i
DATA.3: /data\b/i
CATEGORY.3: /category\b/i
SELECTOR.3: /(at|above|below|above_or_below)\b/i
GROUP.3: /group\b/i
HAVING.3: /having\b/i
TYPEOF.3: /typeof\b(?!\s*[,.(]|\s+from\b)/i
WHEN.3: /when\b/i
THEN.3: /then\b/i
ELSE.3: /else\b/i
END.3: /end\b/i
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
UPDATE.3: /update\b/i
TRACKING.3: /tracking\b/i
VIEWSTAT.3: /viewstat\b/i
ALL.3: /all\b/i
ROWS.3: /rows\b/i
OPERATOR: "=" | "!=" | "<>" | "<=" | ">=" | "<" | ">"
STRING: /'(\\[\s\S]|[^'\\])*'/
DATETIME.5: /\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?/i
DATE.4: /\d{4}-\d\d-\d\d(?![\dT])/
TIME.4: /\d\d:\d\d:\d\d(\.\d+)?Z?/i
RANGE.4: /[a-z_]+\s*:\s*\d+/i
NUMBER.3: /[-+]?(\d+(\.\d*)?|\.\d+)(e[-+]?\d+)?(?![\w.])/i
PATH: /[a-z_][a-z0-9_]*(\s*\.\s*[a-z_][a-z0-9_]*)*/i
%ignore /\s+/
%ignore /\/\*(?:[^*]|\*(?!\/))*\*\//
"""


def parse(soql: str) -> Query:
    """Return the tree of a query. Raises MALFORMED_QUERY with Salesforce's text."""
    if not soql.strip() or soql.lstrip().startswith("/*"):
        raise errors.MALFORMED_QUERY(text="SOQL statements cannot be empty or null")
    if len(soql) > LONGEST:
        raise errors.MALFORMED_QUERY(text=f"SOQL statements can not be longer than {LONGEST} characters")
    tree = read(_parser(), soql)
    assert isinstance(tree, Query)
    return tree


def read(parser: Lark, text: str, *, shown: str | None = None) -> Any:
    """Return what a parser makes of a text. Errors show `shown`, of the same length, in its place.

    Raises MALFORMED_QUERY, QUERY_TOO_COMPLICATED.
    """
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    _refuse_depth(text)
    soql = text if shown is None else shown
    try:
        return parser.parse(text)
    except UnexpectedCharacters as error:
        raise _unreadable(soql, error.pos_in_stream or 0) from None
    except UnexpectedToken as error:
        ended = error.token.type == "$END"
        at = len(soql.rstrip()) if ended else error.token.start_pos or 0
        word = "<EOF>" if ended else str(error.token)
        if "RPAR" in error.expected and error.token.type in _AFTER_PARENTHESES and _open(soql[:at]):
            text = f"expecting a right parentheses, found '{word}'"
            raise failure(errors.MALFORMED_QUERY, soql, at, text, column=max(1, _column(soql, at))) from None
        raise unexpected(soql, at, word) from None
    except _Reserved as error:
        raise unexpected(soql, error.token.start_pos or 0, str(error.token)) from None
    except UnexpectedEOF:
        raise unexpected(soql, len(soql.rstrip()), "<EOF>") from None


def unexpected(soql: str, at: int, token: str) -> ApiError:
    """Return the error for a token that has no place; its column is counted from 0, as recorded."""
    return failure(errors.MALFORMED_QUERY, soql, at, f"unexpected token: '{token}'", column=max(1, _column(soql, at)))


def _open(soql: str) -> bool:
    """Tell whether more parentheses are opened than closed."""
    marks = [match[0] for match in _NESTING.finditer(soql)]
    return marks.count("(") > marks.count(")")


def _column(soql: str, at: int) -> int:
    return at - (soql.rfind("\n", 0, at) + 1)


def _unreadable(soql: str, at: int) -> ApiError:
    character = soql[at]
    if character == ":":
        return failure(errors.MALFORMED_QUERY, soql, at, "Bind variables only allowed in Apex code")
    row, column = soql.count("\n", 0, at) + 1, _column(soql, at)
    if character == "'":
        text = f"line {row}:{_column(soql, len(soql))} mismatched character '<EOF>' expecting '''"
        return errors.MALFORMED_QUERY(text=text)
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


_NESTING = re.compile(r"/\*.*?\*/|'(?:\\.|[^'\\])*'?|[()]|\bnot\b|\band\b|\bor\b", re.IGNORECASE | re.DOTALL)


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", transformer=builder()(), maybe_placeholders=False)


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
                raise _Reserved(token)
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


class _Reserved(Exception):
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
_AFTER_PARENTHESES = frozenset({"$END", "FROM", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR"})


def _alias(token: Token) -> str:
    if token.lower() in _RESERVED:
        raise _Reserved(token)
    return str(token)


def path_of(token: Token) -> Path:
    return Path(tuple(re.split(r"\s*\.\s*", token)), token.start_pos or 0)


def whole_of(token: Token) -> int:
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
