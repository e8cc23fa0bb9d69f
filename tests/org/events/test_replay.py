"""Replay ids: for how long they are good, and what becomes of those that were taken back."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from mock_server.org.events import UnknownReplay
from mock_server.org.events.channel import HOUR
from mock_server.org.events.managed import CommitRefused, SlotTaken
from tests.org.events.conftest import Bus, event


@pytest.mark.parametrize(("name", "hours"), [("After__e", 72), ("Old__e", 24)])
def test_an_id_is_good_until_its_event_is_retained_no_more(bus: Bus, name: str, hours: int) -> None:
    bus.save(event(name, "a"))
    channel = bus.org.events.find(bus.who, f"/event/{name}")
    replay_id = bus.on(name)[0].replay_id
    bus.org.clock.advance(hours * HOUR - 1)
    assert bus.org.events.start(channel, replay_id) == replay_id
    bus.org.clock.advance(1)
    assert bus.on(name) == []
    with pytest.raises(UnknownReplay):
        bus.org.events.start(channel, replay_id)


def test_the_tip_is_an_id_from_which_every_channel_can_be_read(bus: Bus) -> None:
    bus.save(event("After__e", "a"))
    first = bus.org.events.tip()
    bus.org.clock.advance(23 * HOUR)
    assert bus.org.events.tip() == first
    bus.org.clock.advance(HOUR)
    tip = bus.org.events.tip()
    assert tip > first
    assert bus.org.events.start(bus.org.events.find(bus.who, "/event/Old__e"), tip) == tip


def test_what_was_taken_back_is_no_replay_id(tmp_path: Path) -> None:
    bus = Bus(data=tmp_path / "org.db")
    bus.save(event("After__e", "a"))
    last, connection = bus.org.events.last, bus.org.store.connection
    connection.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON sf_events BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    )
    with pytest.raises(sqlite3.Error):
        bus.save(event("After__e", "b"))
    connection.execute("DROP TRIGGER full")
    channel = bus.org.events.find(bus.who, "/event/After__e")
    for taken_back in range(last + 1, last + 4):
        with pytest.raises(UnknownReplay):
            bus.org.events.start(channel, taken_back)
    bus.org.close()


def test_who_listens_looks_anew_at_an_org_that_was_put_back(bus: Bus) -> None:
    bus.save(event("After__e", "a"))
    snapshot = bus.org.snapshot()
    woken: list[bool] = []
    bus.org.events.listen(lambda: woken.append(True))
    bus.org.restore(snapshot)
    assert woken


def test_who_listens_finds_out_that_the_server_begins_another_life(bus: Bus) -> None:
    woken: list[int] = []
    bus.org.events.listen(lambda: woken.append(bus.org.events.generation))
    bus.org.events.restart()
    assert woken == [1]


def test_what_was_not_delivered_cannot_be_committed(bus: Bus) -> None:
    managed = bus.org.events.managed
    managed.take("18x000000000001AAA")
    with pytest.raises(CommitRefused):
        managed.commit("18x000000000001AAA", 7, 6)
    managed.commit("18x000000000001AAA", 6, 6)
    assert managed.committed("18x000000000001AAA") == 6


def test_who_has_left_a_slot_cannot_give_it_back_again(bus: Bus) -> None:
    managed = bus.org.events.managed
    leave = managed.take("18x000000000001AAA")
    leave(False)
    managed.take("18x000000000001AAA")
    leave(False)
    with pytest.raises(SlotTaken):
        managed.take("18x000000000001AAA")
