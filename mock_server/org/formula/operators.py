"""The operators of formulas: which kinds each takes, and what it compiles to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mock_server.org.formula.kinds import TEXTUAL, Kind
from mock_server.org.formula.problems import FormulaError
from mock_server.org.formula.syntax import Chain, Unary

if TYPE_CHECKING:
    from mock_server.org.formula.compiler import Unit
    from mock_server.org.formula.pieces import Piece

_NULL_SAFE = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "^": "power"}
_RELATIONS = {
    "<": ("less", False), "<=": ("less_or_equal", False), ">": ("less", True), ">=": ("less_or_equal", True),
}  # fmt: skip
"""The function, and whether its arguments change places."""
_ORDERED: tuple[Kind, ...] = ("Number", "Date", "DateTime")
_SUMS: dict[tuple[str, Kind, Kind], tuple[Kind, str]] = {
    ("+", "Date", "Number"): ("Date", "date_plus({0}, {1})"),
    ("+", "Number", "Date"): ("Date", "date_plus({1}, {0})"),
    ("-", "Date", "Number"): ("Date", "date_minus({0}, {1})"),
    ("-", "Date", "Date"): ("Number", "days_between({0}, {1})"),
    ("+", "DateTime", "Number"): ("DateTime", "datetime_plus({0}, {1})"),
    ("+", "Number", "DateTime"): ("DateTime", "datetime_plus({1}, {0})"),
    ("-", "DateTime", "Number"): ("DateTime", "datetime_minus({0}, {1})"),
    ("-", "DateTime", "DateTime"): ("Number", "datetimes_between({0}, {1})"),
    ("+", "Time", "Number"): ("Time", "time_plus({0}, {1})"),
    ("-", "Time", "Number"): ("Time", "time_minus({0}, {1})"),
    ("-", "Time", "Time"): ("Number", "times_between({0}, {1})"),
    ("+", "Text", "Text"): ("Text", "joined({0}, {1})"),
}


def unary(unit: Unit, node: Unary) -> Piece:
    operand = unit.compile(node.operand)
    if node.operator == "!":
        code = unit.want(operand, "Boolean", "function 'NOT()'")
        made = f"not_({code})" if operand.nullable else f"(not {code})"
        return unit.piece("Boolean", made, node.at, operand, nullable=operand.nullable)
    code = unit.want(operand, "Number", f"operator '{node.operator}'")
    if node.operator == "+":
        return operand if operand.kind == "Number" else unit.piece("Number", code, node.at, operand)
    made = f"negate({code})" if operand.nullable else f"(-{code})"
    return unit.piece("Number", made, node.at, operand, nullable=operand.nullable)


def chain(unit: Unit, node: Chain) -> Piece:
    if node.rest[0][0] in ("||", "&&"):
        return _logical(unit, node)
    left = unit.compile(node.first)
    for operator, at, operand in node.rest:
        left = binary(unit, operator, at, left, unit.compile(operand))
    return left


def _logical(unit: Unit, node: Chain) -> Piece:
    operator = node.rest[0][0]
    parts = [unit.compile(one) for one in (node.first, *(operand for _, _, operand in node.rest))]
    return logical(unit, "or" if operator == "||" else "and", parts, f"operator '{operator}'", node.at)


def logical(unit: Unit, word: str, parts: list[Piece], where: str, at: int) -> Piece:
    """Join truth values by `and` or `or`; blank counts as false. Later parts are worked out only where they matter."""
    codes = [unit.want(part, "Boolean", where) for part in parts]
    if len(codes) > 40:
        # Python's compiler descends into long chains.
        stop = "True" if word == "or" else "False"
        tests = [f"if ({code}) is{'' if word == 'or' else ' not'} True: return {stop}" for code in codes]
        return unit.piece("Boolean", unit.helper([*tests, f"return {word == 'and'}"]), at, nullable=False)
    return unit.piece("Boolean", f"(({f' {word} '.join(codes)}) is True)", at, *parts, nullable=False)


def binary(unit: Unit, operator: str, at: int, left: Piece, right: Piece) -> Piece:
    where = f"operator '{operator}'"
    if operator == "&":
        codes = unit.want(left, "Text", where), unit.want(right, "Text", where)
        return unit.piece("Text", f"joined({codes[0]}, {codes[1]})", at, left, right, nullable=False)
    if operator in ("=", "==", "<>", "!="):
        return equality(unit, operator, at, left, right)
    if operator in _RELATIONS:
        return _relation(unit, operator, at, left, right)
    if operator in "+-" and {left.kind, right.kind} != {"Number"}:
        return _sum(unit, operator, at, left, right)
    first, second = unit.want(left, "Number", where), unit.want(right, "Number", where)
    nullable = left.nullable or right.nullable
    if nullable or operator in "/^":
        made = f"{_NULL_SAFE[operator]}({first}, {second})"
    else:
        made = f"({first} {operator} {second})"
    return unit.piece("Number", made, at, left, right, nullable=nullable)


def _sum(unit: Unit, operator: str, at: int, left: Piece, right: Piece) -> Piece:
    """Add or subtract what are not both numbers."""
    where = f"operator '{operator}'"
    unit.refuse_picklist(left)
    unit.refuse_picklist(right)
    if "Null" in (left.kind, right.kind):
        other = right if left.kind == "Null" else left
        if other.kind == "Boolean":
            raise unit.mismatch(other, _ORDERED, where)
        if other.kind == "Text":
            return other
        return unit.piece("Null", "None", at)
    known = _SUMS.get((operator, left.kind, right.kind))
    if known is None:
        if left.kind in ("Number", "Date", "DateTime"):
            raise unit.mismatch(right, ("Number",) if left.kind == "Number" else ("Number", left.kind), where)
        raise unit.mismatch(left, _ORDERED, where)
    kind, template = known
    return unit.piece(
        kind, template.format(left.code, right.code), at, left, right,
        nullable=kind != "Text" and (left.nullable or right.nullable),
    )  # fmt: skip


def equality(unit: Unit, operator: str, at: int, left: Piece, right: Piece) -> Piece:
    where = f"operator '{'=' if operator in ('=', '==') else '<>'}'"
    for side in (left, right):
        if side.kind == "Geolocation":
            raise FormulaError(f"Incorrect argument type for {where}.", side.at)
    kind = unit.common(left, right, where)
    first, second = unit.as_kind(left, kind), unit.as_kind(right, kind)
    same = operator in ("=", "==")
    nullable = kind not in TEXTUAL and (left.nullable or right.nullable)
    if nullable:
        made = f"{'equal' if same else 'unequal'}({first}, {second})"
    else:
        made = f"({first} {'==' if same else '!='} {second})"
    return unit.piece("Boolean", made, at, left, right, nullable=nullable)


def _relation(unit: Unit, operator: str, at: int, left: Piece, right: Piece) -> Piece:
    where = f"operator '{operator}'"
    for side in (left, right):
        unit.refuse_picklist(side)
        if side.kind in ("Boolean", "Geolocation"):
            raise unit.mismatch(side, _ORDERED, where)
    kind = unit.common(left, right, where)
    first, second = unit.as_kind(left, kind), unit.as_kind(right, kind)
    function, swapped = _RELATIONS[operator]
    if kind == "Text":
        function = f"text_{function}"
    elif not (left.nullable or right.nullable):
        return unit.piece("Boolean", f"({first} {operator} {second})", at, left, right, nullable=False)
    if swapped:
        first, second = second, first
    return unit.piece("Boolean", f"{function}({first}, {second})", at, left, right)
