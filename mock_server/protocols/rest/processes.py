"""Approval processes and workflow rules: what there is of them, and acting on records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.approvals.acting import ACTIONS, Acted, Wish, act
from mock_server.org.automation.budget import LimitExceeded
from mock_server.org.automation.execution import ApexError, Ended, told
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.replies import DATA, answer, data_url, routes, row_error

ROOT = f"{DATA}/process"
APPROVALS = f"{ROOT}/approvals"
RULES = f"{ROOT}/rules"
_KEYS = frozenset(
    ["actiontype", "contextactorid", "contextid", "comments", "nextapproverids", "processdefinitionnameorid",
     "skipentrycriteria"]
)  # fmt: skip
MOST = 200


@routes(Operation("rest.process.kinds", "GET", ROOT, "read", summary="Where processes are listed"))
async def kinds(call: Call) -> Reply:
    return answer({name: data_url(call, "process", name) for name in ("approvals", "rules")})


@routes(Operation("rest.process.approvals", "GET", APPROVALS, "read", summary="List the approval processes"))
async def approvals(call: Call) -> Reply:
    listed: dict[str, list[dict[str, Any]]] = {}
    for process in call.org.approvals:
        if call.schema.get(process.sobject) is None:
            continue
        of_object = listed.setdefault(process.sobject, [])
        of_object.append(
            {
                "description": process.description,
                "id": process.id,
                "name": process.label or process.name,
                "object": process.sobject,
                "sortOrder": len(of_object) + 1,
            }
        )
    return answer({"approvals": listed})


@routes(
    Operation(
        "rest.process.act", "POST", APPROVALS, "write", "never", "many", summary="Submit, approve or reject records"
    )
)
async def act_on(call: Call) -> Reply:
    """Each request is a transaction; the answer is a 400 where any failed, with the results of all."""
    results = [await _result(call, one) for one in _listed(call, "requests")]
    return answer(results, 200 if all(one["success"] for one in results) else 400)


def _listed(call: Call, name: str) -> list[Any]:
    """Return the list that a body brings. Raises MISSING_ARGUMENT, EXCEEDED_ID_LIMIT."""
    given = call.json()
    listed = given.get(name) if isinstance(given, Mapping) else None
    if not isinstance(listed, list) or not listed:
        raise errors.MISSING_ARGUMENT_NAMED(name=name)
    if len(listed) > MOST:
        raise errors.EXCEEDED_ID_LIMIT(limit=MOST)
    return listed


async def _result(call: Call, given: object) -> dict[str, Any]:
    def code(org: InnerOrg) -> Acted:
        return act(call.org, call.session, org, _wish(given))

    try:
        acted = await call.run(code, "Process", system=True)
    except (ApexError, Ended, LimitExceeded) as raised:
        # Of a trigger that the process's own changes meet.
        return _told(None, errors.APEX_FAILURE(text=told(raised)))
    except ApiError as error:
        return _told(None, error)
    return _told(acted, None)


def _told(acted: Acted | None, failed: ApiError | None) -> dict[str, Any]:
    return {
        "actorIds": None if acted is None else list(acted.actors),
        "entityId": None if acted is None else acted.entity,
        "errors": None if failed is None else [row_error(failed)],
        "instanceId": None if acted is None else acted.instance,
        "instanceStatus": None if acted is None else acted.status,
        "newWorkitemIds": None if acted is None else list(acted.items),
        "success": acted is not None,
    }


def _wish(given: object) -> Wish:
    if not isinstance(given, Mapping):
        raise errors.INVALID_INPUT(text="A request must be an object")
    values = {str(key).lower(): value for key, value in given.items()}
    for key in given:
        if str(key).lower() not in _KEYS:
            raise errors.INVALID_INPUT(text=f"Unknown field of a request: {str(key)[:100]}")
    action = next((one for one in ACTIONS if one.lower() == str(values.get("actiontype")).lower()), None)
    if action is None:
        raise errors.INVALID_INPUT(text=f"Invalid actionType: {str(values.get('actiontype'))[:100]}")
    return Wish(
        action,
        values.get("contextid"),
        values.get("contextactorid"),
        values.get("comments"),
        values.get("nextapproverids"),
        values.get("processdefinitionnameorid"),
        values.get("skipentrycriteria") in (True, "true"),
    )


# Workflow rules do not run here, and an org has none.


@routes(
    Operation("rest.process.rules", "GET", RULES, "read", summary="List the workflow rules"),
)
async def rules(call: Call) -> Reply:
    return answer({"rules": {}})


@routes(Operation("rest.process.rules", "GET", f"{RULES}/{{sobject}}", "read"))
async def rules_of(call: Call) -> Reply:
    sobject_of(call)
    return answer({"rules": {}})


@routes(Operation("rest.process.rules", "GET", f"{RULES}/{{sobject}}/{{id}}", "read"))
async def rule(call: Call) -> Reply:
    raise errors.NOT_FOUND()


@routes(
    Operation(
        "rest.process.trigger", "POST", RULES, "write", "conditional", summary="Run the workflow rules of records"
    )
)
async def trigger(call: Call) -> Reply:
    for one in _listed(call, "contextIds"):
        identifier = to_18(one) if isinstance(one, str) else None
        if identifier is None:
            raise errors.MALFORMED_ID(value=str(one)[:100])
        sobject = call.schema.by_prefix(identifier[:3])
        if sobject is None or not call.org.sees(call.session, sobject.name, identifier):
            raise errors.INVALID_CROSS_REFERENCE_KEY()
    return answer({"errors": None, "success": True})
