"""Rows about relationships: RelationshipInfo, a reference of a child, and RelationshipDomain, it and one parent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from mock_server.org.schema import Schema, durable
from mock_server.org.schema.types import ChildRelationship, Field, SObject

_NO_NAMES = orjson.dumps({"names": None}).decode()


def relationship_infos(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of RelationshipInfo for each reference of an object, and for each to it."""
    for child, field in (*_references(sobject), *_inbound(schema, sobject)):
        yield {
            "Id": durable.of_field(child.name, field),
            "DurableId": durable.of_field(child.name, field),
            "ChildSobjectId": durable.of_object(child.name),
            "FieldId": durable.of_field(child.name, field),
            "IsCascadeDelete": int(field.cascade_delete),
            "IsDeprecatedAndHidden": 0,
            "IsRestrictedDelete": int(field.restricted_delete),
            "JunctionIdListNames": _NO_NAMES,
        }


def relationship_domains(schema: Schema, sobject: SObject, user_id: str) -> Iterator[dict[str, Any]]:
    """Yield a row of RelationshipDomain for each reference of an object and each parent, and for each to it."""
    pairs = [
        (child, field, parent)
        for child, field in _references(sobject)
        for name in field.reference_to
        if (parent := schema.get(name)) is not None
    ]
    pairs += [(child, field, sobject) for child, field in _inbound(schema, sobject)]
    for child, field, parent in pairs:
        link = _link(parent, child, field)
        info = durable.of_field(child.name, field)
        identity = f"{info}.{durable.of_object(parent.name)}"
        yield {
            "Id": identity,
            "DurableId": identity,
            "ParentSobjectId": durable.of_object(parent.name),
            "ChildSobjectId": durable.of_object(child.name),
            "FieldId": info,
            "RelationshipInfoId": info,
            "RelationshipName": link.name if link else None,
            "IsCascadeDelete": int(link.cascade_delete if link else field.cascade_delete),
            "IsDeprecatedAndHidden": 0,
            "IsRestrictedDelete": int(link.restricted_delete if link else field.restricted_delete),
            "JunctionIdListNames": _NO_NAMES,
        }


def _references(sobject: SObject) -> Iterator[tuple[SObject, Field]]:
    return ((sobject, field) for field in sobject.fields if field.type == "reference" and field.reference_to)


def _inbound(schema: Schema, parent: SObject) -> Iterator[tuple[SObject, Field]]:
    for link in parent.children:
        child = schema.get(link.child)
        field = child.by_name.get(link.field) if child is not None else None
        if child is not None and field is not None:
            yield child, field


def _link(parent: SObject, child: SObject, field: Field) -> ChildRelationship | None:
    return next((one for one in parent.children if one.child == child.name and one.field == field.name), None)
