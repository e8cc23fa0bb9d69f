"""Time zones by name."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_UTC = ZoneInfo("UTC")


def is_zone(name: str) -> bool:
    """Tell whether this machine knows a time zone."""
    try:
        return bool(ZoneInfo(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False


@lru_cache(600)
def zone_of(name: str) -> ZoneInfo:
    """Return a user's time zone; one that this machine does not know, or none, counts as UTC."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return _UTC


def utc_offset(time_zone: str, moment: float) -> int:
    """Return a zone's offset from UTC in milliseconds, without daylight saving; 0 for a zone nobody knows."""
    try:
        there = datetime.fromtimestamp(moment, UTC).astimezone(ZoneInfo(time_zone))
    except (OSError, KeyError, ValueError):
        return 0
    offset, saving = there.utcoffset(), there.dst()
    assert offset is not None
    return int((offset.total_seconds() - (saving.total_seconds() if saving else 0)) * 1000)
