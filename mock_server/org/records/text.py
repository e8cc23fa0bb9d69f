"""Values as text: how cells of CSV, and elements of XML, become values and are written.

Forms of the Bulk API (D: valid CSV records, date formats; booleans in many words); what it writes: no value is an empty
cell, moments end in Z, doubles are written as Java writes them.
"""

from __future__ import annotations

from base64 import b64encode
from decimal import Decimal
from typing import Any

from mock_server.org.records.misfits import Misfit
from mock_server.org.records.values import Coerce, coercion
from mock_server.org.schema.types import FLOAT_TYPES, Field

NULL = "#N/A"
"""What a cell says to empty a field; an empty cell says nothing."""

_TRUE = frozenset({"yes", "y", "true", "on", "1"})
_FALSE = frozenset({"no", "n", "false", "off", "0"})


def from_text(field: Field, text: str, coerce: Coerce | None = None) -> Any:
    """Return the stored form of a cell; None for an empty one and for `#N/A`.

    `coerce` is the field's own coercion, for whoever keeps it. Raises ApiError, and Misfit for what the field's type
    cannot read: see `not_valid`.
    """
    if text in ("", NULL):
        return None
    if field.type == "boolean":
        word = text.strip().lower()
        if word not in _TRUE and word not in _FALSE:
            raise Misfit(field, text)
        return int(word in _TRUE)
    return (coerce or coercion(field))(text)


def to_text(field: Field, value: Any) -> str:
    """Write a stored value as a cell."""
    if value is None:
        return ""
    if field.type == "boolean":
        return "true" if value else "false"
    if field.type in FLOAT_TYPES:
        return java_double(float(value))
    if field.type == "datetime":
        return str(value).replace("+0000", "Z")
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return str(value)


def not_valid(misfit: Misfit) -> str:
    """Return what is said of a cell that its field's type cannot read (recorded for dates)."""
    kind = {"datetime": "dateTime", "currency": "double", "percent": "double"}.get(misfit.field.type, misfit.field.type)
    return f"'{misfit.value}' is not a valid value for the type xsd:{kind}"


def java_double(value: float) -> str:
    """Write a double as Java does: plain from 0.001 to 10,000,000, else with one digit before the point and E."""
    size = abs(value)
    if size == 0 or 1e-3 <= size < 1e7:
        shown = format(Decimal(repr(value)), "f")
        return shown if "." in shown else f"{shown}.0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{rest}E{exponent + len(digits) - 1}"
