"""The syntax tree of a formula. `at` is an offset in its text; `depth` counts the levels below and including a node."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Literal:
    """A number, a text, TRUE, FALSE, or NULL (None)."""

    value: Decimal | str | bool | None
    at: int
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Name:
    """A field, with the relationships that lead to it, or a global such as `$User.Id`."""

    text: str
    at: int
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function; `name` is in upper case, or IF_CHAIN."""

    name: str
    arguments: tuple[Expression, ...]
    at: int
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Chain:
    """Operators of one precedence from left to right: `a + b - c`."""

    first: Expression
    rest: tuple[tuple[str, int, Expression], ...]
    """Operator, its offset, operand."""
    at: int
    depth: int = field(default=1, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Unary:
    operator: str
    """`-`, `+` or `!`."""
    operand: Expression
    at: int
    depth: int = field(default=1, compare=False, repr=False)


IF_CHAIN = "IF ELSE"
"""An IF whose last argument is an IF: one call of 5, 7, ... arguments, so that long chains are not deep."""

Expression = Literal | Name | Call | Chain | Unary


def parts(node: Expression) -> tuple[Expression, ...]:
    """Return the nodes right below one."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Chain):
        return (node.first, *(operand for _, _, operand in node.rest))
    return (node.operand,) if isinstance(node, Unary) else ()


def names(node: Expression) -> list[Name]:
    """Return all names in a tree, in the order of the text."""
    found, waiting = [], [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, Name):
            found.append(one)
        waiting.extend(reversed(parts(one)))
    return found
