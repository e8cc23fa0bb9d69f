"""sObject collections: 200 rows a call, each with its own outcome, in order."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.conftest import Rest


def contact(**values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Contact"}, "LastName": "Lovelace", **values}


def test_partial_success_answers_200_in_order(rest: Rest) -> None:
    answer = rest.post("/composite/sobjects", json={"records": [contact(), contact(Nope=1), contact()]})
    assert answer.status_code == 200
    first, second, third = answer.json()
    assert list(first) == ["id", "success", "errors"]
    assert third["success"] is True
    assert second == {
        "success": False,
        "errors": [
            {"statusCode": "INVALID_FIELD", "message": "No such column 'Nope' on sobject of type Contact", "fields": []}
        ],
    }


def test_all_or_none_rolls_everything_back(rest: Rest) -> None:
    body = {"allOrNone": True, "records": [contact(), contact(Nope=1)]}
    first, second = rest.post("/composite/sobjects", json=body).json()
    assert first == {
        "success": False,
        "errors": [
            {
                "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
                "message": "Record rolled back because not all records were valid and the request was using AllOrNone "
                "header",
                "fields": [],
            }
        ],
    }
    assert second["errors"][0]["statusCode"] == "INVALID_FIELD"
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_upsert_says_created_and_takes_keys_in_any_case(rest: Rest) -> None:
    path = "/composite/sobjects/contact/EXTERNAL_ID__C"
    rows = [contact(External_Id__c="1"), contact(external_id__c="2")]
    assert [row["created"] for row in rest.patch(path, json={"records": rows}).json()] == [True, True]
    rows.append(contact(External_Id__c="3", Nope=1))
    answer = rest.patch(path, json={"records": rows}).json()
    assert [row.get("created") for row in answer] == [False, False, None]
    assert list(answer[0]) == ["id", "success", "errors", "created"]


def test_update_delete_and_read(rest: Rest) -> None:
    ids = [row["id"] for row in rest.post("/composite/sobjects", json={"records": [contact(), contact()]}).json()]
    rows = [contact(id=ids[0], Title="A"), contact(Id=ids[1], Title="B"), contact(Title="C")]
    answer = rest.patch("/composite/sobjects", json={"records": rows}).json()
    assert [row["success"] for row in answer] == [True, True, False]
    assert answer[2]["errors"][0] == {
        "statusCode": "MISSING_ARGUMENT", "message": "Id not specified in an update call", "fields": [],
    }  # fmt: skip
    wanted = [ids[1], "003Kd00000000zzIAA", ids[0]]
    for got in (
        rest.get("/composite/sobjects/Contact", params={"ids": ",".join(wanted), "fields": "Title"}),
        rest.post("/composite/sobjects/Contact", json={"ids": wanted, "fields": ["Title"]}),
    ):
        assert [row and row["Title"] for row in got.json()] == ["B", None, "A"]
    gone = rest.delete("/composite/sobjects", params={"ids": ",".join([*ids, "12"]), "allOrNone": "true"}).json()
    assert [row["success"] for row in gone] == [False, False, False]
    gone = rest.delete("/composite/sobjects", params={"ids": ",".join([*ids, "12"])}).json()
    assert [row["success"] for row in gone] == [True, True, False]
    assert gone[2]["errors"][0]["statusCode"] == "MALFORMED_ID"


def test_more_than_200_rows_are_refused(rest: Rest) -> None:
    answer = rest.post("/composite/sobjects", json={"records": [contact()] * 201})
    assert answer.status_code == 400
    assert answer.json() == [
        {
            "message": "record limit reached. cannot submit more than 200 records into this call",
            "errorCode": "EXCEEDED_ID_LIMIT",
        }
    ]


def test_no_rows_are_refused(rest: Rest) -> None:
    for body in ({"records": []}, {}):
        answer = rest.post("/composite/sobjects", json=body)
        assert answer.status_code == 400
        assert answer.json() == [{"message": "At least 1 record is required", "errorCode": "REQUIRED_FIELD_MISSING"}]


def test_wrong_shapes_are_refused(rest: Rest) -> None:
    for body in (
        {"records": "x"},
        {"records": [1]},
        {"records": [{"LastName": "no type"}]},
        {"records": [{"attributes": 5}]},
        {"records": [contact()], "allOrNone": "yes"},
    ):
        answer = rest.post("/composite/sobjects", json=body)
        assert answer.status_code == 400, answer.text
    unknown = rest.post("/composite/sobjects", json={"records": [{"attributes": {"type": "Nope"}}]})
    assert unknown.json()[0]["errors"][0]["statusCode"] == "INVALID_TYPE"


def test_a_mixed_call_saves_each_object(rest: Rest) -> None:
    rows = [contact(), {"attributes": {"type": "Account"}, "Name": "Acme"}, contact()]
    answer = rest.post("/composite/sobjects", json={"records": rows}).json()
    assert [row["id"][:3] for row in answer] == ["003", "001", "003"]


def test_all_or_none_may_be_null(rest: Rest) -> None:
    body = {"allOrNone": None, "records": [{"attributes": {"type": "Contact"}, "LastName": "Arden"}]}
    assert rest.post("/composite/sobjects", json=body).json()[0]["success"] is True


def account(**values: Any) -> dict[str, Any]:
    return {"attributes": {"type": "Account"}, "Name": "Acme", **values}


@pytest.mark.parametrize("method", ["POST", "PATCH", "DELETE"])
def test_more_than_ten_runs_of_one_type_are_refused(rest: Rest, method: str) -> None:
    ids = [row["id"] for row in rest.post("/composite/sobjects", json={"records": [account(), contact()] * 5}).json()]
    ids.append(rest.post("/sobjects/Account", json={"Name": "Last"}).json()["id"])
    kinds = [account, contact] * 5 + [account]

    def send(count: int) -> requests.Response:
        if method == "DELETE":
            return rest.delete("/composite/sobjects", params={"ids": ",".join(ids[:count])})
        given = [
            kind(**({"id": one} if method == "PATCH" else {})) for kind, one in zip(kinds[:count], ids, strict=False)
        ]
        return rest(method, "/composite/sobjects", json={"records": given})

    answer = send(11)
    assert answer.status_code == 400
    assert answer.json() == [
        {
            "message": "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce "
            "chunking.",
            "errorCode": "LIMIT_EXCEEDED",
        }
    ]
    assert [row["success"] for row in send(10).json()] == [True] * 10


def test_an_id_that_comes_twice_fails_each_of_its_rows(rest: Rest) -> None:
    made = rest.post("/composite/sobjects", json={"records": [account(), account(), contact()]}).json()
    first, second, third = (row["id"] for row in made)
    rows = [account(id=first), account(Id=first[:15]), account(id=second), contact(id=third)]
    answer = rest.patch("/composite/sobjects", json={"records": rows}).json()
    assert [row["success"] for row in answer] == [False, False, True, True]
    assert answer[0]["errors"][0] == {
        "statusCode": "DUPLICATE_VALUE", "message": f"Duplicate id specified: {first}", "fields": [],
    }  # fmt: skip
    gone = rest.delete("/composite/sobjects", params={"ids": f"{first}, {third},{first}"}).json()
    assert [row["success"] for row in gone] == [False, True, False]


def test_an_external_id_that_comes_twice_fails_each_of_its_rows(rest: Rest) -> None:
    rows = [contact(External_Id__c="1"), contact(External_Id__c="2"), contact(external_id__c="1"), contact()]
    answer = rest.patch("/composite/sobjects/Contact/External_Id__c", json={"records": rows}).json()
    found = [(row["success"], *(error["message"] for error in row["errors"])) for row in answer]
    assert found == [
        (False, "Duplicate external id specified: 1"),
        (True,),
        (False, "Duplicate external id specified: 1"),
        (False, "External_Id__c not specified"),
    ]


def test_the_id_of_another_object_is_of_the_wrong_type(rest: Rest) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    (row,) = rest.patch("/composite/sobjects", json={"records": [contact(id=made)]}).json()
    assert row["errors"] == [
        {"statusCode": "MALFORMED_ID", "message": f"Contact ID: id value of incorrect type: {made}", "fields": ["Id"]}
    ]


def test_an_unknown_object_fails_its_own_row(rest: Rest) -> None:
    rows = [account(), {"attributes": {"type": "Nope"}}, contact()]
    answer = rest.post("/composite/sobjects", json={"records": rows}).json()
    assert [row["success"] for row in answer] == [True, False, True]
    answer = rest.post("/composite/sobjects", json={"records": rows, "allOrNone": True}).json()
    codes = [row["errors"][0]["statusCode"] for row in answer]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "INVALID_TYPE", "ALL_OR_NONE_OPERATION_ROLLED_BACK"]


@pytest.mark.parametrize("records", [[None], [{}], [contact(), {}], [[]]])
def test_a_record_that_is_none_refuses_the_call(rest: Rest, records: list[Any]) -> None:
    assert rest.post("/composite/sobjects", json={"records": records}).status_code == 400
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_2000_records_are_read_by_body_and_some_800_by_url(rest: Rest) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    body = {"ids": [made] * 1999 + ["zz"], "fields": ["id", "name"]}
    found = rest.post("/composite/sobjects/Account", json=body).json()
    assert [record and record["Name"] for record in found] == ["Acme"] * 1999 + [None]
    body["ids"].append(made)
    refused = rest.post("/composite/sobjects/Account", json=body)
    assert (refused.status_code, refused.json()[0]["errorCode"]) == (400, "EXCEEDED_ID_LIMIT")
    path = "/composite/sobjects/Account?fields=Id&ids="
    assert len(rest.get(path + ",".join([made] * 800)).json()) == 800
    assert rest.get(path + ",".join([made] * 900)).status_code == 414


def test_a_field_that_is_not_there_refuses_the_reading(rest: Rest) -> None:
    made = rest.post("/sobjects/Account", json={"Name": "Acme"}).json()["id"]
    answer = rest.get("/composite/sobjects/Account", params={"ids": made, "fields": "Name,Nope"})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "INVALID_FIELD")


@pytest.mark.parametrize(
    ("method", "path", "since"),
    [
        ("POST", "/composite/sobjects", 42),
        ("PATCH", "/composite/sobjects", 42),
        ("DELETE", "/composite/sobjects", 42),
        ("GET", "/composite/sobjects/Contact", 42),
        ("PATCH", "/composite/sobjects/Contact/External_Id__c", 46),
    ],
)
def test_collections_appear_in_their_version(rest: Rest, method: str, path: str, since: int) -> None:
    rest.version = f"{since}.0"
    assert rest(method, path, json={}).status_code == 400
    rest.version = f"{since - 1}.0"
    assert rest(method, path, json={}).status_code == 404
