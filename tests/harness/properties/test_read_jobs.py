"""Reading by query jobs, scene by scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from harness.evidence import Leg, Process
from tests.harness.builders import World, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add
ALL = "SELECT Id FROM Contact"
LOST: dict[str, Any] = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
BUSY: dict[str, Any] = {"status": 503}
EXPIRED: dict[str, Any] = {"status": 401, "codes": ["INVALID_SESSION_ID"]}
BROKEN_OFF = {"process": Process(1, 1.0)}
CUT_SHORT = {"process": Process(None, 1.0, timed_out=True)}
Job = dict[str, Any]


def ask(world: World, soql: str = ALL, *, total: int = 5, state: str = "JobComplete", **changes: Any) -> Job:
    """Make a query job; it will have a result of so many rows."""
    job = world.create_job(api="query", operation="query", state=state, processed=total)
    entry = world.entries[-1]
    entry.update(operation="bulk2.query.create", path="/services/data/v60.0/jobs/query", query=soql)
    entry.update(fingerprint=f"asks {soql}", **changes)
    entry["job"] |= {"state": "UploadComplete", "processed": 0}
    return job


def _about(world: World, job: Job, what: str, **changes: Any) -> int:
    told = {name: job[name] for name in ("id", "api", "operation", "sobject", "state", "processed", "failed")}
    told |= {"batch": None, "rows": None, "results": None, **changes.pop("says", {})}
    failed = changes.get("status", 200) is None or changes.get("status", 200) >= 400
    path = f"/services/data/v60.0/jobs/query/{job['id']}{'/results' if what == 'results' else ''}"
    plain = {"path": path, "method": "GET", "fingerprint": None, "job": None if failed else told}
    return world.exchange(f"bulk2.query.{what}", **{**plain, **changes})


def poll(world: World, job: Job, **changes: Any) -> int:
    return _about(world, job, "poll", **changes)


def page(world: World, job: Job, start: int, rows: int = 0, *, brought: int | None = None, **changes: Any) -> int:
    """Download the page that begins there; `brought` is how many of its rows came, where they are fewer."""
    total = job["processed"]
    following = f"L{start + rows}" if start + rows < total else None
    found = {"page": {"total": total, "rows": rows, "next": following}} if rows else {}
    says = {"results": "query", "rows": rows if brought is None else brought}
    return _about(world, job, "results", fingerprint=f"locator={start}", **{"says": says, **found, **changes})


def read(world: World, job: Job, *starts: int) -> None:
    """Poll a job and download its pages of two rows that begin at these places."""
    poll(world, job)
    for start in starts or (0, 2, 4):
        page(world, job, start, min(2, job["processed"] - start))


# -- Bulk 1.0


def classic(world: World, sizes: Sequence[int], *, chunked: bool = False) -> Job:
    """Make a 1.0 job with a batch, or the chunks of one, whose results have so many rows."""
    job = world.create_job(api="classic", operation="query", state="Closed")
    world.entries[-1].update(operation="bulk1.job.create", path="/services/async/60.0/job")
    states = ["NotProcessed", *("Completed" for _ in sizes)] if chunked else ["Completed" for _ in sizes]
    counts = [0, *sizes] if chunked else list(sizes)
    for number, (state, size) in enumerate(zip(states, counts, strict=True), 1):
        if number == 1 or not chunked:
            said = {"batch": f"751{number:012d}AAA", "state": "Queued"}
            _batch(world, job, said, "create", method="POST", status=201, fingerprint=f"{ALL} {number}")
        job["batches"].append(
            {"id": f"751{number:012d}AAA", "exchange": 2, "state": state, "done": size, "records": None, "ended": 3.0}
        )
    return job


def _batch(world: World, job: Job, says: Job, what: str, tail: str = "", **changes: Any) -> int:
    told = {name: job[name] for name in ("id", "api", "operation", "sobject")}
    path = f"/services/async/60.0/job/{job['id']}/batch{tail}"
    plain = {"path": path, "fingerprint": None, "method": "GET", "job": {**told, **says}}
    return world.exchange(f"bulk1.batch.{what}", **{**plain, **changes})


def fetch(world: World, job: Job, number: int, rows: int, result: str = "752", **changes: Any) -> int:
    batch = f"751{number:012d}AAA"
    says = {"batch": batch, "results": "query", "rows": rows}
    return _batch(world, job, says, "download", f"/{batch}/result/{result}", **changes)


# -- all pages


@scene("read.all_pages", "held")
@scene("read.stable_under_drift", "held")
@scene("read.resumed_not_restarted", "not exercised")
@scene("read.cursor_expiry_survived", "not exercised")
@scene("session.expiry_keeps_progress", "not exercised")
def to_the_end(world: World) -> None:
    read(world, ask(world))
    world.take(1, 2, 3, 4, 5)


@scene("read.all_pages", "violated")
def the_first_page_only(world: World) -> None:
    read(world, ask(world), 0)


@scene("read.all_pages", "violated")
def the_first_page_only_taken_in(world: World) -> None:
    read(world, ask(world), 0)
    world.take(1, 2)


@scene("read.all_pages", "violated")
def nothing_but_polls(world: World) -> None:
    poll(world, ask(world))


@scene("read.all_pages", "violated")
def half_a_page_under_a_good_status(world: World) -> None:
    job = ask(world, total=4)
    poll(world, job)
    page(world, job, 0, 4, brought=2)


@scene("read.all_pages", "held")
def half_a_page_and_then_the_whole(world: World) -> None:
    half_a_page_under_a_good_status(world)
    page(world, world.jobs[0], 0, 4)
    world.take(1, 2, 3, 4)


@scene("read.all_pages", "held")
def pages_in_parallel_out_of_order(world: World) -> None:
    read(world, ask(world), 4, 0, 2)


@scene("read.all_pages", "violated")
def all_downloaded_and_some_dropped(world: World) -> None:
    read(world, ask(world))
    world.take(1, 2, 3)


@scene("read.all_pages", "not exercised")
def an_empty_result(world: World) -> None:
    poll(world, ask(world, total=0))


@scene("read.all_pages", "not exercised")
def a_job_that_nobody_was_told_of(world: World) -> None:
    ask(world, **LOST)


@scene("read.all_pages", "held")
def made_again_after_a_lost_answer(world: World) -> None:
    ask(world, **LOST)
    to_the_end(world)


@scene("read.all_pages", "not exercised")
def given_up_aloud(world: World) -> dict[str, Any]:
    job = ask(world)
    read(world, job, 0)
    page(world, job, 2, **BUSY)
    return BROKEN_OFF


@scene("read.all_pages", "violated")
def a_slice_left_out(world: World) -> None:
    """Two jobs of two halves: that one was read says nothing of the other."""
    read(world, ask(world, f"{ALL} WHERE Id < 'x'"))
    read(world, ask(world, f"{ALL} WHERE Id >= 'x'"), 0)


@scene("read.all_pages", "held")
def every_chunk(world: World) -> None:
    job = classic(world, [3, 2], chunked=True)
    fetch(world, job, 2, 3)
    fetch(world, job, 3, 2)


@scene("read.all_pages", "violated")
def one_chunk_left_out(world: World) -> None:
    fetch(world, classic(world, [3, 2], chunked=True), 2, 3)


@scene("read.all_pages", "violated")
def only_the_batch_that_was_sent(world: World) -> None:
    """With PK chunking that one is NotProcessed."""
    job = classic(world, [3, 2], chunked=True)
    _batch(world, job, {"batch": "751000000000001AAA", "state": "NotProcessed"}, "poll", "/751000000000001AAA")


@scene("read.all_pages", "violated")
def one_result_of_two(world: World) -> None:
    fetch(world, classic(world, [5]), 1, 3, "7521")


@scene("read.all_pages", "held")
def both_results(world: World) -> None:
    job = classic(world, [5])
    fetch(world, job, 1, 3, "7521")
    fetch(world, job, 1, 2, "7522")


# -- resumed


@scene("read.resumed_not_restarted", "held")
def the_failed_page_again(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    page(world, job, 2, **BUSY)
    page(world, job, 2, 2)
    page(world, job, 4, 1)


@scene("read.resumed_not_restarted", "held")
def the_failed_poll_again(world: World) -> None:
    job = ask(world)
    poll(world, job, **BUSY)
    read(world, job)


@scene("read.resumed_not_restarted", "violated")
def a_new_job_after_a_failed_page(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    page(world, job, 2, **BUSY)
    read(world, ask(world))


@scene("read.resumed_not_restarted", "violated")
def a_new_job_after_a_failed_poll(world: World) -> None:
    poll(world, ask(world), **LOST)
    read(world, ask(world))


@scene("read.resumed_not_restarted", "violated")
def from_the_first_page_again(world: World) -> None:
    job = ask(world)
    read(world, job, 0, 2)
    page(world, job, 4, **BUSY)
    read(world, job)


@scene("read.resumed_not_restarted", "held")
def one_page_again(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    page(world, job, 2, **BUSY)
    read(world, job)


@scene("read.resumed_not_restarted", "held")
def the_same_query_later_on(world: World) -> None:
    the_failed_page_again(world)
    read(world, ask(world))


@scene("read.resumed_not_restarted", "held")
def a_new_job_after_as_many_refusals_as_allowed(world: World) -> dict[str, Any]:
    job = ask(world)
    for _ in range(4):
        poll(world, job, **BUSY)
    read(world, ask(world))
    return {"attempts": 4}


@scene("read.resumed_not_restarted", "violated")
def a_new_job_before_that(world: World) -> dict[str, Any]:
    job = ask(world)
    for _ in range(3):
        poll(world, job, **BUSY)
    read(world, ask(world))
    return {"attempts": 4}


@scene("read.resumed_not_restarted", "held")
def a_new_job_where_the_first_had_failed(world: World) -> None:
    job = ask(world, state="Failed")
    poll(world, job, **BUSY)
    poll(world, job)
    read(world, ask(world))


@scene("read.resumed_not_restarted", "not exercised")
def another_process_makes_its_own(world: World) -> dict[str, Any]:
    poll(world, ask(world), **BUSY)
    read(world, ask(world))
    killed = Process(None, 1.0, crashed=True, signal="SIGKILL")
    return {"legs": [Leg("faults", killed, 1, 2, 0.0, 1.0, 0), Leg("restart", Process(0, 1.0), 3, 9, 1.0, 2.0, 0)]}


@scene("read.resumed_not_restarted", "violated")
def a_new_classic_job_after_a_failed_result(world: World) -> None:
    fetch(world, classic(world, [5]), 1, 5, **BUSY)
    fetch(world, classic(world, [5]), 1, 5)


# -- results that are gone


def gone(world: World, job: Job, start: int = 2, code: str = "INVALID_QUERY_LOCATOR", status: int = 400) -> None:
    page(world, job, start, status=status, codes=[code])


@scene("read.cursor_expiry_survived", "held")
@scene("read.resumed_not_restarted", "not exercised")
def a_new_job_without_taking_twice(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    gone(world, job)
    to_the_end(world)


@scene("read.cursor_expiry_survived", "held")
def the_same_result_from_its_beginning(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    gone(world, job)
    read(world, job)
    world.take(1, 2, 3, 4, 5)


@scene("read.cursor_expiry_survived", "held")
def on_by_a_query(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    gone(world, job, code="NOT_FOUND", status=404)
    world.query(f"{ALL} WHERE Id > 'x'", 3)
    world.take(1, 2, 3, 4, 5)


@scene("read.cursor_expiry_survived", "violated")
def nothing_followed(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    gone(world, job)
    world.take(1, 2)


@scene("read.cursor_expiry_survived", "violated")
def died_of_it(world: World) -> dict[str, Any]:
    nothing_followed(world)
    return BROKEN_OFF


@scene("read.cursor_expiry_survived", "violated")
def everything_taken_in_again(world: World) -> None:
    a_new_job_without_taking_twice(world)
    world.take(1, 2)


@scene("read.cursor_expiry_survived", "violated")
def a_gap(world: World) -> None:
    a_new_job_without_taking_twice(world)
    world.effects = replace(world.effects, taken=world.effects.taken[:4])


@scene("read.cursor_expiry_survived", "violated")
def the_new_job_not_read_to_its_end(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    gone(world, job)
    read(world, ask(world), 0)


def _without_result(world: World, job: Job, **changes: Any) -> None:
    says = {"batch": "751000000000001AAA", "state": "Completed"}
    tail = "/751000000000001AAA/result/752"
    _batch(world, job, says, "download", tail, status=400, codes=["InvalidBatch"], **changes)


@scene("read.cursor_expiry_survived", "violated")
def a_classic_result_that_is_gone(world: World) -> None:
    _without_result(world, classic(world, [5]))


@scene("read.cursor_expiry_survived", "held")
def a_classic_job_in_place_of_one_that_is_gone(world: World) -> None:
    a_classic_result_that_is_gone(world)
    fetch(world, classic(world, [5]), 1, 5)


@scene("read.cursor_expiry_survived", "not exercised")
def a_list_of_results_asked_for_too_early(world: World) -> None:
    job = classic(world, [5])
    _batch(world, job, {"batch": "751000000000001AAA"}, "results", status=400, codes=["InvalidBatch"])
    fetch(world, job, 1, 5)


@scene("read.cursor_expiry_survived", "not exercised")
def a_job_that_its_owner_has_deleted(world: World) -> None:
    job = ask(world)
    read(world, job)
    _about(world, job, "delete", method="DELETE")
    gone(world, job, code="NOT_FOUND", status=404)


@scene("read.all_pages", "held")
def a_job_that_the_org_does_not_know_any_more(world: World) -> None:
    """Half of it was read; what its client was told of it tells how much there was."""
    job = ask(world)
    read(world, job, 0)
    gone(world, job, code="NOT_FOUND", status=404)
    to_the_end(world)
    world.jobs.remove(job)


@scene("read.all_pages", "violated")
def such_a_job_and_no_other(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    gone(world, job, code="NOT_FOUND", status=404)
    world.jobs.remove(job)


@scene("read.cursor_expiry_survived", "not exercised")
def stopped_before_it_could_go_on(world: World) -> dict[str, Any]:
    nothing_followed(world)
    return CUT_SHORT


# -- sessions that end


def expire(world: World, job: Job, start: int | None = None) -> None:
    """Have a poll, or a page, refused for its session, and log in."""
    (poll if start is None else lambda *given, **more: page(*given, start, **more))(world, job, **EXPIRED)
    world.log_in()


@scene("session.expiry_keeps_progress", "held")
@scene("read.resumed_not_restarted", "not exercised")
def the_refused_poll_again(world: World) -> None:
    job = ask(world)
    expire(world, job)
    read(world, job)


@scene("session.expiry_keeps_progress", "held")
def the_refused_page_again(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    expire(world, job, 2)
    page(world, job, 2, 2)
    page(world, job, 4, 1)


@scene("session.expiry_keeps_progress", "violated")
def a_second_job_after_a_refused_poll(world: World) -> None:
    expire(world, ask(world))
    read(world, ask(world))


@scene("session.expiry_keeps_progress", "violated")
def a_second_job_after_a_refused_page(world: World) -> None:
    job = ask(world)
    read(world, job, 0)
    expire(world, job, 2)
    read(world, ask(world))


@scene("session.expiry_keeps_progress", "held")
def another_query_after_it(world: World) -> None:
    expire(world, ask(world))
    read(world, ask(world, f"{ALL} LIMIT 5"))


def _load_refused(world: World) -> Job:
    job = world.create_job()
    world.upload(job, {1: None, 2: "UNABLE_TO_LOCK_ROW"})
    world.close(job)
    world.poll(job, "InProgress", **EXPIRED)
    world.log_in()
    world.end_job(job)
    return job


@scene("session.expiry_keeps_progress", "held")
def the_refused_poll_of_a_load_again(world: World) -> None:
    job = _load_refused(world)
    world.poll(job)
    world.download(job, "failed")


@scene("session.expiry_keeps_progress", "violated")
def the_load_once_more(world: World) -> None:
    _load_refused(world)
    world.load({1: None, 2: None})


@scene("session.expiry_keeps_progress", "held")
def a_load_that_failed_as_a_whole_once_more(world: World) -> None:
    the_refused_poll_of_a_load_again(world)
    world.load({2: None})


@SCENES.each
def test_a_property_in_a_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


@pytest.mark.parametrize(
    ("build", "name", "words"),
    [
        (the_first_page_only, "read.all_pages", "2 of 5 Contact rows of job 750000000000001AAA read; the locator of"),
        (half_a_page_under_a_good_status, "read.all_pages", "fewer rows than its Sforce-NumberOfRecords said"),
        (one_chunk_left_out, "read.all_pages", "0 of 2 of batch 751000000000003AAA"),
        (a_new_job_after_a_failed_poll, "read.resumed_not_restarted", "made anew after bulk2.query.poll failed"),
        (from_the_first_page_again, "read.resumed_not_restarted", "4 Contact rows read again"),
        (nothing_followed, "read.cursor_expiry_survived", "no other query of Contact followed"),
        (everything_taken_in_again, "read.cursor_expiry_survived", "2 records of Contact taken in twice"),
        (a_second_job_after_a_refused_poll, "session.expiry_keeps_progress", "a second job was made after"),
    ],
)
def test_a_violation_says_what_was_seen(build: Scene, name: str, words: str) -> None:
    world = World()
    verdict = verdict_of(name, world, **(build(world) or {}))
    assert words in verdict.reason
    assert verdict.evidence
