"""Channels that users make: whose events they have, which of them, and what more these say."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.events import NoChannel
from mock_server.org.events.conditions import test_of as filter_of
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema, SchemaError
from tests.org.events.conftest import EVENTS, Bus, event

FIELDS = {
    "Text__c": {"type": "text"}, "Number__c": {"type": "number"}, "Flag__c": {"type": "checkbox"},
    "Day__c": {"type": "date"}, "Moment__c": {"type": "datetime"},
}  # fmt: skip


def schema_of(channels: Any) -> Schema:
    schema = Schema()
    schema.add({**EVENTS, "Wide__e": {"fields": FIELDS}}, {}, {"channels": channels})
    return schema


def seen(bus: Bus, name: str, since: int = 0, most: int = 10_000) -> list[Any]:
    channel = bus.org.events.find(bus.who, name)
    return [(one.name, one.payload["Text__c"]) for one in bus.org.events.after(channel, since, most)]


def test_a_channel_has_the_events_of_its_members_in_order() -> None:
    bus = Bus(schema=schema_of({"All__chn": {"members": {"After__e": {}, "Now__e": None}}}))
    bus.save(event("After__e", "1"), event("Now__e", "2"), event("Old__e", "3"))
    bus.save(event("Now__e", "4"), event("After__e", "5"))
    # Of one save, what goes out at once is published first.
    assert seen(bus, "/event/All__chn") == [
        ("Now__e", "2"), ("After__e", "1"), ("Now__e", "4"), ("After__e", "5"),
    ]  # fmt: skip
    own = [one.replay_id for name in ("After__e", "Now__e") for one in bus.on(name)]
    both = bus.org.events.after(bus.org.events.find(bus.who, "/event/All__chn"), 0, 100)
    assert [one.replay_id for one in both] == sorted(own)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 50])
def test_a_channel_is_read_in_pieces_of_any_size(most: int) -> None:
    channels = {"Some__chn": {"members": {"After__e": {"filter": "Number__c > 5"}, "Now__e": {}}}}
    bus = Bus(schema=schema_of(channels))
    for number in range(20):
        bus.save(event("After__e", f"a{number}", Number__c=number % 10), event("Now__e", f"n{number}"))
    channel = bus.org.events.find(bus.who, "/event/Some__chn")
    whole = bus.org.events.after(channel, 0, 1_000)
    assert len(whole) == 20 + 8
    found, at = [], 0
    while part := bus.org.events.after(channel, at, most):
        assert len(part) <= most
        found += part
        at = part[-1].replay_id
    assert found == whole


@pytest.mark.parametrize(
    ("expression", "wanted"),
    [
        ("Text__c = 'ABC'", True),
        ("Text__c != 'abc'", False),
        ("Text__c LIKE 'a%c' AND Number__c >= 2.5", True),
        ("Text__c LIKE '_b_' OR Number__c < 0", True),
        ("Text__c LIKE 'b%'", False),
        ("Text__c LIKE 'a\\\\%'", False),
        ("Text__c IN ('x', 'aBc')", True),
        ("Text__c NOT IN ('x', 'abc')", False),
        ("NOT Number__c = 4", True),
        ("(Number__c = 3 OR Flag__c = TRUE) AND Text__c != null", True),
        ("Day__c = 2026-02-01", True),
        ("Day__c < 2026-02-01", False),
        ("Moment__c >= 2026-02-01T11:00:00+01:00", True),
        ("Moment__c > 2026-02-01T10:00:00Z", False),
        ("CreatedById != null", True),
    ],
)
def test_filters_ask_the_message(expression: str, wanted: bool) -> None:
    bus = Bus(schema=schema_of({"Some__chn": {"members": {"Wide__e": {"filter": expression}}}}))
    bus.save(
        event("Wide__e", "abc", Number__c=2.5, Flag__c=True, Day__c="2026-02-01", Moment__c="2026-02-01T10:00:00Z")
    )
    assert bool(seen(bus, "/event/Some__chn")) is wanted


@pytest.mark.parametrize("expression", ["Text__c = null", "Number__c != 1", "Flag__c = FALSE", "NOT Number__c > 0"])
def test_what_has_no_value_compares_as_in_soql(expression: str) -> None:
    bus = Bus(schema=schema_of({"Some__chn": {"members": {"Wide__e": {"filter": expression}}}}))
    bus.save(Change("create", "Wide__e", {}))
    assert len(seen(bus, "/event/Some__chn")) == 1


@pytest.mark.parametrize(
    "expression",
    [
        "", "Nope__c = 1", "Number__c = 'x'", "Flag__c = 1", "Text__c > null", "Flag__c > TRUE", "Text__c = 1",
        "Text__c = 'x' LIMIT 1", "Text__c = 'x' ORDER BY Text__c", "CALENDAR_YEAR(Moment__c) = 2026",
        "Id IN (SELECT Id FROM Contact)", "Text__c = 'x", "Moment__c = TODAY", "Text__c INCLUDES ('a')", "(" * 5_000,
    ],
)  # fmt: skip
def test_wrong_filters_are_told_where_they_stand(expression: str) -> None:
    with pytest.raises(SchemaError) as wrong:
        schema_of({"Some__chn": {"members": {"Wide__e": {"filter": expression}}}})
    assert wrong.value.path == ("channels", "Some__chn", "members", "Wide__e", "filter")


def test_a_pattern_of_many_marks_takes_no_time() -> None:
    found = schema_of({}).get("Wide__e")
    assert found is not None
    wanted = filter_of(f"Text__c LIKE '{'%a' * 200}%b'", found)
    assert not wanted({"Text__c": "a" * 200})
    with pytest.raises(ApiError):
        filter_of("x" * 200_000, found)


@pytest.mark.parametrize(
    ("channels", "path", "near"),
    [
        ({"Some": {}}, ("channels", "Some"), None),
        ({"Some__chn": []}, ("channels", "Some__chn"), None),
        ({"Some__chn": {"membres": {}}}, ("channels", "Some__chn", "membres"), "members"),
        ({"Some__chn": {"type": "dat"}}, ("channels", "Some__chn", "type"), "data"),
        ({"Some__chn": {"members": {"Afer__e": {}}}}, ("channels", "Some__chn", "members", "Afer__e"), "After__e"),
        (
            {"Some__chn": {"members": {"After__e": {"fliter": ""}}}},
            ("channels", "Some__chn", "members", "After__e", "fliter"),
            "filter",
        ),
        (
            {"ChangeEvents": {"members": {"AccountChangeEvent": {"enriched": ["Nmae"]}}}},
            ("channels", "ChangeEvents", "members", "AccountChangeEvent", "enriched"),
            "Name",
        ),
    ],
)
def test_wrong_channels_are_told_with_the_nearest_name(channels: Any, path: Any, near: str | None) -> None:
    with pytest.raises(SchemaError) as wrong:
        schema_of(channels)
    assert (wrong.value.path, wrong.value.nearest) == (path, near)


def test_a_channel_is_found_by_its_kind_alone() -> None:
    bus = Bus(schema=schema_of({"Some__chn": {"members": {"After__e": {}}}}))
    for name in (
        "/data/Some__chn",
        "/event/some__chn",
        "/event/Other__chn",
        "/data/ChangeEvents/x",
        "/event/ChangeEvents",
    ):
        with pytest.raises(NoChannel):
            bus.org.events.find(bus.who, name)


def changes(bus: Bus, name: str) -> list[dict[str, Any]]:
    found = bus.org.events.find(bus.who, name)
    return [dict(one.payload) for one in bus.org.events.after(found, 0, 100)]


def test_change_events_of_a_channel_are_filtered_and_enriched() -> None:
    members = {"Account": {"filter": "Industry = 'Energy'", "enriched": ["Industry"]}, "ContactChangeEvent": {}}
    bus = Bus(schema=schema_of({"Some__chn": {"type": "data", "members": members}}))
    made = [
        bus.save(Change("create", "Account", {"Name": name, "Industry": industry}))[0].id
        for name, industry in (("a", "Energy"), ("b", "Media"))
    ]
    for one in made:
        bus.save(Change("update", "Account", {"Phone": "1"}, id=one))
    bus.save(Change("create", "Contact", {"LastName": "c"}))
    told = changes(bus, "/data/Some__chn")
    assert [one["ChangeEventHeader"]["changeType"] for one in told] == ["CREATE", "UPDATE", "CREATE"]
    assert told[1]["Industry"] == "Energy"
    assert "Industry" not in changes(bus, "/data/AccountChangeEvent")[2]
    assert changes(bus, "/data/ChangeEvents") == []


def test_of_the_standard_channel_members_are_filtered_and_enriched_too() -> None:
    members = {"Account": {"filter": "Phone != '2'", "enriched": ["Industry", "Site"]}, "Contact": {}}
    bus = Bus(schema=schema_of({"ChangeEvents": {"members": members}}))
    made = bus.save(Change("create", "Account", {"Name": "a", "Industry": "Energy"}))[0].id
    for phone in "12":
        bus.save(Change("update", "Account", {"Phone": phone}, id=made))
    bus.save(Change("create", "Contact", {"LastName": "c"}), Change("delete", "Account", id=made))
    bus.save(Change("undelete", "Account", id=made))
    told = changes(bus, "/data/ChangeEvents")
    kinds = ["CREATE", "UPDATE", "CREATE", "DELETE"]
    assert [one["ChangeEventHeader"]["changeType"] for one in told] == kinds
    assert told[1]["Industry"] == told[3]["Industry"] == "Energy"
    assert all("Site" not in one for one in told), "it is blank"
    assert told[1]["ChangeEventHeader"]["changedFields"] == ["Phone", "LastModifiedDate"]
    own = changes(bus, "/data/AccountChangeEvent")
    assert [one.get("Phone") for one in own] == [None, "1", "2", None, "2"]
    assert all("Industry" not in one for one in own[1:4]), "channels of one object have no members"


class Undone(Exception):
    """Ends a transaction."""


def selection(channel: str, entity: str) -> Change:
    said = {"eventChannel": channel, "selectedEntity": entity}
    return Change(
        "create", "PlatformEventChannelMember", {"FullName": f"{channel}_{entity}", "Metadata": said}, tooling=True
    )


def test_what_a_transaction_selects_that_is_undone_is_not_selected() -> None:
    bus = Bus()
    account = Change("create", "Account", {"Name": "a"})
    with pytest.raises(Undone), bus.org.transaction():
        bus.save(selection("ChangeEvents", "AccountChangeEvent"))
        assert bus.org.events.changes.entities() == {"Account"}
        raise Undone
    bus.save(account)
    with bus.org.transaction():
        with suppress(Undone), bus.org.transaction():
            bus.save(selection("ChangeEvents", "AccountChangeEvent"))
            raise Undone
        bus.save(account)
    assert changes(bus, "/data/AccountChangeEvent") == []
    assert not bus.org.log.watched
    (made,) = bus.save(selection("ChangeEvents", "AccountChangeEvent"))
    assert made.id is not None
    with suppress(Undone), bus.org.transaction():
        bus.save(Change("hard_delete", "PlatformEventChannelMember", id=made.id, tooling=True))
        raise Undone
    bus.save(account)
    assert len(changes(bus, "/data/ChangeEvents")) == 1


def test_members_of_the_default_channel_are_captured() -> None:
    bus = Bus(schema=schema_of({"ChangeEvents": {"members": {"AccountChangeEvent": {}}}}))
    bus.save(Change("create", "Account", {"Name": "a"}), Change("create", "Contact", {"LastName": "c"}))
    assert [one["ChangeEventHeader"]["entityName"] for one in changes(bus, "/data/ChangeEvents")] == ["Account"]
