"""The unmodified jsforce client does its jobs; each script in `node/` is one of them."""

from __future__ import annotations

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.clients import node_clients

GREETING = {"path": "/greeting/{name}", "method": ["GET", "POST"], "body": {"hello": "{path.name}"}}


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    node_clients.install()


@pytest.mark.parametrize("job", ["login", "records", "query", "describe", "composite", "surfaces", "oauth", "bulk"])
def test_jsforce(server: api.Server, org: OrgInfo, job: str) -> None:
    server.control.for_org(org.id).declare("apexrest", GREETING)
    said = node_clients.run(f"jsforce/{job}.test.mjs", node_clients.environment(server, org))
    assert "pass 0" not in said
