"""Records reached through others, by friendly URLs."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server import api
from tests.conftest import Rest


@pytest.fixture
def family(rest: Rest) -> dict[str, str]:
    """An account with a parent, and two contacts, one of them without an account."""
    top = rest.post("/sobjects/Account", json={"Name": "Top"}).json()["id"]
    account = rest.post("/sobjects/Account", json={"Name": "Acme", "ParentId": top}).json()["id"]
    contact = rest.post(
        "/sobjects/Contact", json={"LastName": "Lovelace", "AccountId": account, "External_Id__c": "ada"}
    ).json()["id"]
    lone = rest.post("/sobjects/Contact", json={"LastName": "Lone"}).json()["id"]
    return {"top": top, "account": account, "contact": contact, "lone": lone}


def test_a_parent_is_read_through_its_child(rest: Rest, family: dict[str, str]) -> None:
    answer = rest.get(f"/sobjects/Contact/{family['contact']}/Account", params={"fields": "Name,Id"})
    assert answer.status_code == 200
    assert answer.json() == {
        "attributes": {"type": "Account", "url": f"/services/data/v60.0/sobjects/Account/{family['account']}"},
        "Name": "Acme",
        "Id": family["account"],
    }
    whole = rest.get(f"/sobjects/Contact/{family['contact'][:15]}/account").json()
    assert whole["BillingAddress"] is None
    assert whole["Name"] == "Acme"


def test_parents_follow_each_other_and_children_end_the_path(rest: Rest, family: dict[str, str]) -> None:
    path = f"/sobjects/Contact/{family['contact']}/Account/Parent"
    assert rest.get(path, params={"fields": "Name"}).json()["Name"] == "Top"
    found = rest.get(f"{path}/ChildAccounts", params={"fields": "Id,Name,Parent.Name"}).json()
    assert list(found) == ["totalSize", "done", "records"]
    assert [(one["Id"], one["Parent"]["Name"]) for one in found["records"]] == [(family["account"], "Top")]
    assert rest.get(f"{path}/ChildAccounts/Contacts").status_code == 404


def test_a_polymorphic_parent_is_what_its_id_says(rest: Rest, family: dict[str, str]) -> None:
    owner = rest.get(f"/sobjects/Contact/{family['contact']}/Owner", params={"fields": "Username"}).json()
    assert owner["attributes"]["type"] == "User"
    task = rest.post("/sobjects/Task", json={"Subject": "Call", "WhoId": family["contact"]}).json()["id"]
    assert rest.get(f"/sobjects/Task/{task}/Who").json()["attributes"]["type"] == "Contact"


def test_children_have_all_fields_and_pages(rest: Rest, family: dict[str, str]) -> None:
    for start in range(0, 400, 200):
        records = [
            {"attributes": {"type": "Contact"}, "LastName": f"n{start + n}", "AccountId": family["account"]}
            for n in range(200)
        ]
        assert rest.post("/composite/sobjects", json={"records": records}).status_code == 200
    path = f"/sobjects/Account/{family['account']}/Contacts"
    page = rest.get(path, headers={"Sforce-Query-Options": "batchSize=200"}).json()
    assert (page["totalSize"], page["done"], len(page["records"])) == (401, False, 200)
    assert {"LastName", "MailingAddress", "SystemModstamp"} <= page["records"][0].keys()
    rest_of_it = rest.get(page["nextRecordsUrl"]).json()
    assert len(rest_of_it["records"]) == 201
    empty = rest.get(f"/sobjects/Account/{family['top']}/Contacts").json()
    assert empty == {"totalSize": 0, "done": True, "records": []}


def test_a_key_stands_for_the_id(rest: Rest, family: dict[str, str]) -> None:
    answer = rest.get("/sobjects/Contact/External_Id__c/ada/Account", params={"fields": "Name"})
    assert answer.json()["Name"] == "Acme"
    assert rest.get("/sobjects/Contact/External_Id__c/nobody/Account").status_code == 404


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("Contact/{lone}/Account", "GET"),
        ("Contact/{lone}/Account", "PATCH"),
        ("Contact/{lone}/Account", "DELETE"),
        ("Contact/{contact}/Nope", "GET"),
        ("Contact/{contact}/AccountId", "GET"),
        ("Contact/003000000000001AAA/Account", "GET"),
        ("Account/001000000000001AAA/Contacts", "GET"),
        ("Account/{account}/Parent/Parent/Parent", "GET"),
        ("Nope/{account}/Parent", "GET"),
    ],
)
def test_what_does_not_exist_is_not_found(rest: Rest, family: dict[str, str], path: str, method: str) -> None:
    answer = rest(method, f"/sobjects/{path.format(**family)}", json={"Name": "x"} if method == "PATCH" else None)
    assert answer.status_code == 404
    assert answer.json() == [{"errorCode": "NOT_FOUND", "message": "The requested resource does not exist"}]


def test_a_parent_is_changed_and_deleted_through_its_child(rest: Rest, family: dict[str, str]) -> None:
    path = f"/sobjects/Contact/{family['contact']}/Account"
    assert rest.patch(path, json={"Name": "Changed"}).status_code == 204
    assert rest.get(path).json()["Name"] == "Changed"
    assert rest.patch(f"{path}/Parent", json={"Nope": 1}).json()[0]["errorCode"] == "INVALID_FIELD"
    assert rest.delete(path).status_code == 204
    assert rest.get(f"/sobjects/Account/{family['account']}").status_code == 404


def test_children_are_only_read(rest: Rest, family: dict[str, str]) -> None:
    answer = rest.patch(f"/sobjects/Account/{family['account']}/Contacts", json={"LastName": "x"})
    assert answer.status_code == 405
    assert answer.json()[0]["message"] == "HTTP Method 'PATCH' not allowed. Allowed are HEAD,GET"


@pytest.mark.parametrize("fields", ["Nope", "Id FROM User", "Id'", "count()", "Id,Account.Nope"])
def test_unknown_fields_are_refused(rest: Rest, family: dict[str, str], fields: str) -> None:
    for path in (f"Account/{family['account']}/Contacts", f"Contact/{family['contact']}/Account"):
        answer = rest.get(f"/sobjects/{path}", params={"fields": fields})
        assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


def test_they_came_with_36(rest: Rest, family: dict[str, str]) -> None:
    rest.version = "35.0"
    assert rest.get(f"/sobjects/Contact/{family['contact']}/Account").status_code == 404
    rest.version = "36.0"
    assert rest.get(f"/sobjects/Contact/{family['contact']}/Account").status_code == 200


def test_what_a_user_does_not_see_is_not_found(server: api.Server, rest: Rest, family: dict[str, str]) -> None:
    control = server.control.for_org(rest.org.id)
    made = control.create_user({"objects": {"Contact": "read"}})
    narrow = Rest(server.url, made.access_token, made)
    assert narrow.get(f"/sobjects/Contact/{family['contact']}").status_code == 200
    assert narrow.get(f"/sobjects/Contact/{family['contact']}/Account").status_code == 404
    made = control.create_user(
        {"objects": {"Contact": "read", "Account": "read"}, "fields": {"Account": {"Phone": "none"}}}
    )
    reader = Rest(server.url, made.access_token, made)
    path = f"/sobjects/Contact/{family['contact']}/Account"
    assert "Phone" not in reader.get(path).json()
    assert reader.get(path, params={"fields": "Phone"}).json()[0]["errorCode"] == "INVALID_FIELD"
    assert reader.patch(path, json={"Name": "x"}).json()[0]["errorCode"] == "INSUFFICIENT_ACCESS_OR_READONLY"


def journal(server: api.Server, rest: Rest) -> list[Any]:
    return server.control.for_org(rest.org.id).journal()


def test_they_are_operations_of_their_own(server: api.Server, rest: Rest, family: dict[str, str]) -> None:
    rest.get(f"/sobjects/Contact/{family['contact']}/Account")
    rest.get("/sobjects/Contact/External_Id__c/ada")
    rest.patch(f"/sobjects/Contact/{family['contact']}/Account", json={"Phone": "1"})
    names = [entry["operation"] for entry in journal(server, rest)][-3:]
    assert names == ["rest.relationship.read", "rest.sobject.read_by_key", "rest.relationship.update"]
