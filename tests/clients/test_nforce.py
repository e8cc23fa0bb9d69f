"""The unmodified nforce client, and its fork nforce8, do their jobs; their scripts are in `node/nforce/`."""

from __future__ import annotations

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import node_clients

pytestmark = pytest.mark.heavy


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    node_clients.install(node_clients.FOLDER / "nforce")


@pytest.mark.parametrize("client", ["nforce", "nforce8"])
def test_a_client_of_node(server: api.Server, org: OrgInfo, client: str) -> None:
    said = node_clients.run(f"nforce/{client}.test.mjs", node_clients.environment(server, org))
    assert "pass 0" not in said
