"""Criteria of rules (field, operator, value) as the formula that they mean: one language for all conditions.

Source: Metadata API Developer Guide, FilterItem and `booleanFilter`: text compares without case, several values are
separated by commas, an empty value means an empty field.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from mock_server.org.schema.errors import Path, SchemaError, brief
from mock_server.org.schema.given import mapping, text
from mock_server.org.schema.types import NUMBER_TYPES, Field

OPERATORS = {
    "equals": "=", "notEqual": "<>", "lessThan": "<", "greaterThan": ">", "lessOrEqual": "<=", "greaterOrEqual": ">=",
    "contains": "", "notContain": "", "startsWith": "", "includes": "", "excludes": "",
}  # fmt: skip
_DAY = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)/(\d\d?)/(\d{4})")
_TOKEN = re.compile(r"\s*(\d+|AND|OR|NOT|[()])", re.IGNORECASE)
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,18})?")
_LONGEST = 200


class Fields(Protocol):
    def find(self, name: str) -> Field | None: ...

    def nearest(self, name: str) -> str | None: ...


def condition_of(path: Path, given: Mapping[str, Any], sobject: str, fields: Fields) -> str:
    """Return the formula of `condition`, or of `criteria` joined by `filter`; TRUE for neither. Raises SchemaError."""
    said = text(path, given, "condition", None, most=20_000)
    criteria = given.get("criteria")
    if said is not None:
        return said
    if criteria is None:
        return "TRUE"
    if not isinstance(criteria, Sequence) or isinstance(criteria, str) or not criteria:
        raise SchemaError((*path, "criteria"), "a list is needed here: [{field: Priority, value: High}]")
    clauses = [
        _clause((*path, "criteria", place), one, sobject, fields) for place, one in enumerate(criteria[:_LONGEST])
    ]
    wanted = text(path, given, "filter", None)
    return _joined((*path, "filter"), wanted, clauses) if wanted else " && ".join(clauses)


def _joined(path: Path, text: str, clauses: Sequence[str]) -> str:
    out: list[str] = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None or len(out) >= _LONGEST:
            raise SchemaError(path, f"the filter {brief(text)} is not understood: numbers, AND, OR, NOT, ( and ) are")
        token, at = found[1].upper(), found.end()
        if token.isdigit():
            if not 1 <= int(token) <= len(clauses):
                raise SchemaError(path, f"the filter names item {token}; there are items 1 to {len(clauses)}")
            token = clauses[int(token) - 1]
        out.append({"AND": "&&", "OR": "||"}.get(token, token))
    return " ".join(out)


def _clause(path: Path, given: Any, sobject: str, fields: Fields) -> str:
    mapping(path, given, ("field", "operator", "value"))
    named = text(path, given, "field", "")
    owner, _, name = named.rpartition(".")
    if owner and owner.lower() != sobject.lower():
        raise SchemaError((*path, "field"), f"criteria about {brief(owner)} are not read; a formula can ask for them")
    operator = text(path, given, "operator", "equals")
    if operator not in OPERATORS:
        raise SchemaError.unknown((*path, "operator"), "operator", operator, OPERATORS)
    field = fields.find(name)
    if field is None:
        near = fields.nearest(name)
        raise SchemaError((*path, "field"), f"{sobject} has no field {brief(name)}", (), near)
    value = given.get("value", "")
    listed = next(csv.reader([str("" if value is None else value).replace("\n", " ")], skipinitialspace=True), [""])
    tests = [_test((*path, "value"), field, operator, one.strip()) for one in listed or [""]]
    either = f"({' || '.join(tests)})"
    return f"NOT({either})" if operator in ("notEqual", "notContain", "excludes") else either


def _test(path: Path, field: Field, operator: str, value: str) -> str:
    """Return what holds where one value fits; of what says no, its opposite."""
    name, kind = field.name, field.type
    sign = {"notEqual": "="}.get(operator, OPERATORS[operator]) or "="
    if kind == "multipicklist":
        return f"INCLUDES({name}, {_quoted(value)})" if value else f"ISBLANK({name})"
    read = f"TEXT({name})" if kind in ("picklist", "combobox") else name
    if value == "" and operator in ("equals", "notEqual"):
        return f"ISBLANK({read})"
    if kind == "boolean":
        return f"{name} = {'TRUE' if value.lower() in ('true', '1') else 'FALSE'}"
    if kind in NUMBER_TYPES:
        if not _NUMBER.fullmatch(value):
            raise SchemaError(path, f"{brief(value)} is no number")
        return f"{name} {sign} {value}"
    if kind in ("date", "datetime"):
        return f"{name if kind == 'date' else f'DATEVALUE({name})'} {sign} {_day(path, value)}"
    if kind == "reference" and name == "RecordTypeId":
        # Metadata names a record type.
        return f"RecordType.DeveloperName = {_quoted(value)} || RecordType.Name = {_quoted(value)}"
    if kind in ("reference", "id"):
        return f"{name} {sign} {_quoted(value)}"
    folded = f"LOWER({read})"
    if operator in ("contains", "notContain"):
        return f"CONTAINS({folded}, {_quoted(value.lower())})"
    if operator == "startsWith":
        return f"BEGINS({folded}, {_quoted(value.lower())})"
    if sign != "=":
        raise SchemaError(path, f"{operator} does not go with {name}, which is a {kind}")
    return f"{folded} = {_quoted(value.lower())}"


def _day(path: Path, value: str) -> str:
    if value.upper() == "TODAY":
        return "TODAY()"
    found = _DAY.fullmatch(value)
    if found is None:
        raise SchemaError(path, f"{brief(value)} is no date here: 2026-01-31, 1/31/2026 and TODAY are")
    year, month, day = (found[1], found[2], found[3]) if found[1] else (found[6], found[4], found[5])
    return f"DATE({int(year)}, {int(month)}, {int(day)})"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
