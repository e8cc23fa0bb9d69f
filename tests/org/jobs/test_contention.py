"""Batches that run side by side and touch the same parents: who waits, who fails, and how to avoid it."""

from __future__ import annotations

import asyncio
import csv
from collections import Counter
from io import BytesIO, StringIO
from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.jobs import Job, NewJob
from mock_server.org.jobs.doom import Doom
from mock_server.org.limits.bulk import BulkSettings
from mock_server.org.org import Org
from mock_server.org.records.changes import Change

LOCKED = "UNABLE_TO_LOCK_ROW"


def org_with(parents: int, *, transaction_time: float, batch_size: int = 10, parallel: int = 5) -> tuple[Org, Session]:
    org = Org(1, clock="virtual", start=1_800_000_000.0)
    org.directory.seed()
    org.transaction_time = transaction_time
    org.bulk = BulkSettings(batch_size, parallel)
    app = org.directory.default_app
    who = org.sessions.open(org.directory.default_user, app, app.scopes)
    org.write(who, [Change("create", "Account", {"Name": f"A{number}"}) for number in range(parents)], all_or_none=True)
    org.locks.clear()
    return org, who


def accounts(org: Org) -> list[str]:
    sobject = org.schema.get("Account")
    assert sobject is not None
    return [row[0] for row in org.store.connection.execute('SELECT Id FROM "Account" ORDER BY Id')]


def begin(org: Org, who: Session, parents: list[str], **said: Any) -> Job:
    """Upload one contact for each of the parents, and close the job."""
    job = org.jobs.create(who, NewJob("ingest", "insert", "Contact", 60.0, **said))
    content = "".join(["LastName,AccountId\n", *(f"L{place},{parent}\n" for place, parent in enumerate(parents))])
    org.jobs.uploads.take(job, BytesIO(content.encode()))
    org.jobs.complete(job)
    return job


async def run(org: Org, *jobs: Job, most: float = 86_400.0) -> float:
    """Let time go by until jobs are over; return how long that took."""
    start = org.clock.now()
    while not all(job.over for job in jobs):
        for _ in range(20):
            await asyncio.sleep(0)
        due = org.clock.next_due()
        if due is not None and not all(job.over for job in jobs):
            org.clock.advance_to(due)
        assert org.clock.now() - start < most
    return org.clock.now() - start


def failures(org: Org, job: Job) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(b"".join(org.jobs.results(job, "failed")).decode())))


def codes(org: Org, job: Job) -> Counter[str]:
    return Counter(row["sf__Error"].partition(":")[0] for row in failures(org, job))


async def test_parallel_batches_that_share_parents_fail_where_they_wait_too_long() -> None:
    org, who = org_with(10, transaction_time=4.0)
    unsorted = accounts(org) * 5  # each batch of 10 has a child of each account
    job = begin(org, who, unsorted)
    await run(org, job)
    assert job.state == "JobComplete"
    # One after the other they hold the accounts for 4 s: the first three get them within 10 s.
    assert (job.processed, job.failed) == (50, 20)
    assert codes(org, job) == {LOCKED: 20}
    (said,) = {row["sf__Error"].partition(":")[2].partition(":")[0] for row in failures(org, job)[:1]}
    assert said == "unable to obtain exclusive access to this record or 1 records"


async def test_sorted_by_parent_no_two_batches_meet() -> None:
    org, who = org_with(10, transaction_time=4.0)
    job = begin(org, who, sorted(accounts(org) * 5))
    took = await run(org, job)
    assert (job.state, job.processed, job.failed) == ("JobComplete", 50, 0)
    assert took == 4.0


async def test_in_serial_mode_one_batch_runs_after_the_other() -> None:
    org, who = org_with(10, transaction_time=4.0)
    job = begin(org, who, accounts(org) * 5, concurrency="Serial")
    took = await run(org, job)
    assert (job.state, job.processed, job.failed) == ("JobComplete", 50, 0)
    assert took == 20.0


async def test_jobs_of_one_batch_each_meet_too() -> None:
    org, who = org_with(3, transaction_time=6.0, batch_size=10_000)
    jobs = [begin(org, who, accounts(org)) for _ in range(4)]
    await run(org, *jobs)
    assert [job.failed for job in jobs] == [0, 0, 3, 3]


async def test_short_waits_cost_time_and_no_rows() -> None:
    org, who = org_with(10, transaction_time=1.0)
    job = begin(org, who, accounts(org) * 5)
    took = await run(org, job)
    assert (job.processed, job.failed, took) == (50, 0, 5.0)


async def test_only_the_rows_that_meet_a_lock_fail() -> None:
    org, who = org_with(4, transaction_time=1.0)
    first, second, *_ = accounts(org)
    org.locks.hold_elsewhere([first], 60)
    job = begin(org, who, [first, second, first, second])
    took = await run(org, job)
    assert [row["AccountId"] for row in failures(org, job)] == [first, first]
    assert took == 11.0


async def test_a_batch_is_not_held_up_by_its_own_last_chunk() -> None:
    org, who = org_with(1, transaction_time=3.0, batch_size=1000)
    job = begin(org, who, accounts(org) * 600)
    took = await run(org, job)
    assert (job.failed, took) == (0, 9.0)


async def test_the_rest_of_a_batch_is_tried_again_after_more_than_100_lock_failures() -> None:
    org, who = org_with(2, transaction_time=1.0, batch_size=1000)
    first, second = accounts(org)
    org.locks.hold_elsewhere([first], 15)
    job = begin(org, who, [first] * 150 + [second] * 150 + [first] * 100)
    took = await run(org, job)
    assert (job.state, job.processed, job.failed, job.retries) == ("JobComplete", 400, 150, 1)
    (batch,) = org.jobs.batches_of(job)
    assert batch.retries == 1
    assert batch.message == "TooManyLockFailure : Too many lock failure 150 Trying again later."
    # Ten seconds of waiting, a chunk, half a minute in the queue, the other chunk.
    assert took == 10 + 1 + 30 + 1


async def test_a_job_fails_whose_batch_was_tried_ten_times_again() -> None:
    org, who = org_with(1, transaction_time=1.0, batch_size=10_000)
    (parent,) = accounts(org)
    org.locks.hold_elsewhere([parent], 1e6)
    job = begin(org, who, [parent] * 3000)
    await run(org, job)
    assert (job.state, job.retries) == ("Failed", 10)
    assert job.error == "TooManyLockFailure : Too many lock failure 200 Trying again later."
    assert (job.processed, job.failed) == (2200, 2200)
    unprocessed = b"".join(org.jobs.results(job, "unprocessed")).decode().splitlines()
    assert len(unprocessed) == 1 + 800


async def test_the_rest_of_a_batch_that_takes_longer_than_ten_minutes_is_tried_again() -> None:
    org, who = org_with(1, transaction_time=100.0, batch_size=10_000)
    job = begin(org, who, accounts(org) * 1600)
    took = await run(org, job)
    assert (job.state, job.failed, job.retries) == ("JobComplete", 0, 1)
    assert took == 8 * 100 + 30


async def test_so_many_batches_run_at_once_of_all_jobs() -> None:
    org, who = org_with(30, transaction_time=5.0, batch_size=10, parallel=2)
    jobs = [begin(org, who, accounts(org)) for _ in range(1)]
    assert await run(org, *jobs) == 10.0  # three batches, two at a time
    org, who = org_with(20, transaction_time=5.0, batch_size=10, parallel=2)
    mine = accounts(org)
    jobs = [begin(org, who, mine[place : place + 5]) for place in (0, 5, 10, 15)]
    assert await run(org, *jobs) == 10.0


async def test_a_job_that_hangs_stands_in_nobodys_way() -> None:
    org, who = org_with(10, transaction_time=1.0, parallel=1)
    stuck = begin(org, who, accounts(org))
    org.jobs.dooms.add(stuck.id, Doom(stuck=True), "test")
    other = begin(org, who, accounts(org))
    await run(org, other)
    assert (other.state, stuck.state, stuck.processed) == ("JobComplete", "InProgress", 0)
    org.jobs.dooms.lift("test")
    await run(org, stuck)
    assert stuck.state == "JobComplete"


@pytest.mark.parametrize("seed", [1, 2])
async def test_what_fails_is_the_same_in_every_run(seed: int) -> None:
    found = []
    for _ in range(2):
        org, who = org_with(6, transaction_time=3.0, batch_size=7)
        parents = [accounts(org)[(place * place + seed) % 6] for place in range(60)]
        jobs = [begin(org, who, parents), begin(org, who, parents[::-1])]
        took = await run(org, *jobs)
        found.append((took, [[row["LastName"] for row in failures(org, job)] for job in jobs]))
    assert found[0] == found[1]
    assert any(found[0][1])


async def classic(org: Org, who: Session, batches: list[list[str]], concurrency: str, **options: Any) -> Job:
    """Open a job of Bulk 1.0, with a contact for each parent of each batch."""
    said: Any = {"concurrency": concurrency, "options": options}
    job = org.jobs.create(who, NewJob("classic", "insert", "Contact", 60.0, **said))
    for number, parents in enumerate(batches):
        rows = "".join(f"L{number}-{place},{parent}\n" for place, parent in enumerate(parents))
        org.jobs.classic.add(who, job, f"LastName,AccountId\n{rows}".encode())
    while any(batch.state in ("Queued", "InProgress") for batch in org.jobs.batches_of(job)):
        for _ in range(20):
            await asyncio.sleep(0)
        due = org.clock.next_due()
        if due is not None:
            org.clock.advance_to(due)
    return job


@pytest.mark.parametrize(("concurrency", "failed"), [("Parallel", [0, 0, 0, 10, 10]), ("Serial", [0] * 5)])
async def test_batches_of_bulk_1_meet_unless_they_are_serial(concurrency: str, failed: list[int]) -> None:
    org, who = org_with(10, transaction_time=4.0)
    mine = accounts(org)
    job = await classic(org, who, [mine] * 5, concurrency)
    assert [batch.failed for batch in org.jobs.batches_of(job)] == failed
    assert [batch.state for batch in org.jobs.batches_of(job)] == ["Completed"] * 5


async def test_batches_of_bulk_1_that_share_no_parents_do_not_meet() -> None:
    org, who = org_with(10, transaction_time=4.0)
    mine = accounts(org)
    job = await classic(org, who, [[one] * 5 for one in mine], "Parallel")
    assert (job.processed, job.failed) == (50, 0)


async def test_serial_batches_run_beside_parallel_ones() -> None:
    org, who = org_with(1, transaction_time=6.0)
    (parent,) = accounts(org)
    parallel = [begin(org, who, [parent]) for _ in range(2)]
    serial = await classic(org, who, [[parent]], "Serial")
    await run(org, *parallel)
    assert sum(job.failed for job in (*parallel, serial)) == 1


@pytest.mark.parametrize(("options", "retries", "state"), [({}, 10, "Failed"), ({"no_retry": True}, 0, "Failed")])
async def test_a_batch_of_bulk_1_is_given_up_with_its_reason(options: Any, retries: int, state: str) -> None:
    org, who = org_with(1, transaction_time=1.0)
    (parent,) = accounts(org)
    org.locks.hold_elsewhere([parent], 1e6)
    job = await classic(org, who, [[parent] * 3000], "Parallel", **options)
    (batch,) = org.jobs.batches_of(job)
    assert (batch.state, batch.retries, job.retries) == (state, retries, retries)
    assert batch.message == "TooManyLockFailure : Too many lock failure 200 Trying again later."
    assert batch.done == batch.failed == 200 * (retries + 1)


async def test_time_in_which_a_job_hung_does_not_count_as_work_on_its_batch() -> None:
    org, who = org_with(1, transaction_time=1.0, batch_size=10_000)
    job = begin(org, who, accounts(org) * 600)
    org.jobs.dooms.add(job.id, Doom(lasts=7200.0), "test")
    assert await run(org, job) >= 7200.0
    assert (job.state, job.processed, job.failed, job.retries) == ("JobComplete", 600, 0, 0)
