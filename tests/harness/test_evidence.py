"""Evidence: attempts are linked to inputs, and each input has one end."""

from __future__ import annotations

import time
from typing import Any

import pytest

from harness.evidence import Outcome
from harness.exchanges import class_of, read_exchange
from harness.inputs import Input
from harness.judge import judge
from harness.letters import read_letter
from harness.linking import inputs_of
from harness.properties.payload import differing, same
from tests.harness.builders import CREATE, World, letter, strike

LOCK = "UNABLE_TO_LOCK_ROW"


def test_the_end_of_each_input() -> None:
    world = World(inputs=4)
    world.send({1: None, 2: LOCK, 3: LOCK})
    world.letters = [letter(2, LOCK)]
    assert world.evidence().outcomes == (Outcome.LANDED, Outcome.DEAD_LETTERED, Outcome.LOST, Outcome.LOST)


def test_a_row_created_twice_is_duplicated_until_one_is_deleted() -> None:
    world = World(inputs=1)
    world.send({1: None}, CREATE)
    last = world.send({1: None}, CREATE)
    assert world.evidence().outcomes == (Outcome.DUPLICATED,)
    world.commit(1, "delete", {}, last)
    assert world.evidence().outcomes == (Outcome.LANDED,)


def test_seeded_records_deliver_nothing() -> None:
    world = World(inputs=1)
    world.ids[1] = "003000000000001AAA"
    world.commit(1, "create", {"External_Id__c": "K1", "LastName": "Name of old"}, 0)
    assert world.evidence().outcomes == (Outcome.LOST,)


def test_an_update_by_id_is_linked_through_the_commits() -> None:
    world = World(inputs=1)
    world.ids[1] = "003000000000001AAA"
    world.commit(1, "create", {"External_Id__c": "K1", "LastName": "Old"}, 0)
    number = world.exchange("rest.sobject.update", 204)
    world.entries[-1]["rows"] = [
        {
            "verb": "update", "sobject": "Contact", "key_field": None, "key": None, "id": "003000000000001",
            "success": True, "created": False, "codes": [], "values": {"LastName": "Name 1"}, "fingerprint": "f",
        }
    ]  # fmt: skip
    world.commit(1, "update", {"LastName": "Name 1"}, number)
    evidence = world.evidence()
    assert [attempt.number for attempt in evidence.chains[0]] == [number]
    assert evidence.outcomes == (Outcome.LANDED,)


def test_a_request_struck_before_its_rows_were_read_is_known_by_its_repetition() -> None:
    world = World()
    world.exchange(status=503, fingerprint="body [1, 2]", strikes=[strike()])
    world.send({1: None, 2: None})
    evidence = world.evidence()
    assert [[a.failure for a in chain] for chain in evidence.chains] == [["transient", None]] * 2
    assert not evidence.unlinked


def test_a_request_struck_before_its_rows_were_read_is_known_by_its_path() -> None:
    world = World(inputs=1)
    path = "/services/data/v60.0/sobjects/Contact/External_Id__c/K1"
    world.exchange("rest.sobject.upsert", 503, path=path)
    evidence = world.evidence()
    assert [attempt.failure for attempt in evidence.chains[0]] == ["transient"]


def test_a_request_that_nothing_tells_about_is_unlinked() -> None:
    world = World()
    number = world.exchange(status=503)
    assert [exchange.number for exchange in world.evidence().unlinked] == [number]


@pytest.mark.parametrize(
    ("change", "heard", "failure"),
    [
        ({}, True, None),
        ({"status": 503}, True, "transient"),
        ({"status": 503, "strikes": [strike(point="after")]}, False, "transient"),
        ({"status": 400, "codes": [LOCK]}, True, "transient"),
        ({"status": 400, "codes": ["MALFORMED_QUERY"]}, True, "permanent"),
        ({"status": 401, "codes": ["INVALID_SESSION_ID"]}, True, "session"),
        ({"status": 403, "codes": ["REQUEST_LIMIT_EXCEEDED"]}, True, "quota"),
        ({"status": 404}, True, "permanent"),
        ({"outcome": "lost", "status": None}, False, "ambiguous"),
        ({"outcome": "reset", "status": None}, False, "ambiguous"),
        ({"outcome": "cut"}, False, "ambiguous"),
        ({"outcome": None, "status": None, "end": None}, False, "ambiguous"),
        ({"outcome": "malformed", "strikes": [strike(effect="reply", point="reply")]}, False, "ambiguous"),
        ({"strikes": [strike(effect="reply", point="reply")]}, True, None),
        ({"strikes": [strike(effect="latency", point="after")]}, True, None),
        ({"strikes": [strike(effect="error", point="row", rows=3)]}, True, None),
    ],
)
def test_what_the_client_was_told(change: dict[str, Any], heard: bool, failure: str | None) -> None:
    world = World()
    world.exchange(**change)
    exchange = read_exchange(world.entries[0])
    assert (exchange.heard, exchange.failure) == (heard, failure)


def test_the_code_counts_before_the_status() -> None:
    assert class_of((LOCK,), 400) == "transient"
    assert class_of(("API_DISABLED_FOR_ORG",), 503) == "permanent"
    assert class_of((), 503) == "transient"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, 1.0), (True, 1), (None, ""), ("true", True), ("1.50", 1.5), ("A@B.example", "a@b.example"),
        ("2026-03-01T10:00:00Z", "2026-03-01T10:00:00.000+0000"), ("2026-03-01T11:00:00+01:00", "2026-03-01T10:00:00Z"),
        ("001000000000001", "001000000000001AAA"), (" padded ", "padded"),
    ],
)  # fmt: skip
def test_values_that_mean_the_same(left: Any, right: Any) -> None:
    assert same(left, right)
    assert same(right, left)


@pytest.mark.parametrize(
    ("left", "right"),
    [("007", "7"), (0, None), (False, None), ("a", "A"), (1, 2), ("", "x"), ("2026-03-01", "2026-03-02"), ("x", 1)],
)
def test_values_that_differ(left: Any, right: Any) -> None:
    assert not same(left, right)


def test_parents_named_by_their_key_are_not_compared() -> None:
    record = {"LastName": "A", "Account": {"Key__c": "1"}, "Account.Key__c": "1", "attributes": {"type": "Contact"}}
    assert differing(record, {"lastname": "A"}) == []


def test_a_hundred_thousand_rows_are_judged_in_seconds() -> None:
    world = World(inputs=50_000)
    for start in range(1, 50_001, 200):
        rows = range(start, start + 200)
        world.send({row: LOCK if row % 7 == 0 else None for row in rows})
        world.send(dict.fromkeys(rows))
    started = time.thread_time()
    judgement = judge(world.evidence())
    assert time.thread_time() - started < 5
    assert "bulk.only_failed_rows_retried" in [verdict.property for verdict in judgement.violated]


@pytest.mark.parametrize(
    ("says", "places"),
    [
        ({"record": {"Key__c": "K1", "Subject": "Broken"}}, (1,)),
        ({"record": {"Key__c": "K1", "attributes": {"type": "case"}}}, (1,)),
        ({"record": {"Key__c": "K1"}, "sobject": "Case"}, (1,)),
        ({"key": "K1", "sobject": "Case"}, (1,)),
        ({"key": "K1", "record": {"Subject": "Broken"}}, (1,)),
        ({"key": "K1"}, (0,)),
        ({"record": {"Key__c": "K1", "Subject": "Other"}}, (0,)),
    ],
)
def test_letters_of_several_objects_with_one_key(says: dict[str, Any], places: tuple[int, ...]) -> None:
    inputs = [
        Input("Contact", "Key__c", "K1", {"Key__c": "K1", "LastName": "Ada"}),
        Input("Case", "Key__c", "K1", {"Key__c": "K1", "Subject": "Broken"}),
    ]
    assert tuple(inputs_of(inputs, [read_letter("{}", says, 1)])) == places
