"""Change events over the wire: which API made a change, and what subscribers of both protocols are told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc
import pytest
import requests

from mock_server import config
from mock_server.control.client import ControlError
from mock_server.org.events.changes import bitmaps
from tests.conftest import Rest
from tests.protocols.pubsub.client import EARLIEST, PubSub
from tests.waiting import until

if TYPE_CHECKING:
    from mock_server import api
    from mock_server.control.client import OrgInfo

NAME = {"Sforce-Call-Options": "client=Loader"}
SOAP = """<?xml version="1.0"?><e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"
 xmlns:u="urn:partner.soap.sforce.com"><e:Header><u:SessionHeader><u:sessionId>{token}</u:sessionId></u:SessionHeader>
<u:CallOptions><u:client>Old/1.0</u:client></u:CallOptions></e:Header>
<e:Body><u:undelete><u:ids>{id}</u:ids></u:undelete></e:Body></e:Envelope>"""


@pytest.fixture(scope="module")
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(
        declared={"changeDataCapture": ["Account", "Shop__c"]}, objects={"Shop__c": {"fields": {}}}
    )
    yield made
    server.control.delete_org(made.id)


@pytest.fixture(scope="module")
def rest(server: api.Server, org: OrgInfo) -> Iterator[Rest]:
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()


def named(pubsub: PubSub, event: Any) -> dict[str, Any]:
    """Return an event as a client reads it by the schema that it asks for, its lists of fields as names."""
    schema = json.loads(pubsub.call("GetSchema", schema_id=event.event.schema_id).schema_json)
    assert schema["uuid"] == event.event.schema_id
    value = pubsub.decode(event)
    said = value["ChangeEventHeader"]
    for name in ("changedFields", "nulledFields", "diffFields"):
        said[name] = bitmaps.decode(schema, said[name])
    return value


def test_every_api_leaves_its_name(server: api.Server, org: OrgInfo, rest: Rest) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "A"}, headers=NAME).json()["id"]
    rest.patch(f"/sobjects/Account/{made}", json={"Phone": "1"})
    part = {"method": "PATCH", "url": f"/services/data/v60.0/sobjects/Account/{made}", "referenceId": "a"}
    rest.post(
        "/composite", json={"allOrNone": True, "compositeRequest": [{**part, "body": {"Phone": None}}]}, headers=NAME
    )
    _load(rest, "Id,Phone\n" + f"{made},2\n", headers=NAME)
    rest.delete(f"/sobjects/Account/{made}")
    answer = rest.http.post(
        f"{rest.url}/services/Soap/u/59.0",
        data=SOAP.format(token=rest.token, id=made),
        headers={"Content-Type": "text/xml", "SOAPAction": '""'},
        timeout=20,
    )
    assert "<success>true</success>" in answer.text
    with grpc.insecure_channel(server.pubsub) as channel:
        pubsub = PubSub(channel, org)
        events = pubsub.subscribe("/data/AccountChangeEvent", preset=EARLIEST).events(6)
        told = [pubsub.decode(one)["ChangeEventHeader"] for one in events]
    assert [(one["changeType"], one["changeOrigin"]) for one in told] == [
        ("CREATE", "com/salesforce/api/rest/60.0;client=Loader"),
        ("UPDATE", "com/salesforce/api/rest/60.0"),
        ("UPDATE", "com/salesforce/api/rest/60.0;client=Loader"),
        ("UPDATE", "com/salesforce/api/bulkapi/60.0;client=Loader"),
        ("DELETE", "com/salesforce/api/rest/60.0"),
        ("UNDELETE", "com/salesforce/api/soap/59.0;client=Old/1.0"),
    ]
    assert all(one["recordIds"] == [made] for one in told)


def _load(rest: Rest, content: str, **options: Any) -> None:
    job = rest.post(
        "/jobs/ingest", json={"object": "Account", "operation": "update", "lineEnding": "LF"}, **options
    ).json()["id"]
    headers = {"Content-Type": "text/csv", **options["headers"]}
    assert rest("PUT", f"/jobs/ingest/{job}/batches", data=content, headers=headers).status_code == 201
    rest.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"}, **options)
    until(lambda: rest.get(f"/jobs/ingest/{job}").json()["state"] == "JobComplete")
    assert rest.get(f"/jobs/ingest/{job}").json()["numberRecordsFailed"] == 0


def test_a_stream_tells_changes_as_they_are_made(server: api.Server, org: OrgInfo, rest: Rest) -> None:
    with grpc.insecure_channel(server.pubsub) as channel:
        pubsub = PubSub(channel, org)
        made = rest.post("/sobjects/Shop__c", json={"Name": "S"}).json()["id"]
        stream = pubsub.subscribe("/data/Shop__ChangeEvent", preset=EARLIEST)
        event = named(pubsub, stream.events(1)[0])
        assert (event["ChangeEventHeader"]["recordIds"], event["Name"]) == ([made], "S")
        rest.patch(f"/sobjects/Shop__c/{made}", json={"Name": "T"})
        event = named(pubsub, stream.events(1)[0])
    assert event["ChangeEventHeader"]["changedFields"] == ["Name", "LastModifiedDate"]
    assert event["ChangeEventHeader"]["nulledFields"] == []


def test_cometd_tells_only_what_changed(server: api.Server, org: OrgInfo, rest: Rest) -> None:
    with requests.Session() as http:
        http.headers["Authorization"] = f"Bearer {org.access_token}"

        def say(channel: str, **more: Any) -> list[dict[str, Any]]:
            message = {"channel": channel, "id": "1", **more}
            found = http.post(f"{server.url}/cometd/60.0", json=[message], timeout=20).json()
            assert isinstance(found, list)
            return found

        (shaken,) = say("/meta/handshake", version="1.0", supportedConnectionTypes=["long-polling"])
        client = shaken["clientId"]
        say("/meta/connect", clientId=client, connectionType="long-polling")
        (subscribed,) = say("/meta/subscribe", clientId=client, subscription="/data/AccountChangeEvent")
        assert subscribed["successful"], subscribed
        made = rest.post("/sobjects/Account", json={"Name": "A", "BillingCity": "X"}).json()["id"]
        *messages, _ = say("/meta/connect", clientId=client, connectionType="long-polling")
    data = messages[0]["data"]
    assert set(data) == {"schema", "payload", "event"}
    assert set(data["event"]) == {"replayId"}
    payload = data["payload"]
    assert payload["ChangeEventHeader"]["recordIds"] == [made]
    assert payload["BillingAddress"] == {"City": "X"}
    assert "Phone" not in payload
    assert set(payload["ChangeEventHeader"]) == {
        "entityName", "recordIds", "changeType", "changeOrigin", "transactionKey", "sequenceNumber", "commitTimestamp",
        "commitNumber", "commitUser", "changedFields",
    }  # fmt: skip


def test_a_change_event_is_described(rest: Rest) -> None:
    body = rest.get("/sobjects/AccountChangeEvent/describe").json()
    assert (body["name"], body["label"]) == ("AccountChangeEvent", "Account Change Event")
    assert body["urls"]["eventSchema"] == "/services/data/v60.0/sobjects/AccountChangeEvent/eventSchema"
    schema = rest.get("/sobjects/AccountChangeEvent/eventSchema", params={"payloadFormat": "COMPACT"}).json()
    assert schema["fields"][0]["name"] == "ChangeEventHeader"
    again = rest.get(f"/event/eventSchema/{schema['uuid']}", params={"payloadFormat": "COMPACT"}).json()
    assert again == schema
    listed = {one["name"]: one for one in rest.get("/sobjects").json()["sobjects"]}
    assert listed["AccountChangeEvent"]["associateParentEntity"] == "Account"
    assert listed["Shop__ChangeEvent"]["custom"] is True


# -- which objects


def test_objects_are_declared(server: api.Server) -> None:
    made = server.control.create_org(declared={"changeDataCapture": ["AccountChangeEvent"]})
    control = server.control.for_org(made.id)
    assert control.declared("changeDataCapture") == ["Account"]
    control.declare("changeDataCapture", "Lead")
    assert control.declared("changeDataCapture") == ["Account", "Lead"]
    clone = server.control.create_org(template=made.id)
    assert server.control.for_org(clone.id).declared("changeDataCapture") == ["Account", "Lead"]
    control.reset()
    assert control.declared("changeDataCapture") == ["Account"]
    with pytest.raises(ControlError, match="did you mean Account"):
        control.declare("changeDataCapture", "Acount")
    for one in (made, clone):
        server.control.delete_org(one.id)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("changeDataCapture: Account\n", "sfmock.yaml:1:20: changeDataCapture must be a list of objects"),
        ("changeDataCapture: [Account, 3]\n", "sfmock.yaml:1:30: an object is given by its name, not 3"),
        ("changeDataCapture:\n  - Account\n  - Account\n", "sfmock.yaml:3:5: Account is named twice"),
    ],
)
def test_wrong_settings_are_told_with_their_place(tmp_path: Path, text: str, expected: str) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(text)
    with pytest.raises(config.ConfigError) as caught:
        config.resolve({}, environment={}, file=str(file))
    assert expected in str(caught.value)
