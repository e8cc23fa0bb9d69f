"""`status: 503`, with `body` and `headers`: what proxies and overloaded edges answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from mock_server.faults.effects.base import Effect, Point, moment
from mock_server.faults.problems import EffectProblem
from mock_server.operations import JSON, Call, Reply

HTML = "text/html;charset=UTF-8"
PAGES = {
    "maintenance": (
        HTML,
        b"<html><head><title>Maintenance</title></head><body><h1>We are down for maintenance.</h1>"
        b"<p>Sorry for the inconvenience. We'll be back shortly.</p></body></html>",
    ),
    "too_busy": (JSON, b'[{"errorCode":"SERVER_UNAVAILABLE","message":"Server too busy"}]'),
    "empty": (HTML, b""),
}
"""Named bodies. The edge speaks HTML, the application JSON."""


@dataclass(frozen=True)
class Status(Effect):
    key: ClassVar[str] = "status"
    flags: ClassVar[frozenset[str]] = frozenset({"body", "headers", "at"})

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...]
    point: Point

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Status:
        status = data["status"]
        if isinstance(status, bool) or not isinstance(status, int) or not 200 <= status <= 599:
            raise EffectProblem(("status",), "a status from 200 to 599 is needed here")
        headers = data.get("headers", {})
        if not isinstance(headers, Mapping):
            raise EffectProblem(("headers",), "a mapping of header names to values is needed here")
        for name, value in headers.items():
            if not str(name).isprintable() or not str(value).isprintable() or " " in str(name):
                raise EffectProblem(("headers", str(name)), "a header holds one line of printable text")
        text = data.get("body", "too_busy" if status == 503 else "empty")
        if not isinstance(text, str):
            raise EffectProblem(("body",), "a text, or the name of a page, is needed here", tuple(PAGES))
        content_type, body = PAGES.get(text, (_guess(text), text.encode()))
        point: Point = "before" if moment(data) == "before" else "after"
        return cls(status, content_type, body, tuple((str(n), str(v)) for n, v in headers.items()), point)

    async def strike(self, call: Call) -> Reply | None:
        return Reply(self.status, self.body, self.content_type, dict(self.headers))


def _guess(text: str) -> str:
    if text.lstrip().startswith(("{", "[")):
        return JSON
    return HTML if text.lstrip().startswith("<") else "text/plain;charset=UTF-8"
