"""Who may subscribe to changes, and which fields he is told of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.events import NotPermitted
from mock_server.org.events.avro import Codec
from mock_server.org.events.changes import bitmaps
from mock_server.org.identity.enrolment import enrol
from mock_server.org.identity.given import read_users
from mock_server.org.identity.sessions import Session
from mock_server.org.records.changes import Change
from tests.org.events.changes.conftest import Capturing, body, header

Make = Callable[..., Capturing]


def user_of(org: Capturing, **definition: Any) -> Session:
    """Return a session of a user with just some permissions."""
    users = read_users(org.org.schema, [{"username": "reader@acme.test", **definition}])
    (identifier,) = enrol(org.org, users)
    user = org.org.directory.by_id(identifier)
    assert user is not None
    return org.org.sessions.open(user, None, ("api",))


@pytest.mark.parametrize(
    ("definition", "allowed"),
    [
        ({"objects": {"Shop__c": "read"}}, set()),
        ({"objects": {"Shop__c": "viewAll"}}, {"Shop__ChangeEvent"}),
        ({"system": ["ViewAllData"]}, {"Shop__ChangeEvent", "AccountChangeEvent", "TaskChangeEvent"}),
        ({"system": ["ViewAllUsers"]}, {"UserChangeEvent"}),
        (
            {"system": ["ViewAllData", "ViewAllUsers"]},
            {"Shop__ChangeEvent", "AccountChangeEvent", "TaskChangeEvent", "UserChangeEvent"},
        ),
    ],
)
def test_who_may_subscribe(capturing: Make, definition: dict[str, Any], allowed: set[str]) -> None:
    org = capturing("Account")
    who = user_of(org, **definition)
    names = ("ChangeEvents", "Shop__ChangeEvent", "AccountChangeEvent", "TaskChangeEvent", "UserChangeEvent")
    found = set()
    for name in names:
        try:
            org.on(name, who=who)
        except NotPermitted:
            continue
        found.add(name)
    assert found == {"ChangeEvents", *allowed}, "to that of all objects anybody may subscribe"


def test_fields_that_a_subscriber_may_not_read_are_left_out(capturing: Make) -> None:
    org = capturing("Shop__c")
    fields = {"Shop__c": {"Size__c": "none", "Place__c": "read", "Code__c": "read"}}
    who = user_of(org, objects={"Shop__c": "viewAll"}, fields=fields)
    made = org.made("Shop__c", Name="A", Size__c=1, Code__c="x", Place__Latitude__s=1, Place__Longitude__s=2)
    org.update("Shop__c", made, Name="B", Size__c=2)
    created, updated = org.on("Shop__ChangeEvent", who=who)
    assert "Size__c" not in body(created)
    assert (body(created)["Code__c"], body(created)["Place__c"]) == ("x", {"Latitude": 1.0, "Longitude": 2.0})
    assert header(updated)["changedFields"] == ["Name", "LastModifiedDate"]
    assert set(body(updated)) == {"Name", "LastModifiedDate"}
    assert [one.replay_id for one in (created, updated)] == [one.replay_id for one in org.on()]
    assert "Size__c" in body(org.on("Shop__ChangeEvent")[0]), "others see it"
    assert org.on("Shop__ChangeEvent", who=who)[0] is created, "it is made once for all who see as much"


def test_a_compound_field_of_which_one_may_read_nothing_is_left_out(capturing: Make) -> None:
    org = capturing("Account")
    fields = {"Account": {"*": "none", "Phone": "read"}}
    who = user_of(org, objects={"Account": "viewAll"}, fields=fields)
    org.made("Account", Name="A", Phone="1", BillingCity="Rome")
    (created,) = org.on("AccountChangeEvent", who=who)
    assert body(created)["Phone"] == "1"
    assert "BillingAddress" not in body(created)


def test_of_all_changes_one_is_told_what_one_may_follow_and_as_long_as_one_may(capturing: Make) -> None:
    org = capturing("Shop__c", "Account")
    who = user_of(org, objects={"Shop__c": "viewAll", "Account": "read"})
    org.made("Account", Name="a")
    shop = org.made("Shop__c", Name="s")
    assert [header(one)["entityName"] for one in org.on(who=who)] == ["Shop__c"]
    own = org.org.events.find(who, "/data/Shop__ChangeEvent")
    assert len(org.org.events.after(own, 0, 10)) == 1
    soql = "SELECT Id FROM ObjectPermissions WHERE SobjectType = 'Shop__c' AND PermissionsViewAllRecords = true"
    for rights in org.org.query(org.who, soql, base="").records:
        org.update("ObjectPermissions", rights["Id"], PermissionsViewAllRecords=False)
    org.update("Shop__c", shop, Name="t")
    assert org.on(who=who) == org.org.events.after(own, 0, 10) == []


def test_of_a_custom_channel_one_is_told_what_one_may_follow(capturing: Make) -> None:
    org = capturing()
    members = {
        "Shop__ChangeEvent": {"filter": "Size__c > 1", "enriched": ["Size__c", "Code__c"]}, "AccountChangeEvent": {},
    }  # fmt: skip
    org.org.schema.described.channels = {"Some__chn": {"type": "data", "members": members}}
    org.org.resume_channels()
    rights = {"objects": {"Shop__c": "viewAll", "Account": "read"}}
    some = user_of(org, **rights, fields={"Shop__c": {"Size__c": "none", "Code__c": "read"}})
    none = user_of(org, username="none@acme.test", objects={"Account": "read"})
    org.made("Account", Name="A")
    shop = org.made("Shop__c", Name="S", Size__c=2, Code__c="x")
    org.update("Shop__c", shop, Size__c=3)
    org.save(Change("delete", "Shop__c", {}, id=shop))
    everything = org.on("Some__chn")
    assert [header(one)["entityName"] for one in everything] == ["Account", "Shop__c", "Shop__c", "Shop__c"]
    assert (body(everything[3])["Size__c"], body(everything[3])["Code__c"]) == (3, "x")
    told = org.on("Some__chn", who=some)
    assert [one.replay_id for one in told] == [one.replay_id for one in everything[1:]]
    assert all("Size__c" not in one.payload for one in told)
    assert body(told[2])["Code__c"] == "x"
    assert org.on("Some__chn", who=none) == []


def test_a_change_event_is_described_as_its_user_sees_it(capturing: Make) -> None:
    org = capturing("Shop__c")
    who = user_of(org, objects={"Shop__c": "read"}, fields={"Shop__c": {"Size__c": "none", "Code__c": "read"}})
    sight = org.org.schema_of(who)
    found = sight.get("Shop__ChangeEvent")
    assert found is not None
    assert "Code__c" in found.by_name
    assert "Size__c" not in found.by_name
    assert sight.get("Line__ChangeEvent") is None
    assert "Line__ChangeEvent" not in sight.names()


def test_who_is_given_a_field_sees_it_from_then_on(capturing: Make) -> None:
    org = capturing("Shop__c")
    who = user_of(org, objects={"Shop__c": "viewAll"}, fields={"Shop__c": {"Size__c": "none"}})
    org.made("Shop__c", Size__c=1)
    assert "Size__c" not in body(org.on("Shop__ChangeEvent", who=who)[0])
    more = org.made("PermissionSet", Name="More", Label="More")
    org.made("FieldPermissions", ParentId=more, SobjectType="Shop__c", Field="Shop__c.Size__c", PermissionsRead=True)
    org.made("PermissionSetAssignment", AssigneeId=who.user_id, PermissionSetId=more)
    assert "Size__c" in body(org.on("Shop__ChangeEvent", who=who)[0])


def test_avro_tells_all_fields_and_the_lists_as_bitmaps(capturing: Make) -> None:
    org = capturing("Account", "Contact")
    account = org.made("Account", Name="A", Phone="1", BillingCity="X", NumberOfEmployees=3)
    contact = org.made("Contact", LastName="L", FirstName="F", Birthdate="2000-01-02")
    org.save(
        Change("update", "Account", {"Phone": None, "BillingCity": None, "Industry": "Energy"}, id=account),
        Change("update", "Contact", {"FirstName": None}, id=contact),
    )
    events = org.on()
    told = []
    for event in events:
        codec = org.org.events.codecs.of_event(event.name)
        assert codec.schema_id == event.schema_id
        told.append((codec, codec.decode(codec.encode(event.payload))))
    codec, created = told[0]
    assert next(iter(created)) == "ChangeEventHeader"
    assert list(created) == [field["name"] for field in codec.schema["fields"]]
    assert (created["Name"], created["NumberOfEmployees"], created["Fax"]) == ("A", 3, None)
    assert created["BillingAddress"]["City"] == "X"
    assert created["CreatedDate"] == 1_772_000_000_000
    assert told[1][1]["Name"] == {"Salutation": None, "FirstName": "F", "LastName": "L"}
    assert told[1][1]["Birthdate"] == 946_771_200_000
    codec, updated = told[2]
    said = updated["ChangeEventHeader"]
    assert all(one[0].isdigit() for one in said["changedFields"] + said["nulledFields"])
    assert set(_names(codec, said["changedFields"])) == {
        "BillingAddress.City", "Phone", "Industry", "LastModifiedDate",
    }  # fmt: skip
    assert set(_names(codec, said["nulledFields"])) == {"BillingAddress.City", "Phone"}
    assert said["diffFields"] == []
    assert updated["Name"] is None
    codec, updated = told[3]
    assert _names(codec, updated["ChangeEventHeader"]["nulledFields"]) == ["Name.FirstName"]


def _names(codec: Codec, found: list[str]) -> list[str]:
    return bitmaps.decode(codec.schema, found)
