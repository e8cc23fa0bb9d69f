"""Bodies of many parts (RFC 7578): what each part is called, what it says it is, and its bytes as they are.

The parsers at hand change line ends or want a stream; files must come through byte for byte. Bare line feeds are taken
for line ends, as bodies that were typed into a file have them.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from dataclasses import dataclass

MOST_PARTS = 250
_LONGEST_HEAD = 16_384
_BOUNDARY = re.compile(r';\s*boundary\s*=\s*(?:"([^"\r\n]{1,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_PARAMETER = re.compile(r';\s*(name|filename)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))', re.IGNORECASE)
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")


class Malformed(ValueError):
    """A body that is not what its Content-Type says."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part. `kind` is its media type in lower case, without parameters; empty where it says none."""

    name: str
    filename: str | None
    kind: str
    content: bytes


def is_multipart(content_type: str) -> bool:
    return content_type.partition(";")[0].strip().lower() == "multipart/form-data"


def parts(content_type: str, body: bytes) -> list[Part]:
    """Return the parts of a body. Raises Malformed."""
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise Malformed("no boundary")
    delimiter = b"--" + (found[1] or found[2]).rstrip().encode("utf-8", "replace")
    out: list[Part] = []
    # A search of its own for each place that is none would take as long as the body has bytes.
    next_line = re.compile(b"\n" + re.escape(delimiter) + rb"(?=--|[\r\n \t])")
    at = 0 if body.startswith(delimiter) else _next(body, next_line, 0)[1]
    while True:
        at += len(delimiter)
        if body.startswith(b"--", at):
            return out
        line = body.find(b"\n", at)
        if line < 0 or body[at:line].strip():
            raise Malformed("a boundary ends its line")
        if len(out) == MOST_PARTS:
            raise Malformed(f"more than {MOST_PARTS} parts")
        end, following = _next(body, next_line, line)
        out.append(_part(body, line + 1, end))
        at = following


def _next(body: bytes, line: re.Pattern[bytes], start: int) -> tuple[int, int]:
    """Return where what stands before the next delimiter ends, and where the delimiter begins. Raises Malformed.

    `line` is a line feed and the delimiter, with what may follow it.
    """
    found = line.search(body, start)
    if found is None:
        raise Malformed("the last boundary is missing")
    at = found.start()
    return (at - 1 if at > start and body[at - 1 : at] == b"\r" else at), at + 1


def _part(body: bytes, start: int, end: int) -> Part:
    if body.startswith((b"\r\n", b"\n"), start):
        raise Malformed("a part without headers")
    head = _END_OF_HEAD.search(body, start, min(end, start + _LONGEST_HEAD))
    if head is None:
        # Nothing but headers: an empty part, unless they are too long.
        if end - start >= _LONGEST_HEAD:
            raise Malformed("the headers of a part are too long")
        head_end = content = max(start, end)
    else:
        head_end, content = head.span()
    headers = _headers(body[start:head_end])
    told = {
        key.lower(): quoted or plain
        for key, quoted, plain in _PARAMETER.findall(headers.get("content-disposition", ""))
    }
    data = body[content : max(content, end)]
    if headers.get("content-transfer-encoding", "").lower() == "base64":
        try:
            data = b64decode(b"".join(data.split()), validate=True)
        except (Error, ValueError):
            raise Malformed("a part is no base64") from None
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    return Part(told.get("name", ""), told.get("filename"), kind, data)


def _headers(head: bytes) -> dict[str, str]:
    out: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").splitlines():
        name, colon, value = line.partition(":")
        if colon:
            out.setdefault(name.strip().lower(), value.strip())
    return out
