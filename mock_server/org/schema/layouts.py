"""Page layouts (describeLayout), built from an object's own fields: sections of rows of items of components.

The org has no layouts that somebody drew, so each object has one: information, addresses, system fields, long texts, in
two columns. Shapes: describeLayout and its REST form (D); clients' own type definitions confirm the keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mock_server.org.ids import stable_id
from mock_server.org.schema.describe import record_type_infos
from mock_server.org.schema.describe_fields import describe_field, picklist_values
from mock_server.org.schema.types import COMPOUND_TYPES, Field, PicklistValue, RecordType, SObject

_HIDDEN = frozenset({
    "Id", "IsDeleted", "SystemModstamp", "LastViewedDate", "LastReferencedDate", "LastActivityDate", "MasterRecordId",
    "PhotoUrl", "RecordTypeId", "Jigsaw", "JigsawCompanyId", "JigsawContactId", "CreatedDate", "LastModifiedDate",
})  # fmt: skip
# Child records that the layouts of a fresh org list; of custom objects all children are listed.
_RELATED = frozenset({
    "Contacts", "Opportunities", "Cases", "ChildAccounts", "Contracts", "Orders", "OrderItems", "CampaignMembers",
    "OpportunityLineItems", "OpportunityContactRoles", "Quotes", "Assets", "Attachments", "Notes", "Tasks", "Events",
})  # fmt: skip
_BUTTONS = (("Edit", "Edit"), ("Delete", "Delete"), ("Clone", "Clone"))
_ASSIGNED = frozenset({"Account", "Case", "Lead"})


def layout_id(sobject: SObject) -> str:
    """Return the id of an object's layout. Record types share it: nobody assigned them others."""
    return stable_id("00h", sobject.name)


def describe_layouts(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the body of `/sobjects/X/describe/layouts`."""
    return {
        "layouts": [describe_layout(sobject, version)],
        "recordTypeMappings": [
            {
                "active": info["active"],
                "available": info["available"],
                "defaultRecordTypeMapping": info["defaultRecordTypeMapping"],
                "developerName": info["developerName"],
                "layoutId": layout_id(sobject),
                "master": info["master"],
                "name": info["name"],
                "picklistsForRecordType": _picklists(sobject, info["recordTypeId"]),
                "recordTypeId": info["recordTypeId"],
                "urls": info["urls"],
            }
            for info in record_type_infos(sobject, version)
        ],
        "recordTypeSelectorRequired": [sum(one.active for one in sobject.record_types) > 1],
    }


def global_layouts() -> dict[str, Any]:
    """Return the body of `/sobjects/Global/describe/layouts`: the publisher of an org without global actions."""
    identifier = stable_id("00h", "Global")
    return {
        "layouts": [_layout(identifier, (), (), related=[], save_options=[], buttons=None)],
        "recordTypeMappings": [],
        "recordTypeSelectorRequired": [False],
    }


def describe_layout(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the one layout of an object, which is also the body of `/describe/layouts/{recordTypeId}`."""
    known = sobject.memo.get(("layout", version))
    if not isinstance(known, dict):
        known = _layout(
            layout_id(sobject),
            list(_sections(sobject, editing=False)),
            list(_sections(sobject, editing=True)),
            related=_related_lists(sobject),
            save_options=[_save_option()] if sobject.name in _ASSIGNED else [],
            buttons=[_button(name, label) for name, label in _BUTTONS],
        )
        sobject.memo["layout", version] = known
    return known


def _layout(
    identifier: str,
    detail: Sequence[dict[str, Any]],
    edit: Sequence[dict[str, Any]],
    *,
    related: list[dict[str, Any]],
    save_options: list[dict[str, Any]],
    buttons: list[dict[str, Any]] | None,
) -> dict[str, Any]:
    return {
        "buttonLayoutSection": None if buttons is None else {"detailButtons": buttons},
        "detailLayoutSections": list(detail),
        "editLayoutSections": list(edit),
        "feedView": None,
        "highlightsPanelLayoutSection": None,
        "id": identifier,
        "multirowEditLayoutSections": [],
        "offlineLinks": [],
        "quickActionList": {"quickActionListItems": []},
        "relatedContent": {"relatedContentItems": []},
        "relatedLists": related,
        "saveOptions": save_options,
    }


def _sections(sobject: SObject, *, editing: bool) -> Iterator[dict[str, Any]]:
    # A list: an object whose label is Address has two sections of one heading.
    groups: list[tuple[str, int, list[dict[str, Any]]]] = [
        (f"{sobject.label} Information", 2, []),
        ("Address Information", 2, []),
        ("System Information", 2, []),
        ("Description Information", 1, []),
    ]
    information, addresses, system, description = (items for _, _, items in groups)
    order = 0
    for field in _shown(sobject):
        if editing and not (field.createable or field.updateable or _parts(sobject, field)):
            continue
        order += 1
        item = layout_item(sobject, field, order)
        if field.type in COMPOUND_TYPES and field.type != "location":
            addresses.append(item)
        elif field.name in ("CreatedById", "LastModifiedById"):
            item["layoutComponents"].extend(_stamp(sobject, field, order))
            system.append(item)
        elif field.type == "textarea" and field.length > 255:
            description.append(item)
        else:
            information.append(item)
    for place, (heading, columns, items) in enumerate(groups):
        if items:
            yield _section(sobject, heading, columns, items, first=place == 0, editing=editing)


def _shown(sobject: SObject) -> Iterator[Field]:
    """Yield the fields of a layout: owner and name first, of a compound field the whole and not its parts."""
    compounds = {field.name for field in sobject.fields if field.type in COMPOUND_TYPES}
    name = sobject.name_field
    parts = {part.name for part in _parts(sobject, name)} if name else set()
    chosen = [
        field
        for field in sobject.fields
        if field.name not in _HIDDEN
        and field.compound not in compounds - {field.name}
        and field.name not in parts
        and field.type not in ("base64", "complexvalue", "anyType")
    ]
    first = {"OwnerId": 0, name.name if name else "": 1}
    yield from sorted(chosen, key=lambda field: first.get(field.name, 2))


def _parts(sobject: SObject, field: Field) -> list[Field]:
    """Return what a compound field, or a person's name, is made of."""
    return [part for part in sobject.fields if part.compound == field.name and part.name != field.name]


def layout_item(sobject: SObject, field: Field, order: int = 1) -> dict[str, Any]:
    """Return a field's item: its label and its component, which holds those of its parts."""
    parts = _parts(sobject, field)
    editable = [field, *parts]
    component = _component(sobject, field, order)
    component["components"] = [_component(sobject, part, order + place) for place, part in enumerate(parts)]
    return {
        "editableForNew": any(one.createable for one in editable),
        "editableForUpdate": any(one.updateable for one in editable),
        "label": field.label.removesuffix(" ID") or field.label,
        "layoutComponents": [component],
        "placeholder": False,
        "required": any(one.required for one in editable),
    }


def form(sobject: SObject, names: Iterable[str], title: str) -> dict[str, Any]:
    """Return the section that some fields fill in, one beside the other, as far as the user sees them."""
    items = [layout_item(sobject, sobject.by_name[name]) for name in names if name in sobject.by_name]
    return _section(sobject, title, 1, items, first=True, editing=False)


def _component(sobject: SObject, field: Field, order: int) -> dict[str, Any]:
    return {
        "components": [],
        "details": describe_field(sobject, field),
        "displayLines": 1 if field.type != "textarea" else 6 if field.length > 255 else 2,
        "fieldType": field.type,
        "tabOrder": order,
        "type": "Field",
        "value": field.name,
    }


def _stamp(sobject: SObject, user: Field, order: int) -> list[dict[str, Any]]:
    """Return what follows the user in "Created By": a comma and the time."""
    moment = sobject.by_name.get(user.name.removesuffix("ById") + "Date")
    if moment is None:
        return []
    comma: dict[str, Any] = {
        "components": [], "details": None, "displayLines": 1, "tabOrder": order, "type": "Separator", "value": ", ",
    }  # fmt: skip
    return [comma, _component(sobject, moment, order)]


_PLACEHOLDER = {
    "editableForNew": False, "editableForUpdate": False, "label": "", "layoutComponents": [], "placeholder": True,
    "required": False,
}  # fmt: skip


def _section(
    sobject: SObject, heading: str, columns: int, items: list[dict[str, Any]], *, first: bool, editing: bool
) -> dict[str, Any]:
    rows = []
    for start in range(0, len(items), columns):
        row = items[start : start + columns]
        row += [dict(_PLACEHOLDER) for _ in range(columns - len(row))]
        rows.append({"layoutItems": row, "numItems": columns})
    return {
        "collapsed": False,
        "columns": columns,
        "heading": heading,
        "layoutRows": rows,
        "layoutSectionId": stable_id("01B", f"{sobject.name}.{heading}"),
        "parentLayoutId": layout_id(sobject),
        "rows": len(rows),
        "tabOrder": "LeftToRight",
        "useCollapsibleSection": not editing and not first,
        "useHeading": editing or not first,
    }


def _button(name: str, label: str) -> dict[str, Any]:
    return {
        "behavior": None, "colors": None, "content": None, "contentSource": None, "custom": False, "encoding": None,
        "height": None, "icons": None, "label": label, "menubar": False, "name": name, "overridden": False,
        "resizeable": False, "scrollbars": False, "showsLocation": False, "showsStatus": False, "toolbar": False,
        "url": None, "width": None, "windowPosition": None,
    }  # fmt: skip


def _save_option() -> dict[str, Any]:
    return {
        "defaultValue": True, "isDisplayed": True, "label": "Assign using active assignment rule",
        "name": "useDefaultRule", "restHeaderName": "Sforce-Auto-Assign", "soapHeaderName": "AssignmentRuleHeader",
    }  # fmt: skip


def _related_lists(sobject: SObject) -> list[dict[str, Any]]:
    out = []
    for child in sobject.children:
        custom = child.child.endswith("__c")
        if not child.name or not (custom or child.name in _RELATED):
            continue
        column = {
            "field": f"{child.child}.Name",
            "fieldApiName": "Name",
            "format": None,
            "label": "Name",
            "lookupId": f"{child.child}.Id",
            "name": f"{child.child}.Name",
            "sortable": True,
        }
        out.append(
            {
                "accessLevelRequiredForCreate": None,
                "buttons": None,
                "columns": [column],
                "custom": custom,
                "field": child.field,
                "label": child.name.removesuffix("__r").replace("_", " "),
                "limitRows": 5,
                "name": child.name,
                "sobject": child.child,
                "sort": [],
            }
        )
    return out


def _picklists(sobject: SObject, record_type: str) -> list[dict[str, Any]]:
    """Return the values that a record type leaves of each picklist; Master leaves all."""
    chosen = next((one for one in sobject.record_types if one.id == record_type), None)
    return [
        {
            "picklistName": field.name,
            "picklistValues": picklist_values(sobject, field, offered(field, chosen)),
        }
        for field in sobject.fields
        if field.type in ("picklist", "multipicklist")
    ]


def offered(field: Field, record_type: RecordType | None) -> tuple[PicklistValue, ...]:
    """Return the values of a picklist that a record type offers."""
    named: Iterable[tuple[str, tuple[PicklistValue, ...]]] = record_type.picklists if record_type else ()
    values = next((values for name, values in named if name == field.name), None)
    return field.picklist if values is None else values
