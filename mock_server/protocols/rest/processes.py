"""Approval processes and workflow rules: what there is of them, and acting on records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.approvals.acting import ACTIONS, Acted, Wish, act
from mock_server.org.approvals.processes import fixed_id
from mock_server.org.automation.budget import LimitExceeded
from mock_server.org.automation.execution import ApexError, Ended, told
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_15, to_18
from mock_server.org.records.changes import Change
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.replies import DATA, answer, data_url, errors_answer, routes, row_error

ROOT = f"{DATA}/process"
APPROVALS = f"{ROOT}/approvals"
RULES = f"{ROOT}/rules"
_KEYS = frozenset(
    ["actiontype", "contextactorid", "contextid", "comments", "nextapproverids", "processdefinitionnameorid",
     "skipentrycriteria"]
)  # fmt: skip
MOST = 200
_FIELD_UPDATE = "04Y"


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


# -- workflow rules


@routes(
    Operation("rest.process.rules", "GET", RULES, "read", summary="List the workflow rules"),
)
async def rules(call: Call) -> Reply:
    listed = {name: _rules_of(one) for name, one in sorted(call.schema.own().items()) if one.workflow_rules}
    return answer({"rules": {name: found for name, found in listed.items() if found}})


@routes(Operation("rest.process.rules", "GET", f"{RULES}/{{sobject}}", "read"))
async def rules_of(call: Call) -> Reply:
    sobject = sobject_of(call)
    found = _rules_of(sobject)
    return answer({"rules": {sobject.name: found} if found else {}})


@routes(Operation("rest.process.rules", "GET", f"{RULES}/{{sobject}}/{{id}}", "read"))
async def rule(call: Call) -> Reply:
    wanted = to_18(call.args["id"])
    for one in _rules_of(sobject_of(call)):
        if wanted is not None and to_18(one["id"]) == wanted:
            return answer(one)
    raise errors.NOT_FOUND()


def _rules_of(sobject: SObject) -> list[dict[str, Any]]:
    """Return the active rules of an object as the documentation shows them, with ids of 15 characters."""
    # Late: it brings the compiler of formulas.
    from mock_server.org.formula.acting import rule_id

    return [
        {
            "actions": [
                {
                    "id": to_15(fixed_id(_FIELD_UPDATE, f"{sobject.name}/{one.name}/{update.name}")),
                    "name": update.name,
                    "type": "FieldUpdate",
                }
                for update in one.updates
            ],
            "description": one.description,
            "id": to_15(rule_id(sobject, one)),
            "name": one.label,
            "namespacePrefix": None,
            "object": sobject.name,
        }
        for one in sobject.workflow_rules
        if one.active
    ]


@routes(
    Operation(
        "rest.process.trigger", "POST", RULES, "write", "conditional", "many", summary="Run workflow rules on records"
    )
)
async def trigger(call: Call) -> Reply:
    """Ask all active rules of the records, whatever they wait for; all of it is undone where one record fails."""
    changes: dict[str, Change] = {}
    for one in _listed(call, "contextIds"):
        identifier = to_18(one) if isinstance(one, str) else None
        if identifier is None:
            raise errors.MALFORMED_ID(value=str(one)[:100])
        sobject = call.schema.by_prefix(identifier[:3])
        if sobject is None or not call.org.sees(call.session, sobject.name, identifier):
            raise errors.INVALID_CROSS_REFERENCE_KEY()
        if any(rule.active for rule in sobject.workflow_rules):
            changes[identifier] = Change("update", sobject.name, {}, id=identifier, act=True)
    for result in await call.write(list(changes.values()), all_or_none=True) if changes else ():
        if not result.success and result.errors[0].code != "ALL_OR_NONE_OPERATION_ROLLED_BACK":
            return errors_answer(result.errors)
    return answer({"errors": None, "success": True})
