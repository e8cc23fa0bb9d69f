"""Conditional requests: read a record or a describe if it is new, change a record if it is old.

Source: REST API Developer Guide, "Conditional Request Headers": dates work for the rows of all objects, entity tags for
those of accounts alone; deletions have no conditions; a value that cannot be read fails a change with 400.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from hashlib import sha1
from typing import Any

import orjson

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.schema.describe import etag
from mock_server.org.schema.types import SObject

TAGGED = "Account"
"""The object whose records have entity tags."""
_CHANGED = "LastModifiedDate"
_NO_CONTENT = frozenset({"attributes", "LastViewedDate", "LastReferencedDate"})
"""What changes by being read, or with the version that reads."""
_TAGS = re.compile(r'\s*(?:W/)?"[^"]*"\s*(?:,\s*(?:W/)?"[^"]*"\s*)*')
_TAG = re.compile(r'"([^"]*)"')
_GZIPPED = re.compile(r"-{1,2}gzip$")


def http_moment(text: str | None) -> float | None:
    """Return the seconds that an HTTP date stands for, None for none or one that cannot be read."""
    try:
        moment = parsedate_to_datetime(text) if text else None
        return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def show(call: Call, sobject: SObject, identifier: str, record: Mapping[str, Any], reply: Reply) -> Reply:
    """Give the answer to a read its validators, or answer 304 or 412 where a condition says so.

    A tag decides where one is sent (RFC 9110, 13.2.2).
    """
    headers = call.headers
    changed = record.get(_CHANGED)
    if changed is not None:
        reply.headers["Last-Modified"] = _http_date(changed)
    if sobject.name == TAGGED:
        tag = _tag(record if "fields" not in call.query else _whole(call, sobject, identifier))
        zipped = "-gzip" if "gzip" in headers.get("Accept-Encoding", "") else ""
        reply.headers["ETag"] = f'"{tag}{zipped}"'
        wanted, known = headers.get("If-Match"), headers.get("If-None-Match")
        if wanted is not None and not _names(wanted, tag):
            raise errors.PRECONDITION_FAILED()
        if known is not None:
            return Reply(304, b"", None, reply.headers) if _names(known, tag) else reply
    since, until = headers.get("If-Modified-Since"), headers.get("If-Unmodified-Since")
    if since is None and until is None:
        return reply
    last = _last_change(call, sobject, identifier)
    limit = http_moment(until)
    if limit is not None and last is not None and last > limit:
        raise errors.PRECONDITION_FAILED()
    known_at = http_moment(since)
    if known_at is not None and last is not None and last <= known_at:
        return Reply(304, b"", None, reply.headers)
    return reply


def show_schema(call: Call, value: dict[str, Any]) -> Reply:
    """Answer with what follows from the schema, its ETag and Last-Modified, or 304 when the client has it already.

    A tag decides where one is sent (RFC 9110, 13.2.2); else nothing is modified that has not changed since the date.
    """
    body = orjson.dumps(value)
    # Dates on the wire have whole seconds.
    changed = int(call.schema.changed)
    modified = format_datetime(datetime.fromtimestamp(changed, UTC), usegmt=True)
    tags = {"ETag": etag(body), "Last-Modified": modified}
    until = http_moment(call.headers.get("If-Unmodified-Since"))
    if until is not None and changed > until:
        raise errors.PRECONDITION_FAILED()
    known = call.headers.get("If-None-Match")
    if known is not None:
        same = known.strip() == "*" or tags["ETag"].strip('"') in known
    else:
        since = http_moment(call.headers.get("If-Modified-Since"))
        same = since is not None and changed <= since
    if same:
        return Reply(304, b"", None, tags)
    return Reply(200, body, headers=tags)


def asked(call: Call) -> bool:
    """Tell whether a call has conditions on a change."""
    headers = call.headers
    return "If-Match" in headers or "If-None-Match" in headers or "If-Unmodified-Since" in headers


def check_of(call: Call, sobject: SObject, identifier: str | None) -> Callable[[], None] | None:
    """Return what must hold before a record is changed, None for a call without conditions.

    Raises INVALID_HEADER for a condition that cannot be read; the check raises PRECONDITION_FAILED.
    """
    headers = call.headers
    until = headers.get("If-Unmodified-Since")
    wanted, known = headers.get("If-Match"), headers.get("If-None-Match")
    if until is None and wanted is None and known is None:
        return None
    limit = http_moment(until)
    if until is not None and limit is None:
        raise errors.INVALID_HEADER(name="If-Unmodified-Since")
    for name, value in (("If-Match", wanted), ("If-None-Match", known)):
        if value is not None and value.strip() != "*" and not _TAGS.fullmatch(value[:10_000]):
            raise errors.INVALID_HEADER(name=name)
    if identifier is None:
        return None

    def check() -> None:
        last = None if limit is None else _last_change(call, sobject, identifier)
        if limit is not None and last is not None and last > limit:
            raise errors.PRECONDITION_FAILED()
        if sobject.name != TAGGED or (wanted is None and known is None):
            return
        record = _whole(call, sobject, identifier)
        if not record:
            return  # the save says what is the matter with it
        tag = _tag(record)
        if (wanted is not None and not _names(wanted, tag)) or (known is not None and _names(known, tag)):
            raise errors.PRECONDITION_FAILED()

    return check


def _whole(call: Call, sobject: SObject, identifier: str) -> Mapping[str, Any]:
    (record,) = call.org.read(call.session, sobject.name, [identifier], None, base="")
    return record or {}


def _tag(record: Mapping[str, Any]) -> str:
    """Return the hash of a record's content, whichever way it was read."""
    content = orjson.dumps({name: value for name, value in record.items() if name not in _NO_CONTENT})
    return b64encode(sha1(content, usedforsecurity=False).digest()).decode()


def _names(header: str, tag: str) -> bool:
    if header.strip() == "*":
        return True
    return any(_GZIPPED.sub("", one) == tag for one in _TAG.findall(header[:10_000]))


def _last_change(call: Call, sobject: SObject, identifier: str) -> float | None:
    if _CHANGED not in sobject.by_name:
        return None
    (record,) = call.org.read(call.session, sobject.name, [identifier], [_CHANGED], base="")
    text = record[_CHANGED] if record is not None else None
    return None if text is None else float(int(datetime.fromisoformat(text).timestamp()))


@lru_cache(4096)
def _http_date(text: str) -> str:
    return format_datetime(datetime.fromisoformat(text).astimezone(UTC), usegmt=True)
