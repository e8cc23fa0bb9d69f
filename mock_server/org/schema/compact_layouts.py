"""Compact layouts: the few fields that stand for a record; the system's own where nobody made one."""

from __future__ import annotations

from typing import Any

from mock_server.org.ids import stable_id
from mock_server.org.schema.describe import record_type_infos
from mock_server.org.schema.layouts import layout_item
from mock_server.org.schema.types import CompactLayout, SObject

SYSTEM = "SYSTEM"
# What the system's layout shows after the name, as far as an object has it. From recall.
_TELLING = ("Title", "Company", "StageName", "Status", "Priority", "Phone", "Email", "OwnerId")
_MOST = 4


def describe_compact_layouts(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the body of `/sobjects/X/describe/compactLayouts`. The system's own layout has no id (D)."""
    primary = sobject.compact_layouts[0] if sobject.compact_layouts else None
    identifier = _id(sobject, primary)
    base = f"/services/data/{version}/sobjects/{sobject.name}/describe/compactLayouts"
    layouts = [describe_compact_layout(sobject, layout) for layout in sobject.compact_layouts]
    return {
        "compactLayouts": [*layouts, describe_compact_layout(sobject, None)],
        "defaultCompactLayoutId": identifier,
        "recordTypeCompactLayoutMappings": [
            {
                "available": info["available"],
                "compactLayoutId": identifier,
                "compactLayoutName": primary.name if primary else SYSTEM,
                "recordTypeId": info["recordTypeId"],
                "recordTypeName": info["name"],
                "urls": {"compactLayout": f"{base}/{info['recordTypeId']}"},
            }
            for info in record_type_infos(sobject, version)
        ],
        "urls": {"primary": f"{base}/primary"},
    }


def primary_compact_layout(sobject: SObject) -> dict[str, Any]:
    """Return the compact layout in use, for every record type: nobody assigned them others."""
    return describe_compact_layout(sobject, sobject.compact_layouts[0] if sobject.compact_layouts else None)


def describe_compact_layout(sobject: SObject, layout: CompactLayout | None) -> dict[str, Any]:
    """Return one compact layout; the system's own for None."""
    names = layout.fields if layout else _system_fields(sobject)
    fields = [field for name in names if (field := sobject.field(name)) is not None]
    return {
        "actions": [],
        "fieldItems": [layout_item(sobject, field, place) for place, field in enumerate(fields, 1)],
        "id": _id(sobject, layout),
        "imageItems": [],
        "label": layout.label if layout else "System Default",
        "name": layout.name if layout else SYSTEM,
        "objectType": sobject.name,
    }


def _system_fields(sobject: SObject) -> list[str]:
    name = sobject.name_field.name if sobject.name_field else "Id"
    return [name, *(other for other in _TELLING if other in sobject.by_name)][:_MOST]


def _id(sobject: SObject, layout: CompactLayout | None) -> str | None:
    return stable_id("0AH", f"{sobject.name}.{layout.name}") if layout else None
