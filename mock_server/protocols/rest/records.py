"""Single records: create, read, update, delete, and the same by external id."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from mock_server.jsontext import misfit_error
from mock_server.operations import Call, Operation, Reply, Work
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.records.plans import plan_of
from mock_server.org.records.values import Misfit
from mock_server.org.schema.types import Field, SObject
from mock_server.protocols.rest import conditions
from mock_server.protocols.rest.assignment import ask_for_assignment
from mock_server.protocols.rest.blobs import record_of
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.duplicates import duplicate_wishes, show_duplicates
from mock_server.protocols.rest.recent import note_use
from mock_server.protocols.rest.replies import (
    DATA,
    answer,
    base_of,
    empty,
    errors_answer,
    fields_of,
    remarks,
    routes,
    version_of,
)

ROWS = f"{DATA}/sobjects/{{sobject}}"
BY_ID = f"{ROWS}/{{id}}"
BY_KEY = f"{ROWS}/{{field}}/{{value}}"
_CREATED_SINCE = 46
"""The version whose upsert answers say `created`; older ones answer 204 to an update."""


async def save(
    call: Call, changes: list[Change], *, all_or_none: bool = False, check: Callable[[], None] | None = None
) -> list[RowResult]:
    """Save rows for REST, where a value of the wrong JSON type refuses the whole request.

    `check` is asked in the moment of the save, locks and all, and raises ApiError to refuse it.
    """
    ask_for_assignment(call, changes)
    wishes = duplicate_wishes(call.headers.get("Sforce-Duplicate-Rule-Header"))
    if wishes.allow_save:
        for change in changes:
            change.duplicates_known = True
    try:
        work = None if check is None else _checked(call, changes, check)
        results = await call.write(changes, all_or_none=all_or_none, work=work)
    except Misfit as misfit:
        raise misfit_error(call.body, misfit) from None
    show_duplicates(call, results, wishes)
    if "Sforce-Mru" in call.headers:
        _note_uses(call, changes, results)
    return results


def _note_uses(call: Call, changes: list[Change], results: list[RowResult]) -> None:
    for change, result in zip(changes, results, strict=True):
        sobject = call.schema.get(change.sobject)
        if sobject is not None and result.success and change.verb != "delete":
            note_use(call, sobject, result.id)


def _checked(call: Call, changes: list[Change], check: Callable[[], None]) -> Work:
    def work(give_up: bool) -> list[RowResult]:
        check()
        return call.org.write(call.session, changes, all_or_none=False, exchange=call.entry.number, give_up=give_up)

    return work


@routes(Operation("rest.sobject.create", "POST", ROWS, "write", "never", "one", summary="Create a record"))
async def create(call: Call) -> Reply:
    sobject = sobject_of(call)
    (result,) = await save(call, [Change("create", sobject.name, record_of(call, sobject.name))])
    if not result.success:
        return errors_answer(result.errors)
    return _created(call, sobject, result)


def _created(call: Call, sobject: SObject, result: RowResult, **more: Any) -> Reply:
    reply = answer({"id": result.id, "success": True, "errors": remarks(result), **more}, 201)
    reply.headers["Location"] = f"{base_of(call)}/{sobject.name}/{result.id}"
    return reply


@routes(Operation("rest.sobject.read", "GET", BY_ID, "read", rows="one", summary="Read a record", query=("fields",)))
async def read(call: Call) -> Reply:
    sobject = sobject_of(call)
    return read_record(call, sobject, _id_of(call))


def read_record(call: Call, sobject: SObject, identifier: str) -> Reply:
    """Answer with one record, the fields that the call asks for. Raises NOT_FOUND, ENTITY_IS_DELETED."""
    if not sobject.is_("retrieveable"):
        raise errors.NOT_FOUND()
    (record,) = call.org.read(call.session, sobject.name, [identifier], fields_of(call), base=base_of(call))
    if record is None:
        gone = call.org.is_deleted(call.session, sobject.name, identifier)
        raise errors.ENTITY_IS_DELETED() if gone else errors.NOT_FOUND()
    note_use(call, sobject, identifier)
    return conditions.show(call, sobject, identifier, record, answer(record))


@routes(
    Operation("rest.sobject.update", "PATCH", BY_ID, "write", "conditional", "one", summary="Change a record"),
)
async def update(call: Call) -> Reply:
    sobject = sobject_of(call)
    identifier = _id_of(call)
    check = conditions.check_of(call, sobject, identifier)
    change = Change("update", sobject.name, record_of(call, sobject.name), id=identifier)
    return done(await save(call, [change], check=check))


@routes(Operation("rest.sobject.delete", "DELETE", BY_ID, "write", "always", "one", summary="Delete a record"))
async def delete(call: Call) -> Reply:
    sobject = sobject_of(call)
    return done(await save(call, [Change("delete", sobject.name, id=_id_of(call))]))


def done(results: list[RowResult]) -> Reply:
    """Answer to a change or deletion of one record."""
    (result,) = results
    if result.success:
        return empty()
    reply = errors_answer(result.errors)
    if result.errors[0].code == "INVALID_CROSS_REFERENCE_KEY" and not result.errors[0].fields:
        reply.status = 404
    return reply


def _id_of(call: Call) -> str:
    """Return the id in the path. What is not id-shaped is read as the name of an external id field."""
    identifier = to_18(call.args["id"])
    if identifier is None:
        raise errors.NO_SUCH_EXTERNAL_ID_FIELD(segment=call.args["id"])
    return identifier


# -- by external id


READ_BY_KEY = Operation(
    "rest.sobject.read_by_key",
    "GET",
    BY_KEY,
    "read",
    rows="one",
    summary="Read a record by external id",
    query=("fields",),
)
UPSERT = Operation(
    "rest.sobject.upsert",
    "PATCH",
    BY_KEY,
    "write",
    "conditional",
    "one",
    summary="Upsert by external id",
    query=("updateOnly",),
)
DELETE_BY_KEY = Operation(
    "rest.sobject.delete_by_key", "DELETE", BY_KEY, "write", "always", "one", summary="Delete by external id"
)
# Declared in `relationships`, whose operations share their path.


async def read_by_key(call: Call) -> Reply:
    sobject = sobject_of(call)
    found = matches(call, sobject, key_field(call, sobject))
    if len(found) > 1:
        return _choices(call, sobject, found)
    if not found:
        raise errors.NOT_FOUND()
    return read_record(call, sobject, found[0])


async def upsert(call: Call) -> Reply:
    sobject = sobject_of(call)
    key = key_field(call, sobject)
    values = record_of(call, sobject.name)
    if any(name.lower() == key.name.lower() for name in values):
        raise errors.INVALID_FIELD(text=f"The {key.name} field should not be specified in the sobject data.")
    change = Change("upsert", sobject.name, values, key_field=key.name, key=call.args["value"])
    change.update_only = call.query.get("updateOnly", "").lower() == "true"
    (result,) = await save(call, [change], check=_check_of(call, sobject, key))
    if not result.success:
        if result.errors[0].code == "DUPLICATE_EXTERNAL_ID" and "matches" in result.errors[0].extra:
            return _choices(call, sobject, result.errors[0].extra["matches"])
        return done([result])
    since = version_of(call.args["version"]) >= _CREATED_SINCE
    if result.created:
        return _created(call, sobject, result, **({"created": True} if since else {}))
    return answer({"id": result.id, "success": True, "errors": [], "created": False}) if since else empty()


def _check_of(call: Call, sobject: SObject, key: Field) -> Callable[[], None] | None:
    """Return the conditions of an upsert: they are of the record that it would change, if there is one."""
    if not conditions.asked(call):
        return None
    conditions.check_of(call, sobject, None)
    found = matches(call, sobject, key)
    return conditions.check_of(call, sobject, found[0]) if len(found) == 1 else None


@routes(
    Operation(
        "rest.sobject.upsert",
        "POST",
        f"{ROWS}/{{field}}",
        "write",
        "never",
        "one",
        summary="Upsert by external id",
        query=("updateOnly",),
    )
)
async def upsert_new(call: Call) -> Reply:
    """Create a record by `POST /sobjects/X/Id`: an upsert by an id that is not there yet."""
    sobject = sobject_of(call)
    if call.args["field"].lower() != "id":
        raise errors.METHOD_NOT_ALLOWED(method="POST", allowed="HEAD,GET,PATCH,DELETE")
    (result,) = await save(call, [Change("upsert", sobject.name, call.json_object(), key_field="Id")])
    if not result.success:
        return done([result])
    since = version_of(call.args["version"]) >= _CREATED_SINCE
    return _created(call, sobject, result, **({"created": True} if since else {}))


async def delete_by_key(call: Call) -> Reply:
    sobject = sobject_of(call)
    found = matches(call, sobject, key_field(call, sobject))
    if len(found) > 1:
        return _choices(call, sobject, found)
    if not found:
        raise errors.NOT_FOUND()
    return done(await save(call, [Change("delete", sobject.name, id=found[0])]))


def key_field(call: Call, sobject: SObject) -> Field:
    """Return the field that the path names as a key. Raises NO_SUCH_EXTERNAL_ID_FIELD."""
    name = call.args["field"]
    field = sobject.field(name)
    if field is None or not (field.external_id or field.id_lookup):
        raise errors.NO_SUCH_EXTERNAL_ID_FIELD(segment=name)
    return field


def matches(call: Call, sobject: SObject, key: Field) -> list[str]:
    """Return the ids of the records that have the key of the path."""
    value = call.args["value"]
    if key.type == "id":
        identifier = to_18(value)
        return [identifier] if identifier else []
    slot = plan_of(sobject).slot(key.name)
    assert slot is not None
    try:
        stored = slot.coerce(value)
    except (ApiError, Misfit):
        return []
    return [] if stored is None else call.org.queries.find(sobject, key, stored, schema=call.schema)


def _choices(call: Call, sobject: SObject, ids: list[str]) -> Reply:
    """Answer 300: the urls of the records that share the key."""
    return answer([f"{base_of(call)}/{sobject.name}/{quote(identifier)}" for identifier in ids], 300)
