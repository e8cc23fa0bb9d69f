"""A small org whose rows the query tests know by heart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema

BASE = "/services/data/v60.0/sobjects"
FIELDS = {
    "Contact": {
        "Key__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
        "Score__c": {"type": "number", "precision": 6, "scale": 2},
        "Active__c": {"type": "checkbox"},
        "Seen__c": {"type": "datetime"},
        "Tags__c": {"type": "multiselectpicklist", "values": ["red", "green", "blue"]},
        "Notes__c": {"type": "longtextarea"},
    }
}
# 2026-03-18 12:00 UTC, a Wednesday.
NOW = 1_773_835_200.0
ROWS: list[dict[str, Any]] = [
    {"LastName": "Adams", "FirstName": "Ann", "Key__c": "K1", "Score__c": 10, "Active__c": True, "Birthdate": "2026-03-18", "Seen__c": "2026-03-18T08:00:00Z", "Tags__c": "red;blue", "account": 0},
    {"LastName": "adler", "FirstName": "Bob", "Key__c": "K2", "Score__c": 20.5, "Birthdate": "2026-03-17", "Seen__c": "2026-03-17T23:59:59Z", "Tags__c": "green", "account": 0},
    {"LastName": "Ärmel", "Key__c": "K3", "Score__c": -3, "Active__c": True, "Birthdate": "2026-02-28", "account": 1},
    {"LastName": "100%_sure", "FirstName": "O'Hara", "Key__c": "k4", "Birthdate": "2025-12-31", "Seen__c": "2025-12-31T12:00:00Z"},
    {"LastName": "Zoë\\back", "Email": "zoe@example.com", "account": 1},
]  # fmt: skip


@pytest.fixture(scope="module")
def org() -> Org:
    schema = Schema()
    schema.add({}, FIELDS)
    made = Org(1, schema=schema, clock="virtual")
    made.clock.advance(max(0.0, NOW - made.clock.now()))
    made.clock._still = NOW
    made.directory.seed()
    who = session(made)
    parent = made.write(who, [Change("create", "Account", {"Name": "Umbrella"})], all_or_none=True)[0].id
    accounts = [
        made.write(who, [Change("create", "Account", values)], all_or_none=True)[0].id
        for values in ({"Name": "Acme", "ParentId": parent}, {"Name": "Beta"})
    ]
    for row in ROWS:
        values = {name: value for name, value in row.items() if name != "account"}
        if "account" in row:
            values["AccountId"] = accounts[row["account"]]
        (result,) = made.write(who, [Change("create", "Contact", values)], all_or_none=True)
        assert result.success, result
    return made


def session(org: Org) -> Session:
    return org.sessions.open(org.directory.default_user, org.directory.default_app, ("api",))


Ask = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="module")
def ask(org: Org) -> Ask:
    who = session(org)

    def run(soql: str, **options: Any) -> list[dict[str, Any]]:
        return org.query(who, soql, base=BASE, **options).records

    return run
