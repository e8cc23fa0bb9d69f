"""The schema as one user sees it: what is not open to him is not there.

Whatever is bound, described or checked against it answers for the hidden as it does for what does not exist.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from mock_server.org.identity import sharing
from mock_server.org.schema import Schema
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.identity.access import Access
    from mock_server.org.identity.sharing import Level, Ready

_RIGHT_OF = {
    "createable": "create", "updateable": "edit", "deletable": "delete", "undeletable": "delete", "mergeable": "delete",
}  # fmt: skip
"""Flags of an object that its permissions take away."""
_OF_ADMINISTRATORS = frozenset(
    ["ProfileId", "IsActive", "Username", "UserRoleId", "FederationIdentifier", "ManagerId", "CallCenterId"]
)
"""Fields of a user that only those who manage users write."""


class Sight(Schema):
    def __init__(self, whole: Schema, access: Access) -> None:
        super().__init__()
        self._whole = whole
        # What a user is told of the schema changes with his permissions, too.
        self.changed = max(whole.changed, access.decided)
        self._access = access
        self.version = whole.version
        self._seen: dict[str, tuple[SObject, SObject | None]] = {}

    @property
    def whole(self) -> Schema:
        return self._whole

    def get(self, name: str) -> SObject | None:
        """Find an object that the user may read, with the fields that he sees."""
        found = self._whole.get(name)
        if found is None:
            return None
        known = self._seen.get(found.name)
        if known is None or known[0] is not found:
            readable = "read" in self._access.rights(found)
            known = self._seen[found.name] = (found, self._restricted(found) if readable else None)
        return known[1]

    def names(self) -> tuple[str, ...]:
        return tuple(name for name in self._whole.names() if self._readable(name))

    def own(self) -> Mapping[str, SObject]:
        return {name: found for name in self._whole.own() if (found := self.get(name)) is not None}

    def by_prefix(self, prefix: str) -> SObject | None:
        found = self._whole.by_prefix(prefix)
        return self.get(found.name) if found is not None else None

    def event_label(self, name: str) -> str:
        return self._whole.event_label(name)

    def flags_of(self, name: str, flags: Iterable[str]) -> Iterable[str]:
        return self._flags(self._access.rights_named(name), flags)

    def rows(self, sobject: SObject, table: str, ready: Ready, level: Level = "read") -> str | None:
        return sharing.condition(self._access, sobject.whole or sobject, table, level, ready)

    def _readable(self, name: str) -> bool:
        return "read" in self._access.rights_named(name)

    @staticmethod
    def _flags(rights: frozenset[str], flags: Iterable[str]) -> frozenset[str]:
        return frozenset(flag for flag in flags if flag not in _RIGHT_OF or _RIGHT_OF[flag] in rights)

    def _restricted(self, sobject: SObject) -> SObject:
        if self._access.may("ViewEncryptedData") and any(one.mask is not None for one in sobject.fields):
            plain = tuple(one if one.mask is None else replace(one, mask=None) for one in sobject.fields)
            sobject = replace(sobject, fields=plain, whole=sobject.whole or sobject, memo={})
        if self._access.whole:
            return sobject
        rights = self._access.rights(sobject)
        fields = tuple(self._field(sobject, one, rights) for one in sobject.fields if self._access.sees(sobject, one))
        return replace(
            sobject, fields=fields, flags=self._flags(rights, sobject.flags), whole=sobject.whole or sobject, memo={}
        )

    def _field(self, sobject: SObject, one: Field, rights: frozenset[str]) -> Field:
        free = self._access.edits(sobject, one)
        if sobject.name == "User" and not self._access.may("ManageUsers", "ManageInternalUsers"):
            free = free and one.name not in _OF_ADMINISTRATORS and not one.name.startswith("UserPermissions")
        createable = one.createable and free and "create" in rights
        updateable = one.updateable and free and "edit" in rights
        if createable == one.createable and updateable == one.updateable:
            return one
        return replace(one, createable=createable, updateable=updateable)
