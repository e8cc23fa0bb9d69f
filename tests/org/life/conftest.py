"""An org in which records refer to each other in every way: masters, required, restricted and free lookups."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema
from mock_server.org.schema.types import ChildRelationship

OBJECTS = {
    "Top__c": {"fields": {"Code__c": {"type": "text", "length": 20, "externalId": True, "unique": True}}},
    "Other__c": {},
    "Detail__c": {
        "fields": {
            "Top__c": {"type": "masterdetail", "referenceTo": "Top__c"},
            "Friend__c": {"type": "lookup", "referenceTo": "Other__c"},
            "Unique__c": {"type": "text", "length": 20, "unique": True},
        }
    },
    "Leaf__c": {"fields": {"Detail__c": {"type": "masterdetail", "referenceTo": "Detail__c"}}},
    "Junction__c": {
        "fields": {
            "Top__c": {"type": "masterdetail", "referenceTo": "Top__c"},
            "Other__c": {"type": "masterdetail", "referenceTo": "Other__c"},
        }
    },
    "Guest__c": {
        "fields": {
            "Top__c": {"type": "lookup", "referenceTo": "Top__c"},
            "Host__c": {"type": "lookup", "referenceTo": "Guest__c"},
            "Holds__c": {"type": "lookup", "referenceTo": "Other__c"},
        }
    },
}
BASE = "/services/data/v60.0/sobjects"


def schema() -> Schema:
    made = Schema()
    made.add(OBJECTS, {})
    # Guest__c.Holds__c does not let its record go.
    guest, other = made.get("Guest__c"), made.get("Other__c")
    assert guest is not None
    assert other is not None
    made._put(
        replace(
            guest,
            fields=tuple(replace(one, restricted_delete=one.name == "Holds__c") for one in guest.fields),
            memo={},
        )
    )
    children = tuple(
        ChildRelationship(one.child, one.field, one.name, one.cascade_delete, one.field == "Holds__c")
        for one in other.children
    )
    made._put(replace(other, children=children, memo={}))
    return made


@dataclass
class Desk:
    """One user at work in one org."""

    org: Org
    who: Session

    def save(self, *changes: Change, all_or_none: bool = False, give_up: bool = False) -> list[RowResult]:
        return self.org.write(self.who, changes, all_or_none=all_or_none, give_up=give_up)

    def create(self, sobject: str, **values: Any) -> str:
        (made,) = self.save(Change("create", sobject, values))
        assert made.id, made.errors
        return made.id

    def do(self, verb: Any, *ids: str) -> list[RowResult]:
        changes = []
        for identifier in ids:
            sobject = self.org.schema.by_prefix(identifier[:3])
            assert sobject is not None
            changes.append(Change(verb, sobject.name, id=identifier))
        return self.save(*changes)

    def ok(self, verb: Any, *ids: str) -> None:
        for result in self.do(verb, *ids):
            assert result.success, [error.message for error in result.errors]

    def refused(self, verb: Any, *ids: str) -> list[tuple[str, str]]:
        return [(error.code, error.message) for result in self.do(verb, *ids) for error in result.errors]

    def get(self, identifier: str, field: str) -> Any:
        """Return a field's value, of a deleted record too."""
        sobject = self.org.schema.by_prefix(identifier[:3])
        assert sobject is not None
        soql = f"SELECT {field} FROM {sobject.name} WHERE Id = '{identifier}'"
        page = self.org.query(self.who, soql, all_rows=True, base=BASE)
        return page.records[0][field]

    def there(self, identifier: str) -> str:
        """Tell where a record is: `live`, `bin` or `gone`."""
        sobject = self.org.schema.by_prefix(identifier[:3])
        assert sobject is not None
        soql = f"SELECT IsDeleted FROM {sobject.name} WHERE Id = '{identifier}'"
        records = self.org.query(self.who, soql, all_rows=True, base=BASE).records
        if not records:
            return "gone"
        return "bin" if records[0]["IsDeleted"] else "live"


def new_desk() -> Desk:
    org = Org(1, schema=schema(), clock="virtual", keep_commits=None)
    org.directory.seed()
    return Desk(org, org.sessions.open(org.directory.default_user, None, ("api",)))


@pytest.fixture
def desk() -> Desk:
    return new_desk()
