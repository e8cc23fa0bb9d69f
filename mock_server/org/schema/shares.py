"""The objects whose records share records of another object: AccountShare, and X__Share of a custom object X__c."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from mock_server.org.schema.types import ChildRelationship, Field, FieldType, PicklistValue, SObject

PREFIX = "02c"
"""Of the shares of all custom objects: an id alone does not tell them apart."""
_RESTRICTED = ("Private", "Read")
_FLAGS = frozenset({"createable", "deletable", "queryable", "retrieveable", "updateable"})
_LEVELS = ("Read", "Edit", "All")


def share_of(sobject: SObject, get: Callable[[str], SObject | None]) -> SObject | None:
    """Return the share object that an object needs and does not have: its records are not open to everyone."""
    if sobject.sharing not in _RESTRICTED or sobject.field("OwnerId") is None:
        return None
    if sobject.custom:
        name = f"{sobject.name.removesuffix('c')}Share"
        return _new(sobject, name) if sobject.name.endswith("__c") and get(name) is None else None
    known = get(f"{sobject.name}Share")
    if known is None or "createable" in known.flags:
        return None
    return _opened(known, f"{sobject.name}Id", f"{sobject.name}AccessLevel")


def shared(sobject: SObject, share: SObject) -> SObject:
    """Return an object with the relationship to its shares."""
    if any(child.child == share.name for child in sobject.children):
        return sobject
    return replace(
        sobject,
        children=(*sobject.children, ChildRelationship(share.name, "ParentId", "Shares", cascade_delete=True)),
        memo={},
    )


def _opened(share: SObject, *names: str) -> SObject:
    """Return a bundled share that records may be made of: the object is usually controlled by its parent."""
    writable = {*names, "UserOrGroupId", "RowCause"}
    fields = tuple(
        replace(one, createable=True, updateable=one.name in names[1:]) if one.name in writable else one
        for one in share.fields
    )
    return replace(share, flags=share.flags | _FLAGS, fields=fields, memo={})


def _new(sobject: SObject, name: str) -> SObject:
    def one(field: str, label: str, kind: FieldType, **more: bool | int | str | tuple[object, ...]) -> Field:
        return Field(field, label, kind, **{"nillable": False, "updateable": False, **more})  # type: ignore[arg-type]

    def system(field: str, label: str, kind: FieldType, **more: bool | int | str | tuple[object, ...]) -> Field:
        return one(field, label, kind, createable=False, defaulted_on_create=True, **more)

    def reference(*to: str) -> dict[str, int | tuple[object, ...]]:
        return {"length": 18, "reference_to": to}

    return SObject(
        name=name,
        label=f"Share: {sobject.label}",
        label_plural=f"Share: {sobject.label}",
        key_prefix=PREFIX,
        flags=_FLAGS,
        fields=(
            system("Id", "Record ID", "id", length=18, id_lookup=True),
            one("ParentId", "Parent ID", "reference", relationship_name="Parent", **reference(sobject.name)),
            one(
                "AccessLevel", "Access Level", "picklist", updateable=True, length=40, restricted_picklist=True,
                picklist=tuple(PicklistValue(level, level) for level in _LEVELS),
            ),
            one(
                "UserOrGroupId", "User/Group ID", "reference", relationship_name="UserOrGroup",
                **reference("Group", "User"),
            ),
            one("RowCause", "Row Cause", "picklist", nillable=True, length=40),
            system("LastModifiedDate", "Last Modified Date", "datetime", groupable=False),
            system(
                "LastModifiedById", "Last Modified By ID", "reference", relationship_name="LastModifiedBy",
                **reference("User"),
            ),
            system("IsDeleted", "Deleted", "boolean", default=False),
        ),
    )  # fmt: skip
