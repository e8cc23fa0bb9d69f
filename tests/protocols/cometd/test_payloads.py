"""What an event of each kind looks like, from what is done in the org to what a subscriber is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conftest import Rest
from tests.protocols.cometd.conftest import ALL_CHANGES, CASE, CHANGES, NOTES, ORDER, TOPIC, Lab

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def rest(lab: Lab) -> Rest:
    return Rest(lab.server.url, lab.info.access_token, lab.info)


def data(message: dict[str, Any], channel: str) -> dict[str, Any]:
    assert message.keys() == {"data", "channel"}
    assert message["channel"] == channel
    found = message["data"]
    assert isinstance(found, dict)
    return found


def test_a_platform_event(lab: Lab, rest: Rest) -> None:
    client = lab.client().ready(ORDER)
    made = rest.post("/sobjects/Order__e", json={"Number__c": 7, "Note__c": "one"})
    assert made.status_code == 201
    told = data(client.connect()[0], ORDER)
    assert list(told) == ["schema", "payload", "event"]
    assert re.fullmatch(r"[\w-]{22}", told["schema"])
    moment = told["payload"].pop("CreatedDate")
    assert re.fullmatch(MOMENT, moment)
    assert told["payload"] == {"CreatedById": lab.info.user_id, "Number__c": 7, "Note__c": "one"}
    assert told["event"].keys() == {"EventUuid", "replayId", "EventApiName"}
    assert told["event"]["EventApiName"] == "Order__e"
    assert isinstance(told["event"]["replayId"], int)
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", told["event"]["EventUuid"])


def test_a_topic(lab: Lab, rest: Rest) -> None:
    client = lab.client().ready(TOPIC)
    account = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    told = data(client.connect()[0], TOPIC)
    assert told["sobject"] == {"Id": account, "Name": "Acme", "Site": None}
    assert told["event"].keys() == {"createdDate", "replayId", "type"}
    assert told["event"]["type"] == "created"
    assert re.fullmatch(MOMENT, told["event"]["createdDate"])


def test_a_filtered_topic_goes_by_the_name_that_was_asked_for(lab: Lab, rest: Rest) -> None:
    channel = f"{TOPIC}?Name=Acme"
    client = lab.client().ready(channel)
    for name in ("Other", "Acme"):
        rest.post("/sobjects/Account", json={"Name": name})
    *events, _ = client.connect()
    assert [data(event, channel)["sobject"]["Name"] for event in events] == ["Acme"]


def test_a_generic_event(lab: Lab, rest: Rest) -> None:
    client = lab.client().ready(NOTES)
    (channel,) = lab.control.records("SELECT Id FROM StreamingChannel")
    path = f"/sobjects/StreamingChannel/{channel['Id']}/push"
    rest.post(path, json={"pushEvents": [{"payload": "hello", "userIds": []}]})
    told = data(client.connect()[0], NOTES)
    assert told["payload"] == "hello"
    assert told["event"].keys() == {"createdDate", "replayId"}


def test_a_change_event(lab: Lab) -> None:
    client = lab.client().ready(CHANGES)
    header = {"entityName": "Account", "recordIds": ["001"], "changeType": "UPDATE"}
    (event,) = lab.publish(CHANGES, {"Name": "x", "ChangeEventHeader": header}, schema_id="q" * 22)
    assert data(client.connect()[0], CHANGES) == {
        "schema": "q" * 22,
        "payload": {"Name": "x", "ChangeEventHeader": header},
        "event": {"replayId": event.replay_id},
    }


def test_an_event_is_written_once_however_many_read_it(lab: Lab) -> None:
    clients = [lab.client().ready(ORDER) for _ in range(3)]
    (event,) = lab.publish(ORDER, {"Number__c": 1})
    bodies = []
    for client in clients:
        client.connect()
        assert client.last is not None
        bodies.append(client.last.content)
    form = event.forms["cometd"]
    assert all(form in body for body in bodies)
    assert event.forms["cometd"] is form


def test_channels_come_one_by_one_and_each_in_its_order(lab: Lab) -> None:
    client = lab.client().ready(ORDER, CASE, ALL_CHANGES)
    for n in range(3):
        lab.publish(CASE, {"Number__c": n})
        lab.publish(ORDER, {"Number__c": n})
    *events, _ = client.connect()
    assert [(event["channel"], event["data"]["payload"]["Number__c"]) for event in events] == [
        (channel, n) for channel in (ORDER, CASE) for n in range(3)
    ]


def test_an_answer_holds_a_few_hundred_events_and_the_next_one_the_rest(lab: Lab) -> None:
    client = lab.client().ready(ORDER, CASE)
    lab.publish(ORDER, *({"Number__c": n} for n in range(450)))
    lab.publish(CASE, {"Number__c": -1})
    answers = [client.connect()[:-1] for _ in range(3)]
    assert [len(answer) for answer in answers[:3]] == [200, 200, 51]
    numbers = [event["data"]["payload"]["Number__c"] for answer in answers[:3] for event in answer]
    assert [n for n in numbers if n >= 0] == list(range(450))
    # The channel that has little to tell does not wait for the one that has much.
    assert answers[1][0]["channel"] == CASE


def test_large_events_come_in_smaller_answers(lab: Lab) -> None:
    client = lab.client().ready(ORDER)
    lab.publish(ORDER, *({"Note__c": "x" * 300_000} for _ in range(60)))
    sizes: list[int] = []
    while len(sizes) < 60:
        sizes += [len(client.connect()) - 1]
        if sum(sizes) == 60:
            break
    assert sum(sizes) == 60
    assert max(sizes) <= 50
