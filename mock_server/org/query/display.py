"""What a person sees, in the locale en_US: what `FORMAT()` shows, times in the user's zone; and distances."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from math import asin, cos, radians, sin, sqrt
from typing import Any
from zoneinfo import ZoneInfo

from mock_server.org.query.dates import Calendar


def formatted(value: Any, kind: str, scale: int, zone: ZoneInfo) -> str | None:
    """Return a stored value as text: `1,234.50`, `$5.00`, `3/18/2026`, `3/18/2026, 8:00 AM`."""
    if value is None:
        return None
    if kind == "boolean":
        return "true" if value else "false"
    if kind in ("int", "long"):
        return f"{int(value):,}"
    if kind == "currency":
        return f"{'-' if value < 0 else ''}${abs(value):,.{scale or 2}f}"
    if kind in ("double", "percent"):
        return f"{value:,.{scale}f}" + ("%" if kind == "percent" else "")
    if kind == "date":
        day = datetime.fromisoformat(value)
        return f"{day.month}/{day.day}/{day.year}"
    if kind == "datetime":
        moment = datetime.fromisoformat(value).astimezone(zone)
        return f"{moment.month}/{moment.day}/{moment.year}, {moment:%I:%M %p}".replace(", 0", ", ")
    return str(value)


def local(value: str | None, zone: ZoneInfo) -> str | None:
    """Return a stored datetime as the clock of a time zone shows it, in the stored form."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value).astimezone(zone)
    except (ValueError, OverflowError):
        return value
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def distance(
    latitude: float | None, longitude: float | None, to_latitude: float, to_longitude: float, radius: float
) -> float | None:
    """Return the great-circle distance of two points, in the unit of the earth's radius."""
    if latitude is None or longitude is None:
        return None
    north, south = radians(latitude), radians(to_latitude)
    chord = sin((south - north) / 2) ** 2
    chord += cos(north) * cos(south) * sin(radians(to_longitude - longitude) / 2) ** 2
    return 2 * radius * asin(min(1.0, sqrt(chord)))


def functions(calendar: Callable[[], Calendar]) -> list[tuple[str, int, Callable[..., Any]]]:
    """Return the SQL functions of queries: name, number of arguments, function. `calendar` is the asking user's."""
    return [
        ("sf_local", 1, lambda value: local(value, calendar().zone)),
        ("sf_format", 3, lambda value, kind, scale: formatted(value, kind, scale, calendar().zone)),
        ("sf_fiscal", 2, lambda value, part: calendar().fiscal(value, part)),
        ("sf_distance", 5, distance),
    ]
