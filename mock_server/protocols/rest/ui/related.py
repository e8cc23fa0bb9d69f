"""Related lists (User Interface API Developer Guide, "Get Related List Records", "List Record Collection")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.schema.layouts import describe_layout
from mock_server.org.schema.types import ChildRelationship, SObject
from mock_server.protocols.rest.replies import answer, base_of
from mock_server.protocols.rest.ui import reading
from mock_server.protocols.rest.ui.children import belonging, ordered, paged, parent_of, relation_of
from mock_server.protocols.rest.ui.layouts import record_type
from mock_server.protocols.rest.ui.replies import UI, etag, listed, page, routes, supported
from mock_server.protocols.rest.ui.selection import qualified

_RELATED = 50
_MOST_COUNTED = 1999

_LIST = f"{UI}/related-list-records/{{id}}/{{relation}}"
_ASKED = ("fields", "optionalFields", "pageSize", "pageToken", "sortBy")


@routes(
    Operation(
        "rest.ui.related_list.records", "GET", _LIST, "read", rows="many", since=51.0, query=_ASKED,
        summary="Read the records of a related list",
    )
)  # fmt: skip
async def related(call: Call) -> Reply:
    given = {**call.query, "fields": listed(call, "fields"), "optionalFields": listed(call, "optionalFields")}
    return answer(_related(call, {**given, "sortBy": listed(call, "sortBy")}))


@routes(
    Operation(
        "rest.ui.related_list.records", "POST", _LIST, "read", rows="many", since=58.0,
        summary="Read the records of a related list",
    )
)  # fmt: skip
async def related_by_body(call: Call) -> Reply:
    body = call.json_object()
    for name in ("fields", "optionalFields", "sortBy"):
        value = body.get(name)
        if value is not None and not (isinstance(value, list) and all(isinstance(one, str) for one in value)):
            raise errors.POST_BODY_PARSE_ERROR(text=f"{name} must be a list of names")
    return answer(_related(call, {name: value for name, value in body.items() if value is not None}))


def _related(call: Call, given: Mapping[str, Any]) -> dict[str, Any]:
    sobject, identifier = parent_of(call, call.args["id"])
    relation, child = relation_of(call, sobject, call.args["relation"])
    size, start = page(given, _RELATED)
    fields, optional = list(given.get("fields") or ()), list(given.get("optionalFields") or ())
    selection = reading.select(call, child, qualified(fields), qualified(optional))
    sort = list(given.get("sortBy") or ())
    order = ordered(call, child, sort)
    collection = paged(call, selection, belonging(relation, identifier) + order, size, start, call.raw_path)
    reference = _reference(sobject, identifier, relation)
    more = {
        "fields": fields,
        "listInfoETag": etag(reference),
        "listReference": reference,
        "optionalFields": optional,
        "pageSize": size,
        "sortBy": sort,
    }
    return dict(sorted({**collection, **more}.items()))


def _reference(sobject: SObject, identifier: str, relation: ChildRelationship) -> dict[str, Any]:
    return {
        "id": None,
        "inContextOfRecordId": identifier,
        "listViewApiName": None,
        "objectApiName": None,
        "parentObjectApiName": sobject.name,
        "recordTypeId": None,
        "relatedListId": relation.name,
        "type": "relatedList",
    }


@routes(
    Operation(
        "rest.ui.related_list.count", "GET", f"{UI}/related-list-count/{{id}}/{{relation}}", "read", since=53.0,
        query=("maxCount",), summary="Count the records of a related list",
    )
)  # fmt: skip
async def count(call: Call) -> Reply:
    sobject, identifier = parent_of(call, call.args["id"])
    relation, child = relation_of(call, sobject, call.args["relation"])
    given = call.query.get("maxCount") or str(_MOST_COUNTED)
    if not (given.isascii() and given.isdigit() and len(given) < 5 and 1 <= int(given) <= _MOST_COUNTED):
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="maxSize", low=1, high=_MOST_COUNTED)
    soql = f"SELECT COUNT() FROM {child.name} {belonging(relation, identifier)}"  # noqa: S608  # an id
    total = call.org.query(call.session, soql, base=base_of(call)).total
    return answer(
        {
            "count": min(total, int(given)),
            "hasMore": total > int(given),
            "listReference": _reference(sobject, identifier, relation),
        }
    )


@routes(
    Operation(
        "rest.ui.related_list.list", "GET", f"{UI}/related-list-info/{{sobject}}", "read", since=51.0,
        query=("recordTypeId",), summary="List the related lists of an object's layout",
    )
)  # fmt: skip
async def related_lists(call: Call) -> Reply:
    sobject = supported(call, call.args["sobject"])
    identifier = record_type(sobject, call.query.get("recordTypeId"))
    found = [
        {
            "entityLabel": child.label,
            "fieldApiName": one["field"],
            "keyPrefix": child.key_prefix,
            "label": one["label"],
            "objectApiName": child.name,
            "relatedListId": one["name"],
        }
        for one in describe_layout(sobject, call.args["version"])["relatedLists"]
        if (child := call.schema.get(one["sobject"])) is not None
    ]
    return answer({"parentObjectApiName": sobject.name, "parentRecordTypeId": identifier, "relatedLists": found})
