"""Describe bodies against the keys and JSON types of recorded answers, and what a schema makes of them."""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mock_server.org.schema import Schema
from mock_server.org.schema.describe import describe, global_describe
from mock_server.org.schema.describe_fields import describe_field, valid_for
from mock_server.org.schema.types import Field, FilterItem, PicklistValue, RecordType

FACTS: dict[str, Any] = json.loads((Path(__file__).parent / "describe_facts.json").read_text())
NAMES = ["Account", "Contact", "Opportunity", "Case", "Lead", "User", "Task", "Attachment", "AccountFeed", "WorkOrder"]
JSON_TYPES = {bool: "boolean", int: "number", float: "number", str: "string", list: "array", dict: "object"}
# Null in every recorded answer, for want of what they tell: of a formula, a lookup filter, ...
NEVER_RECORDED = {
    "controllerName": "null string", "filteredLookupInfo": "null object", "mask": "null string",
    "maskType": "null string", "relationshipOrder": "null number", "validFor": "null string",
    "keyPrefix": "null string", "associateEntityType": "null string", "associateParentEntity": "null string", "defaultValue": "boolean null string",
}  # fmt: skip


def kind(value: Any) -> str:
    return "null" if value is None else JSON_TYPES[type(value)]


def check(body: dict[str, Any], facts: dict[str, str]) -> None:
    assert list(body) == list(facts)
    for key, value in body.items():
        assert kind(value) in NEVER_RECORDED.get(key, facts[key]).split(), (key, value)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_has_its_place_and_its_type(name: str) -> None:
    sobject = Schema().get(name)
    assert sobject is not None
    body = describe(sobject, "v60.0", instance="https://sfmock.my.salesforce.com")
    check(body, FACTS["object"])
    for field in body["fields"]:
        check(field, FACTS["field"])
        for value in field["picklistValues"]:
            check(value, FACTS["picklistValue"])
    for child in body["childRelationships"]:
        check(child, FACTS["childRelationship"])
    for scope in body["supportedScopes"]:
        check(scope, FACTS["supportedScope"])
    for info in body["recordTypeInfos"]:
        check(info, FACTS["recordTypeInfo"])
    if name in FACTS["urls"]:
        assert list(body["urls"]) == FACTS["urls"][name]


def test_an_old_version_has_fewer_keys() -> None:
    sobject = Schema().get("OpportunityContactRole")
    assert sobject is not None
    assert list(describe(sobject, "v48.0")) == FACTS["object in v48.0"]
    assert "sobjectDescribeOption" in describe(sobject, "v50.0")


def test_the_global_describe_has_the_links_of_each_object() -> None:
    body = global_describe(Schema(), "v51.0")
    check(body, FACTS["global"])
    by_name = {one["name"]: one for one in body["sobjects"]}
    for one in body["sobjects"]:
        check(one, FACTS["summary"])
    for name, links in FACTS["summary urls"].items():
        assert list(by_name[name]["urls"]) == links, name
    assert by_name["Case"]["urls"]["caseRowArticleSuggestions"].endswith("/sobjects/Case/{ID}/suggestedArticles")


FIELDS: dict[str, dict[str, Any]] = {
    "picklist": {"type": "picklist", "values": ["High", "Low"]},
    "double": {"type": "number", "precision": 3},
    "string": {"type": "text", "length": 10},
    "date": {"type": "date"},
    "reference": {"type": "lookup", "referenceTo": "Contact"},
    "boolean": {"type": "checkbox"},
    "currency": {"type": "currency", "precision": 16, "scale": 2, "default": 0},
    "textarea": {"type": "textarea"},
    "phone": {"type": "phone"},
    "multipicklist": {"type": "multiselectpicklist", "values": ["Name"], "lines": 3},
    "email": {"type": "email"},
    "percent": {"type": "percent", "precision": 5, "scale": 2},
    "formula double": {"type": "number", "formula": "1", "blankAsZero": True},
    "formula string": {"type": "text", "formula": '"x"', "blankAsZero": True},
    "formula date": {"type": "date", "formula": "TODAY()"},
    "formula currency": {"type": "currency", "formula": "1", "scale": 2, "blankAsZero": True},
    "formula boolean": {"type": "checkbox", "formula": "true"},
}


@pytest.mark.parametrize("name", FACTS["custom fields"])
def test_a_custom_field_describes_itself_as_a_recorded_one(name: str) -> None:
    schema = Schema()
    schema.add({}, {"Account": {"Own__c": FIELDS[name]}})
    body = _field(schema, "Account", "Own__c")
    assert {key: body[key] for key in FACTS["custom fields"][name]} == FACTS["custom fields"][name]


def _field(schema: Schema, sobject: str, name: str) -> dict[str, Any]:
    found = schema.get(sobject)
    assert found is not None
    return next(field for field in describe(found, "v60.0")["fields"] if field["name"] == name)


@pytest.mark.parametrize(
    ("choices", "valid", "bits"),
    [
        (("a", "b", "c"), ("a",), "gAAA"),
        (("a", "b", "c"), ("b", "c"), "YAAA"),
        (("a", "b", "c"), (), "AAAA"),
        (tuple(map(str, range(30))), ("0", "8", "29"), "gIAABAAA"),
        (("false", "true"), ("checked",), "QAAA"),
        (("false", "true"), ("unchecked", "true"), "wAAA"),
    ],
)
def test_the_bits_of_a_dependent_value_stand_for_the_controlling_ones(
    choices: tuple[str, ...], valid: tuple[str, ...], bits: str
) -> None:
    assert valid_for(choices, valid) == bits


def test_a_dependent_picklist_names_its_controller_and_maps_its_values() -> None:
    schema = Schema()
    fields = {
        "Make__c": {"type": "picklist", "values": ["Ford", "VW"]},
        "Model__c": {
            "type": "picklist",
            "controller": "Make__c",
            "values": [{"value": "Fiesta", "validFor": ["Ford"]}, {"value": "Golf", "validFor": ["VW"]}],
        },
    }
    schema.add({}, {"Account": fields})
    body = _field(schema, "Account", "Model__c")
    assert (body["dependentPicklist"], body["controllerName"]) == (True, "Make__c")
    bits = {value["value"]: b64decode(value["validFor"]) for value in body["picklistValues"]}
    assert bits == {"Fiesta": b"\x80\0\0", "Golf": b"\x40\0\0"}
    assert [value["validFor"] for value in _field(schema, "Account", "Make__c")["picklistValues"]] == [None, None]


def test_record_types_come_before_master() -> None:
    account = Schema().get("Account")
    assert account is not None
    kinds = (RecordType("012000000000001AAA", "Firm", "A firm"), RecordType("012000000000002AAA", "Old", "Old", False))
    infos = describe(replace(account, record_types=kinds, memo={}), "v60.0")["recordTypeInfos"]
    assert [(one["developerName"], one["name"], one["active"], one["master"]) for one in infos] == [
        ("Firm", "A firm", True, False),
        ("Old", "Old", False, False),
        ("Master", "Master", True, True),
    ]
    assert infos[0]["urls"] == {"layout": "/services/data/v60.0/sobjects/Account/describe/layouts/012000000000001AAA"}


def test_attributes_that_only_some_fields_have() -> None:
    schema = Schema()
    account = schema.get("Account")
    assert account is not None
    field = Field(
        "Boss__c", "Boss", "reference", custom=True, help_text="Who decides", relationship_order=1,
        write_requires_master_read=True, reference_to=("Contact",), restricted_delete=True,
        lookup_filter=(FilterItem("Contact.AccountId", "equals", "$Source.ParentId"),),
    )  # fmt: skip
    body = describe_field(account, field)
    assert body["filteredLookupInfo"] == {"controllingFields": ["ParentId"], "dependent": True, "optionalFilter": False}
    assert (body["inlineHelpText"], body["relationshipOrder"]) == ("Who decides", 1)
    assert body["writeRequiresMasterRead"] and body["restrictedDelete"]
    masked = describe_field(account, Field("S__c", "S", "encryptedstring", encrypted=True, mask="*", mask_type="all"))
    assert (masked["mask"], masked["maskType"], masked["encrypted"]) == ("*", "all", True)


@pytest.mark.parametrize(
    ("kind", "default", "formula"),
    [("text", 'a "b"', '"a \\"b\\""'), ("number", 1.5, "1.5"), ("number", 0, "0"), ("text", None, None)],
)
def test_a_constant_default_is_shown_as_a_formula(kind: str, default: Any, formula: str | None) -> None:
    schema = Schema()
    schema.add({}, {"Account": {"Own__c": {"type": kind, **({} if default is None else {"default": default})}}})
    body = _field(schema, "Account", "Own__c")
    assert (body["defaultValue"], body["defaultValueFormula"]) == (None, formula)
    assert body["defaultedOnCreate"] == (default is not None)


def test_the_values_of_a_picklist_keep_label_and_state() -> None:
    account = Schema().get("Account")
    assert account is not None
    values = (PicklistValue("a", "A", default=True), PicklistValue("b", "B", active=False))
    body = describe_field(account, Field("P__c", "P", "picklist", picklist=values))
    assert body["picklistValues"] == [
        {"active": True, "defaultValue": True, "label": "A", "validFor": None, "value": "a"},
        {"active": False, "defaultValue": False, "label": "B", "validFor": None, "value": "b"},
    ]
