"""Picklist values: which may be stored, and in what form."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.misfits import Misfit
from mock_server.org.schema.types import Field, PicklistValue

Text = Callable[[Any], str | None]


def refused(field: Field, value: str) -> ApiError:
    return errors.INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST(label=field.label, value=value, fields=[field.name])


def known_values(values: Iterable[PicklistValue]) -> dict[str, str]:
    """Return values by their folded form: the API matches them without case and stores them as they are defined."""
    return {entry.value.casefold(): entry.value for entry in values}


def picklist(field: Field, text: Text) -> Text:
    """Return the coercion of a picklist. One that is not restricted takes any text that fits."""
    known = known_values(entry for entry in field.picklist if entry.active)
    restricted = field.restricted_picklist and bool(field.picklist)
    # A value that is defined is stored as it is defined, even where others may be added.
    defined = known if restricted else known_values(field.picklist)

    def coerce(value: Any) -> str | None:
        chosen = text(value)
        if chosen is None:
            return None
        found = defined.get(chosen.casefold())
        if found is None and restricted:
            raise refused(field, chosen)
        return found or chosen

    return coerce


def multipicklist(field: Field, text: Text) -> Text:
    """Return the coercion of a multi-select picklist: values parted by `;`, stored in the picklist's own order."""
    one = picklist(field, text)
    order = {entry.value: place for place, entry in enumerate(field.picklist)}

    def coerce(value: Any) -> str | None:
        if type(value) is not str:
            raise Misfit(field, value)
        whole = text(value)
        if whole is None:
            return None
        parts = dict.fromkeys(filter(None, (one(part) for part in whole.split(";"))))
        return ";".join(sorted(parts, key=lambda part: order.get(part, len(order)))) or None

    return coerce
