"""What a record type does to the picklists of its records."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.ids import to_18
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema

FIELDS = {
    "Kind__c": {"type": "picklist", "restricted": True, "values": [{"value": "A", "default": True}, "B", "C"]},
    "Open__c": {"type": "picklist", "values": ["x", "y"]},
}
TYPES = {
    "Narrow": {"picklists": {"Kind__c": ["B", {"value": "C", "default": True}], "Open__c": ["x"]}},
    "Bare": {"picklists": {"Kind__c": ["B"]}},
    "Old": {"active": False},
}


@pytest.fixture
def org() -> Org:
    schema = Schema()
    schema.add({"Thing__c": {"fields": FIELDS, "recordTypes": TYPES}}, {})
    made = Org(1, schema=schema, clock="virtual")
    made.directory.seed()
    return made


@pytest.fixture
def who(org: Org) -> Session:
    return org.sessions.open(
        next(iter(org.directory.users.values())), next(iter(org.directory.apps.values())), ("api",)
    )


def save(org: Org, who: Session, verb: Any = "create", id: str | None = None, **values: Any) -> RowResult:
    return org.write(who, [Change(verb, "Thing__c", values, id=id)], all_or_none=False)[0]


def types(org: Org) -> dict[str, str]:
    thing = org.schema.get("Thing__c")
    assert thing is not None
    return {one.name: one.id for one in thing.record_types}


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("Narrow", "B", None),
        ("Narrow", "A", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ("Bare", "C", "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (None, "A", None),
    ],
)
def test_a_restricted_picklist_takes_what_the_record_type_offers(
    org: Org, who: Session, name: str | None, value: str, code: str | None
) -> None:
    chosen = {"RecordTypeId": types(org)[name]} if name else {}
    result = save(org, who, Kind__c=value, **chosen)
    assert [error.code for error in result.errors] == ([code] if code else [])


def test_an_unrestricted_picklist_takes_more(org: Org, who: Session) -> None:
    assert save(org, who, RecordTypeId=types(org)["Narrow"], Open__c="y").success


def test_an_update_is_judged_by_the_stored_record_type(org: Org, who: Session) -> None:
    made = save(org, who, RecordTypeId=types(org)["Narrow"], Kind__c="B")
    assert save(org, who, "update", made.id, Kind__c="A").errors[0].code == "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    assert save(org, who, "update", made.id, RecordTypeId="012000000000000AAA", Kind__c="A").success


@pytest.mark.parametrize(("name", "value"), [("Narrow", "C"), ("Bare", None), (None, "A")])
def test_a_record_type_has_its_own_default(org: Org, who: Session, name: str | None, value: str | None) -> None:
    made = save(org, who, **({"RecordTypeId": types(org)[name]} if name else {}))
    (record,) = org.read(who, "Thing__c", [str(made.id)], ["Kind__c"], base="")
    assert record is not None and record["Kind__c"] == value


def test_only_active_record_types_of_the_object_are_taken(org: Org, who: Session) -> None:
    for wrong in (types(org)["Old"], str(to_18("012Kd0000000999"))):
        (error,) = save(org, who, RecordTypeId=wrong).errors
        assert error.code == "INVALID_CROSS_REFERENCE_KEY"
        assert error.fields == ("RecordTypeId",)
        assert error.message == f"Record Type ID: this ID value isn't valid for the user: {wrong}"
