"""Who may run a piece of code: users of the profiles and permission sets that it names, and administrators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mock_server.org.identity.sessions import Session
    from mock_server.org.org import Org


class Guarded(Protocol):
    @property
    def profiles(self) -> tuple[str, ...]: ...

    @property
    def permission_sets(self) -> tuple[str, ...]: ...


def admits(org: Org, who: Session, code: Guarded) -> bool:
    """Tell whether a user may run code that names profiles or permission sets."""
    if org.accesses.of(who.user_id) is None:
        return True

    def names(soql: str, way: tuple[str, ...]) -> set[str]:
        found = set()
        for record in org.queries.run(soql, user_id=who.user_id, size=2000, base="").records:
            inner = record[way[0]]
            found |= {str(inner[one]).lower() for one in way[1:] if inner and inner[one] is not None}
        return found

    held: set[str] = set()
    if code.profiles:
        held = names(f"SELECT Profile.Name FROM User WHERE Id = '{who.user_id}'", ("Profile", "Name"))  # noqa: S608
        if held & {one.lower() for one in code.profiles}:
            return True
    if not code.permission_sets:
        return False
    where = f"FROM PermissionSetAssignment WHERE AssigneeId = '{who.user_id}'"
    held = names(f"SELECT PermissionSet.Name, PermissionSet.Label {where}", ("PermissionSet", "Name", "Label"))
    return bool(held & {one.lower() for one in code.permission_sets})
