"""Runs a function in virtual time against an org of the real server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from harness.org import OrgHandle
from harness.trial import EPOCH
from harness.vtime import run
from harness.vtime.local import bypass
from harness.vtime.run import Outcome
from harness.vtime.side import LocalSide
from mock_server import api

LIMITS = "/services/data/v60.0/limits"


@dataclass
class World:
    """An org whose clock is virtual, and the way to run a function in its time."""

    server: api.Server
    org: OrgHandle

    @property
    def url(self) -> str:
        return self.server.url + LIMITS

    @property
    def https_url(self) -> str:
        return self.server.https_url + LIMITS

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.org.access_token}"}

    def stall(self, latency: str = "45s", **when: Any) -> None:
        """Hold every REST answer back for a while."""
        self.org.faults.add({"on": "rest.*", "latency": latency, **({"when": when} if when else {})})

    def ended(self, function: Callable[[], object], **options: Any) -> Outcome:
        """Run a function, however it ends."""
        side = LocalSide(self.server, self.org.id)
        return run.call(function, side, **{"wall": 20.0, "changes": bypass(), **options})

    def __call__(self, function: Callable[[], object], **options: Any) -> Outcome:
        """Run a function that must end well."""
        outcome = self.ended(function, **options)
        if outcome.error is not None:
            raise outcome.error
        assert outcome.failure is None
        return outcome


@pytest.fixture
def world(server: api.Server) -> Iterator[World]:
    info = server.control.create_org(journal="whole", clock="virtual", clock_start=EPOCH)
    yield World(server, OrgHandle(info, server))
    server.control.delete_org(info.id)
