"""The types of change events: fields and their order, Avro schemas, bitmaps."""

from __future__ import annotations

from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mock_server.org.events.changes import bitmaps
from mock_server.org.events.changes.types import EventType, event_type
from mock_server.org.schema import Schema

FIELDS: dict[str, Any] = {
    "Place__c": {"type": "location"},
    "Twice__c": {"type": "number", "formula": "Size__c * 2", "precision": 18, "scale": 0},
    "Size__c": {"type": "number", "precision": 18, "scale": 0},
    "On__c": {"type": "checkbox"},
}


@pytest.fixture(scope="module")
def schema() -> Schema:
    out = Schema()
    out.add({"Shop__c": {"fields": FIELDS}}, {"Account": {"Tier__c": {"type": "text", "length": 10}}})
    return out


def type_of(schema: Schema, name: str) -> EventType:
    found = schema.get(name)
    assert found is not None
    return event_type(found)


def test_the_header_comes_first_then_the_fields_in_the_order_of_the_object(schema: Schema) -> None:
    account = type_of(schema, "Account").schema
    names = [field["name"] for field in account["fields"]]
    # As events recorded from an org and those of the documentation have them.
    assert names[:9] == [
        "ChangeEventHeader", "Name", "Type", "ParentId", "BillingAddress", "ShippingAddress", "Phone", "Fax",
        "AccountNumber",
    ]  # fmt: skip
    assert names[-1] == "Tier__c"
    assert not {"Id", "IsDeleted", "SystemModstamp", "PhotoUrl", "LastActivityDate", "MasterRecordId"} & set(names)
    header = account["fields"][0]["type"]
    assert [field["name"] for field in header["fields"]] == [
        "entityName", "recordIds", "changeType", "changeOrigin", "transactionKey", "sequenceNumber", "commitTimestamp",
        "commitNumber", "commitUser", "nulledFields", "diffFields", "changedFields",
    ]  # fmt: skip


def test_compound_fields_are_records(schema: Schema) -> None:
    by_name = {field["name"]: field for field in type_of(schema, "Account").schema["fields"]}
    assert [one if isinstance(one, str) else one["name"] for one in by_name["Name"]["type"]] == [
        "null", "string", "Switchable_PersonName",
    ]  # fmt: skip
    address = by_name["BillingAddress"]["type"][1]
    assert [part["name"] for part in address["fields"]][:5] == ["Street", "City", "State", "PostalCode", "Country"]
    contact = {field["name"]: field for field in type_of(schema, "Contact").schema["fields"]}
    name = contact["Name"]["type"][1]
    assert [part["name"] for part in name["fields"]] == ["Salutation", "FirstName", "LastName"]
    assert "LastName" not in contact
    place = {field["name"]: field for field in type_of(schema, "Shop__c").schema["fields"]}["Place__c"]
    assert [part["name"] for part in place["type"][1]["fields"]] == ["Latitude", "Longitude"]


def test_formulas_are_no_part_of_it(schema: Schema) -> None:
    names = {one.name for one in type_of(schema, "Shop__c").fields}
    assert {"Size__c", "On__c"} <= names
    assert "Twice__c" not in names


@pytest.mark.parametrize("name", ["Account", "Contact", "Lead", "User", "Opportunity", "Case", "Task", "Shop__c"])
def test_schemas_are_avro(schema: Schema, name: str) -> None:
    kind = type_of(schema, name)
    fastavro.parse_schema(dict(kind.schema))
    assert len(kind.schema_id) == 22
    assert kind.schema["name"] == kind.name


def test_the_id_changes_with_the_schema(schema: Schema) -> None:
    changed = schema.copy()
    changed.add({}, {"Account": {"More__c": {"type": "text", "length": 10}}})
    assert type_of(changed, "Account").schema_id != type_of(schema, "Account").schema_id
    assert type_of(changed, "Contact").schema_id == type_of(schema, "Contact").schema_id


def test_change_events_are_described_like_other_objects(schema: Schema) -> None:
    found = schema.get("accountchangeevent")
    assert found is not None
    assert (found.name, found.label) == ("AccountChangeEvent", "Account Change Event")
    assert [field.name for field in found.fields][:3] == ["Id", "ReplayId", "ChangeEventHeader"]
    assert {"AccountChangeEvent", "Shop__ChangeEvent"} <= set(schema.names())
    custom = schema.get("Shop__ChangeEvent")
    assert custom is not None
    assert "Size__c" in custom.by_name
    assert schema.get("ApexClassChangeEvent") is None
    assert schema.get("ChangeEvent") is None


def test_a_change_event_knows_fields_that_its_object_got_later(schema: Schema) -> None:
    later = schema.copy()
    later.add({}, {"Shop__c": {"Later__c": {"type": "text", "length": 10}}})
    found = later.get("Shop__ChangeEvent")
    assert found is not None
    assert "Later__c" in found.by_name


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["Name"], ["0x02"]),
        (["Type", "Phone"], ["0x44"]),
        (["Tier__c"], None),
        (["BillingAddress.City", "BillingAddress.Street", "Phone"], ["0x40", "4-0x03"]),
        (["ShippingAddress.State"], ["5-0x04"]),
    ],
)
def test_bitmaps(schema: Schema, names: list[str], expected: list[str] | None) -> None:
    account = type_of(schema, "Account").schema
    found = bitmaps.encode(account, names)
    if expected is not None:
        assert found == expected
    assert set(bitmaps.decode(account, found)) == set(names)


@given(st.data())
def test_bitmaps_stand_for_the_same_names(schema: Schema, data: st.DataObject) -> None:
    kind = type_of(schema, data.draw(st.sampled_from(["Account", "Contact", "User", "Shop__c"])))
    names = data.draw(st.lists(st.sampled_from([cell.path for cell in kind.cells.values()]), unique=True))
    assert sorted(bitmaps.decode(kind.schema, bitmaps.encode(kind.schema, names))) == sorted(names)
