"""How many events an org may publish an hour, and how large one may be."""

from __future__ import annotations

import pytest

from mock_server.org.schema import Schema
from tests.org.events.conftest import Bus, event


@pytest.mark.parametrize(
    ("name", "limit"),
    [("After__e", "HourlyPublishedPlatformEvents"), ("Old__e", "HourlyPublishedStandardVolumePlatformEvents")],
)
def test_events_beyond_the_hour_s_allocation_fail_by_themselves(bus: Bus, name: str, limit: str) -> None:
    bus.org.limits.set(limit, remaining=3)
    results = bus.save(*[event(name, str(number)) for number in range(5)])
    assert [one.success for one in results] == [True, True, True, False, False]
    (error,) = results[3].errors
    assert (error.code, error.message) == (
        "LIMIT_EXCEEDED", "You have exceeded the hourly event publishing limit for your org.",
    )  # fmt: skip
    assert bus.texts(name) == ["0", "1", "2"]
    bus.org.clock.advance(3601)
    assert bus.save(event(name, "later"))[0].success


def test_what_waits_for_its_commit_counts_and_what_is_undone_does_not(bus: Bus) -> None:
    bus.org.limits.set("HourlyPublishedPlatformEvents", remaining=2)
    with pytest.raises(ZeroDivisionError), bus.org.transaction():
        bus.save(event("After__e", "a"))
        bus.save(event("After__e", "b"))
        assert not bus.save(event("After__e", "c"))[0].success
        raise ZeroDivisionError
    assert bus.org.limits.ledger("HourlyPublishedPlatformEvents").remaining == 2
    bus.save(event("Now__e", "a"))
    assert bus.org.limits.ledger("HourlyPublishedPlatformEvents").remaining == 1


def test_an_event_of_more_than_a_megabyte_is_refused_alone() -> None:
    schema = Schema()
    fields = {f"Long{number}__c": {"type": "longtextarea", "length": 131_072} for number in range(9)}
    schema.add({"Large__e": {"fields": {"Text__c": {"type": "text"}, **fields}}}, {})
    bus = Bus(schema=schema)
    whole = dict.fromkeys(fields, "x" * 131_072)
    results = bus.save(event("Large__e", "a", **whole), event("Large__e", "b", Long0__c="é" * 131_072))
    assert [one.success for one in results] == [False, True]
    assert (results[0].errors[0].code, bus.texts("Large__e")) == ("LIMIT_EXCEEDED", ["b"])
