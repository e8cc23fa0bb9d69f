"""Jobs as evidence: an attempt by a job is heard when its results are read, and not before."""

from __future__ import annotations

from typing import Any

import pytest

from harness.evidence import Attempt, Outcome
from tests.harness.builders import World, strike

LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"


def only(world: World, number: int = 1) -> Attempt:
    (attempt,) = world.evidence().chains[number - 1]
    return attempt


def seen(world: World, number: int) -> tuple[bool, bool, bool, str | None]:
    attempt = only(world, number)
    return attempt.success, attempt.heard, attempt.committed, attempt.failure


def test_rows_are_attempts_of_their_inputs_from_the_creation_of_the_job_to_the_reading_of_its_results() -> None:
    world = World()
    world.load({1: None, 2: LOCK})
    good, bad = only(world, 1), only(world, 2)
    assert (good.success, good.heard, good.committed, good.failure) == (True, True, True, None)
    assert (bad.success, bad.heard, bad.failure, bad.codes) == (False, True, "transient", (LOCK,))
    # Created at 1, uploaded at 2, closed at 3, asked for at 4, failed rows read from 5 to 5.5.
    assert (bad.number, bad.exchange.at, bad.exchange.end) == (2, 1.0, 5.5)


@pytest.mark.parametrize(
    ("read", "good", "bad", "left"),
    [
        ((), False, False, False),
        (("failed",), False, True, False),
        (("unprocessed",), False, False, True),
        # What is neither among the failed nor among the unprocessed was saved; and the other way round.
        (("failed", "unprocessed"), True, True, True),
        (("failed", "successful"), True, True, True),
    ],
)
def test_what_was_read_is_heard(read: tuple[str, ...], good: bool, bad: bool, left: bool) -> None:
    world = World(inputs=3)
    world.load({1: None, 2: RULE, 3: ...}, state="Failed", error="InternalServerError : x", read=read)
    assert [only(world, number).heard for number in (1, 2, 3)] == [good, bad, left]
    # What befell a row is the same to whoever might have read it.
    assert [only(world, number).failure for number in (1, 2, 3)] == [None, "permanent", "transient"]


def test_a_job_that_ended_without_a_failed_row_has_told_of_all() -> None:
    world = World()
    world.load({1: None, 2: None}, read=())
    assert [seen(world, number) for number in (1, 2)] == [(True, True, True, None)] * 2


def test_a_download_that_was_cut_tells_nothing() -> None:
    world = World(inputs=3)
    job = world.load({1: RULE, 2: RULE, 3: None}, read=())
    world.download(job, "failed", rows=1)
    assert not only(world, 1).heard
    world.download(job, "failed", outcome="cut")
    assert not only(world, 1).heard
    world.download(job, "failed")
    assert only(world, 1).heard


def test_rows_of_a_job_that_was_never_closed_are_not_done() -> None:
    world = World()
    world.upload(world.create_job(), {1: ..., 2: ...})
    assert seen(world, 1) == (False, False, False, "ambiguous")
    assert world.evidence().outcomes == (Outcome.LOST, Outcome.LOST)


@pytest.mark.parametrize(
    ("state", "error", "failure"),
    [
        ("Failed", "InvalidBatch : Field name not found : Nme", "permanent"),
        ("Failed", "TooManyLockFailure : Too many lock failures", "transient"),
        ("Aborted", None, "stopped"),
    ],
)
def test_why_a_whole_job_came_to_nothing(state: str, error: str | None, failure: str) -> None:
    world = World()
    world.load({1: ..., 2: ...}, state=state, error=error, read=())
    # Nothing was processed, says the job itself.
    assert seen(world, 1) == (False, True, False, failure)


def test_whoever_polls_and_is_never_told_the_end_cannot_know() -> None:
    world = World()
    job = world.create_job()
    world.upload(job, {1: None, 2: None})
    world.close(job)
    world.poll(job, "InProgress")
    world.end_job(job)
    assert seen(world, 1) == (True, False, True, "ambiguous")


def test_whoever_never_asks_has_no_doubt() -> None:
    world = World()
    job = world.create_job()
    world.upload(job, {1: None, 2: None})
    world.close(job)
    world.end_job(job)
    assert seen(world, 1) == (True, False, True, None)


def test_a_second_try_of_an_upload_is_no_attempt_of_its_own() -> None:
    world = World()
    job = world.create_job()
    world.about(job, "upload", method="PUT", status=503, codes=["SERVER_UNAVAILABLE"], fingerprint="rows [1, 2]")
    world.upload(job, {1: None, 2: None})
    assert [attempt.number for attempt in world.evidence().chains[0]] == [3]


def test_an_upload_that_was_given_up_is_known_by_another_with_the_same_rows() -> None:
    world = World()
    job = world.create_job()
    world.about(job, "upload", method="PUT", status=503, codes=["SERVER_UNAVAILABLE"], fingerprint="rows [1, 2]")
    world.load({1: None, 2: None})
    first, second = world.evidence().chains[0]
    assert (first.number, first.sure, first.failure) == (2, False, "transient")
    assert (second.sure, second.success) == (True, True)


def test_a_job_that_was_deleted_is_known_by_what_was_told_of_it() -> None:
    world = World()
    job = world.load({1: None, 2: RULE})
    world.about(job, "delete", method="DELETE", status=204)
    world.jobs.clear()
    (found,) = world.evidence().jobs
    assert (found.state, found.processed, found.failed) == ("JobComplete", 2, 1)
    assert only(world, 2).heard


def test_a_wait_stands_between_the_reading_of_the_results_and_the_next_creation() -> None:
    world = World()
    world.load({1: LOCK, 2: None})
    world.load({1: None})
    (wait,) = world.evidence().waits
    # The failed rows were read until 5.5, the next job was created at 7.
    assert (wait.gap, wait.kind, wait.number) == (1.5, "transient", 1)


def test_a_creation_that_failed_in_between_is_no_long_wait() -> None:
    world = World()
    world.load({1: LOCK, 2: None})
    world.exchange("bulk2.ingest.create", 503, codes=["SERVER_UNAVAILABLE"])
    world.load({1: None})
    (wait,) = world.evidence().waits
    assert wait.interrupted


def test_a_close_that_is_tried_again_has_waited() -> None:
    world = World()
    job = world.create_job()
    world.upload(job, {1: None, 2: None})
    world.about(job, "close", method="PATCH", status=503, codes=["SERVER_UNAVAILABLE"], fingerprint="close")
    world.close(job)
    world.end_job(job)
    world.poll(job)
    (wait,) = world.evidence().waits
    assert (wait.before.number, wait.after.number, wait.gap) == (3, 4, 0.5)


def test_faults_on_the_way_of_a_job_touch_its_rows() -> None:
    world = World()
    job = world.create_job()
    world.upload(job, {1: LOCK, 2: None}, strikes=[strike("locked", "error", "row", 1)])
    world.close(job, strikes=[strike("slow", "job")])
    world.end_job(job)
    world.poll(job, strikes=[strike("busy")], status=503)
    world.poll(job)
    exposures: dict[str, Any] = dict(world.evidence().exposures)
    assert {name: exposures[name].inputs for name in ("locked", "slow", "busy")} == {
        "locked": (0,),
        "slow": (0, 1),
        "busy": (),
    }


def test_what_a_job_counts_must_be_what_the_journal_shows() -> None:
    world = World()
    job = world.load({1: None, 2: RULE})
    assert world.evidence().disagreements == ()
    job["failed"] = 2
    assert [one.text for one in world.evidence().disagreements] == [
        f"job {job['id']} counts 2 rows, 2 of them failed, the journal shows 2 rows, 1 of them failed",
        f"job {job['id']} counts 2 rows, 2 of them failed, its client was told otherwise",
    ]
