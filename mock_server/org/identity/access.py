"""What one user may do, compiled from the records of users, profiles, permission sets and groups.

The records are the truth. A compiled `Access` is kept until one of them changes; an administrator has none: for whom
all is open nobody asks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from mock_server.org.identity.families import EVERYONE, Family, family_of, hung_on, is_plain, may_be_parent
from mock_server.org.identity.grants import RIGHTS, needs_permission
from mock_server.org.identity.standard_profiles import ADMIN_PROFILE_ID
from mock_server.org.schema import Schema
from mock_server.org.schema.derived import changing
from mock_server.org.schema.types import Field, SObject

if TYPE_CHECKING:
    from mock_server.org.identity.sight import Sight
    from mock_server.org.records.store import Store

GOVERNING = frozenset(
    [
        "User", "UserLogin", "Profile", "PermissionSet", "PermissionSetAssignment", "PermissionSetGroup",
        "PermissionSetGroupComponent", "ObjectPermissions", "FieldPermissions", "Group", "GroupMember",
    ]
)  # fmt: skip
"""Objects whose records decide what users may do."""

BEYOND_ADMINS = frozenset({"BulkApiHardDelete", "CreateAuditFields", "ViewEncryptedData"})
"""Permissions that make a difference even to an administrator, who has them by a permission set alone."""
_EVERYTHING = frozenset(RIGHTS)
_NOTHING: frozenset[str] = frozenset()
_WRITING = frozenset({"read", "create", "edit", "delete"})
_READING = frozenset({"read"})


class Access:
    """The permissions of one user. Two of them are equal only when they are the same."""

    def __init__(
        self,
        user_id: str,
        *,
        profile_id: str = "",
        principals: tuple[str, ...] = (),
        system: frozenset[str] = frozenset(),
        objects: dict[str, frozenset[str]] | None = None,
        fields: dict[tuple[str, str], str] | None = None,
        schema: Schema,
        whole: bool = False,
        decided: float = 0.0,
    ) -> None:
        self.user_id = user_id
        self.profile_id = profile_id
        self.principals = principals or (user_id,)
        """The user's id, and those of the groups and queues that the user belongs to."""
        self.system = system
        self.schema = schema
        self.whole = whole
        """Whether everything is open: an administrator with a permission that even administrators lack."""
        self.decided = decided
        """When permissions changed last."""
        self._objects = objects or {}
        self._fields = fields or {}
        self._rights: dict[str, frozenset[str]] = {}
        self.shapes: dict[object, object] = {}
        """What was worked out about the fields of rows: see `permissions`."""

    @cached_property
    def sight(self) -> Sight:
        """The schema as this user sees it."""
        from mock_server.org.identity.sight import Sight

        return Sight(self.schema, self)

    def may(self, *permissions: str) -> bool:
        """Tell whether the user has one of some permissions of the system (`ViewAllData`)."""
        return (self.whole and not BEYOND_ADMINS.issuperset(permissions)) or not self.system.isdisjoint(permissions)

    def rights(self, sobject: SObject) -> frozenset[str]:
        """Return what the user may do with an object's records: `grants.RIGHTS`."""
        found = self._rights.get(sobject.name)
        if found is None:
            found = self._rights[sobject.name] = self._rights_of(sobject.whole or sobject)
        return found

    def rights_named(self, name: str) -> frozenset[str]:
        """Return what `rights` says of an object, without reading the fields of most bundled ones."""
        found = self._rights.get(name)
        if found is None and name not in self.schema.own():
            hung = hung_on(name)
            if is_plain(name):
                found = self._rights[name] = _WRITING if self.may(*EVERYONE.writing) else _READING
            elif hung is not None and self.schema.has(hung[0]):
                parent = self.rights_named(hung[0])
                found = _WRITING if "edit" in parent else parent & _READING
        if found is not None:
            return _EVERYTHING if self.whole else found
        sobject = self.schema.get(name)
        return _NOTHING if sobject is None else self.rights(sobject)

    def _rights_of(self, sobject: SObject) -> frozenset[str]:
        if self.whole:
            return _EVERYTHING
        entity = self._changing(sobject.name)
        if entity is not None:
            return self.rights(entity) & _READING
        family = family_of(sobject)
        if family.own:
            found = self._objects.get(sobject.name, _NOTHING)
            if self.may("ViewAllData") or (family.reading and self.may(*family.reading)):
                found |= {"read", "viewAll"}
            if self.may("ModifyAllData") or (family.writing and self.may(*family.writing)):
                found = _EVERYTHING
            return found
        if family.parents and not family.writing:
            return self._parents_rights(sobject, family)
        if self.may(*family.writing):
            return _WRITING
        if sobject.name == "User":
            # Everyone edits some fields of one's own user: which, `sight` says, and whose, `sharing`.
            return _READING | {"edit"}
        return _READING if family.reading is None or self.may(*family.reading) else _NOTHING

    def _changing(self, name: str) -> SObject | None:
        """Return the object whose changes a change event tells of, None for any other object's name."""
        entity = changing(name) if name.endswith("ChangeEvent") else None
        return None if entity is None else self.schema.get(entity)

    def _parents_rights(self, sobject: SObject, family: Family) -> frozenset[str]:
        # A loop of parents ends where it began.
        self._rights[sobject.name] = _NOTHING
        best = _NOTHING
        for name in family.parents:
            for target in self.targets(sobject, name):
                rights = self.rights(target)
                if "edit" in rights:
                    return _WRITING
                if "read" in rights:
                    best = _READING
        return best

    def targets(self, sobject: SObject, reference: str) -> Iterator[SObject]:
        """Yield the objects that a reference to a deciding parent may lead to."""
        field = sobject.by_name[reference]
        for name in field.reference_to:
            if len(field.reference_to) == 1 or may_be_parent(name):
                target = self.schema.get(name)
                if target is not None:
                    yield target

    def sees(self, sobject: SObject, one: Field) -> bool:
        """Tell whether the user sees a field of an object that is open to him."""
        return self._field_right(sobject, one) is not None

    def edits(self, sobject: SObject, one: Field) -> bool:
        """Tell whether field-level security lets the user write a field."""
        return self._field_right(sobject, one) == "edit"

    def _field_right(self, sobject: SObject, one: Field) -> str | None:
        if self.whole or not needs_permission(one):
            return "edit"
        sobject = self._changing(sobject.name) or sobject
        if not one.custom and not family_of(sobject).own:
            # Children and setup objects are not listed by field.
            return "edit"
        if one.compound and one.compound != one.name:
            # The parts of an address or a location follow the whole, or are named themselves.
            mine, whole = self._fields.get((sobject.name, one.name)), self._fields.get((sobject.name, one.compound))
            return "edit" if "edit" in (mine, whole) else mine or whole or self._any_field
        return self._fields.get((sobject.name, one.name)) or self._any_field

    @property
    def _any_field(self) -> str | None:
        return "read" if "ViewAllFieldsGlobal" in self.system else None


class Accesses:
    """The compiled accesses of an org's users."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self.schema = self._schema = schema
        self._store = store
        self._known: dict[str, Access | None] = {}
        self.decided = 0.0
        """When a permission was given or taken last."""
        self._schema_version = schema.version
        self._inactive: frozenset[str] | None = None
        self._barred: frozenset[str] | None = None
        self._names: dict[str, str] | None = None

    def changed(self) -> None:
        """Forget what was compiled: a record that decides over permissions was saved, or taken back."""
        self._known.clear()
        self._barred = self._inactive = self._names = None

    def of(self, user_id: str) -> Access | None:
        """Return what a user may do, None for one who may do everything."""
        if self._schema_version != self._schema.version:
            self._schema_version = self._schema.version
            self.changed()
        try:
            return self._known[user_id]
        except KeyError:
            found = self._known[user_id] = self._compile(user_id)
            return found

    @property
    def barred(self) -> frozenset[str]:
        """The ids of the users who may not use the org: inactive or frozen ones."""
        if self._barred is None:
            out = set(self.inactive)
            login = self._schema.get("UserLogin")
            if login is not None and self._store.exists(login):
                out.update(self._ids("UserLogin", "IsFrozen", [1], "UserId"))
            self._barred = frozenset(out)
        return self._barred

    @property
    def single(self) -> bool:
        """Whether it is known that there is one user alone, an active one."""
        return self._inactive is not None and not self._inactive and self._names is not None and len(self._names) == 1

    @property
    def inactive(self) -> frozenset[str]:
        """The ids of the users who are not active."""
        if self._inactive is None:
            self._inactive = frozenset(self._ids("User", "IsActive", [0], "Id"))
        return self._inactive

    @property
    def usernames(self) -> dict[str, str]:
        """The ids of all users by name in lower case."""
        if self._names is None:
            sobject = self._object("User")
            self._store.ready(sobject)
            rows = self._store.connection.execute('SELECT "Username", "Id" FROM "User" WHERE "IsDeleted" = 0')
            self._names = {str(name).lower(): identifier for name, identifier in rows}
        return self._names

    def user_id(self, username: str) -> str | None:
        return self.usernames.get(username.lower())

    def assigned(self, user_id: str) -> set[str]:
        """Return the ids of the permission sets that are assigned to a user one by one."""
        return set(self._ids("PermissionSetAssignment", "AssigneeId", [user_id], "PermissionSetId"))

    # -- compiling

    def _object(self, name: str) -> SObject:
        found = self._schema.get(name)
        assert found is not None
        return found

    def _rows(self, name: str, column: str, values: list[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
        """Yield columns of the live records of a governing object."""
        sobject = self._object(name)
        self._store.ready(sobject)
        for deleted, *row in self._store.lookup(sobject, column, values, "IsDeleted", *columns):
            if not deleted:
                yield tuple(row)

    def _ids(self, name: str, column: str, values: list[Any], wanted: str) -> list[str]:
        return [row[0] for row in self._rows(name, column, values, wanted) if row[0]]

    def _compile(self, user_id: str) -> Access | None:
        profile = next(iter(self._ids("User", "Id", [user_id], "ProfileId")), "")
        administrator = profile == ADMIN_PROFILE_ID
        assignments = self._object("PermissionSetAssignment")
        if administrator and not self._store.exists(assignments):
            return None
        sets = list(self._assigned(user_id))
        if not administrator:
            sets += self._ids("PermissionSet", "ProfileId", [profile], "Id") if profile else []
        system = self._system(sets)
        if administrator:
            if BEYOND_ADMINS.isdisjoint(system):
                return None
            return Access(
                user_id, profile_id=profile, system=system, schema=self._schema, whole=True, decided=self.decided
            )
        return Access(
            user_id,
            profile_id=profile,
            principals=(user_id, *self._groups(user_id)),
            system=system,
            objects=self._objects_of(sets),
            fields=self._fields_of(sets),
            schema=self._schema,
            decided=self.decided,
        )

    def _assigned(self, user_id: str) -> Iterator[str]:
        groups = []
        columns = ("IsActive", "PermissionSetId", "PermissionSetGroupId")
        for active, one, group in self._rows("PermissionSetAssignment", "AssigneeId", [user_id], *columns):
            if active and one:
                yield one
            elif active and group:
                groups.append(group)
        if groups:
            yield from self._ids("PermissionSetGroupComponent", "PermissionSetGroupId", groups, "PermissionSetId")

    def _system(self, sets: list[str]) -> frozenset[str]:
        sobject = self._object("PermissionSet")
        names = [one.name for one in sobject.fields if one.name.startswith("Permissions")]
        found: set[str] = set()
        for row in self._rows("PermissionSet", "Id", sets, *names):
            found.update(name.removeprefix("Permissions") for name, on in zip(names, row, strict=True) if on)
        if "ModifyAllData" in found:
            found.add("ViewAllData")
        return frozenset(found)

    def _objects_of(self, sets: list[str]) -> dict[str, frozenset[str]]:
        out: dict[str, frozenset[str]] = {}
        for name, *row in self._rows("ObjectPermissions", "ParentId", sets, "SobjectType", *RIGHTS.values()):
            granted = frozenset(right for right, on in zip(RIGHTS, row, strict=True) if on)
            out[name] = out.get(name, _NOTHING) | granted
        return out

    def _fields_of(self, sets: list[str]) -> dict[tuple[str, str], str]:
        out: dict[tuple[str, str], str] = {}
        columns = ("SobjectType", "Field", "PermissionsRead", "PermissionsEdit")
        for name, path, read, edit in self._rows("FieldPermissions", "ParentId", sets, *columns):
            key = (name, str(path).rpartition(".")[2])
            if edit:
                out[key] = "edit"
            elif read:
                out.setdefault(key, "read")
        return out

    def _groups(self, user_id: str) -> list[str]:
        """Return the groups and queues a user belongs to, by way of other groups too."""
        members = self._object("GroupMember")
        if not self._store.exists(members):
            return []
        found: dict[str, None] = {}
        wanted = [user_id]
        while wanted:
            more = self._ids("GroupMember", "UserOrGroupId", wanted, "GroupId")
            wanted = [one for one in dict.fromkeys(more) if one not in found]
            found.update(dict.fromkeys(wanted))
        return list(found)
