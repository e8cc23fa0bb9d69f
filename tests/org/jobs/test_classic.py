"""Batches of Bulk API 1.0 at the org: their order, what an abort leaves, and what a restart goes on with."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from mock_server.org.identity.sessions import Session
from mock_server.org.jobs import Batch, Job, NewJob
from mock_server.org.org import Org
from mock_server.org.records.changes import RowResult
from mock_server.org.records.tables import Table


def org_of(data: Path | None = None, **options: Any) -> tuple[Org, Session]:
    org = Org(1, clock="virtual", start=1_800_000_000.0, data=data)
    org.directory.seed()
    for name, value in options.items():
        setattr(org, name, value)
    app = org.directory.default_app
    return org, org.sessions.open(org.directory.default_user, app, app.scopes)


def job_of(org: Org, who: Session, **said: Any) -> Job:
    fields = {"operation": "insert", "sobject": "Contact", "content_type": "CSV", **said}
    return org.jobs.create(who, NewJob("classic", version=62.0, **fields))


def content(count: int, name: str = "L") -> bytes:
    return "".join(["LastName\n", *(f"{name}{number}\n" for number in range(count))]).encode()


async def turns(count: int = 30) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def run(org: Org, *batches: Batch) -> None:
    """Let time go by until batches have ended."""
    for _ in range(2000):
        await turns()
        if all(batch.state not in ("Queued", "InProgress") for batch in batches):
            return
        due = org.clock.next_due()
        if due is not None:
            org.clock.advance_to(due)
    raise AssertionError([batch.state for batch in batches])


def names(org: Org) -> list[str]:
    if not org.store.has_table("Contact"):
        return []
    return [row[0] for row in org.store.connection.execute('SELECT "LastName" FROM "Contact" ORDER BY Id')]


@pytest.mark.parametrize(("mode", "most"), [("Serial", 1), ("Parallel", 3)])
async def test_serial_batches_run_one_after_another_in_their_order(mode: str, most: int) -> None:
    org, who = org_of(transaction_time=1.0)
    job = job_of(org, who, concurrency=mode)
    batches = [org.jobs.classic.add(who, job, content(400, name)) for name in "abc"]
    seen = []
    for _ in range(20):
        await turns()
        seen.append([batch.state for batch in batches].count("InProgress"))
        if (due := org.clock.next_due()) is not None:
            org.clock.advance_to(due)
    assert [batch.state for batch in batches] == ["Completed"] * 3
    assert max(seen) == most
    order = [name[0] for name in names(org)]
    assert (order == sorted(order)) == (mode == "Serial")


async def test_batches_are_worked_off_before_and_after_their_job_is_closed() -> None:
    org, who = org_of()
    job = job_of(org, who)
    first = org.jobs.classic.add(who, job, content(1))
    await run(org, first)
    assert (first.state, job.state) == ("Completed", "Open")
    second = org.jobs.classic.add(who, job, content(201))
    org.jobs.classic.close(who, job)
    assert (second.state, job.state, job.ended) == ("Queued", "Closed", None)
    await run(org, second)
    await turns()
    assert (job.processed, job.failed, job.ended) == (202, 0, org.clock.now())


async def test_an_abort_leaves_what_is_saved_and_takes_nothing_more() -> None:
    org, who = org_of(transaction_time=1.0)
    job = job_of(org, who, concurrency="Serial")
    batches = [org.jobs.classic.add(who, job, content(1000, name)) for name in "ab"]
    await turns()
    org.jobs.classic.abort(job)
    await run(org, *batches)
    assert [(batch.state, batch.done) for batch in batches] == [("Failed", 200), ("NotProcessed", 0)]
    assert batches[0].message == "InvalidJobState : Job was aborted"
    assert len(names(org)) == 200
    results = [row for rows in org.jobs.classic.results(batches[0]) for row in rows]
    assert [success for _, success, *_ in results] == [True] * 200


async def test_an_abort_before_the_first_row_leaves_all_batches_unprocessed() -> None:
    org, who = org_of()
    job = job_of(org, who)
    batches = [org.jobs.classic.add(who, job, content(10, name)) for name in "ab"]
    org.jobs.classic.abort(job)
    await run(org, *batches)
    assert ([batch.state for batch in batches], names(org)) == (["NotProcessed"] * 2, [])


class Stopped(BaseException):
    """Stands for the end of the process."""


async def test_a_batch_goes_on_where_it_was_when_the_org_is_opened_again(tmp_path: Path) -> None:
    file = tmp_path / "org.db"
    org, who = org_of(file)
    job = job_of(org, who)
    plain, saved = org.jobs.saves, 0

    class Failing:
        chunked, ended = plain.chunked, plain.ended

        def save(self, job: Job, batch: Batch, table: Table, give_up: bool) -> list[RowResult]:
            nonlocal saved
            results = plain.save(job, batch, table, give_up)
            saved += 1
            if saved == 3:
                raise Stopped
            return results

    org.jobs.saves = Failing()
    batch = org.jobs.classic.add(who, job, content(1000))
    waiting = org.jobs.classic.add(who, job, content(3, "W"))
    await turns(200)
    assert (batch.state, batch.done, waiting.state) == ("InProgress", 400, "Queued")
    org.close()
    await turns()

    again, who = org_of(file)
    again.resume_jobs()
    (job,) = list(again.jobs)
    batches = again.jobs.batches_of(job)
    await run(again, *batches)
    assert [(one.state, one.done) for one in batches] == [("Completed", 1000), ("Completed", 3)]
    assert sorted(names(again)) == sorted([*(f"L{number}" for number in range(1000)), "W0", "W1", "W2"])
    assert sum(len(rows) for rows in again.jobs.classic.results(batches[0])) == 1000
    assert (job.processed, job.failed) == (1003, 0)
    again.close()
    await turns()


async def test_a_query_that_was_interrupted_begins_again(tmp_path: Path) -> None:
    org, who = org_of(tmp_path / "org.db")
    rows = job_of(org, who)
    await run(org, org.jobs.classic.add(who, rows, content(300)))
    job = job_of(org, who, operation="query")
    batch = org.jobs.classic.add(who, job, b"SELECT Id FROM Contact")
    await run(org, batch)
    # As if it had been stopped behind its last row.
    batch.state = "InProgress"
    org.jobs.keep(job, batch)
    org.close()

    again, who = org_of(tmp_path / "org.db")
    again.resume_jobs()
    (batch,) = again.jobs.batches_of(again.jobs.classic.find(who, job.id))
    await run(again, batch)
    (result,) = again.jobs.classic.result_files(batch)
    file = again.jobs.classic.result_file(batch, result)
    assert (file.rows, b"".join(file.parts).count(b"003")) == (300, 300)
    assert again.jobs.classic.find(who, job.id).processed == 300
    again.close()
    await turns()


async def test_rows_of_batches_that_did_not_come_to_them_are_told() -> None:
    org, who = org_of(transaction_time=1.0)
    job = job_of(org, who, concurrency="Serial", content_type="JSON")
    batches = [
        org.jobs.classic.add(who, job, b'[{"LastName": "a"}, {"LastName": "b"}]', exchange=number) for number in (7, 8)
    ]
    org.jobs.classic.abort(job)
    await run(org, *batches)
    assert [(exchange, change.values) for exchange, change in org.jobs.untouched(job)] == [
        (exchange, {"LastName": name}) for exchange in (7, 8) for name in "ab"
    ]
