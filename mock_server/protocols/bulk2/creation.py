"""What a client says of an ingest job that it creates, with or without the job's content."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import orjson

from mock_server.jsontext import check_depth, parser_error, wrong_kind
from mock_server.multipart import Malformed, Part, is_multipart, parts
from mock_server.operations import Call
from mock_server.org import errors
from mock_server.org.jobs import NewJob
from mock_server.org.jobs.reading import DELIMITERS, LINE_ENDINGS
from mock_server.protocols.bulk2.bodies import choice, only_known, wrong_type

OPERATIONS = ("insert", "update", "upsert", "delete", "hardDelete")
MOST_IN_PART = 20_000
"""Characters of a content that comes along with its job (D)."""
_ASSIGNMENT_SINCE = 49.0
_KNOWN = (
    "object", "operation", "contentType", "lineEnding", "columnDelimiter", "externalIdFieldName", "assignmentRuleId",
    "concurrencyMode",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NewIngest:
    """A job to make, and its content where that came along."""

    job: NewJob
    content: BinaryIO | None = None


def read_new(call: Call, version: float) -> NewIngest:
    """Read a creation. Raises what `Call.json` does, API_ERROR, INVALIDJOB, INVALID_MULTIPART_REQUEST."""
    kind = call.headers.get("Content-Type", "")
    if not is_multipart(kind):
        return NewIngest(_job(call.body, call.json_object(), version))
    try:
        found = parts(kind, call.body)
    except Malformed as wrong:
        raise errors.INVALID_MULTIPART_REQUEST(text=f"Multipart message could not be parsed: {wrong}") from None
    job, content = _two(found)
    new = _job(job.content, _parsed(job.content), version)
    text = content.content.decode("utf-8", "replace")
    if len(text) > MOST_IN_PART:
        raise errors.INVALID_JOB(text=f"Content of a multipart request exceeds {MOST_IN_PART} characters")
    return NewIngest(new, BytesIO(content.content))


def _two(found: list[Part]) -> tuple[Part, Part]:
    """Return the part of the job and that of its content, which come in this order."""
    if not found or found[0].name != "job" or found[0].kind not in ("", "application/json"):
        raise errors.INVALID_MULTIPART_REQUEST(text="The first part must be named job, of type application/json")
    if len(found) != 2 or found[1].name != "content" or found[1].kind != "text/csv":
        raise errors.INVALID_MULTIPART_REQUEST(text="The second part must be named content, of type text/csv")
    return found[0], found[1]


def _parsed(text: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        raise parser_error(text) from None
    check_depth(text, value)
    if not isinstance(value, dict):
        raise wrong_kind(text, value)
    return value


def _job(text: bytes, body: dict[str, Any], version: float) -> NewJob:
    known = _KNOWN if version >= _ASSIGNMENT_SINCE else tuple(one for one in _KNOWN if one != "assignmentRuleId")
    only_known(text, body, known)
    operation = choice(text, body, "operation", OPERATIONS)
    choice(text, body, "contentType", ("CSV",), "CSV")
    # D: for future use, and not for clients to choose.
    choice(text, body, "concurrencyMode", ("Parallel", "Serial"), "Parallel")
    return NewJob(
        "ingest",
        operation,
        _text(text, body, "object") or "",
        version,
        line_ending=choice(text, body, "lineEnding", LINE_ENDINGS, "LF"),
        delimiter=choice(text, body, "columnDelimiter", DELIMITERS, "COMMA"),
        key_field=_text(text, body, "externalIdFieldName"),
        assignment_rule=_text(text, body, "assignmentRuleId"),
    )


def _text(text: bytes, body: dict[str, Any], name: str) -> str | None:
    value = body.get(name)
    if value is not None and not isinstance(value, str):
        raise wrong_type(text, name)
    return value
