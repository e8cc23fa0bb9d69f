"""Events outlive a restart, a snapshot and a reset as records do; replay ids are given out once."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from mock_server.org.events import UnknownReplay
from mock_server.org.events.managed import HELD, SlotTaken
from mock_server.org.records.changes import Change
from mock_server.org.schema import Schema
from mock_server.org.seeded import write_rows
from mock_server.org.tooling import objects
from tests.org.events.conftest import EVENTS, Bus, event


def opened(path: Path, **options: Any) -> Bus:
    return Bus(data=path / "org.db", **options)


def told(bus: Bus, name: str = "After__e") -> list[Any]:
    return [(one.replay_id, one.uuid, one.schema_id, one.at, dict(one.payload), dict(one.told)) for one in bus.on(name)]


def test_what_was_published_is_there_after_a_kill(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.save(event("After__e", "a"), event("Now__e", "n"), event("After__e", "b", Number__c=2))
    tip = first.org.events.start(first.org.events.find(first.who, "/event/After__e"), -1)
    before = told(first)
    # What a kill -9 leaves behind is what was written by now.
    first.org.store._let_go()
    again = opened(tmp_path)
    assert told(again) == before
    assert again.texts("Now__e") == ["n"]
    channel = again.org.events.find(again.who, "/event/After__e")
    assert again.org.events.start(channel, tip) == tip
    assert [one.payload["Text__c"] for one in again.org.events.after(channel, before[0][0], 9)] == ["b"]
    again.save(event("After__e", "c"))
    ids, uuids = zip(*[(one[0], one[1]) for one in told(again)], strict=True)
    assert ids[2] > tip
    assert len(set(uuids)) == 3
    again.org.close()


def test_a_replay_id_that_was_told_without_an_event_is_not_given_out_again(tmp_path: Path) -> None:
    first = opened(tmp_path)
    channel = first.org.events.find(first.who, "/event/After__e")
    tip = first.org.events.tip()
    first.org.store._let_go()
    again = opened(tmp_path)
    assert again.org.events.start(again.org.events.find(again.who, channel.name), tip) == tip
    again.save(event("After__e", "a"))
    assert again.on("After__e")[0].replay_id > tip
    again.org.close()


def test_schemas_of_kept_events_are_known_though_their_type_has_changed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.save(event("After__e", "a"))
    first.org.close()
    schema = Schema()
    fields = {**EVENTS["After__e"]["fields"], "More__c": {"type": "text"}}  # type: ignore[dict-item]
    schema.add({**EVENTS, "After__e": {"fields": fields}}, {})
    again = opened(tmp_path, schema=schema)
    again.save(event("After__e", "b"))
    old, new = again.on("After__e")
    codecs = again.org.events.codecs
    assert old.schema_id != new.schema_id
    assert [len(codecs.known(one.schema_id or "").schema["fields"]) for one in (old, new)] == [4, 5]  # type: ignore[union-attr]
    again.org.close()


@pytest.mark.parametrize(("name", "path"), [("After__e", "/event/After__e"), ("Account", "/data/AccountChangeEvent")])
def test_a_schema_that_was_renewed_stays_so(tmp_path: Path, name: str, path: str) -> None:
    def save(bus: Bus, text: str) -> None:
        bus.save(event(name, text) if name == "After__e" else Change("create", name, {"Name": text}))

    def ids(bus: Bus) -> list[str | None]:
        return [one.schema_id for one in bus.org.events.after(bus.org.events.find(bus.who, path), 0, 9)]

    def begun() -> Bus:
        bus = opened(tmp_path)
        bus.org.captured.add("Account")
        return bus

    first = begun()
    save(first, "a")
    save(first, "b")
    events = first.org.events
    events.renew_schema(events.after(events.find(first.who, path), 0, 9)[1])
    old, new = ids(first)
    assert old != new
    first.org.store._let_go()
    again = begun()
    assert ids(again) == [old, new]
    for one in (old, new):
        assert (known := again.org.events.codecs.known(one or "")) is not None
        assert known.schema_id == one
    save(again, "c")
    assert ids(again) == [old, new, new]
    again.org.restore(again.org.snapshot())
    again.org.store._let_go()
    last = begun()
    save(last, "d")
    assert ids(last) == [old, new, new, new]
    last.org.close()


def test_schemas_of_change_events_are_known_though_their_object_has_changed(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.org.captured.add("Account")
    first.save(Change("create", "Account", {"Name": "a"}))
    first.org.store._let_go()
    schema = Schema()
    schema.add({}, {"Account": {"More__c": {"type": "text"}}})
    again = opened(tmp_path, schema=schema)
    again.org.captured.add("Account")
    again.save(Change("create", "Account", {"Name": "b", "More__c": "m"}))
    bus = again.org.events
    old, new = bus.after(bus.find(again.who, "/data/AccountChangeEvent"), 0, 9)
    assert old.schema_id != new.schema_id
    codecs = [bus.codecs.known(one.schema_id or "") for one in (old, new)]
    assert [codec is not None and "More__c" in str(codec.schema) for codec in codecs] == [False, True]
    assert codecs[0] is not None
    again.org.close()


def test_a_schema_of_what_was_rolled_back_is_kept_with_what_is_published_next(tmp_path: Path) -> None:
    first = opened(tmp_path)
    connection = first.org.store.connection
    assert first.org.events.last == 0
    connection.execute("CREATE TEMP TRIGGER full BEFORE INSERT ON sf_events BEGIN SELECT RAISE(ABORT, 'no room'); END")
    with pytest.raises(sqlite3.Error, match="no room"):
        first.save(event("After__e", "a"))
    connection.execute("DROP TRIGGER full")
    first.save(event("After__e", "a"))
    first.org.store._let_go()
    schema = Schema()
    schema.add({"After__e": {"fields": {"Other__c": {"type": "text"}}}}, {})
    again = opened(tmp_path, schema=schema)
    (old,) = again.on("After__e")
    codec = again.org.events.codecs.known(old.schema_id or "")
    assert codec is not None
    assert "Text__c" in str(codec.schema)
    again.org.close()


def test_change_events_and_standard_volume_are_kept(tmp_path: Path) -> None:
    schema = Schema()
    schema.add(EVENTS, {}, {"channels": {"ChangeEvents": {"members": {"Account": {}}}}})
    first = opened(tmp_path, schema=schema)
    first.save(event("Old__e", "o"))
    first.save(Change("create", "Account", {"Name": "a"}))
    changed = first.org.events.after(first.org.events.find(first.who, "/data/ChangeEvents"), 0, 9)
    first.org.close()
    again = opened(tmp_path, schema=schema)
    found = again.org.events.after(again.org.events.find(again.who, "/data/AccountChangeEvent"), 0, 9)
    assert [dict(one.payload) for one in found] == [dict(one.payload) for one in changed]
    assert again.texts("Old__e") == ["o"]
    again.org.clock.advance(24 * 3600)
    assert again.texts("Old__e") == []
    again.org.close()


@pytest.mark.parametrize("kept", [False, True])
def test_a_snapshot_holds_the_events_and_no_replay_id_comes_twice(tmp_path: Path, kept: bool) -> None:
    bus = opened(tmp_path) if kept else Bus()
    bus.save(event("After__e", "a"))
    snapshot = bus.org.snapshot()
    before = told(bus)
    bus.save(event("After__e", "b"), event("Now__e", "n"))
    last = bus.org.events.last
    bus.org.restore(snapshot)
    assert told(bus) == before
    assert bus.on("Now__e") == []
    bus.save(event("After__e", "c"))
    assert bus.texts("After__e") == ["a", "c"]
    assert bus.on("After__e")[-1].replay_id > last
    bus.org.close()
    if kept:
        again = opened(tmp_path)
        assert again.texts("After__e") == ["a", "c"]
        again.org.close()


def test_what_is_retained_no_more_leaves_the_file(tmp_path: Path) -> None:
    bus = opened(tmp_path)
    for _ in range(10):
        bus.save(*[event("After__e", str(number)) for number in range(200)])
        bus.org.clock.advance(24 * 3600)
    (count,) = bus.org.store.connection.execute('SELECT COUNT(*) FROM "sf_events"').fetchone()
    assert count <= 5 * 200
    with pytest.raises(UnknownReplay):
        bus.org.events.start(bus.org.events.find(bus.who, "/event/After__e"), 1)
    bus.org.close()


def test_what_was_committed_outlives_a_restart_and_goes_back_with_a_snapshot(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.save(event("After__e", "a"), event("After__e", "b"))
    (one, two) = (told_of[0] for told_of in told(first))
    managed = first.org.events.managed
    managed.take("18x000000000001AAA")(False)
    managed.commit("18x000000000001AAA", one, two)
    first.org.store._let_go()
    again = opened(tmp_path)
    managed = again.org.events.managed
    assert managed.committed("18x000000000001AAA") == one
    snapshot = again.org.snapshot()
    managed.take("18x000000000001AAA")(False)
    managed.commit("18x000000000001AAA", two, two)
    managed.take("18x000000000002AAA")(False)
    managed.commit("18x000000000002AAA", two, two)
    again.org.restore(snapshot)
    assert (managed.committed("18x000000000001AAA"), managed.committed("18x000000000002AAA")) == (one, None)
    again.org.close()
    last = opened(tmp_path)
    assert last.org.events.managed.copy() == {"18x000000000001AAA": one}
    last.org.close()


def committed(bus: Bus) -> tuple[str, int]:
    """Make a managed subscription, and commit an event; return its id and the replay id."""
    values = {"DeveloperName": "Mine", "MasterLabel": "Mine", "TopicName": "/event/After__e"}
    (made,) = bus.save(Change("create", "ManagedEventSubscription", values, tooling=True))
    assert made.id is not None, made.errors
    bus.save(event("After__e", "a"), event("After__e", "b"))
    replay_id = bus.on("After__e")[0].replay_id
    managed = bus.org.events.managed
    managed.take(made.id)(False)
    managed.commit(made.id, replay_id, bus.org.events.last)
    return made.id, replay_id


def test_what_is_committed_outlives_a_kill(tmp_path: Path) -> None:
    first = opened(tmp_path)
    name, replay_id = committed(first)
    first.org.store._let_go()
    again = opened(tmp_path)
    assert again.org.events.managed.committed(name) == replay_id
    assert again.org.events.managed.by_id(name) is not None
    again.org.close()


def test_a_slot_that_is_held_stays_so_after_a_restart(tmp_path: Path) -> None:
    first = opened(tmp_path)
    first.org.events.managed.take("18x000000000001AAA")(True)
    first.org.events.managed.take("18x000000000002AAA")(False)
    first.org.store._let_go()
    again = opened(tmp_path)
    again.org.events.managed.take("18x000000000002AAA")(False)
    with pytest.raises(SlotTaken):
        again.org.events.managed.take("18x000000000001AAA")
    again.org.clock.advance(HELD)
    again.org.events.managed.take("18x000000000001AAA")(False)
    again.org.store._let_go()
    last = opened(tmp_path)
    last.org.events.managed.take("18x000000000001AAA")
    last.org.close()


@pytest.mark.parametrize("kept", [False, True])
def test_what_is_committed_is_part_of_a_snapshot(tmp_path: Path, kept: bool) -> None:
    bus = opened(tmp_path) if kept else Bus()
    empty = bus.org.snapshot()
    name, replay_id = committed(bus)
    full = bus.org.snapshot()
    managed = bus.org.events.managed
    managed.commit(name, bus.on("After__e")[1].replay_id, bus.org.events.last)
    bus.org.restore(full)
    assert managed.committed(name) == replay_id
    if kept:
        bus.org.store._let_go()
        bus = opened(tmp_path)
        assert bus.org.events.managed.committed(name) == replay_id
    bus.org.restore(empty)
    assert bus.org.events.managed.committed(name) is None
    bus.org.close()
    if kept:
        again = opened(tmp_path)
        assert again.org.events.managed.committed(name) is None
        again.org.close()


def test_schemas_stay_known_where_the_org_was_put_back_to_what_it_was_before_them(tmp_path: Path) -> None:
    first = opened(tmp_path)
    empty = first.org.snapshot()
    first.save(event("After__e", "a"))
    (schema_id,) = {one.schema_id for one in first.on("After__e")}
    first.org.restore(empty)
    first.org.close()
    schema = Schema()
    schema.add({**EVENTS, "After__e": {"fields": {"Other__c": {"type": "text"}}}}, {})
    again = opened(tmp_path, schema=schema)
    assert again.org.events.codecs.known(str(schema_id)) is not None
    again.org.close()


def test_what_was_pushed_to_some_is_for_them_alone_after_a_kill(tmp_path: Path) -> None:
    first = opened(tmp_path)
    (made,) = first.save(Change("create", "StreamingChannel", {"Name": "/u/news"}))
    nobody = "005000000000000AAA"
    first.org.events.generic.push(first.who, str(made.id), [("all", []), ("one", [nobody])], 0, lost=False)
    first.org.store._let_go()
    again = opened(tmp_path)
    told = again.org.events.after(again.org.events.find(again.who, "/u/news"), 0, 9)
    assert [one.payload["payload"] for one in told] == ["all"]
    again.org.close()


def test_of_channels_that_are_declared_no_more_no_record_is_left(tmp_path: Path) -> None:
    member = objects.load("PlatformEventChannelMember")

    def life(captured: str, channels: dict[str, Any]) -> Bus:
        schema = Schema()
        schema.add(EVENTS, {}, {"channels": channels})
        bus = opened(tmp_path, schema=schema)
        bus.org.captured.add(captured)
        write_rows(bus.org)
        return bus

    def members(bus: Bus) -> set[tuple[str, str]]:
        bus.org.store.ready(member)
        ids = [row[0] for row in bus.org.store.connection.execute('SELECT "Id" FROM "PlatformEventChannelMember"')]
        rows = bus.org.store.records(member, ids).values()
        return {(row["DeveloperName"], row["SelectedEntity"]) for row in rows}

    first = life("Account", {"Some__chn": {"type": "data", "members": {"Account": {"filter": "Site = 'x'"}}}})
    assert members(first) == {
        ("ChangeEvents_AccountChangeEvent", "AccountChangeEvent"), ("Some_chn_AccountChangeEvent", "AccountChangeEvent"),
    }  # fmt: skip
    said = {"eventChannel": "ChangeEvents", "selectedEntity": "LeadChangeEvent"}
    (own,) = first.save(Change("create", member.name, {"FullName": "own", "Metadata": said}, tooling=True))
    assert own.success, own.errors
    first.org.store._let_go()
    again = life("Contact", {})
    assert members(again) == {("ChangeEvents_ContactChangeEvent", "ContactChangeEvent"), ("own", "LeadChangeEvent")}
    assert again.org.events.changes.entities() == {"Contact", "Lead"}
    assert again.org.channels.keys() == {"ChangeEvents"}
    again.org.close()
