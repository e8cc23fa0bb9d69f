"""`POST /composite/tree/X`: records and their children, made together or not at all."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import orjson

from mock_server.jsontext import misfit_error
from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.records.resolving import unsupported_type
from mock_server.org.records.values import Misfit
from mock_server.org.schema.types import SObject
from mock_server.protocols.rest.assignment import ask_for_assignment
from mock_server.protocols.rest.composite.reading import Reader
from mock_server.protocols.rest.describe import sobject_of
from mock_server.protocols.rest.duplicates import duplicate_wishes, show_duplicates
from mock_server.protocols.rest.replies import DATA, answer, peeked_routes, saved_item

MOST_RECORDS = 200
MOST_LEVELS = 5
MOST_TYPES = 5
_REFERENCE_ID = re.compile(r"[A-Za-z0-9].*", re.DOTALL)


@dataclass(slots=True)
class _Node:
    """One record of a tree. `field` of it refers to its parent."""

    reference: str
    change: Change
    level: int
    parent: _Node | None = None
    field: str = ""
    id: str | None = None


@dataclass(slots=True)
class _Tree:
    """All records of a request, as they are read."""

    reader: Reader
    call: Call
    nodes: list[_Node] = field(default_factory=list)

    def read(self, sobject: SObject, holder: dict[str, Any], level: int, parent: _Node | None, link: str) -> None:
        if level > MOST_LEVELS:
            raise errors.TOO_MANY_OPERATIONS(most=MOST_LEVELS, what="levels of records")
        for record in [] if parent and holder.get("records") == [] else self.reader.objects(holder, "records"):
            reference = self._reference(record)
            if len(self.nodes) >= MOST_RECORDS:
                raise errors.EXCEEDED_ID_LIMIT(limit=MOST_RECORDS)
            node = _Node(reference, Change("create", self._type(record, sobject), {}), level, parent, link)
            self.nodes.append(node)
            children = []
            for name, value in record.items():
                child = sobject.child(name)
                if child is not None and (child_object := self.call.schema.get(child.child)) is not None:
                    if not isinstance(value, dict):
                        raise self.reader.wrong(
                            name, f"Cannot deserialize {name[:100]}: an object with records expected"
                        )
                    children.append((child_object, value, child.field))
                elif name != "attributes":
                    node.change.values[name] = value
            for child_object, value, child_field in children:
                self.read(child_object, value, level + 1, node, child_field)

    def _reference(self, record: dict[str, Any]) -> str:
        attributes = record.get("attributes")
        reference = attributes.get("referenceId") if isinstance(attributes, dict) else None
        if reference is None or reference == "":
            raise errors.INVALID_INPUT(text="Include a reference ID for each record in the request.")
        if not isinstance(reference, str) or not _REFERENCE_ID.fullmatch(reference):
            raise errors.INVALID_INPUT(text="A reference ID must begin with a letter or a number.")
        return reference

    def _type(self, record: dict[str, Any], sobject: SObject) -> str:
        """Return the record's object as it is named, which must be the one that belongs at its place."""
        kind = record["attributes"].get("type")
        if kind is None:
            raise errors.INVALID_INPUT(text="Include a type for each record in the request.")
        if not isinstance(kind, str) or self.call.schema.get(kind) is None:
            raise unsupported_type(str(kind)[:200])
        if kind.lower() != sobject.name.lower():
            raise errors.INVALID_INPUT(
                text=f"The record type {kind[:200]} doesn't match the expected type {sobject.name}."
            )
        return sobject.name


def _peek(call: Call) -> list[Change]:
    """Return the records of a tree that was refused whole, with the objects that they name."""
    try:
        body = orjson.loads(call.body)
    except orjson.JSONDecodeError:
        return []
    found: list[Change] = []
    level = [body] if isinstance(body, dict) else []
    while level and len(found) < MOST_RECORDS:
        holders, level = level, []
        for holder in holders:
            records = holder.get("records")
            for record in records if isinstance(records, list) else ():
                if not isinstance(record, dict):
                    continue
                attributes = record.get("attributes")
                kind = attributes.get("type") if isinstance(attributes, dict) else None
                inner = {name: one for name, one in record.items() if isinstance(one, dict) and "records" in one}
                level += inner.values()
                values = {name: one for name, one in record.items() if name not in inner and name != "attributes"}
                found.append(Change("create", str(kind or call.args.get("sobject", "")), values))
    return found[:MOST_RECORDS]


@peeked_routes(_peek)(
    Operation(
        "rest.composite.tree", "POST", f"{DATA}/composite/tree/{{sobject}}", "write", "never", "many", since=34.0,
        summary="Create up to 200 records with their children, all or none",
    )
)  # fmt: skip
async def tree(call: Call) -> Reply:
    sobject = sobject_of(call)
    reader = Reader(call)
    reader.only(reader.root, ("records",))
    if not reader.root.get("records"):
        raise errors.RECORDS_REQUIRED()
    read = _Tree(reader, call)
    read.read(sobject, reader.root, 1, None, "")
    nodes = sorted(read.nodes, key=lambda node: node.level)
    if len({node.change.sobject for node in nodes}) > MOST_TYPES:
        raise errors.TOO_MANY_OPERATIONS(most=MOST_TYPES, what="types of records")
    times = Counter(node.reference for node in nodes)
    if len(times) < len(nodes):
        twice = errors.INVALID_INPUT(text="Duplicate ReferenceId provided in the request.")
        _note(call, nodes, twice)
        return _failed([(node.reference, (twice,)) for node in nodes if times[node.reference] > 1])
    return await _save(call, nodes)


async def _save(call: Call, nodes: list[_Node]) -> Reply:
    wishes = duplicate_wishes(call.headers.get("Sforce-Duplicate-Rule-Header"))
    changes = [node.change for node in nodes]
    ask_for_assignment(call, changes)
    for change in changes:
        change.duplicates_known = wishes.allow_save
    try:
        results = await call.write(changes, all_or_none=True, work=lambda give_up: _make(call, nodes, give_up))
    except Misfit as misfit:
        raise misfit_error(call.body, misfit) from None
    show_duplicates(call, results, wishes)
    if all(result.success for result in results):
        ids = [{"referenceId": node.reference, "id": one.id} for node, one in zip(nodes, results, strict=True)]
        return answer({"hasErrors": False, "results": ids}, 201)
    refused = any(change.refusal is not None for change in changes)
    return _failed(
        [
            (node.reference, result.errors)
            for node, result in zip(nodes, results, strict=True)
            # Where a fault refused rows, those below others met their checks without parents: that tells nothing.
            if node.change.refusal is not None or (_own(result) and (node.parent is None or not refused))
        ]
    )


def _own(result: RowResult) -> bool:
    return not result.success and result.errors[0].code != "ALL_OR_NONE_OPERATION_ROLLED_BACK"


def _failed(found: Sequence[tuple[str, Sequence[ApiError]]]) -> Reply:
    """Answer 400 with those records alone that are to blame."""
    return answer(
        {
            "hasErrors": True,
            "results": [
                {"referenceId": reference, "errors": saved_item(RowResult(None, False, False, tuple(why)))["errors"]}
                for reference, why in found
            ],
        },
        400,
    )


def _note(call: Call, nodes: Sequence[_Node], error: ApiError) -> None:
    call.entry.codes, call.entry.message = (error.code,), error.message
    call.entry.carried([node.change for node in nodes], [RowResult(None, False, False, (error,))] * len(nodes))


def _under_parent(node: _Node) -> dict[str, Any]:
    """Return a record's values with the reference to its parent, whatever it says of that itself."""
    if node.parent is None:
        return node.change.values
    own = {name: value for name, value in node.change.values.items() if name.lower() != node.field.lower()}
    return {**own, node.field: node.parent.id}


class _Refused(Exception):
    """Leaves the transaction of a tree whose records did not all pass."""


def _make(call: Call, nodes: Sequence[_Node], give_up: bool) -> list[RowResult]:
    """Make the records level by level, those of one object together, in one transaction."""
    rolled_back = RowResult(None, False, False, (errors.ALL_OR_NONE_OPERATION_ROLLED_BACK(),))
    results: dict[int, RowResult] = {}
    try:
        with call.org.transaction():
            # Triggers run once for the records of one object on one level (D).
            for _, level in groupby(nodes, key=lambda node: node.level):
                same: dict[str, list[_Node]] = {}
                for node in level:
                    same.setdefault(node.change.sobject, []).append(node)
                for group in same.values():
                    _make_group(call, group, give_up, results)
    except _Refused:
        results = {key: rolled_back if one.success else one for key, one in results.items()}
    return [results.get(id(node), rolled_back) for node in nodes]


def _make_group(call: Call, group: Sequence[_Node], give_up: bool, results: dict[int, RowResult]) -> None:
    rows = [replace(node.change, values=_under_parent(node)) for node in group]
    saved = call.org.write(call.session, rows, all_or_none=True, exchange=call.entry.number, give_up=give_up)
    for node, result in zip(group, saved, strict=True):
        node.id = result.id
        results[id(node)] = result
    if not all(result.success for result in saved):
        raise _Refused
