"""Random well-typed formulas, and an evaluator that walks their trees: slow, and written apart from the compiler.

A tree is a tuple: operation, then its operands. Values are as in `values`; `Fault` stands for #Error!.
"""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Context, Decimal, DecimalException
from fractions import Fraction
from typing import Any

from hypothesis import strategies as st

Tree = tuple[Any, ...]
_WIDE = Context(prec=39, rounding=ROUND_HALF_UP)
_NARROW = Context(prec=33, rounding=ROUND_HALF_UP)
TODAY = date(2024, 3, 1)


class Fault(Exception):
    """What people see as #Error!."""


# -- text of a tree

_LEVELS = {"||": 1, "&&": 2, "=": 3, "<>": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "&": 5, "*": 7, "/": 7}
_OTHER_WORDS = {"=": "==", "<>": "!="}


def render(tree: Tree, level: int = 0) -> str:
    """Write a tree with as few parentheses as precedence allows."""
    word, *operands = tree
    if word == "number":
        return f"{operands[0]:f}"
    if word == "text":
        inside = operands[0].replace("\\", "\\\\").replace('"', '\\"')
        return f'"{inside}"'
    if word in ("name", "bool"):
        return str(operands[0])
    if word == "paren":
        return f"( {render(operands[0])} )"
    if word in ("neg", "not"):
        text = f"{'-' if word == 'neg' else '!'}{render(operands[0], 8)}"
        return f"({text})" if level > 8 else text
    if word in _LEVELS:
        own = _LEVELS[word]
        left, right, other = render(operands[0], own), render(operands[1], own + 1), operands[2]
        sign = _OTHER_WORDS.get(word, word) if other else word
        text = f"{left} {sign} {right}" if not other else f"{left}{sign}/* {sign} */{right}"
        return f"({text})" if own < level else text
    return f"{word}({', '.join(render(one) for one in operands)})"


# -- value of a tree


def _number(work: Any, *values: Decimal) -> Decimal:
    try:
        found: Decimal = work(*values)
    except DecimalException:
        raise Fault from None
    return found


def evaluate(tree: Tree, row: dict[str, Any]) -> Any:
    word, *operands = tree
    if word in ("number", "text"):
        return operands[0]
    if word == "bool":
        return operands[0] == "TRUE"
    if word == "name":
        return TODAY if operands[0] == "TODAY()" else row[operands[0]]
    if word == "paren":
        return evaluate(operands[0], row)
    if word in ("||", "&&", "AND", "OR"):
        parts = operands[:2] if word in ("||", "&&") else operands
        wanted = word in ("||", "OR")
        for part in parts:
            if (evaluate(part, row) is True) is wanted:
                return wanted
        return not wanted
    if word == "IF":
        return evaluate(operands[1] if evaluate(operands[0], row) is True else operands[2], row)
    if word == "BLANKVALUE":
        first = evaluate(operands[0], row)
        return evaluate(operands[1], row) if first is None or first == "" else first
    if word == "CASE":
        subject, *rest = operands
        found = evaluate(subject, row)
        for place in range(0, len(rest) - 1, 2):
            wanted = evaluate(rest[place], row)
            if found is not None and found == wanted:
                return evaluate(rest[place + 1], row)
        return evaluate(rest[-1], row)
    if word in _LEVELS:
        operands = operands[:2]
    return _apply(word, [evaluate(one, row) for one in operands])


def _apply(word: str, given: list[Any]) -> Any:
    first = given[0]
    second = given[1] if len(given) > 1 else None
    if word in ("ISBLANK", "ISNULL"):
        return first is None or (first == "" and word == "ISBLANK")
    if word in ("=", "<>"):
        if first is None or second is None:
            return None
        return (first == second) is (word == "=")
    if word in ("<", "<=", ">", ">="):
        if first in (None, "") or second in (None, ""):
            return None
        return {"<": first < second, "<=": first <= second, ">": first > second, ">=": first >= second}[word]
    if word == "not":
        return None if first is None else not first
    if word in _TEXTS:
        return _TEXTS[word](*given)
    if None in given:
        return None
    if word == "+" and isinstance(first, date):
        return _day(first, second)
    if word == "-" and isinstance(second, date):
        return Decimal((first - second).days)
    if word == "-" and isinstance(first, date):
        return _day(first, second.copy_negate())
    if word == "/" and not second:
        raise Fault
    return _NUMBERS[word](*given)


def _day(day: date, days: Decimal) -> date:
    try:
        return day + timedelta(days=int(days))
    except OverflowError:
        raise Fault from None


def _round(value: Decimal, places: Decimal) -> Decimal:
    scale = Fraction(10) ** int(places)
    exact = Fraction(value) * scale
    whole = int(abs(exact) + Fraction(1, 2))
    rounded = Fraction(whole if exact >= 0 else -whole) / scale
    return _WIDE.divide(Decimal(rounded.numerator), Decimal(rounded.denominator))


def _toward(value: Decimal, up: bool) -> Decimal:
    near = Fraction(_NARROW.plus(value))
    whole = int(near)
    if up and near != whole:
        whole += 1 if near > 0 else -1
    return Decimal(whole)


def _months(day: date, months: Decimal) -> date:
    index = day.year * 12 + day.month - 1 + int(months)
    if not 12 <= index < 120_000:
        raise Fault
    year, month = divmod(index, 12)
    first_of_next = date(year + month // 11, (month + 1) % 12 + 1, 1) if (year, month) != (9999, 11) else None
    last = (first_of_next - timedelta(days=1)).day if first_of_next else 31
    stays_last = (day + timedelta(days=1)).day == 1
    return date(year, month + 1, last if stays_last else min(last, day.day))


_NUMBERS: dict[str, Any] = {
    "+": lambda a, b: _number(_WIDE.add, a, b),
    "-": lambda a, b: _number(_WIDE.subtract, a, b),
    "*": lambda a, b: _number(_WIDE.multiply, a, b),
    "/": lambda a, b: _number(_WIDE.divide, a, b),
    "neg": Decimal.copy_negate,
    "ABS": Decimal.copy_abs,
    "ROUND": _round,
    "FLOOR": lambda a: _toward(a, False),
    "CEILING": lambda a: _toward(a, True),
    "MIN": min,
    "MAX": max,
    "MONTH": lambda day: Decimal(day.month),
    "YEAR": lambda day: Decimal(day.year),
    "ADDMONTHS": _months,
}


def _shown(value: Decimal | None) -> str:
    if value is None:
        return ""
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text in ("-0", "") else text


def _cut(text: str, count: Decimal | None) -> str:
    return "" if count is None or count <= 0 else text[: int(count)]


def _filled(text: str, count: Decimal | None, pad: str) -> str:
    if not text or count is None or count <= 0:
        return ""
    if count > 100_000:
        raise Fault
    filling = ""
    while pad and len(filling) + len(text) < int(count):
        filling += pad
    return (filling[: max(0, int(count) - len(text))] + text)[: int(count)]


_TEXTS: dict[str, Any] = {
    "&": lambda a, b: a + b,
    "LEN": lambda text: Decimal(len(text)),
    "UPPER": str.upper,
    "LOWER": str.lower,
    "LEFT": _cut,
    "LPAD": _filled,
    "TEXT": lambda value: value if isinstance(value, str) else value.isoformat() if isinstance(value, date) else _shown(value),
    "SUBSTITUTE": lambda text, old, new: text.replace(old, new) if old else text,
    "FIND": lambda part, text: Decimal(text.index(part) + 1 if part and text and part in text else 0),
    "CONTAINS": lambda text, part: True if not part else None if not text else part in text,
    "BEGINS": lambda text, part: True if not part else None if not text else text[: len(part)] == part,
    "ISPICKVAL": lambda chosen, value: chosen == value,
    "INCLUDES": lambda chosen, value: value in chosen.split(";") if chosen else value == "",
}  # fmt: skip


# -- random trees

_SMALL = st.integers(-3, 12).map(Decimal)
_CONSTANTS = st.one_of(_SMALL, st.decimals(0, 10_000, places=2, allow_nan=False)).map(lambda one: ("number", abs(one)))
_STRINGS = st.text(alphabet='abB é"\\0', max_size=3).map(lambda one: ("text", one))


def _names(*names: str) -> st.SearchStrategy[Tree]:
    return st.sampled_from([("name", name) for name in names])


def _both(words: list[str], left: Any, right: Any | None = None) -> st.SearchStrategy[Tree]:
    return st.tuples(st.sampled_from(words), left, left if right is None else right, st.booleans())


def _trees(depth: int) -> dict[str, st.SearchStrategy[Tree]]:
    leaves = {
        "Number": st.one_of(_names("N__c", "M__c"), _CONSTANTS),
        "Text": st.one_of(_names("T__c", "U__c"), _STRINGS),
        "Boolean": st.one_of(_names("B__c", "C__c"), st.sampled_from([("bool", "TRUE"), ("bool", "FALSE")])),
        "Date": _names("D__c", "E__c", "TODAY()"),
    }
    if depth == 0:
        return leaves
    below = _trees(depth - 1)
    number, text, truth, day = below["Number"], below["Text"], below["Boolean"], below["Date"]
    whole = st.integers(0, 9).map(lambda one: ("number", Decimal(one)))
    call = st.tuples
    word = st.just

    def choice(kind: st.SearchStrategy[Tree]) -> list[st.SearchStrategy[Tree]]:
        return [
            call(word("IF"), truth, kind, kind),
            call(word("CASE"), text, _STRINGS, kind, _STRINGS, kind, kind),
            kind.map(lambda one: ("paren", one)),
        ]

    return {
        "Number": st.one_of(
            leaves["Number"], _both(["+", "-", "*", "/"], number), call(word("neg"), number),
            call(st.sampled_from(["ABS", "FLOOR", "CEILING"]), number), call(word("ROUND"), number, whole),
            call(st.sampled_from(["MIN", "MAX"]), number, number), call(word("BLANKVALUE"), number, number),
            call(word("LEN"), text), call(word("FIND"), text, text), _both(["-"], day),
            call(st.sampled_from(["MONTH", "YEAR"]), day), call(word("CASE"), number, number, number, number),
            *choice(number),
        ),
        "Text": st.one_of(
            leaves["Text"], _both(["&"], text), call(st.sampled_from(["UPPER", "LOWER"]), text),
            call(word("LEFT"), text, number), call(word("LPAD"), text, whole, text), call(word("TEXT"), number),
            call(word("TEXT"), day), call(word("TEXT"), word(("name", "P__c"))),
            call(word("SUBSTITUTE"), text, text, text), call(word("BLANKVALUE"), text, text), *choice(text),
        ),
        "Boolean": st.one_of(
            leaves["Boolean"], _both(["||", "&&"], truth), call(word("not"), truth),
            call(st.sampled_from(["AND", "OR"]), truth, truth, truth),
            *(_both(["=", "<>", "<", "<=", ">", ">="], kind) for kind in (number, text, day)), _both(["=", "<>"], truth),
            *(call(st.sampled_from(["ISBLANK"]), kind) for kind in (number, text, day)), call(word("ISNULL"), number),
            call(st.sampled_from(["CONTAINS", "BEGINS"]), text, text),
            call(word("ISPICKVAL"), word(("name", "P__c")), st.sampled_from([("text", "red"), ("text", "")])),
            call(word("INCLUDES"), word(("name", "S__c")), st.sampled_from([("text", "a"), ("text", "")])),
            *choice(truth),
        ),
        "Date": st.one_of(
            leaves["Date"], _both(["+", "-"], day, number), call(word("ADDMONTHS"), day, whole),
            call(word("BLANKVALUE"), day, day), *choice(day),
        ),
    }  # fmt: skip


TREES = st.one_of(*_trees(3).values())
DEEP_TREES = st.one_of(*_trees(5).values())
ROWS = st.fixed_dictionaries(
    {
        **dict.fromkeys(("N__c", "M__c"), st.none() | st.integers(-10_000, 10_000).map(lambda n: n / 100)),
        **dict.fromkeys(("T__c", "U__c"), st.none() | st.text(alphabet="abB é0", min_size=1, max_size=4)),
        **dict.fromkeys(("B__c", "C__c"), st.sampled_from([0, 1])),
        **dict.fromkeys(("D__c", "E__c"), st.none() | st.dates(date(1990, 1, 1), date(2040, 12, 31)).map(str)),
        "P__c": st.sampled_from([None, "red", "green"]),
        "S__c": st.sampled_from([None, "a", "a;b", "c"]),
    }
)


def seen(stored: dict[str, Any]) -> dict[str, Any]:
    """Return a row of stored values as formulas see them."""
    out: dict[str, Any] = {}
    for name, value in stored.items():
        if name in ("N__c", "M__c"):
            out[name] = None if value is None else Decimal(str(value))
        elif name in ("D__c", "E__c"):
            out[name] = None if value is None else date.fromisoformat(value)
        elif name in ("B__c", "C__c"):
            out[name] = value == 1
        else:
            out[name] = value or ""
    return out
