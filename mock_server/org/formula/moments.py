"""Dates, datetimes and times of formulas: dates, naive UTC datetimes, milliseconds of the day; None is a blank.

Whatever cannot be worked out raises ArithmeticError or ValueError.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from mock_server.org.formula.numbers import Number, bounded, negate, whole
from mock_server.org.formula.problems import EvaluationError

_DAY_MS = 86_400_000
_DATE = re.compile(r"(\d{4})-(\d+)-(\d+)", re.ASCII)
_DATETIME = re.compile(r"(\d{4})-(\d+)-(\d+) (\d+):(\d+):(\d+)", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})\.(\d{1,3})", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # naive UTC, like every datetime here


def datetime_in(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored[:23])


def date_in(stored: str | None) -> date | None:
    return None if stored is None else date.fromisoformat(stored)


def time_in(stored: str | None) -> int | None:
    if stored is None:
        return None
    return (int(stored[0:2]) * 60 + int(stored[3:5])) * 60_000 + int(stored[6:8]) * 1000 + int(stored[9:12])


def datetime_out(value: datetime | None) -> str | None:
    return None if value is None else f"{value.isoformat(timespec='milliseconds')}+0000"


def time_out(value: int | None) -> str | None:
    return None if value is None else f"{clock(value)}Z"


def clock(value: int) -> str:
    seconds, millis = divmod(value, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}"


def date_plus(day: date | None, days: Number) -> date | None:
    return None if day is None or days is None else day + timedelta(days=int(bounded(days)))


def date_minus(day: date | None, days: Number) -> date | None:
    return None if day is None or days is None else day - timedelta(days=int(bounded(days)))


def days_between(later: date | None, earlier: date | None) -> Number:
    return None if later is None or earlier is None else Decimal(later.toordinal() - earlier.toordinal())


def datetime_plus(moment: datetime | None, days: Number) -> datetime | None:
    """Add days and their fractions, in whole seconds."""
    if moment is None or days is None:
        return None
    seconds = (bounded(days) * 86_400).to_integral_value(ROUND_HALF_UP)
    return moment + timedelta(seconds=int(seconds))


def datetime_minus(moment: datetime | None, days: Number) -> datetime | None:
    return datetime_plus(moment, negate(days))


def datetimes_between(later: datetime | None, earlier: datetime | None) -> Number:
    if later is None or earlier is None:
        return None
    return Decimal((later - earlier) // timedelta(milliseconds=1)) / _DAY_MS


def time_plus(moment: int | None, millis: Number) -> int | None:
    return None if moment is None or millis is None else (moment + int(bounded(millis))) % _DAY_MS


def time_minus(moment: int | None, millis: Number) -> int | None:
    return time_plus(moment, negate(millis))


def times_between(later: int | None, earlier: int | None) -> Number:
    return None if later is None or earlier is None else Decimal((later - earlier) % _DAY_MS)


def text_of_date(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def text_of_datetime(value: datetime | None) -> str:
    return "" if value is None else f"{value.isoformat(' ', 'seconds')}Z"


def text_of_time(value: int | None) -> str:
    return "" if value is None else clock(value)


def date_of(year: Number, month: Number, day: Number) -> date | None:
    if year is None or month is None or day is None:
        return None
    try:
        return date(whole(year), whole(month), whole(day))
    except ValueError:
        raise EvaluationError("Year, Month or Day out of range in DATE() function") from None


def date_of_text(text: str) -> date | None:
    """Read `YYYY-MM-DD`; what follows is not looked at, as by the real function."""
    if not text:
        return None
    match = _DATE.match(text)
    if match is None:
        raise EvaluationError("Invalid date format in DATEVALUE() function")
    return date(*(min(int(part[:9]), 10**6) for part in match.groups()))


def datetime_of_text(text: str) -> datetime | None:
    """Read `YYYY-MM-DD HH:MM:SS`, which is in GMT."""
    if not text:
        return None
    match = _DATETIME.match(text)
    if match is None:
        raise EvaluationError("Invalid format in DATETIMEVALUE() function")
    year, month, day, hour, minute, second = (min(int(part[:9]), 10**6) for part in match.groups())
    return datetime(year, month, day, hour, minute, second)


def datetime_of_date(day: date | None) -> datetime | None:
    return None if day is None else datetime(day.year, day.month, day.day)


def time_of_text(text: str) -> int | None:
    """Read `HH:MM:SS.mmm`."""
    if not text:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise EvaluationError("Invalid time format in TIMEVALUE() function")
    hours, minutes, seconds, millis = map(int, match.groups())
    if hours > 23 or minutes > 59 or seconds > 59:
        raise EvaluationError("Invalid time format in TIMEVALUE() function")
    return ((hours * 60 + minutes) * 60 + seconds) * 1000 + millis


def time_of_datetime(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    return ((moment.hour * 60 + moment.minute) * 60 + moment.second) * 1000 + moment.microsecond // 1000


def local_date(moment: datetime | None, zone: ZoneInfo) -> date | None:
    """Return the day of a moment in a time zone."""
    return None if moment is None else moment.replace(tzinfo=UTC).astimezone(zone).date()


def year(day: date | None) -> Number:
    return None if day is None else Decimal(day.year)


def month(day: date | None) -> Number:
    return None if day is None else Decimal(day.month)


def day_(day: date | None) -> Number:
    return None if day is None else Decimal(day.day)


def weekday(day: date | None) -> Number:
    """Return 1 for Sunday to 7 for Saturday."""
    return None if day is None else Decimal(day.isoweekday() % 7 + 1)


def day_of_year(day: date | None) -> Number:
    return None if day is None else Decimal(day.timetuple().tm_yday)


def iso_week(day: date | None) -> Number:
    return None if day is None else Decimal(day.isocalendar().week)


def iso_year(day: date | None) -> Number:
    return None if day is None else Decimal(day.isocalendar().year)


def add_months(day: Any, months: Number) -> Any:
    """Add months; the last day of a month stays the last day."""
    if day is None or months is None:
        return None
    last = (day + timedelta(days=1)).month != day.month
    index = day.year * 12 + day.month - 1 + whole(months)
    year_, month_ = index // 12, index % 12 + 1
    if not 1 <= year_ <= 9999:
        raise EvaluationError("#Error!")
    most = (31, 29 if year_ % 4 == 0 and (year_ % 100 or year_ % 400 == 0) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30,
            31)[month_ - 1]  # fmt: skip
    return day.replace(year=year_, month=month_, day=most if last else min(day.day, most))


def hour(moment: int | None) -> Number:
    return None if moment is None else Decimal(moment // 3_600_000)


def minute(moment: int | None) -> Number:
    return None if moment is None else Decimal(moment // 60_000 % 60)


def second(moment: int | None) -> Number:
    return None if moment is None else Decimal(moment // 1000 % 60)


def millisecond(moment: int | None) -> Number:
    return None if moment is None else Decimal(moment % 1000)


def seconds_of_datetime(moment: datetime | None) -> Number:
    return None if moment is None else Decimal((moment - _EPOCH) // timedelta(seconds=1))


def seconds_of_date(day: date | None) -> Number:
    return seconds_of_datetime(datetime_of_date(day))


def seconds_of_time(moment: int | None) -> Number:
    return None if moment is None else Decimal(moment // 1000)


def datetime_of_seconds(seconds: Number) -> datetime | None:
    return None if seconds is None else _EPOCH + timedelta(seconds=int(bounded(seconds)))


def duration(seconds: Number, days: bool | None = False) -> str:
    """Write seconds as `HH:MM:SS`, with `days` as `D:HH:MM:SS`."""
    if seconds is None:
        return ""
    whole = int(abs(bounded(seconds)))
    if not days:
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 86400}:{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def duration_between(later: datetime | None, earlier: datetime | None) -> str:
    if later is None or earlier is None:
        return ""
    return duration(Decimal(abs(later - earlier) // timedelta(seconds=1)), days=True)
