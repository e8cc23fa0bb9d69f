"""How a JSON value becomes a stored one, field type by field type, with Salesforce's error for each misfit."""

from __future__ import annotations

import binascii
import re
import sys
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import orjson

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18
from mock_server.org.records import moments, numbers, picklists
from mock_server.org.records.misfits import Misfit
from mock_server.org.schema.types import FLOAT_TYPES, Field

__all__ = ["Coerce", "Misfit", "coercion", "too_long"]

Coerce = Callable[[Any], Any]
"""Takes a JSON value that is not None, returns the stored one. Raises ApiError; Misfit for the wrong JSON type."""

_EMAIL = re.compile(r"[^@\s,;:<>()\[\]\\\"]+@[^@\s,;:<>()\[\]\\\".]+(\.[^@\s,;:<>()\[\]\\\".]+)+")
BLANK = "".join(map(chr, range(33)))
"""What Java's `trim` takes off both ends of a text: blanks and control characters, but no other white space."""
_NEWLINES = re.compile(r"\r\n?|\n")


def coercion(field: Field) -> Coerce:
    """Return the function that turns a JSON value into this field's stored form."""
    kind = field.type
    if kind in ("int", "long"):
        return numbers.integer(field)
    if kind in FLOAT_TYPES:
        return numbers.decimal(field)
    if kind == "picklist":
        return picklists.picklist(field, _text(field))
    if kind == "multipicklist":
        return picklists.multipicklist(field, _text(field))
    if kind == "email":
        return _email(field)
    special = _SPECIAL.get(kind)
    if special is not None:
        return lambda value: special(field, value)
    return _text(field)


def _text(field: Field) -> Callable[[Any], str | None]:
    length = field.length or sys.maxsize
    lines = field.type == "textarea"

    def text(value: Any) -> str | None:
        if type(value) is not str:
            raise Misfit(field, value)
        if "\0" in value:
            # SQLite ends text at NUL.
            value = value.replace("\0", "")
        value = value.strip(BLANK)
        if lines and "\r" in value:
            value = _NEWLINES.sub("\n", value)
        if len(value) > length:
            raise too_long(field, value)
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


def _structure(field: Field, value: Any) -> str:
    if not isinstance(value, dict):
        raise Misfit(field, value)
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        raise Misfit(field, value) from None


def _reference(field: Field, value: Any) -> str | None:
    if not isinstance(value, str):
        raise Misfit(field, value)
    if value == "":
        return None
    identifier = to_18(value)
    if identifier is None:
        raise errors.WRONG_ID_TYPE(label=field.label, value=value, fields=[field.name])
    return identifier


def _email(field: Field) -> Coerce:
    plain = _text(field)

    def email(value: Any) -> str | None:
        text = plain(value)
        if text is None:
            return None
        if not _EMAIL.fullmatch(text):
            raise errors.INVALID_EMAIL_ADDRESS(label=field.label, value=text, fields=[field.name])
        return text.lower()

    return email


def _base64(field: Field, value: Any) -> bytes | None:
    """Decode a file. Bytes come from a multipart body, which carries them as they are; line breaks are allowed."""
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise Misfit(field, value)
    try:
        return b64decode("".join(value.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Misfit(field, value) from None


_SPECIAL: dict[str, Callable[[Field, Any], Any]] = {
    "boolean": _boolean,
    "id": _reference,
    "reference": _reference,
    "date": moments.date,
    "datetime": moments.moment,
    "time": moments.time,
    "base64": _base64,
    "complexvalue": _structure,
}
