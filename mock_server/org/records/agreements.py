"""What the values of one record must be to each other, and what follows from them.

A dependent picklist's value fits its controlling value, a record type offers the values of its records, a place has
both its coordinates, a file has its size. Each is a function; a plan holds those that its object has fields for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.picklists import known_values, refused
from mock_server.org.schema.describe_fields import chooses
from mock_server.org.schema.types import Field, RecordType, SObject

if TYPE_CHECKING:
    from mock_server.org.records.rows import Row

Agreement = Callable[["Row"], ApiError | None]
"""Looks at a row whose values are all in stored form; may add values that follow; returns what is wrong."""

RECORD_TYPE = "RecordTypeId"
MASTER_RECORD_TYPE = "012000000000000AAA"
_SIZES = {"Body": "BodyLength", "VersionData": "ContentSize"}
"""The fields that hold how many bytes a file has, by the field that holds the file."""


def agreements(sobject: SObject) -> tuple[Agreement, ...]:
    """Return what a save of an object's record has to look at, in order."""
    return tuple(_of(sobject))


def _of(sobject: SObject) -> Iterator[Agreement]:
    if sobject.record_types:
        yield _record_type(sobject)
    for field in sobject.fields:
        if field.restricted_picklist and field.controller and field.picklist:
            controller = sobject.field(field.controller)
            if controller is not None:
                yield _dependent(field, controller)
        if field.restricted_picklist and any(_offers(one, field) is not None for one in sobject.record_types):
            yield _offered(field, sobject.record_types)
        if field.type == "location":
            parts = [part for part in sobject.fields if part.compound == field.name and part.name != field.name]
            if len(parts) == 2:
                yield _both(field, parts[0], parts[1])
        size = sobject.by_name.get(_SIZES.get(field.name, "")) if field.type == "base64" else None
        if size is not None:
            yield _sized(field, size)


def _record_type(sobject: SObject) -> Agreement:
    active = {one.id for one in sobject.record_types if one.active}
    label = next((field.label for field in sobject.fields if field.name == RECORD_TYPE), "Record Type ID")

    def check(row: Row) -> ApiError | None:
        chosen = row.values.get(RECORD_TYPE)
        if chosen is None or chosen in active:
            return None
        if chosen == MASTER_RECORD_TYPE:
            # A record without a record type is one of Master.
            row.values[RECORD_TYPE] = None
            return None
        # From recall.
        text = f"{label}: this ID value isn't valid for the user: {chosen}"
        refusal = errors.INVALID_CROSS_REFERENCE_KEY(fields=[RECORD_TYPE])
        refusal.message = text
        return refusal

    return check


def _chosen(row: Row, field: Field) -> list[str]:
    """Return the values that a row brings for a picklist."""
    value = row.values.get(field.name)
    if value is None:
        return []
    return value.split(";") if field.type == "multipicklist" else [value]


def _dependent(field: Field, controller: Field) -> Agreement:
    """Refuse a value that the controlling value does not allow; an unrestricted picklist takes it."""
    valid = {entry.value: entry.valid_for for entry in field.picklist}

    def check(row: Row) -> ApiError | None:
        parts = _chosen(row, field)
        if not parts:
            return None
        above = row.now(controller.name)
        if controller.type == "boolean":
            above = "true" if above else "false"
        for part in parts:
            if above is None or not any(chooses(name, above) for name in valid.get(part, ())):
                return refused(field, part)
        return None

    return check


def _offers(one: RecordType, field: Field) -> dict[str, str] | None:
    """Return the values of a picklist that a record type offers, by folded form; None where it offers all."""
    return next((known_values(values) for name, values in one.picklists if name == field.name), None)


def _offered(field: Field, record_types: tuple[RecordType, ...]) -> Agreement:
    by_type = {one.id: offers for one in record_types if (offers := _offers(one, field)) is not None}

    def check(row: Row) -> ApiError | None:
        parts = _chosen(row, field)
        offers = by_type.get(row.now(RECORD_TYPE)) if parts else None
        if offers is None:
            return None
        return next((refused(field, part) for part in parts if part.casefold() not in offers), None)

    return check


def _both(field: Field, latitude: Field, longitude: Field) -> Agreement:
    def check(row: Row) -> ApiError | None:
        values = row.values
        if latitude.name not in values and longitude.name not in values:
            return None
        if (row.now(latitude.name) is None) == (row.now(longitude.name) is None):
            return None
        # That a place needs both is documented, the text is not.
        missing = latitude if row.now(latitude.name) is None else longitude
        text = f"{field.label}: latitude and longitude must both have a value, or both be empty"
        return errors.FIELD_INTEGRITY_EXCEPTION(text=text, fields=[missing.name])

    return check


def _sized(field: Field, size: Field) -> Agreement:
    def follow(row: Row) -> None:
        if field.name in row.values:
            row.values[size.name] = len(row.values[field.name] or b"")

    return follow


def typed_defaults(sobject: SObject) -> dict[str, dict[str, str | None]]:
    """Return the picklist values that a new record of each record type starts with, where the type names values."""
    out: dict[str, dict[str, str | None]] = {}
    for one in sobject.record_types:
        for name, values in one.picklists:
            field = sobject.by_name.get(name)
            if field is not None and field.createable and values:
                out.setdefault(one.id, {})[name] = next((entry.value for entry in values if entry.default), None)
    return out
