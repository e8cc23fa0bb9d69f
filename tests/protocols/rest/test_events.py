"""Platform events over HTTP: publishing by every way of creating records, their schemas, and who may do what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from mock_server import api
from mock_server.control.client import ControlClient, ControlError
from tests.conftest import Rest, simple_salesforce
from tests.waiting import until

OBJECTS = {
    "Order__e": {"fields": {"Number__c": {"type": "text", "length": 20, "required": True}, "Price__c": {"type": "number"}}},
    "Now__e": {"publish": "PublishImmediately", "fields": {"Number__c": {"type": "text"}}},
}  # fmt: skip
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Shop:
    """An org with events, its REST client and what was published in it."""

    def __init__(self, server: api.Server, **options: Any) -> None:
        self.server = server
        self.made = server.control.create_org(objects=OBJECTS, journal="whole", **options)
        self.rest = Rest(server.url, self.made.access_token, self.made)
        self.control: ControlClient = server.control.for_org(self.made.id)

    def numbers(self, channel: str = "/event/Order__e") -> list[str]:
        return [one["payload"]["Number__c"] for one in self.control.events() if channel in one["channels"]]


@pytest.fixture
def shop(server: api.Server) -> Iterator[Shop]:
    made = Shop(server)
    yield made
    server.control.delete_org(made.made.id)


def single(shop: Shop) -> None:
    answer = shop.rest.post("/sobjects/Order__e", json={"Number__c": "a"})
    body = answer.json()
    assert (answer.status_code, body["success"]) == (201, True)
    assert re.fullmatch("e[0-9a-zA-Z]{17}", body["id"])
    (told,) = body["errors"]
    assert (told["statusCode"], told["fields"]) == ("OPERATION_ENQUEUED", [])
    assert UUID.fullmatch(told["message"])


def collections(shop: Shop) -> None:
    records = [{"attributes": {"type": "Order__e"}, "Number__c": "a"}]
    (row,) = shop.rest.post("/composite/sobjects", json={"records": records}).json()
    assert row["errors"][0]["statusCode"] == "OPERATION_ENQUEUED"


def composite(shop: Shop) -> None:
    one = {
        "method": "POST",
        "url": "/services/data/v60.0/sobjects/Order__e",
        "referenceId": "x",
        "body": {"Number__c": "a"},
    }
    (row,) = shop.rest.post("/composite", json={"compositeRequest": [one], "allOrNone": True}).json()[
        "compositeResponse"
    ]
    assert row["httpStatusCode"] == 201


def batch(shop: Shop) -> None:
    one = {"method": "POST", "url": "v60.0/sobjects/Order__e", "richInput": {"Number__c": "a"}}
    assert not shop.rest.post("/composite/batch", json={"batchRequests": [one]}).json()["hasErrors"]


def graph(shop: Shop) -> None:
    one = {
        "method": "POST",
        "url": "/services/data/v60.0/sobjects/Order__e",
        "referenceId": "x",
        "body": {"Number__c": "a"},
    }
    body = {"graphs": [{"graphId": "g", "compositeRequest": [one]}]}
    assert shop.rest.post("/composite/graph", json=body).json()["graphs"][0]["isSuccessful"]


def tree(shop: Shop) -> None:
    record = {"attributes": {"type": "Order__e", "referenceId": "r"}, "Number__c": "a"}
    answer = shop.rest.post("/composite/tree/Order__e", json={"records": [record]})
    assert answer.status_code == 201, answer.text


def bulk2(shop: Shop) -> None:
    job = shop.rest.post("/jobs/ingest", json={"object": "Order__e", "operation": "insert"}).json()["id"]
    shop.rest("PUT", f"/jobs/ingest/{job}/batches", data="Number__c\na\n", headers={"Content-Type": "text/csv"})
    shop.rest.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
    until(lambda: shop.rest.get(f"/jobs/ingest/{job}").json()["state"] == "JobComplete")


def bulk1(shop: Shop) -> None:
    (row,) = simple_salesforce(shop.rest, shop.server).bulk.Order__e.insert([{"Number__c": "a"}])
    assert row["success"], row


@pytest.mark.parametrize("way", [single, collections, composite, batch, graph, tree, bulk2, bulk1])
def test_every_way_of_creating_records_publishes(shop: Shop, way: Callable[[Shop], None]) -> None:
    way(shop)
    (seen,) = shop.control.events()
    assert (seen["name"], seen["kind"], seen["channels"]) == ("Order__e", "platform", ["/event/Order__e"])
    assert seen["payload"]["Number__c"] == "a"
    assert seen["payload"]["CreatedById"] == shop.made.user_id
    (noted,) = [note for entry in shop.control.journal() for note in entry["events"]]
    assert (noted["what"], noted["channel"]) == ("published", "/event/Order__e")
    assert (noted["replay_id"], noted["uuid"]) == (seen["replay_id"], seen["uuid"])
    assert shop.control.commits() == []


def test_a_composite_that_is_undone_publishes_what_goes_out_at_once(shop: Shop) -> None:
    def post(kind: str, body: dict[str, Any]) -> dict[str, Any]:
        return {"method": "POST", "url": f"/services/data/v60.0/sobjects/{kind}", "referenceId": kind, "body": body}

    requests = [post("Order__e", {"Number__c": "a"}), post("Now__e", {"Number__c": "n"}), post("Contact", {})]
    shop.rest.post("/composite", json={"compositeRequest": requests, "allOrNone": True})
    assert (shop.numbers(), shop.numbers("/event/Now__e")) == ([], ["n"])
    shop.rest.post("/composite", json={"compositeRequest": requests, "allOrNone": False})
    assert (shop.numbers(), shop.numbers("/event/Now__e")) == (["a"], ["n", "n"])


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("PATCH", "/sobjects/Order__e/{id}", 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        ("DELETE", "/sobjects/Order__e/{id}", 400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"),
        ("GET", "/sobjects/Order__e/{id}", 404, "NOT_FOUND"),
        ("GET", "/query?q=SELECT+ReplayId+FROM+Order__e", 400, "INVALID_TYPE_FOR_OPERATION"),
        ("GET", "/query?q=SELECT+COUNT()+FROM+Order__e", 400, "INVALID_TYPE_FOR_OPERATION"),
    ],
)
def test_a_published_event_cannot_be_read_or_changed(
    shop: Shop, method: str, path: str, status: int, code: str
) -> None:
    made = shop.rest.post("/sobjects/Order__e", json={"Number__c": "a"}).json()["id"]
    body = {"json": {"Number__c": "b"}} if method == "PATCH" else {}
    answer = shop.rest(method, path.format(id=made), **body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (status, code)
    assert shop.numbers() == ["a"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "REQUIRED_FIELD_MISSING"),
        ({"Number__c": "x" * 21}, "STRING_TOO_LONG"),
        ({"Number__c": "x", "Nope__c": 1}, "INVALID_FIELD"),
        ({"Number__c": "x", "CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Number__c": "x", "EventUuid": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Number__c": "x", "ReplayId": "1"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Number__c": "x", "Price__c": "much"}, "JSON_PARSER_ERROR"),
    ],
)
def test_a_wrong_event_is_refused_as_a_record_would_be(shop: Shop, body: dict[str, Any], code: str) -> None:
    answer = shop.rest.post("/sobjects/Order__e", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code)
    assert shop.control.events() == []


# -- schemas


def schema(shop: Shop, path: str, **params: str) -> Any:
    return shop.rest.get(path, params=params).json()


def test_a_schema_is_found_by_name_and_by_its_id(shop: Shop) -> None:
    compact = schema(shop, "/sobjects/Order__e/eventSchema", payloadFormat="COMPACT")
    assert compact["name"] == "Order__e"
    assert compact["namespace"] == "com.sforce.eventbus"
    assert compact["type"] == "record"
    assert compact["fields"][:2] == [
        {"name": "CreatedDate", "type": "long", "doc": "CreatedDate:DateTime"},
        {"name": "CreatedById", "type": "string", "doc": "CreatedBy:EntityId"},
    ]
    number, price = compact["fields"][2:]
    assert (number["name"], number["type"], "default" in number) == ("Number__c", "string", False)
    assert (price["name"], price["type"], price["default"]) == ("Price__c", ["null", "double"], None)
    assert re.fullmatch("[A-Za-z0-9_-]{22}", compact["uuid"])
    by_id = f"/event/eventSchema/{compact['uuid']}"
    assert schema(shop, by_id, payloadFormat="COMPACT") == compact
    whole = schema(shop, by_id)
    assert whole == schema(shop, "/sobjects/Order__e/eventSchema", payloadFormat="EXPANDED")
    assert (whole["type"], whole["uuid"]) == ("expanded-record", compact["uuid"])
    assert shop.rest.get("/event/eventSchema/K98aAtiNFBjA-PJlcvaQ2g").status_code == 404


# -- the control plane


def test_events_are_published_and_read_from_outside(shop: Shop) -> None:
    uuids = shop.control.publish("/event/Order__e", [{"Number__c": str(number)} for number in range(250)])
    seen = shop.control.events()
    assert [one["uuid"] for one in seen] == uuids
    assert shop.numbers() == [str(number) for number in range(250)]
    assert [one["uuid"] for one in shop.control.events(seen[248]["replay_id"])] == uuids[249:]
    with pytest.raises(ControlError, match="no platform event .*Ordr__e") as refused:
        shop.control.publish("/event/Ordr__e", [{}])
    assert refused.value.nearest == "/event/Order__e"
    with pytest.raises(ControlError, match="REQUIRED_FIELD_MISSING") as refused:
        shop.control.publish("/event/Order__e", [{"Number__c": "x"}, {}])
    assert refused.value.path == "payloads[1]"
    assert len(shop.control.events()) == 250
    assert shop.control.subscribers() == []


# -- permissions


def test_who_may_not_create_an_event_cannot_publish_it(shop: Shop) -> None:
    def user(**objects: str) -> Rest:
        made = shop.control.create_user({"objects": objects})
        return Rest(shop.server.url, made.access_token, made)

    reader, writer, nobody = user(Order__e="read"), user(Order__e="read create"), user()
    refused = reader.post("/sobjects/Order__e", json={"Number__c": "a"})
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY")
    assert nobody.post("/sobjects/Order__e", json={"Number__c": "a"}).json()[0]["errorCode"] == "NOT_FOUND"
    assert writer.post("/sobjects/Order__e", json={"Number__c": "a"}).status_code == 201
    assert shop.numbers() == ["a"]
    schema_id = schema(shop, "/sobjects/Order__e/eventSchema")["uuid"]
    assert reader.get(f"/event/eventSchema/{schema_id}").status_code == 200
    assert nobody.get(f"/event/eventSchema/{schema_id}").status_code == 404


# -- channels by records of the Tooling API


def define(shop: Shop, kind: str, name: str, **metadata: Any) -> str:
    answer = shop.rest.post(f"/tooling/sobjects/{kind}", json={"FullName": name, "Metadata": metadata})
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


def tooling(shop: Shop, soql: str) -> list[dict[str, Any]]:
    found = shop.rest.get("/tooling/query", params={"q": soql}).json()["records"]
    return [{key: value for key, value in one.items() if key != "attributes"} for one in found]


def test_a_channel_is_made_and_taken_away_by_records(shop: Shop) -> None:
    made = define(shop, "PlatformEventChannel", "Big__chn", channelType="event", label="Big")
    member = define(
        shop, "PlatformEventChannelMember", "Big_chn_Order_e", eventChannel="Big__chn", selectedEntity="Order__e",
        filterExpression="Price__c > 10",
    )  # fmt: skip
    assert made[:3] == "0YL"
    assert member[:3] == "0v8"
    assert tooling(shop, "SELECT DeveloperName, ChannelType, MasterLabel FROM PlatformEventChannel") == [
        {"DeveloperName": "Big", "ChannelType": "event", "MasterLabel": "Big"}
    ]
    assert tooling(shop, "SELECT EventChannel, SelectedEntity, FilterExpression FROM PlatformEventChannelMember") == [
        {"EventChannel": made, "SelectedEntity": "Order__e", "FilterExpression": "Price__c > 10"}
    ]
    read = shop.rest.get(f"/tooling/sobjects/PlatformEventChannel/{made}").json()
    assert (read["FullName"], read["Metadata"]) == ("Big__chn", {"channelType": "event", "label": "Big"})
    for price in (5, 15):
        shop.rest.post("/sobjects/Order__e", json={"Number__c": str(price), "Price__c": price})
    assert shop.numbers("/event/Big__chn") == ["15"]
    assert shop.rest.delete(f"/tooling/sobjects/PlatformEventChannelMember/{member}").status_code == 204
    assert shop.numbers("/event/Big__chn") == []


def test_objects_are_captured_by_records(shop: Shop) -> None:
    member = define(
        shop, "PlatformEventChannelMember", "ChangeEvents_AccountChangeEvent", eventChannel="ChangeEvents",
        selectedEntity="AccountChangeEvent",
    )  # fmt: skip
    shop.rest.post("/sobjects/Account", json={"Name": "a"})
    (told,) = shop.control.events()
    assert (told["name"], sorted(told["channels"])) == (
        "AccountChangeEvent", ["/data/AccountChangeEvent", "/data/ChangeEvents"],
    )  # fmt: skip
    shop.rest.delete(f"/tooling/sobjects/PlatformEventChannelMember/{member}")
    shop.rest.post("/sobjects/Account", json={"Name": "b"})
    assert len(shop.control.events()) == 1


def test_what_is_declared_has_records_that_can_be_changed_and_taken_away(server: api.Server) -> None:
    members = {"AccountChangeEvent": {"filter": "Industry = 'Energy'", "enriched": ["Site"]}, "Contact": {}}
    channels = {"Some__chn": {"type": "data", "label": "Some", "members": members}}
    shop = Shop(server, schema={"channels": channels}, declared={"changeDataCapture": ["Lead"]})
    ((channel, name),) = [
        tuple(one.values()) for one in tooling(shop, "SELECT Id, DeveloperName FROM PlatformEventChannel")
    ]
    assert (channel[:3], name) == ("0YL", "Some")
    soql = "SELECT SelectedEntity, EventChannel, FilterExpression, DeveloperName FROM PlatformEventChannelMember"
    assert [list(one.values()) for one in tooling(shop, f"{soql} ORDER BY SelectedEntity")] == [
        ["AccountChangeEvent", channel, "Industry = 'Energy'", "Some_chn_AccountChangeEvent"],
        ["ContactChangeEvent", channel, None, "Some_chn_ContactChangeEvent"],
        ["LeadChangeEvent", "ChangeEvents", None, "ChangeEvents_LeadChangeEvent"],
    ]
    ids = {
        one["SelectedEntity"]: one["Id"]
        for one in tooling(shop, "SELECT Id, SelectedEntity FROM PlatformEventChannelMember")
    }
    path = "/tooling/sobjects/PlatformEventChannelMember/"
    read = shop.rest.get(path + ids["AccountChangeEvent"]).json()
    assert read["Metadata"] == {
        "eventChannel": "Some__chn", "selectedEntity": "AccountChangeEvent", "filterExpression": "Industry = 'Energy'",
        "enrichedFields": [{"name": "Site"}],
    }  # fmt: skip
    metadata = {"eventChannel": "Some__chn", "selectedEntity": "AccountChangeEvent", "filterExpression": "Site = 'x'"}
    body = {"FullName": "Some_chn_AccountChangeEvent", "Metadata": metadata}
    assert shop.rest.patch(path + ids["AccountChangeEvent"], json=body).status_code == 204
    for gone in ("ContactChangeEvent", "LeadChangeEvent"):
        assert shop.rest.delete(path + ids[gone]).status_code == 204
    for name, values in (
        ("Account", {"Name": "a", "Site": "x"}), ("Account", {"Name": "b", "Industry": "Energy"}),
        ("Contact", {"LastName": "c"}), ("Lead", {"LastName": "l", "Company": "c"}),
    ):  # fmt: skip
        assert shop.rest.post(f"/sobjects/{name}", json=values).status_code == 201
    told = [one["payload"]["Name"] for one in shop.control.events() if "/data/Some__chn" in one["channels"]]
    assert told == ["a"]
    assert {one["name"] for one in shop.control.events()} == {"AccountChangeEvent"}
    shop.control.declare("changeDataCapture", "Case")
    assert len(tooling(shop, "SELECT Id FROM PlatformEventChannelMember")) == 2
    shop.control.remove_declared("changeDataCapture", "Case")
    assert len(tooling(shop, "SELECT Id FROM PlatformEventChannelMember")) == 1
    shop.control.reset()
    assert len(tooling(shop, "SELECT Id FROM PlatformEventChannelMember")) == 3
    shop.rest.post("/sobjects/Lead", json={"LastName": "l", "Company": "c"})
    assert [one["name"] for one in shop.control.events()] == ["LeadChangeEvent"]
    server.control.delete_org(shop.made.id)


def test_members_of_channels_are_there_once_and_stay_where_they_are(shop: Shop) -> None:
    channel = define(shop, "PlatformEventChannel", "Some__chn", channelType="data", label="Some")
    made = select(shop, "AccountChangeEvent").json()["id"]
    for answer, known in (
        (select(shop, "AccountChangeEvent"), made),
        (
            shop.rest.post(
                "/tooling/sobjects/PlatformEventChannel",
                json={"FullName": "Some__chn", "Metadata": {"channelType": "data", "label": "x"}},
            ),
            channel,
        ),
    ):
        (error,) = answer.json()
        assert (answer.status_code, error["errorCode"]) == (400, "DUPLICATE_VALUE")
        assert known in error["message"]
    for said in ({"eventChannel": "Some__chn"}, {"selectedEntity": "LeadChangeEvent"}):
        metadata = {"eventChannel": "ChangeEvents", "selectedEntity": "AccountChangeEvent", **said}
        body = {"FullName": "ChangeEvents_AccountChangeEvent", "Metadata": metadata}
        answer = shop.rest.patch(f"/tooling/sobjects/PlatformEventChannelMember/{made}", json=body)
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "FIELD_INTEGRITY_EXCEPTION")


def select(shop: Shop, entity: str, channel: str = "ChangeEvents") -> requests.Response:
    metadata = {"eventChannel": channel, "selectedEntity": entity}
    body = {"FullName": f"{channel.replace('__', '_')}_{entity}", "Metadata": metadata}
    return shop.rest.post("/tooling/sobjects/PlatformEventChannelMember", json=body)


def test_five_objects_can_be_captured_and_no_more(server: api.Server) -> None:
    shop = Shop(server, declared={"changeDataCapture": ["Account", "Contact"]})
    define(shop, "PlatformEventChannel", "Some__chn", channelType="data", label="Some")
    made = [select(shop, f"{one}ChangeEvent") for one in ("Lead", "Case", "Opportunity")]
    assert [one.status_code for one in made] == [201] * 3
    refused = select(shop, "TaskChangeEvent")
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")
    assert select(shop, "TaskChangeEvent", "Some__chn").status_code == 400
    # An object counts once, however many channels have it.
    assert select(shop, "LeadChangeEvent", "Some__chn").status_code == 201
    assert select(shop, "AccountChangeEvent", "Some__chn").status_code == 201
    shop.rest.delete(f"/tooling/sobjects/PlatformEventChannelMember/{made[1].json()['id']}")
    assert select(shop, "TaskChangeEvent").status_code == 201
    server.control.delete_org(shop.made.id)


def test_who_declares_more_objects_than_five_has_the_add_on(server: api.Server) -> None:
    shop = Shop(server, declared={"changeDataCapture": ["Account", "Contact", "Lead", "Case", "Opportunity", "Task"]})
    assert select(shop, "EventChangeEvent").status_code == 201
    server.control.delete_org(shop.made.id)


@pytest.mark.parametrize(
    ("kind", "name", "metadata", "text"),
    [
        ("PlatformEventChannel", "Big", {"channelType": "event"}, "ends in __chn"),
        ("PlatformEventChannel", "Big__chn", {"channelType": "other"}, "type of channel"),
        ("PlatformEventChannel", "ChangeEvents", {"channelType": "data", "label": "x"}, "cannot be made"),
        ("PlatformEventChannel", "Big__chn", None, "Metadata is required"),
        ("PlatformEventChannelMember", "x", {"eventChannel": "No__chn", "selectedEntity": "Order__e"}, "no channel"),
        (
            "PlatformEventChannelMember",
            "x",
            {"eventChannel": "ChangeEvents", "selectedEntity": "Order__e"},
            "change event",
        ),
        ("PlatformEventChannelMember", "x", {"eventChannel": "ChangeEvents"}, "no events of the type"),
        (
            "PlatformEventChannelMember",
            "x",
            {"eventChannel": "ChangeEvents", "selectedEntity": "AccountChangeEvent", "filterExpression": "Nope = 1"},
            "no field Nope",
        ),
    ],
)
def test_wrong_records_of_channels_are_refused(shop: Shop, kind: str, name: str, metadata: Any, text: str) -> None:
    body = {"FullName": name, **({} if metadata is None else {"Metadata": metadata})}
    answer = shop.rest.post(f"/tooling/sobjects/{kind}", json=body)
    assert answer.status_code == 400, answer.text
    assert text in answer.json()[0]["message"]
    assert tooling(shop, f"SELECT Id FROM {kind}") == []


def test_a_channel_is_defined_once(shop: Shop) -> None:
    define(shop, "PlatformEventChannel", "Big__chn", channelType="event", label="Big")
    body = {"FullName": "Big__chn", "Metadata": {"channelType": "data", "label": "Big"}}
    answer = shop.rest.post("/tooling/sobjects/PlatformEventChannel", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "DUPLICATE_VALUE")
    assert len(tooling(shop, "SELECT Id FROM PlatformEventChannel")) == 1
