"""Searches: SOSL, searches by parameters, suggestions, and what a search page needs to know."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from zlib import crc32

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.query import sosl
from mock_server.org.query.fulltext import GROUPS
from mock_server.org.query.grammar import LONGEST
from mock_server.org.query.grammar import parse as parse_query
from mock_server.org.query.search import Found, is_searched, name_field, plain_search
from mock_server.org.query.sosl import MOST_ROWS, Target
from mock_server.org.query.syntax import Query
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.replies import DATA, answer, base_of, routes, version_of, words

_OBJECT_SINCE = 37
"""The version whose answers are objects; older ones are bare arrays."""
_COLUMNS = ("Phone", "Email", "Company", "Industry", "StageName", "Status", "Subject", "CloseDate")
"""Fields that search results show beside a record's name, where an object has them."""


@routes(
    Operation(
        "rest.search.run", "GET", f"{DATA}/search", "read", rows="many", summary="Run a SOSL search", query=("q",)
    )
)
async def run(call: Call) -> Reply:
    text = call.query.get("q", "")
    call.entry.query = text[:1000]
    return _answer(call, await call.org.search_aside(call.session, text, base=base_of(call)))


def _answer(call: Call, found: Found) -> Reply:
    if version_of(call.args["version"]) < _OBJECT_SINCE:
        return answer(found.records)
    body: dict[str, Any] = {"searchRecords": found.records}
    if found.labels is not None:
        # The key is spelt so in the API (REST API Developer Guide, "Search for a String").
        body["metadata"] = {"entityetadata": found.labels}
    reply = answer(body)
    reply.headers["queryId"] = f"k{crc32(repr((call.raw_query, call.body)).encode()):011x}"
    return reply


# -- by parameters

_PARAMETERIZED = f"{DATA}/parameterizedSearch"
_MOST_TARGETS = 200


@routes(
    Operation(
        "rest.search.parameterized", "GET", _PARAMETERIZED, "read", rows="many", since=36.0,
        summary="Search by parameters",
        query=("q", "sobject", "fields", "where", "orderBy", "limit", "in", "defaultLimit", "offset", "overallLimit",
            "metadata")
    )
)  # fmt: skip
async def by_parameters(call: Call) -> Reply:
    """Read `sobject=Account&Account.fields=Id,Name&Account.limit=5`; what an object does not say, all say."""
    values = call.query
    sobjects = [name for value in call.repeated("sobject") for name in words(value)]

    def own(name: str) -> dict[str, str]:
        return {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{name}.")}

    return await _parameterized(call, values, ((name, own(name)) for name in sobjects))


@routes(
    Operation(
        "rest.search.parameterized", "POST", _PARAMETERIZED, "read", rows="many", since=36.0,
        summary="Search by parameters",
    )
)  # fmt: skip
async def by_body(call: Call) -> Reply:
    body = call.json_object()
    listed = body.get("sobjects") or []
    if not isinstance(listed, list) or not all(
        isinstance(one, dict) and isinstance(one.get("name"), str) for one in listed
    ):
        raise errors.INVALID_INPUT(text="sobjects takes a list of objects, each with a name")
    return await _parameterized(call, body, ((one["name"], one) for one in listed))


async def _parameterized(
    call: Call, values: Mapping[str, Any], wanted: Iterable[tuple[str, Mapping[str, Any]]]
) -> Reply:
    targets = _targets(wanted, values)
    text = values.get("q")
    if not isinstance(text, str) or not text.strip():
        raise errors.MALFORMED_SEARCH(text="No search term found. The search term must be enclosed in braces.")
    call.entry.query = text[:1000]
    if _number(values, "offset") is not None and len(targets) != 1:
        raise errors.INVALID_INPUT(text="offset takes exactly one sobject")
    group = str(values.get("in") or "ALL").upper()
    if group not in GROUPS:
        raise errors.MALFORMED_SEARCH(text=f"Malformed search token: {values['in']}")
    labels = str(values.get("metadata") or "").upper() == "LABELS"
    most = _number(values, "overallLimit")
    search = plain_search(text, group=group, targets=targets, limit=most, metadata=labels)
    return _answer(call, await call.org.search_aside(call.session, search, base=base_of(call)))


def _targets(wanted: Iterable[tuple[str, Mapping[str, Any]]], common: Mapping[str, Any]) -> tuple[Target, ...]:
    """Return the parts of a search, each parsed as a query: its clauses are SOQL. Together they are one statement."""
    texts: list[str] = []
    left = LONGEST
    for name, own in wanted:
        texts.append(_soql(name, own, common))
        left -= len(texts[-1])
        if left < 0 or len(texts) > _MOST_TARGETS:
            raise errors.QUERY_TOO_COMPLICATED()
    return tuple(_parsed(text) for text in texts)


def _parsed(text: str) -> Target:
    with sosl.malformed(text):
        query: Query = parse_query(text)
    return Target(query)


def _soql(name: str, own: Mapping[str, Any], common: Mapping[str, Any]) -> str:
    fields = own.get("fields") or common.get("fields") or "Id"
    items = ", ".join(map(str, fields)) if isinstance(fields, list) else str(fields)
    text = f"SELECT {items} FROM {name}"  # noqa: S608  # SOQL, which is bound like any client's
    for key, word in (("where", "WHERE"), ("orderBy", "ORDER BY")):
        if own.get(key):
            text += f" {word} {own[key]}"
    limit = _number(own, "limit")
    limit = _number(common, "defaultLimit") if limit is None else limit
    if limit is not None:
        text += f" LIMIT {min(limit, MOST_ROWS)}"
    offset = _number(common, "offset")
    if offset is not None:
        text += f" OFFSET {offset}"
    return text


def _number(values: Mapping[str, Any], key: str) -> int | None:
    value = values.get(key)
    if value is None or value == "":
        return None
    if not str(value).isdecimal() or len(str(value)) > 9:
        raise errors.INVALID_INPUT(text=f"{key} takes a whole number")
    return int(value)


# -- what a search page asks


_LONGEST_SUGGESTED = 255
_MOST_SUGGESTED_OF = 10
_SHORTEST = 3
_NEVER_SUGGESTED = frozenset({"ContentNote", "Event", "Note", "Task"})
_DENSE = re.compile(r"[\u0e00-\u0e7f\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
"""Letters of the languages whose words are short: Thai, Japanese, Chinese, Korean."""
_REMOVED = str.maketrans("", "", "\"'*?")


@routes(
    Operation(
        "rest.search.suggestions", "GET", f"{DATA}/search/suggestions", "read", rows="many", since=32.0,
        summary="Suggest records by the beginning of their names",
        query=("q", "sobject", "fields", "where", "limit", "dynamicFields", "ignoreUnsupportedSObjects")
    )
)  # fmt: skip
async def suggestions(call: Call) -> Reply:
    """Match whole words of names; the last word may go on. Where a text is too short, nothing is suggested."""
    given = call.query.get("q", "")
    if len(given) > _LONGEST_SUGGESTED:
        raise errors.INVALID_INPUT(text=f"q takes at most {_LONGEST_SUGGESTED} characters")
    text = " ".join(given.translate(_REMOVED).split())
    most = _number(call.query, "limit")
    most = 5 if most is None else min(most, 200)
    named = _suggested(call)
    own = {"fields": call.query.get("fields"), "where": call.query.get("where")}
    second = "secondaryField" in call.query.get("dynamicFields", "").split(",")
    targets = tuple(
        _parsed(_soql(one.name, own | {"fields": _suggested_fields(one, name, own["fields"], second=second)}, {}))
        for one in named
        if (name := name_field(one))
    )
    found: list[dict[str, Any]] = []
    if targets and len(text) >= (1 if _DENSE.search(text) else _SHORTEST):
        search = plain_search(f"{text}*", group="NAME", targets=targets, limit=most + 1)
        found = (await call.org.search_aside(call.session, search, base=base_of(call))).records
    names = [{"entityApiName": one.name, "fieldApiName": name_field(one)} for one in named]
    return answer(
        {
            "autoSuggestResults": found[:most],
            "hasMoreResults": len(found) > most,
            "meta": {"nameFields": names},
        }
    )


def _suggested(call: Call) -> list[SObject]:
    """Return the objects whose records are to be suggested. Raises MISSING_ARGUMENT, NOT_FOUND, INVALID_INPUT."""
    names = words(call.query.get("sobject", ""))
    if not names:
        raise errors.MISSING_ARGUMENT_NAMED(name="sobject")
    if len(names) > _MOST_SUGGESTED_OF:
        raise errors.INVALID_INPUT(text=f"sobject takes at most {_MOST_SUGGESTED_OF} objects")
    ignored = call.query.get("ignoreUnsupportedSObjects", "").lower() == "true"
    found = [_sobject(call, name) for name in names]
    unsupported = [one.name for one in found if not _is_suggested(one)]
    if unsupported and not ignored:
        raise errors.INVALID_INPUT(text=f"Suggestions do not support {unsupported[0]}")
    return [one for one in found if one.name not in unsupported]


def _is_suggested(sobject: SObject) -> bool:
    return is_searched(sobject) and name_field(sobject) is not None and sobject.name not in _NEVER_SUGGESTED


def _suggested_fields(sobject: SObject, name: str, asked: str | None, *, second: bool) -> list[str]:
    """Return id and name, the fields that are asked for, and with `second` the next column of search results."""
    fields = ["Id", name, *words(asked or "")]
    if second:
        fields += compact_columns(sobject, name)[:1]
    known = {one.lower(): one for one in reversed(fields)}
    return [one for one in fields if known.pop(one.lower(), None) is not None]


def compact_columns(sobject: SObject, name: str) -> list[str]:
    """Return the fields that stand beside the name of a record where it is found."""
    return [one for one in _COLUMNS if one in sobject.by_name and one != name]


@routes(
    Operation("rest.search.scope", "GET", f"{DATA}/search/scopeOrder", "read", summary="List what global search spans")
)
async def scope_order(call: Call) -> Reply:
    return answer([{"type": one.name, "url": f"{base_of(call)}/{one.name}/describe"} for one in _spanned(call)])


@routes(
    Operation(
        "rest.search.layout",
        "GET",
        f"{DATA}/search/layout",
        "read",
        summary="Describe pages of search results",
        query=("q",),
    )
)
async def layout(call: Call) -> Reply:
    named = [_sobject(call, name) for name in words(call.query.get("q", ""))]
    return answer([_layout(one) for one in named])


def _layout(sobject: SObject) -> dict[str, Any]:
    names = [name for name in (name_field(sobject), *_COLUMNS) if name in sobject.by_name]
    return {
        "label": "Search Results",
        "limitRows": 25,
        "objectType": sobject.name,
        "searchColumns": [
            {
                "field": f"{sobject.name}.{name}",
                "format": None,
                "label": sobject.by_name[name].label,
                "name": name,
            }
            for name in dict.fromkeys(name for name in names if name is not None)
        ],
    }


def _spanned(call: Call) -> Iterator[SObject]:
    """Yield the objects that global search spans: those with pages of their own."""
    for name in call.schema.names():
        sobject = call.schema.get(name)
        if sobject is not None and sobject.is_("layoutable") and sobject.is_("mruEnabled") and is_searched(sobject):
            yield sobject


def _sobject(call: Call, name: str) -> SObject:
    sobject = call.schema.get(name.strip())
    if sobject is None:
        raise errors.NOT_FOUND()
    return sobject
