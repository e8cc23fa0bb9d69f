"""The list views that a fresh org has of an object: all of its records, and one's own; rows of ListView."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.org.clock import stamp
from mock_server.org.identity.directory import USER_ID
from mock_server.org.ids import stable_id
from mock_server.org.schema import Schema
from mock_server.org.schema.describe import links
from mock_server.org.schema.types import SObject


@dataclass(frozen=True, slots=True)
class ListView:
    id: str
    name: str
    label: str
    scope: str | None = None


def has_views(sobject: SObject) -> bool:
    """Tell whether an object is one that has list views."""
    return sobject.is_("queryable") and (sobject.is_("layoutable") or "listviews" in links(sobject))


def views(sobject: SObject) -> list[ListView]:
    plural = "".join(part for part in sobject.label_plural if part.isalnum())
    wanted: list[tuple[str, str, str | None]] = [(f"All{plural}", f"All {sobject.label_plural}", None)]
    if "OwnerId" in sobject.by_name:
        wanted.append((f"My{plural}", f"My {sobject.label_plural}", "mine"))
    return [ListView(stable_id("00B", f"{sobject.name}.{name}"), name, label, scope) for name, label, scope in wanted]


def find(schema: Schema, identifier: str) -> tuple[SObject, ListView] | None:
    """Return the view of an id, and the object that it is of."""
    for name in schema.names():
        sobject = schema.get(name)
        if sobject is None or not has_views(sobject):
            continue
        for view in views(sobject):
            if view.id[:15] == identifier[:15]:
                return sobject, view
    return None


def list_views(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of ListView for each view of an object."""
    now = stamp(schema.changed)
    for view in views(sobject) if has_views(sobject) else ():
        yield {
            "Id": view.id,
            "Name": view.label,
            "DeveloperName": view.name,
            "NamespacePrefix": None,
            "SobjectType": sobject.name,
            "IsSoqlCompatible": True,
            "CreatedDate": now,
            "CreatedById": USER_ID,
            "LastModifiedDate": now,
            "LastModifiedById": USER_ID,
            "SystemModstamp": now,
        }
