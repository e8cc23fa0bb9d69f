"""Topics and schemas, and what a call has to say of itself."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import grpc
import pytest

from mock_server import api
from tests.protocols.pubsub.client import ORDER, TOPIC, PubSub, Refused, metadata

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


def refusal(pubsub: PubSub, name: str, meta: list[tuple[str, str]] | None = None, **fields: object) -> Refused:
    with pytest.raises(Refused) as caught:
        pubsub.call(name, meta, **fields)
    return caught.value


def test_a_topic_tells_its_schema_and_what_may_be_done(pubsub: PubSub) -> None:
    info = pubsub.call("GetTopic", topic_name=TOPIC)
    assert (info.topic_name, info.can_publish, info.can_subscribe) == (TOPIC, True, True)
    assert info.tenant_guid == f"CORE/prod/{pubsub.org.id}"
    assert re.fullmatch("[A-Za-z0-9_-]{22}", info.schema_id)
    assert re.fullmatch(UUID, info.rpc_id)


def test_a_schema_is_avro_whose_uuid_is_its_id(pubsub: PubSub) -> None:
    schema_id = pubsub.call("GetTopic", topic_name=TOPIC).schema_id
    told = pubsub.call("GetSchema", schema_id=schema_id)
    schema = json.loads(told.schema_json)
    assert told.schema_id == schema["uuid"] == schema_id
    assert (schema["name"], schema["namespace"], schema["type"]) == ("Order__e", "com.sforce.eventbus", "record")
    fields = {field["name"]: field for field in schema["fields"]}
    assert list(fields)[:2] == ["CreatedDate", "CreatedById"]
    assert fields["CreatedDate"] == {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"}
    assert fields["CreatedById"] == {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"}
    types = {name: field["type"] for name, field in fields.items()}
    assert types["Number__c"] == ["null", "string"]
    assert types["Amount__c"] == ["null", "double"]
    assert types["When__c"] == types["Day__c"] == ["null", "long"]
    assert fields["Number__c"]["default"] is None
    assert fields["Number__c"]["doc"].startswith("Data:Text:00N")


@pytest.mark.parametrize(
    ("name", "fields", "status", "code"),
    [
        ("GetTopic", {"topic_name": "/event/None__e"}, "NOT_FOUND", "topic.not.found"),
        ("GetTopic", {"topic_name": "Order__e"}, "NOT_FOUND", "topic.not.found"),
        ("GetTopic", {"topic_name": "/event/order__E"}, "NOT_FOUND", "topic.not.found"),
        ("GetTopic", {}, "INVALID_ARGUMENT", "topic.validation.empty"),
        ("GetTopic", {"topic_name": "  "}, "INVALID_ARGUMENT", "topic.validation.empty"),
        ("GetTopic", {"topic_name": "/topic/Accounts"}, "NOT_FOUND", "topic.not.found"),
        ("GetSchema", {"schema_id": "AAAAAAAAAAAAAAAAAAAAAA"}, "NOT_FOUND", "schema.meta.permission"),
        ("GetSchema", {"schema_id": " "}, "INVALID_ARGUMENT", "schema.validation.failed"),
        ("Publish", {"topic_name": TOPIC}, "INVALID_ARGUMENT", "publish.event.count.invalid"),
        ("Publish", {"topic_name": " "}, "INVALID_ARGUMENT", "publish.topic.validation.empty"),
        ("Publish", {"topic_name": "/event/None__e"}, "NOT_FOUND", "topic.not.found"),
    ],
)
def test_what_cannot_be_asked(pubsub: PubSub, name: str, fields: dict[str, str], status: str, code: str) -> None:
    refused = refusal(pubsub, name, **fields)
    assert (refused.status, refused.code) == (status, code)
    found = re.search(f"rpcId: ({UUID})$", refused.text)
    assert found is not None
    assert refused.trailers["rpc-id"] == found[1]


def test_an_unknown_topic_is_told_in_salesforces_words(pubsub: PubSub) -> None:
    text = refusal(pubsub, "GetTopic", topic_name="/data/CaseChangeEvent_").text
    assert text.startswith(
        f"The topic information for org CORE/prod/{pubsub.org.id} and topic /data/CaseChangeEvent_ not found. "
        "Ensure the topic name is correct and that the topic exists. rpcId: "
    )


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"accesstoken": None}, "service.auth.headers.invalid"),
        ({"accesstoken": ""}, "service.auth.headers.invalid"),
        ({"instanceurl": None}, "service.auth.headers.invalid"),
        ({"instanceurl": "acme.my.salesforce.com"}, "service.auth.headers.invalid"),
        ({"tenantid": None}, "service.auth.headers.invalid"),
        ({"tenantid": "00D"}, "service.auth.headers.invalid"),
        ({"tenantid": "00D000000000001AAA"}, "service.auth.error"),
        ({"accesstoken": "00D000000000001!nonsense"}, "service.auth.error"),
    ],
)
def test_who_calls_and_where_has_to_be_said(pubsub: PubSub, changed: dict[str, str | None], code: str) -> None:
    refused = refusal(pubsub, "GetTopic", metadata(pubsub.org, **changed), topic_name=TOPIC)
    assert (refused.status, refused.code) == ("UNAUTHENTICATED", code)
    if code == "service.auth.error":
        assert refused.text.startswith(
            "An authentication exception occurred. Provide valid authentication via metadata"
        )


def test_the_names_of_headers_are_in_any_case_and_an_id_may_have_15_characters(pubsub: PubSub) -> None:
    # Libraries of HTTP/2 send small letters whatever they are given, so this is about a call's own look-up.
    told = metadata(pubsub.org, tenantid=pubsub.org.id[:15])
    assert pubsub.call("GetTopic", [*told, ("x-client-trace-id", "abc")], topic_name=TOPIC).can_subscribe


def test_calls_stand_in_the_journal_and_count_against_no_limit_of_requests(pubsub: PubSub, control: object) -> None:
    before = control.limits()["DailyApiRequests"]["Remaining"]  # type: ignore[attr-defined]
    pubsub.call("GetTopic", topic_name=TOPIC)
    refusal(pubsub, "GetTopic", topic_name="/event/None__e")
    good, bad = control.journal()[-2:]  # type: ignore[attr-defined]
    assert (good["operation"], good["method"], good["status"]) == ("pubsub.get_topic", "GRPC", 200)
    assert good["path"] == "/eventbus.v1.PubSub/GetTopic"
    assert good["user"] == pubsub.org.username
    assert bad["codes"] == ["sfdc.platform.eventbus.grpc.topic.not.found"]
    assert control.limits()["DailyApiRequests"]["Remaining"] == before  # type: ignore[attr-defined]


def test_an_instance_url_that_is_half_an_address_is_refused(pubsub: PubSub) -> None:
    refused = refusal(pubsub, "GetTopic", metadata(pubsub.org, instanceurl="http://["), topic_name=TOPIC)
    assert (refused.status, refused.code) == ("UNAUTHENTICATED", "service.auth.headers.invalid")


@pytest.mark.parametrize("letter", ["a", "%", "\u00e9", "\u20ac", "\U0001f600"])
def test_a_refusal_of_a_very_long_name_reaches_the_client(pubsub: PubSub, letter: str) -> None:
    # A client may drop trailers over 8 KB, and does so at random.
    for _ in range(10):
        refused = refusal(pubsub, "GetTopic", topic_name=letter * 100_000)
        assert (refused.status, refused.code) == ("NOT_FOUND", "topic.not.found")
        assert letter * 100 in refused.text
        assert "\ufffd" not in refused.text
        assert len(quote(refused.text)) < 5_000


@pytest.mark.parametrize(("rights", "told"), [({}, False), ({"objects": {"Order__e": ["read"]}}, True)])
def test_a_schema_is_told_to_those_who_may_read_the_event(
    server: api.Server, channel: grpc.Channel, rights: dict[str, object], told: bool
) -> None:
    user = {"username": "reader@acme.test", **rights}
    org = server.control.create_org(objects=ORDER, users=[user], speaker="reader@acme.test")
    codecs = server._running.app.world.orgs[org.id].events.codecs
    wanted = codecs.of_event("Order__e").schema_id
    pubsub = PubSub(channel, org)
    if told:
        assert pubsub.call("GetSchema", schema_id=wanted).schema_id == wanted
    else:
        refused = refusal(pubsub, "GetSchema", schema_id=wanted)
        assert (refused.status, refused.code) == ("PERMISSION_DENIED", "schema.meta.permission")
    server.control.delete_org(org.id)
