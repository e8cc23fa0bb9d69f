"""What a user is told where the machine is too busy for a server."""

from __future__ import annotations

import asyncio

import pytest

from mock_server import api, inside
from mock_server.config import Settings


def test_a_server_that_does_nothing_for_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[bool] = []

    async def never(settings: Settings) -> None:
        begun.append(True)
        await asyncio.Event().wait()

    monkeypatch.setattr(inside, "PATIENCE", 0.2)
    monkeypatch.setattr(api.Running, "open", never)
    with pytest.raises(TimeoutError, match=r"the server has done nothing for 0\.2 seconds: this machine is overloaded"):
        api.Server(Settings())
