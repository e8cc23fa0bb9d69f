"""Hooks on platform events run once these are published, apart from whoever published them."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest

from mock_server.org.automation import HookError
from mock_server.org.records.changes import Change
from tests.org.events.conftest import Bus, contact, event


def contacts(bus: Bus) -> list[str]:
    page = bus.org.query(bus.who, "SELECT LastName FROM Contact ORDER BY Id", base="")
    return [record["LastName"] for record in page.records]


def follow(bus: Bus, work: Any, name: str = "After__e") -> None:
    bus.org.automation.add(name, "insert", at="after", work=work, name="Follow")


def test_a_trigger_sees_what_was_published(bus: Bus) -> None:
    seen: list[Any] = []
    follow(bus, lambda trigger: seen.extend((one["Text__c"], one["EventUuid"], one["ReplayId"]) for one in trigger.new))
    results = bus.save(*[event("After__e", str(number)) for number in range(3)])
    published = bus.on("After__e")
    assert seen == [
        (str(n), result.enqueued, str(one.replay_id))
        for n, (result, one) in enumerate(zip(results, published, strict=True))
    ]


def test_a_trigger_saves_apart_from_who_published(bus: Bus) -> None:
    follow(bus, lambda trigger: trigger.org.insert("Contact", [{"LastName": one["Text__c"]} for one in trigger.new]))
    bus.save(event("After__e", "a"))
    assert contacts(bus) == ["a"]


def test_a_trigger_that_fails_undoes_its_own_and_goes_on_with_the_next(bus: Bus) -> None:
    def work(trigger: Any) -> None:
        trigger.org.insert("Contact", [{"LastName": one["Text__c"]} for one in trigger.new])
        if any(one["Text__c"] == "bad" for one in trigger.new):
            raise ValueError("no")

    follow(bus, work)
    assert [bus.save(event("After__e", text))[0].success for text in ("a", "bad", "b")] == [True] * 3
    assert contacts(bus) == ["a", "b"]
    assert bus.texts("After__e") == ["a", "bad", "b"]
    (row,) = bus.org.query(
        bus.who, "SELECT Name, Topic, Type, Position, Status, LastError FROM EventBusSubscriber", base=""
    ).records
    assert (row["Name"], row["Topic"], row["Type"], row["Status"]) == ("Follow", "After__e", "ApexTrigger", "Running")
    assert row["Position"] == bus.on("After__e")[-1].replay_id
    assert row["LastError"] is None


def test_many_events_come_in_batches_of_2000(bus: Bus) -> None:
    sizes: list[int] = []
    follow(bus, lambda trigger: sizes.append(trigger.size))
    with bus.org.transaction():
        for _ in range(21):
            bus.save(*[event("After__e", "x")] * 0, *[event("After__e", str(n)) for n in range(200)])
    assert sizes == [2_000, 2_000, 200]


def test_triggers_that_trigger_themselves_come_to_an_end(bus: Bus) -> None:
    def work(trigger: Any) -> None:
        trigger.org.insert("After__e", [{"Text__c": str(int(one["Text__c"]) + 1)} for one in trigger.new])

    follow(bus, work)
    bus.save(event("After__e", "0"))
    assert 900 < len(bus.on("After__e")) < 1_100


@pytest.mark.parametrize(("at", "on"), [("before", "insert"), ("after", "update"), ("after", ["insert", "delete"])])
def test_events_have_triggers_after_insert_alone(bus: Bus, at: str, on: Any) -> None:
    with pytest.raises(HookError, match="after insert alone"):
        bus.org.automation.add("After__e", on, at=at, work=print)


def test_a_rolled_back_event_triggers_nothing(bus: Bus) -> None:
    seen: list[int] = []
    follow(bus, lambda trigger: seen.append(trigger.size))
    bus.save(event("After__e", "a"), contact(None), all_or_none=True)
    assert seen == []


# -- of change events


def capturing(*names: str) -> Bus:
    bus = Bus()
    for name in names:
        bus.org.captured.add(name)
    return bus


def test_a_trigger_of_changes_sees_records_flat_and_what_is_said_of_them() -> None:
    bus, seen = capturing("Contact"), []

    def work(trigger: Any) -> None:
        for one in trigger.new:
            said = one["ChangeEventHeader"]
            seen.append((said["changeType"], said["nulledFields"], one["LastName"], one["MailingCity"], one["Phone"]))
            assert one["ReplayId"] == str(bus.org.events.last)
            assert one["IsEmailBounced"] in (None, False)

    follow(bus, work, "ContactChangeEvent")
    made = bus.save(Change("create", "Contact", {"LastName": "a", "MailingCity": "Rome", "Phone": "1"}))[0].id
    bus.save(Change("update", "Contact", {"MailingCity": None, "Phone": "2"}, id=made))
    bus.save(Change("delete", "Contact", id=made))
    assert seen == [
        ("CREATE", [], "a", "Rome", "1"),
        ("UPDATE", ["MailingAddress.City"], None, None, "2"),
        ("DELETE", [], None, None, None),
    ]
    (row,) = bus.org.query(bus.who, "SELECT Topic, Position, Tip FROM EventBusSubscriber", base="").records
    assert (row["Topic"], row["Position"], row["Tip"]) == ("ContactChangeEvent", bus.org.events.last, -1)


def test_a_trigger_of_changes_runs_behind_the_transaction_and_is_not_told_of_what_was_rolled_back() -> None:
    bus, seen = capturing("Account", "Contact"), []

    def work(trigger: Any) -> None:
        assert not bus.org.store.busy or trigger.org is not None
        seen.append([one["ChangeEventHeader"]["sequenceNumber"] for one in trigger.new])
        if len(seen) < 3:
            trigger.org.insert("Contact", [{"LastName": "made by it"}])

    follow(bus, work, "ContactChangeEvent")
    with suppress(ZeroDivisionError), bus.org.transaction():
        bus.save(contact("gone"))
        raise ZeroDivisionError
    assert seen == []
    with bus.org.transaction():
        bus.save(Change("create", "Account", {"Name": "a"}), contact("b"))
        bus.save(contact("c"))
        assert seen == []
    assert seen == [[2, 3], [1], [1]]
    assert contacts(bus) == ["b", "c", "made by it", "made by it"]


def test_of_an_object_that_is_not_captured_no_trigger_is_told() -> None:
    bus, seen = capturing("Account"), []
    follow(bus, seen.append, "ContactChangeEvent")
    bus.save(contact("a"), Change("create", "Account", {"Name": "a"}))
    assert seen == []


def test_gaps_and_overflows_are_events_for_a_trigger_too() -> None:
    bus, seen = capturing("Contact"), []
    bus.org.captured.most_changes = 1
    follow(bus, lambda trigger: seen.extend(one["ChangeEventHeader"]["changeType"] for one in trigger.new),
           "ContactChangeEvent")  # fmt: skip
    bus.save(contact("a"), contact("b"), contact("c"))
    assert seen == ["CREATE", "GAP_OVERFLOW"]


@pytest.mark.parametrize(("on", "at", "key"), [("update", "after", "on"), ("insert", "before", "at")])
def test_hooks_of_change_events_run_after_insert_alone(on: str, at: str, key: str) -> None:
    with pytest.raises(HookError, match="is a change event") as wrong:
        capturing().org.automation.add("AccountChangeEvent", on, at=at, work=lambda trigger: None)
    assert wrong.value.path == (key,)
