"""The profiles that every org has, and what they grant.

Their permissions are written when the table that holds them is first used: most orgs have an administrator alone, whom
nobody asks for permissions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mock_server.org.identity.families import has_own_permissions
from mock_server.org.identity.grants import RIGHTS, Grant, every_field, names_of
from mock_server.org.ids import IdSource
from mock_server.org.schema import Schema

# Fixed, so that the orgs of a process share them: records of a cloned org refer to them.
ADMIN_PROFILE_ID = "00eKd000000000BIAQ"
STANDARD_PROFILE_ID = "00eKd000000000CIAQ"
READ_ONLY_PROFILE_ID = "00eKd000000000DIAQ"
MINIMUM_PROFILE_ID = "00eKd000000000EIAQ"
API_ONLY_PROFILE_ID = "00eKd000000000FIAQ"


@dataclass(frozen=True, slots=True)
class StandardProfile:
    id: str
    name: str
    grant: Callable[[Schema], Grant]

    @property
    def permission_set(self) -> str:
        """The id of the permission set that the profile owns."""
        return next(
            identifier
            for profile, identifier in zip(PROFILES, _ids("0PS", len(PROFILES)), strict=True)
            if profile is self
        )


def _ids(prefix: str, count: int) -> list[str]:
    # An instance of their own, below that of records: ids of records never meet them.
    return IdSource("Kc0").take_many(prefix, count)


_CRUD = frozenset({"read", "create", "edit", "delete"})
_SOLD_BY = (
    "Account", "Contact", "Opportunity", "Case", "Lead", "Contract", "Order", "Asset", "Solution", "Document", "Idea",
)  # fmt: skip
"""What the profile Standard User works with; it reads campaigns, products and price books besides."""
_READ_BY = ("Campaign", "Product2", "Pricebook2")
_WORKING = frozenset(
    ["ApiEnabled", "ViewSetup", "EditTask", "EditEvent", "ActivitiesAccess", "RunReports", "ConvertLeads"]
)
_NOT_THE_ADMINS = frozenset(
    [
        "ApiUserOnly",
        "BulkApiHardDelete",
        "CreateAuditFields",
        "ForceTwoFactor",
        "TwoFactorApi",
        "PasswordNeverExpires",
        "ViewEncryptedData",
    ]
)
"""Permissions that an administrator does not have from the start."""


_RUN_BY_ADMINS = (*_SOLD_BY, *_READ_BY, "Individual", "Quote", "ServiceContract", "WorkOrder", "Entitlement")


def _custom(schema: Schema) -> list[str]:
    return [name for name, one in schema.own().items() if one.custom and has_own_permissions(one)]


def _administrator(schema: Schema) -> Grant:
    sobjects = list(names_of(schema, (*_RUN_BY_ADMINS, *_custom(schema))))
    fields: dict[tuple[str, str], str] = {}
    for one in sobjects:
        fields |= every_field(one, "edit")
    system = {
        one.name.removeprefix("Permissions")
        for one in (schema.get("PermissionSet") or sobjects[0]).fields
        if one.name.startswith("Permissions")
    }
    return Grant({one.name: frozenset(RIGHTS) for one in sobjects}, fields, frozenset(system - _NOT_THE_ADMINS))


def _standard_user(schema: Schema) -> Grant:
    # Standard profiles are not edited: new custom objects are open to them.
    return _working(schema, _CRUD, "edit")


def _read_only(schema: Schema) -> Grant:
    return _working(schema, frozenset({"read"}), "read")


def _working(schema: Schema, rights: frozenset[str], right: str) -> Grant:
    objects: dict[str, frozenset[str]] = {}
    fields: dict[tuple[str, str], str] = {}
    for one in names_of(schema, (*_SOLD_BY, *_custom(schema))):
        objects[one.name] = rights
        fields |= every_field(one, right)
    for one in names_of(schema, _READ_BY):
        objects[one.name] = frozenset({"read"})
        fields |= every_field(one, "read")
    return Grant(objects, fields, _WORKING)


PROFILES: tuple[StandardProfile, ...] = (
    StandardProfile(ADMIN_PROFILE_ID, "System Administrator", _administrator),
    StandardProfile(STANDARD_PROFILE_ID, "Standard User", _standard_user),
    StandardProfile(READ_ONLY_PROFILE_ID, "Read Only", _read_only),
    StandardProfile(
        MINIMUM_PROFILE_ID,
        "Minimum Access - Salesforce",
        lambda _: Grant(system=frozenset({"ActivitiesAccess", "ChatterInternalUser", "ViewHelpLink"})),
    ),
    StandardProfile(
        API_ONLY_PROFILE_ID,
        "Minimum Access - API Only Integrations",
        lambda _: Grant(system=frozenset({"ApiEnabled", "ApiUserOnly"})),
    ),
)


def permission_set_rows(schema: Schema, audit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the PermissionSet record that each standard profile owns."""
    for profile in PROFILES:
        yield {
            "Id": profile.permission_set,
            "Name": f"X{profile.id[:15]}",
            "Label": profile.id[:15],
            "ProfileId": profile.id,
            "IsOwnedByProfile": 1,
            "IsCustom": 0,
            "Type": "Profile",
            **profile.grant(schema).system_columns(),
            **audit,
        }


def object_rows(schema: Schema, audit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the ObjectPermissions of the standard profiles."""
    rows = [row for one in PROFILES for row in one.grant(schema).object_rows(one.permission_set)]
    for identifier, row in zip(_ids("110", len(rows)), rows, strict=True):
        yield {"Id": identifier, **row, **audit}


def field_rows(schema: Schema, audit: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the FieldPermissions of the standard profiles."""
    rows = [row for one in PROFILES for row in one.grant(schema).field_rows(one.permission_set)]
    for identifier, row in zip(_ids("01k", len(rows)), rows, strict=True):
        yield {"Id": identifier, **row, "SystemModstamp": audit.get("SystemModstamp")}
