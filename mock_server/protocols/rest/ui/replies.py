"""How the User Interface API writes answers and errors: an array of code and message, or an Error with Output.

Source: User Interface API Developer Guide, "Error Message", "Error with Output", "Record Exceptions".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import md5
from typing import Any

import orjson

from mock_server.operations import Call, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.replies import DATA, answer, check_version, data_url, words

UI = f"{DATA}/ui-api"
SINCE = 41.0
"""The version that brought the API."""
_LOST = "An error occurred while trying to update the record. Please try again."
# Recorded by clients: this text comes for new records, too.


def render(error: ApiError) -> Reply:
    return answer([error_item(error)], error.status)


def error_item(error: ApiError) -> dict[str, Any]:
    return {"errorCode": error.code, "message": error.message}


def tagged(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a body with the `eTag` of its content, keys in alphabetical order."""
    return dict(sorted({**body, "eTag": etag(body)}.items()))


def etag(body: Any) -> str:
    """Return the 32 hex digits that stand for a content."""
    return md5(orjson.dumps(body), usedforsecurity=False).hexdigest()


def record_errors(sobject: SObject, failed: Sequence[ApiError]) -> Reply:
    """Answer a save that was refused: errors of the record, and errors by field."""
    general: list[dict[str, Any]] = []
    by_field: dict[str, list[dict[str, Any]]] = {}
    for error in failed:
        for name in error.fields or (None,):
            item, key = _exception(sobject, error, name)
            (general if key is None else by_field.setdefault(key, [])).append(item)
    body = {
        "enhancedErrorType": "RecordError",
        "message": _LOST,
        "output": {"errors": general, "fieldErrors": by_field},
    }
    return answer(body, 400)


def _exception(sobject: SObject, error: ApiError, name: str | None) -> tuple[dict[str, Any], str | None]:
    """Return a Record Exception Error and the field that it stands under: of a part, the compound one."""
    field = sobject.field(name) if name else None
    whole = sobject.field(field.compound) if field is not None and field.compound else None
    shown = field if whole is None or whole is field else whole
    item = {
        "constituentField": field.name if field is not None and shown is not field else None,
        "duplicateRecordError": _duplicates(error),
        "errorCode": error.code,
        "field": shown.name if shown is not None else None,
        "fieldLabel": shown.label if shown is not None else None,
        "message": error.message,
    }
    return item, shown.name if shown is not None else None


def _duplicates(error: ApiError) -> dict[str, Any] | None:
    found = error.extra.get("duplicates")
    if not isinstance(found, dict):
        return None
    return {"matchResults": found.get("matchResults", [])}


def batched(names: Iterable[str], one: Callable[[str], dict[str, Any]]) -> Reply:
    """Answer with Batch Results: what came of each of some names, an error of one leaving the others alone."""
    results: list[dict[str, Any]] = []
    failed = False
    for name in names:
        try:
            results.append({"result": one(name), "statusCode": 200})
        except ApiError as error:
            failed = True
            results.append({"result": [error_item(error)], "statusCode": error.status})
    return answer({"hasErrors": failed, "results": results})


def ui_url(call: Call) -> str:
    """Return the start of this API's urls: `/services/data/v60.0/ui-api`."""
    return data_url(call, "ui-api")


# -- parameters


def listed(call: Call, name: str) -> list[str]:
    """Return the values of a parameter that takes a list: commas in between, or the parameter once more."""
    return [item for value in call.repeated(name) for item in words(value)]


def chosen(call: Call, name: str, kind: str, allowed: Sequence[str], default: str) -> str:
    """Return a parameter that takes one of some words. Raises ILLEGAL_QUERY_PARAMETER_VALUE."""
    return one_of(call.query.get(name) or default, kind, allowed)


def one_of(value: str, kind: str, allowed: Sequence[str]) -> str:
    found = next((word for word in allowed if word.lower() == value.lower()), None)
    if found is None:
        text = f"Value: {value} could not be parsed into a valid enum value of type: {kind}"
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=text)
    return found


MOST_ROWS = 2000


def page(given: Mapping[str, Any], default: int) -> tuple[int, int]:
    """Return the size of a page and where it begins. Raises NUMBER_OUTSIDE_VALID_RANGE and the like."""
    size = whole(given.get("pageSize"), default)
    if not 1 <= size <= MOST_ROWS:
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="pageSize", low=1, high=MOST_ROWS)
    start = whole(given.get("pageToken"), 0)
    if not 0 <= start <= MOST_ROWS:
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="pageToken", low=0, high=MOST_ROWS)
    return size, start


def whole(value: Any, default: int) -> int:
    if value is None or value == "":
        return default
    if not re.fullmatch(r"-?[0-9]{1,9}", str(value)):
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f'For input string: "{str(value)[:80]}"')
    return int(value)


# -- objects


def supported(call: Call, name: str) -> SObject:
    """Return an object that the user sees and the API supports. Raises INSUFFICIENT_ACCESS, INVALID_TYPE."""
    found = call.schema.get(name)
    if found is None:
        raise errors.NO_ACCESS_TO_OBJECT()
    if not is_supported(found):
        raise errors.UI_UNSUPPORTED_OBJECT(name=found.name)
    return found


_ALSO = frozenset({"Group", "RecordType", "User", "UserRole", "Profile", "Organization", "ContentDocument", "Note"})


def is_supported(sobject: SObject) -> bool:
    """Tell whether the API serves an object: those with layouts, and a few that they refer to."""
    return sobject.is_("queryable") and (sobject.is_("layoutable") or sobject.name in _ALSO)


def _peek(call: Call) -> list[Change]:
    """Return the row that a refused save carried, as far as its body tells."""
    verb = call.operation.name.rpartition(".")[2]
    try:
        body = orjson.loads(call.body) if call.body else {}
    except orjson.JSONDecodeError:
        body = {}
    if verb not in ("create", "update", "delete") or not isinstance(body, dict):
        return []
    fields = body.get("fields")
    sobject = body.get("apiName")
    if sobject is None:
        known = call.org.schema.by_prefix(call.args.get("id", "")[:3])
        sobject = known.name if known else ""
    values = fields if isinstance(fields, dict) else {}
    return [Change(verb, str(sobject), values, call.args.get("id"))]  # type: ignore[arg-type]  # one of three verbs


routes = Routes(render, peek=_peek, guard=check_version)
