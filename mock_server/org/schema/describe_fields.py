"""What a describe says of one field."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from mock_server.org.schema.types import Field, PicklistValue, SObject

_SOAP = {
    "id": "tns:ID", "reference": "tns:ID", "boolean": "xsd:boolean", "int": "xsd:int", "long": "xsd:long",
    "date": "xsd:date", "time": "xsd:time", "double": "xsd:double", "currency": "xsd:double", "percent": "xsd:double",
    "datetime": "xsd:dateTime", "base64": "xsd:base64Binary", "address": "urn:address", "location": "urn:location",
    "anyType": "xsd:anyType",
}  # fmt: skip
_BYTES = frozenset(["string", "textarea", "picklist", "combobox", "email", "phone", "url", "encryptedstring"])
_NOT_AGGREGATED = frozenset(["boolean", "address", "location", "base64", "multipicklist"])
_CHECKED = frozenset(["true", "checked"])


def describe_field(sobject: SObject, field: Field) -> dict[str, Any]:
    """Return all keys of a field's describe; the object tells the values of a controlling field."""
    polymorphic = len(field.reference_to) > 1
    constant = field.type == "boolean" or not field.custom
    return {
        "aggregatable": field.filterable and field.type not in _NOT_AGGREGATED,
        "aiPredictionField": False,
        "autoNumber": field.auto_number,
        "byteLength": field.length * 3 if field.type in _BYTES else field.length,
        "calculated": field.calculated or field.formula is not None or field.roll_up is not None,
        "calculatedFormula": field.formula,
        "cascadeDelete": field.cascade_delete,
        "caseSensitive": field.case_sensitive,
        "compoundFieldName": field.compound,
        "controllerName": field.controller,
        "createable": field.createable,
        "custom": field.custom,
        "defaultValue": field.default if constant else None,
        "defaultValueFormula": field.default_formula if constant else field.default_formula or literal(field.default),
        "defaultedOnCreate": field.defaulted_on_create,
        "dependentPicklist": field.controller is not None,
        "deprecatedAndHidden": False,
        "digits": field.digits,
        "displayLocationInDecimal": field.display_in_decimal,
        "encrypted": field.encrypted,
        "externalId": field.external_id,
        "extraTypeInfo": _extra(field),
        "filterable": field.filterable,
        "filteredLookupInfo": _filtered(field),
        "formulaTreatNullNumberAsZero": field.blank_as_zero,
        "groupable": field.groupable,
        "highScaleNumber": False,
        "htmlFormatted": field.html,
        "idLookup": field.id_lookup,
        "inlineHelpText": field.help_text,
        "label": field.label,
        "length": field.length,
        "mask": field.mask,
        "maskType": field.mask_type,
        "name": field.name,
        "nameField": field.name_field,
        "namePointing": polymorphic,
        "nillable": field.nillable,
        "permissionable": field.permissionable,
        "picklistValues": picklist_values(sobject, field, field.picklist),
        "polymorphicForeignKey": polymorphic,
        "precision": field.precision,
        "queryByDistance": field.query_by_distance,
        "referenceTargetField": None,
        "referenceTo": list(field.reference_to),
        "relationshipName": field.relationship_name,
        "relationshipOrder": field.relationship_order,
        "restrictedDelete": field.restricted_delete,
        "restrictedPicklist": field.restricted_picklist,
        "scale": field.scale,
        "searchPrefilterable": field.search_prefilterable or (field.custom and field.type == "reference"),
        "soapType": _SOAP.get(field.type, "xsd:string"),
        "sortable": field.sortable,
        "type": field.type,
        "unique": field.unique,
        "updateable": field.updateable,
        "writeRequiresMasterRead": field.write_requires_master_read,
    }


def literal(value: str | int | float | bool | None) -> str | None:
    """Write a constant default as the formula that a describe shows: text in quotes, numbers plain."""
    if value is None:
        return None
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value).lower() if isinstance(value, bool) else str(value)


def _extra(field: Field) -> str | None:
    if field.extra_type is None and field.custom and field.type == "textarea":
        return "richtextarea" if field.html else "plaintextarea"
    return field.extra_type


def _filtered(field: Field) -> dict[str, Any] | None:
    if not field.lookup_filter:
        return None
    # `$Source.Name` in a filter is a field of the record that holds the lookup.
    texts = [text for item in field.lookup_filter for text in (item.field, item.value)]
    controlling = [text.removeprefix("$Source.") for text in texts if text.startswith("$Source.")]
    return {
        "controllingFields": list(dict.fromkeys(controlling)),
        "dependent": bool(controlling),
        "optionalFilter": False,
    }


def picklist_values(sobject: SObject, field: Field, values: tuple[PicklistValue, ...]) -> list[dict[str, Any]]:
    """Return the describe form of a field's values, or of those that a record type leaves of them."""
    choices = controlling_values(sobject, field)
    return [
        {
            "active": entry.active,
            "defaultValue": entry.default,
            "label": entry.label,
            "validFor": None if choices is None else valid_for(choices, entry.valid_for),
            "value": entry.value,
        }
        for entry in values
    ]


def controlling_values(sobject: SObject, field: Field) -> tuple[str, ...] | None:
    """Return the values of a dependent picklist's controlling field, in their order; None for no dependent picklist."""
    controller = sobject.field(field.controller) if field.controller else None
    if controller is None:
        return None
    if controller.type == "boolean":
        return ("false", "true")
    return tuple(entry.value for entry in controller.picklist)


def chooses(valid: str, value: str) -> bool:
    """Tell whether a controlling value is the one that a `valid_for` names. A checkbox is `checked` or `true`."""
    if value in ("true", "false"):
        return (valid.lower() in _CHECKED) == (value == "true")
    return valid.casefold() == value.casefold()


def valid_for(choices: tuple[str, ...], valid: tuple[str, ...]) -> str:
    """Return the bit map of the controlling values: the first is the highest bit of the first byte (validFor, D).

    It comes in whole groups of three bytes, so that Base64 needs no padding, as recorded answers show it.
    """
    bits = bytearray(max(1, -(-len(choices) // 24)) * 3)
    for place, choice in enumerate(choices):
        if any(chooses(name, choice) for name in valid):
            bits[place >> 3] |= 0x80 >> (place & 7)
    return b64encode(bits).decode()
