"""sObject collections: up to 200 records a call, each with its own outcome."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change, RowResult, Verb
from mock_server.org.records.resolving import unsupported_type
from mock_server.protocols.ids import rows_by_id
from mock_server.protocols.rest.blobs import records_of
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.records import save
from mock_server.protocols.rest.replies import DATA, answer, base_of, fields_of, routes, saved_item, words

MOST_ROWS = 200
MOST_READ = 2000
MOST_CHUNKS = 10
"""Runs of records of one type that a call may hold."""

ALL = f"{DATA}/composite/sobjects"
OF_TYPE = f"{ALL}/{{sobject}}"
BY_KEY = f"{OF_TYPE}/{{field}}"


@routes(
    Operation(
        "rest.collections.create", "POST", ALL, "write", "never", "many", since=42.0, summary="Create up to 200 records"
    )
)
async def create(call: Call) -> Reply:
    records, all_or_none = _records(call)
    changes = _changes(call, "create", records)
    _in_few_chunks(changes)
    return _answer(await save(call, changes, all_or_none=all_or_none))


@routes(
    Operation(
        "rest.collections.update",
        "PATCH",
        ALL,
        "write",
        "conditional",
        "many",
        since=42.0,
        summary="Change up to 200 records",
    )
)
async def update(call: Call) -> Reply:
    records, all_or_none = _records(call)
    changes = _changes(call, "update", records)
    for change in changes:
        change.id = _take(change.values, "id")
        _refuse_stranger(call, change)
    _in_few_chunks(changes)
    return _answer(await save(call, changes, all_or_none=all_or_none))


@routes(
    Operation(
        "rest.collections.upsert",
        "PATCH",
        BY_KEY,
        "write",
        "conditional",
        "many",
        since=46.0,
        summary="Upsert up to 200 records",
    )
)
async def upsert(call: Call) -> Reply:
    sobject = sobject_of(call)
    key = sobject.field(call.args["field"])
    if key is None or not (key.external_id or key.id_lookup):
        raise errors.NO_SUCH_EXTERNAL_ID_FIELD(segment=call.args["field"])
    records, all_or_none = _records(call)
    changes = _changes(call, "upsert", records)
    for change in changes:
        change.key_field = key.name
        change.key = _take(change.values, key.name)
        if change.sobject.lower() != sobject.name.lower():
            change.refusal = errors.INVALID_FIELD(
                text=f"The record's type {change.sobject} is not the type {sobject.name} of the request.", fields=()
            )
    results = await save(call, changes, all_or_none=all_or_none)
    items = []
    for result in results:
        item = saved_item(result)
        # Recorded: failed rows of an all-or-none upsert say `"created":true` too; other failed rows say nothing.
        if result.success or all_or_none:
            item["created"] = result.created if result.success else True
        items.append(item)
    return answer(items)


@routes(
    Operation(
        "rest.collections.delete",
        "DELETE",
        ALL,
        "write",
        "always",
        "many",
        since=42.0,
        summary="Delete up to 200 records",
        query=("ids", "allOrNone"),
    )
)
async def delete(call: Call) -> Reply:
    ids = words(call.query.get("ids", ""))
    _within(len(ids), MOST_ROWS)
    changes = rows_by_id(call.schema, "delete", ids)
    _in_few_chunks(changes)
    all_or_none = call.query.get("allOrNone", "").lower() == "true"
    return _answer(await save(call, changes, all_or_none=all_or_none))


@routes(
    Operation(
        "rest.collections.read",
        "GET",
        OF_TYPE,
        "read",
        rows="many",
        since=42.0,
        summary="Read many records by id",
        query=("ids", "fields"),
    ),
    Operation("rest.collections.read", "POST", OF_TYPE, "read", rows="many", since=42.0),
)
async def read(call: Call) -> Reply:
    sobject = sobject_of(call)
    if call.method == "POST":
        body = call.json_object()
        ids, fields = body.get("ids"), body.get("fields")
    else:
        ids, fields = words(call.query.get("ids", "")), fields_of(call)
    wanted, names = _texts("ids", ids), _texts("fields", fields)
    _within(len(wanted), MOST_READ)
    whole = [to_18(identifier) or "" for identifier in wanted]
    return answer(call.org.read(call.session, sobject.name, whole, names, base=base_of(call)))


def _texts(name: str, value: Any) -> list[str]:
    """Return a list of texts that a call must bring. Raises REQUIRED_FIELD_MISSING."""
    if not isinstance(value, list) or not value or not all(isinstance(item, str) for item in value):
        raise errors.REQUIRED_FIELD_MISSING(names=name, fields=[name])
    return value


def _records(call: Call) -> tuple[list[dict[str, Any]], bool]:
    body = records_of(call)
    records, all_or_none = body.get("records"), body.get("allOrNone")
    if all_or_none is None:
        # django-salesforce writes null where nobody chose.
        all_or_none = False
    if records is None or records == []:
        raise errors.RECORDS_REQUIRED()
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise errors.JSON_PARSER_ERROR(
            text="Cannot deserialize records: an array of objects was expected", line=1, column=1
        )
    if not isinstance(all_or_none, bool):
        raise errors.JSON_PARSER_ERROR(
            text="Cannot deserialize instance of boolean from VALUE_STRING value "
            f"{str(all_or_none)[:40]} or request may be missing a required field",
            line=1,
            column=1,
        )
    _within(len(records), MOST_ROWS)
    return records, all_or_none


def _in_few_chunks(changes: Sequence[Change]) -> None:
    """Refuse a call whose records are of alternating types: each run of one type is saved by itself."""
    chunks = sum(1 for _ in groupby(change.sobject.lower() for change in changes))
    if chunks > MOST_CHUNKS:
        raise errors.TOO_MANY_CHUNKS(most=MOST_CHUNKS)


def _refuse_stranger(call: Call, change: Change) -> None:
    """Refuse a row whose id is that of another object's record (D: "Contact ID: id value of incorrect type")."""
    sobject = call.schema.get(change.sobject)
    whole = to_18(change.id) if isinstance(change.id, str) else None
    if sobject is None or whole is None or whole[:3] == sobject.key_prefix or change.refusal is not None:
        return
    if call.schema.by_prefix(whole[:3]) is not None:
        change.refusal = errors.WRONG_ID_TYPE(label=f"{sobject.label} ID", value=change.id, fields=["Id"])


def _within(count: int, limit: int) -> None:
    if count == 0:
        raise errors.RECORDS_REQUIRED()
    if count > limit:
        raise errors.EXCEEDED_ID_LIMIT(limit=limit)


def _changes(call: Call, verb: Verb, records: Sequence[dict[str, Any]]) -> list[Change]:
    out: list[Change] = []
    known: dict[str, bool] = {}
    for record in records:
        attributes = record.pop("attributes", None)
        kind = attributes.get("type") if isinstance(attributes, dict) else None
        if not isinstance(kind, str):
            raise errors.INVALID_INPUT(text="Each record needs the name of its object in attributes.type")
        if kind not in known:
            known[kind] = call.schema.get(kind) is not None
        out.append(Change(verb, kind, record, refusal=None if known[kind] else unsupported_type(kind)))
    return out


def _take(values: dict[str, Any], name: str) -> Any:
    """Remove a value by its name in any case."""
    if name in values:
        return values.pop(name)
    for key in values:
        if key.lower() == name.lower():
            return values.pop(key)
    return None


def _answer(results: list[RowResult]) -> Reply:
    return answer([saved_item(result) for result in results])
