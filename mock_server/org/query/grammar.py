"""SOQL's grammar, and the errors of what it does not know. Clauses stand in their fixed order."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.context import failure
from mock_server.org.query.syntax import Query
from mock_server.org.query.trees import Reserved, builder

if TYPE_CHECKING:
    from lark import Lark

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
    except Reserved as error:
        raise unexpected(soql, error.token.start_pos or 0, str(error.token)) from None
    except UnexpectedEOF:
        raise unexpected(soql, len(soql.rstrip()), "<EOF>") from None


_AFTER_PARENTHESES = frozenset({"$END", "FROM", "WHERE", "WITH", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "FOR"})


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


_NESTING = re.compile(r"/\*(?:.*?\*/|.*)|'(?:\\.|[^'\\])*'?|[()]|\bnot\b|\band\b|\bor\b", re.IGNORECASE | re.DOTALL)


@cache
def _parser() -> Lark:
    from lark import Lark

    return Lark(GRAMMAR, parser="lalr", transformer=builder()(), maybe_placeholders=False)
