"""Object info, layouts and picklists of the User Interface API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Rest

MASTER = "012000000000000AAA"
OBJECT = [
    "apiName", "associateEntityType", "associateParentEntity", "childRelationships", "compactLayoutable", "createable",
    "custom", "defaultRecordTypeId", "deletable", "dependentFields", "eTag", "feedEnabled", "fields", "keyPrefix",
    "label", "labelPlural", "layoutable", "mruEnabled", "nameFields", "queryable", "recordTypeInfos",
    "searchLayoutable", "searchable", "themeInfo", "updateable",
]  # fmt: skip
FIELD = [
    "apiName", "calculated", "compound", "compoundComponentName", "compoundFieldName", "controllerName",
    "controllingFields", "createable", "custom", "dataType", "extraTypeInfo", "filterable", "filteredLookupInfo",
    "highScaleNumber", "htmlFormatted", "inlineHelpText", "label", "length", "nameField", "polymorphicForeignKey",
    "precision", "reference", "referenceTargetField", "referenceToInfos", "relationshipName", "required", "scale",
    "searchPrefilterable", "sortable", "unique", "updateable",
]  # fmt: skip
PLACES = {
    "Place__c": {
        "label": "Place",
        "fields": {
            "Land__c": {"type": "picklist", "values": ["DE", "US"]},
            "Town__c": {
                "type": "picklist",
                "controller": "Land__c",
                "values": [{"value": "Bonn", "validFor": ["DE"]}, {"value": "Rome", "validFor": ["US", "DE"]}],
            },
            "Open__c": {"type": "checkbox"},
            "Hour__c": {
                "type": "picklist",
                "controller": "Open__c",
                "values": [{"value": "Noon", "validFor": ["true"]}],
            },
        },
        "recordTypes": {"Small": {"label": "Small place", "picklists": {"Land__c": ["US"], "Town__c": ["Rome"]}}},
    }
}


@pytest.fixture(scope="module")
def places(server) -> Iterator[Rest]:  # type: ignore[no-untyped-def]
    made = server.control.create_org(objects=PLACES)
    client = Rest(server.url, made.access_token, made)
    yield client
    client.http.close()
    server.control.delete_org(made.id)


@pytest.mark.parametrize("name", ["Account", "Contact", "Case", "User", "Opportunity"])
def test_an_object_is_told_with_every_key(rest: Rest, name: str) -> None:
    body = rest.get(f"/ui-api/object-info/{name.lower()}").json()
    assert list(body) == OBJECT
    assert list(body["fields"]) == sorted(body["fields"])
    described = {one["name"]: one for one in rest.get(f"/sobjects/{name}/describe").json()["fields"]}
    assert set(body["fields"]) == set(described)
    for field, info in body["fields"].items():
        assert list(info) == FIELD, field
        assert info["required"] is not described[field]["nillable"]


@pytest.mark.parametrize(
    ("name", "field", "expected"),
    [
        ("Account", "Id", {"dataType": "String", "length": 18, "required": True}),
        ("Account", "AnnualRevenue", {"dataType": "Currency", "required": False}),
        ("Account", "BillingCity", {"compoundFieldName": "BillingAddress", "compound": False}),
        ("Account", "BillingAddress", {"dataType": "Address", "compound": True}),
        ("Account", "OwnerId", {"reference": True, "relationshipName": "Owner"}),
        ("Contact", "Name", {"compound": True, "compoundFieldName": "Name", "extraTypeInfo": "PersonName"}),
        ("Contact", "FirstName", {"compoundComponentName": "FirstName", "compoundFieldName": "Name"}),
        ("Task", "WhatId", {"polymorphicForeignKey": True}),
    ],
)
def test_a_field_is_told_in_the_words_of_the_api(
    rest: Rest, name: str, field: str, expected: dict[str, object]
) -> None:
    found = rest.get(f"/ui-api/object-info/{name}").json()["fields"][field]
    assert {key: found[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("Account", ["Name"]),
        ("Contact", ["FirstName", "LastName", "Name"]),
        ("Case", ["CaseNumber"]),
        ("Opportunity", ["Name"]),
        ("Lead", ["FirstName", "LastName", "Name"]),
    ],
)
def test_what_names_a_record(rest: Rest, name: str, fields: list[str]) -> None:
    body = rest.get(f"/ui-api/object-info/{name}").json()
    assert body["nameFields"] == fields
    assert body["themeInfo"]["iconUrl"].endswith("_120.png")


def test_the_directory_leads_to_every_object(rest: Rest) -> None:
    objects = rest.get("/ui-api/object-info").json()["objects"]
    assert {"Account", "Contact", "User"} <= set(objects)
    assert rest.get(objects["Account"]["objectInfoUrl"]).json()["keyPrefix"] == objects["Account"]["keyPrefix"] == "001"


def test_several_objects_at_once(rest: Rest) -> None:
    body = rest.get("/ui-api/object-info/batch/Account,Nope__c").json()
    assert (body["hasErrors"], [one["statusCode"] for one in body["results"]]) == (True, [200, 403])


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("Nope__c", 403, "INSUFFICIENT_ACCESS"),
        ("CronTrigger", 400, "INVALID_TYPE"),
        ("Account/picklist-values/012000000000001AAA", 404, "NOT_FOUND"),
        ("Account/picklist-values/x/Type", 404, "NOT_FOUND"),
        (f"Account/picklist-values/{MASTER}/Name", 400, "INVALID_FIELD"),
        (f"Account/picklist-values/{MASTER}/Nope", 400, "INVALID_FIELD"),
    ],
)
def test_what_is_not_there(rest: Rest, path: str, status: int, code: str) -> None:
    reply = rest.get(f"/ui-api/object-info/{path}")
    assert (reply.status_code, [one["errorCode"] for one in reply.json()]) == (status, [code])


def test_a_dependent_picklist_says_what_goes_with_what(places: Rest) -> None:
    body = places.get(f"/ui-api/object-info/Place__c/picklist-values/{MASTER}").json()
    assert list(body) == ["eTag", "picklistFieldValues"]
    town = body["picklistFieldValues"]["Town__c"]
    assert list(town) == ["controllerValues", "defaultValue", "eTag", "url", "values"]
    assert town["controllerValues"] == {"DE": 0, "US": 1}
    assert {one["value"]: one["validFor"] for one in town["values"]} == {"Bonn": [0], "Rome": [0, 1]}
    assert list(town["values"][0]) == ["attributes", "label", "validFor", "value"]
    assert body["picklistFieldValues"]["Hour__c"]["controllerValues"] == {"false": 0, "true": 1}
    assert body["picklistFieldValues"]["Hour__c"]["values"][0]["validFor"] == [1]
    assert places.get(town["url"]).json() == town
    info = places.get("/ui-api/object-info/Place__c").json()
    assert info["dependentFields"] == {"Land__c": {"Town__c": {}}, "Open__c": {"Hour__c": {}}}
    assert info["fields"]["Town__c"]["controllingFields"] == ["Land__c"]


def test_a_record_type_offers_its_own_values(places: Rest) -> None:
    infos = places.get("/ui-api/object-info/Place__c").json()["recordTypeInfos"]
    small = next(one for one in infos.values() if one["name"] == "Small place")
    body = places.get(f"/ui-api/object-info/Place__c/picklist-values/{small['recordTypeId']}").json()
    values = body["picklistFieldValues"]
    assert [one["value"] for one in values["Land__c"]["values"]] == ["US"]
    assert values["Town__c"]["controllerValues"] == {"US": 0}
    assert [(one["value"], one["validFor"]) for one in values["Town__c"]["values"]] == [("Rome", [0])]
    made = places.post(
        "/ui-api/records", json={"apiName": "Place__c", "fields": {"Name": "x", "RecordTypeId": small["recordTypeId"]}}
    ).json()
    assert made["recordTypeId"] == small["recordTypeId"]
    assert made["recordTypeInfo"]["name"] == "Small place"


@pytest.mark.parametrize(
    ("name", "field", "value", "attributes"),
    [
        ("Case", "Status", "Closed", {"closed": True, "picklistAtrributesValueType": "CaseStatus"}),
        (
            "Opportunity",
            "StageName",
            "Closed Won",
            {
                "closed": True, "defaultProbability": 100.0, "forecastCategoryName": "Closed",
                "picklistAtrributesValueType": "OpportunityStage", "won": True,
            },
        ),
    ],
)  # fmt: skip
def test_values_of_a_process_have_attributes(
    rest: Rest, name: str, field: str, value: str, attributes: dict[str, object]
) -> None:
    values = rest.get(f"/ui-api/object-info/{name}/picklist-values/{MASTER}/{field}").json()["values"]
    assert next(one["attributes"] for one in values if one["value"] == value) == attributes


def test_a_layout_differs_by_mode(rest: Rest) -> None:
    def shown(mode: str) -> set[str]:
        body = rest.get("/ui-api/layout/Contact", params={"mode": mode}).json()
        assert (body["mode"], body["layoutType"], body["objectApiName"]) == (mode, "Full", "Contact")
        return {
            component["apiName"]
            for section in body["sections"]
            for row in section["layoutRows"]
            for item in row["layoutItems"]
            for component in item["layoutComponents"]
        }

    assert "CreatedById" in shown("View")
    assert "CreatedById" not in shown("Create")
    assert {"FirstName", "LastName", "MailingStreet"} <= shown("Edit")
    reply = rest.get("/ui-api/layout/Contact", params={"mode": "Look"})
    assert (reply.status_code, reply.json()[0]["errorCode"]) == (400, "ILLEGAL_QUERY_PARAMETER_VALUE")
