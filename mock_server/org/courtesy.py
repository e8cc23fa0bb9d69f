"""Long work that lets others be served."""

from __future__ import annotations

import asyncio

_TURNS = 4
"""Of the event loop. A request takes as many: its bytes come in, its connection wakes, its task begins, and answers."""


async def give_way() -> None:
    """Answer whoever has asked meanwhile. After a single turn a request would wait for a slice of work at each step."""
    for _ in range(_TURNS):
        await asyncio.sleep(0)
