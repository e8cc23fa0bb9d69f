"""The protocol is Salesforce's own: methods, messages, numbers of fields, and the codes of its errors."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.descriptor import FieldDescriptor

from mock_server.control.client import ControlClient
from tests.protocols.pubsub.client import TOPIC, PubSub, Refused, api

METHODS = {
    "Subscribe": ("stream FetchRequest", "stream FetchResponse"),
    "GetSchema": ("SchemaRequest", "SchemaInfo"),
    "GetTopic": ("TopicRequest", "TopicInfo"),
    "Publish": ("PublishRequest", "PublishResponse"),
    "PublishStream": ("stream PublishRequest", "stream PublishResponse"),
    "ManagedSubscribe": ("stream ManagedFetchRequest", "stream ManagedFetchResponse"),
}
MESSAGES = {
    "TopicInfo": "topic_name=1 string; tenant_guid=2 string; can_publish=3 bool; can_subscribe=4 bool; "
    "schema_id=5 string; rpc_id=6 string",
    "TopicRequest": "topic_name=1 string",
    "EventHeader": "key=1 string; value=2 bytes",
    "ProducerEvent": "id=1 string; schema_id=2 string; payload=3 bytes; headers=4 repeated EventHeader",
    "ConsumerEvent": "event=1 ProducerEvent; replay_id=2 bytes",
    "PublishResult": "replay_id=1 bytes; error=2 Error; correlation_key=3 string",
    "Error": "code=1 ErrorCode; msg=2 string",
    "FetchRequest": "topic_name=1 string; replay_preset=2 ReplayPreset; replay_id=3 bytes; num_requested=4 int32; "
    "auth_refresh=5 string",
    "FetchResponse": "events=1 repeated ConsumerEvent; latest_replay_id=2 bytes; rpc_id=3 string; "
    "pending_num_requested=4 int32",
    "SchemaRequest": "schema_id=1 string",
    "SchemaInfo": "schema_json=1 string; schema_id=2 string; rpc_id=3 string",
    "PublishRequest": "topic_name=1 string; events=2 repeated ProducerEvent; auth_refresh=3 string",
    "PublishResponse": "results=1 repeated PublishResult; schema_id=2 string; rpc_id=3 string",
    "ManagedFetchRequest": "subscription_id=1 string; developer_name=2 string; num_requested=3 int32; "
    "auth_refresh=4 string; commit_replay_id_request=5 CommitReplayRequest",
    "ManagedFetchResponse": "events=1 repeated ConsumerEvent; latest_replay_id=2 bytes; rpc_id=3 string; "
    "pending_num_requested=4 int32; commit_response=5 CommitReplayResponse",
    "CommitReplayRequest": "commit_request_id=1 string; replay_id=2 bytes",
    "CommitReplayResponse": "commit_request_id=1 string; replay_id=2 bytes; error=3 Error; process_time=4 int64",
}
ENUMS = {
    "ErrorCode": {"UNKNOWN": 0, "PUBLISH": 1, "COMMIT": 2},
    "ReplayPreset": {"LATEST": 0, "EARLIEST": 1, "CUSTOM": 2},
}


def test_the_service_has_its_methods() -> None:
    (service,) = api.DESCRIPTOR.services_by_name.values()
    assert service.full_name == "eventbus.v1.PubSub"
    told = {
        method.name: (
            "stream " * method.client_streaming + method.input_type.name,
            "stream " * method.server_streaming + method.output_type.name,
        )
        for method in service.methods
    }
    assert told == METHODS


def _kind(field: Any) -> str:
    named = field.message_type or field.enum_type
    if named is not None:
        return str(named.name)
    kinds = {
        FieldDescriptor.TYPE_STRING: "string", FieldDescriptor.TYPE_BYTES: "bytes", FieldDescriptor.TYPE_BOOL: "bool",
        FieldDescriptor.TYPE_INT32: "int32", FieldDescriptor.TYPE_INT64: "int64",
    }  # fmt: skip
    return kinds[field.type]


def test_messages_have_their_fields_by_number() -> None:
    told = {
        name: "; ".join(
            f"{field.name}={field.number} {'repeated ' * field.is_repeated}{_kind(field)}" for field in message.fields
        )
        for name, message in api.DESCRIPTOR.message_types_by_name.items()
    }
    assert told == MESSAGES
    enums = {name: dict(api.DESCRIPTOR.enum_types_by_name[name].values_by_name) for name in ENUMS}
    assert {name: {key: value.number for key, value in values.items()} for name, values in enums.items()} == ENUMS


GENERAL = """
    service.unavailable=UNAVAILABLE service.auth.error=UNAUTHENTICATED service.auth.headers.invalid=UNAUTHENTICATED
    service.auth.refresh.invalid=UNAUTHENTICATED service.protection.stream.limit.triggered=RESOURCE_EXHAUSTED
    service.protection.triggered=RESOURCE_EXHAUSTED service.tenant.license=PERMISSION_DENIED
    concurrent.client.limit.exceeded=RESOURCE_EXHAUSTED
"""
OF_TOPICS = """
    topic.not.found=NOT_FOUND topic.meta.permission=PERMISSION_DENIED topic.api.unavailable=UNAVAILABLE
    topic.validation.empty=INVALID_ARGUMENT schema.meta.permission=PERMISSION_DENIED schema.api.unavailable=UNAVAILABLE
    schema.validation.failed=INVALID_ARGUMENT
"""
OF_SUBSCRIPTIONS = """
    subscription.fetch.replayid.corrupted=INVALID_ARGUMENT
    subscription.fetch.replayid.validation.failed=INVALID_ARGUMENT
    subscription.fetch.requested.events.invalid=INVALID_ARGUMENT subscription.fetch.topic.mismatch=INVALID_ARGUMENT
    subscription.fetch.overflow=RESOURCE_EXHAUSTED subscription.fetch.replay.repeated=INTERNAL
    subscription.fetch.request.invalid=INVALID_ARGUMENT subscription.topic.cannot.subscribe=PERMISSION_DENIED
    subscription.internal.error=INTERNAL subscription.limit.exceeded=RESOURCE_EXHAUSTED
"""
OF_PUBLISHING = """
    publish.stream.sweeper.timeout=DEADLINE_EXCEEDED publish.auth.refresh.invalid=INVALID_ARGUMENT
    publish.event.count.invalid=INVALID_ARGUMENT publish.topic.mismatch=INVALID_ARGUMENT
    publish.topic.validation.empty=INVALID_ARGUMENT
"""
MANAGED = """
    already.active=ALREADY_EXISTS config.stopped=FAILED_PRECONDITION config.deleted=NOT_FOUND
    developer.name.not.found=NOT_FOUND subscription.id.not.found=NOT_FOUND subscription.id.invalid=INVALID_ARGUMENT
    id.or.developer.name.empty=INVALID_ARGUMENT fetch.request.events.invalid=INVALID_ARGUMENT
    fetch.request.invalid=INVALID_ARGUMENT fetch.request.commit.request.restricted=INVALID_ARGUMENT
    fetch.request.auth.request.restricted=INVALID_ARGUMENT
"""
CODES = [
    *(GENERAL + OF_TOPICS + OF_SUBSCRIPTIONS + OF_PUBLISHING).split(),
    *(f"managed.subscription.{one}" for one in MANAGED.split()),
]


def test_every_code_of_the_guide_can_be_met(pubsub: PubSub, control: ControlClient) -> None:
    met = []
    for code in CODES:
        name, _, _ = code.partition("=")
        error = f"sfdc.platform.eventbus.grpc.{name}"
        control.add_fault({"on": "pubsub.get_topic", "error": error, "when": {"times": 1}})
        with pytest.raises(Refused) as caught:
            pubsub.call("GetTopic", topic_name=TOPIC)
        refused = caught.value
        assert refused.trailers["error-code"] == error
        assert refused.text.endswith(f" rpcId: {refused.trailers['rpc-id']}")
        met.append(f"{refused.code}={refused.status}")
    assert met == CODES
    assert pubsub.call("GetTopic", topic_name=TOPIC).can_subscribe
