"""Files: the bytes of a record's base64 field, and records that come with a file in a multipart body."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import Any

import orjson

from mock_server.jsontext import parser_error, wrong_kind
from mock_server.operations import Call, Operation, Reply
from mock_server.org import errors
from mock_server.org.ids import to_18
from mock_server.protocols.rest.replies import DATA, routes

ROWS = f"{DATA}/sobjects"
FILES = {"Attachment": "Body", "Document": "Body", "ContentVersion": "VersionData"}
"""The field that holds a record's file, by object (D)."""
_MULTIPART = "multipart/form-data"


def _read(sobject: str, field: str) -> Operation:
    path = f"{ROWS}/{sobject}/{{id}}/{field}"
    return Operation("rest.sobject.blob", "GET", path, "read", rows="one", summary="Read a record's file")


@routes(*[_read(sobject, field) for sobject, field in FILES.items()])
async def read(call: Call) -> Reply:
    name, _, field = call.operation.path.removeprefix(f"{ROWS}/").split("/")
    sobject = call.org.schema.get(name)
    identifier = to_18(call.args["id"])
    if sobject is None or identifier is None:
        raise errors.NOT_FOUND()
    found = call.org.file(call.session, sobject.name, identifier, field)
    if found is None:
        raise errors.NOT_FOUND()
    return Reply(200, found, "application/octetstream")


def record_of(call: Call, sobject: str) -> dict[str, Any]:
    """Return the values of a record that a call creates: a JSON body, or a multipart one with its file.

    Raises JSON_PARSER_ERROR, INVALID_INPUT for a multipart body without its two parts, UNSUPPORTED_MEDIA_TYPE.
    """
    kind = call.headers.get("Content-Type", "")
    file_field = next((field for name, field in FILES.items() if name.lower() == sobject.lower()), None)
    if file_field is None or kind.partition(";")[0].strip().lower() != _MULTIPART:
        return call.json_object()
    values: dict[str, Any] | None = None
    content: bytes | None = None
    for name, body, is_json in parts_of(kind, call.body):
        if name.lower() == file_field.lower():
            content = body
        elif is_json and values is None:
            values = _object(body)
    if values is None:
        raise errors.INVALID_INPUT(text="Multipart message must include a non-binary part")
    if content is not None:
        values[file_field] = content
    return values


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise parser_error(body) from None
    if not isinstance(value, dict):
        raise wrong_kind(body, value)
    return value


def parts_of(kind: str, body: bytes) -> list[tuple[str, bytes, bool]]:
    """Return name, bytes and whether it is JSON of each part of a multipart body."""
    try:
        head = b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n"
        message = BytesParser(policy=HTTP).parsebytes(head + body)
        if not message.is_multipart():
            return []
        out = []
        for part in message.iter_parts():
            name = part.get_param("name", header="content-disposition")
            content = part.get_payload(decode=True)
            data = content if isinstance(content, bytes) else b""
            out.append((str(name or ""), data, part.get_content_type().endswith("json")))
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        # What headers of parts can hold is more than the parser of messages foresees.
        return []
    return out
