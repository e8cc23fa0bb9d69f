"""An org that captures changes, and what its channels tell of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.events import Event
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.records.tables import Table
from mock_server.org.schema import Schema

OBJECTS = {
    "Shop__c": {
        "fields": {
            "Size__c": {"type": "number", "precision": 18, "scale": 0},
            "Twice__c": {"type": "number", "formula": "Size__c * 2", "precision": 18, "scale": 0},
            "On__c": {"type": "checkbox"},
            "At__c": {"type": "datetime"},
            "Place__c": {"type": "location"},
            "Code__c": {"type": "text", "length": 20, "externalId": True, "unique": True},
            "Total__c": {
                "type": "rollup", "child": "Line__c", "reference": "Shop__c", "operation": "sum", "field": "Price__c",
            },
        }
    },
    "Line__c": {
        "fields": {
            "Shop__c": {"type": "masterdetail", "referenceTo": "Shop__c", "relationshipName": "Lines"},
            "Price__c": {"type": "number", "precision": 18, "scale": 0},
            "Text__c": {"type": "longtextarea", "length": 131072},
        }
    },
}  # fmt: skip


class Capturing:
    """An org that captures some objects."""

    def __init__(self, *captured: str, **options: Any) -> None:
        schema = options.pop("schema", None)
        if schema is None:
            schema = Schema()
            schema.add(OBJECTS, {})
        self.org = Org(1, schema=schema, **{"clock": "virtual", "start": 1_772_000_000.0, **options})
        self.org.directory.seed()
        user, app = self.org.directory.told_user, self.org.directory.default_app
        self.who: Session = self.org.sessions.open(user, app, app.scopes)
        for name in captured:
            self.org.captured.add(name)

    def save(self, *changes: Change, all_or_none: bool = False) -> list[RowResult]:
        results = self.org.write(self.who, changes, all_or_none=all_or_none)
        self.org.clock.advance(1)
        return results

    def made(self, sobject: str, **values: Any) -> str:
        (result,) = self.save(Change("create", sobject, values))
        assert result.success, result.errors
        return str(result.id)

    def update(self, sobject: str, identifier: str, **values: Any) -> None:
        (result,) = self.save(Change("update", sobject, values, id=identifier))
        assert result.success, result.errors

    def load(self, verb: Any, sobject: str, columns: list[str], rows: list[tuple[str, ...]], **more: Any) -> None:
        results = self.org.write_table(self.who, Table(verb, sobject, tuple(columns), rows, **more))
        assert all(one.success for one in results), results
        self.org.clock.advance(1)

    def on(self, name: str = "ChangeEvents", since: int = 0, who: Session | None = None) -> list[Event]:
        channel = self.org.events.find(who or self.who, f"/data/{name}")
        return self.org.events.after(channel, since, 1_000_000)

    def news(self) -> list[Event]:
        """Return what was told since this was asked last."""
        since = getattr(self, "_since", 0)
        events = self.on(since=since)
        self._since = events[-1].replay_id if events else since
        return events

    def told(self) -> list[tuple[str, str, list[str]]]:
        """Return entity, kind and record ids of the news."""
        return [(one["entityName"], one["changeType"], one["recordIds"]) for one in map(header, self.news())]


def header(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = event.payload["ChangeEventHeader"]
    return found


def body(event: Event) -> dict[str, Any]:
    return {name: value for name, value in event.payload.items() if name != "ChangeEventHeader"}


@pytest.fixture
def capturing() -> Callable[..., Capturing]:
    return Capturing
