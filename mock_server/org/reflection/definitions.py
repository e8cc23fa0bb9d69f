"""Rows about what an org's owner defined: CustomObject, CustomField, ValidationRule of the Tooling API."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from mock_server.org.clock import stamp
from mock_server.org.identity.directory import USER_ID
from mock_server.org.identity.families import hung_on
from mock_server.org.ids import stable_id
from mock_server.org.reflection.objects import name_parts
from mock_server.org.schema import Schema, durable
from mock_server.org.schema.types import Field, SObject

_TYPES = {
    "boolean": "Checkbox", "date": "Date", "datetime": "DateTime", "time": "Time", "email": "Email", "phone": "Phone",
    "url": "Url", "currency": "Currency", "percent": "Percent", "double": "Number", "int": "Number",
    "picklist": "Picklist", "multipicklist": "MultiselectPicklist", "location": "Location", "string": "Text",
    "encryptedstring": "EncryptedText",
}  # fmt: skip


def _own(schema: Schema) -> Iterator[SObject]:
    """Yield the objects that the org's owner made or changed, and the caller sees; not those that came with them."""
    names = (name for name in sorted(schema.own()) if hung_on(name) is None)
    return (found for name in names if (found := schema.get(name)) is not None)


def _audit(schema: Schema) -> dict[str, Any]:
    now = stamp(schema.changed)
    return {
        "CreatedDate": now, "CreatedById": USER_ID, "LastModifiedDate": now, "LastModifiedById": USER_ID,
        "SystemModstamp": now,
    }  # fmt: skip


def custom_objects(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of CustomObject for each object that somebody defined: custom settings, events and types too."""
    for sobject in _own(schema):
        if durable.of_object(sobject.name) == sobject.name:
            continue
        namespace, developer = name_parts(sobject.name)
        yield {
            "Id": durable.object_id(sobject.name),
            "DeveloperName": developer,
            "Language": "en_US",
            "SharingModel": sobject.sharing,
            "ManageableState": _state(namespace),
            "NamespacePrefix": namespace,
            **_audit(schema),
        }


def _state(namespace: str | None) -> str:
    return "unmanaged" if namespace is None else "installed"


def custom_fields(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of CustomField for each custom field, of standard objects too."""
    for sobject in _own(schema):
        for field in sobject.fields:
            if not field.custom or durable.is_part(field):
                continue
            namespace, developer = name_parts(field.name)
            yield {
                "Id": durable.field_id(sobject.name, field.name),
                "TableEnumOrId": durable.of_object(sobject.name),
                "DeveloperName": developer,
                "EntityDefinitionId": durable.of_object(sobject.name),
                "InlineHelpText": field.help_text,
                "Length": field.length or None,
                "Precision": field.precision or None,
                "Scale": field.scale if field.precision else None,
                "RelationshipLabel": None,
                "SummaryOperation": field.roll_up.operation if field.roll_up else None,
                "ManageableState": _state(namespace),
                "NamespacePrefix": namespace,
                "FullName": f"{sobject.name}.{field.name}",
                "Metadata": orjson.dumps(_metadata(field)).decode(),
                **_audit(schema),
            }


def _metadata(field: Field) -> dict[str, Any]:
    """Return a field as the Metadata API describes it (Metadata API, "CustomField"), without its empty elements."""
    kind = _kind(field)
    out: dict[str, Any] = {
        "label": field.label,
        "type": kind,
        "inlineHelpText": field.help_text,
        "formula": field.formula,
        "defaultValue": field.default_formula,
        "externalId": field.external_id or None,
        "required": not field.nillable if field.type != "boolean" else None,
        "unique": field.unique or None,
        "length": field.length if kind in ("Text", "TextArea", "LongTextArea", "Html", "EncryptedText") else None,
        "precision": field.precision if field.precision else None,
        "scale": field.scale if field.precision else None,
        "referenceTo": field.reference_to[0] if field.reference_to else None,
        "relationshipName": (field.relationship_name or "").removesuffix("__r") or None,
        "displayFormat": field.display_format,
    }
    return {key: value for key, value in out.items() if value is not None}


def _kind(field: Field) -> str:
    if field.roll_up is not None:
        return "Summary"
    if field.auto_number:
        return "AutoNumber"
    if field.type == "reference":
        return "MasterDetail" if field.cascade_delete else "Lookup"
    if field.type == "textarea":
        return "Html" if field.html else "LongTextArea" if field.length > 255 else "TextArea"
    return _TYPES.get(field.type, "Text")


def validation_rules(schema: Schema, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of ValidationRule for each rule of the objects that the caller sees."""
    for sobject in _own(schema):
        namespace, _ = name_parts(sobject.name)
        for rule in sobject.validation_rules:
            said = {
                "active": rule.active, "errorConditionFormula": rule.condition, "errorDisplayField": rule.field,
                "errorMessage": rule.message,
            }  # fmt: skip
            yield {
                "Id": stable_id("03d", f"{sobject.name}.{rule.name}"),
                "ValidationName": rule.name,
                "Active": int(rule.active),
                "ErrorDisplayField": rule.field,
                "ErrorMessage": rule.message,
                "EntityDefinitionId": durable.of_object(sobject.name),
                "ManageableState": _state(namespace),
                "NamespacePrefix": namespace,
                "FullName": f"{sobject.name}.{rule.name}",
                "Metadata": orjson.dumps(said).decode(),
                **_audit(schema),
            }
