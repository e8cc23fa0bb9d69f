"""Object info: what an object and its fields are, and the values of their picklists.

Source: User Interface API Developer Guide, "Object Info", "Field", "Picklist Values"; recorded answers of object-info.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.schema import describe as forms
from mock_server.org.schema.describe_fields import chooses, controlling_values, describe_field
from mock_server.org.schema.layouts import offered
from mock_server.org.schema.types import Field, PicklistValue, RecordType, SObject
from mock_server.org.standard.looks import look_of
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest.replies import answer, base_of, words
from mock_server.protocols.rest.ui.layouts import record_type
from mock_server.protocols.rest.ui.replies import (
    SINCE,
    UI,
    batched,
    is_supported,
    routes,
    supported,
    tagged,
    ui_url,
)

_INFO = f"{UI}/object-info"
_MOST_OBJECTS = 100
_TYPES = {
    "address": "Address", "anyType": "String", "base64": "Base64", "boolean": "Boolean", "combobox": "ComboBox",
    "complexvalue": "ComplexValue", "currency": "Currency", "date": "Date", "datetime": "DateTime", "double": "Double",
    "email": "Email", "encryptedstring": "EncryptedString", "id": "String", "int": "Int", "location": "Location",
    "long": "Long", "multipicklist": "MultiPicklist", "percent": "Percent", "phone": "Phone", "picklist": "Picklist",
    "reference": "Reference", "string": "String", "textarea": "TextArea", "time": "Time", "url": "Url",
}  # fmt: skip
_EXTRA = {
    "externallookup": "ExternalLookup", "imageurl": "ImageUrl", "indirectlookup": "IndirectLookup",
    "personname": "PersonName", "plaintextarea": "PlainTextArea", "richtextarea": "RichTextArea",
    "switchablepersonname": "SwitchablePersonName",
}  # fmt: skip


@routes(
    Operation("rest.ui.object_info.list", "GET", _INFO, "read", since=43.0, summary="List the objects of the UI API")
)
async def directory(call: Call) -> Reply:
    found = {}
    for name in call.schema.names():
        sobject = call.schema.get(name)
        if sobject is not None and is_supported(sobject):
            found[name] = {
                "apiName": name,
                "keyPrefix": sobject.key_prefix,
                "label": sobject.label,
                "labelPlural": sobject.label_plural,
                "nameFields": name_fields(sobject),
                "objectInfoUrl": f"{_base(call)}/{name}",
            }
    return answer(tagged({"objects": found}))


def _base(call: Call) -> str:
    return f"{ui_url(call)}/object-info"


@routes(
    Operation(
        "rest.ui.object_info.read", "GET", f"{_INFO}/{{sobject}}", "read", since=SINCE,
        summary="Read what an object and its fields are",
    )
)  # fmt: skip
async def read(call: Call) -> Reply:
    return answer(object_info(call, supported(call, call.args["sobject"])))


@routes(
    Operation(
        "rest.ui.object_info.batch", "GET", f"{_INFO}/batch/{{names}}", "read", since=43.0,
        summary="Read what several objects and their fields are",
    )
)  # fmt: skip
async def batch(call: Call) -> Reply:
    names = words(call.args["names"])
    if len(names) > _MOST_OBJECTS:
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"Specify at most {_MOST_OBJECTS} objects")
    return batched(names, lambda name: object_info(call, supported(call, name)))


def object_info(call: Call, sobject: SObject) -> dict[str, Any]:
    """Return the Object Info of an object, as its user sees it."""
    summary = forms.describe(sobject, call.args["version"])
    kinds = {info["recordTypeId"]: _record_type(info) for info in summary["recordTypeInfos"]}
    default = next((one["recordTypeId"] for one in kinds.values() if one["defaultRecordTypeMapping"]), None)
    look = look_of(sobject)
    pages = instance_url(call, call.org)
    flags = (
        "compactLayoutable", "createable", "custom", "deletable", "feedEnabled", "layoutable", "mruEnabled",
        "queryable", "searchLayoutable", "searchable", "updateable",
    )  # fmt: skip
    children = [
        {
            "childObjectApiName": child.child,
            "fieldName": child.field,
            "junctionIdListNames": [],
            "junctionReferenceTo": [],
            "relationshipName": child.name,
        }
        for child in sobject.children
        if child.name and (seen := call.schema.get(child.child)) is not None and child.field in seen.by_name
    ]
    body = {
        **{flag: summary[flag] for flag in flags},
        "apiName": sobject.name,
        "associateEntityType": summary.get("associateEntityType"),
        "associateParentEntity": summary.get("associateParentEntity"),
        "childRelationships": sorted(children, key=lambda one: (one["childObjectApiName"], one["relationshipName"])),
        "defaultRecordTypeId": default,
        "dependentFields": _dependent(sobject),
        "fields": {
            one.name: _field(call, sobject, one) for one in sorted(sobject.fields, key=lambda field: field.name)
        },
        "keyPrefix": sobject.key_prefix,
        "label": sobject.label,
        "labelPlural": sobject.label_plural,
        "nameFields": name_fields(sobject),
        "recordTypeInfos": kinds,
        "themeInfo": {"color": look.color, "iconUrl": look.icon(pages)},
    }
    return tagged(body)


def _record_type(info: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("available", "defaultRecordTypeMapping", "master", "name", "recordTypeId")
    return {key: info[key] for key in keys}


def name_fields(sobject: SObject) -> list[str]:
    """Return the fields that name a record: of a person, the parts and the whole."""
    whole = next((one for one in sobject.fields if one.name_field), None)
    if whole is None:
        return []
    named = [one.name for one in sobject.fields if one.compound == whole.name and one.name in ("FirstName", "LastName")]
    return [*sorted(named), whole.name]


def _dependent(sobject: SObject) -> dict[str, Any]:
    """Return a tree of controlling fields and those that depend on them."""
    below: dict[str, list[str]] = {}
    for one in sobject.fields:
        controller = sobject.field(one.controller) if one.controller else None
        if controller is not None:
            below.setdefault(controller.name, []).append(one.name)

    def tree(name: str, above: frozenset[str]) -> dict[str, Any]:
        return {one: tree(one, above | {one}) for one in sorted(below.get(name, ())) if one not in above}

    depending = {one for names in below.values() for one in names}
    return {name: tree(name, frozenset({name})) for name in sorted(below) if name not in depending}


def _field(call: Call, sobject: SObject, field: Field) -> dict[str, Any]:
    known = describe_field(sobject, field)
    parts = any(one.compound == field.name and one.name != field.name for one in sobject.fields)
    compound = field.type in ("address", "location") or parts
    part = field.compound is not None and field.compound != field.name
    controller = sobject.field(field.controller) if field.controller else None
    keys = (
        "calculated", "createable", "custom", "filterable", "filteredLookupInfo", "highScaleNumber", "htmlFormatted",
        "inlineHelpText", "label", "length", "nameField", "polymorphicForeignKey", "precision", "referenceTargetField",
        "relationshipName", "scale", "searchPrefilterable", "sortable", "unique", "updateable",
    )  # fmt: skip
    body = {
        **{key: known[key] for key in keys},
        "apiName": field.name,
        "compound": compound,
        # Recorded: the parts of a name are called by their own names.
        "compoundComponentName": field.name if part else None,
        "compoundFieldName": field.compound or (field.name if parts else None),
        "controllerName": controller.name if controller is not None else None,
        "controllingFields": _controllers(sobject, field),
        "dataType": _TYPES[field.type],
        "extraTypeInfo": _EXTRA.get(known["extraTypeInfo"] or ""),
        "reference": field.type == "reference",
        "referenceToInfos": [
            {"apiName": target.name, "nameFields": name_fields(target)}
            for name in field.reference_to
            if (target := call.schema.get(name)) is not None
        ],
        "required": not field.nillable,
    }
    return dict(sorted(body.items()))


def _controllers(sobject: SObject, field: Field) -> list[str]:
    """Return the fields that decide on a picklist, the nearest last."""
    out: list[str] = []
    here = sobject.field(field.controller) if field.controller else None
    while here is not None and here.name not in out:
        out.append(here.name)
        here = sobject.field(here.controller) if here.controller else None
    return out[::-1]


# -- picklists

_VALUES = f"{_INFO}/{{sobject}}/picklist-values/{{record_type}}"
_ATTRIBUTES: dict[tuple[str, str], tuple[str, dict[str, str]]] = {
    ("Opportunity", "StageName"): (
        "OpportunityStage",
        {
            "closed": "IsClosed", "defaultProbability": "DefaultProbability",
            "forecastCategoryName": "ForecastCategoryName", "won": "IsWon",
        },
    ),
    ("Case", "Status"): ("CaseStatus", {"closed": "IsClosed"}),
    ("Lead", "Status"): ("LeadStatus", {"converted": "IsConverted"}),
}  # fmt: skip
"""Picklists whose values say more: the object that knows it, and its fields. The key is spelt so in the API."""


@routes(
    Operation(
        "rest.ui.picklists.list", "GET", _VALUES, "read", since=SINCE,
        summary="Read the values of all picklists of a record type",
    )
)  # fmt: skip
async def all_values(call: Call) -> Reply:
    sobject = supported(call, call.args["sobject"])
    identifier = record_type(sobject, call.args["record_type"])
    found = {
        field.name: _values(call, sobject, field, identifier)
        for field in sorted(sobject.fields, key=lambda one: one.name)
        if field.type in ("picklist", "multipicklist")
    }
    return answer(tagged({"picklistFieldValues": found}))


@routes(
    Operation(
        "rest.ui.picklists.read", "GET", f"{_VALUES}/{{field}}", "read", since=SINCE,
        summary="Read the values of one picklist of a record type",
    )
)  # fmt: skip
async def values(call: Call) -> Reply:
    sobject = supported(call, call.args["sobject"])
    identifier = record_type(sobject, call.args["record_type"])
    field = sobject.field(call.args["field"])
    if field is None or field.type not in ("picklist", "multipicklist"):
        raise errors.NOT_A_PICKLIST(name=field.name if field else call.args["field"])
    return answer(_values(call, sobject, field, identifier))


def _values(call: Call, sobject: SObject, field: Field, identifier: str) -> dict[str, Any]:
    kind = next((one for one in sobject.record_types if one.id == identifier), None)
    choices = _choices(sobject, field, kind)
    more = _attributes(call, sobject, field)
    entries = [entry for entry in offered(field, kind) if entry.active]
    shown = {entry.value: _value(entry, choices, more) for entry in entries}
    default = next((entry.value for entry in entries if entry.default), None)
    return tagged(
        {
            "controllerValues": {name: place for place, name in enumerate(choices or ())},
            "defaultValue": shown[default] if default is not None else None,
            "url": f"{_base(call)}/{sobject.name}/picklist-values/{identifier}/{field.name}",
            "values": list(shown.values()),
        }
    )


def _choices(sobject: SObject, field: Field, kind: RecordType | None) -> tuple[str, ...] | None:
    """Return the values of the controlling field that a record type offers; a checkbox has both."""
    choices = controlling_values(sobject, field)
    controller = sobject.field(field.controller) if field.controller else None
    if choices is None or controller is None or controller.type == "boolean":
        return choices
    return tuple(entry.value for entry in offered(controller, kind) if entry.active)


def _value(
    entry: PicklistValue, choices: tuple[str, ...] | None, more: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    places = [
        place for place, choice in enumerate(choices or ()) if any(chooses(one, choice) for one in entry.valid_for)
    ]
    return {
        "attributes": more.get(entry.value),
        "label": entry.label,
        "validFor": places,
        "value": entry.value,
    }


def _attributes(call: Call, sobject: SObject, field: Field) -> dict[str, dict[str, Any]]:
    named = _ATTRIBUTES.get((sobject.name, field.name))
    if named is None or call.schema.get(named[0]) is None:
        return {}
    kind, keys = named
    soql = f"SELECT ApiName, MasterLabel, {', '.join(keys.values())} FROM {kind}"  # noqa: S608  # names of the platform's own
    if "ApiName" not in (call.schema.get(kind) or sobject).by_name:
        soql = soql.replace("ApiName, ", "")
    rows = call.org.query(call.session, soql, base=base_of(call)).records
    return {
        row.get("ApiName") or row["MasterLabel"]: dict(
            sorted({**{key: row[name] for key, name in keys.items()}, "picklistAtrributesValueType": kind}.items())
        )
        for row in rows
    }
