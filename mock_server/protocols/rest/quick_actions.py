"""Quick actions: the org's own ones, from anywhere or at an object's record (REST API Developer Guide)."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema.layouts import form
from mock_server.org.schema.types import SObject
from mock_server.org.standard.looks import look_of
from mock_server.org.standard.quick_actions import QuickAction, quick_actions
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest.describe import OBJECT, linked
from mock_server.protocols.rest.replies import DATA, answer, error_item, routes

_ALL = f"{DATA}/quickActions"
_ONE = f"{_ALL}/{{action}}"
_OF = f"{OBJECT}/quickActions"
_ONE_OF = f"{_OF}/{{action}}"
_SINCE = 28.0


@routes(
    Operation("rest.quick_actions.list", "GET", _ALL, "read", since=_SINCE, summary="List quick actions"),
    Operation("rest.quick_actions.list", "GET", _OF, "read", since=_SINCE),
)
async def listed(call: Call) -> Reply:
    _context(call)
    return answer([_item(call, action) for action, _ in quick_actions(call.schema)])


@routes(
    Operation("rest.quick_actions.read", "GET", _ONE, "read", since=_SINCE, summary="Read what a quick action is"),
    Operation("rest.quick_actions.read", "GET", _ONE_OF, "read", since=_SINCE),
)
async def read(call: Call) -> Reply:
    action, _ = _action(call)
    return answer(_item(call, action))


@routes(
    Operation(
        "rest.quick_actions.describe", "GET", f"{_ONE}/describe", "read", since=_SINCE,
        summary="Describe a quick action: its layout and default values",
    ),
    Operation("rest.quick_actions.describe", "GET", f"{_ONE_OF}/describe", "read", since=_SINCE),
)  # fmt: skip
async def describe(call: Call) -> Reply:
    action, sobject = _action(call)
    look = look_of(sobject)
    pages = instance_url(call, call.org)
    context = _context(call)
    defaults = [{"defaultValue": value, "field": name} for name, value in sorted(action.values(sobject).items())]
    body: dict[str, Any] = dict.fromkeys(_UNUSED)
    body |= {
        "accessLevelRequired": None,
        "actionEnumOrId": action.name,
        "colors": [{"color": look.color, "context": "primary", "theme": "theme4"}],
        "contextSobjectType": context.name if context is not None else None,
        "defaultValues": defaults or None,
        "iconUrl": look.icon(pages, "_120.png"),
        "icons": [
            {"contentType": "image/png", "height": size, "theme": "theme4", "url": url, "width": size}
            for size, url in ((60, look.icon(pages, "_60.png")), (120, look.icon(pages, "_120.png")))
        ],
        "label": action.label,
        "layout": form(sobject, action.fields, action.name),
        "miniIconUrl": look.icon(pages, "_60.png"),
        "name": action.name,
        "showQuickActionLcHeader": False,
        "showQuickActionVfHeader": False,
        "targetSobjectType": sobject.name,
        "type": action.kind,
    }
    return answer(dict(sorted(body.items())))


_UNUSED = (
    "canvasApplicationId", "canvasApplicationName", "flowDevName", "flowRecordIdVar", "height", "iconName",
    "lightningComponentBundleId", "lightningComponentBundleName", "lightningComponentQualifiedName",
    "mobileExtensionDisplayMode", "mobileExtensionId", "targetParentField", "targetRecordTypeId",
    "visualforcePageName", "visualforcePageUrl", "width",
)  # fmt: skip


@routes(
    Operation(
        "rest.quick_actions.defaults", "GET", f"{_ONE}/defaultValues", "read", since=_SINCE,
        summary="Read what a quick action's new record starts with",
    ),
    Operation("rest.quick_actions.defaults", "GET", f"{_ONE}/defaultValues/{{context}}", "read", since=_SINCE),
    Operation("rest.quick_actions.defaults", "GET", f"{_ONE_OF}/defaultValues", "read", since=_SINCE),
    Operation("rest.quick_actions.defaults", "GET", f"{_ONE_OF}/defaultValues/{{context}}", "read", since=_SINCE),
)  # fmt: skip
async def defaults(call: Call) -> Reply:
    action, sobject = _action(call)
    values = action.values(sobject, *_record(call, call.args.get("context")))
    return answer({"attributes": {"type": sobject.name}, **dict(sorted(values.items()))})


@routes(
    Operation(
        "rest.quick_actions.perform", "POST", _ONE, "write", "never", "one", since=_SINCE,
        summary="Make a record by a quick action",
    ),
    Operation("rest.quick_actions.perform", "POST", _ONE_OF, "write", "never", "one", since=_SINCE),
)  # fmt: skip
async def perform(call: Call) -> Reply:
    action, sobject = _action(call)
    body = call.json_object()
    record = body.get("record")
    if not isinstance(record, dict):
        raise errors.MISSING_ARGUMENT_NAMED(name="record")
    context = body.get("contextId")
    given = {name: value for name, value in record.items() if name.lower() != "attributes"}
    known = {name.lower() for name in given}
    start = action.values(sobject, *_record(call, str(context) if context else None))
    fields = {name: value for name, value in start.items() if name.lower() not in known} | given
    (result,) = await call.write([Change("create", sobject.name, fields)])
    return answer(_performed(result, context), 201 if result.success else 400)


def _performed(result: RowResult, context: Any) -> dict[str, Any]:
    return {
        "contextId": context,
        "created": result.success,
        "errors": [error_item(error) for error in result.errors],
        "feedItemIds": None,
        "id": result.id if result.success else None,
        "success": result.success,
    }


def _context(call: Call) -> SObject | None:
    """Return the object whose actions the path names. Raises NOT_FOUND for one without any."""
    return linked(call, "quickActions") if "sobject" in call.args else None


def _action(call: Call) -> tuple[QuickAction, SObject]:
    _context(call)
    for action, sobject in quick_actions(call.schema):
        if action.name.lower() == call.args["action"].lower():
            return action, sobject
    raise errors.NOT_FOUND()


def _record(call: Call, given: str | None) -> tuple[str | None, str | None]:
    """Return the record at which an action is done, and its object. Raises NOT_FOUND for one that is not there."""
    if not given:
        return None, None
    whole = to_18(given)
    sobject = call.schema.by_prefix(whole[:3]) if whole else None
    context = _context(call)
    if sobject is None or whole is None or (context is not None and context.name != sobject.name):
        raise errors.NOT_FOUND()
    if not call.org.query(call.session, f"SELECT Id FROM {sobject.name} WHERE Id = '{whole}'", base="").records:  # noqa: S608  # an id and a name of ours
        raise errors.NOT_FOUND()
    return whole, sobject.name


def _item(call: Call, action: QuickAction) -> dict[str, Any]:
    base = f"/services/data/{call.args['version']}"
    context = _context(call)
    url = f"{base}/sobjects/{context.name}" if context is not None else base
    url += f"/quickActions/{action.name}"
    return {
        "actionEnumOrId": action.name,
        "label": action.label,
        "name": action.name,
        "type": action.kind,
        "urls": {
            "defaultValues": f"{url}/defaultValues",
            "defaultValuesTemplate": f"{url}/defaultValues/{{ID}}",
            "describe": f"{url}/describe",
            "quickAction": url,
        },
    }
