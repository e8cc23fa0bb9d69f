"""What the functions of formulas do, on values: the names here are what compiled formulas call.

Numbers are Decimals of 39 digits, rounded half up, as in Salesforce's own engine (formula-engine, BigDecimalHelper);
text is a str, empty for blank; dates are dates, datetimes naive UTC datetimes, times milliseconds of the day, locations
pairs of numbers; None is a blank of any of these but text. Whatever cannot be worked out raises ArithmeticError or
ValueError.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
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
from typing import Any
from zoneinfo import ZoneInfo

from mock_server.org.formula.problems import EvaluationError
from mock_server.org.ids import to_18

_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
CONTEXT = Context(prec=39, rounding=ROUND_HALF_UP, traps=_TRAPS)
"""The arithmetic of formulas: it must be in force while one is worked out."""
ZERO, ONE = Decimal(0), Decimal(1)
_DAY_MS = 86_400_000
_MOST_TEXT = 131_072
"""Characters a text may grow to on the way: no field holds more."""
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = re.compile(r"(\d{4})-(\d+)-(\d+)", re.ASCII)
_DATETIME = re.compile(r"(\d{4})-(\d+)-(\d+) (\d+):(\d+):(\d+)", re.ASCII)
_TIME = re.compile(r"(\d{1,2}):(\d{1,2}):(\d{1,2})\.(\d{1,3})", re.ASCII)
_EPOCH = datetime(1970, 1, 1)  # naive UTC, like every datetime here

Number = Decimal | None


# -- from and to the stored form


def number_in(stored: float | None) -> Number:
    return None if stored is None else Decimal(repr(stored))


def percent_in(stored: float | None) -> Number:
    """Read a percent field: 15 % is 0.15 in a formula."""
    return None if stored is None else Decimal(repr(stored)).scaleb(-2)


def datetime_in(stored: str | None) -> datetime | None:
    return None if stored is None else datetime.fromisoformat(stored[:23])


def date_in(stored: str | None) -> date | None:
    return None if stored is None else date.fromisoformat(stored)


def time_in(stored: str | None) -> int | None:
    if stored is None:
        return None
    return (int(stored[0:2]) * 60 + int(stored[3:5])) * 60_000 + int(stored[6:8]) * 1000 + int(stored[9:12])


def number_out(value: Number, scale: int, percent: bool) -> float | None:
    """Return a number in stored form, rounded half up to the field's scale."""
    if value is None:
        return None
    if percent:
        value = value.scaleb(2)
    found = float(round_(value, Decimal(scale)) or ZERO)
    if not math.isfinite(found):
        raise EvaluationError("#Too Big!")
    return found + 0.0


def datetime_out(value: datetime | None) -> str | None:
    return None if value is None else f"{value.isoformat(timespec='milliseconds')}+0000"


def time_out(value: int | None) -> str | None:
    return None if value is None else f"{_clock(value)}Z"


def _clock(value: int) -> str:
    seconds, millis = divmod(value, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{millis:03d}"


def id_in(stored: str | None) -> str:
    """Read an id: formulas see 15 characters."""
    return stored[:15] if stored else ""


# -- operators


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
    return _from_float(math.pow(float(base), float(exponent)))


_POWER = Context(prec=18, rounding=ROUND_HALF_UP, traps=_TRAPS)


def negate(value: Number) -> Number:
    return None if value is None else -value


def not_(value: bool | None) -> bool | None:
    return None if value is None else not value


def less(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left < right


def less_or_equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left <= right


def equal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left == right


def unequal(left: Any, right: Any) -> bool | None:
    return None if left is None or right is None else left != right


def text_less(left: str, right: str) -> bool | None:
    return left < right if left and right else None


def text_less_or_equal(left: str, right: str) -> bool | None:
    return left <= right if left and right else None


def date_plus(day: date | None, days: Number) -> date | None:
    return None if day is None or days is None else day + timedelta(days=int(_bounded(days)))


def date_minus(day: date | None, days: Number) -> date | None:
    return None if day is None or days is None else day - timedelta(days=int(_bounded(days)))


def days_between(later: date | None, earlier: date | None) -> Number:
    return None if later is None or earlier is None else Decimal(later.toordinal() - earlier.toordinal())


def datetime_plus(moment: datetime | None, days: Number) -> datetime | None:
    """Add days and their fractions, in whole seconds."""
    if moment is None or days is None:
        return None
    seconds = (_bounded(days) * 86_400).to_integral_value(ROUND_HALF_UP)
    return moment + timedelta(seconds=int(seconds))


def datetime_minus(moment: datetime | None, days: Number) -> datetime | None:
    return datetime_plus(moment, negate(days))


def datetimes_between(later: datetime | None, earlier: datetime | None) -> Number:
    if later is None or earlier is None:
        return None
    return Decimal((later - earlier) // timedelta(milliseconds=1)) / _DAY_MS


def time_plus(moment: int | None, millis: Number) -> int | None:
    return None if moment is None or millis is None else (moment + int(_bounded(millis))) % _DAY_MS


def time_minus(moment: int | None, millis: Number) -> int | None:
    return time_plus(moment, negate(millis))


def times_between(later: int | None, earlier: int | None) -> Number:
    return None if later is None or earlier is None else Decimal((later - earlier) % _DAY_MS)


def joined(*texts: str) -> str:
    return _grown("".join(texts))


def _grown(text: str) -> str:
    if len(text) > _MOST_TEXT:
        raise EvaluationError("#Too Big!")
    return text


def _bounded(value: Decimal) -> Decimal:
    """Return a number that an int can be made of at no cost. Raises EvaluationError for one beyond all use."""
    if value.adjusted() > 15:
        raise EvaluationError("#Too Big!")
    return value


def _whole(value: Decimal) -> int:
    """Return a count, cut to the range of Java's int as the real functions do."""
    if value.adjusted() > 9:
        return 2**31 - 1 if value > 0 else -(2**31)
    return int(value)


def _from_float(value: float) -> Decimal:
    if not math.isfinite(value):
        raise EvaluationError("#Error!")
    return Decimal(repr(value))


# -- numbers


def abs_(value: Number) -> Number:
    return None if value is None else abs(value)


def round_(value: Number, places: Number) -> Number:
    return _rounded(value, places, ROUND_HALF_UP)


def trunc(value: Number, places: Number = ZERO) -> Number:
    return _rounded(value, places, ROUND_DOWN)


def _rounded(value: Number, places: Number, way: str) -> Number:
    if value is None or places is None:
        return None
    digits = _whole(places)
    exponent = value.as_tuple().exponent
    if not isinstance(exponent, int) or -exponent <= digits:
        return value
    if value.adjusted() + digits < -1:
        return ZERO
    return value.quantize(ONE.scaleb(-digits), way) if value.adjusted() + digits < CONTEXT.prec - 1 else value


def _exact(value: Decimal) -> Decimal:
    # 33 digits: what is inexact in the last places, such as 1/3*3, does not tip over a whole number.
    return _EXTERNAL.plus(value)


_EXTERNAL = Context(prec=33, rounding=ROUND_HALF_UP)


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
    return _from_float(math.sqrt(value))


def exp(value: Number) -> Number:
    return None if value is None else _from_float(math.exp(_bounded(value)))


def ln(value: Number) -> Number:
    return None if value is None else _from_float(math.log(_bounded(value)))


def log(value: Number) -> Number:
    return None if value is None else _from_float(math.log10(_bounded(value)))


def _trigonometric(name: str) -> Callable[[Number], Number]:
    function = getattr(math, name)

    def apply(value: Number) -> Number:
        return None if value is None else _from_float(function(float(value)))

    return apply


sin_, cos_, tan_ = map(_trigonometric, ("sin", "cos", "tan"))
asin_, acos_, atan_ = map(_trigonometric, ("asin", "acos", "atan"))
PI = Decimal("3.14159265358979323846264338327950288419")
BR = "<br>"


def atan2(y: Number, x: Number) -> Number:
    return None if y is None or x is None else _from_float(math.atan2(y, x))


# -- text


def text_of_number(value: Number) -> str:
    if value is None:
        return ""
    if not value:
        return "0"
    if not -200 < value.adjusted() < 200:
        raise EvaluationError("#Too Big!")
    shown = f"{value:f}"
    return shown.rstrip("0").rstrip(".") if "." in shown else shown


def text_of_date(value: date | None) -> str:
    return "" if value is None else value.isoformat()


def text_of_datetime(value: datetime | None) -> str:
    return "" if value is None else f"{value.isoformat(' ', 'seconds')}Z"


def text_of_time(value: int | None) -> str:
    return "" if value is None else _clock(value)


def number_of_text(text: str) -> Number:
    """Read a number as VALUE does: no blanks, no commas."""
    if not text:
        return None
    if not _NUMBER.fullmatch(text):
        raise EvaluationError(f"The value '{text[:80]}' is not a valid number.")
    return +Decimal(text)


def is_number(text: str) -> bool:
    return _NUMBER.fullmatch(text) is not None


def length(text: str) -> Decimal:
    return Decimal(len(text))


def left(text: str, count: Number) -> str:
    return "" if count is None else text[: max(0, _whole(count))]


def right(text: str, count: Number) -> str:
    return "" if count is None or (wanted := _whole(count)) <= 0 else text[-wanted:]


def mid(text: str, start: Number, count: Number) -> str:
    if start is None or count is None:
        return ""
    first = max(1, _whole(start)) - 1
    return text[first : first + max(0, _whole(count))]


def lpad(text: str, count: Number, pad: str = " ") -> str:
    return _padded(text, count, pad, before=True)


def rpad(text: str, count: Number, pad: str = " ") -> str:
    return _padded(text, count, pad, before=False)


def _padded(text: str, count: Number, pad: str, *, before: bool) -> str:
    if count is None or not text:
        return ""
    wanted = max(0, _whole(count))
    lacking = wanted - len(text)
    if lacking <= 0:
        return text[:wanted]
    if wanted > _MOST_TEXT:
        raise EvaluationError("#Too Big!")
    filling = (pad * (lacking // len(pad) + 1))[:lacking] if pad else ""
    return filling + text if before else text + filling


def trim(text: str) -> str:
    return text.strip(" \t\n\r\f\v\u00a0")


def lower(text: str, _: str = "") -> str:
    return text.lower()


def upper(text: str, _: str = "") -> str:
    return text.upper()


def initcap(text: str) -> str:
    out, start = [], True
    for character in text:
        out.append(character.upper() if start else character.lower())
        start = not character.isalnum()
    return "".join(out)


def reverse(text: str) -> str:
    return text[::-1]


def contains(text: str, part: str) -> bool | None:
    """Tell whether a text holds another. Everything holds blank; of blank nothing else is known."""
    if not part:
        return True
    return part in text if text else None


def begins(text: str, start: str) -> bool | None:
    if not start:
        return True
    return text.startswith(start) if text else None


def find(part: str, text: str, start: Number = ONE) -> Decimal:
    if not part or not text:
        return ZERO
    first = 1 if start is None else _whole(start)
    return Decimal(text.find(part, max(0, first - 1)) + 1)


def substitute(text: str, old: str, new: str) -> str:
    if not text or not old:
        return text
    grown = len(text) + text.count(old) * (len(new) - len(old))
    if grown > _MOST_TEXT:
        raise EvaluationError("#Too Big!")
    return text.replace(old, new)


def ascii_(text: str) -> Number:
    return Decimal(ord(text[0])) if text else None


def chr_(code: Number) -> str:
    if code is None:
        return ""
    point = _whole(code)
    if not 1 <= point <= 0x10FFFF or 0xD800 <= point <= 0xDFFF:
        raise EvaluationError("Out of range argument to CHR() function")
    return chr(point)


def includes(chosen: str, value: str) -> bool:
    return value in chosen.split(";") if chosen else not value


def hyperlink(url: str, label: str, target: str = "_blank") -> str:
    return _grown(f'<a href="{url}" target="{target}">{label or url}</a>')


def image(url: str, alternate: str, height: Number = None, width: Number = None) -> str:
    size = "".join(
        f" {name}:{text_of_number(value)}px;"
        for name, value in (("height", height), ("width", width))
        if value is not None
    )
    style = f' style="{size.strip()}"' if size else ""
    return _grown(f'<img src="{url}" alt="{alternate}"{style} border="0"/>')


def case_safe_id(identifier: str) -> str:
    return to_18(identifier) or identifier


# -- dates and times


def date_of(year: Number, month: Number, day: Number) -> date | None:
    if year is None or month is None or day is None:
        return None
    try:
        return date(_whole(year), _whole(month), _whole(day))
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
    index = day.year * 12 + day.month - 1 + _whole(months)
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
    return None if seconds is None else _EPOCH + timedelta(seconds=int(_bounded(seconds)))


def duration(seconds: Number, days: bool | None = False) -> str:
    """Write seconds as `HH:MM:SS`, with `days` as `D:HH:MM:SS`."""
    if seconds is None:
        return ""
    whole = int(abs(_bounded(seconds)))
    if not days:
        return f"{whole // 3600:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{whole // 86400}:{whole // 3600 % 24:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"


def duration_between(later: datetime | None, earlier: datetime | None) -> str:
    if later is None or earlier is None:
        return ""
    return duration(Decimal(abs(later - earlier) // timedelta(seconds=1)), days=True)


# -- places


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
    return _from_float(2 * radius * math.asin(min(1.0, math.sqrt(chord))))
