"""List views: which an object has, what they show, and their records.

Source: User Interface API Developer Guide, "Get List Views for an Object", "Get List View Metadata and Records";
recorded answers of list-ui.
"""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.reflection.list_views import ListView, find, views
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.list_views import columns, view_of
from mock_server.protocols.rest.replies import answer
from mock_server.protocols.rest.ui import reading
from mock_server.protocols.rest.ui.children import ordered, paged
from mock_server.protocols.rest.ui.replies import SINCE, UI, listed, page, routes, supported, tagged, ui_url
from mock_server.protocols.rest.ui.selection import qualified

_LISTS = 20
_RECORDS = 50
_ASKED = ("fields", "optionalFields", "pageSize", "pageToken", "sortBy")


@routes(
    Operation(
        "rest.ui.list.views", "GET", f"{UI}/list-ui/{{sobject}}", "read", since=SINCE,
        query=("pageSize", "pageToken", "q", "recentListsOnly"), summary="List an object's list views",
    )
)  # fmt: skip
async def list_views(call: Call) -> Reply:
    given = call.args["sobject"]
    if call.schema.get(given) is None and len(given) in (15, 18) and given.startswith("00B"):
        sobject, view = _by_id(call, given)
        return answer(_list_ui(call, sobject, view))
    sobject = _listed(call)
    size, start = page(call.query, _LISTS)
    wanted = call.query.get("q") or None
    found = [view for view in views(sobject) if wanted is None or wanted.lower() in view.label.lower()]
    if call.query.get("recentListsOnly", "").lower() == "true":
        found = []  # Nobody looks at lists here.
    shown = found[start : start + size]

    def at(token: int | None) -> str | None:
        url = f"{ui_url(call)}/list-ui/{sobject.name}?pageSize={size}"
        return None if token is None else f"{url}&pageToken={token}"

    following = start + size if start + size < len(found) else None
    before = max(0, start - size) if start else None
    lists = [
        {
            "apiName": view.name,
            "id": view.id,
            "label": view.label,
            "listUiUrl": f"{ui_url(call)}/list-ui/{sobject.name}/{view.name}",
        }
        for view in shown
    ]
    body = {
        "count": len(shown),
        "currentPageToken": str(start),
        "currentPageUrl": at(start),
        "lists": lists,
        "nextPageToken": None if following is None else str(following),
        "nextPageUrl": at(following),
        "objectApiName": sobject.name,
        "pageSize": size,
        "previousPageToken": None if before is None else str(before),
        "previousPageUrl": at(before),
        "queryString": wanted,
        "recentListsOnly": call.query.get("recentListsOnly", "").lower() == "true",
    }
    return answer(tagged(body))


@routes(
    Operation(
        "rest.ui.list.read", "GET", f"{UI}/list-ui/{{sobject}}/{{view}}", "read", rows="many", since=SINCE,
        query=_ASKED, summary="Read what a list view shows, and its records",
    )
)  # fmt: skip
async def list_ui(call: Call) -> Reply:
    sobject = _listed(call)
    return answer(_list_ui(call, sobject, view_of(call, sobject)))


def _list_ui(call: Call, sobject: SObject, view: ListView) -> dict[str, Any]:
    return tagged({"info": _info(sobject, view), "records": _records(call, sobject, view)})


@routes(
    Operation(
        "rest.ui.list.info", "GET", f"{UI}/list-info/{{sobject}}/{{view}}", "read", since=SINCE,
        summary="Read what a list view shows",
    ),
    Operation("rest.ui.list.info", "GET", f"{UI}/list-info/{{sobject}}", "read", since=SINCE),
)  # fmt: skip
async def info(call: Call) -> Reply:
    sobject, view = _named(call)
    return answer(_info(sobject, view))


@routes(
    Operation(
        "rest.ui.list.records", "GET", f"{UI}/list-records/{{sobject}}/{{view}}", "read", rows="many", since=SINCE,
        query=_ASKED, summary="Read the records of a list view",
    ),
    Operation("rest.ui.list.records", "GET", f"{UI}/list-records/{{sobject}}", "read", rows="many", since=SINCE),
)  # fmt: skip
async def records(call: Call) -> Reply:
    sobject, view = _named(call)
    return answer(_records(call, sobject, view))


def _listed(call: Call) -> SObject:
    sobject = supported(call, call.args["sobject"])
    if not sobject.is_("layoutable"):
        raise errors.UI_UNSUPPORTED_OBJECT(name=sobject.name)
    return sobject


def _named(call: Call) -> tuple[SObject, ListView]:
    """Return the list view that the path names: by object and name, or by its id alone. Raises NOT_FOUND."""
    if "view" in call.args:
        sobject = _listed(call)
        return sobject, view_of(call, sobject)
    return _by_id(call, call.args["sobject"])


def _by_id(call: Call, identifier: str) -> tuple[SObject, ListView]:
    found = find(call.schema, identifier)
    if found is None or not found[0].is_("layoutable"):
        raise errors.NOT_FOUND()
    return found


def _reference(sobject: SObject, view: ListView) -> dict[str, Any]:
    return {"id": view.id, "listViewApiName": view.name, "objectApiName": sobject.name, "type": "listView"}


def _info(sobject: SObject, view: ListView) -> dict[str, Any]:
    shown = [field for field in columns(sobject) if field.name not in _HIDDEN]
    first = next((field for field in shown if field.name_field), shown[0] if shown else None)
    order = [] if first is None else [{"fieldApiName": first.name, "isAscending": True, "label": first.label}]
    widths = {field.name: -1 for field in shown}
    body = {
        "cloneable": True,
        "createable": True,
        "deletable": False,
        "displayColumns": [
            {
                "fieldApiName": field.name,
                "label": field.label,
                "lookupId": "Id" if field.name_field else None,
                "sortable": field.sortable,
            }
            for field in shown
        ],
        "filterLogicString": None,
        "filteredByInfo": [],
        "label": view.label,
        "listReference": _reference(sobject, view),
        "orderedByInfo": order,
        "updateable": False,
        "userPreferences": {"columnWidths": widths, "columnWrap": dict.fromkeys(widths, False)},
        "visibility": "Public",
        "visibilityEditable": False,
    }
    return tagged(body)


_HIDDEN = frozenset({"Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"})


def _records(call: Call, sobject: SObject, view: ListView) -> dict[str, Any]:
    described = _info(sobject, view)
    size, start = page(call.query, _RECORDS)
    fields, optional, sort = (listed(call, name) for name in ("fields", "optionalFields", "sortBy"))
    selection = reading.select(call, sobject, qualified(fields), qualified(optional))
    reading.add_layout(call, selection, [field.name for field in columns(sobject)])
    order = ordered(call, sobject, sort or [one["fieldApiName"] for one in described["orderedByInfo"]])
    scope = f"USING SCOPE {view.scope}" if view.scope else ""
    collection = paged(call, selection, scope + order, size, start, call.raw_path)
    more = {
        "fields": fields,
        "listInfoETag": described["eTag"],
        "listReference": described["listReference"],
        "optionalFields": optional,
        "pageSize": size,
        "sortBy": sort or None,
    }
    return tagged({**collection, **more})
