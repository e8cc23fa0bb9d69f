"""Channels that users make: whose events they have, which of them, and what more these say."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.events import NoChannel
from mock_server.org.events.conditions import test_of as filter_of
from mock_server.org.events.filter_fields import of_event
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


def test_of_an_empty_channel_nothing_can_be_read() -> None:
    members = {"Account": {"filter": "Site = 'x'"}}
    bus = Bus(
        schema=schema_of({"Some__chn": {"type": "data", "members": members}, "ChangeEvents": {"members": members}})
    )
    for name in ("/data/Some__chn", "/data/ChangeEvents", "/data/AccountChangeEvent"):
        channel = bus.org.events.find(bus.who, name)
        assert channel.after(0, len(channel)) == bus.org.events.after(channel, 0, 0) == []


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
    wide = schema_of({}).get("Wide__e")
    assert wide is not None
    found = of_event(wide)
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
    for phone in "123":
        bus.save(Change("update", "Account", {"Phone": phone}, id=made))
    bus.save(Change("create", "Contact", {"LastName": "c"}), Change("delete", "Account", id=made))
    bus.save(Change("undelete", "Account", id=made))
    told = changes(bus, "/data/ChangeEvents")
    kinds = ["CREATE", "UPDATE", "UPDATE", "CREATE", "DELETE", "UNDELETE"]
    assert [one["ChangeEventHeader"]["changeType"] for one in told] == kinds
    assert told[1]["Industry"] == told[4]["Industry"] == "Energy"
    assert all("Site" not in one for one in told), "it is blank"
    assert told[1]["ChangeEventHeader"]["changedFields"] == ["Phone", "LastModifiedDate"]
    own = changes(bus, "/data/AccountChangeEvent")
    assert [one.get("Phone") for one in own] == [None, "1", "2", "3", None, "3"]
    assert all("Industry" not in one for one in own[1:5]), "channels of one object have no members"


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("Industry = 'Energy'", {"Industry": "Energy"}),
        ("Industry = 'Media'", None),
        ("BillingAddress.City = 'Rome'", {"BillingAddress": {"City": "Rome"}}),
        ("NOT (Industry = 'Energy' AND AnnualRevenue > 5)", None),
        ("ChangeEventHeader.changeType = 'UPDATE' AND Site = null", {}),
    ],
)
def test_fields_of_a_filter_are_told_and_asked_about_though_they_did_not_change(condition: str, told: Any) -> None:
    """As the guide says under "Auto-Enrichment of Filtered Fields"."""
    members = {"Account": {"filter": condition}}
    bus = Bus(schema=schema_of({"Some__chn": {"type": "data", "members": members}}))
    values = {"Name": "a", "Industry": "Energy", "BillingCity": "Rome", "AnnualRevenue": 6}
    made = bus.save(Change("create", "Account", values))[0].id
    bus.save(Change("update", "Account", {"Phone": "1"}, id=made))
    found = [one for one in changes(bus, "/data/Some__chn") if one["ChangeEventHeader"]["changeType"] == "UPDATE"]
    further = [
        {name: value for name, value in one.items() if name not in ("ChangeEventHeader", "Phone", "LastModifiedDate")}
        for one in found
    ]
    assert further == ([] if told is None else [told])


FILTERED = {
    "Account": {
        "Long__c": {"type": "longtextarea", "length": 1000}, "Code__c": {"type": "text", "length": 9, "unique": True,
        "caseSensitive": True, "externalId": True}, "On__c": {"type": "checkbox"}, "Place__c": {"type": "location"},
        "Opens__c": {"type": "time"}, "Many__c": {"type": "multipicklist", "values": ["a", "b"]},
        "Hush__c": {"type": "encryptedtext"}, "Twice__c": {"type": "number", "formula": "NumberOfEmployees * 2"},
    },
}  # fmt: skip


def of_accounts(**said: Any) -> Schema:
    schema = Schema()
    members = {"Some__chn": {"type": "data", "members": {"Account": said}}, "Late__chn": {"type": "data"}}
    schema.add({}, FILTERED, {"channels": members})
    return schema


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("Code__c = 'aB'", True),
        ("Code__c = 'AB'", False),
        ("Code__c LIKE 'A%'", False),
        ("Name = 'A' AND Name >= 'a'", True),
        ("On__c = null", True),
        ("On__c != FALSE", False),
        ("Place__c.Latitude > 40", True),
        ("Opens__c >= 14:30:00Z", True),
        ("Opens__c < 14:30:00Z", False),
        ("Many__c = 'a;b'", True),
        ("NumberOfEmployees < 1657093404000.0", True),
        ("ChangeEventHeader.sequenceNumber = 1 AND ChangeEventHeader.entityName = 'account'", True),
        ("changeeventheader.CHANGETYPE != 'CREATE'", False),
        ("(NOT(Industry = 'Banking')) AND (NumberOfEmployees>1000)", False),
        ("OwnerId != null AND ParentId = null", True),
    ],
)
def test_filters_ask_what_changes_tell(condition: str, wanted: bool) -> None:
    bus = Bus(schema=of_accounts(filter=condition))
    values = {
        "Name": "a", "Code__c": "aB", "Place__Latitude__s": 41, "Place__Longitude__s": 3, "Opens__c": "14:30:00.000Z",
        "Many__c": "b;a", "NumberOfEmployees": 7,
    }  # fmt: skip
    (made,) = bus.save(Change("create", "Account", values))
    assert made.success, made.errors
    assert bool(changes(bus, "/data/Some__chn")) is wanted


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"filter": "Long__c LIKE 'a%'"}, "Long__c is a long or an encrypted text"),
        ({"filter": "Description = 'a'"}, "Description is a long"),
        ({"filter": "Hush__c = 'a'"}, "Hush__c is a long or an encrypted text"),
        ({"filter": "Twice__c = 2"}, "no field Twice__c"),
        ({"filter": "BillingCity = 'Rome'"}, "asked about as BillingAddress.City"),
        ({"filter": "BillingAddress = 'Rome'"}, "a compound field"),
        ({"filter": "Owner.Name = 'Ada'"}, "no field Owner.Name"),
        ({"filter": "IsDeleted = FALSE"}, "no field IsDeleted"),
        ({"filter": "ChangeEventHeader.recordIds = '001'"}, "lists cannot be asked"),
        ({"filter": "Industry IN ('a', 'b')"}, "operator IN is not supported"),
        ({"filter": "Many__c INCLUDES ('a')"}, "operator INCLUDES is not supported"),
        ({"filter": "NumberOfEmployees > 1657093404000"}, "A number format error occurred"),
        ({"filter": " OR ".join(f"{name} = null" for name in (
            "Name", "Phone", "Fax", "Site", "Sic", "Type", "Rating", "Industry", "Website", "OwnerId", "ParentId",
        ))}, "more than 10 fields"),
        ({"enriched": ["Long__c"]}, "Long__c is of a type"),
        ({"enriched": ["Twice__c"]}, "Twice__c is of a type"),
        ({"enriched": ["Owner.Name"]}, "Owner.Name"),
    ],
)  # fmt: skip
def test_what_changes_cannot_be_filtered_by_or_enriched_with(said: dict[str, Any], why: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(why)):
        of_accounts(**said)


def test_events_of_standard_volume_are_not_filtered() -> None:
    with pytest.raises(SchemaError, match="standard volume"):
        schema_of({"Some__chn": {"members": {"Old__e": {"filter": "Text__c = 'a'"}}}})


def test_a_compound_field_is_added_whole_and_a_reference_by_its_relationship() -> None:
    bus = Bus(schema=of_accounts(enriched=["BillingAddress", "Place__c", "Owner", "Phone"]))
    values = {
        "Name": "a",
        "BillingCity": "Rome",
        "BillingStreet": "S",
        "Place__Latitude__s": 1,
        "Place__Longitude__s": 2,
    }
    made = bus.save(Change("create", "Account", values))[0].id
    bus.save(Change("update", "Account", {"BillingStreet": None}, id=made))
    bus.save(Change("delete", "Account", id=made))
    _, updated, deleted = changes(bus, "/data/Some__chn")
    place = {"Latitude": 1.0, "Longitude": 2.0}
    assert updated["BillingAddress"] == {"Street": None, "City": "Rome"}
    assert updated["ChangeEventHeader"]["changedFields"] == ["BillingAddress.Street", "LastModifiedDate"]
    assert deleted.keys() == {"ChangeEventHeader", "BillingAddress", "Place__c", "OwnerId"}, "the phone is blank"
    assert (deleted["BillingAddress"], updated["Place__c"], deleted["Place__c"]) == ({"City": "Rome"}, place, place)


def test_extra_fields_are_told_as_they_are_when_an_event_is_replayed() -> None:
    bus = Bus(schema=of_accounts(enriched=["Industry", "Site"]))
    made = bus.save(Change("create", "Account", {"Name": "a", "Industry": "Energy"}))[0].id
    bus.save(Change("update", "Account", {"Site": "s"}, id=made))
    assert [(one["Industry"], one["Site"]) for one in changes(bus, "/data/Some__chn")[1:]] == [("Energy", "s")]
    bus.save(Change("update", "Account", {"Industry": "Media", "Site": "t"}, id=made))
    told = [(one["Industry"], one["Site"]) for one in changes(bus, "/data/Some__chn")[1:]]
    assert told == [("Media", "s"), ("Media", "t")], "what the event itself is about stays"


def test_records_that_changed_alike_are_told_of_one_by_one_where_a_channel_enriches_or_filters() -> None:
    """Each may have another value, an external id above all."""
    for said in ({"enriched": ["Code__c"]}, {"filter": "Code__c != 'b'"}):
        bus = Bus(schema=of_accounts(**said))
        made = [bus.save(Change("create", "Account", {"Name": "x", "Code__c": code}))[0].id for code in "ab"]
        bus.save(*(Change("update", "Account", {"Phone": "1"}, id=one) for one in made))
        told = [one for one in changes(bus, "/data/Some__chn") if one["ChangeEventHeader"]["changeType"] == "UPDATE"]
        found = [(one["ChangeEventHeader"]["recordIds"], one["Code__c"]) for one in told]
        assert found == [([one], code) for one, code in zip(made, "ab", strict=True)][: len(told)]
        assert len(told) == (2 if "enriched" in said else 1)
        own = changes(bus, "/data/AccountChangeEvent")
        assert [one["ChangeEventHeader"]["recordIds"] for one in own[2:]] == [[made[0]], [made[1]]]


def test_events_of_many_records_that_lie_there_already_are_parted_by_a_filter() -> None:
    bus = Bus(schema=of_accounts())
    made = [bus.save(Change("create", "Account", {"Name": "x", "Industry": one}))[0].id for one in ("Energy", "Media")]
    bus.save(*(Change("update", "Account", {"Phone": "1"}, id=one) for one in made))
    bus.save(selection("Late__chn", "AccountChangeEvent", filterExpression="Industry = 'Energy'"))
    (last,) = [one for one in changes(bus, "/data/Late__chn") if one["ChangeEventHeader"]["changeType"] == "UPDATE"]
    assert (last["ChangeEventHeader"]["recordIds"], last["Industry"]) == ([made[0]], "Energy")


class Undone(Exception):
    """Ends a transaction."""


def selection(channel: str, entity: str, **more: str) -> Change:
    said = {"eventChannel": channel, "selectedEntity": entity, **more}
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


def test_what_one_member_has_is_not_passed_over_for_what_another_has_later() -> None:
    """Of three events at a time one member has some that nobody wants before the one that is wanted."""
    bus = Bus(schema=schema_of({"Some__chn": {"members": {"After__e": {"filter": "Number__c > 5"}, "Old__e": {}}}}))
    for name, number in (("After__e", 1), ("Old__e", 2), ("After__e", 1), ("Old__e", 4), ("After__e", 1)):
        bus.save(event(name, str(number), **({"Number__c": number} if name == "After__e" else {})))
    bus.save(event("After__e", "wanted", Number__c=9))
    bus.save(event("Old__e", "last"))
    channel = bus.org.events.find(bus.who, "/event/Some__chn")
    found, at = [], 0
    while part := bus.org.events.after(channel, at, 3):
        found += [one.payload["Text__c"] for one in part]
        at = part[-1].replay_id
    assert found == ["2", "4", "wanted", "last"]


def test_a_gap_says_no_more_than_that_there_is_one() -> None:
    members = {"Account": {"enriched": ["Industry"]}}
    bus = Bus(schema=schema_of({"Some__chn": {"type": "data", "members": members}}))
    bus.org.captured.most_changes = 1
    bus.save(*[Change("create", "Account", {"Name": one, "Industry": "Energy"}) for one in "ab"])
    told = changes(bus, "/data/Some__chn")[-1]
    assert told["ChangeEventHeader"]["changeType"] == "GAP_OVERFLOW"
    assert set(told) == {"ChangeEventHeader"}
