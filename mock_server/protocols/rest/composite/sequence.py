"""Runs subrequests one after the other, each with what it refers to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from mock_server.operations import Admit, Call, Operation, Reply, Request
from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import Change
from mock_server.protocols.rest.composite.reading import MOST_READ, Subrequest, written
from mock_server.protocols.rest.composite.references import Answered, Answers
from mock_server.protocols.rest.replies import render

ROOT = "/services/data/v"
SHOWN = ("Location", "ETag", "Last-Modified")
"""The headers of an answer that are told (R: a create's Location, the tags of a describe)."""
_ROW_READS = ("rest.sobject.read", "rest.sobject.read_by_key")
_COLLECTIONS = "rest.collections."


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of a subrequest. `failed` also where rows of a collection did, within a good answer."""

    reference: str
    reply: Reply
    failed: bool

    def item(self) -> dict[str, Any]:
        return {
            "body": body_of(self.reply),
            "httpHeaders": {name: self.reply.headers[name] for name in SHOWN if name in self.reply.headers},
            "httpStatusCode": self.reply.status,
            "referenceId": self.reference,
        }


def body_of(reply: Reply) -> Any:
    """Return a reply's body as it stands within another one: null for none."""
    if not reply.body:
        return None
    if reply.content_type is not None and "json" in reply.content_type:
        return orjson.Fragment(reply.body)
    return reply.body.decode(errors="replace")


def failed(reference: str, error: ApiError) -> Answer:
    return Answer(reference, render(error), True)


def reading(operation: Operation) -> None:
    """Refuse the operations that no subrequest can be: files, composite requests, what is outside of the API's data."""
    name = operation.name
    if not operation.path.startswith("/services/data/{version}") or not operation.auth:
        raise errors.NOT_FOUND()
    if name == "rest.sobject.blob" or name.startswith("rest.composite."):
        raise errors.NOT_IN_COMPOSITE(resource=operation.path.partition("{version}")[2] or "/")


async def run_all(
    call: Call, subrequests: Sequence[Subrequest], version: int, admit: Admit, halt: bool
) -> list[Answer]:
    """Answer subrequests in their order. With `halt` none is run after one that failed."""
    answers, told = Answers(version), []
    halted = False
    for one in subrequests:
        if halted:
            call.inside.forgo(call, request_of(one), errors.PROCESSING_HALTED())
            told.append(failed(one.reference, errors.PROCESSING_HALTED()))
            continue
        answer, row = await _run(call, one, answers, admit)
        answers.add(one.reference, Answered(answer.reply.body, row))
        told.append(answer)
        halted = halt and answer.failed
    return told


async def _run(call: Call, one: Subrequest, answers: Answers, admit: Admit) -> tuple[Answer, bool]:
    """Answer one subrequest; tell whether it read a record, whose empty fields can be referred to."""
    try:
        request = request_of(one, answers.url, answers.text, answers.resolve)
    except ApiError as error:
        call.inside.forgo(call, request_of(one), error)
        return failed(one.reference, error), False
    if not one.url.startswith(("/services/", "@{")) or not request.target.startswith(ROOT):
        unknown = errors.NOT_FOUND()
        call.inside.forgo(call, request, unknown)
        return failed(one.reference, unknown), False
    found: list[str] = []

    def noticed(operation: Operation) -> None:
        found.append(operation.name)
        admit(operation)

    reply = await call.inside.run(call, request, noticed)
    name = found[0] if found else ""
    bad = reply.status >= 400 or (name.startswith(_COLLECTIONS) and _bad_rows(reply.body))
    return Answer(one.reference, reply, bad), name in _ROW_READS and reply.status == 200


def _bad_rows(body: bytes) -> bool:
    rows = orjson.loads(body) if body else None
    return isinstance(rows, list) and any(isinstance(row, dict) and row.get("success") is False for row in rows)


def _same(value: Any) -> Any:
    return value


def request_of(
    one: Subrequest,
    url: Callable[[str], str] = _same,
    text: Callable[[str], str] = _same,
    value: Callable[[Any], Any] = _same,
) -> Request:
    """Return the request that a subrequest asks for, its parts resolved by functions. Raises PROCESSING_HALTED."""
    body = value(one.body)
    return Request(
        one.method,
        url(one.url),
        {name: text(said) for name, said in one.headers.items()},
        b"" if body is None else written(body),
        said=None if body == one.body else written(one.body),
    )


async def run_together(call: Call, subrequests: Sequence[Subrequest], version: int, admit: Admit) -> list[Answer]:
    """Answer subrequests as one transaction: all succeed, or nothing was done."""

    async def work() -> list[Answer]:
        return await run_all(call, subrequests, version, admit, halt=True)

    answers = await call.inside.together(call, work, lambda found: not any(answer.failed for answer in found))
    if any(answer.failed for answer in answers):
        halted = errors.PROCESSING_HALTED()
        answers = [answer if answer.failed else failed(answer.reference, halted) for answer in answers]
    return answers


def peek(call: Call, values: Any, version_path: str = "") -> list[Change]:
    """Return the rows that the subrequests of a body carry which was refused as a whole, as far as can be told."""
    requests = []
    for item in values[:MOST_READ] if isinstance(values, list) else ():
        if not isinstance(item, dict):
            continue
        method, url = item.get("method"), item.get("url")
        if isinstance(method, str) and isinstance(url, str):
            body = item.get("body", item.get("richInput"))
            target = url if not version_path else version_path + url.removeprefix(version_path).lstrip("/")
            requests.append(Request(method.upper(), target, {}, b"" if body is None else written(body)))
    return call.inside.peek(call, requests)
