"""An org with an event, and a client of it."""

from __future__ import annotations

from collections.abc import Iterator

import grpc
import pytest

from mock_server import api
from mock_server.control.client import ControlClient, OrgInfo
from tests.conftest import Rest
from tests.protocols.pubsub.client import ORDER, PubSub, connect


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=ORDER, journal="whole", clock="virtual")
    yield made
    server.control.delete_org(made.id)


@pytest.fixture
def control(server: api.Server, org: OrgInfo) -> ControlClient:
    return server.control.for_org(org.id)


@pytest.fixture(scope="session")
def channel(server: api.Server) -> Iterator[grpc.Channel]:
    with connect(server) as opened:
        yield opened


@pytest.fixture
def pubsub(channel: grpc.Channel, org: OrgInfo) -> PubSub:
    return PubSub(channel, org)


@pytest.fixture
def rest(server: api.Server, org: OrgInfo) -> Iterator[Rest]:
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()
