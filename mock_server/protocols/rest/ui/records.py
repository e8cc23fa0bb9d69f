"""Records of the User Interface API: read by fields or by layout, made, changed, deleted; and record-ui."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mock_server.jsontext import misfit_error
from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.records.values import Misfit
from mock_server.org.schema.describe import MASTER_RECORD_TYPE
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.conditions import http_moment
from mock_server.protocols.rest.describe import located
from mock_server.protocols.rest.replies import answer, base_of, empty, words
from mock_server.protocols.rest.ui import reading
from mock_server.protocols.rest.ui.children import children_of
from mock_server.protocols.rest.ui.layouts import FORMS, MODES, TYPES, layout_fields, layout_of, user_state
from mock_server.protocols.rest.ui.object_info import object_info
from mock_server.protocols.rest.ui.replies import (
    SINCE,
    UI,
    batched,
    chosen,
    is_supported,
    listed,
    one_of,
    record_errors,
    routes,
    supported,
    tagged,
)
from mock_server.protocols.rest.ui.selection import Selection, qualified

_RECORDS = f"{UI}/records"
_RECORD = f"{_RECORDS}/{{id}}"
_MOST = 200
_WANTED = ("childRelationships", "fields", "layoutTypes", "modes", "optionalFields", "pageSize", "updateMru")


@routes(
    Operation(
        "rest.ui.record.read", "GET", _RECORD, "read", rows="one", since=SINCE, query=_WANTED,
        summary="Read a record by fields or by layout",
    )
)  # fmt: skip
async def read(call: Call) -> Reply:
    return answer(_one(call, call.args["id"]))


@routes(
    Operation(
        "rest.ui.record.batch", "GET", f"{_RECORDS}/batch/{{ids}}", "read", rows="many", since=SINCE, query=_WANTED,
        summary="Read several records by fields or by layout",
    )
)  # fmt: skip
async def batch(call: Call) -> Reply:
    return batched(_ids(call), lambda identifier: _one(call, identifier))


def _ids(call: Call) -> list[str]:
    ids = words(call.args["ids"])
    if len(ids) > _MOST:
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=f"Specify at most {_MOST} records")
    return ids


def object_of(call: Call, identifier: str) -> tuple[SObject, str]:
    """Return the object that an id belongs to, and its 18-character form. Raises NOT_FOUND."""
    sobject, whole = located(call, identifier)
    if not is_supported(sobject):
        raise errors.UI_UNSUPPORTED_OBJECT(name=sobject.name)
    return sobject, whole


def _one(call: Call, identifier: str) -> dict[str, Any]:
    sobject, whole = object_of(call, identifier)
    kinds = [one_of(value, "LayoutType", TYPES) for value in listed(call, "layoutTypes")]
    modes = [one_of(value, "Mode", MODES) for value in listed(call, "modes")] or ["View"]
    fields, optional = qualified(listed(call, "fields")), qualified(listed(call, "optionalFields"))
    related = qualified(listed(call, "childRelationships"))
    if not (kinds or fields or optional):
        text = "Specify at least one of fields, optionalFields and layoutTypes"
        raise errors.ILLEGAL_QUERY_PARAMETER_VALUE(text=text)
    selection = reading.select(call, sobject, fields, optional)
    for kind in kinds:
        for mode in modes:
            reading.add_layout(call, selection, layout_fields(layout_of(call, sobject, MASTER_RECORD_TYPE, kind, mode)))
    found = found_record(call, selection, whole)
    return {**found, "childRelationships": children_of(call, sobject, whole, related)}


def found_record(call: Call, selection: Selection, identifier: str) -> dict[str, Any]:
    found = reading.read(call, selection, [identifier]).get(identifier)
    if found is None:
        sobject = selection.sobject
        assert sobject is not None
        gone = call.org.is_deleted(call.session, sobject.name, identifier)
        raise errors.ENTITY_IS_DELETED(status=404) if gone else errors.NOT_FOUND()
    return found


def full_selection(call: Call, sobject: SObject) -> Selection:
    """Return the fields of an object's full layout."""
    selection = Selection(sobject)
    reading.add_layout(call, selection, layout_fields(layout_of(call, sobject, MASTER_RECORD_TYPE, "Full", "View")))
    return selection


# -- saving

_FLAGS = ("triggerOtherEmail", "triggerUserEmail", "useDefaultRule")


@routes(
    Operation(
        "rest.ui.record.create", "POST", _RECORDS, "write", "never", "one", since=SINCE, query=_FLAGS,
        summary="Create a record",
    )
)  # fmt: skip
async def create(call: Call) -> Reply:
    body = _input(call)
    name = body.get("apiName")
    if not isinstance(name, str) or not name:
        raise errors.POST_BODY_PARSE_ERROR(text="apiName must name the object of the new record")
    sobject = supported(call, name)
    result = await _save(call, body, Change("create", sobject.name, _fields(body)))
    if not result.success or result.id is None:
        return record_errors(sobject, result.errors)
    return answer(found_record(call, full_selection(call, sobject), result.id), 201)


@routes(
    Operation(
        "rest.ui.record.update", "PATCH", _RECORD, "write", "conditional", "one", since=SINCE, query=_FLAGS,
        summary="Change a record",
    )
)  # fmt: skip
async def update(call: Call) -> Reply:
    body = _input(call)
    sobject, identifier = object_of(call, call.args["id"])
    selection = full_selection(call, sobject)
    known = found_record(call, selection, identifier)
    collision = _collision(call, known)
    if collision is not None:
        return record_errors(sobject, [collision])
    result = await _save(call, body, Change("update", sobject.name, _fields(body), id=identifier))
    if not result.success:
        return record_errors(sobject, result.errors)
    return answer(found_record(call, selection, identifier))


@routes(
    Operation(
        "rest.ui.record.delete", "DELETE", _RECORD, "write", "always", "one", since=SINCE, summary="Delete a record"
    )
)  # fmt: skip
async def delete(call: Call) -> Reply:
    sobject, identifier = object_of(call, call.args["id"])
    (result,) = await call.write([Change("delete", sobject.name, id=identifier)])
    if result.success:
        return empty()
    first = result.errors[0]
    if first.code == "INVALID_CROSS_REFERENCE_KEY" and not first.fields:
        raise errors.NOT_FOUND()
    if first.code == "ENTITY_IS_DELETED":
        raise first
    return record_errors(sobject, result.errors)


def _input(call: Call) -> dict[str, Any]:
    """Return a Record Input. Raises POST_BODY_PARSE_ERROR for fields that are none."""
    body = call.json_object()
    if not isinstance(body.get("fields"), dict):
        raise errors.POST_BODY_PARSE_ERROR(text="fields must be a map of field names to field values")
    return body


def _fields(body: dict[str, Any]) -> dict[str, Any]:
    # The main record type is asked for by null, and by its id.
    return {
        name: None if name.lower() == "recordtypeid" and value == MASTER_RECORD_TYPE else value
        for name, value in body["fields"].items()
    }


async def _save(call: Call, body: dict[str, Any], change: Change) -> RowResult:
    change.duplicates_known = body.get("allowSaveOnDuplicate") is True
    try:
        (result,) = await call.write([change])
    except Misfit as misfit:
        raise errors.POST_BODY_PARSE_ERROR(text=misfit_error(call.body, misfit).message) from None
    return result


def _collision(call: Call, known: dict[str, Any]) -> ApiError | None:
    """Return an error where the record changed since the client read it, by the time in its header."""
    since = _moment(call.headers.get("If-Unmodified-Since") or call.headers.get("If-Modified-Since"))
    changed = _moment(known["lastModifiedDate"])
    if since is None or changed is None or changed <= since:
        return None
    who = known["lastModifiedById"]
    named = call.org.query(call.session, f"SELECT Name FROM User WHERE Id = '{who}'", base=base_of(call)).records  # noqa: S608  # an id of ours
    return errors.COLLISION(name=named[0]["Name"] if named else "another user")


def _moment(text: str | None) -> float | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, OverflowError):
        return http_moment(text)


# -- all at once


@routes(
    Operation(
        "rest.ui.record_ui.read", "GET", f"{UI}/record-ui/{{ids}}", "read", rows="many", since=SINCE,
        query=(*_WANTED, "formFactor", "pageToken"), summary="Read records, their layouts and their objects at once",
    )
)  # fmt: skip
async def record_ui(call: Call) -> Reply:
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    kinds = [one_of(value, "LayoutType", TYPES) for value in listed(call, "layoutTypes")] or ["Full"]
    modes = [one_of(value, "Mode", MODES) for value in listed(call, "modes")] or ["View"]
    optional, related = qualified(listed(call, "optionalFields")), qualified(listed(call, "childRelationships"))
    records: dict[str, Any] = {}
    layouts: dict[str, Any] = {}
    states: dict[str, Any] = {}
    infos: dict[str, Any] = {}
    for given in _ids(call):
        sobject, identifier = object_of(call, given)
        selection = reading.select(call, sobject, (), optional)
        for kind in kinds:
            for mode in modes:
                drawn = layout_of(call, sobject, MASTER_RECORD_TYPE, kind, mode)
                reading.add_layout(call, selection, layout_fields(drawn))
        found = found_record(call, selection, identifier)
        records[identifier] = {**found, "childRelationships": children_of(call, sobject, identifier, related)}
        kind_id = found["recordTypeId"] or MASTER_RECORD_TYPE
        by_kind = layouts.setdefault(sobject.name, {}).setdefault(kind_id, {})
        for kind in kinds:
            for mode in modes:
                drawn = by_kind.setdefault(kind, {}).setdefault(mode, layout_of(call, sobject, kind_id, kind, mode))
                if kind == "Full":
                    states[drawn["id"]] = user_state(drawn)
        for one in (sobject, *parents(call, selection)):
            if one.name not in infos:
                infos[one.name] = object_info(call, one)
    body = {"layoutUserStates": states, "layouts": layouts, "objectInfos": infos, "records": records}
    return answer(tagged(body))


def parents(call: Call, selection: Selection) -> Sequence[SObject]:
    targets = [parent.sobject for _, parent in selection.parents.values()]
    return [one for one in targets if one is not None and call.schema.get(one.name) is not None]
