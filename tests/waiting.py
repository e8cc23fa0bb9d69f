"""Waiting for what is bound to happen, for as long as it takes: no test knows how quick the machine is."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from mock_server.api import Server

T = TypeVar("T")
PATIENCE = 60.0
"""Seconds after which what has not happened is taken never to happen: a hang, on however slow a machine."""
_LOOK = 0.005
# Taken once: a test may put another time in their place.
_steady, _sleep = time.monotonic, time.sleep


def until(happened: Callable[[], T], what: str = "it did not come to that") -> T:
    """Return what a function returns once that is true. Raises AssertionError with `what` where it never is."""
    end = _steady() + PATIENCE
    while not (found := happened()):
        assert _steady() < end, what
        _sleep(_LOOK)
    return found


async def until_on_loop(happened: Callable[[], T], what: str = "it did not come to that") -> T:
    """Return what a function returns once that is true, while the event loop goes on. Raises AssertionError."""
    end = _steady() + PATIENCE
    while not (found := happened()):
        assert _steady() < end, what
        await asyncio.sleep(_LOOK)
    return found


def pass_time(server: Server, org: str, asked: Sequence[Future[Any]], step: float) -> None:
    """Move a virtual clock on in steps, as long as somebody waits for it, until all that was asked is answered.

    However slow the machine is, no more time goes by than is waited for, a step apart.
    """

    async def waited_for() -> bool:
        return server.world.orgs[org].clock.next_due() is not None

    def looked() -> bool:
        return asyncio.run_coroutine_threadsafe(waited_for(), server._loop).result(PATIENCE)

    control = server.control.for_org(org)
    while True:
        until(lambda: not wait(asked, timeout=0).not_done or looked())
        if not wait(asked, timeout=0).not_done:
            return
        control.advance(step)
