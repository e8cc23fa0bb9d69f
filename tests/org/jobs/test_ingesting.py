"""Ingest jobs at the org itself: they go on exactly where they were, and others are served meanwhile."""

from __future__ import annotations

import asyncio
import csv
from io import BytesIO, StringIO
from pathlib import Path

import pytest

from mock_server.org.errors import ApiError
from mock_server.org.identity.sessions import Session
from mock_server.org.jobs import Job, NewJob, batching
from mock_server.org.limits.bulk import BulkSettings
from mock_server.org.org import Org

ROWS = 1_500


def org_of(file: Path | None = None) -> tuple[Org, Session]:
    org = Org(1, clock="virtual", start=1_800_000_000.0, data=file)
    org.bulk = BulkSettings(1_000)
    org.directory.seed()
    app = org.directory.default_app
    return org, org.sessions.open(org.directory.default_user, app, app.scopes)


def begin(org: Org, who: Session, content: str) -> Job:
    job = org.jobs.create(who, NewJob("ingest", "insert", "Contact", 60.0))
    org.jobs.uploads.take(job, BytesIO(content.encode()))
    org.jobs.complete(job)
    return job


async def run(job: Job, until: int = 1 << 60) -> None:
    """Let a job run until it is over, or so many of its rows are done."""
    for _ in range(1_000_000):
        if job.over or job.processed >= until:
            return
        await asyncio.sleep(0)
    raise AssertionError(job)


def result(org: Org, job: Job, kind: str) -> list[str]:
    text = b"".join(org.jobs.results(job, kind)).decode()
    return [row["Title"] for row in csv.DictReader(StringIO(text))]


def titles(org: Org) -> list[str]:
    return [row[0] for row in org.store.connection.execute('SELECT "Title" FROM "Contact" ORDER BY "Id"')]


CONTENT = "LastName,Title\n" + "".join(f"{'' if n % 500 == 499 else 'x'},T{n}\n" for n in range(ROWS))


@pytest.mark.parametrize("after", [1, 999, 1_000, 1_201])
async def test_what_was_interrupted_goes_on_where_it_was(tmp_path: Path, after: int) -> None:
    org, who = org_of(tmp_path / "org.db")
    first = begin(org, who, CONTENT)
    await run(first, after)
    done = first.processed
    org.close()
    await asyncio.sleep(0)

    again, _ = org_of(tmp_path / "org.db")
    again.resume_jobs()
    (job,) = list(again.jobs)
    assert (job.state, job.processed) == ("InProgress", done)
    await run(job)
    good = [f"T{n}" for n in range(ROWS) if n % 500 != 499]
    assert (job.state, job.processed, job.failed) == ("JobComplete", ROWS, 3)
    assert result(again, job, "successful") == good
    assert result(again, job, "failed") == [f"T{n}" for n in range(499, ROWS, 500)]
    assert titles(again) == good
    assert [(one.number, one.done) for one in again.jobs.batches_of(job)] == [(0, 1_000), (1, 500)]
    again.close()
    await asyncio.sleep(0)


async def test_what_is_aborted_in_the_middle_stops_at_a_chunk() -> None:
    org, who = org_of()
    job = begin(org, who, CONTENT)
    await run(job, 400)
    org.jobs.abort(job)
    done = job.processed
    for _ in range(100):
        await asyncio.sleep(0)
    assert (job.state, job.processed, done % 200) == ("Aborted", done, 0)
    saved, failed, left = (result(org, job, kind) for kind in ("successful", "failed", "unprocessed"))
    assert len(saved) + len(failed) == done
    assert left == [f"T{n}" for n in range(done, ROWS)]
    assert titles(org) == saved
    org.close()


async def test_a_job_that_is_removed_in_the_middle_does_no_more() -> None:
    org, who = org_of()
    job = begin(org, who, CONTENT)
    await run(job, 400)
    org.jobs.remove(job)
    done = len(titles(org))
    for _ in range(100):
        await asyncio.sleep(0)
    assert len(titles(org)) == done
    assert list(org.jobs) == []
    org.close()


async def test_batches_are_smaller_where_their_records_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many characters make a batch: what is held in memory stays small."""
    assert batching.MOST_CHARACTERS == 10_000_000
    monkeypatch.setattr(batching, "MOST_CHARACTERS", 300_000)
    org, who = org_of()
    job = begin(org, who, "LastName,Description\n" + f"x,{'y' * 5_000}\n" * 150)
    await run(job)
    batches = org.jobs.batches_of(job)
    assert (job.processed, len(batches), sum(batch.records or 0 for batch in batches)) == (150, 2, 150)
    org.close()


async def test_jobs_go_after_seven_days_and_are_not_looked_through_before(monkeypatch: pytest.MonkeyPatch) -> None:
    org, who = org_of()
    looks = 0
    due = org.jobs._due

    def counted(job: Job) -> float:
        nonlocal looks
        looks += 1
        return due(job)

    monkeypatch.setattr(org.jobs, "_due", counted)
    first = begin(org, who, "LastName\nx\n")
    await run(first)
    org.clock.advance(86_400.0)
    second = begin(org, who, "LastName\nx\n")
    await run(second)
    for _ in range(100):
        assert org.jobs.find(who, first.id) is first
    assert looks <= 2
    org.clock.advance(6 * 86_400.0)
    assert org.jobs.find(who, first.id) is first
    org.clock.advance(1.0)
    assert org.jobs.find(who, second.id) is second
    assert list(org.jobs) == [second]
    org.clock.advance(86_400.0)
    with pytest.raises(ApiError):
        org.jobs.find(who, second.id)
    org.close()
