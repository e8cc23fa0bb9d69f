"""sObject collections: 200 rows a call, each with its own outcome, in order."""

from __future__ import annotations

from typing import Any

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
