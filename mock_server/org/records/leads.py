"""Converted leads: nobody changes them, and nothing new refers to them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.records.rows import Row
from mock_server.org.records.store import Store
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.org import Org


def converted(store: Store, lead: SObject, ids: Sequence[str]) -> set[str]:
    """Return those of some leads that are converted."""
    return {identifier for identifier, done in store.lookup(lead, "Id", ids, "Id", "IsConverted") if done}


def protect_converted(store: Store, rows: Sequence[Row]) -> None:
    """Refuse rows that change converted leads, or merge them. They may be deleted."""
    changing = [
        row
        for row in rows
        if row.sobject.name == "Lead"
        and (row.verb == "update" or row.change.into is not None)
        and row.change.derived is None
    ]
    if changing:
        done = converted(store, changing[0].sobject, [str(row.id) for row in changing])
        for row in changing:
            if row.id in done:
                row.fail(errors.CANNOT_UPDATE_CONVERTED_LEAD())


def converted_statuses(org: Org) -> list[str]:
    """Return the values of Lead.Status that a converted lead may have.

    They are what the org's LeadStatus records say; without any, the values that are named for it, as in a new org.
    """
    status, lead = org.schema.get("LeadStatus"), org.schema.get("Lead")
    if status is not None and org.store.exists(status):
        org.store.ready(status)
        found = list(org.store.lookup(status, "IsConverted", [1], "ApiName", "MasterLabel", "IsDeleted"))
        if found or org.store.count(status):
            return [name or label for name, label, deleted in found if not deleted]
    values = [entry.value for entry in lead.by_name["Status"].picklist if entry.active] if lead is not None else []
    return [value for value in values if "converted" in value.lower() and "not converted" not in value.lower()]
