"""What one trial left behind, seen from several sides: chains, lookups, exposure, and viewpoints that must agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from harness.evidence import ArmedFault
from harness.judge import judge
from harness.lookups import Lookups
from tests.harness.builders import CREATE, UPSERT, World, strike

LOCK = "UNABLE_TO_LOCK_ROW"
LOST = {"outcome": "lost", "status": None, "strikes": [strike("lost", "reply", "reply")]}


def _sent(world: World, place: int = 0) -> list[int]:
    return [attempt.number for attempt in world.evidence().chains[place]]


def test_a_row_without_a_key_is_known_by_what_it_says_stamps_left_out() -> None:
    world = World(inputs=2)
    for stamp in ("10:00", "10:01"):
        world.send({1: LOCK}, CREATE)
        row = world.entries[-1]["rows"][0]
        row["values"] = {"LastName": "Name 1", "Sent_At__c": stamp}
    assert _sent(world) == [1, 2]
    assert _sent(world, 1) == []


def test_a_row_that_several_inputs_might_be_is_none_of_them() -> None:
    world = World(inputs=2)
    world.send({1: LOCK}, CREATE)
    world.entries[-1]["rows"][0]["values"] = {"Sent_At__c": "10:00"}
    assert (_sent(world), _sent(world, 1)) == ([], [])


def test_a_create_that_was_lost_looked_up_and_mended_is_one_chain() -> None:
    world = World(inputs=1)
    world.send({1: None}, "rest.sobject.create", **LOST)
    world.query("SELECT+Id+FROM+Contact+WHERE+External_Id__c+%3D+%27K1%27")
    world.send({1: None}, UPSERT)
    assert _sent(world) == [1, 3]
    assert Lookups(world.evidence()).between(0, 1, 3)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("SELECT+Id+FROM+Contact+WHERE+External_Id__c+IN+(%27K1%27,%27K2%27)", True),
        ("SELECT+Id+FROM+Contact+WHERE+LastName+=+'Name+1'", True),
        ("SELECT+Id,External_Id__c+FROM+Contact", True),
        ("SELECT+Id+FROM+Contact+WHERE+External_Id__c='K2'", False),
        ("SELECT+Id+FROM+Account", False),
    ],
)
def test_which_reads_are_lookups_of_an_input(query: str, found: bool) -> None:
    world = World()
    world.send({1: LOCK})
    world.query(query)
    world.send({1: None})
    assert Lookups(world.evidence()).between(0, 1, 3) is found


def test_a_lookup_is_known_by_its_text_where_the_journal_keeps_a_print_too() -> None:
    world = World()
    world.send({1: LOCK})
    world.query("SELECT Id FROM Contact WHERE Email = 'a+b@example.com' OR External_Id__c = 'K1'", fingerprint="5eed")
    world.send({1: None})
    lookups = Lookups(world.evidence())
    assert (lookups.between(0, 1, 3), lookups.between(1, 1, 3)) == (True, False)


def test_a_read_that_failed_shows_nothing() -> None:
    world = World()
    world.query("SELECT+Id+FROM+Contact", status=503)
    assert not Lookups(world.evidence()).between(0, 0, 2)


def test_exposure_counts_what_a_fault_really_touched() -> None:
    world = World(inputs=4)
    world.send({1: LOCK, 2: None}, strikes=[strike("locks", "error", "row", rows=1)])
    world.send({3: None, 4: None}, strikes=[strike("slow", "latency")])
    world.exchange(status=503, fingerprint="body [1, 2]", strikes=[strike("away")])
    found = world.evidence(faults=[ArmedFault("never", 0, 0)]).exposures
    assert list(found) == ["never", "locks", "slow", "away"]
    assert (found["locks"].exchanges, found["locks"].attempts, found["locks"].inputs) == ((1,), 1, (0,))
    assert (found["slow"].exchanges, found["slow"].inputs) == ((2,), (2, 3))
    assert (found["away"].exchanges, found["away"].attempts) == ((3,), 2)
    assert found["never"].exchanges == ()


def _broken(what: str) -> tuple[World, dict[str, Any]]:
    world = World()
    world.send({1: None})
    world.send({2: None})
    world.send({1: None})
    options: dict[str, Any] = {}
    if what == "a hole in the journal":
        del world.entries[1]
        del world.commits[1]
    elif what == "a change of no request":
        world.commits.append(replace(world.commits[0], exchange=99))
    elif what == "saved without a change":
        world.commits.pop()
    elif what == "told in an answer that never left":
        world.entries[-1].update(outcome="lost")
    elif what == "more strikes than the rule counts":
        world.entries[-1]["strikes"] = [strike("away")]
        options["faults"] = [ArmedFault("away", 1, 0)]
    return world, options


@pytest.mark.parametrize(
    "what",
    [
        "a hole in the journal",
        "a change of no request",
        "saved without a change",
        "told in an answer that never left",
        "more strikes than the rule counts",
    ],
)
def test_viewpoints_that_differ_are_a_finding(what: str) -> None:
    world, options = _broken(what)
    judgement = judge(world.evidence(**options))
    assert len(judgement.disagreements) == 1
    assert not judgement.ok


def test_viewpoints_that_agree_are_none() -> None:
    world, _ = _broken("")
    assert judge(world.evidence()).disagreements == ()


def test_the_rows_of_a_composite_request_are_linked_and_those_of_one_input_are_one_attempt() -> None:
    world = World(inputs=3)
    world.send({1: None, 2: LOCK, 3: None}, "rest.composite.graph")
    rows = world.entries[-1]["rows"]
    rows.append({**rows[0], "verb": "update", "success": False, "codes": ["PROCESSING_HALTED"]})
    rows.append({**rows[1], "verb": "update", "success": False, "codes": ["PROCESSING_HALTED"]})
    chains = world.evidence().chains
    assert [[attempt.codes for attempt in chain] for chain in chains] == [[("PROCESSING_HALTED",)], [(LOCK,)], [()]]
    assert [chain[0].failure for chain in chains] == ["transient", "transient", None]
    exchange = chains[0][0].exchange
    assert (exchange.is_write, exchange.many, exchange.replayable) == (True, True, True)


def test_a_composite_request_is_a_write_that_cannot_be_sent_again_where_it_creates() -> None:
    world = World(inputs=1)
    world.send({1: None}, "rest.composite.tree")
    world.entries[-1]["rows"][0]["verb"] = "create"
    world.exchange("rest.composite.run")
    tree, reading = world.evidence().exchanges
    assert (tree.is_write, tree.replayable, reading.is_write) == (True, False, False)
