"""What a profile or permission set grants, and the records that say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject

RIGHTS: dict[str, str] = {
    "read": "PermissionsRead",
    "create": "PermissionsCreate",
    "edit": "PermissionsEdit",
    "delete": "PermissionsDelete",
    "viewAll": "PermissionsViewAllRecords",
    "modifyAll": "PermissionsModifyAllRecords",
}
"""What can be done with an object, and the column of ObjectPermissions that says so."""

_IMPLIED: dict[str, tuple[str, ...]] = {
    "create": ("read",),
    "edit": ("read",),
    "delete": ("read", "edit"),
    "viewAll": ("read",),
    "modifyAll": ("read", "edit", "delete", "viewAll"),
}


def with_implied(rights: Iterable[str]) -> frozenset[str]:
    """Return rights with those that they bring along: who may delete may edit, who may edit may read."""
    found = set(rights)
    return frozenset(found.union(*(_IMPLIED.get(one, ()) for one in found)))


@dataclass(frozen=True)
class Grant:
    """Rights by object, `read` or `edit` by object and field, and permissions of the system without `Permissions`."""

    objects: Mapping[str, frozenset[str]] = field(default_factory=dict)
    fields: Mapping[tuple[str, str], str] = field(default_factory=dict)
    system: frozenset[str] = frozenset()
    custom: frozenset[str] = frozenset()
    """Names of custom permissions: what `$Permission` of a formula asks for."""

    def system_columns(self) -> dict[str, int]:
        """Return the columns of a PermissionSet that stand for the permissions of the system."""
        return {f"Permissions{name}": 1 for name in sorted(self.system)}

    def object_rows(self, parent: str) -> Iterator[dict[str, Any]]:
        """Yield the ObjectPermissions of a permission set, without ids."""
        for name, rights in self.objects.items():
            yield {
                "ParentId": parent,
                "SobjectType": name,
                **{column: int(right in rights) for right, column in RIGHTS.items()},
            }

    def field_rows(self, parent: str) -> Iterator[dict[str, Any]]:
        """Yield the FieldPermissions of a permission set, without ids."""
        for (name, one), right in self.fields.items():
            yield {
                "ParentId": parent,
                "SobjectType": name,
                "Field": f"{name}.{one}",
                "PermissionsRead": 1,
                "PermissionsEdit": int(right == "edit"),
            }


def every_field(sobject: SObject, right: str) -> dict[tuple[str, str], str]:
    """Return one right to all fields of an object that need one."""
    return {(sobject.name, one.name): right for one in sobject.fields if needs_permission(one)}


def needs_permission(one: Field) -> bool:
    """Tell whether a field is hidden from who was not given it. Required and system fields are seen by all."""
    return one.permissionable


def names_of(schema: Schema, wanted: Iterable[str]) -> Iterator[SObject]:
    """Yield the objects of a list that the schema has."""
    for name in wanted:
        found = schema.get(name)
        if found is not None:
            yield found
