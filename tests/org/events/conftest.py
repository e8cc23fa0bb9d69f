"""A small org with platform events, and its administrator."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.events import Event
from mock_server.org.identity.sessions import Session
from mock_server.org.org import Org
from mock_server.org.records.changes import Change, RowResult
from mock_server.org.schema import Schema

EVENTS = {
    "After__e": {"fields": {"Text__c": {"type": "text"}, "Number__c": {"type": "number"}}},
    "Now__e": {"publish": "PublishImmediately", "fields": {"Text__c": {"type": "text", "required": True}}},
    "Old__e": {"event": "StandardVolume", "fields": {"Text__c": {"type": "text"}}},
}


class Bus:
    """An org, and what its channels carry."""

    def __init__(self, **options: Any) -> None:
        schema = Schema()
        schema.add(EVENTS, {})
        schema = options.pop("schema", schema)
        options = {"clock": "virtual", "start": 1_772_000_000.0, **options}
        self.org = Org(1, schema=schema, **options)
        self.org.directory.seed()
        self.org.resume_channels()
        user, app = self.org.directory.told_user, self.org.directory.default_app
        self.who: Session = self.org.sessions.open(user, app, app.scopes)

    def save(self, *changes: Change, all_or_none: bool = False) -> list[RowResult]:
        return self.org.write(self.who, changes, all_or_none=all_or_none)

    def on(self, name: str, since: int = 0) -> list[Event]:
        """Return the events of a channel, `After__e` for short."""
        channel = self.org.events.find(self.who, f"/event/{name}")
        return self.org.events.after(channel, since, 10_000)

    def texts(self, name: str) -> list[Any]:
        return [event.payload["Text__c"] for event in self.on(name)]


@pytest.fixture
def made() -> Callable[..., Bus]:
    return Bus


@pytest.fixture
def bus() -> Bus:
    return Bus()


def event(name: str, text: str | None, **more: Any) -> Change:
    return Change("create", name, {"Text__c": text, **more})


def contact(name: str | None = "X") -> Change:
    return Change("create", "Contact", {"LastName": name})
