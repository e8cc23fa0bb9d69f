"""`/composite/tree`: records with their children, all or none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Rest
from tests.protocols.rest.composites import count


def record(kind: str, reference: Any, **values: Any) -> dict[str, Any]:
    return {"attributes": {"type": kind, "referenceId": reference}, **values}


def account(reference: str, **values: Any) -> dict[str, Any]:
    return record("Account", reference, Name=reference, **values)


def contact(reference: str, **values: Any) -> dict[str, Any]:
    return record("Contact", reference, LastName=reference, **values)


def records(*given: dict[str, Any]) -> dict[str, Any]:
    return {"records": list(given)}


def test_records_are_made_level_by_level_under_their_parents(rest: Rest) -> None:
    body = records(
        account("ref1", Contacts=records(contact("ref2", Cases=records(record("Case", "ref5"))), contact("ref3"))),
        account("ref4", ChildAccounts=records(account("ref6", contacts=records(contact("ref7"))))),
    )
    answer = rest.post("/composite/tree/Account/", json=body)
    assert answer.status_code == 201
    assert list(answer.json()) == ["hasErrors", "results"] and answer.json()["hasErrors"] is False
    ids = {item["referenceId"]: item["id"] for item in answer.json()["results"]}
    assert list(ids) == ["ref1", "ref4", "ref2", "ref3", "ref6", "ref5", "ref7"]
    assert rest.get(f"/sobjects/Contact/{ids['ref3']}").json()["AccountId"] == ids["ref1"]
    assert rest.get(f"/sobjects/Case/{ids['ref5']}").json()["ContactId"] == ids["ref2"]
    assert rest.get(f"/sobjects/Account/{ids['ref6']}").json()["ParentId"] == ids["ref4"]
    assert rest.get(f"/sobjects/Contact/{ids['ref7']}").json()["AccountId"] == ids["ref6"]


def test_one_bad_record_undoes_all_and_is_named_alone(rest: Rest) -> None:
    body = records(account("ref1", Contacts=records(contact("ref2", Email="123"), contact("ref3"))), account("ref4"))
    answer = rest.post("/composite/tree/Account", json=body)
    assert answer.status_code == 400
    assert answer.json() == {
        "hasErrors": True,
        "results": [
            {
                "referenceId": "ref2",
                "errors": [
                    {
                        "statusCode": "INVALID_EMAIL_ADDRESS",
                        "message": "Email: invalid email address: 123",
                        "fields": ["Email"],
                    }
                ],
            }
        ],
    }
    assert (count(rest, "Account"), count(rest, "Contact")) == (0, 0)


def test_each_of_several_bad_records_is_named(rest: Rest) -> None:
    body = records(account("a", Nope=1), account("b"), record("Account", "c"))
    answer = rest.post("/composite/tree/Account", json=body).json()
    found = [(item["referenceId"], item["errors"][0]["statusCode"]) for item in answer["results"]]
    assert found == [("a", "INVALID_FIELD"), ("c", "REQUIRED_FIELD_MISSING")]


def test_records_of_one_kind_need_no_children(rest: Rest) -> None:
    answer = rest.post("/composite/tree/contact", json=records(*(contact(f"r{number}") for number in range(200))))
    assert answer.status_code == 201 and count(rest, "Contact") == 200


def test_the_parent_that_a_tree_gives_goes_before_one_that_is_said(rest: Rest) -> None:
    other = rest.post("/sobjects/Account", json={"Name": "Other"}).json()["id"]
    body = records(account("a", Contacts=records(contact("b", accountid=other))))
    ids = [item["id"] for item in rest.post("/composite/tree/Account", json=body).json()["results"]]
    assert rest.get(f"/sobjects/Contact/{ids[1]}").json()["AccountId"] == ids[0]


def test_a_parent_outside_of_the_tree_is_named_by_a_key(rest: Rest) -> None:
    rest.patch("/sobjects/Contact/External_Id__c/K1", json={"LastName": "Boss"})
    body = records(contact("a", ReportsTo={"External_Id__c": "K1"}))
    made = rest.post("/composite/tree/Contact", json=body).json()["results"][0]["id"]
    assert rest.query(f"SELECT ReportsTo.LastName FROM Contact WHERE Id = '{made}'").json()["records"][0]["ReportsTo"]


def test_a_reference_id_that_comes_twice_is_told_for_each(rest: Rest) -> None:
    body = records(account("a", Contacts=records(contact("b"))), account("c"), account("b"))
    answer = rest.post("/composite/tree/Account", json=body)
    error = {
        "statusCode": "INVALID_INPUT", "message": "Duplicate ReferenceId provided in the request.", "fields": [],
    }  # fmt: skip
    assert answer.status_code == 400
    assert answer.json()["results"] == [{"referenceId": "b", "errors": [error]}] * 2
    assert count(rest, "Account") == 0


def nested(levels: int) -> dict[str, Any]:
    child = records(account(f"r{levels}"))
    for level in range(levels - 1, 0, -1):
        child = records(account(f"r{level}", ChildAccounts=child))
    return child


def test_five_levels_are_the_most(rest: Rest) -> None:
    assert rest.post("/composite/tree/Account", json=nested(5)).status_code == 201
    answer = rest.post("/composite/tree/Account", json=nested(6))
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")


def test_five_types_are_the_most(rest: Rest) -> None:
    children = {
        "Contacts": records(contact("b")),
        "Cases": records(record("Case", "c")),
        "Tasks": records(record("Task", "d")),
        "ChildAccounts": records(account("e")),
        "Opportunities": records(record("Opportunity", "f", Name="O", StageName="New", CloseDate="2026-01-01")),
    }
    assert rest.post("/composite/tree/Account", json=records(account("a", **children))).status_code == 201
    children["Assets"] = records(record("Asset", "g", Name="A"))
    answer = rest.post("/composite/tree/Account", json=records(account("a", **children)))
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "LIMIT_EXCEEDED")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "JSON_PARSER_ERROR"),
        ({}, "REQUIRED_FIELD_MISSING"),
        ({"records": []}, "REQUIRED_FIELD_MISSING"),
        ({"records": {}}, "REQUIRED_FIELD_MISSING"),
        ({"records": "x"}, "JSON_PARSER_ERROR"),
        ({"records": [None]}, "JSON_PARSER_ERROR"),
        ({"records": [{}]}, "INVALID_INPUT"),
        ({"records": [account("a")], "allOrNone": False}, "JSON_PARSER_ERROR"),
        ({"records": [{"attributes": {"type": "Account"}, "Name": "A"}]}, "INVALID_INPUT"),
        ({"records": [{"attributes": {"referenceId": "a"}, "Name": "A"}]}, "INVALID_INPUT"),
        ({"records": [account("-a")]}, "INVALID_INPUT"),
        ({"records": [record("Account", 5, Name="A")]}, "INVALID_INPUT"),
        ({"records": [contact("a")]}, "INVALID_INPUT"),
        ({"records": [record("Nope", "a")]}, "INVALID_TYPE"),
        ({"records": [record(5, "a")]}, "INVALID_TYPE"),  # type: ignore[arg-type]
        ({"records": [account("a", Contacts=[contact("b")])]}, "JSON_PARSER_ERROR"),
        ({"records": [account("a", Contacts=None)]}, "JSON_PARSER_ERROR"),
        ({"records": [account("a", Contacts={"records": 5})]}, "JSON_PARSER_ERROR"),
        ({"records": [account("a", Contacts=records(account("b")))]}, "INVALID_INPUT"),
        ({"records": [account("a", NumberOfEmployees=[])]}, "JSON_PARSER_ERROR"),
        ({"records": [account(f"a{number}") for number in range(201)]}, "EXCEEDED_ID_LIMIT"),
    ],
)
def test_wrong_trees_are_refused(rest: Rest, body: Any, code: str) -> None:
    answer = rest.post("/composite/tree/Account", json=body)
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text
    assert count(rest, "Account") == 0


def test_a_missing_reference_id_has_the_recorded_text(rest: Rest) -> None:
    answer = rest.post("/composite/tree/Account", json=records({"attributes": {"type": "Account"}, "Name": "A"}))
    assert answer.json() == [
        {"message": "Include a reference ID for each record in the request.", "errorCode": "INVALID_INPUT"}
    ]


def test_a_relationship_that_is_none_is_an_unknown_field_of_its_record(rest: Rest) -> None:
    body = records(account("a", Friends=records(contact("b"))))
    answer = rest.post("/composite/tree/Account", json=body).json()
    assert answer["results"][0]["errors"][0]["message"] == "No such column 'Friends' on sobject of type Account"


def test_an_unknown_object_is_not_found(rest: Rest) -> None:
    assert rest.post("/composite/tree/Nope", json=records(account("a"))).status_code == 404
