"""An SFDX project served: simple-salesforce, unmodified, meets the org that its metadata describes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError, SalesforceMalformedRequest, SalesforceResourceNotFound

from mock_server import api, schema_sources
from tests.org.schema.files import RENTAL


@pytest.fixture(scope="module")
def rentals() -> Iterator[api.Server]:
    with api.start(schema=RENTAL) as running:
        yield running


@pytest.fixture
def sf(rentals: api.Server) -> Iterator[Salesforce]:
    with requests.Session() as http:
        http.verify = str(rentals.ca_bundle)
        http.trust_env = False
        (org,) = rentals.control.orgs()
        yield Salesforce(instance_url=rentals.https_url, session_id=org.access_token, session=http, version="60.0")
    rentals.control.reset()


def refused(work: Any, *arguments: Any) -> dict[str, Any]:
    with pytest.raises(SalesforceMalformedRequest) as error:
        work(*arguments)
    (found,) = error.value.content
    return dict(found)


def booking(**more: Any) -> dict[str, Any]:
    return {"Booking_Ref__c": "B-1", "Days__c": 3, **more}


def test_describes_show_the_project(sf: Salesforce) -> None:
    described = sf.describe()
    assert described is not None
    names = {one["name"]: one for one in described["sobjects"]}
    assert {"Rental__c", "Rental_Line__c", "Bike__c", "Bike__Share", "Rental__History", "Fare__mdt"} <= set(names)
    assert names["Rental__c"]["labelPlural"] == "Rentals"
    assert names["Bike_Moved__e"]["createable"] and not names["Bike_Moved__e"]["queryable"]
    rental = sf.Rental__c.describe()
    fields = {field["name"]: field for field in rental["fields"]}
    assert fields["Status__c"]["restrictedPicklist"] is True
    assert [value["value"] for value in fields["Color__c"]["picklistValues"]] == ["Red", "Blue", "Teal"]
    assert fields["Line_Total__c"]["calculated"] is True
    assert {"Lines__r", "Tasks", "Events", "Histories"} <= {
        one["relationshipName"] for one in rental["childRelationships"]
    }
    assert sf.Shop_Config__c.describe()["customSetting"] is True


def test_records_of_the_project_are_made_and_found(sf: Salesforce) -> None:
    contact = sf.Contact.create({"LastName": "Rider"})["id"]
    bike = sf.Bike__c.create({"Name": "Red one"})["id"]
    made = sf.Rental__c.create(booking(Customer__c=contact, Bike__c=bike, Status__c="Active"))["id"]
    line = sf.Rental_Line__c.create({"Rental__c": made, "Price__c": 12.5})["id"]
    (found,) = sf.query(
        "SELECT Name, Color__c, Customer__r.LastName, Bike__r.Serial__c, (SELECT Name, Price__c FROM Lines__r) FROM Rental__c"
    )["records"]
    assert (found["Name"], found["Color__c"]) == ("R-00001", "Red")
    assert found["Customer__r"]["LastName"] == "Rider"
    assert found["Lines__r"]["records"][0]["Price__c"] == 12.5
    assert sf.query("SELECT Id, (SELECT Id FROM Rentals__r) FROM Contact")["records"][0]["Rentals__r"]["totalSize"] == 1
    assert sf.Rental__c.upsert("Booking_Ref__c/B-1", {"Notes__c": "late"}) == 200
    assert line.startswith(sf.Rental_Line__c.describe()["keyPrefix"])
    assert made.startswith("a") and bike.startswith("a")


def test_picklists_are_restricted_as_their_files_say(sf: Salesforce) -> None:
    assert (
        refused(sf.Rental__c.create, booking(Status__c="Nope"))["errorCode"]
        == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    )
    assert refused(sf.Account.create, {"Name": "A", "Loyalty_Tier__c": "Iron"})["fields"] == ["Loyalty_Tier__c"]
    made = sf.Account.create({"Name": "A"})["id"]
    assert sf.Account.get(made)["Loyalty_Tier__c"] == "Bronze"


def test_required_and_unique_fields_are_kept(sf: Salesforce) -> None:
    missing = refused(sf.Rental__c.create, {"Days__c": 1})
    assert (missing["errorCode"], missing["fields"]) == ("REQUIRED_FIELD_MISSING", ["Booking_Ref__c"])
    sf.Rental__c.create(booking())
    assert refused(sf.Rental__c.create, booking())["errorCode"] == "DUPLICATE_VALUE"


def test_events_are_published_and_cannot_be_read(sf: Salesforce) -> None:
    made = sf.Bike_Moved__e.create({"Bike_Id__c": "x", "Km__c": 2})
    assert made["id"].startswith("e00")
    (queued,) = made["errors"]
    assert (made["success"], queued["statusCode"], queued["fields"]) == (True, "OPERATION_ENQUEUED", [])
    again = sf.Bike_Moved__e.create({"Bike_Id__c": "x"})
    assert UUID(again["errors"][0]["message"]) != UUID(queued["message"])
    assert refused(sf.query, "SELECT ReplayId FROM Bike_Moved__e")["errorCode"].startswith("INVALID_TYPE")


def test_custom_metadata_is_queried_and_not_written(sf: Salesforce) -> None:
    (fare,) = sf.query("SELECT DeveloperName, MasterLabel, Daily__c, Target__c FROM Fare__mdt")["records"]
    assert (fare["DeveloperName"], fare["Daily__c"], fare["Target__c"]) == ("Standard", 12.5, "Rental__c")
    assert refused(sf.Fare__mdt.create, {"MasterLabel": "x"})["errorCode"] == "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"


def test_record_types_and_stages_are_records(sf: Salesforce) -> None:
    types = sf.query("SELECT Id, DeveloperName FROM RecordType WHERE SobjectType = 'Rental__c' ORDER BY DeveloperName")
    assert [one["DeveloperName"] for one in types["records"]] == ["Corporate", "Private"]
    corporate = types["records"][0]["Id"]
    made = sf.Rental__c.create(booking(RecordTypeId=corporate))["id"]
    found = sf.query(f"SELECT RecordType.DeveloperName FROM Rental__c WHERE Id = '{made}'")["records"][0]
    assert found["RecordType"]["DeveloperName"] == "Corporate"
    stages = sf.query("SELECT ApiName, IsWon, DefaultProbability FROM OpportunityStage ORDER BY SortOrder")["records"]
    assert [(one["ApiName"], one["IsWon"]) for one in stages] == [
        ("Prospecting", False),
        ("Closed Won", True),
        ("Closed Lost", False),
    ]


def test_formulas_roll_ups_and_defaults_follow_the_records(sf: Salesforce) -> None:
    made = sf.Rental__c.create(booking(Start__c="2026-01-30", Discount__c=10))["id"]
    for price in (10, 30, -5):
        sf.Rental_Line__c.create({"Rental__c": made, "Price__c": price})
    found = sf.Rental__c.get(made)
    assert (found["Line_Count__c"], found["Line_Total__c"], found["Net_Price__c"]) == (3, 40, 36)
    assert (found["End__c"], found["Status__c"], found["Returned__c"]) == ("2026-02-02", "Reserved", False)
    by_formula = sf.query("SELECT Id FROM Rental__c WHERE Net_Price__c = 36 AND End__c = 2026-02-02 ORDER BY End__c")
    assert [one["Id"] for one in by_formula["records"]] == [made]
    lines = sf.query("SELECT Id FROM Rental_Line__c WHERE Price__c > 20")["records"]
    sf.Rental_Line__c.delete(lines[0]["Id"])
    assert sf.Rental__c.get(made)["Net_Price__c"] == 9
    for name in ("Net_Price__c", "Line_Total__c"):
        assert refused(sf.Rental__c.update, made, {name: 1})["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    today = sf.query("SELECT Id FROM Rental__c WHERE Start__c = TODAY")
    sf.Rental__c.create({"Booking_Ref__c": "B-2"})
    assert sf.query("SELECT Id FROM Rental__c WHERE Start__c = TODAY")["totalSize"] == today["totalSize"] + 1


def test_only_active_validation_rules_refuse(sf: Salesforce) -> None:
    wrong = refused(sf.Rental__c.create, {"Booking_Ref__c": "B-1", "Days__c": 0})
    assert wrong == {
        "message": "Days must be at least 1.",
        "errorCode": "FIELD_CUSTOM_VALIDATION_EXCEPTION",
        "fields": ["Days__c"],
    }
    made = sf.Rental__c.create({"Booking_Ref__c": "B-1", "Status__c": "Active"})["id"]
    assert sf.Rental__c.get(made)["Days__c"] == 1
    assert refused(sf.Rental__c.update, made, {"Days__c": -1})["errorCode"] == "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def test_a_lookup_filter_and_the_constraints_of_deletion_hold(sf: Salesforce) -> None:
    old = sf.Bike__c.create({"Name": "Old", "In_Service__c": False})["id"]
    new = sf.Bike__c.create({"Name": "New"})["id"]
    assert refused(sf.Rental__c.create, booking(Bike__c=old)) == {
        "message": "Value does not exist or does not match filter criteria.",
        "errorCode": "FIELD_FILTER_VALIDATION_EXCEPTION",
        "fields": ["Bike__c"],
    }
    contact = sf.Contact.create({"LastName": "Rider"})["id"]
    made = sf.Rental__c.create(booking(Bike__c=new, Customer__c=contact))["id"]
    assert refused(sf.Rental__c.update, made, {"Bike__c": old})["fields"] == ["Bike__c"]
    sf.Bike__c.update(new, {"In_Service__c": False})
    # What refers to it already stays as it is, and can be edited.
    assert sf.Rental__c.update(made, {"Notes__c": "late"}) == 204
    assert refused(sf.Contact.delete, contact)["errorCode"] == "DELETE_FAILED"
    line = sf.Rental_Line__c.create({"Rental__c": made, "Price__c": 1})["id"]
    assert sf.Bike__c.delete(new) == 204
    assert sf.Rental__c.get(made)["Bike__c"] is None
    assert sf.Rental__c.delete(made) == 204
    assert sf.query(f"SELECT Id FROM Rental_Line__c WHERE Id = '{line}'")["totalSize"] == 0
    assert sf.Contact.delete(contact) == 204


def test_picklists_keep_labels_order_and_dependence(sf: Salesforce) -> None:
    made = sf.Rental__c.create(booking(Status__c="Done", Reason__c="Sold", Extras__c="Helmet;Child Seat"))["id"]
    (found,) = sf.query("SELECT toLabel(Status__c), Extras__c FROM Rental__c WHERE Extras__c INCLUDES ('Helmet')")[
        "records"
    ]
    assert (found["Status__c"], found["Extras__c"]) == ("Completed", "Child Seat;Helmet")
    assert refused(sf.Rental__c.update, made, {"Status__c": "Lost"})["fields"] == ["Status__c"]
    assert refused(sf.Rental__c.update, made, {"Color__c": "Black"})["fields"] == ["Color__c"]
    assert refused(sf.Rental__c.update, made, {"Extras__c": "Helmet;Bell"})["fields"] == ["Extras__c"]
    fields = {field["name"]: field for field in sf.Rental__c.describe()["fields"]}
    reasons = {one["value"]: one["validFor"] for one in fields["Reason__c"]["picklistValues"]}
    assert fields["Reason__c"]["controllerName"] == "Status__c"
    assert reasons["Broken"] != reasons["Sold"]


def test_the_permission_set_grants_what_it_lists_and_no_more(rentals: api.Server, sf: Salesforce) -> None:
    contact = sf.Contact.create({"LastName": "Rider"})["id"]
    user = rentals.control.create_user({"username": "clerk@rental.test", "permissionSets": ["Rental_User"]})
    clerk = Salesforce(instance_url=rentals.https_url, session_id=user.access_token, session=sf.session, version="60.0")
    described = clerk.Rental__c.describe()
    assert (described["createable"], described["updateable"], described["deletable"]) == (True, True, False)
    names = {field["name"] for field in described["fields"]}
    assert {"Deposit__c", "Booking_Ref__c", "Days__c"} <= names
    assert not {"Notes__c", "Net_Price__c", "Customer__c", "Line_Total__c"} & names
    made = clerk.Rental__c.create(booking(Deposit__c=5))["id"]
    assert clerk.Rental__c.update(made, {"Deposit__c": 6}) == 204
    assert clerk.query("SELECT Deposit__c FROM Rental__c")["records"][0]["Deposit__c"] == 6
    assert refused(clerk.Rental__c.update, made, {"Notes__c": "x"})["errorCode"] == "INVALID_FIELD"
    assert refused(clerk.query, "SELECT Notes__c FROM Rental__c")["errorCode"] == "INVALID_FIELD"
    assert refused(clerk.query, "SELECT Id FROM Bike__c")["errorCode"] == "INVALID_TYPE"
    with pytest.raises(SalesforceError) as error:
        clerk.Rental__c.delete(made)
    assert error.value.content[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"
    with pytest.raises(SalesforceResourceNotFound):
        clerk.Contact.get(contact)
    # The rules of the org hold for everybody, whatever they see.
    assert refused(clerk.Rental__c.update, made, {"Days__c": 0})["fields"] == ["Days__c"]


def test_a_reset_org_has_its_metadata_records_again(sf: Salesforce, rentals: api.Server) -> None:
    sf.Rental__c.create(booking())
    rentals.control.reset()
    assert sf.query("SELECT Id FROM Rental__c")["totalSize"] == 0
    assert sf.query("SELECT Id FROM Fare__mdt")["totalSize"] == 1


def test_an_org_of_the_control_plane_has_the_same_schema(rentals: api.Server) -> None:
    made = rentals.control.create_org(
        schema=schema_sources.read([RENTAL]).data, fields={"Bike__c": {"Frame__c": {"type": "text"}}}
    )
    control = rentals.control.for_org(made.id)
    control.seed("Bike__c", [{"Name": "B", "Frame__c": "steel"}])
    assert control.records("SELECT Frame__c, In_Service__c FROM Bike__c")[0]["In_Service__c"] is True
    assert control.records("SELECT DeveloperName FROM Fare__mdt")[0]["DeveloperName"] == "Standard"
    rentals.control.delete_org(made.id)


def test_encrypted_text_is_shown_to_who_may_view_it(rentals: api.Server, sf: Salesforce) -> None:
    made = sf.Rental__c.create(booking(Licence_No__c="ABCD1234"))["id"]
    shown = {}
    for name, more in (("viewer", ["ViewEncryptedData"]), ("reader", [])):
        user = rentals.control.create_user(
            {"username": f"{name}@rental.test", "objects": {"Rental__c": "read"}, "system": ["ViewAllData", *more]}
        )
        told = Salesforce(instance_url=rentals.https_url, session_id=user.access_token, session=sf.session)
        (found,) = told.query(f"SELECT Licence_No__c FROM Rental__c WHERE Id = '{made}'")["records"]
        shown[name] = (found["Licence_No__c"], told.Rental__c.get(made)["Licence_No__c"])
    assert shown == {"viewer": ("ABCD1234",) * 2, "reader": ("****1234",) * 2}
    # An administrator has the permission by a permission set alone.
    assert sf.Rental__c.get(made)["Licence_No__c"] == "****1234"
    allowed = sf.PermissionSet.create({"Name": "Sees", "Label": "Sees", "PermissionsViewEncryptedData": True})["id"]
    me = sf.query("SELECT Id FROM User WHERE Username LIKE 'integration%'")["records"][0]["Id"]
    sf.PermissionSetAssignment.create({"AssigneeId": me, "PermissionSetId": allowed})
    assert sf.Rental__c.get(made)["Licence_No__c"] == "ABCD1234"
    assert sf.Rental__c.update(made, {"Licence_No__c": "EFGH5678"}) == 204
    assert sf.query("SELECT Licence_No__c FROM Rental__c")["records"][0]["Licence_No__c"] == "EFGH5678"


def test_a_describe_is_new_to_whose_permissions_changed(rentals: api.Server, sf: Salesforce) -> None:
    control = rentals.control
    user = control.create_user({"username": "dated@rental.test", "objects": {"Rental__c": "read"}})
    url = f"{rentals.https_url}/services/data/v60.0/sobjects/Rental__c/describe"
    headers = {"Authorization": f"Bearer {user.access_token}"}
    known = sf.session.get(url, headers=headers).headers["Last-Modified"]
    dated = {**headers, "If-Modified-Since": known}
    assert sf.session.get(url, headers=dated).status_code == 304
    allowed = sf.PermissionSet.create({"Name": "More", "Label": "More"})["id"]
    sf.ObjectPermissions.create(
        {"ParentId": allowed, "SobjectType": "Rental__c", "PermissionsRead": True, "PermissionsCreate": True}
    )
    control.advance(5)
    sf.PermissionSetAssignment.create({"AssigneeId": user.user_id, "PermissionSetId": allowed})
    again = sf.session.get(url, headers=dated)
    assert again.status_code == 200
    assert again.json()["createable"] is True
