"""Node speaks the Pub/Sub API: the unmodified salesforce-pubsub-api-client, and gRPC and Avro alone."""

from __future__ import annotations

from pathlib import Path

import pytest

import mock_server
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


@pytest.mark.heavy
def test_grpc_js_and_avro_js_by_tls(server: api.Server) -> None:
    node_clients.install(FOLDER)
    org = server.control.create_org(objects=ORDER)
    # Not of the process as a whole: the script says itself whom it trusts.
    variables = {
        **{
            name: value
            for name, value in node_clients.environment(server, org).items()
            if name != "NODE_EXTRA_CA_CERTS"
        },
        "SF_PUBSUB_ENDPOINT": server.pubsub.replace("127.0.0.1", "localhost"),
        "SF_USER_ID": org.user_id,
        "PUBSUB_CA": str(server.ca_file),
        "PUBSUB_PROTO": str(Path(mock_server.__file__).parent / "protocols" / "pubsub" / "pubsub_api.proto"),
    }
    said = node_clients.run("pubsub/plain.test.mjs", variables)
    assert "pass 4" in said
    server.control.delete_org(org.id)
