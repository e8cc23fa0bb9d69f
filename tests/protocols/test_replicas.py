"""The law of change events over the wire: whichever doors changes come through and whatever befalls deliveries, a
subscriber of either protocol who goes on behind the last replay id that he handled ends up with what the org holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import grpc
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mock_server.org.events.changes import bitmaps
from tests.conftest import Rest
from tests.protocols.cometd.conftest import Bayeux
from tests.protocols.pubsub.client import CUSTOM, EARLIEST, PubSub, Refused
from tests.waiting import PATIENCE

if TYPE_CHECKING:
    from mock_server import api
    from mock_server.control.client import ControlClient

ALL = "/data/ChangeEvents"
DATA = "/services/data/v60.0"
OBJECTS = {
    "Shop__c": {
        "fields": {
            "Code__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
            "Size__c": {"type": "number", "precision": 9, "scale": 1},
            "Place__c": {"type": "location"},
            "Note__c": {"type": "longtextarea", "length": 2000},
            "Sum__c": {
                "type": "rollup", "child": "Line__c", "reference": "Shop__c", "operation": "sum", "field": "Price__c",
            },
        },
        "workflowRules": {"Big": {"condition": "Size__c > 8", "on": "save", "set": {"Note__c": {"value": "big"}}}},
    },
    "Line__c": {
        "fields": {
            "Shop__c": {"type": "masterdetail", "referenceTo": "Shop__c", "relationshipName": "Lines"},
            "Price__c": {"type": "number", "precision": 9, "scale": 0},
        }
    },
}  # fmt: skip
SHOWN = {
    "Shop__c": {
        "Name": "Name", "Code__c": "Code__c", "Size__c": "Size__c", "Note__c": "Note__c", "Sum__c": "Sum__c",
        "Place__c.Latitude": "Place__Latitude__s", "Place__c.Longitude": "Place__Longitude__s",
    },
    "Line__c": {"Shop__c": "Shop__c", "Price__c": "Price__c"},
    "Contact": {"Name.FirstName": "FirstName", "Name.LastName": "LastName", "MailingAddress.City": "MailingCity"},
}  # fmt: skip
"""What is compared: paths of events, and the fields of records behind them."""
FAULTS = (
    "duplicate", {"duplicate": 3}, "disconnect", {"disconnect": 1}, {"disconnect": 2}, "slow", "forget", "schema",
)  # fmt: skip
"""What befalls deliveries and loses nothing to who replays."""
Record = dict[str, Any]


class Replica:
    """Records by id, as one has them who only follows events; `seen` are the replay ids of what he handled."""

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], Record] = {}
        self.seen: list[int] = []

    def take(self, replay_id: int, payload: Record, nulled: list[str]) -> None:
        if self.seen and replay_id == self.seen[-1]:
            return  # It came twice.
        assert not self.seen or replay_id > self.seen[-1], "replay ids increase"
        self.seen.append(replay_id)
        said = payload["ChangeEventHeader"]
        kind = said["changeType"]
        assert not kind.startswith("GAP_")
        for identifier in said["recordIds"]:
            key = said["entityName"], identifier
            if kind == "DELETE":
                del self.records[key]
                continue
            record = self.records[key] if kind == "UPDATE" else {}
            told = {path: value for path in SHOWN[key[0]] if (value := _at(payload, path)) is not None}
            self.records[key] = {path: one for path, one in (record | told).items() if path not in nulled}


def _at(payload: Record, path: str) -> Any:
    name, _, part = path.partition(".")
    value = payload.get(name)
    if part:
        return value.get(part) if isinstance(value, dict) else None
    return value


def follow_cometd(bayeux: Bayeux, replica: Replica, until: int) -> None:
    """Handle all that there is, however often the server forgets its client."""
    for _ in range(30):
        try:
            bayeux.ready()
        except (OSError, ValueError):
            continue
        if not bayeux.subscribe(ALL, replica.seen[-1] if replica.seen else -2)["successful"]:
            continue
        while not replica.seen or replica.seen[-1] < until:
            try:
                found = bayeux.connect(advice={"timeout": 0})
            except (OSError, ValueError):
                break
            for one in found:
                if "data" in one:
                    payload = one["data"]["payload"]
                    changed = payload["ChangeEventHeader"]["changedFields"]
                    nulled = [path for path in changed if _at(payload, path) is None]
                    replica.take(one["data"]["event"]["replayId"], payload, nulled)
            if not found[-1]["successful"]:
                break
        else:
            bayeux.disconnect()
            return
    raise AssertionError("the server lets nobody come to the end")


def follow_pubsub(connect: Callable[[], Any], replica: Replica, until: int, count: int) -> None:
    """Do the same by the Pub/Sub API, asking for so many events at once."""
    for _ in range(200):
        with connect() as pubsub:
            last = replica.seen[-1].to_bytes(8, "big") if replica.seen else b""
            start = {"preset": CUSTOM, "replay_id": last} if last else {"preset": EARLIEST}
            stream = pubsub.subscribe(ALL, count=count, **start)
            try:
                while not replica.seen or replica.seen[-1] < until:
                    response = stream.next()
                    for one in response.events:
                        schema = json.loads(pubsub.call("GetSchema", schema_id=one.event.schema_id).schema_json)
                        payload = pubsub.decode(one)
                        nulled = bitmaps.decode(schema, payload["ChangeEventHeader"]["nulledFields"])
                        replica.take(int.from_bytes(one.replay_id, "big"), payload, nulled)
                    if not response.pending_num_requested:
                        stream.send(topic_name=ALL, num_requested=count)
            except (Refused, StopIteration):
                continue
            finally:
                stream.cancel()
            return
    raise AssertionError("the server lets nobody come to the end")


class Doors:
    """The ways in which records are changed; each does something, however that ends."""

    def __init__(self, rest: Rest, data: st.DataObject) -> None:
        self.rest = rest
        self.data = data

    def draw(self, *values: Any) -> Any:
        return self.data.draw(st.sampled_from(values))

    def values(self) -> Record:
        drawn = {"Size__c": self.draw(None, 1, 2.5, 9), "Note__c": self.draw(None, "n", "x" * 1200, "x" * 1200 + "\ny")}
        if self.draw(True, False):
            drawn |= {"Place__Latitude__s": self.draw(1, 2), "Place__Longitude__s": 3}
        return {name: value for name, value in drawn.items() if self.draw(True, False)}

    def ids(self, name: str, deleted: bool = False) -> list[str]:
        soql = f"SELECT Id FROM {name} WHERE IsDeleted = {str(deleted).lower()} ORDER BY Id"
        return [one["Id"] for one in self.rest.get("/queryAll", params={"q": soql}).json()["records"]]

    def some(self, name: str, deleted: bool = False) -> list[str]:
        known = self.ids(name, deleted)
        return self.data.draw(st.lists(st.sampled_from(known), unique=True, max_size=3)) if known else []

    def single(self) -> None:
        made = self.rest.post("/sobjects/Shop__c", json={"Name": "s", **self.values()})
        if made.status_code == 201:
            self.rest.patch(f"/sobjects/Shop__c/{made.json()['id']}", json=self.values())

    def by_key(self) -> None:
        self.rest.patch(f"/sobjects/Shop__c/Code__c/{self.draw('a', 'b')}", json=self.values())

    def collection(self) -> None:
        records = [{"attributes": {"type": "Contact"}, "LastName": self.draw("A", "B", None)} for _ in range(3)]
        self.rest.post("/composite/sobjects", json={"allOrNone": self.draw(True, False), "records": records})
        alike = [
            {"attributes": {"type": "Contact"}, "id": one, "FirstName": self.draw(None, "F"), "MailingCity": "M"}
            for one in self.some("Contact")
        ]
        self.rest.patch("/composite/sobjects", json={"records": alike})

    def deletion(self) -> None:
        ids = [*self.some("Contact"), *self.some("Shop__c"), *self.some("Line__c")]
        path = f"/composite/sobjects?allOrNone={self.draw('true', 'false')}&ids={','.join(ids)}"
        self.rest.delete(path)

    def composite(self) -> None:
        """One transaction or several; one of its parts may be wrong."""
        parts = [
            ("POST", "Shop__c", {"Name": "c", **self.values()}),
            ("PATCH", "Shop__c/@{r0.id}", self.values()),
            ("POST", "Line__c", {"Shop__c": "@{r0.id}", "Price__c": self.draw(0, 5)}),
            self.draw(("POST", "Contact", {"LastName": "C"}), ("POST", "Contact", {}), ("DELETE", "Line__c/@{r2.id}", None)),
        ]  # fmt: skip
        requests = [
            {"method": method, "url": f"{DATA}/sobjects/{path}", "referenceId": f"r{place}"} | ({"body": body} if body else {})
            for place, (method, path, body) in enumerate(parts)
        ]  # fmt: skip
        if self.draw(True, False):
            self.rest.post("/composite", json={"allOrNone": self.draw(True, False), "compositeRequest": requests})
        else:
            self.rest.post("/composite/graph", json={"graphs": [{"graphId": "g", "compositeRequest": requests}]})

    def tree(self) -> None:
        child = {"attributes": {"type": "Line__c", "referenceId": "l"}, "Price__c": self.draw(1, "wrong")}
        shop = {"attributes": {"type": "Shop__c", "referenceId": "s"}, "Name": "t", "Lines": {"records": [child]}}
        self.rest.post("/composite/tree/Shop__c", json={"records": [shop]})

    def job(self) -> None:
        rows = [f"{code},{self.draw('1', '', '#N/A', 'wrong')}" for code in self.draw("a", "ab", "abc")]
        asked = {"object": "Shop__c", "operation": "upsert", "externalIdFieldName": "Code__c", "lineEnding": "LF"}
        job = self.rest.post("/jobs/ingest", json=asked).json()["id"]
        content = "\n".join(["Code__c,Size__c", *rows, ""])
        self.rest("PUT", f"/jobs/ingest/{job}/batches", data=content, headers={"Content-Type": "text/csv"})
        self.rest.patch(f"/jobs/ingest/{job}", json={"state": "UploadComplete"})
        for _ in range(int(PATIENCE * 100)):
            if self.rest.get(f"/jobs/ingest/{job}").json()["state"] in ("JobComplete", "Failed"):
                return
        raise AssertionError("the job does not come to an end")

    def page(self) -> None:
        for one in self.some("Contact")[:1]:
            self.rest.patch(f"/ui-api/records/{one}", json={"fields": {"FirstName": self.draw("U", None)}})

    def back(self) -> None:
        ids = [*self.some("Shop__c", deleted=True), *self.some("Contact", deleted=True)]
        body = "".join(f"<u:ids>{one}</u:ids>" for one in ids)
        envelope = (
            '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/" xmlns:u="urn:partner.soap.sforce.com">'
            f"<e:Header><u:SessionHeader><u:sessionId>{self.rest.token}</u:sessionId></u:SessionHeader></e:Header>"
            f"<e:Body><u:undelete>{body}</u:undelete></e:Body></e:Envelope>"
        )
        headers = {"Content-Type": "text/xml", "SOAPAction": '""'}
        self.rest.http.post(f"{self.rest.url}/services/Soap/u/59.0", data=envelope, headers=headers, timeout=20)

    def any(self) -> Callable[[], None]:
        found = (
            self.single, self.by_key, self.collection, self.deletion, self.composite, self.tree, self.job, self.page, self.back,
        )  # fmt: skip
        return found[self.data.draw(st.integers(0, len(found) - 1))]


def held(control: ControlClient) -> dict[tuple[str, str], Record]:
    """Return what the org holds, by the paths of events."""
    out = {}
    for name, shown in SHOWN.items():
        for one in control.records(f"SELECT Id, {', '.join(shown.values())} FROM {name}"):
            out[name, one["Id"]] = {path: one[field] for path, field in shown.items() if one[field] is not None}
    return out


def whole(control: ControlClient, records: dict[tuple[str, str], Record]) -> dict[tuple[str, str], Record]:
    """Return records of a replica with long texts put together from their differences, which the org has."""
    notes = {one["Id"]: one["Note__c"] for one in control.records("SELECT Id, Note__c FROM Shop__c")}
    out = {}
    for (name, identifier), record in records.items():
        told = record.get("Note__c")
        differs = isinstance(told, dict) or (isinstance(told, str) and told.startswith("--- \n+++ "))
        out[name, identifier] = record | ({"Note__c": notes[identifier]} if differs else {})
    return out


def law(server: api.Server, data: st.DataObject) -> None:
    captured = {"changeDataCapture": list(SHOWN)}
    info = server.control.create_org(objects=OBJECTS, declared=captured, clock="virtual", seed=7)
    control, rest = server.control.for_org(info.id), Rest(server.url, info.access_token, info)
    bayeux = Bayeux(server.url, info.access_token)

    @contextmanager
    def connect() -> Iterator[PubSub]:
        # A connection of its own: a broken one may still be about when the next call is made.
        with grpc.insecure_channel(server.pubsub, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            yield PubSub(channel, info)

    doors, by_cometd, by_pubsub = Doors(rest, data), Replica(), Replica()
    try:
        for _ in range(data.draw(st.integers(1, 3))):
            for _ in range(data.draw(st.integers(1, 5))):
                doors.any()()
            control.advance(data.draw(st.sampled_from([0, 1, 60])))
            told = [one["replay_id"] for one in control.events() if ALL in one["channels"]]
            if not told:
                continue
            for place, on in enumerate(("cometd.connect", "pubsub.subscribe")):
                event, when = data.draw(st.sampled_from(FAULTS)), {"times": data.draw(st.integers(1, 3))}
                control.add_fault({"name": f"rule {place}", "on": on, "event": event, "when": when})
            follow_cometd(bayeux, by_cometd, told[-1])
            follow_pubsub(connect, by_pubsub, told[-1], data.draw(st.sampled_from([1, 2, 100])))
            control.clear_faults()
            assert by_cometd.seen == by_pubsub.seen == told
        if by_cometd.seen:
            assert whole(control, by_cometd.records) == whole(control, by_pubsub.records) == held(control)
            start = data.draw(st.integers(0, len(by_cometd.seen) - 1))
            resumed = Replica()
            resumed.seen = by_cometd.seen[start : start + 1]
            resumed.take = lambda replay_id, *_: resumed.seen.append(replay_id)  # type: ignore[method-assign]
            follow_pubsub(connect, resumed, by_cometd.seen[-1], 3)
            assert resumed.seen == by_cometd.seen[start:], "who goes on from any event gets exactly the rest"
    finally:
        bayeux.http.close()
        bayeux.threads.shutdown()
        rest.http.close()
        server.control.delete_org(info.id)


@settings(max_examples=5, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_a_replica_is_the_org(server: api.Server, data: st.DataObject) -> None:
    law(server, data)


@pytest.mark.heavy
@settings(max_examples=60, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_many_replicas_are_the_org(server: api.Server, data: st.DataObject) -> None:
    law(server, data)
