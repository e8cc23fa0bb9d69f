"""The objects that show the schema itself as records (Tooling API, "EntityDefinition" and others).

The bundled definitions tell their fields; what these are to one another is told here, from the same pages.
"""

from __future__ import annotations

from dataclasses import replace

from mock_server.org.schema.types import ChildRelationship, Field, SObject

NAMES = frozenset(
    [
        "DataType", "EntityDefinition", "EntityParticle", "FieldDefinition", "OwnerChangeOptionInfo",
        "PicklistValueInfo", "Publisher", "RelationshipDomain", "RelationshipInfo", "SearchLayout", "UserEntityAccess",
        "UserFieldAccess",
    ]
)  # fmt: skip
_PARENTS = {
    "EntityDefinitionId": "EntityDefinition", "FieldDefinitionId": "FieldDefinition", "ServiceDataTypeId": "DataType",
    "ValueTypeId": "DataType", "ControllingFieldDefinitionId": "FieldDefinition",
    "RunningUserFieldAccessId": "UserFieldAccess", "RunningUserEntityAccessId": "UserEntityAccess",
    "PublisherId": "Publisher", "EntityParticleId": "EntityParticle", "ChildSobjectId": "EntityDefinition",
    "ParentSobjectId": "EntityDefinition", "FieldId": "FieldDefinition", "RelationshipInfoId": "RelationshipInfo",
}  # fmt: skip
"""What each field leads to that holds a durable id; its relationship is called like it, without "Id"."""
_CHILDREN = {
    "FieldDefinition": (
        ChildRelationship("EntityParticle", "FieldDefinitionId", "Particles"),
        ChildRelationship("FieldDefinition", "ControllingFieldDefinitionId", "ControlledFields"),
        ChildRelationship("RelationshipDomain", "FieldId", "RelationshipDomains"),
    ),
}


def reified(sobject: SObject) -> SObject:
    """Return one of these objects as it is queried: its rows are derived, its durable ids are references."""
    known = {child.name for child in sobject.children}
    more = tuple(child for child in _CHILDREN.get(sobject.name, ()) if child.name not in known)
    return replace(
        sobject,
        fields=tuple(_field(field) for field in sobject.fields),
        children=(*sobject.children, *more),
        derived=True,
        anonymous=True,
        memo={},
    )


def _field(field: Field) -> Field:
    if field.type == "complexvalue":
        return replace(field, structured=True, filterable=False, sortable=False, groupable=False)
    parent = _PARENTS.get(field.name)
    if parent is None:
        return field
    # The documentation calls most of them strings, yet their relationships can be followed.
    return replace(
        field, type="reference", length=max(field.length, 70), reference_to=(parent,),
        relationship_name=field.name.removesuffix("Id"), filterable=True, sortable=True,
    )  # fmt: skip
