"""Dates, times and moments: the forms that are read, the range that is stored."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.misfits import Misfit
from mock_server.org.schema.types import Field

# Dates of the database lie between these years (D: date and dateTime in the SOAP API's primitive types).
FIRST_YEAR, LAST_YEAR = 1700, 4000
_ZONE = r"(?:Z|([+-])([0-9]{2}):?([0-9]{2}))"
_DATE = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}}){_ZONE}?")
_DATETIME = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.[0-9]{1,9})?)?" + _ZONE + "?"
)
_TIME = re.compile(rf"([01][0-9]|2[0-3]):([0-5][0-9])(?::([0-5][0-9])(?:\.([0-9]{{1,3}})[0-9]*)?)?{_ZONE}?")


def date(field: Field, value: Any) -> str:
    """Return `YYYY-MM-DD`. A date may carry a zone, which means nothing, or be a moment, whose day in UTC counts."""
    if isinstance(value, str):
        match = _DATE.fullmatch(value)
        if match is not None:
            try:
                day = datetime(int(match[1]), int(match[2]), int(match[3]), tzinfo=UTC)
            except ValueError:
                raise Misfit(field, value) from None
            _check(field, day)
            return value[:10]
        if _DATETIME.fullmatch(value):
            return moment(field, value)[:10]
    raise Misfit(field, value)


def moment(field: Field, value: Any) -> str:
    """Return a moment in UTC, to the second: `YYYY-MM-DDTHH:MM:SS.000+0000`. Without a zone it is UTC already.

    Fractions of a second are read and not stored, as on the platform.
    """
    match = _DATETIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Misfit(field, value)
    year, month, day, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        at = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second or 0), tzinfo=UTC)
        if sign:
            if int(hours) > 23 or int(minutes) > 59:
                raise Misfit(field, value)
            offset = timedelta(hours=int(hours), minutes=int(minutes))
            at = at - offset if sign == "+" else at + offset
    except (ValueError, OverflowError):
        raise Misfit(field, value) from None
    _check(field, at)
    return f"{at.year:04d}-{at.month:02d}-{at.day:02d}T{at.hour:02d}:{at.minute:02d}:{at.second:02d}.000+0000"


def time(field: Field, value: Any) -> str:
    """Return a time of day, without a zone: `HH:MM:SS.mmmZ`."""
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Misfit(field, value)
    hours, minutes, seconds, millis, *_ = match.groups()
    return f"{hours}:{minutes}:{seconds or '00'}.{(millis or '').ljust(3, '0')}Z"


_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _check(field: Field, at: datetime) -> None:
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise _out_of_range(field, at)


def _out_of_range(field: Field, at: datetime) -> ApiError:
    # The code is documented, the text from recall: it shows the date as Java prints it.
    shown = (
        f"{_DAYS[at.weekday()]} {_MONTHS[at.month - 1]} {at.day:02d} {at.hour:02d}:{at.minute:02d}:{at.second:02d} "
        f"GMT {at.year}"
    )
    return errors.FIELD_INTEGRITY_EXCEPTION(text=f"{field.label}: invalid date: {shown}", fields=[field.name])
