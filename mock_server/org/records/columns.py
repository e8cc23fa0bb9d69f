"""Columns: what many rows say of one field, brought into stored form with one look for them all.

Whatever one look cannot tell is `Unusual`: those rows are read one by one, and their errors told by the steps that know
them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import repeat
from typing import Any

from mock_server.org.errors import ApiError
from mock_server.org.records.headers import Column
from mock_server.org.records.misfits import Misfit
from mock_server.org.records.text import NULL, from_text
from mock_server.org.records.values import BLANK, Coerce
from mock_server.org.schema.types import FLOAT_TYPES, Field, fold

_OTHER = FLOAT_TYPES | {
    "boolean", "int", "long", "picklist", "multipicklist", "id", "reference", "date", "datetime", "time", "base64",
    "complexvalue",
}  # fmt: skip
# What is left of an address without its letters and digits: one that stands for every text with these signs.
_LETTERS = bytes(byte for byte in range(128) if chr(byte) not in "@.\n" and not (byte < 33 or byte == 127))
_CONTROLS = bytes(byte for byte in range(32) if byte != 10)
_FORBIDDEN = b' \t\r\x0b\x0c\x1c\x1d\x1e\x1f,;:<>()[]\\"'
_SIGNS = re.compile(rb"\.*@\.+")
_EMPTY_LABEL = (b"@.", b"..", b".\n", b"\n@")

Values = list[Any]


class Unusual(Exception):
    """Rows of which one look cannot tell all."""


def values_of(field: Field, cells: Sequence[str], coerce: Coerce) -> Values:
    """Return the stored form of cells that say something, `#N/A` among them. Raises Unusual."""
    one = partial(from_text, field, coerce=coerce)
    if NULL not in cells:
        return _read(field, cells, one)
    said = iter(_read(field, [cell for cell in cells if cell != NULL], one))
    empty = 0 if field.type == "boolean" else None
    return [empty if cell == NULL else next(said) for cell in cells]


def stored_of(field: Field, values: Sequence[Any], coerce: Coerce) -> Values:
    """Return the stored form of JSON values, None not among them. Raises Unusual."""
    if set(map(type, values)) == {str} and "" not in values:
        return _read(field, values, coerce)
    try:
        return list(map(coerce, values))
    except (ApiError, Misfit):
        raise Unusual from None


def _read(field: Field, texts: Sequence[str], one: Coerce) -> Values:
    """Read texts; `one` reads a single one, by itself."""
    if field.type in _OTHER:
        return _each(texts, one)
    whole = "\n".join(texts)
    if _trim(whole, len(texts)):
        values = list(texts)
    else:
        values = list(map(str.strip, texts, repeat(BLANK)))
        whole = "\n".join(values)
        # Nor is a text stored that is empty.
        if "\0" in whole or "\r" in whole or "" in values:
            return _each(texts, one)
    if field.length and max(map(len, values), default=0) > field.length:
        raise Unusual
    if field.type == "email":
        return _addresses(values, whole) or _each(texts, one)
    return values


def _trim(whole: str, lines: int) -> bool:
    """Tell whether some lines are texts that are stored as they are: no blanks at the ends, no control characters."""
    data = whole.encode("utf-8", "surrogatepass")
    return (
        len(data.translate(None, _CONTROLS)) == len(data)
        and data.count(b"\n") == lines - 1
        and b"\n " not in data
        and b" \n" not in data
        and not data.startswith(b" ")
        and not data.endswith(b" ")
    )


def _each(texts: Sequence[str], one: Coerce) -> Values:
    """Read each text; the same one again is the same value."""
    try:
        known = {text: one(text) for text in set(texts)}
    except (ApiError, Misfit):
        raise Unusual from None
    return list(map(known.__getitem__, texts))


def _addresses(texts: Values, whole: str) -> Values | None:
    """Return plain email addresses as they are stored; None where a closer look is needed."""
    if not whole.isascii():
        return None
    lines = f"\n{whole}\n".encode()
    if len(lines.translate(None, _FORBIDDEN)) < len(lines) or lines.count(b"\n") != len(texts) + 1:
        return None
    if any(part in lines for part in _EMPTY_LABEL):
        return None
    signs = set(lines.translate(None, _LETTERS).split(b"\n")[1:-1])
    if not all(map(_SIGNS.fullmatch, signs)):
        return None
    lowered = whole.lower()
    return texts if lowered == whole else lowered.split("\n")


def folded(values: Values) -> Values:
    """Return values in the form in which they are compared, the list itself where they are; others than texts are."""
    try:
        whole = "".join(values)
    except TypeError:
        return [fold(value) if isinstance(value, str) else value for value in values]
    if not whole.isascii():
        return list(map(fold, values))
    return values if whole.lower() == whole else list(map(str.lower, values))


def reading(column: Column, coerce: Coerce) -> Callable[[Sequence[str]], Values]:
    """Return what reads the cells of a column: of its own field, or of the parent's key that it names."""
    field = column.key_field or column.field
    return lambda cells: values_of(field, cells, coerce)
