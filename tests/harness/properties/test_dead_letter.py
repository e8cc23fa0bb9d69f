"""The dead-letter family in small worlds: what is held, violated and not exercised, and what must not be blamed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from harness.evidence import Canary, Evidence, Leg, Process
from harness.letters import BrokenLetter
from harness.linking import link
from tests.harness.builders import CREATE, UPSERT, World, given, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"
LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
SECRET = (Canary("the password", "hunter2"),)
SCENES = Scenes()
scene = SCENES.add


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


def leg(name: Any, first: int, last: int, **process: Any) -> Leg:
    return Leg(name, Process(**{"exit_code": 0, "seconds": 1.0, **process}), first, last, float(first), last + 0.5, 0)


def afterwards(world: World, *runs: Callable[[World], None], newer: Mapping[int, Any] | None = None) -> dict[str, Any]:
    """Carry on with the world in redrives; return the options that make evidence of them, of the delivery as it was."""
    entries, commits, letters = list(world.entries), list(world.commits), list(world.letters or ())
    after: dict[str, Evidence] = {}
    for name, run in zip(("redrive", "redrive again"), runs, strict=False):
        since = len(world.entries)
        run(world)
        after[name] = link(
            entries=world.entries,
            commits=world.commits,
            inputs=[given(number) for number in range(1, world.inputs + 1)],
            letters=world.letters,
            since=since,
            newer=newer if name == "redrive again" else None,
        )
    world.entries, world.commits, world.letters = entries, commits, list(letters)
    return {"after": after}


# -- what a letter says


@scene("dead_letter.complete", "violated")
def queue_gone_after_the_run(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [BrokenLetter("", 0, "its folder is gone")]


def _lost_and_never_heard_of(world: World) -> None:
    world.send({1: None}, **LOST)
    for _ in range(2):
        world.exchange(status=503, fingerprint="body [1]")
    world.letters = [letter(1, "HTTP_503", attempts=3)]


@scene("dead_letter.complete", "held")
def landed_and_nobody_could_know(world: World) -> None:
    _lost_and_never_heard_of(world)


@scene("dead_letter.complete", "held")
def landed_by_the_last_attempt_and_nobody_could_know(world: World) -> dict[str, Any]:
    world.exchange(status=503, fingerprint="body [1]")
    world.send({1: None}, **LOST)
    world.letters = [letter(1, "NO_ANSWER", attempts=2)]
    return {"attempts": 2}


@scene("dead_letter.complete", "violated")
def landed_and_given_up_without_another_try(world: World) -> None:
    world.send({1: None}, **LOST)
    world.letters = [letter(1, "NO_ANSWER", attempts=1)]


@scene("dead_letter.complete", "violated")
def landed_and_shown_by_a_lookup(world: World) -> None:
    _lost_and_never_heard_of(world)
    world.query("SELECT Id FROM Contact WHERE External_Id__c = 'K1'")


@scene("dead_letter.complete", "violated")
def landed_and_told_so_by_its_duplicate(world: World) -> None:
    world.send({1: None}, CREATE, **LOST)
    world.send({1: "DUPLICATE_VALUE"}, CREATE)
    world.letters = [letter(1, "DUPLICATE_VALUE", attempts=2)]


@scene("dead_letter.informative", "violated")
def half_a_line(world: World) -> None:
    world.letters = [BrokenLetter('{"key": ', 1, "not JSON")]


@scene("dead_letter.informative", "held")
def more_than_is_asked_for(world: World) -> None:
    world.send({1: RULE})
    world.letters = [letter(1, RULE, operation=UPSERT, first_failed_at="2026-03-01T09:59:00Z")]


@scene("dead_letter.informative", "held")
def an_operation_in_words_of_its_own(world: World) -> None:
    world.send({1: RULE})
    world.letters = [letter(1, RULE, operation="upsert contact", first_failed_at=1_700_000_000)]


@scene("dead_letter.informative", "violated")
def another_operation(world: World) -> None:
    world.send({1: RULE})
    world.letters = [letter(1, RULE, operation=CREATE)]


@scene("dead_letter.informative", "violated")
def first_failure_after_the_last(world: World) -> None:
    world.send({1: RULE})
    world.letters = [letter(1, RULE, first_failed_at="2026-03-01T10:00:01+00:00")]


@scene("dead_letter.informative", "held")
def never_sent_because_all_was_over(world: World) -> None:
    world.refuse("REQUEST_LIMIT_EXCEEDED", 403)
    world.letters = [letter(number, "REQUEST_LIMIT_EXCEEDED", attempts=0) for number in (1, 2)]


# -- attempts


def tried(world: World, times: int, code: str = LOCK) -> None:
    for _ in range(times):
        world.send({1: code})


@scene("dead_letter.attempts_true", "held")
def as_in_the_journal(world: World) -> None:
    tried(world, 3)
    world.letters = [letter(1, LOCK, attempts=3)]


@scene("dead_letter.attempts_true", "violated")
def one_too_few(world: World) -> None:
    tried(world, 3)
    world.letters = [letter(1, LOCK, attempts=2)]


@scene("dead_letter.attempts_true", "violated")
def one_too_many(world: World) -> None:
    tried(world, 3)
    world.letters = [letter(1, LOCK, attempts=4)]


@scene("dead_letter.attempts_true", "held")
def broken_connections_may_be_counted_or_not(world: World) -> None:
    world.send({1: LOCK}, **{**LOST, "outcome": "reset"})
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=2)]


@scene("dead_letter.attempts_true", "held")
def failed_look_ups_may_be_counted(world: World) -> None:
    world.exchange("rest.query.run", 503)
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=3)]


@scene("dead_letter.attempts_true", "held")
def requests_with_unknown_rows_may_be_counted(world: World) -> None:
    world.exchange(status=503)
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=3)]


@scene("dead_letter.attempts_true", "held")
def refused_sessions_need_not_be_counted(world: World) -> None:
    world.refuse("INVALID_SESSION_ID", 401, fingerprint="body [1]")
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=2)]


@scene("dead_letter.attempts_true", "held")
def counted_anew_after_a_restart(world: World) -> dict[str, Any]:
    tried(world, 5)
    world.letters = [letter(1, LOCK, attempts=3)]
    return {"legs": [leg("faults", 1, 2, exit_code=None, crashed=True), leg("restart", 3, 5)]}


@scene("dead_letter.attempts_true", "not exercised")
def landed_in_the_end(world: World) -> None:
    world.send({1: LOCK})
    world.send({1: None})
    world.letters = [letter(1, LOCK, attempts=7)]


@scene("dead_letter.attempts_true", "not exercised")
def letters_without_a_count(world: World) -> None:
    tried(world, 3)
    world.letters = [letter(1, LOCK, attempts="three")]


# -- only when spent


@scene("dead_letter.only_when_spent", "held")
def all_declared_attempts(world: World) -> dict[str, Any]:
    tried(world, 4)
    world.letters = [letter(1, LOCK, attempts=4)]
    return {"attempts": 4}


@scene("dead_letter.only_when_spent", "violated")
def half_of_the_declared_attempts(world: World) -> dict[str, Any]:
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=2)]
    return {"attempts": 4}


@scene("dead_letter.only_when_spent", "held")
def some_attempts_in_unknown_requests(world: World) -> dict[str, Any]:
    world.exchange(status=503)
    world.exchange("rest.query.run", 503)
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=4)]
    return {"attempts": 4}


@scene("dead_letter.only_when_spent", "not exercised")
def not_tried_again_at_all(world: World) -> dict[str, Any]:
    tried(world, 1)
    world.letters = [letter(1, LOCK)]
    return {"attempts": 4}


@scene("dead_letter.only_when_spent", "not exercised")
def no_declared_attempts(world: World) -> None:
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=2)]


@scene("dead_letter.only_when_spent", "not exercised")
def stopped_from_outside(world: World) -> dict[str, Any]:
    tried(world, 2)
    world.letters = [letter(1, LOCK, attempts=2)]
    return {"attempts": 4, "process": Process(None, 1.0, timed_out=True)}


@scene("dead_letter.only_when_spent", "not exercised")
def the_calls_of_the_day_are_spent(world: World) -> dict[str, Any]:
    tried(world, 2)
    world.letters = [letter(1, "REQUEST_LIMIT_EXCEEDED", attempts=2)]
    return {"attempts": 4}


@scene("dead_letter.only_when_spent", "not exercised")
def refused_after_a_passing_failure(world: World) -> dict[str, Any]:
    tried(world, 1)
    tried(world, 1, RULE)
    world.letters = [letter(1, RULE, attempts=2)]
    return {"attempts": 4}


@scene("dead_letter.only_when_spent", "not exercised")
def a_create_that_may_have_been_done(world: World) -> dict[str, Any]:
    for _ in range(2):
        world.send({1: LOCK}, CREATE, **LOST)
    world.letters = [letter(1, "CONNECTION_LOST", attempts=2)]
    return {"attempts": 4}


# -- crashes


CRASHED = {"exit_code": None, "crashed": True, "signal": "SIGKILL"}


def refused_then_crashed(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    world.exchange("rest.query.run")
    return {"legs": [leg("faults", 1, 1, **CRASHED), leg("restart", 2, 9)]}


@scene("dead_letter.before_ack", "violated")
def ticked_off_without_a_letter(world: World) -> dict[str, Any]:
    return refused_then_crashed(world)


@scene("dead_letter.before_ack", "held")
def letter_was_written_before_the_crash(world: World) -> dict[str, Any]:
    world.letters = [letter(1, RULE)]
    return refused_then_crashed(world)


@scene("dead_letter.before_ack", "held")
def sent_again_after_the_crash(world: World) -> dict[str, Any]:
    options = refused_then_crashed(world)
    world.send({1: RULE})
    world.letters = [letter(1, RULE)]
    return options


@scene("dead_letter.before_ack", "held")
def lost_later_is_another_matter(world: World) -> dict[str, Any]:
    options = refused_then_crashed(world)
    world.send({1: RULE})
    return options


@scene("dead_letter.before_ack", "not exercised")
def killed_before_it_was_told(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None}, outcome="abandoned", status=None)
    return {"legs": [leg("faults", 1, 1, **CRASHED), leg("restart", 2, 2)]}


@scene("dead_letter.before_ack", "not exercised")
def no_crash(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    return {"legs": [leg("faults", 1, 1)]}


# -- a queue that cannot be written


def without_queue(*legs: Leg, landed: bool = False, lettered: bool = False) -> dict[str, Any]:
    world = World()
    world.send({1: RULE, 2: None})
    if landed:
        world.send({1: None})
    world.letters = [letter(1, RULE)] if lettered else []
    return {"broken_queue": world.evidence(legs=legs)}


@scene("dead_letter.sink_failure_survived", "held")
def stopped_with_an_error(_: World) -> dict[str, Any]:
    return without_queue(leg("faults", 1, 1, exit_code=1))


@scene("dead_letter.sink_failure_survived", "held")
def waited_for_the_queue(_: World) -> dict[str, Any]:
    return without_queue(leg("faults", 1, 1, exit_code=None, timed_out=True))


@scene("dead_letter.sink_failure_survived", "held")
def raised(_: World) -> dict[str, Any]:
    return without_queue(leg("faults", 1, 1, exit_code=None, error="IsADirectoryError()"))


@scene("dead_letter.sink_failure_survived", "held")
def made_up_for_when_resumed(_: World) -> dict[str, Any]:
    return without_queue(leg("faults", 1, 1), leg("heal", 2, 2), lettered=True)


@scene("dead_letter.sink_failure_survived", "held")
def stopped_before_anything_was_sent(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    return {"broken_queue": World().evidence(legs=[leg("faults", 1, 0, exit_code=1)])}


@scene("dead_letter.sink_failure_survived", "not exercised")
def ended_well_before_anything_was_sent(world: World) -> dict[str, Any]:
    world.send({1: RULE, 2: None})
    return {"broken_queue": World().evidence(legs=[leg("faults", 1, 0)])}


@scene("dead_letter.sink_failure_survived", "violated")
def dropped_in_silence(_: World) -> dict[str, Any]:
    return without_queue(leg("faults", 1, 1))


@scene("dead_letter.sink_failure_survived", "violated")
def not_made_up_for_when_resumed(_: World) -> dict[str, Any]:
    return without_queue(leg("faults", 1, 1, exit_code=1), leg("heal", 2, 2))


@scene("dead_letter.sink_failure_survived", "not exercised")
def nothing_to_dead_letter(_: World) -> dict[str, Any]:
    world = World()
    world.send({1: None, 2: None})
    return {"broken_queue": world.evidence(legs=[leg("faults", 1, 1)])}


@scene("dead_letter.sink_failure_survived", "not applicable")
def the_queue_was_not_broken(world: World) -> None:
    world.send({1: RULE})


# -- rows and batches


@scene("dead_letter.per_row", "held")
def one_letter_a_refused_row(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: None, 3: RULE})
    world.letters = [letter(1, RULE), letter(3, RULE)]


@scene("dead_letter.per_row", "violated")
def the_whole_batch(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE), letter(2, RULE)]


@scene("dead_letter.per_row", "violated")
def several_records_in_one_letter(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: None, 3: RULE})
    world.letters = [letter(9, RULE, key=None, record=None, raw='{"records": [{"key": "K1"}, {"key": "K3"}]}')]


@scene("dead_letter.per_row", "held")
def too_early_is_another_matter(world: World) -> None:
    world.inputs = 3
    world.send({1: RULE, 2: LOCK, 3: None})
    world.send({2: None})
    world.letters = [letter(1, RULE), letter(2, LOCK)]


@scene("dead_letter.per_row", "held")
def the_wrong_row_is_another_matter(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(2, RULE)]


@scene("dead_letter.per_row", "not exercised")
def all_rows_refused(world: World) -> None:
    world.send({1: RULE, 2: RULE})
    world.letters = [letter(1, RULE), letter(2, RULE)]


# -- secrets and alerts


@scene("dead_letter.no_secrets", "held")
def record_and_error_alone(world: World) -> dict[str, Any]:
    world.letters = [letter(1, RULE)]
    return {"canaries": SECRET}


@scene("dead_letter.no_secrets", "violated")
def headers_in_a_letter(world: World) -> dict[str, Any]:
    world.letters = [letter(1, RULE, raw='{"headers": {"Authorization": "hunter2"}}')]
    return {"canaries": SECRET}


@scene("dead_letter.no_secrets", "violated")
def half_a_letter_with_a_secret(world: World) -> dict[str, Any]:
    world.letters = [BrokenLetter('{"password": "hunter2"', 1, "not JSON")]
    return {"canaries": SECRET}


@scene("dead_letter.no_secrets", "not exercised")
def nobody_wrote(world: World) -> dict[str, Any]:
    return {"canaries": SECRET}


def dead_lettered(world: World, **process: Any) -> dict[str, Any]:
    world.send({1: RULE})
    world.letters = [letter(1, RULE)]
    return {"process": Process(**{"exit_code": 0, "seconds": 1.0, **process})}


@scene("dead_letter.alerted", "held")
def a_line_about_an_error(world: World) -> dict[str, Any]:
    return dead_lettered(world, alerts=1)


@scene("dead_letter.alerted", "held")
def an_exit_status(world: World) -> dict[str, Any]:
    return dead_lettered(world, exit_code=3)


@scene("dead_letter.alerted", "held")
def said_before_the_restart(world: World) -> dict[str, Any]:
    dead_lettered(world)
    return {"legs": [leg("faults", 1, 1, alerts=2), leg("heal", 2, 2)]}


@scene("dead_letter.alerted", "violated")
def not_a_word(world: World) -> dict[str, Any]:
    return dead_lettered(world)


@scene("dead_letter.alerted", "not applicable")
def a_function_may_tell_its_caller(world: World) -> dict[str, Any]:
    return dead_lettered(world, exit_code=None)


@scene("dead_letter.alerted", "not exercised")
def nothing_to_tell(world: World) -> None:
    world.send({1: None})


# -- redrive


def down(world: World) -> None:
    """Two inputs that failed, and were dead-lettered."""
    world.send({1: LOCK, 2: LOCK})
    world.letters = [letter(1, LOCK), letter(2, LOCK)]


def land(world: World) -> None:
    world.send({1: None, 2: None})
    world.letters = []


@scene("dead_letter.redrive_lands", "held")
def landed_and_taken_out(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land)


@scene("dead_letter.redrive_lands", "violated")
def not_sent(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, lambda world: None)


@scene("dead_letter.redrive_lands", "violated")
def left_in_the_queue(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, lambda world: world.send({1: None, 2: None}) and None)


@scene("dead_letter.redrive_lands", "violated")
def dropped_by_the_redrive(world: World) -> dict[str, Any]:
    def drop(world: World) -> None:
        world.letters = []

    down(world)
    return afterwards(world, drop)


@scene("dead_letter.redrive_lands", "violated")
def queue_gone_after_the_redrive(world: World) -> dict[str, Any]:
    def lose(world: World) -> None:
        world.send({1: None, 2: None})
        world.letters = [BrokenLetter("", 0, "its folder is gone")]

    down(world)
    return afterwards(world, lose)


@scene("dead_letter.redrive_lands", "not exercised")
def refused_for_want_of_calls(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, lambda world: world.refuse("REQUEST_LIMIT_EXCEEDED", 403) and None)


@scene("dead_letter.redrive_lands", "not applicable")
@scene("dead_letter.redrive_idempotent", "not applicable")
@scene("dead_letter.redrive_not_stale", "not applicable")
@scene("dead_letter.no_poison_loop", "not applicable")
def no_redrive_was_given(world: World) -> None:
    down(world)


@scene("dead_letter.redrive_lands", "not exercised")
@scene("dead_letter.redrive_idempotent", "not exercised")
@scene("dead_letter.redrive_not_stale", "not exercised")
@scene("dead_letter.no_poison_loop", "not exercised")
def no_letters(world: World) -> None:
    world.send({1: None, 2: None})


@scene("dead_letter.redrive_lands", "not exercised")
def landed_before_the_redrive(world: World) -> dict[str, Any]:
    world.send({1: None, 2: None})
    world.letters = [letter(1, LOCK)]
    return afterwards(world, land)


@scene("dead_letter.redrive_idempotent", "held")
def upserted_again(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land, land)


@scene("dead_letter.redrive_idempotent", "held")
def looked_up_again(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land, lambda world: world.exchange("rest.query.run") and None)


@scene("dead_letter.redrive_idempotent", "violated")
def created_again(world: World) -> dict[str, Any]:
    def create(world: World) -> None:
        world.send({1: None, 2: None}, CREATE)
        world.letters = []

    down(world)
    return afterwards(world, create, create)


@scene("dead_letter.redrive_idempotent", "not exercised")
def second_redrive_did_nothing(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land, lambda world: None)


def newer(world: World) -> None:
    """Somebody else renames the first contact."""
    world.commit(1, "update", {"LastName": "Name 1 II"}, 0)


def newer_then_overwritten(world: World) -> None:
    newer(world)
    world.send({1: None, 2: None})


def newer_then_left_alone(world: World) -> None:
    newer(world)
    world.exchange("rest.query.run")


@scene("dead_letter.redrive_not_stale", "violated")
def overwritten_by_an_old_letter(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land, newer_then_overwritten, newer={0: {"LastName": "Name 1 II"}})


@scene("dead_letter.redrive_not_stale", "held")
def newer_values_stay(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land, newer_then_left_alone, newer={0: {"LastName": "Name 1 II"}})


@scene("dead_letter.redrive_not_stale", "not exercised")
def nothing_was_changed(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land, land)


def poisoned(world: World) -> None:
    world.send({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]


def again(*letters: Any, times: int = 1) -> Callable[[World], None]:
    def refuse(world: World) -> None:
        for _ in range(times):
            world.send({1: RULE})
        world.letters = list(letters)

    return refuse


@scene("dead_letter.no_poison_loop", "held")
def back_once_with_more_attempts(world: World) -> dict[str, Any]:
    poisoned(world)
    return afterwards(world, again(letter(1, RULE, attempts=2)))


@scene("dead_letter.no_poison_loop", "held")
def back_once_with_a_count_of_redrives(world: World) -> dict[str, Any]:
    poisoned(world)
    return afterwards(world, again(letter(1, RULE, raw='{"redrives": 1}')))


@scene("dead_letter.no_poison_loop", "violated")
def back_as_if_new(world: World) -> dict[str, Any]:
    poisoned(world)
    return afterwards(world, again(letter(1, RULE)))


@scene("dead_letter.no_poison_loop", "violated")
def old_and_new(world: World) -> dict[str, Any]:
    poisoned(world)
    return afterwards(world, again(letter(1, RULE), letter(1, RULE, attempts=2)))


@scene("dead_letter.no_poison_loop", "violated")
def gone_for_good(world: World) -> dict[str, Any]:
    poisoned(world)
    return afterwards(world, again())


@scene("dead_letter.no_poison_loop", "violated")
def sent_over_and_over(world: World) -> dict[str, Any]:
    poisoned(world)
    return afterwards(world, again(letter(1, RULE, attempts=5), times=4))


@scene("dead_letter.no_poison_loop", "not exercised")
def nothing_was_refused(world: World) -> dict[str, Any]:
    down(world)
    return afterwards(world, land)


# -- words


def test_a_secret_is_named_by_its_line_alone() -> None:
    world = World()
    world.letters = [letter(1, RULE, raw="hunter2")]
    verdict = verdict_of("dead_letter.no_secrets", world, canaries=SECRET)
    assert "the password (line 1)" in verdict.reason
    assert "hunter2" not in verdict.reason


def test_a_redrive_that_was_not_given_says_how_to_give_it() -> None:
    world = World()
    down(world)
    reason = verdict_of("dead_letter.redrive_lands", world).reason
    assert "--redrive" in reason and "redrive=function" in reason


@pytest.mark.parametrize("letters", [None])
@pytest.mark.parametrize(
    "name", ["attempts_true", "only_when_spent", "before_ack", "per_row", "no_secrets", "alerted", "redrive_lands"]
)
def test_without_a_queue_nothing_is_judged(name: str, letters: None) -> None:
    world = World(letters=letters)
    tried(world, 3)
    assert verdict_of(f"dead_letter.{name}", world).status == "not applicable"
