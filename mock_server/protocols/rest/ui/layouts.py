"""Layouts as the User Interface API has them, made of what `describe/layouts` says.

Source: User Interface API Developer Guide, "Layout", "Layout Section", "Layout Item"; recorded answers of record-ui.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import stable_id, to_18
from mock_server.org.schema import layouts as pages
from mock_server.org.schema.compact_layouts import primary_compact_layout
from mock_server.org.schema.describe import MASTER_RECORD_TYPE
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.replies import answer
from mock_server.protocols.rest.ui.replies import SINCE, UI, chosen, routes, supported, tagged

TYPES = ("Compact", "Full")
MODES = ("Create", "Edit", "View")
FORMS = ("Large", "Medium", "Small")
_NOTHING = {"apiName": None, "componentType": "EmptySpace"}


@routes(
    Operation(
        "rest.ui.layout.read", "GET", f"{UI}/layout/{{sobject}}", "read", since=SINCE,
        summary="Read an object's layout", query=("formFactor", "layoutType", "mode", "recordTypeId"),
    )
)  # fmt: skip
async def layout(call: Call) -> Reply:
    sobject = supported(call, call.args["sobject"])
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    kind = chosen(call, "layoutType", "LayoutType", TYPES, "Full")
    mode = chosen(call, "mode", "Mode", MODES, "View")
    return answer(layout_of(call, sobject, record_type(sobject, call.query.get("recordTypeId")), kind, mode))


def record_type(sobject: SObject, given: str | None) -> str:
    """Return the id of a record type that an object has, Master for none. Raises NOT_FOUND."""
    if not given:
        return MASTER_RECORD_TYPE
    found = to_18(given)
    if found != MASTER_RECORD_TYPE and found not in {one.id for one in sobject.record_types}:
        raise errors.NOT_FOUND()
    return found


def layout_of(call: Call, sobject: SObject, record_type_id: str, kind: str, mode: str) -> dict[str, Any]:
    """Return a layout of an object. Record types share them: nobody assigned them others."""
    identifier = pages.layout_id(sobject) if kind == "Full" else stable_id("0AH", f"{sobject.name}.compact")
    return tagged(
        {
            "id": identifier,
            "layoutType": kind,
            "mode": mode,
            "objectApiName": sobject.name,
            "recordTypeId": record_type_id,
            "sections": list(_sections(sobject, call.args["version"], kind, mode)),
        }
    )


def _sections(sobject: SObject, version: str, kind: str, mode: str) -> Iterator[dict[str, Any]]:
    if kind == "Compact":
        items = [_item(sobject, one) for one in primary_compact_layout(sobject)["fieldItems"]]
        yield {
            "collapsible": False,
            "columns": 1,
            "heading": "",
            "id": stable_id("01B", f"{sobject.name}.compact"),
            "layoutRows": [{"layoutItems": [one]} for one in items],
            "rows": len(items),
            "useHeading": False,
        }
        return
    described = pages.describe_layout(sobject, version)
    for section in described["detailLayoutSections" if mode == "View" else "editLayoutSections"]:
        rows = [
            {"layoutItems": [_item(sobject, one) for one in row["layoutItems"]]}
            for row in section["layoutRows"]
            if mode != "Create" or any(one["editableForNew"] for one in row["layoutItems"])
        ]
        if rows:
            yield {
                "collapsible": section["useCollapsibleSection"],
                "columns": section["columns"],
                "heading": section["heading"],
                "id": section["layoutSectionId"],
                "layoutRows": rows,
                "rows": len(rows),
                "useHeading": section["useHeading"],
            }


def _item(sobject: SObject, item: Mapping[str, Any]) -> dict[str, Any]:
    components = [
        {"apiName": part["value"], "componentType": "Field", "label": part["details"]["label"]}
        for one in item["layoutComponents"]
        if one["type"] == "Field"
        for part in _parts(one)
    ]
    first = sobject.by_name.get(item["layoutComponents"][0]["value"]) if components else None
    lookup = None
    if first is not None:
        lookup = first.name if first.type == "reference" else "Id" if first.name_field else None
    return {
        "editableForNew": item["editableForNew"],
        "editableForUpdate": item["editableForUpdate"],
        "label": item["label"],
        "layoutComponents": components or [dict(_NOTHING)],
        "lookupIdApiName": lookup,
        "required": item["required"],
        "sortable": False,
    }


def _parts(component: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the parts of an address, a place or a person's name; any other field is its own."""
    shown = [part for part in component["components"] if not part["value"].endswith("GeocodeAccuracy")]
    texts = [part for part in shown if not part["value"].endswith(("Latitude", "Longitude"))]
    return texts or shown or [component]


def layout_fields(layout: Mapping[str, Any], *, create: bool = False) -> list[str]:
    """Return the names of the fields that a layout shows; with `create`, those that a new record may have."""
    return [
        component["apiName"]
        for section in layout["sections"]
        for row in section["layoutRows"]
        for item in row["layoutItems"]
        if item["editableForNew"] or not create
        for component in item["layoutComponents"]
        if component["apiName"] is not None
    ]


def user_state(layout: Mapping[str, Any]) -> dict[str, Any]:
    """Return which sections of a layout a user has closed: none."""
    sections = {one["id"]: {"collapsed": False, "id": one["id"]} for one in layout["sections"]}
    return {"id": layout["id"], "sectionUserStates": sections}
