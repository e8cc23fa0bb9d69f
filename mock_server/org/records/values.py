"""How a JSON value becomes a stored one, field type by field type, with Salesforce's error for each misfit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18
from mock_server.org.schema.types import NUMBER_TYPES, Field

Coerce = Callable[[Any], Any]
"""Takes a JSON value that is not None, returns the stored one. Raises ApiError; Misfit for the wrong JSON type."""

_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[^@\s,;:<>()\[\]\\\".]+(\.[^@\s,;:<>()\[\]\\\".]+)+")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_DATETIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3})\d*)?)?Z?")
_INT_MAX = 2**31
_LONG_MAX = 2**63
# Jackson's names of JSON tokens, which Salesforce's messages show.
_TOKENS: dict[type, str] = {
    str: "VALUE_STRING",
    int: "VALUE_NUMBER_INT",
    float: "VALUE_NUMBER_FLOAT",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}


class Misfit(Exception):
    """A value of the wrong JSON type. What that means depends on the protocol: REST refuses the whole request."""

    def __init__(self, field: Field, value: Any) -> None:
        super().__init__(f"{field.name}: {value!r}")
        self.field = field
        self.value = value

    @property
    def text(self) -> str:
        """The message without its position."""
        kind = {"currency": "double", "percent": "double"}.get(self.field.type, self.field.type)
        if kind not in ("int", "long", "double", "boolean", "date", "datetime", "time"):
            kind = "string"
        token = _TOKENS.get(type(self.value), "VALUE_STRING")
        if isinstance(self.value, bool):
            token, shown = ("VALUE_TRUE", "true") if self.value else ("VALUE_FALSE", "false")
        elif isinstance(self.value, dict | list):
            shown = "{" if isinstance(self.value, dict) else "["
        else:
            shown = str(self.value)
        return (
            f"Cannot deserialize instance of {kind} from {token} value {shown} or request may be missing a required "
            "field"
        )


def coercion(field: Field) -> Coerce:
    """Return the function that turns a JSON value into this field's stored form."""
    kind = field.type
    if kind == "boolean":
        return lambda value: _boolean(field, value)
    if kind in NUMBER_TYPES:
        return _integer(field) if kind in ("int", "long") else _decimal(field)
    if kind in ("id", "reference"):
        return lambda value: _reference(field, value)
    special = {"date": _date, "datetime": _datetime, "time": _time, "email": _email, "base64": _base64}.get(kind)
    if special is not None:
        return lambda value: special(field, value)
    if kind == "picklist":
        return _picklist(field)
    if kind == "multipicklist":
        return _multipicklist(field)
    return _text(field)


def _text(field: Field) -> Coerce:
    length = field.length

    def text(value: Any) -> str | None:
        if type(value) is not str:
            raise Misfit(field, value)
        value = value.strip()
        if length and len(value) > length:
            raise too_long(field, value)
        # SQLite ends text at NUL, and UTF-8 has no lone surrogates.
        if "\0" in value:
            value = value.replace("\0", "")
        return value or None

    return text


def too_long(field: Field, value: str) -> ApiError:
    return errors.STRING_TOO_LONG(label=field.label, value=value, length=field.length, fields=[field.name])


def _boolean(field: Field, value: Any) -> int:
    if value is True or value is False:
        return int(value)
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return int(value.lower() in ("true", "1"))
    raise Misfit(field, value)


def _integer(field: Field) -> Coerce:
    bound = 10**field.digits if field.digits else (_LONG_MAX if field.type == "long" else _INT_MAX)

    def integer(value: Any) -> int:
        if isinstance(value, str):
            try:
                value = int(value)
            except ValueError:
                raise Misfit(field, value) from None
        if isinstance(value, float) and value.is_integer() and math.isfinite(value):
            value = int(value)
        if type(value) is not int:
            raise Misfit(field, value)
        if not -bound < value < bound:
            raise _out_of_range(field, value)
        return value

    return integer


def _decimal(field: Field) -> Coerce:
    bound = 10.0 ** (field.precision - field.scale) if field.precision else math.inf
    step = Decimal(1).scaleb(-field.scale)

    def decimal(value: Any) -> float:
        if isinstance(value, str):
            try:
                value = float(value)
            except ValueError:
                raise Misfit(field, value) from None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Misfit(field, value)
        try:
            number = float(value)
        except OverflowError:
            raise _out_of_range(field, value) from None
        if not math.isfinite(number) or not -bound < number < bound:
            raise _out_of_range(field, value)
        if field.precision and number != int(number):
            # Half up, as a person rounds: binary floats would round half to even.
            number = float(Decimal(str(number)).quantize(step, ROUND_HALF_UP)) if field.scale < 15 else number
        return number

    return decimal


def _out_of_range(field: Field, value: Any) -> ApiError:
    return errors.NUMBER_OUTSIDE_VALID_RANGE(label=field.label, value=str(value)[:40], fields=[field.name])


def _reference(field: Field, value: Any) -> str | None:
    if not isinstance(value, str):
        raise Misfit(field, value)
    if value == "":
        return None
    identifier = to_18(value)
    if identifier is None:
        raise errors.WRONG_ID_TYPE(label=field.label, value=value, fields=[field.name])
    return identifier


def _date(field: Field, value: Any) -> str:
    if isinstance(value, str):
        day = _DATE.fullmatch(value)
        if day is None and _DATETIME.fullmatch(value):
            return _datetime(field, value)[:10]
        if day is not None:
            try:
                datetime(int(day[1]), int(day[2]), int(day[3]), tzinfo=UTC)
            except ValueError:
                raise Misfit(field, value) from None
            return value
    raise Misfit(field, value)


def _datetime(field: Field, value: Any) -> str:
    if not isinstance(value, str) or not _DATETIME.fullmatch(value):
        raise Misfit(field, value)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Misfit(field, value) from None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000".rjust(28, "0")


def _time(field: Field, value: Any) -> str:
    match = _TIME.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise Misfit(field, value)
    hours, minutes, seconds, millis = match.groups()
    return f"{hours}:{minutes}:{seconds or '00'}.{(millis or '').ljust(3, '0')}Z"


def _email(field: Field, value: Any) -> str | None:
    text = _text(field)(value)
    if text is None:
        return None
    if not _EMAIL.fullmatch(text):
        raise errors.INVALID_EMAIL_ADDRESS(label=field.label, value=text, fields=[field.name])
    return str(text).lower()


def _base64(field: Field, value: Any) -> str:
    import base64
    import binascii

    if not isinstance(value, str):
        raise Misfit(field, value)
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        raise Misfit(field, value) from None
    return value


def _picklist(field: Field) -> Coerce:
    text = _text(field)
    if not field.restricted_picklist or not field.picklist:
        return text
    # The API matches values without case and stores them as defined.
    known = {entry.value.casefold(): entry.value for entry in field.picklist if entry.active}

    def picklist(value: Any) -> str | None:
        chosen = text(value)
        if chosen is None:
            return None
        found = known.get(chosen.casefold())
        if found is None:
            raise errors.INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST(label=field.label, value=chosen, fields=[field.name])
        return found

    return picklist


def _multipicklist(field: Field) -> Coerce:
    one = _picklist(field)

    def many(value: Any) -> str | None:
        if not isinstance(value, str):
            raise Misfit(field, value)
        parts = dict.fromkeys(filter(None, (one(part) for part in value.split(";"))))
        order = {entry.value: place for place, entry in enumerate(field.picklist)}
        # Chosen values come back in the picklist's own order.
        return ";".join(sorted(parts, key=lambda part: order.get(part, len(order)))) or None

    return many
