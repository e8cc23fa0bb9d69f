"""Writes declared profiles, permission sets and users as records of an org."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from mock_server.org.identity import given as declared
from mock_server.org.identity import logins
from mock_server.org.identity.apps import ConnectedApp
from mock_server.org.identity.directory import PASSWORD, SECURITY_TOKEN, Secret, User, user_row
from mock_server.org.identity.given import GivenUser
from mock_server.org.identity.given_apps import read_rules
from mock_server.org.identity.grants import Grant
from mock_server.org.identity.standard_profiles import MINIMUM_PROFILE_ID, PROFILES
from mock_server.org.schema import SchemaError
from mock_server.org.schema.errors import Path

if TYPE_CHECKING:
    from mock_server.org.org import Org

_SHORT = {"minimum access": MINIMUM_PROFILE_ID, "admin": PROFILES[0].id, "standard": PROFILES[1].id}
"""Further names of profiles: as people say, and as metadata files are called."""
_TYPES = {"ObjectPermissions": "110", "FieldPermissions": "01k"}


def declare(org: Org, profiles: Mapping[str, Any], permission_sets: Mapping[str, Any]) -> None:
    """Write declared profiles and permission sets. Raises SchemaError."""
    for kind, definitions in (("profiles", profiles), ("permissionSets", permission_sets)):
        for name, definition in definitions.items():
            grant, label = declared.read_set(org.schema, definition, (kind, name))
            if kind == "profiles":
                rules = read_rules(definition, (kind, name))
                identifier = _profile(org, name, grant)
                if rules is not None:
                    org.admission.security.profiles[identifier] = rules
            elif str(name).lower() not in _names(org, "PermissionSet", "Name"):
                _permission_set(org, name, str(label or name), grant)
    org.accesses.changed()


def settle(org: Org, users: Any, speaker: Any, *, kept: bool = False) -> None:
    """Write what an org's definitions say of its users. Raises SchemaError.

    `speaker` is the user whose credentials clients are told: a username, or a user's own definition; None for the
    first user. In an org that is `kept` in a file, users that are there already stay as they have become.
    """
    found = declared.read_users(org.schema, users) if users is not None else []
    if isinstance(speaker, Mapping):
        own = declared.read_user(org.schema, speaker, ("as",))
        mark = "" if org.number == 1 else f".{org.number}"
        found.append(replace(own, username=own.username or f"restricted{mark}@sfmock.test"))
        speaker = found[-1].username
    if kept:
        for user in found:
            known = org.accesses.user_id(user.username or "")
            if known is not None:
                org.directory.secrets[known] = _secret(user)
                if user.rules is not None:
                    org.admission.security.users[known] = user.rules
        found = [user for user in found if not org.directory.knows(user.username or "")]
    if found:
        enrol(org, found)
    if speaker is not None:
        known = org.accesses.user_id(speaker) if isinstance(speaker, str) else None
        if known is None:
            raise SchemaError.unknown(("as",), "user", speaker, sorted(org.accesses.usernames))
        org.directory.speak_for(known)


def add_app(org: Org, app: ConnectedApp, path: Path = (), *, checked: bool = True) -> ConnectedApp:
    """Register an app with an org, in the place of one of the same client id; return it as it is known.

    Raises SchemaError where it runs as a user who is not there and, unless it is not `checked`, where it is approved
    for a profile or permission set that is not there.
    """
    if app.run_as and not org.directory.knows(app.run_as):
        raise SchemaError.unknown((*path, "runAs"), "user", app.run_as, sorted(org.accesses.usernames))
    if checked:
        _check_approved(org, app, path)
    known = org.directory.apps.get(app.client_id)
    (identifier,) = [known.id] if known is not None and known.id else org.ids.take_many("0H4", 1)
    found = replace(app, run_as=app.run_as or org.directory.told_user.username, id=identifier)
    org.directory.add_app(found)
    return found


def _check_approved(org: Org, app: ConnectedApp, path: Path) -> None:
    """Refuse an approval for nobody. Usernames may be those of users to come."""
    wanted = sorted(one for one in app.approved if "@" not in one)
    if not wanted:
        return
    profiles = [row["Name"] for row in _records(org, "Profile", "Name")]
    sets = [row["Name"] for row in _records(org, "PermissionSet", "Name", "Type") if row["Type"] != "Profile"]
    known = {str(name).lower() for name in (*profiles, *sets)}
    for one in wanted:
        if one.lower() not in known:
            raise SchemaError.unknown((*path, "approved"), "profile or permission set", one, (*profiles, *sets))


def enrol(org: Org, users: Sequence[GivenUser]) -> list[str]:
    """Write declared users with what is theirs alone; return their ids. Raises SchemaError, with nothing written."""
    known = _names(org, "Profile", "Name") | _SHORT
    sets = _names(org, "PermissionSet", "Name") if any(user.sets for user in users) else {}
    ready: list[tuple[GivenUser, str, list[str]]] = []
    for user in users:
        if user.username is not None and org.directory.knows(user.username):
            raise SchemaError((*user.path, "username"), f"two users are called {user.username}")
        profile = known.get((user.profile or "minimum access").lower())
        if profile is None:
            names = [one["Name"] for one in _records(org, "Profile", "Name")]
            raise SchemaError.unknown((*user.path, "profile"), "profile", user.profile, names)
        assigned = []
        for place, name in enumerate(user.sets):
            found = sets.get(name.lower())
            if found is None:
                names = [
                    one["Name"] for one in _records(org, "PermissionSet", "Name", "Type") if one["Type"] != "Profile"
                ]
                raise SchemaError.unknown((*user.path, "permissionSets", place), "permission set", name, names)
            assigned.append(found)
        ready.append((user, profile, assigned))
    ids = [_enrol(org, *one) for one in ready]
    org.accesses.changed()
    return ids


def _enrol(org: Org, user: GivenUser, profile: str, sets: list[str]) -> str:
    (identifier,) = org.ids.take_many("005", 1)
    username = user.username or f"user-{identifier[9:15].lower()}@{org.id.lower()}.sfmock.test"
    texts = user.texts
    record = User(
        identifier, username, "", "",
        first_name=texts.get("firstName", ""),
        last_name=texts.get("lastName", username.partition("@")[0]),
        email=texts.get("email", username),
        active=user.active,
        time_zone=texts.get("timeZone", "GMT"),
        locale=texts.get("locale", "en_US"),
        language=texts.get("language", "en_US"),
        profile_id=profile,
    )  # fmt: skip
    _put(org, "User", {**user_row(record), **org.directory.audit()})
    org.directory.secrets[identifier] = _secret(user)
    if user.rules is not None:
        org.admission.security.users[identifier] = user.rules
    logins.add(org.accesses, org.store, [identifier])
    # A user of an API that may not use it helps nobody.
    grant = replace(user.grant, system=user.grant.system | {"ApiEnabled"})
    own = _permission_set(org, f"User_{re.sub('[^A-Za-z0-9]+', '_', username).strip('_')}", username, grant)
    for one in dict.fromkeys([own, *sets]):
        _assign(org, identifier, one)
    return identifier


def _secret(user: GivenUser) -> Secret:
    return Secret(user.texts.get("password", PASSWORD), user.texts.get("securityToken", SECURITY_TOKEN))


def _assign(org: Org, user_id: str, permission_set: str) -> None:
    (identifier,) = org.ids.take_many("0Pa", 1)
    stamp = org.directory.audit()["SystemModstamp"]
    row = {"Id": identifier, "AssigneeId": user_id, "PermissionSetId": permission_set, "IsActive": 1}
    _put(org, "PermissionSetAssignment", {**row, "SystemModstamp": stamp})


def _profile(org: Org, name: str, grant: Grant) -> str:
    """Write a profile and the permission set that it owns; of a profile that is there, add to its permissions.

    Returns its id.
    """
    known = (_names(org, "Profile", "Name") | _SHORT).get(name.lower())
    if known is not None:
        parent = next(iter(_owned_by(org, known)), None)
        if parent is not None:
            _grow(org, parent, grant)
        return known
    (identifier,) = org.ids.take_many("00e", 1)
    _put(org, "Profile", {"Id": identifier, "Name": name, "UserType": "Standard", **org.directory.audit()})
    more = {"ProfileId": identifier, "IsOwnedByProfile": 1, "IsCustom": 0, "Type": "Profile"}
    _permission_set(org, f"X{identifier[:15]}", identifier[:15], grant, more)
    return identifier


def _permission_set(org: Org, name: str, label: str, grant: Grant, more: Mapping[str, Any] | None = None) -> str:
    (identifier,) = org.ids.take_many("0PS", 1)
    row = {"Id": identifier, "Name": name, "Label": label, "IsCustom": 1, "IsOwnedByProfile": 0, "Type": "Regular"}
    _put(org, "PermissionSet", {**row, **grant.system_columns(), **(more or {}), **org.directory.audit()})
    _grant(org, identifier, grant)
    return identifier


def _grant(org: Org, parent: str, grant: Grant) -> None:
    for name, rows in (
        ("ObjectPermissions", list(grant.object_rows(parent))),
        ("FieldPermissions", list(grant.field_rows(parent))),
    ):
        sobject = org.schema.get(name)
        assert sobject is not None
        # Its own records come first: they are written when the table is made.
        org.store.ready(sobject)
        audit = {key: value for key, value in org.directory.audit().items() if key in sobject.by_name}
        ids = org.ids.take_many(_TYPES[name], len(rows))
        org.store.put_many(sobject, [{"Id": one, **row, **audit} for one, row in zip(ids, rows, strict=True)])
    _grant_custom(org, parent, grant)


def _grant_custom(org: Org, parent: str, grant: Grant) -> None:
    """Give a permission set custom permissions, and make those that nobody had so far."""
    known = _names(org, "CustomPermission", "DeveloperName") if grant.custom else {}
    audit = org.directory.audit()
    for name in sorted(grant.custom):
        if name.lower() not in known:
            (known[name.lower()],) = org.ids.take_many("0CP", 1)
            row = {"Id": known[name.lower()], "DeveloperName": name, "MasterLabel": name, "Language": "en_US"}
            _put(org, "CustomPermission", {**row, "IsProtected": 0, "IsLicensed": 0, **audit})
        (identifier,) = org.ids.take_many("0J0", 1)
        access = {"ParentId": parent, "SetupEntityId": known[name.lower()], "SetupEntityType": "CustomPermission"}
        _put(org, "SetupEntityAccess", {"Id": identifier, **access, **audit})


def _grow(org: Org, parent: str, grant: Grant) -> None:
    """Put what metadata says of a profile over what it has."""
    execute = org.store.connection.execute
    for name in ("PermissionSet", "ObjectPermissions", "FieldPermissions"):
        sobject = org.schema.get(name)
        assert sobject is not None
        org.store.ready(sobject)
    for column in grant.system_columns():
        execute(f'UPDATE "PermissionSet" SET "{column}" = 1 WHERE "Id" = ?', (parent,))  # noqa: S608
    for name in grant.objects:
        execute('DELETE FROM "ObjectPermissions" WHERE "ParentId" = ? AND "SobjectType" = ?', (parent, name))
    for name, one in grant.fields:
        execute('DELETE FROM "FieldPermissions" WHERE "ParentId" = ? AND "Field" = ?', (parent, f"{name}.{one}"))
    _grant(org, parent, grant)


def _owned_by(org: Org, profile: str) -> list[str]:
    return [row["Id"] for row in _records(org, "PermissionSet", "Id", "ProfileId") if row["ProfileId"] == profile]


def _put(org: Org, name: str, row: Mapping[str, Any]) -> None:
    sobject = org.schema.get(name)
    assert sobject is not None
    org.store.put(sobject, {key: value for key, value in row.items() if key in sobject.by_name and value is not None})


def _records(org: Org, name: str, *columns: str) -> list[dict[str, Any]]:
    sobject = org.schema.get(name)
    assert sobject is not None
    org.store.ready(sobject)
    chosen = ", ".join(f'"{column}"' for column in columns)
    rows = org.store.connection.execute(f'SELECT {chosen} FROM "{name}" WHERE "IsDeleted" = 0')  # noqa: S608
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _names(org: Org, name: str, column: str) -> dict[str, str]:
    return {str(row[column]).lower(): row["Id"] for row in _records(org, name, "Id", column)}
