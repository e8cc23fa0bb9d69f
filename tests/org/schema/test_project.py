"""The sample SFDX project: every kind of file becomes what its metadata says."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from mock_server.org.schema import Schema
from mock_server.org.schema.definitions import Definitions
from mock_server.org.schema.types import Field, FilterItem, RollUp, SObject
from tests.org.schema.files import RENTAL, load


@cache
def project() -> tuple[Schema, Definitions]:
    return load(RENTAL)


def sobject(name: str) -> SObject:
    found = project()[0].get(name)
    assert found is not None, name
    return found


def field(name: str, of: str = "Rental__c") -> Field:
    return sobject(of).by_name[name]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Notes__c", {"type": "string", "length": 120, "help_text": "One line only", "groupable": True}),
        ("Booking_Ref__c", {"type": "string", "length": 40, "nillable": False, "external_id": True, "unique": True}),
        ("Terms__c", {"type": "textarea", "length": 255, "extra_type": "plaintextarea", "filterable": True}),
        ("Journal__c", {"type": "textarea", "length": 32768, "filterable": False, "sortable": False}),
        ("Summary_Html__c", {"type": "textarea", "length": 10000, "html": True, "extra_type": "richtextarea"}),
        ("Licence_No__c", {"type": "encryptedstring", "length": 20, "encrypted": True, "mask_type": "lastFour"}),
        ("Days__c", {"type": "double", "precision": 4, "scale": 0, "groupable": False, "default_formula": "1"}),
        ("Legacy_Number__c", {"type": "double", "precision": 18, "external_id": True, "unique": True}),
        ("Deposit__c", {"type": "currency", "precision": 16, "scale": 2}),
        ("Discount__c", {"type": "percent", "precision": 5, "scale": 2}),
        ("Returned__c", {"type": "boolean", "nillable": False, "default": False, "defaulted_on_create": True}),
        ("Start__c", {"type": "date", "default_formula": "TODAY()", "defaulted_on_create": True}),
        ("Picked_Up__c", {"type": "datetime", "groupable": False}),
        ("Pickup_Slot__c", {"type": "time"}),
        ("Contact_Email__c", {"type": "email", "length": 80}),
        ("Contact_Phone__c", {"type": "phone", "length": 40}),
        ("Map_Link__c", {"type": "url", "length": 255}),
        ("Status__c", {"type": "picklist", "length": 255, "restricted_picklist": True, "default": "Reserved"}),
        ("Reason__c", {"type": "picklist", "controller": "Status__c", "restricted_picklist": False}),
        ("Color__c", {"type": "picklist", "restricted_picklist": True, "default": "Red"}),
        ("Extras__c", {"type": "multipicklist", "length": 4099, "sortable": False, "groupable": False}),
        ("Bike__c", {"type": "reference", "reference_to": ("Bike__c",), "relationship_name": "Bike__r"}),
        ("Customer__c", {"reference_to": ("Contact",), "restricted_delete": True, "cascade_delete": False}),
        (
            "Drop_Off__c",
            {"type": "location", "query_by_distance": True, "createable": False, "display_in_decimal": True},
        ),
        ("Drop_Off__Latitude__s", {"type": "double", "scale": 6, "compound": "Drop_Off__c", "createable": True}),
        ("Drop_Off__Longitude__s", {"type": "double", "scale": 6, "compound": "Drop_Off__c"}),
        ("End__c", {"type": "date", "formula": "Start__c + Days__c", "calculated": True, "groupable": True}),
        ("Net_Price__c", {"type": "currency", "blank_as_zero": True, "createable": False, "precision": 18, "scale": 2}),
        (
            "Line_Count__c",
            {"type": "double", "precision": 18, "roll_up": RollUp("Rental_Line__c", "Rental__c", "count")},
        ),
        (
            "Line_Total__c",
            {
                "type": "currency",
                "scale": 2,
                "roll_up": RollUp(
                    "Rental_Line__c", "Rental__c", "sum", "Price__c", (FilterItem("Price__c", "greaterThan", "0"),)
                ),
            },
        ),
        ("Name", {"auto_number": True, "display_format": "R-{00000}", "label": "Rental Number", "nillable": False}),
        ("RecordTypeId", {"type": "reference", "reference_to": ("RecordType",), "createable": True}),
    ],
)
def test_every_field_type_of_the_project(name: str, expected: dict[str, Any]) -> None:
    found = field(name)
    assert {key: getattr(found, key) for key in expected} == expected


def test_a_dependent_picklist_knows_its_controlling_values() -> None:
    assert {value.value: value.valid_for for value in field("Reason__c").picklist} == {
        "Broken": (),
        "Stolen": ("Done", "Lost"),
        "Sold": ("Done",),
    }


def test_values_come_from_their_sets() -> None:
    assert [(v.value, v.active) for v in field("Color__c").picklist] == [("Red", True), ("Blue", True), ("Teal", False)]
    stages = field("StageName", "Opportunity")
    assert [value.value for value in stages.picklist] == ["Prospecting", "Closed Won", "Closed Lost"]
    for one in ("Lead", "Contact", "Opportunity"):
        assert [value.value for value in field("LeadSource", one).picklist] == ["Web", "Event", "Referral"]


@pytest.mark.parametrize(
    ("name", "kind", "prefix", "flags"),
    [
        ("Rental__c", "object", "a", {"createable", "queryable", "searchable", "triggerable", "undeletable"}),
        ("Shop_Config__c", "setting", "a", {"customSetting", "createable", "queryable"}),
        ("Bike_Moved__e", "event", "e", {"createable"}),
        ("Fare__mdt", "metadata", "m", {"queryable"}),
        ("Bike__Share", "object", "0", {"createable", "queryable"}),
        ("Rental__History", "object", "", {"queryable"}),
        ("Rental__ChangeEvent", "object", "", set()),
    ],
)
def test_kinds_of_objects(name: str, kind: str, prefix: str, flags: set[str]) -> None:
    found = sobject(name)
    assert found.kind == kind
    assert (found.key_prefix or "").startswith(prefix)
    assert flags <= found.flags
    assert ("queryable" in found.flags) == ("queryable" in flags)


def test_what_comes_with_an_object() -> None:
    schema = project()[0]
    assert schema.get("Rental__Share") is None, "everybody may edit rentals"
    assert schema.get("Rental_Line__Share") is None, "lines are shared with their rental"
    assert schema.get("Bike__History") is None
    assert "OwnerId" in sobject("Bike__c").by_name
    assert "OwnerId" not in sobject("Rental_Line__c").by_name
    assert sobject("Rental_Line__c").sharing == "ControlledByParent"
    assert "SetupOwnerId" in sobject("Shop_Config__c").by_name
    assert {"ReplayId", "EventUuid", "CreatedDate", "CreatedById"} <= set(sobject("Bike_Moved__e").by_name)
    rental = sobject("Rental__c")
    assert "LastActivityDate" in rental.by_name
    assert "LastViewedDate" not in rental.by_name, "it has no tab"
    for child in ("Lines__r", "Tasks", "Events", "Histories"):
        assert rental.child(child) is not None, child
    assert "Rental__c" in field("WhatId", "Task").reference_to


def test_children_are_known_on_both_sides() -> None:
    rentals = sobject("Contact").child("Rentals__r")
    assert rentals is not None
    assert (rentals.child, rentals.field, rentals.restricted_delete) == ("Rental__c", "Customer__c", True)
    lines = sobject("Rental__c").child("Lines__r")
    assert lines is not None
    assert (lines.child, lines.cascade_delete) == ("Rental_Line__c", True)
    assert sobject("User").child("Backups__r") is not None


def test_rules_record_types_and_layouts() -> None:
    rental = sobject("Rental__c")
    rules = {rule.name: rule for rule in rental.validation_rules}
    assert rules["Days_Positive"].condition == "Days__c < 1"
    assert (rules["Days_Positive"].field, rules["Days_Positive"].active) == ("Days__c", True)
    assert rules["Needs_Customer"].active is False
    types = {one.name: one for one in rental.record_types}
    assert all(one.id.startswith("012") and len(one.id) == 18 for one in types.values())
    ((picklist, offered),) = types["Corporate"].picklists
    assert picklist == "Status__c"
    assert [(value.value, value.label, value.default) for value in offered] == [
        ("Active", "Active", True),
        ("Done", "Completed", False),
    ]
    assert rental.compact_layouts[0].fields == ("Name", "Status__c")


def test_records_and_channels_of_the_project() -> None:
    schema = project()[0]
    (fare,) = schema.records["Fare__mdt"]
    assert (fare["DeveloperName"], fare["Daily__c"], fare["Target__c"]) == ("Standard", 12.5, "Rental__c")
    assert [row["DefaultProbability"] for row in schema.records["OpportunityStage"]] == [10, 100, 0]
    assert set(schema.channels["Bike_Changes__chn"]["members"]) == {"Rental__ChangeEvent"}
    assert schema.channels["Bike_Events__chn"]["members"]["Bike_Moved__e"] == {"filter": "Km__c > 5"}


def test_every_file_is_accounted_for() -> None:
    found = project()[1]
    told = {note.place.file for note in found.notes}
    assert told == {str(path) for path in RENTAL.rglob("*.xml")}
    assert [note.text for note in found.notes if note.verdict == "ignored"] == ["it is about pages, not about data"]
    assert not [note for note in found.notes if note.verdict == "warning"]


def test_the_same_project_gives_the_same_ids() -> None:
    again, _ = load(RENTAL)
    for one in project()[0].own().values():
        other = again.get(one.name)
        assert other is not None
        assert (other.key_prefix, other.record_types) == (one.key_prefix, one.record_types)
