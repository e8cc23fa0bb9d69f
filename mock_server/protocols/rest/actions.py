"""Invocable actions: lists of them, what each takes, and calls with up to 200 inputs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.apex.access import admits
from mock_server.org.apex.actions import LISTED, Action, ActionError, Invocation, Parameter, inputs_of
from mock_server.org.apex.standard_actions import STANDARD, find
from mock_server.org.automation.execution import ApexError, Ended, told, traced
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import LockHeld
from mock_server.protocols.rest.replies import DATA, answer, data_url, routes, version_of

log = logging.getLogger("sfmock")

ROOT = f"{DATA}/actions"
STANDARD_ROOT = f"{ROOT}/standard"
CUSTOM_ROOT = f"{ROOT}/custom"
_WHOLE_RESULT_SINCE = 52
"""The version whose results also tell of invocations and versions of flows; when it came is not documented."""


@routes(Operation("rest.actions.kinds", "GET", ROOT, "read", since=32.0, summary="Where actions are listed"))
async def kinds(call: Call) -> Reply:
    return answer({"standard": data_url(call, "actions", "standard"), "custom": data_url(call, "actions", "custom")})


@routes(
    Operation("rest.actions.standard", "GET", STANDARD_ROOT, "read", since=32.0, summary="List the standard actions")
)
async def list_standard(call: Call) -> Reply:
    return answer({"actions": [_listed(call, one, "standard") for one in STANDARD]})


@routes(
    Operation("rest.actions.custom", "GET", CUSTOM_ROOT, "read", since=32.0, summary="Where custom actions are listed")
)
async def custom_kinds(call: Call) -> Reply:
    return answer({kind: data_url(call, "actions", "custom", kind) for kind in LISTED})


@routes(
    Operation("rest.actions.list", "GET", f"{CUSTOM_ROOT}/{{kind}}", "read", since=32.0, summary="List custom actions")
)
async def list_custom(call: Call) -> Reply:
    kind = _kind(call)
    return answer({"actions": [_listed(call, one, "custom", kind) for one in call.org.actions.of(kind)]})


def _listed(call: Call, action: Action, *way: str) -> dict[str, Any]:
    return {
        "label": action.label or action.name,
        "name": action.name,
        "type": action.kind.upper(),
        "url": data_url(call, "actions", *way, action.name),
    }


@routes(
    Operation(
        "rest.actions.describe", "GET", f"{STANDARD_ROOT}/{{name}}", "read", since=32.0, summary="What an action takes"
    )
)
async def describe_standard(call: Call) -> Reply:
    return answer(_described(_standard(call), standard=True))


@routes(Operation("rest.actions.describe", "GET", f"{CUSTOM_ROOT}/{{kind}}/{{name}}", "read", since=32.0))
async def describe_custom(call: Call) -> Reply:
    return answer(_described(_custom(call), standard=False))


def _described(action: Action, *, standard: bool) -> dict[str, Any]:
    return {
        "description": action.description,
        "inputs": [
            {"byteLength": 0} | _parameter(one) | {"required": one.required, **_TAIL, "type": one.type}
            for one in action.inputs
        ],
        "label": action.label or action.name,
        "name": action.name,
        "outputs": [_parameter(one) | {**_TAIL, "type": one.type} for one in action.outputs],
        "standard": standard,
        "targetEntityName": None,
        "type": action.kind.upper(),
    }


_TAIL: dict[str, Any] = {"sobjectType": None}


def _parameter(one: Parameter) -> dict[str, Any]:
    return {
        "description": one.description or None,
        "label": one.label or one.name,
        "maxOccurs": one.most,
        "name": one.name,
        "picklistValues": None,
    }


@routes(
    Operation(
        "rest.actions.invoke", "POST", f"{STANDARD_ROOT}/{{name}}", "write", "never", "many", since=32.0,
        summary="Call an action with up to 200 inputs",
    )
)  # fmt: skip
async def invoke_standard(call: Call) -> Reply:
    return await _invoked(call, _standard(call))


@routes(
    Operation("rest.actions.invoke", "POST", f"{CUSTOM_ROOT}/{{kind}}/{{name}}", "write", "never", "many", since=32.0)
)
async def invoke_custom(call: Call) -> Reply:
    return await _invoked(call, _custom(call))


def _kind(call: Call) -> str:
    kind = next((one for one in LISTED if one.lower() == call.args["kind"].lower()), None)
    if kind is None:
        raise errors.NOT_FOUND()
    return kind


def _standard(call: Call) -> Action:
    action = find(call.args["name"])
    if action is None:
        raise errors.NOT_FOUND()
    return action


def _custom(call: Call) -> Action:
    action = call.org.actions.find(_kind(call), call.args["name"])
    if action is None:
        raise errors.NOT_FOUND()
    if action.restricted and not admits(call.org, call.session, action):
        raise errors.NO_APEX_ACCESS(name=action.name)
    return action


async def _invoked(call: Call, action: Action) -> Reply:
    """Call an action with each input, each a transaction; one that fails makes the answer a 400, as recorded."""
    inputs = inputs_of(call.json())
    results = [await _result(call, action, number, given) for number, given in enumerate(inputs)]
    return answer(results, 200 if all(one["isSuccess"] for one in results) else 400)


async def _result(call: Call, action: Action, number: int, given: object) -> dict[str, Any]:
    def code(org: InnerOrg) -> dict[str, Any] | None:
        values = action.read(given)
        who = call.session
        invocation = Invocation(values, org, who.user_id, who.username, number, platform=call.org, session=who)
        found = action.work(invocation)
        return _outputs(action, found)

    stack = f"Class.{action.name}" if action.kind == "apex" else action.name
    try:
        outputs = await call.run(code, stack, system=action.system)
    except LockHeld:
        raise
    except ActionError as refused:
        return _told(call, action, refused=[(refused.code, refused.message, refused.fields)])
    except ApiError as error:
        return _told(call, action, refused=[(error.code, error.message, error.fields or ())])
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise
    except BaseException as raised:
        return _told(call, action, refused=[_uncaught(action, stack, raised)])
    return _told(call, action, outputs=outputs)


def _uncaught(action: Action, stack: str, raised: BaseException) -> tuple[str, str, tuple[str, ...]]:
    if not isinstance(raised, ApexError | Ended):
        log.warning("the action %s failed", action.name, exc_info=raised)
    if action.kind == "flow":
        # Recorded: the cause is told to the flow's owner, by mail, and not to the caller.
        log.warning("the flow %s failed: %s", action.name, told(raised))
        return "UNKNOWN_EXCEPTION", "An error occurred when executing a flow interview.", ()
    return "UNKNOWN_EXCEPTION", f"An Apex error occurred: {traced(raised, action.work, stack)}", ()


def _outputs(action: Action, found: object) -> dict[str, Any] | None:
    """Return the values of all outputs, as JSON has them. Raises TypeError for what it has no form for."""
    if found is not None and not isinstance(found, Mapping):
        raise TypeError(f"an action returns a mapping of outputs, not {found!r:.60}")
    given = {str(name): value for name, value in (found or {}).items()}
    for name in given:
        if name not in {one.name for one in action.outputs}:
            raise TypeError(f"{action.name} has no output {name}")
    if action.kind == "flow":
        return {one.name: _plain(given.get(one.name)) for one in action.outputs} | {"Flow__InterviewStatus": "Finished"}
    return {one.name: _plain(given.get(one.name)) for one in action.outputs} if action.outputs else None


def _plain(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def _told(
    call: Call,
    action: Action,
    *,
    outputs: dict[str, Any] | None = None,
    refused: Iterable[tuple[str, str, Iterable[str]]] = (),
) -> dict[str, Any]:
    failed = [{"statusCode": code, "message": text, "fields": list(fields)} for code, text, fields in refused]
    whole = version_of(call.args["version"]) >= _WHOLE_RESULT_SINCE
    return {
        "actionName": action.name,
        "errors": failed or None,
        **({"invocationId": None} if whole else {}),
        "isSuccess": not failed,
        "outputValues": outputs,
        **({"sortOrder": -1, "version": 1} if whole else {}),
    }
