"""Works off a job of callouts: one after the other, then what follows their answers, in one transaction.

As in Apex, a callout that fails is met by the code behind it, and a limit ends the job with nothing saved.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from mock_server.journal import CallTold
from mock_server.org.apex.steps import Program
from mock_server.org.automation.execution import ApexError, told
from mock_server.org.identity.sessions import Session
from mock_server.org.outbound.callouts import OUT_OF_TIME, TOO_MANY, Answer, CalloutError
from mock_server.org.outbound.jobs import CalloutItem, Governor
from mock_server.org.outbound.outbound import BadTarget, Unauthorized
from mock_server.org.records.changes import LockHeld
from mock_server.org.waiting import when_unlocked
from mock_server.outbound.exchange import Sending
from mock_server.outbound.operations import CALLOUT
from mock_server.outbound.writing import answer_of, soap_answer, write

if TYPE_CHECKING:
    from mock_server.journal import Entry
    from mock_server.org.automation.inner import InnerOrg
    from mock_server.org.org import Org
    from mock_server.org.outbound.callouts import Request
    from mock_server.org.outbound.credentials import NamedCredential
    from mock_server.org.outbound.jobs import CalloutJob
    from mock_server.org.records.changes import Change, RowResult
    from mock_server.outbound.authorizing import Tokens
    from mock_server.outbound.client import Received
    from mock_server.outbound.exchange import Exchanges

log = logging.getLogger("sfmock")


async def work_off(org: Org, exchanges: Exchanges, tokens: Tokens, job: CalloutJob) -> None:
    """Try the callouts of a job that have not succeeded yet, and note on it what came of them."""
    await _Work(org, exchanges, tokens, job).run()


class _Wanted(BaseException):
    """Leaves a transaction whose code wants the answer to a request. No code can catch it."""

    def __init__(self, request: Request, scope: Mapping[str, Any]) -> None:
        super().__init__()
        self.request = request
        self.scope = scope


def _judge(request: Request, received: Received) -> str | None:
    """Say why an answer does not count as received."""
    if request.soap is not None:
        try:
            soap_answer(received)
        except CalloutError as error:
            return str(error)
    return None if 200 <= received.status < 300 else f"status {received.status}"


class _Work:
    def __init__(self, org: Org, exchanges: Exchanges, tokens: Tokens, job: CalloutJob) -> None:
        self._org = org
        self._exchanges = exchanges
        self._tokens = tokens
        self._job = job
        self._governor = Governor()
        self._entry: Entry | None = None
        """The last exchange: what is saved upon the answers is saved because of it."""
        self._answers: list[Answer] = []
        """Those to further requests of the code behind the answers, in its order."""
        self._turn = 0

    async def run(self) -> None:
        job = self._job
        job.attempts += 1
        job.status = job.error = None
        for items in job.calls:
            if not self._governor.admits():
                self._end("failed", TOO_MANY)
                return
            for item in items:
                item.attempts += 1
            answer = await self._call(job.callout.request, self._scope(items), self._told(items))
            if job.state != "sending":
                return
            job.status, job.error = answer.status, answer.error or job.error
            for item in items:
                item.answer = answer
        job.tried = self._org.clock.now()
        again = job.try_again(job.tried)
        ready = [item for item in job.items if not item.over and (not again or item.succeeded)]
        problem = await self._follow(ready)
        for item in ready:
            item.over = True
        if problem is not None:
            self._end("failed", problem)
        elif not again:
            failed = not all(item.succeeded for item in job.items)
            self._end("failed" if failed else "delivered", job.error)

    def _end(self, state: Any, error: str | None) -> None:
        self._job.state, self._job.error, self._job.tried = state, error, self._org.clock.now()

    # -- one callout

    async def _call(self, request: Request, scope: Mapping[str, Any], call: CallTold) -> Answer:
        begun = self._org.clock.now()
        timeout = min(self._job.callout.timeout, self._governor.left)
        try:
            if timeout <= 0:
                raise CalloutError(OUT_OF_TIME)
            return await self._sent(request, scope, replace(call, timeout=timeout))
        except ApexError as error:
            return Answer(error=told(error))
        finally:
            self._governor.seconds += self._org.clock.now() - begun

    def _told(self, items: Sequence[CalloutItem], name: str = "") -> CallTold:
        first, job = items[0], self._job
        return CallTold(
            "callout", job.name, name or first.id, first.attempts, tuple(item.record for item in items), 0.0,
            job.exchange, first.sequence,
        )  # fmt: skip

    async def _sent(self, request: Request, scope: Mapping[str, Any], call: CallTold) -> Answer:
        callout, outbound = self._job.callout, self._org.outbound
        written = write(request, scope)
        credential = self._credential()
        own = credential is None and request is callout.request
        url = outbound.endpoints.get(callout.name.lower()) if own else None
        url = url or (written.url if credential is None else credential.url + written.url)
        try:
            target = outbound.target(url)
        except (BadTarget, Unauthorized) as wrong:
            raise CalloutError(str(wrong)) from None
        refreshed = False
        while True:
            headers = dict(written.headers)
            if credential is not None:
                headers |= await self._tokens.headers(credential, call, callout.sobject)
            sending = Sending(CALLOUT, written.method, target, headers, written.body, callout.sobject, call)
            outcome = await self._exchanges.send(sending, partial(_judge, request))
            self._entry = outcome.entry
            received = outcome.received
            unauthorized = received is not None and received.status == 401
            if unauthorized and not refreshed and credential is not None and self._tokens.forget(credential):
                # The platform fetches another token, once.
                refreshed = True
                continue
            if received is None:
                raise CalloutError(outcome.error or "")
            return soap_answer(received) if request.soap is not None else answer_of(received)

    def _credential(self) -> NamedCredential | None:
        name = self._job.callout.credential
        if name is None:
            return None
        found = self._org.outbound.credentials.named(name)
        if found is None:
            raise CalloutError(f"The callout couldn't access the endpoint. There is no named credential {name}")
        return found

    def _scope(self, items: Sequence[CalloutItem]) -> dict[str, Any]:
        """Return what the places of a template may begin with."""
        org, job = self._org, self._job
        directory = org.directory
        user = directory.by_id(job.user_id) or directory.default_user
        records = [item.old if item.now is None else item.now for item in items]
        first = items[0]
        return {
            "record": records[0], "old": first.old, "records": records, "event": first.verb,
            "user": {"id": user.id, "username": user.username},
            "org": {"id": org.id, "url": org.outbound.address},
            "callout": {"id": first.id, "name": job.callout.name, "attempt": first.attempts},
            "given": first.given,
        }  # fmt: skip

    # -- what follows

    async def _follow(self, items: Sequence[CalloutItem]) -> str | None:
        """Run what follows the answers; return why nothing of it is saved, None where it is."""
        then, job, org = self._job.callout.then, self._job, self._org
        if then is None or not items or org.closed:
            return None
        user = org.directory.by_id(job.user_id) or org.directory.default_user
        who = Session("", user.id, user.username, (), None, job.created, job.created)
        watched = _Watched()
        groups = [items] if job.callout.each == "transaction" else [[item] for item in items]

        def code(inner: InnerOrg) -> None:
            inner.sender = self._further
            for group in groups:
                answer = group[0].answer or Answer()
                if isinstance(then, Program):
                    then.run({**self._scope(group), "response": answer.told()}, inner)
                else:
                    then(answer, inner)

        def attempt(give_up: bool = False) -> None:
            watched.begin()
            self._turn = 0
            org.run(
                who, code, name=job.callout.name, system=True, exchange=self._number, give_up=give_up, watch=watched,
                later=True,
            )  # fmt: skip

        while True:
            try:
                problem = await _run(org, attempt)
                break
            except _Wanted as wanted:
                # A transaction waits for nobody: once the answer is there the code runs again from its beginning.
                if not self._governor.admits():
                    return TOO_MANY
                call = self._told(items, org.ids.take("707"))
                self._answers.append(await self._call(wanted.request, wanted.scope, call))
                if job.state != "sending":
                    return None
        if self._entry is not None and watched.changes:
            self._exchanges.journal.rows(self._entry, watched.changes, watched.results if problem is None else ())
        return problem

    def _further(self, request: Request, scope: Mapping[str, Any]) -> Any:
        """Return the answer to a further request of the code, as it has it already."""
        self._turn += 1
        if self._turn > len(self._answers):
            raise _Wanted(request, scope)
        return self._answers[self._turn - 1].told()

    @property
    def _number(self) -> int:
        return self._entry.number if self._entry is not None else self._job.exchange


async def _run(org: Org, attempt: Callable[..., None]) -> str | None:
    """Run code as one transaction, waiting for row locks; return what it raised, as a job's status tells it."""
    try:
        try:
            await when_unlocked(org, attempt)
        except LockHeld:
            attempt(give_up=True)
    except ApexError as error:
        return told(error)
    except (KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, _Wanted):
        raise
    except BaseException as error:  # limits are no Exception, and the code is the owner's
        log.error("what follows a callout failed: %s", org.redactor.hide(told(error)))
        return told(error)
    return None


class _Watched:
    """Notes what the code saves."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.results: list[RowResult] = []

    def begin(self) -> None:
        self.changes, self.results = [], []

    def saving(self, changes: Sequence[Change]) -> None:
        self.changes += changes

    def saved(self, changes: Sequence[Change], results: list[RowResult]) -> list[RowResult]:
        self.results += results
        return results
