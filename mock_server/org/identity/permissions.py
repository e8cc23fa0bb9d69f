"""Permissions at a save: of the object, its fields and records, and of the records that are referred to.

The steps of the pipeline ask here. Where the saver may do everything, only the records that decide over others are
looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity import logins
from mock_server.org.identity.access import GOVERNING, Access, Accesses
from mock_server.org.identity.families import hung_on, parent_reference
from mock_server.org.identity.sharing import Level, condition, masters_of, share_of
from mock_server.org.ids import to_15, to_18
from mock_server.org.records.picklists import refused
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import quoted
from mock_server.org.schema.types import SObject

if TYPE_CHECKING:
    from mock_server.org.records.rows import Chunk, Row

_RIGHTS = {"create": "create", "update": "edit", "delete": "delete", "undelete": "delete", "erase": "delete"}
_LEVELS: dict[str, Level] = {"update": "edit", "delete": "all", "undelete": "all", "erase": "all"}
AUDIT = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById")
"""What the permission Set Audit Fields upon Record Creation lets a client say itself."""
_MOST_SHAPES = 512


class Permissions:
    """The permissions of one org's users, as its write pipeline asks for them."""

    def __init__(self, store: Store, accesses: Accesses) -> None:
        self._store = store
        self._accesses = accesses
        self.of = accesses.of
        self.taken: Callable[[str], bool] = lambda _: False
        """Tells whether a user of another org of the process has a name."""
        self.ended: Callable[[list[str]], None] = lambda _: None
        """Ends the sessions whose records were deleted."""

    @property
    def calm(self) -> bool:
        """Whether nothing has to be asked of the records that one saves who may do everything."""
        return self._accesses.single

    # -- which records

    def reached(self, access: Access, sobject: SObject, ids: Iterable[str], level: Level = "read") -> set[str]:
        """Return those of some records, deleted ones among them, that a user reaches."""
        wanted = list(ids)
        test = condition(access, sobject, "t0", level, self._store.ready)
        if test is None or not wanted:
            return set(wanted)
        self._store.ready(sobject)
        sql = (
            f'SELECT t0."Id" FROM {quoted(sobject.name)} t0 '  # noqa: S608
            f'WHERE t0."Id" IN (SELECT value FROM json_each(?)) AND {test}'
        )
        return {row[0] for row in self._store.connection.execute(sql, (orjson.dumps(wanted).decode(),))}

    # -- steps

    def permit(self, chunk: Chunk) -> None:
        """Refuse rows of objects and fields that the saver may not write, and what must not be said of a user."""
        access = chunk.access
        for row in chunk.rows:
            if row.errors:
                continue
            if access is not None:
                self._permit_row(access, row)
            if row.plan.governing and not row.errors:
                self._check_governing(row)

    def _permit_row(self, access: Access, row: Row) -> None:
        sobject = row.sobject
        if access.may("CreateAuditFields") and row.verb == "create":
            _take_audit(row)
        if access.whole:
            return
        right = _RIGHTS[row.verb]
        if right not in access.rights(sobject):
            if right == "create":
                row.fail(errors.CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY(verb="inserted", label=sobject.label))
            else:
                row.fail(errors.INSUFFICIENT_ACCESS_OR_READONLY())
            return
        if row.verb not in ("create", "update"):
            return
        refusal = _refused(access, sobject, row.verb == "create", tuple(row.change.values))
        if refusal is not None:
            hidden, closed = refusal
            if hidden is not None:
                row.fail(errors.NO_SUCH_COLUMN(field=hidden, sobject=sobject.name))
            else:
                row.fail(errors.INVALID_FIELD_FOR_INSERT_UPDATE(names=", ".join(closed), fields=closed))

    def reach(self, chunk: Chunk) -> None:
        """Refuse rows of records that the saver may not change, and references to records that he does not see."""
        self._check_owners(chunk)
        access = chunk.access
        if access is None or access.whole:
            return
        for (verb, _), rows in chunk.alive().items():
            level = _LEVELS.get(verb)
            if level is not None:
                self._reach_records(access, rows, level)
            if verb == "update":
                self._reach_transfers(access, rows)
            if verb in ("create", "update"):
                self._reach_references(access, [row for row in rows if not row.errors])

    def _reach_records(self, access: Access, rows: Sequence[Row], level: Level) -> None:
        mine = self.reached(access, rows[0].sobject, [row.id for row in rows if row.id], level)
        for row in rows:
            if row.id not in mine:
                row.fail(errors.INSUFFICIENT_ACCESS_OR_READONLY())

    def _reach_transfers(self, access: Access, rows: Sequence[Row]) -> None:
        """Refuse to give away a record that is not one's own."""
        given = [row for row in rows if not row.errors and row.values.get("OwnerId") and row.id]
        if not given or access.may("TransferAnyEntity"):
            return
        mine = self.reached(access, given[0].sobject, [row.id or "" for row in given], "all")
        for row in given:
            if row.id not in mine:
                row.fail(errors.INSUFFICIENT_ACCESS_OR_READONLY())

    def _reach_references(self, access: Access, rows: Sequence[Row]) -> None:
        if not rows:
            return
        sobject = rows[0].sobject
        masters = set(masters_of(sobject))
        hung = hung_on(sobject.name)
        shared = parent_reference(sobject) if hung is not None and hung[1] == "Share" else None
        wanted: dict[tuple[str, Level], dict[str, list[Row]]] = {}
        for row in rows:
            for name in row.plan.references.keys() & row.values.keys():
                value = row.values[name]
                if value is not None:
                    level: Level = "all" if name == shared else "edit" if name in masters else "read"
                    wanted.setdefault((value[:3], level), {}).setdefault(value, []).append(row)
        for (prefix, level), users in wanted.items():
            target = access.schema.by_prefix(prefix)
            open_ = target is not None and ("read" in access.rights(target))
            seen = self.reached(access, target, users, level) if target is not None and open_ else set()
            for identifier in users.keys() - seen:
                for row in users[identifier]:
                    row.fail(errors.INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY(id=to_15(identifier)))

    def _check_owners(self, chunk: Chunk) -> None:
        """Refuse owners who are not active, or could not read what they own."""
        inactive = self._accesses.inactive
        if len(self._accesses.usernames) == 1 and not inactive:
            return
        for row in chunk.rows:
            owner = None if row.errors or row.verb == "delete" else row.values.get("OwnerId")
            if owner is None or not owner.startswith("005"):
                continue
            if owner in inactive:
                row.fail(errors.INACTIVE_OWNER_OR_USER(id=to_15(owner), label=row.sobject.label))
            elif owner != chunk.user_id:
                access = self._accesses.of(owner)
                if access is not None and "read" not in access.rights(row.sobject):
                    row.fail(errors.TRANSFER_REQUIRES_READ())

    # -- users and their permissions

    def _check_governing(self, row: Row) -> None:
        """Refuse a user's name that is none, or another's; a permission set that is assigned already; and permissions
        for what is not there.
        """
        values = {name.lower(): value for name, value in row.change.values.items()}
        if row.sobject.name == "User" and isinstance(name := values.get("username"), str):
            refusal = self._username(name, row.id)
            if refusal is not None:
                row.fail(refusal)
        elif row.sobject.name == "PermissionSetAssignment" and row.verb == "create":
            assignee, one = (to_18(str(values.get(key))) for key in ("assigneeid", "permissionsetid"))
            if assignee and one and one in self._accesses.assigned(assignee):
                row.fail(
                    errors.DUPLICATE_ASSIGNMENT(
                        assignee=to_15(assignee), set=to_15(one), fields=["AssigneeId", "PermissionSetId"]
                    )
                )

        elif row.sobject.name in ("ObjectPermissions", "FieldPermissions"):
            self._check_opened(row, values)

    def _check_opened(self, row: Row, values: Mapping[str, Any]) -> None:
        """Refuse permissions for an object or field that the org does not have: both are restricted picklists."""
        schema = self._accesses.schema
        name, path = values.get("sobjecttype"), values.get("field")
        if isinstance(name, str) and name and schema.get(name) is None:
            row.fail(refused(row.sobject.by_name["SobjectType"], name))
        if isinstance(path, str) and path:
            owner, _, field = path.partition(".")
            sobject = schema.get(owner)
            if sobject is None or sobject.field(field) is None:
                row.fail(refused(row.sobject.by_name["Field"], path))

    def _username(self, name: str, own: str | None) -> ApiError | None:
        if not logins.is_username(name):
            return errors.INVALID_EMAIL_ADDRESS(label="Username", value=name[:80], fields=["Username"])
        holder = self._accesses.user_id(name)
        if (holder is not None and holder != own) or (holder is None and self.taken(name)):
            return errors.DUPLICATE_USERNAME(fields=["Username"])
        return None

    # -- after the save

    def forget(self) -> None:
        """Work everything out anew: what was saved is taken back."""
        self._accesses.changed()

    def saved(self, groups: Mapping[tuple[str, str], Sequence[Row]], moment: float) -> None:
        """Take note of what was saved, and when, within its transaction."""
        for (verb, name), rows in groups.items():
            if name in GOVERNING:
                self._accesses.changed()
                self._accesses.decided = moment
                if name == "User" and verb == "create":
                    logins.add(self._accesses, self._store, [row.id or "" for row in rows])
            elif name == "AuthSession" and verb == "delete":
                self.ended([row.id for row in rows if row.id])
            elif verb == "update" and rows[0].sobject.sharing != "ReadWrite":
                self._end_shares(rows)

    def _end_shares(self, rows: Sequence[Row]) -> None:
        """Take back the manual shares of records that have a new owner."""
        moved = [row.id for row in rows if "OwnerId" in row.values and row.id]
        share = share_of(self._accesses.schema, rows[0].sobject) if moved else None
        if share is None or not self._store.exists(share):
            return
        reference = quoted(parent_reference(share) or "ParentId")
        self._store.connection.execute(
            f'UPDATE {quoted(share.name)} SET "IsDeleted" = 1 WHERE "RowCause" = \'Manual\' '  # noqa: S608
            f"AND {reference} IN (SELECT value FROM json_each(?))",
            (orjson.dumps(moved).decode(),),
        )


def _refused(
    access: Access, sobject: SObject, creating: bool, names: tuple[str, ...]
) -> tuple[str | None, list[str]] | None:
    """Return the first field that the user does not see, or those that he may not write; None when all are well.

    Fields that nobody writes are left to those who check the values.
    """
    key = (sobject.name, creating, names)
    known = access.shapes.get(key, False)
    if known is not False:
        return known  # type: ignore[return-value]
    seen = access.sight.get(sobject.name)
    assert seen is not None
    found: tuple[str | None, list[str]] | None = None
    closed = []
    for name in names:
        whole = sobject.field(name) or sobject.parent(name)
        one = seen.field(name) or seen.parent(name)
        if whole is None:
            continue
        if one is None:
            found = (name, [])
            break
        if (whole.createable and not one.createable) if creating else (whole.updateable and not one.updateable):
            closed.append(one.name)
    if found is None and closed:
        found = (None, closed)
    if len(access.shapes) < _MOST_SHAPES:
        access.shapes[key] = found
    return found


def _take_audit(row: Row) -> None:
    """Take the audit fields out of what a client says of a new record, and note them as such."""
    from dataclasses import replace

    audit: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for name, value in row.change.values.items():
        one = row.sobject.field(name)
        if one is None or one.name not in AUDIT or value is None:
            rest[name] = value
            continue
        slot = row.plan.slot(one.name)
        assert slot is not None
        try:
            audit[one.name] = slot.coerce(value)
        except ApiError as error:
            row.fail(error)
    if audit:
        row.change = replace(row.change, values=rest)
        row.audit = audit
