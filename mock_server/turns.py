"""An event loop that can be made to run in turns: it works until nothing is left to do, then hands the turn back.

Virtual time needs it: between two turns the server stands still, and its time can be moved.
"""

from __future__ import annotations

import asyncio
import selectors
import threading
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable
from select import select
from typing import Any

_allocate_lock = threading.Lock  # the real one, whatever stands in for it later
_SOON = 0.2
"""A timer of the loop that is due within so many seconds counts as work that is under way."""


class Turns:
    """Who may run: the loop whenever it likes, or, while it is held, only within `turn`.

    One thread at a time holds the loop and gives turns.
    """

    def __init__(self) -> None:
        self.held = False
        self.jobs = 0
        """Jobs of the loop that run on threads of its pool."""
        self._gate = _allocate_lock()
        self._gate.acquire()
        self._back = _allocate_lock()
        self._back.acquire()
        self._work: Callable[[], object] | None = None
        self._selector: TurnSelector | None = None
        self._loop: AbstractEventLoop | None = None

    def attach(self, loop: AbstractEventLoop, selector: TurnSelector) -> None:
        self._loop, self._selector = loop, selector

    def hold(self) -> None:
        """Return once the loop stands still; from then on it runs in turns."""
        assert self._loop is not None
        assert not self.held
        self.held = True
        self._loop.call_soon_threadsafe(_nothing)
        self._wait_back()

    def release(self) -> None:
        """Let the loop run freely again."""
        assert self.held
        self.held = False
        self._gate.release()

    def turn(self, work: Callable[[], object] | None = None) -> None:
        """Let the held loop run until nothing is left to do; it begins with `work`, on its own thread."""
        self._work = work
        self._step()
        while self.jobs:
            # A thread of the pool is at work for the loop, and will wake it.
            self.wait_ready(0.1)
            self._step()

    def settle(self) -> bool:
        """Give the held loop a turn if it has anything to do; tell whether it had."""
        if not self.wait_ready(0):
            return False
        self.turn()
        return True

    def wait_ready(self, timeout: float) -> bool:
        """Tell whether the loop has something to do, waiting for up to `timeout` seconds."""
        assert self._selector is not None
        return bool(_select([self._selector.fileno()], [], [], timeout)[0])

    def connections(self) -> dict[Any, int]:
        """Return the file number of each connection that the loop has seen, by its peer's address."""
        assert self._selector is not None
        return self._selector.peers

    def _step(self) -> None:
        self._gate.release()
        self._wait_back()

    def _wait_back(self) -> None:
        interrupt: BaseException | None = None
        while True:
            try:
                self._back.acquire()
                break
            except BaseException as error:
                # A turn is short, and a half-given one would put all later ones out of step.
                interrupt = error
        if interrupt is not None:
            raise interrupt

    def hand_back(self) -> None:
        """Called by the loop when it has nothing to do: wait for the next turn."""
        self._back.release()
        self._gate.acquire()
        work, self._work = self._work, None
        if work is not None:
            work()


_select = select


def _nothing() -> None:
    """Wake the loop, no more."""


class TurnSelector(selectors.DefaultSelector):
    """A selector that gives the turn back before it would wait."""

    def __init__(self, turns: Turns) -> None:
        super().__init__()
        self._turns = turns
        self.peers: dict[Any, int] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = super().register(fileobj, events, data)
        peer = _peer(fileobj)
        if peer is not None:
            self.peers[peer] = key.fd
        return key

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if not self._turns.held:
            return _plain_select(self, timeout)
        events = _plain_select(self, 0)
        if events or (timeout is not None and timeout <= 0):
            return events
        if timeout is not None and timeout < _SOON:
            return _plain_select(self, timeout)
        self._turns.hand_back()
        return _plain_select(self, 0)


_plain_select: Callable[[Any, float | None], list[tuple[selectors.SelectorKey, int]]] = selectors.DefaultSelector.select
"""Kept, because virtual time replaces the method for the subject's loops."""


def _peer(fileobj: Any) -> Any:
    getpeername = getattr(fileobj, "getpeername", None)
    if getpeername is None:
        return None
    try:
        return getpeername()
    except OSError:
        return None


class TurnLoop(asyncio.SelectorEventLoop):
    """A selector event loop that runs in turns while `turns` holds it."""

    def __init__(self) -> None:
        self.turns = Turns()
        selector = TurnSelector(self.turns)
        super().__init__(selector)
        self.turns.attach(self, selector)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Future[Any]:  # type: ignore[override]
        job = super().run_in_executor(executor, func, *args)
        self.turns.jobs += 1
        job.add_done_callback(self._job_done)
        return job

    def _job_done(self, _: Future[Any]) -> None:
        self.turns.jobs -= 1
