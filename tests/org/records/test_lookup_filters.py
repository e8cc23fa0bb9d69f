"""Lookup filters of a schema: what they let through, and what is said of those that cannot be enforced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema
from tests.org.schema.files import custom_object, load, put, text_field, warnings

RECORDS = {"slow": {"Gears__c": 3, "Kind__c": "City"}, "fast": {"Gears__c": 21, "Kind__c": None}}


def save_with(filtered: dict[str, Any], bike: dict[str, Any]) -> RowResult:
    """Save a bike, then a rental that refers to it."""
    schema = Schema()
    link = {"type": "lookup", "referenceTo": "Bike__c", **filtered}
    fields = {"Gears__c": {"type": "number"}, "Kind__c": {"type": "text"}}
    schema.add({"Bike__c": {"fields": fields}, "Rental__c": {"fields": {"Bike__c": link}}}, {})
    org = Org(1, schema=schema, clock="virtual")
    org.directory.seed()
    who = org.sessions.open(next(iter(org.directory.users.values())), next(iter(org.directory.apps.values())), ("api",))
    (made,) = org.write(who, [Change("create", "Bike__c", {"Name": "B", **bike})], all_or_none=False)
    assert made.success, made.errors
    (result,) = org.write(who, [Change("create", "Rental__c", {"Name": "R", "Bike__c": made.id})], all_or_none=False)
    return result


@pytest.mark.parametrize(
    ("items", "passing"),
    [
        ([("Gears__c", "greaterThan", 5)], {"fast"}),
        ([("Bike__c.Gears__c", "lessOrEqual", 3)], {"slow"}),
        ([("Kind__c", "equals", "city")], {"slow"}),
        ([("Kind__c", "equals", "")], {"fast"}),
        ([("Kind__c", "notEqual", "City"), ("Gears__c", "equals", "21,22")], {"fast"}),
        ([("Kind__c", "startsWith", "Ci"), ("Gears__c", "equals", 4)], set()),
    ],
)
def test_all_conditions_of_a_filter_must_hold(items: list[tuple[str, str, Any]], passing: set[str]) -> None:
    filtered = {"filter": [{"field": name, "operator": how, "value": value} for name, how, value in items]}
    assert {name for name, bike in RECORDS.items() if save_with(filtered, bike).success} == passing


def test_a_refusal_says_what_the_filter_says() -> None:
    filtered = {"filter": [{"field": "Gears__c", "value": 1}], "filterMessage": "Only simple {ones}."}
    (error,) = save_with(filtered, RECORDS["slow"]).errors
    assert (error.code, error.message, list(error.fields or ())) == (
        "FIELD_FILTER_VALIDATION_EXCEPTION", "Only simple {ones}.", ["Bike__c"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("<field>Bike__c.Owner.IsActive</field><operation>equals</operation><value>True</value>", "asks for more"),
        ("<field>Bike__c.Nope__c</field><operation>equals</operation><value>1</value>", "has no field Nope__c"),
        ("<field>Bike__c.RecordTypeId</field><operation>equals</operation><value>Red</value>", "RecordTypeId"),
        ("<field>$User.IsActive</field><operation>equals</operation><value>True</value>", "compares fields"),
    ],
)
def test_a_filter_that_cannot_be_enforced_is_told_and_refuses_nothing(tmp_path: Path, item: str, reason: str) -> None:
    link = (
        f"<lookupFilter>\n<active>true</active>\n<filterItems>{item}</filterItems>\n<isOptional>false</isOptional>"
        "\n</lookupFilter>\n<referenceTo>Bike__c</referenceTo>"
    )
    put(
        tmp_path,
        {
            "objects/Bike__c/Bike__c.object-meta.xml": custom_object("Bike"),
            "objects/Rental__c/Rental__c.object-meta.xml": custom_object("Rental"),
            "objects/Rental__c/fields/Bike__c.field-meta.xml": text_field("Bike__c", link, "Lookup"),
        },
    )
    _, found = load(tmp_path)
    (told,) = warnings(found)
    assert told.startswith("Bike__c.field-meta.xml:6: this lookup filter ")
    assert "not enforced" in told
    assert reason in told
