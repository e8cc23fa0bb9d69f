"""Carries what an org has queued: a task on the event loop that serves, which ends when nothing waits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextlib import suppress
from traceback import format_exc
from typing import TYPE_CHECKING, Any

from mock_server.org.outbound.jobs import CalloutJob
from mock_server.outbound.authorizing import Tokens
from mock_server.outbound.carrying import deliver
from mock_server.outbound.client import Client
from mock_server.outbound.exchange import Exchanges
from mock_server.outbound.working import work_off

if TYPE_CHECKING:
    from pathlib import Path

    from mock_server.org.org import Org
    from mock_server.org.outbound.queue import QueuedMessage
    from mock_server.world import World

log = logging.getLogger("sfmock")
AT_ONCE = 20
"""Messages and jobs that are on their way together (Apex Developer Guide: 20 concurrent callouts to other hosts)."""


class Carriers:
    """The carriers of all orgs of a server, which share a client."""

    def __init__(self, world: World, ca_file: Path | None, loop: asyncio.AbstractEventLoop) -> None:
        self._world = world
        self._loop = loop
        self._client = Client(ca_file)
        self._all: set[Carrier] = set()

    def add(self, org: Org) -> None:
        """Carry what an org sends from now on, and what waits already."""
        world = self._world
        exchanges = Exchanges(org, world.faults_of(org), world.journal_of(org), self._client)
        carrier = Carrier(org, exchanges, self._loop, self._all.discard)
        self._all.add(carrier)
        if len(org.outbound.queue):
            carrier.wake()

    async def close(self) -> None:
        for one in list(self._all):
            await one.close()
        await self._client.close()


class Carrier:
    """The traffic of one org, carried on the event loop that serves; `wake` and `stop` are called on any thread.

    `leave` is called with the carrier once its org is gone, and nothing of it on its way any more.
    """

    def __init__(
        self, org: Org, exchanges: Exchanges, loop: asyncio.AbstractEventLoop, leave: Callable[[Carrier], None]
    ) -> None:
        self._org = org
        self._loop = loop
        self._exchanges = exchanges
        self._leave = leave
        self._tokens = Tokens(org, exchanges)
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._going: set[asyncio.Task[None]] = set()
        self._beside: set[asyncio.Task[None]] = set()
        exchanges.later = self._do_beside
        org.outbound.wake = self.wake
        org.outbound.stop = self.stop

    def wake(self) -> None:
        """Look for what is due."""
        try:
            here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            here = False
        if here:
            self._begin()
        else:
            with suppress(RuntimeError):  # the loop has ended, and the server with it
                self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._news.set()
        if self._task is None and not self._org.closed:
            self._task = self._loop.create_task(self._run())

    def stop(self) -> None:
        """Leave everything where it is: nothing of it is to be carried any more."""
        running = [self._task] if self._task is not None else []
        self._task = None
        for task in (*self._going, *self._beside, *running):
            # Not at once: what is being carried may have asked for it itself.
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(task.cancel)
        self._look_at_the_end()

    def _look_at_the_end(self) -> None:
        if self._org.closed and not (self._going or self._beside):
            self._leave(self)

    async def _run(self) -> None:
        queue, clock = self._org.outbound.queue, self._org.clock
        me = self._task
        while self._task is me:
            self._news.clear()
            while len(self._going) < AT_ONCE and (item := queue.take(clock.now())) is not None:
                task = self._loop.create_task(self._carry(item))
                self._going.add(task)
                task.add_done_callback(self._carried)
            due = queue.next_due() if len(self._going) < AT_ONCE else None
            if due is None and not self._going:
                self._task = None
                return
            news = asyncio.ensure_future(self._news.wait())
            waits = {news} if due is None else {news, asyncio.ensure_future(clock.wait_until(due))}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for one in waits:
                    one.cancel()

    def _carried(self, task: asyncio.Task[None]) -> None:
        self._going.discard(task)
        self._news.set()
        self._look_at_the_end()

    async def _carry(self, item: QueuedMessage | CalloutJob) -> None:
        try:
            if isinstance(item, CalloutJob):
                await work_off(self._org, self._exchanges, self._tokens, item)
            else:
                await deliver(self._org, self._exchanges, item)
        except Exception:
            # A defect of ours: it must not be carried for ever.
            log.error("sending %s failed\n%s", item.name, self._org.redactor.hide(format_exc()))
            item.state, item.error = "failed", "the mock has a defect; its log says more"
        if item.state != "removed" and not self._org.closed:
            self._org.outbound.queue.put(item)

    def _do_beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._done_beside)

    def _done_beside(self, task: asyncio.Task[None]) -> None:
        self._beside.discard(task)
        self._look_at_the_end()

    async def close(self) -> None:
        """Return once nothing is on its way any more."""
        self.stop()
        left = [task for task in (*self._going, *self._beside) if task is not asyncio.current_task()]
        if left:
            await asyncio.wait(left, timeout=2.0)
