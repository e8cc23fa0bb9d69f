"""The types of formulas, how messages name them, and the forms in which each comes in and goes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from mock_server.org.formula import moments, numbers
from mock_server.org.formula.problems import EvaluationError
from mock_server.org.schema.types import Field

Kind = Literal[
    "Text", "Number", "Boolean", "Date", "DateTime", "Time", "Picklist", "Multi-Select Picklist", "Geolocation", "Null"
]
"""Spelled as Salesforce's messages spell them."""

_KINDS: dict[str, Kind] = {
    "boolean": "Boolean",
    "date": "Date",
    "datetime": "DateTime",
    "time": "Time",
    "picklist": "Picklist",
    "multipicklist": "Multi-Select Picklist",
    "location": "Geolocation",
    "int": "Number",
    "long": "Number",
    "double": "Number",
    "currency": "Number",
    "percent": "Number",
    "id": "Text",
    "reference": "Text",
    "string": "Text",
    "textarea": "Text",
    "combobox": "Text",
    "email": "Text",
    "phone": "Text",
    "url": "Text",
}
TEXTUAL: frozenset[str] = frozenset({"Text", "Picklist", "Multi-Select Picklist"})
"""Kinds whose values are texts, and never None."""
_UNSUPPORTED = {
    "encryptedstring": "Text (Encrypted)",
    "address": "Address",
    "base64": "Base64",
    "anyType": "AnyType",
    "complexvalue": "Complex Value",
}


def kind_of(field: Field) -> Kind | None:
    """Return the kind of a field's value, None for a type that formulas cannot use."""
    return _KINDS.get(field.type)


def unsupported_name(field: Field) -> str:
    """Return how a message calls a type that formulas cannot use."""
    return _UNSUPPORTED.get(field.type, field.type)


def is_long(field: Field) -> bool:
    """Tell whether a field is a long or rich text area, which formula fields cannot use."""
    return field.type == "textarea" and (field.length > 255 or field.html)


def incoming(field: Field, *, blank_as_zero: bool) -> str:
    """Return the Python expression, over a stored value `{0}`, for the value that formulas see."""
    kind = field.type
    if kind in ("id", "reference"):
        return "id_in({0})"
    found = _KINDS[kind]
    if found in TEXTUAL:
        return '({0} or "")'
    if found == "Boolean":
        return "({0} == 1)"
    if found == "Number":
        read = "percent_in" if kind == "percent" else "number_in"
        return f"(ZERO if {{0}} is None else {read}({{0}}))" if blank_as_zero else f"{read}({{0}})"
    return {"Date": "date_in({0})", "DateTime": "datetime_in({0})", "Time": "time_in({0})"}[found]


def outgoing(field: Field) -> Callable[[Any], Any]:
    """Return the function that brings a value into a field's stored form. It raises EvaluationError."""
    kind = _KINDS[field.type]
    if kind == "Number":
        number = numbers.number_out(field.scale, field.type == "percent")
        if field.type not in ("int", "long"):
            return number
        return lambda value: None if value is None else int(number(value) or 0)
    if kind == "Boolean":
        return lambda value: int(value is True)
    if kind == "Date":
        return lambda value: None if value is None else value.isoformat()
    if kind == "DateTime":
        return moments.datetime_out
    if kind == "Time":
        return moments.time_out
    longest = field.length or MOST_TEXT

    def text(value: str) -> str | None:
        value = value.replace("\0", "")
        if len(value) > longest:
            raise EvaluationError("#Too Big!")
        return value.strip() or None

    return text


MOST_TEXT = 1300
"""Characters that a text formula gives at most (custom_field_allocations, "Text formula fields")."""
