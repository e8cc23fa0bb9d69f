"""Users as they are declared: in a settings file, a scenario's org, the control plane and the fixture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from harness.org import OrgHandle
from mock_server import api
from mock_server.config import resolve
from mock_server.control.client import ControlError
from mock_server.documents import DocumentError
from tests.conftest import Rest

if TYPE_CHECKING:
    from mock_server.control.client import OrgInfo


def log_in(url: str, org: OrgInfo, username: str, password: str = "sfmock-password") -> requests.Response:
    form = {
        "grant_type": "password", "client_id": org.client_id, "client_secret": org.client_secret,
        "username": username, "password": password,
    }  # fmt: skip
    return requests.post(f"{url}/services/oauth2/token", data=form, timeout=20)


def test_one_line_makes_a_least_privilege_user(server: api.Server) -> None:
    org = server.control.create_org(
        users=[{"username": "sync@acme.test", "objects": {"Contact": ["read", "create"]}}], speaker="sync@acme.test"
    )
    assert org.username == "sync@acme.test"
    rest = Rest(server.url, org.access_token, org)
    assert rest.post("/sobjects/Contact", json={"LastName": "x"}).status_code == 201
    assert rest.query("SELECT Id FROM Account").json()[0]["errorCode"] == "INVALID_TYPE"
    told = rest.get("/services/oauth2/userinfo").json()
    assert (told["preferred_username"], told["user_id"]) == ("sync@acme.test", org.user_id)
    # Seeding and looking at the org go on as its administrator.
    control = server.control.for_org(org.id)
    control.seed("Account", [{"Name": "a"}])
    assert len(control.records("SELECT Id FROM Account")) == 1
    server.control.delete_org(org.id)


def test_the_speaker_may_be_defined_on_the_spot(server: api.Server) -> None:
    org = server.control.create_org(speaker={"objects": {"Contact": "read"}})
    rest = Rest(server.url, org.access_token, org)
    assert rest.post("/sobjects/Contact", json={"LastName": "x"}).status_code == 400
    assert log_in(server.url, org, org.username, org.password).status_code == 200
    server.control.delete_org(org.id)


def test_apps_log_in_as_the_speaker(server: api.Server) -> None:
    org = server.control.create_org(speaker={"objects": {"Contact": "read"}})
    copy = server.control.for_org(org.id).clone()
    for one in (org, copy):
        form = {"grant_type": "client_credentials", "client_id": one.client_id, "client_secret": one.client_secret}
        opened = requests.post(f"{server.url}/services/oauth2/token", data=form, timeout=20).json()
        rest = Rest(server.url, opened["access_token"], one)
        assert rest.query("SELECT Id FROM Contact").status_code == 200
        assert rest.query("SELECT Id FROM Account").status_code == 400
        server.control.delete_org(one.id)


def test_an_owner_must_be_able_to_read(server: api.Server, org: OrgInfo, rest: Rest) -> None:
    control = server.control.for_org(org.id)
    reader, stranger = (control.create_user({"objects": {name: "read"}}) for name in ("Account", "Contact"))
    assert rest.post("/sobjects/Account", json={"Name": "a", "OwnerId": reader.user_id}).status_code == 201
    refused = rest.post("/sobjects/Account", json={"Name": "a", "OwnerId": stranger.user_id}).json()
    assert refused[0]["errorCode"] == "TRANSFER_REQUIRES_READ"


@pytest.mark.parametrize(
    ("definition", "path", "nearest"),
    [
        ({"objects": {"Contct": "read"}}, "objects.Contct", "Contact"),
        ({"objects": {"Contact": ["raed"]}}, "objects.Contact", "read"),
        ({"fields": {"Contact": {"Emial": "read"}}}, "fields.Contact.Emial", "Email"),
        ({"fields": {"Contact": {"Email": "wrote"}}}, "fields.Contact.Email", None),
        ({"fields": {"Contact": {"LastName": "none"}}}, "fields.Contact.LastName", None),
        ({"system": ["ViewAllDat"]}, "system[0]", "ViewAllData"),
        ({"profile": "Standrd User"}, "profile", "Standard User"),
        ({"permissionSets": ["Nobodys"]}, "permissionSets[0]", None),
        ({"objects": {"PermissionSetAssignment": ["create"]}}, "objects.PermissionSetAssignment", None),
        ({"usrname": "a@b.cd"}, "usrname", "username"),
        ({"username": "nobody"}, "username", None),
        ({"objects": 1}, "objects", None),
        (["x"], "", None),
    ],
)
def test_what_is_wrong_with_a_user_is_told(server: api.Server, definition: Any, path: str, nearest: str | None) -> None:
    org = server.control.create_org()
    with pytest.raises(ControlError) as refused:
        server.control.for_org(org.id)._call("POST", "users", definition)
    assert (refused.value.status, refused.value.path, refused.value.nearest) == (400, path, nearest)
    server.control.delete_org(org.id)


def test_a_settings_file_says_where_it_is_wrong(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text("port: 0\nusers:\n  - username: sync@acme.test\n    objects:\n      Contct: [read]\n")
    with pytest.raises(DocumentError) as refused:
        api.start(resolve({}, environment={}, file=str(file)))
    assert str(refused.value).startswith(f"{file}:5:")
    assert "did you mean 'Contact'?" in str(refused.value)


def test_users_of_a_settings_file_log_in(tmp_path: Path) -> None:
    file = tmp_path / "sfmock.yaml"
    file.write_text(
        "port: 0\nusers:\n  - {username: a@acme.test, password: first-of-two, objects: {Contact: read}}\n"
        "  - {username: b@acme.test, active: false, profile: Standard User}\n"
    )
    with api.start(resolve({}, environment={}, file=str(file))) as server:
        (org,) = server.control.orgs()
        assert log_in(server.url, org, "A@acme.test", "first-of-two").status_code == 200
        assert log_in(server.url, org, "a@acme.test").json()["error"] == "invalid_grant"
        assert log_in(server.url, org, "b@acme.test").json() == {
            "error": "invalid_grant",
            "error_description": "inactive user",
        }


def test_a_handle_makes_users_on_the_way(server: api.Server, org: OrgInfo) -> None:
    handle = OrgHandle(org, server)
    user = handle.user(objects={"Contact": "read"}, fields={"Contact": {"Phone": "none"}})
    assert user.username != handle.credentials.username
    rest = Rest(server.url, user.access_token, org)
    assert rest.query("SELECT Id FROM Contact").status_code == 200
    assert rest.query("SELECT Phone FROM Contact").status_code == 400


NEW_USER = {
    "Username": "new.one@acme.test", "LastName": "New", "Email": "new@acme.test", "Alias": "new",
    "CommunityNickname": "new", "TimeZoneSidKey": "GMT", "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8",
    "LanguageLocaleKey": "en_US",
}  # fmt: skip


@pytest.fixture
def made(server: api.Server, org: OrgInfo, rest: Rest) -> str:
    profile = rest.query("SELECT Id FROM Profile WHERE Name = 'Standard User'").json()["records"][0]["Id"]
    answer = rest.post("/sobjects/User", json={**NEW_USER, "ProfileId": profile})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def test_a_user_who_is_created_logs_in_until_he_may_not(
    server: api.Server, org: OrgInfo, rest: Rest, made: str
) -> None:
    opened = log_in(server.url, org, "new.one@acme.test").json()
    own = Rest(server.url, opened["access_token"], org)
    assert own.query("SELECT Id FROM Contact").status_code == 200
    assert own.post("/sobjects/Campaign", json={"Name": "x"}).status_code == 400
    login = rest.query(f"SELECT Id, IsFrozen FROM UserLogin WHERE UserId = '{made}'").json()["records"][0]
    assert login["IsFrozen"] is False
    assert rest.patch(f"/sobjects/UserLogin/{login['Id']}", json={"IsFrozen": True}).status_code == 204
    assert own.query("SELECT Id FROM Contact").status_code == 401
    assert log_in(server.url, org, "new.one@acme.test").json()["error_description"] == "inactive user"
    rest.patch(f"/sobjects/UserLogin/{login['Id']}", json={"IsFrozen": False})
    assert own.query("SELECT Id FROM Contact").status_code == 200
    rest.patch(f"/sobjects/User/{made}", json={"IsActive": False})
    assert own.query("SELECT Id FROM Contact").status_code == 401
    refused = rest.post("/sobjects/Account", json={"Name": "x", "OwnerId": made})
    assert refused.json()[0]["errorCode"] == "INACTIVE_OWNER_OR_USER"


def test_usernames_are_unique_in_all_orgs(server: api.Server, rest: Rest, made: str) -> None:
    other = server.control.create_org()
    for client in (rest, Rest(server.url, other.access_token, other)):
        profile = client.query("SELECT Id FROM Profile LIMIT 1").json()["records"][0]["Id"]
        body = {**NEW_USER, "Username": "NEW.ONE@acme.test", "ProfileId": profile}
        assert client.post("/sobjects/User", json=body).json()[0]["errorCode"] == "DUPLICATE_USERNAME"
    server.control.delete_org(other.id)


def test_passwords_are_set_and_reset(server: api.Server, org: OrgInfo, rest: Rest, made: str) -> None:
    path = f"/sobjects/User/{made}/password"
    assert rest.get(path).json() == {"isExpired": False}
    short = rest.post(path, json={"NewPassword": "short"})
    assert (short.status_code, short.json()[0]["errorCode"]) == (400, "INVALID_NEW_PASSWORD")
    assert rest.post(path, json={"NewPassword": "correct horse"}).status_code == 204
    assert log_in(server.url, org, "new.one@acme.test").status_code == 400
    opened = log_in(server.url, org, "new.one@acme.test", "correct horse").json()
    own = Rest(server.url, opened["access_token"], org)
    foreign = own.get(f"/sobjects/User/{org.user_id}/password")
    assert (foreign.status_code, foreign.json()[0]["errorCode"]) == (403, "INSUFFICIENT_ACCESS")
    reset = rest.delete(path).json()["NewPassword"]
    assert rest.get(path).json() == {"isExpired": True}
    assert log_in(server.url, org, "new.one@acme.test", reset).status_code == 200


def test_a_profile_without_the_api_is_refused_by_rest(server: api.Server, org: OrgInfo, rest: Rest, made: str) -> None:
    minimum = "SELECT Id FROM Profile WHERE Name = 'Minimum Access - Salesforce'"
    profile = rest.query(minimum).json()["records"][0]["Id"]
    token = log_in(server.url, org, "new.one@acme.test").json()["access_token"]
    own = Rest(server.url, token, org)
    rest.patch(f"/sobjects/User/{made}", json={"ProfileId": profile})
    answer = own.query("SELECT Id FROM Contact")
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (403, "API_CURRENTLY_DISABLED")


PERMISSION_SET = """<?xml version="1.0" encoding="UTF-8"?>
<PermissionSet xmlns="http://soap.sforce.com/2006/04/metadata">
    <label>Rental User</label>
    <fieldPermissions><editable>true</editable><field>Contact.Phone</field><readable>true</readable></fieldPermissions>
    <fieldPermissions><editable>false</editable><field>Contact.Gone__c</field><readable>true</readable></fieldPermissions>
    <objectPermissions>
        <allowCreate>true</allowCreate><allowRead>true</allowRead><object>Contact</object>
    </objectPermissions>
    <objectPermissions><allowRead>true</allowRead><object>Gone__c</object></objectPermissions>
    <userPermissions><enabled>true</enabled><name>ViewSetup</name></userPermissions>
</PermissionSet>
"""


def test_a_permission_set_of_a_project_grants_what_it_lists(tmp_path: Path) -> None:
    from mock_server.org.identity.enrolment import declare, settle
    from mock_server.org.org import Org
    from mock_server.org.schema import Schema, metadata

    folder = tmp_path / "force-app" / "main" / "default" / "permissionsets"
    folder.mkdir(parents=True)
    (folder / "Rental_User.permissionset-meta.xml").write_text(PERMISSION_SET)
    definitions = metadata.read(tmp_path)
    assert [note.text for note in definitions.notes if note.verdict == "taken"] == ["permission set Rental_User"]
    schema = Schema.load(definitions)
    org = Org(1, schema=schema)
    org.directory.seed()
    declare(org, schema.profiles, schema.permission_sets)
    settle(org, [{"username": "a@b.cd", "permissionSets": ["rental_user"]}], "a@b.cd")
    access = org.accesses.of(org.directory.told_user.id)
    contact = schema.get("Contact")
    assert access is not None
    assert contact is not None
    assert access.rights(contact) == {"read", "create"}
    seen = access.sight.get("Contact")
    assert seen is not None
    phone, email = seen.field("Phone"), seen.field("Email")
    assert phone is not None
    assert phone.createable
    assert email is None
    assert access.may("ViewSetup")
    assert not access.may("ViewAllData")


def test_a_custom_permission_is_what_a_rule_asks_for(server: api.Server) -> None:
    rule = {"condition": "NOT($Permission.Skip_Checks)", "message": "Not for you."}
    org = server.control.create_org(
        schema={"objects": {"Contact": {"validationRules": {"Checked": rule}}}},
        users=[
            {"username": "free@acme.test", "objects": {"Contact": "all"}, "customPermissions": ["Skip_Checks"]},
            {"username": "held@acme.test", "objects": {"Contact": "all"}},
        ],
    )
    codes = []
    for username in ("free@acme.test", "held@acme.test"):
        rest = Rest(server.url, log_in(server.url, org, username).json()["access_token"], org)
        codes.append(rest.post("/sobjects/Contact", json={"LastName": "x"}).status_code)
    assert codes == [201, 400]
    server.control.delete_org(org.id)


def test_a_permission_set_of_a_project_gives_custom_permissions_and_tells_what_it_cannot_give(tmp_path: Path) -> None:
    from mock_server.org.schema import Schema, metadata

    folder = tmp_path / "force-app" / "permissionsets"
    folder.mkdir(parents=True)
    given = "<customPermissions><enabled>true</enabled><name>Skip_Checks</name></customPermissions>"
    wrong = "\n<userPermissions><enabled>true</enabled><name>ViewSetpu</name></userPermissions>\n</PermissionSet>"
    text = PERMISSION_SET.replace("</PermissionSet>", given + wrong)
    (folder / "Rental_User.permissionset-meta.xml").write_text(text)
    definitions = metadata.read(tmp_path)
    schema = Schema.load(definitions)
    assert schema.permission_sets["Rental_User"]["customPermissions"] == ["Skip_Checks"]
    assert [(note.place.line, note.text) for note in definitions.notes if note.verdict == "warning"] == [
        (5, "there is no field of Contact 'Gone__c': it is left out"),
        (9, "there is no object 'Gone__c': it is left out"),
        (12, "there is no permission of the system 'ViewSetpu': it is left out; did you mean ViewSetup?"),
    ]


@pytest.mark.parametrize(
    ("user", "path", "nearest"),
    [
        ({"timeZone": "Europe/Berln"}, "users[0].timeZone", "Europe/Berlin"),
        ({"locale": "xy_ZZ"}, "users[0].locale", None),
        ({"language": "klingon"}, "users[0].language", None),
        ({"customPermissions": ["no such"]}, "users[0].customPermissions[0]", None),
    ],
)
def test_a_users_place_and_permissions_must_exist(
    server: api.Server, user: dict[str, Any], path: str, nearest: str | None
) -> None:
    with pytest.raises(ControlError) as error:
        server.control.create_org(users=[{"username": "a@b.test", **user}])
    assert (error.value.path, error.value.nearest) == (path, nearest)
