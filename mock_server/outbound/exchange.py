"""One attempt to send something: what faults make of it, how long it may take, what the journal says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from mock_server.faults.effects.event import EventFault
from mock_server.journal import CallTold
from mock_server.operations import Call, Operation, Reply
from mock_server.org.errors import ApiError
from mock_server.org.outbound.callouts import TIMED_OUT, CalloutError
from mock_server.outbound.client import Received
from mock_server.outbound.operations import routes

if TYPE_CHECKING:
    from mock_server.faults.engine import Faults
    from mock_server.journal import Entry, Journal
    from mock_server.org.clock import Clock
    from mock_server.org.org import Org
    from mock_server.outbound.client import Client

T = TypeVar("T")
Judge = Callable[[Received], "str | None"]
BROKEN = "Unexpected end of file from server"
LONGEST_HOLD = 60.0
"""Seconds that a request is held for another one to come by."""


@dataclass(frozen=True, slots=True)
class Sending:
    """A request that is about to leave. `told` is what the journal says of it, before its outcome."""

    operation: Operation
    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    sobject: str
    told: CallTold
    secret: bool = False
    """Whether not even a print of the body may be kept."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`error` says why the request does not count as received; `failed` whether that is what Apex meets as such."""

    entry: Entry
    received: Received | None
    error: str | None
    failed: bool


class Exchanges:
    """Sends for one org, and has faults and the journal know of it."""

    def __init__(self, org: Org, faults: Faults, journal: Journal, client: Client) -> None:
        self._org = org
        self._faults = faults
        self.journal = journal
        self._client = client
        self._held: dict[tuple[str, int], asyncio.Future[None]] = {}
        """Requests that let another one by, by their operation and the number of their entry."""
        self.later: Callable[[Coroutine[Any, Any, None]], None] = _nothing
        """Does something beside what is being done: the second delivery of a request."""

    async def send(self, sending: Sending, judge: Judge, *, copy_of: int | None = None) -> Outcome:
        """Send once; return what came of it. `judge` says why an answer does not count as received, if it does not."""
        org = self._org
        parts = urlsplit(sending.url)
        path = org.redactor.hide(parts.path or "/")
        body = b"" if sending.secret else sending.body
        entry = self.journal.open(org.clock.now(), sending.operation.name, sending.method, path, "", body)
        entry.address, entry.copy_of = f"{parts.scheme}://{parts.netloc}", copy_of
        entry.call = sending.told
        call = Call(
            sending.operation, sending.method, parts.path, parts.query, sending.headers, sending.body, entry.address,
            args={"sobject": sending.sobject}, org=org, entry=entry, fingerprint=sending.told.message,
        )  # fmt: skip
        received: Received | None = None
        error: str | None = "the org ended"
        failed = True
        copies = 0
        try:
            if copy_of is None and not self._faults.empty:
                copies = await self._befall(call)
                entry.at = org.clock.now()
            received = await within(org.clock, sending.told.timeout, self._through(call, sending, copy_of is None))
            error, failed = judge(received), False
        except CalloutError as raised:
            error = str(raised)
        finally:
            self._settle(entry, sending, received, error)
        for _ in range(copies):
            self.later(self.again(sending, judge, org.clock.now(), entry.number))
        if entry.again_at is not None:
            self.later(self.again(sending, judge, entry.again_at, entry.number))
        return Outcome(entry, received, error, failed)

    async def _befall(self, call: Call) -> int:
        """Let a request wait as long as `event` faults say; return how often it is to come again."""
        copies = 0
        for blow in self._faults.decide(call, "event"):
            effect = blow.effect
            assert isinstance(effect, EventFault)
            if effect.kind == "delay":
                await self._org.clock.sleep(effect.seconds)
            elif effect.kind == "reorder":
                await self._let_another_by((call.operation.name, call.entry.number))
            copies += effect.number or 0 if effect.kind == "duplicate" else 0
        return copies

    async def _let_another_by(self, held: tuple[str, int]) -> None:
        """Wait for the end of an exchange of the kind that begins after this one; not for ever, as none may."""
        passed = self._held[held] = asyncio.get_running_loop().create_future()
        try:
            await within(self._org.clock, LONGEST_HOLD, passed)
        except CalloutError:
            return
        finally:
            self._held.pop(held, None)

    def _settle(self, entry: Entry, sending: Sending, received: Received | None, error: str | None) -> None:
        """Say in the journal how an exchange ended."""
        now = self._org.clock.now()
        status = received.status if received is not None else None
        entry.end, entry.status, entry.message = now, status, error and error[:200]
        if entry.outcome is None:
            entry.outcome = "answered" if received is not None else "abandoned"
        entry.call = replace(
            sending.told, seconds=now - entry.at, status=status, acknowledged=error is None, error=error
        )
        entry.settle(self._org.redactor)
        for (operation, number), passed in self._held.items():
            if operation == entry.operation and number < entry.number and not passed.done():
                passed.set_result(None)

    async def again(self, sending: Sending, judge: Judge, due: float, copy_of: int) -> None:
        """Send once more at a moment, as a network does that held back a copy. Nobody is told what comes of it."""
        await self._org.clock.wait_until(due)
        await self.send(sending, judge, copy_of=copy_of)

    async def _through(self, call: Call, sending: Sending, struck: bool) -> Received:
        armed = struck and not self._faults.empty
        reply = await self._strike(call, "edge") if armed else None
        if reply is None and armed:
            reply = await self._strike(call, "before")
        if reply is None:
            received = await self._client.send(sending.method, sending.url, sending.headers, sending.body)
            if not armed:
                return received
            reply = Reply(received.status, received.body, None, dict(received.headers))
            reply = await self._strike(call, "after") or reply
        call.reply = reply
        reply = await self._strike(call, "reply") or reply
        if reply.delivery in ("none", "cut"):
            raise CalloutError(BROKEN)
        if reply.delivery == "trickle":
            await self._org.clock.sleep(reply.seconds)
        headers = {**reply.headers, **({"Content-Type": reply.content_type} if reply.content_type else {})}
        return Received(reply.status, headers, reply.body)

    async def _strike(self, call: Call, point: Any) -> Reply | None:
        try:
            return await self._faults.strike(call, point)
        except ApiError as error:
            call.entry.codes = (error.code,)
            return routes.render(error)


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Return what comes of some work. Raises CalloutError when it takes longer than so many seconds of the clock."""
    task = asyncio.ensure_future(work)
    limit = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({task, limit}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise CalloutError(TIMED_OUT)
        return task.result()
    finally:
        for one in (task, limit):
            if not one.done():
                one.cancel()
                with suppress(asyncio.CancelledError, CalloutError):
                    await one


def _nothing(work: Coroutine[Any, Any, None]) -> None:
    work.close()
