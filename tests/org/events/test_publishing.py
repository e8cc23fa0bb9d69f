"""When an event is published: after the commit, or at once; and never of what was rolled back, or not written."""

from __future__ import annotations

from typing import Any

import pytest

from mock_server.org.events import NoChannel
from mock_server.org.jobs import scheduler
from mock_server.org.records import behind
from mock_server.org.records.changes import Change, LockHeld
from tests.org.events.conftest import Bus, contact, event
from tests.org.jobs.test_ingesting import begin, org_of, run
from tests.org.jobs.test_unwritten import CONTENT, ROWS, Disk, finish


class Undone(Exception):
    """Leaves a transaction."""


def test_a_row_is_an_event_and_no_record(bus: Bus) -> None:
    (result,) = bus.save(event("After__e", "a", Number__c=2))
    assert result.success
    assert result.id is not None
    assert result.id.startswith("e0")
    (seen,) = bus.on("After__e")
    assert seen.payload == {
        "CreatedDate": "2026-02-25T06:13:20.000Z", "CreatedById": bus.who.user_id, "Text__c": "a", "Number__c": 2.0,
    }  # fmt: skip
    assert seen.uuid == result.enqueued
    assert seen.told == {"EventUuid": result.enqueued, "EventApiName": "After__e"}
    assert "After__e" not in bus.org.store.used()
    assert list(bus.org.commits()) == []


@pytest.mark.parametrize(("said", "told"), [({}, True), ({"Open__c": None}, False), ({"Open__c": False}, False)])
def test_a_field_that_is_left_out_has_its_default(bus: Bus, said: dict[str, Any], told: bool) -> None:
    fields = {"Open__c": {"type": "checkbox", "default": True}, "Shut__c": {"type": "checkbox"}}
    bus.org.schema.add({"Set__e": {"fields": {**fields, "Text__c": {"type": "text", "default": "t"}}}}, {})
    assert bus.save(Change("create", "Set__e", said))[0].success
    (event,) = bus.on("Set__e")
    assert [event.payload[name] for name in ("Open__c", "Shut__c", "Text__c")] == [told, False, "t"]


def test_uuids_and_replay_ids_are_never_the_same(bus: Bus) -> None:
    results = [one for _ in range(5) for one in bus.save(*[event("After__e", str(n)) for n in range(100)])]
    seen = bus.on("After__e")
    assert [one.uuid for one in seen] == [one.enqueued for one in results]
    assert len({one.uuid for one in seen}) == len({one.replay_id for one in seen}) == 500
    assert [one.replay_id for one in seen] == sorted(one.replay_id for one in seen)


def test_a_wrong_row_publishes_nothing(bus: Bus) -> None:
    results = bus.save(event("After__e", "a"), event("After__e", "b", Nope__c=1), event("After__e", "c"))
    assert [one.success for one in results] == [True, False, True]
    assert bus.texts("After__e") == ["a", "c"]


@pytest.mark.parametrize("verb", ["update", "delete", "undelete", "hard_delete"])
def test_a_published_event_cannot_be_changed(bus: Bus, verb: Any) -> None:
    (made,) = bus.save(event("After__e", "a"))
    (result,) = bus.save(Change(verb, "After__e", {"Text__c": "b"} if verb == "update" else {}, id=made.id))
    assert [error.code for error in result.errors] == ["CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"]
    assert bus.texts("After__e") == ["a"]


def test_all_or_none_holds_for_what_is_published_after_the_commit(bus: Bus) -> None:
    results = bus.save(event("After__e", "a"), event("Now__e", "now"), contact(None), all_or_none=True)
    assert [one.success for one in results] == [False, True, False]
    assert results[0].errors[0].code == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert bus.texts("After__e") == []
    assert bus.texts("Now__e") == ["now"]


@pytest.mark.parametrize("depth", [1, 3])
def test_a_rolled_back_transaction_publishes_what_goes_out_at_once(bus: Bus, depth: int) -> None:
    def within(levels: int) -> None:
        with bus.org.transaction():
            bus.save(event("After__e", f"after {levels}"), event("Now__e", f"now {levels}"), contact())
            if levels > 1:
                within(levels - 1)
            # What is published may be seen before the transaction ends, but then not by anybody in this process.
            raise Undone

    with pytest.raises(Undone):
        within(depth)
    assert bus.texts("After__e") == []
    assert bus.texts("Now__e") == [f"now {level}" for level in range(depth, 0, -1)]
    bus.save(event("After__e", "next"))
    assert bus.texts("After__e") == ["next"]


def test_a_nested_transaction_that_is_undone_takes_its_events_with_it(bus: Bus) -> None:
    with bus.org.transaction():
        bus.save(event("After__e", "before"))
        with pytest.raises(Undone), bus.org.transaction():
            bus.save(event("After__e", "inside"))
            raise Undone
        bus.save(event("After__e", "behind"))
        assert bus.texts("After__e") == []
    assert bus.texts("After__e") == ["before", "behind"]


def test_who_met_a_lock_and_begins_anew_publishes_once(bus: Bus) -> None:
    for attempt in range(2):
        try:
            with bus.org.transaction():
                bus.save(event("Now__e", "x"))
                if attempt == 0:
                    raise LockHeld(1.0, ("003",))
        except LockHeld:
            continue
    assert bus.texts("Now__e") == ["x"]


def test_code_that_fails_publishes_what_goes_out_at_once(bus: Bus) -> None:
    def code(inner: Any) -> None:
        inner.insert("After__e", [{"Text__c": "a"}])
        inner.insert("Now__e", [{"Text__c": "n"}])
        raise Undone

    with pytest.raises(Undone):
        bus.org.run(bus.who, code, name="Code")
    assert (bus.texts("After__e"), bus.texts("Now__e")) == ([], ["n"])


def test_a_trigger_publishes_along_with_its_rows_and_once_when_they_are_tried_again(bus: Bus) -> None:
    def tell(trigger: Any) -> None:
        for record in trigger.new:
            trigger.org.insert("After__e", [{"Text__c": record["LastName"]}])
            if record["LastName"] == "bad":
                record.add_error("no")

    bus.org.automation.add("Contact", "insert", at="after", work=tell)
    results = bus.save(contact("a"), contact("bad"), contact("b"))
    assert [one.success for one in results] == [True, False, True]
    assert bus.texts("After__e") == ["a", "b"]


def test_watchers_are_told_of_committed_changes_alone(bus: Bus) -> None:
    told: list[list[str]] = []
    bus.org.events.on_commit(lambda batches: told.append([batch.sobject for batch in batches]))
    bus.save(contact())
    with pytest.raises(Undone), bus.org.transaction():
        bus.save(contact())
        raise Undone
    with bus.org.transaction():
        bus.save(contact())
        with pytest.raises(Undone), bus.org.transaction():
            bus.save(Change("create", "Account", {"Name": "x"}))
            raise Undone
        bus.save(Change("create", "Lead", {"LastName": "x", "Company": "y"}))
    assert told == [["Contact"], ["Contact", "Lead"]]


def test_nobody_watches_nothing_is_kept(bus: Bus) -> None:
    bus.save(contact())
    assert bus.org.log.fresh is None


@pytest.mark.parametrize("failing", [(), (2,), (1, 2)])
async def test_what_could_not_be_written_is_not_told(monkeypatch: pytest.MonkeyPatch, failing: tuple[int, ...]) -> None:
    """Blocks of jobs are written behind: what a watcher is told of is exactly what the log holds in the end."""
    monkeypatch.setattr(scheduler, "_WAIT", 0.0)
    monkeypatch.setattr(behind, "_finish", finish(Disk(*failing)))
    org, who = org_of()
    told: list[str] = []
    org.events.on_commit(lambda batches: told.extend(one for batch in batches for one in batch.ids))
    await run(begin(org, who, CONTENT))
    assert len(told) == ROWS
    assert told == [commit.id for commit in org.commits() if commit.sobject == "Contact"]
    org.close()


def test_channels_are_found_by_their_exact_name(bus: Bus) -> None:
    assert bus.org.events.find(bus.who, "/event/After__e").name == "/event/After__e"
    for name in ("/event/after__e", "/event/Nope__e", "/event/", "", "/event/Account", "/data/After__e", "After__e"):
        with pytest.raises(NoChannel):
            bus.org.events.find(bus.who, name)


def test_events_of_standard_volume_are_retained_for_a_day(bus: Bus) -> None:
    bus.save(event("Old__e", "x"), event("After__e", "x"))
    bus.org.clock.advance(24 * 3600)
    assert (len(bus.on("Old__e")), len(bus.on("After__e"))) == (0, 1)
    bus.org.clock.advance(48 * 3600)
    assert len(bus.on("After__e")) == 0
