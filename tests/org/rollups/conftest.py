"""Orders with lines of master-detail, counted up two levels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema


def summary(operation: str, key: str, field: str | None = None, *filters: tuple[str, str, Any]) -> dict[str, Any]:
    child, _, reference = key.partition(".")
    out: dict[str, Any] = {"type": "rollup", "operation": operation, "child": child, "reference": reference}
    if field:
        out["field"] = field
    if filters:
        out["filters"] = [{"field": f, "operator": o, "value": v} for f, o, v in filters]
    return out


LINE = {
    "Bill__c": {"type": "masterdetail", "referenceTo": "Bill__c", "reparentable": True},
    "Amount__c": {"type": "currency", "precision": 16, "scale": 2},
    "Rate__c": {"type": "percent", "precision": 5, "scale": 1},
    "Units__c": {"type": "number", "precision": 10, "scale": 0},
    "Due__c": {"type": "date"},
    "Seen__c": {"type": "datetime"},
    "Kind__c": {"type": "picklist", "values": ["Goods", "Work", "Café"]},
    "Tags__c": {"type": "multiselectpicklist", "values": ["red", "green", "blue"]},
    "Paid__c": {"type": "checkbox"},
    "Note__c": {"type": "text"},
}
KEY, UP = "Line__c.Bill__c", "Bill__c.Ledger__c"
BILL = {
    "Ledger__c": {"type": "masterdetail", "referenceTo": "Ledger__c"},
    "Lines__c": summary("count", KEY),
    "Sum__c": summary("sum", KEY, "Amount__c"),
    "Paid_Sum__c": summary("sum", KEY, "Amount__c", ("Paid__c", "equals", "True"), ("Kind__c", "notEqual", "Work")),
    "First__c": summary("min", KEY, "Due__c"),
    "Last_Seen__c": summary("max", KEY, "Seen__c"),
    "Most__c": summary("max", KEY, "Amount__c", ("Kind__c", "equals", "Goods, Work")),
}
LEDGER = {
    "Bills__c": summary("count", UP, None, ("Lines__c", "greaterThan", 0)),
    "Worth__c": summary("sum", UP, "Sum__c"),
    "Best__c": summary("max", UP, "Most__c"),
}
OBJECTS: dict[str, Any] = {
    "Ledger__c": {"fields": LEDGER}, "Bill__c": {"fields": BILL}, "Line__c": {"fields": LINE},
}  # fmt: skip


class Desk:
    """Saves and reads records of one org."""

    def __init__(self, org: Org) -> None:
        self.org = org
        directory = org.directory
        self.who: Session = org.sessions.open(directory.default_user, directory.default_app, ("api",))

    def write(self, *changes: Change, all_or_none: bool = False) -> list[RowResult]:
        return self.org.write(self.who, changes, all_or_none=all_or_none)

    def ids(self, results: list[RowResult]) -> list[str]:
        assert all(result.success for result in results), results
        return [str(result.id) for result in results]

    def make(self, sobject: str, *rows: dict[str, Any]) -> list[str]:
        return self.ids(self.write(*(Change("create", sobject, dict(row)) for row in rows)))

    def change(self, sobject: str, identifier: str, **values: Any) -> None:
        self.ids(self.write(Change("update", sobject, values, id=identifier)))

    def drop(self, sobject: str, *ids: str) -> None:
        self.ids(self.write(*(Change("delete", sobject, id=identifier) for identifier in ids)))

    def read(self, sobject: str, identifier: str, *fields: str) -> tuple[Any, ...]:
        (record,) = self.org.read(self.who, sobject, [identifier], fields, base="")
        assert record is not None
        return tuple(record[name] for name in fields)

    def rows(self, soql: str) -> list[dict[str, Any]]:
        return list(self.org.query(self.who, soql, base="").records)


def desk_of(objects: dict[str, Any], fields: dict[str, Any] | None = None) -> Desk:
    schema = Schema()
    schema.add(objects, fields or {})
    org = Org(1, schema=schema, clock="virtual")
    org.directory.seed()
    return Desk(org)


@pytest.fixture
def desk() -> Desk:
    return desk_of(OBJECTS)


@pytest.fixture
def ledger(desk: Desk) -> str:
    return desk.make("Ledger__c", {"Name": "2026"})[0]


Bill = Callable[[], str]


@pytest.fixture
def bill(desk: Desk, ledger: str) -> Bill:
    return lambda: desk.make("Bill__c", {"Name": "B", "Ledger__c": ledger})[0]
