"""What a lookup field suggests to who fills it in (User Interface API Developer Guide, "Lookups"; recordings)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.query.grammar import parse
from mock_server.org.query.search import name_field, plain_search
from mock_server.org.query.sosl import Target
from mock_server.org.schema.types import Field, SObject
from mock_server.protocols.rest.replies import answer, base_of
from mock_server.protocols.rest.search import compact_columns
from mock_server.protocols.rest.ui.reading import record
from mock_server.protocols.rest.ui.replies import MOST_ROWS, UI, chosen, routes, supported, ui_url, whole
from mock_server.protocols.rest.ui.selection import Selection

_LOOKUPS = f"{UI}/lookups/{{sobject}}/{{field}}"
_ASKED = ("q", "searchType", "page", "pageSize", "dependentFieldBindings")
_KINDS = ("Recent", "Search", "TypeAhead")
_SHORTEST = 2
_PAGE = 25


@routes(
    Operation(
        "rest.ui.lookup.all", "GET", _LOOKUPS, "read", rows="many", since=41.0, query=_ASKED,
        summary="Suggest records for a lookup field",
    )
)  # fmt: skip
async def suggest(call: Call) -> Reply:
    found = {one.name: await _suggested(call, one) for one in _targets(call, _reference(call))}
    return answer({"lookupResults": found})


@routes(
    Operation(
        "rest.ui.lookup.one", "GET", f"{_LOOKUPS}/{{target}}", "read", rows="many", since=41.0, query=_ASKED,
        summary="Suggest records of one object for a lookup field",
    )
)  # fmt: skip
async def suggest_of(call: Call) -> Reply:
    wanted = call.args["target"].lower()
    target = next((one for one in _targets(call, _reference(call)) if one.name.lower() == wanted), None)
    if target is None:
        raise errors.NOT_FOUND()
    return answer(await _suggested(call, target))


def _reference(call: Call) -> Field:
    """Return the lookup field, which may go by the name of its relationship."""
    sobject = supported(call, call.args["sobject"])
    found = sobject.field(call.args["field"]) or sobject.parent(call.args["field"])
    if found is None or not found.reference_to:
        raise errors.NOT_FOUND()
    return found


def _targets(call: Call, reference: Field) -> list[SObject]:
    seen = (call.schema.get(name) for name in reference.reference_to)
    return [one for one in seen if one is not None and one.is_("queryable")]


async def _suggested(call: Call, target: SObject) -> dict[str, Any]:
    """Return a page of records: recently seen ones, or those that a text finds, in their names or anywhere."""
    kind = chosen(call, "searchType", "LookupSearchType", _KINDS, "Recent")
    size, number = whole(call.query.get("pageSize"), _PAGE), whole(call.query.get("page"), 1)
    if not 1 <= size <= MOST_ROWS:
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="pageSize", low=1, high=MOST_ROWS)
    if not 1 <= number <= MOST_ROWS:
        raise errors.UI_NUMBER_OUTSIDE_VALID_RANGE(name="page", low=1, high=MOST_ROWS)
    text = " ".join(call.query.get("q", "").replace("*", "").replace("?", "").split())
    if kind != "Recent" and len(text) < _SHORTEST:
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"q needs at least {_SHORTEST} characters")
    named = name_field(target) or "Id"
    second = next((target.by_name[name] for name in compact_columns(target, named)), None)
    shown = list(dict.fromkeys(("Id", named, *([second.name] if second else []))))
    rows = await _rows(call, target, kind, text, shown, named)
    start = (number - 1) * size
    page = rows[start : start + size]
    return {
        "count": len(page),
        "currentPageToken": str(number),
        "currentPageUrl": _url(call, target, kind, text, number, size),
        "nextPageToken": str(number + 1) if start + size < len(rows) else None,
        "nextPageUrl": _url(call, target, kind, text, number + 1, size) if start + size < len(rows) else None,
        "previousPageToken": str(number - 1) if number > 1 else None,
        "previousPageUrl": _url(call, target, kind, text, number - 1, size) if number > 1 else None,
        "records": [_record(call, target, row, named, second) for row in page],
    }


async def _rows(
    call: Call, target: SObject, kind: str, text: str, shown: list[str], named: str
) -> list[dict[str, Any]]:
    chosen_fields = f"SELECT {', '.join(shown)} FROM {target.name}"  # noqa: S608  # names come from the schema
    if kind == "Recent":
        if "LastViewedDate" not in target.by_name:
            return []
        narrowed = f" AND {named} LIKE '%{_literal(text)}%'" if text else ""
        soql = f"{chosen_fields} WHERE LastViewedDate != NULL{narrowed} ORDER BY LastViewedDate DESC LIMIT {MOST_ROWS}"
        return call.org.query(call.session, soql, base=base_of(call), size=MOST_ROWS).records
    search = plain_search(
        f"{text}*", group="NAME" if kind == "TypeAhead" else "ALL", targets=(Target(parse(chosen_fields)),)
    )
    return (await call.org.search_aside(call.session, search, base=base_of(call))).records


def _literal(text: str) -> str:
    for mark in ("\\", "'", "%", "_"):
        text = text.replace(mark, f"\\{mark}")
    return text


def _record(call: Call, target: SObject, row: dict[str, Any], named: str, second: Field | None) -> dict[str, Any]:
    """Return a record with its id, its name and, as its DisambiguationField, what tells it from others."""
    selection = Selection(target, {name: target.by_name[name] for name in ("Id", named)})
    body = record(call, selection, row)
    other = {"displayValue": None, "value": None if second is None else row.get(second.name)}
    body["fields"] = dict(sorted({**body["fields"], "DisambiguationField": other}.items()))
    return body


def _url(call: Call, target: SObject, kind: str, text: str, number: int, size: int) -> str:
    asked = {**({"q": text} if text else {}), "searchType": kind, "page": number, "pageSize": size}
    return f"{ui_url(call)}/lookups/{call.args['sobject']}/{call.args['field']}/{target.name}?{urlencode(asked)}"
