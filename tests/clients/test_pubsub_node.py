"""The unmodified salesforce-pubsub-api-client of Node subscribes, publishes, and reads changes."""

from __future__ import annotations

import pytest

from mock_server import api
from tests.clients import node_clients
from tests.protocols.pubsub.client import ORDER, TOPIC

FOLDER = node_clients.FOLDER / "pubsub"


@pytest.mark.heavy
def test_salesforce_pubsub_api_client(server: api.Server) -> None:
    node_clients.install(FOLDER)
    org = server.control.create_org(objects=ORDER, declared={"changeDataCapture": ["Account"]})
    managed = {"DeveloperName": "Mine", "MasterLabel": "Mine", "TopicName": TOPIC, "DefaultReplay": "EARLIEST"}
    server.control.for_org(org.id).seed("ManagedEventSubscription", [managed])
    variables = {
        **node_clients.environment(server, org),
        "SF_PUBSUB_ENDPOINT": server.pubsub.replace("127.0.0.1", "localhost"),
        "SF_USER_ID": org.user_id,
    }
    said = node_clients.run("pubsub/pubsub.test.mjs", variables)
    assert "pass 0" not in said
    server.control.delete_org(org.id)
