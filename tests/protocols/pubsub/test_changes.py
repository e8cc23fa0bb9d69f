"""Change events over gRPC: records of Avro with bitmaps, and what each user may see."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from mock_server import api
from mock_server.control.client import OrgInfo
from tests.conftest import Rest
from tests.protocols.pubsub.client import EARLIEST, ORDER, PubSub

CHANGES = "/data/ChangeEvents"
CONTACTS = "/data/ContactChangeEvent"


@pytest.fixture
def org(server: api.Server) -> Iterator[OrgInfo]:
    made = server.control.create_org(
        objects=ORDER, journal="whole", declared={"changeDataCapture": ["Account", "Contact"]}
    )
    yield made
    server.control.delete_org(made.id)


def fields_of(bitmaps: list[str], schema: dict[str, Any]) -> list[str]:
    """Read bitmaps as the vendor's own example of a client does."""
    names: list[str] = []
    fields = schema["fields"]
    # A record's type is spelled out where it comes first, and named from then on.
    parts = [one for field in fields if isinstance(field["type"], list) for one in field["type"]]
    known = {one["name"]: one for one in parts if isinstance(one, dict)}
    for bitmap in bitmaps:
        parent, _, digits = bitmap.rpartition("-")
        among, prefix = fields, ""
        if parent:
            field = fields[int(parent)]
            kind = field["type"]
            last = kind[-1] if isinstance(kind, list) else kind
            record = known[last] if isinstance(last, str) else last
            among, prefix = record["fields"], f"{field['name']}."
        assert digits.startswith("0x")
        bits = bin(int(digits, 16))[2:][::-1]
        names += [prefix + among[place]["name"] for place, bit in enumerate(bits) if bit == "1"]
    return names


def test_a_change_is_a_record_whose_header_comes_first(pubsub: PubSub, rest: Rest) -> None:
    stream = pubsub.subscribe(CONTACTS, preset=EARLIEST)
    made = rest.post("/sobjects/Contact", json={"LastName": "Lovelace", "Phone": "1", "MailingCity": "Paris"}).json()[
        "id"
    ]
    rest.patch(f"/sobjects/Contact/{made}", json={"FirstName": "Ada", "Phone": None, "MailingCity": "London"})
    rest.delete(f"/sobjects/Contact/{made}")
    created, changed, deleted = stream.events(3)
    schema = json.loads(pubsub.call("GetSchema", schema_id=created.event.schema_id).schema_json)
    assert schema["name"] == "ContactChangeEvent"
    assert schema["fields"][0]["name"] == "ChangeEventHeader"
    assert [field["name"] for field in schema["fields"][0]["type"]["fields"]] == [
        "entityName", "recordIds", "changeType", "changeOrigin", "transactionKey", "sequenceNumber",
        "commitTimestamp", "commitNumber", "commitUser", "nulledFields", "diffFields", "changedFields",
    ]  # fmt: skip
    values = pubsub.decode(created)
    header = values["ChangeEventHeader"]
    assert (header["entityName"], header["changeType"], header["recordIds"]) == ("Contact", "CREATE", [made])
    assert header["changedFields"] == header["nulledFields"] == []
    assert (values["Name"]["LastName"], values["Phone"], values["Email"]) == ("Lovelace", "1", None)
    assert isinstance(values["LastModifiedDate"], int)
    values = pubsub.decode(changed)
    header = values["ChangeEventHeader"]
    told = set(fields_of(header["changedFields"], schema))
    assert told >= {"Phone", "LastModifiedDate", "Name.FirstName", "MailingAddress.City"}
    assert "Email" not in told
    assert fields_of(header["nulledFields"], schema) == ["Phone"]
    assert all(bitmap.rpartition("-")[2].startswith("0x") for bitmap in header["changedFields"])
    assert (values["Name"]["FirstName"], values["Phone"]) == ("Ada", None)
    assert values["MailingAddress"]["City"] == "London"
    assert pubsub.decode(deleted)["ChangeEventHeader"]["changeType"] == "DELETE"


def test_the_channel_of_all_changes_mixes_schemas(pubsub: PubSub, rest: Rest) -> None:
    info = pubsub.call("GetTopic", topic_name=CHANGES)
    assert (info.can_subscribe, info.can_publish) == (True, False)
    stream = pubsub.subscribe(CHANGES, preset=EARLIEST)
    rest.post("/sobjects/Account", json={"Name": "Acme"})
    rest.post("/sobjects/Contact", json={"LastName": "Lovelace"})
    events = stream.events(2)
    assert [pubsub.decode(one)["ChangeEventHeader"]["entityName"] for one in events] == ["Account", "Contact"]
    assert len({one.event.schema_id for one in events}) == 2
    single = pubsub.call("GetTopic", topic_name="/data/AccountChangeEvent")
    assert single.schema_id == events[0].event.schema_id
