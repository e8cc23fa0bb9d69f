"""Waiting for the row locks of others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from mock_server.org import errors
from mock_server.org.errors import ApiError
from mock_server.org.records.changes import LockHeld
from mock_server.org.records.locks import WAIT

if TYPE_CHECKING:
    from mock_server.org.org import Org

T = TypeVar("T")


def unlockable(held: LockHeld) -> ApiError:
    """Return what somebody is told who has waited for a lock in vain."""
    return errors.UNABLE_TO_LOCK_ROW(count=len(held.ids), ids=",".join(held.ids), fields=None)


async def when_unlocked(org: Org, work: Callable[[], T]) -> T:
    """Run work again whenever the row locks it met come free, as long as a save waits.

    Raises LockHeld when they do not come free in time.
    """
    deadline = org.clock.now() + WAIT
    while True:
        try:
            return work()
        except LockHeld as held:
            if org.clock.now() >= deadline:
                raise
            await org.clock.wait_until(min(held.until, deadline))
