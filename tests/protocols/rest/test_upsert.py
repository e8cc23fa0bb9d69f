"""Upserts by every key and through every path, and parents that are named by theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from mock_server import api
from tests.conftest import Rest

FIELDS = {
    "Account": {"Key__c": {"type": "text", "length": 60, "externalId": True, "unique": True}},
    "Contact": {
        "Key__c": {"type": "text", "length": 60, "externalId": True, "unique": True},
        "Exact__c": {"type": "text", "length": 60, "externalId": True, "unique": True, "caseSensitive": True},
        "Shared__c": {"type": "text", "length": 60, "externalId": True},
        "Number__c": {"type": "number", "precision": 10, "scale": 0, "externalId": True, "unique": True},
        "Mail__c": {"type": "email", "externalId": True, "unique": True},
        "Plain__c": {"type": "text", "length": 60},
    },
}
OBJECTS = {
    "Top__c": {"fields": {"Key__c": {"type": "text", "length": 20, "externalId": True}}},
    "Detail__c": {
        "fields": {
            "Top__c": {"type": "masterdetail", "referenceTo": "Top__c"},
            "Key__c": {"type": "text", "length": 20, "externalId": True},
        }
    },
}


@pytest.fixture
def rest(server: api.Server) -> Iterator[Rest]:
    org = server.control.create_org(fields=FIELDS, objects=OBJECTS, clock="virtual")
    client = Rest(server.url, org.access_token, org)
    yield client
    client.http.close()
    server.control.delete_org(org.id)


def create(rest: Rest, sobject: str = "Contact", **values: Any) -> str:
    if sobject == "Contact":
        values.setdefault("LastName", "x")
    answer = rest.post(f"/sobjects/{sobject}", json=values)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def error(answer: Any) -> tuple[int, str, str]:
    (one,) = answer.json()
    return answer.status_code, one["errorCode"], one["message"]


@pytest.mark.parametrize(
    "key",
    [
        "A/1",
        "a b",
        "100%",
        "ключ",
        "日本",
        "o'neil",
        'say "hi"',
        "a&b=c?d#e",
        "a+b",
        "%2F",
        "tab\there",
        "x" * 60,
        "é",
    ],
)
def test_any_text_can_be_a_key(rest: Rest, key: str) -> None:
    path = f"/sobjects/Contact/Key__c/{quote(key, safe='')}"
    made = rest.patch(path, json={"LastName": "x"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    again = rest.patch(path, json={"Title": "t"})
    assert (again.status_code, again.json()["created"]) == (200, False)
    assert rest.get(f"{path}?fields=Key__c,Title").json()["Key__c"] == key
    assert rest.delete(path).status_code == 204
    assert rest.get(path).status_code == 404


@pytest.mark.parametrize(
    ("field", "first", "second", "same"),
    [
        ("Key__c", "Straße", "STRASSE", False),
        ("Key__c", "ÉCOLE", "école", True),
        ("Key__c", " padded ", "padded", True),
        ("Exact__c", "Abc", "abc", False),
        ("Exact__c", "Abc", "Abc", True),
        ("Number__c", "7", "7.0", True),
        ("Mail__c", "A@b.org", "a@B.org", True),
    ],
)
def test_what_counts_as_the_same_key(rest: Rest, field: str, first: str, second: str, same: bool) -> None:
    ids = [
        rest.patch(f"/sobjects/Contact/{field}/{quote(key, safe='')}", json={"LastName": "x"}).json()["id"]
        for key in (first, second)
    ]
    assert (ids[0] == ids[1]) is same
    assert rest.get(f"/sobjects/Contact/{field}/{quote(second, safe='')}").json()["Id"] == ids[1]
    if field in ("Key__c", "Exact__c") and same:
        answer = rest.post("/sobjects/Contact", json={"LastName": "y", field: second})
        message = f"duplicate value found: {field} duplicates value on record with id: {ids[0][:15]}"
        assert error(answer) == (400, "DUPLICATE_VALUE", message)


NOT_A_KEY = "Provided external ID field does not exist or is not accessible: "
GONE = (404, "NOT_FOUND", "The requested resource does not exist")


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("PATCH", "/sobjects/Contact/Plain__c/x", {}, (404, "NOT_FOUND", f"{NOT_A_KEY}Plain__c")),
        ("PATCH", "/sobjects/Contact/Nope__c/x", {}, (404, "NOT_FOUND", f"{NOT_A_KEY}Nope__c")),
        ("PATCH", "/sobjects/Contact/Key__c/", {}, (404, "NOT_FOUND", f"{NOT_A_KEY}Key__c")),
        ("PATCH", "/sobjects/Contact/Key__c/%20", {"LastName": "x"}, (400, "MISSING_ARGUMENT", "Key__c not specified")),
        ("PATCH", "/sobjects/Contact/Key__c/%00", {"LastName": "x"}, (400, "MISSING_ARGUMENT", "Key__c not specified")),
        ("PATCH", "/sobjects/Nope/Key__c/x", {}, GONE),
        ("PATCH", "/sobjects/Contact/Key__c/new?updateOnly=true", {"LastName": "x"}, GONE),
        (
            "PATCH", "/sobjects/Contact/Key__c/x", {"KEY__C": "x"},
            (400, "INVALID_FIELD", "The Key__c field should not be specified in the sobject data."),
        ),
        (
            "PATCH", "/sobjects/Contact/Key__c/x", {"LastName": "x", "Id": "003Kd00000000zzIAA"},
            (400, "INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call"),
        ),
        (
            "PATCH", "/sobjects/Contact/Id/003Kd00000000zzIAA", {"LastName": "x"},
            (404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id"),
        ),
        (
            "PATCH", f"/sobjects/Contact/Key__c/{'x' * 61}", {"LastName": "x"},
            (400, "STRING_TOO_LONG", f"Key: data value too large: {'x' * 61} (max length=60)"),
        ),
        ("GET", "/sobjects/Contact/Number__c/seven", None, GONE),
        ("DELETE", "/sobjects/Contact/Key__c/nobody", None, GONE),
        (
            "POST", "/sobjects/Contact/Key__c", {"LastName": "x"},
            (405, "METHOD_NOT_ALLOWED", "HTTP Method 'POST' not allowed. Allowed are HEAD,GET,PATCH,DELETE"),
        ),
    ],
)  # fmt: skip
def test_each_mistake_has_its_own_error(
    rest: Rest, method: str, path: str, body: Any, expected: tuple[int, str, str]
) -> None:
    assert error(rest(method, path, json=body)) == expected
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 0


def test_an_upsert_by_id(rest: Rest) -> None:
    made = rest.post("/sobjects/Contact/Id", json={"LastName": "x"})
    assert (made.status_code, made.json()["created"]) == (201, True)
    changed = rest.patch(f"/sobjects/Contact/Id/{made.json()['id'][:15]}", json={"LastName": "y"})
    assert (changed.status_code, changed.json()["created"]) == (200, False)


def test_update_only_changes_what_is_there(rest: Rest) -> None:
    create(rest, Key__c="K")
    assert rest.patch("/sobjects/Contact/Key__c/k?updateOnly=true", json={"Title": "t"}).status_code == 200
    assert rest.query("SELECT Title FROM Contact").json()["records"][0]["Title"] == "t"


def test_a_deleted_record_does_not_answer_to_its_key(rest: Rest) -> None:
    first = create(rest, Key__c="K")
    rest.delete(f"/sobjects/Contact/{first}")
    second = rest.patch("/sobjects/Contact/Key__c/K", json={"LastName": "x"})
    assert (second.status_code, second.json()["id"] != first) == (201, True)
    assert error(rest.get(f"/sobjects/Contact/{first}")) == (404, "ENTITY_IS_DELETED", "entity is deleted")


def test_a_mixed_call_answers_row_by_row(rest: Rest) -> None:
    create(rest, Key__c="old", Shared__c="s")
    create(rest, Shared__c="S")
    kind = {"type": "Contact"}
    rows = [
        {"attributes": kind, "Key__c": "old", "Title": "t"},
        {"attributes": kind, "Key__c": "new", "LastName": "n"},
        {"attributes": kind, "LastName": "no key"},
        {"attributes": kind, "Key__c": None, "LastName": "no key"},
        {"attributes": kind, "Key__c": "twice", "LastName": "a"},
        {"attributes": kind, "Key__c": "TWICE", "LastName": "b"},
        {"attributes": {"type": "Account"}, "Key__c": "x", "Name": "a"},
        {"attributes": kind, "Key__c": "bad", "LastName": "x", "Nope__c": 1},
    ]
    items = rest.patch("/composite/sobjects/Contact/Key__c", json={"records": rows}).json()
    assert [item["success"] for item in items] == [True, True] + [False] * 6
    assert [item["created"] for item in items[:2]] == [False, True]
    assert [item["errors"][0]["statusCode"] for item in items[2:]] == [
        "MISSING_ARGUMENT", "MISSING_ARGUMENT", "DUPLICATE_VALUE", "DUPLICATE_VALUE", "INVALID_FIELD", "INVALID_FIELD",
    ]  # fmt: skip
    (item,) = rest.patch(
        "/composite/sobjects/Contact/Shared__c", json={"records": [{"attributes": kind, "Shared__c": "s"}]}
    ).json()
    assert item["errors"][0]["statusCode"] == "DUPLICATE_EXTERNAL_ID"


# -- parents


@pytest.fixture
def parents(rest: Rest) -> dict[str, str]:
    return {
        "account": create(rest, "Account", Name="Acme", Key__c="A1"),
        "boss": create(rest, Key__c="boss", Shared__c="two"),
        "other": create(rest, Shared__c="two"),
        "lead": create(rest, "Lead", LastName="l", Company="c", Email="lead@example.com"),
    }


def parent_of(rest: Rest, identifier: str, field: str, sobject: str = "Contact") -> Any:
    return rest.get(f"/sobjects/{sobject}/{identifier}?fields={field}").json()[field]


@pytest.mark.parametrize(
    ("relationship", "value", "field", "whose"),
    [
        ("Account", {"Key__c": "a1"}, "AccountId", "account"),
        ("account", {"key__c": "A1"}, "AccountId", "account"),
        ("Account", {"attributes": {"type": "Account"}, "Key__c": "A1"}, "AccountId", "account"),
        ("Account", {"attributes": {"type": "account", "url": "/x"}, "Key__c": "A1"}, "AccountId", "account"),
        ("ReportsTo", {"Key__c": "BOSS"}, "ReportsToId", "boss"),
        ("Account", None, "AccountId", None),
    ],
)
def test_a_parent_is_named_by_its_key(
    rest: Rest, parents: dict[str, str], relationship: str, value: Any, field: str, whose: str | None
) -> None:
    wanted = parents[whose] if whose else None
    made = create(rest, **{relationship: value})
    assert parent_of(rest, made, field) == wanted
    bare = create(rest, AccountId=parents["account"])
    assert rest.patch(f"/sobjects/Contact/{bare}", json={relationship: value}).status_code == 204
    assert parent_of(rest, bare, field) == wanted


def test_a_parent_is_named_by_its_id_or_by_a_field_that_is_looked_up(rest: Rest, parents: dict[str, str]) -> None:
    assert parent_of(rest, create(rest, Account={"Id": parents["account"][:15]}), "AccountId") == parents["account"]
    user = rest.org.user_id
    assert parent_of(rest, create(rest, Owner={"Username": rest.org.username.upper()}), "OwnerId") == user
    typed = {"attributes": {"type": "User"}, "Username": rest.org.username}
    assert parent_of(rest, create(rest, Owner=typed), "OwnerId") == user


@pytest.mark.parametrize(
    ("relationship", "value", "field", "whose"),
    [
        ("Who", {"attributes": {"type": "Contact"}, "Key__c": "boss"}, "WhoId", "boss"),
        ("Who", {"attributes": {"type": "Lead"}, "Email": "LEAD@example.com"}, "WhoId", "lead"),
        ("What", {"attributes": {"type": "Account"}, "Key__c": "A1"}, "WhatId", "account"),
    ],
)
def test_a_parent_of_one_of_several_kinds_says_which(
    rest: Rest, parents: dict[str, str], relationship: str, value: Any, field: str, whose: str
) -> None:
    made = create(rest, "Task", Subject="s", **{relationship: value})
    assert parent_of(rest, made, field, "Task") == parents[whose]


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        (
            {"Account": {"Key__c": "nobody"}}, "INVALID_FIELD",
            "Foreign key external ID: nobody not found for field Key__c in entity Account",
        ),
        (
            {"Account": {"Key__c": None}}, "INVALID_FIELD",
            "Foreign key external ID: null not found for field Key__c in entity Account",
        ),
        (
            {"Account": {"Key__c": ""}}, "INVALID_FIELD",
            "Foreign key external ID: null not found for field Key__c in entity Account",
        ),
        ({"Account": {"Nope__c": "x"}}, "INVALID_FIELD", "No such column 'Nope__c' on sobject of type Account"),
        ({"Account": {"Phone": "1"}}, "INVALID_FIELD", "Phone is not an External ID or indexed field for Account"),
        (
            {"Account": {"Key__c": "A1", "Name": "Acme"}}, "INVALID_FIELD",
            "More than 1 field provided in an external foreign key reference in entity: Account",
        ),
        (
            {"Account": {}}, "INVALID_FIELD",
            "No field provided in an external foreign key reference in entity: Account",
        ),
        (
            {"Account": {"Key__c": "A1"}, "AccountId": None}, "INVALID_FIELD",
            "Cannot specify both an external ID reference Account and a salesforce id, AccountId",
        ),
        (
            {"Account": {"attributes": {"type": "Lead"}, "Key__c": "A1"}}, "INVALID_FIELD",
            "The type Lead is not one that AccountId may refer to",
        ),
        ({"Account": {"Id": "x"}}, "MALFORMED_ID", None),
        ({"ReportsTo": {"Shared__c": "two"}}, "DUPLICATE_EXTERNAL_ID", None),
        ({"ReportsTo": {"Number__c": "seven"}}, "JSON_PARSER_ERROR", None),
        ({"Nobody": {"Key__c": "A1"}}, "INVALID_FIELD", "No such column 'Nobody' on sobject of type Contact"),
        ({"CreatedBy": {"Username": "x"}}, "INVALID_FIELD_FOR_INSERT_UPDATE", None),
        (
            {"Account": "A1"}, "JSON_PARSER_ERROR",
            "Cannot deserialize instance of Account from VALUE_STRING value A1 or request may be missing a required "
            "field at [line:1, column:30]",
        ),
        ({"Account": [{"Key__c": "A1"}]}, "JSON_PARSER_ERROR", None),
    ],
)  # fmt: skip
def test_a_parent_that_is_named_wrongly_is_refused(
    rest: Rest, parents: dict[str, str], values: dict[str, Any], code: str, message: str | None
) -> None:
    assert parents
    answer = rest.post("/sobjects/Contact", json={"LastName": "x", **values})
    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, code), answer.text
    if message is not None:
        assert answer.json()[0]["message"] == message
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 2


def test_a_master_is_named_by_its_key_and_stays(rest: Rest) -> None:
    top, other = create(rest, "Top__c", Key__c="T1"), create(rest, "Top__c", Key__c="T2")
    detail = create(rest, "Detail__c", Top__r={"Key__c": "t1"})
    assert parent_of(rest, detail, "Top__c", "Detail__c") == top
    answer = rest.patch(f"/sobjects/Detail__c/{detail}", json={"Top__r": {"Key__c": "T2"}})
    assert answer.json()[0]["errorCode"] == "INVALID_FIELD_FOR_INSERT_UPDATE"
    assert other
    without = rest.post("/sobjects/Detail__c", json={})
    assert error(without)[1:] == ("REQUIRED_FIELD_MISSING", "Required fields are missing: [Top__c]")


def collection(rest: Rest, *rows: dict[str, Any], all_or_none: bool = False) -> list[dict[str, Any]]:
    records = [{"attributes": {"type": row.pop("_")}, **row} for row in rows]
    answer = rest.post("/composite/sobjects", json={"allOrNone": all_or_none, "records": records})
    assert answer.status_code == 200, answer.text
    return list(answer.json())


def test_a_parent_may_stand_earlier_in_the_same_call(rest: Rest) -> None:
    items = collection(
        rest,
        {"_": "Account", "Name": "New", "Key__c": "N1"},
        {"_": "Contact", "LastName": "a", "Account": {"Key__c": "n1"}},
        {"_": "Top__c", "Key__c": "T"},
        {"_": "Detail__c", "Top__r": {"Key__c": "T"}},
        all_or_none=True,
    )
    assert all(item["success"] for item in items), items
    assert parent_of(rest, items[1]["id"], "AccountId") == items[0]["id"]
    assert parent_of(rest, items[3]["id"], "Top__c", "Detail__c") == items[2]["id"]


def test_rows_of_one_object_and_later_rows_are_not_seen_yet(rest: Rest) -> None:
    items = collection(
        rest,
        {"_": "Contact", "LastName": "a", "Account": {"Key__c": "late"}},
        {"_": "Contact", "LastName": "b", "Key__c": "b"},
        {"_": "Contact", "LastName": "c", "ReportsTo": {"Key__c": "b"}},
        {"_": "Account", "Name": "Late", "Key__c": "late"},
    )
    assert [item["success"] for item in items] == [False, True, False, True]
    assert "late not found" in items[0]["errors"][0]["message"]


def test_a_child_fails_with_its_parent_of_the_same_call(rest: Rest) -> None:
    create(rest, "Account", Name="Old", Key__c="taken")
    items = collection(
        rest,
        {"_": "Account", "Name": "x", "Key__c": "fresh", "NumberOfEmployees": 10**12},
        {"_": "Contact", "LastName": "a", "Account": {"Key__c": "fresh"}},
        {"_": "Account", "Name": "y", "Key__c": "ok"},
        {"_": "Contact", "LastName": "b", "Account": {"Key__c": "ok"}},
    )
    assert [item["success"] for item in items] == [False, False, True, True]
    assert rest.query("SELECT COUNT() FROM Contact").json()["totalSize"] == 1
