"""The first step of a save: which object each row is of, and which stored record it means."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.identity.permissions import Permissions
from mock_server.org.ids import to_15, to_18
from mock_server.org.records.commits import CommitLog
from mock_server.org.records.plans import WritePlan, plan_of
from mock_server.org.records.recycling import RecycleBin
from mock_server.org.records.rows import Chunk, Row
from mock_server.org.records.store import Store
from mock_server.org.records.table_sql import fold_column
from mock_server.org.schema import Schema
from mock_server.org.schema.types import SObject, fold

_VERBS = {"update": "updated", "delete": "deleted", "undelete": "undeleted", "erase": "deleted"}
"""What no platform event can be, once it is published."""


class Resolving:
    """Finds records by id, by key and in the recycle bin, as far as the saver sees them."""

    def __init__(self, schema: Schema, store: Store, log: CommitLog, bin: RecycleBin, permissions: Permissions) -> None:
        self._schema = schema
        self._store = store
        self._log = log
        self._bin = bin
        self._permissions = permissions

    def resolve(self, chunk: Chunk) -> None:
        """Find each row's object and, for all but creates, the stored record it means."""
        upserts: dict[tuple[str, str], list[Row]] = {}
        known: dict[str, list[Row]] = {}
        binned: dict[str, list[Row]] = {}
        name, tooling, plan = "", False, None
        for row in chunk.rows:
            change = row.change
            if change.refusal is not None:
                row.fail(change.refusal)
                continue
            # Mostly a row is of the object of the one before it.
            if plan is None or change.sobject != name or change.tooling != tooling:
                name, tooling = change.sobject, change.tooling
                plan = self._plan(chunk, name, tooling)
                if plan is None:
                    row.fail(unsupported_type(name))
                    continue
            sobject = plan.sobject
            row.sobject, row.plan, row.verb = sobject, plan, change.verb
            if change.verb == "upsert":
                if (change.key_field or "").lower() != "id":
                    upserts.setdefault((sobject.name, change.key_field or ""), []).append(row)
                    continue
                row.verb = "create" if change.key is None else "update"
                row.id = change.key
            elif change.verb != "create":
                row.id = change.id
                row.verb = "delete" if change.verb == "hard_delete" else change.verb
            if plan.publishes and row.verb in _VERBS:
                verb = _VERBS[row.verb]
                row.fail(errors.CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY(verb=verb, label=sobject.label))
            elif row.verb in ("undelete", "erase"):
                binned.setdefault(sobject.name, []).append(row)
            elif row.verb != "create":
                known.setdefault(sobject.name, []).append(row)
        for (_, key), rows in upserts.items():
            self._by_key(chunk, rows, key)
        for rows in known.values():
            self._by_id(chunk, rows)
        for rows in binned.values():
            self._in_bin(chunk, rows)
        chunk.features |= {row.verb for row in chunk.rows}

    def _plan(self, chunk: Chunk, name: str, tooling: bool) -> WritePlan | None:
        """Return how rows of an object are written, known to the chunk from now on; None where its saver sees none."""
        sobject = (self._schema.tools() if tooling else self._schema).get(name)
        if sobject is None or (chunk.access is not None and "read" not in chunk.access.rights(sobject)):
            return None
        plan = plan_of(sobject)
        if plan not in chunk.plans:
            chunk.plans.append(plan)
            chunk.features |= plan.features
            if not plan.publishes:
                self._store.ready(sobject)
        return plan

    def _by_key(self, chunk: Chunk, rows: list[Row], name: str) -> None:
        sobject = rows[0].sobject
        key = sobject.field(name)
        slot = rows[0].plan.slot(name)
        hidden = key is not None and chunk.access is not None and not chunk.access.sees(sobject, key)
        if key is None or slot is None or hidden or not (key.external_id or key.id_lookup):
            for row in rows:
                row.fail(errors.NO_SUCH_EXTERNAL_ID_FIELD(segment=name))
            return
        wanted: dict[Any, list[Row]] = {}
        for row in rows:
            given = row.change.key
            try:
                value = None if given is None else slot.coerce(given)
            except ApiError as error:
                row.fail(error)
                continue
            if value is None:
                row.fail(errors.KEY_NOT_SPECIFIED(field=key.name))
                continue
            row.values[key.name] = value
            wanted.setdefault(fold(value) if key.folded else value, []).append(row)
        column = fold_column(key.name) if key.folded else key.name
        found: dict[Any, list[str]] = {}
        for value, identifier, deleted in self._store.lookup(sobject, column, list(wanted), column, "Id", "IsDeleted"):
            if not deleted:
                found.setdefault(value, []).append(identifier)
        if chunk.access is not None:
            # What the saver does not see does not match.
            seen = self._permissions.reached(chunk.access, sobject, [one for some in found.values() for one in some])
            found = {value: [one for one in some if one in seen] for value, some in found.items()}
        for value, same in wanted.items():
            matches = found.get(value, [])
            for row in same:
                if len(same) > 1:
                    row.fail(errors.DUPLICATE_EXTERNAL_ID_SPECIFIED(value=row.change.key, fields=[key.name]))
                elif len(matches) > 1:
                    refused = errors.DUPLICATE_EXTERNAL_ID(
                        field=key.name, ids=", ".join(map(to_15, matches)), fields=[key.name]
                    )
                    refused.extra["matches"] = matches
                    row.fail(refused)
                elif matches:
                    row.verb, row.id = "update", matches[0]
                elif row.change.update_only:
                    row.fail(errors.NOT_FOUND())
                else:
                    row.verb = "create"

    def _by_id(self, chunk: Chunk, rows: list[Row]) -> None:
        sobject, ids, columns = rows[0].sobject, self._read_ids(rows), self._written(rows)
        stored = {one[-2]: one for one in self._store.lookup(sobject, "Id", ids, *columns, "Id", "IsDeleted")}
        hidden = self._hidden(chunk, sobject, stored)
        for row in rows:
            if row.errors or row.id is None:
                continue
            found = stored.get(row.id)
            if found is None:
                row.fail(errors.INVALID_CROSS_REFERENCE_KEY())
            elif row.id in hidden:
                row.fail(errors.INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY(id=to_15(row.id)))
            elif found[-1]:
                row.fail(errors.ENTITY_IS_DELETED())
            elif columns:
                row.held = columns, found

    def _written(self, rows: list[Row]) -> tuple[str, ...]:
        """Return what updates of the same plain fields write, where the commit log tells what was there before."""
        plan = rows[0].plan
        if plan.sobject.name not in self._log.watched:
            return ()
        names = {tuple(row.change.values) for row in rows}
        shape = plan.shape(False, names.pop()) if len(names) == 1 else None
        return () if shape is None else plan.update(shape.names).columns

    def _hidden(self, chunk: Chunk, sobject: SObject, ids: Iterable[str]) -> set[str]:
        """Return those of some records that the saver does not see."""
        if chunk.access is None:
            return set()
        return set(ids) - self._permissions.reached(chunk.access, sobject, ids)

    def _in_bin(self, chunk: Chunk, rows: list[Row]) -> None:
        """Find rows in the recycle bin. What went along with another record is not there by itself."""
        found = self._bin.find(self._read_ids(rows))
        hidden = self._hidden(chunk, rows[0].sobject, found)
        for row in rows:
            if not row.errors and row.id in hidden:
                row.fail(errors.INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY(id=to_15(row.id or "")))
            one = found.get(row.id or "")
            if not row.errors and (one is None or one.root != row.id or one.sobject != row.sobject.name):
                refused = errors.UNDELETE_FAILED if row.verb == "undelete" else errors.DELETE_FAILED
                row.fail(refused(text="Entity is not in the recycle bin"))

    @staticmethod
    def _read_ids(rows: list[Row]) -> list[str]:
        """Bring the rows' ids into their long form, and refuse what is no id or given twice; return each once."""
        for row in rows:
            given = row.id
            row.id = to_18(given) if isinstance(given, str) else None
            if given is None:
                row.fail(errors.MISSING_ARGUMENT())
            elif row.id is None:
                row.fail(errors.MALFORMED_ID(value=given))
        ids = [row.id for row in rows if row.id]
        once = list(dict.fromkeys(ids))
        for row in rows if len(once) < len(ids) else ():
            if row.id is not None and ids.count(row.id) > 1:
                row.fail(errors.DUPLICATE_ID_SPECIFIED(id=row.id))
        return once


def unsupported_type(name: str) -> ApiError:
    return errors.INVALID_TYPE(
        text=f"sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append "
        "the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate names."
    )
