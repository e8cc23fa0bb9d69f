"""The grammar of formulas: text to syntax tree, by Lark's LALR parser.

Precedence is Salesforce's (github.com/salesforce/formula-engine, FormulaGrammar.g): `^` binds looser than `*` and `/`,
so that `2*2^3` is 64, as an acknowledged issue of the real platform says; `&` binds like `+`.
"""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache
from typing import TYPE_CHECKING, Any

from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.syntax import IF_CHAIN, Call, Chain, Expression, Literal, Name, Unary

if TYPE_CHECKING:
    from lark import Lark, Token

LONGEST = 5000
"""Characters of a validation rule or default; a formula field has fewer (compiler.LONGEST_FIELD)."""
DEEPEST = 100
"""Levels of a tree. Parentheses alone, chains of operators and chains of IF add none."""

_GRAMMAR = r"""
?start: expression
?expression: disjunction
?disjunction: conjunction (OR conjunction)*    -> chain
?conjunction: equality (AND equality)*         -> chain
?equality: relation (EQUALITY relation)*       -> chain
?relation: sum (RELATION sum)*                 -> chain
?sum: power ((PLUS | MINUS | CONCAT) power)*   -> chain
?power: product (POWER product)*               -> chain
?product: unary ((TIMES | DIVIDE) unary)*      -> chain
?unary: primary | (MINUS | PLUS | BANG | NOT) unary -> unary
?primary: NUMBER -> number
        | STRING -> string
        | TRUE   -> true
        | FALSE  -> false
        | NULL   -> null
        | NAME   -> name
        | "(" expression ")"
        | NAME "(" (expression ("," expression)*)? ")" -> call

NOT.3: /not(?![\w$:.#])/i
TRUE.3: /true(?![\w$:.#])/i
FALSE.3: /false(?![\w$:.#])/i
NULL.3: /null(?![\w$:.#])/i
OR: "||"
AND: "&&"
EQUALITY: "==" | "=" | "<>" | "!="
RELATION: "<=" | ">=" | "<" | ">"
PLUS: "+"
MINUS: "-"
CONCAT: "&"
POWER: "^"
TIMES: "*"
DIVIDE: "/"
BANG: "!"
NUMBER: /[0-9]+(\.[0-9]+)?/
STRING: /"(\\[nrt"'\\]|[^"\\\n\r])*"|'(\\[nrt"'\\]|[^'\\\n\r])*'/
NAME: /[a-zA-Z$][a-zA-Z_0-9$:.#]*/
COMMENT: /\/\*[\s\S]*?\*\//
%ignore /[ \t\f\r\n\u00a0]+/
%ignore COMMENT
"""

_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}
_ESCAPE = re.compile(r"\\(.)")


def parse(text: str) -> Expression:
    """Return the tree of a formula. Raises FormulaError."""
    if not text.strip():
        raise FormulaError("Syntax error.  Missing field name", 0)
    if len(text) > LONGEST:
        raise too_long(text, LONGEST)
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedToken

    try:
        tree: Any = _parser().parse(text)
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise FormulaError(f"Syntax error.  Found '{text[at]}'", at) from None
    except UnexpectedToken as error:
        raise _unexpected(text, error.token, error.accepts or error.expected) from None
    except UnexpectedEOF:
        raise FormulaError("Syntax error.  Found 'end of formula'", len(text)) from None
    found: Expression = tree
    return found


def too_long(text: str, most: int) -> FormulaError:
    return FormulaError(f"Formula is too long ({len(text):,} characters).  Maximum length is {most:,} characters", most)


def _unexpected(text: str, token: Token, expected: Any) -> FormulaError:
    if token.type == "$END":
        # The one thing that is missing is named; where many could follow, what was found is.
        if "RPAR" in expected:
            return FormulaError("Syntax error.  Missing ')'", len(text.rstrip()))
        return FormulaError("Syntax error.  Found 'end of formula'", len(text.rstrip()))
    if token.type == "RPAR" and "$END" in expected:
        return FormulaError("Syntax error. Extra ')'", token.start_pos or 0)
    if token.type == "COMMA" and "$END" in expected:
        return FormulaError("Syntax error. Extra ','", token.start_pos or 0)
    return FormulaError(f"Syntax error.  Found '{token[:80]}'", token.start_pos or 0)


def _deeper(at: int, *below: Expression) -> int:
    depth = 1 + max((one.depth for one in below), default=0)
    if depth > DEEPEST:
        raise FormulaError(f"Formula is too deeply nested.  Maximum depth is {DEEPEST} levels", at)
    return depth


@cache
def _parser() -> Lark:
    from lark import Lark, Transformer, v_args

    @v_args(inline=True)
    class Build(Transformer):  # type: ignore[type-arg]
        """Builds the tree while parsing, so that no recursion over the parse is needed."""

        def chain(self, first: Expression, *more: Any) -> Expression:
            if not more:
                return first
            rest = tuple(
                (str(operator), operator.start_pos or 0, operand)
                for operator, operand in zip(more[::2], more[1::2], strict=True)
            )
            return Chain(first, rest, first.at, _deeper(first.at, first, *more[1::2]))

        def unary(self, operator: Token, operand: Expression) -> Expression:
            at = operator.start_pos or 0
            word = "!" if operator.type in ("NOT", "BANG") else str(operator)
            return Unary(word, operand, at, _deeper(at, operand))

        def number(self, token: Token) -> Expression:
            return Literal(Decimal(str(token)), token.start_pos or 0)

        def string(self, token: Token) -> Expression:
            inside = _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], match[1]), token[1:-1])
            return Literal(inside, token.start_pos or 0)

        def true(self, token: Token) -> Expression:
            return Literal(True, token.start_pos or 0)

        def false(self, token: Token) -> Expression:
            return Literal(False, token.start_pos or 0)

        def null(self, token: Token) -> Expression:
            return Literal(None, token.start_pos or 0)

        def name(self, token: Token) -> Expression:
            return Name(str(token), token.start_pos or 0)

        def call(self, token: Token, *arguments: Expression) -> Expression:
            name, at = token.upper(), token.start_pos or 0
            if name == "IF" and len(arguments) == 3:
                last = arguments[2]
                if isinstance(last, Call) and (
                    last.name == IF_CHAIN or (last.name == "IF" and len(last.arguments) == 3)
                ):
                    name, arguments = IF_CHAIN, (*arguments[:2], *last.arguments)
            return Call(name, arguments, at, _deeper(at, *arguments))

    return Lark(_GRAMMAR, parser="lalr", transformer=Build(), maybe_placeholders=False)
