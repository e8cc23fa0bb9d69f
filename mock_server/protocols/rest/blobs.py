"""Files: the bytes of a record's base64 field, and records that come with a file in a multipart body."""

from __future__ import annotations

from typing import Any

import orjson

from mock_server.jsontext import check_depth, parser_error, wrong_kind
from mock_server.multipart import Malformed, Part, is_multipart, parts
from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.protocols.rest.replies import DATA, routes
from mock_server.xmltext import KINDS
from mock_server.xmltext import read as read_xml

ROWS = f"{DATA}/sobjects"
FILES = {
    "Attachment": "Body", "ContentNote": "Content", "ContentVersion": "VersionData", "Document": "Body",
    "EmailCapture": "RawMessage", "EventLogFile": "LogFile", "MailmergeTemplate": "Body", "StaticResource": "Body",
}  # fmt: skip
"""The field that holds a record's file, by object (D)."""


def _read(sobject: str, field: str) -> Operation:
    path = f"{ROWS}/{sobject}/{{id}}/{field}"
    return Operation("rest.sobject.blob", "GET", path, "read", rows="one", gives="*/*", summary="Read a record's file")


@routes(*[_read(sobject, field) for sobject, field in FILES.items()])
async def read(call: Call) -> Reply:
    name, _, field = call.operation.path.removeprefix(f"{ROWS}/").split("/")
    sobject = call.schema.get(name)
    identifier = to_18(call.args["id"])
    if sobject is None or identifier is None:
        raise errors.NOT_FOUND()
    found = call.org.file(call.session, sobject.name, identifier, field)
    if found is None:
        raise errors.NOT_FOUND()
    return Reply(200, found, "application/octetstream")


def record_of(call: Call, sobject: str) -> dict[str, Any]:
    """Return the values of a record of an object that a call saves: its body, or the two parts of one with a file.

    Raises JSON_PARSER_ERROR, XML_PARSER_ERROR, UNSUPPORTED_MEDIA_TYPE, and INVALID_MULTIPART_REQUEST for a body whose
    parts are no record and its file.
    """
    kind = call.headers.get("Content-Type", "")
    file_field = FILES.get(sobject)
    if file_field is None or not is_multipart(kind):
        return call.json_object()
    values, files = _taken_apart(kind, call.body)
    for part in files:
        if part.name.lower() != file_field.lower():
            raise errors.INVALID_MULTIPART_REQUEST(
                text=f"Binary part name '{part.name[:80]}' is no blob field of {sobject}: it has {file_field}"
            )
        values[file_field] = part.content
    return values


def records_of(call: Call) -> dict[str, Any]:
    """Return the body of a call that saves many records, each with the file whose part it names.

    Source: REST API Developer Guide, "Insert or Update Blob Data": `binaryPartName` of a record's attributes is the
    part, `binaryPartNameAlias` the field. Raises as `record_of`.
    """
    kind = call.headers.get("Content-Type", "")
    if not is_multipart(kind):
        return call.json_object()
    body, files = _taken_apart(kind, call.body)
    contents = {part.name: part.content for part in files}
    listed = body.get("records")
    for record in listed if isinstance(listed, list) else []:
        attributes = record.get("attributes") if isinstance(record, dict) else None
        if not isinstance(attributes, dict) or "binaryPartName" not in attributes:
            continue
        part = attributes["binaryPartName"]
        field = attributes.get("binaryPartNameAlias")
        if not isinstance(field, str) or not isinstance(part, str) or part not in contents:
            raise errors.INVALID_MULTIPART_REQUEST(
                text=f"Cannot find the binary part '{str(part)[:80]}', or its binaryPartNameAlias"
            )
        record[field] = contents[part]
    return body


def _taken_apart(kind: str, body: bytes) -> tuple[dict[str, Any], list[Part]]:
    """Return the part that is no file, as an object, and those that are."""
    try:
        found = parts(kind, body)
    except Malformed as malformed:
        raise errors.INVALID_MULTIPART_REQUEST(text=f"The multipart message cannot be read: {malformed}") from None
    own = next((part for part in found if part.filename is None and _is_told(part)), None)
    own = own or next((part for part in found if _is_told(part)), None)
    if own is None:
        raise errors.INVALID_MULTIPART_REQUEST(text="Multipart message must include a non-binary part")
    value = read_xml(own.content) if own.kind in KINDS else _object(own.content)
    return value, [part for part in found if part is not own]


def _is_told(part: Part) -> bool:
    """Tell whether a part holds values rather than a file."""
    return part.kind.endswith("json") or part.kind in KINDS


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise parser_error(body) from None
    check_depth(body, value)
    if not isinstance(value, dict):
        raise wrong_kind(body, value)
    return value


def parts_of(kind: str, body: bytes) -> list[tuple[str, bytes, bool]]:
    """Return name, bytes and whether it is JSON of each part of a multipart body; none of a malformed one."""
    try:
        return [(part.name, part.content, part.kind.endswith("json")) for part in parts(kind, body)]
    except Malformed:
        return []
