"""Geolocations of formulas: pairs of latitude and longitude; None is a blank."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from mock_server.org.formula.numbers import Number, from_float
from mock_server.org.formula.problems import EvaluationError


def location(latitude: Number, longitude: Number) -> tuple[Decimal, Decimal] | None:
    if latitude is None or longitude is None:
        return None
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise EvaluationError("Invalid latitude or longitude")
    return latitude, longitude


def distance(start: Any, end: Any, radius: float) -> Number:
    """Return the great-circle distance, in the unit of the earth's radius."""
    if start is None or end is None:
        return None
    (north, west), (south, east) = ((math.radians(one) for one in point) for point in (start, end))
    chord = math.sin((south - north) / 2) ** 2
    chord += math.cos(north) * math.cos(south) * math.sin((east - west) / 2) ** 2
    return from_float(2 * radius * math.asin(min(1.0, math.sqrt(chord))))
