"""Requests inside a request (composite, batch, graph): each takes the gate's path from its operation on.

    route -> limits where it counts -> fault "before" -> guard -> handler -> fault "after"

What lies further out (edge, session, reply) belongs to the outer exchange, and so does the journal's entry: a request
inside notes its rows and strikes on a part, which is merged into it. Handlers see no difference.

Several of them can be one transaction (`together`). Nothing may wait while it is open. A row lock raises LockHeld and
undoes all; whoever drives the series waits, and runs it again from its start. Latencies are owed: the first run notes
them and is undone, they pass, and the second run is the real one. What faults have decided is remembered by place.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import orjson
from multidict import CIMultiDict

from mock_server.code_saves import CodeSaves
from mock_server.faults.engine import Blow, Faults, SavedRows, row_key
from mock_server.journal import Entry
from mock_server.operations import Admit, Call, Operation, Reply, Request, Route, operation_saves
from mock_server.org import errors
from mock_server.org.errors import BY_CODE, ApiError
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, LockHeld, RowResult
from mock_server.org.waiting import unlockable, when_unlocked
from mock_server.routing import Registry

if TYPE_CHECKING:
    from mock_server.world import World

log = logging.getLogger("sfmock")
T = TypeVar("T")
_UNKNOWN = Operation("unknown", "*", "", "read")


@dataclass(slots=True)
class _Told:
    """What a point of a request was struck with."""

    reply: Reply | None = None
    error: ApiError | None = None


@dataclass(slots=True)
class RowDecisions:
    """What faults have decided about the rows of one save, so that a save that begins anew is not decided anew."""

    refusals: list[ApiError | None]
    saved: SavedRows | None
    failed: dict[int, RowResult] | None = None

    def after(self, faults: Faults, results: list[RowResult]) -> list[RowResult]:
        """Report the rows as failed that are to fail although they were saved."""
        if self.saved is None:
            return results
        if self.failed is None:
            told = faults.after_rows(results, self.saved)
            self.failed = {place: one for place, one in enumerate(told) if one is not results[place]}
        return [self.failed.get(place, result) for place, result in enumerate(results)]


def decide_rows(faults: Faults, call: Call, changes: Sequence[Change]) -> RowDecisions:
    """Ask row faults about a save; rows that they refuse bear it afterwards."""
    saved = faults.rows(call, changes, [row_key(call.org, change) for change in changes])
    return RowDecisions([change.refusal for change in changes], saved)


@dataclass(slots=True)
class Series:
    """Requests that are one transaction, over all of its runs. Keys are places from 1, and of saves within one."""

    before: int
    give_up: bool = False
    told: dict[tuple[int, str], _Told] = field(default_factory=dict)
    rows: dict[tuple[int, int], RowDecisions] = field(default_factory=dict)
    notes: dict[int, Entry] = field(default_factory=dict)
    owed: list[tuple[Call, Blow]] = field(default_factory=list)
    saves: dict[int, int] = field(default_factory=dict)
    code: dict[tuple[int, int], CodeSaves] = field(default_factory=dict)

    def begin(self, give_up: bool) -> None:
        """Get ready for a run. What was struck stays, what was done is not done any more."""
        self.give_up = give_up
        self.saves.clear()
        for note in self.notes.values():
            note.changes, note.results, note.query, note.page = (), (), None, None

    def code_saves(self, part: int, fresh: CodeSaves) -> CodeSaves:
        """Return what watches the saves of some code, the same over all runs."""
        self.saves[part] = number = self.saves.get(part, 0) + 1
        return self.code.setdefault((part, number), fresh)

    def decide(self, faults: Faults, call: Call, changes: Sequence[Change]) -> RowDecisions:
        """Return what faults say about a save, asking them once over all runs."""
        part = call.entry.part
        self.saves[part] = number = self.saves.get(part, 0) + 1
        known = self.rows.get((part, number))
        if known is None:
            known = self.rows[part, number] = decide_rows(faults, call, changes)
        for change, refusal in zip(changes, known.refusals, strict=False):
            change.refusal = refusal
        return known


class _Undone(Exception):
    """Leaves a transaction that must not stay."""


class _Owing(Exception):
    """Leaves a run after which time has to pass first."""


class Subrequests:
    """Runs requests inside others. Its methods take the outer call each time."""

    def __init__(self, world: World, registry: Registry, render: Callable[[ApiError], Reply]) -> None:
        self._world = world
        self._registry = registry
        self._render = render

    async def run(self, outer: Call, request: Request, admit: Admit, *, counted: bool = False) -> Reply:
        """Answer a request inside another one; what goes wrong with it is its answer.

        `admit` raises ApiError for an operation that has no place there. A counted request is charged by itself, the
        first one with the outer call.
        """
        outer.parts += 1
        inner = _inner(outer, request)
        series = outer.series
        route: Route | None = None
        failed: ApiError | None = None
        try:
            route, inner.args = self._registry.match(inner)
            inner.operation = route.operation
            admit(route.operation)
            if counted and outer.parts > 1:
                outer.org.limits.spend()
            reply = await self._through(inner, route, series)
        except ApiError as error:
            if route is None and error.code == "NOT_FOUND":
                outer.entry.unimplemented = True
                log.info("%s %s inside %s is not served", request.method, request.target, outer.operation.name)
            error.message = outer.org.redactor.hide(error.message)
            failed = error
            reply = (route.render if route else self._render)(error)
        except LockHeld as held:
            if series is None or not series.give_up:
                raise
            failed = unlockable(held)
            reply = self._render(failed)
        if route is not None and reply.status >= 400:
            self._note_unread(inner, route, failed or _error_of(reply))
        if route is not None and request.said is not None:
            inner.entry.changes = _as_sent(inner, route, request.said)
        if series is None:
            self._merge(outer, inner.entry)
        return reply

    async def _through(self, inner: Call, route: Route, series: Series | None) -> Reply:
        faults = self._world.faults_of(inner.org)
        armed = not faults.empty and inner.copy_of is None
        reply = await _strike(faults, inner, "before", series) if armed else None
        if reply is None:
            route.guard(inner)
            reply = await route.handler(inner)
            if armed:
                reply = await _strike(faults, inner, "after", series) or reply
        return reply

    def forgo(self, outer: Call, request: Request, error: ApiError) -> None:
        """Note a request that is not run: which rows it carried belongs into the evidence."""
        outer.parts += 1
        inner = _inner(outer, request)
        try:
            route, inner.args = self._registry.match(inner)
        except ApiError:
            return
        inner.operation = route.operation
        self._note_unread(inner, route, error)
        if outer.series is None:
            self._merge(outer, inner.entry)

    def peek(self, outer: Call, requests: Sequence[Request]) -> list[Change]:
        """Return the rows that requests carry which nobody runs, as far as can be told."""
        found: list[Change] = []
        for request in requests:
            inner = _inner(outer, request)
            try:
                route, inner.args = self._registry.match(inner)
            except ApiError:
                continue
            inner.operation = route.operation
            if operation_saves(route.operation):
                found += route.peek(inner)
        return found

    @staticmethod
    def _note_unread(inner: Call, route: Route, error: ApiError) -> None:
        """Note the rows of a request that failed before its handler saved them."""
        if operation_saves(route.operation) and not inner.entry.changes:
            rows = list(route.peek(inner))
            inner.entry.carried(rows, [RowResult(None, False, False, (error,))] * len(rows))

    def _merge(self, outer: Call, note: Entry, undone: ApiError | None = None) -> None:
        entry, results = outer.entry, note.results
        if undone is not None:
            results = [RowResult(None, False, False, (undone,)) if one.success else one for one in results]
        # What struck one of several requests struck rows, as the whole exchange sees it.
        entry.strikes += [
            replace(one, rows=one.rows or max(1, len(note.changes))) for one in note.strikes if one.effect != "latency"
        ]
        entry.strikes += [one for one in note.strikes if one.effect == "latency"]
        self._world.journal_of(outer.org).rows(entry, note.changes, results)

    async def together(self, outer: Call, work: Callable[[], Awaitable[T]], stays: Callable[[T], bool]) -> T:
        """Run work whose requests are one transaction; where its result must not stay, all of it is undone.

        Work is run from its start whenever it has to wait for a row lock (up to 10 s of clock time in all) or for a
        fault's latency, and may do nothing else that takes time.
        """
        org, series = outer.org, Series(outer.parts)
        undone: list[bool] = []

        def attempt(give_up: bool = False) -> T:
            undone[:] = [False]
            outer.parts, outer.series = series.before, series
            series.begin(give_up)
            results: list[T] = []
            try:
                with org.transaction():
                    results.append(run_through(work()))
                    if series.owed:
                        raise _Owing
                    if not stays(results[0]):
                        raise _Undone
            except _Undone:
                undone[:] = [True]
            finally:
                outer.series = None
            return results[0]

        while True:
            try:
                result = await _patiently(org, attempt)
            except _Owing:
                owed, series.owed = series.owed, []
                for inner, blow in owed:
                    await blow.strike(inner)
            else:
                break
        rolled_back = errors.PROCESSING_HALTED() if undone[0] else None
        for part in sorted(series.notes):
            if part <= outer.parts:
                self._merge(outer, series.notes[part], rolled_back)
        return result


async def _patiently(org: Org, attempt: Callable[..., T]) -> T:
    try:
        return attempt()
    except LockHeld:
        try:
            return await when_unlocked(org, attempt)
        except LockHeld:
            return attempt(give_up=True)


async def _strike(faults: Faults, inner: Call, point: Any, series: Series | None) -> Reply | None:
    if series is None:
        return await faults.strike(inner, point)
    key = (inner.entry.part, str(point))
    told = series.told.get(key)
    if told is None:
        told = series.told[key] = _Told()
        for blow in faults.decide(inner, point):
            if blow.waits:
                series.owed.append((inner, blow))
                continue
            try:
                told.reply = run_through(blow.strike(inner)) or told.reply
            except ApiError as error:
                told.error = error
                break
    if told.error is not None:
        raise told.error
    return told.reply


def run_through(work: Awaitable[T]) -> T:
    """Run work to its end at once. It may offer others a turn, which they do not get, and must not wait."""
    steps = work.__await__()
    try:
        while True:
            if next(steps) is not None:
                steps.close()
                raise RuntimeError("a request inside a transaction has waited for something")
    except StopIteration as done:
        result: T = done.value
        return result


_INHERITED = ("Authorization", "User-Agent", "Sforce-Call-Options")


def _inner(outer: Call, request: Request) -> Call:
    """Return the call that a request inside another one is."""
    path, _, query = request.target.partition("?")
    given = outer.headers if request.inherits else {}
    headers: CIMultiDict[str] = CIMultiDict(
        {name: value for name, value in given.items() if name.lower().startswith(("sforce-", "x-sfdc-"))}
    )
    for name in _INHERITED:
        value = outer.headers.get(name)
        if value is not None:
            headers[name] = value
    headers["Content-Type"] = request.content_type
    headers.update(request.headers)
    inner = Call(_UNKNOWN, request.method, path, query, headers, request.body, outer.base_url, copy_of=outer.copy_of)
    inner.org, inner.session, inner.gone = outer.org, outer.session, outer.gone
    inner.outer, inner.save, inner.perform = outer, outer.save, outer.perform
    inner.inside, inner.series = outer.inside, outer.series
    series, part = outer.series, outer.parts
    if series is None:
        inner.entry = outer.entry.inside(part)
    else:
        inner.entry = series.notes.setdefault(part, outer.entry.inside(part))
    return inner


def _as_sent(inner: Call, route: Route, said: bytes) -> Sequence[Change]:
    """Return the rows of a request with the values that the client sent, its references as they stood there."""
    changes = inner.entry.changes
    inner.body = said
    sent = route.peek(inner)
    if len(sent) != len(changes):
        return changes
    return [replace(change, values=row.values) for change, row in zip(changes, sent, strict=True)]


def _error_of(reply: Reply) -> ApiError:
    """Return the error that an answer tells of."""
    try:
        told = orjson.loads(reply.body)
        return BY_CODE[told[0]["errorCode"]].sample()
    except (orjson.JSONDecodeError, LookupError, TypeError):
        return (errors.SERVER_UNAVAILABLE if reply.status >= 500 else errors.UNKNOWN_EXCEPTION).sample()


__all__ = ["RowDecisions", "Series", "Subrequests", "decide_rows", "run_through"]
