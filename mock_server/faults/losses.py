"""What becomes of a job's results on their way to a client: expired, not known any more, or half of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson

from mock_server.journal import Strike
from mock_server.org.ids import to_18

if TYPE_CHECKING:
    from mock_server.journal import JobTold
    from mock_server.operations import Call, Reply
    from mock_server.org.jobs import Job
    from mock_server.org.jobs.doom import Doom, Loss

INGEST = frozenset({f"bulk2.ingest.results.{kind}" for kind in ("successful", "failed", "unprocessed")})
PAGES = "bulk2.query.pages"
LOCATED = frozenset({"bulk2.query.results", PAGES, "bulk1.batch.download"})
"""Downloads by a locator, or by the id of a result."""
DOWNLOADS = INGEST | LOCATED | {"bulk1.batch.results"}
_UNKNOWN = "gone"
"""A locator and a result id that nobody was ever given."""
_RESULT = "rid"
"""The part of a path that holds the id of a result."""
_ENDS = (b"</records>", b"</result>")


def job_of(call: Call) -> Job | None:
    """Return the job that the path of a call names, None where it names none that there is."""
    return next((job for value in call.args.values() if (job := call.org.jobs.known(value)) is not None), None)


def finished(call: Call) -> Job | None:
    """Return the job whose results a path names, where nothing of it is under way."""
    job = job_of(call)
    if job is None:
        return None
    if job.api != "classic":
        return job if job.over else None
    under_way = any(batch.state in ("Queued", "InProgress") for batch in call.org.jobs.batches_of(job))
    return None if under_way else job


def located(call: Call) -> bool:
    """Tell whether a download goes by something that the client was given before."""
    return "locator" in call.query or _RESULT in call.args


def before(call: Call, loss: Loss) -> None:
    """Let results be lost before a download is served: the handler finds out as it does of itself."""
    if loss == "expired":
        job = finished(call)
        if job is not None:
            call.org.jobs.remove(job)
    elif loss == "gone" and located(call):
        if _RESULT in call.args:
            call.args[_RESULT] = _UNKNOWN
        else:
            call.query["locator"] = _UNKNOWN


def strike(call: Call) -> None:
    """Let a job's own loss strike a download, before it is served."""
    doom = call.org.jobs.dooms.lost(*filter(None, map(to_18, call.args.values())))
    if (
        doom is None
        or (doom.loss == "expired" and finished(call) is None)
        or (doom.loss == "gone" and not located(call))
    ):
        return
    if doom.loss in ("expired", "gone"):
        before(call, doom.loss)
        call.entry.strikes.append(Strike(doom.by, "job", "before"))


def cut_by_doom(call: Call, reply: Reply) -> Reply:
    """Let a job's own loss strike the answer to a download."""
    told = call.entry.job
    doom = cut(call, told)
    if told is None or doom is None or not has_rows(call, told):
        return reply
    call.entry.strikes.append(Strike(doom.by, "job", "reply"))
    return truncated(call, reply)


def cut(call: Call, told: JobTold | None) -> Doom | None:
    """Return the doom by which all downloads of a job are cut, None where they are not."""
    doom = None if told is None else call.org.jobs.dooms.lost(told.id, told.batch or "")
    return doom if doom is not None and doom.loss == "truncated" else None


def truncated(call: Call, reply: Reply) -> Reply:
    """Return an answer with half of its rows, which looks whole; the journal says how many they are."""
    told = call.entry.job
    if told is None or reply.status != 200:
        return reply
    total = _total(call, told)
    if reply.pieces is not None and total is not None and "csv" in (reply.content_type or ""):
        return replace(reply, pieces=_some(call, reply.pieces, total // 2))
    body = reply.body if reply.pieces is None else b"".join(reply.pieces)
    half, kept = _half(body, reply.content_type or "")
    call.entry.job = replace(told, rows=kept)
    return replace(reply, body=half, pieces=None)


def has_rows(call: Call, told: JobTold) -> bool:
    """Tell whether a download may have rows that could be left out."""
    return _total(call, told) != 0


def _total(call: Call, told: JobTold) -> int | None:
    """Return how many rows a download has, where that is known before they are written."""
    if told.results in ("successful", "failed"):
        return call.org.jobs.tables.rows(told.id, told.results)
    return told.rows or None


def _some(call: Call, pieces: Iterator[bytes], kept: int) -> Iterator[bytes]:
    try:
        yield from _head(pieces, kept + 1)
    finally:
        if call.entry.job is not None:
            call.entry.job = replace(call.entry.job, rows=kept)


def _half(body: bytes, kind: str) -> tuple[bytes, int]:
    """Return the first half of the rows of a body, and how many they are."""
    if "json" in kind:
        rows = orjson.loads(body)
        if not isinstance(rows, list):
            return body, 1
        kept = rows[: len(rows) // 2]
        return orjson.dumps(kept), len(kept)
    if "xml" in kind:
        for end in _ENDS:
            parts = body.split(end)
            if len(parts) > 1:
                count = (len(parts) - 1) // 2
                head = end.join(parts[:count]) + end if count else parts[0][: parts[0].rfind(b"<" + end[2:-1])]
                return head + parts[-1], count
        return body, 0
    rows_there = sum(len(rows) for rows in _rows([body])) - 1
    count = max(0, rows_there // 2)
    return b"".join(_head([body], count + 1)), count


def _head(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """Yield the first rows of CSV, its header among them, as they come."""
    for rows in _rows(pieces):
        yield b"".join(rows[:most])
        most -= len(rows)
        if most <= 0:
            break
    close = getattr(pieces, "close", None)
    if close is not None:
        close()


def _rows(pieces: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Yield the rows of CSV that end in each piece, with their ends: a line break in quotes ends none."""
    rest, quotes = b"", 0
    for piece in pieces:
        rows = []
        for line in piece.splitlines(keepends=True):
            rest += line
            quotes += line.count(b'"')
            if line.endswith(b"\n") and quotes % 2 == 0:
                rows.append(rest)
                rest, quotes = b"", 0
        if rows:
            yield rows
    if rest:
        yield [rest]
