"""The unmodified streaming of jsforce, which is Faye, does its job."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import node_clients
from tests.protocols.cometd.conftest import EVENTS


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=EVENTS)
    yield made
    server.control.delete_org(made.id)


def test_jsforce_streaming(server: api.Server, org: OrgInfo) -> None:
    node_clients.install()
    said = node_clients.run("jsforce/streaming.test.mjs", node_clients.environment(server, org))
    assert "pass 0" not in said
