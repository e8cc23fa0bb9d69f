"""What a formula knows besides records: the time, and who asks. One environment serves one query or one chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import lookup_sql
from mock_server.org.schema.types import SObject
from mock_server.org.zones import zone_of

if TYPE_CHECKING:
    from sqlite3 import Connection

    from mock_server.org.schema.schema import Schema

_EPOCH = datetime(1970, 1, 1)  # naive UTC


PERMISSION_OBJECTS = ("SetupEntityAccess", "PermissionSetAssignment", "CustomPermission", "PermissionSet")
"""What `$Permission` reads."""


class Environment:
    """Answers `$User`, `NOW()` and the like for one user at one moment; what it has read it keeps.

    With a `connection` it reads there, where all tables that it may need have been made.
    """

    def __init__(
        self, schema: Schema, store: Store, user_id: str, now: float, connection: Connection | None = None
    ) -> None:
        self._schema = schema
        self._store = store
        self._connection = connection
        self._user_id = user_id
        self._seconds = now
        self._records: dict[tuple[str, ...], dict[str, Any]] = {}
        self.new = False
        """Whether the record at hand is being created (ISNEW)."""

    @cached_property
    def now(self) -> datetime:
        """The moment, naive UTC, in milliseconds."""
        return _EPOCH + timedelta(milliseconds=int(self._seconds * 1000))

    @cached_property
    def today(self) -> date:
        """The day in the user's time zone."""
        return datetime.fromtimestamp(self._seconds, self.zone).date()

    @cached_property
    def zone(self) -> ZoneInfo:
        return zone_of(str(self.read("User", "TimeZoneSidKey") or ""))

    def read(self, source: str, field: str, *key: str) -> Any:
        """Return the stored value of a field of a record that depends on who asks; None where there is no record."""
        place = (source, *key)
        record = self._records.get(place)
        if record is None:
            record = self._records[place] = self._record(source, key)
        return record.get(field)

    def permission(self, name: str) -> bool:
        """Tell whether the user has a custom permission."""
        return name.lower() in self._permissions

    def lookup(self, sobject: str, wanted: str, by: str, value: str) -> Any:
        """Return a field of the first record whose `by` field has a value, for VLOOKUP."""
        found = self._schema.get(sobject)
        assert found is not None
        rows = self._lookup(found, by, [value], "Id", wanted, "IsDeleted")
        return min(((identifier, one) for identifier, one, gone in rows if not gone), default=(None, None))[1]

    def _record(self, source: str, key: tuple[str, ...]) -> dict[str, Any]:
        if source == "User":
            return self._by("User", "Id", self._user_id)
        if source == "Profile":
            return self._by("Profile", "Id", self.read("User", "ProfileId"))
        if source == "UserRole":
            return self._by("UserRole", "Id", self.read("User", "UserRoleId"))
        if source == "Organization":
            return self._only("Organization")
        if source == "Metadata":
            return self._by(key[0], "DeveloperName", key[1])
        # A hierarchy setting: the user's own record, else the profile's, else the organization's.
        for owner in (self._user_id, self.read("User", "ProfileId"), self.read("Organization", "Id")):
            found = self._by(key[0], "SetupOwnerId", owner)
            if found:
                return found
        return self._only(key[0])

    def _by(self, name: str, column: str, value: Any) -> dict[str, Any]:
        sobject = self._schema.get(name)
        if sobject is None or value is None or column not in sobject.by_name:
            return {}
        ids = [row[0] for row in self._lookup(sobject, column, [value], "Id", "IsDeleted") if not row[1]]
        return self._whole(sobject, min(ids)) if ids else {}

    def _only(self, name: str) -> dict[str, Any]:
        """Return the one record of an object that has one: the first."""
        sobject = self._schema.get(name)
        if sobject is None:
            return {}
        first = min((row[0] for row in self._lookup(sobject, "IsDeleted", [0], "Id")), default=None)
        return {} if first is None else self._whole(sobject, first)

    def _whole(self, sobject: SObject, identifier: str) -> dict[str, Any]:
        names = [field.name for field in sobject.fields if field.stored]
        (row,) = self._lookup(sobject, "Id", [identifier], *names)
        return dict(zip(names, row, strict=True))

    def _lookup(self, sobject: SObject, column: str, values: Sequence[Any], *columns: str) -> Iterable[tuple[Any, ...]]:
        if self._connection is None:
            self._store.ready(sobject)
            return self._store.lookup(sobject, column, values, *columns)
        return self._connection.execute(lookup_sql(sobject.name, column, columns, len(values)), values)

    @cached_property
    def _permissions(self) -> frozenset[str]:
        """Names, in lower case, of the custom permissions that the user's permission sets and profile grant."""
        access, assigned, permissions, sets = map(self._schema.get, PERMISSION_OBJECTS)
        if access is None or assigned is None or permissions is None or sets is None:
            return frozenset()
        lookup = self._lookup
        granted = [row[0] for row in lookup(assigned, "AssigneeId", [self._user_id], "PermissionSetId")]
        profile = self.read("User", "ProfileId")
        granted += [row[0] for row in lookup(sets, "ProfileId", [profile] if profile else [], "Id")]
        entities = [row[0] for row in lookup(access, "ParentId", granted, "SetupEntityId") if row[0]]
        return frozenset(row[0].lower() for row in lookup(permissions, "Id", entities, "DeveloperName") if row[0])
