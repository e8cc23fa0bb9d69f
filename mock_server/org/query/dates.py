"""Date literals: from a word such as LAST_N_DAYS:7 to the days it spans. Weeks begin on Sunday (locale en_US)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

_FIXED = {
    "YESTERDAY": ("DAY", -1, -1), "TODAY": ("DAY", 0, 0), "TOMORROW": ("DAY", 1, 1),
    "LAST_90_DAYS": ("DAY", -90, 0), "NEXT_90_DAYS": ("DAY", 1, 90),
}  # fmt: skip
_UNITS = ("WEEK", "MONTH", "QUARTER", "YEAR", "FISCAL_QUARTER", "FISCAL_YEAR")
_STEPS = {"LAST": -1, "THIS": 0, "NEXT": 1}
_COUNTED = re.compile(
    r"(?:(LAST|NEXT)_N_(DAY|WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)S"
    r"|N_(DAY|WEEK|MONTH|QUARTER|YEAR|FISCAL_QUARTER|FISCAL_YEAR)S_AGO):(\d{1,6})"
)
_FAR = 100_000
"""Units beyond which every literal leaves the calendar."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The day it is for the user who asks, in what time zone, and how the org counts its fiscal years."""

    today: date
    zone: ZoneInfo
    fiscal_month: int = 1
    """The month in which a fiscal year begins (Organization.FiscalYearStartMonth)."""
    named_by_start: bool = True
    """Whether a fiscal year bears the number of the calendar year it begins in (UsesStartDateAsFiscalYearName)."""

    def fiscal(self, value: str | None, part: str) -> int | None:
        """Return the fiscal `month`, `quarter` or `year` of a stored date or datetime."""
        if value is None:
            return None
        try:
            day = datetime.fromisoformat(value[:10])
        except ValueError:
            return None
        months = day.year * 12 + day.month - self.fiscal_month
        if part == "year":
            return months // 12 + (0 if self.named_by_start or self.fiscal_month == 1 else 1)
        return months % 12 + 1 if part == "month" else months % 12 // 3 + 1


def span(word: str, today: date, fiscal_month: int = 1) -> tuple[date, date] | None:
    """Return the first day of a literal and the day after its last; None for a word that is no date literal."""
    name = word.upper()
    if name in _FIXED:
        unit, first, last = _FIXED[name]
        return _range(unit, first, last, today, fiscal_month)
    head, _, unit = name.partition("_")
    if head in _STEPS and unit in _UNITS:
        step = _STEPS[head]
        return _range(unit, step, step, today, fiscal_month)
    counted = _COUNTED.fullmatch(name)
    if counted is None:
        return None
    direction, unit, ago, number = counted[1], counted[2], counted[3], min(int(counted[4]), _FAR)
    if ago:
        return _range(ago, -number, -number, today, fiscal_month)
    if direction == "NEXT":
        return _range(unit, 1, number, today, fiscal_month)
    # The last n days end today; the last n weeks, months, ... end before the current one.
    return _range(unit, -number, 0 if unit == "DAY" else -1, today, fiscal_month)


def _range(unit: str, first: int, last: int, today: date, fiscal_month: int) -> tuple[date, date]:
    begin = fiscal_month if unit.startswith("FISCAL") else 1
    return _start(unit, first, today, begin), _start(unit, max(first, last) + 1, today, begin)


def _start(unit: str, step: int, today: date, begin: int) -> date:
    """Return the first day of the unit that lies `step` units from today's."""
    try:
        if unit == "DAY":
            return today + timedelta(days=step)
        if unit == "WEEK":
            sunday = today - timedelta(days=(today.weekday() + 1) % 7)
            return sunday + timedelta(weeks=step)
        months = {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[unit.removeprefix("FISCAL_")]
        # Months are counted from the one in which a year begins.
        index = (today.year * 12 + today.month - begin) // months * months + step * months + begin - 1
        return date(index // 12, index % 12 + 1, 1)
    except (OverflowError, ValueError):
        return date.min if step < 0 else date.max
