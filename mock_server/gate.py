"""The gate: the one path every request takes, whatever its protocol.

    edge faults -> operation -> session (and its faults) -> limits: admit and charge -> fault "before"
    -> handler: decode, Org call, encode -> fault "after" -> reply faults -> journal

Handlers never ask about faults, limits or the journal.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from traceback import format_exc
from typing import Any

from mock_server import cors
from mock_server.code_saves import CodeSaves
from mock_server.deliveries import Feed, begin
from mock_server.exposed import exposed
from mock_server.faults import losses
from mock_server.journal import Entry, fingerprint
from mock_server.operations import Call, Finish, Operation, Reply, Route, Work, operation_saves
from mock_server.org import errors
from mock_server.org.automation.inner import InnerOrg
from mock_server.org.errors import ApiError
from mock_server.org.identity import scopes
from mock_server.org.identity.redaction import TokenFilter
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, LockHeld, RowResult
from mock_server.org.records.files import trouble
from mock_server.org.waiting import when_unlocked
from mock_server.protocols.instance import at_login_host
from mock_server.routing import Registry
from mock_server.subrequests import Subrequests, decide_rows
from mock_server.world import World

log = logging.getLogger("sfmock")
log.addFilter(TokenFilter())

_DATA = "/services/data/"
_CALLER = re.compile(r"\bclient\s*=\s*([^,;]{1,100})")
_LONGEST_MESSAGE = 200
_WITH_EXPIRED_PASSWORD = frozenset({"rest.password.read", "rest.password.set", "oauth.identity", "oauth.userinfo"})
"""Operations that are open to a user whose password has expired."""
UNIMPLEMENTED = Operation("unknown", "*", "", "read", auth=False, counted=False)
"""Stands in the journal for a path or method that no operation declares."""


class Gate:
    def __init__(
        self,
        world: World,
        registry: Registry,
        render_unknown: Callable[[ApiError], Reply],
        finish_unknown: Finish = lambda _, reply: reply,
    ) -> None:
        self._world = world
        self._registry = registry
        self._render_unknown = render_unknown
        self._finish_unknown = finish_unknown
        self._inside = Subrequests(world, registry, render_unknown)
        self._on_their_way: set[asyncio.Task[None]] = set()
        """Second deliveries of requests, which wait for their time."""

    def close(self) -> None:
        for task in self._on_their_way:
            task.cancel()

    async def handle(self, call: Call) -> Reply:
        """Take a call from its first byte to its reply. Never raises but for cancellation."""
        origin = call.headers.get("Origin")
        if origin is None:
            return await self._handle(call)
        # A browser that runs a page of another server: the rest of the world sends no Origin.
        decided = cors.decide(call, origin, self._world, self._org_of_token(call))
        if isinstance(decided, ApiError):
            return self._unknown(call, decided, served=True)
        if isinstance(decided, Reply):
            return decided
        reply = await self._handle(call)
        reply.headers.update(decided)
        return reply

    async def _handle(self, call: Call) -> Reply:
        try:
            route, call.args = self._registry.match(call)
        except ApiError as error:
            return self._unknown(call, error)
        operation = call.operation = route.operation
        call.inside = self._inside
        if operation.token_parameter and call.token is None:
            call.present(call.query.get(operation.token_parameter, ""))
        elif operation.token_header:
            call.present(call.headers.get(operation.token_header, "").strip())
        org = self._find_org(call, route)
        call.org = org
        journal = call.journal = self._world.journal_of(org)
        # A login's body is a secret: not even its fingerprint is kept.
        body = b"" if operation.kind == "login" else call.body or call.raw_query.encode()
        path, agent = org.redactor.hide_each(call.raw_path, call.headers.get("User-Agent", ""))
        entry = call.entry = journal.open(org.clock.now(), operation.name, call.method, path, agent, body)
        entry.address, entry.copy_of = call.base_url, call.copy_of
        if (options := call.headers.get("Sforce-Call-Options")) is not None:
            # Early: what the request changes says who has changed it.
            entry.caller = org.redactor.hide(_caller(options) or "") or None
        if call.upload is not None and call.fingerprint:
            entry.fingerprint = call.fingerprint
        if call.raw_query:
            entry.exposed = _exposed(call, org)
        reply = None
        try:
            reply = await self._through(call, route, org, entry)
        except Exception as failure:
            # A defect of the mock must look like Salesforce's own, and be loud on our side.
            why = trouble(failure) or format_exc()
            log.error("%s %s failed\n%s", call.method, *map(org.redactor.hide, (call.raw_path, why)))
            reply = route.render(errors.UNKNOWN_EXCEPTION.sample())
        finally:
            if not entry.changes and operation_saves(operation):
                # Refused before its handler read it: which rows it carried still belongs into the evidence.
                journal.rows(entry, route.peek(call), ())
            entry.end = org.clock.now()
            entry.status = reply.status if reply else None
            if entry.outcome is None:
                entry.outcome = "answered" if reply else "abandoned"
            entry.settle(org.redactor)
        entry.retry_after = reply.headers.get("Retry-After")
        if entry.again_at is not None:
            task = asyncio.get_running_loop().create_task(self._deliver_again(_copy(call), org, entry.again_at))
            self._on_their_way.add(task)
            task.add_done_callback(self._on_their_way.discard)
        return reply

    async def _deliver_again(self, copy: Call, org: Org, due: float) -> None:
        """Take a request a second time, as a network does that held back a copy of it. Faults leave the copy alone."""
        try:
            await org.clock.wait_until(due)
            if org.closed:
                return
            reply = await self.handle(copy)
            reply.close()
            copy.entry.outcome = "abandoned"
        finally:
            if copy.upload is not None:
                copy.upload.close()

    async def _through(self, call: Call, route: Route, org: Org, entry: Entry) -> Reply:
        operation = route.operation
        faults = self._world.faults_of(org)
        armed = not faults.empty and call.copy_of is None
        admitted = False
        reply: Reply | None = None
        token = call.token
        if token is not None:
            # A print of the token tells sessions apart, the dead ones too, without giving any away.
            entry.session = _print(token)
        try:
            if armed:
                reply = await faults.strike(call, "edge")
            if reply is None:
                if call.rest is not None:
                    await call.rest()
                    entry.fingerprint = call.fingerprint or entry.fingerprint
                if operation.auth:
                    if armed:
                        peeked = org.sessions.peek(token) if token else None
                        if peeked is not None:
                            call.session = peeked
                        await faults.strike(call, "session")
                    call.session = _session(call, org)
                    entry.user = call.session.username
                if call.unread is not None:
                    raise call.unread
                if operation.counted:
                    org.limits.admit(entry.number)
                    admitted = True
                if armed:
                    reply = await faults.strike(call, "before")
            if reply is None:
                route.guard(call)
                call.save, call.perform = self._save, self._perform
                if operation.kind == "stream":
                    call.feed, call.begin = partial(Feed, self._world, org), partial(begin, self._world)
                lossy = armed and operation.name in losses.DOWNLOADS
                if lossy:
                    losses.strike(call)
                reply = await route.handler(call)
                if lossy:
                    reply = losses.cut_by_doom(call, reply)
                if entry.job is not None and _brings(org, operation, entry):
                    self._world.job_saves_of(org).brought(call)
                if armed:
                    reply = await faults.strike(call, "after") or reply
        except ApiError as error:
            error.message = org.redactor.hide(error.message)
            entry.codes = (error.code,)
            entry.message = error.message[:_LONGEST_MESSAGE]
            reply = route.render(error)
        finally:
            if admitted:
                org.limits.leave(entry.number)
        if route.finish is not None:
            reply = route.finish(call, reply)
        if operation.counted:
            entry.limit_info = reply.headers["Sforce-Limit-Info"] = org.limits.usage
        if armed:
            call.reply = reply
            reply = await faults.strike(call, "reply") or reply
        return reply

    def _find_org(self, call: Call, route: Route) -> Org:
        org = self._org_of_token(call)
        if org is None and route.find_org is not None:
            org = route.find_org(call, self._world)
        return org or self._world.default

    def _org_of_token(self, call: Call) -> Org | None:
        """Return the org of the access token; one in the URL opens nothing, and still tells whose request this is."""
        token = call.token
        if token is not None:
            return self._world.by_token(token)
        if not call.raw_query:
            return None
        return next((org for value in call.query.values() if (org := self._world.by_token(value)) is not None), None)

    async def _save(
        self, call: Call, changes: Sequence[Change], all_or_none: bool, work: Work | None
    ) -> list[RowResult]:
        """Save rows: row faults first, then the pipeline, waiting for row locks on the org's clock."""
        org, entry = call.org, call.entry
        faults = self._world.faults_of(org)
        armed = not faults.empty and call.copy_of is None
        series = call.series
        decided = None
        if armed:
            decided = decide_rows(faults, call, changes) if series is None else series.decide(faults, call, changes)
        save: Callable[..., list[RowResult]] = partial(
            org.write, call.session, changes, all_or_none=all_or_none, exchange=entry.number
        )
        if work is not None and not any(change.refusal for change in changes):
            save = _steadily(work)
        if series is not None:
            # Within a transaction that others began: they wait, and begin it anew.
            results = save(give_up=series.give_up)
        else:
            try:
                results = save()
            except LockHeld:
                try:
                    results = await when_unlocked(org, save)
                except LockHeld:
                    results = save(give_up=True)
        if decided is not None:
            results = decided.after(faults, results)
        for result in results:
            for error in result.errors:
                # The message of a row may quote its values.
                error.message = org.redactor.hide(error.message)
        self._note(call, changes, results)
        return results

    def _note(self, call: Call, changes: Sequence[Change], results: Sequence[RowResult]) -> None:
        """Note rows where their evidence belongs: in the journal, or on the note of a request inside another one."""
        if call.outer is None:
            self._world.journal_of(call.org).rows(call.entry, changes, results)
        else:
            call.entry.carried(changes, results)

    async def _perform(self, call: Call, code: Callable[[InnerOrg], Any], name: str, system: bool) -> Any:
        """Run code as one transaction, and again from its beginning when it had to wait for row locks."""
        org, entry = call.org, call.entry
        faults = self._world.faults_of(org)
        series = call.series
        saves = CodeSaves(org, call, None if faults.empty or call.copy_of is not None else faults)
        if series is not None:
            saves = series.code_saves(call.entry.part, saves)

        def attempt(give_up: bool = False) -> Any:
            saves.begin()
            return org.run(
                call.session,
                code,
                name=name,
                system=system,
                exchange=entry.number,
                give_up=give_up,
                watch=saves,
            )

        stays = False
        try:
            if series is not None:
                value = attempt(give_up=series.give_up)
            else:
                try:
                    value = await when_unlocked(org, attempt)
                except LockHeld:
                    value = attempt(give_up=True)
            stays = True
        finally:
            if saves.changes:
                self._note(call, saves.changes, saves.results if stays else saves.undone())
        return value

    def _unknown(self, call: Call, error: ApiError, *, served: bool = False) -> Reply:
        """Answer a call that no operation takes, or with `served` one that is refused before it is asked what it is."""
        org = self._org_of_token(call) or self._world.default
        session = org.sessions.find(call.token) if call.token is not None else None
        known = session is not None and scopes.reach(session.scopes, UNIMPLEMENTED.scopes)
        if not known and not served and call.raw_path.startswith(_DATA):
            # Nobody learns without a session what there is.
            error = errors.INVALID_SESSION_ID() if session is None else errors.NO_API_SCOPE()
        entry = self._world.journal_of(org).open(
            org.clock.now(),
            UNIMPLEMENTED.name,
            call.method,
            call.raw_path,
            call.headers.get("User-Agent", ""),
            call.body,
        )
        entry.unimplemented = not served
        entry.exposed = _exposed(call, org)
        entry.codes = (error.code,)
        entry.outcome = "answered"
        if known and call.method == "OPTIONS" and "allowed" in error.extra:
            reply = Reply(200, b"", None)
        else:
            reply = self._finish_unknown(call, self._render_unknown(error))
        if "allowed" in error.extra:
            reply.headers["Allow"] = ",".join(error.extra["allowed"])
        if known:
            reply.headers["Sforce-Limit-Info"] = org.limits.usage
        entry.status, entry.end = reply.status, entry.at
        entry.settle(org.redactor)
        log.info("%s %s is not served: %s", call.method, entry.path, error.code)
        return reply


def _brings(org: Org, operation: Operation, entry: Entry) -> bool:
    """Tell whether a request about a job has brought rows: some operations do, a creation may; no download does."""
    if operation_saves(operation) or operation.kind == "read" or entry.job is None:
        return operation_saves(operation)
    job = org.jobs.known(entry.job.id)
    return job is not None and job.made_by == job.exchange == entry.number


def _copy(call: Call) -> Call:
    """Return the second delivery of a call. It takes an upload over, which would be closed with the first one."""
    upload, call.upload = call.upload, None
    return Call(
        UNIMPLEMENTED,
        call.method,
        call.raw_path,
        call.raw_query,
        call.headers,
        call.body,
        call.base_url,
        copy_of=call.entry.number,
        upload=upload,
        fingerprint=call.fingerprint,
    )


def _session(call: Call, org: Org) -> Session:
    """Return the session of a call, which may do what its operation declares. Raises ApiError."""
    token = call.token
    if token is None:
        given = call.headers.get("Authorization")
        raise errors.NO_TOKEN() if given is None else errors.INVALID_AUTH_HEADER()
    session = org.sessions.find(token)
    if session is None:
        raise errors.INVALID_SESSION_ID()
    if session.user_id in org.accesses.barred:
        # Of a user who was deactivated it does not come back when he does.
        session.over = session.over or session.user_id in org.accesses.inactive
        raise errors.BARRED_SESSION()
    if session.over:
        raise errors.INVALID_SESSION_ID()
    if not scopes.reach(session.scopes, call.operation.scopes):
        raise errors.NO_API_SCOPE()
    if call.operation.scopes is not scopes.IDENTITY and at_login_host(call):
        raise errors.WRONG_HOST()
    if (
        session.by_password
        and call.operation.name not in _WITH_EXPIRED_PASSWORD
        and org.directory.expired(session.user_id)
    ):
        raise errors.EXPIRED_PASSWORD()
    return session


def _steadily(work: Work) -> Callable[..., list[RowResult]]:
    return lambda give_up=False: work(give_up)


def _exposed(call: Call, org: Org) -> tuple[str, ...]:
    return exposed(call.query.values(), org) if call.raw_query else ()


def _caller(options: str | None) -> str | None:
    """Return the `client` of a Sforce-Call-Options header."""
    found = _CALLER.search(options) if options else None
    return found[1].strip() if found else None


@lru_cache(4096)
def _print(token: str) -> str:
    return fingerprint(token.encode())
