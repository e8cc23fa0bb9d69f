"""Hooks on platform events run once these are published, apart from whoever published them."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.automation import HookError
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
