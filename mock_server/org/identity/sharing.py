"""Which records a user reaches: organization-wide defaults, ownership, queues, manual shares and parents, as SQL.

There are no roles, sharing rules and teams in the org, and nothing is shared implicitly between an account and its
contacts, cases and opportunities.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Literal

from mock_server.org.identity.families import family_of, hung_on, parent_reference
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.identity.access import Access
    from mock_server.org.schema import Schema

Level = Literal["read", "edit", "all"]
"""`all` is what an owner has: to delete, to transfer and to share a record."""

Ready = Callable[[SObject], None]
_GRANTED: dict[Level, tuple[str, ...]] = {"read": (), "edit": ("Edit", "All"), "all": ("All",)}
_STANDARD_MASTERS = {"Contact": "AccountId", "Asset": "AccountId", "Order": "AccountId"}
"""What decides over a standard object that is controlled by its parent."""
_DEEPEST = 5
NONE = "0"
"""The condition that no record meets."""


def condition(access: Access, sobject: SObject, table: str, level: Level, ready: Ready, depth: int = 0) -> str | None:
    """Return the SQL that records of `table` must meet to be reached, None where all are.

    `ready` makes the tables that it looks into.
    """
    rights = access.rights(sobject)
    if access.may("ModifyAllData") or (level == "read" and access.may("ViewAllData")):
        return None
    if "modifyAll" in rights or (level == "read" and "viewAll" in rights):
        return None
    if depth > _DEEPEST:
        return NONE
    special = _of_setup(access, sobject, table, level)
    if special is not None:
        return special or None
    family = family_of(sobject)
    if family.parents:
        return _by_parents(access, sobject, family.parents, table, level, ready, depth)
    if not family.own:
        return None
    masters = masters_of(sobject)
    if masters:
        return _by_masters(access, sobject, masters, table, level, ready, depth)
    if "OwnerId" not in sobject.by_name:
        return None
    if sobject.sharing == "ReadWrite" and level != "all":
        return None
    if sobject.sharing == "Read" and level == "read":
        return None
    return _owned_or_shared(access, sobject, table, level, ready)


def masters_of(sobject: SObject) -> tuple[str, ...]:
    """Return the references to the parents that decide over an object's records."""
    details = tuple(one.name for one in sobject.fields if one.custom and one.type == "reference" and one.cascade_delete)
    if details and "OwnerId" not in sobject.by_name:
        return details
    if sobject.sharing == "ControlledByParent":
        known = _STANDARD_MASTERS.get(sobject.name)
        return details or ((known,) if known and known in sobject.by_name else ())
    return ()


def _of_setup(access: Access, sobject: SObject, table: str, level: Level) -> str | None:
    """Return the condition of users and profiles, empty for all of them; None for other objects."""
    if sobject.name == "User":
        if level == "read" or access.may("ManageUsers", "ManageInternalUsers"):
            return ""
        return f"{table}.\"Id\" = '{access.user_id}'"
    if sobject.name == "Profile":
        if level != "read" or access.may("ViewSetup", "ViewAllProfiles", "ManageUsers"):
            return ""
        return f"{table}.\"Id\" = '{access.profile_id}'"
    return None


def _owned(access: Access, table: str) -> str:
    return f'{table}."OwnerId" IN ({_list(access.principals)})'


def _owned_or_shared(access: Access, sobject: SObject, table: str, level: Level, ready: Ready) -> str:
    tests = [_owned(access, table)]
    share = share_of(access.schema, sobject)
    if share is not None:
        ready(share)
        reference = parent_reference(share) or "ParentId"
        granted = _GRANTED[level]
        enough = f" AND s.{quoted(level_field(share))} IN ({_list(granted)})" if granted else ""
        tests.append(
            f'{table}."Id" IN (SELECT s.{quoted(reference)} FROM {quoted(share.name)} s '  # noqa: S608
            f'WHERE s."UserOrGroupId" IN ({_list(access.principals)}) AND s."IsDeleted" = 0{enough})'
        )
    return f"({' OR '.join(tests)})"


def share_of(schema: Schema, sobject: SObject) -> SObject | None:
    """Return the object whose records share records of another one."""
    name = sobject.name
    return schema.get(f"{name.removesuffix('c')}Share" if name.endswith("__c") else f"{name}Share")


def level_field(share: SObject) -> str:
    """Return the field of a share that says how much it gives."""
    hung = hung_on(share.name)
    own = f"{hung[0]}AccessLevel" if hung else ""
    return own if own in share.by_name else "AccessLevel"


def _by_masters(
    access: Access, sobject: SObject, masters: Iterable[str], table: str, level: Level, ready: Ready, depth: int
) -> str | None:
    """Return the condition of details: every master must be reached. One without any is its owner's alone."""
    tests = []
    wanted: Level = "read" if level == "read" else "edit"
    for name in masters:
        reference = f"{table}.{quoted(name)}"
        test = _reached(access, sobject, name, reference, wanted, ready, depth)
        if test is None:
            continue
        if "OwnerId" in sobject.by_name:
            test = f"({test} OR ({reference} IS NULL AND {_owned(access, table)}))"
        tests.append(test)
    return " AND ".join(tests) or None


def _by_parents(
    access: Access, sobject: SObject, parents: Iterable[str], table: str, level: Level, ready: Ready, depth: int
) -> str | None:
    """Return the condition of what hangs on other records: one of them must be reached, or the record be one's own."""
    hung = hung_on(sobject.name)
    wanted: Level = "read" if level == "read" else ("all" if hung is not None and hung[1] == "Share" else "edit")
    tests = []
    several = False
    for name in parents:
        reference = f"{table}.{quoted(name)}"
        several = several or len(sobject.by_name[name].reference_to) > 1
        test = _reached(access, sobject, name, reference, wanted, ready, depth)
        if test is None:
            return None
        tests.append(test)
    if several and "OwnerId" in sobject.by_name:
        tests.append(_owned(access, table))
    return f"({' OR '.join(tests)})"


def _reached(
    access: Access, sobject: SObject, name: str, reference: str, level: Level, ready: Ready, depth: int
) -> str | None:
    """Return the condition under which the record that a reference leads to is reached, None for always."""
    right = "read" if level == "read" else "edit"
    one = len(sobject.by_name[name].reference_to) == 1
    prefixes: list[str] = []
    tests: list[str] = []
    for target in access.targets(sobject, name):
        if right not in access.rights(target) or not target.key_prefix:
            continue
        inner = condition(access, target, "p", level, ready, depth + 1)
        if inner is None and one:
            return None
        if inner is None:
            prefixes.append(target.key_prefix)
        else:
            ready(target)
            tests.append(f'{reference} IN (SELECT p."Id" FROM {quoted(target.name)} p WHERE {inner})')  # noqa: S608
    if prefixes:
        tests.append(f"substr({reference}, 1, 3) IN ({_list(prefixes)})")
    return f"({' OR '.join(tests)})" if tests else NONE


def _list(values: Iterable[str]) -> str:
    """Write ids, key prefixes and access levels as SQL texts. None of them comes from a client."""
    return ", ".join("'" + value.replace("'", "''") + "'" for value in values)
