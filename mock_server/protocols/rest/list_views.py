"""List views: a fresh org's views of an object, all of its records and one's own (D: resources `listviews`)."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.reflection.list_views import ListView, has_views, views
from mock_server.org.schema.compact_layouts import primary_compact_layout
from mock_server.org.schema.types import Field, SObject
from mock_server.protocols.rest.describe import OBJECT, sobject_of
from mock_server.protocols.rest.replies import answer, base_of, routes

VIEWS = f"{OBJECT}/listviews"
_MOST_RESULTS = 2000
_RESULTS = 25
_NOT_LISTED = frozenset({"address", "location", "base64", "complexvalue"})


@routes(Operation("rest.listviews.list", "GET", VIEWS, "read", since=32.0, summary="List an object's list views"))
async def listviews(call: Call) -> Reply:
    return _listing(call, views(_listed(call)))


@routes(
    Operation(
        "rest.listviews.recent", "GET", f"{VIEWS}/recent", "read", since=32.0,
        summary="List the list views that a user looked at lately",
    )
)  # fmt: skip
async def recent(call: Call) -> Reply:
    # People look at list views in a browser; no call of an API counts as that, so `LastViewedDate` of all is null.
    _listed(call)
    return _listing(call, [])


def _listing(call: Call, shown: list[ListView]) -> Reply:
    sobject = _listed(call)
    found = [_item(call, sobject, view) for view in shown]
    return answer(
        {"done": True, "listviews": found, "nextRecordsUrl": None, "size": len(found), "sobjectType": sobject.name}
    )


@routes(Operation("rest.listviews.read", "GET", f"{VIEWS}/{{view}}", "read", since=32.0, summary="Read a list view"))
async def read(call: Call) -> Reply:
    sobject = _listed(call)
    return answer(_item(call, sobject, view_of(call, sobject)))


@routes(
    Operation(
        "rest.listviews.describe", "GET", f"{VIEWS}/{{view}}/describe", "read", since=32.0,
        summary="Describe a list view: its columns and its query",
    )
)  # fmt: skip
async def describe(call: Call) -> Reply:
    sobject = _listed(call)
    view = view_of(call, sobject)
    return answer(
        {
            "columns": [_column(field) for field in columns(sobject)],
            "id": view.id,
            "orderBy": [{"fieldNameOrPath": "Id", "nullsPosition": "first", "sortDirection": "ascending"}],
            "query": soql_of(sobject, view),
            "scope": view.scope,
            "sobjectType": sobject.name,
            "whereCondition": {"conditions": [], "conjunction": "and"},
        }
    )


@routes(
    Operation(
        "rest.listviews.results", "GET", f"{VIEWS}/{{view}}/results", "read", rows="many", since=32.0,
        summary="Read the records of a list view", query=("limit", "offset")
    )
)  # fmt: skip
async def results(call: Call) -> Reply:
    sobject = _listed(call)
    view = view_of(call, sobject)
    most, skipped = _number(call, "limit", _RESULTS), _number(call, "offset", 0)
    soql = f"{soql_of(sobject, view)} LIMIT {most} OFFSET {skipped}"
    page = call.org.query(call.session, soql, base=base_of(call))
    names = [field.name for field in columns(sobject)]
    records = [
        {"columns": [{"fieldNameOrPath": name, "value": _shown(record[name])} for name in names]}
        for record in page.records
    ]
    return answer(
        {
            "columns": [_column(field) for field in columns(sobject)],
            "developerName": view.name,
            "done": len(records) < most,
            "id": view.id,
            "label": view.label,
            "records": records,
            "size": len(records),
        }
    )


def _listed(call: Call) -> SObject:
    sobject = sobject_of(call)
    if not has_views(sobject):
        raise errors.NOT_FOUND()
    return sobject


def view_of(call: Call, sobject: SObject) -> ListView:
    """Return the view that the path names by id or developer name. Raises NOT_FOUND."""
    wanted = call.args["view"]
    for view in views(sobject):
        if view.id == to_18(wanted) or view.name.lower() == wanted.lower():
            return view
    raise errors.NOT_FOUND()


def _item(call: Call, sobject: SObject, view: ListView) -> dict[str, Any]:
    url = f"{base_of(call)}/{sobject.name}/listviews/{view.id}"
    return {
        "describeUrl": f"{url}/describe",
        "developerName": view.name,
        "id": view.id,
        "label": view.label,
        "resultsUrl": f"{url}/results",
        "soqlCompatible": True,
        "url": url,
    }


def columns(sobject: SObject) -> list[Field]:
    """Return the columns: what the compact layout shows, then the system's own fields."""
    shown = [item["layoutComponents"][0]["value"] for item in primary_compact_layout(sobject)["fieldItems"]]
    names = dict.fromkeys([*shown, "Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"])
    found = [field for name in names if (field := sobject.by_name.get(name)) is not None]
    return [field for field in found if field.type not in _NOT_LISTED]


def soql_of(sobject: SObject, view: ListView) -> str:
    names = ", ".join(field.name for field in columns(sobject))
    scope = f" USING SCOPE {view.scope}" if view.scope else ""
    return f"SELECT {names} FROM {sobject.name}{scope} ORDER BY Id ASC NULLS FIRST"  # noqa: S608  # names come from the schema


def _column(field: Field) -> dict[str, Any]:
    return {
        "ascendingLabel": "Z-A" if field.sortable else None,
        "descendingLabel": "A-Z" if field.sortable else None,
        "fieldNameOrPath": field.name,
        "hidden": field.name in ("Id", "CreatedDate", "LastModifiedDate", "SystemModstamp"),
        "label": field.label,
        "searchable": field.filterable,
        "selectListItem": field.name,
        "sortDirection": "ascending" if field.name == "Id" else None,
        "sortIndex": 0 if field.name == "Id" else None,
        "sortable": field.sortable,
        "type": field.type,
    }


def _shown(value: Any) -> str | None:
    """Return a value as list views show it: all of them as text (D)."""
    return None if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _number(call: Call, name: str, default: int) -> int:
    given = call.query.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit() and len(given) <= 4 and int(given) <= _MOST_RESULTS):
        raise errors.INVALID_INPUT(text=f"{name} must be a number from 0 to {_MOST_RESULTS}")
    return int(given)
