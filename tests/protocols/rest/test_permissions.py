"""What restricted users are answered, over real HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceError

from tests.conftest import Rest

if TYPE_CHECKING:
    from mock_server import api
    from mock_server.control.client import ControlClient, OrgInfo

OBJECTS = {
    "Bike__c": {"sharing": "Private", "fields": {"Serial__c": {"type": "text"}, "Price__c": {"type": "number"}}},
    "Rental__c": {"fields": {"Bike__c": {"type": "lookup", "referenceTo": "Bike__c"}}},
}
FIELDS = {
    "Contact": {
        "External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True},
        "Salary__c": {"type": "number"},
    }
}
NOT_SUPPORTED = (
    "sObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' "
    "after the entity name. Please reference your WSDL or the describe call for the appropriate names."
)


@dataclass
class World:
    server: api.Server
    org: OrgInfo
    control: ControlClient
    admin: Rest

    def user(self, **definition: Any) -> Rest:
        made = self.control.create_user(definition)
        return Rest(self.server.url, made.access_token, made)

    def client(self, **definition: Any) -> Salesforce:
        made = self.control.create_user(definition)
        session = requests.Session()
        session.verify, session.trust_env = str(self.server.ca_file), False
        return Salesforce(instance_url=self.server.https_url, session_id=made.access_token, session=session)

    def seed(self, sobject: str, **values: Any) -> str:
        (identifier,) = self.control.seed(sobject, [values])
        return identifier


@pytest.fixture(scope="module")
def world(server: api.Server) -> Iterator[World]:
    org = server.control.create_org(objects=OBJECTS, fields=FIELDS)
    control = server.control.for_org(org.id)
    yield World(server, org, control, Rest(server.url, org.access_token, org))
    server.control.delete_org(org.id)


def item(answer: Any) -> tuple[int, str, str]:
    (body,) = answer.json()
    return answer.status_code, body["errorCode"], body["message"]


@pytest.mark.parametrize(
    ("grant", "ask", "expected"),
    [
        pytest.param(
            {"Contact": "read"},
            lambda rest, _: rest.post("/sobjects/Contact", json={"LastName": "x"}),
            (400, "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "entity type cannot be inserted: Contact"),
            id="create without the right",
        ),
        pytest.param(
            {"Contact": "read"},
            lambda rest, ids: rest.patch(f"/sobjects/Contact/{ids['Contact']}", json={"LastName": "y"}),
            (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
            id="edit without the right",
        ),
        pytest.param(
            {"Contact": "read edit"},
            lambda rest, ids: rest.delete(f"/sobjects/Contact/{ids['Contact']}"),
            (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
            id="delete without the right",
        ),
        pytest.param(
            {"Contact": "read"},
            lambda rest, _: rest.post("/sobjects/Account", json={"Name": "x"}),
            (404, "NOT_FOUND", "The requested resource does not exist"),
            id="create in a hidden object",
        ),
        pytest.param(
            {"Contact": "read"},
            lambda rest, ids: rest.get(f"/sobjects/Account/{ids['Account']}"),
            (404, "NOT_FOUND", "The requested resource does not exist"),
            id="read of a hidden object",
        ),
        pytest.param(
            {"Contact": "read"},
            lambda rest, _: rest.get("/sobjects/Account/describe"),
            (404, "NOT_FOUND", "The requested resource does not exist"),
            id="describe of a hidden object",
        ),
        pytest.param(
            {"Contact": "all"},
            lambda rest, _: rest.post("/sobjects/Contact", json={"LastName": "x", "Salary__c": 1}),
            (400, "INVALID_FIELD", "No such column 'Salary__c' on sobject of type Contact"),
            id="write of a hidden field",
        ),
        pytest.param(
            {"Contact": "all"},
            lambda rest, _: rest.post("/sobjects/Contact", json={"LastName": "x", "Phone": "1"}),
            (
                400,
                "INVALID_FIELD_FOR_INSERT_UPDATE",
                "Unable to create/update fields: Phone. Please check the security settings of this field and verify "
                "that it is read/write for your profile or permission set.",
            ),
            id="write of a read-only field",
        ),
        pytest.param(
            {"Contact": "all"},
            lambda rest, ids: rest.get(f"/sobjects/Contact/{ids['Contact']}", params={"fields": "Salary__c"}),
            (
                400,
                "INVALID_FIELD",
                "No such column 'Salary__c' on entity 'Contact'. If you are attempting to use a custom field, be sure "
                "to append the '__c' after the custom field name. Please reference your WSDL or the describe call for "
                "the appropriate names.",
            ),
            id="read of a hidden field",
        ),
        pytest.param(
            {"Bike__c": "all"},
            lambda rest, ids: rest.get(f"/sobjects/Bike__c/{ids['Bike__c']}"),
            (404, "NOT_FOUND", "The requested resource does not exist"),
            id="read of a hidden record",
        ),
        pytest.param(
            {"Bike__c": "all"},
            lambda rest, ids: rest.patch(f"/sobjects/Bike__c/{ids['Bike__c']}", json={"Serial__c": "x"}),
            (
                400,
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                "insufficient access rights on cross-reference id: {Bike__c}",
            ),
            id="edit of a hidden record",
        ),
        pytest.param(
            {"Bike__c": "read", "Rental__c": "all"},
            lambda rest, ids: rest.post("/sobjects/Rental__c", json={"Bike__c": ids["Bike__c"]}),
            (
                400,
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                "insufficient access rights on cross-reference id: {Bike__c}",
            ),
            id="reference to a hidden record",
        ),
        pytest.param(
            {"Bike__c": "read create edit"},
            lambda rest, ids: rest.post(
                "/sobjects/Bike__Share",
                json={"ParentId": ids["Bike__c"], "UserOrGroupId": rest.org.user_id, "AccessLevel": "Edit"},
            ),
            (
                400,
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                "insufficient access rights on cross-reference id: {Bike__c}",
            ),
            id="sharing of another one's record",
        ),
    ],
)
def test_what_is_not_permitted_is_refused_as_salesforce_does(
    world: World, grant: dict[str, str], ask: Callable[[Rest, dict[str, str]], Any], expected: tuple[int, str, str]
) -> None:
    ids = {
        "Contact": world.seed("Contact", LastName="Seen"),
        "Account": world.seed("Account", Name="Hidden"),
        "Bike__c": world.seed("Bike__c", Serial__c="1"),
    }
    rest = world.user(objects=grant, fields={"Contact": {"Salary__c": "none", "Phone": "read"}})
    status, code, message = expected
    named = message.format(**{name: one[:15] for name, one in ids.items()}) if "{" in message else message
    assert item(ask(rest, ids)) == (status, code, named)


def test_rows_of_a_hidden_object_fail_one_by_one(world: World) -> None:
    rest = world.user(objects={"Contact": "read create"})
    rows = [{"attributes": {"type": name}, "LastName": "x"} for name in ("Contact", "Lead")]
    first, second = rest.post("/composite/sobjects", json={"records": rows}).json()
    assert first["success"]
    assert [(one["statusCode"], one["message"]) for one in second["errors"]] == [
        ("INVALID_TYPE", NOT_SUPPORTED.format("Lead"))
    ]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Salary__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Salary__c > 1", "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Salary__c", "INVALID_FIELD"),
        ("SELECT MAX(Salary__c) FROM Contact", "INVALID_FIELD"),
        ("SELECT Title, COUNT(Id) FROM Contact GROUP BY Title HAVING SUM(Salary__c) > 1", "INVALID_FIELD"),
        ("SELECT Id, ReportsTo.Salary__c FROM Contact", "INVALID_FIELD"),
        ("SELECT Account.Name FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE AccountId IN (SELECT Id FROM Account)", "INVALID_TYPE"),
        ("SELECT Id, (SELECT Id FROM Cases) FROM Contact", "INVALID_TYPE"),
        ("SELECT TYPEOF Owner WHEN User THEN Name END FROM Bike__c", "INVALID_TYPE"),
        ("SELECT TYPEOF What WHEN Account THEN Phone ELSE Name END FROM Task", "INVALID_TYPE"),
        ("SELECT Name FROM Contact WITH SYSTEM_MODE ORDER BY Salary__c", "INVALID_FIELD"),
        ("SELECT Salary__c FROM Contact WITH SYSTEM_MODE", "INVALID_FIELD"),
        ("SELECT Salary__c FROM Contact WITH USER_MODE", "INVALID_FIELD"),
        ("SELECT Salary__c FROM Contact WITH SECURITY_ENFORCED", "INVALID_FIELD"),
        ("SELECT Id FROM Task WHERE WhoId IN (SELECT Id FROM Contact WHERE Salary__c > 1)", "INVALID_FIELD"),
        ("SELECT Id FROM Account", "INVALID_TYPE"),
        ("SELECT Id FROM PermissionSet", "INVALID_TYPE"),
    ],
)
def test_a_query_does_not_know_what_is_hidden(world: World, soql: str, code: str) -> None:
    rest = world.user(objects={"Contact": "read"}, fields={"Contact": {"Salary__c": "none"}})
    assert rest.query(soql).json()[0]["errorCode"] == code


def test_fields_of_all_leave_out_the_hidden_ones(world: World) -> None:
    world.seed("Contact", LastName="All", Salary__c=9)
    rest = world.user(objects={"Contact": "read"}, fields={"Contact": {"Salary__c": "none"}})
    (row,) = rest.query("SELECT FIELDS(ALL) FROM Contact WHERE LastName = 'All' LIMIT 1").json()["records"]
    assert "Salary__c" not in row
    assert row["LastName"] == "All"
    assert "Salary__c" not in rest.get(f"/sobjects/Contact/{row['Id']}").json()


def test_private_records_are_seen_by_owner_and_sharer_alone(world: World) -> None:
    grant = {"Bike__c": "all", "Rental__c": "all"}
    one, other = (world.user(objects=grant) for _ in range(2))
    bike = one.post("/sobjects/Bike__c", json={"Serial__c": "mine"}).json()["id"]
    rental = world.admin.post("/sobjects/Rental__c", json={"Bike__c": bike}).json()["id"]
    seen = f"SELECT Id FROM Bike__c WHERE Id = '{bike}'"
    parent = f"SELECT Bike__r.Serial__c FROM Rental__c WHERE Id = '{rental}'"
    child = "SELECT Id FROM Rental__c WHERE Bike__c IN (SELECT Id FROM Bike__c)"
    assert one.query(seen).json()["totalSize"] == 1
    assert other.query(seen).json()["totalSize"] == 0
    assert other.query(parent).json()["records"][0]["Bike__r"] is None
    assert other.query(child).json()["totalSize"] == 0
    assert other.get(f"/composite/sobjects/Bike__c?ids={bike}&fields=Id").json() == [None]
    share = {"ParentId": bike, "UserOrGroupId": other.org.user_id, "AccessLevel": "Read"}
    shared = one.post("/sobjects/Bike__Share", json=share)
    assert shared.status_code == 201
    assert other.query(parent).json()["records"][0]["Bike__r"]["Serial__c"] == "mine"
    assert (
        item(other.patch(f"/sobjects/Bike__c/{bike}", json={"Serial__c": "x"}))[1] == "INSUFFICIENT_ACCESS_OR_READONLY"
    )
    one.patch(f"/sobjects/Bike__Share/{shared.json()['id']}", json={"AccessLevel": "Edit"})
    assert other.patch(f"/sobjects/Bike__c/{bike}", json={"Serial__c": "x"}).status_code == 204
    assert item(other.delete(f"/sobjects/Bike__c/{bike}"))[1] == "INSUFFICIENT_ACCESS_OR_READONLY"
    assert item(other.patch(f"/sobjects/Bike__c/{bike}", json={"OwnerId": other.org.user_id}))[0] == 403
    # A new owner: the manual share is gone with the old one.
    assert one.patch(f"/sobjects/Bike__c/{bike}", json={"OwnerId": world.org.user_id}).status_code == 204
    assert [who.query(seen).json()["totalSize"] for who in (one, other, world.admin)] == [0, 0, 1]


def test_view_all_sees_private_records_and_modify_all_changes_them(world: World) -> None:
    bike = world.seed("Bike__c", Serial__c="admin's")
    viewer = world.user(objects={"Bike__c": ["viewAll", "edit"]})
    modifier = world.user(objects={"Bike__c": ["modifyAll"]})
    assert viewer.get(f"/sobjects/Bike__c/{bike}").json()["Serial__c"] == "admin's"
    assert viewer.patch(f"/sobjects/Bike__c/{bike}", json={"Serial__c": "x"}).status_code == 403
    assert modifier.patch(f"/sobjects/Bike__c/{bike}", json={"Serial__c": "x"}).status_code == 204
    assert modifier.delete(f"/sobjects/Bike__c/{bike}").status_code == 204


def test_a_queue_owns_for_its_members(world: World) -> None:
    member, stranger = (world.user(objects={"Bike__c": "all"}) for _ in range(2))
    queue = world.seed("Group", Name="Workshop", DeveloperName="Workshop", Type="Queue")
    bike = world.seed("Bike__c", Serial__c="queued", OwnerId=queue)
    seen = f"SELECT Id FROM Bike__c WHERE Id = '{bike}'"
    assert member.query(seen).json()["totalSize"] == 0
    world.seed("GroupMember", GroupId=queue, UserOrGroupId=member.org.user_id)
    assert [who.query(seen).json()["totalSize"] for who in (member, stranger)] == [1, 0]


def test_a_hidden_record_with_the_same_key_is_not_named(world: World) -> None:
    org = world.server.control.create_org(
        objects={"Key__c": {"sharing": "Private", "fields": {"Code__c": {"type": "text", "externalId": True,
                                                                         "unique": True}}}}
    )  # fmt: skip
    control = world.server.control.for_org(org.id)
    control.seed("Key__c", [{"Code__c": "A1"}])
    made = control.create_user({"objects": {"Key__c": "all"}})
    rest = Rest(world.server.url, made.access_token, made)
    unknown = "duplicate value found: <unknown> duplicates value on record with id: <unknown>"
    assert item(rest.patch("/sobjects/Key__c/Code__c/A1", json={})) == (400, "DUPLICATE_VALUE", unknown)
    assert rest.get("/sobjects/Key__c/Code__c/A1").status_code == 404
    assert rest.patch("/sobjects/Key__c/Code__c/A2", json={}).status_code == 201
    world.server.control.delete_org(org.id)


def test_a_search_finds_nothing_by_a_hidden_field(world: World) -> None:
    world.seed("Contact", LastName="Findable", Email="secret.mail@example.com")
    open_, closed = (
        world.user(objects={"Contact": "read"}, fields={"Contact": {"Email": word}}) for word in ("read", "none")
    )
    for words, expected in (("{secret.mail@example.com}", [1, 0]), ("{Findable}", [1, 1])):
        sosl = {"q": f"FIND {words} IN ALL FIELDS RETURNING Contact(Id)"}
        found = [len(who.get("/search", params=sosl).json()["searchRecords"]) for who in (open_, closed)]
        assert found == expected, words


def test_describes_say_what_the_user_may_do(world: World) -> None:
    rest = world.user(objects={"Contact": "read edit"}, fields={"Contact": {"Salary__c": "none", "Phone": "read"}})
    listed = {one["name"]: one for one in rest.get("/sobjects").json()["sobjects"]}
    assert "Account" not in listed
    assert "PermissionSet" not in listed
    assert (listed["Contact"]["createable"], listed["Contact"]["updateable"]) == (False, True)
    body = rest.get("/sobjects/Contact/describe").json()
    fields = {one["name"]: one for one in body["fields"]}
    assert "Salary__c" not in fields
    assert [(fields[name]["createable"], fields[name]["updateable"]) for name in ("Email", "Phone")] == [
        (False, True),
        (False, False),
    ]
    assert "Case" not in {child["childSObject"] for child in body["childRelationships"]}


def test_a_user_cannot_raise_himself(world: World) -> None:
    client = world.client(objects={"Contact": "read"})
    me = client.query("SELECT Id, ProfileId FROM User WHERE Username LIKE 'user-%' LIMIT 1")["records"][0]
    admin = world.admin.query("SELECT Id FROM Profile WHERE Name = 'System Administrator'").json()["records"][0]["Id"]
    for sobject, values in (
        ("PermissionSetAssignment", {"AssigneeId": me["Id"], "PermissionSetId": "0PS000000000001AAA"}),
        ("ObjectPermissions", {"ParentId": "0PS000000000001AAA", "SobjectType": "Account"}),
        ("User", {"LastName": "Shadow"}),
    ):
        with pytest.raises(SalesforceError) as refused:
            getattr(client, sobject).create(values)
        assert refused.value.status in (400, 404), sobject
    rest = world.user(objects={"Contact": "read"})
    own = f"/sobjects/User/{rest.org.user_id}"
    assert item(rest.patch(own, json={"ProfileId": admin}))[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert item(rest.patch(f"/sobjects/User/{world.org.user_id}", json={"Title": "x"}))[0] == 403
    assert rest.patch(own, json={"Title": "Clerk"}).status_code == 204


def test_permissions_change_at_once(world: World) -> None:
    rest = world.user(objects={"Contact": "read"})
    assert rest.query("SELECT Id FROM Lead").status_code == 400
    parent = world.admin.query(
        f"SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = '{rest.org.user_id}'"
    ).json()["records"][0]["PermissionSetId"]
    made = world.admin.post(
        "/sobjects/ObjectPermissions", json={"ParentId": parent, "SobjectType": "Lead", "PermissionsRead": True}
    )
    assert made.status_code == 201
    assert rest.query("SELECT Id, Phone FROM Lead").status_code == 400
    field = {"ParentId": parent, "SobjectType": "Lead", "Field": "Lead.Phone", "PermissionsRead": True}
    assert world.admin.post("/sobjects/FieldPermissions", json=field).status_code == 201
    assert rest.query("SELECT Id, Phone FROM Lead").status_code == 200
    world.admin.delete(f"/sobjects/ObjectPermissions/{made.json()['id']}")
    assert rest.query("SELECT Id FROM Lead").status_code == 400


def test_audit_fields_are_set_by_who_may(world: World) -> None:
    then = "2019-05-04T10:00:00.000+0000"
    body = {"LastName": "Old", "CreatedDate": then, "CreatedById": world.org.user_id}
    plain = world.user(objects={"Contact": "all"})
    assert item(plain.post("/sobjects/Contact", json=body))[1] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    migrator = world.user(objects={"Contact": "all"}, system=["CreateAuditFields"])
    made = migrator.post("/sobjects/Contact", json=body).json()["id"]
    row = migrator.get(f"/sobjects/Contact/{made}").json()
    assert (row["CreatedDate"], row["CreatedById"]) == (then, world.org.user_id)
    assert (row["OwnerId"], row["LastModifiedById"]) == (migrator.org.user_id, migrator.org.user_id)


def test_standard_objects_are_shared_too(world: World) -> None:
    objects = {"Account": {"sharing": "private"}, "Contact": {"sharing": "controlled by parent"}}
    org = world.server.control.create_org(objects=objects)
    control = world.server.control.for_org(org.id)
    made = control.create_user({"objects": {"Account": "read edit", "Contact": "all"}})
    rest, admin = (Rest(world.server.url, one.access_token, one) for one in (made, org))
    (account,) = control.seed("Account", [{"Name": "A"}])
    control.seed("Contact", [{"LastName": "Child", "AccountId": account}, {"LastName": "Alone"}])
    names = "SELECT LastName FROM Contact"
    assert rest.query(names).json()["records"] == []
    share = {"AccountId": account, "UserOrGroupId": made.user_id, "AccountAccessLevel": "Read"}
    assert admin.post("/sobjects/AccountShare", json={**share, "OpportunityAccessLevel": "None"}).status_code == 201
    assert [one["LastName"] for one in rest.query(names).json()["records"]] == ["Child"]
    assert item(rest.patch(f"/sobjects/Account/{account}", json={"Name": "B"}))[1] == "INSUFFICIENT_ACCESS_OR_READONLY"
    child = {"LastName": "New", "AccountId": account}
    assert item(rest.post("/sobjects/Contact", json=child))[1] == "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
    # Without an account it is the owner's alone.
    assert rest.post("/sobjects/Contact", json={"LastName": "Mine"}).status_code == 201
    assert {one["LastName"] for one in rest.query(names).json()["records"]} == {"Child", "Mine"}
    world.server.control.delete_org(org.id)


def test_activities_and_notes_follow_what_they_hang_on(world: World) -> None:
    rest = world.user(objects={"Contact": "read", "Task": "create"})
    account, contact = world.seed("Account", Name="Hidden"), world.seed("Contact", LastName="Seen")
    for parent, title in ((account, "of the hidden"), (contact, "of the seen")):
        world.seed("Note", ParentId=parent, Title=title)
    titles = {row["Title"] for row in rest.query("SELECT Title FROM Note").json()["records"]}
    assert titles == {"of the seen"}
    assert rest.post("/sobjects/Task", json={"Subject": "mine"}).status_code == 201
    world.seed("Task", Subject="another's", WhatId=account)
    assert [row["Subject"] for row in rest.query("SELECT Subject FROM Task").json()["records"]] == ["mine"]


def test_a_describe_is_modified_when_the_permissions_of_its_reader_are(server: api.Server) -> None:
    org = server.control.create_org(clock="virtual")
    control = server.control.for_org(org.id)
    made = control.create_user(
        {"username": "dora@describe.test", "objects": {"Contact": "read"}, "fields": {"Contact": {"Email": "none"}}}
    )
    dora, admin = Rest(server.url, made.access_token, made), Rest(server.url, org.access_token, org)
    first = dora.get("/sobjects/Contact/describe")
    known = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert dora.get("/sobjects/Contact/describe", headers=known).status_code == 304

    control.advance(10)
    (one,) = control.seed("PermissionSet", [{"Name": "Mail", "Label": "Mail"}])
    control.seed(
        "FieldPermissions",
        [{"ParentId": one, "SobjectType": "Contact", "Field": "Contact.Email", "PermissionsRead": True}],
    )
    user = admin.get("/query", params={"q": "SELECT Id FROM User WHERE Username = 'dora@describe.test'"}).json()
    answer = admin.post(
        "/sobjects/PermissionSetAssignment",
        json={"AssigneeId": user["records"][0]["Id"], "PermissionSetId": one},
    )
    assert answer.status_code == 201, answer.text
    again = dora.get("/sobjects/Contact/describe", headers=known)
    assert again.status_code == 200
    assert "Email" in {field["name"] for field in again.json()["fields"]}
    server.control.delete_org(org.id)


@pytest.mark.parametrize(
    ("sobject", "values", "message"),
    [
        ("ObjectPermissions", {"SobjectType": "Nope"}, "{}: bad value for restricted picklist field: Nope"),
        (
            "FieldPermissions",
            {"SobjectType": "Contact", "Field": "Contact.Nope"},
            "{}: bad value for restricted picklist field: Contact.Nope",
        ),
        (
            "FieldPermissions",
            {"SobjectType": "Contact", "Field": "Email"},
            "{}: bad value for restricted picklist field: Email",
        ),
    ],
)
def test_nothing_is_permitted_for_what_the_org_does_not_have(
    world: World, sobject: str, values: dict[str, str], message: str
) -> None:
    name = f"Set_{values.get('Field', 'Nope').replace('.', '_')}"
    parent = world.seed("PermissionSet", Name=name, Label=name)
    field = "Field" if "Field" in values else "SobjectType"
    described = world.admin.get(f"/sobjects/{sobject}/describe").json()["fields"]
    label = next(one["label"] for one in described if one["name"] == field)
    answer = world.admin.post(f"/sobjects/{sobject}", json={"ParentId": parent, "PermissionsRead": True, **values})
    assert item(answer) == (400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message.format(label))
    assert answer.json()[0]["fields"] == [field]
