"""What is told of changes: which, to whom, in which form, whichever way they were made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mock_server.org.events import NoChannel
from mock_server.org.events.changes import bitmaps, gap_of
from mock_server.org.records import database
from mock_server.org.records.changes import Change
from mock_server.org.records.conversion import LeadConvert, convert
from mock_server.org.records.merging import changes as merging
from mock_server.org.schema import Schema
from tests.org.events.changes.conftest import Capturing, body, header

Make = Callable[..., Capturing]


class Undone(Exception):
    """Leaves a transaction."""


def test_a_creation_tells_all_fields_that_have_a_value(capturing: Make) -> None:
    org = capturing("Shop__c")
    made = org.made("Shop__c", Name="A", At__c="2026-02-01T10:00:00Z", Place__Latitude__s=1, Place__Longitude__s=2)
    (event,) = org.on()
    assert event.name == "Shop__ChangeEvent"
    assert event.schema_id == org.org.events.changes.type_of("Shop__c").schema_id
    said = header(event)
    key = said.pop("transactionKey")
    assert [len(part) for part in key.split("-")] == [8, 4, 4, 4, 12]
    assert said == {
        "entityName": "Shop__c", "recordIds": [made], "changeType": "CREATE", "changeOrigin": "", "sequenceNumber": 1,
        "commitTimestamp": 1_772_000_000_000, "commitNumber": said["commitNumber"], "commitUser": org.who.user_id,
        "changedFields": [],
    }  # fmt: skip
    at, user = "2026-02-25T06:13:20.000Z", org.who.user_id
    assert body(event) == {
        "OwnerId": user, "Name": "A", "CreatedDate": at, "CreatedById": user, "LastModifiedDate": at,
        "LastModifiedById": user, "On__c": False, "At__c": "2026-02-01T10:00:00.000Z",
        "Place__c": {"Latitude": 1.0, "Longitude": 2.0}, "Total__c": 0.0,
    }  # fmt: skip


def test_an_update_tells_what_has_really_changed(capturing: Make) -> None:
    org = capturing("Account")
    made = org.made("Account", Name="A", Phone="1", BillingCity="X", BillingStreet="Y", Industry="Energy")
    org.update("Account", made, Name="A", Phone="2", BillingCity="Z", Industry=None)
    event = org.on()[-1]
    assert header(event)["changeType"] == "UPDATE"
    assert header(event)["changedFields"] == ["BillingAddress.City", "Phone", "Industry", "LastModifiedDate"]
    assert body(event) == {
        "BillingAddress": {"City": "Z"}, "Phone": "2", "Industry": None,
        "LastModifiedDate": "2026-02-25T06:13:21.000Z",
    }  # fmt: skip


def test_a_changed_name_is_nested(capturing: Make) -> None:
    org = capturing("Contact")
    made = org.made("Contact", LastName="A", FirstName="F")
    org.update("Contact", made, LastName="B")
    created, updated = org.on("ContactChangeEvent")
    assert body(created)["Name"] == {"FirstName": "F", "LastName": "A"}
    assert body(updated)["Name"] == {"LastName": "B"}
    assert header(updated)["changedFields"] == ["Name.LastName", "LastModifiedDate"]


def test_of_a_custom_geolocation_all_is_told(capturing: Make) -> None:
    org = capturing("Shop__c")
    made = org.made("Shop__c", Place__Latitude__s=1, Place__Longitude__s=2)
    org.update("Shop__c", made, Place__Latitude__s=3, Place__Longitude__s=2)
    assert body(org.on()[-1])["Place__c"] == {"Latitude": 3.0, "Longitude": 2.0}


def test_of_a_custom_geolocation_all_is_told_where_only_a_part_was_sent(capturing: Make) -> None:
    org = capturing("Shop__c")
    made = org.made("Shop__c", Place__Latitude__s=1, Place__Longitude__s=2)
    org.update("Shop__c", made, Place__Latitude__s=3, Size__c=4)
    told = org.on()[-1]
    assert (body(told)["Place__c"], body(told)["Size__c"]) == ({"Latitude": 3.0, "Longitude": 2.0}, 4.0)
    assert header(told)["changedFields"][-2:] == ["Place__c.Latitude", "Place__c.Longitude"]
    with org.org.transaction():
        org.update("Shop__c", made, Place__Latitude__s=5)
        org.update("Shop__c", made, Place__Latitude__s=3)
        org.update("Shop__c", made, Place__Longitude__s=7)
    assert body(org.on()[-1])["Place__c"] == {"Latitude": 3.0, "Longitude": 7.0}


def test_of_a_geolocation_of_a_standard_object_what_changed_is_told() -> None:
    schema = Schema()
    schema.add({}, {"Account": {"Place__c": {"type": "location"}}})
    org = Capturing("Account", schema=schema)
    made = org.made("Account", Name="a", Place__Latitude__s=1, Place__Longitude__s=2)
    org.update("Account", made, Place__Latitude__s=3)
    assert body(org.on()[-1])["Place__c"] == {"Latitude": 3.0}


def test_a_new_price_is_told_without_who_made_it_and_when(capturing: Make) -> None:
    org = capturing("PricebookEntry")
    product = org.made("Product2", Name="p")
    books = "SELECT Id FROM Pricebook2 WHERE IsStandard = true"
    (book,) = org.org.query(org.who, books, base="").records
    made = org.made("PricebookEntry", Product2Id=product, Pricebook2Id=book["Id"], UnitPrice=5)
    org.update("PricebookEntry", made, UnitPrice=6)
    created, updated = org.on()
    assert created.payload["UnitPrice"] == 5.0
    assert not created.payload.keys() & {"CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById"}
    assert updated.payload.keys() == {"ChangeEventHeader", "UnitPrice", "LastModifiedDate"}


def test_of_preferences_those_are_told_that_are_chosen(capturing: Make) -> None:
    org = capturing("User")
    profile = org.org.directory.default_user.profile_id
    values = {
        "Username": "olga@acme.test", "LastName": "Brown", "Email": "olga@acme.test", "Alias": "o", "TimeZoneSidKey": "GMT",
        "CommunityNickname": "o", "LocaleSidKey": "en_US", "EmailEncodingKey": "UTF-8", "LanguageLocaleKey": "en_US",
        "ProfileId": profile, "UserPreferencesSortFeedByComment": True, "UserPreferencesActivityRemindersPopup": True,
    }  # fmt: skip
    made = org.made("User", **values)
    org.update("User", made, Title="Dr", UserPreferencesSortFeedByComment=True)
    org.update("User", made, UserPreferencesDisableLikeEmail=True)
    chosen = ("SortFeedByComment", "ActivityRemindersPopup", "DisableLikeEmail")
    org.update("User", made, **{f"UserPreferences{name}": False for name in chosen})
    created, titled, further, none = org.on()
    assert created.payload["UserPreferences"] == ["ActivityRemindersPopup", "SortFeedByComment"]
    assert not any(name.startswith(("UserPreferencesS", "UserPermissions", "EmailPref")) for name in created.payload)
    assert "UserPreferences" not in titled.payload
    assert sorted(further.payload["UserPreferences"]) == sorted(chosen)
    assert header(further)["changedFields"] == ["LastModifiedDate", "UserPreferences"]
    assert none.payload["UserPreferences"] is None
    codec = org.org.events.codecs.of_event("UserChangeEvent")
    for event in (created, titled, further, none):
        told = codec.decode(codec.encode(event.payload))
        assert told["UserPreferences"] == event.payload.get("UserPreferences")
    assert bitmaps.decode(codec.schema, told["ChangeEventHeader"]["nulledFields"]) == ["UserPreferences"]


def test_another_user_who_changes_it_is_told(capturing: Make) -> None:
    org = capturing("Account")
    made = org.made("Account", Name="A")
    other = org.org.write(org.who, [Change("update", "Account", {"Name": "B"}, id=made)], all_or_none=False)
    assert other[0].success
    assert "LastModifiedById" not in body(org.on()[-1])


def test_a_deletion_tells_its_header_and_an_undeletion_everything(capturing: Make) -> None:
    org = capturing("Shop__c")
    made = org.made("Shop__c", Name="A", Size__c=3)
    org.save(Change("delete", "Shop__c", id=made))
    org.save(Change("undelete", "Shop__c", id=made))
    _, deleted, undeleted = org.on()
    assert (header(deleted)["changeType"], body(deleted)) == ("DELETE", {})
    assert header(undeleted)["changeType"] == "UNDELETE"
    assert header(undeleted)["changedFields"] == []
    assert (body(undeleted)["Name"], body(undeleted)["Size__c"]) == ("A", 3.0)
    assert "Twice__c" not in body(undeleted)


def test_each_undeletion_is_told_by_itself_as_each_creation_is(capturing: Make) -> None:
    org = capturing("Account")
    made = [str(one.id) for one in org.save(*[Change("create", "Account", {"Name": "A"}) for _ in range(2)])]
    org.save(*[Change("delete", "Account", id=one) for one in made])
    org.save(*[Change("undelete", "Account", id=one) for one in made])
    told = [(header(one)["changeType"], header(one)["recordIds"]) for one in org.on()[2:]]
    assert told == [("DELETE", made), ("UNDELETE", made[:1]), ("UNDELETE", made[1:])]


def test_who_is_erased_is_not_told_of(capturing: Make) -> None:
    org = capturing("Account")
    made = org.made("Account", Name="A")
    org.save(Change("delete", "Account", id=made))
    org.news()
    org.save(Change("erase", "Account", id=made))
    assert org.told() == []


def test_records_that_changed_alike_are_told_of_once(capturing: Make) -> None:
    org = capturing("Account")
    results = org.save(*[Change("create", "Account", {"Name": name}) for name in "AABC"])
    ids = [str(one.id) for one in results]
    assert [header(event)["recordIds"] for event in org.news()] == [[one] for one in ids]
    cities = ["X", "X", "Y", "X"]
    org.save(
        *[Change("update", "Account", {"BillingCity": city}, id=one) for one, city in zip(ids, cities, strict=True)]
    )
    events = org.news()
    assert [header(event)["recordIds"] for event in events] == [[ids[0], ids[1], ids[3]], [ids[2]]]
    assert [header(event)["sequenceNumber"] for event in events] == [1, 2]
    assert len({header(event)["transactionKey"] for event in events}) == 1
    org.save(*[Change("delete", "Account", id=one) for one in ids])
    assert org.told() == [("Account", "DELETE", ids)]


def test_each_save_is_a_transaction_of_its_own(capturing: Make) -> None:
    org = capturing("Account")
    for name in "AB":
        org.made("Account", Name=name)
    one, two = map(header, org.on())
    assert one["transactionKey"] != two["transactionKey"]
    assert one["commitNumber"] < two["commitNumber"]
    assert (one["sequenceNumber"], two["sequenceNumber"]) == (1, 1)


def test_what_is_done_together_is_one_transaction(capturing: Make) -> None:
    org = capturing("Account", "Contact")
    with org.org.transaction():
        account = org.made("Account", Name="A")
        org.made("Contact", LastName="L", AccountId=account)
        org.update("Account", account, Name="B", Phone="1")
    first, second = org.on()
    assert body(first)["Name"] == "B", "a record that changes twice is told of once, as it is in the end"
    assert body(first)["Phone"] == "1"
    assert [header(event)["changeType"] for event in (first, second)] == ["CREATE", "CREATE"]
    assert header(first)["transactionKey"] == header(second)["transactionKey"]
    assert [header(event)["sequenceNumber"] for event in (first, second)] == [1, 2]


@pytest.mark.parametrize(
    ("steps", "kinds"),
    [
        (["create", "update"], ["CREATE"]),
        (["create", "delete"], []),
        (["update", "update"], ["UPDATE"]),
        (["update", "delete"], ["DELETE"]),
        (["delete", "undelete"], ["UNDELETE"]),
        (["delete", "undelete", "delete"], ["DELETE"]),
        (["update", "delete", "undelete", "update"], ["UNDELETE"]),
        (["create", "delete", "undelete"], ["CREATE"]),
        (["create", "delete", "undelete", "delete"], []),
    ],
)
def test_within_a_transaction_the_net_change_counts(capturing: Make, steps: list[Any], kinds: list[str]) -> None:
    org = capturing("Account")
    made = org.made("Account", Name="A") if steps[0] != "create" else ""
    org.news()
    with org.org.transaction():
        for number, step in enumerate(steps):
            if step == "create":
                made = org.made("Account", Name="A")
            else:
                values = {"Name": f"A{number}"} if step == "update" else {}
                org.save(Change(step, "Account", values, id=made))
    assert [kind for _, kind, _ in org.told()] == kinds


def test_what_is_rolled_back_was_never_there(capturing: Make) -> None:
    org = capturing("Account", "Contact")
    with pytest.raises(Undone), org.org.transaction():
        org.made("Account", Name="A")
        raise Undone
    results = org.save(Change("create", "Account", {"Name": "A"}), Change("create", "Contact", {}), all_or_none=True)
    assert not results[0].success
    assert org.on() == []
    results = org.save(Change("create", "Account", {"Name": "A"}), Change("create", "Contact", {}))
    assert [kind for _, kind, _ in org.told()] == ["CREATE"]


def test_what_is_not_captured_is_not_told(capturing: Make) -> None:
    org = capturing("Account")
    org.made("Contact", LastName="L")
    assert org.on() == []
    org.org.captured.remove("Account")
    org.made("Account", Name="A")
    assert org.on() == []
    assert org.on("ContactChangeEvent") == [], "one may subscribe to what nobody has chosen"


# -- each way of changing records


def test_details_that_go_with_their_master_and_masters_that_are_summed_up(capturing: Make) -> None:
    org = capturing("Shop__c", "Line__c")
    shop = org.made("Shop__c", Name="S")
    org.news()
    lines = [org.made("Line__c", Shop__c=shop, Price__c=price) for price in (2, 3)]
    events = org.news()
    assert [(header(one)["entityName"], header(one)["changeType"]) for one in events] == [
        ("Line__c", "CREATE"), ("Shop__c", "UPDATE"), ("Line__c", "CREATE"), ("Shop__c", "UPDATE"),
    ]  # fmt: skip
    assert body(events[3])["Total__c"] == 5.0
    assert header(events[3])["changedFields"] == ["LastModifiedDate", "Total__c"]
    assert header(events[3])["transactionKey"] == header(events[2])["transactionKey"]
    org.save(Change("delete", "Shop__c", id=shop))
    assert sorted(org.told()) == [("Line__c", "DELETE", lines), ("Shop__c", "DELETE", [shop])]
    org.save(Change("undelete", "Shop__c", id=shop))
    assert sorted(kind for _, kind, _ in org.told()) == ["UNDELETE", "UNDELETE", "UNDELETE"]


def test_a_reference_that_is_cut_loose_is_told(capturing: Make) -> None:
    org = capturing("Contact")
    account = org.made("Account", Name="A")
    other = org.made("Account", Name="B")
    report = org.made("Contact", LastName="L", AccountId=account, ReportsToId=org.made("Contact", LastName="Boss"))
    org.news()
    (boss,) = [one for one in org.org.commits() if one.verb == "create" and one.values.get("LastName") == "Boss"]
    org.save(Change("delete", "Contact", id=boss.id))
    told = org.news()
    updated = next(one for one in told if header(one)["changeType"] == "UPDATE")
    assert header(updated)["recordIds"] == [report]
    assert header(updated)["changedFields"] == ["ReportsToId"]
    assert body(updated) == {"ReportsToId": None}
    assert other


def test_a_merge_tells_of_the_master_and_of_those_that_went(capturing: Make) -> None:
    org = capturing("Account", "Contact")
    master, loser = org.made("Account", Name="A"), org.made("Account", Name="B")
    contact = org.made("Contact", LastName="L", AccountId=loser)
    org.news()
    org.save(*merging(org.org, "Account", master, {"Phone": "1"}, [loser]), all_or_none=True)
    told = org.news()
    by_kind = {(header(one)["entityName"], header(one)["changeType"]): one for one in told}
    assert body(by_kind["Account", "UPDATE"])["Phone"] == "1"
    assert header(by_kind["Account", "DELETE"])["recordIds"] == [loser]
    assert header(by_kind["Contact", "UPDATE"])["recordIds"] == [contact]
    assert body(by_kind["Contact", "UPDATE"]) == {"AccountId": master}
    assert len({header(one)["transactionKey"] for one in told}) == 1


@pytest.mark.parametrize(
    "captured",
    [
        ("Account", "Contact", "Opportunity", "Lead", "OpportunityContactRole", "Task"),
        ("Account", "Contact", "Opportunity", "Lead"),
        ("Account", "Lead", "Task"),
        ("Lead",),
    ],
)
def test_a_converted_lead_is_one_transaction(capturing: Make, captured: tuple[str, ...]) -> None:
    """What is not captured leaves gaps in the sequence ("Transaction-Based Replication Approach")."""
    org = capturing(*captured)
    lead = org.made("Lead", LastName="L", Company="C")
    org.made("Task", Subject="T", WhoId=lead)
    org.news()
    came = convert(org.org, org.who, LeadConvert(lead, "Closed - Converted"))
    assert came.success, came.errors
    told = [header(one) for one in org.news()]
    assert [(one["sequenceNumber"], one["entityName"], one["changeType"]) for one in told] == [
        (place, name, kind)
        for place, name, kind in (
            (1, "Account", "CREATE"), (2, "Contact", "CREATE"), (3, "Opportunity", "CREATE"), (4, "Lead", "UPDATE"),
            (5, "OpportunityContactRole", "CREATE"), (6, "Task", "UPDATE"),
        )
        if name in captured
    ]  # fmt: skip
    assert len({one["transactionKey"] for one in told}) == 1


def test_what_no_change_event_tells_of_is_not_counted(capturing: Make) -> None:
    org = capturing("Account")
    with org.org.transaction():
        org.made("Note", Title="n", ParentId=org.made("Account", Name="a"))
        org.made("Account", Name="b")
    assert [header(one)["sequenceNumber"] for one in org.on()] == [1, 2]


def test_loads_by_column_are_told_row_by_row_and_chunk_by_chunk(capturing: Make) -> None:
    org = capturing("Shop__c")
    columns = ["Code__c", "Name", "Size__c"]
    org.load("create", "Shop__c", columns, [(f"c{n}", f"S{n}", str(n)) for n in range(450)])
    created = org.news()
    assert len(created) == 450
    assert body(created[7])["Size__c"] == 7.0
    assert {body(one)["On__c"] for one in created} == {False}
    assert len({header(one)["transactionKey"] for one in created}) == 3
    assert [header(one)["sequenceNumber"] for one in created[199:202]] == [200, 1, 2]
    rows = [(f"c{n}", f"S{n}", str(n if n < 400 else n + 1)) for n in range(500)]
    org.load("upsert", "Shop__c", columns, rows, key_field="Code__c")
    told = org.news()
    sized = [one for one in told if "Size__c" in body(one) and header(one)["changeType"] == "UPDATE"]
    assert [body(one)["Size__c"] for one in sized] == [float(n + 1) for n in range(400, 450)]
    assert sum(header(one)["changeType"] == "CREATE" for one in told) == 50
    unchanged = [one for one in told if header(one)["changedFields"] == ["LastModifiedDate"]]
    assert [len(header(one)["recordIds"]) for one in unchanged] == [200, 200]


def test_a_load_that_is_still_being_written_is_what_was_there_before_the_next(
    capturing: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LARGE", 0)
    monkeypatch.setattr(database, "_LOOK_AFTER", 0)
    org = capturing("Contact")
    # Nothing is written behind that makes its table first.
    org.load("upsert", "Contact", ["Email", "LastName"], [("nobody@example.com", "Ada")], key_field="Email")
    org.news()
    for even, odd in (("1", "1"), ("1", "2"), ("", "3")):
        rows = [(f"c{n}@example.com", "Ada", odd if n % 2 else even) for n in range(400)]
        with org.org.behind():
            org.load("upsert", "Contact", ["Email", "LastName", "Phone"], rows, key_field="Email")
        assert org.org.store.beside is not None
    told = [(header(one)["changeType"], len(header(one)["recordIds"]), body(one).get("Phone")) for one in org.news()]
    changed = [[("UPDATE", 100, None), ("UPDATE", 100, phone)] * 2 for phone in "23"]
    assert told == [*[("CREATE", 1, "1")] * 400, *changed[0], *changed[1]]


# -- gaps


def test_an_event_that_is_too_large_leaves_a_gap(capturing: Make) -> None:
    org = capturing("Line__c", "Account")
    shop = org.made("Shop__c")
    many = {f"T{n}__c": {"type": "longtextarea", "length": 131072} for n in range(8)}
    org.org.schema.add({}, {"Line__c": many})
    text = "\u00e4" * 100_000
    org.news()
    line = org.made("Line__c", Shop__c=shop, **dict.fromkeys(many, text))
    (event,) = org.news()
    assert (header(event)["changeType"], header(event)["recordIds"], body(event)) == ("GAP_CREATE", [line], {})
    org.update("Line__c", line, T0__c="short")
    (event,) = org.news()
    assert body(event)["T0__c"] == "short"


def test_beyond_many_changes_it_is_only_told_that_there_were_more(capturing: Make) -> None:
    org = capturing("Account", "Contact")
    org.org.captured.most_changes = 5
    with org.org.transaction():
        org.save(*[Change("create", "Account", {"Name": str(n)}) for n in range(4)])
        org.save(*[Change("create", "Contact", {"LastName": str(n)}) for n in range(4)])
    events = org.news()
    assert [(header(one)["entityName"], header(one)["changeType"]) for one in events] == [
        *[("Account", "CREATE")] * 4, ("Contact", "CREATE"), ("Contact", "GAP_OVERFLOW"),
    ]  # fmt: skip
    assert header(events[-1])["recordIds"] == ["000000000000000AAA"]
    assert body(events[-1]) == {}


def test_of_an_update_each_field_counts(capturing: Make) -> None:
    org = capturing("Account")
    results = org.save(*[Change("create", "Account", {"Name": str(n)}) for n in range(3)])
    org.news()
    org.org.captured.most_changes = 6
    org.save(*[
        Change("update", "Account", {"Name": f"{n}x", "Phone": str(n)}, id=one.id) for n, one in enumerate(results)
    ])  # fmt: skip
    assert [kind for _, kind, _ in org.told()] == ["UPDATE", "UPDATE", "GAP_OVERFLOW"]


def test_a_gap_stands_for_an_event(capturing: Make) -> None:
    org = capturing("Account")
    made = org.made("Account", Name="A")
    (event,) = org.on()
    gap = gap_of(event)
    assert header(gap) == {**header(event), "changeType": "GAP_CREATE"}
    assert (body(gap), gap.replay_id, header(gap)["recordIds"]) == ({}, event.replay_id, [made])
    assert header(gap_of(gap)) == header(gap), "it stands for itself"


# -- channels


@pytest.mark.parametrize(
    "name", ["AccountChange", "NopeChangeEvent", "accountChangeEvent", "ApexClassChangeEvent", "Nope__ChangeEvent", ""]
)
def test_there_is_no_channel_of_what_has_no_change_events(capturing: Make, name: str) -> None:
    org = capturing("Account")
    with pytest.raises(NoChannel):
        org.on(name)


def test_a_channel_of_one_object_has_its_events_alone_with_the_same_replay_ids(capturing: Make) -> None:
    org = capturing("Account", "Contact")
    with org.org.transaction():
        org.made("Account", Name="A")
        org.made("Contact", LastName="L")
        org.made("Account", Name="B")
    both = org.on()
    assert [one.replay_id for one in org.on("ContactChangeEvent")] == [both[1].replay_id]
    assert [one.replay_id for one in org.on("AccountChangeEvent")] == [both[0].replay_id, both[2].replay_id]
    assert org.on("AccountChangeEvent", since=both[0].replay_id)[0].replay_id == both[2].replay_id


def test_events_are_read_in_pieces(capturing: Make) -> None:
    org = capturing("Account")
    org.save(*[Change("create", "Account", {"Name": str(n)}) for n in range(150)])
    channel = org.org.events.find(org.who, "/data/ChangeEvents")
    seen, since = [], 0
    while events := org.org.events.after(channel, since, 40):
        assert len(events) <= 40
        seen += [body(event)["Name"] for event in events]
        since = events[-1].replay_id
    assert seen == [str(n) for n in range(150)]


def test_events_are_retained_for_three_days(capturing: Make) -> None:
    org = capturing("Account")
    org.made("Account", Name="A")
    org.org.clock.advance(72 * 3600 - 2)
    assert len(org.on()) == 1
    org.org.clock.advance(2)
    assert org.on() == []


def test_what_nobody_reads_is_let_go(capturing: Make) -> None:
    org = capturing("Account")
    for _ in range(3):
        org.save(*[Change("create", "Account", {"Name": str(n)}) for n in range(150)])
        org.org.clock.advance(80 * 3600)
    channel = org.org.events.channels["/data/AccountChangeEvent"]
    assert len(channel) == 150
    assert len(org.org.events._ids) == 150


def test_an_overflow_within_one_save_comes_last(capturing: Make) -> None:
    org = capturing("Account")
    org.org.captured.most_changes = 2
    org.save(*[Change("create", "Account", {"Name": str(n)}) for n in range(4)])
    assert [(kind, len(ids)) for _, kind, ids in org.told()] == [("CREATE", 1), ("CREATE", 1), ("GAP_OVERFLOW", 1)]


def test_who_listens_is_woken_once_a_commit(capturing: Make) -> None:
    org = capturing("Account")
    woken = []
    org.org.events.listen(lambda: woken.append(len(org.on())))
    org.save(*[Change("create", "Account", {"Name": str(n)}) for n in range(3)])
    assert woken == [3]
