"""Records as the User Interface API has them: read by one query an object, values beside what a person sees.

Source: User Interface API Developer Guide, "Record", "Field Value".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.query.display import formatted
from mock_server.org.schema.describe import MASTER_RECORD_TYPE, record_type_infos, record_typed
from mock_server.org.schema.types import Field, SObject
from mock_server.org.zones import zone_of
from mock_server.protocols.rest.replies import base_of
from mock_server.protocols.rest.ui.replies import etag
from mock_server.protocols.rest.ui.selection import Selection, system_fields

_FORMATTED = frozenset({"currency", "date", "datetime", "percent"})


def select(
    call: Call, sobject: SObject, required: Iterable[Sequence[str]], optional: Iterable[Sequence[str]] = ()
) -> Selection:
    """Return what is asked for of an object; names of other objects are left out.

    Raises INVALID_FIELD for a required field that the user does not see.
    """
    selection = Selection(sobject)
    for steps in required:
        if steps[0].lower() == sobject.name.lower() and not selection.add(call.schema, list(steps[1:])):
            raise _missing(call, sobject, ".".join(steps[1:]))
    for steps in optional:
        if steps[0].lower() == sobject.name.lower():
            selection.add(call.schema, list(steps[1:]))
    return selection


def _missing(call: Call, sobject: SObject, path: str) -> ApiError:
    """Return the error that the query for a field fails with, as the API passes it on (recorded)."""
    soql = f"SELECT LastModifiedDate, {path}, Id, LastModifiedById FROM {sobject.name}"  # noqa: S608  # read by the parser
    text = f"No such column '{path}' on entity '{sobject.name}'."
    try:
        call.org.query(call.session, soql, base=base_of(call))
    except ApiError as error:
        text = error.message
    return errors.INVALID_FIELD(text=f"INVALID_FIELD: {text}")


def add_layout(call: Call, selection: Selection, names: Iterable[str]) -> None:
    """Take in the fields of a layout; of what they refer to, name and id."""
    sobject = selection.sobject
    assert sobject is not None
    for name in names:
        selection.add(call.schema, [name])
        field = sobject.field(name)
        if field is not None and field.type == "reference" and field.relationship_name:
            for one in ("Name", "Id"):
                selection.add(call.schema, [field.relationship_name, one])


def read(call: Call, selection: Selection, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the bodies of those of some records that the user sees, by id."""
    sobject = selection.sobject
    assert sobject is not None
    listed = ", ".join(f"'{identifier}'" for identifier in ids)
    rows = _rows(call, selection, f"Id IN ({listed})")
    return {row["Id"]: record(call, selection, row) for row in rows}


def query(call: Call, selection: Selection, tail: str) -> list[dict[str, Any]]:
    """Return the bodies of the records that a query finds; `tail` is what follows its FROM."""
    found = call.org.query(call.session, _soql(selection, tail), base=base_of(call), size=2000).records
    return [record(call, selection, row) for row in found]


def _rows(call: Call, selection: Selection, condition: str) -> list[dict[str, Any]]:
    return call.org.query(call.session, _soql(selection, f"WHERE {condition}"), base=base_of(call)).records


def _soql(selection: Selection, tail: str) -> str:
    sobject = selection.sobject
    assert sobject is not None
    wanted = {path.lower(): path for path in ("Id", *system_fields(sobject), *selection.paths())}
    return f"SELECT {', '.join(wanted.values())} FROM {sobject.name} {tail}"  # noqa: S608  # names come from the schema


def record(call: Call, selection: Selection, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body of one record from a query's row."""
    return _record(call, selection, row, lambda: zone_of(call.org.directory.time_zone(call.session.user_id)))


def _record(call: Call, selection: Selection, row: Mapping[str, Any], zone: Callable[[], ZoneInfo]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, field in selection.fields.items():
        fields[name] = field_value(field, row.get(name), zone)
    for name, (_, parent) in selection.parents.items():
        below = row.get(name)
        if not isinstance(below, Mapping):
            fields[name] = {"displayValue": None, "value": None}
            continue
        value = _record(call, parent, below, zone)
        value["fields"].setdefault("Id", {"displayValue": None, "value": below["Id"]})
        value["fields"] = dict(sorted(value["fields"].items()))
        shown = value["fields"].get("Name", {}).get("value")
        fields[name] = {"displayValue": shown, "value": value}
    kind = str(row["attributes"]["type"])
    return body(
        call,
        selection.sobject.name if selection.sobject is not None else kind,
        fields,
        row,
        selection.sobject,
    )


def body(
    call: Call,
    name: str,
    fields: Mapping[str, Any],
    row: Mapping[str, Any],
    sobject: SObject | None,
) -> dict[str, Any]:
    """Return a record's body around its fields. A row without an id is a record that is to be made."""
    kind = _record_type(call, sobject, row.get("RecordTypeId"))
    stamp = row.get("SystemModstamp")
    return {
        "apiName": name,
        "childRelationships": {},
        "eTag": etag([name, row.get("Id"), dict(fields), stamp]),
        "fields": dict(sorted(fields.items())),
        "id": row.get("Id"),
        "lastModifiedById": row.get("LastModifiedById"),
        "lastModifiedDate": _moment(row.get("LastModifiedDate")),
        "recordTypeId": kind["recordTypeId"] if kind else None,
        "recordTypeInfo": None if kind is None or kind["master"] else kind,
        "systemModstamp": _moment(stamp),
        "weakEtag": _milliseconds(stamp),
    }


def _record_type(call: Call, sobject: SObject | None, identifier: str | None) -> dict[str, Any] | None:
    if sobject is None or not record_typed(sobject):
        return None
    wanted = identifier or MASTER_RECORD_TYPE
    for info in record_type_infos(sobject, call.args["version"]):
        if info["recordTypeId"] == wanted:
            keys = ("available", "defaultRecordTypeMapping", "master", "name", "recordTypeId")
            return {key: info[key] for key in keys}
    return None


def field_value(field: Field, value: Any, zone: Callable[[], ZoneInfo]) -> dict[str, Any]:
    """Return a Field Value: what is stored, and how a person of that time zone sees it where that differs."""
    if value is None:
        return {"displayValue": None, "value": None}
    shown: str | None = None
    if field.type in ("picklist", "multipicklist"):
        labels = {entry.value: entry.label for entry in field.picklist}
        shown = ";".join(labels.get(part, part) for part in str(value).split(";"))
    elif field.type in _FORMATTED:
        shown = formatted(value, field.type, field.scale, zone())
    return {"displayValue": shown, "value": _moment(value) if field.type == "datetime" else value}


def _moment(value: Any) -> Any:
    """Write a moment as this API does: with Z."""
    return value.removesuffix("+0000") + "Z" if isinstance(value, str) and value.endswith("+0000") else value


def _milliseconds(stamp: Any) -> int:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000) if isinstance(stamp, str) else 0
