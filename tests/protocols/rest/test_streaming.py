"""PushTopics and streaming channels by REST, as real clients make and use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.conftest import FIELDS, Rest
from tests.protocols.cometd.conftest import Bayeux

TOPIC = {"Name": "New", "Query": "SELECT Id, Name FROM Account", "ApiVersion": 60.0, "NotifyForFields": "Referenced"}


def made(rest: Rest, sobject: str, values: dict[str, Any]) -> str:
    reply = rest.post(f"/sobjects/{sobject}", json=values)
    assert reply.status_code == 201, reply.text
    return str(reply.json()["id"])


def test_a_topic_is_a_record_like_any_other(rest: Rest) -> None:
    identifier = made(rest, "PushTopic", TOPIC)
    assert identifier.startswith("0IF")
    assert rest.patch(f"/sobjects/PushTopic/{identifier}", json={"NotifyForFields": "All"}).status_code == 204
    (row,) = rest.query("SELECT Name, NotifyForFields, IsActive FROM PushTopic").json()["records"]
    assert (row["Name"], row["NotifyForFields"], row["IsActive"]) == ("New", "All", True)
    assert rest.delete(f"/sobjects/PushTopic/{identifier}").status_code == 204


def test_a_wrong_query_is_refused_in_salesforces_words(rest: Rest) -> None:
    reply = rest.post("/sobjects/PushTopic", json={**TOPIC, "Query": "SELECT Id, Name FROM Contact LIMIT 10"})
    assert reply.status_code == 400
    assert reply.json() == [{"message": "'LIMIT' is not allowed", "errorCode": "INVALID_FIELD", "fields": ["Query"]}]


def test_topics_come_in_collections(rest: Rest) -> None:
    records = [{"attributes": {"type": "PushTopic"}, **TOPIC, "Name": name} for name in ("A", "B", "A")]
    reply = rest.post("/composite/sobjects", json={"records": records})
    assert [one["success"] for one in reply.json()] == [True, True, False]
    assert reply.json()[2]["errors"][0]["statusCode"] == "DUPLICATE_VALUE"


def test_a_channel_is_pushed_to(rest: Rest) -> None:
    identifier = made(rest, "StreamingChannel", {"Name": "/u/News"})
    path = f"/sobjects/StreamingChannel/{identifier}/push"
    assert rest.get(path).json() == {"OnlineUserIds": [], "ChannelName": "/u/News"}
    user = rest.org.user_id
    events = [{"payload": "hello", "userIds": []}, {"payload": "you", "userIds": [user]}]
    reply = rest.post(path, json={"pushEvents": events})
    assert reply.status_code == 200
    assert reply.json() == [
        {"fanoutCount": 0, "userOnlineStatus": {}},
        {"fanoutCount": 0, "userOnlineStatus": {user: False}},
    ]


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"pushEvents": "x"},
        {"pushEvents": ["x"]},
        {"pushEvents": [{"payload": 5}]},
        {"pushEvents": [{}]},
        {"pushEvents": [{"payload": "x", "userIds": "005"}]},
        {"pushEvents": [{"payload": "x", "userIds": [5]}]},
        {"pushEvents": [{"payload": "x" * 3001}]},
        {"pushEvents": [{"payload": "x"}, {"payload": "y" * 3001}]},
    ],
)
def test_what_cannot_be_pushed(rest: Rest, body: Any) -> None:
    identifier = made(rest, "StreamingChannel", {"Name": "/u/News"})
    reply = rest.post(f"/sobjects/StreamingChannel/{identifier}/push", json=body)
    assert reply.status_code == 400
    assert set(reply.json()[0]) >= {"message", "errorCode"}


@pytest.mark.parametrize("identifier", ["0M6000000000001AAA", "nonsense", "001000000000001AAA"])
def test_a_channel_that_is_not_there(rest: Rest, identifier: str) -> None:
    for reply in (
        rest.get(f"/sobjects/StreamingChannel/{identifier}/push"),
        rest.post(f"/sobjects/StreamingChannel/{identifier}/push", json={"pushEvents": []}),
    ):
        assert reply.status_code == 404
        assert reply.json()[0]["errorCode"] == "NOT_FOUND"


# -- as subscribers see them


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(fields=FIELDS, journal="whole", settings={"dynamic_channels": True})
    yield made
    server.control.delete_org(made.id)


@pytest.fixture
def bayeux(server: api.Server, org: OrgInfo) -> Iterator[Bayeux]:
    client = Bayeux(server.url, org.access_token)
    yield client
    client.http.close()
    client.threads.shutdown()


def data(client: Bayeux) -> list[dict[str, Any]]:
    return [message["data"] for message in client.connect(advice={"timeout": 0}) if "data" in message]


def test_a_topic_tells_its_subscribers(rest: Rest, bayeux: Bayeux) -> None:
    made(rest, "PushTopic", TOPIC)
    bayeux.ready("/topic/New")
    account = made(rest, "Account", {"Name": "A"})
    (told,) = data(bayeux)
    assert told["sobject"] == {"Id": account, "Name": "A"}
    assert set(told["event"]) == {"createdDate", "replayId", "type"}
    assert told["event"]["type"] == "created"
    assert told["event"]["createdDate"].endswith("Z")


def test_a_filter_keeps_events_from_a_subscriber(rest: Rest, bayeux: Bayeux) -> None:
    made(rest, "PushTopic", TOPIC)
    bayeux.ready("/topic/New?Name='B'")
    for name in ("A", "B"):
        made(rest, "Account", {"Name": name})
    assert [one["sobject"]["Name"] for one in data(bayeux)] == ["B"]
    refused = bayeux.subscribe("/topic/New?Rating='Hot'")
    assert refused["error"] == "400::Query fields {Rating} do not exist on the topic entity"


@pytest.mark.parametrize("channel", ["/topic/Nothing", "/topic/new", "/topic/"])
def test_a_topic_that_is_not_there(rest: Rest, bayeux: Bayeux, channel: str) -> None:
    made(rest, "PushTopic", TOPIC)
    bayeux.ready()
    assert bayeux.subscribe(channel)["error"].startswith(("400::", "403::", "404::"))


def test_what_the_bulk_api_saves_notifies_nobody(rest: Rest, server: api.Server, bayeux: Bayeux) -> None:
    made(rest, "PushTopic", TOPIC)
    bayeux.ready("/topic/New")
    job = rest.post("/jobs/ingest", json={"object": "Account", "operation": "insert"}).json()["id"]
    rest.http.put(
        f"{rest.url}/services/data/v60.0/jobs/ingest/{job}/batches",
        data="Name\nA\nB\n",
        headers={"Authorization": f"Bearer {rest.token}", "Content-Type": "text/csv"},
        timeout=20,
    )
    rest.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    while rest.get(f"/jobs/ingest/{job}").json()["state"] != "JobComplete":
        pass
    made(rest, "Account", {"Name": "C"})
    assert [one["sobject"]["Name"] for one in data(bayeux)] == ["C"]


def test_a_channel_is_made_by_who_subscribes_and_pushed_to(rest: Rest, bayeux: Bayeux) -> None:
    bayeux.ready("/u/News")
    (row,) = rest.query("SELECT Id, Name, IsDynamic FROM StreamingChannel").json()["records"]
    assert (row["Name"], row["IsDynamic"]) == ("/u/News", True)
    path = f"/sobjects/StreamingChannel/{row['Id']}/push"
    assert rest.get(path).json()["OnlineUserIds"] == [rest.org.user_id]
    events = [
        {"payload": "all", "userIds": []},
        {"payload": "me", "userIds": [rest.org.user_id]},
        {"payload": "other", "userIds": ["005000000000001AAA"]},
    ]
    reply = rest.post(path, json={"pushEvents": events}).json()
    assert [one["fanoutCount"] for one in reply] == [-1, 1, 0]
    found = data(bayeux)
    assert [one["payload"] for one in found] == ["all", "me"]
    assert set(found[0]["event"]) == {"createdDate", "replayId"}
