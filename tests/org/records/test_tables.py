"""Tables of rows: columns found by their names, cells read by their fields' types, each row saved for itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult, Verb
from mock_server.org.records.tables import Table, check_header
from tests.org.records.conftest import Save, contact

Put = Callable[..., list[RowResult]]


@pytest.fixture
def put(org: Org, who: Session) -> Put:
    def run(verb: Verb, columns: str, *rows: str, sobject: str = "Contact", key: str | None = None) -> list[RowResult]:
        table = Table(verb, sobject, tuple(columns.split(",")), [row.split(",") for row in rows], key_field=key)
        return org.write_table(who, table)

    return run


def told(result: RowResult) -> str:
    """Return a row's errors as result files write them."""
    return " ".join(f"{one.code}:{one.message}:{', '.join(one.fields or ())} --" for one in result.errors)


def records(org: Org, soql: str) -> list[dict[str, Any]]:
    page = org.queries.run(soql, size=2000, base="", user_id="")
    return [{name: value for name, value in one.items() if name != "attributes"} for one in page.records]


def test_cells_say_values_nothing_and_null(org: Org, put: Put) -> None:
    (made,) = put("create", "LastName,FirstName,Score__c,Active__c", "Noether,Emmy,1.5,yes")
    assert made.success
    assert made.created
    put("update", "Id,FirstName,Score__c,Active__c,LastName", f"{made.id},#N/A,,no,")
    (stored,) = records(org, "SELECT FirstName, LastName, Score__c, Active__c FROM Contact")
    assert stored == {"FirstName": None, "LastName": "Noether", "Score__c": 1.5, "Active__c": False}


@pytest.mark.parametrize(
    ("columns", "row", "error"),
    [
        (
            "LastName,FirstName,Email,Birthdate",
            "A,,,2003-13-45",
            "INVALID_FIELD:Failed to deserialize field at col 3. Due to, '2003-13-45' is not a valid value for the type "
            "xsd:date:Birthdate --",
        ),
        (
            "Born__c,LastName",
            "2018-09-28,A",
            "INVALID_FIELD:Failed to deserialize field at col 0. Due to, '2018-09-28' is not a valid value for the type "
            "xsd:dateTime:Born__c --",
        ),
        (
            "LastName,Active__c",
            "A,maybe",
            "INVALID_FIELD:Failed to deserialize field at col 1. Due to, 'maybe' is not a valid value for the type "
            "xsd:boolean:Active__c --",
        ),
        ("LastName,FirstName", ",Emmy", "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"),
        ("LastName,Email", "A,nowhere", "INVALID_EMAIL_ADDRESS:Email: invalid email address: nowhere:Email --"),
        ("LastName,AccountId", "A,001000000000009AAA", "INVALID_CROSS_REFERENCE_KEY:invalid cross reference id: --"),
        (
            "LastName,ReportsTo.Email",
            "A,no@example.com",
            "INVALID_FIELD:Foreign key external ID: no@example.com not found for field Email in entity Contact: --",
        ),
        (
            "Id,LastName",
            "003000000000001AAA,A",
            "INVALID_FIELD_FOR_INSERT_UPDATE:cannot specify Id in an insert call: --",
        ),
    ],
)
def test_a_row_fails_for_what_its_cells_say(put: Put, columns: str, row: str, error: str) -> None:
    (result,) = put("create", columns, row)
    assert not result.success
    assert told(result) == error


def test_parents_are_named_by_keys_of_theirs(org: Org, save: Save, put: Put) -> None:
    save(contact(Email="boss@example.com", LastName="Boss"))
    save(Change("create", "Lead", {"LastName": "L", "Company": "C", "Email": "lead@example.com"}))
    (made,) = put("create", "LastName,ReportsTo.Email", "Worker,boss@example.com")
    assert made.success
    user = org.directory.told_user
    results = put("create", "Subject,Lead:Who.Email,Owner.Id", f"Call,lead@example.com,{user.id}", sobject="Task")
    assert [told(one) for one in results] == [""]
    (worker,) = records(org, "SELECT ReportsTo.LastName FROM Contact WHERE LastName = 'Worker'")
    assert worker["ReportsTo"]["LastName"] == "Boss"
    (task,) = records(org, "SELECT Who.Type FROM Task")
    assert task["Who"]["Type"] == "Lead"


def test_an_upsert_finds_records_by_its_key(org: Org, put: Put) -> None:
    made = put("upsert", "External_Id__c,LastName", "A,One", "B,Two", key="External_Id__c")
    again = put("upsert", "LastName,External_Id__c", "Uno,a", "Tres,C", ",D", "X,", key="External_Id__c")
    assert [one.created for one in made] == [True, True]
    assert [(one.id, one.created) for one in again[:2]] == [(made[0].id, False), (again[1].id, True)]
    assert told(again[2]) == "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    assert told(again[3]) == "MISSING_ARGUMENT:External_Id__c not specified: --"
    assert records(org, "SELECT LastName FROM Contact WHERE External_Id__c = 'a'") == [{"LastName": "Uno"}]


def test_an_upsert_by_id_creates_where_there_is_none(put: Put) -> None:
    (made,) = put("upsert", "Id,LastName", ",New", key="Id")
    (changed,) = put("upsert", "Id,LastName", f"{made.id},Newer", key="id")
    assert (made.created, changed.created, changed.id) == (True, False, made.id)


def test_the_same_key_twice_in_a_chunk_fails_both_rows(put: Put) -> None:
    results = put("upsert", "External_Id__c,LastName", "A,1", "B,2", "a,3", key="External_Id__c")
    assert [one.success for one in results] == [False, True, False]
    assert told(results[2]).startswith("DUPLICATE_VALUE:Duplicate external id specified: a:External_Id__c")


def test_rows_are_deleted_by_id(org: Org, put: Put) -> None:
    (made,) = put("create", "LastName", "Gone")
    results = put("delete", "Id", str(made.id), "003000000000001AAA", "", "nonsense")
    assert [one.success for one in results] == [True, False, False, False]
    assert told(results[2]) == "MISSING_ARGUMENT:Id not specified in an update call: --"
    assert records(org, "SELECT Id FROM Contact") == []


def test_a_row_that_is_refused_beforehand_fails_alone(org: Org, who: Session) -> None:
    refused = org.write_table(who, Table("create", "Contact", ("LastName",), [["A"], ["B"]]))[0]
    assert refused.success
    from mock_server.org import errors

    table = Table("create", "Contact", ("LastName",), [["A"], ["B"]], refusals={1: errors.UNABLE_TO_LOCK_ROW.sample()})
    results = org.write_table(who, table)
    assert [one.success for one in results] == [True, False]
    assert results[1].errors[0].code == "UNABLE_TO_LOCK_ROW"


@pytest.mark.parametrize(
    ("verb", "columns", "key", "text"),
    [
        ("create", "LastName,Nme__c", None, "Field name not found : Nme__c"),
        ("create", "LastName,Account.Nme__c", None, "Field name not found : Account.Nme__c"),
        ("create", "LastName,Account.Owner.Email", None, "Field name not found : Account.Owner.Email"),
        ("create", "LastName,Contacts.Email", None, "Field name not found : Contacts.Email"),
        ("create", "LastName,Contact:ReportsTo.Email", None, "Field name not found : Contact:ReportsTo.Email"),
        ("create", "LastName,", None, "Field name not found : "),
        ("create", "LastName,attributes", None, "Field name not found : attributes"),
        ("create", "LastName,lastname", None, "Duplicate field name found : LastName"),
        ("update", "LastName", None, "Field name not found : Id"),
        ("upsert", "LastName,FirstName", "External_Id__c", "Field name not found : External_Id__c"),
        ("upsert", "LastName,FirstName", "Id", "Field name not found : Id"),
        ("delete", "Id,LastName", None, "The 'delete' batch must contain only ids."),
        ("delete", "LastName", None, "The 'delete' batch must contain only ids."),
        ("hard_delete", "Id,Nme", None, "The 'hardDelete' batch must contain only ids."),
    ],
)
def test_a_header_that_fails_the_whole_job(org: Org, verb: str, columns: str, key: str | None, text: str) -> None:
    fault = check_header(org.schema, verb, "Contact", columns.split(","), key)
    assert isinstance(fault, ApiError)
    assert (fault.code, fault.message) == ("InvalidBatch", text)


@pytest.mark.parametrize(
    ("verb", "sobject", "columns", "key"),
    [
        ("create", "Contact", "lastname,ACCOUNT.Id,ReportsTo.Email,CreatedDate", None),
        ("create", "Task", "Subject,Lead:Who.Email,Owner.Id,User:Owner.Username", None),
        ("update", "Contact", "ID,LastName", None),
        ("upsert", "Contact", "external_id__c,LastName", "External_Id__c"),
        ("delete", "Contact", "id", None),
    ],
)
def test_a_header_that_lets_rows_be_read(org: Org, verb: str, sobject: str, columns: str, key: str | None) -> None:
    assert check_header(org.schema, verb, sobject, columns.split(","), key) is None


def test_a_reference_to_several_objects_says_which_is_meant(org: Org) -> None:
    fault = check_header(org.schema, "create", "Task", ["Subject", "Who.Email"])
    assert fault is not None
    assert fault.message == "Field name not found : Who.Email"
