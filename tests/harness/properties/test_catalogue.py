"""What is true of every property: it explains itself, and it can be held, violated and not exercised."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from harness.evidence import ArmedFault, Canary, Process
from harness.judge import judge
from harness.properties import ParameterError, read_parameters, registry
from tests.harness.builders import CREATE, World, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

NEEDS = {
    "journal", "commits", "letters", "inputs", "process", "policy", "effects", "legs", "redrive", "broken queue",
    "redelivery", "rerun", "impostor", "memory", "jobs", "happenings",
}  # fmt: skip
LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"
LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
SECRET = (Canary("the password", "hunter2"),)


SCENES = Scenes()
scene = SCENES.add


# -- delivery


@scene("delivery.nothing_lost", "held")
def one_landed_one_dead_lettered(world: World) -> None:
    world.send({1: None, 2: RULE})
    world.letters = [letter(2)]


@scene("delivery.nothing_lost", "violated")
def one_nowhere(world: World) -> None:
    world.send({1: None, 2: RULE})


@scene("delivery.nothing_lost", "not exercised")
@scene("delivery.nothing_twice", "not exercised")
@scene("delivery.nothing_invented", "not exercised")
@scene("retry.bounded", "not exercised")
@scene("dead_letter.complete", "not exercised")
@scene("security.no_secrets_leaked", "not exercised")
def nothing_given(world: World) -> None:
    world.inputs = 0


@scene("delivery.nothing_twice", "held")
def sent_twice_as_upsert(world: World) -> None:
    world.send({1: None, 2: None})
    world.send({1: None})


@scene("delivery.nothing_twice", "violated")
def created_twice(world: World) -> None:
    world.send({1: None, 2: None}, CREATE)
    world.send({1: None}, CREATE)


@scene("delivery.nothing_invented", "held")
def stored_as_given(world: World) -> None:
    world.send({1: None, 2: None})


@scene("delivery.nothing_invented", "violated")
def another_value_stored(world: World) -> None:
    exchange = world.send({1: None})
    world.commit(1, "update", {"LastName": "Name 2"}, exchange)


@scene("delivery.nothing_invented", "violated")
def a_record_of_no_input(world: World) -> None:
    world.send({1: None, 99: None})


# -- retry


@scene("retry.transient_retried", "held")
def lock_tried_again(world: World) -> None:
    world.send({1: LOCK, 2: None})
    world.send({1: None})


@scene("retry.transient_retried", "violated")
def lock_given_up(world: World) -> None:
    world.send({1: LOCK, 2: None})
    world.letters = [letter(1, LOCK)]


@scene("retry.transient_retried", "violated")
def given_up_before_the_declared_attempts(world: World) -> dict[str, Any]:
    for _ in range(3):
        world.send({1: LOCK})
    world.letters = [letter(1, LOCK)]
    return {"attempts": 4}


@scene("retry.transient_retried", "held")
def declared_attempts_spent(world: World) -> dict[str, Any]:
    for _ in range(4):
        world.send({1: LOCK})
    world.letters = [letter(1, LOCK)]
    return {"attempts": 4}


@scene("retry.transient_retried", "held")
def outage_tried_again_with_the_same_body(world: World) -> None:
    world.exchange(status=503, fingerprint="body [1, 2]")
    world.send({1: None, 2: None})


@scene("retry.transient_retried", "violated")
def outage_given_up(world: World) -> None:
    world.exchange(status=503)
    world.letters = [letter(1, "HTTP_503"), letter(2, "HTTP_503")]


@scene("retry.transient_retried", "held")
def outage_tried_again_in_other_batches(world: World) -> None:
    world.exchange(status=503)
    world.send({1: None})
    world.send({2: None})


@scene("retry.transient_retried", "held")
def lost_reply_sent_again(world: World) -> None:
    world.send({1: None, 2: None}, **LOST)
    world.send({1: None, 2: None})


@scene("retry.transient_retried", "held")
def lost_reply_looked_up(world: World) -> None:
    world.send({1: None, 2: None}, **LOST)
    world.exchange("rest.query.run")


@scene("retry.transient_retried", "violated")
def lost_reply_of_an_upsert_given_up(world: World) -> None:
    world.send({1: None, 2: None}, **LOST)


@scene("retry.transient_retried", "not exercised")
def lost_reply_of_a_create(world: World) -> None:
    world.send({1: None, 2: None}, CREATE, **LOST)


@scene("retry.transient_retried", "violated")
def read_given_up(world: World) -> None:
    world.exchange("rest.query.run", 503)


@scene("retry.permanent_not_retried", "held")
def refused_once(world: World) -> None:
    world.send({1: RULE, 2: None})


@scene("retry.permanent_not_retried", "violated")
def refused_and_sent_again(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.send({1: RULE})


@scene("retry.permanent_not_retried", "held")
def mended_and_sent_again(world: World) -> None:
    world.send({1: RULE})
    world.send({1: None})
    world.entries[-1]["rows"][0]["fingerprint"] = "other values"


@scene("retry.permanent_not_retried", "violated")
def refused_request_sent_again(world: World) -> None:
    for _ in range(2):
        world.refuse("MALFORMED_QUERY", operation="rest.query.run", query="SELEC Id")


@scene("retry.permanent_not_retried", "not exercised")
def refused_but_never_told(world: World) -> None:
    world.send({1: RULE}, **LOST)
    world.send({1: RULE}, **LOST)


@scene("retry.bounded", "held")
def six_of_six_attempts(world: World) -> dict[str, Any]:
    for _ in range(6):
        world.send({1: LOCK})
    return {"attempts": 6}


@scene("retry.bounded", "violated")
def seven_of_six_attempts(world: World) -> dict[str, Any]:
    for _ in range(7):
        world.send({1: LOCK})
    return {"attempts": 6}


@scene("retry.bounded", "violated")
def eleven_undeclared_attempts_in_an_outage(world: World) -> None:
    for _ in range(11):
        world.exchange(status=503, fingerprint="same")


@scene("retry.bounded", "held")
def expired_sessions_do_not_count(world: World) -> dict[str, Any]:
    for _ in range(2):
        world.send({1: LOCK})
        world.refuse("INVALID_SESSION_ID", 401, fingerprint="body [1]")
    return {"attempts": 2}


# -- bulk


@scene("bulk.row_results_read", "held")
def failed_row_dead_lettered(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]


@scene("bulk.row_results_read", "violated")
def failed_row_ignored(world: World) -> None:
    world.send({1: RULE, 2: None})


@scene("bulk.row_results_read", "not exercised")
def no_row_failed(world: World) -> None:
    world.send({1: None, 2: None})


@scene("bulk.only_failed_rows_retried", "held")
def only_the_failed_row_again(world: World) -> None:
    world.send({1: LOCK, 2: None})
    world.send({1: None})


@scene("bulk.only_failed_rows_retried", "violated")
def the_whole_batch_again(world: World) -> None:
    world.send({1: LOCK, 2: None})
    world.send({1: None, 2: None})


@scene("bulk.only_failed_rows_retried", "not exercised")
def whole_batch_failed(world: World) -> None:
    world.send({1: LOCK, 2: LOCK})
    world.send({1: None, 2: None})


@scene("bulk.calls_per_record", "held")
def two_hundred_a_call(world: World) -> None:
    world.inputs = 400
    for start in (1, 201):
        world.send(dict.fromkeys(range(start, start + 200)))


@scene("bulk.calls_per_record", "held")
def retries_do_not_count(world: World) -> None:
    two_hundred_a_call(world)
    for number in range(1, 101):
        world.send({number: None})


@scene("bulk.calls_per_record", "violated")
def one_record_a_call(world: World) -> None:
    world.inputs = 210
    for number in range(1, 211):
        world.send({number: None})


@scene("bulk.calls_per_record", "violated")
def a_query_for_each_record(world: World) -> None:
    world.inputs = 210
    world.send(dict.fromkeys(range(1, 201)))
    for number in range(1, 20):
        world.exchange("rest.query.run", query=f"SELECT Id FROM Contact WHERE External_Id__c = 'K{number}'")


@scene("bulk.calls_per_record", "not exercised")
def few_inputs(world: World) -> None:
    world.send({1: None, 2: None})


# -- dead letters


@scene("dead_letter.complete", "held")
def each_failure_once(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]


@scene("dead_letter.complete", "violated")
def a_failure_without_letter(world: World) -> None:
    world.send({1: RULE, 2: None})


@scene("dead_letter.complete", "violated")
def a_failure_with_two_letters(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE), letter(1, RULE)]


@scene("dead_letter.complete", "violated")
def a_letter_of_what_landed(world: World) -> None:
    world.send({1: None, 2: None})
    world.letters = [letter(1, RULE)]


@scene("dead_letter.complete", "violated")
def a_letter_of_no_input(world: World) -> None:
    world.send({1: None, 2: None})
    world.letters = [letter(77, RULE)]


@scene("dead_letter.complete", "not applicable")
@scene("dead_letter.informative", "not applicable")
def no_queue(world: World) -> None:
    world.letters = None


@scene("dead_letter.informative", "held")
def all_said(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]


@scene("dead_letter.informative", "held")
def own_word_where_salesforce_gave_none(world: World) -> None:
    world.exchange(status=503)
    world.letters = [letter(1, "HTTP_503")]


@scene("dead_letter.informative", "violated")
def another_code_than_salesforce_said(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, "UNKNOWN")]


@scene("dead_letter.informative", "not exercised")
def no_letter(world: World) -> None:
    world.send({1: None, 2: None})


# -- security


@scene("security.no_secrets_leaked", "held")
def nothing_found(world: World) -> dict[str, Any]:
    world.send({1: RULE})
    world.letters = [letter(1, RULE)]
    return {"canaries": SECRET}


@scene("security.no_secrets_leaked", "violated")
def secret_in_a_letter(world: World) -> dict[str, Any]:
    world.letters = [letter(1, RULE, raw='{"headers": "hunter2"}')]
    return {"canaries": SECRET}


@scene("security.no_secrets_leaked", "violated")
def secret_in_the_output(world: World) -> dict[str, Any]:
    return {"canaries": SECRET, "process": Process(0, 1.0, leaks=("the password",))}


@scene("security.no_secrets_leaked", "violated")
def secret_in_a_url(world: World) -> dict[str, Any]:
    world.exchange(path="/services/data/hunter2")
    return {"canaries": SECRET}


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


def _everywhere() -> list[tuple[str, str, Scene]]:
    """Return the scenes of all files beside this one."""
    names = [path.stem for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    others = [importlib.import_module(f"{__package__}.{name}") for name in sorted(names)]
    return SCENES.all + [scene for other in others for scene in getattr(other, "SCENES", Scenes()).all]


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_property_can_end_in_each_way(name: str) -> None:
    shown = {status for scene_name, status, _ in _everywhere() if scene_name == name}
    assert {"held", "violated"} <= shown
    assert shown & {"not exercised", "not applicable"}


@pytest.mark.parametrize("name", sorted(registry()))
def test_every_property_explains_itself(name: str) -> None:
    claim = registry()[name]
    assert claim.needs
    assert claim.needs <= NEEDS
    assert claim.consequences <= set(registry()) - {name}
    assert claim.source.startswith("https://")
    for words in (claim.trigger, claim.rule, claim.guidance):
        assert len(words) > 10


@pytest.mark.parametrize(
    ("change", "wants"),
    [
        ({"error_code": None}, "no error code"),
        ({"error_message": ""}, "no error message"),
        ({"attempts": None}, "no number of attempts"),
        ({"attempts": 0}, "no number of attempts"),
        ({"attempts": True}, "no number of attempts"),
        ({"failed_at": "yesterday"}, "no time"),
        ({"failed_at": None}, "no time"),
        ({"record": {"LastName": "Other"}}, "another record"),
        ({"record": {"External_Id__c": "K1"}}, "another record"),
    ],
)
def test_a_letter_that_says_too_little(change: dict[str, Any], wants: str) -> None:
    world = World()
    world.send({1: RULE})
    world.letters = [letter(1, RULE, **change)]
    verdict = verdict_of("dead_letter.informative", world)
    assert verdict.status == "violated"
    assert wants in verdict.reason


def test_a_leak_is_named_without_the_secret() -> None:
    world = World()
    world.letters = [letter(1, RULE, raw="hunter2")]
    verdict = verdict_of("security.no_secrets_leaked", world, canaries=SECRET)
    assert "the password" in verdict.reason
    assert "hunter2" not in verdict.reason


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("bulk.calls_per_record", {"maximum": 1}),
        ("bulk.calls_per_record", {"max": "many"}),
        ("bulk.calls_per_record", {"max": -1}),
        ("retry.bounded", {"attempts": 1.5}),
        ("delivery.nothing_lost", {"max": 1}),
    ],
)
def test_wrong_parameters_are_refused(name: str, given: dict[str, Any]) -> None:
    with pytest.raises(ParameterError):
        read_parameters(registry()[name], given)


def test_a_parameter_moves_the_limit() -> None:
    world = World()
    one_record_a_call(world)
    verdicts = judge(world.evidence(), expect={"bulk.calls_per_record": {"max": 1}}).verdicts
    assert {v.property: v.status for v in verdicts}["bulk.calls_per_record"] == "held"


def test_the_cause_is_named_before_its_consequences() -> None:
    world = World()
    world.send({1: LOCK, 2: None})
    judgement = judge(world.evidence())
    assert judgement.violated[0].property == "bulk.row_results_read"
    assert judgement.violated[-1].property == "delivery.nothing_lost"
    assert set(judgement.follows) == {verdict.property for verdict in judgement.violated[1:]}


def test_a_waived_property_does_not_count() -> None:
    world = World()
    world.send({1: None, 2: None}, CREATE)
    world.send({1: None}, CREATE)
    assert not judge(world.evidence()).ok
    assert judge(world.evidence(), skip={"delivery.nothing_twice": "the target has no keys"}).ok


def test_a_required_property_must_be_exercised() -> None:
    world = World()
    world.send({1: None, 2: None})
    assert judge(world.evidence()).ok
    judgement = judge(world.evidence(), expect={"retry.bounded": {}})
    assert [verdict.property for verdict in judgement.missing] == ["retry.bounded"]
    assert not judgement.ok


def test_a_fault_that_never_fired_is_a_failure_by_name() -> None:
    world = World()
    world.send({1: None, 2: None})
    judgement = judge(world.evidence(faults=[ArmedFault("locks", 3, 0), ArmedFault("slow", 3, 3)]))
    assert [fault.name for fault in judgement.unfired] == ["locks"]
    assert not judgement.ok
