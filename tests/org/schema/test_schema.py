"""The schema: bundled objects, inline definitions and their mistakes, describe bodies."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.schema import Schema, SchemaError
from mock_server.org.schema.describe import describe, global_describe, summary

# As a scratch org answered them in 2026.
SUMMARY_KEYS = [
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "deletable",
    "deprecatedAndHidden",
    "feedEnabled",
    "hasSubtypes",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "queryable",
    "replicateable",
    "retrieveable",
    "searchable",
    "triggerable",
    "undeletable",
    "updateable",
    "urls",
]
DESCRIBE_KEYS = [
    "actionOverrides",
    "activateable",
    "associateEntityType",
    "associateParentEntity",
    "childRelationships",
    "compactLayoutable",
    "createable",
    "custom",
    "customSetting",
    "deepCloneable",
    "defaultImplementation",
    "deletable",
    "deprecatedAndHidden",
    "extendedBy",
    "extendsInterfaces",
    "feedEnabled",
    "fields",
    "hasSubtypes",
    "implementedBy",
    "implementsInterfaces",
    "isInterface",
    "isSubtype",
    "keyPrefix",
    "label",
    "labelPlural",
    "layoutable",
    "listviewable",
    "lookupLayoutable",
    "mergeable",
    "mruEnabled",
    "name",
    "namedLayoutInfos",
    "networkScopeFieldName",
    "queryable",
    "recordTypeInfos",
    "replicateable",
    "retrieveable",
    "searchLayoutable",
    "searchable",
    "sobjectDescribeOption",
    "supportedScopes",
    "triggerable",
    "undeletable",
    "updateable",
    "urls",
]
FIELD_KEYS = [
    "aggregatable",
    "aiPredictionField",
    "autoNumber",
    "byteLength",
    "calculated",
    "calculatedFormula",
    "cascadeDelete",
    "caseSensitive",
    "compoundFieldName",
    "controllerName",
    "createable",
    "custom",
    "defaultValue",
    "defaultValueFormula",
    "defaultedOnCreate",
    "dependentPicklist",
    "deprecatedAndHidden",
    "digits",
    "displayLocationInDecimal",
    "encrypted",
    "externalId",
    "extraTypeInfo",
    "filterable",
    "filteredLookupInfo",
    "formulaTreatNullNumberAsZero",
    "groupable",
    "highScaleNumber",
    "htmlFormatted",
    "idLookup",
    "inlineHelpText",
    "label",
    "length",
    "mask",
    "maskType",
    "name",
    "nameField",
    "namePointing",
    "nillable",
    "permissionable",
    "picklistValues",
    "polymorphicForeignKey",
    "precision",
    "queryByDistance",
    "referenceTargetField",
    "referenceTo",
    "relationshipName",
    "relationshipOrder",
    "restrictedDelete",
    "restrictedPicklist",
    "scale",
    "searchPrefilterable",
    "soapType",
    "sortable",
    "type",
    "unique",
    "updateable",
    "writeRequiresMasterRead",
]


def test_objects_and_fields_are_found_in_any_case() -> None:
    schema = Schema()
    contact = schema.get("cOnTaCt")
    assert contact is not None and contact.name == "Contact"
    assert contact.field("lastNAME") is contact.by_name["LastName"]
    assert contact.parent("account") is contact.by_name["AccountId"]
    account = schema.get("Account")
    assert account is not None and (child := account.child("contacts")) is not None
    assert (child.child, child.field) == ("Contact", "AccountId")
    assert schema.get("Nope") is None
    assert schema.by_prefix("003") is contact


def test_every_bundled_object_reads() -> None:
    schema = Schema()
    assert sum(not name.endswith("ChangeEvent") for name in schema.names()) == 765
    for name in schema.names():
        sobject = schema.get(name)
        assert sobject is not None and "Id" in sobject.by_name


def test_fields_of_switched_off_features_are_left_out() -> None:
    account = Schema().get("Account")
    assert account is not None
    assert not {"CurrencyIsoCode", "IsPersonAccount", "RecordTypeId", "BillingCountryCode"} & set(account.by_name)


def test_inline_objects_and_fields_join_the_schema() -> None:
    schema = Schema()
    before = schema.version
    schema.add(
        {
            "Invoice__c": {
                "label": "Invoice",
                "nameField": {"type": "AutoNumber", "format": "INV-{0000}"},
                "fields": {
                    "Account__c": {"type": "MasterDetail", "referenceTo": "account", "relationshipName": "Bills"},
                    "Amount__c": {"type": "Currency", "precision": 16, "scale": 2},
                },
            }
        },
        {"Contact": {"External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True}}},
    )
    assert schema.version > before
    invoice, account = schema.get("invoice__c"), schema.get("Account")
    assert invoice is not None and account is not None
    assert invoice.key_prefix == "a00" and schema.by_prefix("a00") is invoice
    assert "OwnerId" not in invoice.by_name
    assert account.child("Bills__r") is not None
    contact = schema.get("Contact")
    assert contact is not None
    key = contact.by_name["External_Id__c"]
    assert (key.length, key.external_id, key.unique, key.custom) == (64, True, True, True)
    other = Schema().get("Contact")
    assert other is not None and "External_Id__c" not in other.by_name


@pytest.mark.parametrize(
    ("objects", "fields", "path", "nearest"),
    [
        ({}, {"Contat": {}}, ("fields", "Contat"), "Contact"),
        ({}, {"Contact": {"X__c": {"type": "txt"}}}, ("fields", "Contact", "X__c", "type"), "text"),
        ({}, {"Contact": {"X__c": {"type": "text", "lenght": 5}}}, ("fields", "Contact", "X__c", "lenght"), "length"),
        ({}, {"Contact": {"X__c": {"type": "text", "length": 256}}}, ("fields", "Contact", "X__c", "length"), None),
        ({}, {"Contact": {"X__c": {"type": "text", "unique": "yes"}}}, ("fields", "Contact", "X__c", "unique"), None),
        ({}, {"Contact": {"X": {"type": "text"}}}, ("fields", "Contact", "X"), "X__c"),
        ({}, {"Contact": {"X__c": {}}}, ("fields", "Contact", "X__c"), None),
        ({}, {"Contact": {"X__c": "text"}}, ("fields", "Contact", "X__c"), None),
        ({}, {"Contact": {"X__c": {"type": "lookup"}}}, ("fields", "Contact", "X__c"), None),
        (
            {},
            {"Contact": {"X__c": {"type": "lookup", "referenceTo": "Acount"}}},
            ("fields", "Contact", "X__c", "referenceTo"),
            "Account",
        ),
        ({"Invoices": {}}, {}, ("objects", "Invoices"), None),
        ({"Invoice__c": {"lable": "x"}}, {}, ("objects", "Invoice__c", "lable"), "label"),
        ([], {}, ("objects",), None),
    ],
)
def test_a_wrong_definition_says_where_and_changes_nothing(
    objects: Any, fields: Any, path: tuple[str, ...], nearest: str | None
) -> None:
    schema = Schema()
    version = schema.version
    with pytest.raises(SchemaError) as error:
        schema.add(objects, fields) if objects or fields else schema.add(objects or "x", fields)
    assert (error.value.path, error.value.nearest) == (path, nearest)
    assert schema.version == version


def test_describes_have_every_key_in_order() -> None:
    schema = Schema()
    contact = schema.get("Contact")
    assert contact is not None
    body = describe(contact, "v60.0")
    assert list(body) == DESCRIBE_KEYS
    assert all(list(field) == FIELD_KEYS for field in body["fields"])
    assert list(summary(contact, "v60.0")) == SUMMARY_KEYS
    everything = global_describe(schema, "v60.0")
    assert list(everything) == ["encoding", "maxBatchSize", "sobjects"]
    assert all(list(row) == SUMMARY_KEYS for row in everything["sobjects"])
    assert (
        next(row for row in everything["sobjects"] if row["name"] == "AccountFeed")["associateParentEntity"]
        == "Account"
    )


@pytest.mark.parametrize(
    ("sobject", "field", "expected"),
    [
        (
            "Account",
            "Name",
            {"byteLength": 765, "length": 255, "nillable": False, "soapType": "xsd:string", "nameField": True},
        ),
        (
            "Account",
            "OwnerId",
            {"byteLength": 18, "referenceTo": ["User"], "relationshipName": "Owner", "soapType": "tns:ID"},
        ),
        ("Account", "BillingAddress", {"soapType": "urn:address", "aggregatable": False, "createable": False}),
        ("Account", "AnnualRevenue", {"precision": 18, "groupable": False, "soapType": "xsd:double"}),
        ("Contact", "Email", {"byteLength": 240, "idLookup": True, "type": "email"}),
        ("Task", "WhoId", {"polymorphicForeignKey": True, "namePointing": True}),
    ],
)
def test_derived_attributes_agree_with_recordings(sobject: str, field: str, expected: dict[str, Any]) -> None:
    found = Schema().get(sobject)
    assert found is not None
    described = next(row for row in describe(found, "v60.0")["fields"] if row["name"] == field)
    assert {key: described[key] for key in expected} == expected
