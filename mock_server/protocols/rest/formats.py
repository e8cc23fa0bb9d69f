"""In which form an answer goes out: JSON, or the same values as XML.

A suffix of the path (`.json`, `.xml`) decides, else the Accept header with its q-values (RFC 9110, 12.5.1).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

import orjson

from mock_server.operations import JSON, Call, Reply
from mock_server.xmltext import CONTENT_TYPE, write

Form = Literal["json", "xml"]
PLAIN = frozenset({None, "", "*/*", "application/json"})
"""Accept headers of nearly all clients."""

_ROOTS = {
    "rest.versions": ("Versions", "Version"),
    "rest.resources": ("urls", ""),
    "rest.limits": ("LimitsSnapshot", ""),
    "rest.describe.global": ("DescribeGlobal", ""),
    "rest.query.run": ("QueryResult", ""),
    "rest.query.all": ("QueryResult", ""),
    "rest.query.more": ("QueryResult", ""),
    "rest.search.run": ("SearchResults", "searchRecords"),
    "rest.search.parameterized": ("SearchResults", "searchRecords"),
    "rest.composite.tree": ("SObjectTreeResponse", ""),
    "rest.composite.batch": ("batchResults", ""),
    "rest.sobject.create": ("Result", ""),
    "rest.sobject.upsert": ("Result", "url"),
}
"""The root element of an operation's answer, and the element of each item where the answer is a list."""
_BATCH = "rest.composite.batch"


def form_of(call: Call) -> Form | None:
    """Return the form that a call wants, None where it accepts neither."""
    if call.suffix:
        return "xml" if call.suffix == "xml" else "json"
    accept = call.headers.get("Accept")
    return "json" if accept in PLAIN else _negotiated(str(accept)[:1000])


@lru_cache(256)
def _negotiated(accept: str) -> Form | None:
    ranked = sorted((_quality(accept, form), form == "json", form) for form in ("json", "xml"))
    quality, _, form = ranked[-1]
    return ("json" if form == "json" else "xml") if quality > 0 else None


def _quality(accept: str, form: str) -> float:
    """Return how much a form is wanted; the most specific range that names it decides."""
    best = (0, 0.0)
    names = {f"application/{form}": 3, f"text/{form}": 3, "application/*": 2, "text/*": 1, "*/*": 1}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if kind == "text/*" and form == "json":
            continue
        rank = names.get(kind, 0)
        if rank > best[0]:
            best = (rank, _weight(parameters))
    return best[1]


def _weight(parameters: list[str]) -> float:
    for one in parameters:
        name, _, value = one.partition("=")
        if name.strip() == "q":
            try:
                return min(max(float(value), 0.0), 1.0)
            except ValueError:
                return 0.0
    return 1.0


def finish(call: Call, reply: Reply) -> Reply:
    """Write a JSON answer as XML where the call wants that."""
    if not call.suffix and call.headers.get("Accept") in PLAIN:
        return reply
    if reply.content_type != JSON or not reply.body or form_of(call) != "xml":
        return reply
    try:
        value = orjson.loads(reply.body)
    except orjson.JSONDecodeError:
        return reply  # a fault gave the text
    root, each = _root(call, value)
    if call.operation.name == _BATCH and "results" in value:
        value = {**value, "results": _named_results(call, value["results"])}
    pretty = call.headers.get("X-PrettyPrint") in ("1", "true")
    return Reply(reply.status, write(root, each, value, pretty=pretty), CONTENT_TYPE, reply.headers)


def _named_results(call: Call, results: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a batch's results in elements of their own, each below the root that it would have by itself."""
    return {"batchResult": [{**one, "result": _named_result(call, one["result"])} for one in results]}


def _named_result(call: Call, value: Any) -> Any:
    if not isinstance(value, dict | list):
        return "" if value is None else value
    root, each = _root_of(call, value)
    return {root: {each: value} if isinstance(value, list) else value}


def _root(call: Call, value: Any) -> tuple[str, str]:
    if isinstance(value, list) and value and isinstance(value[0], dict) and "errorCode" in value[0]:
        return "Errors", "Error"
    return _ROOTS.get(call.operation.name) or _root_of(call, value)


def _root_of(call: Call, value: Any) -> tuple[str, str]:
    """Return the root element that a value has by what it is."""
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict) and "errorCode" in first:
        return "Errors", "Error"
    if isinstance(value, list):
        return "Results", "Result"
    if "totalSize" in value and "records" in value:
        return "QueryResult", ""
    attributes = value.get("attributes")
    if isinstance(attributes, dict) and isinstance(attributes.get("type"), str):
        return attributes["type"], ""
    sobject = call.schema.get(call.args["sobject"]) if "sobject" in call.args else None
    return (sobject.name if sobject is not None else "Result"), ""
