"""GetTopic and GetSchema: what a topic is, and how its events are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from mock_server.operations import Call, Reply
from mock_server.org import errors
from mock_server.org.events import access
from mock_server.org.events.publishing import PREFIX
from mock_server.protocols.pubsub import wire

if TYPE_CHECKING:
    from mock_server.org.events import Channel
    from mock_server.org.schema.types import SObject

routes = wire.routes()
_KINDS = frozenset({"platform", "change"})
"""What this API carries: PushTopics and generic events are CometD's alone."""


def channel_of(call: Call, topic: str) -> Channel:
    """Return the channel of a topic that the caller may read. Raises ApiError."""
    if not topic.strip():
        raise errors.TOPIC_EMPTY()
    try:
        channel = call.org.events.find(call.session, topic)
    except access.NoChannel:
        raise _not_found(call, topic) from None
    except access.NotPermitted:
        raise errors.CANNOT_SUBSCRIBE(topic=topic) from None
    if channel.kind not in _KINDS:
        raise _not_found(call, topic)
    return channel


def published(call: Call, topic: str) -> SObject | None:
    """Return the event that is published on a topic, if the caller may publish it; None for any other topic."""
    sobject = call.org.events.platform.type_of(topic)
    rights = call.org.accesses.of(call.session.user_id)
    return sobject if sobject is not None and (rights is None or "create" in rights.rights(sobject)) else None


def _not_found(call: Call, topic: str) -> errors.ApiError:
    return errors.TOPIC_NOT_FOUND(org=call.org.id, topic=topic)


@routes(wire.operation("get_topic", "GetTopic", "What a topic is: its schema, and what the caller may do", kind="read"))
async def get_topic(call: Call) -> Reply:
    from mock_server.protocols.pubsub.messages import api, read

    topic = read(api.TopicRequest, call.body).topic_name
    may_publish = published(call, topic) is not None
    try:
        channel_of(call, topic)
        may_read = True
    except errors.ApiError as error:
        if error.spec is not errors.CANNOT_SUBSCRIBE:
            raise
        if not may_publish:
            raise errors.TOPIC_META_PERMISSION(org=call.org.id, topic=topic) from None
        may_read = False
    info = api.TopicInfo(
        topic_name=topic,
        tenant_guid=wire.tenant(call.org),
        can_publish=may_publish,
        can_subscribe=may_read,
        schema_id=_schema_id(call, topic),
        rpc_id=wire.rpc_id(call),
    )
    return wire.sent(info.SerializeToString())


@routes(wire.operation("get_schema", "GetSchema", "The Avro schema of an id", kind="read"))
async def get_schema(call: Call) -> Reply:
    from mock_server.protocols.pubsub.messages import api, read

    wanted = read(api.SchemaRequest, call.body).schema_id
    if not wanted.strip():
        raise errors.SCHEMA_EMPTY()
    codec = call.org.events.codecs.known(wanted)
    if codec is None:
        raise errors.SCHEMA_NOT_FOUND(schema=wanted)
    if call.schema.get(codec.name) is None and published(call, PREFIX + codec.name) is None:
        # Who may neither read nor publish an event does not see its schema either.
        raise errors.SCHEMA_META_PERMISSION(schema=wanted)
    text = orjson.dumps(codec.schema).decode()
    info = api.SchemaInfo(schema_json=text, schema_id=wanted, rpc_id=wire.rpc_id(call))
    return wire.sent(info.SerializeToString())


def _schema_id(call: Call, topic: str) -> str:
    """Return the id of the one schema of a topic; nothing for a channel of several types, whose events name theirs."""
    try:
        return call.org.events.codecs.of_event(topic.rpartition("/")[2]).schema_id
    except KeyError:
        return ""
