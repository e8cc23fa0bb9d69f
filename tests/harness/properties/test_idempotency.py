"""Idempotency: lost replies, races, late copies, crashes, and whole runs that come again."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from harness.evidence import Leg, Outcome, Process
from harness.properties import read_parameters, registry
from mock_server.control.client import CommitRow
from tests.harness.builders import CREATE, UPSERT, World, given, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add

LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
RULE = "FIELD_CUSTOM_VALIDATION_EXCEPTION"
KILLED = {"crashed": True, "signal": "SIGKILL"}


def leg(name: Any, first: int, last: int, **process: Any) -> Leg:
    return Leg(name, Process(None, 1.0, **process), first, last, float(first), float(last), 0)


# -- lost replies


@scene("idempotency.lost_reply_collections", "held")
def upserted_again(world: World) -> None:
    world.send({1: None, 2: None}, **LOST)
    world.send({1: None, 2: None})


@scene("idempotency.lost_reply_collections", "violated")
def created_again(world: World) -> None:
    world.send({1: None, 2: None}, CREATE, **LOST)
    world.send({1: None, 2: None}, CREATE)


@scene("idempotency.lost_reply_collections", "violated")
def dead_lettered_as_a_duplicate_of_itself(world: World) -> None:
    world.send({1: None}, CREATE, **LOST)
    world.send({1: "DUPLICATE_VALUE"}, CREATE)
    world.letters = [letter(1, "DUPLICATE_VALUE")]


@scene("idempotency.lost_reply_collections", "not exercised")
def every_reply_arrived(world: World) -> None:
    world.send({1: None, 2: None})


@scene("idempotency.lost_reply_create", "violated")
def one_record_created_again(world: World) -> None:
    world.send({1: None}, "rest.sobject.create", **LOST)
    world.send({1: None}, "rest.sobject.create")


@scene("idempotency.lost_reply_create", "held")
def one_record_looked_up(world: World) -> None:
    world.send({1: None}, "rest.sobject.create", **LOST)
    world.exchange("rest.query.run")


@scene("idempotency.lost_reply_create", "not exercised")
def a_lost_create_that_saved_nothing(world: World) -> None:
    world.exchange("rest.sobject.create", **LOST)


# -- races


@scene("idempotency.concurrent_upsert", "held")
def sent_again_as_an_update(world: World) -> None:
    world.send({1: "DUPLICATE_VALUE", 2: None})
    world.send({1: None})


@scene("idempotency.concurrent_upsert", "held")
@scene("idempotency.crash_safe", "not exercised")
@scene("idempotency.late_duplicate_harmless", "not exercised")
@scene("idempotency.redelivery_changes_nothing", "not applicable")
@scene("idempotency.rerun_is_noop", "not applicable")
def several_records_dead_lettered(world: World) -> None:
    world.send({1: "DUPLICATE_EXTERNAL_ID"}, "rest.sobject.upsert", status=300)
    world.letters = [letter(1, "DUPLICATE_EXTERNAL_ID")]


@scene("idempotency.concurrent_upsert", "violated")
def taken_for_done(world: World) -> None:
    world.ids[1] = "003000000000001AAA"
    world.commit(1, "create", {"External_Id__c": "K1", "LastName": "Other"}, 0)
    world.send({1: "DUPLICATE_VALUE", 2: None})


@scene("idempotency.concurrent_upsert", "violated")
def created_in_its_place(world: World) -> None:
    world.send({1: "DUPLICATE_VALUE"})
    world.send({1: None}, CREATE)
    world.send({1: None}, CREATE)


@scene("idempotency.concurrent_upsert", "not exercised")
def a_create_that_met_its_own_record(world: World) -> None:
    world.send({1: None}, CREATE, **LOST)
    world.send({1: "DUPLICATE_VALUE"}, CREATE)


@scene("idempotency.concurrent_upsert", "not exercised")
def stopped_before_it_could_act(world: World) -> dict[str, Any]:
    world.send({1: "DUPLICATE_VALUE"})
    return {"process": Process(None, 60.0, timed_out=True)}


# -- late copies


def copy_of(world: World, number: int, rows: dict[int, str | None], operation: str = UPSERT, **values: Any) -> None:
    """Deliver a request once more; `values` are what it writes where that is not as the input says."""
    again = world.send(rows, operation, copy_of=number, outcome="abandoned")
    for commit in world.commits:
        if commit.exchange == again:
            commit.values.update(values)


@scene("idempotency.late_duplicate_harmless", "held")
def upserted_again_by_the_network(world: World) -> None:
    first = world.send({1: None, 2: None})
    copy_of(world, first, {1: None, 2: None})


@scene("idempotency.late_duplicate_harmless", "held")
def refused_as_a_duplicate(world: World) -> None:
    first = world.send({1: None}, CREATE)
    copy_of(world, first, {1: "DUPLICATE_VALUE"}, CREATE)


@scene("idempotency.late_duplicate_harmless", "violated")
def created_again_by_the_network(world: World) -> None:
    first = world.send({1: None}, CREATE)
    copy_of(world, first, {1: None}, CREATE)


@scene("idempotency.late_duplicate_harmless", "violated")
def an_older_value_again(world: World) -> None:
    first = world.send({1: None})
    world.commits[-1].values["Title"] = "new"
    world.send({1: None})
    world.commits[-1].values["Title"] = "confirmed"
    copy_of(world, first, {1: None}, Title="new")


# -- crashes


def killed_after_the_first_of_two(world: World) -> tuple[int, int]:
    first = world.send({1: None}, **LOST)
    return first, first


@scene("idempotency.crash_safe", "held")
def all_sent_again_after_the_crash(world: World) -> dict[str, Any]:
    world.send({1: None}, **LOST)
    world.send({1: None, 2: None})
    return {"legs": [leg("faults", 1, 1, **KILLED), leg("restart", 2, 2)]}


@scene("idempotency.crash_safe", "violated")
def marked_as_done_before_it_was(world: World) -> dict[str, Any]:
    world.exchange(status=None, outcome="reset", fingerprint="body [1]")
    world.send({2: None})
    return {"legs": [leg("faults", 1, 1, **KILLED), leg("restart", 2, 2)]}


@scene("idempotency.crash_safe", "violated")
def created_before_and_after(world: World) -> dict[str, Any]:
    world.send({1: None}, CREATE, **LOST)
    world.send({1: None, 2: None}, CREATE)
    return {"legs": [leg("faults", 1, 1, **KILLED), leg("restart", 2, 2)]}


@scene("idempotency.crash_safe", "violated")
def other_values_after_the_crash(world: World) -> dict[str, Any]:
    world.send({1: None}, **LOST)
    world.send({1: None, 2: None})
    world.commits[1].values["LastName"] = "Name 2"
    return {"legs": [leg("faults", 1, 1, **KILLED), leg("restart", 2, 2)]}


@scene("idempotency.crash_safe", "held")
def lost_by_the_second_run_alone(world: World) -> dict[str, Any]:
    world.send({1: None}, **LOST)
    world.send({1: None, 2: RULE})
    return {"legs": [leg("faults", 1, 1, **KILLED), leg("restart", 2, 2)]}


@scene("idempotency.crash_safe", "held")
def created_twice_by_the_second_run_alone(world: World) -> dict[str, Any]:
    world.send({2: None}, **LOST)
    world.send({1: None, 2: None})
    world.send({1: None}, CREATE)
    return {"legs": [leg("faults", 1, 1, **KILLED), leg("restart", 2, 3)]}


@scene("idempotency.crash_safe", "not exercised")
def run_again_only_to_heal(world: World) -> dict[str, Any]:
    world.send({1: None, 2: None})
    return {"legs": [leg("faults", 1, 1), leg("heal", 2, 2)]}


# -- whole runs


def later(world: World, name: str, *steps: Callable[[World], Any], **options: Any) -> dict[str, Any]:
    """Return the evidence of a run that took these steps after the world as it is."""
    after = deepcopy(world)
    for step in steps:
        step(after)
    return {"after": {name: after.evidence(since=len(world.entries), **options)}}


def changing(world: World) -> None:
    world.send({1: None, 2: None})
    world.commits[-1].values["Description"] = "synced at noon"


def same_again(world: World) -> None:
    world.send({1: None, 2: None})


def saved_anew(world: World) -> None:
    world.send({1: None, 2: None})
    world.commits[-1].values["LastModifiedDate"] = "2026-03-02T00:00:00.000+0000"


def created(world: World) -> None:
    world.send({1: None, 2: None}, CREATE)


def created_for_nobody(world: World) -> None:
    world.send({99: None})


def dead_lettered_as_duplicates(world: World) -> None:
    world.send({1: "DUPLICATE_VALUE"}, CREATE)
    world.letters = [letter(1, "DUPLICATE_VALUE")]


def deleted(world: World) -> None:
    world.commit(1, "delete", {}, world.exchange("rest.sobject.delete", 204))


def nothing(world: World) -> None:
    return


def landed_at_last(world: World) -> None:
    world.send({2: None})


for claim, run in (("redelivery_changes_nothing", "redelivery"), ("rerun_is_noop", "rerun")):

    def whole_run(
        status: str, *steps: Callable[[World], Any], claim: str = claim, run: str = run, **options: Any
    ) -> None:
        def build(world: World) -> dict[str, Any]:
            world.send({1: None, 2: None})
            return later(world, run, *steps, **options)

        build.__name__ = steps[-1].__name__ + "".join(options)
        scene(f"idempotency.{claim}", status)(build)

    for step in (same_again, saved_anew, nothing):
        whole_run("held", step)
    for step in (changing, created, created_for_nobody, dead_lettered_as_duplicates, deleted):
        whole_run("violated", step)
    whole_run("not exercised", nothing, process=Process(1, 1.0))

    @scene(f"idempotency.{claim}", "held")
    def what_had_not_landed_may_land_now(world: World, run: str = run) -> dict[str, Any]:
        world.send({1: None, 2: RULE})
        world.letters = [letter(2, RULE)]
        return later(world, run, same_again)

    @scene(f"idempotency.{claim}", "not exercised")
    def nothing_had_landed(world: World, run: str = run) -> dict[str, Any]:
        world.send({1: RULE, 2: RULE})
        return later(world, run, same_again)


@scene("idempotency.redelivery_changes_nothing", "violated")
def a_key_that_is_not_unique(world: World) -> dict[str, Any]:
    world.send({1: None, 2: None})
    return {**later(world, "redelivery", same_again), "unique": {("contact", "external_id__c"): False}}


@scene("idempotency.redelivery_changes_nothing", "held")
def what_an_earlier_run_changed_is_not_held_against_this_one(world: World) -> dict[str, Any]:
    world.send({1: None, 2: None})
    rerun = deepcopy(world)
    changing(rerun)
    after = later(world, "rerun", changing)["after"]
    return {"after": {**after, **later(rerun, "redelivery", changing)["after"]}}


@SCENES.each
def test_idempotency_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("name", "build", "words"),
    [
        ("idempotency.late_duplicate_harmless", an_older_value_again, "older values (Title)"),
        ("idempotency.crash_safe", marked_as_done_before_it_was, "Contact K1 (lost)"),
        ("idempotency.concurrent_upsert", taken_for_done, "Contact K1 (DUPLICATE_VALUE, dropped)"),
    ],
)
def test_a_verdict_says_what_happened(name: str, build: Scene, words: str) -> None:
    world = World()
    options = build(world) or {}
    verdict = verdict_of(name, world, **options)
    assert words in verdict.reason
    assert verdict.evidence


def test_a_copy_of_the_networks_is_no_attempt_of_the_subjects() -> None:
    world = World()
    first = world.send({1: RULE, 2: None})
    copy_of(world, first, {1: RULE, 2: None})
    evidence = world.evidence()
    assert [len(chain) for chain in evidence.chains] == [1, 1]
    assert [copy.copy_of for copy in evidence.copies] == [first]
    assert verdict_of("retry.permanent_not_retried", world).status == "held"


@pytest.mark.parametrize(
    ("seeded", "outcome"), [("Name 1", Outcome.LANDED), ("Other", Outcome.LOST)], ids=["as wanted", "otherwise"]
)
def test_a_record_that_was_there_already_counts_when_it_is_as_the_input_says(seeded: str, outcome: Outcome) -> None:
    world = World(inputs=1)
    world.ids[1] = "003000000000001AAA"
    world.commit(1, "create", {"External_Id__c": "K1", "LastName": seeded}, 0)
    assert world.evidence().outcomes == (outcome,)


def test_a_second_record_beside_one_that_was_there_already_is_a_duplicate() -> None:
    world = World(inputs=1)
    world.ids[1] = "003000000000001AAA"
    world.commit(1, "create", {"External_Id__c": "K1", "LastName": "Other"}, 0)
    world.send({1: None}, CREATE)
    assert world.evidence().outcomes == (Outcome.DUPLICATED,)
    assert verdict_of("delivery.nothing_invented", world).status == "held"


@pytest.mark.parametrize(
    ("account", "status"), [("A-1", "held"), ("A-2", "violated"), (None, "violated"), ("elsewhere", "held")]
)
def test_a_record_belongs_to_the_parent_that_the_input_names(account: str | None, status: str) -> None:
    world = World(inputs=1)
    for number, key in ((1, "A-1"), (2, "A-2")):
        row = CommitRow(
            number, number, "create", "Account", f"00100000000000{number}", 0.0, 0, {"Number__c": key}, None
        )
        world.commits.append(row)
    world.send({1: None})
    ids = {"A-1": "001000000000001", "A-2": "001000000000002"}
    world.commits[-1].values["AccountId"] = ids.get(account or "")
    evidence = world.evidence()
    named = "A-9" if account == "elsewhere" else "A-1"
    inputs = (given(1, Account={"Number__c": named}),)
    claim = registry()["delivery.nothing_invented"]
    verdict = claim.judge(replace(evidence, inputs=inputs), read_parameters(claim, {}))
    assert verdict.status == status
    assert ("Account.Number__c" in verdict.reason) is (status == "violated")


def test_an_input_that_is_lost_brings_how_the_subject_ended() -> None:
    world = World()
    world.send({1: None})
    verdict = verdict_of("delivery.nothing_lost", world, process=Process(None, 60.0, timed_out=True))
    assert "stopped by the time limit" in verdict.reason
