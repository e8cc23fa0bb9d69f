"""Describe: what objects and fields there are, and the layouts that show them."""

from __future__ import annotations

from typing import Any

from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.schema import Schema, compact_layouts, layouts
from mock_server.org.schema import describe as forms
from mock_server.org.schema.types import SObject
from mock_server.protocols.instance import instance_url
from mock_server.protocols.rest import conditions
from mock_server.protocols.rest.recent import recent_items
from mock_server.protocols.rest.replies import DATA, answer, routes, words

RECENT = 5
"""Recent items that the short describe of an object shows."""
OBJECT = f"{DATA}/sobjects/{{sobject}}"
DESCRIBE = f"{OBJECT}/describe"


def sobject_of(call: Call) -> SObject:
    """Return the object that the path names, in any case. Raises NOT_FOUND."""
    sobject = call.schema.get(call.args["sobject"])
    if sobject is None:
        raise errors.NOT_FOUND()
    return sobject


@routes(Operation("rest.describe.global", "GET", f"{DATA}/sobjects", "read", summary="Describe all objects"))
async def describe_global(call: Call) -> Reply:
    return conditions.show_schema(call, forms.global_describe(call.schema, call.args["version"]))


@routes(Operation("rest.describe.summary", "GET", OBJECT, "read", summary="Describe one object in short"))
async def summary(call: Call) -> Reply:
    sobject = sobject_of(call)
    # Records used through the API enter the recent list only where a client asks for it (Sforce-Mru).
    items = recent_items(call, RECENT, sobject.name) if sobject.is_("mruEnabled") else []
    return answer({"objectDescribe": forms.summary(sobject, call.args["version"]), "recentItems": items})


@routes(Operation("rest.describe.object", "GET", DESCRIBE, "read", summary="Describe one object"))
async def describe_object(call: Call) -> Reply:
    pages = instance_url(call, call.org)
    body = forms.describe(sobject_of(call), call.args["version"], instance=pages)
    if call.schema is not call.org.schema:
        body = {**body, "childRelationships": _seen_children(call.schema, body["childRelationships"])}
    return conditions.show_schema(call, body)


def _seen_children(schema: Schema, children: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the relationships to objects and by fields that the caller sees."""
    found = ((child, schema.get(child["childSObject"])) for child in children)
    return [child for child, sobject in found if sobject is not None and child["field"] in sobject.by_name]


# -- layouts


@routes(
    Operation(
        "rest.describe.layouts", "GET", f"{DESCRIBE}/layouts", "read", summary="Describe an object's page layouts"
    )
)
async def describe_layouts(call: Call) -> Reply:
    if call.args["sobject"].lower() == "global":
        return answer(layouts.global_layouts())
    return answer(layouts.describe_layouts(linked(call, "layouts"), call.args["version"]))


@routes(
    Operation(
        "rest.describe.layout", "GET", f"{DESCRIBE}/layouts/{{record_type}}", "read",
        summary="Describe the page layout of a record type",
    )
)  # fmt: skip
async def describe_layout(call: Call) -> Reply:
    sobject = linked(call, "layouts")
    _check_record_type(call, sobject)
    return answer(layouts.describe_layout(sobject, call.args["version"]))


@routes(
    Operation(
        "rest.describe.named_layout", "GET", f"{DESCRIBE}/namedLayouts/{{layout}}", "read",
        summary="Describe a page layout by name",
    )
)  # fmt: skip
async def describe_named_layout(call: Call) -> Reply:
    sobject = linked(call, "layouts")
    names = {info["name"].lower() for info in forms.named_layouts(sobject, call.args["version"])}
    if call.args["layout"].lower() not in names:
        raise errors.NOT_FOUND()
    return answer(layouts.describe_layouts(sobject, call.args["version"]))


@routes(
    Operation(
        "rest.describe.compact_layouts", "GET", f"{DESCRIBE}/compactLayouts", "read",
        summary="Describe an object's compact layouts",
    )
)  # fmt: skip
async def describe_compact_layouts(call: Call) -> Reply:
    sobject = linked(call, "compactLayouts")
    return answer(compact_layouts.describe_compact_layouts(sobject, call.args["version"]))


@routes(
    Operation(
        "rest.describe.compact_layout", "GET", f"{DESCRIBE}/compactLayouts/{{record_type}}", "read",
        summary="Describe the compact layout of a record type, or the primary one",
    )
)  # fmt: skip
async def describe_compact_layout(call: Call) -> Reply:
    sobject = linked(call, "compactLayouts")
    if call.args["record_type"].lower() != "primary":
        _check_record_type(call, sobject)
    return answer(compact_layouts.primary_compact_layout(sobject))


@routes(
    Operation(
        "rest.describe.compact_layouts_of", "GET", f"{DATA}/compactLayouts", "read",
        summary="Read the primary compact layouts of several objects", query=("q",)
    )
)  # fmt: skip
async def compact_layouts_of(call: Call) -> Reply:
    names = words(call.query.get("q", ""))
    if not names:
        raise errors.MISSING_ARGUMENT_NAMED(name="q")
    found = {name: call.schema.get(name) for name in names}
    if None in found.values():
        raise errors.NOT_FOUND()
    return answer({name: compact_layouts.primary_compact_layout(one) for name, one in found.items() if one})


@routes(
    Operation(
        "rest.describe.approval_layouts", "GET", f"{DESCRIBE}/approvalLayouts", "read",
        summary="Describe an object's approval layouts",
    )
)  # fmt: skip
async def describe_approval_layouts(call: Call) -> Reply:
    # An object has approval layouts from its first approval process on: this org has none.
    linked(call, "approvalLayouts")
    return answer({"approvalLayouts": []})


def linked(call: Call, link: str) -> SObject:
    """Return the object of the path. Raises NOT_FOUND where its describe has no such link."""
    sobject = sobject_of(call)
    if link not in forms.links(sobject):
        raise errors.NOT_FOUND()
    return sobject


def _check_record_type(call: Call, sobject: SObject) -> None:
    """Refuse an id that is none of the object's record types. Raises NOT_FOUND."""
    wanted = to_18(call.args["record_type"])
    if wanted != forms.MASTER_RECORD_TYPE and wanted not in {one.id for one in sobject.record_types}:
        raise errors.NOT_FOUND()
