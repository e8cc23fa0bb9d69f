"""Describe bodies, with every key of a real describe in its order.

Source: recorded answers (v51.0 to 2026): object and field keys come in alphabetical order, `urls` in one of its own.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from zlib import crc32

from mock_server.org.schema import standard
from mock_server.org.schema.schema import Schema
from mock_server.org.schema.types import ChildRelationship, Field, SObject

MASTER_RECORD_TYPE = "012000000000000AAA"

_SUMMARY_FLAGS = [
    "activateable",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
]
_FULL_FLAGS = (*_SUMMARY_FLAGS, "compactLayoutable", "searchLayoutable")
_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "long": "xsd:long",
    "date": "xsd:date", "time": "xsd:time", "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double",
    "datetime": "xsd:dateTime", "base64": "xsd:base64Binary", "address": "urn:address", "location": "urn:location",
    "anyType": "xsd:anyType",
}  # fmt: skip
_BYTES = frozenset(["string", "textarea", "picklist", "combobox", "email", "phone", "url", "encryptedstring"])
_NOT_AGGREGATED = frozenset(["boolean", "address", "location", "base64"])
# Objects that hang on another one: the suffix of their name says what they are.
_ASSOCIATED = ("Feed", "History", "Share")


def global_describe(schema: Schema, version: str) -> dict[str, Any]:
    """Return the body of `/sobjects`. `version` is a path segment such as `v60.0`."""
    sobjects = []
    own = schema.own()
    for name in schema.names():
        if name in own:
            sobjects.append(summary(own[name], version))
        else:
            # Labels and flags only: parsing 300 field lists would take most of a second request's time.
            prefix, _, _ = standard.rows()[name]
            top = standard.head(name)
            sobjects.append(
                _summary(name, top["label"], top["labelPlural"], prefix or None, top["flags"], False, version)
            )
    return {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": sobjects}


def summary(sobject: SObject, version: str) -> dict[str, Any]:
    """Return what the global describe says of one object."""
    return _summary(
        sobject.name, sobject.label, sobject.label_plural, sobject.key_prefix, sobject.flags, sobject.custom, version
    )


def _summary(
    name: str, label: str, plural: str, prefix: str | None, flags: Collection[str], custom: bool, version: str
) -> dict[str, Any]:
    out: dict[str, Any] = {flag: flag in flags for flag in _SUMMARY_FLAGS}
    kind, parent = _association(name)
    out.update(
        associateEntityType=kind,
        associateParentEntity=parent,
        custom=custom,
        keyPrefix=prefix,
        label=label,
        labelPlural=plural,
        name=name,
    )
    out = dict(sorted(out.items()))
    out["urls"] = _urls(name, "layoutable" in flags, version)
    return out


def _association(name: str) -> tuple[str | None, str | None]:
    for suffix in _ASSOCIATED:
        parent = name.removesuffix(suffix)
        if parent and parent != name and (parent in standard.rows()):
            return suffix, parent
    return None, None


def _urls(name: str, layoutable: bool, version: str) -> dict[str, str]:
    base = f"/services/data/{version}/sobjects/{name}"
    urls = {"rowTemplate": f"{base}/{{ID}}", "describe": f"{base}/describe", "sobject": base}
    if layoutable:
        urls = {
            "compactLayouts": f"{base}/describe/compactLayouts",
            "rowTemplate": urls["rowTemplate"],
            "approvalLayouts": f"{base}/describe/approvalLayouts",
            "listviews": f"{base}/listviews",
            "describe": urls["describe"],
            "quickActions": f"{base}/quickActions",
            "layouts": f"{base}/describe/layouts",
            "sobject": base,
        }
    return urls


def describe(sobject: SObject, version: str) -> dict[str, Any]:
    """Return the body of `/sobjects/X/describe`."""
    known = sobject.memo.get(("describe", version))
    if isinstance(known, dict):
        return known
    out: dict[str, Any] = {flag: flag in sobject.flags for flag in _FULL_FLAGS}
    kind, parent = _association(sobject.name)
    layout = f"/services/data/{version}/sobjects/{sobject.name}/describe/layouts/{MASTER_RECORD_TYPE}"
    out.update(
        actionOverrides=[],
        associateEntityType=kind,
        associateParentEntity=parent,
        childRelationships=[_child(child) for child in sobject.children],
        custom=sobject.custom,
        defaultImplementation=None,
        extendedBy=None,
        extendsInterfaces=None,
        fields=[_field(field) for field in sobject.fields],
        implementedBy=None,
        implementsInterfaces=None,
        keyPrefix=sobject.key_prefix,
        label=sobject.label,
        labelPlural=sobject.label_plural,
        listviewable=None,
        lookupLayoutable=None,
        name=sobject.name,
        namedLayoutInfos=[],
        networkScopeFieldName=None,
        recordTypeInfos=[
            {
                "active": True,
                "available": True,
                "defaultRecordTypeMapping": True,
                "developerName": "Master",
                "master": True,
                "name": "Master",
                "recordTypeId": MASTER_RECORD_TYPE,
                "urls": {"layout": layout},
            }
        ],
        sobjectDescribeOption="FULL",
        supportedScopes=[{"label": label, "name": name} for name, label in sobject.scopes],
    )
    out = dict(sorted(out.items()))
    out["urls"] = _urls(sobject.name, "layoutable" in sobject.flags, version)
    sobject.memo["describe", version] = out
    return out


def _child(child: ChildRelationship) -> dict[str, Any]:
    return {
        "cascadeDelete": child.cascade_delete,
        "childSObject": child.child,
        "deprecatedAndHidden": False,
        "field": child.field,
        "junctionIdListNames": [],
        "junctionReferenceTo": [],
        "relationshipName": child.name,
        "restrictedDelete": child.restricted_delete,
    }


def _field(field: Field) -> dict[str, Any]:
    polymorphic = len(field.reference_to) > 1
    return {
        "aggregatable": field.filterable and field.type not in _NOT_AGGREGATED,
        "aiPredictionField": False,
        "autoNumber": field.auto_number,
        "byteLength": field.length * 3 if field.type in _BYTES else field.length,
        "calculated": field.calculated,
        "calculatedFormula": field.formula,
        "cascadeDelete": field.cascade_delete,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound,
        "controllerName": None,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": field.default,
        "defaultValueFormula": field.default_formula,
        "defaultedOnCreate": field.defaulted_on_create,
        "dependentPicklist": False,
        "deprecatedAndHidden": False,
        "digits": field.digits,
        "displayLocationInDecimal": False,
        "encrypted": field.encrypted,
        "externalId": field.external_id,
        "extraTypeInfo": field.extra_type,
        "filterable": field.filterable,
        "filteredLookupInfo": None,
        "formulaTreatNullNumberAsZero": field.blank_as_zero,
        "groupable": field.groupable,
        "highScaleNumber": False,
        "htmlFormatted": field.html,
        "idLookup": field.id_lookup,
        "inlineHelpText": None,
        "label": field.label,
        "length": field.length,
        "mask": None,
        "maskType": None,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": polymorphic,
        "nillable": field.nillable,
        "permissionable": field.permissionable,
        "picklistValues": [
            {"active": v.active, "defaultValue": v.default, "label": v.label, "validFor": None, "value": v.value}
            for v in field.picklist
        ],
        "polymorphicForeignKey": polymorphic,
        "precision": field.precision,
        "queryByDistance": field.query_by_distance,
        "referenceTargetField": None,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": None,
        "restrictedDelete": field.restricted_delete,
        "restrictedPicklist": field.restricted_picklist,
        "scale": field.scale,
        "searchPrefilterable": False,
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": False,
    }


def etag(body: bytes) -> str:
    """Return the quoted tag of 8 hex digits that stands for a body."""
    return f'"{crc32(body):08x}"'
