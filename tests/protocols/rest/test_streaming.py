"""PushTopics and streaming channels by REST, as real clients make and use them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest

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
