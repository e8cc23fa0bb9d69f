"""Quick actions: those of every org and of its metadata, from anywhere or at a record (REST API Developer Guide)."""

from __future__ import annotations

from collections.abc import Iterator
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
from mock_server.protocols.rest.replies import DATA, answer, data_url, error_item, routes

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
    return answer([_item(call, action) for action, _ in _actions(call)])


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
        "actionEnumOrId": action.enum_or_id,
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
        "targetParentField": action.parent,
        "targetSobjectType": sobject.name,
        "type": action.kind,
    }
    return answer(dict(sorted(body.items())))


_UNUSED = (
    "canvasApplicationId", "canvasApplicationName", "flowDevName", "flowRecordIdVar", "height", "iconName",
    "lightningComponentBundleId", "lightningComponentBundleName", "lightningComponentQualifiedName",
    "mobileExtensionDisplayMode", "mobileExtensionId", "targetRecordTypeId",
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
    place, context_object = _record(call, str(context) if context else None)
    start = action.values(sobject, place, context_object)
    fields = {name: value for name, value in start.items() if name.lower() not in known} | given
    change = Change("create", sobject.name, fields)
    if action.kind == "Update":
        if place is None:
            raise errors.MISSING_ARGUMENT_NAMED(name="contextId")
        change = Change("update", sobject.name, fields, id=place)
    (result,) = await call.write([change])
    made = action.kind != "Update"
    return answer(_performed(result, context, made=made), 400 if not result.success else 201 if made else 200)


def _performed(result: RowResult, context: Any, *, made: bool) -> dict[str, Any]:
    return {
        "contextId": context,
        "created": result.success and made,
        "errors": [error_item(error) for error in result.errors],
        "feedItemIds": None,
        "id": result.id if result.success else None,
        "success": result.success,
    }


def _context(call: Call) -> SObject | None:
    """Return the object whose actions the path names. Raises NOT_FOUND for one without any."""
    return linked(call, "quickActions") if "sobject" in call.args else None


def _actions(call: Call) -> Iterator[tuple[QuickAction, SObject]]:
    context = _context(call)
    return quick_actions(call.org.schema, call.schema, context.name if context is not None else None)


def _action(call: Call) -> tuple[QuickAction, SObject]:
    # An object's own action is also known by the object's name before its own.
    wanted = call.args["action"].lower().rpartition(".")[2]
    for action, sobject in _actions(call):
        if action.name.lower() == wanted:
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
    if not call.org.sees(call.session, sobject.name, whole):
        raise errors.NOT_FOUND()
    return whole, sobject.name


def _item(call: Call, action: QuickAction) -> dict[str, Any]:
    context = _context(call)
    home = () if context is None else ("sobjects", context.name)
    url = data_url(call, *home, "quickActions", action.name)
    return {
        "actionEnumOrId": action.enum_or_id,
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
