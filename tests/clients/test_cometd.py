"""CometD's own client for JavaScript, and Faye, both unmodified; their scripts are in `node/cometd/`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import node_clients
from tests.protocols.cometd.conftest import EVENTS, NOTES

pytestmark = pytest.mark.heavy
_TOPIC = {"Name": "Accounts", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 60.0}


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    node_clients.install(node_clients.FOLDER / "cometd")


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(objects=EVENTS)
    control = server.control.for_org(made.id)
    control.seed("PushTopic", [_TOPIC])
    control.seed("StreamingChannel", [{"Name": NOTES}])
    yield made
    server.control.delete_org(made.id)


@pytest.mark.parametrize("client", ["cometd", "faye"])
def test_a_bayeux_client_of_node(server: api.Server, org: OrgInfo, client: str) -> None:
    said = node_clients.run(f"cometd/{client}.test.mjs", node_clients.environment(server, org))
    assert "pass 0" not in said
