"""Numbers of formulas: Decimals of 39 digits, rounded half up, as in Salesforce's own engine (BigDecimalHelper).

None is a blank. Whatever cannot be worked out raises ArithmeticError or ValueError.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from decimal import (
    ROUND_CEILING,
    ROUND_DOWN,
    ROUND_FLOOR,
    ROUND_HALF_UP,
    ROUND_UP,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
)

from mock_server.org.formula.problems import EvaluationError

Number = Decimal | None

_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
CONTEXT = Context(prec=39, rounding=ROUND_HALF_UP, traps=_TRAPS)
"""The arithmetic of formulas: it must be in force while one is worked out."""
_POWER = Context(prec=18, rounding=ROUND_HALF_UP, traps=_TRAPS)
_EXTERNAL = Context(prec=33, rounding=ROUND_HALF_UP)
ZERO, ONE = Decimal(0), Decimal(1)


def number_in(stored: float | None) -> Number:
    return None if stored is None else Decimal(repr(stored))


def percent_in(stored: float | None) -> Number:
    """Read a percent field: 15 % is 0.15 in a formula."""
    return None if stored is None else Decimal(repr(stored)).scaleb(-2)


def number_out(scale: int, percent: bool) -> Callable[[Number], float | None]:
    """Return the function that brings a number into stored form, rounded half up to the field's scale."""
    step = ONE.scaleb(-scale)

    def out(value: Number) -> float | None:
        if value is None:
            return None
        if percent:
            value = value.scaleb(2)
        try:
            found = float(value.quantize(step))
        except InvalidOperation:
            # Of more digits than are reckoned with: rounding changes nothing that a float could show.
            found = float(value)
        if not math.isfinite(found):
            raise EvaluationError("#Too Big!")
        return found + 0.0

    return out


def add(left: Number, right: Number) -> Number:
    return None if left is None or right is None else left + right


def subtract(left: Number, right: Number) -> Number:
    return None if left is None or right is None else left - right


def multiply(left: Number, right: Number) -> Number:
    return None if left is None or right is None else left * right


def divide(left: Number, right: Number) -> Number:
    if left is None or right is None:
        return None
    if not right:
        raise EvaluationError("Division by zero")
    return left / right


def power(base: Number, exponent: Number) -> Number:
    if base is None or exponent is None:
        return None
    if base and exponent * Decimal(base.copy_abs().adjusted() + 1) > 65:
        raise EvaluationError("Out of range argument to POWER() function")
    if exponent == exponent.to_integral_value():
        if not base and exponent <= 0:
            if exponent:
                raise EvaluationError("Division by zero")
            return ONE
        # 18 digits are what the real function gives.
        return +_POWER.power(base, exponent)
    return from_float(math.pow(float(base), float(exponent)))


def or_zero(value: Number) -> Decimal:
    return ZERO if value is None else value


def negate(value: Number) -> Number:
    return None if value is None else -value


def bounded(value: Decimal) -> Decimal:
    """Return a number that an int can be made of at no cost. Raises EvaluationError for one beyond all use."""
    if value.adjusted() > 15:
        raise EvaluationError("#Too Big!")
    return value


def whole(value: Decimal) -> int:
    """Return a count, cut to the range of Java's int as the real functions do."""
    if value.adjusted() > 9:
        return 2**31 - 1 if value > 0 else -(2**31)
    return int(value)


def from_float(value: float) -> Decimal:
    if not math.isfinite(value):
        raise EvaluationError("#Error!")
    return Decimal(repr(value))


def abs_(value: Number) -> Number:
    return None if value is None else abs(value)


def round_(value: Number, places: Number) -> Number:
    return _rounded(value, places, ROUND_HALF_UP)


def trunc(value: Number, places: Number = ZERO) -> Number:
    return _rounded(value, places, ROUND_DOWN)


def _rounded(value: Number, places: Number, way: str) -> Number:
    if value is None or places is None:
        return None
    digits = whole(places)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent <= digits:
        return value
    if value.adjusted() + digits < -1:
        return ZERO
    return value.quantize(ONE.scaleb(-digits), way) if value.adjusted() + digits < CONTEXT.prec - 1 else value


def _exact(value: Decimal) -> Decimal:
    # 33 digits: what is inexact in the last places, such as 1/3*3, does not tip over a whole number.
    return _EXTERNAL.plus(value)


def ceiling(value: Number) -> Number:
    """Round away from zero, as CEILING does."""
    return None if value is None else _exact(value).to_integral_value(ROUND_UP)


def floor(value: Number) -> Number:
    """Round towards zero, as FLOOR does."""
    return None if value is None else _exact(value).to_integral_value(ROUND_DOWN)


def mceiling(value: Number) -> Number:
    return None if value is None else _exact(value).to_integral_value(ROUND_CEILING)


def mfloor(value: Number) -> Number:
    return None if value is None else _exact(value).to_integral_value(ROUND_FLOOR)


def mod(value: Number, divisor: Number) -> Number:
    if value is None or divisor is None:
        return None
    if not divisor:
        raise EvaluationError("Division by zero")
    return value % divisor


def min_(*values: Number) -> Number:
    return None if None in values else min(values)  # type: ignore[type-var]


def max_(*values: Number) -> Number:
    return None if None in values else max(values)  # type: ignore[type-var]


def sqrt(value: Number) -> Number:
    if value is None:
        return None
    if value < 0:
        raise EvaluationError("Negative argument to SQRT() function")
    return from_float(math.sqrt(value))


def exp(value: Number) -> Number:
    return None if value is None else from_float(math.exp(bounded(value)))


def ln(value: Number) -> Number:
    return None if value is None else from_float(math.log(bounded(value)))


def log(value: Number) -> Number:
    return None if value is None else from_float(math.log10(bounded(value)))


def _trigonometric(name: str) -> Callable[[Number], Number]:
    function = getattr(math, name)

    def apply(value: Number) -> Number:
        return None if value is None else from_float(function(float(value)))

    return apply


sin_, cos_, tan_ = map(_trigonometric, ("sin", "cos", "tan"))
asin_, acos_, atan_ = map(_trigonometric, ("asin", "acos", "atan"))
PI = Decimal("3.14159265358979323846264338327950288419")


def atan2(y: Number, x: Number) -> Number:
    return None if y is None or x is None else from_float(math.atan2(y, x))
