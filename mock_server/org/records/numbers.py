"""Numbers as fields store them: range by precision and scale, rounding half up."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.misfits import Misfit
from mock_server.org.schema.types import Field

_INT_MAX = 2**31
_LONG_MAX = 2**63
# A number as text: what Java reads, without its hexadecimal forms, its names and its letters at the end.
_INTEGER = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MOST_DIGITS = 400


def integer(field: Field) -> Callable[[Any], int]:
    """Return the coercion of a whole number."""
    bound = 10**field.digits if field.digits else (_LONG_MAX if field.type == "long" else _INT_MAX)

    def coerce(value: Any) -> int:
        if isinstance(value, str):
            if not _INTEGER.fullmatch(value):
                raise Misfit(field, value)
            if len(value) > _MOST_DIGITS:
                raise out_of_range(field, value)
            value = int(value)
        if isinstance(value, float):
            if math.isinf(value):
                raise out_of_range(field, value)
            if value.is_integer():
                value = int(value)
        if type(value) is not int:
            raise Misfit(field, value)
        if not -bound < value < bound:
            raise out_of_range(field, value)
        return value

    return coerce


def decimal(field: Field) -> Callable[[Any], float]:
    """Return the coercion of a number with decimals. Half a step is rounded away from zero, as a person does."""
    bound = degrees(field) or (10.0 ** (field.precision - field.scale) if field.precision else math.inf)
    inclusive = degrees(field) is not None
    rounded = bool(field.precision)
    step = Decimal(1).scaleb(-field.scale)

    def coerce(value: Any) -> float:
        if type(value) is float:
            number = value
        elif type(value) is int:
            try:
                number = float(value)
            except OverflowError:
                raise out_of_range(field, value) from None
        elif isinstance(value, str) and _DECIMAL.fullmatch(value):
            number = float(value)
        else:
            raise Misfit(field, value)
        if math.isnan(number):
            raise Misfit(field, value)
        size = abs(number)
        if size >= bound and not (inclusive and size == bound):
            raise out_of_range(field, value)
        if rounded and not number.is_integer():
            number = float(Decimal(repr(number)).quantize(step, ROUND_HALF_UP))
            if abs(number) >= bound and not inclusive:
                raise out_of_range(field, value)
        # There is one zero.
        return number + 0.0

    return coerce


def degrees(field: Field) -> float | None:
    """Return how far a latitude or longitude goes, None for any other number."""
    if field.compound is None or field.type != "double":
        return None
    name = field.name.lower()
    return 90.0 if "latitude" in name else 180.0 if "longitude" in name else None


def out_of_range(field: Field, value: Any) -> ApiError:
    return errors.NUMBER_OUTSIDE_VALID_RANGE(label=field.label, value=str(value)[:40], fields=[field.name])
