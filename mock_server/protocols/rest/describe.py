"""Describe: what objects and fields there are."""

from __future__ import annotations

from typing import Any

import orjson

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.schema import Schema
from mock_server.org.schema import describe as forms
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.replies import DATA, answer, routes

# The bundled schema does not change while the server runs; a fixed date keeps conditional requests simple.
_LAST_MODIFIED = "Thu, 01 Jan 2026 00:00:00 GMT"


def sobject_of(call: Call) -> SObject:
    """Return the object that the path names, in any case. Raises NOT_FOUND."""
    sobject = call.schema.get(call.args["sobject"])
    if sobject is None:
        raise errors.NOT_FOUND()
    return sobject


@routes(Operation("rest.describe.global", "GET", f"{DATA}/sobjects", "read", summary="Describe all objects"))
async def describe_global(call: Call) -> Reply:
    return _conditional(call, forms.global_describe(call.schema, call.args["version"]))


@routes(
    Operation(
        "rest.describe.summary", "GET", f"{DATA}/sobjects/{{sobject}}", "read", summary="Describe one object in short"
    )
)
async def summary(call: Call) -> Reply:
    sobject = sobject_of(call)
    # Records used through the API do not enter the recent list unless a client asks for it (Sforce-Mru).
    return answer({"objectDescribe": forms.summary(sobject, call.args["version"]), "recentItems": []})


@routes(
    Operation(
        "rest.describe.object", "GET", f"{DATA}/sobjects/{{sobject}}/describe", "read", summary="Describe one object"
    )
)
async def describe_object(call: Call) -> Reply:
    body = forms.describe(sobject_of(call), call.args["version"])
    if call.schema is not call.org.schema:
        body = {**body, "childRelationships": _seen_children(call.schema, body["childRelationships"])}
    return _conditional(call, body)


def _seen_children(schema: Schema, children: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the relationships to objects and by fields that the caller sees."""
    found = ((child, schema.get(child["childSObject"])) for child in children)
    return [child for child, sobject in found if sobject is not None and child["field"] in sobject.by_name]


def _conditional(call: Call, value: dict[str, Any]) -> Reply:
    """Answer with ETag and Last-Modified, or 304 when the client has this very body."""
    body = orjson.dumps(value)
    tags = {"ETag": forms.etag(body), "Last-Modified": _LAST_MODIFIED}
    known = call.headers.get("If-None-Match")
    same = tags["ETag"] in known if known else call.headers.get("If-Modified-Since") == _LAST_MODIFIED
    if same:
        return Reply(304, b"", None, tags)
    return Reply(200, body, headers=tags)
