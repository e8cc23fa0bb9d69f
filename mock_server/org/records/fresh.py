"""What a new record of an object starts with, before anybody saves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mock_server.org.schema.layouts import offered
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.org import Org


def fresh_values(org: Org, sobject: SObject, record_type: str | None, user_id: str) -> dict[str, Any]:
    """Return the default values of the fields that a user may set, by name, as answers write them."""
    from mock_server.org.formula.defaults import default_values, defaults_of
    from mock_server.org.formula.environment import Environment

    kind = next((one for one in sobject.record_types if one.id == record_type), None)
    environment = Environment(org.schema, org.store, user_id, org.clock.now())
    formulas = default_values(defaults_of(org.schema, sobject), environment)
    found: dict[str, Any] = {}
    for field in sobject.fields:
        if not (field.createable and field.stored):
            continue
        value = formulas.get(field.name, field.default)
        if field.type in ("picklist", "multipicklist"):
            value = next((entry.value for entry in offered(field, kind) if entry.default), value)
        elif field.type == "boolean":
            value = bool(value)
        if value is not None:
            found[field.name] = value
    if "OwnerId" in sobject.by_name:
        found["OwnerId"] = user_id
    return found
