"""Rows about the fields of one object: FieldDefinition, EntityParticle, PicklistValueInfo, UserFieldAccess.

A field definition is what Setup shows, a compound field as one; a particle is what a record has (Tooling API,
"EntityParticle": in parity with describe).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from mock_server.org.clock import stamp
from mock_server.org.ids import to_15
from mock_server.org.reflection.data_types import data_type
from mock_server.org.reflection.objects import name_parts
from mock_server.org.schema import Schema, durable
from mock_server.org.schema.describe_fields import describe_field
from mock_server.org.schema.types import COMPOUND_TYPES, Field, SObject


def field_definitions(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of FieldDefinition for each field but the parts of compound ones."""
    for field in sobject.fields:
        if durable.is_part(field):
            continue
        identity = durable.of_field(sobject.name, field)
        plain = field.type not in COMPOUND_TYPES
        controller = sobject.field(field.controller) if field.controller else None
        label = _label(field)
        yield {
            **_common(sobject, field, identity),
            "EntityDefinitionId": durable.of_object(sobject.name),
            "MasterLabel": label,
            "Label": label,
            "DataType": data_type(schema, sobject, field),
            "IsIndexed": int(_indexed(field)),
            "IsListFilterable": int(field.filterable),
            "IsListSortable": int(field.sortable),
            "IsListVisible": int(plain and field.type != "base64"),
            "ControllingFieldDefinitionId": durable.of_field(sobject.name, controller) if controller else None,
            "LastModifiedDate": stamp(schema.changed) if field.custom else None,
            "LastModifiedById": None,
            "PublisherId": (name_parts(field.name)[0] or "<local>") if field.custom else "System",
            "RunningUserFieldAccessId": f"{identity}.{to_15(user_id)}",
            "IsSearchPrefilterable": int(field.search_prefilterable),
            "IsPolymorphicForeignKey": int(len(field.reference_to) > 1),
            "IsAiPredictionField": 0,
            "Description": None,
        }


def _label(field: Field) -> str:
    """Return the label that Setup shows: a standard reference goes by what it leads to."""
    return field.label.removesuffix(" ID") if field.type == "reference" and not field.custom else field.label


def _indexed(field: Field) -> bool:
    keys = field.id_lookup or field.external_id or field.unique or field.name_field
    system = field.name in ("Id", "CreatedDate", "SystemModstamp", "RecordTypeId", "OwnerId")
    foreign = field.type == "reference" and field.name not in ("CreatedById", "LastModifiedById")
    return keys or system or foreign


def _common(sobject: SObject, field: Field, identity: str) -> dict[str, Any]:
    """Return what field definitions and particles both say."""
    namespace, developer = name_parts(field.name)
    targets = list(field.reference_to) or None
    return {
        "Id": identity,
        "DurableId": identity,
        "QualifiedApiName": field.name,
        "NamespacePrefix": namespace,
        "DeveloperName": developer if field.custom else _developer(field),
        "Length": field.length,
        "ServiceDataTypeId": field.type,
        "ValueTypeId": _value_type(field),
        "ExtraTypeInfo": field.extra_type,
        "IsCalculated": int(field.calculated or field.formula is not None or field.roll_up is not None),
        "IsHighScaleNumber": 0,
        "IsHtmlFormatted": int(field.html),
        "IsNameField": int(field.name_field),
        "IsNillable": int(field.nillable),
        "IsWorkflowFilterable": int(field.filterable and field.type not in COMPOUND_TYPES),
        "IsCompactLayoutable": int(field.type not in ("id", "base64", "complexvalue", "anyType")),
        "Precision": field.precision,
        "Scale": field.scale,
        "IsFieldHistoryTracked": 0,
        "IsApiFilterable": int(field.filterable),
        "IsApiSortable": int(field.sortable),
        "IsApiGroupable": int(field.groupable),
        "RelationshipName": field.relationship_name,
        "ReferenceTo": orjson.dumps({"referenceTo": targets}).decode(),
        "ReferenceTargetField": None,
        "IsCompound": int(any(one.compound == field.name and one.name != field.name for one in sobject.fields)),
    }


def _developer(field: Field) -> str:
    return field.name.removesuffix("Id") if field.type == "reference" else field.name


_VALUE_TYPES = {
    "id": "id", "reference": "id", "boolean": "boolean", "int": "integer", "long": "long", "double": "double",
    "currency": "double", "percent": "double", "date": "date", "datetime": "datetime", "time": "time",
    "address": "address", "location": "location", "base64": "blob", "complexvalue": "complexvalue",
}  # fmt: skip


def _value_type(field: Field) -> str:
    """Return the type of the values, as Apex has it."""
    return _VALUE_TYPES.get(field.type, "string")


def entity_particles(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of EntityParticle for each field; its types are those of a describe."""
    for field in sobject.fields:
        said = describe_field(sobject, field)
        yield {
            **_common(sobject, field, durable.of_particle(sobject.name, field)),
            "EntityDefinitionId": durable.of_object(sobject.name),
            "FieldDefinitionId": durable.of_field(sobject.name, field),
            "MasterLabel": field.label,
            "Label": field.label,
            "DataType": field.type,
            "IsAutonumber": int(field.auto_number),
            "ByteLength": said["byteLength"],
            "IsCaseSensitive": int(field.case_sensitive),
            "IsUnique": int(field.unique),
            "IsCreatable": int(field.createable),
            "IsUpdatable": int(field.updateable),
            "IsDefaultedOnCreate": int(field.defaulted_on_create),
            "IsWriteRequiresMasterRead": int(field.write_requires_master_read),
            "IsPermissionable": int(field.permissionable),
            "IsEncrypted": int(field.encrypted),
            "Digits": field.digits,
            "InlineHelpText": field.help_text,
            "Name": field.name,
            "Mask": field.mask,
            "MaskType": field.mask_type,
            "IsListVisible": int(field.type not in COMPOUND_TYPES and field.type != "base64"),
            "IsLayoutable": int("layoutable" in sobject.flags and not durable.is_part(field)),
            "IsDependentPicklist": int(field.controller is not None),
            "IsDeprecatedAndHidden": 0,
            "IsDisplayLocationInDecimal": int(field.display_in_decimal),
            "DefaultValueFormula": said["defaultValueFormula"],
            "IsIdLookup": int(field.id_lookup),
            "IsNamePointing": int(len(field.reference_to) > 1),
            "RelationshipOrder": field.relationship_order,
            "IsComponent": int(durable.is_part(field)),
        }


def picklist_values(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of PicklistValueInfo for each value of an object's picklists."""
    for field in sobject.fields:
        particle = durable.of_particle(sobject.name, field)
        for place, value in enumerate(describe_field(sobject, field)["picklistValues"]):
            identity = f"{particle}.{place}"
            yield {
                "Id": identity,
                "DurableId": identity,
                "Value": value["value"],
                "Label": value["label"],
                "IsDefaultValue": int(value["defaultValue"]),
                "IsActive": int(value["active"]),
                "ValidFor": value["validFor"],
                "EntityParticleId": particle,
            }


def user_field_access(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield what the running user may do with each field that he sees."""
    for field in sobject.fields:
        if durable.is_part(field):
            continue
        identity = f"{durable.of_field(sobject.name, field)}.{to_15(user_id)}"
        yield {
            "Id": identity,
            "DurableId": identity,
            "UserId": user_id,
            "IsUpdatable": int(field.updateable),
            "IsCreatable": int(field.createable),
            "IsAccessible": 1,
            "EntityDefinitionId": durable.of_object(sobject.name),
            "FieldDefinitionId": durable.of_field(sobject.name, field),
        }
