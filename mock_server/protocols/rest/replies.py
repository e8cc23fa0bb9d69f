"""How REST writes answers and errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from mock_server.operations import Call, Peek, Reply, Routes
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change, RowResult, Verb
from mock_server.org.versions import FURTHEST, OLDEST
from mock_server.protocols.rest.formats import PLAIN, finish, form_of

RETIRED = range(7, OLDEST)


def answer(value: Any, status: int = 200) -> Reply:
    return Reply(status, orjson.dumps(value))


def empty(status: int = 204) -> Reply:
    """Return an answer without a body: it has no content type, but a security policy."""
    return Reply(status, b"", None, {"Content-Security-Policy": "upgrade-insecure-requests"})


def error_item(error: ApiError) -> dict[str, Any]:
    """Return an error as REST writes it; routing errors say errorCode first, all others message first."""
    if error.spec.shape == "routing":
        return {"errorCode": error.code, "message": error.message}
    if "duplicates" in error.extra:
        # Recorded: so it is spelled, and such an error has no `fields`.
        return {"duplicateResut": error.extra["duplicates"], "errorCode": error.code, "message": error.message}
    item: dict[str, Any] = {"message": error.message, "errorCode": error.code}
    if error.fields is not None:
        item["fields"] = list(error.fields)
    return item


def render(error: ApiError) -> Reply:
    if error.spec is errors.NOT_ACCEPTABLE:
        return empty(406)
    if error.spec is errors.LOGIN_OAUTH_INVALID_TOKEN:
        return _from_the_oauth_layer(error)
    return errors_answer([error])


def _from_the_oauth_layer(error: ApiError) -> Reply:
    """Return the answer to a body without a content type, recorded by django-salesforce."""
    text = (
        f"<response><faultcode>{error.code}(db=1703,api={error.code})</faultcode>"
        f"<error>{error.message}</error></response>"
    )
    return Reply(401, text.encode(), "text/html; charset=UTF-8", {"Sfdc-OAuth-Error": "1703"})


def errors_answer(failed: Sequence[ApiError]) -> Reply:
    """Return the array form; the first error's status is the answer's."""
    return answer([error_item(error) for error in failed], failed[0].status)


def remarks(result: RowResult) -> list[dict[str, Any]]:
    """Return the `errors` of a success: that a platform event waits to be published is told there."""
    if result.enqueued is None:
        return []
    return [{"statusCode": "OPERATION_ENQUEUED", "message": result.enqueued, "fields": []}]


def saved_item(result: RowResult) -> dict[str, Any]:
    """Return one row of a collections answer."""
    if result.success:
        return {"id": result.id, "success": True, "errors": remarks(result)}
    return {"success": False, "errors": [row_error(error) for error in result.errors]}


def row_error(error: ApiError) -> dict[str, Any]:
    """Return an error of one row among others; it says statusCode, and always names fields."""
    item = {"statusCode": error.code, "message": error.message, "fields": list(error.fields or ())}
    if "duplicates" in error.extra:
        item["duplicateResult"] = error.extra["duplicates"]
    return item


_VERSIONS: dict[str, int] = {f"v{number}.0": number for number in range(OLDEST, FURTHEST + 1)}


def version_of(segment: str) -> int:
    """Return the number in `v60.0`. Raises UNSUPPORTED_API_VERSION for a retired one, NOT_FOUND for what is none."""
    number = _VERSIONS.get(segment)
    if number is None:
        if segment in {f"v{retired}.0" for retired in RETIRED}:
            raise errors.UNSUPPORTED_API_VERSION(version=segment[1:])
        raise errors.NOT_FOUND()
    return number


def check_version(call: Call) -> None:
    """Refuse a version that is not served, or that does not have the operation yet, and users without the API.

    Raises ApiError.
    """
    if not call.operation.since <= version_of(call.args["version"]) <= call.org.latest:
        raise errors.NOT_FOUND()
    if call.headers.get("Accept") not in PLAIN and not call.operation.gives and form_of(call) is None:
        raise errors.NOT_ACCEPTABLE()
    if call.operation.auth and not call.org.may(call.session, "ApiEnabled"):
        raise errors.API_CURRENTLY_DISABLED()


_MOST_PEEKED = 10_000
"""Rows of a refused call that are noted: many more than a call may carry."""
_VERBS: dict[str, Verb] = {"create": "create", "update": "update", "upsert": "upsert", "delete": "delete"}


def peek(call: Call) -> list[Change]:
    """Return the rows that a refused call carried, as far as its path and body tell."""
    family, _, action = call.operation.name.rpartition(".")
    # A relationship leads to a record that nobody knows before it is read.
    verb = None if family == "rest.relationship" else _VERBS.get(action)
    sobject, key = call.args.get("sobject", ""), call.args.get("field")
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        body = {}
    if verb is None or not isinstance(body, dict):
        return []
    if call.operation.rows == "one":
        return [Change(verb, sobject, body, call.args.get("id"), key, call.args.get("value"))]
    records = body.get("records")
    out = []
    for record in records[:_MOST_PEEKED] if isinstance(records, list) else []:
        if isinstance(record, dict):
            values = {name: value for name, value in record.items() if name != "attributes"}
            attributes = record.get("attributes")
            kind = attributes.get("type") if isinstance(attributes, dict) else None
            identifier = values.get("id") or values.get("Id")
            change = Change(verb, str(kind or sobject), values, str(identifier) if identifier else None, key)
            if key is not None:
                name = next((one for one in values if one.lower() == key.lower()), None)
                change.key = values.pop(name) if name else None
            out.append(change)
    return out


routes = Routes(render, peek=peek, guard=check_version, finish=finish)


def peeked_routes(peek: Peek) -> Routes:
    """Return routes whose bodies tell their rows in a way of their own; they are among those of `routes`."""
    own = Routes(render, peek=peek, guard=check_version, finish=finish)
    own.routes = routes.routes
    return own


unversioned = Routes(render, finish=finish)
DATA = "/services/data/{version}"


def data_url(call: Call, *segments: str) -> str:
    """Return the path of a resource, in the version that was called: `/services/data/v60.0/theme`."""
    return "/".join((f"/services/data/{call.args['version']}", *segments))


def base_of(call: Call) -> str:
    """Return the start of record urls: `/services/data/v60.0/sobjects`."""
    return f"/services/data/{call.args['version']}/sobjects"


def words(listed: str) -> list[str]:
    """Return what stands between the commas of a parameter."""
    return [word for part in listed.split(",") if (word := part.strip())]


def fields_of(call: Call) -> list[str] | None:
    """Return the fields that a call asks for by its parameter `fields`, None for all."""
    return words(call.query.get("fields", "")) or None if call.raw_query else None
