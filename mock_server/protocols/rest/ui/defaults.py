"""What a new record starts with, and what the copy of one takes over.

Source: User Interface API Developer Guide, "Get Default Values to Create a Record", "... to Clone a Record".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org.records.fresh import fresh_values
from mock_server.org.schema.describe import MASTER_RECORD_TYPE
from mock_server.org.schema.types import SObject
from mock_server.org.zones import zone_of
from mock_server.protocols.rest.replies import answer
from mock_server.protocols.rest.ui import reading
from mock_server.protocols.rest.ui.layouts import FORMS, layout_fields, layout_of, record_type
from mock_server.protocols.rest.ui.object_info import object_info
from mock_server.protocols.rest.ui.records import found_record, object_of, parents
from mock_server.protocols.rest.ui.replies import SINCE, UI, chosen, listed, routes, supported, tagged
from mock_server.protocols.rest.ui.selection import Selection, qualified

_DEFAULTS = f"{UI}/record-defaults"
_ASKED = ("formFactor", "optionalFields", "recordTypeId")


@routes(
    Operation(
        "rest.ui.record_defaults.create", "GET", f"{_DEFAULTS}/create/{{sobject}}", "read", since=SINCE, query=_ASKED,
        summary="Read what a new record of an object starts with",
    )
)  # fmt: skip
async def create(call: Call) -> Reply:
    sobject = supported(call, call.args["sobject"])
    given = call.query.get("recordTypeId")
    kind = record_type(sobject, given)
    values = fresh_values(call.org, sobject, kind, call.session.user_id)
    return _answer(call, sobject, kind, _selection(call, sobject), values)


@routes(
    Operation(
        "rest.ui.record_defaults.clone", "GET", f"{_DEFAULTS}/clone/{{id}}", "read", rows="one", since=SINCE,
        query=_ASKED, summary="Read what the copy of a record takes over",
    )
)  # fmt: skip
async def clone(call: Call) -> Reply:
    sobject, identifier = object_of(call, call.args["id"])
    selection = _selection(call, sobject)
    original = found_record(call, selection, identifier)
    kind = record_type(sobject, call.query.get("recordTypeId") or original["recordTypeId"])
    values = {
        name: one["value"]
        for name, one in original["fields"].items()
        if (field := sobject.by_name.get(name)) is not None and field.createable
    }
    return _answer(call, sobject, kind, selection, values)


def _selection(call: Call, sobject: SObject) -> Selection:
    """Return the fields of the layout for new records, and those asked for besides."""
    chosen(call, "formFactor", "FormFactor", FORMS, "Large")
    selection = reading.select(call, sobject, (), qualified(listed(call, "optionalFields")))
    layout = layout_of(call, sobject, MASTER_RECORD_TYPE, "Full", "Create")
    reading.add_layout(call, selection, layout_fields(layout, create=True))
    return selection


def _answer(call: Call, sobject: SObject, kind: str, selection: Selection, values: Mapping[str, Any]) -> Reply:
    zone = zone_of(call.org.directory.time_zone(call.session.user_id))
    fields = {
        name: reading.field_value(field, values.get(name), lambda: zone) for name, field in selection.fields.items()
    }
    for name, (reference, parent) in selection.parents.items():
        identifier = values.get(reference.name)
        fields[name] = _parent(call, parent, identifier)
    infos = {one.name: object_info(call, one) for one in (sobject, *parents(call, selection))}
    body = {
        "layout": layout_of(call, sobject, kind, "Full", "Create"),
        "objectInfos": infos,
        "record": reading.body(call, sobject.name, fields, {"RecordTypeId": kind}, sobject),
    }
    return answer(tagged(body))


def _parent(call: Call, parent: Selection, identifier: str | None) -> dict[str, Any]:
    """Return the record that a default refers to; of several objects, the id tells which."""
    sobject = parent.sobject or (call.schema.by_prefix(identifier[:3]) if identifier else None)
    if identifier is None or sobject is None:
        return {"displayValue": None, "value": None}
    found = reading.read(call, replace(parent, sobject=sobject), [identifier]).get(identifier)
    shown = found["fields"].get("Name", {}).get("value") if found else None
    return {"displayValue": shown, "value": found}
