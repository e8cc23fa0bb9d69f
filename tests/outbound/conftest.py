from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from tests.conftest import Rest
from tests.outbound.receivers import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.close()


class World:
    """An org that sends, its control client, and a plain client of its API."""

    def __init__(self, server: api.Server, info: OrgInfo) -> None:
        self.server, self.info = server, info
        self.control: ControlClient = server.control.for_org(info.id)
        self.rest = Rest(server.url, info.access_token, info, requests.Session())

    def account(self, **fields: Any) -> str:
        answer = self.rest.post("/sobjects/Account", json={"Name": "Acme", **fields})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def sent(self, operation: str = "outbound.") -> list[dict[str, Any]]:
        """Return what the journal knows of attempts that are over."""
        return [
            one for one in self.control.journal() if one["operation"].startswith(operation) and one["end"] is not None
        ]


Make = Callable[..., World]


@pytest.fixture
def world(server: api.Server) -> Iterator[Make]:
    """Make an org in which things are declared: `world(callouts=[...])`."""
    made: list[World] = []

    def make(**given: Any) -> World:
        kinds = ("outboundMessages", "callouts", "namedCredentials", "apexrest")
        declared = {kind: given.pop(kind) for kind in kinds if kind in given}
        info = server.control.create_org(journal="whole", declared=declared, **given)
        made.append(World(server, info))
        return made[-1]

    yield make
    for one in made:
        server.control.delete_org(one.info.id)
