"""The retry properties, each held, violated and not exercised in a small world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import pytest

from harness.evidence import ArmedFault, Leg, Process
from harness.judge import judge
from harness.plans import Policy
from tests.harness.builders import CREATE, UPSERT, World, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"
LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
RESET = {"outcome": "reset", "status": None, "strikes": [strike(effect="reply", point="edge")]}
ONE = "rest.sobject.create"
DECLARED = Policy(attempts=6, base=1.0, factor=2.0, cap=4.0, jitter=0.1, timeout=5.0)

SCENES = Scenes()
scene = SCENES.add


def fail_again(world: World, row: int, gaps: Sequence[float], start: float = 0.0, **changes: Any) -> float:
    """Send a row until it is saved, with these waits; each request takes 10 ms. Return when the last has ended."""
    at = start
    for place in range(len(gaps) + 1):
        saved = place == len(gaps)
        world.send({row: None if saved else LOCK}, at=at, end=at + 0.01, **({} if saved else changes))
        at += 0.01 + (0 if saved else gaps[place])
    return at


def many(world: World, chains: Sequence[Sequence[float]]) -> None:
    """Add chains of waits, one an input, each after the other."""
    world.inputs = len(chains)
    at = 0.0
    for row, gaps in enumerate(chains, 1):
        at = fail_again(world, row, gaps, at) + 1


def leg(world: World, name: Any = "faults", *, began: float = 0.0, ended: float = 100.0, **process: Any) -> Leg:
    """Return a run that spans the world as it is now."""
    return Leg(name, Process(0, 1.0, **process), 1, len(world.entries), began, ended, 0)


# -- classification


def _honest(world: World) -> None:
    world.exchange(status=503, fingerprint="body [1]")
    world.send({1: None})


@scene("retry.classified_by_error_code", "held")
def lock_with_400_tried_again(world: World) -> None:
    _honest(world)
    world.refuse(LOCK, 400, fingerprint="body [2]")
    world.send({2: None})


@scene("retry.classified_by_error_code", "violated")
def lock_with_400_given_up(world: World) -> None:
    _honest(world)
    world.send({2: LOCK}, "rest.sobject.upsert", status=400)


@scene("retry.classified_by_error_code", "violated")
def refusal_with_500_sent_again(world: World) -> None:
    _honest(world)
    for _ in range(2):
        world.send({2: RULE}, "rest.sobject.upsert", status=500)


@scene("retry.classified_by_error_code", "not exercised")
def whoever_retries_nothing_does_not_misjudge(world: World) -> None:
    world.send({2: LOCK}, "rest.sobject.upsert", status=400)


# -- refused for good


def _child_refused(world: World, parent: str = "K1", code: str = "INVALID_FIELD") -> None:
    world.send({2: code})
    world.entries[-1]["rows"][0]["values"]["Account"] = {"External_Id__c": parent}


@scene("retry.permanent_not_retried", "held")
def a_child_again_when_its_parent_has_landed(world: World) -> None:
    _child_refused(world)
    world.send({1: None})
    world.send({2: None})


@scene("retry.permanent_not_retried", "violated")
def a_child_again_without_its_parent(world: World) -> None:
    world.send({1: None})
    _child_refused(world)
    world.send({2: None})


@scene("retry.permanent_not_retried", "violated")
def a_child_again_when_another_has_landed(world: World) -> None:
    _child_refused(world, parent="K3")
    world.send({1: None})
    world.send({2: None})


@scene("retry.permanent_not_retried", "violated")
def refused_for_itself_and_sent_again_after_its_parent(world: World) -> None:
    _child_refused(world, code=RULE)
    world.send({1: None})
    world.send({2: None})


def _reset_in_mid_stream(world: World) -> None:
    lost = {"status": None, "outcome": "abandoned", "strikes": [strike("reset", "before", "reply")]}
    world.exchange("cometd.connect", at=1.0, end=1.5, fingerprint="first", **lost)
    world.exchange("cometd.subscribe", at=2.0, end=2.1, fingerprint="first client", **lost)


@scene("retry.transient_retried", "held")
def begins_anew_with_a_handshake(world: World) -> None:
    _reset_in_mid_stream(world)
    world.exchange("cometd.handshake", at=3.0, end=3.1)


@scene("retry.transient_retried", "held")
def subscribes_by_another_client_id(world: World) -> None:
    _reset_in_mid_stream(world)
    world.exchange("cometd.subscribe", at=3.0, end=3.1, fingerprint="second client")
    world.exchange("cometd.connect", at=4.0, end=4.1, fingerprint="second client")


@scene("retry.transient_retried", "violated")
def has_done_with_streaming_after_a_reset(world: World) -> None:
    _reset_in_mid_stream(world)
    world.exchange("rest.limits", at=30.0, end=30.1)


@scene("retry.permanent_not_retried", "not exercised")
def asks_for_a_websocket_whenever_it_connects(world: World) -> None:
    for at in (0.0, 1.0):
        world.exchange(
            "unknown", 405, method="GET", path="/cometd/66.0", at=at, end=at, codes=["METHOD_NOT_ALLOWED"],
            fingerprint=None,
        )  # fmt: skip


# -- bounds


@scene("retry.bounded", "held")
def many_workers_ask_the_same_in_an_outage(world: World) -> dict[str, Any]:
    for at in (0.0, 1.0, 3.0):
        for _ in range(12):
            world.exchange("oauth.token", 503, at=at, end=at + 0.1, session=None)
    return {"attempts": 3}


@scene("retry.bounded", "held")
def workers_with_sessions_of_their_own(world: World) -> dict[str, Any]:
    for worker in range(12):
        world.query("SELECT Id FROM Contact", at=worker / 10, end=worker / 10 + 0.05, status=503, session=f"s{worker}")
    return {"attempts": 3}


@scene("retry.bounded", "violated")
def one_of_many_workers_goes_on_for_ever(world: World) -> dict[str, Any]:
    for at in range(5):
        for _ in range(12 if at == 0 else 1):
            world.exchange("oauth.token", 503, at=float(at), end=at + 0.1, session=None)
    return {"attempts": 3}


# -- deadline


@scene("retry.within_deadline", "held")
def done_before_the_deadline(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.0])
    return {"legs": [leg(world)], "deadline": 10.0}


@scene("retry.within_deadline", "violated")
def a_request_after_the_deadline(world: World) -> dict[str, Any]:
    fail_again(world, 1, [4.0, 8.0])
    return {"legs": [leg(world)], "deadline": 10.0}


@scene("retry.within_deadline", "violated")
def stopped_while_retrying(world: World) -> dict[str, Any]:
    for at in (0.0, 4.0, 8.0):
        world.send({1: LOCK}, at=at, end=at + 0.01)
    return {"legs": [leg(world, ended=10.1, timed_out=True)], "deadline": 10.0}


@scene("retry.within_deadline", "not exercised")
def stopped_by_the_user_before_the_deadline(world: World) -> dict[str, Any]:
    for at in (0.0, 4.0, 8.0):
        world.send({1: LOCK}, at=at, end=at + 0.01)
    return {"legs": [leg(world, ended=9.0, timed_out=True)], "deadline": 60.0}


@scene("retry.within_deadline", "not applicable")
def no_deadline(world: World) -> None:
    fail_again(world, 1, [1.0])


# -- giving up


PATIENT = Policy(attempts=10, base=5.0, factor=2.0, cap=8.0, jitter=0.1)


def _gave_up(world: World, waits: Sequence[float]) -> dict[str, Any]:
    """Dead-letter the first record after these waits, with ten attempts declared and a deadline of a minute."""
    fail_again(world, 1, [*waits, 0.0])
    world.entries.pop()
    world.commits.clear()
    world.letters = [letter(1, LOCK, attempts=len(world.entries))]
    return {"policy": PATIENT, "legs": [leg(world)], "deadline": 60.0}


for _name in ("retry.transient_retried", "dead_letter.only_when_spent"):

    @scene(_name, "held")
    def gave_up_where_the_next_wait_would_come_near_the_deadline(world: World) -> dict[str, Any]:
        return _gave_up(world, [5.0, 8.0, 8.0, 8.0, 8.0])

    @scene(_name, "violated")
    def gave_up_with_half_of_the_time_left(world: World) -> dict[str, Any]:
        return _gave_up(world, [5.0, 8.0, 8.0])

    @scene(_name, "violated")
    def gave_up_without_a_deadline(world: World) -> dict[str, Any]:
        return {**_gave_up(world, [5.0, 8.0, 8.0, 8.0, 8.0]), "deadline": None}


@scene("retry.transient_retried", "violated")
def gave_up_at_once_near_the_deadline(world: World) -> dict[str, Any]:
    world.send({1: LOCK}, at=58.0, end=58.1)
    world.letters = [letter(1, LOCK)]
    return {"policy": PATIENT, "legs": [leg(world)], "deadline": 60.0}


# -- backoff


@scene("retry.backoff_grows", "held")
def waits_as_declared(world: World) -> dict[str, Any]:
    fail_again(world, 1, [0.91, 2.19, 4.39, 3.7])
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "violated")
def second_wait_as_short_as_the_first(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.0, 1.0])
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "violated")
def a_wait_far_longer_than_declared(world: World) -> dict[str, Any]:
    fail_again(world, 1, [3.5])
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "violated")
def in_virtual_time_a_hundredth_counts(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.11])
    return {"policy": DECLARED, "clock": "virtual"}


@scene("retry.backoff_grows", "held")
def one_slow_moment_of_the_machine(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.9])
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "held")
def other_work_in_a_wait_is_no_wait(world: World) -> dict[str, Any]:
    world.send({1: LOCK}, at=0.0, end=0.01)
    world.send({2: None}, at=0.02, end=9.0)
    world.send({1: None}, at=10.0, end=10.1)
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "held")
def a_batch_waits_once(world: World) -> dict[str, Any]:
    world.inputs = 100
    world.send(dict.fromkeys(range(1, 101), LOCK), at=0.0, end=0.01)
    world.send(dict.fromkeys(range(1, 51), None), at=1.0, end=1.01)
    world.send(dict.fromkeys(range(51, 101), None), at=1.02, end=1.03)
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "held")
def a_new_session_is_no_wait(world: World) -> dict[str, Any]:
    world.refuse("INVALID_SESSION_ID", 401, fingerprint="body [1]", at=0.0, end=0.01)
    world.exchange("oauth.token", at=0.02, end=0.03)
    world.send({1: LOCK}, at=0.04, end=0.05)
    world.send({1: None}, at=1.05, end=1.06)
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "held")
def an_ended_session_may_be_an_attempt(world: World) -> dict[str, Any]:
    world.refuse("INVALID_SESSION_ID", 401, fingerprint="body [1]", at=0.0, end=0.01)
    world.exchange("oauth.token", at=0.02, end=0.03)
    world.send({1: LOCK}, at=1.0, end=1.01)
    world.send({1: None}, at=3.01, end=3.02)  # the second wait to a loop that counts the session's end too
    return {"policy": DECLARED, "clock": "virtual"}


@scene("retry.backoff_grows", "violated")
def an_ended_session_is_one_attempt_and_no_more(world: World) -> dict[str, Any]:
    world.refuse("INVALID_SESSION_ID", 401, fingerprint="body [1]", at=0.0, end=0.01)
    world.exchange("oauth.token", at=0.02, end=0.03)
    world.send({1: LOCK}, at=1.0, end=1.01)
    world.send({1: None}, at=5.01, end=5.02)
    return {"policy": DECLARED, "clock": "virtual"}


def _looked_up_between(world: World, key: str) -> dict[str, Any]:
    world.send({1: LOCK}, ONE, at=0.0, end=0.01)
    for at, status in ((1.01, 503), (2.02, 200)):
        soql = f"SELECT Id FROM Contact WHERE External_Id__c = '{key}'" if status == 200 else None
        world.exchange("rest.query.run", status, query=soql, fingerprint="print", at=at, end=at + 0.01)
    world.send({1: None}, ONE, at=2.04, end=2.05)
    return {"policy": DECLARED, "clock": "virtual"}


@scene("retry.backoff_grows", "held")
def a_lookup_before_the_next_attempt_has_waits_of_its_own(world: World) -> dict[str, Any]:
    return _looked_up_between(world, "K1")


@scene("retry.backoff_grows", "violated")
def a_lookup_of_another_record_lengthens_no_wait(world: World) -> dict[str, Any]:
    return _looked_up_between(world, "K2")


@scene("retry.backoff_grows", "held")
def failed_rows_may_be_counted_apart_from_failed_requests(world: World) -> dict[str, Any]:
    world.exchange(status=503, fingerprint="body [1]", at=0.0, end=0.01)
    world.send({1: LOCK}, at=1.0, end=1.01)
    world.send({1: None}, at=2.0, end=2.01)  # the first wait of the loop around the one that retries requests
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "not exercised")
def a_restarted_subject_has_not_waited(world: World) -> dict[str, Any]:
    world.send({1: LOCK}, at=0.0, end=0.01)
    first = leg(world, crashed=True)
    world.send({1: None}, at=0.1, end=0.11)
    return {"policy": DECLARED, "legs": [first, leg(world, "restart")]}


@scene("retry.backoff_grows", "not exercised")
def a_library_sends_again_on_a_fresh_connection(world: World) -> dict[str, Any]:
    for _ in range(2):
        world.query("SELECT Id FROM Contact", at=0.0, end=0.01, **(RESET if not world.entries else {}))
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "not exercised")
def the_same_read_of_two_workers(world: World) -> dict[str, Any]:
    for at in (0.0, 0.001):
        world.query("SELECT Id FROM Contact", at=at, end=0.01, status=503)
    for at in (1.0, 1.5):
        world.query("SELECT Id FROM Contact", at=at, end=at + 0.01)
    return {"policy": DECLARED}


@scene("retry.backoff_grows", "held")
def waits_that_grow_undeclared(world: World) -> None:
    many(world, [[0.1, 0.2, 0.4, 0.8]] * 20)


@scene("retry.backoff_grows", "violated")
def waits_that_do_not_grow(world: World) -> None:
    many(world, [[0.5] * 4] * 20)


@scene("retry.backoff_grows", "violated")
def no_waits_at_all(world: World) -> None:
    many(world, [[0.001] * 4] * 4)


@scene("retry.backoff_grows", "not exercised")
def too_few_chains(world: World) -> None:
    many(world, [[0.5] * 4] * 19)


@scene("retry.backoff_capped", "held")
def waits_end_at_the_cap(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.0, 2.0, 4.0, 4.3])
    return {"policy": DECLARED}


@scene("retry.backoff_capped", "violated")
def waits_double_without_end(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.0, 2.0, 4.0, 8.0, 16.0])
    return {"policy": DECLARED}


@scene("retry.backoff_capped", "violated")
def an_hour_undeclared(world: World) -> None:
    fail_again(world, 1, [1.0, 60.0, 3600.0])


@scene("retry.backoff_capped", "not exercised")
def the_cap_was_never_near(world: World) -> dict[str, Any]:
    fail_again(world, 1, [1.0, 2.0])
    return {"policy": DECLARED}


@scene("retry.jittered", "held")
def first_waits_differ(world: World) -> None:
    many(world, [[1.0 + row / 100] for row in range(30)])


@scene("retry.jittered", "violated")
def first_waits_alike(world: World) -> None:
    many(world, [[1.0]] * 30)


@scene("retry.jittered", "violated")
def declared_jitter_that_is_not_there(world: World) -> dict[str, Any]:
    many(world, [[1.0, 2.0]] * 15)
    return {"policy": DECLARED}


@scene("retry.jittered", "held")
def the_first_retry_comes_at_once_by_design(world: World) -> None:
    many(world, [[0.001, 1.0 + row / 100] for row in range(30)])


@scene("retry.jittered", "violated")
def second_waits_alike_after_a_retry_at_once(world: World) -> None:
    many(world, [[0.001, 1.0]] * 30)


@scene("retry.jittered", "not exercised")
def whoever_never_waits_has_no_waits_to_spread(world: World) -> None:
    many(world, [[0.0]] * 30)


@scene("retry.jittered", "not exercised")
def few_first_waits(world: World) -> None:
    many(world, [[1.0]] * 29)


@scene("retry.jittered", "not applicable")
def no_jitter_declared(world: World) -> dict[str, Any]:
    many(world, [[1.0]] * 30)
    return {"policy": Policy(base=1.0, factor=2.0, jitter=0.0)}


# -- throttling


def _pause(world: World, value: str, wait: float, status: int = 503) -> None:
    fingerprint = "body [1]"
    world.exchange(status=status, fingerprint=fingerprint, retry_after=value, at=1000.0, end=1000.01)
    world.send({1: None}, at=1000.01 + wait, end=1000.02 + wait)


@scene("retry.retry_after_honoured", "held")
def came_back_when_asked(world: World) -> None:
    _pause(world, "5", 5.2)


@scene("retry.retry_after_honoured", "violated")
def came_back_too_early(world: World) -> None:
    _pause(world, "5", 1.0, 429)


@scene("retry.retry_after_honoured", "held")
def came_back_at_the_date(world: World) -> None:
    _pause(world, formatdate(1005, usegmt=True), 5.0)


@scene("retry.retry_after_honoured", "violated")
def came_back_before_the_date(world: World) -> None:
    _pause(world, formatdate(1020, usegmt=True), 5.0)


@scene("retry.retry_after_honoured", "violated")
def came_back_an_hour_late(world: World) -> None:
    _pause(world, "5", 3600.0)


@scene("retry.retry_after_honoured", "not exercised")
def never_came_back(world: World) -> None:
    world.exchange(status=503, retry_after="5")


@scene("retry.retry_after_honoured", "not exercised")
def what_cannot_be_read_asks_nothing(world: World) -> None:
    _pause(world, "soon", 0.1)


@scene("retry.quiet_while_throttled", "held")
def all_workers_quiet(world: World) -> None:
    _pause(world, "5", 5.2)
    world.send({2: None}, at=1006.0, end=1006.1)


@scene("retry.quiet_while_throttled", "violated")
def another_worker_goes_on(world: World) -> None:
    world.exchange(status=503, retry_after="5", at=0.0, end=0.01)
    world.exchange(status=503, retry_after="5", at=2.0, end=2.01)


@scene("retry.quiet_while_throttled", "held")
def requests_on_their_way_are_not_early(world: World) -> None:
    world.exchange(status=503, retry_after="5", at=0.0, end=0.5)
    world.exchange(status=503, retry_after="5", at=0.4, end=0.6)
    world.exchange(status=503, retry_after="5", at=0.55, end=0.65)


@scene("retry.quiet_while_throttled", "held")
def whoever_is_served_was_not_throttled(world: World) -> None:
    world.exchange(status=503, retry_after="5", at=0.0, end=0.01)
    world.send({1: None}, at=2.0, end=2.01)


@scene("retry.quiet_while_throttled", "not exercised")
def nobody_asked_for_a_pause(world: World) -> None:
    world.exchange(status=503)
    world.exchange(status=503)


# -- load


@scene("retry.amplification_bounded", "held")
def one_request_for_one_failure(world: World) -> None:
    world.send({1: LOCK, 2: None})
    world.send({1: None})


@scene("retry.amplification_bounded", "held")
def two_steps_of_one_job(world: World) -> None:
    world.send({1: LOCK})
    world.send({1: None})
    world.send({1: None})
    world.entries[-1]["rows"][0]["fingerprint"] = "the second step"


@scene("retry.amplification_bounded", "violated")
def three_copies_after_one_failure(world: World) -> None:
    world.send({1: LOCK, 2: None})
    for _ in range(3):
        world.send({1: None})


@scene("retry.amplification_bounded", "violated")
def thirty_attempts_in_an_outage(world: World) -> None:
    for _ in range(30):
        world.send({1: LOCK})


@scene("retry.amplification_bounded", "not exercised")
def nothing_failed(world: World) -> None:
    world.send({1: None, 2: None})


@scene("retry.single_layer", "held")
def one_series_of_waits(world: World) -> None:
    many(world, [[0.1, 0.2, 0.4, 0.4, 0.4]] * 10)


@scene("retry.single_layer", "violated")
def three_rounds_of_three(world: World) -> None:
    many(world, [[0.1, 0.2, 1.0, 0.1, 0.2, 2.0, 0.1, 0.2]] * 10)


@scene("retry.single_layer", "violated")
def a_library_that_retries_at_once_below(world: World) -> None:
    many(world, [[0.001, 1.0, 0.001]] * 10)


@scene("retry.single_layer", "not exercised")
def nine_chains_are_too_few(world: World) -> None:
    many(world, [[0.1, 0.2, 1.0, 0.1, 0.2]] * 9)


# -- replays


@scene("retry.unsafe_not_replayed", "held")
def looked_up_by_its_key(world: World) -> None:
    world.send({1: LOCK}, ONE, **RESET)
    world.query("SELECT+Id+FROM+Contact+WHERE+External_Id__c+%3D+%27K1%27")
    world.send({1: None}, ONE)


@scene("retry.unsafe_not_replayed", "held")
def sent_again_as_upsert(world: World) -> None:
    world.send({1: None}, ONE, **LOST)
    world.send({1: None}, "rest.sobject.upsert")


@scene("retry.unsafe_not_replayed", "held")
def a_unique_key_guards(world: World) -> dict[str, Any]:
    world.send({1: LOCK}, ONE, **RESET)
    world.send({1: None}, ONE)
    return {"unique": {("contact", "external_id__c"): True}}


@scene("retry.unsafe_not_replayed", "violated")
def posted_again_blindly(world: World) -> None:
    world.send({1: LOCK}, ONE, **RESET)
    world.send({1: None}, ONE)


@scene("retry.unsafe_not_replayed", "violated")
def another_record_looked_up(world: World) -> None:
    world.send({1: LOCK}, CREATE, **RESET)
    world.query("SELECT+Id+FROM+Contact+WHERE+External_Id__c+%3D+%27K2%27")
    world.send({1: None}, CREATE)


@scene("retry.unsafe_not_replayed", "not exercised")
def every_create_was_answered(world: World) -> None:
    world.send({1: LOCK}, ONE, status=400)
    world.send({1: None}, ONE)


@scene("retry.same_body", "held")
def the_same_again(world: World) -> None:
    world.send({1: LOCK})
    world.send({1: None})


@scene("retry.same_body", "held")
def the_same_by_another_way(world: World) -> None:
    world.send({1: LOCK}, CREATE)
    world.send({1: None}, "rest.sobject.upsert")


@scene("retry.same_body", "violated")
def a_stamp_made_anew(world: World) -> None:
    for stamp, code in (("10:00", LOCK), ("10:01", None)):
        world.send({1: code})
        row = world.entries[-1]["rows"][0]
        row["values"] = {**row["values"], "Description": stamp}
        row["fingerprint"] = stamp


@scene("retry.same_body", "violated")
def a_body_read_to_its_end(world: World) -> None:
    world.send({1: LOCK, 2: LOCK}, **RESET)
    world.refuse("JSON_PARSER_ERROR", fingerprint=None)


@scene("retry.same_body", "not exercised")
def nothing_sent_again(world: World) -> None:
    world.send({1: None})


@scene("retry.same_body", "not exercised")
def a_mended_record_may_differ(world: World) -> None:
    world.send({1: RULE})
    world.send({1: None})
    world.entries[-1]["rows"][0]["fingerprint"] = "mended"


# -- time-outs


def _held_up(world: World, at: float, took: float, left: float | None = None, **changes: Any) -> None:
    slow = [strike("slow", "latency")]
    outcome = {"outcome": "abandoned"} if left is not None else {}
    world.send({1: None}, at=at, end=at + took, left=left, strikes=slow, **outcome, **changes)


@scene("retry.timeout_set", "held")
def gave_up_at_its_timeout(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 60.0, left=5.02)
    return {"policy": DECLARED}


@scene("retry.timeout_set", "violated")
def waited_for_ever(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 60.0)
    return {"policy": DECLARED}


@scene("retry.timeout_set", "violated")
def gave_up_late(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 60.0, left=12.0)
    return {"policy": DECLARED}


@scene("retry.timeout_set", "violated")
def hung_until_it_was_stopped(world: World) -> dict[str, Any]:
    world.exchange(at=0.0, end=None, outcome=None, status=None)
    return {"policy": DECLARED, "legs": [leg(world, ended=30.0, timed_out=True)]}


@scene("retry.timeout_set", "held")
def thirty_seconds_undeclared(world: World) -> None:
    _held_up(world, 0.0, 60.0, left=29.9)


def _in_pieces(world: World, reply: str, **changes: Any) -> dict[str, Any]:
    world.send({1: None}, at=0.0, strikes=[strike("pieces", "reply", "reply")], **changes)
    return {"policy": DECLARED, "faults": [ArmedFault("pieces", 1, 1, {"reply": reply})], "legs": [leg(world)]}


@scene("retry.timeout_set", "not exercised")
def read_an_answer_that_came_in_pieces(world: World) -> dict[str, Any]:
    return _in_pieces(world, "trickle", end=20.0)


@scene("retry.timeout_set", "violated")
def waited_long_for_another_reply(world: World) -> dict[str, Any]:
    return _in_pieces(world, "malformed", end=20.0)


@scene("retry.timeout_set", "held")
def gave_up_an_answer_in_pieces_at_the_timeout(world: World) -> dict[str, Any]:
    return _in_pieces(world, "trickle", end=20.0, left=5.0, outcome="abandoned")


@scene("retry.timeout_set", "violated")
def gave_up_an_answer_in_pieces_late(world: World) -> dict[str, Any]:
    return _in_pieces(world, "trickle", end=60.0, left=12.0, outcome="abandoned")


@scene("retry.timeout_set", "violated")
def hung_in_an_answer_that_never_ended(world: World) -> dict[str, Any]:
    return _in_pieces(world, "trickle", end=None, outcome=None, status=None)


@scene("retry.timeout_set", "not exercised")
def answered_in_time(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 4.0)
    return {"policy": DECLARED}


@scene("retry.timeout_set", "not exercised")
def listened_for_a_minute_and_longer(world: World) -> dict[str, Any]:
    world.exchange(operation="cometd.connect", at=0.0, end=110.0)
    world.exchange(operation="pubsub.subscribe", at=0.0, end=300.0)
    world.exchange(operation="pubsub.subscribe", at=0.0, end=70.0, left=70.0, outcome="abandoned")
    world.exchange(operation="cometd.connect", at=110.0, end=None, outcome=None, status=None)
    return {"policy": DECLARED, "legs": [leg(world, ended=300.0)]}


@scene("retry.slow_is_not_dead", "held")
def waited_for_a_slow_answer(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 4.0)
    return {"policy": DECLARED}


@scene("retry.slow_is_not_dead", "violated")
def lost_patience_early(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 4.0, left=1.0)
    _held_up(world, 1.5, 1.0)
    return {"policy": DECLARED}


@scene("retry.slow_is_not_dead", "violated")
def sent_a_second_copy_meanwhile(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 4.0)
    _held_up(world, 2.0, 1.0)
    return {"policy": DECLARED}


@scene("retry.slow_is_not_dead", "held")
def gave_up_at_the_declared_timeout(world: World) -> dict[str, Any]:
    _held_up(world, 0.0, 60.0, left=5.0)
    _held_up(world, 6.0, 1.0)
    return {"policy": DECLARED}


@scene("retry.slow_is_not_dead", "not exercised")
def never_slow(world: World) -> dict[str, Any]:
    world.send({1: None})
    return {"policy": DECLARED}


# -- recovery


@scene("retry.recovers_after_heal", "held")
def pending_work_arrives(world: World) -> dict[str, Any]:
    world.send({1: LOCK, 2: LOCK})
    first = leg(world, ended=2.0)
    world.send({1: None, 2: None})
    return {"legs": [first, leg(world, "heal", began=1.8)], "healed": 1.8}


@scene("retry.recovers_after_heal", "violated")
def pending_work_never_arrives(world: World) -> dict[str, Any]:
    world.send({1: LOCK, 2: LOCK})
    first = leg(world, ended=2.0)
    world.send({1: None})
    return {"legs": [first, leg(world, "heal", began=1.8)], "healed": 1.8}


@scene("retry.recovers_after_heal", "violated")
def pending_work_arrives_long_after(world: World) -> dict[str, Any]:
    world.send({1: LOCK, 2: None})
    world.send({1: None}, at=90.0, end=90.1)
    world.commits[-1] = replace(world.commits[-1], at=90.0)
    return {"legs": [leg(world)], "healed": 2.0, "policy": DECLARED}


@scene("retry.recovers_after_heal", "not exercised")
def nothing_was_pending(world: World) -> dict[str, Any]:
    world.send({1: None, 2: RULE})
    world.letters = [letter(2)]
    return {"legs": [leg(world)], "healed": 50.0}


@scene("retry.recovers_after_heal", "not applicable")
def faults_to_the_end(world: World) -> None:
    world.send({1: LOCK})


def _two_workers(world: World, wait: float, *, meanwhile: bool) -> None:
    """Send sixty records two at a time; one in ten fails once."""
    world.inputs = 60
    at = 0.0
    for row in range(1, 61, 2):
        failing = row % 10 == 1
        world.send({row: LOCK if failing else None}, at=at, end=at + 0.02)
        world.send({row + 1: None}, at=at + 0.005, end=at + 0.025)
        at += 0.03
        if failing:
            back = at + (wait if not meanwhile else 0.0)
            world.send({row: None}, at=back, end=back + 0.02)
            at = back + 0.03


@scene("retry.no_starvation", "held")
def others_go_on(world: World) -> None:
    _two_workers(world, 1.0, meanwhile=True)


@scene("retry.no_starvation", "violated")
def all_wait_for_one(world: World) -> None:
    _two_workers(world, 1.0, meanwhile=False)


@scene("retry.no_starvation", "not exercised")
def one_request_after_the_other(world: World) -> None:
    many(world, [[1.0]] * 10 + [[]] * 50)


# -- circuit breakers


@scene("retry.circuit_opens", "not applicable")
def no_breaker_claimed(world: World) -> None:
    fail_again(world, 1, [0.1] * 9)


BREAKER = {"parameters": {"after": 5, "probe": 10}}


def _outage(world: World, *starts: float) -> None:
    for at in (0.0, 0.1, 0.2, 0.3, 0.4, *starts):
        world.exchange(status=503, at=at, end=at + 0.01)


@scene("retry.circuit_opens", "held")
def a_probe_now_and_then(world: World) -> dict[str, Any]:
    _outage(world, 10.5, 21.0)
    world.send({1: None}, at=31.5, end=31.6)
    world.send({2: None}, at=31.7, end=31.8)
    return BREAKER


@scene("retry.circuit_opens", "held")
def what_was_on_its_way_does_not_count(world: World) -> dict[str, Any]:
    _outage(world, 0.405, 0.45)
    return BREAKER


@scene("retry.circuit_opens", "violated")
def requests_go_on_in_an_outage(world: World) -> dict[str, Any]:
    _outage(world, 1.0, 2.0, 3.0)
    return BREAKER


@scene("retry.circuit_opens", "violated")
def the_rate_does_not_fall(world: World) -> dict[str, Any]:
    _outage(world, 0.6, 0.8, 1.0, 1.2)
    return {"parameters": {"after": 5}}


@scene("retry.circuit_opens", "not exercised")
def no_outage_long_enough(world: World) -> dict[str, Any]:
    _outage(world)
    world.entries.pop()
    return BREAKER


@SCENES.each
def test_a_retry_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


# -- waits


def _waits(world: World, **options: Any) -> list[tuple[int, int, float]]:
    return [(wait.number, wait.least, round(wait.gap, 6)) for wait in world.evidence(**options).waits]


def test_waits_are_numbered_along_a_chain_and_start_anew_after_a_success() -> None:
    world = World()
    fail_again(world, 1, [1.0, 2.0])
    fail_again(world, 1, [1.0], start=10.0)
    assert _waits(world) == [(1, 1, 1.0), (2, 2, 2.0), (1, 1, 1.0)]


def test_a_batch_that_is_cut_smaller_has_waited_once() -> None:
    world = World(inputs=4)
    world.send(dict.fromkeys(range(1, 5), LOCK), at=0.0, end=0.5)
    world.send({1: None, 2: None}, at=1.5, end=1.6)
    world.send({3: None, 4: None}, at=1.7, end=1.8)
    assert _waits(world) == [(1, 1, 1.0)]


def test_two_failed_batches_that_are_joined_have_waited_from_the_later_one() -> None:
    world = World(inputs=2)
    world.send({1: LOCK}, at=0.0, end=0.5)
    world.send({2: LOCK}, at=0.6, end=1.0)
    world.send({1: None, 2: None}, at=3.0, end=3.1)
    assert _waits(world) == [(1, 1, 2.0)]


def test_rows_of_different_ages_leave_the_number_in_doubt() -> None:
    world = World(inputs=2)
    world.send({1: LOCK}, at=0.0, end=0.5)
    world.send({1: LOCK, 2: LOCK}, at=1.5, end=1.6)
    world.send({1: None, 2: None}, at=3.6, end=3.7)
    assert _waits(world) == [(1, 1, 1.0), (2, 1, 2.0)]


def test_fresh_rows_beside_retried_ones_leave_the_number_in_doubt() -> None:
    world = World(inputs=2)
    world.send({1: LOCK}, at=0.0, end=0.5)
    world.send({1: LOCK}, at=1.5, end=1.6)
    world.send({1: None, 2: None}, at=3.6, end=3.7)
    assert _waits(world) == [(1, 1, 1.0), (2, 1, 2.0)]


def test_single_records_and_collections_make_one_chain() -> None:
    world = World(inputs=1)
    world.send({1: LOCK}, "rest.sobject.upsert", at=0.0, end=0.5)
    world.send({1: LOCK}, UPSERT, at=1.5, end=1.6)
    world.send({1: None}, CREATE, at=3.6, end=3.7)
    assert _waits(world) == [(1, 1, 1.0), (2, 2, 2.0)]


def test_a_wait_starts_when_the_client_left() -> None:
    world = World(inputs=1)
    world.send({1: None}, at=0.0, end=60.0, left=5.0, outcome="abandoned")
    world.send({1: None}, at=6.0, end=6.1)
    assert _waits(world) == [(1, 1, 1.0)]


def test_what_was_under_way_in_a_wait_is_known() -> None:
    world = World(inputs=3)
    world.send({1: LOCK}, at=0.0, end=0.5)
    world.send({2: None}, at=1.0, end=2.0)
    world.send({3: None}, at=1.5, end=3.0)
    world.send({1: None}, at=4.0, end=4.1)
    (wait,) = world.evidence().waits
    assert (wait.gap, wait.busy, wait.idle, wait.others) == (3.5, 2.0, 1.5, 2)


# -- policy


@pytest.mark.parametrize(
    ("gap", "status"),
    [(0.89, "violated"), (0.9, "held"), (1.0, "held"), (1.1, "held"), (1.1005, "violated")],
)
def test_in_virtual_time_the_interval_is_exact(gap: float, status: str) -> None:
    world = World(inputs=1)
    fail_again(world, 1, [gap])
    assert verdict_of("retry.backoff_grows", world, policy=DECLARED, clock="virtual").status == status


@pytest.mark.parametrize(
    ("wait", "status"),
    [(3.55, "violated"), (3.6, "held"), (4.0, "held"), (4.4, "held"), (4.5, "violated")],
)
def test_jitter_may_lie_on_either_side_of_the_cap(wait: float, status: str) -> None:
    world = World(inputs=1)
    fail_again(world, 1, [1.0, 2.0, 4.0, wait])
    assert verdict_of("retry.backoff_grows", world, policy=DECLARED, clock="virtual").status == status


def test_a_retry_after_takes_the_place_of_the_policy() -> None:
    world = World(inputs=1)
    _pause(world, "30", 30.0)
    assert verdict_of("retry.backoff_grows", world, policy=DECLARED).status == "not exercised"
    assert verdict_of("retry.retry_after_honoured", world, policy=DECLARED).status == "held"


def test_attempts_are_counted_anew_after_a_restart() -> None:
    world = World(inputs=1)
    for _ in range(4):
        world.send({1: LOCK})
    first = leg(world, crashed=True)
    for _ in range(3):
        world.send({1: LOCK})
    legs = [first, leg(world, "restart")]
    assert verdict_of("retry.bounded", world, attempts=4, legs=legs).status == "held"
    assert verdict_of("retry.bounded", world, attempts=4).status == "violated"


def test_whoever_was_killed_has_not_given_up() -> None:
    world = World(inputs=2)
    world.send({1: LOCK, 2: None})
    assert verdict_of("retry.transient_retried", world, legs=[leg(world, crashed=True)]).status == "held"
    assert verdict_of("retry.transient_retried", world, legs=[leg(world)]).status == "violated"


def test_the_layer_below_is_named_before_what_it_drags_along() -> None:
    world = World()
    many(world, [[0.1, 0.2, 1.0, 0.1, 0.2, 2.0, 0.1, 0.2, 4.0, 0.1, 0.2]] * 20)
    judgement = judge(world.evidence())
    names = [verdict.property for verdict in judgement.violated]
    assert names[0] == "retry.single_layer"
    assert {"retry.bounded", "retry.backoff_grows"} <= set(names)
    assert judgement.follows["retry.backoff_grows"] == "retry.single_layer"
