"""The records of approvals, which the platform alone writes: past the pipeline, in the transaction of whoever acts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mock_server.org.clock import stamp
from mock_server.org.identity.directory import USER_ID
from mock_server.org.records.table_sql import quoted

if TYPE_CHECKING:
    from mock_server.org.approvals.processes import ApprovalProcess
    from mock_server.org.org import Org
    from mock_server.org.records.store import Store
    from mock_server.org.schema import Schema
    from mock_server.org.schema.types import SObject


def _object(schema: Schema, name: str) -> SObject:
    found = schema.get(name)
    assert found is not None
    return found


def put(org: Org, name: str, values: dict[str, Any], user_id: str) -> str:
    """Write a record, whole; return its id, a new one where none is given."""
    sobject = _object(org.schema, name)
    now = stamp(org.clock.now())
    audit = {
        "CreatedDate": now, "CreatedById": user_id, "LastModifiedDate": now, "LastModifiedById": user_id,
        "SystemModstamp": now, "IsDeleted": 0,
    }  # fmt: skip
    whole = {**audit, **values}
    if "Id" not in whole:
        (whole["Id"],) = org.ids.take_many(sobject.key_prefix or "000", 1)
    org.store.put(sobject, {key: value for key, value in whole.items() if key in sobject.by_name})
    return str(whole["Id"])


def change(org: Org, name: str, identifier: str, values: dict[str, Any], user_id: str) -> None:
    """Change fields of a record that the platform wrote."""
    now = stamp(org.clock.now())
    before = find(org.schema, org.store, name, "Id", [identifier])[0]
    put(org, name, {**before, "LastModifiedDate": now, "SystemModstamp": now, **values}, user_id)


def remove(org: Org, name: str, ids: Sequence[str]) -> None:
    """Remove records for good."""
    if ids:
        org.store.execute_many(f'DELETE FROM {quoted(name)} WHERE "Id"=?', [[one] for one in ids])  # noqa: S608


def find(schema: Schema, store: Store, name: str, column: str, values: Sequence[str]) -> list[dict[str, Any]]:
    """Return the records whose column has one of some values, oldest first."""
    sobject = _object(schema, name)
    store.ready(sobject)
    columns = [one.name for one in sobject.fields if one.stored]
    found = [dict(zip(columns, row, strict=True)) for row in store.lookup(sobject, column, list(values), *columns)]
    return sorted(found, key=lambda one: str(one["Id"]))


def define(org: Org, process: ApprovalProcess) -> None:
    """Write what is to be queried of a process itself."""
    put(
        org,
        "ProcessDefinition",
        {
            "Id": process.id, "Name": process.label or process.name, "DeveloperName": process.name, "Type": "Approval",
            "Description": process.description, "TableEnumOrId": process.sobject, "State": "Active",
            "LockType": "Total",
        },
        USER_ID,
    )  # fmt: skip
    for step in process.steps:
        node = {
            "Id": process.node_id(step), "Name": step.name, "DeveloperName": step.name,
            "ProcessDefinitionId": process.id,
        }  # fmt: skip
        put(org, "ProcessNode", node, USER_ID)
