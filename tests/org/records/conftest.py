"""An org with a few custom fields, and a short way to save rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema

FIELDS = {
    "Contact": {
        "External_Id__c": {"type": "text", "length": 64, "externalId": True, "unique": True},
        "Legacy__c": {"type": "text", "length": 40, "externalId": True},
        "Score__c": {"type": "number", "precision": 5, "scale": 2},
        "Active__c": {"type": "checkbox"},
        "Born__c": {"type": "datetime"},
        "Wakes__c": {"type": "time"},
        "Size__c": {"type": "picklist", "values": ["Small", "Large"], "restricted": True},
        "Tags__c": {"type": "multiselectpicklist", "values": ["red", "green", "blue"], "restricted": True},
    }
}

Save = Callable[..., list[RowResult]]


@pytest.fixture
def org() -> Org:
    schema = Schema()
    schema.add({}, FIELDS)
    made = Org(1, schema=schema, clock="virtual")
    made.directory.seed()
    return made


@pytest.fixture
def who(org: Org) -> Session:
    user = next(iter(org.directory.users.values()))
    app = next(iter(org.directory.apps.values()))
    return org.sessions.open(user, app, ("api",))


@pytest.fixture
def save(org: Org, who: Session) -> Save:
    def run(*changes: Change, all_or_none: bool = False, give_up: bool = False) -> list[RowResult]:
        return org.write(who, changes, all_or_none=all_or_none, give_up=give_up)

    return run


def contact(**values: Any) -> Change:
    return Change("create", "Contact", {"LastName": "Lovelace", **values})
