"""Child records: those of a record's child relationships (User Interface API Developer Guide, "Get Child Records")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.schema.types import ChildRelationship, SObject
from mock_server.protocols.rest.describe import located
from mock_server.protocols.rest.replies import answer
from mock_server.protocols.rest.ui import reading
from mock_server.protocols.rest.ui.replies import (
    UI,
    is_supported,
    listed,
    page,
    routes,
    ui_url,
)
from mock_server.protocols.rest.ui.selection import Selection, qualified

_CHILDREN = 5


def children_of(
    call: Call, sobject: SObject, identifier: str, wanted: Sequence[Sequence[str]]
) -> dict[str, dict[str, Any]]:
    """Return a page of the children of a record by each relationship that is asked for: `Account.Contacts`."""
    size, start = page(call.query, _CHILDREN)
    out = {}
    for steps in wanted:
        if steps[0].lower() != sobject.name.lower() or len(steps) < 2:
            continue
        relation, child = relation_of(call, sobject, steps[1])
        selection = Selection(child)
        reading.add_layout(call, selection, [child.name_field.name] if child.name_field else [])
        for path in steps[2:]:
            selection.add(call.schema, [path])
        url = f"{ui_url(call)}/records/{identifier}/child-relationships/{relation.name}"
        out[relation.name or ""] = paged(call, selection, belonging(relation, identifier), size, start, url)
    return out


@routes(
    Operation(
        "rest.ui.record.children", "GET", f"{UI}/records/{{id}}/child-relationships/{{relation}}", "read", rows="many",
        since=41.0, query=("fields", "optionalFields", "pageSize", "pageToken", "sortBy"),
        summary="Read child records of a record",
    )
)  # fmt: skip
async def children(call: Call) -> Reply:
    sobject, identifier = parent_of(call, call.args["id"])
    relation, child = relation_of(call, sobject, call.args["relation"])
    size, start = page(call.query, _CHILDREN)
    fields, optional = qualified(listed(call, "fields")), qualified(listed(call, "optionalFields"))
    selection = reading.select(call, child, fields, optional)
    if not selection.fields and not selection.parents:
        reading.add_layout(call, selection, [child.name_field.name] if child.name_field else [])
    url = call.raw_path
    order = ordered(call, child, listed(call, "sortBy"))
    return answer(paged(call, selection, belonging(relation, identifier) + order, size, start, url))


def parent_of(call: Call, given: str) -> tuple[SObject, str]:
    sobject, identifier = located(call, given)
    if not is_supported(sobject) or not call.org.sees(call.session, sobject.name, identifier):
        raise errors.NOT_FOUND()
    return sobject, identifier


def relation_of(call: Call, sobject: SObject, name: str) -> tuple[ChildRelationship, SObject]:
    relation = sobject.child(name)
    child = call.schema.get(relation.child) if relation else None
    if relation is None or child is None or relation.field not in child.by_name or not child.is_("queryable"):
        raise errors.UI_UNSUPPORTED_LIST()
    return relation, child


def belonging(relation: ChildRelationship, identifier: str) -> str:
    return f"WHERE {relation.field} = '{identifier}'"


def paged(call: Call, selection: Selection, condition: str, size: int, start: int, url: str) -> dict[str, Any]:
    """Return a Record Collection: one page of the records of a condition, and where the others are."""
    rows = reading.query(call, selection, f"{condition} LIMIT {size + 1} OFFSET {start}")
    shown = rows[:size]
    following = start + size if len(rows) > size else None
    before = max(0, start - size) if start else None

    def at(token: int | None) -> str | None:
        return None if token is None else f"{url}?pageSize={size}&pageToken={token}"

    return {
        "count": len(shown),
        "currentPageToken": str(start),
        "currentPageUrl": at(start),
        "nextPageToken": None if following is None else str(following),
        "nextPageUrl": at(following),
        "previousPageToken": None if before is None else str(before),
        "previousPageUrl": at(before),
        "records": shown,
    }


def ordered(call: Call, sobject: SObject, names: Sequence[str]) -> str:
    """Return the ORDER BY of field names, which a dash makes descending. Raises ILLEGAL_QUERY_PARAMETER_VALUE."""
    terms = []
    for given in names:
        name = given.removeprefix("-")
        steps = name.split(".")
        if steps[0].lower() == sobject.name.lower() and len(steps) > 1:
            steps = steps[1:]
        if not Selection(sobject).add(call.schema, steps):
            raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"Cannot sort by {name[:120]}")
        terms.append(f"{'.'.join(steps)} {'DESC' if given.startswith('-') else 'ASC'}")
    return f" ORDER BY {', '.join([*terms, 'Id'])}"
