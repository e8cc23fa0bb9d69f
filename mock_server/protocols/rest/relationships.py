"""Records reached through others: `/sobjects/Contact/ID/Account`, `/sobjects/Account/ID/Contacts`.

Source: REST API Developer Guide, "Traverse Relationships with Friendly URLs" and "sObject Relationships". Up to five
parents may follow each other; a child relationship ends the path, can only be read, and answers as a query does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mock_server.operations import Call, Operation, Reply, Routes
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.org.records.changes import Change
from mock_server.org.schema.types import COMPOUND_TYPES, ChildRelationship, SObject
from mock_server.protocols.rest import conditions, records
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.formats import finish
from mock_server.protocols.rest.query import page_answer, page_size
from mock_server.protocols.rest.replies import base_of, check_version, fields_of, peek, render, routes, version_of

MOST_PARENTS = 5
_SINCE = 36.0
_STEPS = tuple(f"step{number}" for number in range(1, MOST_PARENTS + 1))
"""The names of path segments behind the first three."""
_NAME = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)*")


def _is_id(segment: str) -> bool:
    """Tell an id from the name of an external id field. Names of the same length have no digits."""
    return len(segment) in (15, 18) and not segment.isalpha() and to_18(segment) is not None


def _meant(method: str, key: str) -> dict[bool, str]:
    verb = {"GET": "read", "PATCH": "update", "DELETE": "delete"}[method]
    return {True: f"rest.relationship.{verb}", False: f"rest.sobject.{key}"}


_MEANT = {
    "HEAD": _meant("GET", "read_by_key"),
    "GET": _meant("GET", "read_by_key"),
    "PATCH": _meant("PATCH", "upsert"),
    "DELETE": _meant("DELETE", "delete_by_key"),
}


def _choose(call: Call) -> str:
    """Name the operation that a path of three segments means: a relationship of a record, or a record by its key."""
    segments = [segment for segment in call.raw_path.split("/") if segment]
    return _MEANT[call.method][_is_id(segments[5])]


keyed = Routes(render, choose=_choose, peek=peek, guard=check_version, finish=finish)
"""The operations that share `/sobjects/X/{field}/{value}`."""


def _operations(verb: str, method: str, kind: str, replay: str, summary: str) -> list[Operation]:
    paths = [f"{records.BY_KEY}/{'/'.join(f'{{{one}}}' for one in _STEPS[:length])}" for length in range(1, 6)]
    return [
        Operation(
            f"rest.relationship.{verb}", method, path, kind, replay, "one",  # type: ignore[arg-type]  # literals below
            since=_SINCE, summary=summary, query=("fields",) if method == "GET" else (),
        )
        for path in (records.BY_KEY, *paths)
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a path leads: a record, or with `child` those that refer to it."""

    sobject: SObject
    id: str
    child: ChildRelationship | None = None


async def read(call: Call) -> Reply:
    place = _place(call)
    if place.child is None:
        return records.read_record(call, place.sobject, place.id)
    sobject = call.schema.get(place.child.child)
    if sobject is None or not sobject.is_("queryable") or place.child.field not in sobject.by_name:
        raise errors.NOT_FOUND()
    names = ", ".join(_names(call, sobject))
    soql = f"SELECT {names} FROM {sobject.name} WHERE {place.child.field} = '{place.id}'"  # noqa: S608  # names only
    page = await call.org.query_aside(
        call.session, soql, size=page_size(call), base=base_of(call), version=version_of(call.args["version"])
    )
    return page_answer(call, page)


def _names(call: Call, sobject: SObject) -> list[str]:
    """Return the fields that are asked for, by default all. Raises INVALID_FIELD."""
    names = fields_of(call) or []
    for name in names:
        if not _NAME.fullmatch(name):
            raise errors.INVALID_FIELD(text=f"No such column '{name[:80]}' on sobject of type {sobject.name}")
    return names or [field.name for field in sobject.fields if field.valued or field.type in COMPOUND_TYPES]


async def update(call: Call) -> Reply:
    place = _parent(call)
    check = conditions.check_of(call, place.sobject, place.id)
    change = Change("update", place.sobject.name, call.json_object(), place.id)
    return records.done(await records.save(call, [change], check=check))


async def delete(call: Call) -> Reply:
    place = _parent(call)
    return records.done(await records.save(call, [Change("delete", place.sobject.name, id=place.id)]))


def _parent(call: Call) -> _Place:
    place = _place(call)
    if place.child is not None:
        raise errors.METHOD_NOT_ALLOWED(method=call.method, allowed="HEAD,GET")
    return place


def _place(call: Call) -> _Place:
    """Follow the path. Raises NOT_FOUND where a record, a relationship or a parent is not there, or not seen."""
    sobject = sobject_of(call)
    names = [call.args["value"], *(call.args[step] for step in _STEPS if step in call.args)]
    if _is_id(call.args["field"]):
        identifier = to_18(call.args["field"])
    else:
        # A path of four and more segments may begin with a key in place of an id.
        matches = records.matches(call, sobject, records.key_field(call, sobject))
        if len(matches) > 1:
            raise errors.NOT_FOUND()
        identifier = matches[0] if matches else None
        del names[0]
    for number, name in enumerate(names, 1):
        if identifier is None or number > MOST_PARENTS + 1:
            raise errors.NOT_FOUND()
        child = sobject.child(name)
        if child is not None and sobject.parent(name) is None:
            if number < len(names) or not call.org.sees(call.session, sobject.name, identifier):
                raise errors.NOT_FOUND()
            return _Place(sobject, identifier, child)
        if number > MOST_PARENTS:
            raise errors.NOT_FOUND()
        sobject, identifier = _step(call, sobject, identifier, name)
    if identifier is None:
        raise errors.NOT_FOUND()
    return _Place(sobject, identifier)


def _step(call: Call, sobject: SObject, identifier: str, name: str) -> tuple[SObject, str]:
    field = sobject.parent(name)
    if field is None:
        raise errors.NOT_FOUND()
    (record,) = call.org.read(call.session, sobject.name, [identifier], [field.name], base="")
    target = record[field.name] if record is not None else None
    if target is None:
        raise errors.NOT_FOUND()
    # What a reference of several objects leads to stands in the id.
    parent = call.schema.by_prefix(target[:3])
    if parent is None:
        raise errors.NOT_FOUND()
    return parent, str(target)


def _declare() -> None:
    always = [
        (read, _operations("read", "GET", "read", "always", "Read a record, or records, through a relationship")),
        (update, _operations("update", "PATCH", "write", "conditional", "Change a record through a relationship")),
        (delete, _operations("delete", "DELETE", "write", "always", "Delete a record through a relationship")),
    ]
    for handler, (shared, *own) in always:
        keyed(shared)(handler)
        routes(*own)(handler)


_declare()
keyed(records.READ_BY_KEY)(records.read_by_key)
keyed(records.UPSERT)(records.upsert)
keyed(records.DELETE_BY_KEY)(records.delete_by_key)
