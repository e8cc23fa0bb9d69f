"""What is published with success, and never delivered."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

from mock_server.org.events import Event
from tests.faults.conftest import Lab

ORDER = {"Order__e": {"fields": {"Number__c": {"type": "number"}}}}
POST = "/sobjects/Order__e"


@pytest.fixture
def lab(lab: Lab) -> Lab:
    lab.org.schema.add(ORDER, {})
    return lab


def numbers(lab: Lab) -> list[Any]:
    channel = lab.org.events.channel("/event/Order__e", "platform")
    return [event.payload["Number__c"] for event in lab.org.events.after(channel, 0, 100)]


async def collection(lab: Lab, *given: int) -> list[bool]:
    records = [{"attributes": {"type": "Order__e"}, "Number__c": number} for number in given]
    reply = await lab.send("POST", "/composite/sobjects", {"records": records})
    return [row["success"] for row in orjson.loads(reply.body)]


async def test_an_event_is_accepted_and_lost(lab: Lab) -> None:
    lab.fault(name="gone", on="rest.sobject.create", event="lost", when={"times": 1})
    replies = [await lab.send("POST", POST, {"Number__c": number}) for number in (1, 2)]
    assert [reply.status for reply in replies] == [201, 201]
    assert numbers(lab) == [2.0]
    assert lab.counters() == [(2, 1)]
    first, second = list(lab.journal)
    assert [(s.rule, s.effect, s.point, s.rows) for s in first.strikes] == [("gone", "event", "row", 1)]
    assert second.strikes == []


async def test_who_waits_for_the_outcome_is_told_that_it_failed(lab: Lab) -> None:
    failed: list[str] = []
    lab.org.events.on_lost.append(lambda lost: failed.extend(one.uuid for one in lost))
    lab.fault(on="rest.sobject.create", event="lost", when={"times": 1})
    reply = await lab.send("POST", POST, {"Number__c": 1})
    await lab.send("POST", POST, {"Number__c": 2})
    (told,) = orjson.loads(reply.body)["errors"]
    assert (told["statusCode"], failed) == ("OPERATION_ENQUEUED", [told["message"]])


async def test_some_events_of_a_collection_are_lost(lab: Lab) -> None:
    lab.fault(on="rest.collections.*", event="lost", records={"every": 2})
    assert await collection(lab, 1, 2, 3, 4) == [True] * 4
    assert numbers(lab) == [1.0, 3.0]


async def test_records_are_none_of_its_business(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", event="lost", where={"channel": "/event/Other*"})
    await lab.create("K-1")
    await lab.send("POST", POST, {"Number__c": 1})
    assert (lab.contacts(), numbers(lab)) == (["K-1"], [1.0])
    assert lab.counters() == [(0, 0)]


async def test_only_the_named_channel_loses(lab: Lab) -> None:
    lab.fault(on="rest.*", event="lost", where={"channel": "/event/Order__e"})
    await lab.send("POST", POST, {"Number__c": 1})
    await lab.create("K-1")
    assert (lab.contacts(), numbers(lab)) == (["K-1"], [])


async def test_rows_of_a_load_are_lost(lab: Lab) -> None:
    lab.fault(on="bulk2.ingest.upload", event="lost", records={"every": 2})
    reply = await lab.send("POST", "/jobs/ingest", {"object": "Order__e", "operation": "insert"})
    job = orjson.loads(reply.body)["id"]
    assert (await lab.put(f"/jobs/ingest/{job}/batches", "Number__c\n1\n2\n3\n4\n")).status == 201
    await lab.send("PATCH", f"/jobs/ingest/{job}", {"state": "UploadComplete"})
    for _ in range(200):
        await asyncio.sleep(0)
    told = orjson.loads((await lab.send("GET", f"/jobs/ingest/{job}")).body)
    assert (told["state"], told["numberRecordsProcessed"], told["numberRecordsFailed"]) == ("JobComplete", 4, 0)
    assert numbers(lab) == [1.0, 3.0]


async def test_a_request_inside_another_loses_its_own(lab: Lab) -> None:
    lab.fault(on="rest.sobject.create", event="lost", when={"times": 1})
    url = "/services/data/v60.0/sobjects/Order__e"
    parts = [
        {"method": "POST", "url": url, "referenceId": f"r{number}", "body": {"Number__c": number}} for number in (1, 2)
    ]
    reply = await lab.send("POST", "/composite", {"compositeRequest": parts})
    assert [one["httpStatusCode"] for one in orjson.loads(reply.body)["compositeResponse"]] == [201, 201]
    assert numbers(lab) == [2.0]


async def test_what_is_pushed_to_a_channel_is_lost(lab: Lab) -> None:
    lab.fault(on="rest.streaming.push", event="lost", when={"times": 1})
    reply = await lab.send("POST", "/sobjects/StreamingChannel", {"Name": "/u/News"})
    identifier = orjson.loads(reply.body)["id"]
    for text in ("a", "b"):
        body = {"pushEvents": [{"payload": text}]}
        pushed = await lab.send("POST", f"/sobjects/StreamingChannel/{identifier}/push", body)
        assert pushed.status == 200
    channel = lab.org.events.channel("/u/News", "generic")
    found: list[Event] = lab.org.events.after(channel, 0, 9)
    assert [event.payload["payload"] for event in found] == ["b"]
    assert lab.counters() == [(2, 1)]


async def test_a_rule_about_a_channel_strikes_those_who_push_to_it(lab: Lab) -> None:
    lab.fault(on="rest.streaming.push", status=503, where={"channel": "/u/News"})
    for name, status in (("/u/News", 503), ("/u/Other", 200)):
        reply = await lab.send("POST", "/sobjects/StreamingChannel", {"Name": name})
        path = f"/sobjects/StreamingChannel/{orjson.loads(reply.body)['id']}/push"
        assert (await lab.send("POST", path, {"pushEvents": [{"payload": "x"}]})).status == status
