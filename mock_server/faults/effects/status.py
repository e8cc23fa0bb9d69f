"""`status: 503`: an answer from in front of the platform, with headers and a page or text of its own."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from email.utils import formatdate
from typing import TYPE_CHECKING, ClassVar, Self

import orjson

from mock_server.documents import duration, nearest
from mock_server.faults.effects.effect import BEFORE_AFTER, Effect, Point
from mock_server.faults.effects.pages import HTML, PAGES
from mock_server.faults.reader import Reader, shown
from mock_server.faults.shapes import AT, Shape
from mock_server.operations import JSON, Reply
from mock_server.org.chance import Random

if TYPE_CHECKING:
    from mock_server.operations import Call, Operation

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# They say where the answer ends: a wrong one breaks the connection, which is what `reply: truncated` is for.
_FRAMING = frozenset({"content-length", "transfer-encoding", "connection"})
_DATE = re.compile(r"date\+(.+)")
"""A header such as `Retry-After: date+2s`: the time of the answer and a duration, as an HTTP date."""
_BODILESS = (204, 205, 304)


@dataclass(frozen=True, slots=True)
class Status(Effect):
    key: ClassVar[str] = "status"
    takes: ClassVar[tuple[str, ...]] = ("headers", "body", "at")
    points: ClassVar[frozenset[Point]] = frozenset({"before", "after"})

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""
    at: Point = "before"

    @classmethod
    def read(cls, reader: Reader, *, rows_selected: bool) -> Self | None:
        status = reader.count("status", 200, 599)
        headers = _headers(reader)
        body = reader.text("body") or ""
        page = nearest(body, tuple(PAGES)) if re.fullmatch("[a-z_]+", body) and body not in PAGES else None
        if page:
            reader.refuse("body", f"there is no page {body}", tuple(PAGES), body)
        if body and status in _BODILESS:
            reader.refuse("body", f"an answer of status {status} has no body")
        at = reader.choice("at", BEFORE_AFTER)
        return None if status is None else cls(status, headers, body, "after" if at == "after" else "before")

    @classmethod
    def shapes(cls) -> dict[str, Shape]:
        body = {"type": "string", "description": f"a text, or the name of a page: {', '.join(PAGES)}"}
        headers = {"type": "object", "additionalProperties": {"type": ["string", "number"]}}
        status = {"type": "integer", "minimum": 200, "maximum": 599}
        return {"status": status, "headers": headers, "body": body, "at": AT}

    def point(self, operation: Operation) -> Point:
        return self.at

    async def strike(self, call: Call, point: Point, chance: Random) -> Reply | None:
        text = PAGES.get(self.body, self.body)
        now = call.org.clock.now()
        call.entry.codes = _codes(text)
        headers = {name: _dated(value, now) for name, value in self.headers}
        return Reply(self.status, text.encode(), _content_type(text), headers)


def _dated(value: str, now: float) -> str:
    found = _DATE.fullmatch(value)
    # HTTP dates know whole seconds only: rounded up, so that the client waits long enough.
    return formatdate(math.ceil(now + duration(found[1])), usegmt=True) if found else value


def _codes(text: str) -> tuple[str, ...]:
    """Return the error codes of a body in Salesforce's form: the journal says what the client could read."""
    if not text.startswith("["):
        return ()
    try:
        errors = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ()
    return tuple(str(error["errorCode"]) for error in errors if isinstance(error, dict) and "errorCode" in error)


def _content_type(text: str) -> str | None:
    if not text:
        return None
    if text.lstrip().startswith("<"):
        return HTML
    return JSON if text.lstrip().startswith(("{", "[")) else "text/plain;charset=UTF-8"


def _is_duration(text: str) -> bool:
    try:
        duration(text)
    except ValueError:
        return False
    return True


def _headers(reader: Reader) -> tuple[tuple[str, str], ...]:
    given = reader.mapping("headers")
    out = []
    for name, value in given.data.items() if given else ():
        text = str(value)
        if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in _FRAMING:
            reader.refuse(("headers", str(name)), f"{shown(name)} is no header that a rule can set")
        elif isinstance(value, bool) or not isinstance(value, str | int | float) or not _VALUE.fullmatch(text):
            reader.refuse(("headers", name), f"the value of a header must be one line of text, not {shown(value)}")
        elif (dated := _DATE.fullmatch(text)) and not _is_duration(dated[1]):
            reader.refuse(("headers", name), f"{shown(text)} is no date to come; write it like date+2s")
        else:
            out.append((name, text))
    return tuple(out)
