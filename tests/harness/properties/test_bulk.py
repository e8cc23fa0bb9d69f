"""The bulk family, scene by scene."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence import Process
from harness.properties import read_parameters, registry
from tests.harness.builders import CREATE, World, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add
LOCK, RULE, MISSING = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION", "REQUIRED_FIELD_MISSING"
ROLLED_BACK = "ALL_OR_NONE_OPERATION_ROLLED_BACK"
LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
CUT_SHORT = {"process": Process(None, 1.0, timed_out=True)}


# -- errors and rows


@scene("bulk.errors_matched_to_rows", "held")
def each_with_its_own_error(world: World) -> None:
    world.send({1: RULE, 2: MISSING})
    world.letters = [letter(1, RULE), letter(2, MISSING)]


@scene("bulk.errors_matched_to_rows", "held")
def the_whole_batch_again(world: World) -> None:
    world.send({1: LOCK, 2: None})
    world.send({1: None, 2: None})


@scene("bulk.errors_matched_to_rows", "held")
def failed_row_forgotten_and_nobody_blamed(world: World) -> None:
    world.send({1: RULE, 2: None})


@scene("bulk.errors_matched_to_rows", "held")
def a_word_of_its_own_where_no_code_was_given(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: LOCK, 3: None})
    world.exchange(status=503, fingerprint="body [2]")
    world.send({2: LOCK}, fingerprint="body [2]")
    world.letters = [letter(1, RULE), letter(2, "HTTP_503")]


@scene("bulk.errors_matched_to_rows", "violated")
def a_saved_row_dead_lettered_for_its_neighbour(world: World) -> None:
    world.send({1: None, 2: RULE})
    world.letters = [letter(1, RULE)]


@scene("bulk.errors_matched_to_rows", "violated")
def a_saved_row_sent_again_for_its_neighbour(world: World) -> None:
    world.send({1: None, 2: LOCK})
    world.send({1: None})


@scene("bulk.errors_matched_to_rows", "held")
@scene("bulk.only_failed_rows_retried", "held")
def a_second_pass_with_references(world: World) -> None:
    world.send({1: None, 2: LOCK})
    world.send({1: None})
    world.entries[-1]["rows"][0]["fingerprint"] = "with ReportsTo"


@scene("bulk.only_failed_rows_retried", "violated")
def sent_again_after_a_second_pass(world: World) -> None:
    a_second_pass_with_references(world)
    world.send({1: None})


@scene("bulk.errors_matched_to_rows", "violated")
def errors_swapped(world: World) -> None:
    world.send({1: RULE, 2: MISSING})
    world.letters = [letter(1, MISSING), letter(2, RULE)]


@scene("bulk.errors_matched_to_rows", "held")
def one_error_for_the_whole_batch(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: MISSING, 3: None})
    world.letters = [letter(number, RULE) for number in (1, 2, 3)]


@scene("bulk.errors_matched_to_rows", "not exercised")
@scene("bulk.all_or_none_understood", "not exercised")
@scene("bulk.poison_row_isolated", "not exercised")
def all_saved(world: World) -> None:
    world.send({1: None, 2: None})


# -- all or none


@scene("bulk.all_or_none_understood", "held")
@scene("bulk.poison_row_isolated", "held")
def sent_again_without_the_culprit(world: World) -> None:
    world.send({1: RULE, 2: ROLLED_BACK})
    world.letters = [letter(1, RULE)]
    world.send({2: None})


@scene("bulk.all_or_none_understood", "held")
def locked_until_all_attempts_were_spent(world: World) -> None:
    for _ in range(3):
        world.send({1: LOCK, 2: ROLLED_BACK})
    world.letters = [letter(1, LOCK), letter(2, ROLLED_BACK)]


@scene("bulk.all_or_none_understood", "held")
def stopped_before_it_could_send_again(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: ROLLED_BACK})
    world.letters = [letter(1, RULE)]
    return CUT_SHORT


@scene("bulk.all_or_none_understood", "violated")
@scene("bulk.poison_row_isolated", "violated")
def dead_lettered_with_the_culprit(world: World) -> None:
    world.send({1: RULE, 2: ROLLED_BACK})
    world.letters = [letter(1, RULE), letter(2, ROLLED_BACK)]


@scene("bulk.all_or_none_understood", "violated")
def sent_again_with_the_culprit(world: World) -> None:
    for _ in range(3):
        world.send({1: RULE, 2: ROLLED_BACK})
    world.letters = [letter(1, RULE), letter(2, ROLLED_BACK)]


# -- poison


@scene("bulk.poison_row_isolated", "held")
def bad_row_dead_lettered_the_others_landed(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]
    world.send({3: None})


@scene("bulk.poison_row_isolated", "held")
def the_other_failed_by_itself(world: World) -> None:
    world.send({1: RULE, 2: LOCK})
    world.letters = [letter(1, RULE), letter(2, LOCK)]


@scene("bulk.poison_row_isolated", "held")
def stopped_by_the_time_limit(world: World) -> dict[str, Any]:
    world.inputs = 3
    world.send({1: RULE, 2: None})
    return CUT_SHORT


@scene("bulk.poison_row_isolated", "violated")
def nothing_was_sent_after_the_bad_row(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]


@scene("bulk.poison_row_isolated", "not exercised")
def only_a_lock(world: World) -> None:
    world.send({1: LOCK, 2: None})


# -- sizes


@scene("bulk.within_size_limits", "held")
def two_hundred_in_a_call(world: World) -> None:
    world.inputs = 200
    world.send(dict.fromkeys(range(1, 201)))


@scene("bulk.within_size_limits", "violated")
def two_hundred_and_one_in_a_call(world: World) -> None:
    world.inputs = 201
    world.send(dict.fromkeys(range(1, 202)))


@scene("bulk.within_size_limits", "violated")
def refused_for_its_size(world: World) -> None:
    world.refuse(
        "EXCEEDED_ID_LIMIT", message="record limit reached. cannot submit more than 200 records into this call"
    )


@scene("bulk.within_size_limits", "held")
def refused_by_a_fault_alone(world: World) -> None:
    world.refuse("EXCEEDED_ID_LIMIT", strikes=[strike(effect="error")])


@scene("bulk.within_size_limits", "violated")
def types_one_after_the_other(world: World) -> None:
    world.inputs = 12
    world.send(dict.fromkeys(range(1, 13)), CREATE)
    for place, row in enumerate(world.entries[-1]["rows"]):
        row["sobject"] = ("Account", "Contact")[place % 2]


@scene("bulk.within_size_limits", "held")
def types_in_two_runs(world: World) -> None:
    world.inputs = 12
    world.send(dict.fromkeys(range(1, 13)), CREATE)
    for place, row in enumerate(world.entries[-1]["rows"]):
        row["sobject"] = ("Account", "Contact")[place // 6]


@scene("bulk.within_size_limits", "not exercised")
@scene("bulk.batches_filled", "not exercised")
def single_records(world: World) -> None:
    world.send({1: None}, "rest.sobject.create")


# -- filled batches


def _in_batches(world: World, inputs: int, size: int, **changes: Any) -> None:
    world.inputs = inputs
    for start in range(1, inputs + 1, size):
        world.send(dict.fromkeys(range(start, min(start + size, inputs + 1))), **changes)


@scene("bulk.batches_filled", "held")
def a_full_batch_and_the_rest(world: World) -> None:
    _in_batches(world, 210, 200)


@scene("bulk.batches_filled", "violated")
def ten_a_call(world: World) -> None:
    _in_batches(world, 210, 10)


@scene("bulk.batches_filled", "held")
def four_workers_share_the_work(world: World) -> None:
    _in_batches(world, 400, 100, at=1.0, end=2.0)


@scene("bulk.batches_filled", "not exercised")
def smaller_calls_after_a_lock(world: World) -> None:
    world.inputs = 400
    world.send({1: LOCK, **dict.fromkeys(range(2, 201))})
    for start in range(201, 401, 20):
        world.send(dict.fromkeys(range(start, start + 20)))


@scene("bulk.batches_filled", "held")
def retries_are_small(world: World) -> None:
    world.inputs = 400
    world.send({1: RULE, **dict.fromkeys(range(2, 201))})
    world.send(dict.fromkeys(range(201, 401)))
    for number in range(2, 40):
        world.send({number: None})


@scene("bulk.batches_filled", "not exercised")
def one_by_one_of_few(world: World) -> None:
    _in_batches(world, 20, 1)


# -- calls that grow


@scene("bulk.calls_per_record", "held")
def many_calls_to_get_ready(world: World) -> dict[str, Any]:
    few = World(inputs=20)
    for one in (world, few):
        for number in range(20):
            one.exchange("rest.sobject.describe", path=f"/services/data/v60.0/sobjects/O{number}/describe")
    few.send(dict.fromkeys(range(1, 21)))
    _in_batches(world, 210, 200)
    return {"baseline": few}


@scene("bulk.calls_per_record", "violated")
def calls_grow_with_the_inputs(world: World) -> dict[str, Any]:
    few = World()
    _in_batches(few, 20, 10)
    _in_batches(world, 210, 10)
    return {"baseline": few}


# -- queries in a loop


def _lookups(world: World, numbers: range) -> None:
    for number in numbers:
        world.query(f"SELECT Id FROM Contact WHERE External_Id__c = 'K{number}'")


@scene("bulk.no_query_in_loop", "violated")
def a_query_for_each_record(world: World) -> None:
    world.inputs = 30
    _lookups(world, range(1, 31))
    world.send(dict.fromkeys(range(1, 31)))


@scene("bulk.no_query_in_loop", "violated")
def the_same_query_for_each_record(world: World) -> None:
    world.inputs = 30
    for _ in range(30):
        world.query("SELECT Id FROM RecordType WHERE DeveloperName = 'Customer'")


@scene("bulk.no_query_in_loop", "held")
def one_query_for_all(world: World) -> None:
    world.inputs = 30
    keys = ", ".join(f"'K{number}'" for number in range(1, 31))
    world.query(f"SELECT Id FROM Contact WHERE External_Id__c IN ({keys})", 30)


@scene("bulk.no_query_in_loop", "held")
def asked_in_lists_of_ten(world: World) -> None:
    world.inputs = 60
    for start in range(1, 61, 10):
        keys = ", ".join(f"'K{number}'" for number in range(start, start + 10))
        world.query(f"SELECT Id FROM Contact WHERE External_Id__c IN ({keys})", 10)


@scene("bulk.no_query_in_loop", "held")
def each_looked_up_after_its_lost_reply(world: World) -> None:
    world.inputs = 30
    for number in range(1, 31):
        world.send({number: None}, **LOST)
        _lookups(world, range(number, number + 1))


@scene("bulk.no_query_in_loop", "held")
def a_query_that_had_to_be_repeated(world: World) -> None:
    world.inputs = 30
    for _ in range(5):
        world.exchange("rest.query.run", 503, query="SELECT Id FROM Contact")
    world.query("SELECT Id FROM Contact")


@scene("bulk.no_query_in_loop", "held")
def a_poll_every_five_seconds(world: World) -> None:
    world.inputs = 30
    for number in range(1, 31):
        at = number * 5.0
        world.query("SELECT Id FROM Contact WHERE LastName = 'New'", 0, at=at, end=at + 0.1)
        world.send({number: None}, at=at + 0.2, end=at + 0.3)


@scene("bulk.no_query_in_loop", "violated")
def a_loop_that_rests_between_records(world: World) -> None:
    world.inputs = 30
    for number in range(1, 31):
        at = number * 5.0
        world.query(f"SELECT Id FROM Contact WHERE External_Id__c = 'K{number}'", at=at, end=at + 0.1)


@scene("bulk.no_query_in_loop", "violated")
def the_same_query_before_each_write(world: World) -> None:
    world.inputs = 30
    for number in range(1, 31):
        world.query("SELECT Id FROM RecordType WHERE DeveloperName = 'Customer'", at=2.0 * number, end=2.0 * number + 1)
        world.send({number: None}, at=2.0 * number + 1, end=2.0 * number + 1.9)


@scene("bulk.no_query_in_loop", "held")
def a_table_read_in_order_of_its_keys(world: World) -> None:
    for start in range(0, 300, 20):
        last = f"003{start:012d}AAA"
        world.query(f"SELECT Id FROM Contact WHERE Id > '{last}' ORDER BY Id LIMIT 20", 20)
        world.take(*range(start + 1, start + 21))


@scene("bulk.no_query_in_loop", "violated")
def the_children_of_each_record(world: World) -> None:
    world.take(*range(1, 31))
    for number in range(1, 31):
        world.query(f"SELECT Id FROM Task WHERE WhoId = '003{number:012d}AAA'", 15)


@scene("bulk.no_query_in_loop", "not exercised")
def few_records(world: World) -> None:
    _lookups(world, range(1, 20))


@scene("bulk.no_query_in_loop", "not exercised")
def no_query_at_all(world: World) -> None:
    world.inputs = 30
    world.send(dict.fromkeys(range(1, 31)))


# -- locks


def _side_by_side(world: World, at: float, *batches: tuple[int, ...], code: str | None = LOCK) -> None:
    for batch in batches:
        world.send(dict.fromkeys(batch, code), at=at, end=at + 0.5)


@scene("bulk.eases_off_on_locks", "violated")
def back_all_at_once(world: World) -> None:
    world.inputs = 4
    for round_ in range(3):
        _side_by_side(world, float(round_), (1, 2), (3, 4))


@scene("bulk.eases_off_on_locks", "held")
def back_one_after_the_other(world: World) -> None:
    world.inputs = 4
    _side_by_side(world, 0.0, (1, 2), (3, 4))
    for round_ in (1, 3):
        _side_by_side(world, float(round_), (1, 2))
        _side_by_side(world, round_ + 1.0, (3, 4))


@scene("bulk.eases_off_on_locks", "held")
def back_in_smaller_calls(world: World) -> None:
    world.inputs = 16
    for round_ in range(2):
        _side_by_side(world, float(round_), tuple(range(1, 9)), tuple(range(9, 17)))
    _side_by_side(world, 2.0, *((number, number + 1) for number in range(1, 17, 2)))
    _side_by_side(world, 3.0, *((number, number + 1) for number in range(1, 17, 2)), code=None)


@scene("bulk.eases_off_on_locks", "not exercised")
def serial_all_along(world: World) -> None:
    for _ in range(4):
        world.send({1: LOCK, 2: LOCK})


@scene("bulk.eases_off_on_locks", "not exercised")
def locked_twice_only(world: World) -> None:
    world.inputs = 4
    for round_ in range(2):
        _side_by_side(world, float(round_), (1, 2), (3, 4))
    _side_by_side(world, 3.0, (1, 2), (3, 4), code=None)


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("build", "name", "words"),
    [
        (errors_swapped, "bulk.errors_matched_to_rows", "in place of"),
        (dead_lettered_with_the_culprit, "bulk.all_or_none_understood", "K2"),
        (two_hundred_and_one_in_a_call, "bulk.within_size_limits", "201 records"),
        (ten_a_call, "bulk.batches_filled", "21 calls for 210"),
        (a_query_for_each_record, "bulk.no_query_in_loop", "external_id__c=?"),
        (back_all_at_once, "bulk.eases_off_on_locks", "2 at once"),
    ],
)
def test_a_violation_says_what_was_seen(build: Scene, name: str, words: str) -> None:
    world = World()
    build(world)
    verdict = verdict_of(name, world)
    assert verdict.evidence
    assert words in verdict.reason


def test_a_subject_whose_throughput_matters_fills_its_calls() -> None:
    world = World()
    _in_batches(world, 400, 50)
    claim = registry()["bulk.batches_filled"]
    statuses = [claim.judge(world.evidence(), read_parameters(claim, given)).status for given in ({}, {"share": 0.8})]
    assert statuses == ["held", "violated"]
