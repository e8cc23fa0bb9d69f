"""Properties of jobs, scene by scene."""

from __future__ import annotations

from typing import Any

import pytest

from harness.effects import Report
from harness.evidence import Process
from harness.properties.bulk.parents import parents_of
from tests.harness.builders import World, letter, strike
from tests.harness.properties.scenes import Scene, Scenes, check, verdict_of

SCENES = Scenes()
scene = SCENES.add
LOCK, RULE = "UNABLE_TO_LOCK_ROW", "FIELD_CUSTOM_VALIDATION_EXCEPTION"
CUT_SHORT = {"process": Process(None, 1.0, timed_out=True)}
WELL, BADLY = {"process": Process(0, 1.0)}, {"process": Process(1, 1.0)}
LOST = {"outcome": "lost", "status": None, "strikes": [strike(effect="reply", point="reply")]}
RESET = {"outcome": "reset", "status": None, "strikes": [strike(effect="reply", point="before")]}
FULL = {"status": 400, "codes": ["ExceededQuota"]}


# -- what failed, and what was left, is read


READ = "bulk.failed_and_unprocessed_read"


@scene(READ, "held")
def both_are_read(world: World) -> None:
    world.inputs = 3
    world.load({1: None, 2: RULE, 3: ...}, state="Failed", error="InternalServerError : x")


@scene(READ, "held")
def the_failed_and_the_successful_are_read_and_the_rest_is_known(world: World) -> None:
    world.inputs = 3
    world.load({1: None, 2: RULE, 3: ...}, state="Aborted", read=("failed", "successful"))


@scene(READ, "held")
def nothing_was_processed_says_the_job(world: World) -> None:
    world.load({1: ..., 2: ...}, state="Failed", error="InvalidBatch : x", read=())


@scene(READ, "held")
def the_results_are_gone(world: World) -> None:
    job = world.load({1: RULE, 2: None}, read=())
    world.download(job, "failed", status=404, codes=["NOT_FOUND"])


@scene(READ, "held")
def every_download_is_cut(world: World) -> None:
    job = world.load({1: RULE, 2: RULE}, read=())
    for _ in range(2):
        world.download(job, "failed", rows=1)


@scene(READ, "violated")
def a_cut_download_passes_for_whole(world: World) -> None:
    job = world.load({1: RULE, 2: RULE}, read=())
    world.download(job, "failed", rows=1)


@scene(READ, "violated")
def complete_is_taken_for_success(world: World) -> None:
    world.load({1: RULE, 2: None}, read=())


@scene(READ, "violated")
def the_unprocessed_are_forgotten(world: World) -> None:
    world.inputs = 3
    world.load({1: RULE, 2: ..., 3: None}, state="Failed", error="TooManyLockFailure : x", read=("failed",))


@scene(READ, "violated")
def nobody_looks(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: RULE, 2: None})
    world.close(job)
    world.end_job(job)


@scene(READ, "not exercised")
def nothing_failed(world: World) -> None:
    world.load({1: None, 2: None}, read=())


@scene(READ, "not exercised")
def given_up_before_it_ended(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: RULE, 2: None})
    world.close(job)
    world.poll(job, "InProgress")
    world.end_job(job)


@scene(READ, "not exercised")
@scene("bulk.jobs_closed", "not exercised")
def stopped_before_it_could_read(world: World) -> dict[str, Any]:
    world.load({1: RULE, 2: None}, read=())
    return CUT_SHORT


# -- a partial success


PARTIAL = "bulk.partial_is_not_success"


@scene(PARTIAL, "held")
def failed_rows_dead_lettered(world: World) -> dict[str, Any]:
    world.load({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]
    return WELL


@scene(PARTIAL, "held")
def failed_rows_lost_and_said_so(world: World) -> dict[str, Any]:
    world.load({1: RULE, 2: None})
    return BADLY


@scene(PARTIAL, "violated")
def a_green_run_that_lost_rows(world: World) -> dict[str, Any]:
    world.load({1: RULE, 2: None}, read=())
    return WELL


@scene(PARTIAL, "held")
def truly_reported(world: World) -> dict[str, Any]:
    world.load({1: RULE, 2: None})
    world.effects = world.effects.__class__(reports=(Report(1, 1, 1),))
    return WELL


@scene(PARTIAL, "violated")
def processed_reported_as_landed(world: World) -> dict[str, Any]:
    world.load({1: RULE, 2: None})
    world.letters = [letter(1, RULE)]
    world.effects = world.effects.__class__(reports=(Report(2, 0, 1),))
    return WELL


@scene(PARTIAL, "not exercised")
def the_second_job_delivers_them(world: World) -> dict[str, Any]:
    world.load({1: LOCK, 2: None})
    world.load({1: None})
    return WELL


# -- closed


CLOSED = "bulk.jobs_closed"


@scene(CLOSED, "held")
def closed(world: World) -> None:
    world.load({1: None, 2: None})


@scene(CLOSED, "held")
def aborted_after_a_failed_upload(world: World) -> None:
    job = world.create_job()
    world.about(job, "upload", method="PUT", status=500, codes=["UNKNOWN_EXCEPTION"], fingerprint="x")
    job["state"] = "Aborted"
    world.about(job, "abort", method="PATCH", fingerprint="abort")


@scene(CLOSED, "violated")
def left_open_after_a_failed_upload(world: World) -> None:
    job = world.create_job()
    world.about(job, "upload", method="PUT", status=500, codes=["UNKNOWN_EXCEPTION"], fingerprint="x")
    world.load({1: None, 2: None})


@scene(CLOSED, "violated")
def never_closed(world: World) -> None:
    world.upload(world.create_job(), {1: ..., 2: ...})


@scene(CLOSED, "not exercised")
def an_orphan_that_nobody_knows(world: World) -> None:
    world.create_job(told=False)


@scene(CLOSED, "held")
def the_org_went_away_before_it_could_be_closed(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: ..., 2: ...})
    for _ in range(3):
        world.about(job, "close", method="PATCH", status=503, fingerprint="close")


@scene(CLOSED, "violated")
def given_up_at_the_close_while_others_went_on(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: ...})
    world.about(job, "close", method="PATCH", status=503, fingerprint="close")
    world.load({2: None})


@scene(CLOSED, "not exercised")
@scene(READ, "not exercised")
@scene("bulk.csv_faithful", "not exercised")
@scene("idempotency.lost_reply_bulk", "not exercised")
@scene("limits.bulk_quota_respected", "not exercised")
def no_job_at_all(world: World) -> None:
    world.send({1: None, 2: RULE})


# -- polling


POLLS = "bulk.polling_backs_off"


def polled(world: World, gaps: list[float], **changes: Any) -> None:
    """Add a job that is asked at these intervals, and has ended at the last time."""
    job = world.create_job()
    world.upload(job, {1: None, 2: None})
    world.close(job)
    moment = 100.0
    for gap in [0.0, *gaps]:
        moment += gap
        world.poll(job, "InProgress", at=moment, end=moment, **changes)
    world.end_job(job)
    world.poll(job, at=moment + (gaps[-1] if gaps else 1.0), end=moment + 1)


@scene(POLLS, "held")
def every_second(world: World) -> None:
    polled(world, [1.0] * 20)


@scene(POLLS, "held")
def few(world: World) -> None:
    polled(world, [0.1] * 3)


@scene(POLLS, "held")
def growing_from_a_tenth(world: World) -> None:
    polled(world, [0.1 * 1.5**n for n in range(10)])


@scene(POLLS, "held")
def growing_with_full_jitter(world: World) -> None:
    polled(world, [0.1, 0.05, 0.3, 0.2, 0.9, 0.4, 1.6, 0.8, 2.0])


@scene(POLLS, "held")
def few_for_so_long_a_job(world: World) -> None:
    polled(world, [0.5, 0.5, 60.0, 0.5, 60.0, 0.5, 60.0])


@scene(POLLS, "violated")
def without_a_pause(world: World) -> None:
    polled(world, [0.001] * 50)


@scene(POLLS, "violated")
def twice_a_second(world: World) -> None:
    polled(world, [0.5] * 20)


@scene(POLLS, "violated")
def tiny_waits_that_grow(world: World) -> None:
    polled(world, [0.001 * 1.2**n for n in range(15)])


@scene(POLLS, "not exercised")
def told_at_the_first_look(world: World) -> None:
    world.load({1: None, 2: None})


# -- lost replies


TWICE = "idempotency.lost_reply_bulk"


@scene(TWICE, "held")
def the_close_is_sent_again(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: None, 2: None})
    world.close(job, **LOST)
    world.close(job, status=400, codes=["INVALIDJOBSTATE"], outcome="answered", strikes=[])
    world.end_job(job)
    world.poll(job)


@scene(TWICE, "held")
def the_upload_is_sent_again(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: None, 2: None}, **LOST)
    world.about(job, "upload", method="PUT", status=400, codes=["INVALIDJOBSTATE"], fingerprint="rows [1, 2]")
    world.close(job)
    world.end_job(job)
    world.poll(job)


@scene(TWICE, "held")
def an_empty_orphan(world: World) -> None:
    world.create_job(told=False)
    world.load({1: None, 2: None})


@scene(TWICE, "held")
def begun_anew_after_an_abort(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: ..., 2: ...}, **RESET)
    job["state"] = "Aborted"
    world.about(job, "abort", method="PATCH", fingerprint="abort")
    world.load({1: None, 2: None})


@scene(TWICE, "violated")
def begun_anew_beside_the_first(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: None, 2: None})
    world.close(job, **LOST)
    world.end_job(job)
    world.load({1: None, 2: None})


@scene(TWICE, "held")
def begun_anew_with_what_had_failed(world: World) -> None:
    job = world.create_job()
    world.upload(job, {1: LOCK, 2: None})
    world.close(job, **LOST)
    world.end_job(job)
    world.poll(job)
    world.download(job, "failed")
    world.load({1: None})


@scene(TWICE, "violated")
def begun_anew_and_the_first_left_open(world: World) -> None:
    world.upload(world.create_job(), {1: ..., 2: ...}, **LOST)
    world.load({1: None, 2: None})


@scene(TWICE, "not exercised")
def nothing_lost(world: World) -> None:
    world.load({1: None, 2: None})


# -- the limits of the Bulk API


QUOTA = "limits.bulk_quota_respected"


@scene(QUOTA, "held")
def stopped_at_the_first_refusal(world: World) -> None:
    world.load({1: None})
    world.exchange("bulk2.ingest.create", **FULL)


@scene(QUOTA, "violated")
def asked_again_and_again(world: World) -> None:
    for _ in range(5):
        world.exchange("bulk2.ingest.create", **FULL)


FALLEN = {"state": "Failed", "error": "TooManyLockFailure : Too many lock failures"}


@scene(QUOTA, "held")
def split_after_the_second_failure(world: World) -> None:
    world.inputs = 4
    for _ in range(2):
        world.load(dict.fromkeys((1, 2, 3, 4), ...), **FALLEN)
    world.load({1: None, 2: None})
    world.load({3: None, 4: None})


@scene(QUOTA, "held")
def what_is_left_of_a_failed_job_is_less(world: World) -> None:
    world.inputs = 4
    world.load({1: None, 2: ..., 3: ..., 4: ...}, **FALLEN)
    world.load({2: None, 3: ..., 4: ...}, **FALLEN)
    world.load({3: None, 4: ...}, **FALLEN)
    world.load({4: None})


@scene(QUOTA, "violated")
def the_same_job_without_end(world: World) -> None:
    for _ in range(5):
        world.load({1: ..., 2: ...}, **FALLEN)


@scene(QUOTA, "not exercised")
def a_job_that_could_never_be_read(world: World) -> None:
    world.load({1: ..., 2: ...}, state="Failed", error="InvalidBatch : x")


# -- locks and parents


EASED = "bulk.eases_off_on_locks"


def beside(world: World, rounds: list[list[tuple[float, float]]], **job: Any) -> None:
    """Add rounds of jobs, each with its times, in which the same two rows a job are locked each time."""
    world.inputs = 8
    for number, times in enumerate(rounds):
        for place, (began, ended) in enumerate(times):
            code = LOCK if number < len(rounds) - 1 else None
            made = world.load({2 * place + 1: code, 2 * place + 2: code}, **job)
            entries = [entry for entry in world.entries if entry["job"]["id"] == made["id"]]
            for entry in entries:
                entry["at"], entry["end"] = began, began
            entries[-1]["end"] = entries[-2]["end"] = ended


@scene(EASED, "violated")
def the_same_jobs_side_by_side(world: World) -> None:
    beside(world, [[(10, 20), (10, 20)], [(30, 40), (30, 40)], [(50, 60), (50, 60)], [(70, 80), (70, 80)]])


@scene(EASED, "held")
def one_job_after_the_other(world: World) -> None:
    beside(world, [[(10, 20), (10, 20)], [(30, 40), (40, 50)], [(50, 60), (60, 70)], [(70, 80), (80, 90)]])


PARENTS = "bulk.grouped_by_parent"


def families(world: World, batches: list[list[int]], times: list[tuple[float, float]], code: str | None = None) -> None:
    """Add a job for each batch: its rows are children of the parents named, worked off in the time given."""
    world.inputs = 60
    row = 0
    for parents, (began, ended) in zip(batches, times, strict=True):
        rows = range(row + 1, row + 1 + len(parents))
        row += len(parents)
        job = world.load({number: code if place == 0 else None for place, number in enumerate(rows)})
        upload = next(e for e in world.entries if e["job"]["id"] == job["id"] and e["operation"].endswith("upload"))
        for told, parent in zip(upload["rows"], parents, strict=True):
            told["values"]["AccountId"] = f"001{parent:012d}AAA"
        batch = {"id": f"751{row}", "exchange": upload["number"], "state": "Completed", "done": len(parents)}
        job["batches"] = [{**batch, "records": len(parents), "began": began, "ended": ended}]


SORTED = [[n // 2 for n in range(20)], [n // 2 + 10 for n in range(20)]]
MIXED = [[n % 20 for n in range(20)], [n % 20 for n in range(20)]]
BESIDE, AFTER = [(10.0, 20.0), (11.0, 21.0)], [(10.0, 20.0), (20.0, 30.0)]


@scene(PARENTS, "held")
def sorted_by_parent(world: World) -> None:
    families(world, SORTED, BESIDE)


@scene(PARENTS, "violated")
def parents_here_and_there(world: World) -> None:
    families(world, MIXED, BESIDE)


@scene(PARENTS, "not exercised")
def batches_one_after_the_other(world: World) -> None:
    families(world, MIXED, AFTER)


@scene(PARENTS, "violated")
def one_split_parent_and_a_lock_for_it(world: World) -> None:
    families(world, [[0, *SORTED[0][1:]], [0, *SORTED[1][1:]]], BESIDE, LOCK)


@scene(PARENTS, "held")
def one_split_parent_in_twenty(world: World) -> None:
    families(world, [[*SORTED[0], 50], [*SORTED[1], 50, 50]], BESIDE)


@pytest.mark.parametrize(
    ("values", "parents"),
    [
        ({"AccountId": "001000000000001AAA"}, [("accountid", "001000000000001")]),
        ({"Account": {"Number__c": "A-1"}}, [("account", "A-1")]),
        ({"Account.Number__c": "A-1"}, [("account.number__c", "A-1")]),
        ({"Plant__c": "a01000000000001AAA"}, [("plant__c", "a01000000000001")]),
        ({"External_Id__c": "C-000000000001AB", "LastName": "Lovelace", "Id": "003000000000001AAA"}, []),
    ],
)
def test_what_a_row_refers_to(values: dict[str, Any], parents: list[tuple[str, str]]) -> None:
    from harness.exchanges import Row

    assert parents_of(Row("create", "Contact", None, None, None, True, (), values, "")) == parents


# -- many records


LARGE = "bulk.bulk_api_when_large"


def many(world: World) -> None:
    world.inputs = 12


@scene(LARGE, "held")
def all_in_one_job(world: World) -> dict[str, Any]:
    many(world)
    world.load(dict.fromkeys(range(1, 13)))
    return {"parameters": {"above": 10}}


@scene(LARGE, "violated")
def all_in_collections(world: World) -> dict[str, Any]:
    many(world)
    for start in (1, 7):
        world.send(dict.fromkeys(range(start, start + 6)))
    return {"parameters": {"above": 10}}


@scene(LARGE, "not exercised")
def no_more_than_fit(world: World) -> dict[str, Any]:
    many(world)
    world.send(dict.fromkeys(range(1, 11)))
    return {"parameters": {"above": 10}}


# -- files


FAITHFUL = "bulk.csv_faithful"


def described(world: World, text: str | None, stored: str | None, before: str | None = None) -> None:
    """Add a contact with a description, loaded by a job, and what the org holds of it then."""
    world.said[1] = {"Description": text}
    if before is not None:
        world.ids[1] = "003000000000001AAA"
        world.commit(1, "create", {"External_Id__c": "K1", "LastName": "Name 1", "Description": before}, 0)
    world.load({1: None, 2: None})
    commit = next(one for one in world.commits if one.id == world.ids[1] and one.exchange)
    if stored != before:
        commit.values["Description"] = stored


@scene(FAITHFUL, "held")
def quotes_and_newlines_as_they_were(world: World) -> None:
    described(world, 'He said "no",\nand left', 'He said "no",\nand left')


@scene(FAITHFUL, "violated")
def torn_at_the_comma(world: World) -> None:
    described(world, "Lovelace, Ada", "Lovelace")


@scene(FAITHFUL, "violated")
def read_as_another_charset(world: World) -> None:
    described(world, "Zürich", "ZÃ¼rich")


@scene(FAITHFUL, "held")
def emptied(world: World) -> None:
    described(world, None, None, before="old")


@scene(FAITHFUL, "violated")
def left_as_it_was(world: World) -> None:
    described(world, None, "old", before="old")


@scene(FAITHFUL, "violated")
def a_row_that_nobody_sent(world: World) -> None:
    described(world, "one\ntwo", "one\ntwo")
    world.inputs = 2
    upload = next(entry for entry in world.entries if entry["operation"].endswith("upload"))
    upload["rows"].append({**upload["rows"][0], "key": "two", "id": None, "values": {"LastName": "?"}})


@scene(FAITHFUL, "violated")
def a_file_that_cannot_be_read(world: World) -> None:
    world.said[1] = {"Description": 'a "quote'}
    error = "InvalidBatch : Failed to parse CSV. unexpected end of data"
    world.load({1: ..., 2: ...}, state="Failed", error=error)


@scene(FAITHFUL, "not exercised")
def nothing_hard_to_write(world: World) -> None:
    described(world, "plain", "plain")


# -- size


SIZES = "bulk.within_size_limits"


@scene(SIZES, "held")
def two_rows_in_a_job(world: World) -> None:
    world.load({1: None, 2: None})


@scene(SIZES, "violated")
def more_than_an_upload_may_hold(world: World) -> None:
    job = world.create_job()
    world.about(job, "upload", method="PUT", status=413, codes=["REQUEST_ENTITY_TOO_LARGE"], fingerprint="x")


@scene(SIZES, "violated")
def more_than_a_batch_may_hold(world: World) -> None:
    text = "Failed to read request. Exceeded max size limit of 10000000"
    told = {"codes": ["ClientInputError"], "message": text, "status": 400}
    world.exchange("bulk1.batch.create", path="/services/async/60.0/job/750000000000001AAA/batch", **told)


@scene(SIZES, "held")
def refused_by_a_fault(world: World) -> None:
    job = world.create_job()
    struck = {"status": 413, "strikes": [strike()]}
    world.about(job, "upload", method="PUT", codes=["REQUEST_ENTITY_TOO_LARGE"], fingerprint="x", **struck)


# -- everywhere


@SCENES.each
def test_each_scene(name: str, status: str, build: Scene) -> None:
    check(name, status, build)


def test_the_rows_that_a_job_forgot_are_named() -> None:
    world = World()
    the_unprocessed_are_forgotten(world)
    verdict = verdict_of(READ, world)
    assert "1 row unprocessed in 750000000000001AAA (Failed)" in verdict.reason
    assert set(verdict.evidence) <= set(range(1, 6))
