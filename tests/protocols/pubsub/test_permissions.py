"""What users without a permission on an event are answered by gRPC."""

from __future__ import annotations

from collections.abc import Callable

import grpc
import pytest

from mock_server.control.client import ControlClient
from tests.conftest import Rest
from tests.protocols.pubsub.client import EARLIEST, TOPIC, PubSub, Refused

Client = Callable[[str | None], PubSub]


@pytest.fixture
def restricted(channel: grpc.Channel, control: ControlClient) -> Client:
    """Make a client of a user who has some rights on the event."""

    def make(rights: str | None) -> PubSub:
        objects = {} if rights is None else {"Order__e": rights}
        return PubSub(channel, control.create_user({"profile": "Minimum Access", "objects": objects}))

    return make


@pytest.mark.parametrize("topic_rights", [None, "read"])
@pytest.mark.parametrize("name", ["Publish", "PublishStream"])
def test_who_may_not_create_an_event_publishes_none(
    pubsub: PubSub, restricted: Client, topic_rights: str | None, name: str
) -> None:
    event = pubsub.event(Number__c="1")
    client = restricted(topic_rights)
    with pytest.raises(Refused) as caught:
        if name == "Publish":
            client.call(name, topic_name=TOPIC, events=[event])
        else:
            client.stream(name, topic_name=TOPIC, events=[event]).next()
    assert (caught.value.status, caught.value.code) == ("PERMISSION_DENIED", "topic.meta.permission")
    assert caught.value.text.endswith(f"rpcId: {caught.value.trailers['rpc-id']}")
    stored = pubsub.subscribe(preset=EARLIEST)
    pubsub.publish("2")
    assert [pubsub.decode(one)["Number__c"] for one in stored.events(1)] == ["2"]


def test_who_may_not_read_an_event_does_not_subscribe(restricted: Client) -> None:
    refused = restricted(None).subscribe(preset=EARLIEST).refusal()
    assert (refused.status, refused.code) == ("PERMISSION_DENIED", "subscription.topic.cannot.subscribe")
    assert refused.text.endswith(f"rpcId: {refused.trailers['rpc-id']}")


def test_who_may_read_and_no_more_subscribes_and_is_told_so(pubsub: PubSub, restricted: Client) -> None:
    client = restricted("read")
    told = client.call("GetTopic", topic_name=TOPIC)
    assert (told.can_publish, told.can_subscribe) == (False, True)
    stream = client.subscribe(preset=EARLIEST)
    pubsub.publish("1")
    assert len(stream.events(1)) == 1


def test_a_topic_that_a_user_has_no_right_on_is_refused(restricted: Client) -> None:
    with pytest.raises(Refused) as caught:
        restricted(None).call("GetTopic", topic_name=TOPIC)
    assert (caught.value.status, caught.value.code) == ("PERMISSION_DENIED", "topic.meta.permission")


def revoked(rest: Rest) -> None:
    """Take the rights on the event from all who have them by a permission set."""
    soql = "SELECT Id FROM ObjectPermissions WHERE SobjectType = 'Order__e' AND Parent.IsOwnedByProfile = false"
    for record in rest.get("/query", params={"q": soql}).json()["records"]:
        assert rest.delete(f"/sobjects/ObjectPermissions/{record['Id']}").status_code == 204


def test_who_may_read_no_longer_is_told_nothing_more(pubsub: PubSub, restricted: Client, rest: Rest) -> None:
    stream = restricted("read").subscribe(preset=EARLIEST)
    pubsub.publish("1")
    assert len(stream.events(1)) == 1
    revoked(rest)
    pubsub.publish("2")
    with pytest.raises(Refused) as caught:
        stream.next()
    assert (caught.value.status, caught.value.code) == ("PERMISSION_DENIED", "subscription.topic.cannot.subscribe")


def test_who_may_create_no_longer_publishes_nothing_more(pubsub: PubSub, restricted: Client, rest: Rest) -> None:
    event = pubsub.event(Number__c="1")
    stream = restricted("read create").stream("PublishStream", topic_name=TOPIC, events=[event])
    assert not stream.next().results[0].HasField("error")
    revoked(rest)
    stream.send(events=[event])
    with pytest.raises(Refused) as caught:
        stream.next()
    assert (caught.value.status, caught.value.code) == ("PERMISSION_DENIED", "topic.meta.permission")


def test_who_may_publish(pubsub: PubSub, restricted: Client) -> None:
    client = restricted("read create")
    (result,) = client.call("Publish", topic_name=TOPIC, events=[pubsub.event(Number__c="1")]).results
    assert not result.HasField("error")
