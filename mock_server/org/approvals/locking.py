"""The lock on a record in approval: who may still change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from mock_server.org import errors
from mock_server.org.approvals.rows import find

if TYPE_CHECKING:
    from mock_server.org.approvals.processes import Approvals
    from mock_server.org.identity.access import Access
    from mock_server.org.records.rows import Chunk, Row
    from mock_server.org.records.store import Store
    from mock_server.org.schema import Schema


def locked(approvals: Approvals, schema: Schema, store: Store, ids: list[str]) -> dict[str, set[str]]:
    """Return which of some records are locked, and which users may change each all the same."""
    out: dict[str, set[str]] = {}
    for instance in find(schema, store, "ProcessInstance", "TargetObjectId", ids):
        target = str(instance["TargetObjectId"])
        process = approvals.by_id(str(instance["ProcessDefinitionId"]))
        # The last process of a record decides.
        out.pop(target, None)
        if process is None:
            continue
        status = instance["Status"]
        if status == "Pending":
            out[target] = set()
            if process.editability == "AdminOrCurrentApprover":
                items = find(schema, store, "ProcessInstanceWorkitem", "ProcessInstanceId", [str(instance["Id"])])
                out[target] = {str(one["ActorId"]) for one in items}
        elif (status == "Approved" and process.lock_approved) or (status == "Rejected" and process.lock_rejected):
            out[target] = set()
    return out


def refuse(
    approvals: Approvals, schema: Schema, store: Store, chunk: Chunk, access_of: Callable[[str], Access | None]
) -> None:
    """Fail the rows of records in approval that their saver may not change: administrators may."""
    for (verb, name), rows in chunk.alive().items():
        if verb == "create" or not approvals.of(name):
            continue
        access = access_of(chunk.user_id)
        if access is None or "modifyAll" in access.rights(rows[0].sobject):
            continue
        # What an approval itself sets it sets in spite of its lock.
        asked: list[Row] = [row for row in rows if row.change.derived is None and row.id]
        found = locked(approvals, schema, store, [str(row.id) for row in asked])
        for row in asked:
            editors = found.get(str(row.id))
            if editors is not None and chunk.user_id not in editors:
                row.fail(errors.ENTITY_IS_LOCKED())
