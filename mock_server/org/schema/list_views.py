"""The list views that a fresh org has of an object: all of its records, and one's own."""

from __future__ import annotations

from dataclasses import dataclass

from mock_server.org.ids import stable_id
from mock_server.org.schema.compact_layouts import primary_compact_layout
from mock_server.org.schema.types import Field, SObject

SYSTEM_COLUMNS = ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp")
"""What every view has, and none shows."""
_NOT_LISTED = frozenset({"address", "location", "base64", "complexvalue"})


@dataclass(frozen=True)
class ListView:
    id: str
    name: str
    label: str
    scope: str | None = None


def views(sobject: SObject) -> list[ListView]:
    plural = "".join(part for part in sobject.label_plural if part.isalnum())
    wanted: list[tuple[str, str, str | None]] = [(f"All{plural}", f"All {sobject.label_plural}", None)]
    if "OwnerId" in sobject.by_name:
        wanted.append((f"My{plural}", f"My {sobject.label_plural}", "mine"))
    return [ListView(stable_id("00B", f"{sobject.name}.{name}"), name, label, scope) for name, label, scope in wanted]


def columns(sobject: SObject) -> list[Field]:
    """Return the columns: what the compact layout shows, then the system's own fields."""
    shown = [item["layoutComponents"][0]["value"] for item in primary_compact_layout(sobject)["fieldItems"]]
    names = dict.fromkeys([*shown, *SYSTEM_COLUMNS])
    found = [field for name in names if (field := sobject.by_name.get(name)) is not None]
    return [field for field in found if field.type not in _NOT_LISTED]


def soql_of(sobject: SObject, view: ListView) -> str:
    names = ", ".join(field.name for field in columns(sobject))
    scope = f" USING SCOPE {view.scope}" if view.scope else ""
    return f"SELECT {names} FROM {sobject.name}{scope} ORDER BY Id ASC NULLS FIRST"  # noqa: S608  # names come from the schema
